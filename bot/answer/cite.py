"""The citation check: nothing that Claude writes reaches a reader before code has found it in the stored passages.

The model is treated as if an attacker wrote its output, its citations included. A sentence or step passes when every
command, quotation, number and name in it stands in one passage, near enough the rest of its words, and its orders are
given there; the source is then cited with exactly those lines. A wrong citation is corrected. What stands nowhere is
left out, what merely lacks support is marked, and so is what is written in another script than Latin and stands nowhere
to the letter. What only repeats a fact that code computed passes without a source. Links in prose never pass. Pure: no
I/O.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bot.answer.claim import (
    Claim,
    Mark,
    Order,
    begins_unknown,
    claims,
    content,
    needles_in,
    numbers_in,
    orders_in,
    strange_in,
)
from bot.answer.evidence import Needle, held, normal, outside_code
from bot.answer.ground import Asked, Ground, Lines
from bot.answer.words import LABELS, NOT, VERDICTS
from bot.types import Source, digest_of
from ingest.index.words import terms
from ingest.types import Passage

LEFT_OUT = "_(left out: the sources do not say this)_"
UNSUPPORTED = "_(not from the runbooks)_"

_FENCE = re.compile(r"^(?P<lead>\s*(?:(?:[-*+>]|\d{1,3}[.)])\s+)*)(?P<mark>`{3,}|~{3,})(?P<info>[^`]*)$")
_LEAD = re.compile(r"^\s*(?:(?:[-*+]|\d{1,3}[.)]|#{1,6}|>)\s+|>)?\s*")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\s?\([^)\n]*\)")
_ADDRESS = re.compile(
    r"<?\b(?:https?|ftp|mailto|slack|file|javascript|data)[:][^\s>)`]*[^\s>)`.,;:!?*_]>?|\bwww\.\S+", re.IGNORECASE
)
_MENTION = re.compile(r"<[@!#][^>\n]*>")
_RULE = re.compile(r"^[\s|:=*_-]*$")
_LABEL_WORDS = 4
_CONNECTING_WORDS = 25
_COUNTED = re.compile(r"(?<=[a-z]) \d{1,2}\b")
"""The number in "step 2"; one that stands alone is a claim."""


def _source(number: int, passage: Passage, start: int, end: int) -> Source:
    lines = passage.text.split("\n")
    whole = len(lines) == passage.end_line - passage.start_line + 1  # not so for a piece of one very long line
    cited = "\n".join(lines[start - passage.start_line : end - passage.start_line + 1])
    digest = digest_of(cited) if whole else ""
    return Source(number, passage.path, start, end, passage.title, passage.reviewed, digest)


@dataclass
class Cites:
    """What an answer cites so far: passages under their numbers in it, in order of first use, with the lines used.

    `computed` says that it repeats a computed fact.
    """

    computed: bool = False
    _numbers: dict[Passage, int] = field(default_factory=dict)
    _used: dict[int, tuple[Passage, Lines]] = field(default_factory=dict)

    def use(self, passage: Passage, lines: Lines | None = None) -> int:
        """Return the number of a passage, and add these lines of it to what was used; None are all its lines."""
        number = self._numbers.setdefault(passage, len(self._numbers) + 1)
        start, end = lines or (passage.start_line, passage.end_line)
        _, (first, last) = self._used.get(number, (passage, (start, end)))
        self._used[number] = (passage, (min(first, start), max(last, end)))
        return number

    def sources(self) -> tuple[Source, ...]:
        """Return the sources in the order of their numbers, each with the fewest lines that hold all that was cited."""
        return tuple(
            _source(number, passage, start, end) for number, (passage, (start, end)) in sorted(self._used.items())
        )


@dataclass
class Checker:
    """Takes the answer as it streams in, gives it back checked, a line or a fenced block at a time.

    `dropped` counts what was left out or marked. `question` counts as a source for names and numbers alone: a reader
    knows who said them. `computed` are facts that readers see above the answer, a sentence each.
    """

    passages: Sequence[Passage]
    question: str
    cites: Cites = field(default_factory=Cites)
    computed: Sequence[str] = ()
    dropped: int = 0
    _rest: str = ""
    _fence: list[str] = field(default_factory=list)
    _step: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        self._grounds = [Ground(passage) for passage in self.passages]
        self._computed = [Ground(_computed(fact)) for fact in self.computed]
        self._asked = held(self.question)
        self._known = frozenset(terms(self.question)).union(*(ground.stems for ground in self._grounds))
        self._headings = {normal(part) for ground in self._grounds for part in _crumbs(ground.passage)}

    def feed(self, text: str) -> Iterator[str]:
        """Take a piece of the answer; yield what is complete and checked."""
        *lines, self._rest = (self._rest + text).replace("\r", "").split("\n")
        for line in lines:
            yield from self._line(line)

    def finish(self) -> Iterator[str]:
        """Yield what is left at the end of a whole answer."""
        if self._rest:
            rest, self._rest = self._rest, ""
            yield from self._line(rest)
        if self._fence:
            yield from self._block([*self._fence, _closing(self._fence[0])])

    def _line(self, line: str) -> Iterator[str]:
        if self._fence:
            self._fence.append(line)
            if _closes(self._fence[0], line):
                block, self._fence = self._fence, []
                yield from self._block(block)
        elif _FENCE.match(line):
            self._fence = [line]
        elif _RULE.match(line):
            yield f"{line}\n"
        elif checked := self._prose(line):
            yield f"{checked}\n"

    def _prose(self, line: str) -> str:
        """Return a line checked; empty when it held nothing but marks, which say nothing by themselves."""
        lead = _LEAD.match(line)
        start = lead.end() if lead else 0
        head = line[:start].strip()
        if start and not line.startswith(" "):
            self._step = frozenset()
        if head.startswith("#"):
            return line[:start] + " ".join(text for text, _ in map(self._claim, claims(line[start:])))
        body = self._told([self._claim(claim) for claim in claims(line[start:], quoted=head == ">")])
        return line[:start] + body if body else ""

    def _told(self, told: "Sequence[_Checked]") -> str:
        """Return claims in a row: neighbours with the same source share its mark, those left out their note."""
        parts: list[str] = []
        for index, (text, used) in enumerate(told):
            below = told[index + 1] if index + 1 < len(told) else ("", {})
            if text == below[0] == LEFT_OUT:
                continue
            mark = self._marks(used)
            shared = below[0] and used and used.keys() == below[1].keys()
            parts += [text] if shared or not mark else [text, mark]
        return " ".join(part for part in parts if part)

    def _claim(self, claim: Claim) -> "_Checked":
        """Return a claim as a reader may see it, and what holds it."""
        text = outside_code(claim.text, _without_links)
        if _MENTION.search(text) or "![" in claim.text:
            return self._left_out(), {}
        if not text.strip(" *_") or self._is_label(text):
            return text, {}
        claim = Claim(text, claim.marks, claim.quoted)
        needles, strange, orders = needles_in(claim, self._known), strange_in(text), orders_in(text)
        used = {} if begins_unknown(text, self._known) else self._held(claim, (*needles, *strange), orders)
        if used or self._only_repeats(claim, (*needles, *strange), orders):
            self._step |= used.keys()
            self.cites.computed = self.cites.computed or not used
            return text, used
        nowhere = needles and not any(all(self._stands(each, ground) for each in needles) for ground in self._grounds)
        if nowhere or any(ground.contradicts(order) for ground in self._grounds for order in orders):
            return self._left_out(), {}
        if not needles and not strange and _says_nothing(text) and all(order.is_check for order in orders):
            return text, {}
        self.dropped += 1
        return f"{text} {UNSUPPORTED}", {}

    def _held(self, claim: Claim, needles: Sequence[Needle], orders: tuple[Order, ...]) -> dict[int, Lines]:
        """Return who holds a claim, and on which lines: the cited if they do, else any."""
        words = content(claim.text)
        if not words and not needles and not orders:
            return {}
        numbers = tuple(each for each in numbers_in(claim.text) if not self._was_asked(Needle("name", each.text)))
        open_needles = tuple(each for each in needles if not self._was_asked(each))
        for index in self._in_order(frozenset(mark.passage - 1 for mark in claim.marks)):
            asked = Asked(words, open_needles, orders, _hint(claim.marks, index), numbers)
            if (lines := self._grounds[index].lines_for(asked)) is not None:
                return {index: lines}
        return self._held_together(claim, open_needles, orders)

    def _held_together(self, claim: Claim, needles: Sequence[Needle], orders: tuple[Order, ...]) -> dict[int, Lines]:
        """Return the cited passages that hold a claim between them: each its part of the letters, words and orders."""
        cited = sorted({mark.passage - 1 for mark in claim.marks if 1 <= mark.passage <= len(self._grounds)})
        if len(cited) < 2:  # noqa: PLR2004 - one passage alone was asked before
            return {}
        words, used, left = content(claim.text), dict[int, Lines](), set(orders)
        for index in cited:
            ground = self._grounds[index]
            mine = tuple(each for each in needles if ground.has(each))
            given = tuple(order for order in orders if ground.lines_for(Asked(order.about, (), (order,))) is not None)
            lines = ground.lines_for(Asked(words & ground.stems, mine, given)) if mine or given else None
            if lines is not None:
                used[index] = lines
                left -= set(given)
        whole = all(any(self._grounds[index].has(each) for index in used) for each in needles)
        return used if whole and not left and words <= self._known else {}

    def _only_repeats(self, claim: Claim, needles: Sequence[Needle], orders: tuple[Order, ...]) -> bool:
        """Whether a sentence is all in one computed fact: no order, no code, no word on how things are of its own.

        Facts quote logs, which anybody may have written: more than their words is not taken from them.
        """
        if orders or any(each.kind in {"command", "word"} for each in needles):
            return False
        words, numbers = content(claim.text), numbers_in(claim.text)
        weighed = _weighed(claim.text)
        asked = Asked(words, tuple(needles), (), None, numbers)
        return bool(words or needles) and any(
            words <= fact.stems and weighed <= _weighed(fact.passage.text) and fact.lines_for(asked) is not None
            for fact in self._computed
        )

    def _block(self, block: list[str]) -> Iterator[str]:
        """Check a fenced block: its lines must stand in ONE passage as whole commands. An empty one is nothing."""
        lead, opening = _opening(block[0])
        inner = [line.lstrip("> ") if ">" in lead else line for line in block[1:-1]]
        if not any(line.strip() for line in inner):
            return
        for index in self._in_order(self._step):
            lines = self._grounds[index].block(inner)
            if lines is not None:
                mark = self._marks({index: lines})
                yield "\n".join([opening, *inner, block[-1].lstrip("> ") if ">" in lead else block[-1]]) + "\n"
                if index not in self._step:
                    yield f"{_indent(opening)}{mark}\n"
                return
        yield f"{_indent(opening)}{self._left_out()}\n"

    def _stands(self, needle: Needle, ground: Ground) -> bool:
        return ground.has(needle) or self._was_asked(needle)

    def _was_asked(self, needle: Needle) -> bool:
        return needle.kind == "name" and self._asked.holds(needle)

    def _is_label(self, text: str) -> bool:
        """Whether the text claims nothing, such as `Steps:` or a heading that a passage has."""
        words = re.findall(r"[\w']+", _COUNTED.sub("", text.lower()))
        if len(words) <= _LABEL_WORDS and LABELS.issuperset(words) and not strange_in(text):
            return True
        orders = any(not order.is_check for order in orders_in(text))
        return not orders and normal(text).rstrip(":. ") in self._headings

    def _in_order(self, first: frozenset[int]) -> list[int]:
        """Return all passages by index, those of `first` before the others."""
        return sorted(range(len(self._grounds)), key=lambda index: (index not in first, index))

    def _marks(self, held: dict[int, Lines]) -> str:
        """Return the marks of passages under the numbers that the answer's sources have."""
        return " ".join(f"[{self.cites.use(self.passages[index], lines)}]" for index, lines in sorted(held.items()))

    def _left_out(self) -> str:
        self.dropped += 1
        return LEFT_OUT


@dataclass
class Renumbered:
    """Takes text whose marks are known to be true, and gives it back with the numbers that its sources have."""

    passages: Sequence[Passage]
    cites: Cites = field(default_factory=Cites)

    def feed(self, text: str) -> Iterator[str]:
        """Yield the text, whole lines and whole fences of it, under the answer's numbers; code is left alone."""
        fence, lines = "", []
        for line in text.split("\n"):
            if fence:
                fence = "" if _closes(fence, line) else fence
            elif _FENCE.match(line):
                fence = line
            lines.append(line if fence else self._line(line))
        yield "\n".join(lines)

    def _line(self, line: str) -> str:
        return outside_code(line, lambda part: re.sub(r"\[(\d{1,3})\]", self._mark, part))

    def _mark(self, mark: re.Match[str]) -> str:
        return f"[{self.cites.use(self.passages[int(mark[1]) - 1])}]"

    def finish(self) -> Iterator[str]:
        """Yield nothing: nothing is held back."""
        yield from ()


def _says_nothing(text: str) -> bool:
    """Whether a sentence only connects: no matter of its own, no word on how things are, and short."""
    words = re.findall(r"[\w']+", text.lower())
    return len(words) <= _CONNECTING_WORDS and not content(text) and VERDICTS.isdisjoint(words)


def _weighed(text: str) -> frozenset[str]:
    """Return the words of a text that say how things are, or that they are not so."""
    return (VERDICTS | NOT) & frozenset(re.findall(r"[\w']+", text.lower()))


def _computed(fact: str) -> Passage:
    """Return a computed fact as a ground for sentences; it is no document, and nobody can cite it."""
    return Passage("", "", "", "", "runbook", (), None, 1, 1, fact, 0.0)


def _hint(marks: Sequence[Mark], index: int) -> Lines | None:
    return next((mark.lines for mark in marks if mark.passage == index + 1 and mark.lines), None)


def _crumbs(passage: Passage) -> list[str]:
    return [passage.title, *passage.heading.split(" > ")]


_Checked = tuple[str, dict[int, Lines]]
"""A claim as a reader may see it, and the passages that hold it, by index, with the lines."""


def _without_links(part: str) -> str:
    """Return prose without links: their words stay; an address becomes code, which nobody can click."""
    return _ADDRESS.sub(lambda found: f"`{found[0].strip('<>')}`", _LINK.sub(r"\1", part))


def _closes(opening: str, line: str) -> bool:
    match = _FENCE.match(opening)
    mark = match["mark"] if match else "```"
    bare = line.strip("> \t")
    return bare.startswith(mark) and not bare.strip(mark[0])


def _opening(line: str) -> tuple[str, str]:
    """Return what leads to a fence, and its first line without what a model could say there; a language may stay."""
    found = _FENCE.match(line)
    if found is None:
        return "", "```"
    language = re.sub(r"\W.*", "", found["info"].strip())
    lead = "" if ">" in found["lead"] else found["lead"]
    return found["lead"], f"{lead}{found['mark']}{language}"


def _closing(opening: str) -> str:
    found = _FENCE.match(opening)
    return _indent(opening) + (found["mark"] if found else "```")


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
