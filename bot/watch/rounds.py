"""What comes due by the clock alone: snoozes that end, cards that were held, a second mention, groups that are over.

One transaction a minute; doing it twice, or on two replicas, is doing it once.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.watch.board import Board, Row, cards_table
from bot.watch.placing import SHOWN, SNOOZE, Placer
from bot.watch.preferences import Preference
from ingest.database import Database
from ingest.types import Clock


class Overdue(Protocol):
    """Says which sources nobody could look at; `Watch` does."""

    async def overdue(self, connection: AsyncConnection, wishes: Mapping[str, Preference]) -> frozenset[str]:
        """Say which sources were not scanned for too long; return the channels to wake."""
        ...


class Rounds:
    """Goes round the board of one bot."""

    def __init__(self, database: Database, board: Board, placer: Placer, sources: Overdue, clock: Clock) -> None:
        self._database = database
        self._board = board
        self._placer = placer
        self._sources = sources
        self._clock = clock

    async def go(self) -> frozenset[str]:
        """Do what is due; return the channels for which something waits then."""
        wishes = await self._placer.wishes()
        async with self._database.write() as connection:
            await self._board.turn(connection)
            woken = await self._sources.overdue(connection, wishes)
            woken |= await self._unsnoozed(connection)
            woken |= await self._released(connection, wishes)
            woken |= await self._escalated(connection)
            woken |= await self._ended_groups(connection)
        return woken

    async def _unsnoozed(self, connection: AsyncConnection) -> frozenset[str]:
        """End the snoozes that are over; what still goes on says so once."""
        now = self._clock()
        rows = await self._board.find(connection, cards_table.c.snoozed_until <= now)
        for row in rows:
            await self._board.change(connection, row.key, snoozed_until=None)
            if row.ended is None and row.rejected is None and row.place == "root":
                what = f"{SNOOZE}{int(row.snoozed_until or 0)}"
                words = {"text": "The snooze is over, and it is still open."}
                await self._board.say_below(connection, row, what, words)
        groups = {row.inside for row in rows if row.inside}
        for key in sorted(groups):
            await self._board.change(connection, key)
        return _channels(rows)

    async def _released(self, connection: AsyncConnection, wishes: Mapping[str, Preference]) -> frozenset[str]:
        """Decide anew about what was held until now, and about what nobody silences any more."""
        table = cards_table.c
        due = (table.place == "held") & (table.held_until <= self._clock())
        muted = (table.place == "muted") & table.rejected.is_(None)
        rows = await self._board.find(
            connection, due | muted, table.ended.is_(None), table.kind.in_(("story", "source"))
        )
        return await self._placer.place(connection, wishes, again=rows)

    async def _escalated(self, connection: AsyncConnection) -> frozenset[str]:
        """Mention whoever the settings name for a high story: once, and again where nobody acknowledges it in time.

        Whoever acknowledges one of several stories of a service in one message has seen them all.
        """
        table = cards_table.c
        high = (table.kind == "story") & table.place.in_(SHOWN) & (table.severity == "high") & table.ended.is_(None)
        rows = await self._board.find(connection, high, table.snoozed_until.is_(None), table.rejected.is_(None))
        seen = {(row.inside, row.service) for row in rows if row.acknowledged_by is not None and row.inside}
        waiting = [row for row in rows if row.acknowledged_by is None and (row.inside, row.service) not in seen]
        called = await self._placer.mention(connection, waiting)
        called |= await self._placer.mention_again(connection, waiting)
        return _channels([row for row in waiting if row.key in called or row.inside in called])

    async def _ended_groups(self, connection: AsyncConnection) -> frozenset[str]:
        """End the groups whose members are all over."""
        table, inner = cards_table.c, cards_table.alias()
        going = select(inner.c.key).where(inner.c.inside == table.key, inner.c.ended.is_(None)).exists()
        rows = await self._board.find(connection, table.kind == "group", table.ended.is_(None), ~going)
        await self._placer.end_groups(connection, [row.key for row in rows])
        return _channels(rows)


def _channels(rows: Sequence[Row]) -> frozenset[str]:
    return frozenset(row.channel for row in rows if row.channel and row.place in SHOWN)
