"""`eval retrieval`: runs questions against a folder of documents, as an answer would, and writes what was found."""

import asyncio
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from bot.answer.recall import found_for
from bot.answer.verdict import judge, surety
from bot.build.house import House, opened
from bot.commands import screen
from bot.errors import BotError
from bot.owner import owning
from bot.settings import Settings
from ingest.index.roots import Request, sync_all
from ingest.index.search import Found

RANKED = 10
"""Documents ranked for every question."""

FOLDERS = ("runbooks", "postmortems")
NOT_DOCUMENTS = ("ORIGIN.md",)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question of the file; the labels beside it are for scoring alone and are not read."""

    id: str
    query: str


async def retrieval(settings: Settings, corpus: Path, questions: Path, out: Path | None) -> int:
    """Rank the documents of `corpus` for every question; write a row each to `out`, or to stdout."""
    asked = await asyncio.to_thread(_questions, questions)
    async with opened(settings) as house:
        with owning(settings.data, "copilot eval"):
            roots = await _indexed(house, corpus)
        with _target(out) as target:
            for number, question in enumerate(asked, start=1):
                found = await found_for(house.index, question.query, RANKED)
                target.write(json.dumps(_row(question, found, roots)) + "\n")
                if number % 100 == 0 or number == len(asked):
                    screen.say(f"{number} of {len(asked)} questions")
    return 0


@contextmanager
def own_folder(data: Path | None) -> Iterator[Path]:
    """Give an evaluation the data folder that was named, or one of its own that is gone afterwards."""
    if data is not None:
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="copilot-eval-") as folder:
        yield Path(folder)


async def _indexed(house: House, corpus: Path) -> dict[str, str]:
    """Index the corpus; return the name within it of every root."""
    given = tuple(corpus / name for name in FOLDERS if (corpus / name).is_dir())
    if not given:
        raise BotError(f"{corpus} holds neither a folder runbooks nor postmortems: check --corpus.")
    with screen.progress() as show:
        outcome = await sync_all(house.library, house.sync, Request(given=given, excludes=NOT_DOCUMENTS), show)
    screen.report(outcome)
    folders = {str(folder.resolve()): folder.name for folder in given}
    return {root.name: folders[root.location] for root in await house.library.roots() if root.location in folders}


def _row(question: _Asked, found: Found, roots: dict[str, str]) -> dict[str, object]:
    paths = (hit.document.path.split("/", 1) for hit in found.hits)
    return {
        "id": question.id,
        "ranked": [f"{roots[root]}/{relative}" for root, relative in paths if root in roots],
        "answered": bool(found.hits) and judge(found.evidence) != "not_found",
        "score": round(surety(found.evidence), 6),
    }


def _questions(path: Path) -> list[_Asked]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        rows = [json.loads(line) for line in lines if line.strip()]
        return [_Asked(str(row["id"]), str(row["query"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{path} is not a file of questions: a JSON object a line, each with `id` and `query`."
        raise BotError(message) from error


def _target(out: Path | None) -> TextIO:
    if out is None:
        return open(1, "w", encoding="utf-8", closefd=False)
    try:
        return out.open("w", encoding="utf-8")
    except OSError as error:
        raise BotError(f"{out} cannot be written: check --out.") from error
