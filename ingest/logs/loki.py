"""A query to Grafana Loki as a source, over its HTTP API. Knows no other store.

https://grafana.com/docs/loki/latest/reference/loki-http-api/#query-logs-within-a-range-of-time: `start` is inclusive,
`end` exclusive, times are nanoseconds; `values` are [time, line] or [time, line, structured metadata].
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import orjson

from ingest.errors import SourceDown
from ingest.logs.edge import Edge, batch_of, mark_of
from ingest.logs.event import Event
from ingest.logs.levels import rank_of
from ingest.logs.services import service_of
from ingest.logs.source import Batch, Cursor, Defaults
from ingest.types import Clock

PATH: Final = "/loki/api/v1/query_range"
LIMIT: Final = 5_000
"""Entries of one answer: Loki's own default of the most it gives (limits_config.max_entries_limit_per_query)."""
HISTORY_S: Final = 14 * 86_400.0
"""Ours: how far back the first read goes; Loki refuses ranges beyond 30 days (limits_config.max_query_length)."""
TIMEOUT_S: Final = 60.0
"""Loki's own limit of one query is a minute (limits_config.query_timeout)."""
PAUSES_S: Final = (1.0, 2.0, 4.0)
"""Ours: before a query is sent again that was refused for now."""

NANO: Final = 1_000_000_000
_AGAIN: Final = (429, 500, 502, 503, 504)
_RECENT_S: Final = 86_400.0

_SERVICES: Final = (
    "service_name service app app_kubernetes_io_name container container_name compose_service job".split()
)
_HOSTS: Final = "pod pod_name host hostname instance node_name nodename node".split()
_LEVELS: Final = "level severity".split()
"""Labels that agents and charts set (Alloy, Promtail, Docker's driver, OpenTelemetry), the first found wins.
`detected_level` is left out: Loki guesses it from the line, which we read ourselves."""

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Access:
    """How Loki is reached. `tenant` is sent as X-Scope-OrgID; a token as a bearer's, else user and password."""

    url: str
    tenant: str | None = None
    token: str | None = None
    user: str | None = None
    password: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What goes with every request."""
        headers = {"X-Scope-OrgID": self.tenant} if self.tenant else {}
        if self.token:
            return headers | {"Authorization": f"Bearer {self.token}"}
        if self.user:
            pair = b64encode(f"{self.user}:{self.password or ''}".encode()).decode()
            return headers | {"Authorization": f"Basic {pair}"}
        return headers


class Loki:
    """The entries of one LogQL query, oldest first. More than LIMIT entries of one nanosecond lose the rest."""

    def __init__(
        self, name: str, access: Access, query: str, clock: Clock, *, limit: int = LIMIT, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._name = name
        self._access = access
        self._query = query
        self._clock = clock
        self._limit = limit
        self._sleep = sleep

    @property
    def name(self) -> str:
        """The stream's name."""
        return self._name

    async def read(self, cursor: Cursor) -> AsyncIterator[Batch]:
        """Yield what is there after `cursor`; at the end a batch without lines. Raises SourceDown."""
        end = int(self._clock() * NANO) + 1
        edge = Edge(cursor, end - int(HISTORY_S * NANO), NANO)
        at = edge.start
        async with self._session() as session:
            while at < end:
                entries = await self._entries(session, at, end, self._limit, "forward")
                fresh = [event for time, mark, event in entries if edge.new(time, mark)]
                edge.advance()
                if fresh:
                    yield batch_of(fresh, edge.cursor)
                if len(entries) < self._limit:
                    break
                at = max(entries[-1][0], at + 1)
        yield Batch([], edge.cursor, done=1.0)

    async def newest(self) -> float | None:
        """Return the time of the newest entry of the last day. Raises SourceDown."""
        end = int(self._clock() * NANO) + 1
        async with self._session() as session:
            entries = await self._entries(session, end - int(_RECENT_S * NANO), end, 1, "backward")
        return entries[-1][0] / NANO if entries else None

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(headers=self._access.headers, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))

    async def _entries(
        self, session: aiohttp.ClientSession, start: int, end: int, limit: int, direction: str
    ) -> list[tuple[int, str, Event]]:
        """Return the time, the mark and the event of each entry, oldest first."""
        asked = {"query": self._query, "start": str(start), "end": str(end)}
        body = await self._answer(session, asked | {"limit": str(limit), "direction": direction})
        try:
            data = orjson.loads(body)["data"]
            if data["resultType"] != "streams":
                raise SourceDown(f'The query of {self._name} counts: give one that selects lines, as in {{app="x"}}.')
            return _ordered(data["result"])
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise self._down("gives no answer that Loki would give; check the URL") from error

    async def _answer(self, session: aiohttp.ClientSession, asked: Mapping[str, str]) -> bytes:
        for pause in (*PAUSES_S, None):
            try:
                async with session.get(self._access.url.rstrip("/") + PATH, params=asked) as response:
                    if response.status == 200:  # noqa: PLR2004 - HTTP's word for it
                        return await response.read()
                    status = response.status
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise self._down("does not answer; check the URL and that it is up") from error
            if pause is None or status not in _AGAIN:
                raise self._down(_WHY.get(status, f"answers with status {status}; its log says why"))
            await self._sleep(pause)
        raise AssertionError("the last pause is none")  # pragma: no cover

    def _down(self, why: str) -> SourceDown:
        return SourceDown(f"{self._name} cannot be read: Loki at {self._access.url} {why}.")


_WHY: Mapping[int, str] = {
    400: "does not understand the query, or its range is longer than it allows; try the query in Grafana",
    401: "wants other credentials; check token, user, password and tenant",
    403: "wants other credentials; check token, user, password and tenant",
    404: "has no such address; give the URL without /loki/api",
    429: "refuses more queries for now; it is asked again at the next scan",
}


def _ordered(streams: Sequence[Mapping[str, Any]]) -> list[tuple[int, str, Event]]:
    entries = []
    for stream in streams:
        labels = stream["stream"]
        known, of = _defaults(labels), sorted(labels.items())
        for time, line, *more in stream["values"]:
            told = _defaults(labels | more[0]) if more and more[0] else known
            event = Event(line.encode("utf-8", "replace"), int(time) / NANO, told)
            entries.append((int(time), mark_of(time, line, *of), event))
    return sorted(entries, key=lambda entry: entry[0])


def _defaults(labels: Mapping[str, str]) -> Defaults:
    def first(names: Sequence[str]) -> bytes:
        return next((labels[name].encode("utf-8", "replace") for name in names if labels.get(name)), b"")

    return Defaults(first(_HOSTS), service_of(first(_SERVICES).rpartition(b"/")[2]), rank_of(first(_LEVELS)))
