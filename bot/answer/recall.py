"""What the answer may rest on: the passages found for a question, chosen and bounded. Knows no Claude and no Slack."""

from dataclasses import dataclass
from typing import Protocol

from bot.answer.verdict import judge
from ingest.index.search import Evidence, Filter, Found, Hit, asks_for_history
from ingest.types import Passage

DOCUMENTS = 4
"""Documents an answer may draw on: the right one is among the first five in .94 of questions (shared measurements)."""

PASSAGES_OF_FIRST, PASSAGES_OF_OTHERS = 4, 2
"""The best document is quoted at length, as its check, fix and rollback belong together; the others briefly."""


COMMANDS_HELP = 0.1
"""What a passage with commands gains over its neighbours in the same document: people on call came to act."""


class Search(Protocol):
    """Finds passages; `ingest.index.serve.Index` does."""

    async def search(self, question: str, demand: Filter, limit: int) -> Found:
        """Return up to `limit` documents with passages, best first."""
        ...


@dataclass(frozen=True, slots=True)
class Recalled:
    """`passages` as they are numbered, by document and then best first; `nearest` is the best of each document."""

    passages: tuple[Passage, ...]
    nearest: tuple[Passage, ...]
    evidence: Evidence


async def recall(search: Search, question: str) -> Recalled:
    """Return what there is on a question."""
    found = await found_for(search, question, DOCUMENTS)
    nearest = tuple(hit.passages[0] for hit in found.hits)
    return Recalled(_chosen(found.hits), nearest, found.evidence)


async def found_for(search: Search, question: str, limit: int) -> Found:
    """Search as an answer does: a question about the past looks in the postmortems, unless those know nothing of it."""
    if asks_for_history(question):
        found = await search.search(question, Filter(kind="postmortem"), limit)
        if found.hits and judge(found.evidence) != "not_found":
            return found
    return await search.search(question, Filter(), limit)


def _chosen(hits: tuple[Hit, ...]) -> tuple[Passage, ...]:
    chosen: list[Passage] = []
    for number, hit in enumerate(hits):
        best = sorted(hit.passages, key=lambda passage: -_use(passage))
        chosen += best[: PASSAGES_OF_OTHERS if number else PASSAGES_OF_FIRST]
    return tuple(chosen)


def _use(passage: Passage) -> float:
    """Return how much a passage helps: its score, and more if it says what to run."""
    return passage.score + (COMMANDS_HELP if "```" in passage.text else 0.0)
