"""What people said is no anomaly: a line, a kind of change and a service, for 30 days; and how often they said so.

Every method that takes a `connection` works in the caller's transaction.
"""

from collections import defaultdict
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import func, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from bot.watch.board import Row, acts_table, cards_table, rejections_table
from ingest.anomalies.report import Report
from ingest.database import Database

HOLDS_S = 30 * 86_400.0
"""How long a rejection holds: long enough for a month's jobs, and no judgement is for ever."""

ACCEPTING = ("acknowledged", "investigated")


@dataclass(frozen=True, slots=True)
class Rejection:
    """Somebody's word that stories like this are none, until `expires_at` (seconds UTC) or until it is undone."""

    id: str
    card: str
    stream: str
    template: str
    kind: str
    service: str
    person: str
    at: float
    expires_at: float
    undone_at: float | None = None
    undone_by: str | None = None

    def holds(self, now: float) -> bool:
        """Whether it is to be heeded."""
        return self.undone_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class Precision:
    """How people took the cards of a detector in a service; a card that nobody touched says nothing and is in neither.

    `accepted` were acknowledged or investigated and not rejected; `rejected` were called no anomaly, and still are.
    """

    kind: str
    service: str
    accepted: int
    rejected: int

    @property
    def share(self) -> float:
        """The share of the judged cards that were accepted, 0 to 1; 1 where none was judged."""
        judged = self.accepted + self.rejected
        return self.accepted / judged if judged else 1.0


class Rejections:
    """The rejections of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def held(self, connection: AsyncConnection, now: float) -> frozenset[tuple[str, str, str, str]]:
        """Return what holds now, as (stream, template, kind, service)."""
        found = await self._select(connection, _holding(now))
        return frozenset((each.stream, each.template, each.kind, each.service) for each in found)

    async def standing(self, now: float) -> list[Rejection]:
        """Return the rejections that hold now, the oldest first."""
        async with self._database.read() as connection:
            return await self._select(connection, _holding(now))

    async def find(self, id_: str) -> Rejection | None:
        """Return a rejection, whether it holds or not."""
        async with self._database.read() as connection:
            return await self.get(connection, id_)

    async def get(self, connection: AsyncConnection, id_: str) -> Rejection | None:
        """Return a rejection, whether it holds or not."""
        found = await self._select(connection, rejections_table.c.id == id_)
        return found[0] if found else None

    async def add(self, connection: AsyncConnection, row: Row, report: Report, person: str, at: float) -> Rejection:
        """Write down that a card's story is no anomaly; of several who say so at once, the first one counts."""
        earlier = select(func.count()).where(rejections_table.c.card == row.key)
        over = rejections_table.c.undone_at.is_not(None) | (rejections_table.c.expires_at <= at)
        turn = await connection.scalar(earlier.where(over))
        rejection = Rejection(
            id=sha256(f"{row.key}\0{turn}".encode()).hexdigest()[:32],
            card=row.key,
            stream=report.stream,
            template=report.template,
            kind=report.kind,
            service=row.service,
            person=person,
            at=at,
            expires_at=at + HOLDS_S,
        )
        values = {name: getattr(rejection, name) for name in Rejection.__slots__}
        await connection.execute(self._database.insert(rejections_table).values(values).on_conflict_do_nothing())
        return rejection

    async def undo(self, connection: AsyncConnection, id_: str, person: str, at: float) -> bool:
        """Take a rejection back; return False if somebody has done so before."""
        waits = (rejections_table.c.id == id_) & rejections_table.c.undone_at.is_(None)
        done = await connection.execute(update(rejections_table).where(waits).values(undone_at=at, undone_by=person))
        return bool(done.rowcount)

    async def precision(self, since: float) -> list[Precision]:
        """Return how the cards that people touched after `since` were taken, by detector and service, sorted by these.

        Each card counts once, whoever pressed what how often; the last word on a rejection is what counts of it.
        """
        acts = acts_table.c
        wanted = (
            select(acts.card, acts.act, acts.detector, cards_table.c.service)
            .join(cards_table, cards_table.c.key == acts.card)
            .where(acts.at >= since, acts.detector != "")
            .order_by(acts.at)
        )
        accepted: dict[tuple[str, str], set[str]] = defaultdict(set)
        rejected: dict[tuple[str, str], set[str]] = defaultdict(set)
        async with self._database.read() as connection:
            for card, act, kind, service in await connection.execute(wanted):
                if act in ACCEPTING:
                    accepted[kind, service].add(card)
                elif act == "rejected":
                    rejected[kind, service].add(card)
                elif act == "restored":
                    rejected[kind, service].discard(card)
        places = sorted(accepted.keys() | rejected.keys())
        counts = [(place, len(accepted[place] - rejected[place]), len(rejected[place])) for place in places]
        return [Precision(*place, yes, no) for place, yes, no in counts if yes or no]

    async def _select(self, connection: AsyncConnection, *conditions: ColumnElement[bool]) -> list[Rejection]:
        wanted = select(rejections_table).where(*conditions).order_by(rejections_table.c.at, rejections_table.c.id)
        return [_rejection(row) for row in (await connection.execute(wanted)).mappings()]


def _holding(now: float) -> ColumnElement[bool]:
    return rejections_table.c.undone_at.is_(None) & (rejections_table.c.expires_at > now)


def _rejection(row: RowMapping) -> Rejection:
    return Rejection(**row)
