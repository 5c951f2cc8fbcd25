"""Looking up incidents and runbooks by hand: what is quoted, from which lines, and when nothing is."""

from datetime import date

import pytest

from bot.answer.lookup import Lookups, sections
from bot.types import AnswerEvent, Done, Question, Source, Text
from ingest.index.search import Evidence, Filter, Found, Hit
from ingest.types import Document, Kind

SURE, UNSURE = Evidence(1.0, 1.0, 1.0, 1.0), Evidence(0.1, 0.0, 0.1, 0.0)
POOL = """---
title: Pool
---
# Pool exhausted

Intro words.

## Summary

It was the pool.

## How to tell it apart from similar incidents

Ask the pool:

```
# not a heading
psql -c 'SHOW POOLS'
```
"""
OTHER = "# Other\n\n## Summary\n\nIt was the disk.\n\n## What we saw\n\nNo space left.\n"
RUNBOOK = "# Disk full\n\nIntro.\n\n## Symptoms\n\nErrors.\n\n## Checks\n\n1. Look:\n\n   ```\n   df -h\n   ```\n"


def document(name: str, text: str, kind: Kind, body_line: int = 1) -> Document:
    """Return a document."""
    title = next(line[2:] for line in text.split("\n") if line.startswith("# "))
    return Document(name, "r", kind, title, text, body_line, reviewed=date(2026, 8, 20))


class Shelves:
    """Finds what it was given. `asked` remembers."""

    def __init__(self, *documents: Document, evidence: Evidence = SURE) -> None:
        self.found = Found(tuple(Hit(each, 1.0, ()) for each in documents), evidence)
        self.asked: list[tuple[str, Filter, int]] = []

    async def search(self, question: str, demand: Filter, limit: int) -> Found:
        """Return them all."""
        self.asked.append((question, demand, limit))
        return self.found


class Diary:
    """Remembers what was answered."""

    def __init__(self) -> None:
        self.answered_with: list[tuple[str, Done, str]] = []

    async def answered(self, question: Question, done: Done, text: str) -> None:
        """Remember."""
        self.answered_with.append((question.id, done, text))


async def told(shelves: Shelves, kind: str, text: str = "pool") -> tuple[str, list[Source], Done, Diary]:
    """Return the words, the sources and the end of a lookup."""
    diary = Diary()
    lookups = Lookups(shelves, diary, lambda: 1.0)
    question = Question("q1", text, "U1", 1.0, "C1")
    events: list[AnswerEvent] = [event async for event in getattr(lookups, kind)(question)]
    done = events[-1]
    assert isinstance(done, Done)
    words = "".join(event.text for event in events if isinstance(event, Text))
    return words, [event for event in events if isinstance(event, Source)], done, diary


async def test_past_incidents_are_guesses_with_their_check() -> None:
    """Each incident comes with its summary and what tells it apart, from exact lines; one without a check says so."""
    shelves = Shelves(document("p/pool.md", POOL, "postmortem", 4), document("p/other.md", OTHER, "postmortem"))
    words, sources, done, diary = await told(shelves, "similar")
    assert words.startswith("**Seen before, perhaps:** 2 past incidents look alike.")
    assert "psql -c 'SHOW POOLS'" in words
    assert "_It names no check that tells it apart; compare what it saw:_\n\nNo space left. [4]" in words
    assert [(each.path, each.start_line, each.end_line) for each in sources] == [
        ("p/pool.md", 10, 10),
        ("p/pool.md", 14, 19),
        ("p/other.md", 5, 5),
        ("p/other.md", 9, 9),
    ]
    assert done.outcome == "perhaps"
    assert done.drew_on == ("p/pool.md", "p/other.md")
    assert diary.answered_with == [("q1", done, words)]
    assert shelves.asked[0][1].kind == "postmortem"


async def test_a_runbook_is_told_with_path_age_and_first_steps() -> None:
    """The runbook that bears the name is shown, though another ranks first; the other is named."""
    shelves = Shelves(document("r/pool.md", POOL, "runbook", 4), document("r/disk-full.md", RUNBOOK, "runbook"))
    words, sources, done, _ = await told(shelves, "runbook", "Disk-Full")
    assert words.startswith("**Disk full**\n`r/disk-full.md`, reviewed 2026-08-20\n\n_Checks:_")
    assert "df -h" in words
    assert "Also near: _Pool exhausted_." in words
    assert [(each.start_line, each.end_line) for each in sources] == [(11, 15)]
    assert done.outcome == "answered"


@pytest.mark.parametrize(("kind", "words"), [("similar", "No past incident"), ("runbook", "No runbook of that name")])
@pytest.mark.parametrize("documents", [(), (document("r/disk.md", RUNBOOK, "runbook"),)])
async def test_nothing_near_is_said_plainly(kind: str, words: str, documents: tuple[Document, ...]) -> None:
    """Without a find, or with one that is not about it, nothing is claimed and nothing written down."""
    said, sources, done, diary = await told(Shelves(*documents, evidence=UNSURE), kind, "zebra")
    assert words in said
    assert (sources, done.outcome, diary.answered_with) == ([], "not_found", [])


async def test_a_secret_in_the_words_is_not_searched_for() -> None:
    """What is looked up is redacted as a question is."""
    shelves = Shelves(evidence=UNSURE)
    await told(shelves, "similar", "token ghp_" + "a1B2" * 9)
    assert "a1B2a1B2" not in shelves.asked[0][0]


def test_sections_know_their_lines_and_no_heading_in_code() -> None:
    """Lines are the file's; a `#` in a fence is no heading; front matter belongs to none."""
    parts = sections(document("p/pool.md", POOL, "postmortem", 4))
    assert [(part.heading, part.start_line, part.end_line) for part in parts] == [
        ("Pool exhausted", 6, 6),
        ("Summary", 10, 10),
        ("How to tell it apart from similar incidents", 14, 19),
    ]


async def test_a_document_without_sections_is_quoted_from_its_beginning() -> None:
    """A page that is one run of text still gives something to read."""
    page = document("p/flat.md", "# Flat\nJust words.\n", "postmortem")
    words, sources, _, _ = await told(Shelves(page), "similar")
    assert "Just words. [1]" in words
    assert len(sources) == 1


async def test_a_document_with_nothing_but_a_title_says_no_more() -> None:
    """An empty page breaks nothing."""
    page = document("p/empty.md", "# Empty", "runbook")
    words, sources, done, _ = await told(Shelves(page), "runbook", "empty")
    assert "**Empty**" in words
    assert [(each.start_line, each.end_line) for each in sources] == [(1, 1)]
    assert done.outcome == "answered"
