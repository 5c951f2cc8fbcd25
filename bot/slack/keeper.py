"""Keeps the work of several replicas apart: says that we live, lets go of what we lost, takes over from the dead."""

import asyncio
from collections.abc import Callable

import structlog

from bot.journal.inbox import Inbox, Taken
from bot.journal.outbox import BEAT_S, Outbox
from bot.slack.crew import Crew
from bot.slack.pace import Sleep
from bot.slack.sender import Sender
from ingest.types import Clock

log = structlog.get_logger(__name__)

YOUNG_S = 2 * BEAT_S
"""A younger event of our own may still be on its way to its listener; one of a dead replica is older."""


class Keeper:
    """Beats from `start` to `stop`. `work` is handed every event that nobody works on."""

    def __init__(
        self,
        inbox: Inbox,
        outbox: Outbox,
        sender: Sender,
        crew: Crew,
        work: Callable[[Taken], None],
        *,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._sender = sender
        self._crew = crew
        self._work = work
        self._clock = clock
        self._sleep = sleep
        self._turns: dict[str, asyncio.Task[object]] = {}
        self._beating: asyncio.Task[None] | None = None

    def begun(self, taken: Taken) -> None:
        """Say that the current task works on an event from now on; it is cancelled should another replica do so."""
        task = asyncio.current_task()
        if task is not None:
            self._turns[taken.id] = task

    def ended(self, taken: Taken) -> None:
        """Say that the work on an event is over."""
        self._turns.pop(taken.id, None)

    def start(self) -> None:
        """Begin to beat, in the background."""
        self._beating = asyncio.create_task(self._beat_often(), name="beat")

    async def stop(self) -> None:
        """Beat no more."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])

    async def release(self) -> None:
        """Let others take over at once what we leave."""
        await self._outbox.release()
        await self._inbox.release()

    async def beat(self) -> None:
        """Renew our leases, then take up what fell down: here, or with its replica."""
        await self._outbox.renew()
        for name in await self._inbox.renew(self._turns):
            log.warning("slack.lost_lease", question=name)
            if (task := self._turns.pop(name, None)) is not None:
                task.cancel()
        await self._sender.sweep()
        for taken in await self._inbox.unfinished():
            if self._clock() - taken.at > YOUNG_S:
                self._work(taken)

    async def _beat_often(self) -> None:
        while True:
            await self._sleep(BEAT_S)
            beat = self._crew.start(self.beat(), name="beat")  # one that fails is logged, and the next one comes
            await asyncio.wait([beat], timeout=BEAT_S)
