"""`POST /events/deploy` and `POST /events/github`: takes what was deployed; acknowledged once it is committed.

Who sends is checked before anything is parsed. Knows no story; whoever keeps deployments shows them.
"""

import hashlib
import hmac
import json
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import structlog
from aiohttp import web

from bot.door.posted import Refused, admit, body_of, moment, object_in, unpackable
from bot.watch.deploys import MOST_LINK, MOST_NAME, Deploy, is_link
from ingest.types import Clock

log = structlog.get_logger(__name__)

DEPLOY_PATH: Final = "/events/deploy"
GITHUB_PATH: Final = "/events/github"

MOST_BYTES: Final = 1024 * 1024
"""Ours, unpacked: a deployment of GitHub's has about 10 KB, and what its people add to it."""

READ_S: Final = 10.0
"""How long a body may take to arrive: GitHub itself gives up on us after as long."""

AHEAD_S: Final = 300.0
"""How far a sender's clock may be ahead of ours."""

SAME_S: Final = 300
"""Without an id and a time, the same version of a service within five minutes of the clock is one deployment."""

MOST_SECONDS: Final = 1e15

BEGUN: Final = ("in_progress", "success")
"""States of a GitHub deployment in which something of it runs; it is known by its first event."""

Body = Mapping[str, Any]
Add = Callable[[Deploy], Awaitable[bool]]
"""Keeps a deployment; returns whether it is new once that is committed (bot.watch.deploys)."""


class DeployEvents:
    """The two routes. Without a token or a secret nobody may send; `fault` counts what could not be kept."""

    def __init__(
        self, add: Add, clock: Clock, fault: Callable[[str], None], *, token: str | None, secret: str | None
    ) -> None:
        self._add = add
        self._clock = clock
        self._fault = fault
        self._token = token
        self._secret = secret

    async def deploy(self, request: web.Request) -> web.Response:
        """Answer whoever deploys: 200 with the deployment's id and whether it is new, or why it was not taken."""
        try:
            admit(request, self._token, "Telling deployments")
            found = deploy_of(object_in(await _body(request)), self._clock())
            is_new = await self._kept(found)
        except Refused as refused:
            return refused.response()
        return web.json_response({"id": found.id, "new": is_new})

    async def github(self, request: web.Request) -> web.Response:
        """Answer GitHub: 200 for a deployment that was taken and for its ping, 202 for what is not looked at."""
        try:
            body = await _signed(request, self._secret)
            event = request.headers.get("X-GitHub-Event", "")
            if event == "ping":
                return web.json_response({"ok": "pong"})
            found = github_deploy(event, object_in(body)) if event in {"deployment", "deployment_status"} else None
            if found is None:
                return web.json_response({"ignored": "Only deployments that begin are looked at."}, status=202)
            is_new = await self._kept(found)
        except Refused as refused:
            return refused.response()
        return web.json_response({"id": found.id, "new": is_new})

    async def _kept(self, deploy: Deploy) -> bool:
        try:
            return await self._add(deploy)
        except Exception as error:  # the rim: the sender is told to send again, and reads nothing of ours
            log.exception("deployment was not kept")
            self._fault("deploys_not_kept")
            raise Refused(503, "The deployment could not be kept: send it again.") from error


async def _signed(request: web.Request, secret: str | None) -> bytes:
    """Return the body, whose signature is held over it as it came: GitHub's HMAC-SHA256, in hex."""
    if secret is None:
        raise Refused(403, "GitHub's events are off: set http.github_secret to the secret of the webhook.")
    body = await _body(request)
    shown = request.headers.get("X-Hub-Signature-256", "").encode("utf-8", "surrogateescape")
    wanted = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(shown, wanted.encode()):
        raise Refused(401, "The signature is not the body's: give the webhook the secret of http.github_secret.")
    return body


def deploy_of(body: Body, now: float) -> Deploy:
    """Return the deployment that somebody told in our own form. Raises what is answered when it is none."""
    service, version = _word(body, "service"), _word(body, "version")
    at, given = _time(body.get("at"), now), _optional(body, "id", MOST_NAME)
    link = _optional(body, "link", MOST_LINK)
    if link and not is_link(link):
        raise Refused(422, "link must be one address that starts with http:// or https:// and holds no password.")
    when = f"{at}" if body.get("at") is not None else f"{int(now) // SAME_S}"
    of_itself = hashlib.sha256(f"{service}\0{version}\0{when}".encode()).hexdigest()[:32]
    return Deploy(given or of_itself, service, version, _optional(body, "who", MOST_NAME), link, at)


def github_deploy(event: str, body: Body) -> Deploy | None:
    """Return the deployment that a webhook tells, None for one that has not begun, failed, or is a preview.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads#deployment_status
    """
    deployment, repository, status = (_object(body, name) for name in ("deployment", "repository", "deployment_status"))
    if event == "deployment_status" and status.get("state") not in BEGUN:
        return None
    if deployment.get("transient_environment") is True:
        return None
    place, number = _text(repository, "full_name"), deployment.get("id")
    if not place or not isinstance(number, int):
        raise Refused(422, "This is no deployment of GitHub's: it names no repository and no deployment.")
    at = moment(_text(deployment, "created_at"))
    if at is None:
        raise Refused(422, "This is no deployment of GitHub's: it says not when it was created.")
    told = _object(deployment, "payload")
    links = (_text(status, "log_url"), _text(status, "target_url"), f"{_text(repository, 'html_url')}/deployments")
    return Deploy(
        id=f"github:{place}:{number}",
        service=_text(told, "service") or _text(repository, "name") or place,
        version=_version(deployment),
        who=_text(_object(deployment, "creator"), "login"),
        link=next((link for link in links if is_link(link)), ""),
        at=at,
    )


def _version(deployment: Body) -> str:
    """Return the ref with the commit, and the environment unless that is production."""
    ref, sha = _text(deployment, "ref"), _text(deployment, "sha")
    short = sha[:7] if re.fullmatch(r"[0-9a-f]{40,64}", sha) else ""
    name = short or ref if ref == sha else " ".join(filter(None, (ref, f"({short})" if short else "")))
    environment = _text(deployment, "environment")
    return f"{name} to {environment}" if environment and environment.lower() != "production" else name


def _word(body: Body, name: str) -> str:
    text = _optional(body, name, MOST_NAME)
    if not text:
        raise Refused(422, f'{name} is missing: send {{"service": "checkout", "version": "1.42"}}.')
    return text


def _optional(body: Body, name: str, most: int) -> str:
    value = body.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str | None):
        raise Refused(422, f"{name} must be text.")
    text = " ".join("".join(each if each.isprintable() else " " for each in value or "").split())
    if len(text) > most:
        raise Refused(422, f"{name} may have {most:,} characters.")
    return text


def _time(given: object, now: float) -> float:
    """Return when it was, seconds UTC; now where nothing is said."""
    if given is None:
        return now
    at = moment(given) if isinstance(given, str) else None
    if isinstance(given, int | float) and not isinstance(given, bool):
        at = float(given) if abs(given) < MOST_SECONDS else None
    if at is None or not math.isfinite(at) or at < 0 or at > now + AHEAD_S:
        raise Refused(
            422, "at must be a past time: seconds since 1970, or ISO 8601 with its zone such as 2026-11-20T14:02:00Z."
        )
    return at


def _object(body: Body, name: str) -> Body:
    value = body.get(name)
    if name == "payload" and isinstance(value, str):  # GitHub gives it as it was sent: an object, or text
        with suppress(ValueError, RecursionError):
            value = json.loads(value)
    return value if isinstance(value, dict) else {}


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    return value.strip() if isinstance(value, str) else ""


async def _body(request: web.Request) -> bytes:
    unpackable(request)
    return await body_of(request, MOST_BYTES, READ_S)
