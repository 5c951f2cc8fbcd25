"""Parsed lines to observed minutes: one clock for a stream, each line counted once, a sample for its values.

Knows no usual and no stories. The clock is the time of the newest line that can be believed; a minute is closed when
the clock has left it, so what is seen here is what could have been seen live.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
FREE_SAMPLES = 20
"""The first twenty lines of a template are looked at in full, fewer when that is more than 20 a minute and one in a
hundred (facts: looking at every line's values halves the speed). What is left of that is spread over all lines."""

MOST_JOINED = 2**62
"""Numbers of rows stay below it: they are 64 bits wide."""

PLAIN = ("clock", "late", "lines", "replayed", "too_old", "last_minute")

_Kind = tuple[int, int, bytes, bytes, int]
"""The minute that a line tells, its template, host, service and level."""

ValuesOf = Callable[[int, bytes], list[tuple[int, bytes]]]
"""Returns the values of a text of a template, with their positions."""


@dataclass(slots=True)
class _Open:
    """A minute that lines still arrive in; `samples` are those whose values count: template, host, text."""

    rows: Counter[_Kind] = field(default_factory=Counter)
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
        names = _numbered(columns.hosts), _numbered(columns.services)
        keep = self._fresh(times, arrivals, columns, names[0])
        # A minute is judged once: what comes when it was closed by the clock on the wall is a late line of the next.
        minutes = np.maximum((arrivals // MINUTE_S).astype(np.int64), self.last_minute + 1)
        kept, numbers = np.flatnonzero(keep), np.array(ids, dtype=np.int64)
        self._count(columns, (numbers, *names), minutes, np.floor_divide(times, MINUTE_S).astype(np.int64), kept)
        self._sample(columns, numbers, minutes, kept)
        yield from self.close(int(self.clock // MINUTE_S))

    def close(self, until: int) -> Iterator[Minute]:
        """Yield the open minutes before `until`, oldest first."""
        for minute in sorted(each for each in self._open if each < until):
            open_ = self._open.pop(minute)
            self.late = max(self.late - LATE_DECAY * max(minute - self.last_minute, 0), open_.late, 0.0)
            self.last_minute = minute
            rows = [Row(*kind, lines) for kind, lines in open_.rows.items()]
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

    def _fresh(self, times: Floats, arrivals: Floats, columns: Columns, hosts: Ints) -> Flags:
        """Tell which lines were not seen before; those too late to count are not fresh either."""
        late = arrivals - times
        seen = self._replays.of(columns, hosts, times, arrivals)
        self.replayed += int(seen.sum())
        old = ~seen & (late > LATE_MINUTES * MINUTE_S)
        self.too_old += int(old.sum())
        keep = ~seen & ~old
        self.lines += int(keep.sum())
        return np.asarray(keep)

    def _count(self, columns: Columns, kinds: Sequence[Ints], minutes: Ints, told: Ints, kept: Ints) -> None:
        """Count the lines at these places, those that are alike at once.

        `kinds` are the numbers of their templates, hosts and services.
        """
        if not len(kept):
            return
        levels = np.frombuffer(bytes(columns.levels), np.uint8).astype(np.int64)
        alike = joined(*(part[kept] for part in (minutes, minutes - told, *kinds, levels)))
        firsts, lines = np.unique(alike, return_index=True, return_counts=True)[1:]
        order = np.argsort(firsts)
        places = kept[firsts[order]]
        whens, thens, numbers = (each[places].tolist() for each in (minutes, told, kinds[0]))
        counted = zip(places.tolist(), whens, thens, numbers, lines[order].tolist(), strict=True)
        for place, minute, then, number, count in counted:
            row = (then, number, columns.hosts[place], columns.services[place], columns.levels[place])
            self._opened(minute).rows[row] += count
        late = places[minutes[places] > told[places]]
        for minute, lag in zip(minutes[late].tolist(), (minutes - told)[late].tolist(), strict=True):
            self._open[minute].late = max(self._open[minute].late, float(lag))

    def _opened(self, minute: int) -> _Open:
        open_ = self._open.get(minute)
        if open_ is None:
            open_ = self._open[minute] = _Open()
        return open_

    # Sampling

    def _sample(self, columns: Columns, ids: Ints, minutes: Ints, kept: Ints) -> None:
        """Keep the first line of each template as an example, and some lines for their values."""
        if not len(kept):
            return
        alike = joined(minutes[kept], ids[kept])
        order = np.argsort(alike, kind="stable")
        starts = np.flatnonzero(np.diff(alike[order], prepend=-1))
        order = kept[order]
        self._keep_firsts(columns, ids, minutes, order[starts])
        lengths = np.diff(starts, append=len(order))
        allowed = max(SAMPLED * len(order), self._free(minutes[order[starts]]), 1.0)
        first = next((each for each in FIRST_SAMPLES if np.minimum(lengths, each).sum() <= allowed), 1)
        ranks = np.arange(len(order)) - np.repeat(starts, lengths)
        stride = int(np.ceil(len(order) / max(allowed - np.minimum(lengths, first).sum(), 1.0)))
        for place in np.sort(order[(ranks < first) | (order % stride == stride - 1)]).tolist():
            host = columns.hosts[place] or columns.services[place]
            self._open[int(minutes[place])].samples.append((int(ids[place]), host, columns.texts[place]))

    def _keep_firsts(self, columns: Columns, ids: Ints, minutes: Ints, places: Ints) -> None:
        told = zip(places.tolist(), ids[places].tolist(), minutes[places].tolist(), strict=True)
        for place, number, minute in told:
            firsts = self._open[minute].firsts
            if number not in firsts:
                firsts[number] = First(
                    columns.times[place], columns.texts[place], columns.hosts[place], columns.services[place],
                    columns.levels[place],
                )  # fmt: skip

    def _free(self, minutes: Ints) -> float:
        """Return how many more lines may be looked at in these minutes whatever their number."""
        return float(sum(max(FREE_SAMPLES - len(self._open[minute].samples), 0) for minute in set(minutes.tolist())))

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
                    [[*kind, lines] for kind, lines in open_.rows.items()],
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
                Counter(
                    {(then, number, host, service, level): lines for then, number, host, service, level, lines in rows}
                ),
                [(number, host, text) for number, host, text in samples],
                {number: First(*first) for number, *first in firsts},
                late,
            )


def joined(*columns: Ints) -> Ints:
    """Return a number for each row of columns that are never below zero: the same where all of them are."""
    rows: Ints = columns[0] - columns[0].min()
    for column in columns[1:]:
        span = int(column.max()) + 1
        if int(rows.max()) >= MOST_JOINED // span:
            rows = np.unique(rows, return_inverse=True)[1]
        rows = rows * span + column
    return rows


def _numbered(names: Sequence[bytes]) -> Ints:
    """Return a number for each name, the same for the same."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.fromiter(map(numbers.__getitem__, names), dtype=np.int64, count=len(names))
