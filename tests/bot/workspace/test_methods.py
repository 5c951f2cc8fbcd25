"""The Web API through Slack's own client: what is accepted, what is refused, and with which word."""

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot import limits
from bot.workspace.rate import Paced
from tests.bot.workspace.conftest import Clock, client_of
from tests.fakes.slack import ALICE, BOB, COPILOT, DM, INCIDENTS, FakeSlack

MARK = {"event_type": "answer", "event_payload": {"id": "a1"}}


def plain(text: str) -> dict[str, str]:
    """Give a plain_text object."""
    return {"type": "plain_text", "text": text}


def section(text: str) -> dict[str, Any]:
    """Give a section block."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(**more: Any) -> dict[str, Any]:
    """Give a button element."""
    return {"type": "button", "action_id": "a", "text": plain("Go")} | more


async def refused(call: Any) -> str:
    """Give the error word of a call that must fail."""
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_post_and_read_back(slack: FakeSlack, client: AsyncWebClient) -> None:
    """A posted message is in the channel's history, newest first, its metadata only on request."""
    await client.chat_postMessage(channel=INCIDENTS, text="one")
    await client.chat_postMessage(channel=INCIDENTS, text="two", metadata=MARK)
    plainly = await client.conversations_history(channel=INCIDENTS)
    marked = await client.conversations_history(channel=INCIDENTS, include_all_metadata=True)
    assert [m["text"] for m in plainly["messages"]] == ["two", "one"]
    assert "metadata" not in plainly["messages"][0]
    assert marked["messages"][0]["metadata"] == MARK


async def test_replies_come_with_their_root(slack: FakeSlack, client: AsyncWebClient) -> None:
    """A thread reads root first; history shows the root alone, with the number of replies."""
    root = slack.mention(INCIDENTS, "why?")
    await client.chat_postMessage(channel=INCIDENTS, text="because", thread_ts=root["ts"])
    thread = await client.conversations_replies(channel=INCIDENTS, ts=root["ts"])
    history = await client.conversations_history(channel=INCIDENTS)
    assert [m["text"] for m in thread["messages"]] == [f"<@{COPILOT}> why?", "because"]
    assert [(m["ts"], m["reply_count"]) for m in history["messages"]] == [(root["ts"], 1)]


async def test_history_pages_by_cursor(slack: FakeSlack, client: AsyncWebClient) -> None:
    """What does not fit the limit follows under next_cursor."""
    for text in "abc":
        slack.say(INCIDENTS, text)
    first = await client.conversations_history(channel=INCIDENTS, limit=2)
    rest = await client.conversations_history(
        channel=INCIDENTS, limit=2, cursor=first["response_metadata"]["next_cursor"]
    )
    assert ([m["text"] for m in first["messages"]], first["has_more"]) == (["c", "b"], True)
    assert ([m["text"] for m in rest["messages"]], rest["has_more"]) == (["a"], False)


async def test_stream_grows_and_ends(slack: FakeSlack, client: AsyncWebClient) -> None:
    """Started, appended and stopped text is one message; metadata and blocks come with the stop."""
    root = slack.mention(INCIDENTS, "why?")
    stream = await client.chat_startStream(
        channel=INCIDENTS, thread_ts=root["ts"], recipient_team_id="T0LARKFIELD", recipient_user_id=ALICE
    )
    await client.chat_appendStream(channel=INCIDENTS, ts=stream["ts"], markdown_text="**a**")
    await client.chat_stopStream(
        channel=INCIDENTS, ts=stream["ts"], markdown_text=" b", metadata=MARK, blocks=[section("c")]
    )
    (reply,) = slack.replies(root)
    assert (reply["text"], reply["metadata"], reply["blocks"][0]["text"]["text"]) == ("**a** b", MARK, "c")
    assert await refused(client.chat_stopStream(channel=INCIDENTS, ts=stream["ts"])) == "message_not_in_streaming_state"


async def test_stream_in_dm_needs_no_recipient(slack: FakeSlack, client: AsyncWebClient) -> None:
    """Only streams in channels name whom they are for."""
    root = slack.say_in_dm("hi")
    assert (await client.chat_startStream(channel=DM, thread_ts=root["ts"]))["ok"]


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({}, "missing_recipient_team_id"),
        ({"recipient_team_id": "T0LARKFIELD"}, "missing_recipient_user_id"),
        ({"recipient_team_id": "T0OTHER", "recipient_user_id": ALICE}, "team_not_found"),
        ({"recipient_team_id": "T0LARKFIELD", "recipient_user_id": "U0NOBODY"}, "user_not_found"),
    ],
)
async def test_stream_in_channel_names_recipient(
    slack: FakeSlack, client: AsyncWebClient, given: dict[str, str], word: str
) -> None:
    """A channel stream without its recipient is refused."""
    root = slack.mention(INCIDENTS, "why?")
    assert await refused(client.chat_startStream(channel=INCIDENTS, thread_ts=root["ts"], **given)) == word


async def test_open_stream_refuses_update_and_delete(slack: FakeSlack, client: AsyncWebClient) -> None:
    """While a stream is open only the streaming methods may touch it; after the stop chat.update may."""
    root = slack.say_in_dm("hi")
    ts = (await client.chat_startStream(channel=DM, thread_ts=root["ts"], markdown_text="x"))["ts"]
    assert await refused(client.chat_update(channel=DM, ts=ts, text="y")) == "streaming_state_conflict"
    assert await refused(client.chat_delete(channel=DM, ts=ts)) == "cant_delete_message"
    await client.chat_stopStream(channel=DM, ts=ts)
    await client.chat_update(channel=DM, ts=ts, text="y", blocks=[section("y")])
    assert slack.messages(DM)[-1]["text"] == "y"


async def test_stream_ends_by_itself(slack: FakeSlack, client: AsyncWebClient, clock: Clock) -> None:
    """After its life a stream takes no more text, and chat.update takes over."""
    root = slack.say_in_dm("hi")
    ts = (await client.chat_startStream(channel=DM, thread_ts=root["ts"], markdown_text="x"))["ts"]
    clock.now += limits.STREAM_LIFE_S + 1
    word = await refused(client.chat_appendStream(channel=DM, ts=ts, markdown_text="y"))
    assert word == "message_not_in_streaming_state"
    assert (await client.chat_update(channel=DM, ts=ts, text="whole"))["ok"]


async def test_stream_has_a_size(slack: FakeSlack, client: AsyncWebClient) -> None:
    """Our budget fits into one stream, in bytes; a message beyond Slack's measure is refused and stays as it was."""
    root = slack.say_in_dm("hi")
    ts = (await client.chat_startStream(channel=DM, thread_ts=root["ts"]))["ts"]
    await client.chat_appendStream(channel=DM, ts=ts, markdown_text="é" * (limits.STREAM_BUDGET_BYTES // 2))
    word = await refused(client.chat_appendStream(channel=DM, ts=ts, markdown_text="é" * 1000))
    assert word == "msg_too_long"
    assert len(slack.messages(DM)[-1]["text"].encode()) == limits.STREAM_BUDGET_BYTES


@pytest.mark.parametrize(
    ("blocks", "word"),
    [
        ([section("x" * 3000)], None),
        ([section("x" * 3001)], "invalid_blocks"),
        ([section("")], "invalid_blocks"),
        ([{"type": "section"}], "invalid_blocks"),
        ([{"type": "header", "text": plain("x" * 151)}], "invalid_blocks"),
        ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "invalid_blocks"),
        ([{"type": "markdown", "text": "x" * 12_000}], None),
        ([{"type": "markdown", "text": "x" * 12_001}], "msg_too_long"),
        ([section("x" * 2700)] * 5, "msg_too_long"),
        ([{"type": "divider"}] * 50, None),
        ([{"type": "divider"}] * 51, "invalid_blocks"),
        ([{"type": "markdown", "text": "# a\n" * 51}], "invalid_blocks"),
        ([{"type": "markdown", "text": "```\n" + "# a\n" * 51 + "```"}], None),
        ([{"type": "fancy"}], "invalid_blocks"),
        (["text"], "invalid_blocks"),
        ("not json", "invalid_blocks_format"),
        ([{"type": "input", "label": plain("x"), "element": {"type": "plain_text_input"}}], "invalid_blocks"),
        ([{"type": "context", "elements": [plain("x")] * 10}], None),
        ([{"type": "context", "elements": [plain("x")] * 11}], "invalid_blocks"),
        ([{"type": "context", "elements": [button()]}], "invalid_blocks"),
        ([{"type": "actions", "elements": [button()] * 25}], None),
        ([{"type": "actions", "elements": [button()] * 26}], "invalid_blocks"),
        ([{"type": "actions", "elements": []}], "invalid_blocks"),
        ([{"type": "actions", "elements": [button(text=plain("x" * 76))]}], "invalid_blocks"),
        ([{"type": "actions", "elements": [button(value="x" * 2001)]}], "invalid_blocks"),
        ([{"type": "actions", "elements": [button(style="loud")]}], "invalid_blocks"),
        ([{"type": "actions", "elements": [button(action_id="x" * 256)]}], "invalid_blocks"),
        ([{"type": "actions", "elements": [{"type": "jump"}]}], "invalid_blocks"),
        ([section("x") | {"block_id": "x" * 256}], "invalid_blocks"),
        ([section("x") | {"fields": [plain("x")] * 11}], "invalid_blocks"),
        ([section("x") | {"accessory": button()}], None),
        ([{"type": "context_actions", "elements": [{"type": "feedback_buttons"}]}], "invalid_blocks"),
        ([{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * 20] * 100}], None),
        ([{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * 21]}], "invalid_blocks"),
        ([{"type": "table", "rows": [[{"type": "raw_text", "text": "x" * 10_001}]]}], "invalid_blocks"),
    ],
)
async def test_blocks_are_checked(client: AsyncWebClient, blocks: Any, word: str | None) -> None:
    """Block shapes and lengths are Slack's, one character or item beyond is refused with Slack's word."""
    call = client.chat_postMessage(channel=INCIDENTS, text="x", blocks=blocks)
    if word is None:
        assert (await call)["ok"]
    else:
        assert await refused(call) == word


async def test_refused_blocks_say_where(client: AsyncWebClient) -> None:
    """`response_metadata.messages` names the place and the limit."""
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=INCIDENTS, text="x", blocks=[section("x" * 3001)])
    (message,) = caught.value.response["response_metadata"]["messages"]
    assert message == "[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"


async def test_wrong_places_are_refused(slack: FakeSlack, client: AsyncWebClient) -> None:
    """Unknown channels, channels we are not in, messages that are not there or not ours."""
    slack.leave("C0PAYMENTS")
    theirs = slack.say(INCIDENTS, "hello")["ts"]
    calls = {
        "channel_not_found": client.chat_postMessage(channel="C0NOWHERE", text="x"),
        "not_in_channel": client.chat_postMessage(channel="C0PAYMENTS", text="x"),
        "no_text": client.api_call("chat.postMessage", json={"channel": INCIDENTS}),
        "message_not_found": client.chat_update(channel=INCIDENTS, ts="1.000000", text="x"),
        "cant_update_message": client.chat_update(channel=INCIDENTS, ts=theirs, text="x"),
        "cant_delete_message": client.chat_delete(channel=INCIDENTS, ts=theirs),
        "thread_not_found": client.conversations_replies(channel=INCIDENTS, ts="1.000000"),
        "message_not_owned_by_app": client.chat_appendStream(channel=INCIDENTS, ts=theirs, markdown_text="x"),
        "user_not_in_channel": client.chat_postEphemeral(channel=INCIDENTS, user="U0NOBODY", text="x"),
        "user_not_found": client.users_info(user="U0NOBODY"),
        "no_reaction": client.reactions_remove(channel=INCIDENTS, timestamp=theirs, name="eyes"),
        "unknown_method": client.api_call("chat.noSuchThing"),
        "invalid_arguments": client.api_call("chat.update", json={"channel": INCIDENTS}),
    }
    assert {word: await refused(call) for word, call in calls.items()} == {word: word for word in calls}


@pytest.mark.parametrize(
    ("method", "token", "word"),
    [
        ("auth.test", "", "not_authed"),
        ("auth.test", "xoxb-stranger", "invalid_auth"),
        ("auth.test", "app", "not_allowed_token_type"),
        ("apps.connections.open", "bot", "not_allowed_token_type"),
    ],
)
async def test_tokens_are_checked(slack: FakeSlack, method: str, token: str, word: str) -> None:
    """Each method takes its own kind of token, and only ours."""
    given = {"app": slack.app_token, "bot": slack.bot_token}.get(token, token)
    headers = {"Authorization": f"Bearer {given}"} if given else {}
    async with aiohttp.ClientSession() as session, session.post(slack.api_url + method, headers=headers) as answer:
        assert (await answer.json())["error"] == word


async def test_form_and_json_bodies_are_alike(slack: FakeSlack) -> None:
    """A list may come as JSON text in a form field or as JSON itself."""
    url, headers = f"{slack.api_url}chat.postMessage", {"Authorization": f"Bearer {slack.bot_token}"}
    blocks = [section("same")]
    async with aiohttp.ClientSession(headers=headers) as session:
        form = {"channel": INCIDENTS, "text": "x", "blocks": json.dumps(blocks)}
        async with session.post(url, data=form) as answer:
            assert (await answer.json())["ok"]
        async with session.post(url, json={"channel": INCIDENTS, "text": "x", "blocks": blocks}) as answer:
            assert (await answer.json())["ok"]
    assert [m["blocks"][0]["text"]["text"] for m in slack.messages(INCIDENTS)] == ["same", "same"]


async def test_posts_are_paced(tmp_path: Path, clock: Clock) -> None:
    """Beyond the burst a channel takes a post a second: 429 with Retry-After, and another channel goes on."""
    async with FakeSlack(tmp_path, clock=clock, rate=Paced(burst=2)) as slack:
        client = client_of(slack)
        for _ in range(2):
            await client.chat_postMessage(channel=INCIDENTS, text="x")
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(channel=INCIDENTS, text="x")
        await client.chat_postMessage(channel=DM, text="x")
        clock.now += 1
        await client.chat_postMessage(channel=INCIDENTS, text="x")
    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "1")


async def test_status_clears_itself(slack: FakeSlack, client: AsyncWebClient, clock: Clock) -> None:
    """A status is gone after two minutes, and at once when the app posts into the thread."""
    root = slack.mention(INCIDENTS, "why?")["ts"]
    state = slack.workspace.state
    await client.assistant_threads_setStatus(channel_id=INCIDENTS, thread_ts=root, status="is searching...")
    assert [status.text for _, _, status in state.statuses()] == ["is searching..."]
    clock.now += limits.STATUS_S
    assert list(state.statuses()) == []
    await client.assistant_threads_setStatus(channel_id=INCIDENTS, thread_ts=root, status="is searching...")
    await client.chat_postMessage(channel=INCIDENTS, thread_ts=root, text="found")
    assert list(state.statuses()) == []


async def test_reactions_come_and_go(slack: FakeSlack, client: AsyncWebClient) -> None:
    """A reaction is added once and removed once."""
    ts = slack.say(INCIDENTS, "x")["ts"]
    await client.reactions_add(channel=INCIDENTS, timestamp=ts, name="eyes")
    assert await refused(client.reactions_add(channel=INCIDENTS, timestamp=ts, name="eyes")) == "already_reacted"
    assert slack.messages(INCIDENTS)[0]["reactions"] == [{"name": "eyes", "users": [COPILOT], "count": 1}]
    await client.reactions_remove(channel=INCIDENTS, timestamp=ts, name="eyes")
    assert slack.messages(INCIDENTS)[0]["reactions"] == []


async def test_ephemeral_is_never_in_history(slack: FakeSlack, client: AsyncWebClient) -> None:
    """A message for one person is shown to that person and read back by nobody."""
    await client.chat_postEphemeral(channel=INCIDENTS, user=ALICE, text="psst")
    assert [m["text"] for m in slack.whispers(INCIDENTS)] == ["psst"]
    assert (await client.conversations_history(channel=INCIDENTS))["messages"] == []


async def test_people_and_places_are_described(client: AsyncWebClient) -> None:
    """The small reading methods answer in Slack's shapes."""
    assert (await client.users_info(user=ALICE))["user"]["name"] == "alice"
    assert (await client.conversations_info(channel=INCIDENTS))["channel"]["name"] == "incidents"
    assert (await client.conversations_members(channel=DM))["members"] == [ALICE, COPILOT]
    assert (await client.conversations_open(users=ALICE))["channel"]["id"] == DM
    assert (await client.auth_test())["user_id"] == COPILOT


async def test_everybody_is_listed_a_page_at_a_time(client: AsyncWebClient) -> None:
    """The directory gives the same user objects as `users.info`, and a cursor until nobody is left."""
    first = await client.users_list(limit=2)
    rest = await client.users_list(limit=2, cursor=first["response_metadata"]["next_cursor"])
    members = [*first["members"], *rest["members"]]
    assert {each["id"] for each in members} == {ALICE, BOB, COPILOT}
    assert (await client.users_info(user=ALICE))["user"] in members
    assert rest["response_metadata"]["next_cursor"] == ""


async def test_an_unknown_user_group_is_refused(client: AsyncWebClient) -> None:
    """With Slack's own word for it."""
    assert await refused(client.usergroups_users_list(usergroup="S0NOBODY")) == "no_such_subteam"


async def test_reply_to_a_reply_joins_the_thread(slack: FakeSlack, client: AsyncWebClient) -> None:
    """Threads have one level: whoever answers a reply answers its root."""
    root = slack.say(INCIDENTS, "a")
    reply = slack.say(INCIDENTS, "b", thread_ts=root["ts"])
    slack.say(INCIDENTS, "c", thread_ts=reply["ts"])
    slack.reply(reply, "d")
    await client.chat_postMessage(channel=INCIDENTS, text="e", thread_ts=reply["ts"])
    assert [m.get("thread_ts") for m in slack.messages(INCIDENTS)] == [None, *[root["ts"]] * 4]


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("assistant.threads.setStatus", {"thread_ts": "1.0", "status": "x", "loading_messages": ["x"] * 11}),
        ("assistant.threads.setSuggestedPrompts", {"prompts": [{"title": "x", "message": "y"}] * 5}),
        ("assistant.threads.setSuggestedPrompts", {"prompts": []}),
        ("assistant.threads.setSuggestedPrompts", {"prompts": [{"title": "x"}]}),
    ],
)
async def test_agent_extras_are_limited(client: AsyncWebClient, method: str, args: dict[str, Any]) -> None:
    """At most ten loading messages, one to four whole prompts."""
    assert await refused(client.api_call(method, json={"channel_id": INCIDENTS} | args)) == "invalid_arguments"
