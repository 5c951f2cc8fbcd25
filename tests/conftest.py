"""What tests of all rooms share: a database, a folder to write documents into, the embedder, the shipped runbooks."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from ingest.database import Database, metadata
from ingest.documents.store import Library
from ingest.index.embed import MiniLM
from tests.fakes.embed import HashEmbedder
from tests.fakes.postgres import PostgresMissing, emptied, postgres

EXAMPLE = Path(__file__).parents[1] / "runbooks"

NOW = 1_795_000_000.0
"""When tests happen: 2026-11-18 10:26:40 UTC."""

Write = Callable[[dict[str, str | bytes]], Path]
"""Writes files, by path within a folder, and returns the folder."""


def pytest_configure() -> None:
    """Make properties the same in every run, whatever else the machine does."""
    settings.register_profile("steady", deadline=None, derandomize=True, database=None)
    settings.load_profile("steady")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Give a writer of files below a folder called `docs`."""

    def written(files: dict[str, str | bytes], folder: str = "docs") -> Path:
        root = tmp_path / folder
        root.mkdir(exist_ok=True)
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return root

    return written


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Give a running Postgres as a URL that a database's name completes; without one, skip and say why."""
    try:
        with postgres() as url:
            yield url
    except PostgresMissing as missing:
        pytest.skip(f"no Postgres: {missing}")


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """Give a database with all tables, empty. Whatever holds on it must hold on every database that we support."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.sqlite'}"
    if request.param == "postgres":
        url = await emptied(request.getfixturevalue("postgres_url"))
    opened = Database.open(url)
    async with opened.write() as connection:
        await connection.run_sync(metadata.create_all)
    yield opened
    await opened.close()


@pytest.fixture
def library(database: Database) -> Library:
    """Give the documents of the database: none yet."""
    return Library(database)


@pytest.fixture
def embedder() -> HashEmbedder:
    """Give an embedder that remembers what it embedded."""
    return HashEmbedder()


@pytest.fixture(scope="session")
def minilm() -> MiniLM:
    """Give the real embedder; its weights load once."""
    return MiniLM()


@pytest.fixture(scope="session")
def example() -> Path:
    """Give the folder of runbooks that ships."""
    return EXAMPLE
