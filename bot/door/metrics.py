"""What Prometheus can read of us: counts that rooms report, each through a Protocol of its own."""

from collections.abc import Mapping
from typing import Any, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from bot.types import Outcome

OUTBOX_STATES = ("new", "sending", "sent", "unknown", "dead")
"""The states of an intent to post (DESIGN.md, delivery)."""

SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
"""Bounds of the histograms: from an answer by quotes to one at the default deadline."""


class Metrics:
    """Counts for `/metrics`, on a registry of its own. Labels come from code only, so their number is bounded.

    Every outcome and state is there from the start with 0: an alert on a series that does not exist never fires.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._questions = Counter("copilot_questions", "Questions that ended", ["outcome"], registry=registry)
        self._silent = Counter("copilot_silent_turns", "Events that ended without a word to anybody", registry=registry)
        self._seconds = Histogram("copilot_answer_seconds", "From question to end", registry=registry, buckets=SECONDS)
        self._first = Histogram(
            "copilot_first_text_seconds", "From question to first words", registry=registry, buckets=SECONDS
        )
        self._outbox = Gauge("copilot_outbox", "Posts by state", ["state"], registry=registry)
        self._tokens = Counter("copilot_tokens", "Tokens of the model", ["direction"], registry=registry)
        self._usd = Counter("copilot_usd", "Cost of the model in USD", registry=registry)
        self._faults = Counter("copilot_faults", "Faults by name", ["name"], registry=registry)
        self._begin_at_zero()

    def question_ended(self, outcome: str, seconds: float) -> None:
        """Count a question that ended this way after so many seconds."""
        self._questions.labels(outcome).inc()
        self._seconds.observe(seconds)

    def first_text(self, seconds: float) -> None:
        """Count the seconds from a question to its first words."""
        self._first.observe(seconds)

    def silent_turn(self) -> None:
        """Count an accepted event that ended without an outcome that a person can see; it must stay 0 (I1)."""
        self._silent.inc()

    def outbox(self, rows: Mapping[Any, int]) -> None:
        """Set how many posts are in each state; a state that is not named has none."""
        for state in {*OUTBOX_STATES, *rows}:
            self._outbox.labels(state).set(rows.get(state, 0))

    def spent(self, tokens_in: int, tokens_out: int, usd: float) -> None:
        """Add the tokens and the USD of one call to the model."""
        self._tokens.labels("in").inc(tokens_in)
        self._tokens.labels("out").inc(tokens_out)
        self._usd.inc(usd)

    def fault(self, name: str) -> None:
        """Count a fault by its name from code, such as `claude_unavailable`; never a text from outside."""
        self._faults.labels(name).inc()

    def _begin_at_zero(self) -> None:
        for outcome in get_args(Outcome):
            self._questions.labels(outcome)
        for state in OUTBOX_STATES:
            self._outbox.labels(state)
        for direction in ("in", "out"):
            self._tokens.labels(direction)
