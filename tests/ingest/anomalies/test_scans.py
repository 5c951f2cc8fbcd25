"""One scan of one source: counted once, whoever scans; down, empty and flooding are said, and are no stories."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from ingest.anomalies.scan import Scan, Scanned
from ingest.anomalies.store import Moved, Saved, Streams
from ingest.database import Database
from ingest.errors import SourceDown
from ingest.logs.source import Batch, Cursor
from ingest.redact.redactor import redact
from tests.ingest.anomalies.conftest import LEARNT
from tests.ingest.anomalies.shop import BEGIN, Change, Event, lines_of, same, some

DOWN = "shop cannot be read (connection refused): check its address."


@dataclass
class Tape:
    """A source that has what a test puts on it; its cursor is how many lines were read."""

    name: str = "shop"
    lines: list[bytes] = field(default_factory=list)
    down_after: int | None = None
    closed: int = 0

    async def read(self, cursor: Cursor) -> AsyncIterator[Batch]:
        """Yield what is new, a hundred lines at a time."""
        try:
            place = int(str(cursor.get("place", 0)))
            while place < len(self.lines):
                if self.down_after is not None and place >= self.down_after:
                    raise SourceDown(DOWN)
                batch = self.lines[place : place + 100]
                place += len(batch)
                yield Batch(batch, {"place": place})
            if self.down_after is not None:
                raise SourceDown(DOWN)
        finally:
            self.closed += 1


def outage(minute: int, rng: random.Random, events: list[Event]) -> list[Event]:
    """Add a new error from the tenth to the thirtieth minute."""
    if not LEARNT + 10 <= minute < LEARNT + 30:
        return events
    return events + some(minute, rng, 3, "ERROR", "billing", lambda _rng: "cannot reach ledger: connection reset")


def until(minute: int, change: Change = same) -> list[bytes]:
    """Return the lines of the shop from what was learnt to a minute after it."""
    return lines_of(LEARNT, LEARNT + minute, change=change)


def at(minute: float) -> float:
    """Return a time after what was learnt, ten seconds into a minute."""
    return (BEGIN + LEARNT + minute) * 60.0 + 10.0


@dataclass
class House:
    """A database, a source, and processes that scan it."""

    database: Database
    learnt: bytes
    tape: Tape = field(default_factory=Tape)

    def process(self) -> Scan:
        """Start another process."""
        return Scan(Streams(self.database), self.tape, redact, learnt=self.learnt)

    async def save(self, scan: Scan, scanned: Scanned) -> None:
        """Save a scan in a transaction of its own."""
        async with self.database.write() as connection:
            await scan.save(connection, scanned)

    async def save_and_fail(self, scan: Scan, now: float) -> None:
        """Scan, and fail in the transaction after the save."""
        scanned = await scan.read(now)
        async with self.database.write() as connection:
            await scan.save(connection, scanned)
            raise ZeroDivisionError

    async def run(self, scan: Scan, now: float) -> Scanned:
        """Scan to the end."""
        scanned = await scan.read(now)
        await self.save(scan, scanned)
        return scanned

    async def saved(self) -> Saved:
        """Return the stream as it was left."""
        saved = await Streams(self.database).load(self.tape.name)
        assert saved is not None
        return saved


@pytest.fixture
def house(database: Database, learnt: bytes) -> House:
    """Give a house whose shop was learnt."""
    return House(database, learnt)


async def test_a_scan_tells_a_story_once(house: House) -> None:
    """It is opened by one scan, stands in the database, and ends there."""
    scan, opened = house.process(), []
    for minute in range(8, 90, 16):
        house.tape.lines = until(minute, outage)
        opened += (await house.run(scan, at(minute))).opened
    (story,) = await Streams(house.database).stories()
    assert [(each.id, each.kind) for each in opened] == [(1, "new")]
    assert story.ended is not None
    assert story.template == "cannot reach ledger: connection reset"
    assert (await house.saved()).clock > at(70)


async def test_of_two_processes_one_writes(house: House) -> None:
    """The other is told and reads again; every line is counted once, and the story is told once."""
    one, other, opened = house.process(), house.process(), []
    first = (await house.run(one, at(0))).saved.lines
    for minute in range(8, 60, 10):
        house.tape.lines = until(minute, outage)
        scans = [(scan, await scan.read(at(minute))) for scan in (one, other)]
        await house.save(*scans[0])
        opened += scans[0][1].opened
        with pytest.raises(Moved):
            await house.save(*scans[1])
        one, other = other, one
    await house.run(one, at(70))
    assert (await house.saved()).lines - first == len(house.tape.lines)
    assert [story.id for story in opened] == [1]


async def test_a_save_that_was_rolled_back_is_forgotten(house: House) -> None:
    """Also when another process made the same version meanwhile, from fewer or from more lines."""
    one, other = house.process(), house.process()
    first = (await house.run(one, at(0))).saved.lines
    house.tape.lines = until(20)
    with pytest.raises(ZeroDivisionError):
        await house.save_and_fail(one, at(20))
    house.tape.lines = until(40)
    await house.run(other, at(40))
    house.tape.lines = until(60)
    await house.run(one, at(60))
    await house.run(one, at(62))
    assert (await house.saved()).lines - first == len(house.tape.lines)


async def test_a_source_that_is_down_is_told_and_loses_nothing(house: House) -> None:
    """What was read until then is kept; since when is kept as well, until it is back."""
    scan = house.process()
    first = (await house.run(scan, at(0))).saved.lines
    house.tape.lines, house.tape.down_after = until(30), 100
    down = await house.run(scan, at(30))
    assert down.down == DOWN
    assert (await house.saved()).cursor == {"place": 100}
    assert ((await house.saved()).down, (await house.saved()).down_since) == (DOWN, at(30))
    await house.run(scan, at(35))
    assert (await house.saved()).down_since == at(30)
    house.tape.down_after = None
    house.tape.lines = until(40)
    back = await house.run(scan, at(40))
    assert back.down is None
    assert ((await house.saved()).down, (await house.saved()).down_since) == (None, None)
    await house.run(scan, at(42))
    assert (await house.saved()).lines - first == len(house.tape.lines)
    assert await Streams(house.database).stories() == []


@pytest.mark.parametrize("down", [False, True], ids=["empty", "down"])
async def test_a_source_that_is_silent_as_a_whole_is_no_data(house: House, *, down: bool) -> None:
    """It is no anomaly of any host, while it lasts or afterwards."""
    scan = house.process()
    house.tape.lines = until(30)
    await house.run(scan, at(30))
    house.tape.down_after = len(house.tape.lines) if down else None
    for minute in range(31, 400, 25):
        scanned = await house.run(scan, at(minute))
        assert scanned.empty or minute == 31
        assert scanned.reports == []
    house.tape.down_after = None
    house.tape.lines += lines_of(LEARNT + 400, LEARNT + 460)
    assert (await house.run(scan, at(460))).reports == []
    assert not (await house.run(scan, at(461))).opened


async def test_a_flood_is_told(house: House) -> None:
    """A hundred thousand lines a second since the last scan."""
    scan = house.process()
    await house.run(scan, at(0))
    line = Event(at(1), "web-1", "INFO", "shop", "request 1 answered 200 in 40.0 ms").line
    house.tape.lines = [line] * 101_000
    assert (await house.run(scan, at(0) + 1.0)).flooding
    assert not (await house.run(scan, at(0) + 2.0)).flooding


async def test_a_stream_starts_anew_from_a_state_that_cannot_be_read(house: House) -> None:
    """It goes on from its cursor; stories that were told keep their numbers."""
    scan = house.process()
    house.tape.lines = until(30, outage)
    await house.run(scan, at(30))
    saved = await house.saved()
    async with house.database.write() as connection:
        await Streams(house.database).save(
            connection, Saved(**{**_fields(saved), "version": saved.version + 1, "state": b"of another version"}), []
        )
    house.tape.lines = until(60, outage)
    again = await house.run(house.process(), at(60))
    assert again.stream.learning
    assert again.stream.stories == 1
    assert again.lines == len(until(60, outage)) - len(until(30, outage))


async def test_a_stream_that_was_forgotten_numbers_on(house: House) -> None:
    """No story of old is overwritten by another one."""
    house.tape.lines = until(30, outage)
    await house.run(house.process(), at(30))
    await Streams(house.database).forget("shop")
    house.tape.lines = until(40, outage)
    await house.run(house.process(), at(40))
    assert sorted(story.id for story in await Streams(house.database).stories()) == [1, 2]


async def test_a_story_that_comes_back_is_not_told_anew(house: House) -> None:
    """It has ended and comes back within the hour: it has grown."""

    def again(minute: int, rng: random.Random, events: list[Event]) -> list[Event]:
        return outage(minute, rng, outage(minute - 70, rng, events))

    scan, opened = house.process(), []
    for minute in range(8, 120, 12):
        house.tape.lines = until(minute, again)
        opened += (await house.run(scan, at(minute))).opened
    assert [story.id for story in opened] == [1]
    assert [story.id for story in await Streams(house.database).stories()] == [1]


async def test_the_last_line_waits_no_longer_than_its_minute(house: House) -> None:
    """A stream that says one thing and then nothing is judged by it."""
    scan = house.process()
    house.tape.lines = until(10)
    await house.run(scan, at(10))
    event = Event(at(11), "web-1", "ERROR", "billing", "ledger is lost for good, cannot open /var/ledger")
    house.tape.lines.append(event.line)
    await house.run(scan, at(11) + 5.0)
    assert [story.kind for story in (await house.run(scan, at(12))).opened] == ["new"]


async def test_what_comes_after_its_minute_was_closed_is_counted(house: House) -> None:
    """And the minute is not judged twice."""
    scan = house.process()
    lines = until(10)
    house.tape.lines = lines[:-20]
    first = (await house.run(scan, at(10))).saved.lines
    house.tape.lines = lines
    for minute in (11, 12):
        await house.run(scan, at(minute))
    assert (await house.saved()).lines - first >= 20
    assert (await house.saved()).lines - first <= 21
    assert scan._stream is not None
    assert scan._stream._detector.ticks == scan._stream._intake.last_minute - BEGIN + 1


async def test_a_scan_lets_go_of_what_its_source_had_open(house: House) -> None:
    """Also when it is down."""
    scan = house.process()
    house.tape.lines, house.tape.down_after = until(10), 50
    await house.run(scan, at(10))
    assert house.tape.closed == 1


def _fields(saved: Saved) -> dict[str, object]:
    return {name: getattr(saved, name) for name in Saved.__slots__}
