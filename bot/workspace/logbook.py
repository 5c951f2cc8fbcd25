"""The shop's log files: a file per stream and quarter of a day, of which the last two days are kept.

Names files and reads their ends; knows neither what is written nor the time.
"""

import glob
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from bot.workspace.shop import Line

FILE_S = 6 * 3_600
"""What stands in one file: it is read in one piece, which is judged in a quarter of a second."""

TAIL_BYTES = 8_192
"""The end of a file in which its last line is looked for; lines are 100 bytes."""


class Logbook:
    """The files of one folder. Every method does I/O and may raise OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def pattern(self, stream: str) -> str:
        """Return the glob that means all files of a stream."""
        return f"{glob.escape(str(self._folder))}/{stream}-*.log"

    def begin(self, stream: str, time: float) -> None:
        """Make the file in which a time (seconds since 1970 UTC) belongs, so that there is one to read."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._file(stream, time).touch()

    def append(self, stream: str, lines: Sequence[Line]) -> None:
        """Write lines behind those that are there; they are in the order of their times."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for begin, here in groupby(lines, lambda line: line.time // FILE_S * FILE_S):
            with self._file(stream, begin).open("ab") as file:
                file.write("".join(f"{line}\n" for line in here).encode())

    def last(self, stream: str) -> float | None:
        """Return the time of the last line that is there, None if there is none; half a line is taken away."""
        for file in reversed(self._files(stream)):
            with file.open("rb+") as opened:
                size = opened.seek(0, os.SEEK_END)
                opened.seek(max(0, size - TAIL_BYTES))
                whole = opened.read().rpartition(b"\n")
                if whole[2]:
                    opened.truncate(size - len(whole[2]))
            if whole[0]:
                return _time_of(whole[0].rpartition(b"\n")[2])
        return None

    def forget(self, stream: str, before: float) -> None:
        """Delete the files in which all is older than a time."""
        oldest = self._file(stream, before)
        for file in self._files(stream):
            if file < oldest:
                file.unlink()

    def _files(self, stream: str) -> list[Path]:
        return sorted(self._folder.glob(f"{stream}-*.log"))

    def _file(self, stream: str, time: float) -> Path:
        begin = datetime.fromtimestamp(time // FILE_S * FILE_S, UTC)
        return self._folder / f"{stream}-{begin:%Y-%m-%dT%H}.log"


def _time_of(line: bytes) -> float | None:
    """Return the time at a line's beginning; None where somebody else has written there."""
    try:
        return datetime.fromisoformat(line.partition(b" ")[0].decode("ascii")).timestamp()
    except ValueError:
        return None
