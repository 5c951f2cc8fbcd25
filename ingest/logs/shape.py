"""Patterns of templates: one that takes the values out of a line, and a fast one that just knows its lines.

Knows nothing of caches, and of how templates come to be.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from ingest.logs.mask import EMPTY, MOST_TEXT
from ingest.logs.shelf import Template

MOST: Final = 16
"""Shapes that are tried on a line: more would cost what they save."""

FEW: Final = 100
"""Lines of one template, of those looked at together, from which its shape is worth trying."""

AGAIN: Final = 32
"""After so many blocks the cache is asked first again."""

MOST_PROOFS: Final = 500
"""Templates whose lines are proved at once, so that patterns and examples stay within some 10 MB."""

EXAMPLES: Final = 64
"""Lines that tell a shape."""

FITTING: Final = 0.9
"""The share of examples that a shape must match."""

LEAD: Final = 0.5
"""The share of a block's lines that were of known shapes, from which the next block's are tried before the cache."""

_VARIABLE = re.compile(rb"[\x1a\x1d]")
_NUMBER = re.compile(rb"[0-9.,:-]+")
_VALUE: Final = b"\x00"
"""Where a value stands in a pattern that is being built; masked text holds no such byte."""


def slots(template: Template) -> list[int]:
    """Return the positions of the words that vary, also those that vary in part, in order."""
    return [at for at, word in enumerate(template.words) if _VARIABLE.search(word)]


def reader(template: Template) -> re.Pattern[bytes]:
    """Return the pattern that takes the values out of a line by `fullmatch`, one group for each of `slots`.

    Each value ends where the constant behind it first stands, and is not asked again (an atomic group): a line that
    does not fit is known at once, where going back would take the length of the line to the power of the values.
    """
    pieces = _joined(template, [_VALUE] * len(slots(template)), rb"\s+").split(_VALUE)
    ended = b"".join(b"(?>(.*?)" + piece + b")" for piece in pieces[1:-1])
    last = (b"(.*?)" + pieces[-1]) if len(pieces) > 1 else b""
    return re.compile(pieces[0] + ended + last, re.DOTALL)


def pattern_of(template: Template, texts: Sequence[bytes]) -> re.Pattern[bytes] | None:
    """Return a pattern that matches lines like these of the template, from their start, without ever going back.

    None if these lines do not tell their values' shapes: each value must end where the next constant byte stands.
    """
    matches = [match for match in map(reader(template).fullmatch, texts) if match]
    if len(matches) < FITTING * len(texts):
        return None
    ends = [_byte_after(template, at) for at in slots(template)]
    values = zip(*(match.groups() for match in matches), strict=True)
    groups = [_group(end, seen) for end, seen in zip(ends, values, strict=True)]
    sure = [group for group in groups if group]
    if len(sure) < len(groups):
        return None
    pattern = re.compile(_joined(template, sure, b" ++") + rb"\Z")
    return pattern if sum(1 for text in texts if pattern.match(text)) >= FITTING * len(texts) else None


def _joined(template: Template, groups: Sequence[bytes], space: bytes) -> bytes:
    """Return the template as a pattern with these groups for what varies."""
    pattern, rest = b"", iter(groups)
    for word, mark in zip(template.words, (*template.marks, b""), strict=True):
        constants = [re.escape(piece.replace(EMPTY, b"")) for piece in _VARIABLE.split(word)]
        pattern += constants[0] + b"".join(next(rest) + piece for piece in constants[1:])
        pattern += space if mark == b" " else re.escape(mark)
    return pattern


def _byte_after(template: Template, at: int) -> bytes:
    """Return the constant byte that follows the value at a position, nothing at the end of the line."""
    word, mark = template.words[at], (*template.marks, b"")[at]
    return (_VARIABLE.split(word)[1] + mark)[:1]


def _group(end: bytes, values: Sequence[bytes]) -> bytes | None:
    """Return the group for values of these looks, which ends before the byte `end`; None if they hold that byte.

    A set of one byte, or of plain bytes, is what `re` runs over fastest: no classes like space or digit in it.
    """
    if end and any(end in value for value in values):
        return None
    if all(map(_NUMBER.fullmatch, values)):
        return b"[0-9" + b".,:-".replace(end, b"") + b"]++" if end else b"[0-9.,:-]++"
    return b"[^" + re.escape(end or b"\n") + b"]++"


@dataclass(slots=True)
class _Shape:
    match: Callable[[bytes], re.Match[bytes] | None]
    id: int
    text: bytes
    hits: int = 0


class Shapes:
    """The shapes of those templates whose lines the cache keeps missing, at most `MOST`."""

    def __init__(self) -> None:
        self._shapes: list[_Shape] = []
        self._dropped: set[bytes] = set()
        self._lead = False
        self._blocks = 0

    @property
    def lead(self) -> bool:
        """Whether shapes name more lines than the cache does, and so come first."""
        return self._lead

    def name(self, late: Sequence[int], found: list[int | None], texts: Sequence[bytes]) -> list[int]:
        """Set the template's id of each line of a known shape in `found`, and return the indexes of the others."""
        for shape in self._shapes:
            if len(late) < FEW:
                break
            match, number, rest = shape.match, shape.id, []
            for at in late:
                if match(texts[at]):
                    found[at] = number
                else:
                    rest.append(at)
            shape.hits += len(late) - len(rest)
            late = rest
        return list(late)

    def learn(
        self, late: Sequence[int], found: Sequence[int | None], texts: Sequence[bytes], known: Mapping[int, Template]
    ) -> bool:
        """Learn the shapes of those templates that many of these lines are of; return whether there were new ones."""
        shapes = len(self._shapes)
        shaped = {shape.id for shape in self._shapes}
        for number, lines in Counter(found[at] for at in late).items():
            template = known.get(cast("int", number))
            if lines < FEW or template is None or number in shaped or template.text in self._dropped:
                continue
            pattern = pattern_of(template, [texts[at] for at in late if found[at] == number][-EXAMPLES:])
            if pattern is not None:
                self._add(_Shape(pattern.match, template.id, template.text))
        return len(self._shapes) > shapes

    def settle(self, lines: int) -> None:
        """Set those shapes first that named most of a block of so many lines, or of those before."""
        self._blocks += 1
        self._lead = sum(shape.hits for shape in self._shapes) > LEAD * lines and self._blocks % AGAIN > 0
        self._shapes.sort(key=lambda shape: -shape.hits)
        for shape in self._shapes:
            shape.hits //= 4

    def drop(self, number: int) -> None:
        """Give up the shape of a template: it matched a line of another."""
        self._dropped.update(shape.text for shape in self._shapes if shape.id == number)
        self._shapes = [shape for shape in self._shapes if shape.id != number]

    def keep(self, known: Mapping[int, Template]) -> None:
        """Keep the shapes of templates that still are as they were."""
        self._shapes = [each for each in self._shapes if each.id in known and known[each.id].text == each.text]

    def _add(self, shape: _Shape) -> None:
        if len(self._shapes) >= MOST:
            self._shapes.remove(min(self._shapes, key=lambda each: each.hits))
        self._shapes.append(shape)


class Proofs:
    """Patterns that prove a line to be of the template its key tells, for far less than masking it in full costs.

    The constant words must be there byte by byte; a value need only have the looks of `EXAMPLES` lines before it.
    """

    def __init__(self) -> None:
        self._patterns: dict[int, re.Pattern[bytes] | None] = {}
        self._examples: dict[int, list[bytes]] = {}

    def holds(self, number: int, text: bytes) -> bool:
        """Say whether the line is proved to be of the template."""
        pattern = self._patterns.get(number)
        return pattern is not None and pattern.match(text) is not None

    def learn(self, template: Template | None, text: bytes) -> None:
        """Learn from a line that was masked in full."""
        if template is None or template.id in self._patterns:
            return
        if len(self._patterns) + len(self._examples) >= MOST_PROOFS:
            self.clear()
        examples = self._examples.setdefault(template.id, [])
        examples.append(text[:MOST_TEXT])
        if len(examples) == EXAMPLES:
            self._patterns[template.id] = pattern_of(template, examples)
            del self._examples[template.id]

    def clear(self) -> None:
        """Forget all."""
        self._patterns.clear()
        self._examples.clear()
