"""The same incident through every kind of source gives the same stories; trouble with a source is told as such."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ingest.anomalies.scan import Scan, Scanned
from ingest.anomalies.store import Streams
from ingest.anomalies.stream import row
from ingest.database import Database, metadata
from ingest.logs.files import Files
from ingest.logs.source import Source
from ingest.redact.redactor import redact
from tests.fakes.cloudwatch import FakeCloudWatch
from tests.ingest.anomalies.conftest import LEARNT
from tests.ingest.anomalies.shop import BEGIN, Change, Event, events_of, same
from tests.ingest.anomalies.test_schedules import outage
from tests.ingest.logs.places import STREAM, Place, place_of

KINDS = ("file", "vector-lines", "fluent-bit", "otlp", "cloudwatch", "loki")
MINUTES = 60
EVERY = 5
"""Minutes between two scans."""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """Give a database; that any will do is shown elsewhere."""
    opened = Database.open(f"sqlite+aiosqlite:///{tmp_path / 'test.sqlite'}")
    async with opened.write() as connection:
        await connection.run_sync(metadata.create_all)
    yield opened
    await opened.close()


class Watch:
    """Scans a source that begins with two days of the shop learnt, and remembers what was told."""

    def __init__(self, source: Source, database: Database, learnt: bytes) -> None:
        self._scan = Scan(Streams(database), source, redact, learnt=learnt)
        self._database = database
        self.told: list[dict[str, Any]] = []

    async def scan(self, minute: int) -> Scanned:
        """Scan at the end of a minute, and save."""
        scanned = await self._scan.read((BEGIN + minute) * 60.0 + 6.0)
        self.told += [row(report) for report in scanned.opened]
        async with self._database.write() as connection:
            await self._scan.save(connection, scanned)
        return scanned


def between(begin: int, end: int, change: Change = same) -> list[Event]:
    """Return the shop's events of some minutes."""
    return [event for minute in range(begin, end) for event in events_of(minute, change=change)]


async def watched(place: Place, watch: Watch, change: Change) -> None:
    """Write an hour of the shop, scanned every few minutes."""
    for minute in range(LEARNT, LEARNT + MINUTES, EVERY):
        await place.write([(event.time, event.line) for event in between(minute, minute + EVERY, change)])
        await watch.scan(minute + EVERY)


@pytest.fixture(params=KINDS)
async def place(
    request: pytest.FixtureRequest, tmp_path: Path, database: Database, aws: FakeCloudWatch
) -> AsyncIterator[Place]:
    """Give an empty place of each kind."""
    async with place_of(request.param, tmp_path, database, aws, step=100) as place:
        yield place


async def test_an_incident_gives_the_same_stories_through_every_source(
    place: Place, database: Database, learnt: bytes, tmp_path: Path, aws: FakeCloudWatch
) -> None:
    """What is told, and when, is that of the files."""
    watch = Watch(place.source, database, learnt)
    await watched(place, watch, outage)
    (tmp_path / "files").mkdir()
    async with place_of("file", tmp_path / "files", database, aws, step=100) as files:
        await Streams(database).forget(STREAM)
        other = Watch(files.source, database, learnt)
        await watched(files, other, outage)
    assert len(watch.told) == 1
    assert watch.told == other.told


async def test_a_source_that_is_down_is_told_and_costs_no_line(place: Place, database: Database, learnt: bytes) -> None:
    """Nothing is known of it then: no story, and no all clear either."""
    watch = Watch(place.source, database, learnt)
    await place.write([(event.time, event.line) for event in between(LEARNT, LEARNT + EVERY)])
    assert (await watch.scan(LEARNT + EVERY)).down is None
    await place.end()
    watch = Watch(place.source, database, learnt)
    scanned = await watch.scan(LEARNT + 2 * EVERY)
    assert STREAM in (scanned.down or "")
    assert scanned.empty
    assert watch.told == []


async def test_a_source_that_falls_silent_is_no_data(place: Place, database: Database, learnt: bytes) -> None:
    """Not an anomaly of each of its hosts."""
    watch = Watch(place.source, database, learnt)
    await watched(place, watch, same)
    for minute in range(LEARNT + MINUTES + EVERY, LEARNT + 2 * MINUTES, EVERY):
        assert (await watch.scan(minute)).empty
    assert watch.told == []


async def test_a_flood_is_told(tmp_path: Path, database: Database) -> None:
    """A hundred thousand lines in a second."""
    path = tmp_path / "shop.log"
    path.write_bytes(b"2026-11-03T00:00:00.000Z web-1 DEBUG shop: looking\n")
    scan = Scan(Streams(database), Files(STREAM, [path]), redact)
    first = await scan.read(BEGIN * 60.0)
    async with database.write() as connection:
        await scan.save(connection, first)
    with path.open("ab") as file:
        file.write(b"2026-11-03T00:00:01.000Z web-1 DEBUG shop: looking\n" * 100_001)
    assert not first.flooding
    assert (await scan.read(BEGIN * 60.0 + 1.0)).flooding
