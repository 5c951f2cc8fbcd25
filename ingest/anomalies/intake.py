"""Parsed lines to observed minutes: one clock for a stream, each line counted once, a sample for its values.

Knows no usual and no stories. The clock is the time of the newest line that can be believed; a minute is closed when
the clock has left it, so what is seen here is what could have been seen live.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

import numpy as np

from ingest.anomalies.counts import LATE_MINUTES, Flags, Floats, Ints
from ingest.anomalies.repeats import Repeats
from ingest.anomalies.signal import First, Minute, Row, Value
from ingest.logs.line import Columns

MINUTE_S = 60.0

AHEAD_S = 90.0
"""A line so far ahead of the clock moves it only if lines of others, or the next ones, bear it out: hosts' clocks may
be off, and one of them must not make all others late."""

WITNESSES = 4
AGAINST = 2
"""Lines that bear out a jump or not: the next four of the only host, or two of others. A host that others do not bear
out is known to be so much ahead from then on."""

LATE_DECAY = 1.0 / 30.0
"""Lateness is forgotten within half an hour a minute."""

FIRST_SAMPLES = (20, 8, 4, 2, 1, 0)
SAMPLED = 0.01
FREE_SAMPLES = 25
"""The first twenty lines of a template are looked at in full, fewer when that is more than 25 a minute and one in a
hundred (facts: looking at every line's values halves the speed). What is left of that is spread over all lines."""

PLAIN = ("clock", "late", "lines", "replayed", "too_old", "last_minute")

_Kind = tuple[int, bytes, bytes, int]
"""Template, host, service and level of a line."""

ValuesOf = Callable[[int, bytes], list[tuple[int, bytes]]]
"""Returns the values of a text of a template, with their positions."""


@dataclass(slots=True)
class _Open:
    """A minute that lines still arrive in; `samples` are those whose values count: template, host, text."""

    rows: Counter[Row] = field(default_factory=Counter)
    samples: list[tuple[int, bytes, bytes]] = field(default_factory=list)
    firsts: dict[int, First] = field(default_factory=dict)
    late: float = 0.0


class Intake:
    """One stream's clock, replay filter and open minutes."""

    def __init__(self, values_of: ValuesOf) -> None:
        self._values_of = values_of
        self.clock = 0.0
        self._ahead: dict[bytes, float] = {}
        self._doubted: tuple[float, float, bytes] | None = None
        self.late = 0.0
        self.lines = 0
        self.replayed = 0
        self.too_old = 0
        self._open: dict[int, _Open] = {}
        self._replays = Repeats()
        self.last_minute = 0

    def add(self, columns: Columns, ids: list[int]) -> Iterator[Minute]:
        """Count entries; yield the minutes that are over, oldest first."""
        if not len(columns):
            return
        times = np.array(columns.times)
        arrivals = self._arrivals(times, columns.hosts)
        times = np.minimum(times, arrivals)
        keep = self._fresh(times, arrivals, columns)
        # A minute is judged once: what comes when it was closed by the clock on the wall is a late line of the next.
        minutes = np.maximum((arrivals // MINUTE_S).astype(np.int64), self.last_minute + 1)
        self._count(columns, ids, minutes, np.floor_divide(times, MINUTE_S).astype(np.int64), keep)
        self._sample(columns, ids, minutes, keep)
        yield from self.close(int(self.clock // MINUTE_S))

    def close(self, until: int) -> Iterator[Minute]:
        """Yield the open minutes before `until`, oldest first."""
        for minute in sorted(each for each in self._open if each < until):
            open_ = self._open.pop(minute)
            self.late = max(self.late - LATE_DECAY * max(minute - self.last_minute, 0), open_.late, 0.0)
            self.last_minute = minute
            rows = [Row(*row[:-1], lines) for row, lines in open_.rows.items()]
            values = [
                Value(number, host, at, raw)
                for number, host, text in open_.samples
                for at, raw in self._values_of(number, text)
            ]
            yield Minute(minute, rows, values, open_.firsts, self.late)

    # The clock

    def _arrivals(self, times: Floats, hosts: list[bytes]) -> Floats:
        """Return what the clock showed when each line came."""
        self._doubt(times, hosts)
        for host, offset in list(self._ahead.items()):
            self._set_back(host, offset, times, hosts)
        start = self.clock or float(times[: 4 * WITNESSES].min())
        arrivals = np.maximum.accumulate(np.concatenate(([start], times)))
        jumps = np.flatnonzero(np.diff(arrivals) > AHEAD_S)
        if len(jumps) and self._mended(times, hosts, jumps, start):
            arrivals = np.maximum.accumulate(np.concatenate(([start], times)))
        self.clock = float(arrivals[-1])
        return np.asarray(arrivals[1:])

    def _mended(self, times: Floats, hosts: list[bytes], jumps: Ints, clock: float) -> bool:
        """Set lines that nobody bears out back to the clock of the others; return whether there were any."""
        mended = False
        for place in (int(each) for each in jumps):
            clock = max(clock, float(times[:place].max())) if place else clock
            if times[place] - clock <= AHEAD_S:
                continue
            following = slice(place + 1, place + 1 + 16 * WITNESSES)
            others = [t for t, host in zip(times[following], hosts[following], strict=True) if host != hosts[place]]
            witnesses = np.array(others or times[following])[: 4 * WITNESSES]
            if len(witnesses) < (AGAINST if others else WITNESSES):
                self._doubted = clock, float(times[place]), hosts[place]
            elif np.median(witnesses) < times[place] - AHEAD_S:
                mended = True
                if others:
                    self._ahead[hosts[place]] = offset = float(times[place] - np.median(witnesses))
                    self._set_back(hosts[place], offset, times, hosts)
                else:
                    times[place] = np.median(witnesses)
        return mended

    def _doubt(self, times: Floats, hosts: list[bytes]) -> None:
        """Take a jump back that was the last to be seen of some lines, if those that come now contradict it."""
        if self._doubted is None:
            return
        before, jumped, host = self._doubted
        others = np.array([time for time, each in zip(times, hosts, strict=True) if each != host])
        against = others[others < jumped - AHEAD_S]
        if len(against) < len(others) or self.clock > jumped + AHEAD_S:
            self._doubted = None
        elif len(against) >= AGAINST:
            self.clock, self._doubted = before, None
            self._ahead[host] = jumped - float(np.median(against))

    def _set_back(self, host: bytes, offset: float, times: Floats, hosts: list[bytes]) -> None:
        """Set the lines of a host back that are so much ahead of the others; forget it once they are so no more."""
        same = np.fromiter((each == host for each in hosts), dtype=bool, count=len(hosts))
        if not same.any():
            return
        others = np.maximum.accumulate(np.where(same, self.clock, times))
        off = same & (times > others + offset / 2.0)
        times[off] -= offset
        if same.sum() >= WITNESSES and not off.any():
            del self._ahead[host]

    # Counting

    def _fresh(self, times: Floats, arrivals: Floats, columns: Columns) -> Flags:
        """Tell which lines were not seen before; those too late to count are not fresh either."""
        late = arrivals - times
        seen = self._replays.of(columns, times, arrivals)
        self.replayed += int(seen.sum())
        old = ~seen & (late > LATE_MINUTES * MINUTE_S)
        self.too_old += int(old.sum())
        keep = ~seen & ~old
        self.lines += int(keep.sum())
        return np.asarray(keep)

    def _count(self, columns: Columns, ids: list[int], minutes: Ints, told: Ints, keep: Flags) -> None:
        kinds: Iterable[_Kind] = zip(ids, columns.hosts, columns.services, columns.levels, strict=True)
        if not keep.all():
            kinds, minutes, told = compress(kinds, keep.tolist()), minutes[keep], told[keep]
        if not len(minutes):
            return
        first = int(minutes[0])
        if minutes[-1] == first and (told == first).all():  # most batches of a busy stream lie within one minute
            rows = self._opened(first).rows
            for kind, lines in Counter(kinds).items():
                rows[Row(first, *kind, 0)] += lines
            return
        for (minute, then, kind), lines in Counter(zip(minutes.tolist(), told.tolist(), kinds, strict=True)).items():
            self._opened(minute).rows[Row(then, *kind, 0)] += lines
        lag = minutes - told
        for minute in np.unique(minutes[lag > 0]).tolist():
            late = float(lag[minutes == minute].max())
            self._open[minute].late = max(self._open[minute].late, late)

    def _opened(self, minute: int) -> _Open:
        open_ = self._open.get(minute)
        if open_ is None:
            open_ = self._open[minute] = _Open()
        return open_

    # Sampling

    def _sample(self, columns: Columns, ids: list[int], minutes: Ints, keep: Flags) -> None:
        numbers = np.array(ids, dtype=np.int64)
        order = np.lexsort((np.arange(len(numbers)), numbers, minutes))
        order = order[keep[order]]
        if not len(order):
            return
        edge = np.concatenate(([True], (np.diff(numbers[order]) != 0) | (np.diff(minutes[order]) != 0)))
        starts = np.flatnonzero(edge)
        ranks = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
        allowed = max(SAMPLED * len(order), self._free(minutes[order]), 1.0)
        first = next((each for each in FIRST_SAMPLES if (ranks < each).sum() <= allowed), 1)
        for place in order[edge].tolist():
            firsts = self._open[int(minutes[place])].firsts
            if ids[place] not in firsts:
                firsts[ids[place]] = First(
                    columns.times[place], columns.texts[place], columns.hosts[place], columns.services[place],
                    columns.levels[place],
                )  # fmt: skip
        stride = int(np.ceil(len(order) / max(allowed - (ranks < first).sum(), 1.0)))
        for place in np.sort(order[(ranks < first) | (order % stride == stride - 1)]).tolist():
            host = columns.hosts[place] or columns.services[place]
            self._open[int(minutes[place])].samples.append((ids[place], host, columns.texts[place]))

    def _free(self, minutes: Ints) -> float:
        """Return how many more lines may be looked at in these minutes whatever their number."""
        return float(
            sum(max(FREE_SAMPLES - len(self._open[minute].samples), 0) for minute in np.unique(minutes).tolist())
        )

    # State

    def state(self, clean: Callable[[bytes], bytes]) -> dict[str, Any]:
        """Return what `restore` needs; texts of open minutes are cleaned."""
        return {
            **{name: getattr(self, name) for name in PLAIN},
            "ahead": list(self._ahead.items()),
            "doubted": self._doubted,
            "replays": self._replays.state(),
            "open": [
                [
                    minute,
                    [[*row[:-1], lines] for row, lines in open_.rows.items()],
                    [[number, host, clean(text)] for number, host, text in open_.samples],
                    [[number, *first._replace(text=clean(first.text))] for number, first in open_.firsts.items()],
                    open_.late,
                ]
                for minute, open_ in self._open.items()
            ],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        for name in PLAIN:
            setattr(self, name, state[name])
        self._ahead = dict(state["ahead"])
        self._doubted = tuple(state["doubted"]) if state["doubted"] else None
        self._replays.restore(state["replays"])
        for minute, rows, samples, firsts, late in state["open"]:
            self._open[minute] = _Open(
                Counter({_kind(row): row[5] for row in rows}),
                [(number, host, text) for number, host, text in samples],
                {number: First(*first) for number, *first in firsts},
                late,
            )


def _kind(row: Sequence[Any]) -> Row:
    minute, template, host, service, level, _lines = row
    return Row(minute, template, host, service, level, 0)
