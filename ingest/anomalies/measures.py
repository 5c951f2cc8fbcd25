"""What values are usual at a place of a template: their level, how it wanders, the highest ever. Pure.

Values are taken on a scale that is linear near zero and logarithmic beyond, so that a doubling is the same step for
milliseconds and gigabytes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ingest.anomalies.counts import Counts, Flags, Floats, Ints
from ingest.anomalies.ledger import Ledger

FINEST = 1e-6
"""Values are told apart down to a millionth of their unit: microseconds."""

SPANS = (15, 60)
"""Minutes over which a level is judged."""

FEWEST = (5.0, 12.0)
"""Values that make a level, for each span."""

ENOUGH_VALUES = 200.0
"""A place is judged once it showed 200 values ..."""

ENOUGH_SPANS = (24.0, 12.0)
"""... in so many spans that did not overlap: six and twelve hours."""

MARGIN = 0.25
"""A level is out when it leaves everything seen by a quarter of what was seen."""

MOST_OFF = 4.0
"""A single value counts as no more than four standard deviations off (winsorised): a level needs many."""

LEAST_STEP = 0.5
"""A shift smaller than half a standard deviation of the values is nobody's incident."""

LEAST_CHANGE = 0.05
"""Nor is one of less than five per cent."""

JUMP_MARGIN = 0.5
JUMP_LEAST = 0.7
JUMP_VALUES = 3.0
JUMP_MINUTES = 5
"""Three values in five minutes, each above the highest ever by half of the way from the mean, and by no less than a
doubling: the tail has jumped."""

WIDEST = 2.5
"""Values that scatter over more than an order of magnitude about their mean are ids or sizes: no level to leave."""

MOST_NEW_HIGHS = 6.0
NEW_HIGHS_A_LOG = 3.0
"""A counter sets a new high all the time; of n levels that only wander, about ln(n) do (records, Renyi 1962)."""

FIELDS = ("n", "mean", "square", "top", "older_top", "spans", "level", "level_square", "low", "high", "highs", "lows")


def scaled(values: Floats) -> Floats:
    """Return values on the scale that they are judged on: asinh(value / FINEST)."""
    return np.asarray(np.arcsinh(values / FINEST))


def unscaled(levels: Floats) -> Floats:
    """Return the values that stand at these levels."""
    return np.asarray(np.sinh(levels) * FINEST)


class Measures(Ledger):
    """Numeric series: the present hour in `counts` (planes: n, sum, sum of squares, values past the top), and the past.

    n, mean, square: decayed moments of single values. level, level_square, low, high: moments and extremes of the mean
    over each span, `float64[series, len(SPANS)]`.
    """

    fields = FIELDS

    def __init__(self) -> None:
        super().__init__()
        self.counts = Counts(planes=4)
        self.past = False
        for name in FIELDS[:5]:
            setattr(self, name, np.zeros(64))
        for name in FIELDS[5:]:
            setattr(self, name, np.zeros((64, len(SPANS))))

    n: Floats
    mean: Floats
    square: Floats
    top: Floats
    older_top: Floats
    spans: Floats
    level: Floats
    level_square: Floats
    low: Floats
    high: Floats
    highs: Floats
    lows: Floats

    def grow(self, size: int) -> None:
        """Take in series up to `size`."""
        self.counts.grow(size)
        super().grow(size)

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        return super().state() | {"counts": self.counts.state(self.size)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        super().restore(state)
        self.counts.restore(state["counts"])

    def add(self, series: Ints, values: Floats) -> None:
        """Count scaled values in the present minute."""
        past = values > self._ceiling(series)
        self.past = bool(past.any())
        room = np.where(self.n[series] >= ENOUGH_VALUES, MOST_OFF * self.deviation(series), np.inf)
        values = np.clip(values, self.mean[series] - room, self.mean[series] + room)
        self.counts.add(series, np.ones(len(series)), values, np.square(values), past.astype(np.float64))

    def learn(self, minute: int, quiet: Flags, *, ago: int) -> None:
        """Learn the spans that end with this minute, `ago` minutes back, of series that are part of no anomaly."""
        for place, (length, fewest) in enumerate(zip(SPANS, FEWEST, strict=True)):
            if minute % length == 0:
                self._learn_span(place, length, fewest, quiet, ago)

    def _learn_span(self, place: int, length: int, fewest: float, quiet: Flags, ago: int) -> None:
        n = self.counts.window(length, slice(0, self.size), ago=ago)
        series = np.flatnonzero(quiet[: self.size] & (n >= fewest))
        n = n[series]
        total, square = (self.counts.window(length, series, plane=plane, ago=ago) for plane in (1, 2))
        level = total / n
        if place == 0:
            self._learn_values(series, n, total, square)
        first = self.spans[series, place] == 0
        self.highs[series, place] += ~first & (level > self.high[series, place])
        self.lows[series, place] += ~first & (level < self.low[series, place])
        self.high[series, place] = np.where(first, level, np.maximum(self.high[series, place], level))
        self.low[series, place] = np.where(first, level, np.minimum(self.low[series, place], level))
        self.spans[series, place] += 1.0
        weight = 1.0 / np.minimum(self.spans[series, place], 2_000.0)
        self.level[series, place] += (level - self.level[series, place]) * weight
        self.level_square[series, place] += (np.square(level) - self.level_square[series, place]) * weight

    def _learn_values(self, series: Ints, n: Floats, total: Floats, square: Floats) -> None:
        self.n[series] = np.minimum(self.n[series], 100_000.0) + n
        weight = n / self.n[series]
        self.mean[series] += (total / n - self.mean[series]) * weight
        self.square[series] += (square / n - self.square[series]) * weight

    def learn_tops(self, series: Ints, values: Floats) -> None:
        """Learn the highest values of series that are part of no anomaly."""
        np.maximum.at(self.top, series, values)

    def age(self) -> None:
        """Forget the tops of the week before last; called once a week."""
        self.older_top, self.top = self.top, self.mean.copy()

    def _ceiling(self, series: Ints) -> Floats:
        top = np.maximum(self.top[series], self.older_top[series])
        room = np.maximum(JUMP_MARGIN * (top - self.mean[series]), JUMP_LEAST)
        return np.asarray(np.where(self.n[series] >= ENOUGH_VALUES, top + room, np.inf))

    # Judging

    def deviation(self, series: Ints) -> Floats:
        """Return the standard deviation of single values."""
        return np.asarray(np.sqrt(np.maximum(self.square[series] - np.square(self.mean[series]), 1e-9)))

    def wandering(self, series: Ints, place: int) -> Floats:
        """Return the standard deviation of a span's level."""
        return np.asarray(
            np.sqrt(np.maximum(self.level_square[series, place] - np.square(self.level[series, place]), 0.0))
        )

    def is_counter(self, series: Ints, place: int) -> Flags:
        """Tell which series only ever go on: line numbers, uptimes, ids that are handed out in order."""
        allowed = MOST_NEW_HIGHS + NEW_HIGHS_A_LOG * np.log1p(self.spans[series, place])
        return np.asarray((self.highs[series, place] > allowed) | (self.lows[series, place] > allowed))

    def left(self, series: Ints, place: int) -> Ints:
        """Return those of the series whose level has left all that was seen, give or take a margin."""
        n = self.counts.window(SPANS[place], series)
        level = self.counts.window(SPANS[place], series, plane=1) / np.maximum(n, 1.0)
        return series[(n >= FEWEST[place]) & self._out(series, place, level)]

    def _out(self, series: Ints, place: int, level: Floats) -> Flags:
        high, low = self.high[series, place], self.low[series, place]
        margin = MARGIN * (high - low)
        return np.asarray((level > high + margin) | (level < low - margin))

    def shifts(self, series: Ints, place: int) -> tuple[Floats, Floats, Floats]:
        """Return for each series its present level, the shift from the usual one, and the surprise in nats.

        The surprise is 0 for a level that stays within what was seen, give or take a margin.
        """
        length = SPANS[place]
        n = self.counts.window(length, series)
        level = self.counts.window(length, series, plane=1) / np.maximum(n, 1.0)
        shift = level - self.level[series, place]
        deviation, wandering = self.deviation(series), self.wandering(series, place)
        error = np.sqrt(np.square(deviation) / np.maximum(n, 1.0) + np.square(wandering))
        out = self._out(series, place, level)
        out &= np.abs(shift) >= np.maximum(LEAST_STEP * deviation, LEAST_CHANGE)
        out &= (
            (n >= FEWEST[place])
            & (self.n[series] >= ENOUGH_VALUES)
            & (self.spans[series, place] >= ENOUGH_SPANS[place])
        )
        out &= self._still(series, shift)
        out &= ~self.is_counter(series, place) & (deviation <= WIDEST)
        return level, shift, np.where(out, 0.5 * np.square(shift / error), 0.0)

    def _still(self, series: Ints, shift: Floats) -> Flags:
        """Tell which series are off by half as much in the last quarter of an hour: the others have come back."""
        n = self.counts.window(SPANS[0], series)
        now = self.counts.window(SPANS[0], series, plane=1) / np.maximum(n, 1.0) - self.level[series, 0]
        return np.asarray((n > 0) & (now * np.sign(shift) >= 0.5 * np.abs(shift)))

    def jumps(self, series: Ints) -> Floats:
        """Return how many values of the last minutes lie far past the highest ever; 0 for counters and newcomers."""
        past = self.counts.window(JUMP_MINUTES, series, plane=3)
        return np.where(self.is_counter(series, 0) | (self.spans[series, 0] < ENOUGH_SPANS[0]), 0.0, past)
