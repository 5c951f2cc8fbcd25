"""Front matter: what is read, what is reported, and that nothing in it can stop a sync or open a closed document."""

from datetime import date

import pytest

from ingest.documents.front import MOST_CHARS, Front, front_of

WHOLE = """---
title: Pool exhausted
kind: postmortem
service: [checkout, postgres]
severity: high
owner: team-data
audience: everyone
reviewed: 2026-11-20
---
# Body
"""
NOT_YAML = "front matter is not YAML that can be read"


def said(block: str) -> Front:
    """Return the front matter of a document that has these lines on top."""
    return front_of(f"---\n{block}\n---\nBody\n")


def test_every_field_is_read() -> None:
    """All seven fields, and how many lines they take."""
    assert front_of(WHOLE) == Front(
        lines=9,
        title="Pool exhausted",
        kind="postmortem",
        services=("checkout", "postgres"),
        severity="high",
        owner="team-data",
        audience=("everyone",),
        reviewed=date(2026, 11, 20),
    )


@pytest.mark.parametrize("text", ["", "# Title\n", "---", "---\nA line, then a rule.\n", "\n---\ntitle: x\n---\n"])
def test_a_document_without_front_matter_has_none(text: str) -> None:
    """Front matter stands on top and is closed; a rule is a rule."""
    assert front_of(text) == Front()


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("title: 2026-11-20", "title", "2026-11-20"),
        ("title: 42", "title", "42"),
        ("title: >\n  two\n  lines", "title", "two lines"),
        ("Title: Written so", "title", "Written so"),
        ("service: checkout, postgres, checkout", "services", ("checkout", "postgres")),
        ("service: checkout", "services", ("checkout",)),
        ("reviewed: '2026-11-20'", "reviewed", date(2026, 11, 20)),
        ("reviewed: 2026-11-20T10:00:00Z", "reviewed", date(2026, 11, 20)),
        ("audience: [sre, leads]", "audience", ("sre", "leads")),
        ("AUDIENCE: leads", "audience", ("leads",)),
        ("owner:", "owner", None),
    ],
)
def test_a_field_may_be_written_in_several_ways(line: str, name: str, value: object) -> None:
    """People write lists as text, days with a time, and names with a capital."""
    front = said(line)
    assert (getattr(front, name), front.problems) == (value, ())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("title: true", "title must be one line of text"),
        ("title: [a, b]", "title must be one line of text"),
        ("kind: story", "kind must be runbook or postmortem"),
        ("kind: [runbook]", "kind must be runbook or postmortem"),
        ("kind: correction", "kind must be runbook or postmortem"),
        ("service: {name: x}", "service must be a name or a list of names"),
        ("service: []", "service must be a name or a list of names"),
        ("severity: urgent", "severity must be low, medium, high, critical"),
        ("owner: {team: x}", "owner must be one name"),
        ("reviewed: soon", "reviewed must be a day such as 2026-11-20"),
        ("reviewed: 2026-02-30", "reviewed must be a day such as 2026-11-20"),
        ("audience: {team: x}", "audience must be `everyone` or a list of names"),
    ],
)
def test_a_wrong_field_is_reported_and_spoils_no_other(line: str, expected: str) -> None:
    """A wrong field is never fatal: its owner is told, and the rest of the front matter stands."""
    beside = "owner: team-data" if not line.startswith("owner") else "title: Pool"
    front = said(f"{line}\n{beside}")
    assert front.problems == (f"front matter: {expected}",)
    assert front.owner == "team-data" or front.title == "Pool"


def test_fields_that_we_do_not_know_are_left_alone() -> None:
    """Other tools keep their own fields there."""
    assert said("weight: 3\ntags: [a]").problems == ()


@pytest.mark.parametrize(
    "block",
    [
        "title: [unclosed",
        "a: b: c",
        "\ttabs: x",
        "bomb: &a [*a]",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
        "x: !!python/object/apply:os.system [ls]",
        "title: !!bool maybe",
        "title: !!timestamp soon",
        "title: !!int ''",
        "title: !!float x",
        f"title: {'9' * 5_000}",
        "a: 0x_",
        "? [a]\n: b",
        "<<: 3",
        "{" * 900,
        "[" * 7_000,
        "x: \x07",
    ],
)
def test_what_is_no_yaml_is_said_and_nothing_breaks(block: str) -> None:
    """Whatever stands there, a sync goes on: bombs, foreign tags, deep nests, impossible values."""
    front = said(block)
    assert (front.problems, front.title, front.private) == ((NOT_YAML,), None, False)


@pytest.mark.parametrize("block", ["- a\n- b", "just words", "42"])
def test_what_is_no_list_of_fields_is_said(block: str) -> None:
    """YAML can be many things; front matter is `name: value`."""
    assert said(block).problems == ("front matter is not a list of `name: value`",)


def test_empty_front_matter_is_no_mistake() -> None:
    """A template whose fields were taken out."""
    assert front_of("---\n---\nBody\n") == Front(lines=2)


@pytest.mark.parametrize(
    "text",
    [
        "---\naudience: [leads\n---\nBody\n",
        "---\n{audience: leads, title: [}\n---\nBody\n",
        "---\naudience: {team: leads}\n---\nBody\n",
        "---\naudience: true\n---\nBody\n",
        "---\naudience: []\n---\nBody\n",
        "---\n- audience: leads\n---\nBody\n",
        "---\ntitle: Salaries\naudience: leads\n\nNever closed.\n",
        f"---\ntitle: Salaries\nnote: {'x' * MOST_CHARS}\naudience: leads\n---\nBody\n",
    ],
)
def test_an_audience_that_cannot_be_understood_closes_the_document(text: str) -> None:
    """Nobody reads by accident what was meant for few: broken, unclosed or oversized front matter keeps it closed."""
    front = front_of(text)
    assert (front.private, front.audience) == (True, None)


@pytest.mark.parametrize("end", ["", f"note: {'x' * MOST_CHARS}\n---\n"])
def test_front_matter_that_does_not_end_is_said(end: str) -> None:
    """Its owner sees fields in the text and a wrong title, and is told why."""
    front = front_of(f"---\ntitle: Pool\n{end}Body\n")
    assert front.lines == 0
    assert front.problems == ("front matter does not end: close it with --- within 8,000 characters",)
