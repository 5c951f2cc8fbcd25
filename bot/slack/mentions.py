"""Messages, mentions, edits and deletions: Slack's events to what a person did. Pure."""

import html
import re
from collections.abc import Mapping
from typing import Any

from bot.journal.inbox import Arrival, Event

SUBTYPES = frozenset({None, "file_share", "thread_broadcast", "me_message"})
"""Messages that people write; all other subtypes are joins and the like."""

SLACKBOT = "USLACKBOT"

THREAD_WORDS = ("mute", "follow")
"""After a mention in a thread: how we behave there from now on."""

CATCH_UP = "catchup"
"""The kind of event that asks what a thread or a channel comes to."""

CATCH_ME_UP = re.compile(
    r"(?:(?:please|can you|could you)[ ,]+)*"
    r"(?:catch (?:me|us) up\b.*|catch up(?: (?:on|with|in|here|please)\b.*)?"
    r"|what(?:['\u2019]?s| has)? happened (?:in )?here|what did (?:i|we) miss(?: (?:in|on|here)\b.*)?"
    r"|(?:summari[sz]e|sum up|recap)(?: of)? "
    r"(?:this|it all|(?:this|the|that) (?:thread|channel|conversation|discussion)|<#[^>]+>)(?: (?:so far|for me))?"
    r"|tl;?dr|recap)(?:[ ,]+please)?[\s.!?]*",
    re.IGNORECASE | re.DOTALL,
)
"""The whole of a message, after our name, that wants no runbook but to know what was said."""

EDIT_S = 60.0
"""How long after a question an edit of it is taken for a correction that wants a new answer."""

ADDRESSED = re.compile(r"<(?:@|!)")
"""A message that names a person, a group or all of a channel is meant for them."""


def arrival(body: Mapping[str, Any], me: str) -> Arrival | None:
    """Return what an Events API body asks of us (`me`, our user id), None if nothing.

    Bots are nobody. A mention in a channel arrives twice, as `app_mention` and as `message`: both have the same
    gesture. https://docs.slack.dev/reference/events/app_mention
    """
    event = body.get("event", {})
    if event.get("type") not in ("app_mention", "message"):
        return None
    if event.get("subtype") in ("message_changed", "message_deleted"):
        return _afterthought(body, me)
    if not _by_a_person(event, me):
        return None
    said = str(event.get("text") or "")
    return _asked(body, me) if _is_direct(event) or f"<@{me}" in said else None


def follow_up(body: Mapping[str, Any], me: str) -> Arrival | None:
    """Return the question in a thread's message that mentions nobody, None if it cannot be one.

    Whether it goes on with an answer of ours is for the caller to find out.
    """
    event = body.get("event", {})
    said = str(event.get("text") or "")
    threaded = event.get("thread_ts") not in (None, event.get("ts"))
    if event.get("type") != "message" or not threaded or _is_direct(event) or not _by_a_person(event, me):
        return None
    return _asked(body, me) if said.strip() and not ADDRESSED.search(said) else None


def question(text: str, me: str) -> str:
    """Return what was asked: our mention removed, Slack's escapes undone once, other ids left as they are."""
    return html_unescaped(re.sub(rf"<@{re.escape(me)}(?:\|[^>]*)?>[:,]?", " ", text)).strip()


def html_unescaped(text: str) -> str:
    """Return text as typed: Slack escapes `&`, `<` and `>` alone, so other entities are the person's own."""
    return re.sub(r"&(?:amp|lt|gt);", lambda found: html.unescape(found[0]), text)


def asks_catch_up(text: str) -> bool:
    """Whether a question wants to know what was said here."""
    return CATCH_ME_UP.fullmatch(text.strip()) is not None


def _asked(body: Mapping[str, Any], me: str) -> Arrival:
    event = body["event"]
    channel, ts = str(event["channel"]), str(event["ts"])
    text = question(str(event.get("text") or ""), me)
    asked = Event(
        kind=_kind(text, direct=_is_direct(event)),
        user=str(event["user"]),
        channel=channel,
        text=text,
        ts=ts,
        thread=str(event.get("thread_ts") or ts),
        team=_text(body.get("team_id")),
    )
    known_as = _text(event.get("client_msg_id"))
    return Arrival(asked, event_id=str(body["event_id"]), gesture=f"{channel}:{ts}", client_msg_id=known_as)


def _kind(text: str, *, direct: bool) -> str:
    if not text:
        return "hint"
    if asks_catch_up(text):
        return CATCH_UP
    return text.lower() if text.lower() in THREAD_WORDS and not direct else "question"


def _afterthought(body: Mapping[str, Any], me: str) -> Arrival | None:
    """Return an edit or a deletion of a person's message, or the question that it became by an edit.

    A deleted message with replies is "changed" into a tombstone, so that its thread still hangs on something; a
    preview of a link changes a message as well, but not its text.
    https://docs.slack.dev/reference/events/message/message_changed
    """
    event = body["event"]
    before, after = event.get("previous_message") or {}, event.get("message") or {}
    author = str(before.get("user") or "")
    ts = str(event.get("deleted_ts") or before.get("ts") or after.get("ts") or "")
    if not ts or before.get("bot_id") or author in (me, SLACKBOT):
        return None
    gone = event["subtype"] == "message_deleted" or after.get("subtype") == "tombstone"
    if not gone and not _is_edit(before, after):
        return None
    if not gone and _is_first_mention(event, me) and _by_a_person(after, me):
        return _asked({**body, "event": {**after, "channel": event["channel"]}}, me)
    done = Event(
        kind="deleted" if gone else "edited",
        user=author or str(after.get("user") or ""),
        channel=str(event["channel"]),
        text="" if gone else question(str(after.get("text") or ""), me),
        ts=ts,
        thread=str(before.get("thread_ts") or after.get("thread_ts") or ts),
        team=_text(body.get("team_id")),
    )
    return Arrival(done, event_id=str(body["event_id"]))


def _is_edit(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a person changed the text soon after writing it."""
    edited = (after.get("edited") or {}).get("ts")
    soon = edited is not None and float(edited) - float(after["ts"]) <= EDIT_S
    return soon and bool(after.get("text")) and before.get("text") != after["text"]


def _is_first_mention(event: Mapping[str, Any], me: str) -> bool:
    """Whether an edit in a channel brings us into a message that had not asked us: then it asks now."""
    texts = [str((event.get(name) or {}).get("text") or "") for name in ("previous_message", "message")]
    return not _is_direct(event) and [f"<@{me}" in text for text in texts] == [False, True]


def _is_direct(event: Mapping[str, Any]) -> bool:
    return event.get("channel_type") == "im" or str(event.get("channel", "")).startswith("D")


def _by_a_person(event: Mapping[str, Any], me: str) -> bool:
    user = event.get("user")
    return (
        bool(user)
        and user not in (me, SLACKBOT)
        and not event.get("bot_id")
        and not event.get("bot_profile")
        and event.get("subtype") in SUBTYPES
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
