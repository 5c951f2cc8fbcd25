#!/usr/bin/env python
"""Speed and memory of the real program: `make bench`, with CORPUS=dir and LOGS=dir for folders of your own.

CORPUS has runbooks/ and postmortems/ in it; it is only read. Every figure is the median of three runs, those of cards
and floods are of one, with the load average before them; targets stand beside, and nothing fails on a slow figure.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from benchmarks import cards, mentions, scanning, searching, start, syncing
from benchmarks.corpus import QUESTIONS, labelled
from benchmarks.figures import HEADS, Figure, say, table

PARTS = ("start", "sync", "search", "mentions", "scan", "cards")


def main() -> None:
    """Measure and print."""
    asked = _arguments()
    corpus: Path | None = asked.corpus and asked.corpus.resolve()
    with tempfile.TemporaryDirectory(prefix="copilot-bench-") as folder:
        figures = _figures(Path(folder), corpus, asked)
    print(table(HEADS, [figure.cells for figure in figures]))
    if corpus is None:
        print("\nWithout CORPUS there are no sync figures, and the rest is over the runbooks that ship.")


def _figures(folder: Path, corpus: Path | None, asked: argparse.Namespace) -> list[Figure]:
    """Measure the parts asked for, one after another, since they would slow each other down."""
    questions = [each.query for each in labelled(asked.questions or _questions_of(corpus))]
    figures: list[Figure] = []
    if "start" in asked.only:
        figures += start.figures(folder, asked.runs)
    if "sync" in asked.only and corpus is not None:
        figures += syncing.figures(folder, corpus, asked.runs)
    elif {"search", "mentions"} & set(asked.only):
        say("Indexing first, untimed.")
        syncing.fill(folder, corpus)
    if "search" in asked.only:
        figures += asyncio.run(searching.figures(folder / "data", questions, asked.runs))
    if "mentions" in asked.only:
        figures += asyncio.run(mentions.figures(folder, questions, asked.runs, asked.mentions))
    if "scan" in asked.only:
        figures += scanning.figures(folder, asked.logs and asked.logs.resolve(), asked.runs)
    if "cards" in asked.only:
        figures += cards.figures(folder)
    return figures


def _questions_of(corpus: Path | None) -> Path:
    return corpus / "questions.jsonl" if corpus and (corpus / "questions.jsonl").exists() else QUESTIONS


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="?", type=Path, help="folder with runbooks/ and postmortems/")
    parser.add_argument("--logs", type=Path, help="log set with nezha_ts/ and openstack_fi/, to scan as well")
    parser.add_argument("--questions", type=Path, help="JSON Lines with `id` and `query` (default: CORPUS's, or ours)")
    parser.add_argument("--runs", type=int, default=3, help="how often everything is measured (default: 3)")
    parser.add_argument("--mentions", type=int, default=100, help="mentions a run (default: 100)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="measure these parts alone")
    return parser.parse_args()


if __name__ == "__main__":
    main()
