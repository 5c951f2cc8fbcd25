"""Modals and response urls: what they need, how long they last, how often they work."""

import asyncio
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot import limits
from tests.bot.workspace.conftest import Clock
from tests.bot.workspace.test_app import MODAL, plain
from tests.bot.workspace.test_methods import refused
from tests.bot.workspace.test_sockets import Listener
from tests.fakes.slack import ALICE, INCIDENTS, FakeSlack


@pytest.fixture
async def command(slack: FakeSlack) -> dict[str, Any]:
    """Give the payload of a command that was just typed: a fresh trigger_id and response_url."""
    async with Listener(slack) as app:
        typing = asyncio.create_task(slack.slash(INCIDENTS, "help"))
        envelope = await app.receive()
        await app.ack(envelope)
        await typing
    return dict(envelope["payload"])


async def test_trigger_opens_one_view(slack: FakeSlack, client: AsyncWebClient, command: dict[str, Any]) -> None:
    """A trigger_id works once; an unknown one never."""
    trigger = command["trigger_id"]
    await client.views_open(trigger_id=trigger, view=MODAL)
    assert [view["callback_id"] for view in slack.views] == ["ran"]
    assert await refused(client.views_open(trigger_id=trigger, view=MODAL)) == "exchanged_trigger_id"
    assert await refused(client.views_open(trigger_id="1.x", view=MODAL)) == "invalid_trigger_id"


async def test_trigger_expires(client: AsyncWebClient, command: dict[str, Any], clock: Clock) -> None:
    """After three seconds a trigger_id opens nothing."""
    clock.now += limits.TRIGGER_S + 0.1
    assert await refused(client.views_open(trigger_id=command["trigger_id"], view=MODAL)) == "expired_trigger_id"


@pytest.mark.parametrize(
    "change",
    [
        {"title": plain("x" * 25)},
        {"title": {"type": "mrkdwn", "text": "x"}},
        {"close": plain("x" * 25)},
        {"private_metadata": "x" * 3001},
        {"blocks": [{"type": "divider"}] * 101},
        {"blocks": [{"type": "context_actions", "elements": []}]},
        {"type": "popup"},
        {"submit": None},
    ],
)
async def test_wrong_views_are_refused(client: AsyncWebClient, command: dict[str, Any], change: dict[str, Any]) -> None:
    """One character or block beyond the limit, a wrong type, or an input without a submit button."""
    assert (
        await refused(client.views_open(trigger_id=command["trigger_id"], view=MODAL | change)) == "invalid_arguments"
    )


async def test_update_replaces_what_is_open(slack: FakeSlack, client: AsyncWebClient, command: dict[str, Any]) -> None:
    """views.update changes an open modal, but not with an old hash and not a closed one."""
    view = (await client.views_open(trigger_id=command["trigger_id"], view=MODAL))["view"]
    await client.views_update(view_id=view["id"], hash=view["hash"], view=MODAL | {"title": plain("Second")})
    assert slack.views[-1]["title"]["text"] == "Second"
    assert await refused(client.views_update(view_id=view["id"], hash=view["hash"], view=MODAL)) == "hash_conflict"
    await slack.workspace.gestures.close(view["id"], ALICE)
    assert await refused(client.views_update(view_id=view["id"], view=MODAL)) == "not_found"


async def test_home_tab_is_published(slack: FakeSlack, client: AsyncWebClient) -> None:
    """views.publish shows a home tab to one user; a modal is none."""
    await client.views_publish(user_id=ALICE, view={"type": "home", "blocks": [{"type": "divider"}]})
    assert slack.workspace.views.homes[ALICE]["blocks"][0]["type"] == "divider"
    assert await refused(client.views_publish(user_id=ALICE, view=MODAL)) == "invalid_arguments"


async def test_response_url_expires(slack: FakeSlack, command: dict[str, Any], clock: Clock) -> None:
    """After half an hour a response_url posts nothing."""
    clock.now += limits.RESPONSE_URL_S + 1
    late = {"text": "late"}
    async with aiohttp.ClientSession() as session, session.post(command["response_url"], json=late) as answer:
        assert (answer.status, (await answer.json())["error"]) == (404, "expired_url")
    assert slack.whispers(INCIDENTS) == []


async def test_history_between_two_times(slack: FakeSlack, client: AsyncWebClient) -> None:
    """Oldest and latest leave out their own message unless inclusive says otherwise."""
    times = [slack.say(INCIDENTS, text)["ts"] for text in "abc"]
    between = {"channel": INCIDENTS, "oldest": times[0], "latest": times[2]}
    without, within = [await client.conversations_history(**between, inclusive=flag) for flag in (False, True)]
    assert [m["text"] for m in without["messages"]] == ["b"]
    assert [m["text"] for m in within["messages"]] == ["c", "b", "a"]
