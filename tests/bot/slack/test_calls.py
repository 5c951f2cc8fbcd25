"""What Slack's answers mean for the next step, against a server on loopback."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import BotError, SlackRefused
from bot.slack.calls import Away, Busy, Unsure, WebCalls
from tests.fakes.slack import INCIDENTS, FakeSlack, Fault

HTML = "<html>no</html>"


@pytest.fixture
async def slack(tmp_path: Path) -> AsyncIterator[FakeSlack]:
    """Give an open Slack."""
    async with FakeSlack(tmp_path) as slack:
        yield slack


@pytest.fixture
async def calls(slack: FakeSlack) -> AsyncIterator[WebCalls]:
    """Give calls to it."""
    async with aiohttp.ClientSession() as session:
        yield WebCalls(AsyncWebClient(slack.bot_token, slack.api_url, session=session, retry_handlers=[]), session)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(error="channel_not_found"), SlackRefused),
        (Fault(error="some_new_word"), SlackRefused),
        (Fault(error="fatal_error"), Unsure),
        (Fault(error="internal_error"), Unsure),
        (Fault(error="service_unavailable"), Unsure),
        (Fault(error="ratelimited"), Busy),
        (Fault(status=429, retry_after_s=7, body="{}"), Busy),
        (Fault(status=503, body=HTML), Unsure),
        (Fault(status=500, body="{}"), Unsure),
        (Fault(status=200, body=HTML), Unsure),
        (Fault(drop=True), Unsure),
    ],
    ids=str,
)
async def test_every_failure_is_one_of_four(
    slack: FakeSlack, calls: WebCalls, fault: Fault, kind: type[BotError]
) -> None:
    """Refused for good, wait, or nobody knows: each answer means one of them, and a call is made once."""
    slack.fail("chat.postMessage", fault)
    with pytest.raises(kind) as raised:
        await calls.call("chat.postMessage", channel=INCIDENTS, text="hello")
    assert len(slack.called("chat.postMessage")) == 1
    if isinstance(raised.value, Busy):
        assert raised.value.retry_after_s == (fault.retry_after_s or 30.0)


async def test_a_server_that_is_not_there_took_nothing() -> None:
    """Without a connection the call surely had no effect."""
    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient("xoxb-1", "http://127.0.0.1:1/", session=session, retry_handlers=[])
        with pytest.raises(Away):
            await WebCalls(client, session).call("auth.test")


async def test_a_private_way_back_leads_to_slack_alone(calls: WebCalls) -> None:
    """A response_url that names another host is refused, so that no payload sends us anywhere."""
    for url in ("http://169.254.169.254/x", "https://evil.example/slack.com", "https://hooks.slack.com.evil.example/"):
        with pytest.raises(SlackRefused):
            await calls.respond(url, {"text": "hello"})


async def test_a_way_back_that_is_over_is_refused(slack: FakeSlack, calls: WebCalls) -> None:
    """An unknown or used-up url is final."""
    with pytest.raises(SlackRefused):
        await calls.respond(slack.api_url.replace("/api/", "/response/none"), {"text": "hello"})
