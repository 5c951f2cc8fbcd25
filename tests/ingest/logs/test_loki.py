"""Loki: labels, tenants and keys, trouble in words, and the edge where late entries come."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ingest.errors import SourceDown
from ingest.logs.loki import LIMIT, Access, Loki
from ingest.logs.source import Batch, Cursor, Defaults
from tests.conftest import NOW
from tests.fakes.loki import FakeLoki

NS = 10**9
T0 = int(NOW) * NS - 600 * NS


def paused() -> tuple[list[float], Callable[[float], Awaitable[None]]]:
    """Return a sleep that does not, and what was slept."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    return slept, sleep


def source(loki: FakeLoki, query: str = '{app="shop"}', limit: int = LIMIT, **access: Any) -> Loki:
    """Return the source of a query."""
    return Loki("shop", Access(loki.url, **access), query, lambda: NOW, limit=limit, sleep=paused()[1])


async def read(loki: Loki, cursor: Cursor | None = None) -> list[Batch]:
    """Return all batches after a cursor."""
    return [batch async for batch in loki.read(cursor or {})]


def lines(batches: list[Batch]) -> list[bytes]:
    """Return the lines of batches."""
    return [line for batch in batches for line in batch.lines]


async def test_streams_are_merged_by_time_and_their_labels_tell_the_place() -> None:
    """Every line has the host, the service and the level of its own stream."""
    async with FakeLoki() as loki:
        loki.push({"pod": "a-1", "service_name": "a", "level": "warn"}, (T0, "one"), (T0 + 2 * NS, "three"))
        loki.push({"instance": "b-1", "job": "shop/b", "detected_level": "error"}, (T0 + NS, "two"))
        batch, _ = await read(source(loki))
    assert batch.lines == [b"one", b"two", b"three"]
    assert batch.times == [T0 / NS, T0 / NS + 1, T0 / NS + 2]
    first = Defaults(b"a-1", b"a", 3)
    assert batch.defaults == [first, Defaults(b"b-1", b"b"), first]


@pytest.mark.parametrize(
    ("access", "authorization"),
    [({"token": "t0"}, "Bearer t0"), ({"user": "u", "password": "p"}, "Basic dTpw"), ({}, None)],
)
async def test_tenant_and_key_are_shown(access: dict[str, str], authorization: str | None) -> None:
    """As a bearer's token, or as user and password."""
    async with FakeLoki(tenant="ops", authorization=authorization) as loki:
        loki.push({"app": "shop"}, (T0, "one"))
        assert lines(await read(source(loki, tenant="ops", **access))) == [b"one"]
        with pytest.raises(SourceDown, match="credentials"):
            await read(source(loki, tenant="other", **access))


async def test_entries_of_one_moment_are_each_read_once() -> None:
    """Pages that end within a moment, and a scan between two entries of it."""
    async with FakeLoki() as loki:
        loki.push({"app": "shop"}, *((T0 + NS * (number // 3), f"line {number}") for number in range(12)))
        shop = source(loki, limit=4)
        first = await read(shop)
        assert sorted(lines(first)) == sorted(f"line {number}".encode() for number in range(12))
        loki.push({"app": "shop"}, (T0 + 3 * NS, "line 9b"))
        assert lines(await read(shop, first[-1].cursor)) == [b"line 9b"]


async def test_a_late_entry_is_read_with_the_next_scan() -> None:
    """Agents send in batches: what is older than what was read may still come, for half a minute."""
    async with FakeLoki() as loki:
        loki.push({"app": "shop"}, (T0 + 60 * NS, "newest"))
        shop = source(loki)
        *_, last = await read(shop)
        loki.push({"app": "other"}, (T0 + 40 * NS, "late"), (T0 + 20 * NS, "too late"))
        *_, then = await read(shop, last.cursor)
        assert lines(await read(shop, last.cursor)) == [b"late"]
        assert lines(await read(shop, then.cursor)) == []


@pytest.mark.parametrize(("status", "words"), [(429, "refuses more"), (503, "status 503"), (404, "without /loki/api")])
async def test_trouble_is_one_sentence(status: int, words: str) -> None:
    """What may pass is tried again first, with pauses; a wrong address is not."""
    async with FakeLoki() as loki:
        loki.faults.extend([status] * 4)
        slept, sleep = paused()
        shop = Loki("shop", Access(loki.url), '{app="shop"}', lambda: NOW, sleep=sleep)
        with pytest.raises(SourceDown, match=words):
            await read(shop)
        assert slept == ([] if status == 404 else [1.0, 2.0, 4.0])


async def test_trouble_that_passes_is_not_seen() -> None:
    """The same question is asked again."""
    async with FakeLoki() as loki:
        loki.push({"app": "shop"}, (T0, "one"))
        loki.faults.extend([500, 429])
        assert lines(await read(source(loki))) == [b"one"]
        assert loki.asked[0] == loki.asked[2]


async def test_a_query_that_counts_is_refused_in_words() -> None:
    """It has no lines."""
    async with FakeLoki() as loki:
        with pytest.raises(SourceDown, match="selects lines"):
            await read(source(loki, 'count_over_time({app="shop"}[1m])'))
        with pytest.raises(SourceDown, match="understand the query"):
            await read(source(loki, "app"))
