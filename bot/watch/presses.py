"""What people do with a card: acknowledge, snooze, call it no anomaly, take that back, look into it. Knows no Slack.

Each is one transaction, and doing it twice is doing it once. What is returned is a sentence for whoever did it; what
cannot be done is said by Misused. Everything is written down with who and when.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, tzinfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import Misused
from bot.watch.board import Act, Board, Row, acts_table, cards_table
from bot.watch.figures import clock, day, lasted
from bot.watch.names import name_of
from bot.watch.rejections import Rejections
from bot.watch.telling import Telling
from ingest.anomalies.report import Report
from ingest.anomalies.store import Streams
from ingest.database import Database
from ingest.types import Audience

SHORTEST_SNOOZE_S = 60.0
LONGEST_SNOOZE_S = 30 * 86_400.0
"""What should be silent for longer is no anomaly, or is to be set in copilot.toml."""

LIST = "`/copilot incidents` lists what is open"


class Presses:
    """What people do with the cards of one board."""

    def __init__(
        self, database: Database, board: Board, streams: Streams, telling: Telling, rejections: Rejections
    ) -> None:
        self._database = database
        self._board = board
        self._streams = streams
        self._telling = telling
        self._rejections = rejections

    async def acknowledge(self, key: str, person: str, at: float) -> str:
        """Let a card say that somebody has it; the last one who does so is named. Raises Misused."""
        async with self._turn() as connection:
            row = await self._going(connection, key, "acknowledge", at)
            done = f"You have acknowledged {name_of(key)}."
            if row.acknowledged_by == person or await self._acted(connection, row, "acknowledged", person, at):
                return done
            last = not await self._overtaken(connection, row, "acknowledged", at)
            await self._board.acted(connection, row, "acknowledged", person, at)
            if last:
                await self._changed(connection, row, acknowledged_by=person, acknowledged_at=at)
            return done

    async def snooze(self, key: str, person: str, at: float, seconds: float) -> str:
        """Let a card's matter be silent for so many seconds. Raises Misused."""
        if not SHORTEST_SNOOZE_S <= seconds <= LONGEST_SNOOZE_S:
            raise Misused("A snooze lasts from a minute to 30 days: write it such as 1h or 24h.")
        until = at + seconds
        async with self._turn() as connection:
            row = await self._going(connection, key, "snooze", at)
            if not await self._acted(connection, row, "snoozed", person, at):
                last = not await self._overtaken(connection, row, "snoozed", at)
                await self._board.acted(connection, row, "snoozed", person, at)
                if last:
                    await self._changed(connection, row, snoozed_by=person, snoozed_until=until)
        when = clock(until, self._telling.zone_of(row.channel), at)
        return f"{name_of(key)} is snoozed for {lasted(seconds)}, until {when}; if it is open then, I say so once."

    async def reject(self, key: str, person: str, at: float) -> str:
        """Let a story, and those like it, be no anomaly for 30 days. Raises Misused."""
        row = await self._board.card(key)
        report = await self._report(row) if row is not None else None
        async with self._turn() as connection:
            row = await self._get(connection, key)
            if row.kind != "story" or report is None:
                raise Misused(_only_stories(row))
            standing = await self._rejections.get(connection, row.rejected) if row.rejected else None
            if standing is None or not standing.holds(at):
                standing = await self._rejections.add(connection, row, report, person, at)
                await self._board.acted(connection, row, "rejected", person, at)
                await self._changed(connection, row, rejected=standing.id)
        until = day(standing.expires_at, self._telling.zone_of(row.channel))
        undo = " Undo is on its message." if row.place == "root" else ""
        return f"{name_of(key)} is no anomaly: until {until} nothing is posted when it comes again.{undo}"

    async def undo(self, rejection_id: str, person: str, at: float) -> str:
        """Take a rejection back. Raises Misused where there is none, or it is over."""
        async with self._turn() as connection:
            rejection = await self._rejections.get(connection, rejection_id)
            if rejection is None:
                raise Misused(f"There is nothing to undo any more; {LIST}.")
            rows = await self._board.find(connection, cards_table.c.key == rejection.card)
            name = name_of(rejection.card)
            if rejection.undone_at is None and not rejection.holds(at):
                zone: tzinfo = self._telling.zone_of(rows[0].channel) if rows else UTC
                raise Misused(f"That ended by itself on {day(rejection.expires_at, zone)}: {name} counts again.")
            if await self._rejections.undo(connection, rejection_id, person, at):
                for row in rows:
                    await self._board.acted(connection, row, "restored", person, at)
                    await self._changed(connection, row, **({"rejected": None} if row.rejected == rejection_id else {}))
            return f"{name} counts as an anomaly again."

    async def first_look(self, key: str, person: str, at: float, audience: Audience | None) -> str:
        """Return a first look at a story or at alerts, as Markdown for its thread. Raises Misused."""
        row = await self._board.card(key)
        text = await self._telling.look(row, audience) if row is not None else None
        async with self._turn() as connection:
            row = await self._get(connection, key)
            if text is None:
                raise Misused(f"There is nothing to look into here; {LIST}.")
            if not await self._acted(connection, row, "investigated", person):
                await self._board.acted(connection, row, "investigated", person, at)
        return text

    async def named(self, name: str) -> Row | None:
        """Return the card that people mean by a name such as `shop-12`: also by a later story that it tells.

        Of several alerts or sources of one name, it is the one that goes on, else the latest; None where there is none.
        """
        told = name.strip(" `'\"#.,")
        stream, _, rest = told.rpartition("-")
        async with self._database.read() as connection:
            if stream and rest.isascii() and rest.isdigit() and len(rest) < 10:  # noqa: PLR2004 - a 32-bit column
                key = await self._board.tells(connection, stream, int(rest))
                if key is not None:
                    return (await self._board.find(connection, cards_table.c.key == key))[0]
            kind, _, rest = told.partition("-")
            if kind not in {"alert", "source"} or not rest:
                return None
            begins = cards_table.c.key.startswith(f"{kind}:", autoescape=True)
            holds = cards_table.c.key.contains(f":{rest}", autoescape=True)
            found = await self._board.find(connection, cards_table.c.kind == kind, begins, holds)
        same = [row for row in found if name_of(row.key) == told]
        return max(same, key=lambda row: (row.ended is None, row.opened), default=None)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction in which nobody else changes cards."""
        async with self._database.write() as connection:
            await self._board.turn(connection)
            yield connection

    async def _get(self, connection: AsyncConnection, key: str) -> Row:
        found = await self._board.find(connection, cards_table.c.key == key)
        if not found:
            raise Misused(f"Nothing is known of that any more; {LIST}.")
        return found[0]

    async def _going(self, connection: AsyncConnection, key: str, what: str, at: float) -> Row:
        """Return a card that goes on; raises Misused for any other."""
        row = await self._get(connection, key)
        name = name_of(key)
        if row.kind == "group":
            raise Misused(f"This message holds several: {LIST}, each with its own buttons.")
        if row.ended is not None:
            raise Misused(f"{name} is over already: there is nothing to {what}.")
        rejection = await self._rejections.get(connection, row.rejected) if row.rejected else None
        if rejection is not None and rejection.holds(at):
            raise Misused(f"{name} was called no anomaly: press Undo first.")
        return row

    async def _changed(self, connection: AsyncConnection, row: Row, **values: object) -> None:
        """Change a card, and let the group that tells it be edited as well."""
        await self._board.change(connection, row.key, **values)
        if row.inside:
            await self._board.change(connection, row.inside)

    async def _report(self, row: Row) -> Report | None:
        """Return the latest story that a card tells."""
        pairs = await self._board.stories(row.key) if row.kind == "story" else ()
        reports = await self._streams.stories_of(pairs) if pairs else ()
        return reports[-1] if reports else None

    async def _acted(
        self, connection: AsyncConnection, row: Row, act: Act, person: str, at: float | None = None
    ) -> bool:
        """Whether somebody did this with a card before, at that very time if one is given."""
        table = acts_table.c
        same = (table.card == row.key) & (table.act == act) & (table.person == person)
        same = same if at is None else same & (table.at == at)
        return await connection.scalar(select(table.at).where(same).limit(1)) is not None

    async def _overtaken(self, connection: AsyncConnection, row: Row, act: Act, at: float) -> bool:
        """Whether somebody did this after `at`: what was pressed first may come last, as after a crash."""
        table = acts_table.c
        later = (table.card == row.key) & (table.act == act) & (table.at > at)
        return await connection.scalar(select(table.at).where(later).limit(1)) is not None


def _only_stories(row: Row) -> str:
    """Say why a card cannot be called no anomaly."""
    if row.kind == "story":
        return f"Nothing more is kept of {name_of(row.key)}: there is nothing to call no anomaly."
    return (
        "Only a story of the logs can be called no anomaly; an alert or a source is snoozed, or mended where it is set."
    )
