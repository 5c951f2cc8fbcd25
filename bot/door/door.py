"""The one HTTP server: `/healthz`, `/metrics`, and what others put behind it. Knows them only as callables."""

import asyncio
import errno
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Self

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from bot.errors import BotError

CHECK_S = 2.0
"""The longest a check may take; a monitor commonly gives up after 5 to 10 s."""
SHUTDOWN_S = 2.0
"""How long open requests may finish; the process must be gone within 25 s of SIGTERM (facts/faults.md, 45)."""

_WHY: dict[int, str] = {
    errno.EADDRINUSE: "is taken by another program",
    errno.EACCES: "may only be opened by an administrator",
    errno.EADDRNOTAVAIL: "is on an address that this machine does not have (http.listen)",
}


@dataclass(frozen=True, slots=True)
class Check:
    """Whether a dependency works, and its state in a few words for people, without secrets."""

    ok: bool
    detail: str


Checks = Mapping[str, Callable[[], Awaitable[Check]]]

Routes = Mapping[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]
"""Who answers a POST, by path. Each bounds what it reads and checks who sent it."""


class Door:
    """An async context manager: listens inside the block, on `url`.

    `/healthz` answers 503 when one of the `critical` checks fails, else 200, "degraded" when any other fails.
    """

    def __init__(
        self,
        *,
        port: int,
        listen: str,
        checks: Checks,
        registry: CollectorRegistry,
        critical: Collection[str] = (),
        routes: Routes | None = None,
        check_s: float = CHECK_S,
    ) -> None:
        self._port = port
        self._listen = listen
        self._checks = checks
        self._registry = registry
        self._critical = frozenset(critical)
        self._routes = routes or {}
        self._check_s = check_s
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        """Begin to listen. Raises BotError with what to do when the port cannot be had."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/metrics", self._metrics)
        for path, answer in self._routes.items():
            app.router.add_post(path, answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._listen, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise BotError(self._refused(error)) from error
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Stop listening; requests under way may finish."""
        if self._runner is not None:
            await self._runner.cleanup()

    def _refused(self, error: OSError) -> str:
        why = _WHY.get(error.errno or 0, "cannot be opened")
        return f"Port {self._port} on {self._listen} {why}: choose another with --http-port, or 0 for any free one."

    async def _healthz(self, _request: web.Request) -> web.Response:
        found = await asyncio.gather(*(self._checked(name) for name in self._checks))
        results = dict(zip(self._checks, found, strict=True))
        healthy = all(check.ok for check in found)
        serving = all(check.ok for name, check in results.items() if name in self._critical)
        body = {
            "status": "ok" if healthy else "degraded",
            "checks": {name: {"ok": check.ok, "detail": check.detail} for name, check in results.items()},
        }
        return web.json_response(body, status=200 if serving else 503, headers={"cache-control": "no-store"})

    async def _checked(self, name: str) -> Check:
        try:
            async with asyncio.timeout(self._check_s):
                return await self._checks[name]()
        except TimeoutError:
            return Check(ok=False, detail=f"gave no answer within {self._check_s:g} s")
        except Exception:  # noqa: BLE001 - the outermost rim: a check that breaks is a check that fails
            structlog.get_logger().exception("health check broke", check=name)
            return Check(ok=False, detail="the check itself failed; our log says why")

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"content-type": CONTENT_TYPE_LATEST})
