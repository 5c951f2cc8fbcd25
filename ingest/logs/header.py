"""The words of a log line's header, each with its kind: time, level, number, bracket, name. Knows no stream."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ingest.logs.levels import LETTERS, WORDS, rank_of
from ingest.logs.times import Form, stamp_in

Kind = Literal[
    "time",
    "level",
    "letter",
    "marked",
    "number",
    "bracket",
    "sign",
    "name",
    "dotted",
    "word",
    "date",
    "end",
    "priority",
    "data",
    "coded",
    "logger",
]
"""What a token is.

time: a timestamp, in brackets or not · level: a level word · letter: one capital that may be a level · marked: a level
in brackets · number: a pid, a thread · bracket: anything else in brackets · sign: punctuation on its own · name: a
word with a colon behind it, as in `sshd[412]:` · dotted: a logger or class, as in `nova.compute.manager` · date: a
day without a time · end: klog's `server.go:412]` · priority: syslog's
`<34>` · data: syslog's structured data · coded: Python's `INFO:`
before a logger · logger: that logger · word: anything else.
"""

MOST_TOKENS = 12
"""Ours: the longest header of the systems we know (BlueGene's) has nine."""

OPENERS = rb"[\[(<]"
BRACKET = rb"\[[^\[\]\n]*(?:\[[^\[\]\n]*\][^\[\]\n]*)*\]"

LEVEL_WORDS = b"|".join(sorted((word for word in WORDS if len(word) >= len("err")), reverse=True))
_SPOTS: tuple[tuple[Kind, re.Pattern[bytes]], ...] = (
    ("date", re.compile(rb"(\d{4}[-./]\d\d[-./]\d\d)(?=\s)")),
    ("number", re.compile(rb"(-?\d+(?:#\d+)?)[:,]?(?=\s|$)")),
    ("marked", re.compile(rb"[\[<(] *([\w:]{1,24}) *[\])>][:,]?(?=[\s\[]|$)")),
    ("bracket", re.compile(rb"(%b):?(?=[\s\[]|$)" % BRACKET)),
    ("level", re.compile(rb"(%b)[:,]?(?=[\s|/]|$)" % LEVEL_WORDS, re.IGNORECASE)),
    ("letter", re.compile(rb"([A-Z])(?=\s)")),
    ("sign", re.compile(rb"([^\w\s\[\](){}<>\"'/\\]{1,4})(?=\s|$)")),
    ("name", re.compile(rb"([^\s\[=\"]+)(?:\[[^\]\s]*\])?:(?=\s|$)")),
    ("end", re.compile(rb"([^\s\[\]]+)\](?=\s|$)")),
    ("dotted", re.compile(rb"([A-Za-z_][\w-]*(?:(?:\.|::|\$|/)[\w$<>-]+)+(?:[@#:]\d+)?)(?=\s|$)")),
    ("word", re.compile(rb"(\S+)")),
)
"""Tried in this order; the group is the value."""

_SPACE = re.compile(rb"\s*")
_PRIORITY = re.compile(rb"(<\d{1,3}>)(?:1 )?")
_LETTER_AHEAD = re.compile(rb"[IWEFD](?=\d{4} \d\d:)")


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a header: what it is, its value, where it stands in the line, and the form of a time."""

    kind: Kind
    value: bytes
    start: int
    end: int
    form: Form | None = None
    bracketed: bool = False


def tokens_of(line: bytes) -> list[Token]:
    """Return the first words of a line with their kinds, at most MOST_TOKENS."""
    return list(_tokens(line))


def _tokens(line: bytes) -> Iterator[Token]:
    position = 0
    if priority := _PRIORITY.match(line):
        yield Token("priority", priority[1], 0, priority.end())
        position = priority.end()
    if glued := _LETTER_AHEAD.match(line, position):
        yield Token("letter", glued[0], position, glued.end())
        position = glued.end()
    for _ in range(MOST_TOKENS):
        if gap := _SPACE.match(line, position):
            position = gap.end()
        if position >= len(line):
            return
        token = _time_at(line, position) or _token_at(line, position)
        yield token
        position = token.end


def _time_at(line: bytes, position: int) -> Token | None:
    opened = line[position : position + 1] in (b"[", b"(", b"<", b'"')
    if (found := stamp_in(line, position + opened)) is None:
        return None
    form, match = found
    end = match.end()
    if opened:
        closing = _CLOSING.match(line, end)
        if closing is None:
            return None
        # `[2024-01-01T10:00:00Z INFO app]`: the level within is a token of its own.
        opened = _WITHIN.search(closing[0]) is None
        end = closing.end() if opened else end
    behind = _BEHIND.match(line, end)
    return Token("time", match[0], position, behind.end() if behind else end, form, opened)


_BEHIND = re.compile(rb"[,:;]?")
_CLOSING = re.compile(rb"[^\])>\"\n]{0,40}[\])>\"]")
_WITHIN = re.compile(rb"\b(?:%b)\b" % LEVEL_WORDS.upper())


def _token_at(line: bytes, position: int) -> Token:
    for kind, pattern in _SPOTS:
        found = pattern.match(line, position)
        if (
            found
            and not (kind == "marked" and not rank_of(found[1]))
            and not (kind == "letter" and found[1] not in LETTERS)
        ):
            return Token(kind, found[1], position, found.end())
    raise AssertionError("a word is anything")  # pragma: no cover
