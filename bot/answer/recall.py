"""What the answer may rest on: the passages found for a question, chosen and bounded. Knows no Claude and no Slack."""

import re
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from bot.answer.claim import orders_in
from bot.answer.verdict import judge, surety
from ingest.index.search import Evidence, Filter, Found, Hit, asks_for_history
from ingest.types import Audience, Passage

DOCUMENTS = 4
"""Documents an answer may draw on: the right one is among the first five in .94 of questions (shared measurements)."""

PASSAGES_OF_FIRST, PASSAGES_OF_OTHERS = 6, 2
"""The best document is quoted at length, as its check, fix and rollback belong together; the others briefly."""

SIMILAR = 0.75
"""How sure it must be, from the postmortems alone, that one of them would answer, to be named beside a runbook."""

_TASK = re.compile(r"^\W*(?:please\s+)?how (?:do|to|can|should|would)\b", re.IGNORECASE)

COMMANDS_HELP = 0.1
"""What a passage with commands gains over its neighbours in the same document: people on call came to act."""


SECTIONS_OF_USE = tuple(
    (re.compile(words, re.IGNORECASE), gain)
    for words, gain in (
        (r"escalat|background|do not|reference|see also|follow.?up|timeline|impact|history|links", -0.2),
        (r"check|diagnos|investigat|verify|confirm|triage|debug", 0.4),
        (r"fix|mitigat|resol|remed|solution|steps|procedure|recover|repair|restore|what to do|how to|action", 0.35),
        (r"tell.*apart|differen", 0.2),
    )
)
"""What a section's title says about its use at 3 a.m.: first what to look at, then what to do, last whom to call. The
words are those that public runbook templates use (Prometheus operator, OpenShift, SRE workbook)."""

BEGINNING = 2
"""Passages of each of the two best sections that come first: what to look at, and what to do then."""

FAR_NEARER = 0.35
"""By how much a passage must be nearer than the section to act on to come before it: a question about one detail."""


class Search(Protocol):
    """Finds passages; `ingest.index.serve.Index` does."""

    async def search(self, question: str, demand: Filter, limit: int) -> Found:
        """Return up to `limit` documents with passages, best first."""
        ...


@dataclass(frozen=True, slots=True)
class Recalled:
    """`passages` as they are numbered, by document and then best first; `nearest` is the best of each document.

    `audiences` are who may read each of the documents, in the order of `nearest`. `by_words` says that it was searched
    for without vectors.
    """

    passages: tuple[Passage, ...]
    nearest: tuple[Passage, ...]
    evidence: Evidence
    audiences: tuple[tuple[str, ...], ...] = ()
    by_words: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """The documents that an answer written from this may show or name."""
        return tuple(passage.path for passage in self.nearest)


async def recall(search: Search, question: str, audience: Audience | None = None) -> Recalled:
    """Return what there is on a question for those who will read the answer; without an audience, everything counts."""
    found = await found_for(search, question, DOCUMENTS, audience)
    nearest = tuple(hit.passages[0] for hit in found.hits)
    audiences = tuple(hit.document.audience for hit in found.hits)
    return Recalled(_chosen(found.hits), nearest, found.evidence, audiences, by_words=found.by_words)


async def found_for(search: Search, question: str, limit: int, audience: Audience | None = None) -> Found:
    """Search as an answer does: a question about the past looks in the postmortems, unless those know nothing of it."""
    if asks_for_history(question):
        found = await search.search(question, Filter(kind="postmortem", audience=audience), limit)
        if found.hits and judge(found.evidence) != "not_found":
            return found
    return await search.search(question, Filter(audience=audience), limit)


async def similar_to(search: Search, question: str, recalled: Recalled, audience: Audience | None = None) -> Hit | None:
    """Return a past incident that is near by its own evidence, where a runbook answers; None where none is."""
    if not recalled.passages or recalled.passages[0].kind != "runbook" or _asks_for_a_task(question):
        return None
    found = await search.search(question, Filter(kind="postmortem", audience=audience), 1)
    return found.hits[0] if found.hits and surety(found.evidence) >= SIMILAR else None


def _asks_for_a_task(question: str) -> bool:
    """Whether somebody wants to do something and tells of no trouble, as in "how do I rotate a key"."""
    return _TASK.match(question) is not None or any(not order.is_check for order in orders_in(question)[:1])


def _chosen(hits: tuple[Hit, ...]) -> tuple[Passage, ...]:
    chosen: list[Passage] = []
    for number, hit in enumerate(hits):
        chosen += _to_act_on(hit.passages)[: PASSAGES_OF_OTHERS if number else PASSAGES_OF_FIRST]
    return tuple(chosen)


def _to_act_on(passages: tuple[Passage, ...]) -> list[Passage]:
    """Return a document's passages, the most useful first: the beginnings of its best sections, then their rest.

    Steps are of use in their order only, so a section is begun at its first step, however near a later one is; only a
    passage that is nearer by far, as for a question about one detail, comes before all.
    """
    in_order = sorted(passages, key=lambda passage: passage.start_line)
    sections = [list(group) for _, group in groupby(in_order, key=lambda passage: passage.heading)]
    sections.sort(key=lambda section: -max(map(_use, section)))
    nearest = passages[0]
    detail = [nearest] if nearest.score - sections[0][0].score >= FAR_NEARER else []
    begun = [passage for section in sections[:2] for passage in section[:BEGINNING]]
    rest = [passage for section in sections for passage in section]
    return list(dict.fromkeys([*detail, *begun, *rest]))


def _use(passage: Passage) -> float:
    """Return how much a passage helps somebody who came to act: its score, and what its section is for."""
    title = passage.heading.rsplit(" > ", 1)[-1]
    of_use = next((gain for pattern, gain in SECTIONS_OF_USE if pattern.search(title)), 0.0)
    return passage.score + of_use + (COMMANDS_HELP if "```" in passage.text else 0.0)
