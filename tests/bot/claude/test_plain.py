"""Quoted Markdown: what stays to the letter, and what must not reach people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.claude.plain import quoted


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# Fix ##", "**Fix**"),
        ("### A **b** c", "**A b c**"),
        ("Title\n=====\ntext", "**Title**\ntext"),
        ("Title\n---\ntext", "**Title**\ntext"),
        ("text\n\n---\n\nmore", "text\n\n---\n\nmore"),
        ("- item\n---", "- item\n---"),
        ("#channel is no heading", "#channel is no heading"),
        ("see [the docs](../docs/a.md)", "see the docs"),
        ("see [the docs](https://a.b/c_(d))", "see the docs"),
        ("see [the docs][ref]\n\n[ref]: https://a.b", "see the docs"),
        ("see [the\ndocs](x) now", "see the\ndocs now"),
        ("cache](/manual/x) first", "cache first"),
        ("see [graph]((a(b(c),d),e)).", "see graph."),
        ("[a [b] c](x)", "a [b] c"),
        ("![graph](x.png) text", "text"),
        ("[![badge](a.svg)](https://ci) text", "text"),
        ("go to https://a.b/c.", "go to `https://a.b/c`."),
        ("go to <https://a.b/c>", "go to `https://a.b/c`"),
        ('<a href="https://a.b">here</a>', "here"),
        ("a <!-- note\n[x](y) --> b", "a  b"),
        ("delete <pod-name>", "delete <pod-name>"),
        ("as in [1] and [23]", "as in (1) and (23)"),
        ("`a[1]` and `[x](y)` and `https://a.b`", "`a[1]` and `[x](y)` and `https://a.b`"),
        ("- [ ] check it", "- [ ] check it"),
    ],
)
def test_prose_loses_headings_links_images_and_foreign_marks(before: str, after: str) -> None:
    """Nothing larger than the verdict, no link that we did not render, no mark that is not ours."""
    assert quoted(before, most=1000) == after


def test_code_stays_to_the_letter() -> None:
    """A command is copied and run: not a character of it may change."""
    code = "```bash\n# not a heading [a](b) [1]\ncurl https://a.b   \n```"
    assert quoted(code, most=1000) == code


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\n```\nls", "a\n```\nls\n```"),
        ("a\n~~~~\nls\n~~~", "a\n~~~~\nls\n~~~\n~~~~"),
        ("ls # x\n```\n\nthen\n```sh\nps\n```", "```\nls # x\n```\n\nthen\n```sh\nps\n```"),
        ("ls [1]\n```", "```\nls [1]\n```"),
        ("1. do\n   ```\n   ls\n   ```\n2. next", "1. do\n   ```\n   ls\n   ```\n2. next"),
    ],
)
def test_fences_are_balanced(before: str, after: str) -> None:
    """A passage may begin or end inside code; what we post after it must not become code."""
    assert quoted(before, most=1000) == after


def test_a_cut_keeps_whole_lines_and_closes_code() -> None:
    """Half a command is worse than none."""
    assert quoted("```\nfirst\nsecond", most=12) == "```\nfirst\n```"


@given(st.text(st.sampled_from("a`~#[]()!<>-= \n1:/hpt"), max_size=80))
def test_any_text_is_quoted_with_fences_balanced(text: str) -> None:
    """Whatever a document holds, quoting it neither fails nor leaves code open."""
    out = quoted(text, most=60)
    assert quoted(f"{out}\n\n# after", most=1000).endswith("**after**") or not out
