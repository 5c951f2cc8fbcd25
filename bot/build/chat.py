"""What only a running bot needs: the chat it speaks in, the bot itself, and the HTTP door."""

import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from bot.build.house import House
from bot.claude.client import Writer
from bot.door.door import Checks, Door
from bot.door.metrics import Metrics
from bot.errors import BotError
from bot.settings import Settings
from bot.slack.app import SlackBot
from bot.workspace import Workspace, WorkspaceError


@dataclass(frozen=True, slots=True)
class Chat:
    """Where the bot speaks: the tokens and the API, and what a person opens to see it."""

    bot_token: str
    app_token: str
    api_url: str
    page: str | None


@asynccontextmanager
async def chat_of(settings: Settings) -> AsyncIterator[Chat]:
    """Open the local workspace, or name Slack where its tokens are set. Raises BotError when no port is free."""
    slack = settings.slack
    if slack.bot_token is not None and slack.app_token is not None:
        yield Chat(slack.bot_token.get_secret_value(), slack.app_token.get_secret_value(), slack.api_url, page=None)
        return
    async with AsyncExitStack() as stack:
        try:
            workspace = await stack.enter_async_context(Workspace(settings.data / "workspace", settings.workspace.port))
        except WorkspaceError as error:
            raise BotError(str(error)) from error
        yield Chat(workspace.bot_token, workspace.app_token, workspace.api_url, page=workspace.url)


def slack_bot(house: House, writer: Writer, chat: Chat, metrics: Metrics) -> SlackBot:
    """Return the bot, ready to start."""
    return SlackBot(
        bot_token=chat.bot_token,
        app_token=chat.app_token,
        api_url=chat.api_url,
        answers=house.answerer(writer),
        journal=house.journal,
        inbox=house.inbox,
        outbox=house.outbox,
        lines=house.library,
        counts=metrics,
        clock=time.time,
        rng=random.Random(),
    )


def door(settings: Settings, checks: Checks, registry: CollectorRegistry) -> Door:
    """Return the HTTP door; a database that fails makes it say 503."""
    http = settings.http
    return Door(port=http.port, listen=http.listen, checks=checks, registry=registry, critical=("database",))
