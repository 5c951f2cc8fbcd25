"""The word index: BM25 over passages and whole documents, in memory, built anew from the rows. Knows no vectors.

Whoever searches names the entries that its reader may see, and every count is taken among those alone: how rare a word
is, how long texts are, how many there are. So an entry that is not among them changes no score by a hair, and a reader
learns nothing of it, not even that a word stands in it. No search engine that we know counts so, which is why the
formula stands here.
"""

import math
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import Stemmer

from ingest.index.exact import top

_WORD = re.compile(r"[A-Za-z0-9]+")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_LONGEST_TERM = 64

Mask = npt.NDArray[np.bool_]
"""bool[entries], in the order of the entries: those that a reader may see."""

K1, B = 1.2, 0.75
"""BM25's usual constants (Robertson and Zaragoza 2009), as in Lucene and tantivy."""

_STEPS = np.array([*range(40), *(24 + ((bits | 8) << shift) for shift in range(1, 27) for bits in range(8))])
"""Lengths as BM25 sees them: exact to 40, then rounded down to an eighth (Lucene's SmallFloat.byte4ToInt). The verdict
was fitted on scores with these lengths."""

# Words that carry a question's grammar, not its matter (the usual English stop words plus the ways people ask).
_STOP = frozenset(
    "a about after all also an and any are as at be because been before being but by can could did do does doing "
    "during ever for from get gets getting got had has have having he her here hers him his how i if in into is it its "
    "just me my no not of off on once or our out over please she should so some such than that the their them then "
    "there these they this those to too under until up us was we were what when where which while who why will with "
    "would you your".split()
)


def terms(text: str) -> list[str]:
    """Return the stemmed, lower-case terms of a text, stop words taken out, in order.

    A name such as KubeAPIDown gives itself and its parts, so that both ways of writing it meet.
    """
    found: list[str] = []
    for word in _WORD.findall(text):
        if len(word) <= _LONGEST_TERM:
            found.extend(_terms_of_word(word))
    return found


@lru_cache(maxsize=200_000)
def _terms_of_word(word: str) -> tuple[str, ...]:
    lower = word.lower()
    if lower in _STOP:
        return ()
    parts = [part.lower() for part in _CAMEL.findall(word)]
    whole = _stem(lower)
    if len(parts) <= 1:
        return (whole,)
    return (whole, *(_stem(part) for part in parts if part not in _STOP))


@lru_cache(maxsize=1)
def _stemmer() -> Any:  # noqa: ANN401 - PyStemmer ships no types
    return Stemmer.Stemmer("english")


def _stem(word: str) -> str:
    return str(_stemmer().stemWord(word))


class Entry(NamedTuple):
    """A text to index: its id, its terms, and tags that a search may demand (`kind:runbook`)."""

    id: str
    terms: Sequence[str]
    tags: Sequence[str] = ()


class _Postings(NamedTuple):
    """Where a term occurs: the entries' numbers, ascending, and how often in each."""

    entries: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int32]


class Words:
    """BM25 over entries. Immutable once built; building blocks (a second for 30,000 passages)."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._ids: list[str] = []
        lengths: list[int] = []
        postings: dict[str, tuple[array[int], array[int]]] = {}
        tagged: dict[str, list[int]] = {}
        for number, entry in enumerate(entries):
            self._ids.append(entry.id)
            lengths.append(len(entry.terms))
            for term, count in Counter(entry.terms).items():
                there, often = postings.setdefault(term, (array("i"), array("i")))
                there.append(number)
                often.append(count)
            for tag in set(entry.tags):
                tagged.setdefault(tag, []).append(number)
        self._postings = {term: _Postings(*map(np.array, both)) for term, both in postings.items()}
        self._tagged = {tag: np.array(numbers) for tag, numbers in tagged.items()}
        self._lengths = np.array(lengths, dtype=np.int64)
        self._rounded = _STEPS[np.searchsorted(_STEPS, self._lengths, side="right") - 1]

    def __len__(self) -> int:
        """How many entries are indexed."""
        return len(self._ids)

    def best(
        self, question: Iterable[str], limit: int, tags: Sequence[str] = (), among: Mask | None = None
    ) -> list[tuple[str, float]]:
        """Return up to `limit` (id, BM25) pairs that bear all `tags`, best first; empty when no term is known.

        Only entries `among` those that the reader may see are found or counted; None means all.
        """
        scores = np.zeros(len(self._ids))
        total = self._total(among)
        mean = float((self._lengths if among is None else self._lengths[among]).sum()) / max(total, 1)
        norms = K1 * (1.0 - B + B * self._rounded / max(mean, 1e-9))
        for term in sorted(set(question)):
            found = self._found(term, among)
            idf = math.log(1.0 + (total - len(found.entries) + 0.5) / (len(found.entries) + 0.5))
            scores[found.entries] += idf * found.counts * (K1 + 1.0) / (found.counts + norms[found.entries])
        for tag in tags:
            bears = np.zeros(len(self._ids), dtype=bool)
            bears[self._tagged.get(tag, [])] = True
            scores[~bears] = 0.0
        hits = np.flatnonzero(scores)
        return [(self._ids[hits[index]], float(scores[hits[index]])) for index in top(scores[hits], limit)]

    def rarity(self, question: Iterable[str], among: Mask | None = None) -> dict[str, float]:
        """Return each term's inverse document frequency, ln((n + 1) / (df + 1)), after Sparck Jones (1972)."""
        total = self._total(among) + 1
        found = {term: len(self._found(term, among).entries) for term in sorted(set(question))}
        return {term: math.log(total / (frequency + 1)) for term, frequency in found.items()}

    def _total(self, among: Mask | None) -> int:
        return len(self._ids) if among is None else int(np.count_nonzero(among))

    def _found(self, term: str, among: Mask | None) -> _Postings:
        """Return where a term occurs among the entries that count."""
        found = self._postings.get(term)
        if found is None:
            return _Postings(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32))
        if among is None:
            return found
        seen = among[found.entries]
        return _Postings(found.entries[seen], found.counts[seen])
