"""The live index of one process: a snapshot for searching, and Chroma beside it where this process owns one.

Chroma is asked only after it has proved itself; until then, and whenever it fails, the exact scan answers.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import structlog
from sqlalchemy import delete, func, select

from ingest.documents.store import Contents, Library, Vector, chroma_changes_table
from ingest.errors import EmbedderBroken, IndexBroken
from ingest.index.embed import Embedder
from ingest.index.exact import Near, Vectors
from ingest.index.search import NEAR_CHUNKS, Filter, Found, Query, Snapshot, search
from ingest.index.words import terms
from ingest.types import Audience

_log = structlog.get_logger(__name__)

CANARIES, MAY_MISS = 32, 0.1
"""Known vectors that must find themselves before Chroma serves, and the share that may not: a cut vector file fails
nearly all, while an intact index misses one in 72, as it is approximate (both measured)."""

UNSEEN = 0.45
"""Stands for the best cosine where none was computed: between what answerable and unanswerable questions reach, so that
the words decide."""

_SAME = 0.999
"""Cosine above which two vectors are the same but for rounding; twins of a canary may be found in its place."""


class Rebuildable(Vectors, Protocol):
    """An index of vectors that lives outside the process and may be damaged."""

    async def open(self) -> None:
        """Connect. Raises IndexBroken when it cannot serve."""
        ...

    async def opened(self) -> None:
        """Say that the index has proved itself."""
        ...

    async def reset(self) -> None:
        """Begin anew, empty. Raises IndexBroken."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


@dataclass(frozen=True, slots=True)
class Health:
    """How the vectors are served: `ok` when Chroma does or none is wanted, and why not in words."""

    ok: bool
    detail: str


class Index:
    """Finds passages. Without `chroma` every search scans the stored vectors exactly."""

    def __init__(self, library: Library, embedder: Embedder, chroma: Rebuildable | None = None) -> None:
        self._library = library
        self._embedder = embedder
        self._chroma = chroma
        self._snapshot: Snapshot | None = None
        self._chroma_serves = False
        self._refreshing = asyncio.Lock()
        self._warming: asyncio.Task[None] | None = None
        self.health = Health(chroma is None, "exact scan" if chroma is None else "Chroma is not checked yet")

    def warm_up(self) -> None:
        """Load the embedder in the background; until it is there, questions are searched for by their words alone."""
        self._warming = self._warming or asyncio.create_task(self._warm(), name="warm up")

    async def warmed(self) -> None:
        """Wait until the embedder is there, if it is being loaded."""
        if self._warming is not None:
            await asyncio.wait([self._warming])

    async def refresh(self) -> None:
        """Take over what changed in the database since the last time; cheap when nothing did."""
        async with self._refreshing:
            if self._snapshot is None or self._snapshot.revision != await self._library.revision():
                self._snapshot = await asyncio.to_thread(Snapshot, await self._library.contents())

    async def search(self, question: str, demand: Filter, limit: int) -> Found:
        """Return up to `limit` documents with their passages, best first; empty when nothing is indexed."""
        if self._snapshot is None:
            await self.refresh()
        snapshot = self._snapshot
        if snapshot is None or not snapshot.documents:
            return Found()
        vector = await self._vector(question)
        if vector is None:
            return await self._by_words(snapshot, question, demand, limit)
        query = Query(tuple(terms(question)), vector, demand, limit)
        is_whole = not demand.tags and snapshot.view(demand.audience) is None
        near = await self._near(vector) if is_whole else None
        found = await asyncio.to_thread(search, snapshot, query, near)
        if demand.audience is None or await self._still_admitted(found, demand.audience):
            return found
        await self.refresh()  # a document was closed since the snapshot was taken, and its words are in all of this
        found = await asyncio.to_thread(search, self._snapshot or snapshot, query)
        return found if await self._still_admitted(found, demand.audience) else Found()

    async def _warm(self) -> None:
        with suppress(EmbedderBroken):  # who searches next is told
            await asyncio.to_thread(self._embedder.embed, ["warm"])

    async def _vector(self, question: str) -> Vector | None:
        """Return float32[d], of unit length; None while the embedder is being loaded."""
        if self._warming is not None and not self._warming.done():
            return None
        vector: Vector = (await asyncio.to_thread(self._embedder.embed, [question]))[0]
        return vector

    async def _by_words(self, snapshot: Snapshot, question: str, demand: Filter, limit: int) -> Found:
        blind = np.zeros(self._embedder.dimension, dtype=np.float32)
        query = Query(tuple(terms(question)), blind, demand, limit)
        found = await asyncio.to_thread(search, snapshot, query)
        if demand.audience is not None and not await self._still_admitted(found, demand.audience):
            return Found(by_words=True)
        return replace(found, evidence=replace(found.evidence, nearest=UNSEEN), by_words=True)

    @property
    def revision(self) -> int | None:
        """Which state of the documents is searched; None before the first."""
        return None if self._snapshot is None else self._snapshot.revision

    @property
    def labels(self) -> frozenset[str]:
        """The ids that documents name as their audience: who holds any other need not be known."""
        return frozenset() if self._snapshot is None else self._snapshot.labels

    async def counts(self, audience: Audience | None) -> dict[str, int]:
        """Return how many documents an audience may read, by kind, and how many passages (`chunks`)."""
        if self._snapshot is None:
            await self.refresh()
        return {} if self._snapshot is None else self._snapshot.counts(audience)

    async def _still_admitted(self, found: Found, audience: Audience) -> bool:
        """Whether the database, now, says of every document found that this audience may read it."""
        paths = [hit.document.id for hit in found.hits]
        now = await self._library.audiences(paths)
        return all(audience.admits(now.get(path, ())) for path in paths)

    async def start_chroma(self) -> None:
        """Open Chroma, apply what it missed, check it, and rebuild it from the database if it fails the check."""
        if self._chroma is None:
            return
        try:
            await self._chroma.open()
            await catch_up(self._library, self._chroma)
            self._chroma_serves = await _proves_itself(self._chroma, await self._library.contents())
        except IndexBroken as error:
            _log.warning("chroma_broken", detail=str(error))
        if not self._chroma_serves:
            await self._rebuild(self._chroma)
        if self._chroma_serves:
            await self._chroma.opened()
            self.health = Health(ok=True, detail="Chroma serves")

    async def catch_up(self) -> None:
        """Tell Chroma what it has not heard of, without serving from it; opens it only if there is anything to tell.

        A Chroma that cannot take it keeps what is waiting: the next start of the bot checks and rebuilds it.
        """
        if self._chroma is None or not await changes_waiting(self._library):
            return
        try:
            await self._chroma.open()
            await catch_up(self._library, self._chroma)
            await self._chroma.opened()
        except IndexBroken as error:
            _log.warning("chroma_broken", detail=str(error))

    async def follow(self) -> None:
        """Take over a change of the documents, in Chroma as well; a failing Chroma steps aside."""
        if self._chroma is not None and self._chroma_serves:
            try:
                await catch_up(self._library, self._chroma)
            except IndexBroken as error:
                self._step_aside(error)
        await self.refresh()

    async def _near(self, vector: Vector) -> Sequence[Near] | None:
        if self._chroma is None or not self._chroma_serves:
            return None
        try:
            return await self._chroma.nearest(vector, NEAR_CHUNKS)
        except IndexBroken as error:
            self._step_aside(error)
            return None

    def _step_aside(self, error: IndexBroken) -> None:
        _log.warning("chroma_broken", detail=str(error))
        self._chroma_serves = False
        self.health = Health(ok=False, detail=f"{error} The exact scan answers; restart to rebuild it.")

    async def _rebuild(self, chroma: Rebuildable) -> None:
        self.health = Health(ok=False, detail="Chroma is being rebuilt from the database; the exact scan answers")
        _log.info("chroma_rebuilds")
        try:
            await rebuild(self._library, chroma)
            self._chroma_serves = await _proves_itself(chroma, await self._library.contents())
            if not self._chroma_serves:
                self._step_aside(IndexBroken("Chroma does not find what was just stored in it."))
        except IndexBroken as error:
            self._step_aside(error)


async def changes_waiting(library: Library) -> int:
    """Return how many changes Chroma has not heard of."""
    async with library.database.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(chroma_changes_table)) or 0)


async def rebuild(library: Library, chroma: Rebuildable) -> None:
    """Fill an empty Chroma with every vector of the database. Raises IndexBroken."""
    await chroma.reset()
    contents = await library.contents()
    await chroma.put([row.chunk.id for row in contents.rows], _vectors_of(contents))
    async with library.database.write() as connection:
        mine = [row.chunk.id for row in contents.rows]
        for start in range(0, len(mine), 500):
            done = chroma_changes_table.c.chunk_id.in_(mine[start : start + 500])
            await connection.execute(delete(chroma_changes_table).where(done, ~chroma_changes_table.c.gone))


async def catch_up(library: Library, chroma: Vectors) -> int:
    """Apply to Chroma what changed in the database and it has not heard of; return how many chunks. Raises IndexBroken.

    Applying is idempotent, and a change is forgotten only once Chroma has it: a kill in between costs a repetition.
    """
    async with library.database.read() as connection:
        changes = (await connection.execute(select(chroma_changes_table))).all()
    if not changes:
        return 0
    contents = await library.contents()
    position = {row.chunk.id: index for index, row in enumerate(contents.rows)}
    vectors = _vectors_of(contents)
    wanted = [change.chunk_id for change in changes if change.chunk_id in position]
    await chroma.put(wanted, vectors[[position[name] for name in wanted]])
    await chroma.drop([change.chunk_id for change in changes if change.chunk_id not in position])
    async with library.database.write() as connection:
        for change in changes:
            same = (chroma_changes_table.c.chunk_id == change.chunk_id) & (chroma_changes_table.c.gone == change.gone)
            await connection.execute(delete(chroma_changes_table).where(same))
    return len(changes)


async def _proves_itself(chroma: Vectors, contents: Contents) -> bool:
    """Whether as many vectors are there as should be, and known ones find themselves."""
    total = len(contents.rows)
    if await chroma.size() != total:
        return False
    vectors = _vectors_of(contents)
    asked = range(0, total, max(total // CANARIES, 1))
    found = [await chroma.nearest(vectors[index], 1) for index in asked]
    missed = sum(not near or near[0][1] < _SAME for near in found)
    return missed <= MAY_MISS * len(asked)


def _vectors_of(contents: Contents) -> Vector:
    return contents.vectors[[contents.order[row.vector_hash] for row in contents.rows]]
