"""One minute of counted lines in, signals out: what is new, rises, falls, is silent, drifts, or changes its outcomes.

Holds what it has learnt of one stream and knows no clock, no database and no stories: `hold` says which series are part
of one, and those are not learnt from.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from ingest.anomalies.absence import Absence
from ingest.anomalies.changes import changes
from ingest.anomalies.counts import KEPT_MINUTES, LEARNT_AFTER, Counts, Ints
from ingest.anomalies.novelty import Novelty
from ingest.anomalies.places import Clean, Places
from ingest.anomalies.roster import Roster, Words
from ingest.anomalies.signal import Minute, Row, Series, Signal
from ingest.anomalies.surprise import needed
from ingest.anomalies.traffic import Traffic
from ingest.anomalies.usual import WINDOWS, Usual
from ingest.anomalies.volume import Volume

PLAIN = ("began", "minute", "ticks", "learnt", "started")
"""What is kept as it is."""

PARTS = ("roster", "counts", "usual", "places", "traffic", "novelty", "volume", "absence")
"""What keeps itself."""

STEADY = 0.5
"""A stream that has lines in more than every second minute speaks all the time."""

LEARNT_TOGETHER = 5
"""Minutes that are learnt together, LEARNT_AFTER the one in their middle: five times as fast as one by one. Slots, days
and weeks are whole numbers of it."""

RANK_EVERY = 30
"""Minutes between two looks at whose usual rate is known, and how high it is: it is another every half hour."""


class Detector:
    """What was learnt of one stream, and what is not as usual now.

    `began` is the first minute of all, `started` the first since the last `settle`, `learnt` the last that was learnt;
    `ticks` counts the minutes that were observed.
    """

    def __init__(self, words: Words, clean: Clean = bytes) -> None:
        self.began = -1
        self.minute = -1
        self.ticks = 0
        self.learnt = -1
        self.started = -1
        self.roster = Roster(words)
        self.counts = Counts()
        self.usual = Usual()
        self.places = Places(clean)
        self.traffic = Traffic(self.roster, self.counts, self.usual)
        self.novelty = Novelty(self.roster, self.counts)
        self.volume = Volume(self.roster, self.counts, self.usual, self.traffic)
        self.absence = Absence(self.roster, self.traffic)

    # One minute

    def observe(self, seen: Minute) -> list[Signal]:
        """Count a minute, judge it, learn it; return the signals, most surprising first."""
        if self.minute < 0:
            self.learnt, self.started = seen.minute - 1, seen.minute
            self.began = seen.minute if self.began < 0 else self.began
        else:
            self._learn(min(seen.minute - LEARNT_AFTER + LEARNT_TOGETHER // 2, self.minute))
        self._advance(seen.minute)
        active = self._count(seen.rows)
        self.places.count(seen.values)
        signals = self._judged(seen, active)
        if self.minute % RANK_EVERY == 0 or not self.traffic.known:
            self._rank()
        return signals

    def _advance(self, minute: int) -> None:
        self.minute = minute
        self.ticks += 1
        self.roster.advance(minute)
        self.traffic.advance()
        self.counts.advance(minute)
        self.places.advance(minute)

    def _count(self, rows: Sequence[Row]) -> Ints:
        """Count the rows; return the series that spoke in this minute, each once."""
        everywhere = [self.roster.places(row) for row in rows]
        self._grow()
        lines: dict[int, int] = {}
        for row, places in zip(rows, everywhere, strict=True):
            if row.minute >= self.minute:
                for place in places[:-1]:
                    lines[place] = lines.get(place, 0) + row.lines
            else:
                for place in places[:-1]:
                    self.counts.add_late(row.minute, place, (row.lines,))
                    lines.setdefault(place, 0)
        pairs = {places[-1] for places in everywhere}
        active = np.fromiter(lines.keys(), dtype=np.int64, count=len(lines))
        self.counts.add(active, np.fromiter(lines.values(), dtype=np.float64, count=len(lines)))
        self.absence.see(self.ticks, active, np.fromiter(pairs, dtype=np.int64, count=len(pairs)))
        return active

    def _grow(self) -> None:
        """Take in the series that were born."""
        size = len(self.roster.counted)
        if size > self.usual.size:
            self.counts.grow(size)
            self.usual.grow(size)
        self.absence.grow()

    def _judged(self, seen: Minute, active: Ints) -> list[Signal]:
        """Return what is not as usual, most surprising first."""
        tested = len(self.roster.counted) * len(WINDOWS) + len(self.roster.pairs) + self.places.size
        signals = [
            *self.novelty.signals(seen.firsts, self.ticks),
            *self.volume.rises(active),
            *self.volume.falls(self.started),
            *self.absence.signals(self.ticks, seen.late),
            *changes(self.places, needed(tested)),
        ]
        return sorted(signals, key=lambda signal: -signal.nats)

    def _rank(self) -> None:
        self.traffic.rank()
        self.volume.rank(self.minute)

    def _learn(self, until: int) -> None:
        """Learn the minutes up to `until` that are not learnt yet, of all series that are part of no story.

        Only whole spans are, unless it is all that was counted.
        """
        if until < self.minute:
            until -= (until + 1) % LEARNT_TOGETHER
        minutes = range(max(self.learnt + 1, self.minute - KEPT_MINUTES + LEARNT_AFTER + 1), until + 1)
        for _, span in groupby(minutes, key=lambda minute: minute // LEARNT_TOGETHER):
            self._learn_span(np.array(list(span)))
        self.learnt = max(self.learnt, until)

    def _learn_span(self, minutes: Ints) -> None:
        """Learn minutes of one span.

        Those without a single line are nobody's usual where the stream speaks all the time: there was no data.
        """
        held = self.roster.counted.held
        lines = self.counts.window(1, np.arange(len(held)), ago=self.minute - minutes[:, None])
        if self.ticks > STEADY * (self.minute - self.began + 1):
            told = lines.any(axis=1)
            minutes, lines = minutes[told], lines[told]
        if not len(minutes):
            return
        first, total = int(minutes[0]), lines.sum(axis=0)
        spoke = np.flatnonzero((total > 0) & ~held)
        self.usual.learn(first, spoke, total[spoke], minutes=len(minutes))
        self.usual.leave_out(first, np.flatnonzero(held), minutes=len(minutes))
        self.volume.learn(int(minutes[-1]))
        self.usual.learn_scatter(first, self.counts, ~held, ago=self.minute - first)
        self.places.learn(minutes)

    # Streams, stories, templates

    def settle(self) -> None:
        """Learn all that was seen so far, and be ready for another stream, which may begin at any time."""
        self._learn(self.minute)
        self.minute = -1
        for part in (self.novelty, self.volume, self.counts, self.places):
            part.clear()
        self.absence.sleep(self.ticks)
        self._rank()

    def hold(self, series: Iterable[Series]) -> None:
        """Name all series that are part of a story: they are not learnt from until they are named no more."""
        self.roster.release()
        self.places.release()
        for each in series:
            if not self.roster.hold(each):
                self.places.hold(each)

    def merge(self, gone: int, stays: int) -> None:
        """Give a template what another one learnt that turned out to be the same line."""
        old, new = self.roster.template(gone), self.roster.template(stays)
        if old is None:
            return
        self.absence.forget(gone)
        if new is not None:
            self.usual.merge(old, new)
            self.counts.merge(old, new)

    # For people

    def chart(self, series: Series, minutes: int) -> tuple[float, ...]:
        """Return what a series, or its template, counted in each of the last minutes."""
        place = self.roster.counted.find(series)
        if place is None:
            place = self.roster.template(series.template) or 0
        at = np.array([place])
        return tuple(float(self.counts.window(1, at, ago=ago)[0]) for ago in range(minutes - 1, -1, -1))

    def rates(self, template: int) -> tuple[float, float]:
        """Return the usual lines of a template in an hour at this time, and those of the last hour."""
        place = self.roster.template(template)
        if place is None:
            return 0.0, 0.0
        at = np.array([place])
        usual = float(self.usual.rate(self.minute, at)[0]) * 60.0 if self.usual.known()[place] else 0.0
        return usual, float(self.counts.window(60, at)[0])

    # State

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        parts = {name: getattr(self, name) for name in PARTS if name != "counts"}
        return {
            **{name: getattr(self, name) for name in PLAIN},
            **{name: part.state() for name, part in parts.items()},
            "counts": self.counts.state(len(self.roster.counted)),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        for name in PLAIN:
            setattr(self, name, state[name])
        for name in PARTS:
            getattr(self, name).restore(state[name])
