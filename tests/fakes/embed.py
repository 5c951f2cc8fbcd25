"""An embedder without weights: terms hashed into 64 dimensions. Same text, same vector; shared words, near vectors."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ingest.documents.store import Vector
from ingest.index.words import terms


def _nothing(_texts: Sequence[str]) -> None:
    """Do nothing before a batch."""


@dataclass
class HashEmbedder:
    """Remembers every text that it embedded, in order. `before` runs first with each batch, and may raise."""

    model: str = "hashes@1"
    dimension: int = 64
    window: int = 80
    embedded: list[str] = field(default_factory=list)
    batches: int = 0
    before: Callable[[Sequence[str]], None] = _nothing

    def count(self, text: str) -> int:
        """Return the number of words."""
        return len(text.split())

    def embed(self, texts: Sequence[str]) -> Vector:
        """Return float32[n, 64], rows of unit length."""
        self.before(texts)
        self.batches += 1
        self.embedded += texts
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for term in terms(text):
                place = zlib.crc32(term.encode())
                row[place % self.dimension] += 1.0 if place & 0x10000 else -1.0
            if not row.any():
                row[0] = 1.0
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)
