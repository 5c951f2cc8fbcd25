"""The program with a pulse: `python -m benchmarks.pulse FILE run ...` runs it and writes down how late its loop is.

A beat is due every 10 ms. What comes later was held up by work in the loop, by threads that had Python's lock, or by
other processes. A line of FILE is the time (seconds UTC) and the lateness (seconds) of one beat.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from bot.__main__ import main

BEAT_S = 0.01


@dataclass(slots=True)
class _Heart:
    """Beats in one loop."""

    loop: asyncio.AbstractEventLoop
    file: TextIO
    due: float = 0.0

    def begin(self) -> None:
        self.due = self.loop.time() + BEAT_S
        self.loop.call_at(self.due, self._beat)

    def _beat(self) -> None:
        self.file.write(f"{time.time():.3f} {max(0.0, self.loop.time() - self.due):.4f}\n")
        self.begin()


class _Policy(asyncio.DefaultEventLoopPolicy):
    """Gives every loop a heart."""

    def __init__(self, file: TextIO) -> None:
        super().__init__()
        self._file = file

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        loop = super().new_event_loop()
        loop.call_soon(_Heart(loop, self._file).begin)
        return loop


def beats(path: Path, begin: float, end: float) -> Sequence[float]:
    """Return how late the beats between two times were, in seconds."""
    rows = [line.split() for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    return [float(late) for at, late in rows if begin <= float(at) < end]


if __name__ == "__main__":
    with Path(sys.argv[1]).open("w", buffering=1, encoding="utf-8") as file:
        asyncio.set_event_loop_policy(_Policy(file))
        sys.argv[1:] = sys.argv[2:]
        main()
