"""Layouts: where time, host, level and service stand in the lines of a stream, as one expression over whole blocks.

Knows neither how a layout is learnt nor what a stream is.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

from ingest.logs.header import BRACKET, LEVEL_WORDS, Kind
from ingest.logs.times import FORMS, Form

Role = Literal["", "host", "level", "service"]

_FORMS: Mapping[str, Form] = {form.name: form for form in FORMS}
_PRIORITY = rb"(?:<\d{1,3}>(?:\d )?)?"

_PIECES: Mapping[Kind, bytes] = {
    "level": rb"[<(]?(@[A-Za-z]\w{0,14}+)[>)]?[:,]?",
    "letter": rb"(@[A-Z])",
    "coded": rb"(@[A-Z]{4,8}):",
    "logger": rb"(@[\w.]+):",
    "marked": rb"[\[<(] *(@[\w:]{1,24}) *[\])>][:,]?",
    "number": rb"(@-?\d+(?:#\d+)?)[:,]?",
    "bracket": rb"(@%b):?" % BRACKET,
    "sign": rb"(@[^\w\s\[\](){}<>\"'/\\]{1,4})",
    "name": rb"(@[^ \t\n\[]+)(?:\[[^\]\s]*\])?:",
    "end": rb"(@[^\s\[\]]+)\]",
    "dotted": rb"(@[^ \t\n]++)",
    "word": rb"(@[^ \t\n]++)",
    "priority": rb"(@<\d{1,3}>)(?:1 )?",
    "data": rb"(@-|(?:\[[^\]\n]*\])++)",
    "date": rb"(@[^ \t\n]++)",
}
"""What a column of each kind looks like; a level column may hold words that are no levels. `(@` begins the value."""


_LEVEL = rb"(@(?i:%b))\b[:,]?" % LEVEL_WORDS


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a header: its kind, what it tells, the name of its time's form, and whether it stands in brackets.

    `padded`: filled up with blanks, so that all of those behind it belong to the gap. `loose`: a level column that
    also holds words that are no levels; without them, such a word tells that the line is of another layout.
    """

    kind: Kind
    role: Role = ""
    form: str = ""
    bracketed: bool = False
    padded: bool = False
    loose: bool = False


@dataclass(frozen=True)
class Layout:
    """The header of one kind of line: its columns, and what parts them (`b" "`: any blanks).

    `groups` cuts a block into columns; the last, `misfit`, holds the lines that do not fit.
    """

    columns: tuple[Column, ...]
    separator: bytes = b" "

    @cached_property
    def _built(self) -> tuple[bytes, dict[str, int]]:
        groups: dict[str, int] = {}
        plain = self.separator == b" " and self.columns[0].kind != "priority"
        pattern, count = [_PRIORITY if plain else b""], 0
        for index, column in enumerate(self.columns):
            told = "time" if column.kind == "time" else column.role
            new = bool(told) and told not in groups
            if new:
                groups[told], count = count, count + (3 if told == "time" else 1)
            pattern += (self._piece(column, captured=new), self._gap(index))
        groups |= {"text": count, "misfit": count + 1}
        return b"".join(pattern) + rb"(.*+)", groups

    @property
    def places(self) -> Mapping[str, int]:
        """The index of the group of each role; `time` is the first of its three."""
        return self._built[1]

    @cached_property
    def _pattern(self) -> re.Pattern[bytes]:
        return re.compile(rb"(?:%b|(.*+))\n" % self._built[0])

    @cached_property
    def form(self) -> Form | None:
        """The form of the time, None when the lines tell none."""
        return next((_FORMS[column.form] for column in self.columns if column.kind == "time"), None)

    def has(self, role: Role) -> bool:
        """Whether the lines tell this."""
        return role in self.places

    @property
    def state(self) -> dict[str, object]:
        """What `restored` builds it from: JSON-able."""
        return {
            "kind": "headed",
            "separator": self.separator.decode(),
            "columns": [asdict(each) for each in self.columns],
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> "Layout":
        """Return the layout that has this state."""
        return cls(tuple(Column(**column) for column in state["columns"]), state["separator"].encode())

    def groups(self, block: bytes) -> list[list[bytes]]:
        """Return column by column what the groups hold in a block of lines, each with its end.

        A line that does not fit has None in all columns but the last.

        0.4 to 0.6 us a line: splitting makes one flat list, where finding makes a tuple for each line, which costs
        as much again to turn round and makes the garbage collector walk them all.
        """
        flat = self._pattern.split(block)
        width = self._pattern.groups
        return [flat[place :: width + 1] for place in range(1, width + 1)]

    def fits(self, line: bytes) -> bool:
        """Whether a line has this layout."""
        found = self._pattern.match(line + b"\n")
        return found is not None and found[self.places["misfit"] + 1] is None

    def _piece(self, column: Column, *, captured: bool) -> bytes:
        if column.kind == "time":
            form = _FORMS[column.form].pattern
            form = form if captured else re.sub(rb"(?<!\\)\((?!\?)", b"(?:", form)
            if column.bracketed:
                return rb"[\[(<\"]%b(?:[^\])>\"\n]{0,24}[\])>\"][,:;]?)" % form
            return rb"[\[(]?%b[,:;]?" % form if self.separator == b" " else form
        piece = _PIECES[column.kind] if self.separator == b" " else rb"(@[^%b\n]*+)" % re.escape(self.separator)
        if column.kind == "level" and self.form is None and self.separator == b" ":
            piece = _LEVEL  # nothing else tells such a header from a message that begins with a word and a colon
        return piece.replace(b"(@", b"(" if captured else b"(?:")

    def _gap(self, index: int) -> bytes:
        column, last = self.columns[index], index + 1 == len(self.columns)
        if self.separator != b" ":
            return re.escape(self.separator)
        if column.kind in ("priority", "coded", "logger") or (
            column.kind == "letter" and not last and self.columns[index + 1].form == "klog"
        ):
            return b""
        if last and column.kind in (
            "time",
            "name",
            "sign",
            "dotted",
            "word",
            "bracket",
            "marked",
            "level",
            "end",
            "data",
        ):
            return rb"(?:[ \t]++|(?=\n))" if column.padded else rb"(?:[ \t]{1,2}+|(?=\n))"
        if column.kind == "level":
            return rb"(?:[ \t]++|(?=[\[/|]))"
        return rb"[ \t]*" if column.bracketed or column.kind in ("bracket", "marked") else rb"[ \t]++"
