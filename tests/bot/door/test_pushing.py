"""`POST /logs/STREAM` over real HTTP: who may push, what is taken, and that 200 means committed."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from bot.door import logs
from bot.door.door import Door
from bot.door.logs import PATH, PushedLogs
from ingest.database import Database, metadata
from ingest.logs import pushed
from ingest.logs.pushed import Pushed, Shelf
from ingest.redact import redacted
from tests.conftest import NOW

TOKEN = "t0ken"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Way:
    """A door with the route, its database, and the faults that were counted."""

    url: str
    session: aiohttp.ClientSession
    database: Database
    faults: list[str] = field(default_factory=list)

    async def post(
        self, body: bytes, headers: Mapping[str, str] = BEARER, stream: str = "shop"
    ) -> tuple[int, dict[str, Any]]:
        """Post a body; return status and answer."""
        async with self.session.post(f"{self.url}/logs/{stream}", data=body, headers=headers) as response:
            self.headers = response.headers
            return response.status, await response.json()

    async def lines(self) -> list[bytes]:
        """Return what waits."""
        return [line async for batch in Pushed("shop", self.database).read({}) for line in batch.lines]


@asynccontextmanager
async def opened(folder: Path, token: str | None = TOKEN, *streams: str) -> AsyncIterator[Way]:
    """Open a door whose route keeps lines in a database."""
    database = Database.open(f"sqlite+aiosqlite:///{folder / 'test.sqlite'}")
    async with database.write() as connection:
        await connection.run_sync(metadata.create_all)
    faults: list[str] = []
    route = PushedLogs(Shelf(database, redacted, lambda: NOW, streams), token, faults.append)
    routes = {PATH: route.serve}
    door = Door(port=0, listen="127.0.0.1", checks={}, registry=CollectorRegistry(), routes=routes)
    async with door, aiohttp.ClientSession() as session:
        yield Way(door.url, session, database, faults)
    await database.close()


@pytest.fixture
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    """Give an open way that takes any stream."""
    async with opened(tmp_path) as way:
        yield way


async def test_lines_are_taken_and_told(way: Way) -> None:
    """Once they are committed; an answer of the Collector's form would say no more."""
    assert await way.post(b'[{"date": 1.5, "log": "a"}, {"date": 2.5, "log": "b"}]') == (200, {"lines": 2})
    assert await way.post(b"") == (200, {"lines": 0})
    assert await way.lines() == [b"a", b"b"]


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_packed_bodies_are_unpacked(way: Way, name: str, pack: Any) -> None:
    """As Vector, Fluent Bit and the Collector pack them."""
    headers = BEARER | {"Content-Encoding": name, "Content-Type": "text/plain"}
    assert await way.post(pack(b"a\nb\n"), headers) == (200, {"lines": 2})
    assert await way.lines() == [b"a", b"b"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer other"}, {"Authorization": "Basic dDA6"}])
async def test_only_who_shows_the_token_may_push(way: Way, headers: dict[str, str]) -> None:
    """Others are told what to show."""
    status, answer = await way.post(b"a\n", headers)
    assert (status, "COPILOT_HTTP_TOKEN" in answer["error"]) == (401, True)
    assert way.headers["WWW-Authenticate"] == "Bearer"
    assert await way.lines() == []


async def test_without_a_token_nobody_may(tmp_path: Path) -> None:
    """An open door for writing would be a hole."""
    async with opened(tmp_path, None) as way:
        status, answer = await way.post(b"a\n", {"Authorization": "Bearer None"})
    assert (status, "set COPILOT_HTTP_TOKEN" in answer["error"]) == (403, True)


async def test_a_stream_that_is_not_named_is_told_what_to_add(tmp_path: Path) -> None:
    """Where streams are named; and a name must be one."""
    async with opened(tmp_path, TOKEN, "shop") as way:
        assert (await way.post(b"a\n", stream="cart"))[0] == 404
        assert (await way.post(b"a\n"))[0] == 200
    async with opened(tmp_path) as way:
        status, answer = await way.post(b"a\n", stream="%2E%2Fx")
        assert (status, "[logs.NAME]" in answer["error"]) == (404, True)


async def test_what_is_too_long_is_refused_before_it_is_all_there(way: Way) -> None:
    """Also when it is long only once it is unpacked."""
    bomb = gzip.compress(b"a" * (logs.MOST_BYTES + 1))
    assert len(bomb) < 100_000
    assert (await way.post(bomb, BEARER | {"Content-Encoding": "gzip"}))[0] == 413
    assert await way.lines() == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/x-protobuf"}, 415),
        ({"Content-Encoding": "snappy"}, 415),
        ({"Content-Encoding": "gzip"}, 400),
        ({"Content-Type": "application/json"}, 415),
    ],
)
async def test_what_cannot_be_read_is_refused_in_words(way: Way, headers: dict[str, str], status: int) -> None:
    """The sender's log shows them."""
    found, answer = await way.post(b"\x0a\x0b no", BEARER | headers)
    assert (found, answer["error"][-1]) == (status, ".")
    assert await way.lines() == []


async def test_a_body_that_does_not_arrive_frees_its_place(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """Senders that hang must not keep others out."""
    monkeypatch.setattr(logs, "READ_S", 0.05)

    async def slow() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.Event().wait()

    async with way.session.post(f"{way.url}/logs/shop", data=slow(), headers=BEARER) as response:
        assert response.status == 408


async def test_a_backlog_asks_to_wait_and_is_counted(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shippers keep what was not taken, and try again."""
    monkeypatch.setattr(pushed, "MOST_BYTES", 1)
    assert (await way.post(b"a\n"))[0] == 200
    assert (await way.post(b"b\n"))[0] == 429
    assert (way.headers["Retry-After"], way.faults) == ("60", ["logs_backlog"])
    assert await way.lines() == [b"a"]


async def test_what_was_not_committed_is_not_acknowledged(way: Way) -> None:
    """The sender sends it again; nobody reads our exception's words."""
    async with way.database.write() as connection:
        await connection.run_sync(metadata.drop_all)
    status, answer = await way.post(json.dumps({"log": "a"}).encode())
    assert (status, way.faults) == (503, ["logs_not_kept"])
    assert "log_pushed" not in answer["error"]
