"""Lines that are records of named fields: JSON and logfmt. Knows the names that loggers use; does no I/O."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ingest.logs.entry import Columns
from ingest.logs.known import Known
from ingest.logs.times import NEVER

Fields = dict[str, Any]

TIMES = "time ts timestamp @timestamp @t t date datetime asctime eventTime Timestamp timeMillis dt.$date t.$date"
LEVELS = (
    "level lvl severity levelname level_name loglevel log_level log.level @l Level severityText SeverityText s PRIORITY"
)
MESSAGES = "message msg event log @m @mt body Body MESSAGE Message text short_message textPayload"
SERVICES = (
    "service service.name service_name app application container_name kubernetes.container_name kubernetes.labels.app"
    " SYSLOG_IDENTIFIER program component logger logger_name name c"
)
HOSTS = "kubernetes.pod_name pod pod_name host host.name hostname instance node _HOSTNAME"
"""Names of fields, the first found wins: zap, zerolog, logrus, slog, pino, bunyan, winston, structlog, Logback, Log4j,
python-json-logger, Serilog, ECS, OpenTelemetry, GELF, journald, Fluent Bit, Google Cloud, MongoDB."""

_MOST_VALUE = 200
"""Ours: bytes kept of a further field's value; what is longer is a payload."""
_MOST_DEPTH = 3

_PAIR = re.compile(r'([\w.@/-]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))')
_ESCAPE = re.compile(r'\\(["\\nt])')
_ESCAPED = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}


class Records:
    """Reads lines of one kind of record. The message is the logger's, followed by ` name=value` of all other fields."""

    timed = True

    def __init__(self, kind: str, known: Known) -> None:
        self._kind = kind
        self._known = known
        self._fields: Callable[[bytes], Fields | None] = json_fields if kind == "json" else logfmt_fields

    @property
    def state(self) -> dict[str, object]:
        """What builds it again: JSON-able."""
        return {"kind": self._kind}

    def read(self, lines: Sequence[bytes]) -> tuple[Columns, list[int]]:
        """Return every line as an entry, and the places of those that do not fit. About 6 us a line."""
        columns, unfit = Columns(), []
        for place, line in enumerate(lines):
            fields = self._fields(line)
            if fields is None:
                unfit.append(place)
                fields = {}
            self._add(columns, fields)
        return columns, unfit

    def _add(self, columns: Columns, fields: Fields) -> None:
        time, level = _taken(fields, _TIMES), _taken(fields, _LEVELS)
        service, host = _bytes(_taken(fields, _SERVICES)), _bytes(_taken(fields, _HOSTS))
        message = _bytes(_taken(fields, _MESSAGES)).rstrip()
        columns.times.append(self._time(time))
        columns.levels.append(self._known.ranks[_bytes(level)])
        columns.services.append(self._known.services[service])
        columns.hosts.append(host or self._known.pods[service])
        columns.texts.append(b" ".join([message, *_rest(fields)]) if fields else message)
        columns.physical.append(1)

    def _time(self, value: object) -> float:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            digits = len(str(int(value)))
            return value / 10 ** max(0, digits - 10) if digits >= 9 else NEVER  # noqa: PLR2004 - 1973 and later
        return self._known.times.one(_bytes(value)) if value else NEVER


def json_fields(line: bytes) -> Fields | None:
    """Return the fields of a JSON object, None when it is none."""
    if line[:1] != b"{":
        return None
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def logfmt_fields(line: bytes) -> Fields | None:
    """Return the fields of `name=value name="a value"`, None when the line does not begin with one or has only one."""
    text = line.decode("utf-8", "surrogateescape")
    if not _PAIR.match(text):
        return None
    fields = {name: _unescaped(quoted) if quoted else bare for name, quoted, bare in _PAIR.findall(text)}
    return fields if len(fields) > 1 else None


def kind_of(line: bytes) -> str | None:
    """Return which kind of record a line is: `json`, `logfmt`, None when it is none of them."""
    if (fields := json_fields(line)) is not None:
        return "json"
    fields = logfmt_fields(line)
    told = fields and any(_taken(fields, names) is not None for names in (_LEVELS, _TIMES, _MESSAGES))
    return "logfmt" if told else None


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPED[found[1]], text) if "\\" in text else text


def _paths(names: str) -> tuple[tuple[str, ...], ...]:
    """Return where each name may stand: as it is, and within others at its dots."""
    told = names.split()
    return (*((name,) for name in told), *(tuple(name.split(".")) for name in told if "." in name))


_TIMES, _LEVELS, _MESSAGES, _SERVICES, _HOSTS = map(_paths, (TIMES, LEVELS, MESSAGES, SERVICES, HOSTS))


def _taken(fields: Fields, paths: Sequence[tuple[str, ...]]) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Take the first of these fields that holds a plain value out of the record."""
    for path in paths:
        within: Any = fields
        for name in path[:-1]:
            within = within.get(name) if isinstance(within, dict) else None
        if isinstance(within, dict) and path[-1] in within and not isinstance(within[path[-1]], (dict, list)):
            return within.pop(path[-1])
    return None


def _rest(fields: Mapping[str, Any], prefix: str = "", depth: int = 1) -> Iterator[bytes]:
    """Yield `name=value` of fields that are left, those within others as `outer.name`."""
    for name, value in fields.items():
        if isinstance(value, dict):
            if depth < _MOST_DEPTH:
                yield from _rest(value, f"{prefix}{name}.", depth + 1)
        elif value is not None and value != "":
            yield _bytes(f"{prefix}{name}=") + _bytes(value)[:_MOST_VALUE]


def _bytes(value: object) -> bytes:
    if value is None:
        return b""
    if isinstance(value, str):
        try:
            return value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:  # JSON may hold half a character: \ud800
            return value.encode("utf-8", "backslashreplace")
    return json.dumps(value, separators=(",", ":")).encode()
