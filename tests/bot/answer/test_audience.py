"""Nobody is shown what they may not read: rules by tables, then whole companies made up from seeds and an oracle."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from bot.answer import answer as answering
from bot.answer import audience as hearing
from bot.answer.audience import ALONE, Gate, Routed, Router, may_hear, may_read, reader_of, route
from bot.answer.recall import Recalled, recall
from bot.journal import journal
from bot.slack import readers
from bot.slack.readers import Kept, Readers
from bot.slack.rules import Doorkeeper
from bot.types import Done, Question
from ingest.index.search import Evidence, Filter, Found, Hit, Snapshot
from ingest.index.serve import Index
from ingest.index.words import Words
from ingest.types import EVERYONE, FULL_MEMBERS, NOBODY, Audience, Document, Passage
from tests.bot.answer.town import Leak, town

SURE, UNSURE, NONE = Evidence(0.9, 0.9, 1.0, 1.0), Evidence(0.45, 0.3, 0.9, 0.9), Evidence()
SHARED = Audience.of([{*EVERYONE, "C1PAY"}, EVERYONE])
OWN = Audience.of([{*EVERYONE, "C1PAY", "U1ANN"}])


def passage(path: str) -> Passage:
    """Return a passage of a document."""
    return Passage(f"{path}-1", path, path, "", "runbook", (), None, 1, 2, "Do it.", 0.9)


def recalled(evidence: Evidence, *audiences: tuple[str, ...]) -> Recalled:
    """Return what was recalled from documents with these audiences, best first."""
    passages = tuple(passage(f"docs/{number}.md") for number, _ in enumerate(audiences))
    return Recalled(passages, passages, evidence, audiences)


@pytest.mark.parametrize(
    ("readers", "document", "admitted"),
    [
        ([EVERYONE], EVERYONE, True),
        ([EVERYONE], ("C1PAY",), False),
        ([{*EVERYONE, "C1PAY"}], ("C1PAY",), True),
        ([{*EVERYONE, "C1PAY"}], ("C2OPS", "C1PAY"), True),
        ([{*EVERYONE, "C1PAY"}, {*EVERYONE, "C2OPS"}], ("C2OPS", "C1PAY"), True),
        ([{*EVERYONE, "C1PAY"}, {*EVERYONE, "C2OPS"}], ("C1PAY",), False),
        ([{"C1PAY"}], EVERYONE, False),
        ([{*EVERYONE, "C1PAY"}, {"C1PAY"}], EVERYONE, False),
        ([EVERYONE], (), False),
        ([], EVERYONE, False),
        ([], (), False),
    ],
)
def test_a_document_is_for_an_audience_only_if_every_reader_holds_one_of_its_labels(
    readers: list[Iterable[str]], document: tuple[str, ...], *, admitted: bool
) -> None:
    """Any of a document's labels admits a reader; all readers must be admitted; nobody known is not everybody."""
    assert Audience.of(readers).admits(document) is admitted


def test_audiences_that_admit_the_same_are_equal() -> None:
    """A reader who holds more than another adds nothing, and order is nothing: caches meet."""
    few = Audience.of([EVERYONE, {*EVERYONE, "C1PAY"}])
    assert few == FULL_MEMBERS == Audience.of([{*EVERYONE, "S1SRE"}, EVERYONE, EVERYONE])
    assert Audience.of([{"C1PAY"}, {"C2OPS"}]) == Audience.of([{"C2OPS"}, {"C1PAY"}])


@pytest.mark.parametrize(
    ("here", "alone", "private"),
    [
        (recalled(SURE, EVERYONE), recalled(SURE, EVERYONE), False),
        (recalled(NONE), recalled(SURE, ("U1ANN",)), True),
        (recalled(NONE, EVERYONE), recalled(UNSURE, EVERYONE, ("U1ANN",)), True),
        (recalled(SURE, EVERYONE), recalled(SURE, ("U1ANN",), EVERYONE), True),
        (recalled(SURE, EVERYONE), recalled(SURE, EVERYONE, ("U1ANN",)), False),
        (recalled(NONE, EVERYONE), recalled(NONE, ("U1ANN",), EVERYONE), False),
        (recalled(NONE), recalled(NONE), False),
    ],
)
def test_the_asker_is_answered_alone_only_where_that_is_the_better_answer(
    here: Recalled, alone: Recalled, *, private: bool
) -> None:
    """What leads, or lifts the verdict, and is not for all: then alone, with the reason; else for all to read."""
    expected = Routed(OWN, private=True, reason=ALONE) if private else Routed(SHARED)
    assert route(SHARED, OWN, here, alone) == expected


async def test_one_audience_needs_no_second_look() -> None:
    """Where all may read the same, nothing is searched to find out."""

    class Never:
        async def search(self, question: str, demand: Filter, limit: int) -> Found:
            raise AssertionError(question)

    asked = Question("q", "pool", "U1ANN", 0.0)
    assert await Router(Never(), print).route(asked, FULL_MEMBERS, FULL_MEMBERS) == Routed(FULL_MEMBERS)


@pytest.mark.parametrize(
    ("asker", "given", "read_by"),
    [("terminal", None, None), ("U1ANN", None, FULL_MEMBERS), ("U1ANN", OWN, OWN), ("U1ANN", NOBODY, NOBODY)],
)
def test_only_the_terminal_reads_without_an_audience(asker: str, given: Audience | None, read_by: object) -> None:
    """A chat that forgot to say who reads gets what every full member may read, not everything."""
    assert reader_of(Question("q", "pool", asker, 0.0, audience=given)) == read_by


async def test_what_slips_through_the_search_is_dropped_counted_and_speaks_for_nothing() -> None:
    """The second check: the passages go, and with them what was measured beside them."""
    open_page, closed = (
        Document(f"docs/{name}.md", "docs", "runbook", name, "x", audience=audience)
        for name, audience in (("open", EVERYONE), ("closed", ("U9BOSS",)))
    )
    hits = tuple(Hit(page, 0.9, (passage(page.id),)) for page in (closed, open_page))

    class Leaky:
        async def search(self, question: str, demand: Filter, limit: int) -> Found:
            return Found(hits, SURE)

    faults: list[str] = []
    found = await Gate(Leaky(), faults.append).search("pool", Filter(audience=FULL_MEMBERS), 3)
    assert (found, faults) == (Found(hits[1:], Evidence()), ["audience_slipped"])


class Shelf:
    """Who may read which document now."""

    async def audiences(self, paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return what is known of the paths."""
        known = {"docs/open.md": EVERYONE, "docs/pay.md": ("C1PAY",)}
        return {path: known[path] for path in paths if path in known}


@pytest.mark.parametrize(
    ("drew_on", "audience", "may"),
    [
        (("docs/open.md",), FULL_MEMBERS, True),
        (("docs/open.md", "docs/pay.md"), FULL_MEMBERS, False),
        (("docs/open.md", "docs/pay.md"), OWN, True),
        (("docs/gone.md",), OWN, False),
        (None, OWN, False),
        ((), FULL_MEMBERS, True),
        ((), NOBODY, False),
    ],
)
async def test_an_old_answer_is_shown_only_to_who_may_read_all_it_drew_on_now(
    drew_on: tuple[str, ...] | None, audience: Audience, *, may: bool
) -> None:
    """Cited or not; a document that is gone, or an answer of which that is not known, is for nobody."""
    done = Done("answered", None, "a", (), None, 0.1, 0, 0, 0.0, drew_on)
    assert await may_hear(Shelf(), done, audience) is may
    assert await may_read(Shelf(), "docs/pay.md", audience) is (audience == OWN)


async def leaks_of(seeds: range, steps: int, *, until_first: bool = False) -> tuple[int, int, list[Leak]]:
    """Live through towns; return how much was shown, how much of it compared word by word, and every leak."""
    shown, compared, leaks = 0, 0, list[Leak]()
    for seed in seeds:
        async with town(seed) as place:
            for _ in range(steps):
                await place.step()
                if until_first and place.leaks:
                    break
            shown, compared, leaks = shown + place.shown, compared + place.compared, leaks + place.leaks
            assert until_first or "audience_slipped" not in place.faults
        if until_first and leaks:
            break
    return shown, compared, leaks


async def test_nobody_is_shown_what_they_may_not_read() -> None:
    """Answers, titles, statuses, sources, counts, shares and repeats, while people come and go and documents close."""
    shown, compared, leaks = await leaks_of(range(20), 50)
    assert leaks == []
    assert shown >= 1_000
    assert compared >= 50


@pytest.mark.slow
async def test_nobody_is_shown_what_they_may_not_read_in_ten_thousand_cases() -> None:
    """The same, at length."""
    shown, compared, leaks = await leaks_of(range(1_000, 1_167), 60)
    assert leaks == []
    assert shown >= 10_000
    assert compared >= 500


def _without(found: Found, demand: Filter) -> Found:
    return Found(tuple(hit for hit in found.hits if demand.admits(hit.document)), found.evidence)


def only_before(patch: pytest.MonkeyPatch) -> None:
    """Filter in the query alone: a document closed since the index heard of it is shown."""

    async def believe(*_: object) -> bool:
        return True

    patch.setattr(Index, "_still_admitted", believe)


def only_after(patch: pytest.MonkeyPatch) -> None:
    """Filter after the query alone: what was dropped has decided the verdict."""
    only_before(patch)

    async def search(self: Any, question: str, demand: Filter, limit: int) -> Found:
        return _without(await self._search.search(question, Filter(demand.kind), limit), demand)

    patch.setattr(Gate, "search", search)


def no_filter(patch: pytest.MonkeyPatch) -> None:
    """No filter stands anywhere."""
    only_before(patch)

    async def search(self: Any, question: str, demand: Filter, limit: int) -> Found:
        return await self._search.search(question, Filter(demand.kind), limit)  # type: ignore[no-any-return]

    patch.setattr(Gate, "search", search)


def one_view_for_all(patch: pytest.MonkeyPatch) -> None:
    """Keep what may be read without saying by whom."""
    view = Snapshot.view

    def first(self: Snapshot, audience: Audience | None) -> Any:
        return view(self, next(iter(self._views), audience))

    patch.setattr(Snapshot, "view", first)


def nearest_of_all(patch: pytest.MonkeyPatch) -> None:
    """Name the neighbours in a refusal from among all documents."""

    async def careless(search: Any, question: str, audience: Audience | None = None) -> Recalled:
        mine, every = await recall(search, question, audience), await recall(search, question)
        return Recalled(mine.passages, every.nearest, mine.evidence, mine.audiences)

    patch.setattr(answering, "recall", careless)


def union(patch: pytest.MonkeyPatch) -> None:
    """One reader who may is taken for all."""

    def admits(self: Audience, audience: Iterable[str]) -> bool:
        return any(set(audience) & held for held in self.readers)

    def of(_cls: object, readers: Iterable[Iterable[str]]) -> Audience:
        return Audience(tuple(sorted({frozenset(each) for each in readers}, key=sorted)))

    patch.setattr(Audience, "admits", admits)
    patch.setattr(Audience, "of", classmethod(of))


def old_members(patch: pytest.MonkeyPatch) -> None:
    """Who once was a member is one for ever."""
    patch.setattr(Kept, "forget", lambda *_: None)
    patch.setattr(readers, "MEMBERS_S", math.inf)


def old_people(patch: pytest.MonkeyPatch) -> None:
    """Who once was a full member is one for ever."""
    patch.setattr(Readers, "heard", lambda *_: None)
    patch.setattr(readers, "PEOPLE_S", math.inf)


def guests_too(patch: pytest.MonkeyPatch) -> None:
    """Take a guest for a full member."""
    standing = Readers._standing

    def careless(self: Readers, user: Any) -> str:
        found = standing(self, user)
        return "full" if found == "guest" else found

    patch.setattr(Readers, "_standing", careless)


def unshared(patch: pytest.MonkeyPatch) -> None:
    """People of other organisations are passed over."""
    standing = Readers._standing

    def careless(self: Readers, user: Any) -> str:
        found = standing(self, user)
        return "app" if found == "stranger" else found

    patch.setattr(Readers, "_standing", careless)


def closed_doors(patch: pytest.MonkeyPatch) -> None:
    """Take a channel that everybody may look into for one that only members read."""

    async def closed(self: Readers, channel: str) -> Any:
        return readers._About(is_open=False, is_shared=False)

    patch.setattr(Readers, "_ask_about", closed)


def told_to_all(patch: pytest.MonkeyPatch) -> None:
    """Answer for all to see from what only the asker may read."""
    patch.setattr(hearing, "route", lambda _shared, own, _here, _alone: Routed(own))


def counts_of_all(patch: pytest.MonkeyPatch) -> None:
    """Count in a refusal what was asked in private."""
    patch.setattr(journal, "_seen_with", lambda _question: journal.true())


def rarity_of_all(patch: pytest.MonkeyPatch) -> None:
    """How rare a word is, is counted over all documents."""
    rarity = Words.rarity
    patch.setattr(Words, "rarity", lambda self, question, _among=None: rarity(self, question))


def lengths_of_all(patch: pytest.MonkeyPatch) -> None:
    """BM25 counts over all documents, and only the hits are filtered."""
    best = Words.best

    def careless(self: Words, question: Any, limit: int, tags: Any = (), among: Any = None) -> Any:
        found = best(self, question, len(self), tags)
        return [each for each in found if among is None or among[int(each[0])]][:limit]

    patch.setattr(Words, "best", careless)


def shared_unasked(patch: pytest.MonkeyPatch) -> None:
    """Share an answer without asking who reads there."""

    async def may(*_: object) -> None:
        return None

    patch.setattr(Doorkeeper, "unshared", may)


def sources_for_all(patch: pytest.MonkeyPatch) -> None:
    """Show source shows what the answer rests on to whoever presses."""

    async def may(*_: object) -> None:
        return None

    patch.setattr(Doorkeeper, "unread", may)


def repeated_unasked(patch: pytest.MonkeyPatch) -> None:
    """Show after a crash what was written before it, whoever reads there by now."""

    async def careless(_door: Doorkeeper, destination: Any, _done: Done) -> Routed:
        return Routed(destination.audience)

    patch.setattr(Doorkeeper, "retold", careless)


BUGS = [
    only_before,
    only_after,
    no_filter,
    one_view_for_all,
    nearest_of_all,
    union,
    old_members,
    old_people,
    guests_too,
    unshared,
    closed_doors,
    told_to_all,
    counts_of_all,
    rarity_of_all,
    lengths_of_all,
    shared_unasked,
    sources_for_all,
    repeated_unasked,
]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
async def test_the_oracle_catches(bug: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way to leak that we know of, built in on purpose, is found within a few towns."""
    bug(monkeypatch)
    _, _, leaks = await leaks_of(range(40), 60, until_first=True)
    assert leaks
