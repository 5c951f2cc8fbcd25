"""Who speaks regularly, and when silence is overdue: gaps between the minutes in which a series was seen. Pure."""

import numpy as np

from ingest.anomalies.counts import Flags, Floats, Ints
from ingest.anomalies.ledger import Ledger

NEAR = 0.8
"""Gaps within a fifth of the longest are near it: the beat of a periodic line."""

BEATS = 6
"""So many beats make a rhythm."""

RHYTHM = 0.7
"""Of the gaps longer than a minute, so many must be near the longest before a line counts as periodic."""

SEEN = 30
"""A line that is seen in most minutes is judged once it was seen in thirty."""

WATCHED_MINUTES = 6 * 60.0
"""A rhythm is one that held for six hours."""

MOST_EMPTY = 0.75
"""A line that is seen in less than every fourth minute comes in clumps; only a rhythm makes its absence news."""

REGULAR = 0.02
"""A line that misses no more than one minute in fifty does not follow the traffic."""

LEAST_GAP = 3
"""Minutes; a beat a minute that jitters over the minute's edge, or a restart of 40 s, leaves one or two empty."""

MOST_NATS = 18.0
"""A silence is told when chance would bring it once in 66 million times (exp(-18))."""

FIELDS = ("awake", "first", "last", "seen", "longest", "near", "gaps")


class Silence(Ledger):
    """The rhythm of every series, one entry each, all in minutes in which the stream spoke at all."""

    fields = FIELDS

    def __init__(self) -> None:
        super().__init__()
        for name in FIELDS:
            setattr(self, name, np.zeros(64))

    awake: Floats
    first: Floats
    last: Floats
    seen: Floats
    longest: Floats
    near: Floats
    gaps: Floats

    def sleep(self, minute: int) -> None:
        """Expect nobody until it has spoken once: another stream begins, and silence to this one's end was usual."""
        awake = np.flatnonzero(self.awake[: self.size] > 0)
        self.longest[awake] = np.maximum(self.longest[awake], minute + 1 - self.last[awake])
        self.awake[:] = 0.0

    def see(self, minute: int, series: Ints, held: Flags) -> None:
        """Learn that these series, each named once, spoke in this minute; a gap that was told is not learnt."""
        awake = (self.awake[series] > 0) & (self.last[series] < minute) & ~held[series]
        if not awake.all():
            self._see_others(minute, series[~awake], held)
            series = series[awake]
        self._gap(series, minute - self.last[series])
        self.last[series] = minute
        self.seen[series] += 1.0

    def _see_others(self, minute: int, series: Ints, held: Flags) -> None:
        """Learn of series that are new, or were not waited for, or are part of a story."""
        new = series[self.seen[series] == 0]
        self.first[new] = minute
        self.last[new] = minute
        asleep = series[(self.awake[series] == 0) & (self.seen[series] > 0)]
        self.first[asleep] += minute - self.last[asleep] - 1.0
        self.last[asleep] = minute - 1.0
        self.awake[series] = 1.0
        later = series[minute > self.last[series]]
        usual = later[~held[later]]
        self._gap(usual, minute - self.last[usual])
        told = later[held[later]]
        self.first[told] += minute - self.last[told] - 1.0
        self.last[later] = minute
        self.seen[later] += 1.0
        self.seen[new] = 1.0

    def _gap(self, series: Ints, gap: Floats) -> None:
        longest = self.longest[series]
        telling = (gap > 1.0) | (NEAR * longest <= gap)  # of most series in most minutes, the gap says nothing new
        series, gap, longest = series[telling], gap[telling], longest[telling]
        broke = gap > longest / NEAR
        near = gap >= NEAR * longest
        self.near[series] = np.where(broke, 1.0, self.near[series] + near)
        self.longest[series] = np.maximum(longest, gap)
        self.gaps[series] += gap > 1.0

    def deadline(self, series: Ints) -> Floats:
        """Return the length of a gap, in minutes, from which on each series is overdue; infinity if it has no rhythm.

        Periodic: the second beat is missed. Dense: every empty minute has the chance that an empty minute had so far
        (Laplace's rule), and the whole silence is less likely than exp(-MOST_NATS). Never before twice the longest gap.
        """
        longest, seen, span = self.longest[series], self.seen[series], self._span(series)
        empty = (span - seen + 0.5) / (span + 1.0)
        dense = np.where((seen >= SEEN) & (empty <= MOST_EMPTY), MOST_NATS / -np.log(empty), np.inf)
        twice = 2.0 * longest + 1.0
        deadline = np.maximum(np.where(self._periodic(series), twice, np.maximum(dense, twice)), LEAST_GAP)
        return np.where((span >= WATCHED_MINUTES) & (self.awake[series] > 0), deadline, np.inf)

    def regular(self, series: Ints) -> Flags:
        """Tell which series speak whatever the traffic: heartbeats, and what has a rhythm."""
        empty = 1.0 - self.seen[series] / np.maximum(self._span(series), 1.0)
        return np.asarray(self._periodic(series) | (empty <= REGULAR))

    def _span(self, series: Ints) -> Floats:
        """Return for how long each series has been known."""
        return np.asarray(np.maximum(self.last[series] - self.first[series] + 1.0, self.seen[series]))

    def _periodic(self, series: Ints) -> Flags:
        """Tell which series have a beat of more than a minute."""
        near = self.near[series]
        return np.asarray((near >= BEATS) & (near >= RHYTHM * self.gaps[series]) & (self.longest[series] > 1.0))
