"""Which words stand at a place of a template, and in what shares: outcomes, status classes, states. Pure."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ingest.anomalies.counts import Counts, Floats, Ints
from ingest.anomalies.ledger import Ledger
from ingest.anomalies.surprise import of_share

SPAN_MINUTES = (5, 15)
"""Minutes over which a share is judged."""

ENOUGH = 300.0
"""A place's shares are known once 300 values stood there."""

FEWEST_HITS = 5.0
"""A share rises by no fewer lines than this."""

RECORD_MARGIN = 1.3
LEAST_FACTOR = 2.0
"""A share must be twice the usual one and a third above the highest that so many lines ever showed."""

OVERDISPERSION = 3.0
"""Shares scatter more than chance; their surprise is divided by this (quasi-likelihood)."""

FIELDS = ("hits", "total", "record", "older")


class Shares(Ledger):
    """One series for each word at a place; `counts` has the planes hits and lines of the place."""

    fields = FIELDS

    def __init__(self) -> None:
        super().__init__()
        self.counts = Counts(planes=1)
        self.hits = np.zeros(64)
        self.total = np.zeros(64)
        self.record = np.zeros((64, len(SPAN_MINUTES)))
        self.older = np.zeros((64, len(SPAN_MINUTES)))

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

    def learn(self, series: Ints, hits: Floats, totals: Floats) -> None:
        """Learn a minute's hits and lines of series that are part of no anomaly."""
        self.hits[series] += hits
        self.total[series] += totals

    def learn_records(self, series: Ints, shares: Floats, place: int) -> None:
        """Learn the highest shares ever seen over a span."""
        self.record[series, place] = np.maximum(self.record[series, place], shares)

    def age(self) -> None:
        """Forget the records of the week before last; called once a week."""
        self.older, self.record = self.record, np.zeros_like(self.record)

    def usual(self, series: Ints) -> Floats:
        """Return the usual share of each word (Krichevsky-Trofimov: half a line more than was seen)."""
        return np.asarray((self.hits[series] + 0.5) / (self.total[series] + 1.0))

    def rises(self, series: Ints, lines: Floats, place: int | Ints) -> tuple[Floats, Floats, Floats]:
        """Return for each word its hits, its share of `lines` and the surprise in nats, 0 where nothing rose.

        With a column of places in SPAN_MINUTES, and a row of `lines` for each, a row for each.
        """
        hits = self.counts.window(np.array(SPAN_MINUTES)[place], series)
        share = hits / np.maximum(lines, 1.0)
        usual = self.usual(series)
        most = np.maximum(self.record[series, place], self.older[series, place])
        rose = (hits >= FEWEST_HITS) & (share >= LEAST_FACTOR * usual) & (share >= RECORD_MARGIN * most)
        rose &= self.total[series] >= ENOUGH
        return hits, share, np.where(rose, of_share(hits, lines, usual) / OVERDISPERSION, 0.0)
