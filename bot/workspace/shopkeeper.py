"""Keeps the demo's shop open: writes its logs as time goes by, and breaks things, by itself and when told to.

Times are seconds since 1970 UTC, as the clock gives them. Knows nobody who reads the logs.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bot.workspace.errors import Occupied, Refused
from bot.workspace.logbook import Logbook
from bot.workspace.services import FAULTS, INCIDENTS, STREAMS
from bot.workspace.shop import Broken, Fault, lines_of

_log = logging.getLogger(__name__)

HISTORY_S = 2 * 86_400.0
"""What is written at the first start and after a longer absence: detection tells after a day (ingest.anomalies.stream),
and has judged another one by then."""

TICK_S = 1.0

FIRST_S = (100.0, 160.0)
BETWEEN_S = (420.0, 600.0)
"""The shortest and the longest time to the first thing that breaks by itself, and from one to the next."""

AFTER_S = 60.0
"""What breaks by itself waits so long for the end of what a person broke."""

SEED = 20_261_120
"""Of all that is left to chance."""

Deployed = Callable[[str, str, float], Awaitable[None]]
"""Hears of a deployment: service, version, time."""


class Shopkeeper:
    """The shop of one folder. `run` keeps it open; `break_it` breaks something, one thing at a time."""

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float],
        *,
        channel: str | None = None,
        seed: int = SEED,
        history_s: float = HISTORY_S,
    ) -> None:
        """`channel` is where its stories go, for the page to say so."""
        self._clock = clock
        self._history_s = history_s
        self._channel = channel
        self._seed = seed
        self._logbook = Logbook(folder)
        self._written: dict[str, float] = {}
        self._share: float | None = 0.0
        self._trouble = ""
        self._broken: list[Broken] = []
        self._by_hand: Broken | None = None
        self._mended: Broken | None = None
        self._before: dict[str, float] = {}
        self._earlier: float | None = None
        self._turn = 0
        self._next = 0.0
        self._rng = random.Random(seed)
        self._listeners: list[Callable[[], None]] = []
        self._deployed: list[Deployed] = []

    # For whoever reads the logs

    @property
    def patterns(self) -> Mapping[str, str]:
        """The files of each stream, as a glob."""
        return {stream: self._logbook.pattern(stream) for stream in STREAMS}

    def prepare(self) -> None:
        """Make the files that are written next, so that whoever looks finds them; `run` says what is in its way."""
        with suppress(OSError):
            for stream in STREAMS:
                self._logbook.begin(stream, self._clock())

    def tell_deploys(self, deployed: Deployed) -> None:
        """Tell of deployments from now on."""
        self._deployed.append(deployed)

    # For people

    def listen(self, changed: Callable[[], None]) -> None:
        """Call `changed` whenever `status` is another one."""
        self._listeners.append(changed)

    @property
    def status(self) -> dict[str, Any]:
        """What people see of the shop, JSON-able: what can be broken, what is, and what has just been mended.

        `opening` is the share of the history that is written, None once all is; `before` when a fault broke last.
        """
        faults = [
            {"name": each.name, "title": each.title, "told": each.told, "before": self._before.get(each.name)}
            for each in FAULTS
        ]
        return {
            "opening": self._share,
            "trouble": self._trouble,
            "channel": self._channel,
            "faults": faults,
            "broken": None if self._by_hand is None else _shown(self._by_hand) | {"before": self._earlier},
            "mended": None if self._mended is None else _shown(self._mended),
        }

    async def break_it(self, name: str) -> None:
        """Break something. Raises Refused for what is not known, and Occupied while nothing can be broken."""
        fault = next((each for each in FAULTS if each.name == name), None)
        if fault is None:
            raise Refused("no_such_fault")
        if self._share is not None:
            raise Occupied("The shop is still opening: try again in a few seconds.")
        if self._by_hand is not None:
            raise Occupied("Something is broken already: it mends itself within a few minutes.")
        broken = self._by_hand = self._break(fault, self._clock())
        self._earlier, self._before[name] = self._before.get(name), broken.since
        self._mended = None
        self._next = max(self._next, broken.until + AFTER_S)
        self._tell()
        if fault.deploys:
            for deployed in self._deployed:
                await deployed(fault.stream, fault.deploys, broken.since)

    # Through the days

    @property
    def broken(self) -> tuple[Broken, ...]:
        """What is broken now, by itself or by a person."""
        return tuple(self._broken)

    async def run(self) -> None:
        """Keep the shop open, second by second; never returns by itself."""
        while True:
            await self.work()
            await asyncio.sleep(TICK_S)

    async def work(self) -> None:
        """Open the shop, or write what was said since; what is in the way is said in `status`."""
        try:
            await (self.open() if self._share is not None else self.tick())
            self._troubled("")
        except OSError as error:
            _log.warning("the shop cannot write its logs: %s", error)
            self._share = 0.0  # nobody knows how much of it was written: it is looked up
            self._troubled(error.strerror or "the disk refused it")

    async def open(self) -> None:
        """Write what the shop said since its last line, calm, two days of it at the most; then it can be broken."""
        now = self._clock()
        for done, stream in enumerate(STREAMS):
            last = await asyncio.to_thread(self._logbook.last, stream)
            self._written[stream] = max(last or 0.0, now - self._history_s)
            await asyncio.to_thread(self._write, stream, now, ())
            self._share = (done + 1) / len(STREAMS)
            self._tell()
        self._share = None
        self._turn = int(now // BETWEEN_S[1])
        self._next = now + self._rng.uniform(*FIRST_S)
        self._tell()

    async def tick(self) -> None:
        """Write what was said since the last time, mend what is due, break what is due."""
        now = self._clock()
        if now >= self._next:
            self._next = now + self._rng.uniform(*BETWEEN_S)
            self._break(INCIDENTS[self._turn % len(INCIDENTS)], now)
            self._turn += 1
        await asyncio.to_thread(self._write_all, now, tuple(self._broken))
        self._broken = [each for each in self._broken if each.until > now]
        if self._by_hand is not None and self._by_hand.until <= now:
            self._mended, self._by_hand = self._by_hand, None
            self._tell()

    def _break(self, fault: Fault, now: float) -> Broken:
        broken = Broken(fault, now, now + fault.lasts_s)
        self._broken.append(broken)
        return broken

    def _write_all(self, now: float, broken: Sequence[Broken]) -> None:
        for stream in STREAMS:
            self._write(stream, now, broken)

    def _write(self, stream: str, now: float, broken: Sequence[Broken]) -> None:
        """Write what a stream said until now; after a sleep of days, the last two of them."""
        begin = max(self._written[stream], now - self._history_s)
        here = [each for each in broken if each.fault.stream == stream]
        minutes = range(int(begin // 60), int(now // 60) + 1)
        lines = (line for minute in minutes for line in lines_of(STREAMS[stream], minute, self._of(stream), here))
        self._logbook.append(stream, [line for line in lines if begin < line.time <= now])
        if begin // 3_600 != now // 3_600:
            self._logbook.forget(stream, now - self._history_s)
        self._written[stream] = max(begin, now)

    def _of(self, stream: str) -> int:
        return self._seed * len(STREAMS) + list(STREAMS).index(stream)

    def _troubled(self, words: str) -> None:
        if words != self._trouble:
            self._trouble = words
            self._tell()

    def _tell(self) -> None:
        for changed in self._listeners:
            changed()


def _shown(broken: Broken) -> dict[str, Any]:
    fault = broken.fault
    return {"name": fault.name, "told": fault.told, "since": broken.since, "until": broken.until}
