"""What is usual for each counted series: its rate by the time of the week, how much it scatters, its records.

Learns from counts alone, is pure, and holds one array per quantity, one entry per series.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.anomalies.counts import Counts, Flags, Floats, Ints
from ingest.anomalies.ledger import Ledger

SLOT_MINUTES = 30
SLOTS = 48
WEEK_SLOTS = 7 * SLOTS
DAY_MINUTES = 1440

WINDOWS = (1, 5, 15, 60)
"""Minutes over which counts are judged: a burst shows in the shortest, a doubling of a rare line in the longest."""

LENGTHS = np.array(WINDOWS)[:, None]
EVERY = np.arange(len(WINDOWS))[:, None]
"""The windows as a column, their lengths and their places: what is asked of it comes with a row for each."""

HALF_LIFE_DAYS = 14.0
"""What was usual two weeks ago counts half (the training time of CloudWatch's and Datadog's detectors: two weeks)."""

OWN_MINUTES = 60.0
"""So many minutes of a slot's own history weigh as much as the series' overall rate, towards which it is drawn."""

WEEKS_OWN_MINUTES = 90.0
"""The same for a slot of the week against its slot of the day: three weeks of it outweigh the daily one."""

PRIOR_SPREAD = 0.5
PRIOR_WEIGHT = 4.0
"""Before a series has shown its own scatter it is taken to scatter like traffic does: variance m + m**2 / 2."""

LEAST_SPREAD = 0.02

ENOUGH_MINUTES = 6 * 60.0
"""A series' rate is judged once it could be watched for six hours; before that it is new."""

KERNEL = np.array([0.25, 0.5, 0.25])
"""Weights of the slots before, at and after: jobs drift, and a slot's edge is nobody's boundary."""

FIELDS = ("day", "absent", "week", "absent_week", "total", "absent_total", "scatter", "weight", "record", "older")


SCATTER_EVERY = 5
"""Minutes between two looks at how the shortest windows scatter: a fifth of them tells as much."""

FADING = (
    "minutes_day", "minutes_week", "minutes", "day", "week", "absent", "absent_week", "total", "absent_total",
    "scatter", "weight",
)  # fmt: skip
Slotted = npt.NDArray[np.float32]

PLAIN = ("minutes_day", "minutes_week", "minutes", "decayed_day", "record_week")


class Usual(Ledger):
    """Rates, scatter and records of series that count per minute.

    `day`, `week`: decayed counts per slot, `float32[series, 48]` and `[series, 336]`. A series was watched in every
    minute of the source but those in `absent*`: before it was first seen, and while it was part of an anomaly.
    """

    fields = FIELDS

    def __init__(self) -> None:
        super().__init__()
        self.minutes_day = np.zeros(SLOTS, dtype=np.float32)
        self.minutes_week = np.zeros(WEEK_SLOTS, dtype=np.float32)
        self.minutes = 0.0
        capacity = 64
        self.day = np.zeros((capacity, SLOTS), dtype=np.float32)
        self.absent = np.zeros((capacity, SLOTS), dtype=np.float32)
        self.week = np.zeros((capacity, WEEK_SLOTS), dtype=np.float32)
        self.absent_week = np.zeros((capacity, WEEK_SLOTS), dtype=np.float32)
        self.total = np.zeros(capacity)
        self.absent_total = np.zeros(capacity)
        self.scatter = np.zeros((capacity, len(WINDOWS)))
        self.weight = np.zeros((capacity, len(WINDOWS)))
        self.record = np.zeros((capacity, len(WINDOWS)))
        self.older = np.zeros((capacity, len(WINDOWS)))
        self.decayed_day = -1
        self.record_week = -1
        self._rates: dict[int, Floats] = {}

    def grow(self, size: int) -> None:
        """Take in series up to `size`; they count as watched from now on."""
        born = slice(self.size, size)
        super().grow(size)
        self.absent[born] = self.minutes_day
        self.absent_week[born] = self.minutes_week
        self.absent_total[born] = self.minutes

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        return super().state() | {name: getattr(self, name) for name in PLAIN}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        super().restore(state)
        self._rates.clear()
        for name in PLAIN:
            setattr(self, name, state[name])

    # Learning

    def learn(self, minute: int, series: Ints, counts: Floats, *, minutes: int = 1) -> None:
        """Learn the counts of minutes from this one on, of one slot; series that are not named counted nothing."""
        self._age(minute)
        self._rates.clear()
        slot, week_slot = _slots(minute)
        self.minutes_day[slot] += minutes
        self.minutes_week[week_slot] += minutes
        self.minutes += minutes
        self.day[series, slot] += counts
        self.week[series, week_slot] += counts
        self.total[series] += counts

    def leave_out(self, minute: int, series: Ints, *, minutes: int = 1) -> None:
        """Do not learn these minutes of series that are part of an anomaly: they were not watched in it."""
        self._rates.clear()
        slot, week_slot = _slots(minute)
        self.absent[series, slot] += minutes
        self.absent_week[series, week_slot] += minutes
        self.absent_total[series] += minutes

    def learn_scatter(self, minute: int, counts: Counts, quiet: Flags, *, ago: int) -> None:
        """Learn how windows scatter about their usual counts; `quiet` series are those of no anomaly."""
        if minute % SCATTER_EVERY:
            return
        series = np.flatnonzero(quiet[: self.size] & self.known())
        rate = self.rate(minute, series)
        for place, length in enumerate(WINDOWS):
            if minute % max(length, SCATTER_EVERY):
                continue
            usual = rate * length
            off = counts.window(length, series, ago=ago) - usual
            self.scatter[series, place] += np.square(off) - usual
            self.weight[series, place] += np.square(usual)

    def learn_records(self, series: Ints, nats: Floats) -> None:
        """Learn how surprising counts were that nobody needed to be told: `float64[windows, series]`."""
        self.record[series, EVERY] = np.maximum(self.record[series, EVERY], nats)

    def merge(self, gone: int, stays: int) -> None:
        """Add what was counted of a line to that of another, which it turned out to be."""
        self._rates.clear()
        for array in (self.day, self.week, self.total):
            array[stays] += array[gone]
        for array in (self.absent, self.absent_week, self.absent_total):
            array[stays] = np.minimum(array[stays], array[gone])

    def _age(self, minute: int) -> None:
        """Let what is old count less, once a day; records older than a week become the older ones."""
        day, week = minute // DAY_MINUTES, minute // (7 * DAY_MINUTES)
        if self.decayed_day < 0:
            self.decayed_day, self.record_week = day, week
        if day > self.decayed_day:
            keep = 0.5 ** ((day - self.decayed_day) / HALF_LIFE_DAYS)
            for name in FADING:
                setattr(self, name, getattr(self, name) * keep)
            self.decayed_day = day
        if week > self.record_week:
            self.older, self.record = self.record, np.zeros_like(self.record)
            self.record_week = week

    # What is usual

    def watched(self) -> Floats:
        """Return for how many minutes each series could be watched, older ones counting less."""
        return np.asarray(self.minutes - self.absent_total[: self.size])

    def known(self) -> Flags:
        """Tell which series were watched for long enough to be judged."""
        return np.asarray(self.watched() >= ENOUGH_MINUTES)

    def overall(self) -> Floats:
        """Return the count per minute of each series, whatever the time of the week."""
        return np.asarray(self.total[: self.size] / np.maximum(self.watched(), 1.0))

    def rate(self, minute: int, series: Ints) -> Floats:
        """Return the usual count per minute at this time of the week.

        Gamma-Poisson shrinkage: slot of the week towards slot of the day towards the overall rate, each by how long it
        was watched.
        """
        slot, week_slot = _slots(minute)
        rates = self._rates.get(week_slot)
        if rates is None or len(rates) < self.size:
            rates = self._rates[week_slot] = self._rate(slot, week_slot)
        return np.asarray(rates[series])

    def _rate(self, slot: int, week_slot: int) -> Floats:
        """Return the rate of every series: it stays until more is learnt."""
        every = slice(0, self.size)
        overall = (self.total[every] + 0.5) / (np.maximum(self.minutes - self.absent_total[every], 0.0) + 60.0)
        counts, minutes = _smoothed(self.day[every], self.absent[every], self.minutes_day, slot)
        daily = (counts + OWN_MINUTES * overall) / (minutes + OWN_MINUTES)
        counts, minutes = _smoothed(self.week[every], self.absent_week[every], self.minutes_week, week_slot)
        return np.asarray((counts + WEEKS_OWN_MINUTES * daily) / (minutes + WEEKS_OWN_MINUTES))

    def spread(self, series: Ints, window: int | Ints) -> Floats:
        """Return the extra scatter of a window's counts: variance = m + spread * m**2 (method of moments, shrunk)."""
        scatter = np.maximum(self.scatter[series, window], 0.0) + PRIOR_WEIGHT * PRIOR_SPREAD
        return np.asarray(np.maximum(scatter / (self.weight[series, window] + PRIOR_WEIGHT), LEAST_SPREAD))

    def most(self, series: Ints, window: int | Ints) -> Floats:
        """Return the most surprising count of a window in the last one to two weeks, in nats."""
        return np.asarray(np.maximum(self.record[series, window], self.older[series, window]))


def _slots(minute: int) -> tuple[int, int]:
    """Return the slot of the day and of the week; minute 0 is Thursday 1970-01-01 00:00 UTC."""
    return minute % DAY_MINUTES // SLOT_MINUTES, minute % (7 * DAY_MINUTES) // SLOT_MINUTES


def _smoothed(sums: Slotted, absent: Slotted, minutes: Slotted, slot: int) -> tuple[Floats, Floats]:
    """Return counts and watched minutes about a slot, its neighbours weighing less."""
    places = (slot + np.array([-1, 0, 1])) % len(minutes)
    counts = sums.take(places, axis=1) @ KERNEL
    watched = np.maximum(minutes[places] - absent.take(places, axis=1), 0.0) @ KERNEL
    return np.asarray(counts, dtype=np.float64), np.asarray(watched, dtype=np.float64)
