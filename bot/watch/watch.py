"""From what a scan found to cards on the board and intents to post: one transaction with the scan's own. Posts nothing.

The cursor, what was learnt, the stories, their cards and the will to post them are written together or not at all, so a
death anywhere loses nothing and doubles nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

import structlog
from sqlalchemy import select
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.watch.board import Board
from bot.watch.figures import clock, lasted
from bot.watch.matching import Matching
from bot.watch.placing import Placer
from bot.watch.preferences import Preference
from bot.watch.sources import Sources
from ingest.anomalies.scan import Scan, Scanned
from ingest.anomalies.store import Moved, streams_table
from ingest.anomalies.stream import Stream
from ingest.database import Database
from ingest.types import Clock

log = structlog.get_logger(__name__)

DOWN_S = 120.0
"""A source that could not be scanned for so long, or three times in a row, is told of: a restart of Loki takes less."""

SILENT_S = 900.0
"""A source that has lines all the time is told of when it had none for so long."""

ALL_THE_TIME = 0.9
"""Share of its minutes in which such a source had lines; one that rests at night has fewer."""

KNOWN_MINUTES = 1_440
"""A source is known for a day before its silence means anything."""

LATE_S = 900.0
"""Where a scan went on by more than that, up to lines that are still so old, it read the past: whether a story of it
goes on, the next scan tells. Lines that are always so old are of a clock that goes wrong."""

OVERDUE = 3
"""Scans that may be missing before a source counts as not scanned; but never less than DOWN_S."""

LONG_S = 3_600.0
"""A scan that runs for less than an hour, such as a first one that learns days of lines, is still on its way."""

SILENCE = "It can be read, but no line came since then, where it has lines in nearly every minute otherwise."
STUCK = "The scans do not come to their end; the log of the bot says why."


@dataclass(frozen=True, slots=True)
class Beat:
    """How often a stream is scanned, in seconds, None for a cron line; and whether it is in shadow."""

    every_s: float | None = None
    shadow: bool = False

    @property
    def patience_s(self) -> float:
        """How long it may be down before that is told: DOWN_S, or three scans in a row, whatever is shorter."""
        return DOWN_S if self.every_s is None else min(DOWN_S, 2 * self.every_s)

    @property
    def overdue_s(self) -> float | None:
        """After how long without a scan it counts as not scanned; None where its schedule names no span."""
        return None if self.every_s is None else max(DOWN_S, OVERDUE * self.every_s)


@dataclass(frozen=True, slots=True)
class SourceState:
    """How a source is, in words for people."""

    name: str
    ok: bool
    words: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What the last scan of this process saw of a source. `grew_at` is when there were more lines than before.

    `unread` says that it read the past, or not all that there is.
    """

    lines: int
    clock: float
    grew_at: float
    unread: bool = False
    learning_until: float | None = None
    behind: bool = False
    flooding: bool = False
    silent: bool = False
    down: str | None = None


class Watch:
    """Scans the sources of one bot and puts what it finds on the board. `fault` counts what went wrong by its name."""

    def __init__(
        self,
        database: Database,
        board: Board,
        placer: Placer,
        scans: Mapping[str, Scan],
        beats: Mapping[str, Beat],
        *,
        clock: Clock,
        fault: Callable[[str], None],
    ) -> None:
        self._database = database
        self._board = board
        self._placer = placer
        self._matching = Matching(database, board, placer)
        self._sources = Sources(board, placer)
        self._scans = scans
        self._beats = beats
        self._clock = clock
        self._fault = fault
        self._started = clock()
        self._seen: dict[str, Seen] = {}
        self._running: dict[str, float] = {}

    async def scan(self, stream: str) -> frozenset[str]:
        """Scan a source once, and write all that comes of it in one transaction; return the channels to wake.

        Where another replica was faster, nothing is written: the next slot goes on from there.
        """
        self._running[stream] = self._clock()
        try:
            return await self._scanned(stream, self._scans[stream])
        finally:
            del self._running[stream]

    async def _scanned(self, stream: str, scan: Scan) -> frozenset[str]:
        wishes = await self._placer.wishes()
        scanned = await scan.read(self._clock())
        seen = self._saw(stream, scanned)
        try:
            async with self._database.write() as connection:
                await scan.save(connection, scanned)
                woken = await self._tell(connection, wishes, scanned, seen)
        except Moved:
            log.info("watch.moved", stream=stream)
            self._fault("scan_moved")
            return frozenset()
        before, self._seen[stream] = self._seen.get(stream), seen
        self._say(stream, scanned, before)
        return woken

    async def overdue(self, connection: AsyncConnection, wishes: Mapping[str, Preference]) -> frozenset[str]:
        """Say which sources are down, or were not scanned at all, for too long; return the channels to wake.

        What a scan would say itself is said here as well, should the next one be an hour away.
        """
        now, woken = self._clock(), frozenset[str]()
        rows = await self._rows(connection)
        for stream in self._beats:
            row = rows.get(stream)
            if row is not None and row["down_since"] is not None:
                if now - row["down_since"] >= DOWN_S:
                    since, reason = row["down_since"], row["down"]
                    woken |= await self._sources.lost(connection, wishes, stream, since=since, now=now, reason=reason)
            elif (since := self._unscanned(stream, row, now)) is not None:
                woken |= await self._sources.lost(connection, wishes, stream, since=since, now=now, reason=STUCK)
        return woken

    async def states(self) -> Sequence[SourceState]:
        """Return how each source is: when it was scanned, and what is to be known of it."""
        async with self._database.read() as connection:
            rows = await self._rows(connection)
        return [self._state(stream, beat, rows.get(stream)) for stream, beat in self._beats.items()]

    async def _tell(
        self, connection: AsyncConnection, wishes: Mapping[str, Preference], scanned: Scanned, seen: Seen
    ) -> frozenset[str]:
        stream, now = scanned.stream.name, self._clock()
        await self._board.turn(connection)
        reports = list({report.id: report for report in scanned.reports}.values())
        woken = await self._matching.tell(connection, wishes, stream, reports, now=now, unread=seen.unread)
        down = scanned.saved.down_since
        if down is not None:
            if now - down < self._beats[stream].patience_s:
                return woken
            reason = scanned.down or ""
            return woken | await self._sources.lost(connection, wishes, stream, since=down, now=now, reason=reason)
        woken |= await self._sources.back(connection, stream, now=now, lines=bool(scanned.lines))
        if seen.silent:
            since = min(seen.grew_at, scanned.stream.clock)
            woken |= await self._sources.lost(
                connection, wishes, stream, since=since, now=now, reason=SILENCE, silent=True
            )
        return woken

    def _saw(self, stream: str, scanned: Scanned) -> Seen:
        """Return what a scan saw. Lines are compared by their sum: another replica may have counted them."""
        now, before, after = self._clock(), self._seen.get(stream), scanned.stream
        grew_at = now if before is None or before.lines != after.lines else before.grew_at
        past = after.clock < now - LATE_S and (before is None or after.clock - before.clock > LATE_S)
        return Seen(
            lines=after.lines,
            clock=after.clock,
            grew_at=grew_at,
            unread=scanned.behind or (past and bool(scanned.lines)),
            learning_until=after.tell_from if after.learning else None,
            behind=scanned.behind,
            flooding=scanned.flooding,
            down=scanned.down,
            silent=now - grew_at >= SILENT_S and not scanned.down and _always_speaks(after),
        )

    def _say(self, stream: str, scanned: Scanned, before: Seen | None) -> None:
        """Write into the log what people may look for there, once for as long as it holds."""
        if scanned.down:
            self._fault("scan_down")
            if before is None or before.down != scanned.down:
                log.warning("watch.down", stream=stream, why=scanned.down)
        elif before is not None and before.down:
            log.info("watch.back", stream=stream)
        if (scanned.behind or scanned.flooding) and not (before and (before.behind or before.flooding)):
            log.warning("watch.busy", stream=stream, lines=scanned.lines, behind=scanned.behind)

    def _unscanned(self, stream: str, row: RowMapping | None, now: float) -> float | None:
        """Return since when a source was not scanned though it should have been, None where it was."""
        overdue_s = self._beats[stream].overdue_s
        since = max(self._started, row["scanned_at"] if row is not None else 0.0)
        if overdue_s is None or now - since <= (overdue_s if row is not None else max(overdue_s, LONG_S)):
            return None
        return since if now - self._running.get(stream, -LONG_S) > LONG_S else None

    async def _rows(self, connection: AsyncConnection) -> Mapping[str, RowMapping]:
        """Return the streams as they were left, without their state, which is large."""
        table = streams_table.c
        wanted = select(table.name, table.lines, table.clock, table.scanned_at, table.down_since, table.down)
        found = await connection.execute(wanted.where(table.name.in_(list(self._beats))))
        return {row["name"]: row for row in found.mappings()}

    def _state(self, stream: str, beat: Beat, row: RowMapping | None) -> SourceState:
        now, seen = self._clock(), self._seen.get(stream)
        if row is None:
            return SourceState(stream, self._unscanned(stream, row, now) is None, "not scanned yet")
        if row["down_since"] is not None:
            since = clock(row["down_since"], UTC, now)
            return SourceState(stream, ok=False, words=f"could not be scanned since {since} ({row['down']})")
        ok = self._unscanned(stream, row, now) is None
        parts = [f"scanned at {clock(row['scanned_at'], UTC, now)}"]
        if row["lines"]:
            parts.append(f"newest line {lasted(max(now - row['clock'], 0.0))} old")
        if seen is not None:
            parts += _remarks(seen, now)
            ok = ok and not (seen.behind or seen.silent)
        return SourceState(stream, ok, ", ".join([*parts, *(["in shadow"] if beat.shadow else [])]))


def _remarks(seen: Seen, now: float) -> list[str]:
    """Return what is to be known of a source, in words."""
    told = {
        "behind: more lines wait than one scan takes": seen.behind,
        "flooding": seen.flooding,
        f"no line since {clock(seen.grew_at, UTC, now)}, which is unusual": seen.silent,
        f"learning until {clock(seen.learning_until or 0.0, UTC, now)} of its own time": seen.learning_until,
    }
    return [words for words, holds in told.items() if holds]


def _always_speaks(stream: Stream) -> bool:
    """Whether a stream has been known for a day and had lines in nearly all of its minutes."""
    known = not stream.learning and stream.minutes >= KNOWN_MINUTES
    return known and stream.busy_minutes >= ALL_THE_TIME * stream.minutes
