"""A process that opens indexes on damaged Chroma folders, since the damage can kill whoever opens it.

`python -m tests.ingest.index.reopen DATABASE FOLDER...` prints a JSON row for every folder that it came through alive:
whether Chroma serves now, what was said on the way, and whether a known passage is found before, meanwhile and after.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ingest.database import Database
from ingest.documents.store import Library, Vector
from ingest.index.chroma import Chroma
from ingest.index.search import Filter
from ingest.index.serve import Health, Index
from tests.fakes.embed import HashEmbedder

QUESTION = "words of section 7 in document 3"
ANSWER = "docs/doc3.md"


class Watched(Chroma):
    """Chroma that looks at its index while it is being filled."""

    index: Index
    meanwhile: tuple[Health, str] | None = None

    async def put(self, ids: Sequence[str], vectors: Vector) -> None:
        """Store, after a look."""
        if len(ids) > 100:
            self.meanwhile = (self.index.health, await first_of(self.index))
        await super().put(ids, vectors)


async def first_of(index: Index) -> str:
    """Return the first document for the question."""
    return (await index.search(QUESTION, Filter(), 1)).hits[0].document.path


async def row_of(library: Library, folder: Path) -> dict[str, object]:
    """Open one folder and return what happened."""
    chroma = Watched(folder, HashEmbedder.model, HashEmbedder.dimension)
    index = chroma.index = Index(library, HashEmbedder(), chroma)
    before = await first_of(index)
    await index.start_chroma()
    after = await first_of(index)
    meanwhile = chroma.meanwhile and [asdict(chroma.meanwhile[0]), chroma.meanwhile[1]]
    row = {"folder": folder.name, "before": before, "meanwhile": meanwhile, "after": after}
    size = await chroma.size()
    await chroma.close()
    return {**row, "health": asdict(index.health), "size": size}


async def main(database: str, folders: Sequence[str]) -> None:
    """Open all folders, one after the other."""
    opened = Database.open(f"sqlite+aiosqlite:///{database}")
    for folder in folders:
        print(json.dumps(await row_of(Library(opened), Path(folder))), flush=True)  # noqa: T201 - its result
    await opened.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
