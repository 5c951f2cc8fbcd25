"""What the program tells of itself on stderr, log lines and tracebacks, all of it without secrets. Knows no room.

Placeholders get their digits from a key that is made by chance in each process and kept nowhere: within one log the
same secret is known again, and whoever reads the log cannot try words against it.
"""

import logging
import secrets
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from functools import cache
from types import TracebackType
from typing import Any

import structlog

WITHHELD = "its traceback is withheld: it could not be checked for secrets"


def log_to_stderr() -> None:
    """Log as JSON lines, as people on a terminal read them there; never on stdout, which is for results."""
    person = sys.stderr.isatty()
    show = structlog.dev.ConsoleRenderer() if person else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_secrets,
            show,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING if person else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def guard_tracebacks() -> None:
    """Redact what Python prints by itself: uncaught errors of the program and its threads, and what libraries log.

    Tasks of asyncio that died unheard are told through the standard library's logging, as are libraries' warnings.
    """
    sys.excepthook = _crashed
    threading.excepthook = _thread_crashed
    sys.unraisablehook = _unraisable
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Redacting())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


class _Redacting(logging.Formatter):
    """A record and its traceback without secrets; one that cannot be checked is only named."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        try:
            return _redact()(super().format(record))
        except Exception:  # noqa: BLE001 - the rim: an unchecked text must not get out, whatever went wrong
            return f"{record.name}: {record.levelname}: withheld, as it could not be checked for secrets"


def _crashed(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """Print an uncaught error as Python would, without secrets."""
    try:
        text = _redact()("".join(traceback.format_exception(kind, error, trace)))
    except BaseException:  # noqa: BLE001 - the rim, as above
        text = f"{kind.__name__}: {WITHHELD}\n"
    print(text, end="", file=sys.stderr, flush=True)  # noqa: T201 - in the place of Python's own printing


def _thread_crashed(crash: threading.ExceptHookArgs) -> None:
    _crashed(crash.exc_type, crash.exc_value, crash.exc_traceback)


def _unraisable(trouble: "sys.UnraisableHookArgs") -> None:
    _crashed(trouble.exc_type, trouble.exc_value, trouble.exc_traceback)


def _without_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact every text of a log line, tracebacks included. structlog calls it by place."""
    return {name: _redacted(value) for name, value in event.items()}


def _redacted(value: object) -> object:
    """Return a value of a log line without secrets; what is neither number nor collection is shown as text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {_redact()(str(name)): _redacted(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(each) for each in value]
    return _redact()(str(value))


@cache
def _redact() -> Callable[[str], str]:
    """Return this process's redaction; a command that logs nothing does not pay for it."""
    from ingest.redact import Redactor  # noqa: PLC0415 - see above

    return Redactor(secrets.token_bytes(32)).redact
