"""`POST /alerts/...`: takes what Alertmanager, Grafana and PagerDuty raise; acknowledged once it is committed.

Who sends is checked before anything is parsed. Knows their three shapes; what becomes of an alert, others know.
"""

import asyncio
import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final

import structlog
from aiohttp import web

from bot.door.posted import Refused, admit, body_of, moment, object_in, unpackable
from bot.watch.alerts import Alert, Group

log = structlog.get_logger(__name__)

ALERTMANAGER: Final = "/alerts/alertmanager"
GRAFANA: Final = "/alerts/grafana"
PAGERDUTY: Final = "/alerts/pagerduty"

MOST_BYTES: Final = 10 * 1024 * 1024
"""Ours, unpacked: an alert has about 2 KB, and a thousand of one group are kept."""
AT_ONCE: Final = 4
"""Bodies held in memory at once; others wait their turn."""

SOURCE: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
"""What a sender may be called in `?source=`: it stands in keys."""

Body = Mapping[str, Any]
Take = Callable[[Group], Awaitable[Collection[str]]]
"""Takes a group; returns the channels for which something waits once it is committed (bot.watch.alerts)."""


class AlertHooks:
    """The three routes. Without a token or a secret nobody may send.

    `wake` hears of the channels for which something waits; `fault` counts what could not be kept.
    """

    def __init__(
        self,
        take: Take,
        wake: Callable[[Collection[str]], None],
        fault: Callable[[str], None],
        *,
        token: str | None,
        secret: str | None,
    ) -> None:
        self._take = take
        self._wake = wake
        self._fault = fault
        self._token = token
        self._secret = secret
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._unsigned = asyncio.Semaphore(AT_ONCE)  # their own: a body that nobody signed yet keeps no other waiting

    async def alertmanager(self, request: web.Request) -> web.Response:
        """Answer Alertmanager: 200 with how many alerts were taken, or why they were not."""
        return await self._hooked(request, "alertmanager")

    async def grafana(self, request: web.Request) -> web.Response:
        """Answer Grafana's webhook contact point, which sends Alertmanager's shape with more in it."""
        return await self._hooked(request, "grafana")

    async def pagerduty(self, request: web.Request) -> web.Response:
        """Answer PagerDuty: 200 for an incident that was taken and for its ping, 202 for what is not looked at."""
        try:
            secret = _known(self._secret)
            unpackable(request)
            async with self._unsigned:
                body = await body_of(request, MOST_BYTES)
                _check(request, body, secret)
                event = _object(object_in(body), "event")
                if event.get("event_type") == "pagey.ping":
                    return web.json_response({"ok": "pong"})
                group = pagerduty_group(event, _source(request, "pagerduty"))
                if group is None:
                    return web.json_response({"ignored": "Only incidents are looked at."}, status=202)
                await self._kept(group)
        except Refused as refused:
            return refused.response()
        return web.json_response({"alerts": len(group.alerts)})

    async def _hooked(self, request: web.Request, name: str) -> web.Response:
        try:
            admit(request, self._token, "Sending alerts")
            unpackable(request)
            async with self._turn:
                group = alertmanager_group(object_in(await body_of(request, MOST_BYTES)), _source(request, name))
                await self._kept(group)
        except Refused as refused:
            return refused.response()
        return web.json_response({"alerts": len(group.alerts)})

    async def _kept(self, group: Group) -> None:
        try:
            channels = await self._take(group)
        except Exception as error:  # the rim: the sender is told to send again, and reads nothing of ours
            log.exception("alerts were not kept")
            self._fault("alerts_not_kept")
            raise Refused(503, "The alerts could not be kept: send them again.") from error
        if channels:
            self._wake(channels)


def _known(secret: str | None) -> str:
    if secret is None:
        raise Refused(403, "PagerDuty's events are off: set http.pagerduty_secret to the secret of the webhook.")
    return secret


def _check(request: web.Request, body: bytes, secret: str) -> None:
    """Hold the signatures against the body as it came; while a secret is changed there are two.

    https://developer.pagerduty.com/docs/verifying-webhook-signatures
    """
    wanted = f"v1={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}".encode()
    shown = request.headers.get("X-PagerDuty-Signature", "").encode("utf-8", "surrogateescape").split(b",")
    if not any(hmac.compare_digest(each.strip(), wanted) for each in shown):
        raise Refused(401, "The signature is not the body's: set http.pagerduty_secret to the webhook's secret.")


def alertmanager_group(body: Body, source: str) -> Group:
    """Return the group that Alertmanager tells, or Grafana. Raises Refused when it is none.

    https://prometheus.io/docs/alerting/latest/configuration/#webhook_config (version 4); Grafana's has the same fields:
    https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier
    """
    told, key = body.get("alerts"), _text(body, "groupKey")
    if not isinstance(told, list) or not key:
        raise Refused(422, "This is no webhook of Alertmanager's or Grafana's: it has no groupKey and no list alerts.")
    cut = body.get("truncatedAlerts")
    return Group(
        source=source,
        key=key,
        alerts=[_alert(each) for each in told if isinstance(each, dict)],
        labels=_texts(body.get("groupLabels")),
        whole=cut in (None, 0),
    )


def pagerduty_group(event: Body, source: str) -> Group | None:
    """Return the incident that an event tells as a group of one, None for what tells of no incident's state.

    https://developer.pagerduty.com/docs/webhooks-overview (version 3)
    """
    incident = _object(event, "data")
    name, status, at = _text(incident, "id"), _text(incident, "status"), moment(_text(event, "occurred_at"))
    if incident.get("type") != "incident" or not name or not status:
        return None
    firing = status != "resolved"
    number = incident.get("number")
    labels = {
        "title": _text(incident, "title"),
        "service": _text(_object(incident, "service"), "summary"),
        "priority": _text(_object(incident, "priority"), "summary"),
        "urgency": _text(incident, "urgency"),
        "incident": f"{number}" if isinstance(number, int) else "",
    }
    alert = Alert(
        fingerprint=name,
        firing=firing,
        labels={name: value for name, value in labels.items() if value},
        starts=_time(incident.get("created_at")),
        ends=None if firing else at,
    )
    return Group(source, name, [alert], at=at)


def _alert(told: Body) -> Alert:
    labels = _texts(told.get("labels"))
    firing = told.get("status") != "resolved"
    return Alert(
        fingerprint=_text(told, "fingerprint") or _of_labels(labels),
        firing=firing,
        labels=labels,
        annotations=_texts(told.get("annotations")),
        starts=_time(told.get("startsAt")),
        ends=None if firing else _time(told.get("endsAt")),
    )


def _source(request: web.Request, name: str) -> str:
    """Return who sends: by its kind, and by the name that its address gives it."""
    given = request.query.get("source", "")
    if given and not SOURCE.fullmatch(given):
        raise Refused(400, "source may have small letters, digits and - in it, 32 at most.")
    return f"{name}-{given}" if given else name


def _of_labels(labels: Mapping[str, str]) -> str:
    """Return what is the same for the same labels, for a sender that gives no fingerprint."""
    return hashlib.sha256(repr(sorted(labels.items())).encode("utf-8", "replace")).hexdigest()[:16]


def _time(value: object) -> float | None:
    """Return seconds UTC; None for no time, and for Go's zero time, the year 1, which stands for "not yet"."""
    at = moment(value) if isinstance(value, str) else None
    return at if at is not None and at > 0 else None


def _texts(value: object) -> Mapping[str, str]:
    return {name: text for name, text in value.items() if isinstance(text, str)} if isinstance(value, dict) else {}


def _object(body: Body, name: str) -> Body:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    return value.strip() if isinstance(value, str) else ""
