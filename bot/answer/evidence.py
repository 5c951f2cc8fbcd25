"""What of a text can be checked to the letter, and whether another text holds it. Pure; knows no answer and no passage.

Commands are compared as they stand, quotations without emphasis, names and numbers without regard to how they are
written: `5 minutes` is `5m`, `2,000` is `2000`, `read-only` is `read only`.
"""

import re
from collections.abc import Callable
from typing import Literal, NamedTuple

CODE = re.compile(r"(?<!`)(?P<ticks>`+)(?!`)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)")
"""A code span (CommonMark 6.1)."""

LEAST_QUOTE = 6
"""Characters; shorter ones are words that somebody doubts, not quotations."""

_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_QUOTE = re.compile(r"[\"“”„«]([^\"“”„«»\n]*)[\"”“»]")
_NUMBER = re.compile(r"(?<!\w)\d\w*(?:[.,:/-]\w*\d\w*)*%?")
_NAME = re.compile(
    r"\b(?=\w*[A-Za-z])(?:\w+[_./-])+\w+\b|\b[A-Za-z]+\d\w*\b|\b[A-Z]?[a-z]+[A-Z]\w*\b|\b[A-Z]{2,}[a-z]+\w*\b"
)
_NO_NAMES = frozenset({"and/or", "e.g", "i.e"})
_SPACE = re.compile(r"\s+")
_EQUAL = str.maketrans({"“": '"', "”": '"', "\u2019": "'", "\u2018": "'", "\u2013": "-", "\u2014": "-", "\u00a0": " "})
_JOINS = frozenset("/-=.:_@")

_UNITS = {
    word: unit
    for unit, words in {
        "ms": "ms millisecond milliseconds",
        "s": "s sec secs second seconds",
        "min": "m min mins minute minutes",
        "h": "h hr hrs hour hours",
        "d": "d day days",
        "%": "% percent",
        "kb": "kb kib",
        "mb": "mb mib",
        "gb": "gb gib",
        "tb": "tb tib",
    }.items()
    for word in words.split()
}
_AMOUNT = re.compile(rf"(?<=\d)\s?({'|'.join(sorted(_UNITS, key=len, reverse=True))})(?!\w)", re.IGNORECASE)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


class Needle(NamedTuple):
    """Something that must stand in a text: a command of several words, a single word of code, a quotation, or a name.

    A number is a name too.
    """

    kind: Literal["command", "word", "quotation", "name"]
    text: str


class Held(NamedTuple):
    """A text as each kind of needle is looked for in it."""

    code: str
    words: str
    names: str

    def holds(self, needle: Needle) -> bool:
        """Whether the needle stands in the text."""
        if needle.kind == "command":
            return _within(needle.text, self.code, "-_./=:@")
        if needle.kind == "word":
            return _within(needle.text, self.code, "-_./")
        if needle.kind == "quotation":
            return _within(needle.text, self.words)
        joins = "-_." if any(map(str.isalpha, needle.text)) else ""
        ways = (needle.text, needle.text.replace("-", " "), needle.text.replace("-", ""))
        return any(_within(way, self.names, joins) for way in ways)


def held(text: str) -> Held:
    """Return a text ready to be looked into; what its links say stands there with and without where they lead."""
    words = normal("\n".join(dict.fromkeys((text, _LINK.sub(r"\1", text)))))
    return Held(_as_it_stands(text), words, measured(words))


def normal(text: str) -> str:
    """Return text as it is compared: one space between words, plain quotes and dashes, no emphasis, lower case."""
    return _SPACE.sub(" ", text.translate(_EQUAL).replace("**", "").replace("`", "")).strip().lower()


def evidence_of(text: str, *, quoted: bool = False) -> tuple[Needle, ...]:
    """Return all of a sentence that can be checked to the letter; a `quoted` sentence as a whole."""
    code = [_as_it_stands(found["code"]) for found in CODE.finditer(text)]
    bare = CODE.sub(" ", text)
    quotations = [normal(quote) for quote in _QUOTE.findall(bare) if len(quote) >= LEAST_QUOTE]
    if quoted:
        quotations.append(normal(text).rstrip(".,;:!? "))
    bare = measured(_QUOTE.sub(" ", bare))
    names = [name for name in map(normal, _NAME.findall(bare)) if name not in _NO_NAMES]
    numbers = _NUMBER.findall(normal(_NAME.sub(" ", bare)))
    needles = [Needle("command" if " " in each else "word", each) for each in code]
    needles += [Needle("quotation", each) for each in quotations]
    needles += [Needle("name", each) for each in (*numbers, *names)]
    return tuple(needle for needle in dict.fromkeys(needles) if needle.text)


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Return `text` with `change` made to all but its code spans."""
    parts, end = [], 0
    for span in CODE.finditer(text):
        parts += [change(text[end : span.start()]), span.group()]
        end = span.end()
    return "".join([*parts, change(text[end:])])


def _as_it_stands(code: str) -> str:
    return _SPACE.sub(" ", code).strip()


def measured(text: str) -> str:
    """Return text with every amount written in one way."""
    return _AMOUNT.sub(lambda amount: _UNITS[amount[1].lower()], _THOUSANDS.sub("", text))


def _within(needle: str, text: str, joins: str = "") -> bool:
    """Whether `needle` stands in `text` as whole words: 5 is not found in 15, nor `rm -rf /` in `rm -rf /tmp`.

    `joins` are what holds a longer word together: then `orders-db` is not found in `orders-db-1`.
    """
    start = text.find(needle)
    while start >= 0:
        before, after = text[max(start - 2, 0) : start][::-1], text[start + len(needle) :][:2]
        opens = needle[0] not in _JOINS and _goes_on(needle[0], before, joins.replace("/", ""))
        if not opens and not _goes_on(needle[-1], after, joins):
            return True
        start = text.find(needle, start + 1)
    return False


def _goes_on(edge: str, beyond: str, joins: str) -> bool:
    """Whether the word that ends in `edge` goes on in the two characters beyond it."""
    if beyond[:1].isalnum():
        return edge.isalnum() or edge in _JOINS
    return edge.isalnum() and beyond[:1] in set(joins) and beyond[1:].isalnum()
