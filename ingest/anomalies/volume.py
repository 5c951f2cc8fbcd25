"""How much is said: series that count far more or far less than usual, the traffic of the moment taken out.

Knows no lines that are new, and none that are silent altogether.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ingest.anomalies.counts import Counts, Flags, Floats, Ints
from ingest.anomalies.roster import Roster
from ingest.anomalies.signal import Kind, Signal
from ingest.anomalies.surprise import found, of_count
from ingest.anomalies.traffic import LONGEST, Traffic
from ingest.anomalies.usual import EVERY, LENGTHS, WINDOWS, Usual

OTHERS_NATS = 4.0
"""Lines that speak of no trouble need more (weighted discoveries, Genovese et al. 2006): an incident shows less often
in them by a factor of about fifty."""

RARE_START = 0.5
"""Starts are news where they are no more than so many an hour."""

FEWEST_SERIOUS, FEWEST_OTHERS, FEWEST_STARTS = 5.0, 12.0, 3.0
"""Lines that make a rise: of warnings and errors, of others, of starts."""

RISE_SERIOUS, RISE_OTHERS = 2.0, 3.0
"""How many times the usual a rise must reach."""

RECORD = 1.3
"""And how much more surprising it must be than anything that nobody needed to be told."""

FALL = 0.35
FALL_WINDOWS = (2, 3)
FALL_FROM = 25.0
"""A fall leaves a third of at least 25 usual lines; shorter windows (of WINDOWS) cannot tell."""

LOOK_EVERY = 5
"""Minutes between two looks at all series that speak; those that could be told are looked at every minute. Falls are
looked for as often."""


class Volume:
    """Rises and falls of the counted series.

    `_rising` are those whose usual rate is known and that are judged, `_floors` the fewest lines of each window that
    could be a rise, `_steady` those with lines enough to fall. `_unlearnt` are the surprises of the last hour,
    `_renamed` the series that gave way to another line and were not seen since.
    """

    def __init__(self, roster: Roster, counts: Counts, usual: Usual, traffic: Traffic) -> None:
        self._roster = roster
        self._counts = counts
        self._usual = usual
        self._traffic = traffic
        self._rising: Flags = np.zeros(0, dtype=bool)
        self._floors: Floats = np.zeros((0, len(WINDOWS)))
        self._steady: Ints = np.zeros(0, dtype=np.int64)
        self._unlearnt: deque[tuple[int, Ints, Floats]] = deque()
        self._renamed: set[int] = set()

    def rank(self, minute: int) -> None:
        """Choose the series that may rise, from how many lines on, and those steady enough to fall."""
        known = self._usual.known()
        self._steady = np.flatnonzero(known & (self._usual.overall() * WINDOWS[-1] >= FALL_FROM))
        self._rising = known & self._roster.judged
        now = self._usual.rate(minute, np.arange(len(known)))
        fewest, times = _least(self._roster.serious, _rare(self._roster.starts, now))
        self._floors = np.maximum(fewest[:, None], times[:, None] * now[:, None] * np.array(WINDOWS))

    # Rises

    def rises(self, active: Ints) -> list[Signal]:
        """Return the series that count far more than usual, in the window that shows it best."""
        if self._renamed:
            self._renamed.difference_update(active.tolist())
        active = self._looked_at(active)
        if not len(active):
            return []
        rate = self._usual.rate(self._roster.minute, active)
        serious, starts = self._roster.serious[active], _rare(self._roster.starts[active], rate)
        fewest, times = _least(serious, starts)
        busy = np.array([[max(1.0, self._traffic.over(window))] for window in range(len(WINDOWS))])
        observed, usual = self._counts.window(LENGTHS, active), rate * (LENGTHS * busy)
        nats = np.where(observed > usual, of_count(observed, usual, self._usual.spread(active, EVERY)), 0.0)
        self._unlearnt.append((self._roster.minute, active, nats))
        rose = (observed >= fewest) & (observed >= times * usual) & (nats >= RECORD * self._usual.most(active, EVERY))
        rises = np.where(rose, nats, 0.0)
        best, where = rises.max(axis=0), rises.argmax(axis=0)
        return [
            self._risen(int(active[place]), int(where[place]), float(best[place]), float(rate[place]))
            for place in found(np.where(serious | starts, best, best - OTHERS_NATS), len(active))
        ]

    def _looked_at(self, active: Ints) -> Ints:
        """Return the series to look at: most minutes those that count enough to be told, every fifth one all."""
        active = active[active < len(self._rising)]
        active = active[self._rising[active]]
        if self._roster.minute % LOOK_EVERY == 0:
            return active
        return active[(self._counts.window(LENGTHS, active) >= self._floors[active, EVERY]).any(axis=0)]

    def _risen(self, place: int, window: int, nats: float, rate: float) -> Signal:
        roster, length = self._roster, WINDOWS[window]
        observed = float(self._counts.window(length, np.array([place]))[0])
        kind: Kind = "restarts" if roster.starts[place] and not roster.serious[place] else "rise"
        since = roster.minute - length + 1
        return roster.signal(kind, place, since, observed=observed, usual=rate * length, window=length, nats=nats)

    # Falls

    def falls(self, started: int) -> Iterator[Signal]:
        """Yield the series of which little is left, in windows that lie within the stream, which `started` then."""
        if self._roster.minute % LOOK_EVERY or not self._traffic.known:
            return
        for window in FALL_WINDOWS:
            if self._roster.minute - started >= WINDOWS[window]:
                yield from self._fallen(window)

    def _fallen(self, window: int) -> Iterator[Signal]:
        roster, series, length = self._roster, self._steady, WINDOWS[window]
        observed = self._counts.window(length, series)
        usual = self._usual.rate(roster.minute, series) * length * min(1.0, self._traffic.over(LONGEST))
        fell = (usual >= FALL_FROM) & (observed <= FALL * usual)
        nats = np.where(fell, of_count(observed, usual, self._usual.spread(series, window)), 0.0)
        since = roster.minute - length + 1
        for each in found(nats - OTHERS_NATS, len(series)):
            place, few, many = int(series[each]), float(observed[each]), float(usual[each])
            if place in self._renamed:
                continue
            if roster.is_renamed(roster.counted.series[place].template, length / 2.0, length / 2.0):
                self._renamed.add(place)
            else:
                yield roster.signal("fall", place, since, observed=few, usual=many, window=length, nats=nats[each])

    # Learning

    def learn(self, until: int) -> None:
        """Learn the surprises that nobody needed to be told, up to a minute."""
        while self._unlearnt and self._unlearnt[0][0] <= until:
            _, series, nats = self._unlearnt.popleft()
            quiet = ~self._roster.counted.held[series]
            self._usual.learn_records(series[quiet], nats[:, quiet])

    def clear(self) -> None:
        """Forget the present: another stream begins at another time."""
        self._unlearnt.clear()
        self._renamed.clear()

    # State

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        return {
            "rising": self._rising,
            "floors": self._floors,
            "steady": self._steady,
            "unlearnt": [list(each) for each in self._unlearnt],
            "renamed": sorted(self._renamed),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self._rising, self._floors, self._steady = state["rising"], state["floors"], state["steady"]
        self._unlearnt = deque((minute, series, nats) for minute, series, nats in state["unlearnt"])
        self._renamed = set(state["renamed"])


def _rare(starts: Flags, rate: Floats) -> Flags:
    """Tell which starts are rare enough to be news; rates are per minute."""
    return np.asarray(starts & (rate * 60.0 <= RARE_START))


def _least(serious: Flags, starts: Flags) -> tuple[Floats, Floats]:
    """Return the fewest lines that make a rise, and how many times the usual it must reach."""
    fewest = np.where(serious, FEWEST_SERIOUS, np.where(starts, FEWEST_STARTS, FEWEST_OTHERS))
    return fewest, np.where(serious | starts, RISE_SERIOUS, RISE_OTHERS)
