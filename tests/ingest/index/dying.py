"""A process that dies in the middle of a sync: `python -m tests.ingest.index.dying DATABASE FOLDER POINT COUNT`.

It ends without any goodbye, as by kill -9, when POINT (`embed` or `progress`) is reached for the COUNT-th time.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

from ingest.database import Database
from ingest.documents.store import Library
from ingest.index.roots import Request, sync_all
from ingest.index.sync import Sync
from tests.conftest import NOW
from tests.fakes.embed import HashEmbedder

KILLED = 137


def death(at: int) -> Callable[..., None]:
    """Return what kills the process when it is called for the `at`-th time."""
    calls = count(1)

    def die(*_args: object) -> None:
        if next(calls) == at:
            os._exit(KILLED)

    return die


def nothing(*_args: object) -> None:
    """Do nothing."""


async def main(database: str, folder: str, point: str, at: int) -> None:
    """Sync, as far as it goes."""
    library = Library(Database.open(f"sqlite+aiosqlite:///{database}"))
    embedder = HashEmbedder(before=death(at) if point == "embed" else nothing)
    progress = death(at) if point == "progress" else nothing
    await sync_all(library, Sync(library, embedder, lambda: NOW), Request(given=(Path(folder),), sure=True), progress)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
