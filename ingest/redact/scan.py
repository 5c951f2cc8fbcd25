"""google-re2 on bytes: time linear in the text, whatever the rule and whatever the text.

Bytes, because the wrapper of google-re2 counts the offsets of a `str` anew on every call, which is quadratic on a
long line. UTF-8 never cuts a character here: a rule's class holds all bytes above 0x7F or none of them.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Protocol, cast

import re2

MOST_MEMORY = 64 << 20
"""Bytes that one rule's automaton may grow to. Beyond it RE2 forgets states and goes on, slower but still linear."""


class Match(Protocol):
    """Where a rule matched: offsets in bytes, -1 for a group that took no part."""

    def start(self, group: int = 0) -> int:
        """Return the first byte of a group."""
        ...

    def end(self, group: int = 0) -> int:
        """Return the byte after a group."""
        ...


class Scanner(Protocol):
    """A compiled rule."""

    def search(self, text: bytes, pos: int = 0, endpos: int | None = None) -> Match | None:
        """Return the leftmost match."""
        ...

    def match(self, text: bytes, pos: int = 0, endpos: int | None = None) -> Match | None:
        """Return the match that begins at `pos`."""
        ...

    def fullmatch(self, text: bytes) -> Match | None:
        """Return the match that is the whole text."""
        ...

    def finditer(self, text: bytes) -> Iterator[Match]:
        """Yield the matches that do not overlap, leftmost first."""
        ...


class Several(Protocol):
    """Many rules asked at once."""

    def Match(self, text: bytes) -> list[int] | None:  # noqa: N802 - the name is re2's
        """Return the numbers of the rules that match, in no order; None if none does.

        A full cache of states is emptied and filled anew, never given up (RE2's dfa.cc, kManyMatch).
        """
        ...


@functools.cache
def scanner(pattern: str) -> Scanner:
    """Return the rule compiled for bytes, once for each pattern; raises `re2.error` for what RE2 cannot do."""
    return cast("Scanner", re2.compile(pattern.encode(), options=_options()))


def within(patterns: Sequence[str]) -> Several:
    """Return rules that may match anywhere in the text, as one; their numbers count from 0 in the order given."""
    rules = re2.Set.SearchSet(options=_options())
    for pattern in patterns:
        rules.Add(pattern.encode())
    rules.Compile()
    return cast("Several", rules)


def _options() -> object:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = MOST_MEMORY
    options.log_errors = False
    return options
