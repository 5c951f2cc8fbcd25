"""Judges single words: which look like values, which tell what happened, which announce a name.

Knows nothing of lines and templates.
"""

import re
from typing import Final

from ingest.logs.mask import EMPTY, SLOT

OUTCOMES: Final = frozenset(
    b"ok success successful successfully succeeded fail failed failure failing error errors abort aborted denied "
    b"refused rejected accepted granted up down on off open opened close closed start started starting stop stopped "
    b"stopping begin end ended enable enabled disable disabled alive dead lost found missing connect connected "
    b"disconnect disconnected valid invalid yes no not none online offline active inactive available unavailable "
    b"allow allowed deny pass passed timeout expired good bad healthy unhealthy ready add added remove removed create "
    b"created creating delete deleted deleting removing adding read write login logout join joined leave left get post "
    b"put head patch options info warn warning debug fatal critical notice resumed paused suspended spawned destroyed "
    b"in out".split()
)
"""Words that tell what happened: two lines that differ in one of them are two messages, however many there are."""

HINTS: Final = frozenset(
    b"user username account group host hostname node server client device interface file database table queue topic "
    b"pod container image program".split()
)
"""Words that announce a name."""

NOTHING: Final = frozenset((EMPTY, *b"null nil None NULL N/A n/a NA NaN nan undefined true false True False".split()))
"""How programs write a value that is not there, or just yes and no."""

_FILLERS = b"*-?.#~_"
_DIGITS = frozenset(b"0123456789")
_HOST = re.compile(rb"[\w-]+(?:\.[\w-]+)*\.(?:[a-z]{2,3}|info|local|internal|localdomain)")


def is_value(word: bytes) -> bool:
    """Say whether a word is a value by its looks: digits in it, a boolean, a host, a path, or the word for nothing."""
    if SLOT in word:
        return word == SLOT
    return (
        word in NOTHING
        or not word.strip(_FILLERS)
        or not _DIGITS.isdisjoint(word)
        or b"/" in word
        or _HOST.fullmatch(word) is not None
    )


def is_outcome(word: bytes) -> bool:
    """Say whether a word tells what happened."""
    return word.strip(b".!?").lower() in OUTCOMES


def is_state(word: bytes) -> bool:
    """Say whether a word is written as programs write their states: LEADING, SETUP_DONE."""
    return len(word) > 1 and word.isupper()
