#!/usr/bin/env python
"""What `copilot scan` finds in labelled logs, beside the simplest approach: `benchmarks/anomalies.py DIR`.

DIR holds score.py and any of: semisynthetic/ (NAME.log.gz, incidents.jsonl, meta.json with each stream's train_end),
openstack_fi/ (NAME.streams.jsonl with roles, NAME.incidents.jsonl, tab-separated streams), nezha_ts/ (one stream,
NAME.incidents.jsonl with the minutes before each fault). The simplest approach tells every new template of a warning
or an error, once, and nothing else. Labels are read by score.py alone, which runs as a process of its own.
"""

import argparse
import asyncio
import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.figures import load, say, table
from ingest.logs.files import Files
from ingest.logs.levels import WARN
from ingest.logs.line import Parser
from ingest.logs.names import stem_of
from ingest.logs.source import Batch
from ingest.logs.template import Miner

HEADS = (
    "set", "way", "recall", "precision", "f1", "false alarms", "a stream-day", "in benign", "rows an incident",
    "evidence delay s, median", "p90", "slow at", "seconds", "load",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Set:
    """One set of labelled streams: what is scanned, what is learnt, and how it is scored."""

    name: str
    scanned: Sequence[Path]
    truth: Path
    trains: Sequence[Path] = ()
    train_until: float | None = None
    scoring: Sequence[str] = ()

    @property
    def options(self) -> list[str]:
        """The options of `copilot scan`."""
        until = [] if self.train_until is None else ["--train-until", _iso(self.train_until)]
        return [*until, *(word for path in self.trains for word in ("--train", str(path)))]


def sets_in(folder: Path, work: Path) -> Iterator[Set]:
    """Yield the sets that a folder holds; `work` takes what must be written to scan them."""
    semi = folder / "semisynthetic"
    if semi.is_dir():
        meta = semi / "meta.json"
        streams = json.loads(meta.read_text(encoding="utf-8"))["streams"]
        files = [semi / each["file"] for each in streams.values()]
        until = max(each["train_end"] for each in streams.values())
        yield Set("semisynthetic", files, semi / "incidents.jsonl", (), until, ("--meta", str(meta)))
    for listed in sorted((folder / "openstack_fi").glob("*.streams.jsonl")):
        roles = {each["file"]: each["role"] for each in _rows(listed)}
        by_role = {role: [listed.parent / file for file in roles if roles[file] == role] for role in ("train", "test")}
        truth = listed.with_name(listed.name.replace("streams", "incidents"))
        yield Set(
            f"openstack {listed.name.split('.')[0]}",
            by_role["test"],
            truth,
            by_role["train"],
            None,
            ("--evidence-only",),
        )
    for truth in sorted((folder / "nezha_ts").glob("*.incidents.jsonl")):
        stream = truth.with_name(truth.name.replace("incidents.jsonl", "log.tsv.gz"))
        yield Set(stem_of(stream), [stream], truth, [_before_faults(stream, truth, work)])


def _before_faults(stream: Path, truth: Path, work: Path) -> Path:
    """Write the lines of the minutes before each fault, which are like any other, into a file to learn from."""
    spans = [(each["pre_fault_from"], each["start"]) for each in _rows(truth)]
    out = work / f"{stem_of(stream)}-before.tsv"
    with gzip.open(stream, "rt", encoding="utf-8", errors="replace") as lines, out.open("w", encoding="utf-8") as kept:
        for line in lines:
            stamp = line.split("\t", 1)[0]
            if any(begin <= stamp < end for begin, end in spans):
                kept.write(line)
    return out


def ours(given: Set, out: Path) -> None:
    """Write what `copilot scan` tells."""
    program = [sys.executable, "-m", "bot", "scan", "--json", *given.options, *map(str, given.scanned)]
    with out.open("w", encoding="utf-8") as file:
        subprocess.run(program, stdout=file, check=True)


def simplest(given: Set, out: Path) -> None:
    """Write a row for every new template of a warning or an error."""
    with out.open("w", encoding="utf-8") as file:
        for row in asyncio.run(_newcomers(given)):
            file.write(json.dumps(row) + "\n")


async def _newcomers(given: Set) -> list[Mapping[str, object]]:
    learnt = Miner()
    for path in given.trains:
        async for batch, parser in _batches(path):
            columns = parser.columns(batch)
            learnt.ids(columns.texts, columns.levels)
    state = learnt.state()
    rows: list[Mapping[str, object]] = []
    for path in given.scanned:
        miner = Miner.restore(state)
        known = set(miner.living)
        async for batch, parser in _batches(path):
            columns = parser.columns(batch, last=not batch.lines)
            ids = miner.ids(columns.texts, columns.levels)
            for number, at, level, text in zip(ids, columns.times, columns.levels, columns.texts, strict=True):
                if number in known:
                    continue
                known.add(number)
                if level >= WARN and at >= (given.train_until or 0.0):
                    told = {"stream": stem_of(path), "detected_at": _iso((at // 60 + 1) * 60), "start": _iso(at)}
                    rows.append(told | {"template": miner.template(number), "example": text.decode(errors="replace")})
    return rows


async def _batches(path: Path) -> AsyncIterator[tuple[Batch, Parser]]:
    """Yield a stream's batches with the parser for them; the last has no lines."""
    parser = Parser()
    async for batch in Files(stem_of(path), [path], finished=True).read({}):
        yield batch, parser
    yield Batch([], {}), parser


def scored(folder: Path, given: Set, predicted: Path) -> dict[str, Any]:
    """Return what the folder's own scorer says."""
    words = [sys.executable, str(folder / "score.py"), "anomalies", "--truth", str(given.truth)]
    words += ["--pred", str(predicted), *given.scoring]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _cells(figures: Mapping[str, Any]) -> Iterable[str]:
    alarms = figures["false_alarms"] + figures["false_alarms_in_benign_events"]
    yield f"{figures['recall']:.3f} ({figures['detected']}/{figures['incidents']})"
    yield from (f"{figures[name]:.3f}" for name in ("precision", "f1"))
    yield str(alarms)
    yield _shown(figures.get("false_alarms_per_stream_day"))
    yield str(figures["false_alarms_in_benign_events"])
    for name in ("alarms_per_detected_incident", "evidence_delay_s_median", "evidence_delay_s_p90"):
        yield _shown(figures.get(name))
    yield _shown(figures.get("slow_detected_at_share_of_length_median"))


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _iso(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def main() -> None:
    """Scan, score and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with score.py and the sets")
    parser.add_argument("--only", nargs="+", metavar="SET", default=[], help="sets whose names begin so")
    asked = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory(prefix="copilot-eval-") as work:
        for given in sets_in(asked.folder, Path(work)):
            if asked.only and not given.name.startswith(tuple(asked.only)):
                continue
            for name, way in (("new warnings", simplest), ("copilot scan", ours)):
                out, before, began = Path(work) / "told.jsonl", load(), time.monotonic()
                way(given, out)
                spent = time.monotonic() - began
                say(f"{given.name} by {name}: {spent:.1f} s")
                lines.append(
                    (given.name, name, *_cells(scored(asked.folder, given, out)), f"{spent:.1f}", f"{before:.1f}")
                )
    print(table(HEADS, lines))


if __name__ == "__main__":
    main()
