"""Streams and stories in the database, on every database that we support."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from ingest.anomalies.report import Change, Report
from ingest.anomalies.store import Moved, Saved, Streams, stories_table
from ingest.database import Database

FIRST = Saved("app", 1, {"files": [{"offset": 3}]}, b"\x00\xffstate", 10, 1_795_000_000.25, 1_795_000_001.5)
STORY = Report(
    stream="app",
    id=1,
    kind="new",
    severity="high",
    detected_at=1_795_000_060.0,
    since=1_795_000_000.0,
    ended=None,
    headline="New: é <*>",
    template="é <*>",
    example="é 7",
    examples=("12:00:01 é 7", "12:00:02 b"),
    services=("shop",),
    hosts=("web-1", "web-2"),
    observed=4.0,
    usual=0.0,
    unit="ms",
    window_s=60.0,
    score=35.0,
    chart=(0.0, 4.0),
    charted=1_795_000_060.0,
    changes=(Change("é <*>", 0.0, 4.0),),
    also=("More of: x",),
)


async def save(database: Database, saved: Saved, reports: list[Report] | None = None) -> None:
    """Save in a transaction of its own."""
    async with database.write() as connection:
        await Streams(database).save(connection, saved, reports or [])


async def test_a_stream_comes_back_as_it_was_left(database: Database) -> None:
    """Cursor, state and clock to the last bit; one that was never scanned is None."""
    assert await Streams(database).load("app") is None
    await save(database, FIRST)
    second = replace(FIRST, version=2, state=bytes(range(256)) * 4_000, down="It is down.", down_since=3.5)
    await save(database, second)
    assert await Streams(database).load("app") == second
    assert await Streams(database).load("other") is None


@pytest.mark.parametrize("version", [1, 2, 4], ids=["first", "same", "skipped"])
async def test_who_comes_too_late_writes_nothing(database: Database, version: int) -> None:
    """Of two scans from one version the second is told, and its stories are not written either."""
    await save(database, FIRST)
    await save(database, replace(FIRST, version=2))
    with pytest.raises(Moved):
        await save(database, replace(FIRST, version=version, lines=99), [STORY])
    saved = await Streams(database).load("app")
    assert saved is not None
    assert (saved.version, saved.lines) == (2, 10)
    assert await Streams(database).stories() == []


async def test_stories_come_back_as_they_stand_now(database: Database) -> None:
    """The last of several reports of one story counts, in one scan and over several."""
    grown = replace(STORY, headline="New: more", also=())
    await save(database, FIRST, [STORY, grown])
    assert await Streams(database).stories() == [grown]
    ended = replace(grown, ended=1_795_003_000.0)
    await save(database, replace(FIRST, version=2), [ended])
    assert await Streams(database).stories() == [ended]


async def test_the_latest_story_comes_first_and_ended_ones_go(database: Database) -> None:
    """Those that go on are always there; of the others those that ended since a time."""
    later = replace(STORY, id=2, detected_at=STORY.detected_at + 100.0)
    ended = replace(STORY, id=3, ended=STORY.detected_at + 50.0)
    await save(database, FIRST, [STORY, later, ended])
    streams = Streams(database)
    assert next(story.id for story in await streams.stories()) == 2
    assert {story.id for story in await streams.stories(since=STORY.detected_at + 51.0)} == {1, 2}


async def test_stories_are_found_by_what_they_are(database: Database) -> None:
    """Kind, severity and times stand in columns of their own."""
    await save(database, FIRST, [STORY])
    async with database.read() as connection:
        (row,) = await connection.execute(select(stories_table))
    assert (row.kind, row.severity, row.opened, row.ended) == ("new", "high", STORY.detected_at, None)


async def test_a_stream_that_is_forgotten_leaves_its_stories(database: Database) -> None:
    """And the number of the last one, so that no other gets it; streams do not mix."""
    await save(database, FIRST, [STORY, replace(STORY, id=7)])
    await save(database, replace(FIRST, name="other"), [replace(STORY, stream="other", id=9)])
    streams = Streams(database)
    await streams.forget("app")
    assert await streams.load("app") is None
    assert await streams.load("other") is not None
    assert len(await streams.stories()) == 3
    assert [await streams.last_story(name) for name in ("app", "other", "none")] == [7, 9, 0]
