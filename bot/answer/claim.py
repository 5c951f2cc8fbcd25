"""A line of an answer into claims, and a claim into what must be found in a passage. Pure; knows no passage.

To what evidence.py finds in any text come the orders, and the names that only their place gives away. A thing in doubt
is taken for a name: what is then not found is left out, which costs a reader less than a name that somebody made up.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from bot.answer.evidence import CODE, Needle, evidence_of, measured, normal, outside_code
from bot.answer.words import ASIDES, CHECKS, HYPHENED, LABELS, NOT, NUMBERS, ORDERS, ORDINARY, PROGRAMS, THINGS
from ingest.index.words import terms

BESIDE = 3
"""Words on either side of a number that say what is counted."""

_MARK = re.compile(r"\[\s*\d{1,3}(?::\d{1,6}-\d{1,6})?(?:\s*,\s*\d{1,3}(?::\d{1,6}-\d{1,6})?)*\s*\]")
"""`[n]`, `[n:a-b]` or several of them: passage n, of it the lines a to b."""

_ONE_MARK = re.compile(r"(\d{1,3})(?::(\d{1,6})-(\d{1,6}))?")
_LONE_FENCE = re.compile(r"`{3,}|~{3,}")
_SENTENCE = re.compile(r"[.!?](?:\*\*|_)?(?:\s*\[[\d:,\s-]+\])*\s+(?=[^\s\[])")
_QUOTE = re.compile(r"[\"“„«][^\"“”„«»\n]*[\"”“»]")
_WORD = re.compile(r"(?<![\w'-])[A-Za-z][\w'-]*")
_CLAUSE = re.compile(r"([,;:.!?]\s+|\n+|\s+(?:and|then|or|nor|but)\s+|\s+-\s+)")
_CARRIES_DENIAL = frozenset({"or", "nor"})
_WHEN = re.compile(r"\b(?:until|when|while|because|so that|before|after|if|unless|which|that)\b")
_ASIDE = re.compile(r"^(?:first|then|next|now|finally),?\s+")
_PAUSES = ",.;:!?)"
EDGES = "*_.,;:!?()[]{}<>\"'~`|"
_SINGLE = re.compile(r"(?<![\w'])'([^'\n]{6,})'(?!\w)")
_STRANGE = "[^\\x00-\\u024f\\u2000-\\u245f\\u2500-\\u2bff\\ufe0e\\ufe0f\\ufeff\\U0001f300-\\U0001faff]"
"""A character of another script than Latin, or in the guise of one; not punctuation, arrows, boxes and pictures."""

_STRANGE_RUN = re.compile(rf"{_STRANGE}(?:[^A-Za-z\n]*{_STRANGE})?")


@dataclass(frozen=True, slots=True)
class Mark:
    """A citation as the model made it; lines where it named any."""

    passage: int
    lines: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence without its marks, and the passages it cites. `quoted` says that all of it is a quotation."""

    text: str
    marks: tuple[Mark, ...]
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A number and the stems of the words beside it: 15 minutes here are no 15 pods there."""

    text: str
    beside: frozenset[str]


@dataclass(frozen=True, slots=True)
class Order:
    """An instruction: its verb, what it is about (stems), and whether it says not to."""

    verb: str
    about: frozenset[str]
    denied: bool

    @property
    def is_check(self) -> bool:
        """Whether following it changes nothing."""
        return self.verb in CHECKS


def claims(line: str, *, quoted: bool = False) -> list[Claim]:
    """Split a line into sentences; marks at its end also speak for the sentences before them that have none."""
    found: list[Claim] = []
    for sentence in _sentences(line):
        marks: list[Mark] = []
        text = outside_code(sentence, lambda part, marks=marks: _without_marks(part, marks)).strip()  # type: ignore[misc]
        if text or marks:
            found.append(Claim(text, tuple(marks), quoted))
    later: tuple[Mark, ...] = ()
    for index in range(len(found) - 1, -1, -1):
        later = found[index].marks or later
        found[index] = Claim(found[index].text, later, quoted)
    return found


def needles_in(claim: Claim, known: frozenset[str]) -> tuple[Needle, ...]:
    """Return all of a claim that must stand in a passage; `known` are the stems that passages and question have."""
    plain = evidence_of(claim.text, quoted=claim.quoted)
    needles = [each for each in plain if each.kind != "name" or each.text not in HYPHENED]
    bare = _QUOTE.sub(" x ", CODE.sub(" x ", claim.text)).replace("\u2019", "'")
    needles += [Needle("quotation", normal(found)) for found in _SINGLE.findall(bare)]
    if len(content(claim.text)) < 2 and numbers_in(claim.text):  # noqa: PLR2004 - two words say what is counted
        needles.append(Needle("quotation", _ASIDE.sub("", normal(claim.text)).rstrip(".,;:!? ")))
    return tuple(dict.fromkeys([*needles, *_by_place(measured(_SINGLE.sub(" x ", bare)), known)]))


def strange_in(text: str) -> tuple[Needle, ...]:
    """Return what a text says in other scripts than Latin, as quotations: no list of words here can weigh it."""
    runs = (normal(found) for found in _STRANGE_RUN.findall(CODE.sub(" x ", text)))
    return tuple(Needle("quotation", run) for run in dict.fromkeys(runs))


def orders_in(text: str) -> tuple[Order, ...]:
    """Return the instructions of a sentence."""
    found = (_order(clause, denied=denied) for clause, denied in clauses(text))
    return tuple(order for order in found if order is not None)


def clauses(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the clauses of a text without its code and quotations, and whether each stands under a "do not ... or"."""
    bare = CODE.sub(" ", _QUOTE.sub(" ", text.replace("\u2019", "'").replace("*", "")))
    denied, joint = False, ""
    for index, part in enumerate(_CLAUSE.split(bare)):
        if index % 2:
            joint = part.strip()
            continue
        denied = denied and joint in _CARRIES_DENIAL
        yield part, denied
        denied = denied or any(word.lower() in NOT for word in _WORD.findall(part))


def content(text: str) -> frozenset[str]:
    """Return the stems that carry the matter of a text; code is looked for to the letter instead."""
    words = re.findall(r"[\w'-]+", measured(CODE.sub(" ", text)).replace("\u2019", "'"))
    matter = (word for word in words if word.lower() not in ORDINARY | CHECKS and not any(map(str.isdigit, word)))
    return frozenset(terms(" ".join(matter)))


def numbers_in(text: str) -> tuple[Number, ...]:
    """Return the numbers of a text in prose with what stands beside them, as far as that has a meaning."""
    words = measured(normal(_QUOTE.sub(" ", CODE.sub(" ", text)))).split()
    found = []
    for index, word in enumerate(words):
        around = terms(" ".join([*words[max(index - BESIDE, 0) : index], *words[index + 1 : index + 1 + BESIDE]]))
        if any(map(str.isdigit, word)) and around:
            found.append(Number(word.strip(EDGES), frozenset(around)))
    return tuple(found)


def begins_unknown(text: str, known: frozenset[str]) -> bool:
    """Whether a sentence begins with a word that neither passages nor question have: a name, or an order of its own."""
    found = _WORD.match(text.lstrip('*_( "'))
    word = found[0] if found else ""
    ordinary = ORDINARY | ORDERS | CHECKS | NOT | ASIDES | LABELS | HYPHENED
    return bool(word) and word.lower() not in ordinary and not set(terms(word)) <= known


def _order(clause: str, *, denied: bool) -> Order | None:
    words = [word.lower() for word in _WORD.findall(clause)]
    while words and words[0] in NOT | ASIDES:
        denied = denied or words[0] in NOT
        words.pop(0)
    if not words or words[0] not in ORDERS | CHECKS:
        return None
    rest = clause[clause.lower().index(words[0]) + len(words[0]) :]
    return Order(words[0], content(_WHEN.split(rest)[0]), denied)


def _by_place(bare: str, known: frozenset[str]) -> Iterator[Needle]:
    """Yield names told by a capital, by the thing they stand before, or by a sign; and commands outside of code."""
    words = bare.split()
    for index, raw in enumerate(words):
        word, after = raw.strip(EDGES), words[index + 1].strip(EDGES) if index + 1 < len(words) else ""
        lower = word.lower()
        if raw.lstrip("(*_\"'").startswith(("@", "#")) and word.strip("@#"):
            yield Needle("name", normal(raw.strip(EDGES)))
        elif re.match(r"--?[A-Za-z]", word) or (len(word) > 1 and word.startswith("/")):
            yield Needle("word", word)
        elif lower in NUMBERS and not set(terms(word)) <= known:
            yield Needle("name", NUMBERS[lower])
        elif lower in PROGRAMS and (arguments := _arguments(words[index:])):
            yield Needle("quotation", normal(" ".join((word, *arguments))))
        elif word.isalpha() and _is_name(word, after, known, first=not index or words[index - 1][-1:] in ".:!?"):
            yield Needle("name", lower)


def _arguments(words: list[str]) -> list[str]:
    """Return what follows a program's name as its arguments: all up to punctuation or the next ordinary word.

    A lone check before an ordinary word is prose: "in psql show the count".
    """
    found: list[str] = []
    for before, raw in pairwise(words):
        word = raw.strip(EDGES)
        lower = word.lower()
        if before[-1] in _PAUSES or (not found and lower in PROGRAMS):
            break
        if lower in {"", "x"} or (lower in ORDINARY and (found or lower not in CHECKS)):
            return [] if CHECKS.issuperset(found) else found
        found.append(word)
    return found


def _is_name(word: str, after: str, known: frozenset[str], *, first: bool) -> bool:
    """Whether a word that nobody knows, or that has a capital within a sentence, is a name."""
    if len(word) == 1 or word.lower() in ORDINARY | ORDERS | CHECKS | NOT:
        return False
    unknown = not set(terms(word)) <= known
    if word[0].isupper():
        return not first and (unknown or not word.isupper())
    return unknown and after.lower().removesuffix("s") in THINGS


def _without_marks(part: str, marks: list[Mark]) -> str:
    """Return a part of a sentence without marks, which are appended to `marks`, and without lone fences."""
    for found in _MARK.findall(part):
        for number, start, end in _ONE_MARK.findall(found):
            marks.append(Mark(int(number), (int(start), int(end)) if start else None))
    text = _LONE_FENCE.sub("", _MARK.sub("", part))
    return re.sub(r"(?<=\S)[ \t]+(?=[.,;:!?](?:\s|$))", "", re.sub(r"[ \t]{2,}", " ", text))


def _sentences(line: str) -> list[str]:
    """Cut at sentence ends that lie in no code span, no quotation and no bold run."""
    cuts = [0]
    for match in _SENTENCE.finditer(line):
        before = line[: match.end()]
        if before.count("`") % 2 == 0 and before.count('"') % 2 == 0 and before.count("**") % 2 == 0:
            cuts.append(match.end())
    return [line[start:end] for start, end in zip(cuts, [*cuts[1:], len(line)], strict=True)]
