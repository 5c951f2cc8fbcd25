"""How long `copilot sync` takes on a corpus: the first time, with nothing changed, and with one file touched."""

import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure, load, repeated, say
from bot.build.house import EXAMPLE
from bot.commands.evaluate import FOLDERS, NOT_DOCUMENTS
from tests.flows.program import environment

SECOND_S = 2.0
"""Target of the issue for a sync with nothing to do."""

HEAVY = ("chromadb", "onnxruntime", "onnx")

WATCHED = f"""
import atexit, sys
from bot.__main__ import main
atexit.register(lambda: print("imported:", *(set(sys.modules) & set({HEAVY!r})), file=sys.stderr))
main()
"""
"""The program, telling at its end which of the heavy libraries it imported."""

TOUCHED = "checkout-5xx.md"


@dataclass(frozen=True, slots=True)
class Synced:
    """What one run of `copilot sync` did."""

    seconds: float
    embedded: int
    imported: str


def figures(folder: Path, corpus: Path, runs: int) -> list[Figure]:
    """Sync the corpus into fresh folders, the last of which is `folder/data`; then again, and with a file touched."""
    first, before = [], load()
    for number in range(runs):
        shutil.rmtree(folder / "data", ignore_errors=True)
        first.append(_sync(folder, *(str(corpus / name) for name in FOLDERS)))
        say(f"first sync: {first[-1].seconds:.1f} s, {first[-1].embedded} texts, run {number + 1} of {runs}")
    rate = tuple(each.embedded / each.seconds for each in first)
    return [
        Figure("sync, first", "s", tuple(each.seconds for each in first), before),
        Figure("sync, first", "texts/s", rate, before, note=f"{first[-1].embedded} texts"),
        _second(folder, runs),
        _touched(folder, runs),
    ]


def fill(folder: Path, corpus: Path | None) -> None:
    """Sync the corpus, or the runbooks that ship, into `folder/data` without timing it."""
    _sync(folder, *([str(EXAMPLE)] if corpus is None else [str(corpus / name) for name in FOLDERS]))


def _second(folder: Path, runs: int) -> Figure:
    """Sync with nothing to do."""
    found = [_sync(folder) for _ in range(2)]  # the first of the two may still find bytecode to write
    timed = repeated("sync, nothing changed", "s", runs, lambda _: _seconds(found, _sync(folder)), at_most=SECOND_S)
    imported = " ".join(sorted({each.imported for each in found} - {""})) or "neither chromadb nor the model"
    texts = max(each.embedded for each in found[1:])
    return Figure(timed.name, "s", timed.runs, timed.load, timed.at_most, f"imported {imported}; {texts} embedded")


def _touched(folder: Path, runs: int) -> Figure:
    """Sync after one line of one document changed: in a folder of our own, since the corpus is only read."""
    notes = folder / "notes"
    notes.mkdir(exist_ok=True)
    text = (EXAMPLE / TOUCHED).read_text(encoding="utf-8")
    (notes / TOUCHED).write_text(text, encoding="utf-8")
    whole = _sync(folder, "notes").embedded
    found: list[Synced] = []

    def once(number: int) -> float:
        (notes / TOUCHED).write_text(f"{text}\nSeen again on day {number}.\n", encoding="utf-8")
        return _seconds(found, _sync(folder))

    timed = repeated("sync, one file touched", "s", runs, once)
    texts = ", ".join(str(each.embedded) for each in found)
    return Figure(timed.name, "s", timed.runs, timed.load, note=f"{texts} of its {whole} texts embedded")


def _seconds(found: list[Synced], synced: Synced) -> float:
    found.append(synced)
    return synced.seconds


def _sync(folder: Path, *paths: str) -> Synced:
    excludes = [part for name in NOT_DOCUMENTS if paths for part in ("--exclude", name)]
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, "sync", *paths, *excludes, "--data", "data"],
        cwd=folder,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - begun
    embedded = re.search(r"(\d+) texts embedded", done.stderr)
    imported = re.search(r"^imported:(.*)$", done.stderr, re.MULTILINE)
    return Synced(seconds, int(embedded[1]) if embedded else 0, imported[1].strip() if imported else "?")
