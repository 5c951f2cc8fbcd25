"""From a question to passages: four signals over one snapshot of the documents, fused. Pure but for building indexes.

The signals (shared measurements on 1,000 public documents: together .71 R@1 where vectors of chunks alone reach .53):
vectors of chunks under their breadcrumbs, BM25 of the same, vectors of each document's card, BM25 of whole documents.
"""

import math
import re
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.documents.chunk import begins_in_code, embedded_text
from ingest.documents.store import Contents, Row, Vector
from ingest.index.exact import Near, top
from ingest.index.words import Entry, Mask, Words, terms
from ingest.types import EVERYONE, Audience, Document, Kind, Passage

Scores = npt.NDArray[np.float64]

CHUNK_VECTOR, CHUNK_WORDS, CARD_VECTOR, DOCUMENT_WORDS = range(4)
WEIGHTS = np.array([1.0, 0.5, 0.5, 0.5])
"""Of the four signals; measured: equal weights do as well, it is the signals that matter."""

RUNBOOK_FIRST = 0.04
"""What a runbook gains over a postmortem about the same: who asks without asking for history wants to act (measured:
.04 lifts R@1 of symptoms by .01 and costs questions about the past nothing)."""

NEAR_CHUNKS = 200
"""Candidates a chunk signal contributes: the right page is in the top 20 documents in .95 to .98 of questions."""

NEAR_DOCUMENTS = 60
"""Candidates a document signal contributes."""

_BEFORE = r"before(?!\s+(?:i|we|you|they|it|he|she|the|an?|any|\w+ing)\b)"
"""But not "before I restart it": that asks what to do."""

VIEWS = 256
"""Audiences whose view of a snapshot is kept: a byte a document and passage each, 8 MB at 30,000 passages."""

_SEEN_BEFORE = re.compile(
    r"\b(?:seen|happened?|happening|occurr?(?:ed)?|hit|had|have|experienced|encountered|been through|run into|ran into|"
    rf"come up|dealt with|bitten)\b[^.?!]{{0,80}}\b(?:{_BEFORE}|previously|in the past|earlier|ever)\b"
    rf"|\b(?:has|have|had|did|was|were)\b[^.?!]{{0,60}}\b(?:ever|{_BEFORE}|previously|in the past)\b"
    r"|\balready (?:seen|happened|had|hit|occurred|encountered|experienced)\b"
    r"|\b(?:seen|happened|occurred|encountered|experienced)\b[^.?!]{0,60}\balready\b"
    r"|\b(?:last|previous|past|earlier|similar|other|same kind of|prior) "
    r"(?:incidents?|outages?|time|occurrences?|events?)\b"
    r"|\b(?:post-?mortems?|incident reports?|seen before|déjà vu|deja vu)\b"
    r"|\b(?:any|an) (?:incident|outage|postmortem|precedent)s?\b",
    re.IGNORECASE,
)


def asks_for_history(question: str) -> bool:
    """Whether the question is about what happened before, which postmortems answer and runbooks do not."""
    return _SEEN_BEFORE.search(question) is not None


@dataclass(frozen=True, slots=True)
class Filter:
    """What a passage must be; None is no demand.

    `audience` is who will read it, and more than a demand: for them, nothing else exists. Without one, everything does.
    """

    kind: Kind | None = None
    service: str | None = None
    audience: Audience | None = None

    @property
    def tags(self) -> list[str]:
        """The demands as tags of the word index."""
        demands = {"kind": self.kind, "service": self.service}
        return [f"{name}:{value.lower()}" for name, value in demands.items() if value]

    def admits(self, document: Document) -> bool:
        """Whether a document meets every demand, the audience included."""
        readable = self.audience is None or self.audience.admits(document.audience)
        return readable and set(self.tags) <= set(_tags(document))


@dataclass(frozen=True, slots=True)
class Hit:
    """A document found, with its passages, best first. `score` is in [0, 1]."""

    document: Document
    score: float
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the result list tells about whether the question is answered at all.

    `nearest` is the best cosine of any chunk; `words` the best document's BM25 against itself plus the question's total
    rarity, in [0, 1); `known` and `covered` are the rarity-weighted shares of the question's terms that occur anywhere,
    and in the first document.
    """

    nearest: float = 0.0
    words: float = 0.0
    known: float = 0.0
    covered: float = 0.0


@dataclass(frozen=True, slots=True)
class Found:
    """The answer of a search: documents, best first, and the evidence. Empty when nothing is indexed or admitted.

    Both are what they would be if the documents that its audience may not read were not there at all. `by_words` says
    that no vectors were compared: the evidence then holds a guess in their place.
    """

    hits: tuple[Hit, ...] = ()
    evidence: Evidence = Evidence()
    by_words: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """What an audience may read of a snapshot: bool[documents] and bool[chunks]."""

    documents: Mask
    chunks: Mask


class Snapshot:
    """One state of the documents, indexed in memory. Immutable; building it blocks (a second for 30,000 chunks)."""

    def __init__(self, contents: Contents) -> None:
        self.revision = contents.revision
        self.documents = list(contents.documents.values())
        self.rows = contents.rows
        self.place = {row.chunk.id: index for index, row in enumerate(contents.rows)}
        numbers = {document.id: index for index, document in enumerate(self.documents)}
        self.owner = np.array([numbers[row.chunk.document_id] for row in contents.rows], dtype=np.int64)
        self.vectors = _take(contents, (row.vector_hash for row in contents.rows))
        self.cards = _take(contents, (contents.card_hashes[document.id] for document in self.documents))
        self.terms = [terms(_words_of(row, contents.documents)) for row in contents.rows]
        self.passage_words = Words(
            Entry(str(index), found, _tags(self.documents[self.owner[index]])) for index, found in enumerate(self.terms)
        )
        self.document_words = Words(self._document_entries())
        self.labels = frozenset(label for document in self.documents for label in document.audience) - set(EVERYONE)
        self._views: OrderedDict[Audience, View] = OrderedDict()

    def view(self, audience: Audience | None) -> View | None:
        """Return what `audience` may read of this state, or None when that is all of it."""
        if audience is None:
            return None
        view = self._views.get(audience)
        if view is None:
            admitted = np.array([audience.admits(document.audience) for document in self.documents], dtype=bool)
            view = View(admitted, admitted[self.owner])
            self._views[audience] = view
            while len(self._views) > VIEWS:
                self._views.popitem(last=False)
        return None if view.documents.all() else view

    def counts(self, audience: Audience | None) -> dict[str, int]:
        """Return how many documents `audience` may read, by kind, and how many passages (`chunks`)."""
        view = self.view(audience)
        seen = [each for index, each in enumerate(self.documents) if view is None or view.documents[index]]
        kinds = Counter[str](document.kind for document in seen)
        return {**kinds, "chunks": len(self.rows) if view is None else int(view.chunks.sum())}

    def _document_entries(self) -> Iterable[Entry]:
        bodies: list[list[str]] = [[] for _ in self.documents]
        for owner, found in zip(self.owner, self.terms, strict=True):
            bodies[owner] += found
        for index, document in enumerate(self.documents):
            yield Entry(str(index), bodies[index], _tags(document))


@dataclass(frozen=True, slots=True)
class Query:
    """A question ready to be searched for. `vector` is float32[d] of unit length, `terms` its words."""

    terms: tuple[str, ...]
    vector: Vector
    demand: Filter
    limit: int


def search(snapshot: Snapshot, query: Query, near: Sequence[Near] | None = None) -> Found:
    """Return up to `query.limit` documents with their passages, best first.

    `near` is the question's nearest chunks if an index has them already; None scans exactly, as is always done under a
    filter, which costs an approximate index its speed.
    """
    view = snapshot.view(query.demand.audience)
    admitted = _admitted(snapshot, query.demand, view)
    if not admitted.any():
        return Found()
    signals = _signals(snapshot, query, near if admitted.all() else None, _Scope(admitted, view))
    candidates = np.flatnonzero(np.isfinite(signals.documents[CHUNK_VECTOR]) & admitted)
    to_act = np.array([snapshot.documents[index].kind == "runbook" for index in candidates])
    fused = (_fused(signals.documents[:, candidates]) + RUNBOOK_FIRST * to_act) / (1.0 + RUNBOOK_FIRST)
    order = [int(candidates[index]) for index in top(fused, query.limit)]
    ranked = dict(zip(candidates.tolist(), fused.tolist(), strict=True))
    hits = tuple(
        Hit(snapshot.documents[index], ranked[index], _passages(snapshot, signals, index, ranked[index]))
        for index in order
    )
    return Found(hits, _evidence(snapshot, query.terms, signals, order[0], view))


def _admitted(snapshot: Snapshot, demand: Filter, view: View | None) -> Mask:
    """Return bool[documents]: which ones may be found."""
    admitted = np.ones(len(snapshot.documents), dtype=bool) if view is None else view.documents
    if not demand.tags:
        return admitted
    meets = np.array([set(demand.tags) <= set(_tags(document)) for document in snapshot.documents], dtype=bool)
    return np.asarray(admitted & meets, dtype=bool)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What may be found (bool[documents]), and what exists at all for this reader; None is everything."""

    admitted: Mask
    view: View | None


@dataclass(frozen=True, slots=True)
class _Signals:
    """`documents` is float64[4, documents], `chunks` float64[2, chunks]; a document that is no candidate is -inf."""

    documents: Scores
    chunks: Scores


def _signals(snapshot: Snapshot, query: Query, near: Sequence[Near] | None, scope: _Scope) -> _Signals:
    seen, seen_chunks = (scope.view.documents, scope.view.chunks) if scope.view is not None else (None, None)
    tags = query.demand.tags
    chunks = np.zeros((2, len(snapshot.rows)))
    chunks[0] = np.where(scope.admitted[snapshot.owner], snapshot.vectors @ query.vector, -np.inf)
    for name, score in snapshot.passage_words.best(query.terms, NEAR_CHUNKS, tags, seen_chunks):
        chunks[1, int(name)] = score
    documents = np.zeros((4, len(snapshot.documents)))
    documents[CARD_VECTOR] = snapshot.cards @ query.vector
    if seen is not None:  # else they would take places among the nearest
        documents[CARD_VECTOR, ~seen] = -np.inf
    for name, score in snapshot.document_words.best(query.terms, NEAR_DOCUMENTS, tags, seen):
        documents[DOCUMENT_WORDS, int(name)] = score
    candidates = _candidates(snapshot, chunks, documents, near)
    documents[CHUNK_VECTOR] = _best_of_each(snapshot, chunks[0], -np.inf)
    documents[CHUNK_WORDS] = _best_of_each(snapshot, chunks[1], 0.0)
    documents[CHUNK_VECTOR, ~candidates] = -np.inf
    return _Signals(documents, chunks)


def _candidates(
    snapshot: Snapshot, chunks: Scores, documents: Scores, near: Sequence[Near] | None
) -> npt.NDArray[np.bool_]:
    """Return which documents any signal proposes."""
    chosen = np.zeros(documents.shape[1], dtype=bool)
    if near is None:
        chosen[snapshot.owner[top(chunks[0], NEAR_CHUNKS)]] = True
    else:  # the index may still name a chunk that this snapshot no longer has
        chosen[[snapshot.owner[snapshot.place[name]] for name, _ in near if name in snapshot.place]] = True
    chosen[snapshot.owner[np.flatnonzero(chunks[1] > 0)]] = True
    chosen[top(documents[CARD_VECTOR], NEAR_DOCUMENTS)] = True
    chosen |= documents[DOCUMENT_WORDS] > 0
    return chosen


def _best_of_each(snapshot: Snapshot, scores: Scores, least: float) -> Scores:
    best = np.full(len(snapshot.documents), least)
    np.maximum.at(best, snapshot.owner, scores)
    return best


def _fused(signals: Scores) -> Scores:
    """Return float64[n] in [0, 1]: every signal scaled to [0, 1] over the candidates, then the weighted mean."""
    return np.asarray(WEIGHTS @ np.apply_along_axis(_scaled, 1, signals) / WEIGHTS.sum(), dtype=np.float64)


def _scaled(scores: Scores) -> Scores:
    low, high = scores.min(), scores.max()
    return (scores - low) / (high - low) if high > low else np.zeros_like(scores)


def _passages(snapshot: Snapshot, signals: _Signals, document: int, score: float) -> tuple[Passage, ...]:
    """Return the passages of one document, best first; the first bears the document's score."""
    mine = np.flatnonzero(snapshot.owner == document)
    both = signals.chunks[:, mine]
    words = both[1] / max(float(signals.chunks[1].max()), 1e-9)
    merit = both[0] + 0.5 * words
    best = float(merit.max())
    return tuple(
        _passage(snapshot, int(mine[index]), score * max(0.0, 1.0 - (best - float(merit[index]))))
        for index in top(merit, len(mine))
    )


def _passage(snapshot: Snapshot, index: int, score: float) -> Passage:
    chunk, document = snapshot.rows[index].chunk, snapshot.documents[snapshot.owner[index]]
    return Passage(
        chunk_id=chunk.id,
        path=document.path,
        title=document.title,
        heading=chunk.heading,
        kind=document.kind,
        services=document.services,
        reviewed=document.reviewed,
        start_line=chunk.start_line,
        end_line=chunk.end_line,
        text=chunk.text,
        score=round(score, 4),
        in_code=begins_in_code(document.text, chunk.start_line),
    )


def _evidence(snapshot: Snapshot, asked: Sequence[str], signals: _Signals, first: int, view: View | None) -> Evidence:
    rarity = snapshot.document_words.rarity(asked, None if view is None else view.documents)
    total = sum(rarity.values()) or 1.0
    unknown = math.log((len(snapshot.documents) if view is None else int(view.documents.sum())) + 1)
    there = {term for index in np.flatnonzero(snapshot.owner == first) for term in snapshot.terms[index]}
    words = float(signals.documents[DOCUMENT_WORDS].max())
    return Evidence(
        nearest=float(signals.documents[CHUNK_VECTOR].max()),
        words=words / (words + total),
        known=sum(weight for weight in rarity.values() if weight < unknown) / total,
        covered=sum(weight for term, weight in rarity.items() if term in there) / total,
    )


def _take(contents: Contents, hashes: Iterable[str]) -> Vector:
    indexes = [contents.order[name] for name in hashes]
    return contents.vectors[indexes] if indexes else np.empty((0, contents.vectors.shape[1]), dtype=np.float32)


def _words_of(row: Row, documents: Mapping[str, Document]) -> str:
    return embedded_text(documents[row.chunk.document_id].title, row.chunk.heading, row.chunk.text)


def _tags(document: Document) -> list[str]:
    return [f"kind:{document.kind}", *(f"service:{service.lower()}" for service in document.services)]
