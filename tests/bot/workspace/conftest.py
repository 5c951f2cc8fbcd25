"""The workspace for its own tests: a fake around it, Slack's own client and Slack's own app framework against it."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import FakeSlack


class Clock:
    """Time that passes when a test says so; seconds since 1970 UTC."""

    def __init__(self, now: float = 1_795_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the present."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


@pytest.fixture
async def slack(tmp_path: Path, clock: Clock) -> AsyncIterator[FakeSlack]:
    """Give an open workspace."""
    async with FakeSlack(tmp_path, clock=clock) as fake:
        yield fake


def client_of(slack: FakeSlack) -> AsyncWebClient:
    """Slack's own client, without retries and proxies."""
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])
    client.proxy = None
    return client


@pytest.fixture
def client(slack: FakeSlack) -> AsyncWebClient:
    """Slack's own client on that workspace."""
    return client_of(slack)


@pytest.fixture
def app(client: AsyncWebClient) -> AsyncApp:
    """Slack's own app framework, without listeners."""
    return AsyncApp(client=client, logger=logging.getLogger("bolt"))


class Connected:
    """An app on Socket Mode during `async with`."""

    def __init__(self, app: AsyncApp, slack: FakeSlack) -> None:
        self.handler = AsyncSocketModeHandler(app, slack.app_token, proxy=None)
        self.handler.client.proxy = None
        self.slack = slack

    async def __aenter__(self) -> AsyncSocketModeHandler:
        """Connect, and wait until the workspace saw it."""
        sockets = self.slack.workspace.sockets
        before = sockets.connected
        await self.handler.connect_async()
        await self.slack.until(lambda: sockets.connected > before)
        return self.handler

    async def __aexit__(self, *_error: object) -> None:
        """Disconnect."""
        await self.handler.close_async()
