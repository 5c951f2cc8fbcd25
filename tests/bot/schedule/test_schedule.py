"""Scheduled work: once per slot over all replicas, and never the end of the bot."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.schedule.schedule import Schedule, claims_table
from ingest.database import Database, metadata


class Time:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:  # noqa: D102 - a clock
        return self.now


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Database]:
    """Give a database with the claims' table."""
    database = Database.open(f"sqlite+aiosqlite:///{tmp_path / 'claims.sqlite'}")
    async with database.write() as connection:
        await connection.run_sync(metadata.create_all, tables=[claims_table])
    yield database
    await database.close()


async def test_two_replicas_share_the_slots(store: Database) -> None:
    """Of any number of replicas exactly one does the work of a slot, and each slot is done."""
    clock, done = Time(), []
    replicas = [Schedule(store, clock, done.append) for _ in range(3)]

    async def work() -> None:
        done.append(clock.now)

    for _ in range(4):
        await asyncio.gather(*(replica.run("expire", 60, work) for replica in replicas))
        clock.now += 60
    assert done == [1_000_000.0, 1_000_060.0, 1_000_120.0, 1_000_180.0]


async def test_a_job_that_breaks_is_counted_and_comes_round_again(store: Database) -> None:
    """What a job raises ends neither the schedule nor the bot."""
    clock, faults = Time(), []
    schedule = Schedule(store, clock, faults.append)

    async def work() -> None:
        raise RuntimeError

    assert await schedule.run("expire", 60, work)
    clock.now += 60
    assert await schedule.run("expire", 60, work)
    assert faults == ["job_expire", "job_expire"]


async def test_jobs_run_by_themselves(store: Database) -> None:
    """Between its start and its end the schedule calls the work without being asked."""
    came = asyncio.Event()

    async def work() -> None:
        came.set()

    schedule = Schedule(store, Time(), lambda _name: None)
    schedule.every(1, "tick", work)
    async with schedule, asyncio.timeout(10):
        await came.wait()
