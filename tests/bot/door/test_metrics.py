"""What is counted, under which name."""

from prometheus_client import CollectorRegistry

from bot.door.metrics import OUTBOX_STATES, Metrics


def counted() -> tuple[Metrics, CollectorRegistry]:
    """Return metrics on a fresh registry."""
    registry = CollectorRegistry()
    return Metrics(registry), registry


def test_a_question_counts_by_outcome_and_time() -> None:
    """Outcomes tell how well the runbooks serve; seconds how long people wait."""
    metrics, registry = counted()
    metrics.question_ended("perhaps", 0.4)
    metrics.first_text(0.2)
    assert registry.get_sample_value("copilot_questions_total", {"outcome": "perhaps"}) == 1
    assert registry.get_sample_value("copilot_answer_seconds_sum") == 0.4
    assert registry.get_sample_value("copilot_first_text_seconds_bucket", {"le": "0.25"}) == 1


def test_every_series_is_there_before_anything_happens() -> None:
    """An alert on a series that does not exist never fires."""
    _, registry = counted()
    for outcome in ("answered", "perhaps", "not_found", "failed"):
        assert registry.get_sample_value("copilot_questions_total", {"outcome": outcome}) == 0
    for state in OUTBOX_STATES:
        assert registry.get_sample_value("copilot_outbox", {"state": state}) == 0
    assert registry.get_sample_value("copilot_silent_turns_total") == 0


def test_the_outbox_shows_the_present_not_the_past() -> None:
    """A state that has emptied goes back to 0."""
    metrics, registry = counted()
    metrics.outbox({"new": 3, "dead": 1})
    metrics.outbox({"dead": 2})
    assert registry.get_sample_value("copilot_outbox", {"state": "new"}) == 0
    assert registry.get_sample_value("copilot_outbox", {"state": "dead"}) == 2


def test_money_tokens_and_faults_add_up() -> None:
    """Spending is a sum over calls; faults are counted by name."""
    metrics, registry = counted()
    metrics.spent(100, 10, 0.5)
    metrics.spent(100, 10, 0.25)
    metrics.fault("claude_unavailable")
    metrics.silent_turn()
    assert registry.get_sample_value("copilot_tokens_total", {"direction": "in"}) == 200
    assert registry.get_sample_value("copilot_usd_total") == 0.75
    assert registry.get_sample_value("copilot_faults_total", {"name": "claude_unavailable"}) == 1
    assert registry.get_sample_value("copilot_silent_turns_total") == 1


def test_two_metrics_do_not_share_counts() -> None:
    """Nothing is global: two bots in one process count apart."""
    one, registry = counted()
    other, _ = counted()
    other.silent_turn()
    one.silent_turn()
    assert registry.get_sample_value("copilot_silent_turns_total") == 1
