"""What is to be posted, written down before it is tried, so that a crash neither loses nor doubles it. Knows no Slack.

A row is `new` until somebody begins to post it, `sending` while the chat may or may not have it, `sent` when the chat
has it. `unknown` means that nobody can find out whether the chat has it; `dead` that the chat will never take it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Literal, ParamSpec, TypeVar

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from ingest.database import Database, metadata
from ingest.types import Clock

P = ParamSpec("P")
T = TypeVar("T")

State = Literal["new", "sending", "sent", "unknown", "dead"]

Kind = Literal["answer", "private", "post", "ephemeral"]
"""`answer` and `private` (an answer that one person sees) are written by whoever answers; the others by the sender."""

SENDERS: tuple[Kind, ...] = ("post", "ephemeral")
"""Kinds whose payload is complete, so that the sender posts them by itself."""

PART = ":"
"""Separates the key of an answer from the number of its second and later messages."""

outbox = Table(
    "outbox",
    metadata,
    Column("key", String(255), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("thread", String(64)),
    Column("asked_ts", String(64)),
    Column("payload", JSON, nullable=False),
    Column("repeat", Boolean, nullable=False),
    Column("repeated", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("ts", String(64)),
    Column("attempts", Integer, nullable=False),
    Column("error", String(255)),
    Column("not_before", Float, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    UniqueConstraint("channel", "ts"),
    Index("ix_outbox_state_channel_created_at", "state", "channel", "created_at"),
)
"""`ts` is unique in its channel: no two intents may claim one message of the chat."""


@dataclass(frozen=True, slots=True)
class Intent:
    """The will to post one message. `key` names it for ever; `asked_ts` is the chat's time of the question.

    `repeat` says whether to post it once more, marked, when nobody can tell if the chat has it.
    """

    key: str
    kind: Kind
    channel: str
    thread: str | None = None
    asked_ts: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    repeat: bool = True


@dataclass(frozen=True, slots=True)
class Posting:
    """An intent as it stands. `ts` names the message once the chat has it; times are seconds, UTC.

    `repeated` is true once the intent was begun again although the chat may have it: the message must say so.
    """

    intent: Intent
    state: State
    ts: str | None
    attempts: int
    error: str | None
    not_before: float
    changed_at: float
    repeated: bool = False

    @property
    def key(self) -> str:
        """The intent's name."""
        return self.intent.key


def uncut(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Return a method whose transaction comes to its end although its caller is cancelled; then the caller is.

    A transaction cut in its middle would leave SQLite locked: its connection is given up without a rollback while
    aiosqlite's thread still begins or writes (seen: 30 s of "database is locked" after a cancelled BEGIN IMMEDIATE).
    """

    @wraps(method)
    async def whole(*args: P.args, **kwargs: P.kwargs) -> T:
        work = asyncio.ensure_future(method(*args, **kwargs))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])
            raise

    return whole


async def put(database: Database, connection: AsyncConnection, intent: Intent, now: float) -> bool:
    """Write an intent within an open write transaction; return False when its key is there already."""
    row = {
        "key": intent.key,
        "kind": intent.kind,
        "channel": intent.channel,
        "thread": intent.thread,
        "asked_ts": intent.asked_ts,
        "payload": dict(intent.payload),
        "repeat": intent.repeat,
        "repeated": False,
        "state": "new",
        "attempts": 0,
        "not_before": now,
        "created_at": now,
        "changed_at": now,
    }
    statement = (
        database.insert(outbox).values(row).on_conflict_do_nothing(index_elements=["key"]).returning(outbox.c.key)
    )
    return (await connection.execute(statement)).first() is not None


class Outbox:
    """Intents in the database. Every method is one transaction; SQLAlchemy's errors pass through."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @uncut
    async def add(self, intent: Intent) -> bool:
        """Commit an intent; return False when its key is there already."""
        async with self._database.write() as connection:
            return await put(self._database, connection, intent, self._clock())

    @uncut
    async def posting(self, key: str) -> Posting | None:
        """Return how an intent stands."""
        found = await self._select(outbox.c.key == key)
        return found[0] if found else None

    @uncut
    async def parts(self, key: str) -> Sequence[Posting]:
        """Return an answer's intent and those of its later messages, in order of the messages."""
        return await self._select((outbox.c.key == key) | outbox.c.key.startswith(key + PART, autoescape=True))

    @uncut
    async def due(self, channel: str) -> Posting | None:
        """Return the oldest intent of a channel that the sender may post now."""
        now = self._clock()
        found = await self._select(_for_sender(), outbox.c.channel == channel, outbox.c.not_before <= now, limit=1)
        return found[0] if found else None

    @uncut
    async def due_at(self, channel: str) -> float | None:
        """Return when the next of a channel's waiting intents may be posted, None when none waits."""
        statement = select(func.min(outbox.c.not_before)).where(_for_sender(), outbox.c.channel == channel)
        async with self._database.read() as connection:
            at: float | None = (await connection.execute(statement)).scalar()
        return at

    @uncut
    async def channels(self) -> Sequence[str]:
        """Return the channels for which something waits for the sender."""
        statement = select(outbox.c.channel).where(_for_sender()).distinct()
        async with self._database.read() as connection:
            return list((await connection.execute(statement)).scalars())

    @uncut
    async def in_flight(self) -> Sequence[Posting]:
        """Return what a restart must look after, oldest first.

        That is every intent that the chat may or may not have, and those to be repeated whose repeat never began.
        """
        unrepeated = (outbox.c.state == "unknown") & outbox.c.repeat & ~outbox.c.repeated
        return await self._select((outbox.c.state == "sending") | unrepeated)

    @uncut
    async def sending(self, key: str) -> Posting | None:
        """Mark the intent as being posted from now on; return None unless it was `new` or `unknown`."""
        return await self._move(
            key,
            ("new", "unknown"),
            state="sending",
            attempts=outbox.c.attempts + 1,
            repeated=or_(outbox.c.repeated, outbox.c.state == "unknown"),
            changed_at=self._clock(),
        )

    @uncut
    async def located(self, key: str, ts: str) -> bool:
        """Record which message of the chat is this intent; return False when another intent has that message."""
        try:
            await self._move(key, ("sending",), ts=ts)
        except IntegrityError:
            return False
        return True

    @uncut
    async def sent(self, key: str, follow: Intent | None = None) -> None:
        """Record that the chat has the message as it should be, and in the same transaction what must follow it."""
        now = self._clock()
        async with self._database.write() as connection:
            await connection.execute(
                update(outbox)
                .where(outbox.c.key == key, outbox.c.state.in_(("sending", "sent")))
                .values(state="sent", error=None, changed_at=now, payload={})
            )
            if follow is not None:
                await put(self._database, connection, follow, now)

    @uncut
    async def retry_at(self, key: str, not_before: float, error: str) -> None:
        """Record that the chat surely does not have the message and when to try again (seconds, UTC)."""
        await self._move(key, ("sending",), state="new", not_before=not_before, error=error, changed_at=self._clock())

    @uncut
    async def unknown(self, key: str, error: str) -> None:
        """Record that nobody can tell whether the chat has the message."""
        await self._move(key, ("sending",), state="unknown", error=error, changed_at=self._clock())

    @uncut
    async def dead(self, key: str, error: str) -> None:
        """Record that the chat will never take the message, with the chat's own word for the reason."""
        states: tuple[State, ...] = ("new", "sending", "unknown")
        await self._move(key, states, state="dead", error=error, changed_at=self._clock(), payload={})

    @uncut
    async def claimed(self, channel: str, times: Iterable[str]) -> frozenset[str]:
        """Return those of the given messages of a channel that belong to an intent."""
        statement = select(outbox.c.ts).where(outbox.c.channel == channel, outbox.c.ts.in_(list(times)))
        async with self._database.read() as connection:
            return frozenset((await connection.execute(statement)).scalars())

    @uncut
    async def counts(self) -> Mapping[State, int]:
        """Return how many intents are in each state; states without any are left out."""
        statement = select(outbox.c.state, func.count()).group_by(outbox.c.state)
        async with self._database.read() as connection:
            return {row[0]: row[1] for row in await connection.execute(statement)}

    async def _select(self, *conditions: ColumnElement[bool], limit: int | None = None) -> list[Posting]:
        statement = (
            select(outbox).where(*conditions).order_by(outbox.c.created_at, func.length(outbox.c.key), outbox.c.key)
        )
        async with self._database.read() as connection:
            rows = await connection.execute(statement.limit(limit))
            return [_posting(row) for row in rows.mappings()]

    async def _move(self, key: str, states: tuple[State, ...], **values: Any) -> Posting | None:  # noqa: ANN401
        """Change a row that is in one of the given states, and return it as it stands then."""
        statement = update(outbox).where(outbox.c.key == key, outbox.c.state.in_(states)).values(**values)
        async with self._database.write() as connection:
            row = (await connection.execute(statement.returning(*outbox.c))).mappings().first()
        return None if row is None else _posting(row)


def _for_sender() -> ColumnElement[bool]:
    return outbox.c.kind.in_(SENDERS) & (outbox.c.state == "new")


def _posting(row: RowMapping) -> Posting:
    intent = Intent(
        key=row["key"],
        kind=row["kind"],
        channel=row["channel"],
        thread=row["thread"],
        asked_ts=row["asked_ts"],
        payload=row["payload"],
        repeat=row["repeat"],
    )
    return Posting(
        intent=intent,
        state=row["state"],
        ts=row["ts"],
        attempts=row["attempts"],
        error=row["error"],
        not_before=row["not_before"],
        changed_at=row["changed_at"],
        repeated=row["repeated"],
    )
