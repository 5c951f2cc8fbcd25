"""Bodies that log shippers post, to events: Vector, Fluent Bit, the OpenTelemetry Collector, plain lines. Pure.

- Vector's `http` sink, codec json: an array of records by default, a record a line with `framing.method =
  "newline_delimited"`; codec text: plain lines. https://vector.dev/docs/reference/configuration/sinks/http/
- Fluent Bit's `http` output, format json (an array), json_lines, json_stream (records without anything between);
  `date` is its time. https://docs.fluentbit.io/manual/data-pipeline/outputs/output_formats
- OTLP over HTTP in its JSON encoding: see otlp.py.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ingest.errors import Unreadable
from ingest.logs.event import Event
from ingest.logs.fields import HOSTS, SERVICES, TIMES, Fields, flat, text_of, times_of, told_by
from ingest.logs.levels import UNKNOWN
from ingest.logs.otlp import events_in
from ingest.logs.records import json_fields
from ingest.logs.services import service_of
from ingest.logs.source import Defaults
from ingest.logs.times import NEVER, Times

MESSAGES: Final = ("message", "log", "MESSAGE")
"""Where shippers put the line they read: Vector, Fluent Bit's tail, its systemd input."""

OWN: Final = frozenset(
    "source_type file offset stream container_id container_created_at container_name image timestamp_end source_ip port"
    " path filename tag logtag _p date timestamp @timestamp time host hostname".split()
)
OWN_WITHIN: Final = ("kubernetes.", "label.", "docker.")
"""What shippers put beside it: Vector's file, docker_logs, kubernetes_logs and socket sources, Fluent Bit's tail with
its docker and cri parsers and its kubernetes filter, Fluentd's tag."""

_POD: Final = "kubernetes.pod_name"
_WHEN_TOLD: Final = frozenset("date timestamp @timestamp time host hostname container_name".split())
"""Of these, the ones that a logger writes as well: part of a record that is the logger's own."""


def events_of(body: bytes, kind: str = "") -> list[Event]:
    """Return the events of a body, in its order; `kind` is its content type, `""` if it has none.

    A record becomes the line that a file would have held: the message when that is all that was read, beside it the
    shipper's time, host and service; else the record itself, without what the shipper put there. Raises Unreadable.
    """
    if "protobuf" in kind or "msgpack" in kind:
        raise Unreadable(f"{kind} is not read: set the sender to JSON (OpenTelemetry `encoding: json`).")
    if kind.startswith("text/"):
        return _lines(body)
    start = body.lstrip()[:1]
    if start == b"[" and (array := _parsed(body)) is not None:
        return _Records().events(_elements(array))
    if start == b"{" and (fields := _parsed(body)) is not None:
        if "resourceLogs" in fields or "resource_logs" in fields:
            return events_in(fields)
        return _Records().events([(body.strip(), fields)])
    if start == b"{":
        return _Records().events(_in_lines(body))
    if "json" in kind and body.strip():
        raise Unreadable(f"The body is called {kind} and is no JSON: send records, or plain lines as text/plain.")
    return _lines(body)


def _parsed(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return orjson.loads(body)
    except ValueError:
        return None


def _lines(body: bytes) -> list[Event]:
    lines = body.removesuffix(b"\n").split(b"\n") if body else []
    return [Event(line.removesuffix(b"\r")) for line in lines]


def _elements(array: Sequence[Any]) -> Iterator[tuple[bytes, Fields | None]]:
    for each in array:
        if isinstance(each, dict):
            yield b"", each
        elif isinstance(each, str):
            yield each.encode("utf-8", "replace"), None
        else:
            raise Unreadable("The array holds something that is neither a record nor a line: send JSON objects.")


def _in_lines(body: bytes) -> Iterator[tuple[bytes, Fields | None]]:
    """Yield record by record, with its own bytes; a line that is no record is taken as it is."""
    for line in body.split(b"\n"):
        line = line.strip(b" \t\r")  # noqa: PLW2901 - what stands around a record is no part of it
        fields = json_fields(line)
        if fields is not None or b"}{" not in line:
            if line:
                yield line, fields
        else:
            yield from _concatenated(line)


def _concatenated(line: bytes) -> Iterator[tuple[bytes, Fields | None]]:
    """Yield the records of a text that has nothing between them."""
    text, place, decoder = line.decode("utf-8", "replace"), 0, json.JSONDecoder()
    while place < len(text):
        try:
            fields, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            yield text[place:].encode(), None
            return
        yield text[place:end].encode(), fields if isinstance(fields, dict) else None
        place = end + len(text[end:]) - len(text[end:].lstrip()) if text[end : end + 1].isspace() else end


@dataclass(frozen=True, slots=True)
class _Plan:
    """What records of the same names are: the names of what is told, whether the message is all, what goes."""

    message: str | None
    time: str | None
    host: str | None
    service: str | None
    gone: frozenset[str]


class _Records:
    """Reads records to events; those that have the same names alike."""

    def __init__(self) -> None:
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self._times = Times()

    def events(self, records: Iterable[tuple[bytes, Fields | None]]) -> list[Event]:
        return [Event(raw) if fields is None else self._event(raw, fields) for raw, fields in records]

    def _event(self, raw: bytes, fields: Fields) -> Event:
        told = flat(fields) if dict in set(map(type, fields.values())) else fields
        names = tuple(told)
        plan = self._plans.get(names)
        if plan is None:
            self._plans[names] = plan = _planned(names)
        time = times_of([told[plan.time]], self._times)[0] if plan.time else NEVER
        host, service = (text_of(told.get(name or "")).encode("utf-8", "replace") for name in (plan.host, plan.service))
        defaults = Defaults(host, service_of(service), UNKNOWN)
        if plan.message is not None and isinstance(told[plan.message], str):
            return Event(told[plan.message].encode("utf-8", "replace"), time, defaults)
        if raw and not plan.gone:
            return Event(raw, time, defaults)
        return Event(_written({name: value for name, value in told.items() if name not in plan.gone}), time, defaults)


def _planned(names: Sequence[str]) -> _Plan:
    ours = [name for name in names if name in OWN or name.startswith(OWN_WITHIN)]
    message = next((name for name in MESSAGES if name in names), None)
    times, whole = told_by(names, TIMES), message is not None and len(ours) == len(names) - 1
    gone = set() if whole else {name for name in ours if name not in _WHEN_TOLD}
    if not whole and times is not None:  # one time is enough: the shipper's own goes
        gone |= {name for name in ("date", "timestamp", "@timestamp", "time") if name in names and name != times}
    return _Plan(
        message if whole else None,
        times,
        _POD if _POD in names else told_by(names, HOSTS),
        told_by(names, SERVICES),
        frozenset(gone),
    )


def _written(fields: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(fields)
    except TypeError:
        return json.dumps(fields).encode()
