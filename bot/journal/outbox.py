"""What is to be posted, written down before it is tried, so that a crash neither loses nor doubles it. Knows no Slack.

A row is `new` until somebody begins to post it, `sending` while the chat may or may not have it, `sent` when the chat
has it. `unknown` means that nobody can find out whether the chat has it; `dead` that the chat will never take it.
A row that is `sending` belongs to the replica that posts it, until its lease is over; nobody else changes it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

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
    delete,
    func,
    insert,
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

State = Literal["new", "sending", "sent", "unknown", "dead"]

Kind = Literal["answer", "private", "post", "card", "ephemeral", "late"]
"""`answer` and `private` (an answer that one person sees) are written by whoever answers; the others by the sender.

`card` is a message of the board: its words are made when it is posted, as its card is then.

`late` is a message that was given up before the chat said whether it has it: what comes of it is to be removed.
"""

LEASE_S = 15.0
"""How long a row belongs to the replica that works on it, if that does not say that it lives: so long a replica's death
stays unnoticed. With a beat missed, a sweep and the settle delay it is within the 30 s of facts/faults.md, 45."""

BEAT_S = 5.0
"""How often a replica says that it lives; two beats may fail before its lease is over."""

TRIES = 5
"""How often an intent that nobody can tell about is begun at most, all but the first try marked as repeats."""

SENDERS: tuple[Kind, ...] = ("post", "card", "ephemeral", "late")
"""Kinds that the sender brings to their end by itself: it posts what is complete, and removes what came late."""

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
    Column("owner", String(128), nullable=False, default=""),
    Column("lease_until", Float, nullable=False, default=0.0),
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
    `lease_until` is when others may take it over while it is `sending`; None when it is ours.
    """

    intent: Intent
    state: State
    ts: str | None
    attempts: int
    error: str | None
    not_before: float
    changed_at: float
    repeated: bool = False
    lease_until: float | None = None

    @property
    def repeatable(self) -> bool:
        """Whether it may be begun although nobody can tell if the chat has it."""
        return self.intent.repeat and (not self.repeated or self.attempts < TRIES)

    @property
    def key(self) -> str:
        """The intent's name."""
        return self.intent.key


async def put(database: Database, connection: AsyncConnection, intent: Intent, now: float) -> bool:
    """Write an intent within an open write transaction; return False when its key is there already."""
    return bool(await put_all(database, connection, [intent], now))


async def put_all(
    database: Database, connection: AsyncConnection, intents: Sequence[Intent], now: float
) -> frozenset[str]:
    """Write intents within an open write transaction; return the keys that were not there already."""
    if not intents:
        return frozenset()
    rows = [_row(intent, now) for intent in intents]
    statement = database.insert(outbox).values(rows).on_conflict_do_nothing(index_elements=["key"])
    return frozenset((await connection.execute(statement.returning(outbox.c.key))).scalars())


def _row(intent: Intent, now: float) -> dict[str, Any]:
    return {
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


class Outbox:
    """Intents in the database. Every method is one transaction; SQLAlchemy's errors pass through."""

    def __init__(self, database: Database, clock: Clock, owner: str = "copilot", lease_s: float = LEASE_S) -> None:
        """`owner` must survive a restart of the same replica and differ between replicas on one database."""
        self._database = database
        self._clock = clock
        self._owner = owner
        self._lease_s = lease_s

    async def add(self, intent: Intent) -> bool:
        """Commit an intent; return False when its key is there already."""
        async with self._database.write() as connection:
            return await put(self._database, connection, intent, self._clock())

    async def begun(self, intent: Intent) -> None:
        """Commit an intent that we are posting already."""
        now = self._clock()
        ours = {"state": "sending", "attempts": 1, "owner": self._owner, "lease_until": now + self._lease_s}
        async with self._database.write() as connection:
            await connection.execute(insert(outbox).values(_row(intent, now) | ours))

    async def forget(self, key: str) -> None:
        """Delete an intent of which nothing is left to do or to know."""
        async with self._database.write() as connection:
            await connection.execute(delete(outbox).where(outbox.c.key == key))

    async def posting(self, key: str) -> Posting | None:
        """Return how an intent stands."""
        found = await self._select(outbox.c.key == key)
        return found[0] if found else None

    async def parts(self, key: str) -> Sequence[Posting]:
        """Return an answer's intent and those of its later messages, in order of the messages."""
        return await self._select((outbox.c.key == key) | outbox.c.key.startswith(key + PART, autoescape=True))

    async def due(self, channel: str) -> Posting | None:
        """Return the oldest intent of a channel that the sender may post now."""
        now = self._clock()
        found = await self._select(_for_sender(), outbox.c.channel == channel, outbox.c.not_before <= now, limit=1)
        return found[0] if found else None

    async def due_at(self, channel: str) -> float | None:
        """Return when the next of a channel's waiting intents may be posted, None when none waits."""
        statement = select(func.min(outbox.c.not_before)).where(_for_sender(), outbox.c.channel == channel)
        async with self._database.read() as connection:
            at: float | None = (await connection.execute(statement)).scalar()
        return at

    async def channels(self) -> Sequence[str]:
        """Return the channels for which something waits for the sender."""
        statement = select(outbox.c.channel).where(_for_sender()).distinct()
        async with self._database.read() as connection:
            return list((await connection.execute(statement)).scalars())

    async def in_flight(self) -> Sequence[Posting]:
        """Return what somebody must look after, oldest first: left by an earlier life of ours, or by a dead replica.

        That is every intent that the chat may or may not have, and those to be repeated whose repeat never began.
        """
        unrepeated = (outbox.c.state == "unknown") & outbox.c.repeat & ~outbox.c.repeated
        return await self._select((outbox.c.state == "sending") & self._free() | unrepeated)

    async def sending(self, key: str) -> Posting | None:
        """Mark the intent as being posted by us from now on; return None unless it was `new` or `unknown`."""
        now = self._clock()
        return await self._move(
            (outbox.c.key == key) & outbox.c.state.in_(("new", "unknown")),
            state="sending",
            attempts=outbox.c.attempts + 1,
            repeated=or_(outbox.c.repeated, outbox.c.state == "unknown"),
            changed_at=now,
            owner=self._owner,
            lease_until=now + self._lease_s,
        )

    async def take_over(self, key: str) -> bool:
        """Make an intent that is being posted ours; return False while another replica posts it."""
        mine = {"owner": self._owner, "lease_until": self._clock() + self._lease_s}
        theirs = (outbox.c.key == key) & (outbox.c.state == "sending") & self._free()
        return await self._move(theirs, **mine) is not None

    async def abandoned(self) -> Sequence[Posting]:
        """Return what the sender of a dead replica had begun and somebody must look after, oldest first."""
        unrepeated = (outbox.c.state == "unknown") & outbox.c.repeat & ~outbox.c.repeated
        theirs = (outbox.c.owner != self._owner) & (outbox.c.lease_until <= self._clock())
        return await self._select(outbox.c.kind.in_(SENDERS), (outbox.c.state == "sending") | unrepeated, theirs)

    async def renew(self) -> None:
        """Say that we live: what we post stays ours for another lease."""
        await self._lease(self._lease_s)

    async def release(self) -> None:
        """Let others take over at once what we leave half posted."""
        await self._lease(0.0)

    async def _lease(self, seconds: float) -> None:
        async with self._database.write() as connection:
            await connection.execute(
                update(outbox)
                .where(outbox.c.state == "sending", outbox.c.owner == self._owner)
                .values(lease_until=self._clock() + seconds)
            )

    async def located(self, key: str, ts: str) -> bool:
        """Record which message of the chat is this intent; return False when another intent has that message."""
        try:
            await self._move(self._ours(key), ts=ts)
        except IntegrityError:
            return False
        return True

    async def sent(self, key: str, follow: Intent | None = None) -> None:
        """Record that the chat has the message as it should be, and in the same transaction what must follow it."""
        now = self._clock()
        async with self._database.write() as connection:
            await connection.execute(
                update(outbox)
                .where(self._ours(key) | (outbox.c.key == key) & (outbox.c.state == "sent"))
                .values(state="sent", error=None, changed_at=now, payload={})
            )
            if follow is not None:
                await put(self._database, connection, follow, now)

    async def retry_at(self, key: str, not_before: float, error: str) -> None:
        """Record that the chat surely does not have the message and when to try again (seconds, UTC)."""
        await self._move(self._ours(key), state="new", not_before=not_before, error=error, changed_at=self._clock())

    async def unknown(self, key: str, error: str) -> None:
        """Record that nobody can tell whether the chat has the message."""
        await self._move(self._ours(key), state="unknown", error=error, changed_at=self._clock())

    async def dead(self, key: str, error: str) -> None:
        """Record that the chat will never take the message, with the chat's own word for the reason."""
        waits = (outbox.c.key == key) & outbox.c.state.in_(("new", "unknown"))
        await self._move(self._ours(key) | waits, state="dead", error=error, changed_at=self._clock(), payload={})

    async def claimed(self, channel: str, times: Iterable[str]) -> frozenset[str]:
        """Return those of the given messages of a channel that belong to an intent."""
        statement = select(outbox.c.ts).where(outbox.c.channel == channel, outbox.c.ts.in_(list(times)))
        async with self._database.read() as connection:
            return frozenset((await connection.execute(statement)).scalars())

    async def expire(self, before: float) -> None:
        """Forget intents that came to their end before then (seconds, UTC), whatever it was."""
        ended = outbox.c.state.in_(("sent", "unknown", "dead")) & (outbox.c.changed_at < before)
        async with self._database.write() as connection:
            await connection.execute(delete(outbox).where(ended))

    async def counts(self) -> Mapping[State, int]:
        """Return how many intents are in each state; states without any are left out."""
        statement = select(outbox.c.state, func.count()).group_by(outbox.c.state)
        async with self._database.read() as connection:
            return {row[0]: row[1] for row in await connection.execute(statement)}

    def _ours(self, key: str) -> ColumnElement[bool]:
        """Whether the intent is being posted, by us."""
        return (outbox.c.key == key) & (outbox.c.state == "sending") & (outbox.c.owner == self._owner)

    def _free(self) -> ColumnElement[bool]:
        """Whether no other replica posts an intent."""
        return or_(outbox.c.owner == self._owner, outbox.c.lease_until <= self._clock())

    async def _select(self, *conditions: ColumnElement[bool], limit: int | None = None) -> list[Posting]:
        statement = (
            select(outbox).where(*conditions).order_by(outbox.c.created_at, func.length(outbox.c.key), outbox.c.key)
        )
        async with self._database.read() as connection:
            rows = await connection.execute(statement.limit(limit))
            return [_posting(row, self._owner) for row in rows.mappings()]

    async def _move(self, which: ColumnElement[bool], **values: Any) -> Posting | None:  # noqa: ANN401
        """Change the row that `which` is true of, and return it as it stands then."""
        statement = update(outbox).where(which).values(**values)
        async with self._database.write() as connection:
            row = (await connection.execute(statement.returning(*outbox.c))).mappings().first()
        return None if row is None else _posting(row, self._owner)


def _for_sender() -> ColumnElement[bool]:
    return outbox.c.kind.in_(SENDERS) & (outbox.c.state == "new")


def _posting(row: RowMapping, owner: str) -> Posting:
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
        lease_until=None if row["owner"] == owner else row["lease_until"],
    )
