"""Folders of documents with questions whose answers are known: the runbooks that ship, or a corpus of yours."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.build.house import EXAMPLE, House, opened
from bot.commands import screen
from bot.commands.evaluate import FOLDERS, NOT_DOCUMENTS
from bot.settings import load
from ingest.index.roots import Request, sync_all

QUESTIONS = Path(__file__).with_name("questions.jsonl")
"""Questions about the runbooks that ship, a third of them without an answer there."""

HAND = "by hand"
"""The kind of questions whose file names none."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question, and the documents that answer it, as paths below the corpus; none where nothing does."""

    id: str
    query: str
    relevant: frozenset[str]
    kind: str = HAND


@dataclass(frozen=True, slots=True)
class Corpus:
    """A folder with runbooks/ (and postmortems/) in it, and questions about them."""

    name: str
    folder: Path
    file: Path

    @property
    def questions(self) -> list[Labelled]:
        """The questions with their answers."""
        return labelled(self.file)

    @asynccontextmanager
    async def indexed(self, data: Path) -> AsyncIterator[tuple[House, dict[str, str]]]:
        """Open a house in `data` that knows the corpus; with it, the name within the corpus of every root."""
        folders = [self.folder / name for name in FOLDERS if (self.folder / name).is_dir()]
        async with opened(load({}, data=data)) as house:
            with screen.progress() as show:
                request = Request(given=tuple(folders), excludes=NOT_DOCUMENTS)
                await sync_all(house.library, house.sync, request, show)
            names = {str(folder.resolve()): folder.name for folder in folders}
            yield house, {root.name: names[root.location] for root in await house.library.roots()}


def shipped() -> Corpus:
    """Return the runbooks that ship, with our questions."""
    return Corpus("shipped runbooks", EXAMPLE.parent, QUESTIONS)


def given(folder: Path) -> Corpus:
    """Return a corpus of yours, with its questions.jsonl."""
    return Corpus(folder.name, folder, folder / "questions.jsonl")


def labelled(path: Path) -> list[Labelled]:
    """Return the questions of a JSON Lines file; `relevant` and `kind` may be missing."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [
        Labelled(str(row["id"]), str(row["query"]), frozenset(row.get("relevant", ())), str(row.get("kind", HAND)))
        for row in rows
    ]
