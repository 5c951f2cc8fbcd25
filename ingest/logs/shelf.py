"""A shelf of templates that have the same marks between their words, on which those near some words are found fast.

Knows nothing of how templates come to be.
"""

from dataclasses import dataclass, field
from typing import Final

from ingest.logs.mask import SLOT, Parts
from ingest.logs.vocabulary import is_value

ANY: Final = b"\x1d"
"""A position where words were seen to change: it takes all but those that tell an outcome. `SLOT` takes values."""

NEAR: Final = 64
"""So many templates with the same half are looked at: each look takes a microsecond, and there may be thousands."""

Words = tuple[bytes, ...]


@dataclass(slots=True, eq=False)
class Template:
    """One message: its words and the marks between them (one less). In a `listing`, lists count as one value.

    `short` are both with all that may be lists as one value each.
    """

    id: int
    words: Words
    marks: Words
    listing: bool = False
    short: Parts = ((), ())

    @property
    def text(self) -> bytes:
        """The words and marks as they stand in a line."""
        return b"".join(word + mark for word, mark in zip(self.words, (*self.marks, b""), strict=True))


def plain(words: Words) -> Words:
    """Return the words with all that looks like a value as `SLOT`."""
    return tuple(SLOT if SLOT in word or is_value(word) else word for word in words)


@dataclass(slots=True)
class Shelf:
    """Templates by the first and by the second half of their words; those with a word that may be any stand apart.

    A line that differs from a template in one word has one half in common with it.
    """

    _halves: dict[tuple[bool, Words], list[Template]] = field(default_factory=dict)
    _open: list[Template] = field(default_factory=list)

    def put(self, template: Template) -> None:
        """Set a template on the shelf."""
        for place in self._places(template):
            place.append(template)

    def remove(self, template: Template) -> None:
        """Take a template off the shelf, as it was put there."""
        for place in self._places(template):
            place.remove(template)

    def near(self, words: Words, most: int = NEAR) -> list[Template]:
        """Return the templates that may take these words, or differ in one of them; at most `most` of each half."""
        first, second = _halves(words)
        found = [*self._halves.get(first, ())[-most:], *self._halves.get(second, ())[-most:], *self._open]
        return list(dict.fromkeys(found))

    def _places(self, template: Template) -> list[list[Template]]:
        if ANY in template.words:
            return [self._open]
        return [self._halves.setdefault(half, []) for half in _halves(template.words)]


def _halves(words: Words) -> tuple[tuple[bool, Words], tuple[bool, Words]]:
    known, half = plain(words), len(words) // 2
    return (False, known[:half]), (True, known[half:])
