"""One passage as ground for claims: which of its lines hold what a claim says, if any do. Pure.

Lines are the document's own, counted from 1, both ends included.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from bot.answer.claim import BESIDE, EDGES, Number, Order, clauses
from bot.answer.evidence import CODE, Held, Needle, held, measured, normal
from bot.answer.words import NOT, SAME
from ingest.documents.chunk import units_of
from ingest.index.words import terms
from ingest.types import Passage

Lines = tuple[int, int]

WINDOW = 3
"""Neighbouring steps or paragraphs that may hold one claim together: its head, the step, what to expect of it."""

LEAST_WITH_EVIDENCE = 0.5
"""Share of a claim's words that must stand near the names, numbers and commands that it holds to the letter."""

LEAST_BY_WORDS = 0.65
"""The same where nothing in it can be checked to the letter."""

LONGEST = 6
"""Lines over which one quotation or name is looked for, before all of the passage is named as its place."""

_FENCE = re.compile(r"^\s*(?:[-*+]\s+|\d+[.)]\s+)?(`{3,}|~{3,})[^`]*$")
_GOES_ON = ("\\", "|", "&&", "||", ",", "(", "{", "do", "then", "else")
_CARRIES_ON = re.compile(
    r"^(?:where|and|or|set|from|limit|order|group|having|on|join|values|returning|using|done|fi|esac|then|else|do)\b"
    r"|^(?:[|)}\]]|&&|--?\w)",
    re.IGNORECASE,
)
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[^a-z])|\n\s*\n|\n(?=\s*(?:[-*+|]|\d+[.)])\s)")
_DENYING_HEADING = re.compile(r"\b(?:do not|don't|never|avoid|must not)\b[^>]*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a claim needs of a passage. `content` are its stems; `hint` are the lines that the model named, if any."""

    content: frozenset[str]
    needles: tuple[Needle, ...]
    orders: tuple[Order, ...]
    hint: Lines | None = None
    numbers: tuple[Number, ...] = ()


@dataclass(frozen=True, slots=True)
class _Code:
    """A line inside a fence: its number, its text as compared, and how far it is indented."""

    line: int
    text: str
    indent: int


@dataclass(frozen=True, slots=True)
class _Window:
    """A run of neighbouring units; `stems` are theirs together, `units` each one's, both with the headings above."""

    lines: Lines
    stems: frozenset[str]
    text: str
    units: tuple[frozenset[str], ...] = ()


class Ground:
    """A passage, read once for many claims."""

    def __init__(self, passage: Passage) -> None:
        self.passage = passage
        self._lines = passage.text.split("\n")
        self._first = passage.start_line
        self._head = held(f"{passage.title}\n{passage.heading}\n{' '.join(passage.services)}")
        self._whole_text = held(passage.text)
        self._found: dict[Needle, list[Lines] | None] = {}
        self._head_stems = frozenset(terms(f"{passage.title} {passage.heading} {' '.join(passage.services)}"))
        self._stems = [frozenset(terms(line)) for line in self._lines]
        self.stems = self._head_stems.union(*self._stems)
        self._blocks = list(_blocks(self._lines, self._first, in_code=passage.in_code))
        self._spans = list(_spans(self._lines, self._first))
        self._windows = self._all_windows()

    def has(self, needle: Needle) -> bool:
        """Whether this stands anywhere in the passage or the headings above it."""
        return self._places(needle) is not None

    def lines_for(self, asked: Asked) -> Lines | None:
        """Return the fewest lines that hold the claim best, or None when no place of the passage holds it."""
        found = [self._places(each) for each in asked.needles]
        places = [each for each in found if each is not None]
        if len(places) < len(found):
            return None
        held = [window for window in self._windows if _holds(window, asked, places)]
        if not held and asked.orders and not any(_is_hard(each) for each in asked.needles):
            held = [window for window in (self._whole(),) if _holds(window, asked, places)]
        held = [window for window in held if not self._denies(window, asked.orders)]
        if not held:
            return None
        best = max(
            held, key=lambda window: (_share(asked.content, window.stems), _hinted(window, asked), -_size(window))
        )
        return self._trimmed(best, asked.content, places)

    def contradicts(self, order: Order) -> bool:
        """Whether the passage speaks of this order and always says the opposite."""
        return self._denies(self._whole(), (order,))

    def block(self, lines: Sequence[str]) -> Lines | None:
        """Return the lines of a fenced block that stands here as whole commands, line by line, or None."""
        wanted = [letters(line) for line in lines if line.strip()]
        found: list[Lines] = []
        while wanted:
            size, run = self._longest_run(wanted)
            if not size:
                return None
            wanted = wanted[size:]
            found.append(run)
        return _hull(found) if found else None

    def _longest_run(self, wanted: Sequence[str]) -> tuple[int, Lines]:
        """Return how many of the leading lines stand here in a row as whole commands, and where."""
        best, where = 0, (0, 0)
        for block in self._blocks:
            for start in range(len(block)):
                size = _common(block[start:], wanted)
                while size > best and not _is_whole(block, start, start + size):
                    size -= 1
                if size > best:
                    best, where = size, (block[start].line, block[start + size - 1].line)
        if best:
            return best, where
        line = next((line for line, span in self._spans if span.rstrip(";") == wanted[0].rstrip(";")), 0)
        return (1, (line, line)) if line else (0, where)

    def _places(self, needle: Needle) -> list[Lines] | None:
        """Return where a needle stands; empty when only the headings have it, None when nothing does."""
        if needle not in self._found:
            self._found[needle] = self._looked_for(needle)
        return self._found[needle]

    def _looked_for(self, needle: Needle) -> list[Lines] | None:
        if needle.kind == "command":
            return self._command_lines(needle.text) or None
        if self._whole_text.holds(needle):
            return self._lines_with(needle)
        return [] if self._head.holds(needle) else None

    def _lines_with(self, needle: Needle) -> list[Lines]:
        """Return the lines that hold a needle; where it goes over a line's end, as many as it takes."""
        for size in range(1, min(len(self._lines), LONGEST) + 1):
            starts = range(len(self._lines) - size + 1)
            found = [start for start in starts if _held("\n".join(self._lines[start : start + size])).holds(needle)]
            if found:
                return [(self._first + start, self._first + start + size - 1) for start in found]
        return [(self._first, self._first + len(self._lines) - 1)]

    def _command_lines(self, code: str) -> list[Lines]:
        """Return where a command stands as a whole: a code span, a line of a block, or between quotes in one."""
        found = [line for line, span in self._spans if span.rstrip(";") == code.rstrip(";")]
        for block in self._blocks:
            for index, each in enumerate(block):
                whole = each.text.rstrip(";") == code.rstrip(";") and _is_whole(block, index, index + 1)
                if whole or any(f"{quote}{code}{quote}" in each.text for quote in "\"'"):
                    found.append(each.line)
        return [(line, line) for line in found]

    def _all_windows(self) -> list[_Window]:
        units = units_of(self.passage.text, self._first, in_code=self.passage.in_code)
        self._unit_lines = [(unit.start_line, unit.end_line) for unit in units]
        return [
            self._window(units[start].start_line, units[end].end_line)
            for start in range(len(units))
            for end in range(start, min(start + WINDOW, len(units)))
        ]

    def _whole(self) -> _Window:
        return self._window(self._first, self._first + len(self._lines) - 1)

    def _window(self, start: int, end: int) -> _Window:
        rows = slice(start - self._first, end - self._first + 1)
        stems = self._head_stems.union(*self._stems[rows])
        inside = tuple(self._stems_in(each) for each in self._unit_lines if start <= each[0] and each[1] <= end)
        return _Window((start, end), stems, "\n".join(self._lines[rows]), inside)

    def _stems_in(self, lines: Lines) -> frozenset[str]:
        rows = slice(lines[0] - self._first, lines[1] - self._first + 1)
        return self._head_stems.union(*self._stems[rows])

    def _denies(self, window: _Window, orders: Sequence[Order]) -> bool:
        """Whether an order stands here, and wherever it does, the other way round."""
        heading = _DENYING_HEADING.search(self.passage.heading) is not None
        for order in orders:
            said = [denied or heading for denied in _said_about(order, window.text)]
            if said and all(denied != order.denied for denied in said):
                return True
        return False

    def _trimmed(self, window: _Window, content: frozenset[str], places: Sequence[list[Lines]]) -> Lines:
        """Return the fewest lines of the window that hold all of the claim that the window holds."""
        first, last = window.lines
        wanted = content & frozenset[str]().union(*self._stems[first - self._first : last - self._first + 1])
        for size in range(last - first + 1):
            for start in range(first, last - size + 1):
                stems = frozenset[str]().union(*self._stems[start - self._first : start + size - self._first + 1])
                if wanted <= stems and _inside(places, (start, start + size)):
                    return start, start + size
        return window.lines


@lru_cache(maxsize=4_096)
def _held(text: str) -> Held:
    return held(text)


@lru_cache(maxsize=1_024)
def _sentences(text: str) -> tuple[tuple[tuple[str, ...], frozenset[str]], ...]:
    """Return the sentences of a passage: the words as they are compared, and their stems."""
    found = []
    for sentence in _SENTENCE_END.split(_LINK.sub(r"\1", text)):
        words = tuple(word.strip(EDGES) for word in measured(normal(sentence)).split())
        found.append((words, frozenset(terms(sentence))))
    return tuple(found)


@lru_cache(maxsize=1_024)
def _clauses(text: str) -> tuple[tuple[str, bool], ...]:
    return tuple(clauses(text))


def letters(code: str) -> str:
    """Return code as it is compared: single spaces, no prompt; case counts."""
    return " ".join(code.split()).removeprefix("$ ")


def _holds(window: _Window, asked: Asked, places: Sequence[list[Lines]]) -> bool:
    if not _inside(places, window.lines):
        return False
    least = LEAST_WITH_EVIDENCE if places else LEAST_BY_WORDS
    if _share(asked.content, window.stems) < least:
        return False
    return _counts(asked.numbers, asked.content, window.text) and all(_orders(order, window) for order in asked.orders)


def _inside(places: Sequence[list[Lines]], lines: Lines) -> bool:
    """Whether of each needle one place lies within these lines; headings lie within all."""
    start, end = lines
    return all(not each or any(start <= first and last <= end for first, last in each) for each in places)


def _orders(order: Order, window: _Window) -> bool:
    """Whether a step or paragraph gives this order, in the same or an equal verb, about the same."""
    if order.is_check:
        return order.about <= window.stems
    return any(order.about <= unit and _stems_of(order.verb) & unit for unit in window.units)


def _counts(numbers: Sequence[Number], content: frozenset[str], text: str) -> bool:
    """Whether one sentence has all numbers of a claim, each as often, beside what it counts, and half of its words."""
    if not numbers:
        return True
    wanted = Counter(number.text for number in numbers)
    return any(
        wanted <= Counter(words)
        and _share(content, stems) >= LEAST_WITH_EVIDENCE
        and all(_stands_beside(number, words) for number in numbers)
        for words, stems in _sentences(text)
    )


def _stands_beside(number: Number, words: Sequence[str]) -> bool:
    for index in (index for index, word in enumerate(words) if word == number.text):
        near = words[max(index - 2 * BESIDE, 0) : index + 2 * BESIDE + 1]
        if number.beside & set(terms(" ".join(near))):
            return True
    return False


def _stems_of(verb: str) -> frozenset[str]:
    words = frozenset({verb}).union(*(group for group in SAME if verb in group))
    return frozenset(terms(" ".join(words)))


def _said_about(order: Order, text: str) -> Iterator[bool]:
    """Yield, for each clause that has the order's verb and something it is about, whether the clause denies it."""
    for clause, under_denial in _clauses(text):
        words = re.findall(r"[\w'-]+", clause.lower())
        at = next((index for index, word in enumerate(words) if _stems_of(order.verb) & set(terms(word))), None)
        if at is not None and (not order.about or order.about & set(terms(clause))):
            yield under_denial or any(word in NOT for word in words[:at])


def _share(content: frozenset[str], stems: frozenset[str]) -> float:
    return len(content & stems) / len(content) if content else 1.0


def _hinted(window: _Window, asked: Asked) -> bool:
    """Whether the window meets the lines that the model named: they decide between equals."""
    return asked.hint is not None and window.lines[0] <= asked.hint[1] and asked.hint[0] <= window.lines[1]


def _size(window: _Window) -> int:
    return window.lines[1] - window.lines[0]


def _is_hard(needle: Needle) -> bool:
    return needle.kind in {"command", "quotation"} or any(map(str.isdigit, needle.text))


def _hull(spans: Sequence[Lines]) -> Lines:
    return min(start for start, _ in spans), max(end for _, end in spans)


def _common(block: Sequence[_Code], wanted: Sequence[str]) -> int:
    size = 0
    for have, want in zip(block, wanted, strict=False):
        if have.text != want:
            break
        size += 1
    return size


def _is_whole(block: Sequence[_Code], start: int, end: int) -> bool:
    """Whether lines `start` to `end` (excluded) of a block are whole commands: nothing they belong to is missing."""
    run = block[start:end]
    if start and (block[start - 1].text.endswith(_GOES_ON) or run[0].indent > block[0].indent):
        return False
    if run[-1].text.endswith(_GOES_ON) or sum(row.text.count('"') for row in run) % 2:
        return False
    after = block[end] if end < len(block) else None
    return after is None or not (after.indent > run[0].indent or _CARRIES_ON.match(after.text))


def _blocks(lines: Sequence[str], first: int, *, in_code: bool) -> Iterator[list[_Code]]:
    """Yield the fenced blocks, without blank lines."""
    fence, block = ("```" if in_code else ""), list[_Code]()
    for number, line in enumerate(lines, first):
        found = _FENCE.match(line)
        if not fence:
            fence = found[1] if found else ""
        elif line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            yield block
            fence, block = "", []
        elif line.strip():
            block.append(_Code(number, letters(line), len(line) - len(line.lstrip())))
    if block:
        yield block


def _spans(lines: Sequence[str], first: int) -> Iterator[tuple[int, str]]:
    """Yield the code spans with their lines."""
    for number, line in enumerate(lines, first):
        for span in CODE.finditer(line):
            yield number, letters(span["code"])
