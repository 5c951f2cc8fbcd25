"""Neither tokens nor what people wrote get into our logs through Slack's libraries."""

import logging

import pytest

from bot.slack.quiet import quiet_logger, where


def test_tokens_and_tickets_are_blotted_out(caplog: pytest.LogCaptureFixture) -> None:
    """A token, a ticket and a traceback never reach a handler; the words around them do."""
    logger = quiet_logger()
    try:
        int("xoxb-secret-2")
    except ValueError:
        logger.exception("failed with %s at wss://x/?ticket=abc-123&app_id=A1", "xapp-1-A-secret")
    (record,) = caplog.records
    assert record.getMessage() == "failed with xapp-[secret] at wss://x/?ticket=[secret]&app_id=A1"
    assert record.exc_info is None


def test_debug_is_off() -> None:
    """At debug the libraries log whole payloads: we never let them."""
    assert not quiet_logger().isEnabledFor(logging.INFO)


def test_an_error_is_named_by_its_place() -> None:
    """The place of an error is a file and a line, never its text."""
    with pytest.raises(ValueError, match="wrote") as raised:
        int("what somebody wrote")
    assert where(raised.value).startswith(__file__)
    assert where(ValueError()) == "unknown"
