"""Tasks in the background, none of them forgotten; and a fair share of the work for everybody who asks."""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)


class Crew:
    """Running tasks. One that fails is logged by its name and the kind of error, never by its text."""

    def __init__(self, fault: Callable[[str], None]) -> None:
        self._fault = fault
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run `work` as a task and keep hold of it."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def drain(self, deadline_s: float) -> None:
        """Wait for the tasks, and for those that they start, until the deadline; then cancel the rest."""
        try:
            async with asyncio.timeout(deadline_s):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        except TimeoutError:
            log.warning("slack.cut_short", tasks=len(self._tasks))
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fault("task_failed")
            log.error("slack.task_failed", task=task.get_name(), error=type(error).__name__)


AHEAD = 8
"""Answers of one person in one channel that may be begun and not yet posted."""

Asker = tuple[str, str]
"""A person and the channel they ask in."""

Job = Callable[[Callable[[], None]], Awaitable[None]]
"""Work for a person. It calls its argument when others may begin, though it goes on (to post, say)."""


class Desk:
    """Works for several people at once, each in turn: who asks much waits for himself, not for others.

    Nobody has all the places: one is left for whoever comes next. Who has `AHEAD` answers begun in a channel that Slack
    does not take faster is not worked for there: more would only wait, and take the time that others need.
    """

    def __init__(self, crew: Crew, places: int) -> None:
        self._crew = crew
        self._free = places
        self._places = places
        self._each = max(places - 1, 1)
        self._working: Counter[str] = Counter()
        self._begun: Counter[Asker] = Counter()
        self._queues: OrderedDict[Asker, deque[tuple[str, Job]]] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many jobs have not begun."""
        return sum(map(len, self._queues.values()))

    @property
    def working(self) -> int:
        """How many places are taken."""
        return self._places - self._free

    def put(self, asker: Asker, name: str, job: Job) -> None:
        """Queue a job for a person in a channel. Returns at once."""
        self._queues.setdefault(asker, deque()).append((name, job))
        self._begin()

    def close(self) -> None:
        """Forget what has not begun; the inbox still holds it."""
        self._queues.clear()

    def _begin(self) -> None:
        while self._free and (asker := self._next()) is not None:
            queue = self._queues.pop(asker)
            name, job = queue.popleft()
            if queue:
                self._queues[asker] = queue
            self._free -= 1
            self._working[asker[0]] += 1
            self._begun[asker] += 1
            self._crew.start(self._run(asker, job), name=name)

    def _next(self) -> Asker | None:
        for asker in self._queues:
            if self._working[asker[0]] < self._each and self._begun[asker] < AHEAD:
                return asker
        return None

    async def _run(self, asker: Asker, job: Job) -> None:
        left = False

        def leave() -> None:
            nonlocal left
            if not left:
                left = True
                self._free += 1
                self._working -= Counter([asker[0]])
                self._begin()

        try:
            await job(leave)
        finally:
            leave()
            self._begun -= Counter([asker])
            self._begin()
