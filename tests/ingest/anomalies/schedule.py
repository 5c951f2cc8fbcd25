"""Files that are written, rotated, emptied and replayed by a seed, and a scanner that dies where the seed says.

Time is that of the shop's logs. The writer never loses a line that nobody can have read; the scanner starts anew from
the database after each death.
"""

import asyncio
import gzip
import random
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Integer, MetaData, Table, insert, select

from ingest.anomalies.scan import Scan
from ingest.anomalies.store import Streams
from ingest.database import Database, metadata
from ingest.logs.files import Files
from ingest.logs.source import Batch, Cursor
from ingest.redact.redactor import redact
from tests.ingest.anomalies.shop import BEGIN, Event

STREAM = "shop"
METADATA = MetaData()
POSTS = Table("posts", METADATA, Column("number", Integer, primary_key=True), Column("story", Integer))
"""What whoever posts stories writes in the transaction of a scan: each story once."""

REPLAY_S = 2.1
"""A replay goes back further than that: of less, nobody can tell it from lines that are written twice."""


class Dead(Exception):
    """The scanner has died."""


class Writer:
    """Writes the events of one service to `app.log` in a folder, with what rotation does, by chance."""

    def __init__(self, folder: Path, events: list[Event], rng: random.Random, *, calm: bool = False) -> None:
        self.live = folder / "app.log"
        self.live.touch()
        self._folder = folder
        self._events = events
        self._rng = rng
        self._calm = calm
        self._place = self._whole = 0
        self._partial = b""
        self.drained = False

    @property
    def written(self) -> int:
        """How many lines were written, each counted once."""
        return self._place

    def begin(self, time: float) -> None:
        """Write the events up to a time, without trouble."""
        while self._events[self._place].time <= time:
            self._append(self._events[self._place].line + b"\n")
            self._place += 1
        self._whole = self._place

    def write_until(self, time: float) -> None:
        """Write the events up to a time, with some trouble before, between and after."""
        begin = self._place
        while self._place < len(self._events) and self._events[self._place].time <= time:
            self._place += 1
        lines = [event.line + b"\n" for event in self._events[begin : self._place]]
        if lines:
            self.drained = False
        if self._calm:
            self._append(b"".join(lines))
            return
        middle = self._rng.randint(0, len(lines))
        self._append(self._partial + b"".join(lines[:middle]))
        self._partial, self._whole = b"", begin + middle
        if self._rng.random() < 0.5:
            self._trouble()
        rest = b"".join(lines[middle:])
        cut = self._rng.randint(1, len(lines[-1])) if len(lines) > middle and self._rng.random() < 0.3 else 0
        self._append(rest[: len(rest) - cut])
        self._partial, self._whole = rest[len(rest) - cut :], self._place
        if not self._partial and self._rng.random() < 0.2:
            self._replay()

    def finish(self) -> None:
        """Write what is left of a partial line."""
        self._append(self._partial)
        self._partial = b""

    def _append(self, content: bytes) -> None:
        with self.live.open("ab") as file:
            file.write(content)

    def _trouble(self) -> None:
        kinds = [self._renamed, self._copied, self._replay]
        if self.drained:
            kinds += [self._emptied, self._emptied]
        self._rng.choice(kinds)()

    def _shifted(self) -> None:
        """Make room for app.log.1: the others move on, some are packed."""
        for number in range(60, 0, -1):
            for ending in ("", ".gz"):
                old = self._folder / f"app.log.{number}{ending}"
                if not old.exists():
                    continue
                new = self._folder / f"app.log.{number + 1}{ending}"
                if not ending and self._rng.random() < 0.5:
                    new = new.with_name(new.name + ".gz")
                    new.write_bytes(gzip.compress(old.read_bytes()))
                    old.unlink()
                else:
                    old.rename(new)

    def _renamed(self) -> None:
        self._shifted()
        self.live.rename(self._folder / "app.log.1")
        self.live.touch()

    def _copied(self) -> None:
        self._shifted()
        shutil.copy(self.live, self._folder / "app.log.1")
        self._emptied()

    def _emptied(self) -> None:
        with self.live.open("r+b") as file:
            file.truncate(0)

    def _replay(self) -> None:
        """Write the last lines once more, as a shipper does that lost its acknowledgements."""
        last = self._events[self._whole - 1].time
        back = last - self._rng.uniform(REPLAY_S, 300.0)
        again = [event for event in self._events[: self._whole] if event.time > back]
        if again and again[0].time <= last - REPLAY_S:
            self._append(b"".join(event.line + b"\n" for event in again))


class Cut:
    """Awaits a coroutine and cancels the task that does so at the n-th thing it waits for."""

    def __init__(self, work: Coroutine[Any, Any, None], nth: int) -> None:
        self._work = work.__await__()
        self._nth = nth

    def __await__(self) -> Generator[Any, Any, None]:
        step: Callable[[], Any] = lambda: self._work.send(None)  # noqa: E731 - replaced in the loop
        waited = 0
        while True:
            try:
                future = step()
            except StopIteration:
                return
            waited += 1
            if waited == self._nth:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                yield future
            except BaseException as error:  # noqa: BLE001 - handed on
                step = lambda error=error: self._work.throw(error)  # type: ignore[misc]  # noqa: E731
            else:
                step = lambda: self._work.send(None)  # noqa: E731


@dataclass(slots=True)
class Dying:
    """A source that dies after so many batches."""

    files: Files
    left: int

    @property
    def name(self) -> str:
        """The stream's name."""
        return self.files.name

    async def read(self, cursor: Cursor) -> AsyncIterator[Batch]:
        """Yield what the files have, as far as it goes."""
        async with aclosing(self.files.read(cursor)) as batches:  # type: ignore[type-var] - a generator
            async for batch in batches:
                if not self.left:
                    raise Dead
                self.left -= 1
                yield batch


@dataclass(slots=True)
class Scanner:
    """Scans the files of a folder into a database, and dies where it is told."""

    database: Database
    folder: Path
    learnt: bytes
    block: int = 256 * 1024
    deaths: int = 0
    scan: Scan | None = None
    opened: list[int] = field(default_factory=list)

    def anew(self, batches: int = -1) -> Scan:
        """Start a process."""
        files = Files(STREAM, [self.folder / "app.log"], block=self.block)
        self.scan = Scan(Streams(self.database), Dying(files, batches), redact, learnt=self.learnt)
        return self.scan

    async def run(self, now: float) -> None:
        """Scan once, to the end."""
        scan = self.scan or self.anew()
        scanned = await scan.read(now)
        async with self.database.write() as connection:
            await scan.save(connection, scanned)
            if scanned.opened:
                await connection.execute(insert(POSTS), [{"story": report.id} for report in scanned.opened])

    async def die(self, now: float, rng: random.Random) -> None:
        """Scan, and die by chance: at a batch, at any wait, before the commit, or after it."""
        self.deaths += 1
        how = rng.choice(["batch", "wait", "wait", "wait", "between", "inside", "after"])
        with suppress(Dead, asyncio.CancelledError):
            if how == "batch":
                self.anew(rng.randint(0, 3))
                await self.run(now)
            elif how == "wait":
                await asyncio.create_task(_awaited(Cut(self.run(now), rng.randint(1, 40))))
            elif how == "between":
                await (self.scan or self.anew()).read(now)
            elif how == "inside":
                await self._inside(now)
            else:
                await self.run(now)
        if how == "batch" or rng.random() < 0.5:  # else the process has failed and goes on
            self.scan = None

    async def _inside(self, now: float) -> None:
        scan = self.scan or self.anew()
        scanned = await scan.read(now)
        async with self.database.write() as connection:
            await scan.save(connection, scanned)
            raise Dead


async def _awaited(cut: Cut) -> None:
    await cut


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a scan left behind: how many lines it counted, its stories, and what was posted."""

    lines: int
    stories: list[tuple[int, str, str]]
    posts: list[int]


async def outcome(database: Database) -> Outcome:
    """Read what a scan left behind."""
    streams = Streams(database)
    saved = await streams.load(STREAM)
    assert saved is not None
    async with database.read() as connection:
        posts = list(await connection.scalars(select(POSTS.c.story).order_by(POSTS.c.story)))
    stories = await streams.stories()
    return Outcome(saved.lines, sorted((story.id, story.kind, story.template) for story in stories), posts)


async def tables(database: Database) -> None:
    """Make the tables."""
    async with database.write() as connection:
        await connection.run_sync(metadata.tables["log_streams"].create)
        await connection.run_sync(metadata.tables["stories"].create)
        await connection.run_sync(METADATA.create_all)


async def scheduled(
    folder: Path, learnt: bytes, events: list[Event], *, begin: int, minutes: int, seed: int | None
) -> tuple[Outcome, Writer, Scanner]:
    """Write and scan the events by a seed's schedule, or without any trouble if there is none; return what was left."""
    rng = random.Random(seed)
    calm = seed is None
    logs = folder / "logs"
    logs.mkdir()
    writer = Writer(logs, events, rng, calm=calm)
    database = Database.open(f"sqlite+aiosqlite:///{folder / 'db.sqlite'}")
    await tables(database)
    block = 256 * 1024 if calm else rng.choice([700, 5_000, 256 * 1024])
    scanner = Scanner(database, logs, learnt, block)
    start = (BEGIN + begin) * 60.0
    now, end = start + 90.0, start + minutes * 60.0
    writer.begin(now)
    await scanner.run(now)  # files that were rotated away before the first scan are none of its business
    while now < end:
        now += 600.0 if calm else rng.uniform(20.0, 900.0)
        writer.write_until(now)
        if calm or rng.random() < 0.6:
            await scanner.run(now)
            writer.drained = not writer._partial
        else:
            await scanner.die(now, rng)
    writer.finish()
    for rest in (60.0, 200.0, 400.0):
        scanner.scan = None
        await scanner.run(end + 900.0 + rest)
    left = await outcome(database)
    await database.close()
    return left, writer, scanner
