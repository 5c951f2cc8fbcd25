"""Kill -9 of `copilot sync` at random moments: the next sync, or the next bot, makes it as if nothing had happened.

`make test-slow` runs it. The seed is fixed; where a kill lands within the program still varies with the machine.
"""

import asyncio
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete, insert, literal, select

from bot.build.house import EXAMPLE
from ingest.documents.store import (
    Library,
    Vector,
    chroma_changes_table,
    chunks_table,
    documents_table,
    vectors_table,
)
from ingest.index.chroma import Chroma
from ingest.index.embed import MiniLM
from ingest.index.serve import Index
from tests.flows.program import Program, copilot, database_in

pytestmark = pytest.mark.slow

SEED = 20_261_120
KILLS = 5
PATIENCE_S = 120.0


async def test_a_sync_that_is_killed_and_run_again_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    """Wherever a sync is killed, the next one ends with the same documents, chunks and vectors."""
    new = tmp_path / "new"
    assert copilot("status", "--data", "new", folder=tmp_path).returncode == 0
    shutil.copytree(new, tmp_path / "undisturbed")  # every folder has its own key, and with it its own fingerprints
    rng, begun = random.Random(SEED), time.monotonic()
    assert sync(tmp_path, "undisturbed") == 0
    whole_s = time.monotonic() - begun
    wanted = await tables_of(tmp_path / "undisturbed")
    for number in range(KILLS):
        data = f"killed-{number}"
        shutil.copytree(new, tmp_path / data)
        with Program("sync", str(EXAMPLE), "--data", data, folder=tmp_path) as program:
            await asyncio.sleep(rng.uniform(0.1, 1.0) * whole_s)
            program.kill()
        assert sync(tmp_path, data) == 0
        assert_equal(await tables_of(tmp_path / data), wanted)


async def test_a_sync_killed_while_it_writes_chroma_leaves_an_index_that_mends_itself(tmp_path: Path) -> None:
    """Killed in the middle of the upsert: the next bot notices, and has a whole Chroma, made from the database."""
    rng, data = random.Random(SEED), tmp_path / "data"
    assert sync(tmp_path, "data") == 0
    writing_s = await written_s(tmp_path)
    cut = 0
    for _ in range(KILLS):
        await written_s(tmp_path, kill_after_s=rng.uniform(0.0, 0.9) * writing_s)
        cut += (data / "chroma" / "opening").exists()
        async with database_in(data) as database:
            await assert_mended(Library(database), data / "chroma")
    assert cut, "no kill came while Chroma was written"


async def written_s(folder: Path, kill_after_s: float | None = None) -> float:
    """Have Chroma written anew by a sync, which is killed so long after it began; return how long it took."""
    data = folder / "data"
    shutil.rmtree(data / "chroma")
    async with database_in(data) as database, database.write() as connection:
        every = select(chunks_table.c.id, literal(value=False))
        await connection.execute(delete(chroma_changes_table))
        await connection.execute(insert(chroma_changes_table).from_select(["chunk_id", "gone"], every))
    opening = data / "chroma" / "opening"
    with Program("sync", str(EXAMPLE), "--data", "data", folder=folder) as program:
        await _until(opening.exists)
        begun = time.monotonic()
        if kill_after_s is None:
            await _until(lambda: not opening.exists())
            program.wait()
        else:
            await asyncio.sleep(kill_after_s)
        return time.monotonic() - begun


async def assert_mended(library: Library, place: Path) -> None:
    """Check that the next bot opens Chroma whole: every vector of the database finds itself."""
    model = MiniLM()
    chroma = Chroma(place, model.model, model.dimension)
    index = Index(library, model, chroma)
    await index.start_chroma()
    assert index.health.ok
    contents = await library.contents()
    assert await chroma.size() == len(contents.rows)
    for row in contents.rows:
        vector = contents.vectors[contents.order[row.vector_hash]]
        assert (await chroma.nearest(vector, 1))[0][1] > 0.999
    await chroma.close()


def sync(folder: Path, data: str) -> int:
    """Sync the shipped runbooks to the end; return the exit code."""
    return copilot("sync", str(EXAMPLE), "--data", data, folder=folder).returncode


@dataclass(frozen=True)
class Tables:
    """What a sync leaves: the rows of documents and chunks, and the vectors by their hashes."""

    documents: list[tuple[Any, ...]]
    chunks: list[tuple[Any, ...]]
    vectors: dict[str, Vector]


async def tables_of(data: Path) -> Tables:
    """Read what a sync left."""
    async with database_in(data) as database, database.read() as connection:
        documents = await connection.execute(select(documents_table).order_by(documents_table.c.id))
        chunks = await connection.execute(select(chunks_table).order_by(chunks_table.c.id))
        vectors = await connection.execute(select(vectors_table))
        return Tables(
            [tuple(row) for row in documents],
            [tuple(row) for row in chunks],
            {row.hash: np.frombuffer(row.vector, dtype=np.float32) for row in vectors},
        )


def assert_equal(found: Tables, wanted: Tables) -> None:
    """Compare to the letter, vectors but for rounding: a text's neighbours in its batch change the last digits."""
    assert found.documents == wanted.documents
    assert found.chunks == wanted.chunks
    assert found.vectors.keys() == wanted.vectors.keys()
    assert all(np.allclose(found.vectors[name], wanted.vectors[name], atol=1e-5) for name in wanted.vectors)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - another process makes it so
            await asyncio.sleep(0.002)
