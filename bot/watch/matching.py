"""Which card tells which story: one card a fingerprint, which grows, recovers and comes back. Posts nothing.

Every method works in the caller's transaction, into which the stories have been written already.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.types import Severity, worst
from bot.watch.board import Board, Row, card_stories_table, cards_table
from bot.watch.figures import clock
from bot.watch.names import stream_of
from bot.watch.placing import SHOWN, Placer
from bot.watch.preferences import Preference
from bot.watch.routing import UNREAD, fingerprint_of, service_name
from bot.watch.storycard import QUIET_S
from ingest.anomalies.report import Report
from ingest.anomalies.store import stories_table
from ingest.database import Database

T = TypeVar("T")

SAME_S = 86_400.0
"""What comes again within a day after it recovered is told by the card that is there."""

MOST_KEYS = 500
"""Keys in one statement: far below what SQLite (32,766) and Postgres (32,767 with asyncpg) take."""

MOST_SERVICE = 200
"""Characters of a service's name, as the board's column has it."""

OVER = "it was over before it could be told"


@dataclass(frozen=True, slots=True)
class Standing:
    """How the stories of a card are together: the worst severity of those that go on, and when the last one ended.

    Where all are over, the severity is that of the last one: an earlier one is not what recovers.
    """

    severity: Severity
    ended: float | None


class Matching:
    """Brings the stories of a scan to the cards that tell them."""

    def __init__(self, database: Database, board: Board, placer: Placer) -> None:
        self._database = database
        self._board = board
        self._placer = placer

    async def tell(
        self,
        connection: AsyncConnection,
        wishes: Mapping[str, Preference],
        stream: str,
        reports: Sequence[Report],
        *,
        now: float,
        unread: bool,
    ) -> frozenset[str]:
        """Bring stories to the board, each as it stands now; return the channels for which something waits then.

        `unread` says that their source is behind: then nobody knows yet whether they go on.
        """
        waiting = [] if unread else await self._waiting(connection, stream)
        if not reports and not waiting:
            return frozenset()
        old, new = await self._matched(connection, stream, reports, now)
        standings = await self._standings(connection, [row.key for row in (*old, *new)])
        changed = [await self._changed(connection, row, standings[row.key], now) for row in old]
        await self._placer.end_groups(connection, [row.inside for row in changed if row.inside])
        fresh = [replace(row, severity=standings[row.key].severity) for row in new]
        over = [
            replace(row, ended=standings[row.key].ended, why=OVER)
            for row in fresh
            if standings[row.key].ended is not None
        ]
        await self._placer.add(connection, over)
        going = [row for row in fresh if standings[row.key].ended is None]
        again = {row.key: row for row in (*waiting, *changed) if row.place not in SHOWN and row.ended is None}
        woken = await self._placer.place(connection, wishes, going, list(again.values()), unread=unread)
        await self._placer.mention(connection, changed)
        return woken | {row.channel for row in changed if row.channel and row.place in SHOWN}

    async def _waiting(self, connection: AsyncConnection, stream: str) -> list[Row]:
        """Return the cards that wait for their source to be read to its end."""
        table = cards_table.c
        held = (table.place == "held") & table.held_until.is_(None) & table.ended.is_(None) & (table.why == UNREAD)
        rows = await self._board.find(connection, held, table.key.startswith(f"story:{stream}:", autoescape=True))
        return [row for row in rows if stream_of(row.key) == stream]  # SQLite's LIKE takes A for a

    async def _matched(
        self, connection: AsyncConnection, stream: str, reports: Sequence[Report], now: float
    ) -> tuple[list[Row], list[Row]]:
        """Return the cards on the board that these stories are told by, and new ones for the others."""
        told = await self._told(connection, stream, [report.id for report in reports])
        made = {report.id: self._row(report) for report in reports if report.id not in told}
        known = await self._known(connection, {row.fingerprint for row in made.values()}, now)
        new: dict[str, Row] = {}
        for number, row in made.items():
            card = known.get(row.fingerprint) or new.setdefault(row.fingerprint, row)
            told[number] = card.key
        stories = [{"stream": stream, "id": number, "card": told[number]} for number in made]
        if stories:
            await connection.execute(self._database.insert(card_stories_table).on_conflict_do_nothing(), stories)
        keys = {told[report.id] for report in reports} - {row.key for row in new.values()}
        old = [row async for row in self._found(connection, keys)]
        return old, list(new.values())

    def _row(self, report: Report) -> Row:
        """Return a new card for a story, not placed yet."""
        names = (*report.services, *report.hosts)
        service, _ = service_name(self._placer.rules.catalogue, names, report.stream)
        service = service[:MOST_SERVICE]
        where = report.template or "\n".join(report.hosts[:1])  # without a template, it is about a place
        return Row(
            key=f"story:{report.stream}:{report.id}",
            kind="story",
            fingerprint=fingerprint_of(report.stream, report.kind, where, service),
            channel=None,
            place="none",
            service=service,
            severity=cast("Severity", report.severity),
            opened=report.detected_at,
            detector=report.kind,
            body={"template": report.template},
        )

    async def _told(self, connection: AsyncConnection, stream: str, numbers: Sequence[int]) -> dict[int, str]:
        table, told = card_stories_table.c, dict[int, str]()
        for some in _chunks(numbers):
            wanted = select(table.id, table.card).where(table.stream == stream, table.id.in_(some))
            told |= {row.id: row.card for row in await connection.execute(wanted)}
        return told

    async def _known(self, connection: AsyncConnection, fingerprints: Iterable[str], now: float) -> dict[str, Row]:
        """Return the cards of some fingerprints that go on or were over less than a day ago, the latest of each."""
        table = cards_table.c
        lately = table.ended.is_(None) | (table.ended >= now - SAME_S)
        known: dict[str, Row] = {}
        for some in _chunks(sorted(fingerprints)):
            rows = await self._board.find(connection, table.kind == "story", table.fingerprint.in_(some), lately)
            known |= {row.fingerprint: row for row in rows}
        return known

    async def _found(self, connection: AsyncConnection, keys: Iterable[str]) -> AsyncIterator[Row]:
        for some in _chunks(sorted(keys)):
            for row in await self._board.find(connection, cards_table.c.key.in_(some)):
                yield row

    async def _standings(self, connection: AsyncConnection, cards: Sequence[str]) -> Mapping[str, Standing]:
        """Return how the stories of each card are together."""
        told, stories = card_stories_table.c, stories_table.c
        found: dict[str, list[tuple[Severity, float | None]]] = defaultdict(list)
        for some in _chunks(cards):
            wanted = (
                select(told.card, stories.severity, stories.ended)
                .join(stories_table, (stories.stream == told.stream) & (stories.id == told.id))
                .where(told.card.in_(some))
            )
            for row in await connection.execute(wanted):
                found[row.card].append((row.severity, row.ended))
        return {card: _standing(stories) for card, stories in found.items()}

    async def _changed(self, connection: AsyncConnection, row: Row, standing: Standing, now: float) -> Row:
        """Let a card say how its stories are now: it has grown, has recovered, or is back. Returns it as it is then."""
        severity = standing.severity if row.ended is not None else worst((row.severity, standing.severity))
        values: dict[str, Any] = {"severity": severity, "ended": standing.ended}
        if standing.ended is not None and row.place == "held":
            values |= {"place": "none", "why": OVER, "held_until": None}
        await self._board.change(connection, row.key, **values)
        after = replace(row, **values)
        if row.place == "root" and row.rejected is None and (row.snoozed_until or 0.0) <= now:
            await self._note(connection, row, after, now)
        return after

    async def _note(self, connection: AsyncConnection, before: Row, after: Row, now: float) -> None:
        """Say in the thread of a card that it has recovered, or that it is back."""
        zone = self._placer.zone_of(after.channel)
        if before.ended is None and after.ended is not None:
            usual = max(after.ended - QUIET_S, after.opened)
            words = f"Recovered: as usual since {clock(usual, zone, now)}."
            if after.acknowledged_at is not None:
                words += f" Acknowledged at {clock(after.acknowledged_at, zone, now)}."
            await self._board.say_below(connection, after, f"recovered-{int(after.ended)}", {"text": words})
        elif before.ended is not None and after.ended is None:
            words = f"It is back, seen at {clock(now, zone, now)}."
            await self._board.say_below(connection, after, f"back-{int(before.ended)}", {"text": words})


def _standing(stories: Sequence[tuple[Severity, float | None]]) -> Standing:
    going = [severity for severity, ended in stories if ended is None]
    if going:
        return Standing(worst(going), None)
    last = max(ended or 0.0 for _, ended in stories)
    return Standing(worst(severity for severity, ended in stories if ended == last), last)


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for begin in range(0, len(items), MOST_KEYS):
        yield items[begin : begin + MOST_KEYS]
