"""Who may read an answer: what it may rest on, and whether it is for all who read along or for the asker alone.

The search knows the audience, and what it found is looked at again here: a passage that slipped through is dropped and
counted, and nothing that was measured beside it is believed. Knows no Slack.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from bot.answer.followup import standalone
from bot.answer.recall import Recalled, Search, recall
from bot.answer.verdict import Verdict, judge
from bot.types import TERMINAL, Done, Question
from ingest.errors import IngestError
from ingest.index.search import Evidence, Filter, Found
from ingest.redact import Redact, redact
from ingest.types import FULL_MEMBERS, Audience

_log = structlog.get_logger(__name__)

ALONE = "Some of what answers this may not be read by everybody here, so I answer you alone."

_WORTH: Mapping[Verdict, int] = {"not_found": 0, "perhaps": 1, "answered": 2}


class Documents(Protocol):
    """Who may read which document now; `ingest.documents.store.Library` knows."""

    async def audiences(self, paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return the audience of each path that there is."""
        ...


@dataclass(frozen=True, slots=True)
class Routed:
    """For whom an answer is written. `private` says that only the asker may be shown it, for `reason`."""

    audience: Audience
    private: bool = False
    reason: str | None = None


class Gate:
    """A search whose finds are checked again: what the audience may not read is dropped, and counted as a fault."""

    def __init__(self, search: Search, fault: Callable[[str], None]) -> None:
        self._search = search
        self._fault = fault

    async def search(self, question: str, demand: Filter, limit: int) -> Found:
        """Return what was found and may be read. Raises IngestError as the search does."""
        found = await self._search.search(question, demand, limit)
        kept = tuple(
            hit for hit in found.hits if demand.audience is None or demand.audience.admits(hit.document.audience)
        )
        if len(kept) == len(found.hits):
            return found
        self._fault("audience_slipped")
        _log.error("audience_slipped", documents=len(found.hits) - len(kept))
        return Found(kept, Evidence())  # measured with what was dropped: it may not speak


class Router:
    """Decides where an answer may be told, before any of it is."""

    def __init__(self, search: Search, fault: Callable[[str], None], redact: Redact = redact) -> None:
        self._search = Gate(search, fault)
        self._redact = redact

    async def route(self, question: Question, shared: Audience, own: Audience) -> Routed:
        """Return for whom to answer: `shared` are all who would read along, `own` is the asker alone."""
        if shared == own:
            return Routed(shared)
        text = standalone(replace(question, text=self._redact(question.text))).search
        try:
            here = await recall(self._search, text, shared)
            alone = await recall(self._search, text, own)
        except IngestError:
            return Routed(shared)  # the answer will say what is wrong
        return route(shared, own, here, alone)


def route(shared: Audience, own: Audience, here: Recalled, alone: Recalled) -> Routed:
    """Decide from what was recalled for all who read along (`here`) and for the asker (`alone`).

    The asker is answered alone when what all may read leaves more open, or when what answers best is not for all. Pure.
    """
    verdict = _verdict(alone)
    withheld = [audience for audience in alone.audiences if not shared.admits(audience)]
    if verdict == "not_found" or not withheld:
        return Routed(shared)
    leads = withheld[0] == alone.audiences[0]
    better = _WORTH[verdict] > _WORTH[_verdict(here)]
    return Routed(own, private=True, reason=ALONE) if leads or better else Routed(shared)


def reader_of(question: Question) -> Audience | None:
    """Return who will read the answer; None, which is everything, only for the terminal.

    A question from a chat that came without an audience gets what every full member may read.
    """
    if question.audience is not None:
        return question.audience
    return None if question.asker == TERMINAL else FULL_MEMBERS


async def may_hear(documents: Documents, done: Done, audience: Audience) -> bool:
    """Whether an answer given before may be shown to `audience` as it stands, by who may read its documents now.

    False where that is not known, or where a document is gone: then the question is to be answered anew.
    """
    if done.drew_on is None or not audience.readers:
        return False
    now = await documents.audiences(done.drew_on)
    return all(audience.admits(now.get(path, ())) for path in done.drew_on)


async def may_read(documents: Documents, path: str, audience: Audience) -> bool:
    """Whether `audience` may read a document now; False when it is gone."""
    return audience.admits((await documents.audiences([path])).get(path, ()))


def _verdict(recalled: Recalled) -> Verdict:
    return judge(recalled.evidence) if recalled.passages else "not_found"
