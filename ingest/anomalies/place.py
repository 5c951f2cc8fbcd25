"""A variable place of a template: whether few words stand there, amounts, or names. Knows no series' history."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from ingest.anomalies.quantity import Unit

FEW_WORDS = 16
"""A place is one of words when its first values are so few different ones."""

SURE_AFTER = 200
"""So many values are looked at before that is decided."""

LONGEST_WORD, MOST_WORD_DIGITS = 32, 4
"""Bytes and digits of a word: an outcome, a state, a status code; what is longer is a text, what has more is an id."""

NUMERIC = 0.5
"""A place of amounts holds a number in every second line at least."""

_DIGITS = b"0123456789"


@dataclass(slots=True)
class Place:
    """A variable position of a template.

    `seen` has the checksums of what stood there first; once it is `sure` that it holds few words, `words` has the
    series of each, and `lines` is the series of all its lines. `unit` is what its first number named. `whole` and
    `hosts` are the series of its numbers; an `idle` place holds neither few words nor amounts, but names.
    """

    seen: set[int] = field(default_factory=set)
    sure: bool = False
    wordy: bool = True
    words: dict[bytes, int] | None = None
    lines: int = -1
    looked_at: int = 0
    unit: Unit = ""
    numeric: int = 0
    whole: int = -1
    hosts: dict[bytes, int] = field(default_factory=dict)
    idle: bool = False

    def look_at(self, raw: bytes) -> bool:
        """Learn from a value what the place holds; return whether it is sure now that it holds few words."""
        seen = self.seen
        if len(seen) <= FEW_WORDS:
            seen.add(crc32(raw))
            self.wordy = self.wordy and is_word(raw)
        if self.looked_at < SURE_AFTER:
            return False
        self.sure = True
        if 1 < len(seen) <= FEW_WORDS and self.wordy:
            self.words = {}
        else:
            self.seen = set()
            self.idle = self.numeric < NUMERIC * self.looked_at
        return self.words is not None

    def stood_here(self, raw: bytes) -> bool:
        """Whether a value is one of the first."""
        return crc32(raw) in self.seen

    def state(self) -> list[Any]:
        """Return what `restored` needs."""
        words = None if self.words is None else list(self.words.items())
        seen = " ".join(map(str, sorted(self.seen)))
        hosts = list(self.hosts.items())
        return [
            seen, self.sure, self.wordy, words, self.lines, self.looked_at, self.unit, self.numeric, self.whole, hosts,
            self.idle,
        ]  # fmt: skip

    @classmethod
    def restored(cls, state: Sequence[Any]) -> "Place":
        """Return the place of a state."""
        seen, sure, wordy, words, lines, looked_at, unit, numeric, whole, hosts, idle = state
        kept = None if words is None else dict(words)
        return cls(
            set(map(int, seen.split())), sure, wordy, kept, lines, looked_at, unit, numeric, whole, dict(hosts), idle
        )


def digits(raw: bytes) -> int:
    """Return how many digits a value has."""
    return len(raw) - len(raw.translate(None, _DIGITS))


def is_word(raw: bytes) -> bool:
    """Whether a value may be one of few words, rather than a text or an id."""
    return len(raw) <= LONGEST_WORD and digits(raw) <= MOST_WORD_DIGITS
