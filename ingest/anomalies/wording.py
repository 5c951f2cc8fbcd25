"""What the words of a line say: trouble, a start, or neither; and how alike two lines are. Pure."""

import re
from collections.abc import Iterable

_TROUBLE = re.compile(
    r"error|fail|exception|fatal|panic|abort|denied|refus|reject|time[d-]?\s?out|unable|cannot|can't|could ?n[o']t|"
    r"invalid|unreachable|undefined|unresolved|unavailable|not found|no such|no route|corrupt|lost|broken|crash|"
    r"segfault|traceback|killed|oom|out of memory|overflow|exhaust|exceed|too many|too large|expired|violat|conflict|"
    r"deadlock|stuck|hung|unhealthy|degraded|\bdown\b|\bdead\b|forbidden|unauthori[sz]ed|mismatch|missing|disconnect",
    re.IGNORECASE,
)
"""Words by which operators find trouble in lines without a level, gathered from the messages of common servers."""

_HARMLESS = re.compile(r"deprecat|will be removed|no longer supported", re.IGNORECASE)
"""Warnings to whoever upgrades, not to whoever is on call."""

_START = re.compile(r"\b(re)?start(ing|ed|up)?\b|\bboot(ing|ed)?\b|\blistening on\b|\binitiali[sz]ing\b", re.IGNORECASE)

_WORD = re.compile(r"[A-Za-z][A-Za-z_]+")


def tells_trouble(text: str) -> bool:
    """Whether a line's own words speak of trouble."""
    return _TROUBLE.search(text) is not None


def is_harmless(text: str) -> bool:
    """Whether a warning is one about the next version."""
    return _HARMLESS.search(text) is not None


def tells_start(text: str) -> bool:
    """Whether a line says that something starts."""
    return _START.search(text) is not None


def words_of(texts: Iterable[str | None]) -> frozenset[str]:
    """Return the words of a template's constant parts, in lower case."""
    return frozenset(word.lower() for text in texts if text for word in _WORD.findall(text))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of words that two lines have in common (Jaccard), 0 if one has none."""
    return len(one & other) / len(one | other) if one and other else 0.0
