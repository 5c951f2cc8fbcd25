"""Scheduled work: once per slot over all replicas, and never the end of the bot."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.schedule.schedule import KEEP_S, Schedule, claims_table
from bot.schedule.timetable import Cron, Every
from ingest.database import Database, metadata

NOON = 1_795_003_200.0
"""2026-11-18 12:00 UTC."""


class Time:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:  # noqa: D102 - a clock
        return self.now


class Work:
    """Something to do that remembers when it was done, and takes as long as it is told to."""

    def __init__(self, clock: Time) -> None:
        self.done: list[float] = []
        self.clock = clock
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self) -> None:  # noqa: D102 - work
        self.done.append(self.clock.now)
        self.begun.set()
        await self.may_end.wait()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Database]:
    """Give a database with the claims' table."""
    database = Database.open(f"sqlite+aiosqlite:///{tmp_path / 'claims.sqlite'}")
    async with database.write() as connection:
        await connection.run_sync(metadata.create_all, tables=[claims_table])
    yield database
    await database.close()


async def test_two_replicas_share_the_slots(database: Database) -> None:
    """Of any number of replicas exactly one does the work of a slot, and each slot is done; on every database."""
    clock = Time()
    work = Work(clock)
    replicas = [Schedule(database, clock, lambda _name: None) for _ in range(3)]
    for replica in replicas:
        replica.every(60, "expire", work)
    for _ in range(4):
        await asyncio.gather(*(replica.due(clock.now) for replica in replicas))
        clock.now += 60
    assert work.done == [NOON, NOON + 60, NOON + 120, NOON + 180]


async def test_a_replica_that_starts_anew_runs_no_slot_twice(store: Database) -> None:
    """What was claimed stays claimed, also by whoever died at it."""
    clock = Time()
    work = Work(clock)
    for later_s in (0.0, 10.0, 59.0):
        replica = Schedule(store, clock, lambda _name: None)
        replica.add("scan", Every(60), work)
        await replica.due(NOON // 60 * 60 + later_s)
    assert len(work.done) == 1


async def test_a_rare_slot_is_not_run_again_when_its_claim_is_old(store: Database) -> None:
    """The latest claim of a job is kept for as long as it is the latest; older ones go."""
    clock = Time()
    work = Work(clock)
    for month in range(4):
        for day in range(0, 28, 9):
            replica = Schedule(store, clock, lambda _name: None)
            replica.add("monthly", Cron.of("0 0 1 * *"), work)
            clock.now = NOON + (month * 30 + day) * 86_400.0
            await replica.due(clock.now)
    assert len(work.done) == 5  # November to March
    assert KEEP_S < 28 * 86_400.0
    async with store.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(claims_table)) <= 2


async def test_a_job_that_breaks_is_counted_and_comes_round_again(store: Database) -> None:
    """What a job raises ends neither the schedule nor the bot, and is said until it goes well."""
    clock, faults, wrong = Time(), [], [True]

    async def work() -> None:
        if wrong[0]:
            raise RuntimeError

    schedule = Schedule(store, clock, faults.append)
    schedule.every(60, "expire", work)
    assert await schedule.due(NOON) == ["expire"]
    assert await schedule.due(NOON + 60) == ["expire"]
    assert faults == ["job_expire", "job_expire"]
    assert schedule.notes() == ["expire failed at 12:01 UTC; it is tried again"]
    wrong[0] = False
    await schedule.due(NOON + 120)
    assert schedule.notes() == []


async def test_a_job_that_overruns_skips_slots_and_says_so(store: Database) -> None:
    """Never twice at the same time, and never silently less often."""
    clock, faults = Time(), []
    work = Work(clock)
    schedule = Schedule(store, clock, faults.append)
    schedule.every(60, "scan", work)
    work.may_end.clear()
    running = asyncio.create_task(schedule.due(NOON))
    await work.begun.wait()
    assert await schedule.due(NOON + 60) == []
    assert await schedule.due(NOON + 120) == []
    work.may_end.set()
    await running
    assert await schedule.due(NOON + 180) == ["scan"]
    assert faults == ["overlap_scan", "overlap_scan"]
    assert schedule.notes() == ["scan was skipped 2 times as it was still running, last at 12:02 UTC"]


@pytest.mark.parametrize(("late_s", "ran"), [(0, True), (299, True), (301, False)])
async def test_a_slot_may_begin_late_within_its_grace(store: Database, late_s: float, ran: bool) -> None:  # noqa: FBT001
    """What is too late is left out, and said."""
    clock, faults = Time(), []
    work = Work(clock)
    schedule = Schedule(store, clock, faults.append)
    schedule.add("report", Cron.of("0 12 * * *"), work, grace_s=300.0)
    await schedule.due(NOON + late_s)
    assert bool(work.done) is ran
    assert schedule.notes() == ([] if ran else ["report was missed once, last at 12:00 UTC"])


async def test_after_a_suspension_the_present_slot_is_run_once(store: Database) -> None:
    """Eight hours in a closed laptop: one run, not five hundred, and a note."""
    clock, faults = Time(), []
    work = Work(clock)
    schedule = Schedule(store, clock, faults.append)
    schedule.every(60, "scan", work)
    await schedule.due(NOON)
    await schedule.due(NOON + 8 * 3_600)
    assert len(work.done) == 2
    assert schedule.notes() == ["scan was missed once, last at 20:00 UTC"]
    assert faults == ["missed_scan"]


async def test_jobs_run_by_themselves(store: Database) -> None:
    """Between its start and its end the schedule calls the work without being asked."""
    came = asyncio.Event()

    async def work() -> None:
        came.set()

    schedule = Schedule(store, Time(), lambda _name: None)
    schedule.every(3_600, "tick", work)
    async with schedule, asyncio.timeout(10):
        await came.wait()


async def test_what_runs_at_the_end_is_ended(store: Database) -> None:
    """Nobody writes into a database that is being closed."""
    clock = Time()
    work = Work(clock)
    work.may_end.clear()
    ended = []

    async def long() -> None:
        try:
            await work()
        finally:
            ended.append(True)

    schedule = Schedule(store, clock, lambda _name: None)
    schedule.every(3_600, "long", long)
    async with schedule, asyncio.timeout(10):
        await work.begun.wait()
    assert ended == [True]
