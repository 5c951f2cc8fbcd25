"""Logs in OTLP's JSON encoding, to events. Pure.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding and opentelemetry/proto/logs/v1/logs.proto: names in
lowerCamelCase, 64-bit numbers as texts or numbers, enums as numbers; unknown names are passed over.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from ingest.errors import Unreadable
from ingest.logs.event import Event
from ingest.logs.levels import DEBUG, ERROR, FATAL, INFO, NAMES, UNKNOWN, WARN, rank_of
from ingest.logs.services import service_of
from ingest.logs.source import Defaults
from ingest.logs.times import NEVER

SERVICES: Final = ("service.name", "k8s.deployment.name", "k8s.container.name", "container.name")
HOSTS: Final = ("k8s.pod.name", "host.name", "service.instance.id", "container.id")
"""Attributes of resources, the first found wins.
https://opentelemetry.io/docs/specs/semconv/resource/"""

OWN: Final = ("log.file.", "log.iostream", "log.record.", "code.", "thread.", "k8s.", "container.", "host.", "service.")
"""Beginnings of attributes that say where a record came from, not what happened."""
_FILE: Final = ("log.file.name", "log.file.path", "log.iostream")
"""Attributes that the Collector's filelog receiver and container parser set: the body is the line as it was read."""

_LEVELS: Final = (UNKNOWN, *[DEBUG] * 8, *[INFO] * 4, *[WARN] * 4, *[ERROR] * 4, *[FATAL] * 4)
"""By severityNumber, 1 to 24 (logs data model, SeverityNumber)."""

_NANO: Final = 10**9
_MOST_DEPTH: Final = 8


def events_in(request: Mapping[str, Any]) -> list[Event]:
    """Return the events of an ExportLogsServiceRequest, in its order.

    A body that was read from a file is the line; a record of an SDK becomes a JSON line of message, level and
    attributes, whose time, service and host stand beside. Raises Unreadable when it is none.
    """
    try:
        return list(_events(request))
    except (AttributeError, TypeError, ValueError, KeyError, IndexError) as error:
        raise Unreadable("The body is not OTLP's JSON encoding of logs: see docs/logs.md.") from error


def _events(request: Mapping[str, Any]) -> Iterator[Event]:
    for resource in _list(request, "resourceLogs", "resource_logs"):
        attributes = _pairs((resource.get("resource") or {}).get("attributes"))
        host, service = _first(attributes, HOSTS), service_of(_first(attributes, SERVICES))
        for scope in _list(resource, "scopeLogs", "scope_logs"):
            for record in _list(scope, "logRecords", "log_records"):
                yield _event(record, host, service)


def _event(record: Mapping[str, Any], host: bytes, service: bytes) -> Event:
    attributes, body = _pairs(record.get("attributes")), _value(record.get("body") or {})
    name, number = str(_told(record, "severityText", "severity_text") or ""), _severity(record)
    level = number or rank_of(name.encode("utf-8", "replace"))
    time = _time(_told(record, "timeUnixNano", "time_unix_nano")) or _time(
        _told(record, "observedTimeUnixNano", "observed_time_unix_nano")
    )
    defaults = Defaults(host, service, level)
    further = {key: value for key, value in attributes.items() if not key.startswith(OWN)}
    read = any(key in attributes for key in _FILE) or not (level or further)
    if isinstance(body, str) and read:
        return Event(body.encode("utf-8", "replace"), time or NEVER, defaults)
    said = body if isinstance(body, dict) else {"message": body}
    line = orjson.dumps({"level": name or NAMES[level], **said, **further})
    return Event(line, time or NEVER, defaults)


def _severity(record: Mapping[str, Any]) -> int:
    number = _told(record, "severityNumber", "severity_number") or 0
    if isinstance(number, str) and not number.isdigit():  # SEVERITY_NUMBER_WARN2
        return rank_of(number.removeprefix("SEVERITY_NUMBER_").rstrip("234").encode())
    return _LEVELS[int(number)] if 0 <= int(number) < len(_LEVELS) else UNKNOWN


def _time(nanoseconds: object) -> float:
    return int(nanoseconds) / _NANO if isinstance(nanoseconds, (int, str)) and nanoseconds else 0.0


def _list(within: Mapping[str, Any], *names: str) -> Sequence[Mapping[str, Any]]:
    found = _told(within, *names) or []
    if not isinstance(found, list):
        raise TypeError(names[0])
    return found


def _told(within: Mapping[str, Any], *names: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    return next((within[name] for name in names if name in within), None)


def _first(attributes: Mapping[str, Any], names: Sequence[str]) -> bytes:
    return next((str(attributes[name]).encode("utf-8", "replace") for name in names if attributes.get(name)), b"")


def _pairs(attributes: object, depth: int = 1) -> dict[str, Any]:
    pairs = attributes if isinstance(attributes, list) else []
    return {str(pair["key"]): _value(pair.get("value") or {}, depth) for pair in pairs}


def _value(value: Mapping[str, Any], depth: int = 1) -> Any:  # noqa: ANN401 - a value of any kind
    """Return an AnyValue as a plain one."""
    if depth > _MOST_DEPTH or not value:
        return None
    kind, held = next(iter(value.items()))
    match kind.replace("_v", "V"):
        case "kvlistValue":
            return _pairs((held or {}).get("values"), depth + 1)
        case "arrayValue":
            return [_value(each, depth + 1) for each in (held or {}).get("values") or []]
        case "intValue":
            return int(held)
    return held
