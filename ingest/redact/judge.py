"""Whether a value that stands behind a name is a secret: the name's promise, the value, and how it stands there."""

import functools
from typing import NamedTuple

from ingest.redact.keep import digits, irregular, prose, random_looking, refers
from ingest.redact.names import Promise
from ingest.redact.scan import Scanner, scanner
from ingest.redact.wrapped import login_in

LEAST_PASSWORD = 4
LEAST_SECRET = 6
LEAST_LETTERS = 8
"""Characters of a machine's secret that has letters only: below it is a word."""
LEAST_NUMBER = 12
"""Digits of a machine's secret that has digits only: below it is a count."""
MOST_CODE = 10


class How(NamedTuple):
    """How a value stands behind its name."""

    assigned: bool
    """By an equals sign, a flag or in quotes, not merely after a colon as in prose."""
    quoted: bool = False
    spaced: bool = False
    alone: bool = False
    """The pair is the whole line, as in YAML."""
    follows: bytes = b""
    """The beginning of what stands behind the value."""


_PLAIN = r"[A-Za-z'\-]+"
_IDENTIFIER = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+|[a-z]+(?:_[a-z]+)+|[a-z]{3,}(?:[A-Z][a-z]{2,})+"
_PAIR = r"[A-Za-z_][\w.\-]{0,60}=[\w\"'$<{/].*"  # in `bad token: attempts=3` the next pair is not the value of this one
_CAMEL = r"(?:[A-Z][a-z]{2,}){2,}"
_HUMP = r"[a-z]{3,}(?:[A-Z][a-z]{2,})+"
_DATE = r"\d{4}-\d\d-\d\d.*|\d{1,2}:\d\d.*|v?\d+(?:\.\d+)+|\d+(?:ms|s|m|h|d|kb|mb|%)"
_SLUG = r"[a-z]+(?:[_.\-/:][a-z]+)+(?:[_.\-/:]?v?\d{1,2})?"
_NUMBERED = r".*\d\d"
_GOES_ON = r" [A-Za-z(][a-z]*(?:[ ,.:;!?)'].*)?"
_ENDINGS = (b"ed", b"ing", b"ion", b"ure", b"ble", b"ive", b"Exception", b"Error", b"ment", b"ly")


def hides(promised: Promise, value: bytes, how: How) -> bool:
    """Return whether `value` must be hidden."""
    value = value.replace(b"\0", b"")  # what an earlier pass has hidden
    if promised == "none" or refers(value, code=not how.quoted, spaced=how.spaced or not how.assigned):
        return False
    if b" " in value and prose(value):
        return False
    if promised == "password":
        return _password(value, how)
    if promised == "secret":
        return _secret(value, how)
    if promised == "code":
        return LEAST_PASSWORD <= len(value) <= MOST_CODE and value.isdigit()
    return random_looking(value) or login_in(value)


def _password(value: bytes, how: How) -> bool:
    if len(value) < LEAST_PASSWORD:
        return False
    if how.assigned:
        return how.quoted or not how.spaced or not _is(_IDENTIFIER, value)
    if not _is(_PLAIN, value):
        return not _is(_PAIR, value) and not _is(_DATE, value)
    return (
        how.alone
        or irregular(value)
        or not (_is(_GOES_ON, how.follows) or value.endswith(_ENDINGS) or _is(_CAMEL, value))
    )


def _secret(value: bytes, how: How) -> bool:
    if len(value) < LEAST_SECRET or _is(_DATE, value) or _is(_PAIR, value):
        return False
    if _is(_SLUG, value) and not (how.assigned and _is(_NUMBERED, value)):
        return False
    if value.isdigit():
        return len(value) >= LEAST_NUMBER
    if _is(_PLAIN, value):
        return _lettered(value, how)
    return how.assigned or digits(value) > 0 or random_looking(value)


def _lettered(value: bytes, how: How) -> bool:
    """Return whether letters alone are a secret: behind an equals sign, and neither words nor a name in code."""
    if len(value) < LEAST_LETTERS:
        return False
    if not how.assigned or b"-" in value or _is(_CAMEL, value) or _is(_HUMP, value):
        return random_looking(value)
    return True


def _is(pattern: str, value: bytes) -> bool:
    return _compiled(pattern).fullmatch(value) is not None


@functools.cache
def _compiled(pattern: str) -> Scanner:
    return scanner(f"(?s){pattern}")
