"""The edge of what was read of a store that is asked by time: lines may still come late there. Does no I/O."""

from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from ingest.logs.event import Event
from ingest.logs.source import Batch, Cursor, Defaults, lines_of

OVERLAP_S: Final = 30.0
"""Ours: so far before the newest event is read again, as agents send in batches: CloudWatch's every 5 s, Promtail's
and Alloy's every second, with retries behind."""

MOST_SEEN: Final = 10_000
"""Ours: events remembered at the edge, so that a cursor stays below half a megabyte; a stream of more in OVERLAP_S
is read again from a later moment on."""


def mark_of(*parts: Hashable) -> str:
    """Return 64 bits that tell an event from all others at the edge."""
    return blake2b(repr(parts).encode(), digest_size=8).hexdigest()


class Edge:
    """Knows the last events of a stream, so that reading them again doubles none. Times are whole units of the store.

    Events are those at or after `start`; `unit` is how many of them a second has.
    """

    def __init__(self, cursor: Cursor, first: int, unit: int) -> None:
        self._overlap = int(OVERLAP_S * unit)
        seen: Any = cursor.get("seen", [])
        self._seen: deque[tuple[int, str]] = deque((int(time), str(mark)) for time, mark in seen)
        self._marks = {mark for _, mark in self._seen}
        self._start = int(str(cursor.get("start", first)))
        self._newest = max((time for time, _ in self._seen), default=self._start)

    @property
    def start(self) -> int:
        """The time from which to ask for events."""
        return self._start

    @property
    def cursor(self) -> Mapping[str, object]:
        """Where to go on."""
        return {"start": self._start, "seen": [list(each) for each in self._seen]}

    def new(self, time: int, mark: str) -> bool:
        """Whether an event is met for the first time; from now on it is known."""
        if mark in self._marks:
            return False
        self._marks.add(mark)
        self._seen.append((time, mark))
        self._newest = max(self._newest, time)
        return True

    def advance(self) -> None:
        """Forget events that will not be read again, once all up to the newest one known were met."""
        latest = sorted(self._seen)
        start = max(self._start, self._newest - self._overlap)
        if len(latest) > MOST_SEEN:
            start = max(start, min(latest[-MOST_SEEN][0], self._newest))
        self._start = start
        self._seen = deque(each for each in latest if each[0] >= start)
        self._marks = {mark for _, mark in self._seen}


def batch_of(events: Iterable[Event], cursor: Cursor, written: float | None = None) -> Batch:
    """Return events as lines, each with the time of its event and what is known of it."""
    lines, times, defaults = spread(list(events))
    return Batch(lines, cursor, times=times, defaults=defaults, written=written)


def spread(events: Sequence[Event]) -> tuple[list[bytes], list[float], list[Defaults]]:
    """Return the lines of events, with the time and what is known of each."""
    lines: list[bytes] = []
    times: list[float] = []
    defaults: list[Defaults] = []
    for event in events:
        parts = lines_of(event.text)
        lines += parts
        times += [event.time] * len(parts)
        defaults += [event.defaults] * len(parts)
    return lines, times, defaults
