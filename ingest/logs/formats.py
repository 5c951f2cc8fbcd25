"""The formats of one stream: which its lines have, and reading a block by all of them. Does no I/O."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ingest.logs.access import Access, is_access
from ingest.logs.entry import Columns
from ingest.logs.headed import Headed
from ingest.logs.known import Known
from ingest.logs.layout import Layout
from ingest.logs.learn import MOST_LINES, layouts_of
from ingest.logs.levels import UNKNOWN
from ingest.logs.loose import read_alone
from ingest.logs.records import Records, kind_of
from ingest.logs.times import NEVER

_MOST_FORMATS = 8
_LEAST_LOOSE = 50
_LOOSE_SHARE = 0.05
"""Ours: so many lines that fit no format, and this share of all since, make us look for more formats."""
_COMMON = 0.6


class Format(Protocol):
    """One way the lines of a stream look."""

    @property
    def timed(self) -> bool:
        """Whether such lines tell a time."""
        ...

    @property
    def state(self) -> dict[str, object]:
        """What builds it again."""
        ...

    def read(self, lines: Sequence[bytes]) -> tuple[Columns, list[int]]:
        """Return every line as an entry, and the places of those that do not fit."""
        ...


class Formats:
    """The formats of one stream, the commonest first. What is learnt stays, so that a line is always read the same."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._formats: list[Format] = []
        self._sample: list[bytes] = []
        self._loose = self._lines = 0
        self._begun = False

    @property
    def state(self) -> list[dict[str, object]] | None:
        """What `restore` needs, None when nothing was read yet: JSON-able."""
        return [each.state for each in self._formats] if self._begun else None

    @property
    def timed(self) -> bool:
        """Whether any of them tells a time."""
        return any(each.timed for each in self._formats)

    def restore(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Know again what was learnt before a restart."""
        self._formats = [_restored(each, self._known) for each in state]
        self._begun = True

    def read(self, lines: Sequence[bytes]) -> tuple[Columns, list[int]]:
        """Return each line as an entry (time NEVER when none is told), and the places of those that go on another."""
        if not self._begun and lines:
            self._begun = True
            self._formats = _learnt(lines, self._known)
        elif self._loose >= max(_LEAST_LOOSE, _LOOSE_SHARE * self._lines):
            self._learn_more()
        self._lines += len(lines)
        if not self._formats:
            return (columns := _plain(lines)), self._alone(columns, lines, range(len(lines)))
        first, *others = self._formats
        columns, left = first.read(lines)
        for other in others:
            if not left:
                break
            part, unfit = other.read([lines[place] for place in left])
            _put(columns, left, part)
            left = [left[place] for place in unfit]
        return columns, self._alone(columns, lines, left)

    def _alone(self, columns: Columns, lines: Sequence[bytes], left: Sequence[int]) -> list[int]:
        """Read the lines that fit no format; return the places of those that go on another."""
        if not left:
            return []
        timed = any(each.timed for each in self._formats)
        _put(columns, left, _plain([lines[place] for place in left]))
        headed = bool(self._formats)
        rest = [
            place
            for place in left
            if not read_alone(columns, place, lines[place], self._known, timed=timed, headed=headed)
        ]
        own = set(left).difference(rest)
        self._loose += len(own)
        self._sample += [lines[place] for place in sorted(own)[: MOST_LINES - len(self._sample)]]
        return rest

    def _learn_more(self) -> None:
        if len(self._formats) < _MOST_FORMATS:
            self._formats += _learnt(self._sample, self._known)[: _MOST_FORMATS - len(self._formats)]
        self._sample = []
        self._loose = self._lines = 0


def _learnt(lines: Sequence[bytes], known: Known) -> list[Format]:
    sample = [line for line in lines[: MOST_LINES * 2] if line.strip()][:MOST_LINES]
    if sum(map(is_access, sample)) >= _COMMON * len(sample):
        return [Access(known)]
    kinds = [kind_of(line) for line in sample]
    for kind in ("json", "logfmt"):
        if kinds.count(kind) >= _COMMON * len(sample):
            others = [line for line, told in zip(sample, kinds, strict=True) if told != kind]
            return [Records(kind, known), *(Headed(layout, known) for layout in layouts_of(others))]
    return [Headed(layout, known) for layout in layouts_of(sample)]


def _restored(state: Mapping[str, Any], known: Known) -> Format:
    if state["kind"] == "headed":
        return Headed(Layout.restored(state), known)
    return Access(known) if state["kind"] == "access" else Records(str(state["kind"]), known)


def _plain(lines: Sequence[bytes]) -> Columns:
    count = len(lines)
    return Columns([NEVER] * count, [b""] * count, [b""] * count, [UNKNOWN] * count, list(lines), [1] * count)


def _put(columns: Columns, places: Sequence[int], part: Columns) -> None:
    """Write the entries of `part` over those at `places`."""
    for column, values in zip(columns.lists, part.lists, strict=True):
        for place, value in zip(places, values, strict=True):
            column[place] = value
