"""The fake's faults: what the caller sees, and whether the call took effect."""

import asyncio
import random

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.bot.workspace.conftest import Clock
from tests.fakes.slack import INCIDENTS, STREAMING, FakeSlack, Fault

POST = "chat.postMessage"


async def post(client: AsyncWebClient, text: str = "x") -> str:
    """Post, and give the error word, or `ok`."""
    try:
        await client.chat_postMessage(channel=INCIDENTS, text=text)
    except SlackApiError as error:
        return str(error.response["error"])
    return "ok"


async def test_refusal_has_no_effect(slack: FakeSlack, client: AsyncWebClient) -> None:
    """A planned refusal hits once, changes nothing, and stands in the journal with its arguments."""
    slack.refuse(POST, "is_archived")
    assert [await post(client), await post(client)] == ["is_archived", "ok"]
    assert len(slack.messages(INCIDENTS)) == 1
    assert [(call.ok, call.args["text"]) for call in slack.called(POST)] == [(False, "x"), (True, "x")]


async def test_drop_after_the_effect(slack: FakeSlack, client: AsyncWebClient) -> None:
    """The caller sees a dead connection, the channel has the post."""
    slack.drop(POST)
    with pytest.raises(aiohttp.ClientError):
        await post(client)
    assert [m["text"] for m in slack.messages(INCIDENTS)] == ["x"]
    assert [(call.status, call.answer) for call in slack.called(POST)] == [(0, None)]


async def test_drop_before_the_effect(slack: FakeSlack, client: AsyncWebClient) -> None:
    """The caller sees a dead connection, the channel has nothing."""
    slack.drop(POST, after=False)
    with pytest.raises(aiohttp.ClientError):
        await post(client)
    assert slack.messages(INCIDENTS) == []


async def test_break_down_shows_html(slack: FakeSlack, client: AsyncWebClient) -> None:
    """A 5xx is a page of HTML, with or without effect."""
    slack.break_down(POST, 502, after=True)
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=INCIDENTS, text="x")
    assert caught.value.response.status_code == 502
    assert len(slack.messages(INCIDENTS)) == 1


async def test_rate_limit_names_its_wait(slack: FakeSlack, client: AsyncWebClient) -> None:
    """429 carries Retry-After."""
    slack.rate_limit(POST, 30)
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=INCIDENTS, text="x")
    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "30")


async def test_server_without_streaming(slack: FakeSlack, client: AsyncWebClient) -> None:
    """Every streaming method is unknown, always."""
    slack.without_streaming()
    for method in STREAMING * 2:
        with pytest.raises(SlackApiError, match="unknown_method"):
            await client.api_call(method, json={"channel": INCIDENTS})


async def test_history_lags(slack: FakeSlack, client: AsyncWebClient, clock: Clock) -> None:
    """A post of the app is not read back until the lag is over."""
    slack.history_lags_s = 5
    await post(client)
    assert (await client.conversations_history(channel=INCIDENTS))["messages"] == []
    clock.now += 6
    assert len((await client.conversations_history(channel=INCIDENTS))["messages"]) == 1


async def test_seeded_faults_repeat(slack: FakeSlack, client: AsyncWebClient) -> None:
    """The same seed gives the same faults."""
    runs = []
    for _ in range(2):
        slack.sometimes(random.Random(7), 0.5, Fault(error="fatal_error"), methods=(POST,))
        runs.append([await post(client) for _ in range(12)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {"ok", "fatal_error"}


async def test_down_and_back(slack: FakeSlack, client: AsyncWebClient) -> None:
    """Nothing works while Slack is down."""
    slack.go_down()
    with pytest.raises(SlackApiError):
        await client.auth_test()
    slack.come_back()
    assert (await client.auth_test())["ok"]


async def test_held_call_waits(slack: FakeSlack, client: AsyncWebClient) -> None:
    """A held call takes effect only after the hold."""
    with slack.hold(POST):
        posting = asyncio.create_task(post(client))
        await client.auth_test()
        assert slack.messages(INCIDENTS) == []
    assert await posting == "ok"


async def test_until_tells_what_it_saw(slack: FakeSlack) -> None:
    """A condition that never holds fails with the messages and calls that there were."""
    slack.say(INCIDENTS, "only this")
    with pytest.raises(AssertionError, match="only this"):
        await slack.until(lambda: False, timeout_s=0.01)
