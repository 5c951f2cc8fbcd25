"""What calls to Claude cost, a row each, and the limits over them. The database is its only neighbour.

A row is written before the call, at the most that it may cost, and corrected when it ends: questions that run side by
side, in one process or several, cannot pass the limit together, and a crash in the middle counts as spent.
"""

from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import Column, Float, Integer, String, Table, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import Used
from ingest.database import Database, metadata

spent_table = Table(
    "spent",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("question_id", String(64), nullable=False, index=True),
    Column("person", String(64), index=True),
    Column("model", String(100), nullable=False),
    Column("role", String(16), nullable=False),
    Column("at", Float, nullable=False, index=True),
    Column("ended", String(16), nullable=False),
    Column("tokens_in", Integer, nullable=False),
    Column("tokens_out", Integer, nullable=False),
    Column("cache_read", Integer, nullable=False),
    Column("cache_written", Integer, nullable=False),
    Column("usd", Float, nullable=False),
)
ONE_AT_A_TIME = 0x5BE27
"""The number of our advisory lock on Postgres: whoever enters a call looks at the sum alone."""

HOUR_S, DAY_S = 3_600.0, 86_400.0

Ending = Literal["running", "whole", "incomplete", "too_long", "unavailable", "denied", "left"]
"""How a call ended; `left` when whoever read it stopped, `running` also when the process died with it."""

Limit = Literal["day", "person"]
"""Which limit stands in the way."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call about to be made. `at` is seconds since 1970 UTC; `most_usd` the most that it may cost."""

    question_id: str
    person: str
    model: str
    role: str
    at: float
    most_usd: float


@dataclass(frozen=True, slots=True)
class Limits:
    """USD for a day (UTC) over all, and questions of one person within an hour."""

    daily_usd: float
    per_user_hour: int


class Spent:
    """The ledger of calls."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, call: Call, limits: Limits) -> int | Limit:
        """Enter a call and return its row, or the limit that it would pass; then nothing is entered."""
        values = {
            "question_id": call.question_id,
            "person": call.person,
            "model": call.model,
            "role": call.role,
            "at": call.at,
            "usd": call.most_usd,
            "ended": "running",
            **dict.fromkeys(("tokens_in", "tokens_out", "cache_read", "cache_written"), 0),
        }
        async with self._database.write() as connection:
            if not self._database.is_sqlite:  # where one writer at a time is the rule already
                await connection.execute(select(func.pg_advisory_xact_lock(ONE_AT_A_TIME)))
            if await _usd_since(connection, day_of(call.at)) + call.most_usd > limits.daily_usd:
                return "day"
            if await _others_since(connection, call) >= limits.per_user_hour:
                return "person"
            added = await connection.execute(self._database.insert(spent_table).values(values))
            key = added.inserted_primary_key
            return int(key[0]) if key else 0

    async def end(self, row: int, used: Used | None, ending: Ending) -> None:
        """Correct a call's row to what it used; None keeps the most that it may have cost."""
        told = {} if used is None else asdict(used)
        async with self._database.write() as connection:
            mine = update(spent_table).where(spent_table.c.id == row)
            await connection.execute(mine.values(ended=ending, **told))

    async def usd_since(self, at: float) -> float:
        """Return the USD spent since then, calls that still run at their most."""
        async with self._database.read() as connection:
            return await _usd_since(connection, at)

    async def endings(self) -> dict[str, int]:
        """Return how many calls ended how."""
        rows = select(spent_table.c.ended, func.count()).group_by(spent_table.c.ended)
        async with self._database.read() as connection:
            return {str(ending): int(number) for ending, number in await connection.execute(rows)}


def day_of(at: float) -> float:
    """Return the beginning of the UTC day, in seconds since 1970."""
    return at - at % DAY_S


async def _usd_since(connection: AsyncConnection, at: float) -> float:
    return float(await connection.scalar(select(func.sum(spent_table.c.usd)).where(spent_table.c.at >= at)) or 0.0)


async def _others_since(connection: AsyncConnection, call: Call) -> int:
    """Return how many other questions of this person were given to Claude within the hour before."""
    theirs = (spent_table.c.person == call.person, spent_table.c.at > call.at - HOUR_S)
    others = spent_table.c.question_id != call.question_id
    counted = select(func.count(func.distinct(spent_table.c.question_id))).where(*theirs, others)
    return int(await connection.scalar(counted) or 0)
