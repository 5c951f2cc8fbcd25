"""Who is watched in a stream: every series that ever spoke, when it was born, and what its words say.

Knows neither what was counted nor what is usual.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile
from typing import Any

import numpy as np

from ingest.anomalies.columns import columns_of, series_of
from ingest.anomalies.signal import WARN, Kind, Row, Series, Signal
from ingest.anomalies.wording import is_harmless, likeness, tells_start, tells_trouble, words_of

MOST_SERVICES = 8
"""Services remembered of a template."""

HEIRS_MINUTES = 45
HEIRS_LIKENESS = 0.5
"""A line that stops while one like it begins was renamed."""

REWORDED_LIKENESS, REWORDED_MINUTES = 0.66, 1440
"""So alike must a new error be to one known for a day to pass for the same, reworded by a deploy."""

PLAIN = ("born", "levels", "judged", "serious", "starts")
"""What is kept as it is."""

Words = Callable[[int], tuple[str | None, ...]]
"""Returns the words of a template, None where it varies."""


class Register:
    """Series and their places, in the order in which they first spoke; `held` ones are part of a story."""

    def __init__(self) -> None:
        self.series: list[Series] = []
        self.held = np.zeros(0, dtype=bool)
        self._places: dict[Series, int] = {}

    def __len__(self) -> int:
        """Return how many series there are."""
        return len(self.series)

    def find(self, series: Series) -> int | None:
        """Return the place of a series, None if it never spoke."""
        return self._places.get(series)

    def add(self, series: Series) -> int:
        """Return the place of a series that speaks for the first time."""
        self._places[series] = place = len(self.series)
        self.series.append(series)
        self.held = np.append(self.held, False)
        return place

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs; what is held is not kept."""
        return columns_of(self.series)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.series = series_of(state)
        self._places = {series: place for place, series in enumerate(self.series)}
        self.held = np.zeros(len(self.series), dtype=bool)


class Roster:
    """The series that are counted, and the pairs of template and host that are only seen or not.

    One entry for each counted series: `born` (minute) and `levels` of its first line; whether it is `judged` at all;
    whether its lines are `serious`, or tell that something `starts`.
    """

    def __init__(self, words: Words) -> None:
        self._words = words
        self.minute = -1
        self.counted = Register()
        self.pairs = Register()
        self.born: list[int] = []
        self.levels: list[int] = []
        self.judged = np.zeros(0, dtype=bool)
        self.serious = np.zeros(0, dtype=bool)
        self.starts = np.zeros(0, dtype=bool)
        self.services: dict[int, set[bytes]] = {}
        self.newborn: list[int] = []
        self._rows: dict[tuple[int, bytes, bytes], tuple[int, ...]] = {}

    def advance(self, minute: int) -> None:
        """Begin a minute: nobody was born in it yet."""
        self.minute = minute
        self.newborn.clear()

    def template(self, number: int) -> int | None:
        """Return the place of a template, None if it never spoke."""
        return self.counted.find(Series(template=number))

    def places(self, row: Row) -> tuple[int, ...]:
        """Return the places of all series that a row counts for, and last that of its pair."""
        key = (row.template, row.host, row.service)
        return self._rows.get(key) or self._enrolled(key, row.level)

    def _enrolled(self, key: tuple[int, bytes, bytes], level: int) -> tuple[int, ...]:
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
        place = self.counted.find(series)
        if place is not None:
            return place
        place = self.counted.add(series)
        if series.template:
            self.newborn.append(place)
        self.born.append(self.minute)
        self.levels.append(level)
        text = " ".join(word or "" for word in self._words(series.template)) if series.template else ""
        serious = (level >= WARN or tells_trouble(text)) and not (level <= WARN and is_harmless(text))
        self.judged = np.append(self.judged, series.template > 0 and not is_harmless(text))
        self.serious = np.append(self.serious, serious)
        self.starts = np.append(self.starts, bool(text) and tells_start(text))
        return place

    def _paired(self, series: Series) -> int:
        place = self.pairs.find(series)
        return self.pairs.add(series) if place is None else place

    # Stories

    def release(self) -> None:
        """Hold nothing any more."""
        self.counted.held[:] = False
        self.pairs.held[:] = False

    def hold(self, series: Series) -> bool:
        """Hold a series as part of a story; return whether it is one of these."""
        for register in (self.counted, self.pairs):
            place = register.find(series)
            if place is not None:
                register.held[place] = True
                return True
        return False

    def signal(
        self, kind: Kind, place: int, since: int, *, observed: float, usual: float, window: int, nats: float
    ) -> Signal:
        """Return what a counted series signals in the present minute."""
        return Signal(
            kind, self.counted.series[place], self.minute, since, observed, usual, window, float(nats),
            self.levels[place], bool(self.serious[place]),
        )  # fmt: skip

    # Words

    def is_variant(self, place: int) -> bool:
        """Whether a template differs little from one known before: a deploy has reworded it.

        An error is one only of a line that was as bad, was known for a day, and has nearly the same words.
        """
        bad = self.levels[place] >= WARN
        alike, known = (REWORDED_LIKENESS, REWORDED_MINUTES) if bad else (HEIRS_LIKENESS, 1)
        words = self._words_of(self.counted.series[place].template)
        return any(
            likeness(words, self._words_of(other.template)) >= alike
            for other, born, level in zip(self.counted.series, self.born, self.levels, strict=True)
            if other.template and self.minute - born >= known and (not bad or level >= self.levels[place])
        )

    def newcomers(self, minutes: int) -> int:
        """Return how many templates below WARN were born in the last minutes, this one among them."""
        newest_first = range(len(self.born) - 1, -1, -1)
        young = takewhile(lambda place: self.minute - self.born[place] < minutes, newest_first)
        return sum(1 for place in young if self.counted.series[place].template and self.levels[place] < WARN)

    def is_renamed(self, template: int, gap: float, about: float = 0.0) -> bool:
        """Whether a line like this one began when this one stopped, `gap` minutes ago, give or take `about`."""
        if not template:
            return False
        words = self._words_of(template)
        return any(
            likeness(words, self._words_of(heir)) >= HEIRS_LIKENESS
            for heir in self._born_about(self.minute - gap, about + HEIRS_MINUTES)
            if heir not in {0, template}
        )

    def _born_about(self, minute: float, about: float) -> Iterator[int]:
        """Yield the templates, 0 for other series, that were born about a minute, the youngest first."""
        for series, born in zip(reversed(self.counted.series), reversed(self.born), strict=True):
            if born < minute - about:
                return
            if born <= minute + about:
                yield series.template

    def _words_of(self, template: int) -> frozenset[str]:
        return words_of(self._words(template))

    # State

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        return {
            **{name: getattr(self, name) for name in PLAIN},
            "counted": self.counted.state(),
            "pairs": self.pairs.state(),
            "services": [[number, sorted(names)] for number, names in self.services.items()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        for name in PLAIN:
            setattr(self, name, state[name])
        self.counted.restore(state["counted"])
        self.pairs.restore(state["pairs"])
        self.services = {number: set(names) for number, names in state["services"]}
