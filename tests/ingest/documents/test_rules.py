"""Who may read a document: front matter, folder rules, names, and what closes it."""

import pytest

from ingest.documents.audience import NO_RULES, NotUnderstood, Rules
from ingest.documents.read import read
from ingest.documents.source import Original

RULES = Rules(
    (("payments/public*", ("everyone",)), ("payments/*", ("#payments",)), ("docs/hr/**", ("S0HR", "U0BOSS"))),
    {"#payments": "C0PAYMENTS", "leads": "S0LEADS"},
)


def audience_of(path: str, front: str = "") -> tuple[str, ...]:
    """Return who may read a document of the source `docs`."""
    top = f"---\n{front}\n---\n" if front else ""
    found = read("docs", Original(path, f"{top}# Title\n"), RULES)
    assert found.left_out is None
    return found.document.audience


@pytest.mark.parametrize(
    ("path", "front", "expected"),
    [
        ("pool.md", "", ("everyone",)),
        ("payments/pool.md", "", ("C0PAYMENTS",)),
        ("payments/deep/pool.md", "", ("C0PAYMENTS",)),
        ("payments/public.md", "", ("everyone",)),
        ("hr/a/pay.md", "", ("S0HR", "U0BOSS")),
        ("payments/pool.md", "audience: everyone", ("everyone",)),
        ("payments/pool.md", "audience: Everyone", ("everyone",)),
        ("pool.md", "audience: [U0BOSS, C0PAYMENTS, U0BOSS]", ("C0PAYMENTS", "U0BOSS")),
        ("pool.md", "audience: '#payments'", ("C0PAYMENTS",)),
        ("pool.md", "audience: Payments, @leads", ("C0PAYMENTS", "S0LEADS")),
        ("pool.md", "audience: W012A3CDE", ("W012A3CDE",)),
        ("pool.md", "owner: x", ("everyone",)),
    ],
)
def test_front_matter_wins_over_the_first_rule_that_matches_else_everyone(
    path: str, front: str, expected: tuple[str, ...]
) -> None:
    """Globs are on the path with or without the source; names become ids, sorted and each once."""
    assert audience_of(path, front) == expected


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ((), "is empty"),
        (("everyone", "C0PAYMENTS"), "names `everyone` beside others"),
        (("#unknown",), "names #unknown, which is no Slack id and not in slack.names"),
        (("SRE",), "names SRE, which is no Slack id"),
        (("c0payments",), "names c0payments, which is no Slack id"),
        (("D0123ABCD",), "names D0123ABCD, which is no Slack id"),
        (("C0PAYMENTS", "nobody"), "names nobody, which is no Slack id"),
    ],
)
def test_what_is_no_id_is_not_understood(labels: tuple[str, ...], words: str) -> None:
    """Nothing is guessed: one word that nobody understands closes the document."""
    with pytest.raises(NotUnderstood, match=words):
        NO_RULES.ids(labels)


def test_a_rule_that_cannot_be_understood_closes_its_folder() -> None:
    """The owner of the settings is told which."""
    found = read("docs", Original("a.md", "# A\n"), Rules((("*", ("#gone",)),)))
    words = "left out: its audience in documents.audience names #gone, which is no Slack id and not in slack.names"
    assert (found.document.audience, found.left_out) == ((), f"{words}, so nobody may read it")


@pytest.mark.parametrize(
    "text",
    [
        "---\naudience:\n---\nx\n",
        "---\naudience: #payments\n---\nx\n",
        "---\naudience: [#payments]\n---\nx\n",
        "---\naudience:\n - #payments\n---\nx\n",
        "---\naudience: ~\n---\nx\n",
        "---\naudience: C0PAYMENTS\nAudience: everyone\n---\nx\n",
        "---\naudiences: C0PAYMENTS\n---\nx\n",
        "---\naudiance: C0PAYMENTS\n---\nx\n",
        "\n---\naudience: C0PAYMENTS\n---\nx\n",
        '+++\naudience = "C0PAYMENTS"\n+++\nx\n',
    ],
)
def test_an_audience_that_was_meant_but_not_said_closes_the_document(text: str) -> None:
    """YAML takes `#payments` for a comment and the last of two audiences; we take neither for everyone."""
    assert "nobody may read it" in (read("docs", Original("a.md", text)).left_out or "")
