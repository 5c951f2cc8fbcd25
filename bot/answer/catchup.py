"""Catch me up: what a long thread comes to, in at most twelve lines, each of them somebody's own words with its link.

Pure and without a model: messages are scored by what on-call people look for (alerts, figures, causes, things done,
who is on it, open questions), the best of each section are kept, and what only repeats a kept line is passed over.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ingest.index.words import terms

MOST_LINES = 12
"""More is no summary; a phone shows about twelve lines without scrolling."""

MOST_CHARS = 220
"""A line is cut here: two lines on a phone."""

Section = Literal["happened", "tried", "people", "open"]
SECTIONS: tuple[Section, ...] = ("happened", "tried", "people", "open")
SHARES: dict[Section, int] = {"happened": 5, "tried": 4, "people": 2, "open": 1}
"""Lines of each section when all have enough; what one leaves goes to the others."""

LEAST_WORDS = 3
"""Shorter messages are assent and small talk."""

REPEATS = 0.6
"""Share of a message's words in a line that is kept already from which on it only repeats it."""

_FIGURE = re.compile(r"\d[\d.,:]*\s?(?:%|ms|s|min|h|gb|mb|k|rps|utc)?\b", re.IGNORECASE)
_CODE = re.compile(r"```|`[^`\n]+`")
_NAME = re.compile(r"\b(?:[A-Z][a-z]+){2,}\b|\b\w+[_/-]\w+\b")
_ALERT = re.compile(
    r"\b(?:firing|alert|page[ds]?|incident|outage|down|failing|fails?|errors?|exhausted|saturated)\b", re.IGNORECASE
)
_CAUSE = re.compile(
    r"\b(?:because|caus(?:e|ed)|root cause|due to|turns out|culprit|the reason|instead of|since \d)\b", re.IGNORECASE
)
_STATE = re.compile(
    r"\b(?:resolved|recovered|recovering|mitigated|fixed|back to|back up|no change|still|degraded|again|drops?)\b",
    re.IGNORECASE,
)
_DID = re.compile(
    r"\b(?:roll(?:ed|ing)? ?back|rollback|revert(?:ed|ing)?|restart(?:ed|ing)?|deploy(?:ed|ing)?|went out|drained|"
    r"draining|scal(?:ed|ing)|terminat(?:ed|ing)|kill(?:ed|ing)|disabled?|enabled?|turned|is off|is on|switched|"
    r"failed over|purged|flush(?:ed|ing)|opened a ticket|increased|raised|lowered|applied|ran|running|done on)\b",
    re.IGNORECASE,
)
_WHO = re.compile(
    r"\b(?:incident commander|i own|i take|i have it|i'll take|taking (?:it|this)|on it|i am on|i'm on|assigned|"
    r"lead(?:s|ing)?|handing over|hand over)\b",
    re.IGNORECASE,
)
_REQUEST = re.compile(r"\b(?:can|could|would|will) (?:you|somebody|someone|anybody|we)\b|\bplease\b", re.IGNORECASE)
_ASKS_BOT = re.compile(r"^\s*<@[A-Z0-9]+>\s+catch", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a thread or channel. `ts` is its id and its time (seconds since 1970 UTC, as text)."""

    ts: str
    author: str
    text: str
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the summary: the author's own words, cut, and the message that holds them."""

    section: Section
    author: str
    text: str
    ts: str


def catch_up(messages: Sequence[Message]) -> list[Line]:
    """Return at most MOST_LINES lines, by section and in the order they were written; empty when nothing stands out."""
    scored = _scored(messages)
    kept: list[tuple[int, Section]] = []
    for section, room in _rooms(scored):
        kept += [(index, section) for index in _best(scored, section, room, messages, kept)]
    kept.sort(key=lambda pick: (SECTIONS.index(pick[1]), pick[0]))
    return [
        Line(section, messages[index].author, _cut(messages[index].text), messages[index].ts) for index, section in kept
    ]


def _scored(messages: Sequence[Message]) -> dict[int, tuple[Section, float]]:
    """Return the messages that say something, with their section and worth."""
    words = [terms(message.text) for message in messages]
    common = Counter(term for each in words for term in set(each))
    scored: dict[int, tuple[Section, float]] = {}
    for index, message in enumerate(messages):
        if len(words[index]) < LEAST_WORDS or _ASKS_BOT.match(message.text):
            continue
        section, worth = _judged(message, _answered(messages, words, index))
        rare = sum(math.log(len(messages) / common[term]) for term in set(words[index]))
        if worth > 0:
            scored[index] = section, worth + min(rare / 25.0, 2.0)
    return scored


def _judged(message: Message, answered: bool) -> tuple[Section, float]:  # noqa: FBT001 - reads as a word
    text = message.text
    figures = min(len(_FIGURE.findall(text)), 4)
    signs = 0.6 * figures + 0.8 * bool(_CODE.search(text)) + 0.5 * bool(_NAME.search(text))
    if text.rstrip().endswith("?"):
        return "open", 0.0 if answered or _REQUEST.search(text) else 1.0 + signs
    if _WHO.search(text):
        return "people", 1.5 + signs + bool(re.search(r"commander", text, re.IGNORECASE))
    did, cause = bool(_DID.search(text)), bool(_CAUSE.search(text))
    happened = 1.2 * bool(_ALERT.search(text)) + 2.0 * cause + 1.0 * bool(_STATE.search(text)) + 1.0 * message.is_bot
    if did and not cause:
        return "tried", 1.8 + signs + 0.5 * happened
    return "happened", happened + signs if happened or figures else 0.0


def _answered(messages: Sequence[Message], words: Sequence[Sequence[str]], index: int) -> bool:
    """Whether somebody else took a question up: a later message soon after that shares a rarer word with it."""
    asked = {term for term in words[index] if len(term) > 3}  # noqa: PLR2004 - short words are grammar
    for later in range(index + 1, min(index + 40, len(messages))):
        same = asked & set(words[later])
        if messages[later].author != messages[index].author and len(same) >= max(1, len(asked) // 4):
            return True
    return False


def _rooms(scored: dict[int, tuple[Section, float]]) -> list[tuple[Section, int]]:
    """Return how many lines each section gets; what one cannot fill goes to `happened` first, then to `tried`."""
    there = Counter(section for section, _ in scored.values())
    rooms = {section: min(SHARES[section], there[section]) for section in SECTIONS}
    for section in ("happened", "tried", "people", "open"):
        spare = MOST_LINES - sum(rooms.values())
        rooms[section] = min(there[section], rooms[section] + spare)
    return [(section, rooms[section]) for section in SECTIONS]


def _best(
    scored: dict[int, tuple[Section, float]],
    section: Section,
    room: int,
    messages: Sequence[Message],
    kept: Sequence[tuple[int, Section]],
) -> list[int]:
    """Return the best messages of a section that do not repeat what is kept."""
    chosen: list[int] = []
    known = [set(terms(messages[index].text)) for index, _ in kept]
    mine = sorted((index for index in scored if scored[index][0] == section), key=lambda index: -scored[index][1])
    for index in mine:
        words = set(terms(messages[index].text))
        if len(chosen) < room and not any(len(words & other) > REPEATS * len(words) for other in known):
            chosen.append(index)
            known.append(words)
    return chosen


def _cut(text: str) -> str:
    """Return a message as one line: code on its first line only, cut at MOST_CHARS."""
    line = " ".join(text.replace("```", "`").split())
    return line if len(line) <= MOST_CHARS else f"{line[: MOST_CHARS - 1].rstrip()}…"
