"""What the answer may rest on: the passages found for a question, chosen and bounded. Knows no Claude and no Slack."""

from dataclasses import dataclass
from typing import Protocol

from ingest.index.search import Evidence, Filter, Found, Hit, asks_for_history
from ingest.types import Passage

DOCUMENTS = 4
"""Documents an answer may draw on: the right one is among the first five in .94 of questions (shared measurements)."""

PASSAGES_OF_FIRST, PASSAGES_OF_OTHERS = 4, 2
"""The best document is quoted at length, as its check, fix and rollback belong together; the others briefly."""


class Search(Protocol):
    """Finds passages; `ingest.index.serve.Index` does."""

    async def search(self, question: str, demand: Filter, limit: int) -> Found:
        """Return up to `limit` documents with passages, best first."""
        ...


@dataclass(frozen=True, slots=True)
class Recalled:
    """`passages` in the order they are numbered in, the first document's first; `nearest` is the best of each."""

    passages: tuple[Passage, ...]
    nearest: tuple[Passage, ...]
    evidence: Evidence


async def recall(search: Search, question: str) -> Recalled:
    """Return what there is on a question; one about the past looks in the postmortems, if there are any."""
    found = Found()
    if asks_for_history(question):
        found = await search.search(question, Filter(kind="postmortem"), DOCUMENTS)
    if not found.hits:
        found = await search.search(question, Filter(), DOCUMENTS)
    nearest = tuple(hit.passages[0] for hit in found.hits)
    return Recalled(_chosen(found.hits), nearest, found.evidence)


def _chosen(hits: tuple[Hit, ...]) -> tuple[Passage, ...]:
    chosen: list[Passage] = []
    for number, hit in enumerate(hits):
        best = hit.passages[: PASSAGES_OF_OTHERS if number else PASSAGES_OF_FIRST]
        chosen += sorted(best, key=lambda passage: passage.start_line)
    return tuple(chosen)
