"""Bodies of shippers as they are documented, and what a line becomes of each record."""

import json
from typing import Any

import pytest

from ingest.errors import Unreadable
from ingest.logs.event import Event
from ingest.logs.shipped import events_of
from ingest.logs.source import Defaults
from ingest.logs.times import NEVER

AT = 1_772_460_305.25
STAMP = "2026-03-02T14:05:05.250Z"


def only(record: dict[str, Any]) -> Event:
    """Return the event of one record."""
    (event,) = events_of(json.dumps([record]).encode(), "application/json")
    return event


RECORDS: dict[str, tuple[dict[str, Any], Event]] = {
    "vector-file": (
        {"file": "/a.log", "host": "n1", "message": "a b", "offset": 3, "source_type": "file", "timestamp": STAMP},
        Event(b"a b", AT, Defaults(b"n1")),
    ),
    "vector-kubernetes": (
        {
            "kubernetes": {"container_name": "cart", "pod_name": "cart-x", "pod_labels": {"app": "cart"}},
            "message": "a b",
            "source_type": "kubernetes_logs",
            "stream": "stderr",
            "timestamp": STAMP,
        },
        Event(b"a b", AT, Defaults(b"cart-x", b"cart")),
    ),
    "fluent-bit-tail": ({"date": AT, "log": "a b\n"}, Event(b"a b\n", AT)),
    "fluent-bit-kubernetes": (
        {"date": AT, "log": "a b", "stream": "stdout", "kubernetes": {"pod_name": "p", "container_name": "cart"}},
        Event(b"a b", AT, Defaults(b"p", b"cart")),
    ),
    "fluent-bit-iso": ({"date": STAMP, "log": "a b"}, Event(b"a b", AT)),
    "a logger's own": (
        {"ts": AT, "level": "info", "msg": "a b", "user": 4},
        Event(b'{"ts":1772460305.25,"level":"info","msg":"a b","user":4}', AT),
    ),
    "parsed by fluent-bit": (
        {"date": 1.5, "ts": AT, "level": "info", "msg": "a b"},
        Event(b'{"ts":1772460305.25,"level":"info","msg":"a b"}', AT),
    ),
    "parsed by vector": (
        {"file": "/a.log", "source_type": "file", "timestamp": STAMP, "level": "warn", "message": "a b", "host": "n1"},
        Event(
            b'{"timestamp":"' + STAMP.encode() + b'","level":"warn","message":"a b","host":"n1"}', AT, Defaults(b"n1")
        ),
    ),
    "no message": ({"n": 1}, Event(b'{"n":1}')),
}


@pytest.mark.parametrize(("record", "event"), RECORDS.values(), ids=RECORDS)
def test_a_record_becomes_what_stood_in_the_file(record: dict[str, Any], event: Event) -> None:
    """The message where that is all that was read, else the record without what the shipper put there."""
    found = only(record)
    assert (found.text, found.defaults) == (event.text, event.defaults)
    assert found.time == pytest.approx(event.time, nan_ok=True)


@pytest.mark.parametrize(
    ("body", "kind", "texts"),
    [
        (b"a\r\nb\n\nc", "text/plain", [b"a", b"b", b"", b"c"]),
        (b'{"a":1}\n', "text/plain", [b'{"a":1}']),
        (b"[2026-03-02 10:00:00] a\nb\n", "", [b"[2026-03-02 10:00:00] a", b"b"]),
        (b'{"n": 1}\n{"n" :2}\n', "application/x-ndjson", [b'{"n": 1}', b'{"n" :2}']),
        (b'{"n": 1}{"n": 2} {"n":3}', "application/json", [b'{"n": 1}', b'{"n": 2}', b'{"n":3}']),
        (b'{"n": 1}\n{cut off', "application/json", [b'{"n": 1}', b"{cut off"]),
        (b'["a", {"log": "b"}]', "application/json", [b"a", b"b"]),
        (b'{\n "n": 1\n}', "application/json", [b'{\n "n": 1\n}']),
        (b"", "application/json", []),
        (b"[]", "application/json", []),
    ],
)
def test_every_form_of_a_body_is_taken_whole(body: bytes, kind: str, texts: list[bytes]) -> None:
    """Records keep their own bytes; what is no record is a line."""
    assert [event.text for event in events_of(body, kind)] == texts


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\x0a\x0b", "application/x-protobuf"),
        (b"\x91\x80", "application/msgpack"),
        (b"[1, 2]", "application/json"),
        (b"<xml>", "application/json"),
        (b'{"resourceLogs": 3}', "application/json"),
        (b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [7]}]}]}', "application/json"),
        (b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "x"}]}]}]}', "application/json"),
    ],
)
def test_what_has_no_form_is_refused_with_what_to_do(body: bytes, kind: str) -> None:
    """And nothing of it is taken."""
    with pytest.raises(Unreadable, match=r"(set|send|see) "):
        events_of(body, kind)


def otlp(record: dict[str, Any], **resource: str) -> Event:
    """Return the event of one OTLP record."""
    attributes = [{"key": name.replace("_", "."), "value": {"stringValue": value}} for name, value in resource.items()]
    scope = {"scope": {"name": "app"}, "logRecords": [record]}
    request = {"resourceLogs": [{"resource": {"attributes": attributes}, "scopeLogs": [scope]}]}
    (event,) = events_of(json.dumps(request).encode(), "application/json")
    return event


def test_a_record_of_an_sdk_becomes_a_line_of_message_level_and_attributes() -> None:
    """The documented example, in short: numbers as texts, values of every kind, ids left out."""
    record = {
        "timeUnixNano": "1772460305250000000",
        "severityNumber": 17,
        "severityText": "Error",
        "traceId": "5B8EFFF798038103D269B633813FC60C",
        "body": {"stringValue": "order failed"},
        "attributes": [
            {"key": "order", "value": {"intValue": "7"}},
            {"key": "ids", "value": {"arrayValue": {"values": [{"boolValue": True}, {"doubleValue": 0.5}]}}},
            {"key": "map", "value": {"kvlistValue": {"values": [{"key": "a", "value": {"stringValue": "b"}}]}}},
            {"key": "code.lineno", "value": {"intValue": 3}},
        ],
    }
    event = otlp(record, service_name="cart", host_name="n1")
    assert json.loads(event.text) == {
        "level": "Error",
        "message": "order failed",
        "order": 7,
        "ids": [True, 0.5],
        "map": {"a": "b"},
    }
    assert (event.time, event.defaults) == (AT, Defaults(b"n1", b"cart", 4))


def test_a_line_that_a_collector_read_stays_the_line() -> None:
    """Its parsers may have found a level and more in it."""
    record = {
        "observedTimeUnixNano": 1772460305250000000,
        "severityNumber": "SEVERITY_NUMBER_WARN2",
        "body": {"stringValue": '{"msg":"a b"}'},
        "attributes": [{"key": "log.file.name", "value": {"stringValue": "a.log"}}],
    }
    assert otlp(record) == Event(b'{"msg":"a b"}', AT, Defaults(level=3))


def test_a_record_without_anything_is_an_empty_message() -> None:
    """Times of 0 are none."""
    event = otlp({"timeUnixNano": "0", "body": {}})
    assert (event.text, repr(event.time)) == (b'{"level":"unknown","message":null}', repr(NEVER))
