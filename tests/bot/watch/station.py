"""A watch over scripted scans and real ones, on a database; time is given. What is posted, the outbox tells."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.journal.outbox import outbox
from bot.settings import WatchSettings
from bot.watch.board import Board, Row, cards_table
from bot.watch.catalogue import Catalogue, Service
from bot.watch.placing import Placer
from bot.watch.preferences import Preferences
from bot.watch.rejections import Rejections
from bot.watch.rounds import Rounds
from bot.watch.routing import Rules, Window
from bot.watch.watch import Beat, Watch
from ingest.anomalies.report import Report
from ingest.anomalies.scan import Scan, Scanned
from ingest.anomalies.store import Saved, Streams
from ingest.database import Database
from ingest.errors import SourceDown
from ingest.logs.source import Batch, Cursor
from ingest.redact.redactor import redact
from tests.bot.watch.desk import MINUTE, NOON
from tests.ingest.anomalies.shop import BEGIN, Event

CHANNEL = "C0SHOP"
SERVICES = (Service("checkout", ("checkout",), CHANNEL, notify="U0ANA", escalate_after_s=900),)


@dataclass(frozen=True)
class Minutes:
    """What a stream knows of its minutes: how many there were, and in how many of them there was a line."""

    all: int
    busy: int


STEADY, RESTING, NEWBORN = Minutes(4_321, 4_320), Minutes(4_321, 2_500), Minutes(11, 10)


@dataclass
class Scripted:
    """A scan that finds what it is told to; `lines` come with each."""

    streams: Streams
    name: str = "shop"
    reports: list[Report] = field(default_factory=list)
    down: str | None = None
    behind: bool = False
    flooding: bool = False
    lines: int = 10
    counted: int = 0
    clock: float | None = None
    minutes: Minutes = NEWBORN
    learning_until: float | None = None

    async def read(self, now: float) -> Scanned:
        """Return what was told to be there."""
        before = await self.streams.load(self.name)
        self.counted += self.lines
        clock = self.clock if self.clock is not None else now
        stream: Any = SimpleNamespace(
            name=self.name,
            lines=self.counted,
            clock=clock,
            learning=self.learning_until is not None,
            tell_from=self.learning_until,
            minutes=self.minutes.all,
            busy_minutes=self.minutes.busy,
        )
        down_since = ((before.down_since if before else None) or now) if self.down else None
        version = before.version + 1 if before else 1
        saved = Saved(self.name, version, {}, b"", self.counted, clock, now, down_since, self.down)
        return Scanned(
            stream,
            saved,
            list(self.reports),
            lines=self.lines,
            down=self.down,
            behind=self.behind,
            flooding=self.flooding,
        )

    async def save(self, connection: AsyncConnection, scanned: Scanned) -> None:
        """Write it."""
        await self.streams.save(connection, scanned.saved, scanned.reports)


@dataclass
class Tap:
    """A source with a memory: the lines that were written, and whether it can be read."""

    name: str = "shop"
    lines: list[bytes] = field(default_factory=list)
    why: str | None = None

    async def read(self, cursor: Cursor) -> AsyncIterator[Batch]:
        """Yield what was written after the cursor, in two batches."""
        place = int(str(cursor.get("place", 0)))
        rest = self.lines[place:]
        middle = len(rest) // 2
        for part in (rest[:middle], rest[middle:]):
            if self.why is not None:
                raise SourceDown(self.why)
            place += len(part)
            yield Batch(part, {"place": place})

    def minute(self, minute: int, *, broken: bool = False) -> None:
        """Write what a shop says in a minute; a broken one reaches no ledger."""
        start = (BEGIN + minute) * 60.0
        events = [
            Event(start + 7.0 * k, "web-1", "INFO", "shop", f"request {minute * 3 + k} answered 200 in {40 + k} ms")
            for k in range(3)
        ]
        if broken:
            events += [
                Event(start + 30.0 + k, "web-1", "ERROR", "checkout", "cannot reach ledger: connection reset")
                for k in range(5)
            ]
        self.lines += [event.line for event in events]


class Station:
    """Everything that watches, once per replica; `now` is the time, `faults` are what was counted."""

    def __init__(self, database: Database, **watch: Any) -> None:
        self.now = NOON
        self.database = database
        self.faults: list[str] = []
        self.settings = WatchSettings.model_validate({"channel": "C0OPS", "per_hour": 3, **watch})
        self.services: tuple[Service, ...] = SERVICES
        self.maintenance: tuple[Window, ...] = ()
        self.origins: Mapping[str, Any] = {}
        self.streams = Streams(database)
        self.scan = Scripted(self.streams)
        self.board = Board(database, self.clock)
        self.beats = {"shop": Beat(60.0)}

    def clock(self) -> float:
        """Return the time."""
        return self.now

    def placer(self) -> Placer:
        """Return who places cards."""
        rules = Rules(
            Catalogue(self.services), self.settings.channel, self.settings.per_hour, self.maintenance, self.origins
        )
        return Placer(
            self.database,
            self.board,
            rules,
            preferences=Preferences(self.database, self.settings),
            rejections=Rejections(self.database),
            clock=self.clock,
        )

    def watch(self, scan: Any = None) -> Watch:
        """Return a watch that knows nothing but the database: a process that has just begun."""
        return Watch(
            self.database,
            self.board,
            self.placer(),
            {"shop": scan or self.scan},
            self.beats,
            clock=self.clock,
            fault=self.faults.append,
        )

    def rounds(self, watch: Watch | None = None) -> Rounds:
        """Return who goes round."""
        return Rounds(self.database, self.board, self.placer(), watch or self.watch(), self.clock)

    def real(self, tap: Tap) -> Scan:
        """Return a real scan of a source, told about from its second hour on."""
        return Scan(self.streams, tap, redact, tell_from=(BEGIN + 60) * 60.0)

    async def told(self, *reports: Report, watch: Watch | None = None, **scan: Any) -> frozenset[str]:
        """Scan, and find these stories."""
        self.scan.reports = list(reports)
        for name, value in scan.items():
            setattr(self.scan, name, value)
        return await (watch or self.watch()).scan("shop")

    async def posts(self) -> list[str]:
        """Return the keys of all that is to be posted, the oldest first, with their channel."""
        async with self.database.read() as connection:
            rows = await connection.execute(select(outbox).order_by(outbox.c.created_at, outbox.c.key))
        return [f"{row.channel} {row.key}" for row in rows]

    async def words(self, key: str) -> str:
        """Return what an intent says."""
        async with self.database.read() as connection:
            payload = await connection.scalar(select(outbox.c.payload).where(outbox.c.key == key))
        return str(payload["text"])

    async def rows(self) -> Sequence[Row]:
        """Return all cards, the oldest first."""
        async with self.database.read() as connection:
            return await self.board.find(connection)

    async def row(self, key: str = "story:shop:12") -> Row:
        """Return a card."""
        async with self.database.read() as connection:
            return (await self.board.find(connection, cards_table.c.key == key))[0]

    async def change(self, key: str, **values: Any) -> None:
        """Change a card, as somebody's press does."""
        async with self.database.write() as connection:
            await self.board.change(connection, key, **values)


__all__ = ["CHANNEL", "MINUTE", "NEWBORN", "NOON", "RESTING", "STEADY", "Scripted", "Station", "Tap"]
