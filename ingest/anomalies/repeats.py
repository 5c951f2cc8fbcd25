"""Which lines came once before: a shipper or a rotation sent them again. Knows a hash of each line of the last hour."""

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np

from ingest.anomalies.counts import LATE_MINUTES, Flags, Floats, Ints
from ingest.logs.line import Columns

REPLAY_S = 2.0
"""A line that comes so much late may be a replay: it is fresh unless it was seen. Of less, nobody can tell it from one
that is written twice, unless it goes on a replay."""

MOST_KEYS = 2_000_000
"""Lines remembered (16 MB); an hour of 550 lines a second."""

SPAN_S = 600.0
"""Lines are forgotten in portions of ten minutes."""

_MIX = np.uint64(0x9E3779B97F4A7C15)
"""2**64 divided by the golden ratio (Knuth, TAOCP 6.4): spreads the bits."""


class Repeats:
    """The lines of the last hour, in sorted portions: few and large ones, as in a log-structured merge tree."""

    def __init__(self) -> None:
        self._portions: list[tuple[float, float, Ints]] = []
        self._inside = False
        self._clock = -1.0

    def of(self, columns: Columns, hosts: Ints, times: Floats, arrivals: Floats) -> Flags:
        """Tell which lines were seen before, and remember all.

        `hosts` are the numbers of their hosts, in the order of appearance; `arrivals` what the clock showed at each.
        """
        keys = _keys(columns, hosts, times)
        late = arrivals - times > REPLAY_S
        seen = np.zeros(len(keys), dtype=bool)
        if late.any() or self._inside:
            seen = self._seen(keys, late, arrivals)
        self._inside, self._clock = bool(seen[-1]), float(arrivals[-1])
        self._remember(keys[~seen])
        return seen

    def _seen(self, keys: Ints, late: Flags, arrivals: Floats) -> Flags:
        known = self._known(keys)
        # What came in time within these very lines: a line that is late with the same key is after it.
        first = np.unique(keys, return_index=True)[1]
        known[np.setdiff1d(np.arange(len(keys)), first)] = True
        seen = late & known
        # A replay goes on until it tells something new, or the clock does.
        starts = np.flatnonzero(seen[:-1] & ~late[1:]) + 1
        for start in (0, *starts.tolist()) if self._inside and not late[0] else starts.tolist():
            clock = arrivals[start - 1] if start else self._clock
            place = start
            while place < len(keys) and known[place] and arrivals[place] == clock:
                seen[place] = True
                place += 1
        return seen

    def _known(self, keys: Ints) -> Flags:
        known = np.zeros(len(keys), dtype=bool)
        for _, _, portion in self._portions:
            places = np.minimum(np.searchsorted(portion, keys), len(portion) - 1)
            known |= portion[places] == keys
        return known

    def _remember(self, keys: Ints) -> None:
        if not len(keys):
            return
        portions = self._portions
        portions.append((self._clock, self._clock, np.sort(keys)))
        while len(portions) > 1 and self._mergeable(*portions[-2:]):
            (begin, _, one), (_, end, other) = portions[-2:]
            portions[-2:] = [(begin, end, np.sort(np.concatenate((one, other)), kind="stable"))]
        while portions and (
            portions[0][1] < self._clock - LATE_MINUTES * 60.0 or sum(len(each) for *_, each in portions) > MOST_KEYS
        ):
            del portions[0]

    @staticmethod
    def _mergeable(one: tuple[float, float, Ints], other: tuple[float, float, Ints]) -> bool:
        return other[1] - one[0] <= SPAN_S and len(one[2]) <= 2 * len(other[2])

    def state(self) -> list[Any]:
        """Return what `restore` needs."""
        return [self._inside, self._clock, [list(each) for each in self._portions]]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a state."""
        self._inside, self._clock, portions = state
        self._portions = [(begin, end, keys) for begin, end, keys in portions]


def _keys(columns: Columns, hosts: Ints, times: Floats) -> Ints:
    """Return a hash of each line's text, host and time."""
    keys = np.fromiter(map(crc32, columns.texts), dtype=np.uint64, count=len(times))
    keys ^= np.array([crc32(host) << 32 for host in dict.fromkeys(columns.hosts)], dtype=np.uint64)[hosts]
    keys = keys * _MIX ^ (times * 1e3).astype(np.uint64)
    return keys.view(np.int64)
