"""One minute of counted lines in, signals out: what is new, rises, falls, is silent, drifts, or changes its outcomes.

Holds what it has learnt of one stream and knows no clock, no database and no stories: `hold` says which series are part
of one, and those are not learnt from.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ingest.anomalies.counts import KEPT_MINUTES, LEARNT_AFTER, Counts, Flags, Floats, Ints
from ingest.anomalies.places import Clean, Places
from ingest.anomalies.signal import ERROR, INFO, WARN, First, Kind, Minute, Row, Series, Signal
from ingest.anomalies.silence import MOST_NATS, Silence
from ingest.anomalies.surprise import discoveries, of_count
from ingest.anomalies.usual import ENOUGH_MINUTES, WINDOWS, Usual
from ingest.anomalies.wording import is_harmless, likeness, tells_start, tells_trouble, words_of

PLAIN = (
    "began", "minute", "ticks", "learnt", "started", "born", "levels", "judged", "serious", "starts", "novel",
    "novel_at",
)  # fmt: skip
"""What is kept as it is."""

Words = Callable[[int], tuple[str | None, ...]]
"""Returns the words of a template, None where it varies."""

FALSE_DISCOVERIES = 1e-4
"""Rate kept over all hypotheses of one minute: of 1,440 minutes about a tenth are independent, which leaves 0.015 a
day by the bound, and the bound is well above the truth."""

LEAST_NATS = 12.0
"""And none is told that chance alone would bring once in 160,000 times."""

FALSE_VALUES = 1e-5
"""The same for values and shares, whose scatter is known less well."""

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
"""A fall leaves a third of at least 25 usual lines; shorter windows cannot tell."""

LOOK_EVERY = 5
"""Minutes between two looks at all series that speak; those that could be told are looked at every minute."""

TRAFFIC_WINDOWS = (1, 2)
"""Traffic is read over five and fifteen minutes: over one it is noise, over an hour no longer the moment's."""

LEAST_TRAFFIC = 0.05
"""What follows the traffic is waited for twenty times as long at the most."""

LOUDEST, LEAST_LOUD = 48, 0.05
"""Templates from which the traffic of the moment is read, and the lines a minute that the least of them has."""

HEIRS_MINUTES = 45
HEIRS_LIKENESS = 0.5
"""A line that stops while one like it begins was renamed."""

NOVEL_HALF_LIFE_MINUTES = 1440.0
NOVEL_DAYS = 1.44
"""How often new kinds of warnings come is remembered for a day (half-life), which weighs as much as 1.44 days."""
NOVEL_POINTS = ((2.0, 2.0), (6.0, 3.0), (20.0, 4.0))
NOVEL_POINTS_MOST = 6.0
"""So many times a day new kinds of warnings are usual in a stream -> so many points make the next ones worth telling.
A line of ERROR, or a WARN whose words tell trouble, is two points, another WARN one, a line that only its words make
serious two thirds. New templates of the
same ten minutes count together: a fault speaks in more than one."""
NOVEL_TOGETHER = 10
NOVEL_ERROR, NOVEL_WARN, NOVEL_WORDS = 2.0, 1.0, 0.67
NOVEL_MINUTES = 30
"""Points are gathered for half an hour."""

MOST_SERVICES = 8
"""Services remembered of a template."""

STEADY = 0.5
"""A stream that has lines in more than every second minute speaks all the time."""

START_MINUTES = 6 * 60
"""What is new in the first six hours says nothing about how often new lines come."""


class Detector:
    """What was learnt of one stream, and what is not as usual now."""

    def __init__(self, words: Words, clean: Clean = bytes) -> None:
        self._words = words
        self.began = -1
        self.minute = -1
        self.ticks = 0
        self.learnt = -1
        self.started = -1
        self.counts = Counts()
        self.usual = Usual()
        self.silence = Silence()
        self.pairs = Silence()
        self.places = Places(clean)
        self.series: list[Series] = []
        self.pair_series: list[Series] = []
        self._index: dict[Series, int] = {}
        self._pair_index: dict[Series, int] = {}
        self._rows: dict[tuple[int, bytes, bytes], tuple[int, ...]] = {}
        self.held = np.zeros(0, dtype=bool)
        self.pairs_held = np.zeros(0, dtype=bool)
        self.born: list[int] = []
        self.levels: list[int] = []
        self.judged = np.zeros(0, dtype=bool)
        self.services: dict[int, set[bytes]] = {}
        self.serious = np.zeros(0, dtype=bool)
        self.starts = np.zeros(0, dtype=bool)
        self.novel = 0.0
        self.novel_at = 0
        self._waiting: dict[int, float] = {}
        self._newborn: list[int] = []
        self._traffic: dict[int, float] = {}
        self._loudest: Ints = np.zeros(0, dtype=np.int64)
        self._unlearnt: deque[tuple[int, Ints, Floats]] = deque()
        self._rising: Flags = np.zeros(0, dtype=bool)
        self._floors: Floats = np.zeros((0, len(WINDOWS)))
        self._deadlines = _deadlines(self.silence), _deadlines(self.pairs)

    # One minute

    def observe(self, seen: Minute) -> list[Signal]:
        """Count a minute, judge it, learn it; return the signals, most surprising first."""
        if self.minute < 0:
            self.learnt, self.started = seen.minute - 1, seen.minute
            self.began = seen.minute if self.began < 0 else self.began
        else:
            self._learn(min(seen.minute - LEARNT_AFTER, self.minute))
        self.minute = seen.minute
        self.ticks += 1
        self._traffic.clear()
        self.counts.advance(seen.minute)
        self.places.advance(seen.minute)
        active = self._count(seen.rows)
        self.places.count(seen.values)
        signals = [
            *self._new(seen),
            *self._rises(active),
            *self._falls(),
            *self._silent(seen.late),
            *self.places.judge(self.minute, self._nats_needed()),
        ]
        if self.minute % 30 == 0 or not len(self._loudest):
            self._rank()
        return sorted(signals, key=lambda signal: -signal.nats)

    def settle(self) -> None:
        """Learn all that was seen so far, and be ready for another stream, which may begin at any time."""
        self._learn(self.minute)
        self.minute = -1
        self._unlearnt.clear()
        self._waiting.clear()
        self.counts.clear()
        self.places.clear()
        self.silence.sleep(self.ticks)
        self.pairs.sleep(self.ticks)
        self._rank()

    def hold(self, series: Iterable[Series]) -> None:
        """Name all series that are part of a story: they are not learnt from until they are named no more."""
        for held in (self.held, self.pairs_held, self.places.held_measures, self.places.held_words):
            held[:] = False
        for each in series:
            if each in self._index:
                self.held[self._index[each]] = True
            elif each in self._pair_index:
                self.pairs_held[self._pair_index[each]] = True
            else:
                self.places.hold(each)

    def merge(self, gone: int, stays: int) -> None:
        """Give a template what another one learnt that turned out to be the same line."""
        old = self._index.get(Series(template=gone))
        if old is None:
            return
        self.silence.awake[old] = 0.0
        for index, series in enumerate(self.pair_series):
            if series.template == gone:
                self.pairs.awake[index] = 0.0
        new = self._index.get(Series(template=stays))
        if new is not None:
            self.usual.merge(old, new)
            self.counts.sums[:, :, new] += self.counts.sums[:, :, old]

    # For people

    def chart(self, series: Series, minutes: int) -> tuple[float, ...]:
        """Return what a series, or its template, counted in each of the last minutes."""
        place = self._index.get(series, self._index.get(Series(template=series.template), 0))
        at = np.array([place])
        return tuple(float(self.counts.window(1, at, ago=ago)[0]) for ago in range(minutes - 1, -1, -1))

    def rates(self, template: int) -> tuple[float, float]:
        """Return the usual lines of a template in an hour at this time, and those of the last hour."""
        place = self._index.get(Series(template=template))
        if place is None:
            return 0.0, 0.0
        at = np.array([place])
        known = self.usual.watched()[place] >= ENOUGH_MINUTES
        usual = float(self.usual.rate(self.minute, at)[0]) * 60.0 if known else 0.0
        return usual, float(self.counts.window(60, at)[0])

    # State

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        size = len(self.series)
        return {
            **{name: getattr(self, name) for name in PLAIN},
            "series": [tuple(each) for each in self.series],
            "pair_series": [tuple(each) for each in self.pair_series],
            "counts": self.counts.state(size),
            "usual": self.usual.state(),
            "silence": self.silence.state(),
            "pairs": self.pairs.state(),
            "places": self.places.state(),
            "services": [[number, sorted(names)] for number, names in self.services.items()],
            "waiting": list(self._waiting.items()),
            "unlearnt": [list(each) for each in self._unlearnt],
            "loudest": self._loudest,
            "steady": self._steady,
            "rising": self._rising,
            "floors": self._floors,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        for name in PLAIN:
            setattr(self, name, state[name])
        self.series = [Series(*each) for each in state["series"]]
        self.pair_series = [Series(*each) for each in state["pair_series"]]
        self._index = {series: place for place, series in enumerate(self.series)}
        self._pair_index = {series: place for place, series in enumerate(self.pair_series)}
        for name in ("counts", "usual", "silence", "pairs", "places"):
            getattr(self, name).restore(state[name])
        self.services = {number: set(names) for number, names in state["services"]}
        self._waiting = dict(state["waiting"])
        self._unlearnt = deque((minute, series, nats) for minute, series, nats in state["unlearnt"])
        self._loudest, self._steady = state["loudest"], state["steady"]
        self._rising, self._floors = state["rising"], state["floors"]
        self.held = np.zeros(len(self.series), dtype=bool)
        self.pairs_held = np.zeros(len(self.pair_series), dtype=bool)

    # Counting

    def _count(self, rows: Sequence[Row]) -> Ints:
        """Count the rows; return the series that spoke in this minute, each once."""
        lines: dict[int, int] = {}
        pairs: set[int] = set()
        for row in rows:
            key = (row.template, row.host, row.service)
            places = self._rows.get(key) or self._place(key, row.level)
            if row.minute >= self.minute:
                for place in places[:-1]:
                    lines[place] = lines.get(place, 0) + row.lines
            else:
                for place in places[:-1]:
                    self.counts.add_late(row.minute, place, (row.lines,))
                    lines.setdefault(place, 0)
            pairs.add(places[-1])
        active = np.fromiter(lines.keys(), dtype=np.int64, count=len(lines))
        amounts = np.fromiter(lines.values(), dtype=np.float64, count=len(lines))
        self.counts.add(active, amounts)
        self.silence.see(self.ticks, active, self.held)
        self.pairs.see(self.ticks, np.fromiter(pairs, dtype=np.int64, count=len(pairs)), self.pairs_held)
        return active

    def _place(self, key: tuple[int, bytes, bytes], level: int) -> tuple[int, ...]:
        template, host, service = key
        places = [self._counted(Series(), 0), self._counted(Series(template=template), level)]
        if host:
            places.append(self._counted(Series(host=host), 0))
        if service:
            places.append(self._counted(Series(service=service), 0))
        places.append(self._paired(Series(template=template, host=host or service)))
        if len(services := self.services.setdefault(template, set())) < MOST_SERVICES:
            services.add(service)
        self._rows[key] = tuple(places)
        return self._rows[key]

    def _counted(self, series: Series, level: int) -> int:
        if series in self._index:
            return self._index[series]
        self._index[series] = place = len(self.series)
        self.series.append(series)
        if series.template:
            self._newborn.append(place)
        self.born.append(self.minute)
        self.levels.append(level)
        text = " ".join(word or "" for word in self._words(series.template)) if series.template else ""
        serious = (level >= WARN or tells_trouble(text)) and not (level <= WARN and is_harmless(text))
        for room in (self.counts, self.usual, self.silence):
            room.grow(place + 1)
        self.judged = np.append(self.judged, series.template > 0 and not is_harmless(text))
        self.serious = np.append(self.serious, serious)
        self.starts = np.append(self.starts, bool(text) and tells_start(text))
        self.held = np.append(self.held, False)
        return place

    def _paired(self, series: Series) -> int:
        if series in self._pair_index:
            return self._pair_index[series]
        self._pair_index[series] = place = len(self.pair_series)
        self.pair_series.append(series)
        self.pairs.grow(place + 1)
        self.pairs_held = np.append(self.pairs_held, False)
        return place

    # Judging

    def _nats_needed(self) -> float:
        """Return the surprise that a lone discovery needs among all hypotheses of a minute."""
        tested = len(self.series) * len(WINDOWS) + len(self.pair_series) + self.places.size
        return float(max(LEAST_NATS, np.log(max(tested, 1) / FALSE_VALUES)))

    def _new(self, seen: Minute) -> Iterator[Signal]:
        """Yield the templates never seen that tell trouble, once they have the points together."""
        for place in self._newborn:
            template = self.series[place].template
            first = seen.firsts.get(template)
            if first is not None and (points := self._points_of(place, first)):
                self._waiting[template] = points
        self._newborn.clear()
        if not self._waiting:
            return
        needed = self._points_needed()
        self._waiting = {
            template: points
            for template, points in self._waiting.items()
            if self.minute - self.born[self._index[Series(template=template)]] <= NOVEL_MINUTES
        }
        places = [self._index[Series(template=template)] for template in self._waiting]
        lines = self.counts.window(KEPT_MINUTES - 1, np.array(places, dtype=np.int64))
        scores = lines * np.array(list(self._waiting.values()))
        for place, count in zip(places, lines, strict=True):
            near = [abs(self.born[other] - self.born[place]) <= NOVEL_TOGETHER for other in places]
            if scores[near].sum() < needed:
                continue
            del self._waiting[self.series[place].template]
            window = self.minute - self.born[place] + 1
            nats = 20.0 + 5.0 * max(self.levels[place] - INFO, 0)
            yield self._signal(
                "new", place, self.born[place], observed=float(count), usual=0.0, window=window, nats=nats
            )

    def _points_of(self, place: int, first: First) -> float:
        """Return what each line of a new template counts, 0 for one that is nobody's trouble."""
        level, text = self.levels[place], first.text.decode(errors="replace")
        if level == WARN and not self.serious[place]:
            return 0.0
        if level >= WARN:
            self._note_novelty()
            return NOVEL_ERROR if level >= ERROR or tells_trouble(text) else NOVEL_WARN
        if not tells_trouble(text) or self._is_variant(place):
            return 0.0
        if level == 0:
            self._note_novelty()
        return NOVEL_WORDS

    def _is_variant(self, place: int) -> bool:
        """Whether a template differs little from one known before: a deploy has reworded it."""
        words = words_of(self._words(self.series[place].template))
        return any(
            likeness(words, words_of(self._words(other.template))) >= HEIRS_LIKENESS
            for other, born in zip(self.series, self.born, strict=True)
            if other.template and born < self.minute
        )

    def _points_needed(self) -> float:
        """Return how many points new warnings need, by how often new ones came in this stream of late."""
        days = min(max(self.ticks - START_MINUTES, 0) / 1440.0 + 0.5, NOVEL_DAYS)
        a_day = self.novel * 0.5 ** ((self.ticks - self.novel_at) / NOVEL_HALF_LIFE_MINUTES) / days
        return next((points for most, points in NOVEL_POINTS if a_day <= most), NOVEL_POINTS_MOST)

    def _note_novelty(self) -> None:
        """Count that new warnings came, those within half an hour as one."""
        if self.ticks < START_MINUTES or 0 <= self.ticks - self.novel_at < NOVEL_MINUTES:
            return
        self.novel = self.novel * 0.5 ** ((self.ticks - self.novel_at) / NOVEL_HALF_LIFE_MINUTES) + 1.0
        self.novel_at = self.ticks

    def traffic(self, window: int) -> float:
        """Return the traffic of the last minutes against the usual: the weighted median over the loudest templates."""
        if not len(self._loudest):
            return 1.0
        if not self._traffic:
            rate = self.usual.rate(self.minute, self._loudest)
            weights = np.sqrt(rate)
            for each in TRAFFIC_WINDOWS:
                length = WINDOWS[each]
                ratios = self.counts.window(length, self._loudest) / np.maximum(rate * length, 1e-9)
                order = np.argsort(ratios)
                sums = np.cumsum(weights[order])
                self._traffic[each] = float(ratios[order][np.searchsorted(sums, sums[-1] / 2.0)])
        return self._traffic[min(max(window, TRAFFIC_WINDOWS[0]), TRAFFIC_WINDOWS[-1])]

    def _rises(self, active: Ints) -> list[Signal]:
        """Return the series that count far more than usual, in the window that shows it best.

        Most minutes only those are looked at that count enough to be told at all, every fifth one all of them.
        """
        active = active[active < len(self._rising)]
        active = active[self._rising[active]]
        if self.minute % LOOK_EVERY:
            enough = [
                self.counts.window(length, active) >= self._floors[active, at] for at, length in enumerate(WINDOWS)
            ]
            active = active[np.any(enough, axis=0)]
        if not len(active):
            return []
        self._unlearnt.append((self.minute, active, np.zeros((len(WINDOWS), len(active)))))
        rate = self.usual.rate(self.minute, active)
        serious, starts = self.serious[active], self.starts[active] & (rate * 60.0 <= RARE_START)
        fewest, times = _least(serious, starts)
        best = np.zeros(len(active))
        where = np.zeros(len(active), dtype=np.int64)
        for window, length in enumerate(WINDOWS):
            observed = self.counts.window(length, active)
            usual = rate * length * max(1.0, self.traffic(window))
            nats = np.where(observed > usual, of_count(observed, usual, self.usual.spread(active, window)), 0.0)
            rose = (
                (observed >= fewest) & (observed >= times * usual) & (nats >= RECORD * self.usual.most(active, window))
            )
            self._unlearnt[-1][2][window] = nats
            nats = np.where(rose, nats, 0.0)
            where = np.where(nats > best, window, where)
            best = np.maximum(best, nats)
        return [
            self._risen(int(active[place]), int(where[place]), float(best[place]), float(rate[place]))
            for place in self._found(np.where(serious | starts, best, best - OTHERS_NATS), len(active))
        ]

    def _risen(self, place: int, window: int, nats: float, rate: float) -> Signal:
        length = WINDOWS[window]
        observed = float(self.counts.window(length, np.array([place]))[0])
        kind: Kind = "restarts" if self.starts[place] and not self.serious[place] else "rise"
        since = self.minute - length + 1
        return self._signal(kind, place, since, observed=observed, usual=rate * length, window=length, nats=nats)

    def _falls(self) -> list[Signal]:
        """Return the series of which little is left, traffic taken out."""
        if self.minute % 5 or not len(self._loudest):
            return []
        found: list[Signal] = []
        for window in FALL_WINDOWS:
            length = WINDOWS[window]
            if self.minute - self.started < length:
                continue
            series = self._steady
            observed = self.counts.window(length, series)
            rate = self.usual.rate(self.minute, series)
            usual = rate * length * min(1.0, self.traffic(2))
            fell = (usual >= FALL_FROM) & (observed <= FALL * usual)
            nats = np.where(fell, of_count(observed, usual, self.usual.spread(series, window)), 0.0)
            found += [
                self._signal(
                    "fall",
                    int(series[p]),
                    self.minute - length + 1,
                    observed=float(observed[p]),
                    usual=float(usual[p]),
                    window=length,
                    nats=float(nats[p]),
                )
                for p in self._found(nats - OTHERS_NATS, len(series))
                if not self._renamed(self.series[series[p]].template, length / 2.0)
            ]
        return found

    def _silent(self, late: float) -> list[Signal]:
        """Return what should have spoken again by now."""
        if self.minute % 15 == 0 or len(self._deadlines[0][0]) != len(self.series):
            self._deadlines = _deadlines(self.silence), _deadlines(self.pairs)
        signals = []
        for silence, all_series, held, deadlines in (
            (self.silence, self.series, self.held, self._deadlines[0]),
            (self.pairs, self.pair_series, self.pairs_held, self._deadlines[1]),
        ):
            overdue, gap, due = self._overdue(silence, deadlines, late)
            for place in overdue:
                series = all_series[place]
                if not held[place] and self._renamed(series.template, gap[place]):
                    silence.awake[place] = 0.0
                    deadlines[0][place] = np.inf
                    continue
                signals.append(self._silence(series, gap[place], due[place]))
        return signals

    def _overdue(
        self, silence: Silence, deadlines: tuple[Floats, Flags], late: float
    ) -> tuple[list[int], Floats, Floats]:
        """Return the series that are overdue, and all gaps and deadlines; what follows the traffic may wait for it."""
        due, regular = deadlines
        gap = self.ticks - silence.last[: len(due)]
        overdue = np.flatnonzero(gap - late >= due)
        if len(overdue):
            busy = min(max(self.traffic(TRAFFIC_WINDOWS[-1]), LEAST_TRAFFIC), 1.0)
            overdue = overdue[regular[overdue] | (gap[overdue] - late >= due[overdue] / busy)]
        return overdue.tolist(), gap, due

    def _silence(self, series: Series, gap: float, due: float) -> Signal:
        since = self.minute - int(gap) + 1
        return Signal("silence", series, self.minute, since, 0.0, due, int(gap), MOST_NATS * gap / due)

    def _renamed(self, template: int, gap: float) -> bool:
        """Whether a line like this one began when this one stopped, `gap` minutes ago."""
        if not template:
            return False
        stopped = self.minute - gap
        words = words_of(self._words(template))
        for other in range(len(self.series) - 1, -1, -1):
            if self.born[other] < stopped - HEIRS_MINUTES:
                return False
            heir = self.series[other].template
            if heir in {0, template} or self.born[other] > stopped + HEIRS_MINUTES:
                continue
            if likeness(words, words_of(self._words(heir))) >= HEIRS_LIKENESS:
                return True
        return False

    @staticmethod
    def _found(nats: Floats, tested: int) -> Iterable[int]:
        found = discoveries(nats, tested, FALSE_DISCOVERIES) & (nats >= LEAST_NATS)
        return [int(place) for place in np.flatnonzero(found)]

    def _signal(
        self, kind: Kind, place: int, since: int, *, observed: float, usual: float, window: int, nats: float
    ) -> Signal:
        series = self.series[place]
        return Signal(
            kind,
            series,
            self.minute,
            since,
            observed,
            usual,
            window,
            float(nats),
            self.levels[place],
            bool(self.serious[place]),
        )

    # Learning

    def _learn(self, until: int) -> None:
        """Learn the minutes up to `until` that are not learnt yet, of all series that are part of no story.

        Minutes without a single line are nobody's usual where the stream speaks all the time: there was no data.
        """
        for minute in range(max(self.learnt + 1, self.minute - KEPT_MINUTES + LEARNT_AFTER + 1), until + 1):
            ago = self.minute - minute
            everyone = np.arange(len(self.series))
            lines = self.counts.window(1, everyone, ago=ago)
            spoke = np.flatnonzero((lines > 0) & ~self.held)
            if not lines.any() and self.ticks > STEADY * (self.minute - self.began + 1):
                continue
            self.usual.learn(minute, spoke, lines[spoke])
            self.usual.leave_out(minute, np.flatnonzero(self.held))
            while self._unlearnt and self._unlearnt[0][0] <= minute:
                _, series, nats = self._unlearnt.popleft()
                quiet = ~self.held[series]
                for window in range(len(WINDOWS)):
                    self.usual.learn_records(series[quiet], window, nats[window, quiet])
            self.usual.learn_scatter(minute, self.counts, ~self.held, ago=ago)
            self.places.learn(minute)
        self.learnt = max(self.learnt, until)

    def _rank(self) -> None:
        """Choose the templates that tell the traffic, and the series that are steady enough to fall."""
        watched = self.usual.watched()
        rate = self.usual.total[: len(watched)] / np.maximum(watched, 1.0)
        known = watched >= ENOUGH_MINUTES
        templates = np.array([series.template > 0 for series in self.series])
        order = np.argsort(-np.where(known & templates, rate, 0.0))[:LOUDEST]
        self._loudest = order[(known & templates & (rate > LEAST_LOUD))[order]]
        self._steady = np.flatnonzero(known & (rate * WINDOWS[-1] >= FALL_FROM))
        self._rising = known & self.judged
        now = self.usual.rate(self.minute, np.arange(len(known)))
        fewest, times = _least(self.serious, self.starts & (now * 60.0 <= RARE_START))
        self._floors = np.maximum(fewest[:, None], times[:, None] * now[:, None] * np.array(WINDOWS))

    _steady: Ints = np.zeros(0, dtype=np.int64)


def _deadlines(silence: Silence) -> tuple[Floats, Flags]:
    everyone = np.arange(silence.size)
    return silence.deadline(everyone), silence.regular(everyone)


def _least(serious: Flags, starts: Flags) -> tuple[Floats, Floats]:
    """Return the fewest lines that make a rise, and how many times the usual it must reach."""
    fewest = np.where(serious, FEWEST_SERIOUS, np.where(starts, FEWEST_STARTS, FEWEST_OTHERS))
    return fewest, np.where(serious | starts, RISE_SERIOUS, RISE_OTHERS)
