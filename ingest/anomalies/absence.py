"""What should have spoken again by now: series and pairs that are overdue, if no other line took their place.

`silence` knows when each is due; this knows the stream: its traffic, its lateness, its renamed lines.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ingest.anomalies.counts import Flags, Floats, Ints
from ingest.anomalies.roster import Register, Roster
from ingest.anomalies.signal import Series, Signal
from ingest.anomalies.silence import MOST_NATS, Silence
from ingest.anomalies.traffic import LONGEST, Traffic

LEAST_TRAFFIC = 0.05
"""What follows the traffic is waited for twenty times as long at the most."""

DEADLINES_EVERY = 15
"""Minutes between two looks at when each series is due, unless one is born: rhythms change slowly."""


class Watch:
    """The rhythms of a register's series, and when each is overdue, as far as that was looked at."""

    def __init__(self, register: Register) -> None:
        self.register = register
        self.silence = Silence()
        self.look()

    def look(self) -> None:
        """Look at when each series is overdue, and which speak whatever the traffic."""
        everyone = np.arange(self.silence.size)
        self.due: Floats = self.silence.deadline(everyone)
        self.regular: Flags = self.silence.regular(everyone)
        self._wait()

    def _wait(self) -> None:
        """Work out before which tick none can be overdue: whoever speaks meanwhile is due later."""
        self._earliest = float((self.silence.last[: len(self.due)] + self.due).min(initial=np.inf))

    def overdue(self, ticks: int, late: float, traffic: Traffic) -> Iterator[tuple[int, float, float]]:
        """Yield the places that are overdue, with their gap and deadline; what follows the traffic may wait for it."""
        if ticks - late < self._earliest:
            return
        gap = ticks - self.silence.last[: len(self.due)]
        overdue = np.flatnonzero(gap - late >= self.due)
        self._wait()
        if len(overdue):
            busy = min(max(traffic.over(LONGEST), LEAST_TRAFFIC), 1.0)
            overdue = overdue[self.regular[overdue] | (gap[overdue] - late >= self.due[overdue] / busy)]
        for place in overdue.tolist():
            yield place, gap[place], self.due[place]

    def give_up(self, place: int) -> None:
        """Wait no longer for a series, until it speaks again."""
        self.silence.awake[place] = 0.0
        self.due[place] = np.inf


class Absence:
    """The rhythms of all series of a stream. Time is in ticks: minutes in which the stream spoke at all."""

    def __init__(self, roster: Roster, traffic: Traffic) -> None:
        self._roster = roster
        self._traffic = traffic
        self._counted = Watch(roster.counted)
        self._pairs = Watch(roster.pairs)

    def grow(self) -> None:
        """Take in the series that were born."""
        for watch in (self._counted, self._pairs):
            watch.silence.grow(len(watch.register))

    def see(self, ticks: int, series: Ints, pairs: Ints) -> None:
        """Learn who spoke in this minute."""
        for watch, spoke in ((self._counted, series), (self._pairs, pairs)):
            watch.silence.see(ticks, spoke, watch.register.held)

    def signals(self, ticks: int, late: float) -> Iterator[Signal]:
        """Yield what should have spoken again by now, though lines may come `late` by so many minutes."""
        if self._roster.minute % DEADLINES_EVERY == 0 or len(self._counted.due) != len(self._roster.counted):
            self._counted.look()
            self._pairs.look()
        for watch in (self._counted, self._pairs):
            for place, gap, due in watch.overdue(ticks, late, self._traffic):
                series = watch.register.series[place]
                if not watch.register.held[place] and self._roster.is_renamed(series.template, gap):
                    watch.give_up(place)
                else:
                    yield self._signal(series, gap, due)

    def _signal(self, series: Series, gap: float, due: float) -> Signal:
        minute = self._roster.minute
        return Signal("silence", series, minute, minute - int(gap) + 1, 0.0, due, int(gap), MOST_NATS * gap / due)

    def forget(self, template: int) -> None:
        """Wait for a template no more, on no host."""
        for watch in (self._counted, self._pairs):
            for place, series in enumerate(watch.register.series):
                if series.template == template:
                    watch.silence.awake[place] = 0.0

    def sleep(self, ticks: int) -> None:
        """Wait for nobody until it has spoken once: another stream begins."""
        self._counted.silence.sleep(ticks)
        self._pairs.silence.sleep(ticks)

    # State

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        return {"counted": self._counted.silence.state(), "pairs": self._pairs.silence.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self._counted.silence.restore(state["counted"])
        self._pairs.silence.restore(state["pairs"])
