"""Slack's limits: every one has its source, and what we allow ourselves lies below what Slack refuses."""

import ast
import re
from pathlib import Path

from bot import limits

TREE = ast.parse(Path(limits.__file__).read_text("utf-8"))
SOURCES = set(re.findall(r"^\[(\w+)\]", limits.__doc__ or "", re.MULTILINE))


def documented() -> dict[str, str]:
    """Give every constant with the docstring below it (empty if there is none)."""
    found = {}
    for node, after in zip(TREE.body, [*TREE.body[1:], None], strict=True):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            says = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and after.value.value
            found[node.targets[0].id] = str(says or "")
    return found


def test_every_limit_names_its_source() -> None:
    """The docstring below a limit begins with a source that the module lists."""
    cited = {name: re.match(r"\[(\w+)\] \S", text) for name, text in documented().items()}
    assert [name for name, match in cited.items() if match is None or match[1] not in SOURCES] == []


def test_every_source_is_used() -> None:
    """No source is listed for nothing."""
    assert {text[1 : text.index("]")] for text in documented().values()} == SOURCES


def test_limits_are_positive_numbers() -> None:
    """Every limit is a number above 0, or several waits in growing order."""
    for name in documented():
        value = getattr(limits, name)
        if isinstance(value, tuple):
            assert list(value) == sorted(value)
        else:
            assert value > 0


def test_our_budgets_lie_below_what_slack_refuses() -> None:
    """A stream rolls over before the smallest size that was refused, and within its life."""
    assert limits.STREAM_BUDGET_BYTES < limits.STREAM_BYTES <= limits.STREAM_APPEND_TEXT
    assert limits.STREAM_IDLE_S < limits.STREAM_LIFE_S
    assert limits.MARKDOWN_TEXT <= limits.MESSAGE_BLOCKS_TEXT <= limits.MESSAGE_TEXT
