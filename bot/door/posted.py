"""What is posted to the door, before anybody reads it: who sent it, and its body, bounded. Knows no content."""

import asyncio
import hmac
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from aiohttp import ClientPayloadError, web

READ_S: Final = 30.0
"""How long a body may take to arrive: the shortest of the senders' own timeouts (OpenTelemetry Collector 30 s,
Vector 60 s; Alertmanager gives a notification as long as its group's interval, 5 min by default)."""
PACKINGS: Final = ("", "identity", "gzip", "deflate")
"""Content encodings that aiohttp unpacks as it reads."""


class Refused(Exception):
    """A request that is answered with an error: a status, one sentence, and headers."""

    def __init__(self, status: int, words: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.headers = headers

    def response(self) -> web.Response:
        """Return the answer."""
        return web.json_response({"error": str(self)}, status=self.status, headers=self.headers)


def admit(request: web.Request, token: str | None, what: str) -> None:
    """Let a request pass that shows the token. Raises Refused; `what` is what it wants, such as "Pushing logs"."""
    if token is None:
        raise Refused(403, f"{what} is off: set COPILOT_HTTP_TOKEN, and send it as Authorization: Bearer.")
    shown = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
    if not hmac.compare_digest(shown, f"Bearer {token}".encode()):
        wanted = {"WWW-Authenticate": "Bearer"}
        raise Refused(401, "Send Authorization: Bearer with the token of COPILOT_HTTP_TOKEN.", wanted)


def unpackable(request: web.Request) -> None:
    """Let a request pass whose body is packed in no way or in one that is unpacked. Raises Refused."""
    if request.headers.get("Content-Encoding", "").lower() not in PACKINGS:
        raise Refused(415, "The body is packed in a way that is not unpacked: send gzip, or nothing packed.")


async def body_of(request: web.Request, most_bytes: int, within_s: float = READ_S) -> bytes:
    """Return the unpacked body. Raises Refused where it is too long, too slow or not packed as it says."""
    body = bytearray()
    try:
        async with asyncio.timeout(within_s):
            async for part in request.content.iter_any():
                body += part
                if len(body) > most_bytes:
                    raise Refused(413, f"A body may have {most_bytes // 1024**2} MB, unpacked: send less at once.")
    except TimeoutError as error:
        raise Refused(408, f"The body did not arrive within {within_s:g} s.") from error
    except (web.RequestPayloadError, ClientPayloadError) as error:
        raise Refused(400, "The body cannot be unpacked: it is not what Content-Encoding says.") from error
    return bytes(body)


def object_in(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object that a body is. Raises Refused for any other."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "The body is no JSON: send an object, as application/json.") from error
    if not isinstance(found, dict):
        raise Refused(400, "The body is no JSON object.")
    return found


def moment(text: str) -> float | None:
    """Return a time of ISO 8601 as seconds since 1970 UTC; None for what is none or names no zone."""
    with suppress(ValueError, OverflowError):
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found.timestamp()
    return None
