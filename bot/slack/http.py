"""Slack's signed HTTP requests: events, commands and presses at one address, for replicas behind a load balancer.

Nothing is parsed, stored or answered before the signature over time and body is found true; what is refused is told
nothing but that. https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

import asyncio
import re
from collections.abc import Callable, Sequence

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import Clock as SlackClock
from slack_sdk.signature import SignatureVerifier

from bot.slack.calls import Calls
from bot.slack.transport import Link
from ingest.types import Clock

log = structlog.get_logger(__name__)

PATH = "/slack/events"
"""The one request URL for events, interactivity and the slash command."""

MOST_BYTES = 1024 * 1024
"""A press carries the whole message that was pressed: 50 blocks of 3,000 characters, escaped, stay far below."""

READ_S = 3.0
"""How long a body may take to arrive: Slack itself gives up on us after as long (bot.limits.ACK_S)."""

TIMESTAMP = re.compile(r"[0-9]{1,12}")
SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")


class SignedHttp:
    """A `Transport` whose `serve` is put behind the HTTP door. Before `start` and after `stop` it answers 503.

    slack_sdk's verifier refuses times more than five minutes off. A true request that comes twice within them passes
    here; the inbox knows its event.
    """

    def __init__(self, signing_secret: str, clock: Clock, fault: Callable[[str], None]) -> None:
        self._verifier = SignatureVerifier(signing_secret, _Given(clock))
        self._clock = clock
        self._fault = fault
        self._app: AsyncApp | None = None
        self._heard_at: float | None = None

    async def check(self, calls: Calls) -> None:
        """Do nothing: Slack comes to us."""

    async def start(self, app: AsyncApp) -> None:
        """Take requests from now on."""
        self._app = app

    async def stop(self) -> None:
        """Refuse requests from now on: Slack sends them again, to another replica or to our next life."""
        self._app = None

    async def link(self) -> Link:
        """Return whether we take requests, and when Slack last sent one."""
        up = self._app is not None
        return Link(up, self._heard_at, f"listening at {PATH}" if up else "not listening")

    async def serve(self, request: web.Request) -> web.Response:
        """Answer one request."""
        app = self._app
        if app is None:
            return web.Response(status=503, text="not ready")
        body = await _body(request)
        if body is None:
            return self._refused(413, "oversized")
        if not self._is_signed(request, body):
            return self._refused(401, "unsigned")
        heard = _parsed(request, body)
        if heard is None:
            return self._refused(400, "malformed")
        self._heard_at = self._clock()
        return await to_aiohttp_response(await app.async_dispatch(heard))

    def _is_signed(self, request: web.Request, body: bytes) -> bool:
        """Whether Slack signed this body within five minutes. The forms are checked first: the verifier trusts them."""
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        if not TIMESTAMP.fullmatch(timestamp) or not SIGNATURE.fullmatch(signature):
            return False
        try:
            return self._verifier.is_valid(body, timestamp, signature)
        except UnicodeDecodeError:
            return False

    def _refused(self, status: int, why: str) -> web.Response:
        self._fault(f"slack_request_{why}")
        log.warning("slack.request_refused", why=why)
        return web.Response(status=status, text="refused")


class _Given(SlackClock):
    """The time that we are given, for slack_sdk."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> float:
        """Return seconds since 1970 UTC."""
        return self._clock()


async def _body(request: web.Request) -> bytes | None:
    """Return the body, None when it is too long or too slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(READ_S):
            async for chunk in request.content.iter_chunked(64 * 1024):
                body += chunk
                if len(body) > MOST_BYTES:
                    return None
    except TimeoutError:
        return None
    return bytes(body)


def _parsed(request: web.Request, body: bytes) -> AsyncBoltRequest | None:
    """Return the request as bolt takes it, None when it is not of Slack's shape."""
    headers: dict[str, str | Sequence[str]] = dict(request.headers)
    try:
        heard = AsyncBoltRequest(body=body.decode(), query=request.query_string, headers=headers)
    except (ValueError, TypeError, AttributeError, KeyError):
        return None
    return heard if heard.body else None
