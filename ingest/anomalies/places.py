"""The variable places of templates: numbers by their level, words by their share. Turns sampled values into signals."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any
from zlib import crc32

import numpy as np

from ingest.anomalies.counts import Counts, Floats, Ints
from ingest.anomalies.measures import JUMP_MINUTES, JUMP_VALUES, SPANS, Measures, scaled, unscaled
from ingest.anomalies.quantity import Unit, unit_of
from ingest.anomalies.shares import FEWEST_HITS, SPAN_MINUTES, Shares
from ingest.anomalies.signal import Series, Signal, Value
from ingest.logs.values import number

MOST_MEASURES = 4_000
MOST_WORDS = 4_000
"""Series kept of each; templates whose places come later are watched by their counts alone."""

FEW_WORDS = 16
"""A place is one of words when its first values are so few different ones."""
SURE_AFTER = 200
"""So many values are looked at before that is decided."""
LONGEST_WORD, MOST_WORD_DIGITS = 32, 4
"""Bytes and digits of a word: an outcome, a state, a status code; what is longer is a text, what has more is an id."""
MOST_WORDS_HERE = 48

NUMERIC = 0.5
"""A place of amounts holds a number in every second line at least."""
MOST_HOSTS = 64
"""Hosts whose numbers are watched apart at each place."""

NUMBERS_KEPT = 200_000

_DIGITS = b"0123456789"

DRIFT_EVERY = 3
"""Minutes between two looks at levels: those of a quarter of an hour move slowly."""

MOST_DIGITS = 12
"""Longer ones are names: ids, card numbers, nanoseconds since 1970."""

Clean = Callable[[bytes], bytes]
"""Returns a text without its secrets."""


@dataclass(slots=True)
class Place:
    """A variable position of a template.

    `seen` has the checksums of what stood there first; once it is `sure` that it holds few words, `words` has the
    series of each, and `lines` is the series of all its lines. `unit` is what its first number named. `whole` and
    `hosts` are the series of its numbers; an `idle` place holds neither few words nor amounts, but names.
    """

    seen: set[int] = field(default_factory=set)
    sure: bool = False
    wordy: bool = True
    words: dict[bytes, int] | None = None
    lines: int = -1
    looked_at: int = 0
    unit: Unit = ""
    numeric: int = 0
    whole: int = -1
    hosts: dict[bytes, int] = field(default_factory=dict)
    idle: bool = False


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
        self.lines_of: list[int] = []
        self.held_measures = np.zeros(0, dtype=bool)
        self.held_words = np.zeros(0, dtype=bool)
        self._places: dict[tuple[int, int], Place] = {}
        self._numbers: dict[bytes, float | None] = {}
        self._week = -1
        self._lines_kept = 0
        self._waiting: deque[tuple[int, Ints, Floats]] = deque()
        self._recent: tuple[Ints, Floats] = (np.zeros(0, dtype=np.int64), np.zeros(0))

    @property
    def size(self) -> int:
        """Return how many series are judged."""
        return len(self.measured) + len(self.worded)

    def advance(self, minute: int) -> None:
        """Begin a minute."""
        self.minute = minute
        for counts in (self.measures.counts, self.shares.counts, self.lines):
            counts.advance(minute)

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        places = [[*key, *_flat(place)] for key, place in self._places.items()]
        return {
            "minute": self.minute,
            "week": self._week,
            "measures": self.measures.state(),
            "shares": self.shares.state(),
            "lines": self.lines.state(self._lines_kept),
            "lines_kept": self._lines_kept,
            "measured": [tuple(each) for each in self.measured],
            "worded": [tuple(each) for each in self.worded],
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
        self.measured = [Series(*each) for each in state["measured"]]
        self.worded = [Series(*each) for each in state["worded"]]
        self.lines_of = state["lines_of"]
        self.held_measures = np.zeros(len(self.measured), dtype=bool)
        self.held_words = np.zeros(len(self.worded), dtype=bool)
        self._waiting = deque((minute, series, values) for minute, series, values in state["waiting"])
        for template, position, *place in state["places"]:
            self._places[template, position] = _full(place)

    def clear(self) -> None:
        """Forget the present: another stream begins at another time."""
        for counts in (self.measures.counts, self.shares.counts, self.lines):
            counts.clear()
        self._waiting.clear()

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
            if place.idle:
                continue
            place.looked_at += 1
            if not place.sure:
                self._look_at(place, raw)
            if place.words is not None and (word := self._word(place, template, position, raw)) is not None:
                words.append(word)
                lines.append(place.lines)
            amount = known[raw] if raw in known else self._number(raw)
            if amount is None:
                continue
            place.numeric += 1
            if host not in place.hosts:
                place.unit = place.unit or unit_of(raw)
                self._new_host(place, template, position, host)
            series += (place.whole, place.hosts[host])
            numbers += (amount, amount)
        self.lines.add(_ints(lines), np.ones(len(lines)))
        self.shares.counts.add(_ints(words), np.ones(len(words)))
        kept = np.array(series, dtype=np.int64) >= 0
        self._recent = _ints(series)[kept], scaled(np.array(numbers, dtype=np.float64)[kept])
        if series:
            self._waiting.append((self.minute, *self._recent))
        self.measures.add(*self._recent)

    def _look_at(self, place: Place, raw: bytes) -> None:
        """Learn whether a place holds few words; then each is a series of its own from when it is next seen."""
        seen = place.seen
        if len(seen) <= FEW_WORDS:
            seen.add(crc32(raw))
            place.wordy = place.wordy and is_word(raw)
        if place.looked_at < SURE_AFTER:
            return
        if 1 < len(seen) <= FEW_WORDS and place.wordy:
            place.words = {}
            place.lines = self._lines_kept
            self._lines_kept += 1
            self.lines.grow(self._lines_kept)
        place.sure = True
        place.idle = place.words is None and place.numeric < NUMERIC * place.looked_at

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
        self.lines_of.append(place.lines)
        self.shares.grow(index + 1)
        self.shares.total[index] = 0 if crc32(raw) in place.seen else min(place.looked_at - 1, 5_000)
        self.held_words = np.append(self.held_words, False)
        return index

    def _new_host(self, place: Place, template: int, position: int, host: bytes) -> None:
        """Give the numbers of a place their series on this host, and over all hosts; -1 where there is no more room."""
        if place.whole < 0:
            place.whole = self._new_measure(template, position, b"")
        place.hosts[host] = self._new_measure(template, position, host) if len(place.hosts) < MOST_HOSTS else -1

    def _new_measure(self, template: int, position: int, host: bytes) -> int:
        if len(self.measured) >= MOST_MEASURES:
            return -1
        self.measured.append(Series(template=template, position=position, host=host))
        self.measures.grow(len(self.measured))
        self.held_measures = np.append(self.held_measures, False)
        return len(self.measured) - 1

    def _number(self, raw: bytes) -> float | None:
        if raw in self._numbers:
            return self._numbers[raw]
        if len(self._numbers) >= NUMBERS_KEPT:
            self._numbers.clear()
        digits = len(raw) - len(raw.translate(None, _DIGITS))
        amount = number(raw) if 0 < digits <= MOST_DIGITS else None
        self._numbers[raw] = amount = None if amount is None or not isfinite(amount) else amount
        return amount

    def unit(self, series: Series) -> Unit:
        """Return what the values of a series are amounts of, as far as they name it themselves."""
        place = self._places.get((series.template, series.position))
        return place.unit if place else ""

    # Judging

    def judge(self, minute: int, needed: float) -> list[Signal]:
        """Return what left its usual level or share, with at least `needed` nats."""
        return [*self._drifts(minute, needed), *self._jumps(minute), *self._shifts(minute, needed)]

    def _drifts(self, minute: int, needed: float) -> Iterator[Signal]:
        if minute % DRIFT_EVERY:
            return
        active = np.flatnonzero(self.measures.counts.window(DRIFT_EVERY, slice(0, len(self.measured))) > 0)
        for place, length in enumerate(SPANS):
            if not len(active):
                return
            level, shift, nats = self.measures.shifts(active, place)
            for found in np.flatnonzero(nats >= needed):
                if self._is_worded(self.measured[active[found]]):
                    continue
                now, was = unscaled(level[found]), unscaled(level[found] - shift[found])
                yield Signal(
                    "drift", self.measured[active[found]], minute, minute - length + 1, float(now), float(was), length,
                    float(nats[found]),
                )  # fmt: skip

    def _is_worded(self, series: Series) -> bool:
        """Whether so few different numbers stand at a place that they are names: status codes, ids of peers."""
        return self._places[series.template, series.position].words is not None

    def _jumps(self, minute: int) -> Iterator[Signal]:
        if not self.measures.past:
            return
        active = np.unique(self._recent[0])
        past = self.measures.jumps(active)
        for found in np.flatnonzero(past >= JUMP_VALUES):
            index = active[found]
            highest = float(unscaled(np.array([self._recent[1][self._recent[0] == index].max()]))[0])
            usual = float(unscaled(self.measures.top[[index]])[0])
            since = minute - JUMP_MINUTES + 1
            yield Signal(
                "jump", self.measured[index], minute, since, highest, usual, JUMP_MINUTES, 10.0 + float(past[found])
            )

    def _shifts(self, minute: int, needed: float) -> Iterator[Signal]:
        if not self.worded:
            return
        many = self.shares.counts.window(SPAN_MINUTES[-1], slice(0, len(self.worded))) >= FEWEST_HITS
        active = np.flatnonzero(many & (self.shares.counts.window(1, slice(0, len(self.worded))) > 0))
        if not len(active):
            return
        lines_of = _ints(self.lines_of)[active]
        for place, length in enumerate(SPAN_MINUTES):
            lines = self.lines.window(length, lines_of)
            _, share, nats = self.shares.rises(active, lines, place)
            for found in np.flatnonzero(nats >= needed):
                usual = float(self.shares.usual(active[[found]])[0])
                series, observed = self.worded[active[found]], float(share[found])
                yield Signal("share", series, minute, minute - length + 1, observed, usual, length, float(nats[found]))

    # Learning

    def learn(self, minute: int) -> None:
        """Learn a minute gone by, of all series that are part of no story."""
        ago = self.minute - minute
        while self._waiting and self._waiting[0][0] <= minute:
            _, series, values = self._waiting.popleft()
            quiet = ~self.held_measures[series] if len(series) else np.zeros(0, dtype=bool)
            self.measures.learn_tops(series[quiet], values[quiet])
        self.measures.learn(minute, ~self.held_measures, ago=ago)
        if self.worded:
            self._learn_words(ago)
        week = minute // (7 * 1440)
        if self._week >= 0 and week > self._week:
            self.measures.age()
            self.shares.age()
        self._week = week

    def _learn_words(self, ago: int) -> None:
        words = np.flatnonzero(~self.held_words)
        lines_of = _ints(self.lines_of)[words]
        lines = self.lines.window(1, lines_of, ago=ago)
        spoken = lines > 0
        words, lines_of, lines = words[spoken], lines_of[spoken], lines[spoken]
        self.shares.learn(words, self.shares.counts.window(1, words, ago=ago), lines)
        for place, length in enumerate(SPAN_MINUTES):
            hits = self.shares.counts.window(length, words, ago=ago)
            total = self.lines.window(length, lines_of, ago=ago)
            self.shares.learn_records(words, np.where(hits > 1, hits / np.maximum(total, 10.0), 0.0), place)


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)


def is_word(raw: bytes) -> bool:
    """Whether a value may be one of few words, rather than a text or an id."""
    return len(raw) <= LONGEST_WORD and len(raw) - len(raw.translate(None, _DIGITS)) <= MOST_WORD_DIGITS


def _flat(place: Place) -> list[Any]:
    words = None if place.words is None else list(place.words.items())
    return [
        sorted(place.seen), place.sure, place.wordy, words, place.lines, place.looked_at, place.unit, place.numeric, place.whole,
        list(place.hosts.items()), place.idle,
    ]  # fmt: skip


def _full(state: list[Any]) -> Place:
    seen, sure, wordy, words, lines, looked_at, unit, numeric, whole, hosts, idle = state
    kept = None if words is None else dict(words)
    return Place(set(seen), sure, wordy, kept, lines, looked_at, unit, numeric, whole, dict(hosts), idle)
