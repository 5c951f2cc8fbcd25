"""The seam to wherever documents live. A source lists what it holds; it knows no database and no index."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Original:
    """One document as its source holds it: where it is within the source, and its text, secrets and all."""

    relative: str
    text: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something the source holds but cannot be read as a document, and why, in words for its owner."""

    relative: str
    reason: str


class Source(Protocol):
    """A named place that documents come from."""

    @property
    def name(self) -> str:
        """The first part of every id from here."""
        ...

    def originals(self) -> Iterator[Original | Skipped]:
        """Read everything there is, in a stable order. Blocking I/O; never raises for a single bad file.

        Raises FolderMissing when the place itself cannot be read.
        """
        ...
