"""The demo's shop under the real detection: calm days tell nothing, and what breaks is a story within two minutes.

The shop writes its files, and each stream is scanned every ten seconds, as `copilot run` does; times are given.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.build.shop import EVERY
from bot.settings import seconds_of
from bot.workspace import Shopkeeper
from bot.workspace.services import FAULTS, STREAMS
from bot.workspace.shop import Fault
from ingest.anomalies.report import Report
from ingest.anomalies.scan import Scan
from ingest.anomalies.store import Streams, stories_table, streams_table
from ingest.database import Database, metadata
from ingest.logs.files import Files
from ingest.redact.redactor import redact
from tests.bot.workspace.conftest import Clock
from tests.conftest import NOW

PROMISED_S = 120.0
"""What the page promises: a story within two minutes."""

STEP_S = seconds_of(EVERY)
DB = "db.sqlite"


class Demo:
    """The shop in a folder, and whoever scans its logs: `opened` has every new story with the time it was found."""

    def __init__(self, folder: Path, clock: Clock, database: Database, streams: Iterable[str]) -> None:
        self.clock = clock
        self.shop = Shopkeeper(folder / "shop", clock)
        self.opened: list[tuple[float, Report]] = []
        self.broke: list[tuple[str, float]] = []
        self._database = database
        self._scans = [
            Scan(Streams(database), Files(stream, [self.shop.patterns[stream]]), redact) for stream in streams
        ]

    async def scan(self) -> None:
        """Scan each stream once."""
        for scan in self._scans:
            scanned = await scan.read(self.clock.now)
            async with self._database.write() as connection:
                await scan.save(connection, scanned)
            assert scanned.down is None
            self.opened += [(self.clock.now, report) for report in scanned.opened]

    async def go_on(self, seconds: float) -> None:
        """Let time pass; whoever scans comes at every tenth second."""
        until = self.clock.now + seconds
        while self.clock.now < until:
            self.clock.now = min(until, self.clock.now // STEP_S * STEP_S + STEP_S)
            await self.shop.tick()
            broken = [(each.fault.stream, each.since) for each in self.shop.broken]
            self.broke += [each for each in broken if each not in self.broke]
            if self.clock.now % STEP_S == 0:
                await self.scan()


@asynccontextmanager
async def demo(folder: Path, clock: Clock, streams: Iterable[str] = STREAMS) -> AsyncIterator[Demo]:
    """Open the shop of a folder, and read all that it has written."""
    database = Database.open(f"sqlite+aiosqlite:///{folder / DB}")
    try:
        async with database.write() as connection:
            await connection.run_sync(metadata.create_all, tables=[streams_table, stories_table])
        opened = Demo(folder, clock, database, streams)
        await opened.shop.open()
        await opened.scan()
        yield opened
    finally:
        await database.close()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sequence[Report]]:
    """Give a folder in which the history was learnt, and the stories that were told of it."""
    folder = tmp_path_factory.mktemp("demo")

    async def learn() -> list[Report]:
        async with demo(folder, Clock(NOW)) as learnt:
            return [report for _, report in learnt.opened]

    return folder, asyncio.run(learn())


@pytest.fixture
def learnt(history: tuple[Path, Sequence[Report]], tmp_path: Path) -> Path:
    """Give a copy of that folder."""
    return Path(shutil.copytree(history[0], tmp_path / "demo"))


def test_the_history_tells_no_story(history: tuple[Path, Sequence[Report]]) -> None:
    """Its second day is told of, as any day: eight streams, at most one false story."""
    assert [report.headline for report in history[1]][1:] == []


@pytest.mark.parametrize("after_s", [0.0, 18.0])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_what_is_broken_is_a_story_within_two_minutes(learnt: Path, fault: Fault, after_s: float) -> None:
    """Whenever in its minute it breaks; it is posted, names its service, and one thing is one story."""
    async with demo(learnt, Clock(NOW), [fault.stream]) as now:
        await now.go_on(after_s)
        since = now.clock.now
        await now.shop.break_it(fault.name)
        await now.go_on(fault.lasts_s + 300.0)
    ((at, story),) = now.opened
    assert at - since <= PROMISED_S
    assert story.severity in {"medium", "high"}
    assert {voice.service for voice in fault.voices} & set(story.services)


async def test_two_faults_are_two_stories(learnt: Path) -> None:
    """One after the other, as somebody plays with the page."""
    async with demo(learnt, Clock(NOW), ["payments", "checkout"]) as now:
        await now.shop.break_it("gateway")
        await now.go_on(240.0)
        await now.shop.break_it("pool")
        await now.go_on(240.0)
    assert [report.stream for _, report in now.opened] == ["payments", "checkout"]


async def test_what_breaks_by_itself_is_a_story_within_two_minutes(learnt: Path) -> None:
    """Each, while nobody breaks anything; and there is no other story."""
    async with demo(learnt, Clock(NOW), ["storefront", "email", "auth"]) as now:
        await now.go_on(3_000.0)
    broken = [each for each in now.broke if each[1] < now.clock.now - PROMISED_S]
    told = [(report.stream, at) for at, report in now.opened][: len(broken)]
    assert len(broken) >= 5
    assert [stream for stream, _ in told] == [stream for stream, _ in broken]
    assert all(at - since <= PROMISED_S for (_, at), (_, since) in zip(told, broken, strict=True))


@pytest.mark.parametrize("closed_s", [5 * 3_600.0, 5 * 86_400.0])
async def test_a_shop_that_was_closed_is_no_silence(learnt: Path, closed_s: float) -> None:
    """What it would have said meanwhile is written when it opens again; nothing is told of that."""
    async with demo(learnt, Clock(NOW + closed_s), ["orders", "catalog"]) as now:
        await now.go_on(300.0)
    assert [report.headline for _, report in now.opened] == []
