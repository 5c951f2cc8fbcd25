"""What may go into our logs about an error: neither tokens nor what people wrote."""

import logging
import re
import traceback

SECRET = re.compile(r"(xox[a-z]-|xapp-|ticket=)[\w%.-]+")
"""Tokens of Slack, and the ticket in the URL of a socket."""


class Quiet(logging.Filter):
    """Keeps a record's words without secrets, and drops its traceback: that quotes URLs and payloads."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True, with the record made harmless."""
        record.msg = SECRET.sub(r"\1[secret]", record.getMessage())
        record.args = None
        record.exc_info = None
        record.exc_text = None
        return True


def quiet_logger() -> logging.Logger:
    """Return the logger for slack_bolt and slack_sdk: warnings and worse, since at debug they log whole payloads."""
    logger = logging.getLogger("bot.slack.library")
    logger.setLevel(logging.WARNING)
    if not any(isinstance(each, Quiet) for each in logger.filters):
        logger.addFilter(Quiet())
    return logger


def where(error: BaseException) -> str:
    """Return the file and line where an error began."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown"
