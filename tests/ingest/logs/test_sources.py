"""The contract of every source: the same lines and entries, resumed anywhere without loss or doubling."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.database import Database, metadata
from ingest.errors import SourceDown
from ingest.logs.entry import Columns
from ingest.logs.line import Parser
from ingest.logs.source import Batch, Cursor
from tests.conftest import NOW
from tests.fakes.cloudwatch import FakeCloudWatch
from tests.fakes.postgres import emptied
from tests.ingest.logs.places import KINDS, Line, Place, place_of

BEGIN = NOW - 3_600.0
HEADED = [
    (BEGIN + number, b"2026-11-18 09:26:%02d,250 web-1 INFO shop: order %d placed" % (40 + number, number))
    for number in range(10)
]
TRACE = [
    (BEGIN + 10, b"2026-11-18 09:26:50,250 web-1 ERROR shop: order 11 failed"),
    (BEGIN + 10, b"Traceback (most recent call last):"),
    (BEGIN + 10.001, b'  File "shop.py", line 3, in place'),
    (BEGIN + 10.002, b"ValueError: no such article"),
    (BEGIN + 12, b"2026-11-18 09:26:52,250 web-1 INFO shop: order 12 placed"),
]
LINES = HEADED + TRACE


@pytest.fixture(params=[*KINDS, "vector on postgres"])
async def place(request: pytest.FixtureRequest, tmp_path: Path, aws: FakeCloudWatch) -> AsyncIterator[Place]:
    """Give an empty place of each kind."""
    kind, _, postgres = request.param.partition(" on ")
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.sqlite'}"
    database = Database.open(await emptied(request.getfixturevalue("postgres_url")) if postgres else url)
    async with database.write() as connection:
        await connection.run_sync(metadata.create_all)
    async with place_of(kind, tmp_path, database, aws) as place:
        yield place
    await database.close()


async def batches(place: Place, cursor: Cursor | None = None) -> list[Batch]:
    """Return all batches after a cursor."""
    return [batch async for batch in place.source.read(cursor or {})]


def lines_of(read: list[Batch]) -> list[bytes]:
    """Return the lines of batches."""
    return [line for batch in read for line in batch.lines]


def columns_of(read: list[Batch]) -> Columns:
    """Return the entries of batches."""
    parser, columns = Parser(), Columns()
    parts = [parser.columns(batch) for batch in read]
    for part in [*parts, parser.columns(Batch([], {}), last=True)]:
        for column, values in zip(columns.lists, part.lists, strict=True):
            column.extend(values)
    return columns


def texts(lines: list[Line]) -> list[bytes]:
    """Return lines without their times."""
    return [line for _, line in lines]


async def test_all_lines_come_in_their_order(place: Place) -> None:
    """In more than one batch, each with what is known of every line."""
    await place.write(LINES)
    read = await batches(place)
    assert lines_of(read) == texts(LINES)
    assert len([batch for batch in read if batch.lines]) > 1
    assert all(batch.times is None or len(batch.times) == len(batch.lines) for batch in read)
    assert all(batch.defaults is None or len(batch.defaults) == len(batch.lines) for batch in read)


async def test_every_source_gives_the_same_entries(place: Place, tmp_path: Path, aws: FakeCloudWatch) -> None:
    """Those of the file that the lines stood in, traces joined."""
    (tmp_path / "file").mkdir()
    async with place_of("file", tmp_path / "file", None, aws) as file:  # type: ignore[arg-type] # a file needs none
        await file.write(LINES)
        expected = columns_of(await batches(file))
    await place.write(LINES)
    columns = columns_of(await batches(place))
    assert len(columns) == 12
    for name in ("texts", "times", "services", "levels", "physical"):
        assert getattr(columns, name) == getattr(expected, name)
    assert set(columns.hosts) == {b"web-1"}


async def test_a_line_that_tells_no_time_has_that_of_its_source(place: Place) -> None:
    """Only files, and lines without a record around them, know none."""
    lines = [(BEGIN + number, b"worker %d is ready" % number) for number in range(3)]
    await place.write(lines)
    times = columns_of(await batches(place)).times
    assert times in ([0.0] * 3, pytest.approx([BEGIN, BEGIN + 1, BEGIN + 2], abs=0.001))


async def test_every_cursor_goes_on_where_its_batch_ended(place: Place) -> None:
    """Nothing is lost and nothing comes twice, whether the scan died early or late, also with new lines since.

    The latest cursors come last: what is behind a cursor that was handed in need not be kept.
    """
    await place.write(HEADED)
    read = await batches(place)
    await place.write(TRACE)
    for number in range(len(read)):
        cursor = read[number].cursor
        rest = texts(LINES)[len(lines_of(read[: number + 1])) :]
        assert lines_of(await batches(place, cursor)) == rest
        assert lines_of(await batches(place, cursor)) == rest


async def test_a_place_without_lines_is_empty_and_stays_so(place: Place) -> None:
    """Empty is not down; and once all is read, nothing is new."""
    assert lines_of(await batches(place)) == []
    await place.write(LINES)
    read = await batches(place)
    again = await batches(place, read[-1].cursor)
    assert lines_of(again) == []
    assert lines_of(await batches(place, again[-1].cursor if again else read[-1].cursor)) == []


async def test_what_cannot_be_read_is_down_in_one_sentence(place: Place) -> None:
    """With the stream's name, and without the library's words."""
    await place.write(LINES)
    await place.end()
    for failing in (batches(place), place.source.newest()):
        with pytest.raises(SourceDown, match=r"^(?=.*shop)[^\n]{20,200}\.$"):
            await failing


async def test_the_newest_line_tells_its_age(place: Place) -> None:
    """None where there is none; files and pushed lines go by when they were written and received."""
    assert await place.source.newest() is None
    await place.write(LINES)
    newest = await place.source.newest()
    assert newest is not None
    assert newest >= BEGIN + 12
