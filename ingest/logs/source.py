"""The seam to wherever log lines come from: whole lines in batches, and a cursor to go on from. Knows no format."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

Cursor = Mapping[str, object]
"""Where a source was left: JSON-able, understood by its own source alone; `{}` is the beginning."""

MOST_LINE = 64 * 1024
"""Ours: a line beyond 64 KiB is cut; what identifies an event stands in its first few hundred bytes."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a source knows of a line, for lines that do not say it themselves. `b""` and 0: not known."""

    host: bytes = b""
    service: bytes = b""
    level: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Whole log lines, as they came, and where to go on once they are counted.

    `lines` are physical lines without their line end, each at most MOST_LINE bytes and a marker (`cut`). `times` is
    the source's own time of each line (seconds UTC; NaN where it has none), for lines that tell none; `defaults` is
    what it knows of each beside. `written` is when the youngest of them was written (seconds UTC), for stamps that
    leave the year or the day out. `done` is the share of all that is there now that has been read, 0 to 1.
    """

    lines: list[bytes]
    cursor: Cursor
    times: list[float] | None = None
    defaults: list[Defaults] | None = None
    written: float | None = None
    done: float | None = None


class Source(Protocol):
    """One stream of log lines."""

    @property
    def name(self) -> str:
        """The stream's name."""
        ...

    def read(self, cursor: Cursor) -> AsyncIterator[Batch]:
        """Yield all that is there after `cursor`, oldest first, then end. Does I/O.

        Raises SourceDown when it cannot be read now; what was yielded until then is good.
        """
        ...


class Lasting(Source, Protocol):
    """A stream that can be asked how it is without reading it."""

    async def newest(self) -> float | None:
        """Return the time of the newest line that is there (seconds UTC), None when there is none. Does I/O.

        Raises SourceDown when the source cannot be read now.
        """
        ...


def lines_of(text: bytes) -> list[bytes]:
    """Return the lines of one event: one, or several of a trace. Line ends of Windows and NUL are dropped."""
    text = text.rstrip(b"\r\n")
    if b"\r" in text or b"\0" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\0", b"")
    return [cut(line) for line in text.split(b"\n")]


def cut(line: bytes, more: int = 0) -> bytes:
    """Return a line cut to MOST_LINE bytes, and how many are gone: ` [cut: 10420224 bytes]`.

    `more` is how many bytes of the line were already left out behind it.
    """
    gone = len(line) - MOST_LINE + more
    return line if gone <= 0 else b"%b [cut: %d bytes]" % (line[:MOST_LINE], gone)
