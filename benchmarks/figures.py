"""Figures, how they are taken, and the table they are printed in. Knows nothing of what is measured."""

import os
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: the same thing measured a few times. `load` is the load average of the minute before.

    `at_most` is the target, where there is one.
    """

    name: str
    unit: str
    runs: tuple[float, ...]
    load: float
    at_most: float | None = None
    note: str = ""

    @property
    def median(self) -> float:
        """The run in the middle."""
        return statistics.median(self.runs)

    @property
    def cells(self) -> tuple[str, ...]:
        """The line as texts."""
        target = "" if self.at_most is None else f"<= {shown(self.at_most)}"
        missed = self.at_most is not None and self.median > self.at_most
        spread = f"{shown(min(self.runs))} .. {shown(max(self.runs))}"
        note = "; ".join(filter(None, ["OVER" * missed, self.note]))
        return (self.name, f"{shown(self.median)} {self.unit}".strip(), spread, target, f"{self.load:.1f}", note)


HEADS = ("figure", "median", "runs", "target", "load", "")


def repeated(
    name: str, unit: str, runs: int, once: Callable[[int], float], *, at_most: float | None = None, note: str = ""
) -> Figure:
    """Measure by `once(number of the run)`, so many times."""
    before = load()
    values = []
    for number in range(runs):
        values.append(once(number))
        say(f"{name}: {shown(values[-1])} {unit}, run {number + 1} of {runs}")
    return Figure(name, unit, tuple(values), before, at_most, note)


def percentile(seconds: Sequence[float], share: float) -> float:
    """Return a percentile in milliseconds (numpy's linear interpolation)."""
    return float(np.percentile(seconds, share)) * 1_000


def load() -> float:
    """Return how many processes wanted a processor in the last minute."""
    return os.getloadavg()[0]


def shown(value: float) -> str:
    """Return a number with three digits that mean something."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows in columns: the first to the left, the others to the right but for the last."""
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    lines = [heads, ["-" * width for width in widths], *rows]
    last = len(heads) - 1
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, last) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def say(text: str) -> None:
    """Tell a person on stderr how far we are."""
    print(text, file=sys.stderr, flush=True)
