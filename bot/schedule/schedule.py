"""Jobs at intervals, each slot claimed in the database before its effect. The only file that names apscheduler.

Schedules come from code and settings, never from a stored job list: two schedulers on one job store run ticks twice
(measured), a claim per slot ran each once.
"""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import Column, Float, Integer, String, Table, delete

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

KEEP_S = 7 * 86_400.0
"""How long claims are kept: longer than any interval, so that no slot is claimed again."""

JITTER = 0.05
"""Share of the interval by which a job's start is spread, so that replicas do not all ask at once."""

Work = Callable[[], Awaitable[object]]


class Schedule:
    """Runs jobs between `async with` and its end. A job that overruns its interval skips the slots it covers."""

    def __init__(self, database: Database, clock: Clock, fault: Callable[[str], None]) -> None:
        self._database = database
        self._clock = clock
        self._fault = fault
        self._scheduler = AsyncIOScheduler(timezone="UTC")

    def every(self, seconds: int, job: str, work: Work) -> None:
        """Run `work` once per slot of `seconds`; what it raises is logged and counted, and the next slot comes."""
        self._scheduler.add_job(
            self.run,
            IntervalTrigger(seconds=seconds, jitter=int(seconds * JITTER)),
            args=(job, seconds, work),
            id=job,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=seconds,  # the default of 1 s drops a job that is a moment late
        )

    async def run(self, job: str, seconds: int, work: Work) -> bool:
        """Do a job's work if nobody did in this slot; return whether it was ours."""
        if not await self._claimed(job, int(self._clock() // seconds)):
            return False
        try:
            await work()
        except Exception:  # noqa: BLE001 - the outermost rim of a scheduled job: it must come round again
            _log.exception("job_failed", job=job)
            self._fault(f"job_{job}")
        return True

    async def _claimed(self, job: str, slot: int) -> bool:
        now = self._clock()
        values = {"job": job, "slot": slot, "at": now}
        async with self._database.write() as connection:
            await connection.execute(delete(claims_table).where(claims_table.c.at < now - KEEP_S))
            claim = self._database.insert(claims_table).values(values).on_conflict_do_nothing()
            return bool((await connection.execute(claim)).rowcount)

    async def __aenter__(self) -> Self:
        self._scheduler.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scheduler.shutdown(wait=False)
