"""A Loki for tests: its query API over real HTTP on loopback, as its documentation says, with faults on demand.

https://grafana.com/docs/loki/latest/reference/loki-http-api/#query-logs-within-a-range-of-time
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, Self

from aiohttp import web

MOST = 5_000
"""limits_config.max_entries_limit_per_query."""

Labels = tuple[tuple[str, str], ...]


class FakeLoki:
    """Holds entries by stream. `tenant` and `authorization` are what requests must show, None: nothing."""

    def __init__(self, *, tenant: str | None = None, authorization: str | None = None) -> None:
        self.faults: deque[int] = deque()
        self.asked: list[dict[str, str]] = []
        self._tenant = tenant
        self._authorization = authorization
        self._streams: dict[Labels, list[tuple[int, str]]] = {}
        self._runner: web.AppRunner | None = None
        self.url = ""

    def push(self, labels: Mapping[str, str], *entries: tuple[int, str]) -> None:
        """Take entries (time in ns, line), in any order; one that a stream holds already is the same entry."""
        held = self._streams.setdefault(tuple(sorted(labels.items())), [])
        held += [entry for entry in entries if entry not in held]
        held.sort(key=lambda entry: entry[0])

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        app = web.Application()
        app.router.add_get("/loki/api/v1/query_range", self._query)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = "http://{}:{}".format(*self._runner.addresses[0])
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _query(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        self.asked.append(asked)
        if self.faults:
            return web.Response(status=self.faults.popleft(), text="no")
        if request.headers.get("X-Scope-OrgID") != self._tenant or (
            request.headers.get("Authorization") != self._authorization
        ):
            return web.Response(status=401, text="no org id")
        if not asked["query"].startswith(("{", "count")) or int(asked.get("limit", "100")) > MOST:
            return web.Response(status=400, text="parse error")
        if asked["query"].startswith("count"):
            return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": []}})
        return web.json_response({"status": "success", "data": {"resultType": "streams", "result": self._found(asked)}})

    def _found(self, asked: Mapping[str, str]) -> list[dict[str, Any]]:
        start, end, limit = int(asked["start"]), int(asked["end"]), int(asked.get("limit", "100"))
        backward = asked.get("direction", "backward").lower() == "backward"
        every = [
            (time, labels, line)
            for labels, entries in self._streams.items()
            for time, line in entries
            if start <= time < end
        ]
        chosen = sorted(every, key=lambda entry: entry[0], reverse=backward)[:limit]
        streams: dict[Labels, list[list[str]]] = {}
        for time, labels, line in chosen:
            streams.setdefault(labels, []).append([str(time), line])
        return [{"stream": dict(labels), "values": values} for labels, values in streams.items()]
