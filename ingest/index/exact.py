"""Stored vectors scanned exactly: the twin of Chroma, for filtered searches, as its fallback, in other processes."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ingest.documents.store import Vector

Near = tuple[str, float]
"""An id and its cosine similarity in [-1, 1]."""


class Vectors(Protocol):
    """The seam to an index of unit vectors by id; `put` replaces, `drop` of an unknown id does nothing."""

    async def put(self, ids: Sequence[str], vectors: Vector) -> None:
        """Store float32[n, d], rows of unit length. Raises IndexBroken."""
        ...

    async def drop(self, ids: Sequence[str]) -> None:
        """Remove ids, known or not. Raises IndexBroken."""
        ...

    async def nearest(self, vector: Vector, limit: int) -> list[Near]:
        """Return up to `limit` (id, cosine), nearest first. Raises IndexBroken."""
        ...

    async def size(self) -> int:
        """Return how many vectors there are. Raises IndexBroken."""
        ...


class Exact:
    """Vectors in memory, compared one by one: 9.5 ms for 100,000 of 384 dimensions (measured)."""

    def __init__(self, ids: Sequence[str] = (), vectors: Vector | None = None) -> None:
        self._ids = list(ids)
        self._vectors = vectors if vectors is not None else np.empty((0, 0), dtype=np.float32)

    async def put(self, ids: Sequence[str], vectors: Vector) -> None:
        """Store float32[n, d], rows of unit length."""
        if ids:
            await self.drop(ids)
            self._vectors = np.vstack([self._vectors, vectors]) if self._ids else np.array(vectors, dtype=np.float32)
            self._ids += list(ids)

    async def drop(self, ids: Sequence[str]) -> None:
        """Remove ids, known or not."""
        gone = set(ids)
        keep = [index for index, name in enumerate(self._ids) if name not in gone]
        if len(keep) < len(self._ids):
            self._ids, self._vectors = [self._ids[index] for index in keep], self._vectors[keep]

    async def nearest(self, vector: Vector, limit: int) -> list[Near]:
        """Return up to `limit` (id, cosine), nearest first."""
        if not self._ids:
            return []
        scores = self._vectors @ vector
        return [(self._ids[index], float(scores[index])) for index in top(scores, limit)]

    async def size(self) -> int:
        """Return how many vectors there are."""
        return len(self._ids)


def top(scores: npt.NDArray[np.floating[Any]], limit: int) -> list[int]:
    """Return the indexes of the `limit` highest scores, highest first; ties keep their order."""
    few = limit < len(scores)
    candidates = np.sort(np.argpartition(-scores, limit)[:limit]) if few else np.arange(len(scores))
    order = np.argsort(-scores[candidates], kind="stable")
    return [int(index) for index in candidates[order]]
