"""What is new and tells trouble: templates never seen gather points until they are worth telling.

How many points that takes depends on how often new ones come in the stream; knows no rates.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ingest.anomalies.counts import KEPT_MINUTES, Counts
from ingest.anomalies.roster import Roster
from ingest.anomalies.signal import ERROR, INFO, WARN, First, Signal
from ingest.anomalies.wording import tells_trouble

HALF_LIFE_MINUTES = 1440.0
DAYS = 1.44
"""How often new kinds of warnings come is remembered for a day (half-life), which weighs as much as 1.44 days."""

POINTS = ((2.0, 2.0), (6.0, 3.0), (20.0, 4.0))
POINTS_MOST = 6.0
"""So many times a day new kinds of warnings are usual in a stream -> so many points make the next ones worth
telling."""

ERROR_POINTS, WARN_POINTS, WORDS_POINTS = 2.0, 1.0, 0.67
"""A line of ERROR, or a WARN whose words tell trouble, is two points, another WARN one, a line that only its words
make serious two thirds."""

TOGETHER_MINUTES = 10
"""New templates of the same ten minutes count together: a fault speaks in more than one."""

GATHERED_MINUTES = 30
"""Points are gathered for half an hour; warnings that come new within it came once."""

WORDIER = 8
"""New templates below WARN within ten minutes, from which on their words count for nothing: the level was turned
down."""

START_MINUTES = 6 * 60
"""What is new in the first six hours says nothing about how often new lines come."""

NATS, NATS_A_LEVEL = 20.0, 5.0
"""What is new has no probability: it ranks among the clearest of the others, by its level above INFO."""


class Novelty:
    """The new templates of one stream that gather points, and how often new kinds of warnings come (`often`, at `at`).

    Time is in ticks: minutes in which the stream spoke at all.
    """

    def __init__(self, roster: Roster, counts: Counts) -> None:
        self._roster = roster
        self._counts = counts
        self.often = 0.0
        self.at = 0
        self._waiting: dict[int, float] = {}

    def signals(self, firsts: Mapping[int, First], ticks: int) -> Iterator[Signal]:
        """Yield the templates never seen that tell trouble, once they have the points together."""
        roster = self._roster
        for place in roster.newborn:
            first = firsts.get(roster.counted.series[place].template)
            if first is not None and (points := self._points_of(place, first, ticks)):
                self._waiting[place] = points
        if not self._waiting:
            return
        needed = self._points_needed(ticks)
        self._waiting = {
            place: points
            for place, points in self._waiting.items()
            if roster.minute - roster.born[place] <= GATHERED_MINUTES
        }
        places = list(self._waiting)
        lines = self._counts.window(KEPT_MINUTES - 1, np.array(places, dtype=np.int64))
        scores = lines * np.array(list(self._waiting.values()))
        for place, count in zip(places, lines, strict=True):
            near = [abs(roster.born[other] - roster.born[place]) <= TOGETHER_MINUTES for other in places]
            if scores[near].sum() >= needed:
                del self._waiting[place]
                yield self._signal(place, float(count))

    def clear(self) -> None:
        """Forget what gathers points: another stream begins."""
        self._waiting.clear()

    def _signal(self, place: int, count: float) -> Signal:
        roster = self._roster
        born = roster.born[place]
        nats = NATS + NATS_A_LEVEL * max(roster.levels[place] - INFO, 0)
        return roster.signal("new", place, born, observed=count, usual=0.0, window=roster.minute - born + 1, nats=nats)

    def _points_of(self, place: int, first: First, ticks: int) -> float:
        """Return what each line of a new template counts, 0 for one that is nobody's trouble."""
        level, text = self._roster.levels[place], first.text.decode(errors="replace")
        if level == WARN and not self._roster.serious[place]:
            return 0.0
        if level >= WARN:
            if self._roster.is_variant(place):
                return 0.0
            self._note(ticks)
            return ERROR_POINTS if level >= ERROR or tells_trouble(text) else WARN_POINTS
        if not tells_trouble(text) or self._roster.is_variant(place) or self._is_wordier:
            return 0.0
        if level == 0:
            self._note(ticks)
        return WORDS_POINTS

    @property
    def _is_wordier(self) -> bool:
        """Whether so many new lines below WARN come at once that somebody has turned the log level down."""
        return self._roster.newcomers(TOGETHER_MINUTES) >= WORDIER

    def _points_needed(self, ticks: int) -> float:
        """Return how many points new warnings need, by how often new ones came in this stream of late."""
        days = min(max(ticks - START_MINUTES, 0) / 1440.0 + 0.5, DAYS)
        a_day = self._faded(ticks) / days
        return next((points for most, points in POINTS if a_day <= most), POINTS_MOST)

    def _note(self, ticks: int) -> None:
        """Count that new warnings came, those within half an hour as one."""
        if ticks < START_MINUTES or 0 <= ticks - self.at < GATHERED_MINUTES:
            return
        self.often, self.at = self._faded(ticks) + 1.0, ticks

    def _faded(self, ticks: int) -> float:
        return float(self.often * 0.5 ** ((ticks - self.at) / HALF_LIFE_MINUTES))

    # State

    def state(self) -> list[Any]:
        """Return what `restore` needs."""
        return [self.often, self.at, list(self._waiting.items())]

    def restore(self, state: list[Any]) -> None:
        """Go on from a state."""
        self.often, self.at, waiting = state
        self._waiting = dict(waiting)
