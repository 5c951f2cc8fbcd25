"""What people do with cards: the buttons, the list of what goes on, snoozing by name. Decides nothing by itself.

Every press may be taken again after a crash and comes to the same; it ends in a sentence for the person, or an edit.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from bot.errors import Misused
from bot.journal.inbox import Taken
from bot.journal.outbox import Intent
from bot.settings import seconds_of
from bot.slack import cards
from bot.slack.cards import Block, fallback
from bot.slack.catchup import Below
from bot.slack.markdown import Pages, inert
from bot.slack.pinboard import Called, Telling
from bot.slack.readers import Readers
from bot.slack.rules import Doorkeeper
from bot.slack.sender import UNDER
from bot.slack.storycards import Names, brief_blocks
from bot.slack.stream import Pen
from bot.types import RANKS, AnswerEvent, Brief, Done, Question, Source, Text
from bot.watch.board import Board, Row, below_intent, root_key
from bot.watch.names import stream_of
from ingest.types import EVERYONE, NOBODY, Audience, Clock

LISTED = 15
"""Cards of one list: what fits into a message, of the most characters that each may have."""

SHADOW_S = 86_400.0
"""How far back the home tab tells what shadow would have posted."""

FIRST_LOOK = "first-look"
"""Names the one first look in a card's thread."""

SPAN = re.compile(r"[1-9][0-9]{0,4}[smhd]")
"""A span of time as the settings write it."""

USUAL_SPAN = "1h"

GONE = "I no longer know this story: it is older than I keep them."
NEEDS_STORY = "`/copilot snooze` needs a story: press Snooze on its message, or `/copilot incidents` to list them."
HOW_LONG = "Say how long, such as `/copilot snooze {name} 1h`: a number and m, h or d."
NO_STORY = "No open story that you may read is called {name}: `/copilot incidents` lists them."
IN_THREAD = "The first look is in the story's thread."
NO_RUNBOOK = "No runbook that you may read fits this story: `/copilot runbook NAME` looks one up by its name."
UNWATCHED = "Nothing is watched here: no log source is set in copilot.toml."
NONE_OPEN = "**No story is open.** `/copilot status` says whether every source could be read.\n"


class Presses(Protocol):
    """What comes of a press; see `bot.watch.presses`. Each returns a sentence, or raises Misused with one."""

    async def acknowledge(self, key: str, person: str, at: float) -> str:
        """Say that somebody is at it."""
        ...

    async def snooze(self, key: str, person: str, at: float, seconds: int) -> str:
        """Let it be quiet for a while."""
        ...

    async def reject(self, key: str, person: str, at: float) -> str:
        """Say that this is no anomaly."""
        ...

    async def undo(self, rejection_id: str, person: str, at: float) -> str:
        """Take a rejection back."""
        ...

    async def first_look(self, key: str, person: str, at: float, audience: Audience | None) -> str:
        """Return what there is to see at a first look, in Markdown."""
        ...

    async def named(self, name: str) -> Row | None:
        """Return the card that people call so."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """A card in a list, with what there is to note about where it is shown."""

    row: Row
    brief: Brief
    names: Names
    note: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The first cards of a list, and how many more there are."""

    shown: Sequence[Listed] = ()
    more: int = 0


class Shelf:
    """The cards that somebody may read: those of a source are for whoever may read the source."""

    def __init__(
        self,
        board: Board,
        telling: Telling,
        called: Called,
        pen: Pen,
        audience_of: Callable[[str], Sequence[str]],
    ) -> None:
        """`audience_of` returns the labels of a source by its stream."""
        self._board = board
        self._telling = telling
        self._called = called
        self._pen = pen
        self._audience_of = audience_of

    async def open(self, audience: Audience, most: int) -> Listing:
        """Return what goes on, the worst first, then the newest; last what was called no anomaly, to be undone."""
        rows = [row for row in await self._board.open() if row.place != "shadow"]
        rows.sort(key=lambda row: (row.rejected is not None, RANKS[row.severity], -row.opened))
        return await self._listing([row for row in rows if self.admits(row, audience)], most)

    async def shadow(self, audience: Audience, most: int) -> Listing:
        """Return what would have been posted within a day but for shadow, the newest first."""
        since = self._pen.clock() - SHADOW_S
        rows = [row for row in await self._board.open(since=since) if row.place == "shadow" and row.opened >= since]
        return await self._listing([row for row in rows[::-1] if self.admits(row, audience)], most)

    def admits(self, row: Row, audience: Audience) -> bool:
        """Whether all of an audience may read a card. All stories of one card are of one stream."""
        labels = [EVERYONE] if row.kind in ("alert", "group") else [EVERYONE, self._audience_of(stream_of(row.key))]
        return all(audience.admits(each) for each in labels)

    async def _listing(self, rows: Sequence[Row], most: int) -> Listing:
        shown = rows[:most]
        pairs = list(zip(shown, await self._telling.briefs(shown), strict=True))
        listed = [
            Listed(row, brief, await self._called.names(brief.people), await self._note(row)) for row, brief in pairs
        ]
        return Listing(listed, len(rows) - len(shown))

    async def _note(self, row: Row) -> str:
        if row.place != "root":
            return row.why
        posting = await self._pen.outbox.posting(root_key(row.key))
        if posting is None or posting.state not in ("dead", "unknown"):
            return ""
        return f"Not in its channel: Slack refused it ({posting.error})." if posting.state == "dead" else ""


class Stories:
    """Takes presses, and answers the commands about stories."""

    def __init__(
        self,
        board: Board,
        telling: Telling,
        presses: Presses,
        shelf: Shelf,
        pen: Pen,
        *,
        door: Doorkeeper,
        readers: Readers,
        runbook: Callable[[Question], AsyncIterator[AnswerEvent | Below]],
        home: Callable[[str], Awaitable[None]],
        clock: Clock,
    ) -> None:
        """`runbook` looks a runbook up by its name; `home` shows a person's home tab anew."""
        self._board = board
        self._telling = telling
        self._presses = presses
        self._shelf = shelf
        self._pen = pen
        self._door = door
        self._readers = readers
        self._runbook = runbook
        self._home = home
        self._clock = clock

    async def pressed(self, taken: Taken) -> str:
        """Bring a press of a card's button to its end and return its outcome in a word."""
        press = taken.event.text.partition(" ")[0]
        try:
            said, outcome = await self._done(press, taken), "pressed"
        except Misused as misused:
            said, outcome = _said(str(misused)), "refused"
        await self._wake()
        await self._tell(taken, said, quiet=outcome == "pressed" and press not in ("investigate", "runbook"))
        return outcome

    async def incidents(self, question: Question) -> AsyncIterator[AnswerEvent | Below]:
        """Yield what goes on and its asker may read, each with its buttons, one Done last."""
        found = await self._shelf.open(question.audience or NOBODY, LISTED)
        if found.shown:
            total = len(found.shown) + found.more
            rest = f" The {LISTED} that matter most:" if found.more else ""
            yield Text(f"**{total:,} open stor{'y' if total == 1 else 'ies'}.**{rest}\n")
            yield Below(listed_blocks(found.shown))
        else:
            yield Text(NONE_OPEN)
        yield Done.of_ourselves(question.id)

    async def snooze(self, question: Question) -> AsyncIterator[AnswerEvent]:
        """Snooze the story that a person names; yield what came of it, one Done last."""
        try:
            words = await self._snoozed(question)
        except Misused as misused:
            words = str(misused)
        await self._wake()
        yield Text(f"{words}\n")
        yield Done.of_ourselves(question.id)

    async def _snoozed(self, question: Question) -> str:
        words = question.text.split()
        spans = [word for word in words if SPAN.fullmatch(word)]
        names = [word for word in words if word not in spans]
        if not names:
            raise Misused(NEEDS_STORY)
        if len(names) > 1 or len(spans) > 1:
            raise Misused(HOW_LONG.format(name=_quoted(names[0])))
        row = await self._presses.named(names[0])
        if row is None or not self._shelf.admits(row, question.audience or NOBODY):
            raise Misused(NO_STORY.format(name=_quoted(names[0])))
        seconds = seconds_of(spans[0] if spans else USUAL_SPAN)
        return await self._presses.snooze(row.key, question.asker, question.asked_at, seconds)

    async def _wake(self) -> None:
        """Let the messages be edited that what was just done has changed: a card's own, or its group's."""
        for stale in await self._board.stale():
            self._pen.sender.wake(stale.channel)

    async def _done(self, press: str, taken: Taken) -> dict[str, Any]:
        """Do what a button says; return the message for the person. Raises Misused."""
        person, at, about = taken.event.user, taken.at, taken.event.about or ""
        undone, _, key = about.partition(" ") if press == "undo" else ("", "", about)
        if (refusal := await self._door.stranger(person)) is not None:
            raise Misused(refusal)
        row = await self._board.card(key)
        if row is None:
            raise Misused(GONE)
        if press == "investigate":
            return await self._investigated(row, taken)
        if press == "runbook":
            return await self._first_steps(row, taken)
        if press == "acknowledge":
            words = await self._presses.acknowledge(row.key, person, at)
        elif press == "snooze":
            words = await self._presses.snooze(row.key, person, at, int(taken.event.text.partition(" ")[2]))
        elif press == "reject":
            words = await self._presses.reject(row.key, person, at)
        else:
            words = await self._presses.undo(undone, person, at)
        return _said(words)

    async def _investigated(self, row: Row, taken: Taken) -> dict[str, Any]:
        """Put the first look into the card's thread, once; where it has none, show it to the person."""
        root = row.inside if row.place == "group" and row.inside is not None else row.key
        posting = await self._pen.outbox.posting(root_key(root))
        threaded = posting is not None and posting.state in ("new", "sending", "sent") and row.channel is not None
        audience = await self._readers.of(row.channel or "") if threaded else await self._door.own(taken.event.user)
        if not threaded and not self._shelf.admits(row, audience):
            raise Misused(GONE)  # it was listed when the person could read its source
        look = _page(await self._presses.first_look(row.key, taken.event.user, taken.at, audience))
        if not threaded:
            return look
        intent = below_intent(row, FIRST_LOOK, look)
        await self._pen.outbox.add(replace(intent, payload={**intent.payload, UNDER: root_key(root)}))
        self._pen.sender.wake(intent.channel)
        return _said(IN_THREAD)

    async def _first_steps(self, row: Row, taken: Taken) -> dict[str, Any]:
        """Return the first steps of the runbook that fits, if the person may read it. Raises Misused."""
        event, own = taken.event, await self._door.own(taken.event.user)
        card = await self._telling.card(row.key, own)
        if card is None or card.runbook is None:
            raise Misused(NO_RUNBOOK)
        asked = Question(taken.id, card.runbook.title, event.user, taken.at, event.channel, audience=own, private=True)
        text, sources, done = "", list[Source](), None
        async for part in self._runbook(asked):
            if isinstance(part, Text):
                text += part.text
            elif isinstance(part, Source):
                sources.append(part)
            elif isinstance(part, Done):
                done = part
        if done is None or card.runbook.path not in {source.path for source in sources}:
            raise Misused(NO_RUNBOOK)
        return _page(text, cards.ending(done, cards.day(self._clock())))

    async def _tell(self, taken: Taken, said: dict[str, Any], *, quiet: bool) -> None:
        """Tell the person alone: where they pressed, or, on the home tab, there, and in a direct message the rest.

        What is `quiet` is seen on the home tab itself.
        """
        event = taken.event
        if event.channel:
            whisper = said | {"user": event.user}
            intent = Intent(f"press:{taken.id}", "ephemeral", event.channel, event.thread, None, whisper, repeat=False)
            await self._pen.outbox.add(intent)
            self._pen.sender.wake(event.channel)
            return
        if not quiet:
            await self._pen.outbox.add(Intent(f"press:{taken.id}", "post", event.user, payload=said, repeat=False))
            self._pen.sender.wake(event.user)
        await self._home(event.user)


async def unwatched(question: Question) -> AsyncIterator[AnswerEvent]:
    """Yield that nothing is watched."""
    yield Text(f"{UNWATCHED}\n")
    yield Done.of_ourselves(question.id)


def listed_blocks(found: Sequence[Listed]) -> list[Block]:
    """Return the blocks of a list of cards, two each."""
    return [
        block
        for number, each in enumerate(found, 1)
        for block in brief_blocks(number, each.brief, each.names, each.note)
    ]


def _page(text: str, blocks: Sequence[Block] = ()) -> dict[str, Any]:
    """Return Markdown from anywhere as one message."""
    pages = Pages()
    pages.add(inert(text))
    more = "\n\n_The rest does not fit here._" if len(pages.texts) > 1 else ""
    return cards.told(pages.texts[0] + more, blocks)


def _said(words: str) -> dict[str, Any]:
    return {"text": fallback(inert(words))}


def _quoted(name: str) -> str:
    """Return a word that a person typed so that it stays one."""
    return re.sub(r"[^\w.:@-]", "", name)[:80] or "that"
