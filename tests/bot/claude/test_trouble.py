"""Claude's troubles in words for people."""

import pytest

from bot.claude.trouble import Trouble, unfinished
from bot.errors import ClaudeDenied, ClaudeIncomplete, ClaudeTooLong, ClaudeUnavailable


@pytest.mark.parametrize(
    ("status", "kind", "error", "words"),
    [
        (308, None, ClaudeDenied, "set its real address"),
        (401, None, ClaudeDenied, "refuses the key"),
        (402, None, ClaudeDenied, "credit or spending limit"),
        (403, "permission_error", ClaudeDenied, "check the rights"),
        (404, None, ClaudeDenied, "does not know the model"),
        (400, "billing_error", ClaudeDenied, "credit or spending limit"),
        (400, "invalid_request_error", ClaudeTooLong, "may be too long"),
        (413, "request_too_large", ClaudeTooLong, "may be too long"),
        (408, None, ClaudeUnavailable, "took too long"),
        (429, None, ClaudeUnavailable, "no more requests for now (tried 3 times in 20 s)"),
        (500, None, ClaudeUnavailable, "trouble of its own"),
        (503, "something_new", ClaudeUnavailable, "trouble of its own"),
        (529, None, ClaudeUnavailable, "Claude is overloaded (tried 3 times in 20 s)."),
        (200, "overloaded_error", ClaudeUnavailable, "overloaded"),
        (200, "something_new", ClaudeUnavailable, "trouble of its own"),
    ],
)
def test_each_status_says_who_must_act(status: int, kind: str | None, error: type[Exception], words: str) -> None:
    """A person must act on a denial, time on an overload, and neither on a question that was not accepted."""
    told = Trouble("status", 20.2, tries=3, status=status, type=kind).error()
    assert type(told) is error
    assert words in str(told)


@pytest.mark.parametrize("fault", ["unreachable", "slow", "cut"])
def test_trouble_in_the_middle_is_an_incomplete_answer(fault: str) -> None:
    """What broke after the first words is no outage: those words must not be shown as an answer."""
    assert type(Trouble(fault, 3.0, began=False).error()) is ClaudeUnavailable  # type: ignore[arg-type]
    assert type(Trouble(fault, 3.0, began=True).error()) is ClaudeIncomplete  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "stop_reason", [None, "refusal", "max_tokens", "stop_sequence", "tool_use", "model_context_window_exceeded", "new"]
)
def test_only_end_turn_is_whole(stop_reason: str | None) -> None:
    """Every other way to stop, known or not, is told as unfinished."""
    assert unfinished(stop_reason, empty=False) is not None


def test_an_empty_end_turn_is_not_whole() -> None:
    """Silence that ended well is still silence."""
    assert unfinished("end_turn", empty=False) is None
    assert str(unfinished("end_turn", empty=True)) == "Claude sent an empty answer."
