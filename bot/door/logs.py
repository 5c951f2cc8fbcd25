"""`POST /logs/STREAM`: takes log lines from shippers; acknowledged once they are committed. Knows no line format."""

import asyncio
import hmac
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import structlog
from aiohttp import ClientPayloadError, web

from ingest.errors import BacklogFull, Unreadable

log = structlog.get_logger(__name__)

PATH: Final = "/logs/{stream}"

MOST_BYTES: Final = 10 * 1024 * 1024
"""Ours, unpacked. Shippers send less at once: Vector and Fluent Bit 1 to 10 MB, the Collector 8,192 records."""
READ_S: Final = 30.0
"""How long a body may take to arrive: the shortest of the shippers' own timeouts (Collector 30 s, Vector 60 s)."""
AT_ONCE: Final = 4
"""Bodies held in memory at once; others wait their turn."""
RETRY_S: Final = 60
"""When to send again what had no room: a scan a minute makes some."""
PACKINGS: Final = ("", "identity", "gzip", "deflate")
"""Content encodings that aiohttp unpacks as it reads."""


class Shelf(Protocol):
    """Where lines are kept (ingest.logs.pushed)."""

    def knows(self, stream: str) -> bool:
        """Whether lines of this stream are taken."""
        ...

    async def put(self, stream: str, body: bytes, kind: str) -> int:
        """Keep the lines of a body; return how many once they are committed."""
        ...


class PushedLogs:
    """The route. Without a token nobody may push; `fault` counts what is refused for want of room."""

    def __init__(self, shelf: Shelf, token: str | None, fault: Callable[[str], None]) -> None:
        self._shelf = shelf
        self._token = token
        self._fault = fault
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def serve(self, request: web.Request) -> web.Response:
        """Answer one request: 200 with how many lines were taken, or why they were not."""
        try:
            self._admit(request)
            async with self._turn:
                lines = await self._kept(request, await _body(request))
        except _Refused as refused:
            return web.json_response({"error": str(refused)}, status=refused.status, headers=refused.headers)
        # An OpenTelemetry Collector takes an answer without `partialSuccess` for "all taken".
        return web.json_response({"lines": lines})

    def _admit(self, request: web.Request) -> None:
        if self._token is None:
            raise _Refused(403, "Pushing logs is off: set COPILOT_HTTP_TOKEN, and send it as Authorization: Bearer.")
        shown = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(shown, f"Bearer {self._token}".encode()):
            wanted = {"WWW-Authenticate": "Bearer"}
            raise _Refused(401, "Send Authorization: Bearer with the token of COPILOT_HTTP_TOKEN.", wanted)
        if not self._shelf.knows(request.match_info["stream"]):
            raise _Refused(404, "There is no such stream: add [logs.NAME] with pushed = true to copilot.toml.")
        packing = request.headers.get("Content-Encoding", "").lower()
        if packing not in PACKINGS:
            raise _Refused(415, "The body is packed in a way that is not unpacked: send gzip, or nothing packed.")

    async def _kept(self, request: web.Request, body: bytes) -> int:
        kind = request.content_type if "Content-Type" in request.headers else ""
        try:
            return await self._shelf.put(request.match_info["stream"], body, kind)
        except Unreadable as error:
            raise _Refused(415, str(error)) from error
        except BacklogFull as error:
            self._fault("logs_backlog")
            raise _Refused(429, str(error), {"Retry-After": str(RETRY_S)}) from error
        except Exception as error:  # the rim: the sender keeps what was not taken, and sends it again
            log.exception("pushed lines were not kept")
            self._fault("logs_not_kept")
            raise _Refused(503, "The lines could not be kept: send them again.") from error


class _Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, words: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.headers = headers


async def _body(request: web.Request) -> bytes:
    """Return the unpacked body."""
    body = bytearray()
    try:
        async with asyncio.timeout(READ_S):
            async for part in request.content.iter_any():
                body += part
                if len(body) > MOST_BYTES:
                    raise _Refused(413, f"A body may have {MOST_BYTES // 1024**2} MB, unpacked: send less at once.")
    except TimeoutError as error:
        raise _Refused(408, f"The body did not arrive within {READ_S:g} s.") from error
    except (web.RequestPayloadError, ClientPayloadError) as error:
        raise _Refused(400, "The body cannot be unpacked: it is not what Content-Encoding says.") from error
    return bytes(body)
