"""`POST /alerts/...` over real HTTP: who may send, what is understood, and that 200 means committed."""

import asyncio
import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from bot.door.alerts import ALERTMANAGER, AT_ONCE, GRAFANA, MOST_BYTES, PAGERDUTY, AlertHooks
from bot.door.door import Door
from bot.watch.alerts import Alert, Group

TOKEN, SECRET = "t0ken", "s3cret"
BEARER = {"Authorization": f"Bearer {TOKEN}"}

FIRING: dict[str, Any] = {
    "version": "4",
    "groupKey": '{}:{alertname="HighErrorRate"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "copilot",
    "groupLabels": {"alertname": "HighErrorRate"},
    "commonLabels": {"alertname": "HighErrorRate"},
    "commonAnnotations": {},
    "externalURL": "http://alertmanager:9093",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "HighErrorRate", "pod": "checkout-1"},
            "annotations": {"summary": "12 % fail"},
            "startsAt": "2026-11-18T12:00:00.123456789Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus:9090/graph",
            "fingerprint": "5ea1e6c9f3b07c6b",
        },
        {
            "status": "resolved",
            "labels": {"alertname": "HighErrorRate", "pod": "checkout-2"},
            "annotations": {},
            "startsAt": "2026-11-18T12:00:00Z",
            "endsAt": "2026-11-18T13:05:00+01:00",
            "fingerprint": "5ea1e6c9f3b07c6c",
        },
    ],
}
"""What Alertmanager 0.25 sends."""

INCIDENT: dict[str, Any] = {
    "event": {
        "id": "01DEN4RZ2J2Q2Y3DHB7R6M9SDC",
        "event_type": "incident.triggered",
        "resource_type": "incident",
        "occurred_at": "2026-11-18T12:01:00Z",
        "data": {
            "id": "PGR0VU2",
            "type": "incident",
            "number": 2,
            "status": "triggered",
            "created_at": "2026-11-18T12:00:00Z",
            "title": "A little bump in the road",
            "service": {"id": "PF9KMXH", "summary": "checkout", "type": "service_reference"},
            "priority": {"id": "PSO75BM", "summary": "P1", "type": "priority_reference"},
            "urgency": "high",
        },
    }
}
"""What PagerDuty's third version sends."""


@dataclass
class Taker:
    """Takes groups and remembers them; breaks when told to."""

    groups: list[Group] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    breaks: bool = False

    async def take(self, group: Group) -> Collection[str]:
        """Remember a group."""
        if self.breaks:
            raise RuntimeError("the database is gone")
        self.groups.append(group)
        return ["C0OPS"]


@dataclass
class Way:
    """A door with the routes, and what came of them."""

    url: str
    session: aiohttp.ClientSession
    taker: Taker

    async def post(self, path: str, body: Any, headers: Mapping[str, str] = BEARER) -> tuple[int, dict[str, Any]]:
        """Post a body, as JSON unless it is bytes; return status and answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.post(f"{self.url}{path}", data=data, headers=headers) as response:
            return response.status, await response.json()

    async def page(self, body: Any, *secrets: str) -> tuple[int, dict[str, Any]]:
        """Post what PagerDuty does, signed with these secrets."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = [f"v1={hmac.new(each.encode(), data, hashlib.sha256).hexdigest()}" for each in secrets]
        return await self.post(PAGERDUTY, data, {"X-PagerDuty-Signature": ",".join(signed)})


@pytest.fixture(params=[(TOKEN, SECRET)])
async def way(request: pytest.FixtureRequest) -> AsyncIterator[Way]:
    """Give an open door; its token and secret are the parameter."""
    taker = Taker()
    token, secret = request.param
    hooks = AlertHooks(taker.take, taker.woken.extend, taker.faults.append, token=token, secret=secret)
    routes = {ALERTMANAGER: hooks.alertmanager, GRAFANA: hooks.grafana, PAGERDUTY: hooks.pagerduty}
    door = Door(port=0, listen="127.0.0.1", checks={}, registry=CollectorRegistry(), routes=routes)
    async with door, aiohttp.ClientSession() as session:
        yield Way(door.url, session, taker)


async def test_a_group_of_alertmanagers_is_taken(way: Way) -> None:
    """With its times in seconds; the channel is woken."""
    assert await way.post(ALERTMANAGER, FIRING) == (200, {"alerts": 2})
    (group,) = way.taker.groups
    assert (group.source, group.key, group.whole) == ("alertmanager", '{}:{alertname="HighErrorRate"}', True)
    first, second = group.alerts
    labels = {"alertname": "HighErrorRate", "pod": "checkout-1"}
    assert first == Alert("5ea1e6c9f3b07c6b", True, labels, {"summary": "12 % fail"}, 1795003200.123456)  # noqa: FBT003
    assert (second.firing, second.ends) == (False, 1795003500.0)
    assert way.taker.woken == ["C0OPS"]


async def test_a_group_of_grafanas_is_taken_under_the_name_of_its_address(way: Way) -> None:
    """Fields that it has beside Alertmanager's are left alone, and so is what is no text."""
    more = {"orgId": 1, "title": "x", "state": "alerting", "message": "m", "version": "1", "truncatedAlerts": 3}
    alerts = [{"status": "firing", "labels": {"alertname": "NoData", "n": 1}, "values": {"A": 1}}, "odd"]
    assert (await way.post(f"{GRAFANA}?source=eu-1", FIRING | more | {"alerts": alerts}))[0] == 200
    (group,) = way.taker.groups
    assert (group.source, group.whole, len(group.alerts)) == ("grafana-eu-1", False, 1)
    (alert,) = group.alerts
    assert (alert.labels, alert.starts, len(alert.fingerprint)) == ({"alertname": "NoData"}, None, 16)


async def test_an_incident_of_pagerdutys_is_a_group_of_one(way: Way) -> None:
    """It goes on until it is resolved, acknowledged or not; while a secret is changed, two signatures come."""
    assert await way.page(INCIDENT, "older", SECRET) == (200, {"alerts": 1})
    (group,) = way.taker.groups
    (alert,) = group.alerts
    assert (group.source, group.key, group.at, alert.firing, alert.starts, alert.severity) == (
        ("pagerduty", "PGR0VU2", 1795003260.0, True, 1795003200.0, "high")
    )
    assert alert.labels == {
        "title": "A little bump in the road",
        "service": "checkout",
        "priority": "P1",
        "urgency": "high",
        "incident": "2",
    }
    resolved = {"event": INCIDENT["event"] | {"data": INCIDENT["event"]["data"] | {"status": "resolved"}}}
    await way.page(resolved, SECRET)
    (ended,) = way.taker.groups[1].alerts
    assert (ended.firing, ended.ends) == (False, 1795003260.0)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ({"event_type": "pagey.ping", "data": {"type": "ping"}}, 200),
        ({"event_type": "incident.annotated", "data": {"type": "incident_note", "id": "P1", "content": "x"}}, 202),
        ({"event_type": "service.updated", "data": None}, 202),
    ],
)
async def test_other_events_of_pagerdutys_are_passed_over(way: Way, event: dict[str, Any], status: int) -> None:
    """It would send again what is refused, and switch the webhook off in the end."""
    assert (await way.page({"event": event}, SECRET))[0] == status
    assert way.taker.groups == []


@pytest.mark.parametrize("path", [ALERTMANAGER, GRAFANA])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer other"}, {"Authorization": "Basic dDA6"}])
async def test_only_who_shows_the_token_may_send(way: Way, path: str, headers: dict[str, str]) -> None:
    """Others are told what to show."""
    status, answer = await way.post(path, FIRING, headers)
    assert (status, "COPILOT_HTTP_TOKEN" in answer["error"]) == (401, True)
    assert way.taker.groups == []


@pytest.mark.parametrize("secrets", [(), ("other",), ("other", "older")])
async def test_only_who_knows_the_secret_may_send(way: Way, secrets: tuple[str, ...]) -> None:
    """Nothing is parsed before; the bearer token does not stand for it."""
    status, answer = await way.page(b"no JSON", *secrets)
    assert (status, "http.pagerduty_secret" in answer["error"]) == (401, True)
    assert (await way.post(PAGERDUTY, INCIDENT, BEARER))[0] == 401


async def test_slow_bodies_that_nobody_signed_keep_no_alerts_of_others_waiting(way: Way) -> None:
    """Whoever can reach the door could have kept Alertmanager out with a few of them."""
    begun, enough = asyncio.Semaphore(0), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        begun.release()
        await enough.wait()

    async def sent() -> int:
        async with way.session.post(f"{way.url}{PAGERDUTY}", data=slow()) as response:
            return response.status

    slow_ones = [asyncio.create_task(sent()) for _ in range(2 * AT_ONCE)]
    for _ in slow_ones:
        await begun.acquire()
    async with asyncio.timeout(10):
        assert (await way.post(ALERTMANAGER, FIRING))[0] == 200
    enough.set()
    assert set(await asyncio.gather(*slow_ones)) == {401}


@pytest.mark.parametrize("way", [(None, None)], indirect=True)
async def test_without_a_token_and_a_secret_nobody_may(way: Way) -> None:
    """An open door for writing would be a hole."""
    status, answer = await way.post(ALERTMANAGER, FIRING, {"Authorization": "Bearer None"})
    assert (status, "set COPILOT_HTTP_TOKEN" in answer["error"]) == (403, True)
    status, answer = await way.page(INCIDENT, "None")
    assert (status, "set http.pagerduty_secret" in answer["error"]) == (403, True)


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        (ALERTMANAGER, b"{", 400, "no JSON"),
        (ALERTMANAGER, b"[" * 100_000, 400, "no JSON"),
        (ALERTMANAGER, b"\xff", 400, "no JSON"),
        (ALERTMANAGER, [], 400, "no JSON object"),
        (ALERTMANAGER, {}, 422, "groupKey"),
        (ALERTMANAGER, FIRING | {"alerts": {}}, 422, "groupKey"),
        (GRAFANA, FIRING | {"groupKey": 7}, 422, "groupKey"),
        (f"{GRAFANA}?source=a:b", FIRING, 400, "source"),
    ],
)
async def test_what_cannot_be_read_is_refused_in_words(way: Way, path: str, body: Any, status: int, words: str) -> None:
    """The sender's log shows them."""
    found, answer = await way.post(path, body)
    assert (found, answer["error"][-1]) == (status, ".")
    assert words in answer["error"]
    assert way.taker.groups == []


@pytest.mark.parametrize(
    ("packing", "body", "status"),
    [("snappy", b"x", 415), ("gzip", b"x", 400), ("gzip", gzip.compress(b" " * (MOST_BYTES + 1)), 413)],
)
async def test_what_is_packed_badly_or_too_long_is_refused(way: Way, packing: str, body: bytes, status: int) -> None:
    """Also when it is long only once it is unpacked."""
    headers = BEARER | {"Content-Encoding": packing}
    found, answer = await way.post(ALERTMANAGER, body, headers)
    assert (found, answer["error"][-1]) == (status, ".")


async def test_what_was_not_committed_is_not_acknowledged(way: Way) -> None:
    """Alertmanager sends it again after a 503; nobody reads our exception's words."""
    way.taker.breaks = True
    for status, answer in (await way.post(ALERTMANAGER, FIRING), await way.page(INCIDENT, SECRET)):
        assert (status, "database" in answer["error"]) == (503, False)
    assert way.taker.faults == ["alerts_not_kept"] * 2
