"""The word index: BM25 over passages and whole documents, in memory, built anew from the rows. Knows no vectors."""

import math
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import Stemmer
import tantivy

_WORD = re.compile(r"[A-Za-z0-9]+")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_WRITER_BYTES = 64 * 1024 * 1024
_LONGEST_TERM = 64

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


class Words:
    """BM25 (k1 1.2, b 0.75: tantivy's constants) over entries. Immutable once built; building blocks."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        builder = tantivy.SchemaBuilder()
        builder.add_integer_field("number", stored=False, fast=True)
        builder.add_text_field("body", stored=False, tokenizer_name="whitespace")
        builder.add_text_field("tags", stored=False, tokenizer_name="raw")
        self._schema = builder.build()
        self._index = tantivy.Index(self._schema)
        self._ids: list[str] = []
        writer = self._index.writer(_WRITER_BYTES, 1)
        for number, entry in enumerate(entries):
            self._ids.append(entry.id)
            body = " ".join(entry.terms)
            writer.add_document(tantivy.Document(number=number, body=body, tags=list(entry.tags)))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        self._searcher = self._index.searcher()

    def __len__(self) -> int:
        """How many entries are indexed."""
        return len(self._ids)

    def best(self, question: Iterable[str], limit: int, tags: Sequence[str] = ()) -> list[tuple[str, float]]:
        """Return up to `limit` (id, BM25) pairs that bear all `tags`, best first; empty when no term is known."""
        unique = sorted(set(question))
        if not unique or not self._ids:
            return []
        term, combine, occur = tantivy.Query.term_query, tantivy.Query.boolean_query, tantivy.Occur
        query = combine([(occur.Should, term(self._schema, "body", word)) for word in unique])
        if tags:
            demanded = [(occur.Must, term(self._schema, "tags", tag)) for tag in tags]
            free = tantivy.Query.const_score_query(combine(demanded), 0.0)
            query = combine([(occur.Must, query), (occur.Must, free)])
        hits = self._searcher.search(query, limit, count=False).hits
        numbers = self._searcher.fast_field_values("number", [address for _, address in hits])
        return [(self._ids[int(number or 0)], float(score)) for (score, _), number in zip(hits, numbers, strict=True)]

    def rarity(self, question: Iterable[str]) -> dict[str, float]:
        """Return each term's inverse document frequency, ln((n + 1) / (df + 1)), after Sparck Jones (1972)."""
        total = len(self._ids) + 1
        found = {term: self._searcher.doc_freq("body", term) for term in sorted(set(question))}
        return {term: math.log(total / (frequency + 1)) for term, frequency in found.items()}
