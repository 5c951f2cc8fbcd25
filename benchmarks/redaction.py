#!/usr/bin/env python
"""How well and how fast secrets are redacted: `redaction.py`, or `redaction.py ATTACKS_DIR LOGS_DIR` for labelled sets.

ATTACKS_DIR has secrets/lines_*.jsonl and secrets/thirdparty_*.jsonl, whose texts are broken by U+241F; LOGS_DIR has
*.log.gz without secrets. Without folders our own lines are measured. Times are of the processor, medians of three.
"""

import argparse
import gzip
import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.figures import say, table
from benchmarks.leaks import Labelled, hostile, own
from ingest.redact import redact

MARK = "\u241f"
RUNS = 3
HOSTILE_CHARS = 1_000_000
MOST_HOSTILE_S = 3.0
EACH = 20
SHOWN = 20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attacks", nargs="?", type=Path, help="folder with secrets/*.jsonl")
    parser.add_argument("logs", nargs="?", type=Path, help="folder with *.log.gz")
    parser.add_argument("--missed", action="store_true", help="print lines that were missed or touched")
    asked = parser.parse_args()
    redact("warm=up")
    for name, lines in _sets(asked.attacks):
        _report(name, lines, missed=asked.missed)
    for path in sorted(asked.logs.glob("*.log.gz")) if asked.logs else ():
        _logs(path, missed=asked.missed)
    _hostile()


def _sets(attacks: Path | None) -> Iterator[tuple[str, list[Labelled]]]:
    if attacks is None:
        yield "our own lines", list(own(random.Random(1), EACH))
        return
    for path in sorted(attacks.glob("secrets/*.jsonl")):
        yield path.name, list(labelled(path))


def labelled(path: Path) -> Iterator[Labelled]:
    """Yield the lines of a labelled set, put together again."""
    for row in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(row.replace(json.dumps(MARK)[1:-1], "").replace(MARK, ""))
        secrets = line["secrets"]
        kind = secrets[0]["kind"] if secrets else "look-alike"
        yield Labelled(kind, line["line"], tuple(secret["value"] for secret in secrets))


def _report(name: str, lines: Sequence[Labelled], *, missed: bool) -> None:
    texts = [line.text for line in lines]
    shown = [redact(text) for text in texts]
    pairs = list(zip(lines, shown, strict=True))
    held, wanted = Counter[str](), Counter[str]()
    for line, text in pairs:
        for secret in line.secrets:
            wanted[line.kind] += 1
            held[line.kind] += secret not in text
    harmless = [(line, text) for line, text in pairs if not line.secrets]
    touched = [(line, text) for line, text in harmless if line.text != text]
    print(f"\n{name}: recall {_share(held.total(), wanted.total())}")
    print(f"look-alikes touched {_share(len(touched), len(harmless))}")
    print(f"{_lines_per_s(texts):,.0f} lines/s; by kind, where any was missed:")
    rows = [(kind, str(held[kind]), str(wanted[kind])) for kind in wanted if held[kind] < wanted[kind]]
    print(table(("kind", "hidden", "secrets"), rows or [("all", str(held.total()), str(wanted.total()))]))
    if missed:
        leaked = [(line, text) for line, text in pairs if any(secret in text for secret in line.secrets)]
        for line, text in [*leaked[:SHOWN], *touched[:SHOWN]]:
            say(f"{line.text!r}\n  -> {text!r}")


def _logs(path: Path, *, missed: bool) -> None:
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines()
    hits = [(line, text) for line in lines if (text := redact(line)) != line]
    print(
        f"{path.name}: {len(hits) * 10_000 / len(lines):.1f} hits per 10,000 lines, {_lines_per_s(lines):,.0f} lines/s"
    )
    for line, text in hits[:SHOWN] if missed else ():
        say(f"{line!r}\n  -> {text!r}")


def _hostile() -> None:
    took = {name: _seconds(lambda line=line: redact(line)) for name, line in hostile(HOSTILE_CHARS).items()}  # type: ignore[misc]
    slowest = sorted(took.items(), key=lambda pair: -pair[1])
    print(f"\nhostile lines of {HOSTILE_CHARS:,} characters, the slowest (target {MOST_HOSTILE_S} s):")
    print(table(("line", "s", ""), [(name, f"{s:.2f}", "OVER" * (s > MOST_HOSTILE_S)) for name, s in slowest[:8]]))


def _lines_per_s(lines: Sequence[str]) -> float:
    return len(lines) / statistics.median(_seconds(lambda: [redact(line) for line in lines]) for _ in range(RUNS))


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%} ({part} of {whole})" if whole else "-"


if __name__ == "__main__":
    main()
