"""What the values of a minute signal: levels that drifted, values past all records, other shares of words.

Reads what `Places` counted, and changes nothing.
"""

from collections.abc import Iterator

import numpy as np

from ingest.anomalies.measures import JUMP_MINUTES, JUMP_VALUES, SPANS, unscaled
from ingest.anomalies.places import Places
from ingest.anomalies.shares import FEWEST_HITS, SPAN_MINUTES
from ingest.anomalies.signal import Signal

LENGTHS = np.array(SPAN_MINUTES)[:, None]
EVERY = np.arange(len(SPAN_MINUTES))[:, None]
"""The spans of shares as a column: a row of results for each."""

DRIFT_EVERY = 3
"""Minutes between two looks at levels: those of a quarter of an hour move slowly."""

JUMP_NATS = 10.0
"""A jump has no probability: it ranks by its values past the record, above what chance alone could bring."""


def changes(places: Places, needed: float) -> Iterator[Signal]:
    """Yield what left its usual level or share, with at least `needed` nats."""
    yield from _drifts(places, needed)
    yield from _jumps(places)
    yield from _shifts(places, needed)


def _drifts(places: Places, needed: float) -> Iterator[Signal]:
    minute, measures, measured = places.minute, places.measures, places.measured
    if minute % DRIFT_EVERY:
        return
    active = np.flatnonzero(measures.counts.window(DRIFT_EVERY, slice(0, len(measured))) > 0)
    if not len(active):
        return
    for span, length in enumerate(SPANS):
        left = measures.left(active, span)
        if not len(left):
            continue
        level, shift, nats = measures.shifts(left, span)
        for found in np.flatnonzero(nats >= needed):
            series = measured[left[found]]
            if places.is_worded(series):
                continue
            now, was = float(unscaled(level[found])), float(unscaled(level[found] - shift[found]))
            yield Signal("drift", series, minute, minute - length + 1, now, was, length, float(nats[found]))


def _jumps(places: Places) -> Iterator[Signal]:
    measures, minute = places.measures, places.minute
    if not measures.past:
        return
    series, values = places.recent
    active = np.unique(series)
    past = measures.jumps(active)
    for found in np.flatnonzero(past >= JUMP_VALUES):
        index = active[found]
        highest = float(unscaled(values[series == index].max(keepdims=True))[0])
        usual = float(unscaled(measures.top[[index]])[0])
        since, nats = minute - JUMP_MINUTES + 1, JUMP_NATS + float(past[found])
        yield Signal("jump", places.measured[index], minute, since, highest, usual, JUMP_MINUTES, nats)


def _shifts(places: Places, needed: float) -> Iterator[Signal]:
    minute, shares, size = places.minute, places.shares, len(places.worded)
    if not size:
        return
    many = shares.counts.window(SPAN_MINUTES[-1], slice(0, size)) >= FEWEST_HITS
    active = np.flatnonzero(many & (shares.counts.window(1, slice(0, size)) > 0))
    if not len(active):
        return
    _, share, nats = shares.rises(active, places.lines_at(active, LENGTHS), EVERY)
    for span, found in np.argwhere(nats >= needed).tolist():
        usual, length = float(shares.usual(active[[found]])[0]), SPAN_MINUTES[span]
        series, observed = places.worded[active[found]], float(share[span, found])
        yield Signal("share", series, minute, minute - length + 1, observed, usual, length, float(nats[span, found]))
