"""What tests of the indexes share: a Chroma server on loopback, and a library of many documents."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingest.database import Database, metadata
from ingest.documents.store import Library
from ingest.index.chroma import Chroma
from ingest.index.roots import Request, sync_all
from ingest.index.serve import Index
from ingest.index.sync import Sync
from tests.conftest import NOW
from tests.fakes.embed import HashEmbedder

RUN_SERVER = "import sys, chromadb_rust_bindings as chroma; chroma.cli(['chroma', *sys.argv[1:]])"
"""What `chroma run` does; the script of that name needs a library that Chroma does not ask for."""

START_S = 30.0

OTHERS = frozenset({"asked", "answered", "felt", "inbox", "outbox", "sync_requests"})
"""Tables that are no part of the documents; they are there when tests of other rooms have been loaded."""


@contextmanager
def chroma_at(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Chroma server on loopback; yield its process once it answers."""
    command = [
        sys.executable,
        "-c",
        RUN_SERVER,
        "run",
        "--path",
        str(folder),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port)
            yield server
        finally:
            server.kill()


async def state_of(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table, sorted: two databases in the same state give the same."""
    async with database.read() as connection:
        return {
            table.name: sorted((tuple(row) for row in await connection.execute(table.select())), key=repr)
            for table in metadata.sorted_tables
            if table.name not in OTHERS
        }


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)  # another process starts; there is nothing to wait on
        else:
            return


@pytest.fixture(scope="session")
def chroma_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a Chroma server that runs as long as the tests do."""
    port = free_port()
    with chroma_at(tmp_path_factory.mktemp("chroma-server"), port):
        yield f"http://127.0.0.1:{port}"


@dataclass(frozen=True)
class Big:
    """A synced database of 60 documents with 1,440 chunks, and the Chroma folder of it."""

    database: Path
    chroma: Path


@pytest.fixture(scope="session")
def big(tmp_path_factory: pytest.TempPathFactory) -> Big:
    """Give a library whose vectors are more than Chroma keeps in its log: it writes index files from 1,000 on."""
    place = tmp_path_factory.mktemp("big")
    (place / "docs").mkdir()
    for document in range(60):
        words = "The words of section {0} in document {1} are {2} here."
        sections = [f"## Part {n}\n\n{words.format(n, document, document * 31 + n)}" for n in range(24)]
        (place / "docs" / f"doc{document}.md").write_text("\n\n".join([f"# Document {document}", *sections]))
    asyncio.run(_fill(place))
    return Big(place / "db.sqlite", place / "chroma")


async def _fill(place: Path) -> None:
    database = Database.open(f"sqlite+aiosqlite:///{place / 'db.sqlite'}")
    async with database.write() as connection:
        await connection.run_sync(metadata.create_all)
    library, embedder = Library(database), HashEmbedder()
    sync = Sync(library, embedder, lambda: NOW)
    await sync_all(library, sync, Request(given=(place / "docs",)), lambda _done, _total, _what: None)
    chroma = Chroma(place / "chroma", embedder.model, embedder.dimension)
    await Index(library, embedder, chroma).start_chroma()
    await chroma.close()
    await database.close()
