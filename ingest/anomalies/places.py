"""The variable places of templates: counts and learns sampled values, numbers by their level, words by their share.

Knows not what is told of them.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from math import isfinite
from typing import Any

import numpy as np

from ingest.anomalies.columns import columns_of, series_of
from ingest.anomalies.counts import Counts, Floats, Ints
from ingest.anomalies.measures import SPANS, Measures, scaled
from ingest.anomalies.place import Place, digits, is_word
from ingest.anomalies.quantity import Unit, unit_of
from ingest.anomalies.shares import SPAN_MINUTES, Shares
from ingest.anomalies.signal import Series, Value
from ingest.logs.values import number

MOST_MEASURES = 4_000
MOST_WORDS = 4_000
"""Series kept of each; templates whose places come later are watched by their counts alone."""

MOST_WORDS_HERE = 48
"""A place that comes to hold more was none of few words."""

MOST_HOSTS = 64
"""Hosts whose numbers are watched apart at each place."""

NUMBERS_KEPT = 200_000
"""Texts whose amounts are remembered: parsing is what takes the time."""

MOST_MISSED = 5_000
"""A word that comes late was missing in all lines before, in so many at the most."""

MOST_DIGITS = 12
"""Longer ones are names: ids, card numbers, nanoseconds since 1970."""

_NONE: AbstractSet[int] = frozenset()

Clean = Callable[[bytes], bytes]
"""Returns a text without its secrets."""


class Places:
    """The values of one stream, minute by minute."""

    def __init__(self, clean: Clean) -> None:
        self._clean = clean
        self.minute = -1
        self.measures = Measures()
        self.shares = Shares()
        self.lines = Counts()
        self.measured: list[Series] = []
        self.worded: list[Series] = []
        self.lines_of: Ints = np.zeros(0, dtype=np.int64)
        self.held_measures = np.zeros(0, dtype=bool)
        self.held_words = np.zeros(0, dtype=bool)
        self._places: dict[tuple[int, int], Place] = {}
        self._numbers: dict[bytes, float | None] = {}
        self._week = -1
        self._lines_kept = 0
        self._live: dict[int, int] = {}
        self._idle: dict[int, set[int]] = {}
        self._waiting: deque[tuple[int, Ints, Floats]] = deque()
        self.recent: tuple[Ints, Floats] = (np.zeros(0, dtype=np.int64), np.zeros(0))

    @property
    def size(self) -> int:
        """Return how many series are judged."""
        return len(self.measured) + len(self.worded)

    def is_idle(self, template: int) -> bool:
        """Whether none of a template's places holds anything to watch: names alone."""
        return self._live.get(template) == 0

    def idle(self, template: int) -> AbstractSet[int]:
        """Return the positions of a template that hold nothing to watch."""
        return self._idle.get(template, _NONE)

    def advance(self, minute: int) -> None:
        """Begin a minute."""
        self.minute = minute
        for counts in (self.measures.counts, self.shares.counts, self.lines):
            counts.advance(minute)

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        places = [[*key, *place.state()] for key, place in self._places.items()]
        return {
            "minute": self.minute,
            "week": self._week,
            "measures": self.measures.state(),
            "shares": self.shares.state(),
            "lines": self.lines.state(self._lines_kept),
            "lines_kept": self._lines_kept,
            "measured": columns_of(self.measured),
            "worded": columns_of(self.worded),
            "lines_of": self.lines_of,
            "places": places,
            "waiting": [list(each) for each in self._waiting],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.minute, self._week = state["minute"], state["week"]
        self.measures.restore(state["measures"])
        self.shares.restore(state["shares"])
        self.lines.restore(state["lines"])
        self._lines_kept = state["lines_kept"]
        self.measured = series_of(state["measured"])
        self.worded = series_of(state["worded"])
        self.lines_of = np.array(state["lines_of"], dtype=np.int64)
        self.held_measures = np.zeros(len(self.measured), dtype=bool)
        self.held_words = np.zeros(len(self.worded), dtype=bool)
        self._waiting = deque((minute, series, values) for minute, series, values in state["waiting"])
        for template, position, *place in state["places"]:
            self._places[template, position] = Place.restored(place)
        for (template, position), each in self._places.items():
            self._live[template] = self._live.get(template, 0) + (not each.idle)
            if each.idle:
                self._idle.setdefault(template, set()).add(position)

    def clear(self) -> None:
        """Forget the present: another stream begins at another time."""
        for counts in (self.measures.counts, self.shares.counts, self.lines):
            counts.clear()
        self._waiting.clear()

    def release(self) -> None:
        """Learn from all places again."""
        self.held_measures[:] = False
        self.held_words[:] = False

    def hold(self, series: Series) -> None:
        """Learn no more from a place: with no host, none of its hosts' values either."""
        if series.word:
            place = self._places.get((series.template, series.position))
            if place and place.words and series.word in place.words:
                self.held_words[place.words[series.word]] = True
            return
        for index, each in enumerate(self.measured):
            if (each.template, each.position) == (series.template, series.position):
                self.held_measures[index] = (
                    self.held_measures[index] or each.host in {b"", series.host} or not series.host
                )

    # Counting

    def count(self, values: Sequence[Value]) -> None:
        """Count the values of the present minute."""
        series: list[int] = []
        numbers: list[float] = []
        words: list[int] = []
        lines: list[int] = []
        places, known = self._places, self._numbers
        for template, host, position, raw in values:
            place = places.get((template, position))
            if place is None:
                place = places[template, position] = Place()
                self._live[template] = self._live.get(template, 0) + 1
            if place.idle:
                continue
            place.looked_at += 1
            if not place.sure:
                self._look_at(place, template, position, raw)
            if place.words is not None and (word := self._word(place, template, position, raw)) is not None:
                words.append(word)
                lines.append(place.lines)
            amount = known.get(raw)
            if amount is None and (raw in known or (amount := self._number(raw)) is None):
                continue
            place.numeric += 1
            own = place.hosts.get(host)
            if own is None:
                place.unit = place.unit or unit_of(raw)
                own = self._new_host(place, template, position, host)
            series += (place.whole, own)
            numbers += (amount, amount)
        self.lines.add(_ints(lines), np.ones(len(lines)))
        self.shares.counts.add(_ints(words), np.ones(len(words)))
        kept = np.array(series, dtype=np.int64) >= 0
        self.recent = _ints(series)[kept], scaled(np.array(numbers, dtype=np.float64)[kept])
        if series:
            self._waiting.append((self.minute, *self.recent))
        self.measures.add(*self.recent)

    def _look_at(self, place: Place, template: int, position: int, raw: bytes) -> None:
        """Learn what a place holds. All lines of one of few words are a series, and each word once it is next seen."""
        few = place.look_at(raw)
        if place.idle:
            self._live[template] -= 1
            self._idle.setdefault(template, set()).add(position)
        if not few:
            return
        place.lines = self._lines_kept
        self._lines_kept += 1
        self.lines.grow(self._lines_kept)

    def _word(self, place: Place, template: int, position: int, raw: bytes) -> int | None:
        words = place.words or {}
        if raw in words:
            return words[raw]
        if len(words) >= MOST_WORDS_HERE or not is_word(raw):
            place.words = None
            return None
        return self._new_word(place, template, position, raw)

    def _new_word(self, place: Place, template: int, position: int, raw: bytes) -> int | None:
        if len(self.worded) >= MOST_WORDS or place.words is None:
            return None
        if self._clean(raw) != raw:
            place.words = None
            return None
        place.words[raw] = index = len(self.worded)
        self.worded.append(Series(template=template, position=position, word=raw))
        self.lines_of = np.append(self.lines_of, place.lines)
        self.shares.grow(index + 1)
        self.shares.total[index] = 0 if place.stood_here(raw) else min(place.looked_at - 1, MOST_MISSED)
        self.held_words = np.append(self.held_words, False)
        return index

    def _new_host(self, place: Place, template: int, position: int, host: bytes) -> int:
        """Give the numbers of a place their series over all hosts, and return that on this one; -1 for no more room."""
        if place.whole < 0:
            place.whole = self._new_measure(template, position, b"")
        own = self._new_measure(template, position, host) if len(place.hosts) < MOST_HOSTS else -1
        place.hosts[host] = own
        return own

    def _new_measure(self, template: int, position: int, host: bytes) -> int:
        if len(self.measured) >= MOST_MEASURES:
            return -1
        self.measured.append(Series(template=template, position=position, host=host))
        self.measures.grow(len(self.measured))
        self.held_measures = np.append(self.held_measures, False)
        return len(self.measured) - 1

    def _number(self, raw: bytes) -> float | None:
        if len(self._numbers) >= NUMBERS_KEPT:
            self._numbers.clear()
        amount = number(raw) if 0 < digits(raw) <= MOST_DIGITS else None
        self._numbers[raw] = amount = None if amount is None or not isfinite(amount) else amount
        return amount

    def unit(self, series: Series) -> Unit:
        """Return what the values of a series are amounts of, as far as they name it themselves."""
        place = self._places.get((series.template, series.position))
        return place.unit if place else ""

    def is_worded(self, series: Series) -> bool:
        """Whether so few different numbers stand at a place that they are names: status codes, ids of peers."""
        return self._places[series.template, series.position].words is not None

    def lines_at(self, words: Ints, minutes: int | Ints, *, ago: int | Ints = 0) -> Floats:
        """Return how many lines had any word at the places of these words, in the last minutes."""
        return self.lines.window(minutes, self.lines_of[words], ago=ago)

    # Learning

    def learn(self, minutes: Ints) -> None:
        """Learn minutes gone by, of one span of the detector, of all series that are part of no story."""
        while self._waiting and self._waiting[0][0] <= minutes[-1]:
            _, series, values = self._waiting.popleft()
            quiet = ~self.held_measures[series] if len(series) else np.zeros(0, dtype=bool)
            self.measures.learn_tops(series[quiet], values[quiet])
        for minute in minutes[minutes % SPANS[0] == 0].tolist():
            self.measures.learn(minute, ~self.held_measures, ago=self.minute - minute)
        if self.worded:
            self._learn_words(self.minute - minutes[:, None])
        week = int(minutes[-1]) // (7 * 1440)
        if self._week >= 0 and week > self._week:
            self.measures.age()
            self.shares.age()
        self._week = week

    def _learn_words(self, ago: Ints) -> None:
        words = np.flatnonzero(~self.held_words)
        last = int(ago[-1, 0])
        words = words[self.lines_at(words, int(ago[0, 0]) - last + 1, ago=last) > 0]
        lines, hits = self.lines_at(words, 1, ago=ago), self.shares.counts.window(1, words, ago=ago)
        self.shares.learn(words, hits.sum(axis=0), lines.sum(axis=0))
        for place, length in enumerate(SPAN_MINUTES):
            hits = self.shares.counts.window(length, words, ago=ago)
            total = self.lines_at(words, length, ago=ago)
            shares = np.where((lines > 0) & (hits > 1), hits / np.maximum(total, 10.0), 0.0)
            self.shares.learn_records(words, shares.max(axis=0), place)


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)
