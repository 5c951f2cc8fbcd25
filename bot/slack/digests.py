"""The daily digest as Slack's messages, `/copilot digest`, and what owners decide of detectors.

All of a digest goes into plain and rich text alone, where Slack looks for no mention, link, markup or emoji: headlines,
questions and titles are anybody's text. https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from bot import limits
from bot.errors import Misused
from bot.journal.inbox import Event, Taken
from bot.journal.outbox import Intent
from bot.slack.cards import Block, bold, button, fallback, piece, plain, plain_section, rich, rich_line, small
from bot.slack.catchup import Below
from bot.slack.channelform import Preferences
from bot.slack.markdown import inert, one_line, short
from bot.slack.readers import Readers
from bot.slack.rules import Doorkeeper
from bot.slack.sender import PLAINER
from bot.slack.stream import Pen
from bot.types import AnswerEvent, Done, Question, Text
from bot.watch.detectors import Choice, refusal
from bot.watch.digest import Bars, Digest, Need, Section, detector_words, line_of, off_words, text_of
from bot.watch.facts import Off
from ingest.types import Clock

DETECTOR = "detector"
"""Beginning of the `action_id` of a detector's button: `detector:CHOICE:NUMBER`; the value is `KIND:SERVICE`."""

PREVIEW = "preview"
"""The word after `/copilot digest` that shows today so far."""

CHOICES: Mapping[Choice, str] = {"shadow": "Move to shadow", "keep": "Keep", "back": "Back on"}
"""The label of each choice."""

LINE, BLIND, COUNTS, BRIEF = 300, 6, 1_000, 2_500
"""Characters of a line, sentences on what was not seen, characters of the counts and of a digest in one line: a digest
that has the most of everything stays within a message. What it is made of is cut earlier (bot.watch.digest)."""

OFFS = 5
"""Detectors with a button to put them back; the others are told in the home tab."""

PAGE_TEXT, PAGE_SECTIONS = 9_000, 40
"""Characters and sections of one message in the thread: below what a message takes, marks and all
(bot.limits.MESSAGE_BLOCKS_TEXT, MESSAGE_BLOCKS)."""

PAGES = 3
"""Messages in the thread; what is more would be read by nobody."""

UNPOSTED_DIGEST = (
    "I could not post the digest in <#{channel}> ({code}): type `/invite @copilot` there, or turn it off with "
    "`/copilot settings`."
)
IN_CHANNELS = "Type `/copilot digest` in the channel whose digest you want to see."
UNWATCHED = "Nothing is watched here, so there is no digest: no log source is set in copilot.toml."


class Digests(Protocol):
    """Who makes digests; see `bot.watch.digests`."""

    async def yesterday(self, channel: str | None, now: float) -> Digest:
        """Return the digest of the last day that is over."""
        ...

    async def today(self, channel: str | None, now: float) -> Digest:
        """Return what there would be to tell of today so far."""
        ...


class Detectors(Protocol):
    """What becomes of a decision; see `bot.watch.detectors`."""

    async def decide(self, choice: Choice, kind: str, service: str, person: str, at: float) -> str:
        """Do as decided; return it in a sentence. Raises Misused."""
        ...

    async def off(self) -> Sequence[Off]:
        """Return the detectors that are in shadow."""
        ...


@dataclass(frozen=True, slots=True)
class Daily:
    """What stands behind the digest, the settings of channels and the switches of detectors.

    `owners` returns the ids of the people and groups that may decide of a service's detectors; `admins` are those who
    may change a channel's settings, nobody meaning every full member. Stories go to the channels `watched`.
    """

    digests: Digests
    detectors: Detectors
    preferences: Preferences
    owners: Callable[[str], frozenset[str]]
    admins: frozenset[str] = frozenset()
    watched: frozenset[str] = frozenset()


# Messages


def messages(digest: Digest) -> list[dict[str, Any]]:
    """Return a digest as messages: the first for the channel, the others, with its detail, for its thread."""
    root = {"text": fallback(_summary(digest)), "blocks": digest_blocks(digest)}
    if digest.chart is not None:
        root[PLAINER] = digest_blocks(digest, chart=False)
    return [root, *(_page(sections) for sections in _pages(digest.sections)[:PAGES])]


def digest_blocks(digest: Digest, *, chart: bool = True) -> list[Block]:
    """Return the message in the channel: what needs somebody first, then the chart and the counts."""
    if digest.brief:
        said = short(one_line(line_of(digest)), BRIEF)
        return [rich([rich_line([bold(_line(digest.title)), piece(f": {said}")])])]
    blocks: list[Block] = [{"type": "header", "text": plain(short(digest.title, limits.HEADER_TEXT))}]
    blocks.append(small(_line(" · ".join(filter(None, [digest.span, digest.late])))))
    if digest.blind:
        blocks.append(plain_section("\n".join(_some(digest.blind, BLIND))))
    blocks += _needs(digest.needs)
    if digest.chart is not None and chart:
        blocks.append(bars_block(digest.chart))
    blocks.append(plain_section(short(one_line(digest.counts), COUNTS)))
    blocks += off_blocks(digest.off)
    below = [digest.following, "Detail in the thread." if digest.sections else ""]
    if any(below):
        blocks.append(small(_line(" · ".join(filter(None, below)))))
    return blocks


def off_blocks(off: Sequence[Off]) -> list[Block]:
    """Return the detectors that are in shadow, each with its way back."""
    shown = [
        plain_section(_line(off_words(each)))
        | {"accessory": _choice("back", number, each.kind, each.service, "Put it back?")}
        for number, each in enumerate(off[:OFFS])
    ]
    more = len(off) - OFFS
    return [*shown, small(f"and {more} more detectors that are off")] if more > 0 else shown


def bars_block(bars: Bars) -> Block:
    """Return a chart of bars: https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block."""
    labels = [short(label, limits.CHART_LABEL) for label in bars.labels[: limits.CHART_CATEGORIES]]
    series = [
        {
            "name": short(name, limits.CHART_LABEL),
            "data": [{"label": label, "value": count} for label, count in zip(labels, counts, strict=False)],
        }
        for name, counts in bars.series[: limits.CHART_SERIES]
    ]
    return {
        "type": "data_visualization",
        "title": short(bars.title, limits.CHART_TITLE),
        "chart": {"type": "bar", "series": series, "axis_config": {"categories": labels}},
    }


def _needs(needs: Sequence[Need]) -> list[Block]:
    if not needs:
        return []
    items = [rich_line([piece(_line(need.words))]) for need in needs]
    told = [rich_line([bold("Needs you")]), {"type": "rich_text_list", "style": "ordered", "elements": items}]
    blocks = [rich(told)]
    for number, need in enumerate(needs):
        if need.detector is not None:
            kind, service = need.detector
            sure = "It finds stories on, and posts none until it is put back."
            buttons = [_choice("shadow", number, kind, service, sure), _choice("keep", number, kind, service)]
            blocks += [small(_line(detector_words(kind, service))), {"type": "actions", "elements": buttons}]
    return blocks


def _choice(choice: Choice, number: int, kind: str, service: str, sure: str = "") -> Block:
    made = button(CHOICES[choice], f"{DETECTOR}:{choice}:{number}", f"{kind}:{service}")
    if not sure:
        return made
    confirm = {"title": plain(CHOICES[choice]), "text": plain(sure), "confirm": plain("Yes"), "deny": plain("No")}
    return made | {"confirm": confirm}


def _pages(sections: Sequence[Section]) -> list[list[Section]]:
    """Return the sections by message: as many as fit into each."""
    pages: list[list[Section]] = []
    size = 0
    for section in sections:
        own = len(section.title) + sum(min(len(each), LINE) for each in section.lines)
        if not pages or size + own > PAGE_TEXT or len(pages[-1]) >= PAGE_SECTIONS:
            pages.append([])
            size = 0
        pages[-1].append(section)
        size += own
    return pages


def _page(sections: Sequence[Section]) -> dict[str, Any]:
    blocks = [rich([rich_line([bold(_line(each.title))]), _list(each.lines)]) for each in sections]
    titles = ", ".join(each.title for each in sections)
    return {"text": fallback(inert(f"Detail: {titles}")), "blocks": blocks}


def _list(lines: Sequence[str]) -> Block:
    items = [rich_line([piece(_line(each))]) for each in lines]
    return {"type": "rich_text_list", "style": "bullet", "elements": items}


def _summary(digest: Digest) -> str:
    """Return a digest as the text of a message, for notifications: what needs somebody, and the counts."""
    if digest.brief:
        return inert(text_of(digest))
    needs = [f"{number}. {need.words}" for number, need in enumerate(digest.needs, 1)]
    return inert("\n".join(filter(None, [digest.title, digest.late, *digest.blind, *needs, digest.counts])))


def _some(lines: Sequence[str], most: int) -> list[str]:
    more = len(lines) - most
    return [*map(_line, lines[:most]), *([f"and {more:,} more"] if more > 0 else [])]


def _line(text: str) -> str:
    return short(one_line(text), LINE) or "-"


# What people do


def decision(user: str, channel: str, action: str, value: str, thread: str | None) -> Event | None:
    """Return a press on a detector's button: `text` is the choice, `about` is `KIND:SERVICE`."""
    choice = action.split(":")[1] if ":" in action else ""
    if choice not in CHOICES or ":" not in value:
        return None
    return Event(DETECTOR, user, channel, choice, thread=thread, about=value)


class DigestDesk:
    """Shows digests to those who ask, and takes what owners decide of detectors."""

    def __init__(
        self,
        daily: Daily,
        pen: Pen,
        *,
        door: Doorkeeper,
        readers: Readers,
        home: Callable[[str], Awaitable[None]],
        clock: Clock,
    ) -> None:
        """`home` shows a person's home tab anew."""
        self._daily = daily
        self._pen = pen
        self._door = door
        self._readers = readers
        self._home = home
        self._clock = clock

    async def show(self, question: Question) -> AsyncIterator[AnswerEvent | Below]:
        """Yield a channel's digest for the person who asks there: yesterday's, or today so far; one Done last."""
        channel = question.channel or ""
        if channel.startswith("D") or not channel:
            yield Text(f"{IN_CHANNELS}\n")
        else:
            of_today = question.text.strip().lower() == PREVIEW
            make = self._daily.digests.today if of_today else self._daily.digests.yesterday
            digest = await make(channel, self._clock())
            yield Text(f"{'Today so far' if of_today else 'The last whole day'}, for you alone:\n")
            room = limits.MESSAGE_BLOCKS - 2
            detail = [block for each in messages(digest)[1:2] for block in each["blocks"]]
            yield Below([*digest_blocks(digest), *detail][:room])
        yield Done.of_ourselves(question.id)

    async def decided(self, taken: Taken) -> str:
        """Bring a decision about a detector to its end and return its outcome in a word."""
        event = taken.event
        kind, _, service = (event.about or "").partition(":")
        try:
            await self._admit(event.user, service)
            choice = cast("Choice", event.text)
            words, outcome = await self._daily.detectors.decide(choice, kind, service, event.user, taken.at), "decided"
        except Misused as misused:
            words, outcome = str(misused), "refused"
        said = {"text": fallback(inert(words))}
        if event.channel:
            whisper = said | {"user": event.user}
            intent = Intent(
                f"decided:{taken.id}", "ephemeral", event.channel, event.thread, None, whisper, repeat=False
            )
        else:
            intent = Intent(f"decided:{taken.id}", "post", event.user, payload=said, repeat=False)
        await self._pen.outbox.add(intent)
        self._pen.sender.wake(intent.channel)
        if not event.channel:
            await self._home(event.user)
        return outcome

    async def _admit(self, person: str, service: str) -> None:
        """Raise Misused unless this person may decide of a service's detectors."""
        if (stranger := await self._door.stranger(person)) is not None:
            raise Misused(stranger)
        owners = self._daily.owners(service)
        groups = [each for each in owners if each.startswith("S") and await self._readers.belongs(each, person)]
        if (no := refusal([person, *groups], owners)) is not None:
            raise Misused(no)


async def undigested(question: Question) -> AsyncIterator[AnswerEvent]:
    """Yield that there is no digest."""
    yield Text(f"{UNWATCHED}\n")
    yield Done.of_ourselves(question.id)
