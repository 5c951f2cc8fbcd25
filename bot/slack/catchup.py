"""Catch me up: what a thread or a channel comes to, each line linked to its message. Reads Slack, keeps nothing.

What people wrote is shown as literal text of Slack's rich text, in which nothing is a mention or a link; the links are
made here, from ids.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from bot.answer.catchup import SECTIONS, Line, Message, Section, catch_up
from bot.errors import BotError, SlackRefused
from bot.journal.inbox import Event
from bot.slack import cards
from bot.slack.calls import Away, Busy, Calls, Unsure
from bot.slack.cards import Block
from bot.slack.mentions import CATCH_UP
from bot.slack.people import People
from bot.slack.readers import Readers
from bot.slack.rules import Doorkeeper
from bot.slack.talk import BACK_S, MOST_MESSAGES, Talk, Talks
from bot.types import AnswerEvent, Done, Outcome, Question, Status, Text
from ingest.redact import Redact, redact
from ingest.types import Clock

log = structlog.get_logger(__name__)

CHANNEL = re.compile(r"<#([CG][A-Z0-9]+)(?:\|[^>]*)?>")
NAMED = re.compile(r"(?<!\S)#\w")
CODE = re.compile(r"`([^`\n]+)`")

HEADINGS: Mapping[Section, str] = {
    "happened": "What happened",
    "tried": "What was tried",
    "people": "Who is on it",
    "open": "Open",
}

NO_HISTORY = (
    "**I cannot read what was said:** my app lacks the history permissions (`channels:history`, `groups:history`). "
    "Ask an admin to install it again from deploy/slack-manifest.json; the minimal manifest leaves them out."
)
WHICH = (
    "**Name a channel:** write `catch me up on #incidents` in a direct message to me, with a channel that you and I "
    "are in, or mention me in its thread."
)
NOT_THERE = "Slack does not show me that you are in {channel}: join it, or mention me in one of its threads."


@dataclass(frozen=True, slots=True)
class Below:
    """Blocks that belong below an answer's text; made by code alone, so nothing in them is made inert again."""

    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Told:
    """The lines of a catch-up, and the model that chose them; None for the rules."""

    lines: Sequence[Line]
    model: str | None = None


class Summary(Protocol):
    """Chooses and shortens lines with a model; see `bot.answer.summary`."""

    async def lines(self, question: Question, messages: Sequence[Message]) -> tuple[Sequence[Line], str] | None:
        """Return checked lines and the model's name, None where the rules should choose instead."""
        ...


def about(event: Event) -> tuple[str, str | None]:
    """Return which channel to sum up, and which thread of it; an empty channel where it was named in vain."""
    named = CHANNEL.search(event.text)
    if named is not None:
        return named[1], None
    if event.response_url is not None and NAMED.search(event.text):
        return "", None  # Slack does not say which channel a command's words mean
    return event.channel, event.thread if event.thread != event.ts else None


def aloud(event: Event) -> bool:
    """Whether a catch-up is answered where it was asked, instead of for the asker alone."""
    return event.response_url is None and (event.channel.startswith("D") or about(event)[1] is not None)


def permalink(home: str, channel: str, ts: str, root: str | None = None) -> str:
    """Return the address of a message as Slack makes it; `home` is the workspace's own, with a slash at its end."""
    link = f"{home}archives/{channel}/p{ts.replace('.', '')}"
    return link if root in (None, ts) else f"{link}?thread_ts={root}&cid={channel}"


class CatchUp:
    """Answers `catch me up`. The question's `channel` and `thread` are what is to be summed up; see `about`."""

    def __init__(
        self,
        calls: Calls,
        talks: Talks,
        people: People,
        readers: Readers,
        door: Doorkeeper,
        *,
        home: str,
        summary: Summary | None,
        clock: Clock,
        redact: Redact = redact,
    ) -> None:
        """`home` is the workspace's address; without one, Slack is asked for each link."""
        self._calls = calls
        self._talks = talks
        self._people = people
        self._readers = readers
        self._door = door
        self._home = home
        self._summary = summary
        self._clock = clock
        self._redact = redact

    async def tell(self, question: Question) -> AsyncIterator[AnswerEvent | Below]:
        """Yield the title, the lines as blocks, one Done last. Nothing is written down: it is what others said."""
        started = self._clock()
        yield Status("reading what was said")
        outcome: Outcome = "answered"
        try:
            title, below, model = await self._told(question)
            yield Text(title + "\n")
            yield Below(below)
        except _Unable as unable:
            outcome, title, model = unable.outcome, str(unable), None
            yield Text(title + "\n")
        reason = None if outcome == "answered" else title
        yield Done(outcome, reason, question.id, (), model, round(self._clock() - started, 3), 0, 0, 0.0)

    async def _told(self, question: Question) -> tuple[str, Sequence[Block], str | None]:
        """Return the title, the blocks below it, and the model. Raises _Unable."""
        channel = question.channel or ""
        if (refusal := await self._refusal(question)) is not None:
            raise _Unable(refusal)
        try:
            talk = await self._read(channel, question)
        except SlackRefused as refused:
            raise _Unable(NO_HISTORY if refused.code == "missing_scope" else str(refused)) from refused
        where = "this thread" if question.thread is not None else await self._people.channel(channel)
        zone = await self._zone(question.asker)
        if not talk.messages:
            raise _Unable(f"**Nothing new:** {_nothing(talk, where)}", "not_found")
        told = await self._lines(question, talk)
        title = f"**{_title(talk, where)}:** {_extent(talk, zone)}"
        if not told.lines:
            raise _Unable(f"{title} Nothing in it stands out: no alert, no cause, nothing tried.", "not_found")
        links = [await self._link(channel, line.ts, talk.roots.get(line.ts)) for line in told.lines]
        blocks = [lines_block(told.lines, links, zone), *(cards.small(note) for note in _notes(talk, zone))]
        return title, [*blocks, cards.small(_by(told.model))], told.model

    async def _refusal(self, question: Question) -> str | None:
        channel = question.channel or ""
        if not channel or (channel.startswith("D") and question.thread is None):
            return WHICH
        alone = Event(CATCH_UP, question.asker, channel, response_url="")
        destination = await self._door.admit(alone)
        if isinstance(destination, str):
            return destination
        if question.thread is None and not await self._readers.has(channel, question.asker):
            return NOT_THERE.format(channel=await self._people.channel(channel))
        return None

    async def _read(self, channel: str, question: Question) -> Talk:
        if question.thread is not None:
            return await self._talks.thread(channel, question.thread)
        return await self._talks.channel(channel, question.asker)

    async def _lines(self, question: Question, talk: Talk) -> Told:
        # In a thread: two thousand messages would hold up everybody else for longer than 100 ms.
        messages = await asyncio.to_thread(_redacted, talk.messages, self._redact)
        if self._summary is not None and (chosen := await self._summary.lines(question, messages)) is not None:
            return Told(*chosen)
        return Told(await asyncio.to_thread(catch_up, messages))

    async def _zone(self, user: str) -> tzinfo:
        """Return a person's timezone, UTC where it is not known."""
        try:
            found = (await self._calls.call("users.info", user=user))["user"]
            return ZoneInfo(str(found.get("tz") or "UTC"))
        except (SlackRefused, Away, Busy, Unsure, ZoneInfoNotFoundError, ValueError, OSError):
            return UTC

    async def _link(self, channel: str, ts: str, root: str | None) -> str | None:
        if self._home:
            return permalink(self._home, channel, ts, root)
        try:
            return str((await self._calls.call("chat.getPermalink", channel=channel, message_ts=ts))["permalink"])
        except (SlackRefused, Away, Busy, Unsure) as error:
            log.info("slack.no_permalink", channel=channel, why=getattr(error, "code", type(error).__name__))
            return None


class _Unable(BotError):
    """There is nothing to tell; `str()` of it is why, Markdown."""

    def __init__(self, words: str, outcome: Outcome = "failed") -> None:
        super().__init__(words)
        self.outcome = outcome


def lines_block(lines: Sequence[Line], links: Sequence[str | None], zone: tzinfo) -> Block:
    """Return the lines by section, each beginning with its time, which leads to the message."""
    days = {_local(line.ts, zone).date() for line in lines}
    form = "%H:%M" if len(days) == 1 else "%-d %b %H:%M"
    parts: list[Block] = []
    for section in SECTIONS:
        items = [
            _item(line, link, zone, form) for line, link in zip(lines, links, strict=True) if line.section == section
        ]
        if items:
            heading = {"type": "text", "text": HEADINGS[section], "style": {"bold": True}}
            parts.append({"type": "rich_text_section", "elements": [heading]})
            parts.append({"type": "rich_text_list", "style": "bullet", "elements": items})
    return {"type": "rich_text", "elements": parts}


def _item(line: Line, link: str | None, zone: tzinfo, form: str) -> Block:
    at = _local(line.ts, zone).strftime(form)
    time = {"type": "text", "text": at} if link is None else {"type": "link", "url": link, "text": at}
    author = {"type": "text", "text": f" {line.author}: "}
    return {"type": "rich_text_section", "elements": [time, author, *_inline(line.text)]}


def _inline(text: str) -> list[Block]:
    """Return text with its code spans as code; rich text reads nothing else out of it."""
    parts = CODE.split(text)
    styles: list[Block] = [{}, {"style": {"code": True}}]
    return [{"type": "text", "text": part, **styles[index % 2]} for index, part in enumerate(parts) if part]


def _redacted(messages: Sequence[Message], redact: Redact) -> list[Message]:
    return [replace(message, text=redact(message.text)) for message in messages]


def _title(talk: Talk, where: str) -> str:
    words = {
        "thread": f"Catch-up on {where}",
        "wrote": f"Catch-up on {where} since you last wrote there",
        "days": f"Catch-up on {where}, the last {BACK_S / 86_400:.0f} days",
        "most": f"Catch-up on {where}, the newest {MOST_MESSAGES} messages",
    }
    return words[talk.start]


def _extent(talk: Talk, zone: tzinfo) -> str:
    """Return how much was read, and of when."""
    count = len(talk.messages)
    first, last = float(talk.messages[0].ts), float(talk.messages[-1].ts)
    return f"{count:,} message{'s' * (count != 1)}, {_span((first, last), zone)} ({_name(zone)})."


def _notes(talk: Talk, zone: tzinfo) -> list[str]:
    """Return what was cut, in words."""
    notes = []
    if talk.read < talk.total:
        spans = ", and ".join(_span(span, zone) for span in talk.spans)
        left = talk.total - talk.read
        notes.append(f"I read {talk.read:,} of {talk.total:,} messages: {spans}. The other {left:,} are left out.")
    if talk.start == "most":
        notes.append("You last wrote before these; what is older is left out.")
    if talk.unread:
        notes.append(f"{talk.unread} of the threads in it I did not read to the end.")
    return notes


def _nothing(talk: Talk, where: str) -> str:
    since = {"wrote": " since you did", "days": f" in the last {BACK_S / 86_400:.0f} days"}.get(talk.start, "")
    return f"nobody wrote in {where}{since}."


def _by(model: str | None) -> str:
    if model is None:
        return "picked by rules, without a model; the words are those of their authors"
    return f"picked and shortened by {model}; each line was checked against its message"


def _span(span: tuple[float, float], zone: tzinfo) -> str:
    first, last = (datetime.fromtimestamp(at, zone) for at in span)
    end = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%-d %B %H:%M}"
    return f"{first:%-d %B %H:%M} to {end}"


def _local(ts: str, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(float(ts), zone)


def _name(zone: tzinfo) -> str:
    return str(zone)
