"""What an answer may rest on: the passages chosen, bounded, and from the kind of document that answers."""

from dataclasses import dataclass, field, replace

import pytest

from bot.answer.recall import DOCUMENTS, PASSAGES_OF_FIRST, PASSAGES_OF_OTHERS, found_for, recall
from ingest.index.search import Evidence, Filter, Found, Hit
from ingest.types import Document
from tests.fakes.claude import passage

GOOD = Evidence(nearest=0.8, words=0.8, known=1.0, covered=1.0)


def hit(name: str, *texts: str, **different: object) -> Hit:
    """Return a document found, with passages of falling score."""
    passages = tuple(
        passage(text, path=f"docs/{name}.md", chunk_id=f"{name}{number}", score=0.9 - number / 100)
        for number, text in enumerate(texts)
    )
    like: dict[str, object] = {"id": f"docs/{name}.md", "root": "docs", "kind": "runbook", "title": name, "text": ""}
    return Hit(Document(**(like | different)), 0.9, passages)  # type: ignore[arg-type]


@dataclass
class Shelf:
    """Finds what it is told for each kind; remembers what it was asked."""

    past: Found = field(default_factory=Found)
    everything: Found = field(default_factory=Found)
    asked: list[tuple[str, str | None, int]] = field(default_factory=list)

    async def search(self, question: str, demand: Filter, limit: int) -> Found:
        """Return what there is."""
        self.asked.append((question, demand.kind, limit))
        return self.past if demand.kind == "postmortem" else self.everything


PAST = Found((hit("past", "It was the pool."),), GOOD)
PRESENT = Found((hit("now", "Drain the pool."),), GOOD)


@pytest.mark.parametrize(
    ("question", "past", "path", "kinds"),
    [
        ("how do I drain the pool", PAST, "docs/now.md", [None]),
        ("have we seen this before?", PAST, "docs/past.md", ["postmortem"]),
        ("have we seen this before?", Found(), "docs/now.md", ["postmortem", None]),
        ("have we seen this before?", Found(PAST.hits, Evidence()), "docs/now.md", ["postmortem", None]),
    ],
)
async def test_a_question_about_the_past_looks_in_the_postmortems_first(
    question: str, past: Found, path: str, kinds: list[str | None]
) -> None:
    """And in everything when those know nothing of it, or too little."""
    shelf = Shelf(past, PRESENT)
    found = await found_for(shelf, question, 4)
    assert found.hits[0].document.path == path
    assert [kind for _question, kind, _limit in shelf.asked] == kinds


async def test_the_best_document_is_quoted_at_length_and_the_others_briefly() -> None:
    """In the order of the documents; nothing beyond that goes to Claude."""
    texts = [f"text {number}" for number in range(6)]
    shelf = Shelf(everything=Found(tuple(hit(name, *texts) for name in "abcd"), GOOD))
    recalled = await recall(shelf, "drain")
    by_path = [each.path for each in recalled.passages]
    assert by_path == ["docs/a.md"] * PASSAGES_OF_FIRST + [
        f"docs/{n}.md" for n in "bcd" for _ in range(PASSAGES_OF_OTHERS)
    ]
    assert [each.chunk_id for each in recalled.nearest] == ["a0", "b0", "c0", "d0"]
    assert shelf.asked == [("drain", None, DOCUMENTS)]
    assert recalled.evidence == GOOD


async def test_a_section_is_told_from_its_first_step_on() -> None:
    """Steps are of use in their order only, however near a later one is; people on call came to act."""
    near = hit("a", "why", "what", "```\nkubectl get pods\n```", "else", "more", "last")
    recalled = await recall(Shelf(everything=Found((near,), GOOD)), "q")
    assert [each.chunk_id for each in recalled.passages] == ["a0", "a1", "a2", "a3", "a4", "a5"]


async def test_what_to_check_and_what_to_do_come_first() -> None:
    """At 3 a.m. the checks and the fix are wanted, not whom to call and not the background."""
    titles = ("Background", "Checks", "Fix", "Escalation")
    plain = hit("a", "why", "look", "act", "call")
    passages = tuple(replace(each, heading=title) for each, title in zip(plain.passages, titles, strict=True))
    recalled = await recall(Shelf(everything=Found((replace(plain, passages=passages),), GOOD)), "q")
    assert [each.heading for each in recalled.passages[:2]] == ["Checks", "Fix"]


async def test_nothing_found_is_nothing_recalled() -> None:
    """An empty library has no passages and no neighbours."""
    recalled = await recall(Shelf(), "q")
    assert (recalled.passages, recalled.nearest, recalled.evidence) == ((), (), Evidence())
