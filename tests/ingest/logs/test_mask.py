"""What counts as a value in a message, and how a skeleton comes apart into words."""

import pytest

from ingest.logs.mask import EMPTY, MOST_TEXT, SLOT, listed, masked, parts, told

VALUES = {
    "number": ("took 17 tries", "took <*> tries"),
    "number with a unit": ("took 17ms, 3.5GB used, 99% full", "took <*>, <*> used, <*> full"),
    "less than": ("lifetime <1 sec", "lifetime <*>"),
    "negative and signed": ("offset -5 drift +0.25", "offset <*> drift <*>"),
    "thousands": ("copied 1,234,567 rows", "copied <*> rows"),
    "hex": ("at 0xdeadbeef", "at <*>"),
    "uuid": ("volume 6f9619ff-8b86-d011-b42d-00cf4fc964ff gone", "volume <*> gone"),
    "uuid that starts with letters": ("volume abcdefab-8b86-d011-b42d-00cf4fc964ff gone", "volume <*> gone"),
    "address": ("from 10.0.0.7 port", "from <*> port"),
    "address and port": ("from 10.0.0.7:8080", "from <*>"),
    "java address": ("accepted /10.0.0.7:8080", "accepted <*>"),
    "path": ("open /var/lib/app/x.db failed", "open <*> failed"),
    "path of Windows": (r"load C:\Windows\x.dll now", "load C:<*> now"),
    "web address": ("call https://api.example/v1/x?y=z done", "call https:<*> done"),
    "mail address": ("mail bob@example.org bounced", "mail <*> bounced"),
    "id in a word": ("block blk_-16089 lost", "block <*> lost"),
    "pod": ("pod web-5dc8d4f9fd-46997 ready", "pod <*> ready"),
    "number after a name": ("generating core.2275", "generating core.<*>"),
    "class and line": ("a.b.OrderService#68 called", "a.b.OrderService#<*> called"),
    "request": ('"GET /a/b?c=1 HTTP/1.1" 200', '"GET <*>" <*>'),
    "request of the root": ('"GET / HTTP/1.1" 200', '"GET <*>" <*>'),
    "agent": ('200 "Mozilla/5.0 (X11; Linux) Gecko"', '<*> "<*>"'),
    "timestamp": ("since 2026-03-02T10:11:12.123Z on", "since <*> on"),
}

WORDS = [
    "host is bad",
    "host is dead",
    "disk sda failed",
    "uses ssh2 and tty1",
    "state: LEADING",
    'mode "safe"',
    "can't open it's file",
    "read/write lock",
    "beef cafe",
]


@pytest.mark.parametrize(("line", "skeleton"), VALUES.values(), ids=VALUES)
def test_values_become_a_placeholder(line: str, skeleton: str) -> None:
    """Whatever looks like a value is one, whole; the words around it stay."""
    assert masked(line.encode()).replace(SLOT, b"<*>").decode() == skeleton


@pytest.mark.parametrize("line", WORDS)
def test_words_stay(line: str) -> None:
    """Words are never values by their looks, also those of hex letters alone or with one digit at their end."""
    assert masked(line.encode()) == line.encode()


def test_a_traceback_is_named_by_its_first_line_and_its_exception() -> None:
    """What lies between changes with each release and names nothing."""
    text = b"Job 7 failed\nTraceback (most recent call last):\n  File x, line 3\nKeyError: 'dns'"
    assert told(text) == b"Job 7 failed\nKeyError: 'dns'"


def test_a_line_without_end_is_named_by_its_head() -> None:
    """Work per line is bounded."""
    assert len(told(b"x" * 10_000_000)) == MOST_TEXT


def test_absent_values_are_words_of_their_own() -> None:
    """`user=` and `user=bob` are one message: both have a word after the equals sign."""
    assert parts(b"user= from (x)")[1] == parts(b"user=bob from (x)")[1]
    assert parts(b"user= from ()")[0] == (b"user", EMPTY, b"from", EMPTY, b"")


def test_dates_with_names_are_one_value() -> None:
    """Days, months and zones are part of the date they stand at."""
    assert parts(masked(b"until Sat Sep 17 07:49:04 PDT 2005"))[0] == (b"until", SLOT)


@pytest.mark.parametrize(
    ("line", "short", "sure"),
    [
        (b"ids 11, 12, 13 gone", b"ids \x1a gone", True),
        (b"hosts [a, b-c, d] gone", b"hosts [\x1a] gone", True),
        (b"seats [Seat(no=1, at=x), Seat(no=2, at=y)]", b"seats [\x1a]", True),
        (b"status 200 512", b"status \x1a", False),
        (b"no list here", b"no list here", True),
    ],
)
def test_lists_count_as_one_value(line: bytes, short: bytes, sure: bool) -> None:  # noqa: FBT001
    """Only spaces between values may also mean that they are neighbours."""
    assert listed(masked(line)) == (short, sure)
