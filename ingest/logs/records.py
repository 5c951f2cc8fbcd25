"""Lines that are records of named fields: JSON and logfmt, a block at a time. Does no I/O."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from ingest.logs.entry import Columns
from ingest.logs.fields import LEVELS, MESSAGES, TIMES, Fields, Reader, flat, shapes_of, told_by
from ingest.logs.known import Known
from ingest.logs.levels import UNKNOWN
from ingest.logs.times import NEVER

_PAIR = re.compile(r'([\w.@/-]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))', re.ASCII)
_VALUE = r'("(?:[^"\\\n]|\\.)*+"|[^\s"]\S*+|(?=\s))'
_ESCAPE = re.compile(r'\\(["\\nt])')
_ESCAPED = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}

_MOST_SHAPES: Final = 16
_FEW: Final = 16
"""Ours: from so many lines of one shape in a block on, reading them by a pattern of their own is worth making it."""


class Records:
    """Reads lines of one kind of record. The message is the logger's, followed by ` name=value` of all other fields."""

    timed = True

    def __init__(self, kind: str, known: Known) -> None:
        self._kind = kind
        # Latin-1 holds every byte as one character: what is no UTF-8 comes out as it went in.
        self._reader = Reader(known, "utf-8" if kind == "json" else "latin-1")
        self._shapes: dict[tuple[str, ...], re.Pattern[str]] = {}

    @property
    def state(self) -> dict[str, object]:
        """What builds it again: JSON-able."""
        return {"kind": self._kind}

    def read(self, lines: Sequence[bytes]) -> tuple[Columns, list[int]]:
        """Return every line as an entry, and the places of those that do not fit. About 2.5 us a line of 7 fields."""
        out = _empty(len(lines))
        left: Sequence[int] = range(len(lines))
        if self._kind == "logfmt":
            left = self._shaped(lines, out)
            records = [logfmt_fields(lines[place]) for place in left]
            self._learn([fields for fields in records if fields is not None])
        else:
            records = _decoded(lines)
        unfit = [place for place, fields in zip(left, records, strict=True) if fields is None]
        if unfit:
            left = [place for place, fields in zip(left, records, strict=True) if fields is not None]
        self._add(out, left, [fields for fields in records if fields is not None])
        return out, unfit

    def _add(self, out: Columns, places: Sequence[int], records: list[Fields]) -> None:
        """Write records as entries at their places."""
        for names, group in shapes_of(records):
            within = [records[at] for at in group] if len(group) < len(records) else records
            values = list(zip(*(fields.values() for fields in within), strict=True))
            at = places if len(group) == len(places) else [places[place] for place in group]
            kinds = {kind for column in values for kind in set(map(type, column))}
            if dict in kinds:
                self._add(out, at, [flat(fields) for fields in within])
            elif list in kinds:
                self._add_lists(out, at, names, within)
            else:
                _put(out, at, self._reader.columns(names, values, len(at)))

    def _add_lists(self, out: Columns, places: Sequence[int], names: tuple[str, ...], records: list[Fields]) -> None:
        """Write records of the same names: those that have lists under the same ones together."""
        groups: dict[tuple[str, ...], list[int]] = {}
        for at, fields in enumerate(records):
            groups.setdefault(tuple(name for name in names if isinstance(fields[name], list)), []).append(at)
        for lists, group in groups.items():
            values = list(zip(*(records[at].values() for at in group), strict=True))
            part = self._reader.columns(names, values, len(group), lists)
            _put(out, [places[at] for at in group], part)

    def _shaped(self, lines: Sequence[bytes], out: Columns) -> Sequence[int]:
        """Read the lines of known shapes; return the places of the others."""
        left: Sequence[int] = range(len(lines))
        texts = [line.decode("latin-1") for line in lines] if self._shapes else []
        for names, pattern in self._shapes.items():
            if len(left) < _FEW:
                break
            block = "\n".join([*(texts[place] for place in left), ""])
            width = pattern.groups + 1
            parts = pattern.split(block)
            if len(parts) != len(left) * width + 1:
                return left  # a line end within a line: not from a source of ours
            groups = [parts[group::width] for group in range(1, width)]
            misfits = groups.pop()
            fits = [at for at, misfit in enumerate(misfits) if misfit is None]
            if len(fits) < len(left):
                groups = [[group[at] for at in fits] for group in groups]
            if fits:
                values = list(map(_unquoted, groups))
                _put(out, [left[at] for at in fits], self._reader.columns(names, values, len(fits)))
            left = [left[at] for at, misfit in enumerate(misfits) if misfit is not None]
        return left

    def _learn(self, records: Sequence[Fields]) -> None:
        for names, places in shapes_of(records):
            if len(places) >= _FEW and names not in self._shapes and len(self._shapes) < _MOST_SHAPES:
                pairs = " ++".join(f"{re.escape(name)}={_VALUE}" for name in names)
                self._shapes[names] = re.compile(rf"(?:{pairs} *+|([^\n]*+))\n", re.ASCII)


def _decoded(lines: Sequence[bytes]) -> list[Fields | None]:
    try:
        records: list[Any] = list(map(orjson.loads, lines))
    except ValueError:
        return list(map(json_fields, lines))
    return [fields if type(fields) is dict else None for fields in records]


def json_fields(line: bytes) -> Fields | None:
    """Return the fields of a JSON object, None when it is none."""
    if line[:1] != b"{":
        return None
    try:
        fields = orjson.loads(line)
    except ValueError:
        try:
            fields = json.loads(line)  # takes NaN, halves of characters, and bytes that are no UTF-8 after a fashion
        except (ValueError, RecursionError):
            return None
    return fields if isinstance(fields, dict) else None


def logfmt_fields(line: bytes) -> Fields | None:
    """Return the fields of `name=value name="a value"`, None when the line does not begin with one or has only one.

    The texts hold one character for each byte.
    """
    text = line.decode("latin-1")
    if not _PAIR.match(text):
        return None
    fields = {name: _unescaped(quoted) if quoted else bare for name, quoted, bare in _PAIR.findall(text)}
    return fields if len(fields) > 1 else None


def kind_of(line: bytes) -> str | None:
    """Return which kind of record a line is: `json`, `logfmt`, None when it is none of them."""
    if json_fields(line) is not None:
        return "json"
    fields: Mapping[str, Any] = logfmt_fields(line) or {}
    return "logfmt" if any(told_by(list(fields), names) for names in (LEVELS, TIMES, MESSAGES)) else None


def _unquoted(column: Sequence[str]) -> Sequence[str]:
    """Return values without their quotes; a column mostly has quotes or has none."""
    if '"' not in "".join(column):
        return column
    return [_unescaped(value[1:-1]) if value[:1] == '"' else value for value in column]


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPED[found[1]], text) if "\\" in text else text


def _empty(count: int) -> Columns:
    return Columns([NEVER] * count, [b""] * count, [b""] * count, [UNKNOWN] * count, [b""] * count, [1] * count)


def _put(columns: Columns, places: Sequence[int], part: Columns) -> None:
    """Write the entries of `part` over those at `places`."""
    if len(places) == len(columns):
        for column, values in zip(columns.lists, part.lists, strict=True):
            column[:] = values
        return
    for column, values in zip(columns.lists, part.lists, strict=True):
        for place, value in zip(places, values, strict=True):
            column[place] = value
