"""Entries of several lines: which lines belong to an entry before them, and how they are joined. Knows no format."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

from ingest.logs.levels import DEBUG, INFO

MOST_LINES = 256
"""Ours: a traceback of more lines than that repeats itself; what comes after is counted and left out."""
MOST_BYTES = 64 * 1024
"""Ours: as for one line (source.MOST_LINE)."""
_STILL_S = 2.0
"""Ours: seconds that a logger takes to write one traceback, line by line."""

_GOES_ON = re.compile(rb"[ \t]|$|Traceback \(most|Caused by:|Suppressed:|During handling of|The above exception was")
_PYTHON = b"Traceback (most recent call last):"
_JAVA = re.compile(rb"\s*at [\w$.<>/]+\(|\s*\.\.\. \d+ (?:more|common)|Caused by: ")
_MARKS = (_PYTHON, b"\tat ", b"\nat ", b"  at ")
_SUSPECT = re.compile(b"[^%c%c]" % (DEBUG, INFO), re.DOTALL)
"""What is not plain information, in levels as bytes."""


@dataclass(slots=True)
class Columns:
    """Parsed entries, column by column, all of one length, in the order of arrival.

    `times` are seconds UTC; an entry that tells none has that of the one before it (0 when there was none). `levels`
    are ranks (`levels.NAMES`), 0 when not told. `texts` are messages without time, host, level and service; those of
    several lines are joined by newlines. `physical` is how many lines each entry came in.
    """

    times: list[float] = field(default_factory=list)
    hosts: list[bytes] = field(default_factory=list)
    services: list[bytes] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    physical: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def lists(self) -> tuple[list[Any], ...]:
        """All columns, to do the same to each."""
        return (self.times, self.hosts, self.services, self.levels, self.texts, self.physical)


def goes_on(line: bytes) -> bool:
    """Whether a line without a header belongs to the one before it although none of its stream has one."""
    return _GOES_ON.match(line) is not None


def join_lines(columns: Columns, rest: Collection[int]) -> None:
    """Put the entries at the places `rest` (rising) into the last one before them that is none of these, in place.

    The first entry stays itself: what it belongs to is gone.
    """
    heads, head, before = {}, 0, -1
    for place in rest:
        if place:
            head = head if place == before + 1 else place - 1
            heads[place] = head
            before = place
    join(columns, heads)


def join(columns: Columns, heads: Mapping[int, int]) -> None:
    """Put entries into others before them, in place: `heads` has the place of the entry that each belongs to."""
    if not heads:
        return
    texts, physical = columns.texts, columns.physical
    parts: dict[int, list[bytes]] = {}
    for place, head in heads.items():
        parts.setdefault(head, [texts[head]]).append(texts[place])
        physical[head] += physical[place]
    for head, lines in parts.items():
        texts[head] = b"\n".join(lines[:MOST_LINES]).rstrip()[:MOST_BYTES]
    keep = [True] * len(texts)
    for place in heads:
        keep[place] = False
    for column in columns.lists:
        column[:] = compress(column, keep)


def join_traces(columns: Columns) -> None:
    """Put entries that go on a stack trace into the entry it began in, in place, without what repeats before them.

    Loggers that write a header before every line (oslo.log, syslog) cut a traceback into entries. It goes on while
    host, service and level stay the same, what stands before the trace repeats, and time nearly stands still.
    """
    # Only what is not plain information is looked through: it costs as much as reading the times.
    suspects = [each.start() for each in _SUSPECT.finditer(bytes(columns.levels))]
    block = b"\n".join([columns.texts[place] for place in suspects])
    if any(mark in block for mark in _MARKS):
        join(columns, dict(_Traces(columns).heads(suspects)))


@dataclass(slots=True)
class _Trace:
    """The last entry of one logger: where it is, what stands before its trace, and whether one is going on."""

    head: int
    prefix: bytes = b""
    inside: bool = False


class _Traces:
    """Follows the traces of every logger through a block; those of several may be mixed."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._open: dict[tuple[bytes, bytes, int], _Trace] = {}

    def heads(self, places: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Yield those of these places that go on another, with that."""
        columns = self._columns
        for place in places:
            key = (columns.hosts[place], columns.services[place], columns.levels[place])
            trace = self._open.get(key)
            if trace is None or columns.times[place] - columns.times[trace.head] > _STILL_S:
                trace = None
            if trace is not None and self._goes_on(trace, place):
                yield place, trace.head
            else:
                self._open[key] = self._begun(place)

    def _begun(self, place: int) -> _Trace:
        prefix, mark, _ = self._columns.texts[place].partition(_PYTHON)
        return _Trace(place, prefix, inside=True) if mark and b"\n" not in prefix else _Trace(place)

    def _goes_on(self, trace: _Trace, place: int) -> bool:
        text = self._columns.texts[place]
        prefix, mark, _ = text.partition(_PYTHON)
        if mark and _logger(prefix) == _logger(self._columns.texts[trace.head]):
            trace.prefix, trace.inside = prefix, True
            return True
        if _JAVA.match(text):
            return True
        if not trace.inside or not text.startswith(trace.prefix.rstrip()):
            return False
        rest = text[len(trace.prefix) :]
        self._columns.texts[place] = rest
        # The line that is not indented names the exception: the last of this trace, unless another was its cause.
        trace.inside = rest[:1] in (b" ", b"\t", b"")
        return True


def _logger(text: bytes) -> bytes:
    """Return the logger that a message begins with, `b""` for none: `nova.compute.manager [req-1] ...`."""
    first = text.split(b" ", 1)[0]
    return first if b"." in first and first[:1].isalpha() else b""
