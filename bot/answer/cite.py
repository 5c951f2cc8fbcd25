"""The citation check: nothing that Claude writes reaches a reader before code has found it in the stored passages.

The model is treated as if an attacker wrote its output. A sentence or step passes when every command, quotation, number
and name in it stands in the passages it cites; a wrong citation is corrected, a claim that stands nowhere is left out
and its place marked. Links in prose never pass. Pure: no I/O.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ingest.index.words import terms
from ingest.types import Passage

LEFT_OUT = "_(left out: the sources do not say this)_"
UNSUPPORTED = "_(not from the runbooks)_"

LEAST_OVERLAP = 0.5
"""Share of a sentence's words that its passages must hold when nothing in it can be checked to the letter."""

_MARK = re.compile(r"\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
_FENCE = re.compile(r"^\s*(```+|~~~+)")
_SENTENCE = re.compile(r"(?<=[.!?:;])(?:\*\*|_)?\s+(?=[^\s\[])")
_LEAD = re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)]|#{1,6}|>)?\s*")
_CODE = re.compile(r"`([^`\n]+)`")
_CODE_SPAN = re.compile(r"(`+[^`\n]*`+)")
_QUOTE = re.compile(r"[\"“]([^\"“”\n]{6,})[\"”]")
_NUMBER = re.compile(r"(?<![\w.,:/-])\d+(?:[.,:]\d+)*(?![\w])")
_NAME = re.compile(
    r"\b(?=\w*[A-Za-z])(?:\w+[_./-])+\w+\b|\b[A-Za-z]+\d\w*\b|\b[A-Z]?[a-z]+[A-Z]\w*\b|\b[A-Z]{2,}[a-z]+\w*\b"
)
_LINK = re.compile(
    r"!?\[([^\]\n]*)\]\([^)\n]*\)|<?\b(?:https?|ftp|mailto|slack)[:][^\s>)]*>?|<[@!#][^>\n]*>|\bwww\.\S+"
)
_SPACE = re.compile(r"\s+")
_EQUAL = str.maketrans({"“": '"', "”": '"', "\u2019": "'", "\u2018": "'", "\u2013": "-", "\u2014": "-", "\u00a0": " "})


@dataclass
class Checker:
    """Takes the answer as it streams in, gives it back checked, a line or a fenced block at a time.

    `cited` maps a passage's number in the prompt to its number in the answer, in order of first use; `dropped` counts
    what was left out or marked. `question` counts as a source for names and numbers: a reader knows who said them.
    """

    passages: Sequence[Passage]
    question: str
    cited: dict[int, int] = field(default_factory=dict)
    dropped: int = 0
    _rest: str = ""
    _fence: list[str] = field(default_factory=list)
    _step: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        self._texts = [normal(f"{passage.title}\n{passage.heading}\n{passage.text}") for passage in self.passages]
        self._words = [set(terms(text)) for text in self._texts]
        self._asked = normal(self.question)

    def feed(self, text: str) -> Iterator[str]:
        """Take a piece of the answer; yield what is complete and checked."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            yield from self._line(line)

    def finish(self) -> Iterator[str]:
        """Yield what is left at the end of a whole answer."""
        if self._rest:
            rest, self._rest = self._rest, ""
            yield from self._line(rest)
        if self._fence:
            yield from self._block([*self._fence, _indent(self._fence[0]) + "```"])

    def _line(self, line: str) -> Iterator[str]:
        if self._fence:
            self._fence.append(line)
            if _closes(self._fence[0], line):
                block, self._fence = self._fence, []
                yield from self._block(block)
        elif _FENCE.match(line):
            self._fence = [line]
        elif not line.strip():
            yield "\n"
        else:
            yield self._prose(line) + "\n"

    def _prose(self, line: str) -> str:
        lead = _LEAD.match(line)
        start = lead.end() if lead else 0
        claims = _claims(line[start:])
        if start and lead and not lead.group().startswith(" "):
            self._step = frozenset()
        checked = [self._claim(claim) for claim in claims]
        body = " ".join(_without_repeats(checked))
        return line[:start] + body

    def _claim(self, claim: "_Claim") -> str:
        text, linked = _LINK.subn(r"\1", claim.text)
        if not text.strip(" *_"):
            return self._marks(claim.marks) if not linked else self._left_out()
        holders = self._holders(_evidence_of(text), claim.marks)
        if holders is None or linked:
            return self._left_out()
        if not holders:
            holders = self._by_words(text, claim.marks)
        if not holders:
            self.dropped += not _is_label(text)
            return text if _is_label(text) else f"{text} {UNSUPPORTED}"
        self._step |= holders
        return f"{text} {self._marks(holders)}".rstrip()

    def _block(self, block: list[str]) -> Iterator[str]:
        """Check a fenced block: every line of it must stand in ONE passage."""
        commands = [normal(line).removeprefix("$ ") for line in block[1:-1] if line.strip()]
        for number in self._in_order(self._step):
            if all(command in self._texts[number - 1] for command in commands):
                self._marks(frozenset({number}))
                yield "\n".join(block) + "\n"
                if number not in self._step:
                    yield f"{_indent(block[0])}{self._marks(frozenset({number}))}\n"
                return
        yield f"{_indent(block[0])}{self._left_out()}\n"

    def _holders(self, evidence: list[str], marks: frozenset[int]) -> frozenset[int] | None:
        """Return who holds all of `evidence`: the cited if they do, else any; None when some of it stands nowhere."""
        open_evidence = [each for each in evidence if not _within(each, self._asked)]
        if not evidence:
            return frozenset()
        cited = sorted(number for number in marks if 1 <= number <= len(self._texts))
        if cited and all(any(_within(each, self._texts[number - 1]) for number in cited) for each in open_evidence):
            return frozenset(cited)
        for number in self._in_order(marks):
            if open_evidence and all(_within(each, self._texts[number - 1]) for each in open_evidence):
                return frozenset({number})
        return frozenset() if not open_evidence else None

    def _by_words(self, text: str, marks: frozenset[int]) -> frozenset[int]:
        """Return the passages that hold most of the sentence's words, the cited ones before all others."""
        words = set(terms(text))
        if not words:
            return frozenset(number for number in marks if 1 <= number <= len(self._words))
        for number in self._in_order(marks):
            if len(words & self._words[number - 1]) >= LEAST_OVERLAP * len(words):
                return frozenset({number})
        return frozenset()

    def _in_order(self, first: frozenset[int]) -> list[int]:
        """Return all passage numbers, those of `first` before the others."""
        return sorted(range(1, len(self._texts) + 1), key=lambda number: (number not in first, number))

    def _marks(self, numbers: frozenset[int]) -> str:
        """Return the marks of real passages under the numbers that the answer's sources have."""
        real = [number for number in sorted(numbers) if 1 <= number <= len(self._texts)]
        return " ".join(f"[{self.cited.setdefault(number, len(self.cited) + 1)}]" for number in real)

    def _left_out(self) -> str:
        self.dropped += 1
        return LEFT_OUT


@dataclass
class Renumbered:
    """Takes text whose marks are known to be true, and gives it back with the numbers that its sources have."""

    cited: dict[int, int] = field(default_factory=dict)

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
        parts = _CODE_SPAN.split(line)
        return "".join(part if part.startswith("`") else _MARK.sub(self._mark, part) for part in parts)

    def _mark(self, mark: re.Match[str]) -> str:
        return f"[{self.cited.setdefault(int(mark[1]), len(self.cited) + 1)}]"

    def finish(self) -> Iterator[str]:
        """Yield nothing: nothing is held back."""
        yield from ()


@dataclass(frozen=True, slots=True)
class _Claim:
    """A sentence without its marks, and the passages it cites."""

    text: str
    marks: frozenset[int]


def normal(text: str) -> str:
    """Return text as it is compared: one space between words, plain quotes and dashes, no emphasis, lower case."""
    return _SPACE.sub(" ", text.translate(_EQUAL).replace("**", "").replace("`", "")).strip().lower()


def _claims(line: str) -> list[_Claim]:
    """Split a line into sentences; marks at its end also speak for the sentences before them that have none."""
    claims: list[_Claim] = []
    for sentence in _sentences(line):
        marks = frozenset(int(number) for mark in _MARK.findall(sentence) for number in mark.split(","))
        text = _SPACE.sub(" ", _MARK.sub("", sentence)).strip()
        text = re.sub(r"\s+([.,;:!?])", r"\1", text)
        if text or marks:
            claims.append(_Claim(text, marks))
    later: frozenset[int] = frozenset()
    for index in range(len(claims) - 1, -1, -1):
        later = claims[index].marks or later
        claims[index] = _Claim(claims[index].text, later)
    return claims


def _sentences(line: str) -> list[str]:
    """Cut at sentence ends that lie in no code span, no quotation and no bold run."""
    cuts = [0]
    for match in _SENTENCE.finditer(line):
        before = line[: match.end()]
        if before.count("`") % 2 == 0 and before.count('"') % 2 == 0 and before.count("**") % 2 == 0:
            cuts.append(match.end())
    return [line[start:end] for start, end in zip(cuts, [*cuts[1:], len(line)], strict=True)]


def _evidence_of(text: str) -> list[str]:
    """Return all that can be checked to the letter: code, quotations, numbers and names."""
    found = [normal(code) for code in _CODE.findall(text)]
    bare = _CODE.sub(" ", text)
    found += [normal(quote) for quote in _QUOTE.findall(bare)]
    bare = _QUOTE.sub(" ", bare)
    found += [number.rstrip(".,:") for number in _NUMBER.findall(bare)]
    found += [normal(name) for name in _NAME.findall(_NUMBER.sub(" ", bare))]
    return [each for each in dict.fromkeys(found) if each]


def _within(needle: str, text: str) -> bool:
    """Whether `needle` stands in `text` as whole words: 5 is not found in 15, nor pod in podman."""
    start = text.find(needle)
    while start >= 0:
        end = start + len(needle)
        before, after = text[start - 1 : start], text[end : end + 1]
        if not (needle[:1].isalnum() and before.isalnum()) and not (needle[-1:].isalnum() and after.isalnum()):
            return True
        start = text.find(needle, start + 1)
    return False


def _without_repeats(parts: Sequence[str]) -> Iterator[str]:
    """Yield the parts of a line; one note that something was left out is enough for neighbours."""
    for index, part in enumerate(parts):
        if part and not (part == LEFT_OUT and index and parts[index - 1] == LEFT_OUT):
            yield part


def _is_label(text: str) -> bool:
    """Whether the text claims nothing, such as `Steps:` or `**Checks**`."""
    return len(terms(text)) <= 2 and not text.rstrip("*_ ").endswith((".", "!"))  # noqa: PLR2004 - two words make a label


def _closes(opening: str, line: str) -> bool:
    match = _FENCE.match(opening)
    mark = match.group(1) if match else "```"
    return line.strip().startswith(mark) and not line.strip().strip(mark[0])


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
