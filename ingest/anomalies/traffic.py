"""The traffic of the moment: how much more or less than usual the loudest templates of a stream say.

Whoever judges a single line takes it out: at a peak, all lines are more.
"""

from typing import Any

import numpy as np

from ingest.anomalies.counts import Counts, Ints
from ingest.anomalies.roster import Roster
from ingest.anomalies.usual import LENGTHS, Usual

SHORTEST, LONGEST = 1, 2
"""Traffic is read over five and fifteen minutes (of WINDOWS): over one it is noise, over an hour no longer the
moment's."""

LOUDEST, LEAST_LOUD = 48, 0.05
"""Templates from which the traffic of the moment is read, and the lines a minute that the least of them has."""


class Traffic:
    """The lines of the moment against the usual ones, 1 where they are as usual, and while nothing is known."""

    def __init__(self, roster: Roster, counts: Counts, usual: Usual) -> None:
        self._roster = roster
        self._counts = counts
        self._usual = usual
        self._loudest: Ints = np.zeros(0, dtype=np.int64)
        self._now: dict[int, float] = {}

    @property
    def known(self) -> bool:
        """Whether there is a template loud enough to read it from."""
        return len(self._loudest) > 0

    def advance(self) -> None:
        """Begin a minute."""
        self._now.clear()

    def over(self, window: int) -> float:
        """Return the traffic over a window (a place in WINDOWS), or over that nearest to it which tells it."""
        if not self.known:
            return 1.0
        if not self._now:
            self._read()
        return self._now[min(max(window, SHORTEST), LONGEST)]

    def _read(self) -> None:
        """Read the traffic of the present minute: the weighted median over the loudest templates."""
        rate = self._usual.rate(self._roster.minute, self._loudest)
        lengths = LENGTHS[[SHORTEST, LONGEST]]
        ratios = self._counts.window(lengths, self._loudest) / np.maximum(rate * lengths, 1e-9)
        order = np.argsort(ratios)
        sums = np.cumsum(np.sqrt(rate)[order], axis=1)
        middle = (sums < sums[:, -1:] / 2.0).sum(axis=1)
        for row, window in enumerate((SHORTEST, LONGEST)):
            self._now[window] = float(ratios[row, order[row, middle[row]]])

    def rank(self) -> None:
        """Choose the templates that tell the traffic."""
        rate = self._usual.overall()
        templates = np.array([series.template > 0 for series in self._roster.counted.series], dtype=bool)
        known = self._usual.known() & templates
        order = np.argsort(-np.where(known, rate, 0.0))[:LOUDEST]
        self._loudest = order[(known & (rate > LEAST_LOUD))[order]]

    # State

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        return {"loudest": self._loudest}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._loudest = state["loudest"]
