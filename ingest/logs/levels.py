"""Level words and numbers as ranks: 0 unknown, 1 debug, 2 info, 3 warn, 4 error, 5 fatal. Judges no message."""

from collections.abc import Mapping
from typing import Final

UNKNOWN: Final = 0
DEBUG: Final = 1
INFO: Final = 2
WARN: Final = 3
ERROR: Final = 4
FATAL: Final = 5

NAMES: tuple[str, ...] = ("unknown", "debug", "info", "warn", "error", "fatal")
"""What people read, by rank."""

_MOST_WORDS = 1_000
"""Spellings remembered; a column that turns out to hold no levels does not fill the memory."""

_WORDS: Mapping[int, str] = {
    DEBUG: "trace trc debug dbg dbug verbose vrb finest finer fine all notset silly debug1 debug2 debug3 debug4 debug5",
    INFO: "info inf information informational informative notice note config log statement audit success default http",
    WARN: "warn wrn warning warnings",
    ERROR: "error err errors eror severe failure",
    FATAL: "fatal ftl critical crit crt emerg emergency alert panic dpanic",
}
"""Level words of syslog (RFC 5424), Java, Python, .NET, Go, Node, PostgreSQL, Apache and Android, in lower case."""

WORDS: Mapping[bytes, int] = {word.encode(): rank for rank, words in _WORDS.items() for word in words.split()}

LETTERS: Mapping[bytes, int] = {
    letter.encode(): rank
    for rank, letters in ((DEBUG, "TVD"), (INFO, "IN"), (WARN, "W"), (ERROR, "E"), (FATAL, "FCA"))
    for letter in letters
}
"""One capital letter, as Android, klog and glog write it: a level only where a level is expected."""

SYSLOG: tuple[int, ...] = (FATAL, FATAL, FATAL, ERROR, WARN, INFO, INFO, DEBUG)
"""By syslog severity 0 to 7 (RFC 5424, table 2)."""


class Ranks(dict[bytes, int]):
    """The rank of every spelling of a level; what is none has rank 0. `ranks[b"Warning:"]` is 3."""

    def __missing__(self, text: bytes) -> int:
        """Work out a spelling not met yet."""
        rank = rank_of(text)
        if len(self) < _MOST_WORDS:
            self[text] = rank
        return rank


def rank_of(text: bytes) -> int:
    """Return the rank of a level as it is written: `WARN`, `[warning]`, `Error:`, `E`, `50`, `<34>`."""
    if text[:1] == b"<" and text[1:-1].isdigit() and text[-1:] == b">":
        return SYSLOG[int(text[1:-1]) % 8]
    word = text.strip(b" \t[](){}<>:|\"'")
    if word.isdigit():
        return rank_of_number(int(word)) if len(word) <= len("60") else UNKNOWN
    return LETTERS.get(word) or WORDS.get(word.lower()) or WORDS.get(word.lower().rpartition(b":")[2], UNKNOWN)


def rank_of_number(number: int) -> int:
    """Return the rank of a level given as a number: Python's, bunyan's and pino's tens, else syslog's 0 to 7.

    Python says 10 debug to 50 critical, bunyan and pino 10 trace to 60 fatal: their 20 to 50 differ by one step. Node's
    reading is taken, as JSON lines with a bare number come from there (Python writes the word).
    """
    if number >= 10:  # noqa: PLR2004 - the least of the tens
        return {10: DEBUG, 20: DEBUG, 30: INFO, 40: WARN, 50: ERROR, 60: FATAL}.get(number, UNKNOWN)
    return SYSLOG[number] if 0 <= number < len(SYSLOG) else UNKNOWN
