"""What can be checked to the letter, and when another text holds it."""

import pytest

from bot.answer.evidence import Needle, evidence_of, held, normal, outside_code


@pytest.mark.parametrize(
    ("text", "needles"),
    [
        ("Drain the pod.", []),
        ("Run `kubectl get pods -A` now.", [("command", "kubectl get pods -A")]),
        ("See `cl_waiting`.", [("word", "cl_waiting")]),
        ("See ``a `b` c``.", [("command", "a `b` c")]),
        ('It says "pool is exhausted".', [("quotation", "pool is exhausted")]),
        ("It says “Pool is exhausted”.", [("quotation", "pool is exhausted")]),
        ('First "OK" and then "all is well".', [("quotation", "all is well")]),
        ("Wait 5 minutes.", [("name", "5min")]),
        ("Wait 500ms, then 1.5 GiB.", [("name", "500ms"), ("name", "1.5gb")]),
        ("Above 90 % of 2,000.", [("name", "90%"), ("name", "2000")]),
        ("Between 10-20 on 2026-03-12.", [("name", "10-20"), ("name", "2026-03-12")]),
        ("From 11:02 on port :5432.", [("name", "11:02"), ("name", "5432")]),
        (
            "On checkout-db and HTTP2, see OOMKilled.",
            [("name", "checkout-db"), ("name", "http2"), ("name", "oomkilled")],
        ),
        ("Errors of 5xx at p99.", [("name", "5xx"), ("name", "p99")]),
        ("E.g. restart and/or scale, i.e. act.", []),
        ("**Set 3 replicas.**", [("name", "3")]),
    ],
)
def test_commands_quotations_numbers_and_names_are_found(text: str, needles: list[tuple[str, str]]) -> None:
    """All that a reader might copy or rely on, each once."""
    assert [tuple(needle) for needle in evidence_of(text)] == needles


def test_a_quoted_line_is_a_quotation_as_a_whole() -> None:
    """A block quotation says that somebody wrote just this."""
    assert evidence_of("Restart **first**.", quoted=True) == (Needle("quotation", "restart first"),)


TEXT = """Drain `checkout-7f` first: "the pool   is exhausted", says Postgres.
Run `rm -rf /var/tmp/cache` and wait 30s, at most 2,000 MiB or 90 %. Ports 5432 and 15. Mode is read only.
See [the dashboard](https://grafana.internal/d/abc) on 2026-03-12, 10\u201320 minutes. Use `-R`.
Not hot-stand-by, orders-db-1 or stand-by-2."""


@pytest.mark.parametrize(
    "needle",
    [
        Needle("command", "rm -rf /var/tmp/cache"),
        Needle("word", "checkout-7f"),
        Needle("word", "-R"),
        Needle("quotation", "the pool is exhausted"),
        Needle("quotation", "see the dashboard on 2026-03-12"),
        Needle("name", "30s"),
        Needle("name", "2000mb"),
        Needle("name", "90%"),
        Needle("name", "15"),
        Needle("name", "10"),
        Needle("name", "orders-db-1"),
        Needle("name", "2026-03-12"),
        Needle("name", "10-20min"),
        Needle("name", "read-only"),
    ],
)
def test_a_text_holds_what_stands_in_it(needle: Needle) -> None:
    """Amounts in any way of writing, commands as they stand, words under links."""
    assert held(TEXT).holds(needle)


@pytest.mark.parametrize(
    "needle",
    [
        Needle("command", "rm -rf /"),
        Needle("command", "rm -rf /var/tm"),
        Needle("command", "rm -rf /var/tmp"),
        Needle("command", "RM -rf /var/tmp/cache"),
        Needle("word", "-r"),
        Needle("word", "/var/tmp"),
        Needle("word", "checkout-8f"),
        Needle("word", "checkout-7"),
        Needle("quotation", "the pool is empty"),
        Needle("name", "5"),
        Needle("name", "30min"),
        Needle("name", "30"),
        Needle("name", "543"),
        Needle("name", "2000gb"),
        Needle("name", "2026-03-21"),
        Needle("name", "10-30min"),
        Needle("name", "stand-by"),
        Needle("name", "db-1"),
    ],
)
def test_a_text_does_not_hold_what_only_looks_alike(needle: Needle) -> None:
    """A part of a word, another unit, another case of a command, a command that ends sooner."""
    assert not held(TEXT).holds(needle)


def test_text_is_compared_without_emphasis_and_fine_type() -> None:
    """People and models set the same words in different type."""
    assert normal("  **Don\u2019t** “wait” \u2013 `now`\n please ") == 'don\'t "wait" - now please'


def test_a_change_leaves_code_alone() -> None:
    """Code stays to the letter."""
    assert outside_code("a `a` a ``a`a`` a", lambda text: text.replace("a", "b")) == "b `a` b ``a`a`` b"
