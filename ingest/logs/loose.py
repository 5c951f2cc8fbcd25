"""Single lines that fit no layout: only what cannot be taken for a message is read as their header."""

from collections.abc import Sequence

from ingest.logs.entry import Columns, goes_on
from ingest.logs.header import Token, tokens_of
from ingest.logs.known import Known
from ingest.logs.levels import rank_of

_MOST_HEADER = 512
"""Bytes looked at: no header we know is longer."""


class Head:
    """The header of one line. `end` is where its message begins."""

    def __init__(self, line: bytes) -> None:
        self.line = line
        self.time: Token | None = None
        self.level = self.service = b""
        self.end = 0
        self._read(tokens_of(line[:_MOST_HEADER]))

    def _read(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            if not self._takes(token):
                break
            self.end = token.end
        if self.time is None and not self.level:
            self.end = 0
        behind = self.line[self.end : self.end + 2]
        self.end += len(behind) - len(behind.lstrip(b" \t")) if self.end else 0

    def _takes(self, token: Token) -> bool:
        """Take a token into the header; False when the message begins with it."""
        if self.service:
            return False
        if token.kind == "time":
            first = self.time is None
            self.time = self.time or token
            return first
        if token.kind in ("level", "marked") and not self.level:
            self.level = token.value
            return True
        if token.kind in ("name", "dotted") and self.level and self.time is not None:
            self.service = token.value
            return True
        if token.kind in ("sign", "bracket"):
            return self.time is not None or token.kind == "sign"
        return token.kind == "priority" or (token.kind in ("number", "letter") and self.time is None)


def read_alone(columns: Columns, place: int, line: bytes, known: Known, *, timed: bool, headed: bool) -> bool:
    """Write one line over the entry at `place`; False when it goes on the entry before it.

    `timed`, `headed`: others of the stream tell a time, or have a header at all; one that has none belongs to another.
    """
    head = Head(line)
    if head.time is None and (timed or (headed and not head.level) or goes_on(line)):
        columns.texts[place] = line
        return False
    columns.texts[place] = text = line[head.end :]
    columns.levels[place] = rank_of(head.level) if head.level else known.levels_of([text])[0]
    columns.services[place] = known.services[head.service]
    columns.hosts[place] = known.pods[head.service]
    if head.time is not None:
        columns.times[place] = known.times.one(head.time.value)
    return True
