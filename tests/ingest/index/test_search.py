"""Search: four signals fused over one state of the documents, filters that demand, evidence that can be judged."""

from collections.abc import Sequence
from dataclasses import astuple, replace
from typing import Any

import numpy as np
import pytest

from ingest.documents.chunk import card_of, chunks_of, embedded_text
from ingest.documents.store import Contents, Row
from ingest.index.search import (
    CARD_VECTOR,
    CHUNK_VECTOR,
    CHUNK_WORDS,
    DOCUMENT_WORDS,
    Evidence,
    Filter,
    Found,
    Query,
    Snapshot,
    asks_for_history,
    search,
)
from ingest.index.words import terms
from ingest.types import EVERYONE, FULL_MEMBERS, NOBODY, Audience, Document
from tests.fakes.embed import HashEmbedder

EMBEDDER = HashEmbedder()


def page(name: str, text: str, **different: object) -> Document:
    """Return a runbook."""
    like: dict[str, object] = {"id": f"docs/{name}.md", "root": "docs", "kind": "runbook", "text": text}
    like["title"] = name.capitalize()
    return Document(**(like | different))  # type: ignore[arg-type]


def contents_of(documents: Sequence[Document]) -> Contents:
    """Return documents as the database would give them."""
    texts: dict[str, str] = {}
    rows, cards = [], {}
    for document in documents:
        cards[document.id] = f"card {document.id}"
        texts[cards[document.id]] = card_of(document)
        for chunk in chunks_of(document, EMBEDDER.count, EMBEDDER.window):
            rows.append(Row(chunk, chunk.id))
            texts[chunk.id] = embedded_text(document.title, chunk.heading, chunk.text)
    order = {name: index for index, name in enumerate(texts)}
    vectors = EMBEDDER.embed(list(texts.values()))
    return Contents(1, {document.id: document for document in documents}, cards, rows, order, vectors)


def found(documents: Sequence[Document], question: str, demand: Filter | None = None, limit: int = 10) -> Found:
    """Return what a question finds in the documents."""
    vector = EMBEDDER.embed([question])[0]
    query = Query(tuple(terms(question)), vector, demand or Filter(), limit)
    return search(Snapshot(contents_of(documents)), query)


def paths(result: Found) -> list[str]:
    """Return the names of the documents found, best first."""
    return [hit.document.id.removeprefix("docs/").removesuffix(".md") for hit in result.hits]


POOL = page("pool", "# Pool\n\nThe connection pool of Postgres is exhausted.\n\n## Fix\n\nTerminate idle sessions.\n")
PODS = page(
    "pods", "# Pods\n\nPods restart in a loop.\n\n## Fix\n\nRoll back the deployment.\n", services=("Checkout",)
)
PAST = page(
    "past", "# Past\n\nOn Tuesday the connection pool was exhausted.\n", kind="postmortem", services=("postgres",)
)
CDN = page("cdn", "# CDN\n\nPurge the edge when it serves stale prices.\n", services=("cdn", "catalog"))
ALL = [POOL, PODS, PAST, CDN]


def test_the_page_that_speaks_of_it_is_first() -> None:
    """Best first, each document once, the best score with it."""
    result = found(ALL, "connection pool exhausted")
    assert paths(result)[:2] == ["pool", "past"]
    scores = [hit.score for hit in result.hits]
    assert scores == sorted(scores, reverse=True)
    assert all(0.0 <= score <= 1.0 for score in scores)


def test_no_more_documents_than_asked_for() -> None:
    """The limit counts documents."""
    assert len(found(ALL, "pool", limit=2).hits) == 2


def test_passages_come_best_first_and_the_first_bears_the_documents_score() -> None:
    """The passage that answers stands before the others of its page."""
    hit = found(ALL, "terminate idle sessions").hits[0]
    assert hit.document is POOL
    assert [passage.heading for passage in hit.passages] == ["Fix", ""]
    assert hit.passages[0].score == pytest.approx(hit.score, abs=1e-4)
    assert hit.passages[0].score >= hit.passages[1].score >= 0.0


def test_a_passage_brings_what_a_reader_needs_to_check_it() -> None:
    """Place, lines as they stand, and the facts of its document."""
    passage = found([PODS], "roll back").hits[0].passages[0]
    assert (passage.path, passage.title, passage.heading, passage.kind) == ("docs/pods.md", "Pods", "Fix", "runbook")
    assert (passage.start_line, passage.end_line, passage.services) == (5, 7, ("Checkout",))
    assert (passage.text, passage.in_code) == ("## Fix\n\nRoll back the deployment.", False)


def test_a_passage_knows_that_it_begins_in_code() -> None:
    """A script cut in two is quoted as code in both halves."""
    script = "\n".join(f"echo word{number} and more words on this line" for number in range(30))
    hit = found([page("script", f"# Script\n\n```\n{script}\n```\n")], "word29").hits[0]
    begin = {passage.start_line: passage.in_code for passage in hit.passages}
    assert begin[1] is False
    assert all(inside for line, inside in begin.items() if line > 3)
    assert len(begin) > 2


@pytest.mark.parametrize(
    ("demand", "expected"),
    [
        (Filter(kind="postmortem"), ["past"]),
        (Filter(kind="runbook"), ["cdn", "pods", "pool"]),
        (Filter(kind="correction"), []),
        (Filter(service="checkout"), ["pods"]),
        (Filter(service="CATALOG"), ["cdn"]),
        (Filter(kind="runbook", service="postgres"), []),
        (Filter(kind="postmortem", service="Postgres"), ["past"]),
        (Filter(service="cat"), []),
    ],
)
def test_a_filter_is_a_demand(demand: Filter, expected: list[str]) -> None:
    """Kind and service, in any case, whole names; nothing that does not meet both is shown."""
    assert sorted(paths(found(ALL, "connection pool exhausted", demand))) == expected


def test_a_filter_changes_the_candidates_and_not_the_answer() -> None:
    """Among those admitted, the best stays the best."""
    assert paths(found(ALL, "connection pool exhausted", Filter(kind="runbook")))[0] == "pool"


def test_an_empty_library_finds_nothing_and_has_no_evidence() -> None:
    """Before the first sync."""
    assert found([], "pool") == Found((), Evidence())


@pytest.mark.parametrize("question", ["", "???", "what is it", "数据库"])
def test_a_question_without_words_still_gives_a_list(question: str) -> None:
    """Vectors alone rank then; the evidence says that nothing was recognised."""
    result = found(ALL, question)
    assert len(result.hits) == 4
    assert (result.evidence.words, result.evidence.known, result.evidence.covered) == (0.0, 0.0, 0.0)


def test_two_documents_with_one_title_are_two() -> None:
    """They are told apart by their path."""
    twins = [
        page("a", "# Same\n\nDrain the pod.\n", title="Same"),
        page("b", "# Same\n\nDrain the queue.\n", title="Same"),
    ]
    assert paths(found(twins, "drain the queue")) == ["b", "a"]


def test_a_runbook_stands_before_a_postmortem_that_says_the_same() -> None:
    """Who does not ask for the past wants to act."""
    text = "# Pool\n\nThe pool is exhausted.\n"
    twins = [page("a-past", text, kind="postmortem", title="Pool"), page("b-book", text, title="Pool")]
    assert paths(found(twins, "pool exhausted")) == ["b-book", "a-past"]


ZERO = np.zeros(64, dtype=np.float32)
EAST, NORTH = np.eye(64, dtype=np.float32)[:2]


def led_by(signal: int) -> tuple[Contents, Query]:
    """Return two documents that differ in one signal alone, and a question that tells them apart."""
    apart = {CHUNK_WORDS: "Mirrors and lag.\n\n## More\n\nOther words.", DOCUMENT_WORDS: "Lag.\n\n## More\n\nLag more."}
    plain = {
        CHUNK_WORDS: "Mirrors.\n\n## More\n\nLag and other words.",
        DOCUMENT_WORDS: "Lag.\n\n## More\n\nMuch more.",
    }
    texts = {name: f"# Title\n\n{body.get(signal, 'Same.')}\n" for name, body in (("last", plain), ("first", apart))}
    contents = contents_of([page(name, text, title="Title") for name, text in texts.items()])
    vectors = np.tile(NORTH, (len(contents.order), 1))
    favoured = [row.vector_hash for row in contents.rows if row.chunk.document_id == "docs/first.md"]
    for name in {CHUNK_VECTOR: favoured, CARD_VECTOR: ["card docs/first.md"]}.get(signal, []):
        vectors[contents.order[name]] = EAST
    asked = tuple(terms("mirrors lag")) if signal in apart else ()
    return replace(contents, vectors=vectors), Query(asked, ZERO if signal in apart else EAST, Filter(), 10)


@pytest.mark.parametrize("signal", [CHUNK_VECTOR, CHUNK_WORDS, CARD_VECTOR, DOCUMENT_WORDS])
def test_each_of_the_four_signals_brings_a_document_up_by_itself(signal: int) -> None:
    """Passages by meaning and by words, the card, and the whole document: each counts where all others are level."""
    contents, query = led_by(signal)
    result = search(Snapshot(contents), query)
    assert paths(result) == ["first", "last"]
    assert result.hits[0].score > result.hits[1].score


def test_neighbours_that_an_index_names_are_taken_as_candidates() -> None:
    """What an approximate index found is enough; a chunk that it still knows and nobody has any more is passed over."""
    snapshot = Snapshot(contents_of(ALL))
    query = Query((), EMBEDDER.embed(["zebra"])[0], Filter(), 10)
    near = [(snapshot.rows[0].chunk.id, 0.9), ("gone", 0.8)]
    assert "pool" in paths(search(snapshot, query, near))


def test_the_result_does_not_depend_on_who_named_the_neighbours() -> None:
    """Chroma and the exact scan give the same answer while both see all chunks."""
    snapshot = Snapshot(contents_of(ALL))
    query = Query(tuple(terms("idle sessions")), EMBEDDER.embed(["idle sessions"])[0], Filter(), 10)
    scores = snapshot.vectors @ query.vector
    near = [(snapshot.rows[index].chunk.id, float(scores[index])) for index in np.argsort(-scores)]
    assert search(snapshot, query, near) == search(snapshot, query)


def test_evidence_is_the_share_of_what_was_recognised() -> None:
    """All words known and in the first document; one of three unknown; none known."""
    whole, part, none = (
        found(ALL, text).evidence for text in ("pool exhausted", "pool exhausted zebra", "zebra giraffe")
    )
    assert whole.known == pytest.approx(1.0)
    assert whole.covered == pytest.approx(1.0)
    assert 0.0 < part.known < 0.7
    assert (none.known, none.covered, none.words) == (0.0, 0.0, 0.0)
    assert whole.words > part.words > none.words
    assert whole.nearest > none.nearest
    assert all(0.0 <= value <= 1.0 for value in astuple(whole))


@pytest.mark.parametrize(
    "question",
    [
        "Have we seen this before?",
        "has checkout ever lost its database pool",
        "Did this happen in the past?",
        "have we had 502s before on orders-db?",
        "is there a postmortem about the CDN",
        "post-mortem for the stale prices",
        "any incident like this one?",
        "what did we do last time",
        "similar incidents with RabbitMQ",
        "Has the signing key been bitten by this previously?",
        "we ran into a poisoned message earlier, how did it end?",
        "Has this happened already?",
        "what fixed the previous outage",
    ],
)
def test_a_question_about_the_past_is_recognised(question: str) -> None:
    """Postmortems answer it."""
    assert asks_for_history(question)


@pytest.mark.parametrize(
    "question",
    [
        "How do I roll back checkout?",
        "PgBouncer has clients waiting",
        "What do I have to do before I restart the primary?",
        "what has to be drained before restarting a node",
        "I have already restarted checkout, what next?",
        "The pods have already been drained, how do I go on?",
        "Was the pod killed before the probe answered?",
        "how do I declare an emergency",
        "The queue is growing every hour",
        "",
    ],
)
def test_a_question_about_what_to_do_is_not_one_about_the_past(question: str) -> None:
    """Runbooks answer it, and they must not be filtered away."""
    assert not asks_for_history(question)


PAY = page("pay", "# Pay\n\nThe connection pool of payments is exhausted by giraffes.\n", audience=("C1PAY",))
BOSS = page("boss", "# Boss\n\nConnection pool, exhausted connection pool.\n", audience=("U9BOSS", "C1PAY"))
PAYERS = Audience.of([{*EVERYONE, "C1PAY"}])


@pytest.mark.parametrize(
    ("audience", "expected"),
    [
        (None, {"pool", "pods", "past", "cdn", "pay", "boss"}),
        (FULL_MEMBERS, {"pool", "pods", "past", "cdn"}),
        (PAYERS, {"pool", "pods", "past", "cdn", "pay", "boss"}),
        (Audience.of([{*EVERYONE, "U9BOSS"}]), {"pool", "pods", "past", "cdn", "boss"}),
        (Audience.of([{*EVERYONE, "C1PAY"}, {*EVERYONE, "U9BOSS"}]), {"pool", "pods", "past", "cdn", "boss"}),
        (NOBODY, set()),
    ],
)
def test_only_what_all_readers_may_read_is_found(audience: Audience | None, expected: set[str]) -> None:
    """The audience stands in the query; without one, as on the terminal, everything is found."""
    assert set(paths(found([*ALL, PAY, BOSS], "connection pool", Filter(audience=audience)))) == expected


@pytest.mark.parametrize("question", ["connection pool exhausted", "giraffes", "roll back the loop", "payments"])
@pytest.mark.parametrize("kind", [None, "runbook", "postmortem"])
def test_what_may_not_be_read_has_no_influence(question: str, kind: Any) -> None:
    """Order, scores, passages and evidence are those of an index that never held it: they give nothing away."""
    with_them = found([PAY, *ALL, BOSS], question, Filter(kind=kind, audience=FULL_MEMBERS))
    without = found(ALL, question, Filter(kind=kind))
    assert paths(with_them) == paths(without)
    assert astuple(with_them.evidence) == pytest.approx(astuple(without.evidence))
    for one, other in zip(with_them.hits, without.hits, strict=True):
        assert one.score == pytest.approx(other.score)
        assert [each.chunk_id for each in one.passages] == [each.chunk_id for each in other.passages]


def test_many_nearer_pages_that_may_not_be_read_take_no_place() -> None:
    """However many of them stand before it, the page that may be read is found."""
    closed = [page(f"closed{n}", f"# Pool {n}\n\nConnection pool exhausted.\n", audience=("U9",)) for n in range(300)]
    result = found([*closed, CDN, POOL], "connection pool exhausted", Filter(audience=FULL_MEMBERS))
    assert paths(result) == ["pool", "cdn"]


def test_an_audience_that_may_read_everything_sees_the_whole() -> None:
    """Then nothing needs to be masked, and Chroma may serve."""
    snapshot = Snapshot(contents_of([*ALL, PAY]))
    assert (snapshot.view(PAYERS), snapshot.view(None), snapshot.labels) == (None, None, frozenset({"C1PAY"}))
    view = snapshot.view(FULL_MEMBERS)
    assert view is not None
    assert view is snapshot.view(Audience.of([EVERYONE]))
    assert view.documents.tolist() == [True, True, True, True, False]
