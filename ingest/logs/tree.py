"""The templates of one stream: finds the one a masked line belongs to, makes new ones, and joins those that are one.

Lines with the same marks between their words stand together; there, a word that keeps changing while the rest stays is
a value. Knows nothing of caches, blocks and levels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Final

from ingest.logs.mask import SLOT, Parts, listed, parts
from ingest.logs.shelf import ANY, NEAR, Shelf, Template, Words, plain
from ingest.logs.vocabulary import HINTS, is_outcome, is_state, is_value

OTHER: Final = 0
"""The template of all lines for which there was no room."""

KINDS: Final = (99, 12, 6, 5, 4)
"""How many different words make a position a value, by the number of constant words that stand beside it."""

FIRST: Final = 12
"""How many do for the first word of a line, which names the message more often than not."""

HINTED: Final = 3
"""How many do after a word of `HINTS`."""

STATES: Final = 3
"""How many times more do if they are written as states are: a machine may have many, and each is a message."""

VALUE: Final = 2
"""How many more words a value counts for: where values stand, a word is likely to be one."""

LENGTHS: Final = 3
"""How many lengths make neighbouring values a list, when only spaces stand between them."""


@dataclass(slots=True)
class Tree:
    """The templates by id, at most `most` of them. `merged` says which id stands for one that was joined to it.

    `changes` grows whenever a template became more general.
    """

    most: int
    templates: dict[int, Template] = field(default_factory=dict)
    merged: dict[int, int] = field(default_factory=dict)
    changes: int = 0
    last: int = 0
    _exact: dict[Parts, Template] = field(default_factory=dict)
    _shelves: dict[Words, Shelf] = field(default_factory=dict)
    _forms: dict[Parts, list[Template]] = field(default_factory=dict)

    def place(self, skeleton: bytes) -> int:
        """Return the template's id of a masked line, which may be new, or `OTHER` if there is no more room."""
        words, marks = parts(skeleton)
        short, sure = listed(skeleton)
        shorter = parts(short)
        return (
            self._taken(words, marks)
            or (self._taken(*shorter, listing=True) if short != skeleton else None)
            or self._changed(words, marks)
            or self._list(shorter, (words, marks), 2 if sure else LENGTHS)
            or self._add(words, marks)
        )

    def put(self, template: Template) -> None:
        """Set a template on its shelf."""
        self.templates[template.id] = template
        self._exact[template.words, template.marks] = template
        self._shelves.setdefault(template.marks, Shelf()).put(template)
        template.short = parts(listed(template.text)[0])
        self._forms.setdefault(template.short, []).append(template)
        self.last = max(self.last, template.id)

    def retire(self, ids: Sequence[int]) -> None:
        """Let these templates go: their lines count as `OTHER` from now on, or as new."""
        for number in ids:
            self._remove(self.templates[number])
            self._rename(number, OTHER)
        self.changes += 1

    def _taken(self, words: Words, marks: Words, *, listing: bool = False) -> int | None:
        """Return the id of the template that takes these words."""
        known = self._exact.get((words, marks)) or self._exact.get((plain(words), marks))
        if known is not None and known.listing >= listing:
            return known.id
        for template in self._near(words, marks):
            if template.listing >= listing and not _differing(template.words, words):
                return template.id
        return None

    def _changed(self, words: Words, marks: Words) -> int | None:
        """Return the id of a template that takes these words once a position is seen to change, and let it."""
        kin: dict[int, list[Template]] = {}
        for template in self._near(words, marks):
            if all(own == word or _alike(own, word) for own, word in zip(template.words, words, strict=True)):
                return self._join(_general(words, template.words), marks, [template])
            differing = _differing(template.words, words)
            if len(differing) == 1:
                kin.setdefault(differing[0], []).append(template)
        for position, siblings in kin.items():
            changing = _changing(words, marks, position, siblings)
            if changing:
                return self._join(reduce(_general, [each.words for each in changing], words), marks, changing)
        return None

    def _list(self, shorter: Parts, own: Parts, lengths: int) -> int | None:
        """Return the id of the template of these words with lists of another length, once enough lengths were seen."""
        forms = self._forms.get(shorter, [])
        if len({(each.words, each.marks) for each in forms} | {own}) < max(2, lengths):
            return None
        return self._join(*shorter, forms, listing=True)

    def _add(self, words: Words, marks: Words) -> int:
        if len(self.templates) >= self.most:
            return OTHER
        self.put(Template(self.last + 1, words, marks))
        return self.last

    def _join(self, words: Words, marks: Words, siblings: list[Template], *, listing: bool = False) -> int:
        """Make one template of the siblings and of all that it takes in then; the oldest stays. Return its id."""
        others = [each for each in self._near(words, marks, self.most) if not _differing(words, each.words)]
        same = [each for each in (self._exact.get((words, marks)),) if each]
        joined = {each.id: each for each in (*siblings, *others, *same)}
        oldest = joined[min(joined)]
        for each in joined.values():
            self._remove(each)
            if each is not oldest:
                self._rename(each.id, oldest.id)
        oldest.words, oldest.marks = words, marks
        oldest.listing = listing or any(each.listing for each in joined.values())
        self.put(oldest)
        self.changes += 1
        return oldest.id

    def _remove(self, template: Template) -> None:
        del self.templates[template.id], self._exact[template.words, template.marks]
        self._shelves[template.marks].remove(template)
        self._forms[template.short].remove(template)

    def _near(self, words: Words, marks: Words, most: int = NEAR) -> list[Template]:
        shelf = self._shelves.get(marks)
        return shelf.near(words, most) if shelf else []

    def _rename(self, number: int, now: int) -> None:
        """Let an older id stand for this one, and for all that it stood for."""
        self.merged[number] = now
        for earlier in [each for each, stands in self.merged.items() if stands == number]:
            self.merged[earlier] = now


def _differing(template: Words, words: Words) -> list[int]:
    """Return the first two positions where a template does not take a line's word."""
    differing: list[int] = []
    for position, (own, word) in enumerate(zip(template, words, strict=True)):
        if own != word and not (own == ANY and not is_outcome(word)) and not (own == SLOT and _alike(word, own)):
            differing.append(position)
            if len(differing) > 1:
                break
    return differing


def _changing(words: Words, marks: Words, position: int, siblings: list[Template]) -> list[Template]:
    """Return those siblings whose word at the position is, with the line's own, a value and not a message."""
    word = words[position]
    alike = [each for each in siblings if _alike(word, each.words[position])]
    if alike or is_value(word):
        return alike
    if is_outcome(word):
        return []
    constants = sum(1 for at, other in enumerate(words) if at != position and other[:1].isalpha() and len(other) > 1)
    enough = FIRST if position == 0 else KINDS[min(constants, len(KINDS) - 1)]
    if is_state(word):
        enough *= STATES
    elif position and constants > 1 and words[position - 1].lower() in HINTS and not marks[position - 1].strip():
        enough = min(enough, HINTED)
    changing = [each for each in siblings if not is_outcome(each.words[position])]
    kinds = {each.words[position] for each in changing}
    return changing if len(kinds) + 1 + VALUE * (SLOT in kinds) >= enough else []


def _alike(one: bytes, other: bytes) -> bool:
    """Say whether two different words are two values: by their looks, or one is a value and the other has one in it."""
    if is_value(one) and is_value(other):
        return True
    return (one == SLOT and SLOT in other) or (other == SLOT and SLOT in one)


def _general(one: Words, other: Words) -> Words:
    return tuple(a if a == b else SLOT if _alike(a, b) else ANY for a, b in zip(one, other, strict=True))
