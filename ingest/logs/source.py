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
    """What a source knows of all lines of a batch, for lines that do not say it themselves. `b""` and 0: not known."""

    host: bytes = b""
    service: bytes = b""
    level: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Whole log lines, as they came, and where to go on once they are counted.

    `lines` are physical lines without their line end, each at most MOST_LINE bytes and a marker (`cut`). `times` is
    the source's own time of each line (seconds UTC), for lines that tell none; `written` is when the youngest of them
    was written (seconds UTC), for stamps that leave the year or the day out. `done` is the share of all that is there
    now that has been read, 0 to 1.
    """

    lines: list[bytes]
    cursor: Cursor
    times: list[float] | None = None
    defaults: Defaults | None = None
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


def cut(line: bytes, more: int = 0) -> bytes:
    """Return a line cut to MOST_LINE bytes, and how many are gone: ` [cut: 10420224 bytes]`.

    `more` is how many bytes of the line were already left out behind it.
    """
    gone = len(line) - MOST_LINE + more
    return line if gone <= 0 else b"%b [cut: %d bytes]" % (line[:MOST_LINE], gone)
