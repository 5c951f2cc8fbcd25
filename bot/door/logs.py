"""`POST /logs/STREAM`: takes log lines from shippers; acknowledged once they are committed. Knows no line format."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

import structlog
from aiohttp import web

from bot.door import posted
from bot.door.posted import Refused, admit, body_of, unpackable
from ingest.errors import BacklogFull, Unreadable

log = structlog.get_logger(__name__)

PATH: Final = "/logs/{stream}"

MOST_BYTES: Final = 10 * 1024 * 1024
"""Ours, unpacked. Shippers send less at once: Vector and Fluent Bit 1 to 10 MB, the Collector 8,192 records."""
READ_S: Final = posted.READ_S
AT_ONCE: Final = 4
"""Bodies held in memory at once; others wait their turn."""
RETRY_S: Final = 60
"""When to send again what had no room: a scan a minute makes some."""


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
                lines = await self._kept(request, await body_of(request, MOST_BYTES, READ_S))
        except Refused as refused:
            return refused.response()
        # An OpenTelemetry Collector takes an answer without `partialSuccess` for "all taken".
        return web.json_response({"lines": lines})

    def _admit(self, request: web.Request) -> None:
        admit(request, self._token, "Pushing logs")
        if not self._shelf.knows(request.match_info["stream"]):
            raise Refused(404, "There is no such stream: add [logs.NAME] with pushed = true to copilot.toml.")
        unpackable(request)

    async def _kept(self, request: web.Request, body: bytes) -> int:
        kind = request.content_type if "Content-Type" in request.headers else ""
        try:
            return await self._shelf.put(request.match_info["stream"], body, kind)
        except Unreadable as error:
            raise Refused(415, str(error)) from error
        except BacklogFull as error:
            self._fault("logs_backlog")
            raise Refused(429, str(error), {"Retry-After": str(RETRY_S)}) from error
        except Exception as error:  # the rim: the sender keeps what was not taken, and sends it again
            log.exception("pushed lines were not kept")
            self._fault("logs_not_kept")
            raise Refused(503, "The lines could not be kept: send them again.") from error
