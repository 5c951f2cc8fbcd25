"""The word index: how words meet, what filters demand, and what an empty one says."""

import numpy as np
import pytest

from ingest.index.words import Entry, Words, terms

PAGES = {
    "pool": ("The connection pool of Postgres is exhausted", ["kind:runbook", "service:postgres"]),
    "pods": ("Pods are restarting; restart the deployment", ["kind:runbook", "service:checkout"]),
    "past": ("Postgres pool exhausted on a Tuesday, connection by connection", ["kind:postmortem", "service:postgres"]),
}


@pytest.fixture
def words() -> Words:
    """Give an index of three pages."""
    return Words(Entry(name, terms(text), tags) for name, (text, tags) in PAGES.items())


def names(found: list[tuple[str, float]]) -> list[str]:
    """Return the ids alone."""
    return [name for name, _score in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("KubeAPIDown", ["kubeapidown", "kube", "api", "down"]),
        ("HTTPServer2xx", ["httpserver2xx", "http", "server", "2", "xx"]),
        ("checkoutErrorRate", ["checkouterrorr", "checkout", "error", "rate"]),
        ("restarting restarted restarts", ["restart", "restart", "restart"]),
        ("pg_stat_activity", ["pg", "stat", "activ"]),
        ("What do I do with it?", []),
        ("The pool of the checkout", ["pool", "checkout"]),
        ("", []),
        ("... --- ???", []),
        ("a" * 65, []),
    ],
)
def test_terms_meet_however_they_are_written(text: str, found: list[str]) -> None:
    """Stemmed and lower-case; a name gives itself and its parts; grammar and noise give nothing."""
    assert terms(text) == found


def test_both_ways_to_write_a_name_meet() -> None:
    """An alert is typed as words, and a page names it as one."""
    assert set(terms("kube API down")) <= set(terms("KubeAPIDown"))


def test_the_page_with_the_rarer_words_is_first(words: Words) -> None:
    """BM25, best first, with scores that fall."""
    found = words.best(terms("restart the postgres pool"), 10)
    assert names(found) == ["pods", "pool", "past"]
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)


def test_no_more_than_asked_for(words: Words) -> None:
    """The limit holds."""
    assert len(words.best(terms("postgres pool"), 1)) == 1


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["kind:runbook"], ["pool"]),
        (["kind:postmortem"], ["past"]),
        (["kind:runbook", "service:checkout"], []),
        (["service:postgres"], ["pool", "past"]),
        (["kind:nothing"], []),
    ],
)
def test_a_page_must_bear_every_tag(words: Words, tags: list[str], expected: list[str]) -> None:
    """A filter is a demand."""
    assert sorted(names(words.best(terms("connection pool"), 10, tags))) == sorted(expected)


def test_a_filter_changes_no_score(words: Words) -> None:
    """Tags only admit."""
    free = dict(words.best(terms("connection pool"), 10))
    held = dict(words.best(terms("connection pool"), 10, ["service:postgres"]))
    assert held == pytest.approx(free)


@pytest.mark.parametrize("question", ["postgres pool", "restart", "tuesday pool connection"])
@pytest.mark.parametrize("seen", [[0, 1], [1, 2], [0], [0, 1, 2], []])
def test_what_a_reader_may_not_see_changes_nothing_that_they_see(seen: list[int], question: str) -> None:
    """Found, scored and counted is as if the other pages were not there: not even that a word stands in them shows."""
    pages = list(PAGES.items())
    every = Words(Entry(name, terms(text), tags) for name, (text, tags) in pages)
    few = Words(Entry(name, terms(text), tags) for name, (text, tags) in (pages[number] for number in seen))
    among = np.isin(np.arange(3), seen)
    assert every.best(terms(question), 10, among=among) == few.best(terms(question), 10)
    assert every.rarity(terms(question), among) == few.rarity(terms(question))


@pytest.mark.parametrize(
    ("length", "seen_as"), [(1, 1), (40, 40), (41, 40), (55, 54), (57, 56), (119, 112), (1_000, 984)]
)
def test_lengths_are_rounded_as_lucene_does(length: int, seen_as: int) -> None:
    """Exact to 40, then down to an eighth: the verdict was fitted on scores of such lengths."""
    longer, as_seen = (Words([Entry("a", ["pool"] + ["x"] * (n - 1)), Entry("b", ["y"])]) for n in (length, seen_as))
    assert longer._rounded.tolist() == as_seen._rounded.tolist() == [seen_as, 1]


@pytest.mark.parametrize("question", ["", "what is it", "zebra giraffe"])
def test_nothing_is_found_without_a_known_term(words: Words, question: str) -> None:
    """No words in common is no match, not a bad match."""
    assert words.best(terms(question), 10) == []


def test_an_empty_index_finds_nothing() -> None:
    """The first start, before any sync."""
    empty = Words([])
    assert (len(empty), empty.best(["pool"], 10), empty.rarity(["pool"])) == (0, [], {"pool": 0.0})


def test_words_with_a_meaning_to_the_engine_are_only_words(words: Words) -> None:
    """A question is never a query language."""
    assert names(words.best(['pool" OR kind:postmortem', "pool"], 10, ["kind:runbook"])) == ["pool"]


def test_a_rare_word_weighs_more_than_a_common_one(words: Words) -> None:
    """Inverse document frequency: ln((n + 1) / (df + 1)); an unknown word is the rarest."""
    rarity = words.rarity(["pool", "tuesday", "zebra"])
    assert rarity == pytest.approx({"pool": 0.2876821, "tuesday": 0.6931472, "zebra": 1.3862944})
