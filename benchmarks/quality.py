#!/usr/bin/env python
"""Retrieval and abstention on labelled questions: `make eval`, or `make eval CORPUS=dir` for a folder of your own too.

CORPUS has runbooks/, postmortems/ and questions.jsonl in it. Ours is what `copilot eval retrieval` ranks. Beside it
the simplest approach over the same chunks: the documents in the order of their nearest chunk, by vectors alone.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import alerts
from benchmarks.corpus import Corpus, Labelled, given, shipped
from benchmarks.figures import say, table
from benchmarks.scoring import Ranked, Scores, auroc, by_kind, mean, scores_of
from bot.commands import evaluate
from bot.settings import load
from ingest.index.exact import Exact

LONG = "alert"
"""A kind of questions that are long and precise, so that they flatter AUROC; the others are told apart from it."""

HEADS = ("", "questions", "R@1", "R@5", "MRR", "nDCG@10", "AUROC", "")

NEAR = 200
"""Nearest chunks looked at for ten documents by vectors alone."""


def main() -> None:
    """Rank, score and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="?", type=Path, help="folder with runbooks/, postmortems/ and questions.jsonl")
    asked = parser.parse_args()
    for corpus in [shipped(), *([given(asked.corpus)] if asked.corpus else [])]:
        with tempfile.TemporaryDirectory(prefix="copilot-eval-") as data:
            ours = asyncio.run(_ours(corpus, Path(data)))
            plain = asyncio.run(_vectors_only(corpus, Path(data)))
            cards = asyncio.run(alerts.figures(corpus, Path(data)))
        print(f"\n{corpus.name}: {_abstention(ours)}\n")
        print(table(HEADS, [*_rows("copilot", ours), *_rows("vectors only", plain)]))
        if cards:
            print(f"\nAlerts of {corpus.name} as webhooks without runbook_url: the runbook on their card\n\n{cards}")


async def _ours(corpus: Corpus, data: Path) -> list[Ranked]:
    """Rank by the program's own command."""
    out = data / "run.jsonl"
    await evaluate.retrieval(load({}, data=data), corpus.folder, corpus.file, out)
    rows = {row["id"]: row for row in map(json.loads, out.read_text(encoding="utf-8").splitlines())}
    return [
        _ranked(question, rows[question.id]["ranked"], rows[question.id]["score"], rows[question.id]["answered"])
        for question in corpus.questions
    ]


async def _vectors_only(corpus: Corpus, data: Path) -> list[Ranked]:
    """Rank by the nearest chunks alone; how sure is the nearest's cosine."""
    async with corpus.indexed(data) as (house, roots):
        contents = await house.library.contents()
        owner = {row.chunk.id: row.chunk.document_id for row in contents.rows}
        chunks = Exact(list(owner), contents.vectors[[contents.order[row.vector_hash] for row in contents.rows]])
        found = []
        for question in corpus.questions:
            vector = (await asyncio.to_thread(house.embedder.embed, [question.query]))[0]
            near = await chunks.nearest(vector, NEAR)
            places = (owner[name].split("/", 1) for name, _ in near)
            paths = [f"{roots[root]}/{relative}" for root, relative in places]
            found.append(_ranked(question, paths, near[0][1], answered=True))
    say(f"{len(found)} questions by vectors alone")
    return found


def _ranked(question: Labelled, paths: Sequence[str], score: float, answered: bool) -> Ranked:  # noqa: FBT001 - a field
    return Ranked(question.kind, question.relevant, tuple(paths), answered, score)


def _rows(name: str, found: Sequence[Ranked]) -> list[tuple[str, ...]]:
    """Return a line per kind, one over all but the long ones where there are such, and the mean over the kinds."""
    kinds = by_kind(found)
    others = [each.score for each in found if not each.relevant]
    rows = [_row(f"{name}, {kind}", members, others) for kind, members in kinds.items()]
    if len(kinds) == 1:
        return rows
    if LONG in kinds:
        short = [each for kind, members in kinds.items() if kind != LONG for each in members]
        rows.append(_row(f"{name}, all but {LONG}", short, others))
    whole = [each for members in kinds.values() for each in members]
    macro = mean([_scores(members) for members in kinds.values()])
    sure = auroc([each.score for each in whole], others)
    return [*rows, _line(f"{name}, macro", len(whole), macro, sure, "mean over kinds; AUROC over all")]


def _row(name: str, members: Sequence[Ranked], others: Sequence[float]) -> tuple[str, ...]:
    sure = auroc([each.score for each in members], others)
    return _line(name, len(members), _scores(members), sure, "")


def _scores(members: Sequence[Ranked]) -> Scores:
    return mean([scores_of(each.relevant, each.paths) for each in members])


def _line(name: str, number: int, scores: Scores, sure: float, note: str) -> tuple[str, ...]:
    values = (scores.r1, scores.r5, scores.mrr, scores.ndcg, sure)
    return (name, str(number), *(f"{value:.3f}" for value in values), note)


def _abstention(found: Sequence[Ranked]) -> str:
    """Return in words what was answered and what declined."""
    there = [each for each in found if each.relevant]
    not_there = [each for each in found if not each.relevant]
    answered = sum(each.answered for each in there)
    right = sum(each.answered and each.paths[:1] != () and each.paths[0] in each.relevant for each in there)
    declined = sum(not each.answered for each in not_there)
    return (
        f"{answered} of {len(there)} answerable questions answered ({answered / len(there):.2f}), "
        f"{right} with a right document first; "
        f"{declined} of {len(not_there)} others declined ({declined / max(len(not_there), 1):.2f})"
    )


if __name__ == "__main__":
    main()
