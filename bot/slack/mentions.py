"""Mentions and direct messages: Slack's events to what a person asked. Pure."""

import html
import re
from collections.abc import Mapping
from typing import Any

from bot.journal.inbox import Arrival, Event

SUBTYPES = frozenset({None, "file_share", "thread_broadcast", "me_message"})
"""Messages that people write; all other subtypes are edits, deletions, joins and the like."""

SLACKBOT = "USLACKBOT"


def arrival(body: Mapping[str, Any], me: str) -> Arrival | None:
    """Return the question in an Events API body, None if nobody asks us (`me`, our user id) anything.

    Bots, edits and deletions are nobody. A mention in a channel arrives twice, as `app_mention` and as `message`:
    both have the same gesture. https://docs.slack.dev/reference/events/app_mention
    """
    event = body.get("event", {})
    if event.get("type") not in ("app_mention", "message") or not _by_a_person(event, me):
        return None
    channel, ts = str(event["channel"]), str(event["ts"])
    said = str(event.get("text") or "")
    direct = event.get("channel_type") == "im" or channel.startswith("D")
    if not direct and f"<@{me}" not in said:
        return None
    text = question(said, me)
    asked = Event(
        kind="question" if text else "hint",
        user=str(event["user"]),
        channel=channel,
        text=text,
        ts=ts,
        thread=str(event.get("thread_ts") or ts),
        team=_text(body.get("team_id")),
    )
    known_as = _text(event.get("client_msg_id"))
    return Arrival(asked, event_id=str(body["event_id"]), gesture=f"{channel}:{ts}", client_msg_id=known_as)


def question(text: str, me: str) -> str:
    """Return what was asked: our mention removed, Slack's escapes undone once, other ids left as they are."""
    return html_unescaped(re.sub(rf"<@{re.escape(me)}(?:\|[^>]*)?>[:,]?", " ", text)).strip()


def html_unescaped(text: str) -> str:
    """Return text as typed: Slack escapes `&`, `<` and `>` alone, so other entities are the person's own."""
    return re.sub(r"&(?:amp|lt|gt);", lambda found: html.unescape(found[0]), text)


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
