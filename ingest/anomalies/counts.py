"""What was counted in the last two hours, minute by minute, for many series at once. Knows not what is usual.

Sums are kept cumulatively, so that any window is one subtraction, whatever its length.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

KEPT_MINUTES = 128
"""Rows of the ring: the longest window is an hour, and late lines may be an hour late."""

LEARNT_AFTER = 60
"""Minutes after which a minute is learnt: what turns out to be the onset of an anomaly is never taken as usual."""

LATE_MINUTES = 60
"""Lines later than this are counted at their arrival: older minutes have been judged long ago."""

FIRST_CAPACITY = 64


def room_for(size: int, capacity: int) -> int:
    """Return the capacity that takes `size` entries with some to spare: a quarter more, as these arrays are large."""
    return max(size, capacity + max(FIRST_CAPACITY, capacity // 4))


def grown(array: npt.NDArray[Any], capacity: int, axis: int = 0) -> npt.NDArray[Any]:
    """Return the array with room for `capacity` entries along `axis`; what is new is zero."""
    room = capacity - array.shape[axis]
    if room <= 0:
        return array
    widths = [(0, room if place == axis else 0) for place in range(array.ndim)]
    return np.pad(array, widths)


class Counts:
    """Cumulative sums of `planes` quantities of every series: `float64[planes, minutes, series]`, a ring of minutes."""

    def __init__(self, planes: int = 1) -> None:
        self.minute = -1
        self.sums: Floats = np.zeros((planes, KEPT_MINUTES, FIRST_CAPACITY))

    def state(self, size: int) -> dict[str, Any]:
        """Return what `restore` needs, for the first `size` series."""
        return {"minute": self.minute, "sums": self.sums[:, :, :size]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.minute = state["minute"]
        self.sums = state["sums"]
        self.grow(FIRST_CAPACITY)

    def clear(self) -> None:
        """Forget the present: another stream begins at another time."""
        self.minute = -1
        self.sums[:] = 0.0

    def grow(self, size: int) -> None:
        """Make room for `size` series."""
        if size > self.sums.shape[2]:
            self.sums = grown(self.sums, room_for(size, self.sums.shape[2]), axis=2)

    def advance(self, minute: int) -> None:
        """Begin a minute; the minutes between count nothing."""
        if self.minute < 0:
            self.minute = minute
            return
        last = self.sums[:, self.minute % KEPT_MINUTES]
        for each in range(max(self.minute + 1, minute - KEPT_MINUTES + 1), minute + 1):
            self.sums[:, each % KEPT_MINUTES] = last
        self.minute = max(self.minute, minute)

    def add(self, series: Ints, *amounts: Floats) -> None:
        """Count in the present minute; a series may come more than once."""
        row = self.minute % KEPT_MINUTES
        for plane, amount in zip(self.sums, amounts, strict=True):
            np.add.at(plane[row], series, amount)

    def add_late(self, minute: int, series: int, amounts: Sequence[float]) -> None:
        """Count in a minute gone by, at most LATE_MINUTES ago."""
        for each in range(max(minute, self.minute - LATE_MINUTES), self.minute + 1):
            self.sums[:, each % KEPT_MINUTES, series] += amounts

    def merge(self, gone: int, stays: int) -> None:
        """Add what a series counted to that of another."""
        self.sums[:, :, stays] += self.sums[:, :, gone]

    def window(self, minutes: int | Ints, series: Ints | slice, *, plane: int = 0, ago: int | Ints = 0) -> Floats:
        """Return the sums of the last `minutes`, ending `ago` minutes before the present minute's end.

        With a column of either (`int64[rows, 1]`), a row for each: `float64[rows, series]`.
        """
        sums, end = self.sums[plane], self.minute - ago
        return np.asarray(sums[end % KEPT_MINUTES, series] - sums[(end - minutes) % KEPT_MINUTES, series])
