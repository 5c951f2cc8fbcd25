#!/usr/bin/env python
"""Metric series through the detection of log lines: `python benchmarks/series.py DIR`, beside a robust z-score.

DIR is in the layout of a log set: timeseries/*/ with CSV files `timestamp,value,label`, and score.py, which compares.
A series is one template with one variable place: its values are judged as any place's, its sums as any count's. The
labels are not read here.
"""

import argparse
import csv
import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from benchmarks.figures import table
from ingest.anomalies.detect import Detector
from ingest.anomalies.signal import First, Minute, Row, Value

Z = 6.0
"""Robust standard deviations from which on the peer alarms; it is given the best of 4, 6, 8 and 10 on the whole set."""
ZS = (4.0, 6.0, 8.0, 10.0)
WARM = 200
"""Points after which either may alarm."""
MEAN_LINES = 200.0
"""A series that is never negative is counted as well, at so many lines a point in the mean of its first points."""


def ours(values: Sequence[float], step_s: float) -> Iterator[bool]:
    """Yield whether each point is unusual: a signal on the value, or on the count, in its minute."""
    detector = Detector(lambda _number: ("value", None))
    scale = MEAN_LINES / max(float(np.mean(np.abs(values[:WARM]))), 1e-9) if min(values[:WARM]) >= 0 else 0.0
    first = First(0.0, b"value", b"", b"metric", 2)
    minutes_a_point = max(round(step_s / 60.0), 1)
    for place, value in enumerate(values):
        minute = place if minutes_a_point > 1 else place * minutes_a_point
        lines = max(round(value * scale), 1) if scale else 1
        row = Row(minute, 1, b"", b"metric", 2, lines)
        seen = Minute(minute, [row], [Value(1, b"", 1, b"%.6g" % value)], {1: first} if place == 0 else {})
        signals = detector.observe(seen)
        detector.hold({signal.series for signal in signals})
        yield place >= WARM and bool(signals)


def robust_z(values: Sequence[float], most: float) -> Iterator[bool]:
    """Yield whether each point lies `most` robust deviations from the median of all before it (up to two weeks)."""
    data = np.asarray(values)
    for place in range(len(data)):
        before = data[max(0, place - 4_032) : place : max(1, place // 500)]
        if place < WARM:
            yield False
            continue
        median = float(np.median(before))
        deviation = 1.4826 * float(np.median(np.abs(before - median)))
        yield abs(float(data[place]) - median) > most * max(deviation, 1e-9 + 0.01 * abs(median))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with timeseries/ and score.py")
    folder: Path = parser.parse_args().folder.resolve()
    ways = {"detect": ours} | {f"robust z > {most:g}": lambda v, _s, m=most: robust_z(v, m) for most in ZS}
    rows = []
    for truth in sorted(path for path in (folder / "timeseries").iterdir() if path.is_dir()):
        for name, way in ways.items():
            figures = scored(folder, truth, way)
            keys = ("windows", "recall", "precision", "f1", "false_alarms_per_series_day", "lag_points_median")
            rows.append([truth.name, name, *(str(figures[key]) for key in keys)])
    print(table(("set", "way", "windows", "recall", "precision", "F1", "false runs/series-day", "lag, points"), rows))


def scored(folder: Path, truth: Path, way: object) -> dict[str, object]:
    """Return the scorer's figures for one way over one folder of series."""
    with tempfile.TemporaryDirectory(prefix="copilot-series-") as out:
        for path in sorted(truth.glob("*.csv*")):
            times, values = series(path)
            step = (datetime.fromisoformat(times[1]) - datetime.fromisoformat(times[0])).total_seconds()
            alarms = way(values, step)  # type: ignore[operator]
            write(Path(out) / path.name.removesuffix(".gz"), times, alarms)
        asked = [sys.executable, str(folder / "score.py"), "series", "--truth-dir", str(truth), "--pred-dir", out]
        figures: dict[str, object] = json.loads(subprocess.run(asked, check=True, capture_output=True).stdout)
        return figures


def series(path: Path) -> tuple[list[str], list[float]]:
    """Return timestamps and values."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = list(csv.DictReader(data.decode().splitlines()))
    values: list[float] = []
    for row in rows:
        values.append(
            float(row["value"]) if row["value"] else (values[-1] if values else 0.0)
        )  # a gap says nothing new
    return [row["timestamp"] for row in rows], values


def write(path: Path, times: Sequence[str], alarms: Iterable[bool]) -> None:
    """Write a prediction as the scorer reads it."""
    lines = (f"{time},{int(alarm)}" for time, alarm in zip(times, alarms, strict=True))
    path.write_text("timestamp,alarm\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
