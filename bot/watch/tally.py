"""How many lines each log stream had, kept by the quarter of an hour, so that a local day's lines can be told.

A slot that is missing tells something as well: nobody was there to count.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import Column, Integer, String, Table, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.watch.day import Window
from ingest.anomalies.store import streams_table
from ingest.database import Database, metadata

SLOT_S = 900
"""A quarter of an hour: every zone's midnight falls on one (IANA; the odd ones are Nepal's and Chatham's)."""

KEEP_SLOTS = 3 * 96
"""Three days: a digest tells of the day before."""

tally_table = Table(
    "line_counts",
    metadata,
    Column("stream", String(200), primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("lines", Integer, nullable=False),
)
"""The lines of a stream so far (`log_streams.lines`), at the first look within a slot."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The lines of a window, by stream, and how long nobody counted; one that nobody counted is left out."""

    lines: dict[str, int]
    missed_s: float


class Tally:
    """Counts in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last = -1

    async def note(self, now: float, streams: Collection[str]) -> None:
        """Write down how many lines there are now, once in a slot; `streams` that were never scanned have none."""
        slot = int(now // SLOT_S)
        if slot == self._last:
            return
        async with self._database.write() as connection:
            lines = await _lines(connection)
            rows = [{"stream": name, "slot": slot, "lines": lines.get(name, 0)} for name in {*lines, *streams}]
            if rows:
                await connection.execute(self._database.insert(tally_table).on_conflict_do_nothing(), rows)
            await connection.execute(delete(tally_table).where(tally_table.c.slot < slot - KEEP_SLOTS))
        self._last = slot


async def counted(connection: AsyncConnection, window: Window, now: float, streams: Collection[str]) -> Counted:
    """Return the lines that were read of each stream in a window, up to now."""
    begin, end = (int(at // SLOT_S) for at in window)
    table = tally_table.c
    wanted = select(tally_table).where(table.slot <= end, table.stream.in_(list(streams)))
    found = (await connection.execute(wanted.order_by(table.slot))).all()
    present = await _lines(connection) if now < window[1] else {}
    lines = {}
    for name in streams:
        counts = [(row.slot, row.lines) for row in found if row.stream == name]
        inside = [count for slot, count in counts if slot >= begin]
        earlier = [count for slot, count in counts if slot < begin]
        if name in present:
            inside.append(present[name])
        if not inside or not counts:
            continue
        exact = any(slot == begin for slot, _ in counts)
        lines[name] = _grown(inside if exact or not earlier else [earlier[-1], *inside])
    over = range(begin, int(min(now, window[1]) // SLOT_S))
    looked = {row.slot for row in found}
    return Counted(lines, float(SLOT_S * sum(slot not in looked for slot in over)) if streams else 0.0)


async def _lines(connection: AsyncConnection) -> dict[str, int]:
    return {
        row.name: row.lines for row in await connection.execute(select(streams_table.c.name, streams_table.c.lines))
    }


def _grown(counts: Sequence[int]) -> int:
    """Return by how much a count grew; one that begins anew, as after a stream was forgotten, counts from 0."""
    return sum(after - before if after >= before else after for before, after in pairwise(counts))
