"""A past incident beside an answer: a hypothesis in the postmortem's own words, with its check."""

from pathlib import Path

import pytest

from bot.answer.cite import Cites
from bot.answer.recall import SIMILAR, Recalled, similar_to
from bot.answer.seen import seen_before
from ingest.index.search import Evidence, Filter, Found, Hit
from ingest.types import Document
from tests.fakes.claude import passage

APART = """# Checkout 502

It was the pool.

## How to tell it apart

Looks like January. Ask the pool:

```
psql -c 'SHOW POOLS;'
```

`cl_waiting` above 10: this incident.

See [January](january.md)."""


def hit(text: str, path: str = "postmortems/2025-09-18-checkout.md", title: str = "Checkout 502") -> Hit:
    """Return a postmortem found."""
    document = Document(path, "postmortems", "postmortem", title, text)
    found = passage("It was the pool.", path=path, title=title, kind="postmortem", start_line=3, end_line=3)
    return Hit(document, 0.9, (found,))


def test_the_check_is_told_with_its_command_and_its_reading() -> None:
    """What to run, how to read it, and exactly the lines that say so."""
    cites = Cites()
    assert seen_before(hit(APART), cites) == (
        "**Seen before, perhaps:** Checkout 502 (2025-09-18). Tell them apart: "
        "Ask the pool: `cl_waiting` above 10: this incident. [1]\n```\npsql -c 'SHOW POOLS;'\n```"
    )
    (source,) = cites.sources()
    assert (source.start_line, source.end_line) == (7, 13)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("# T\n\nIt was the pool.", "No check to tell them apart is written down. [1]"),
        (
            "# T\n\n## Often confused with\n\nThe other one has no alarm. [1]",
            "apart: The other one has no alarm. (1) [1]",
        ),
        ("# T\n\n## Differences\n\n1. Run:\n\n   ```\n   ls\n   ```\n", "Tell them apart: Run: [1]\n```\nls\n```"),
        ("# T\n\n## Differences\n\nRun:\n\n```\n" + "ls\n" * 9 + "```\n", "Tell them apart: Run: [1]"),
    ],
)
def test_whatever_the_section_holds_is_told_in_its_own_words(text: str, told: str) -> None:
    """Without a section that is said; without a command the line; a long command stays in the source."""
    assert seen_before(hit(text), Cites()).endswith(told)


def test_without_a_date_none_is_made_up() -> None:
    """The day comes from the name, the title or the text."""
    assert seen_before(hit("# T", path="p/a.md"), Cites()).startswith(
        "**Seen before, perhaps:** Checkout 502. No check"
    )


def test_every_shipped_postmortem_has_its_check(example: Path) -> None:
    """What we ship is good enough to copy from."""
    for path in sorted((example / "postmortems").glob("*.md")):
        told = seen_before(hit(path.read_text(), path=path.name), Cites())
        assert f"({path.name[:10]}). Tell them apart: " in told, path.name
        assert told.count("```") in {0, 2}


class Past:
    """Finds one postmortem, as sure as it is told to be."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence

    async def search(self, _question: str, demand: Filter, _limit: int) -> Found:
        """Return it."""
        assert demand.kind == "postmortem"
        return Found((hit(APART),), self.evidence)


SURE, UNSURE = Evidence(0.9, 0.9, 1.0, 1.0), Evidence(0.5, 0.2, 0.5, 0.5)


@pytest.mark.parametrize(
    ("kind", "question", "evidence", "near"),
    [
        ("runbook", "checkout answers 502", SURE, True),
        ("runbook", "checkout answers 502", UNSURE, False),
        ("runbook", "how do I roll back checkout?", SURE, False),
        ("runbook", "restart checkout", SURE, False),
        ("postmortem", "checkout answers 502", SURE, False),
    ],
)
async def test_an_incident_is_named_beside_a_runbook_that_answers_trouble(
    kind: str, question: str, evidence: Evidence, *, near: bool
) -> None:
    """By its own evidence above the threshold; not where a task is asked for, nor where a postmortem answers."""
    recalled = Recalled((passage(kind=kind),), (), SURE)
    assert (await similar_to(Past(evidence), question, recalled) is not None) == near
    assert 0.5 < SIMILAR < 1.0
