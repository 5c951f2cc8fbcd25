"""What commands show: results on stdout, everything else on stderr, and nothing that floods a terminal."""

import io
import json
import sys

import pytest

from bot.commands import screen
from bot.commands.knowledge import event_row
from bot.types import Done, Source, Status, Text
from ingest.index.roots import Outcome
from ingest.index.sync import Note, Report
from tests.fakes.claude import passage

DONE = Done(
    outcome="answered",
    reason=None,
    answer_id="q1",
    sources=(Source(1, "docs/pool.md", 3, 9, "Pool"),),
    model="claude-sonnet-5-5",
    seconds=2.14,
    tokens_in=1840,
    tokens_out=210,
    usd=0.0066,
)

Shown = pytest.CaptureFixture[str]


def test_a_sync_is_told_in_one_line_and_its_notes(capsys: Shown) -> None:
    """What there was nothing of is not mentioned."""
    report = Report(added=2, removed=1, embedded=7, notes=[Note("docs/a.md", "is empty")])
    screen.report(Outcome(report, roots=["docs", "more"], refused=["No."]))
    told = "  docs/a.md: is empty\nSynced docs, more: 2 added, 1 removed; 7 texts embedded.\nNo.\n"
    assert capsys.readouterr() == ("", told)


def test_many_notes_are_counted(capsys: Shown) -> None:
    """A thousand pictures in a folder do not hide what else was said."""
    notes = [Note(f"docs/{number}.png", "is not Markdown (.md)") for number in range(1_000)]
    screen.report(Outcome(Report(notes=notes)))
    lines = capsys.readouterr().err.splitlines()
    assert lines[-2:] == [
        f"  and {1_000 - screen.MOST_NOTES} more such notes",
        "Synced nothing: no documents; 0 texts embedded.",
    ]
    assert len(lines) == screen.MOST_NOTES + 2


def test_progress_without_a_terminal_is_a_line_now_and_then(capsys: Shown) -> None:
    """The first and the last at once; logs stay readable."""
    with screen.progress() as show:
        for done in range(101):
            show(done, 100, "docs")
    assert capsys.readouterr().err.splitlines() == [
        "Reading docs: 0 of 100 documents",
        "Reading docs: 100 of 100 documents",
    ]


@pytest.mark.parametrize(
    ("heading", "first"), [("Fix", "1. Postgres pool > Fix  (runbooks/"), ("", "1. Postgres pool  (runbooks/")]
)
def test_a_passage_is_shown_with_its_place_and_its_first_lines(capsys: Shown, heading: str, first: str) -> None:
    """Enough to see whether it is the right one."""
    screen.passage(1, passage("\n\n".join(f"line {number}" for number in range(10)), heading=heading))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(first)
    assert lines[1:] == [*(f"   line {number}" for number in range(6)), "   ... 4 more lines", ""]


def test_an_answer_ends_with_its_sources_and_its_cost(capsys: Shown) -> None:
    """The text on stdout as it comes, what the bot does on stderr, the sources together at the end."""
    for event in (Status("reading Pool"), Text("Drain it. [1]\n"), DONE.sources[0], DONE):
        screen.event(event)
    out, err = capsys.readouterr()
    assert out == (
        "Drain it. [1]\n\nSources:\n[1] Pool, docs/pool.md:3-9\n2.1 s · 2,050 tokens · 0.0066 USD · claude-sonnet-5-5\n"
    )
    assert err == "reading Pool ...\n"


def test_rows_are_json_lines_in_any_language(capsys: Shown) -> None:
    """One object a line, letters as they are."""
    screen.row({"text": "größer\nals \u2028 数", "n": 1})
    line = capsys.readouterr().out
    assert json.loads(line) == {"text": "größer\nals \u2028 数", "n": 1}
    assert (line.count("\n"), "größer" in line) == (1, True)


def test_the_last_row_of_an_answer_has_its_sources_as_places() -> None:
    """Without the number, which is the text's; a script opens path and lines."""
    row = event_row(DONE)
    assert row["sources"] == [{"path": "docs/pool.md", "start_line": 3, "end_line": 9, "title": "Pool"}]
    assert (row["type"], row["outcome"], row["usd"]) == ("done", "answered", 0.0066)


@pytest.mark.parametrize(
    ("typed", "agreed"), [("y\n", True), ("YES\n", True), ("\n", False), ("", False), ("no\n", False)]
)
def test_only_a_clear_yes_is_a_yes(capsys: Shown, monkeypatch: pytest.MonkeyPatch, typed: str, agreed: object) -> None:
    """A closed terminal and an empty line are a no."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert screen.agreed(["12 of 12 are gone."]) is agreed
    assert capsys.readouterr().err == "12 of 12 are gone.\nRemove them? [y/N]\n"
