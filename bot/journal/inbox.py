"""Events taken in from chat, written down before they are acknowledged, so that no crash loses one. Knows no Slack."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field

from sqlalchemy import JSON, Column, Float, Index, String, Table, bindparam, delete, or_, select, update
from sqlalchemy.engine import RowMapping

from bot.journal.outbox import LEASE_S, Intent, put_all
from ingest.database import Database, metadata
from ingest.types import Clock

BATCH = 100
"""Events of one commit: 900 parameters, of which Postgres takes 32,767 and the oldest SQLite we meet 999."""

inbox = Table(
    "inbox",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("event_id", String(255), nullable=False, unique=True),
    Column("gesture", String(128), unique=True),
    Column("client_msg_id", String(128), unique=True),
    Column("event", JSON, nullable=False),
    Column("state", String(8), nullable=False),
    Column("outcome", String(64)),
    Column("owner", String(128), nullable=False),
    Column("lease_until", Float, nullable=False),
    Column("taken_at", Float, nullable=False),
    Column("done_at", Float),
    Index("ix_inbox_state_lease_until", "state", "lease_until"),
)
"""One row per gesture. `event` is emptied when the row is done: nothing is kept that is not needed to answer."""


@dataclass(frozen=True, slots=True)
class Event:
    """What a person did, reduced to what it takes to answer it again.

    `kind` is the caller's word. `ts` and `thread` are the chat's ids of the message and of the thread to answer in;
    `response_url` is the private way back where there is one; `about` is the id of an answer that is spoken of.
    """

    kind: str
    user: str
    channel: str
    text: str = ""
    ts: str | None = None
    thread: str | None = None
    team: str | None = None
    response_url: str | None = None
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event with the names under which the chat may deliver it again.

    One gesture may come under several event ids: then `gesture` (channel and time of the message) or
    `client_msg_id` is the same.
    """

    event: Event
    event_id: str
    gesture: str | None = None
    client_msg_id: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """An accepted event. `id` is ours and names the question; `at` is when it was taken in (seconds, UTC)."""

    id: str
    event: Event
    at: float


@dataclass(eq=False, slots=True)
class _Coming:
    """An event on its way into the database. `taken` is what becomes of it."""

    arrival: Arrival
    promise: Callable[[str], Intent] | None
    name: str
    at: float
    taken: "asyncio.Future[Taken | None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Inbox:
    """Accepted events in the database. Every method is one transaction; SQLAlchemy's errors pass through."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        new_id: Callable[[], str],
        owner: str = "copilot",
        lease_s: float = LEASE_S,
    ) -> None:
        """`owner` must survive a restart of the same worker and differ between workers on one database."""
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._owner = owner
        self._lease_s = lease_s
        self._coming: list[_Coming] = []
        self._one_batch = asyncio.Lock()

    async def take_in(self, arrival: Arrival, promise: Callable[[str], Intent] | None = None) -> Taken | None:
        """Return the event as accepted, committed, or None when it was known already.

        `promise` makes the intent that must not be lost once the event is accepted, from the new id; it is
        committed in the same transaction. Events that come while another one is committed are committed together.
        """
        coming = _Coming(arrival, promise, self._new_id(), self._clock())
        self._coming.append(coming)
        async with self._one_batch:
            if coming in self._coming:
                batch, self._coming = self._coming[:BATCH], self._coming[BATCH:]
                await asyncio.shield(asyncio.ensure_future(self._take_in_all(batch)))
        return await coming.taken

    async def _take_in_all(self, batch: "Sequence[_Coming]") -> None:
        """Commit events together; one that cannot be written fails alone."""
        try:
            accepted = await self._commit(batch)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for it
            if len(batch) == 1:
                _settle(batch[0].taken, error=error)
            for coming in batch if len(batch) > 1 else ():
                await self._take_in_all([coming])
            return
        for coming in batch:
            taken = Taken(id=coming.name, event=coming.arrival.event, at=coming.at)
            _settle(coming.taken, taken if coming.name in accepted else None)

    async def _commit(self, batch: "Sequence[_Coming]") -> frozenset[str]:
        """Write what is new and what it promises in one transaction; return the ids of what is new."""
        rows = [
            {
                "id": coming.name,
                "event_id": coming.arrival.event_id,
                "gesture": coming.arrival.gesture,
                "client_msg_id": coming.arrival.client_msg_id,
                "event": _packed(coming.arrival.event),
                "state": "new",
                "owner": self._owner,
                "lease_until": coming.at + self._lease_s,
                "taken_at": coming.at,
            }
            for coming in batch
        ]
        statement = self._database.insert(inbox).values(rows).on_conflict_do_nothing().returning(inbox.c.id)
        async with self._database.write() as connection:
            accepted = frozenset((await connection.execute(statement)).scalars())
            promised = [each.promise(each.name) for each in batch if each.promise and each.name in accepted]
            await put_all(self._database, connection, promised, self._clock())
        return accepted

    async def done(self, name: str, outcome: str) -> None:
        """Write down how the event ended and forget what was said; a second call changes nothing."""
        async with self._database.write() as connection:
            await connection.execute(
                update(inbox)
                .where(inbox.c.id == name, inbox.c.state == "new")
                .values(state="done", outcome=outcome, done_at=self._clock(), event={})
            )

    async def expire(self, before: float) -> None:
        """Forget events that were done before then (seconds, UTC)."""
        async with self._database.write() as connection:
            await connection.execute(delete(inbox).where(inbox.c.state == "done", inbox.c.done_at < before))

    async def unfinished(self) -> Sequence[Taken]:
        """Take over and return what must be worked on again, oldest first.

        These are rows of this owner (left by its earlier life, or in work now) and rows whose owner let the lease run
        out. Several replicas may ask at once: each row goes to one of them.
        """
        now = self._clock()
        mine = or_(inbox.c.owner == self._owner, inbox.c.lease_until <= now)
        columns = (inbox.c.id, inbox.c.event, inbox.c.taken_at)
        waiting = select(*columns).where(inbox.c.state == "new", mine).order_by(inbox.c.taken_at, inbox.c.id)
        async with self._database.write() as connection:
            # SQLite has one writer at a time, and leaves out what it does not know of this.
            rows = await connection.execute(waiting.with_for_update(skip_locked=True))
            taken = [_taken(row) for row in rows.mappings()]
            if taken:
                await connection.execute(
                    update(inbox)
                    .where(inbox.c.id == bindparam("taken"))
                    .values(owner=self._owner, lease_until=now + self._lease_s),
                    [{"taken": each.id} for each in taken],
                )
        return taken

    async def renew(self, working: Collection[str]) -> frozenset[str]:
        """Say that we live: what is ours stays so for another lease.

        Returns which of `working` another replica took over meanwhile, since we did not say so in time.
        """
        ours = update(inbox).where(inbox.c.state == "new", inbox.c.owner == self._owner)
        theirs = select(inbox.c.id).where(
            inbox.c.id.in_(list(working)), inbox.c.state == "new", inbox.c.owner != self._owner
        )
        async with self._database.write() as connection:
            await connection.execute(ours.values(lease_until=self._clock() + self._lease_s))
            return frozenset((await connection.execute(theirs)).scalars())

    async def release(self) -> None:
        """Let others take over at once what we leave unfinished."""
        async with self._database.write() as connection:
            await connection.execute(
                update(inbox)
                .where(inbox.c.state == "new", inbox.c.owner == self._owner)
                .values(lease_until=self._clock())
            )


def _settle(future: "asyncio.Future[Taken | None]", taken: Taken | None = None, error: Exception | None = None) -> None:
    """Tell whoever waits, if it still does."""
    if future.done():
        return
    if error is None:
        future.set_result(taken)
    else:
        future.set_exception(error)


def _packed(event: Event) -> dict[str, str]:
    return {name: value for name, value in asdict(event).items() if value is not None}


def _taken(row: RowMapping) -> Taken:
    return Taken(id=row["id"], event=Event(**row["event"]), at=row["taken_at"])
