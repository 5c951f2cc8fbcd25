"""From an original to a document: kind, title, audience, and no secret in it."""

import pytest

from ingest.documents.read import MOST_TITLE_CHARS, Read, read
from ingest.documents.source import Original

SECRET = "ghp" + "_" + "A1b2" * 9


def of(relative: str, text: str = "Body\n") -> Read:
    """Return what is read of a document of the source `docs`."""
    return read("docs", Original(relative, text))


def test_the_id_is_the_public_path() -> None:
    """One name everywhere: in the database, in answers, in scripts."""
    document = of("db/pool.md").document
    assert (document.id, document.path, document.root) == ("docs/db/pool.md", "docs/db/pool.md", "docs")


@pytest.mark.parametrize(
    ("relative", "front", "kind"),
    [
        ("pool.md", "", "runbook"),
        ("postmortems/2026-01-01.md", "", "postmortem"),
        ("team/Postmortems/old/x.md", "", "postmortem"),
        ("postmortems.md", "", "runbook"),
        ("my-postmortems/x.md", "", "runbook"),
        ("postmortems/how-to.md", "kind: runbook", "runbook"),
        ("pool.md", "kind: postmortem", "postmortem"),
        ("postmortems/x.md", "kind: nonsense", "postmortem"),
    ],
)
def test_the_kind_is_what_the_front_matter_says_else_where_it_lies(relative: str, front: str, kind: str) -> None:
    """Front matter, else postmortem below a folder named postmortems, else runbook."""
    assert of(relative, f"---\n{front}\n---\nBody\n").document.kind == kind


def test_a_source_named_postmortems_holds_postmortems() -> None:
    """The folder's name counts also when it is the source itself."""
    assert read("postmortems", Original("x.md", "Body\n")).document.kind == "postmortem"


@pytest.mark.parametrize(
    ("relative", "text", "title"),
    [
        ("pool.md", "---\ntitle: From the front\n---\n# Heading\n", "From the front"),
        ("pool.md", "Words first.\n\n# Pool `exhausted` ##\n", "Pool exhausted"),
        ("pool.md", "# See [the pool](x.md)\n", "See the pool"),
        ("pool.md", "```\n# a comment in a script\n```\n# The heading\n", "The heading"),
        ("db-pool_full.md", "```\n# a comment\n```\n## Fix\n", "db pool full"),
        ("db-pool_full.md", "## Only a small heading\n", "db pool full"),
        ("checkout/README.md", "Words.\n", "checkout"),
        ("checkout/index.md", "Words.\n", "checkout"),
        ("README.md", "Words.\n", "docs"),
    ],
)
def test_the_title_is_the_nearest_that_there_is(relative: str, text: str, title: str) -> None:
    """Front matter, else the first heading outside of code, else the file's name, else its folder's."""
    assert of(relative, text).document.title == title


def test_a_title_is_bounded() -> None:
    """It is shown on one line."""
    assert len(of("x.md", f"# {'long ' * 100}\n").document.title) == MOST_TITLE_CHARS


def test_no_secret_is_in_the_text_or_the_title() -> None:
    """Redaction is on the way in, so that no later room can leak what it never had."""
    document = of("x.md", f"---\ntitle: Use {SECRET}\n---\ncurl -H 'Authorization: token {SECRET}'\n").document
    assert SECRET not in document.title + document.text
    assert document.title.startswith("Use [secret:github-token")


def test_the_body_begins_after_the_front_matter_and_lines_stay() -> None:
    """Line numbers of a document agree with its file, front matter and hidden keys included."""
    key = f"-----BEGIN {'RSA PRIVATE'} KEY-----\n{'A' * 64}\n-----END {'RSA PRIVATE'} KEY-----"
    text = f"---\nowner: x\n---\n{key}\nlast\n"
    document = of("x.md", text).document
    assert document.body_line == 4
    assert document.text.split("\n").index("last") == text.split("\n").index("last")


@pytest.mark.parametrize(
    ("front", "words"),
    [
        (
            "audience: leads",
            "left out: its audience names leads, which is no Slack id and not in slack.names, so nobody",
        ),
        ("audience: [C0123ABCD, leads]", "left out: its audience names leads, which is no Slack id"),
        ("audience: [everyone, C0123ABCD]", "left out: its audience names `everyone` beside others, so nobody may"),
        ("audience:", "left out: its audience cannot be understood, so nobody may read it"),
        ("audience: #payments", "left out: its audience cannot be understood, so nobody may read it"),
        ("audiences: C0123ABCD", "left out: its audience cannot be understood, so nobody may read it"),
        ("audience: C0123ABCD\naudience: everyone", "left out: its audience cannot be understood, so nobody may"),
        ("audience: {x: y}", "left out: its audience cannot be understood, so nobody may read it"),
        ("audience: [", "left out: its audience cannot be understood, so nobody may read it"),
    ],
)
def test_what_cannot_be_understood_is_left_out_with_the_reason(front: str, words: str) -> None:
    """Nobody reads by accident what was meant for few; the owner is told why it is missing."""
    assert (of("x.md", f"---\n{front}\n---\nBody\n").left_out or "").startswith(words)


def test_a_document_for_everyone_is_read_and_its_problems_are_told() -> None:
    """A wrong field costs a note, not the document."""
    found = of("x.md", "---\naudience: everyone\nseverity: 7\n---\nBody\n")
    assert found.left_out is None
    assert found.problems == ("front matter: severity must be low, medium, high, critical",)
