"""What went wrong with Claude, in words for the person on call. Pure; knows no SDK and repeats none of its texts."""

from dataclasses import dataclass
from typing import Literal

from bot.errors import ClaudeDenied, ClaudeError, ClaudeIncomplete, ClaudeTooLong, ClaudeUnavailable

Fault = Literal["status", "unreachable", "slow", "cut", "broken"]
"""How a call failed: Claude said so, no connection, no answer in time, the line died, or bytes made no sense."""

_DENIED: dict[str, str] = {
    "authentication_error": "Claude refuses the key: check ANTHROPIC_API_KEY.",
    "billing_error": "Claude refuses the account (credit or spending limit): check the billing of ANTHROPIC_API_KEY.",
    "permission_error": "Claude refuses this key the model or the feature: check the rights of ANTHROPIC_API_KEY.",
    "not_found_error": "Claude does not know the model or the address: check claude.model and ANTHROPIC_BASE_URL.",
    "redirect": "The server at ANTHROPIC_BASE_URL sends us elsewhere, which is not followed: set its real address.",
}
_BUSY: dict[str, str] = {
    "overloaded_error": "Claude is overloaded",
    "rate_limit_error": "Claude allows us no more requests for now",
    "timeout_error": "Claude took too long",
    "api_error": "Claude has trouble of its own",
}
_TYPES: dict[int, str] = {
    **dict.fromkeys((301, 302, 303, 307, 308), "redirect"),
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""Anthropic's error types by status (docs.anthropic.com, errors): other servers often send the status alone."""

_TOO_LONG = (400, 413)
"""`invalid_request_error` (a prompt past the model's context, among others) and `request_too_large`."""

_SERVER_ERROR = 500
_OK = 200


@dataclass(frozen=True, slots=True)
class Trouble:
    """One failed call. `status` and `type` are Claude's, where it said anything; `seconds` is wall time."""

    fault: Fault
    seconds: float
    tries: int = 1
    began: bool = False
    status: int | None = None
    type: str | None = None

    def error(self) -> ClaudeError:
        """Return the error to raise: by what a person can do about it."""
        if self.fault == "broken":
            return ClaudeIncomplete("What Claude sent made no sense, so the answer is not whole.")
        if self.fault == "status":
            return self._said()
        return self._passing(_WITHOUT_WORDS[self.fault])

    def _said(self) -> ClaudeError:
        kind = self._kind()
        if kind in _DENIED:
            return ClaudeDenied(_DENIED[kind])
        if kind in _BUSY:
            return self._passing(_BUSY[kind])
        sentence = f"Claude did not accept this question (status {self.status}): it may be too long."
        # The reason is told in a text of Claude's that we do not read; a shorter request is worth one try.
        return ClaudeTooLong(sentence) if self.status in _TOO_LONG else ClaudeIncomplete(sentence)

    def _kind(self) -> str | None:
        """Return Anthropic's error type: as said, else by the status; an error inside a stream has status 200."""
        if self.type in _DENIED or self.type in _BUSY:
            return self.type
        if self.status is not None and (self.status >= _SERVER_ERROR or self.status == _OK):
            return _TYPES.get(self.status, "api_error")
        return _TYPES.get(self.status or 0)

    def _passing(self, words: str) -> ClaudeError:
        if self.began:
            return ClaudeIncomplete(f"{words}: the answer broke off in the middle, after {self.seconds:.0f} s.")
        times = "once" if self.tries == 1 else f"{self.tries} times"
        return ClaudeUnavailable(f"{words} (tried {times} in {self.seconds:.0f} s).")


_WITHOUT_WORDS: dict[Fault, str] = {
    "unreachable": "Claude cannot be reached",
    "slow": "Claude did not answer in time",
    "cut": "The connection to Claude was cut",
}


def unfinished(stop_reason: str | None, *, empty: bool) -> ClaudeIncomplete | None:
    """Return why a stream that ended without an error is no whole answer, or None when it is whole."""
    if empty and stop_reason == "model_context_window_exceeded":
        return ClaudeTooLong(_UNFINISHED[stop_reason])
    if stop_reason == "end_turn":
        return ClaudeIncomplete("Claude sent an empty answer.") if empty else None
    return ClaudeIncomplete(_UNFINISHED.get(stop_reason, "Claude stopped for a reason that I do not know."))


_UNFINISHED: dict[str | None, str] = {
    None: "Claude's answer broke off before its end.",
    "refusal": "Claude declined to answer this question.",
    "max_tokens": "Claude's answer grew longer than claude.max_tokens allows, so its end is missing.",
    "model_context_window_exceeded": "The question and its passages are too long for the model.",
}
