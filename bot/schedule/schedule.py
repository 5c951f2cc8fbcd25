"""Jobs at their times, each slot claimed in the database before its effect. The only file that names apscheduler.

Schedules come from code and settings, never from a stored job list: two schedulers on one job store run ticks twice
(measured), a claim per slot ran each once. `due` does all that there is to do at a moment, by whatever clock; the
scheduler merely says when.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from random import Random
from types import TracebackType
from typing import Self

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from sqlalchemy import Column, Float, Integer, String, Table, delete, exists, literal, select

from bot.schedule.timetable import Every, Slot, Timetable, clock_words
from ingest.database import Database, metadata
from ingest.types import Clock

_log = structlog.get_logger(__name__)

claims_table = Table(
    "claims",
    metadata,
    Column("job", String(64), primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
)

MOST_NAME = 64
"""Characters of a job's name in the claims; what is longer ends in a hash of all of it."""

KEEP_S = 7 * 86_400.0
"""How long claims are kept; a job's latest stays as long as it is the latest, so that no slot is claimed again."""

JITTER = 0.05
MOST_JITTER_S = 3.0
"""Share of the time between two slots, and seconds at most, by which a start is spread over the replicas and jobs."""

Work = Callable[[], Awaitable[object]]


@dataclass(slots=True)
class Job:
    """Something to do in every slot of a timetable; `grace_s` is how late it may still begin, None: until the next."""

    name: str
    timetable: Timetable
    work: Work
    grace_s: float | None = None
    looked_at: Slot | None = None
    running_since: float | None = None
    warned_of: float | None = None
    skipped: int = 0
    skipped_at: float = 0.0
    missed: int = 0
    missed_at: float = 0.0
    failed_at: float | None = None

    def notes(self) -> Sequence[str]:
        """Return what people should know of it, in words."""
        notes = []
        if self.failed_at is not None:
            notes.append(f"{self.name} failed at {clock_words(self.failed_at)}; it is tried again")
        if self.skipped:
            notes.append(
                f"{self.name} was skipped {_times(self.skipped)} as it was still running, "
                f"last at {clock_words(self.skipped_at)}"
            )
        if self.missed:
            notes.append(f"{self.name} was missed {_times(self.missed)}, last at {clock_words(self.missed_at)}")
        return notes


@dataclass(slots=True)
class Schedule:
    """Runs jobs between `async with` and its end. A job that overruns its time skips the slots it covers, and says so.

    `fault` counts what went wrong by its name; `rng` spreads the starts.
    """

    database: Database
    clock: Clock
    fault: Callable[[str], None]
    rng: Random = field(default_factory=Random)
    jobs: dict[str, Job] = field(default_factory=dict)
    _scheduler: AsyncIOScheduler = field(init=False, default_factory=lambda: AsyncIOScheduler(timezone=UTC))
    _running: set["asyncio.Task[bool]"] = field(init=False, default_factory=set)

    def every(self, seconds: int, job: str, work: Work) -> None:
        """Run `work` once per slot of `seconds`; what it raises is logged and counted, and the next slot comes."""
        self.add(job, Every(seconds), work)

    def add(self, job: str, timetable: Timetable, work: Work, *, grace_s: float | None = None) -> None:
        """Run `work` once per slot of a timetable, also when the slot began up to `grace_s` ago.

        By default a slot may begin late until the next one does. Slots that passed meanwhile are not made up for.
        """
        self.jobs[job] = Job(job, timetable, work, grace_s)
        self._scheduler.add_job(
            self._fire,
            _Slots(timetable, self.rng),
            args=(job,),
            id=job,
            next_run_time=datetime.now(UTC),  # a slot that began while nobody ran is due at the start
            max_instances=2,  # the second finds that the first still runs, and says so
            coalesce=True,
            misfire_grace_time=None,  # the default of 1 s drops a job that is a moment late; `grace_s` decides
        )

    @property
    def failing(self) -> bool:
        """Whether the last run of a job, as far as it was ours, broke."""
        return any(job.failed_at is not None for job in self.jobs.values())

    def notes(self) -> Sequence[str]:
        """Return what went wrong with the jobs of this process, in words; empty when nothing did."""
        return [note for job in self.jobs.values() for note in job.notes()]

    async def due(self, now: float) -> Sequence[str]:
        """Run every job whose slot at `now` (seconds UTC) nobody has run; return the names of those that were ours."""
        jobs = list(self.jobs.values())
        ours = await asyncio.gather(*(self.run(job.name, now) for job in jobs))
        return [job.name for job, mine in zip(jobs, ours, strict=True) if mine]

    async def run(self, name: str, now: float) -> bool:
        """Do a job's work if nobody did in its slot at `now`; return whether it was ours."""
        job = self.jobs[name]
        slot = job.timetable.at(now)
        if job.looked_at == slot:
            return False
        last, job.looked_at = job.looked_at, slot
        if job.running_since is not None:
            self._overlaps(job, now)
            return False
        if self._is_late(job, slot, last, now):
            return False
        job.running_since = now
        try:
            return await self._done(job, slot, now)
        finally:
            job.running_since = None

    async def _done(self, job: Job, slot: Slot, now: float) -> bool:
        ours = False
        try:
            if ours := await self._claimed(job, slot.number, now):
                await job.work()
        except Exception:  # noqa: BLE001 - the outermost rim of a scheduled job: it must come round again
            _log.exception("job_failed", job=job.name)
            self.fault(f"job_{job.name}")
            job.failed_at = now
        else:
            job.failed_at = None if ours else job.failed_at
        return ours

    def _overlaps(self, job: Job, now: float) -> None:
        job.skipped += 1
        job.skipped_at = now
        if job.warned_of != job.running_since:  # once a run, however many slots it covers
            job.warned_of = job.running_since
            _log.warning("job_overlaps", job=job.name, running_s=now - (job.running_since or now))
        self.fault(f"overlap_{job.name}")

    def _is_late(self, job: Job, slot: Slot, last: Slot | None, now: float) -> bool:
        """Note the slots that passed unseen, as where the machine slept; return whether this one is too late too."""
        too_late = job.grace_s is not None and now - slot.start > job.grace_s
        unseen = last is not None and slot.start > job.timetable.after(last.start)
        if too_late or unseen:
            job.missed += 1
            job.missed_at = slot.start if too_late else now
            _log.warning("job_missed", job=job.name, late_s=now - slot.start, run=not too_late)
            self.fault(f"missed_{job.name}")
        return too_late

    async def _claimed(self, job: Job, slot: int, now: float) -> bool:
        """Claim a slot for us; slots before the latest that was claimed are nobody's any more."""
        name, claims = _short(job.name), claims_table.c
        later = exists().where(claims.job == name, claims.slot >= slot)
        values = select(literal(name), literal(slot), literal(now)).where(~later)
        old = (claims.job == name) & (claims.slot < slot) & (claims.at < now - KEEP_S)
        async with self.database.write() as connection:
            await connection.execute(delete(claims_table).where(old))
            claim = self.database.insert(claims_table).from_select(["job", "slot", "at"], values)
            return bool((await connection.execute(claim.on_conflict_do_nothing())).rowcount)

    async def _fire(self, name: str) -> None:
        task = asyncio.ensure_future(self.run(name, self.clock()))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await task

    async def __aenter__(self) -> Self:
        self._scheduler.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what runs: it writes in transactions, and is done again in its next slot."""
        self._scheduler.shutdown(wait=False)
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


class _Slots(BaseTrigger):  # type: ignore[misc]  # apscheduler has no types
    """Fires a little after the begin of each slot."""

    def __init__(self, timetable: Timetable, rng: Random) -> None:
        self._timetable = timetable
        self._rng = rng

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """Return when to fire next."""
        begun = (previous or now).timestamp()
        start = self._timetable.after(max(begun, now.timestamp()))
        jitter_s = min((self._timetable.after(start) - start) * JITTER, MOST_JITTER_S)
        return datetime.fromtimestamp(start + self._rng.uniform(0.0, jitter_s), UTC)


def _short(name: str) -> str:
    return name if len(name) <= MOST_NAME else f"{name[:31]}#{sha256(name.encode()).hexdigest()[:32]}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
