"""How long `copilot run` takes on the runbooks that ship: to the line `ready URL`, with nothing there and again."""

import time
from pathlib import Path

from benchmarks.figures import Figure, repeated
from tests.flows.program import Program

FIRST_S, NEXT_S = 120.0, 8.0
"""Targets of the issue. The first includes `make setup` there, not here."""


def figures(folder: Path, runs: int) -> list[Figure]:
    """Start in fresh data folders, then again in each."""
    data = [f"start-{number}" for number in range(runs)]
    return [
        repeated("ready, first time", "s", runs, lambda number: _ready_s(folder, data[number]), at_most=FIRST_S),
        repeated("ready, next time", "s", runs, lambda number: _ready_s(folder, data[number]), at_most=NEXT_S),
    ]


def _ready_s(folder: Path, data: str) -> float:
    begun = time.perf_counter()
    with Program("run", "--data", data, "--http-port", "0", "--port", "0", folder=folder) as program:
        program.ready()
        seconds = time.perf_counter() - begun
        program.stop()
    return seconds
