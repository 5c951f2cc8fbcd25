"""A follow-up made to stand by itself: what to search for, and what of the thread goes to the model. Pure.

Decided by rules over the words, never by a model: it costs nothing, and what it does can be told.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.types import Question, Said
from ingest.index.words import terms

MESSAGES = 20
"""Messages of a thread that are read, the newest."""

CHARACTERS = 4_000
"""Characters of them together."""

SHORT = 3
"""A question of so few words that carry matter is short: what it is about stands above it."""

LEANING = 8
"""A question that points back ("it", "that one") and has no more words of its own leans on the thread."""

EARLIER = 2
"""Questions above that are joined: the last, and the one that it may itself have leant on."""

_OPENS = re.compile(
    r"^\W*(?:and|but|or|so|then|also|what about|how about|what if|same|still|ok|okay|why)\b", re.IGNORECASE
)
_POINTS = re.compile(
    r"\b(?:it|its|that|this|these|those|they|them|their|there|he|she|him|her|one|ones|same|both|either|neither|instead|"
    r"else|again|above|former|latter|step \d+|(?:first|second|third|last|next|previous|other) (?:one|step|command))\b",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"^\W*(?:thanks?|thank you|ok|okay|great|cool|nice|hm+|no|yes|yep|nope)\b[\s,.!]*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Standalone:
    """What stands for the question: `search` is searched for, `thread` is what the model reads, oldest first.

    `joined` says that earlier questions are part of `search`; `unread` counts the messages that were left out.
    """

    search: str
    thread: str = ""
    joined: bool = False
    unread: int = 0

    @property
    def note(self) -> str:
        """What readers are told about the thread, empty when all of it was read."""
        return f"_earlier messages of this thread were not read: {self.unread}_" if self.unread else ""


def standalone(question: Question) -> Standalone:
    """Return the question as it stands by itself. Its `context` is bounded again here, whoever bounded it before."""
    kept = _newest(question.context)
    unread = question.cut + len(question.context) - len(kept)
    thread = "\n".join(f"{said.author}: {said.text}" for said in kept)
    earlier = _asked_before(kept) if leans(question.text) else []
    search = "\n".join([*earlier, question.text])
    return Standalone(search, thread, joined=bool(earlier), unread=unread)


def leans(text: str) -> bool:
    """Whether a question needs the thread to be understood."""
    own = set(terms(_GREETING.sub("", text)))
    if len(own) <= SHORT:
        return not _names_something(text) or bool(_OPENS.match(text) or _POINTS.search(text))
    return bool(_OPENS.match(text) or _POINTS.search(text)) and len(own) <= LEANING


def _names_something(text: str) -> bool:
    """Whether the text has a name that carries a search alone, such as `PgBouncerClientsWaiting` or `cl_waiting`."""
    return re.search(r"\w[_./-]\w|[a-z][A-Z]|\d{3,}|\b[A-Z]{3,}\b", text) is not None


def _asked_before(said: Sequence[Said]) -> list[str]:
    """Return the last questions to us, oldest first: what stands above our answers, else what people said last."""
    people = [each for each in said if not each.is_us]
    answered = [above for above, below in itertools.pairwise(said) if below.is_us and not above.is_us]
    return [each.text for each in (answered or people)[-EARLIER:]]


def _newest(said: Sequence[Said]) -> list[Said]:
    """Return the last messages that fit together, oldest first; whole ones only."""
    kept: list[Said] = []
    room = CHARACTERS
    for each in reversed(said[-MESSAGES:]):
        room -= len(each.author) + len(each.text) + len(": \n")
        if room < 0:
            break
        kept.insert(0, each)
    return kept
