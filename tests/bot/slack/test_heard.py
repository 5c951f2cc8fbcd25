"""Slack's payloads to what a person asked."""

from typing import Any

import pytest

from bot.journal.inbox import Arrival, Event
from bot.slack import buttons, catchup, commands, mentions, shortcuts

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


def changed(before: dict[str, Any], after: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a `message_changed` event."""
    about = {"subtype": "message_changed", "channel": "C1", "previous_message": before, "message": after}
    return {"type": "event_callback", "event_id": "Ev2", "team_id": "T1", "event": {"type": "message"} | about | more}


OLD = {"user": "U1", "text": f"<@{ME}> why?", "ts": "2.0"}
NEW = OLD | {"text": f"<@{ME}> why now?", "edited": {"user": "U1", "ts": "61.9"}}


def test_a_quick_edit_is_heard_with_its_new_text() -> None:
    """Within a minute of the question, an edit comes with what is asked now."""
    heard = mentions.arrival(changed(OLD, NEW), ME)
    assert heard == Arrival(Event("edited", "U1", "C1", "why now?", "2.0", "2.0", "T1"), "Ev2")


def test_a_quick_edit_that_first_names_us_is_the_question() -> None:
    """Nothing was asked before it: so it is asked now, under the same gesture as a mention that Slack tells as well."""
    heard = mentions.arrival(changed(OLD | {"text": "why?"}, NEW | {"thread_ts": "1.0"}), ME)
    assert heard == Arrival(Event("question", "U1", "C1", "why now?", "2.0", "1.0", "T1"), "Ev2", "C1:2.0")


@pytest.mark.parametrize(
    ("before", "after", "more"),
    [
        ("why?", NEW | {"edited": {"user": "U1", "ts": "62.1"}}, {}),
        ("why?", NEW | {"bot_profile": {"id": "B1"}}, {}),
        ("why?", NEW | {"text": "why now?"}, {}),
        ("why?", NEW, {"channel": "D1"}),
    ],
    ids=["late", "bot", "no mention", "direct"],
)
def test_what_is_no_first_mention(before: str, after: dict[str, Any], more: dict[str, str]) -> None:
    """A late edit, a bot's, one that names nobody; and where no mention is needed, the edit is one of a question."""
    heard = mentions.arrival(changed(OLD | {"text": before}, after, **more), ME)
    assert heard is None or heard.event.kind == "edited"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OLD, NEW | {"edited": {"user": "U1", "ts": "62.1"}}),
        (OLD, OLD | {"attachments": [{"title": "a preview"}]}),
        (OLD, NEW | {"text": OLD["text"]}),
        (OLD, NEW | {"text": ""}),
        (OLD | {"user": ME}, NEW | {"user": ME}),
        (OLD | {"bot_id": "B1"}, NEW),
        ({}, {}),
    ],
)
def test_what_is_no_edit_of_a_question(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Late edits, previews, unchanged or emptied texts, and our own messages are no edits."""
    assert mentions.arrival(changed(before, after), ME) is None


@pytest.mark.parametrize(
    "event",
    [
        changed(OLD, {"subtype": "tombstone", "user": "USLACKBOT", "ts": "2.0", "text": "This message was deleted."}),
        changed(OLD, {}, subtype="message_deleted", deleted_ts="2.0"),
    ],
    ids=["with replies", "without"],
)
def test_a_deletion_comes_in_two_shapes(event: dict[str, Any]) -> None:
    """A message with replies turns into a tombstone, another one goes: both are deletions by its author."""
    heard = mentions.arrival(event, ME)
    assert heard == Arrival(Event("deleted", "U1", "C1", "", "2.0", "2.0", "T1"), "Ev2")


@pytest.mark.parametrize("text", ["Mute", f"<@{ME}> follow ", f"mute <@{ME}>"])
def test_one_word_in_a_channel_is_about_the_thread(text: str) -> None:
    """`mute` and `follow` are commands in channels, and questions in a direct message."""
    said = text if ME in text else f"<@{ME}> {text}"
    heard, direct = mentions.arrival(body(text=said), ME), mentions.arrival(body(text=said, channel="D1"), ME)
    assert heard is not None
    assert direct is not None
    assert (heard.event.kind, direct.event.kind) == (heard.event.text.lower(), "question")


@pytest.mark.parametrize(
    ("changes", "is_one"),
    [
        ({"thread_ts": "1.1"}, True),
        ({}, False),
        ({"thread_ts": "2.2"}, False),
        ({"thread_ts": "1.1", "channel": "D1"}, False),
        ({"thread_ts": "1.1", "text": "<@U2> and you?"}, False),
        ({"thread_ts": "1.1", "text": "<!channel> and you?"}, False),
        ({"thread_ts": "1.1", "text": "  "}, False),
        ({"thread_ts": "1.1", "bot_id": "B1"}, False),
        ({"thread_ts": "1.1", "subtype": "message_changed"}, False),
        ({"thread_ts": "1.1", "type": "app_mention"}, False),
    ],
    ids=str,
)
def test_what_may_be_a_follow_up(changes: dict[str, Any], *, is_one: bool) -> None:
    """A person's words in a channel's thread that name nobody; all else is not for us."""
    heard = mentions.follow_up(body(**({"type": "message", "text": "and now?"} | changes)), ME)
    assert (heard is not None) is is_one


def shortcut(**message: Any) -> dict[str, Any]:
    """Return *Ask about this* as Slack delivers it."""
    what = {"type": "message_action", "callback_id": "ask_about_this", "action_ts": "9.9"}
    where = {"user": {"id": "U1"}, "team": {"id": "T1"}, "channel": {"id": "C1"}}
    return what | where | {"message": {"ts": "2.2"} | message}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"text": "a &lt;b&gt;"}, "a <b>"),
        ({"text": "", "attachments": [{"title": "High CPU", "text": "web-1 at 99 %"}]}, "High CPU\nweb-1 at 99 %"),
        ({"text": "", "attachments": [{"fallback": "High CPU"}]}, "High CPU"),
        ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "High CPU"}}]}, "High CPU"),
    ],
)
def test_a_shortcut_asks_what_a_message_says(message: dict[str, Any], text: str) -> None:
    """The text of a message, or of its attachments and blocks as alerts have it, is asked about in its thread."""
    heard = shortcuts.arrival(shortcut(**message))
    assert heard == Arrival(Event("question", "U1", "C1", text, "9.9", "2.2", "T1"), "shortcut:9.9:U1")


def test_a_shortcut_on_a_message_without_words_gets_a_hint() -> None:
    """There is nothing to ask about a picture; another app's shortcut is not ours."""
    heard = shortcuts.arrival(shortcut(text=" ", thread_ts="1.1"))
    assert heard is not None
    assert (heard.event.kind, heard.event.thread) == ("wordless", "1.1")
    assert shortcuts.arrival(shortcut(text="x") | {"callback_id": "other"}) is None


def command(text: str | None) -> dict[str, Any]:
    """Return a command as Slack delivers it."""
    who = {"user_id": "U1", "channel_id": "C1", "team_id": "T1", "trigger_id": "t1", "response_url": "https://x"}
    return {"command": "/copilot", "text": text, **who}


def test_slash_ask_is_a_private_question() -> None:
    """The words after `ask` are the question, answered through the command's own url."""
    heard = commands.arrival(command("  ASK why &amp; how? "))
    asked = Event("private", "U1", "C1", "why & how?", team="T1", response_url="https://x")
    assert heard == Arrival(asked, "command:t1")


@pytest.mark.parametrize("text", [None, "", "help", "ask", "asking why", "similar", "runbook  ", "digestive"])
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


@pytest.mark.parametrize(
    ("action", "value", "event"),
    [
        ("share", "q1", Event("share", "U1", "C1", thread="1.1", about="q1")),
        ("again", "1.1:2.2:why: now?", Event("question", "U1", "C1", "why: now?", "3.3", "1.1")),
        ("unmute:7", "C9:8.8", Event("unmute", "U1", "C9", thread="8.8")),
        ("share", "", None),
        ("again", "1.1", None),
        ("again", "1.1:2.2:", None),
        ("unmute:7", "C9", None),
        ("share_it", "q1", None),
    ],
)
def test_what_the_other_buttons_mean(action: str, value: str, event: Event | None) -> None:
    """Each button names ids that are looked up; a value that names nothing means nothing."""
    heard = buttons.arrival(pressed(action_id=action, value=value))
    assert (None if heard is None else heard.event) == event


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


@pytest.mark.parametrize(
    "text",
    [
        "catch me up",
        "Catch me up, please!",
        "please catch us up on the outage",
        "catch up",
        "catch me up on <#C2|ops>",
        "what happened here?",
        "what's happened here",
        "summarise this thread",
        "Can you summarize this conversation so far?",
        "sum up the channel",
        "what did I miss?",
        "tl;dr",
        "recap",
    ],
)
def test_wanting_to_be_caught_up_is_no_question_for_the_runbooks(text: str) -> None:
    """What was said here is asked of Slack."""
    heard = mentions.arrival(body(text=f"<@{ME}> {text}"), ME)
    assert heard is not None
    assert (heard.event.kind, heard.event.text) == ("catchup", text)


@pytest.mark.parametrize(
    "text",
    [
        "what happened on 12 March with checkout?",
        "summarise the restart runbook",
        "how do replicas catch up after a failover?",
        "recap the payment runbook's steps",
        "what happened?",
    ],
)
def test_questions_that_sound_alike_go_to_the_runbooks(text: str) -> None:
    """Only what cannot be a question about the documents is taken for a wish to be caught up."""
    heard = mentions.arrival(body(text=f"<@{ME}> {text}"), ME)
    assert heard is not None
    assert heard.event.kind == "question"


@pytest.mark.parametrize(
    ("event", "what", "shown"),
    [
        (Event("catchup", "U1", "C1", "catch me up", "2.2", "1.1"), ("C1", "1.1"), True),
        (Event("catchup", "U1", "C1", "catch me up", "2.2", "2.2"), ("C1", None), False),
        (Event("catchup", "U1", "C1", "catch me up on <#C2|b>", "2.2", "1.1"), ("C2", None), False),
        (Event("catchup", "U1", "C1", "", response_url="https://x"), ("C1", None), False),
        (Event("catchup", "U1", "C1", "#b", response_url="https://x"), ("", None), False),
        (Event("catchup", "U1", "D1", "catch me up on <#C2>", "2.2", "2.2"), ("C2", None), True),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_to_sum_up_and_for_whom(event: Event, what: tuple[str, str | None], *, shown: bool) -> None:
    """A thread is told in the thread, anything else to the asker alone."""
    assert (catchup.about(event), catchup.aloud(event)) == (what, shown)


def test_slash_catchup_needs_no_words() -> None:
    """The channel where it is typed is meant."""
    heard = commands.arrival(command("catchup"))
    assert heard is not None
    assert (heard.event.kind, heard.event.text) == ("catchup", "")
