"""A bot written with Slack's own framework, unmodified, against the workspace: every gesture end to end."""

from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext, AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient

from bot.workspace.errors import NoAnswer
from tests.bot.workspace.conftest import Connected
from tests.fakes.slack import ALICE, COPILOT, DM, INCIDENTS, FakeSlack, text_of

Event = dict[str, Any]


def plain(text: str) -> dict[str, str]:
    """Give a plain_text object."""
    return {"type": "plain_text", "text": text}


BUTTONS = [
    {"type": "actions", "elements": [{"type": "button", "action_id": "go", "text": plain("Go"), "value": "v1"}]},
    {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": "felt",
                "positive_button": {"text": plain("Good"), "value": "up"},
                "negative_button": {"text": plain("Bad"), "value": "down"},
            }
        ],
    },
]
MODAL = {
    "type": "modal",
    "callback_id": "ran",
    "private_metadata": "a1",
    "title": plain("What did you run?"),
    "submit": plain("Save"),
    "blocks": [
        {
            "type": "input",
            "block_id": "commands",
            "label": plain("Commands"),
            "element": {"type": "plain_text_input", "action_id": "text", "multiline": True},
        }
    ],
}


async def test_mention_is_answered_by_a_stream(slack: FakeSlack, app: AsyncApp) -> None:
    """A mention gives app_mention and message under different event_ids, and its answer streams into the thread."""
    seen: list[tuple[str, str]] = []

    @app.event("app_mention")
    async def mentioned(event: Event, body: Event, client: AsyncWebClient, context: AsyncBoltContext) -> None:
        seen.append((event["type"], body["event_id"]))
        stream = await client.chat_stream(
            channel=event["channel"],
            thread_ts=event["ts"],
            recipient_team_id=context.team_id,
            recipient_user_id=event["user"],
        )
        await stream.append(markdown_text="**Drain** the pod.")
        await stream.stop(metadata={"event_type": "answer", "event_payload": {"id": "a1"}})

    @app.event("message")
    async def said(event: Event, body: Event) -> None:
        seen.append((event["channel_type"], body["event_id"]))
        slack.wake()

    async with Connected(app, slack):
        root = slack.mention(INCIDENTS, "checkout is down")
        (answer,) = await slack.until(lambda: slack.finished(root))
        await slack.until(lambda: len(seen) == 2)
    assert text_of(answer) == "**Drain** the pod."
    assert answer["metadata"]["event_payload"] == {"id": "a1"}
    assert sorted(kind for kind, _ in seen) == ["app_mention", "channel"]
    assert len({event_id for _, event_id in seen}) == 2


async def test_one_event_can_come_four_times(slack: FakeSlack, app: AsyncApp) -> None:
    """Repeats carry one event_id."""
    ids: list[str] = []

    @app.event("message")
    async def said(body: Event) -> None:
        ids.append(body["event_id"])
        slack.wake()

    async with Connected(app, slack):
        slack.say_in_dm("hello", times=4)
        await slack.until(lambda: len(ids) == 4)
    assert len(set(ids)) == 1


async def test_direct_message_is_answered(slack: FakeSlack, client: AsyncWebClient) -> None:
    """In the direct message no mention is needed, and the app hears its own answer as a bot's."""
    app = AsyncApp(client=client, ignoring_self_events_enabled=False)
    kinds: list[tuple[str, bool]] = []

    @app.event("message")
    async def said(event: Event, client: AsyncWebClient) -> None:
        kinds.append((event["channel_type"], "bot_id" in event))
        if "bot_id" not in event:
            await client.chat_postMessage(channel=event["channel"], thread_ts=event["ts"], text="here")
        slack.wake()

    async with Connected(app, slack):
        root = slack.say_in_dm("are you there?")
        (answer,) = await slack.until(lambda: slack.replies(root, DM))
        await slack.until(lambda: len(kinds) == 2)
    assert (answer["text"], kinds) == ("here", [("im", False), ("im", True)])


async def test_command_is_answered_ephemerally(slack: FakeSlack, app: AsyncApp) -> None:
    """What a command's ack says is shown to the asker alone; respond can show more, to all if it says so."""

    @app.command("/copilot")
    async def commanded(ack: AsyncAck, command: Event, respond: AsyncRespond) -> None:
        await ack(text=f"help on {command['text']}")
        await respond(text="for all", response_type="in_channel")

    async with Connected(app, slack):
        await slack.slash(INCIDENTS, "snooze")
        (shared,) = await slack.until(lambda: slack.messages(INCIDENTS))
    (whisper,) = slack.whispers(INCIDENTS)
    assert (whisper["text"], whisper["ephemeral_to"], shared["text"]) == ("help on snooze", ALICE, "for all")


async def test_response_url_wears_out(slack: FakeSlack, app: AsyncApp) -> None:
    """The sixth use of a response_url is refused."""
    statuses: list[int] = []

    @app.command("/copilot")
    async def commanded(ack: AsyncAck, respond: AsyncRespond) -> None:
        await ack()
        statuses.extend([(await respond(text="x")).status_code for _ in range(6)])
        slack.wake()

    async with Connected(app, slack):
        await slack.slash(INCIDENTS, "help")
        await slack.until(lambda: statuses)
    assert statuses == [200, 200, 200, 200, 200, 404]


async def test_clicks_reach_their_listeners(slack: FakeSlack, app: AsyncApp, client: AsyncWebClient) -> None:
    """A button and a thumb say which element they are, what it says, and on which message."""
    pressed: list[tuple[str, str, str]] = []

    async def listener(ack: AsyncAck, body: Event) -> None:
        (action,) = body["actions"]
        pressed.append((action["action_id"], action["value"], body["message"]["text"]))
        await ack()

    app.action("go")(listener)
    app.action("felt")(listener)
    await client.chat_postMessage(channel=INCIDENTS, text="answer", blocks=BUTTONS)
    (message,) = slack.messages(INCIDENTS)
    async with Connected(app, slack):
        await slack.press(INCIDENTS, message, "go")
        await slack.press(INCIDENTS, message, "felt", "down")
    assert pressed == [("go", "v1", "answer"), ("felt", "down", "answer")]


async def test_modal_opens_complains_and_closes(slack: FakeSlack, app: AsyncApp, client: AsyncWebClient) -> None:
    """A click opens a modal; a submission with errors keeps it open, a good one closes it."""
    saved: list[str] = []

    @app.action("go")
    async def opened(ack: AsyncAck, body: Event, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    @app.view("ran")
    async def submitted(ack: AsyncAck, view: Event) -> None:
        value = view["state"]["values"]["commands"]["text"]["value"]
        if not value:
            await ack(response_action="errors", errors={"commands": "Say what you ran."})
            return
        saved.append(f"{view['private_metadata']}: {value}")
        await ack()

    await client.chat_postMessage(channel=INCIDENTS, text="answer", blocks=BUTTONS)
    (message,) = slack.messages(INCIDENTS)
    async with Connected(app, slack):
        await slack.press(INCIDENTS, message, "go")
        await slack.until(lambda: slack.views)
        assert await slack.submit({"commands": {"text": ""}}) == {"commands": "Say what you ran."}
        assert await slack.submit({"commands": {"text": "kubectl get pods"}}) == {}
    assert (saved, slack.views) == (["a1: kubectl get pods"], [])


async def test_opening_the_dm_offers_prompts(slack: FakeSlack, app: AsyncApp) -> None:
    """The app is told when its messages are opened, and may suggest what to ask."""

    @app.event("app_home_opened")
    async def opened(event: Event, client: AsyncWebClient) -> None:
        prompts = [{"title": "Ask", "message": "checkout is slow"}]
        await client.assistant_threads_setSuggestedPrompts(
            channel_id=event["channel"], thread_ts=event["event_ts"], prompts=prompts
        )

    async with Connected(app, slack):
        slack.open_home("messages")
        prompts = await slack.until(lambda: slack.workspace.state.prompts.get(DM))
    assert prompts["prompts"] == [{"title": "Ask", "message": "checkout is slow"}]


async def test_gesture_without_app_says_so(slack: FakeSlack) -> None:
    """Commands are not kept for later: without a connected app they fail at once."""
    with pytest.raises(NoAnswer):
        await slack.slash(INCIDENTS, "help")


async def test_mention_by_name_is_typed(slack: FakeSlack) -> None:
    """What a person types is escaped as Slack does, and @copilot becomes a mention."""
    typed = slack.workspace.gestures.typed("@copilot is a<b & mail@copilot.dev fine? @nobody")
    assert typed == f"<@{COPILOT}> is a&lt;b &amp; mail@copilot.dev fine? @nobody"


async def test_channel_by_name_is_typed(slack: FakeSlack) -> None:
    """`#incidents` becomes the channel, with its name beside it, as Slack sends it; other numbers stay."""
    typed = slack.workspace.gestures.typed("catch me up on #incidents, not #nowhere or a#payments or #12")
    assert typed == f"catch me up on <#{INCIDENTS}|incidents>, not #nowhere or a#payments or #12"
    message = slack.say(INCIDENTS, typed)
    assert {"type": "channel", "channel_id": INCIDENTS} in message["blocks"][0]["elements"][0]["elements"]


async def test_a_permalink_leads_to_the_page(slack: FakeSlack, client: AsyncWebClient) -> None:
    """chat.getPermalink names a message; its address leads to the channel, or to the thread of a reply."""
    root = slack.say(INCIDENTS, "down")
    reply = slack.reply(root, "still down")
    for message, place in ((root, INCIDENTS), (reply, f"{INCIDENTS}/{root['ts']}")):
        link = (await client.chat_getPermalink(channel=INCIDENTS, message_ts=message["ts"]))["permalink"]
        async with (
            aiohttp.ClientSession() as session,
            session.get(link, allow_redirects=False) as answer,
            session.get(link.replace(INCIDENTS, "C0NOWHERE")) as missing,
        ):
            assert (answer.status, answer.headers["Location"]) == (302, f"/#{place}")
            assert missing.status == 404
