"""The words that the rooms of redaction share."""

from collections.abc import Callable, Iterator
from typing import NamedTuple


class Rule(NamedTuple):
    """A vendor's format.

    `kind` names the placeholder, `pattern` is the whole token, `source` is the page or document that gives the format.
    `digits` is how many digits a token of chance has at least: it tells a token from a word with the same beginning.
    No character of `edge` may stand before or after the token; most patterns end at a word's edge by themselves.
    A token that begins as any word could is asked for only where `mark` matches (else the one automaton of all rules
    would count along in every word).
    """

    kind: str
    pattern: str
    source: str
    digits: int = 0
    edge: bytes = b""
    mark: str = ""


MOST_ASKED = 40_000
"""Places of one line that one context asks about; more are an attack on the time of whoever waits (30 µs each)."""


class Unchecked(Exception):
    """A line is beyond the bounds within which it can be checked; it must be withheld."""


class Found(NamedTuple):
    """A secret in a text: bytes `start` to `end` are hidden; `secret` is what it is known again by."""

    start: int
    end: int
    kind: str
    secret: bytes


class Place(NamedTuple):
    """A context that names its secret.

    It is asked only where `mark` matches: the context itself, or the part of it that an automaton of many rules can
    bear (no counted class that begins anywhere).
    """

    mark: str
    find: Callable[[bytes], Iterator[Found]]
