"""Messages of bots that post alerts: each is answered once, in its thread, with the runbook that fits.

Only bots that the settings name are heard, and nothing that stands in a thread: so no bot, and not we either, is ever
answered for an answer. An edit of such a message, as when its alert is resolved, says nothing new.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.journal.inbox import Arrival, Event, Taken
from bot.slack.cards import fallback
from bot.slack.markdown import clean, inert
from bot.slack.mentions import html_unescaped
from bot.slack.readers import Readers
from bot.slack.rules import Rules
from bot.slack.storycards import hint_blocks
from bot.types import Hint
from bot.watch.once import Once
from bot.watch.telling import Recall
from ingest.redact import Redact
from ingest.types import NOBODY

ALERT: Final = "alert"
"""The kind of event of an alert that a bot posted: written down as all events are, and looked up in its turn."""

SUBTYPES: Final = frozenset({None, "bot_message"})
"""New messages of bots: https://docs.slack.dev/reference/events/message/bot_message. Edits have another one."""

MOST_TEXT: Final = 4_000
"""Characters of a message that are looked at."""

MOST_DEPTH: Final = 8
"""Levels of blocks within blocks that are looked at; Slack's own have five."""

_SAID = ("pretext", "title", "text", "value", "elements", "fields", "blocks", "attachments", "rows", "header", "body")
"""Fields of messages, attachments and blocks that hold what people read."""

_LINK = re.compile(r"<(?:https?://|mailto:)[^|>]*(?:\|([^>]*))?>")
_NAMED = re.compile(r"<[@#!][^|>]*(?:\|([^>]*))?>")
_OVER = re.compile(r"^(?::[\w+-]+:|\W)*(?:resolved|recovered|ok|closed|back to normal)\b", re.IGNORECASE)
"""How Alertmanager, Grafana, Datadog, Opsgenie and CloudWatch begin when something is over."""


@dataclass(frozen=True, slots=True)
class Alerted:
    """Whose alerts are answered, by bot ids, and with what."""

    bots: frozenset[str]
    hints: Recall
    once: Once


class AlertBots:
    """Hears what alert bots post. `wake` hears of the channel in which something waits then."""

    def __init__(
        self,
        alerted: Alerted,
        readers: Readers,
        rules: Rules,
        *,
        me: str,
        wake: Callable[[Collection[str]], None],
        redact: Redact,
    ) -> None:
        """`me` is our own bot id, which is never heard."""
        self._alerted = alerted
        self._readers = readers
        self._rules = rules
        self._me = me
        self._wake = wake
        self._redact = redact
        self._one_by_one = asyncio.Lock()

    def posted(self, event: Mapping[str, Any]) -> bool:
        """Return whether an event is a message of an alert bot."""
        return event.get("type") == "message" and event.get("bot_id") in self._alerted.bots - {self._me}

    def arrival(self, body: Mapping[str, Any]) -> Arrival | None:
        """Return the alert in the body of a bot's message, None where nothing is to be said of it."""
        event = body["event"]
        text = self._redact(said_in(event))
        if not self._is_ours(event) or not text or any(_OVER.match(line) for line in text.split("\n")[:2]):
            return None
        channel, ts = str(event["channel"]), str(event["ts"])
        alert = Event(ALERT, str(event["bot_id"]), channel, text, ts, ts)
        return Arrival(alert, event_id=str(body["event_id"]), gesture=f"{channel}:{ts}")

    async def answered(self, taken: Taken) -> str:
        """Say what may fit an alert, unless that was said of one like it, and return the outcome in a word."""
        event = taken.event
        async with self._one_by_one:  # a flood of the same is looked up once
            is_told = await self._answer(event.channel, event.thread or "", event.text)
        return "told" if is_told else "passed over"

    def _is_ours(self, event: Mapping[str, Any]) -> bool:
        channel = str(event.get("channel", ""))
        is_root = event.get("thread_ts") in (None, event.get("ts"))
        listed = not self._rules.channels or channel in self._rules.channels
        return is_root and listed and event.get("subtype") in SUBTYPES and bool(event.get("ts"))

    async def _answer(self, channel: str, thread: str, text: str) -> bool:
        if await self._alerted.once.said(channel, text):
            return False
        readers = await self._readers.of(channel)
        if readers == NOBODY:
            return False
        runbook, similar = await self._alerted.hints.on(text, (), readers)
        if not (runbook or similar):
            return False
        is_new = await self._alerted.once.say(channel, thread, text, content(runbook, similar))
        self._wake([channel])
        return is_new


def said_in(event: Mapping[str, Any]) -> str:
    """Return what people read in a message, line by line, each once; links by their labels alone. Pure."""
    lines = dict.fromkeys(line for text in _texts(event, 0) for line in _plain(text).split("\n"))
    return "\n".join(line for line in lines if line)[:MOST_TEXT]


def content(runbook: Hint | None, similar: Sequence[Hint]) -> Mapping[str, Any]:
    """Return the message with what may fit. Pure."""
    named = [hint.title for hint in (runbook, *similar) if hint is not None]
    return {"text": fallback(inert(f"May fit: {', '.join(named)}")), "blocks": hint_blocks(runbook, similar)}


def _texts(part: object, depth: int) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif depth < MOST_DEPTH and isinstance(part, list):
        for each in part:
            yield from _texts(each, depth + 1)
    elif depth < MOST_DEPTH and isinstance(part, Mapping):
        for name in _SAID:
            yield from _texts(part.get(name), depth + (name != "text"))


def _plain(text: str) -> str:
    without = _NAMED.sub(lambda found: found[1] or "", _LINK.sub(lambda found: found[1] or "", text[:MOST_TEXT]))
    return "\n".join(
        " ".join(line.strip().lstrip("> ").strip("*_~`").split()) for line in clean(html_unescaped(without)).split("\n")
    )
