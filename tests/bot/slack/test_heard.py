"""Slack's payloads to what a person asked."""

from typing import Any

import pytest

from bot.journal.inbox import Arrival, Event
from bot.slack import buttons, commands, mentions

ME = "U0BOT"


def body(**changes: Any) -> dict[str, Any]:
    """Return an event as Slack delivers it."""
    event = {"type": "app_mention", "user": "U1", "channel": "C1", "ts": "2.2", "text": f"<@{ME}> what now?"}
    return {"type": "event_callback", "event_id": "Ev1", "team_id": "T1", "event": event | changes}


def test_a_mention_is_a_question_with_its_names() -> None:
    """A mention keeps who, where, when and the team of the envelope, and is named by event, gesture and message id."""
    heard = mentions.arrival(body(client_msg_id="m1", team="TOTHER"), ME)
    asked = Event("question", "U1", "C1", "what now?", "2.2", "2.2", "T1")
    assert heard == Arrival(asked, "Ev1", "C1:2.2", "m1")


def test_in_a_thread_the_thread_is_answered() -> None:
    """The answer goes to the thread of the mention."""
    heard = mentions.arrival(body(thread_ts="1.1"), ME)
    assert heard is not None
    assert heard.event.thread == "1.1"


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (f"<@{ME}> why?", "why?"),
        (f"<@{ME}|copilot>: why?", "why?"),
        (f"why, <@{ME}>, oh why?", "why,   oh why?"),
        ("is <@U2> in <#C2|ops>?", "is <@U2> in <#C2|ops>?"),
        ("a &lt;b&gt; &amp;&amp; c", "a <b> && c"),
        ("&amp;lt; stays", "&lt; stays"),
        ("&quot;hi&quot;", "&quot;hi&quot;"),
    ],
)
def test_the_question_as_typed(text: str, asked: str) -> None:
    """Our mention goes, other ids stay, Slack's three escapes are undone once."""
    assert mentions.question(text, ME) == asked


@pytest.mark.parametrize("text", [f"<@{ME}>", f"  <@{ME}>  ", f"<@{ME}>: "])
def test_a_mention_without_words_is_a_hint(text: str) -> None:
    """Nothing asked is a hint to give, not a question."""
    heard = mentions.arrival(body(text=text), ME)
    assert heard is not None
    assert heard.event.kind == "hint"


@pytest.mark.parametrize("direct", [{"channel": "D1"}, {"channel": "C1", "channel_type": "im"}])
def test_in_a_direct_message_all_is_asked(direct: dict[str, str]) -> None:
    """A direct message needs no mention."""
    heard = mentions.arrival(body(type="message", text="why?", **direct), ME)
    assert heard is not None
    assert heard.event.kind == "question"


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "message", "text": "no mention"},
        {"type": "reaction_added"},
        {"bot_id": "B1"},
        {"bot_profile": {"id": "B1"}},
        {"user": ME},
        {"user": "USLACKBOT"},
        {"user": None},
        {"subtype": "message_changed"},
        {"subtype": "message_deleted"},
        {"subtype": "channel_join"},
        {"subtype": "bot_message"},
    ],
    ids=str,
)
def test_what_is_no_question(changes: dict[str, Any]) -> None:
    """Talk among people, bots, ourselves, edits and deletions are not answered."""
    assert mentions.arrival(body(**changes), ME) is None


def command(text: str | None) -> dict[str, Any]:
    """Return a command as Slack delivers it."""
    who = {"user_id": "U1", "channel_id": "C1", "team_id": "T1", "trigger_id": "t1", "response_url": "https://x"}
    return {"command": "/copilot", "text": text, **who}


def test_slash_ask_is_a_private_question() -> None:
    """The words after `ask` are the question, answered through the command's own url."""
    heard = commands.arrival(command("  ASK why &amp; how? "))
    asked = Event("private", "U1", "C1", "why & how?", team="T1", response_url="https://x")
    assert heard == Arrival(asked, "command:t1")


@pytest.mark.parametrize("text", [None, "", "help", "ask", "asking why", "status"])
def test_all_else_after_the_command_is_help(text: str | None) -> None:
    """What is not a question is answered with help."""
    assert commands.arrival(command(text)) is None


def pressed(**action: Any) -> dict[str, Any]:
    """Return a press as Slack delivers it."""
    place = {"channel_id": "C1", "thread_ts": "1.1"}
    known = {"user": {"id": "U1"}, "channel": {"id": "C1"}, "container": place, "trigger_id": "t1"}
    return known | {"type": "block_actions", "actions": [{"action_ts": "3.3"} | action]}


def test_a_thumb_names_its_answer() -> None:
    """A thumb is known by its time and person, and says which answer it is about."""
    heard = buttons.arrival(pressed(action_id="feedback", value="down:q1"))
    assert heard == Arrival(Event("thumb", "U1", "C1", "down", thread="1.1", about="q1"), "action:3.3:U1")


@pytest.mark.parametrize("value", ["", "up", "up:", "sideways:q1", None])
def test_a_thumb_that_says_nothing_is_none(value: str | None) -> None:
    """A forged or empty value is no thumb."""
    assert buttons.arrival(pressed(action_id="feedback", value=value)) is None


def test_show_source_names_answer_and_number() -> None:
    """The button carries ids only; what is shown is looked up."""
    wish = buttons.wish(pressed(action_id="show_source_2", value="q:1:2"))
    assert wish is not None
    assert (wish.answer_id, wish.number, wish.trigger) == ("q:1", 2, "t1")


@pytest.mark.parametrize(
    "action", [{"action_id": "show_source_1", "value": "q1"}, {"action_id": "other", "value": "q:1"}, {}]
)
def test_other_presses_wish_for_nothing(action: dict[str, Any]) -> None:
    """Anything else opens no modal."""
    assert buttons.wish(pressed(**action)) is None
