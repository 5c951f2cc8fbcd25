"""What we remember of threads: whom we answered last, who muted us, what was said once. Knows no Slack.

Holds ids and times only, never what anybody wrote.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, Column, Float, String, Table, delete, select, update

from bot.journal.inbox import inbox
from bot.journal.journal import answered_table, asked_table
from ingest.database import Database, metadata

threads_table = Table(
    "threads",
    metadata,
    Column("channel", String(64), primary_key=True),
    Column("thread", String(64), primary_key=True),
    Column("asker", String(64)),
    Column("replied_at", Float),
    Column("muted", Boolean, nullable=False),
    Column("muted_by", String(64), index=True),
)
once_table = Table(
    "said_once",
    metadata,
    Column("what", String(255), primary_key=True),
    Column("by", String(64), nullable=False),
)
retracted_table = Table(
    "retracted",
    metadata,
    Column("question_id", String(64), primary_key=True),
    Column("at", Float, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Muted:
    """A thread in which we answer only when mentioned. `thread` is the chat's time of its first message."""

    channel: str
    thread: str


@dataclass(frozen=True, slots=True)
class Gaps:
    """Questions that no document answered: one's own, newest first, and how many others there were.

    Counted are others that were asked and answered for all to see, in the channels that one asks in.
    """

    own: tuple[str, ...]
    others: int


class Threads:
    """Threads in the database. Every method is one transaction; SQLAlchemy's errors pass through."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def replied(self, channel: str, thread: str, asker: str, at: float) -> None:
        """Remember whom we answered in a thread, and when (seconds, UTC)."""
        await self._set(channel, thread, asker=asker, replied_at=at)

    async def continues(self, channel: str, thread: str, asker: str, at: float, within_s: float) -> bool:
        """Whether a message of `asker` at `at` goes on with our last answer there, in a thread that is not muted."""
        row = threads_table.c
        statement = select(row.replied_at).where(
            row.channel == channel, row.thread == thread, row.asker == asker, ~row.muted
        )
        async with self._database.read() as connection:
            replied_at = await connection.scalar(statement)
        return replied_at is not None and 0 <= at - replied_at <= within_s

    async def mute(self, channel: str, thread: str, person: str) -> None:
        """Answer in this thread only when mentioned, because `person` said so."""
        await self._set(channel, thread, muted=True, muted_by=person)

    async def follow(self, channel: str, thread: str) -> None:
        """End `mute`."""
        await self._set(channel, thread, muted=False, muted_by=None)

    async def muted_by(self, person: str) -> Sequence[Muted]:
        """Return the threads that a person muted, newest thread first."""
        row = threads_table.c
        statement = select(row.channel, row.thread).where(row.muted, row.muted_by == person).order_by(row.thread.desc())
        async with self._database.read() as connection:
            return [Muted(channel, thread) for channel, thread in await connection.execute(statement)]

    async def once(self, what: str, by: str) -> bool:
        """Whether `by` is the first to say `what`; always the same answer for the same two."""
        statement = self._database.insert(once_table).values(what=what, by=by).on_conflict_do_nothing()
        async with self._database.write() as connection:
            await connection.execute(statement)
            return bool(await connection.scalar(select(once_table.c.by).where(once_table.c.what == what)) == by)

    async def retract(self, question_id: str, at: float) -> None:
        """Remember that a question was taken back: its answer is not to stay."""
        statement = self._database.insert(retracted_table).values(question_id=question_id, at=at)
        async with self._database.write() as connection:
            await connection.execute(statement.on_conflict_do_nothing())

    async def retracted(self, question_id: str) -> bool:
        """Whether a question was taken back."""
        statement = select(retracted_table.c.at).where(retracted_table.c.question_id == question_id)
        async with self._database.read() as connection:
            return await connection.scalar(statement) is not None

    async def questions_at(self, gesture: str) -> Sequence[str]:
        """Return the ids of the questions that were asked with a message (`channel:ts`), and again after its edit."""
        mine = (inbox.c.gesture == gesture) | inbox.c.gesture.startswith(f"{gesture}:", autoescape=True)
        async with self._database.read() as connection:
            return list(await connection.scalars(select(inbox.c.id).where(mine).order_by(inbox.c.taken_at)))

    async def gaps(self, person: str, since: float) -> Gaps:
        """Return what was not in the documents since then (seconds, UTC), the person's own in words."""
        statement = (
            select(asked_table.c.asker, asked_table.c.text, asked_table.c.channel, asked_table.c.private)
            .join(answered_table, answered_table.c.question_id == asked_table.c.id)
            .where(answered_table.c.outcome == "not_found", asked_table.c.asked_at >= since)
            .order_by(asked_table.c.asked_at.desc())
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        own = tuple(dict.fromkeys(str(row.text) for row in rows if row.asker == person))
        here = await self._asks_in(person, since)
        return Gaps(own, sum(row.asker != person and not row.private and row.channel in here for row in rows))

    async def _asks_in(self, person: str, since: float) -> set[str | None]:
        mine = (asked_table.c.asker == person) & (asked_table.c.asked_at >= since)
        async with self._database.read() as connection:
            return set(await connection.scalars(select(asked_table.c.channel).where(mine)))

    async def expire(self, before: float) -> None:
        """Forget threads that were quiet since `before` (seconds, UTC) and are not muted, and what was taken back."""
        quiet = (threads_table.c.replied_at < before) & ~threads_table.c.muted
        async with self._database.write() as connection:
            await connection.execute(delete(threads_table).where(quiet))
            await connection.execute(delete(retracted_table).where(retracted_table.c.at < before))

    async def forget(self, user: str) -> None:
        """Forget that a person asked in or muted any thread; a muted thread stays muted, by nobody."""
        async with self._database.write() as connection:
            for column in (threads_table.c.asker, threads_table.c.muted_by):
                await connection.execute(update(threads_table).where(column == user).values({column: None}))

    async def _set(self, channel: str, thread: str, **values: Any) -> None:  # noqa: ANN401 - columns of the table
        fresh = {"channel": channel, "thread": thread, "muted": False} | values
        statement = self._database.insert(threads_table).values(fresh)
        async with self._database.write() as connection:
            await connection.execute(statement.on_conflict_do_update(index_elements=["channel", "thread"], set_=values))
