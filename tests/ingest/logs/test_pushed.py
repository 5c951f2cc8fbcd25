"""Pushed lines wait in the database, without secrets, until what was counted of them is committed."""

import asyncio

import pytest
from sqlalchemy import func, select

from ingest.database import Database
from ingest.errors import BacklogFull
from ingest.logs import pushed
from ingest.logs.pushed import Pushed, Shelf, pushed_table
from ingest.logs.source import Cursor, Defaults
from ingest.redact import redacted
from tests.conftest import NOW

SECRET = "AKIAIOSFODNN7EXAMPLQ"


def shelf_of(database: Database, *streams: str) -> Shelf:
    """Return a shelf."""
    return Shelf(database, redacted, lambda: NOW, streams)


async def read(database: Database, cursor: Cursor | None = None, stream: str = "shop") -> tuple[list[bytes], Cursor]:
    """Return the lines after a cursor, and the last cursor."""
    lines: list[bytes] = []
    last = cursor or {}
    async for batch in Pushed(stream, database).read(last):
        lines += batch.lines
        last = batch.cursor
    return lines, last


async def rows(database: Database) -> int:
    """Return how many rows wait."""
    async with database.read() as connection:
        return (await connection.execute(select(func.count()).select_from(pushed_table))).scalar_one()


async def test_lines_are_kept_until_a_cursor_behind_them_comes_back(database: Database) -> None:
    """A scan that died before its commit finds them again."""
    await shelf_of(database).put("shop", b"a\nb\n")
    assert await read(database) == await read(database)
    lines, cursor = await read(database)
    assert (lines, await rows(database)) == ([b"a", b"b"], 1)
    await shelf_of(database).put("shop", b"c\n")
    assert (await read(database, cursor))[0] == [b"c"]
    assert await rows(database) == 1


async def test_a_shelf_that_was_emptied_numbers_on(database: Database) -> None:
    """SQLite gives the numbers of deleted rows again unless told: new lines would count as scanned."""
    await shelf_of(database).put("shop", b"a\n")
    _, cursor = await read(database)
    assert (await read(database, cursor), await rows(database)) == (([], cursor), 0)
    await shelf_of(database).put("shop", b"b\n")
    assert (await read(database, cursor))[0] == [b"b"]


async def test_streams_do_not_touch_each_other(database: Database) -> None:
    """Each has its own lines and its own cursor."""
    shelf = shelf_of(database)
    for stream in ("cart", "shop", "cart"):
        await shelf.put(stream, f"of {stream}\n".encode())
    lines, cursor = await read(database, stream="cart")
    assert lines == [b"of cart"] * 2
    await read(database, cursor, stream="cart")
    assert (await read(database))[0] == [b"of shop"]
    assert await shelf.waiting() == ["shop"]


async def test_no_secret_is_written(database: Database) -> None:
    """What is deleted may stand in a database's file for long."""
    await shelf_of(database).put("shop", f"key {SECRET} leaked\n\xff".encode("latin-1"))
    async with database.read() as connection:
        body = (await connection.execute(select(pushed_table.c.body))).scalar_one()
    lines, _ = await read(database)
    assert SECRET.encode() not in pushed.zlib.decompress(body)
    assert (lines[0][:4], lines[0][-7:], lines[1]) == (b"key ", b" leaked", b"\xff")


async def test_an_event_of_several_lines_keeps_what_is_known_of_it(database: Database) -> None:
    """Every line has the time and the place of its event; a body of many lines is several rows."""
    record = b'{"date":5.5e8,"log":"a\\n  b\\r\\n","kubernetes":{"pod_name":"p"}}\n{"date":5.6e8,"log":"c"}'
    await shelf_of(database).put("shop", record)
    (batch,) = [batch async for batch in Pushed("shop", database).read({})]
    assert batch.lines == [b"a", b"  b", b"c"]
    assert batch.times == [5.5e8, 5.5e8, 5.6e8]
    assert batch.defaults == [Defaults(b"p"), Defaults(b"p"), Defaults()]
    assert await shelf_of(database).put("shop", b"x\n" * (pushed.ROW_LINES + 1)) == pushed.ROW_LINES + 1
    assert await rows(database) == 3


async def test_a_backlog_is_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each stream's, and how many streams there may be when none is named."""
    shelf = shelf_of(database)
    monkeypatch.setattr(pushed, "MOST_ROWS", 2)
    monkeypatch.setattr(pushed, "MOST_STREAMS", 2)
    for stream in ("shop", "shop", "cart"):
        await shelf.put(stream, b"a\n")
    for stream in ("shop", "third"):
        with pytest.raises(BacklogFull, match=stream if stream == "shop" else "copilot.toml"):
            await shelf.put(stream, b"b\n")
    assert await rows(database) == 3
    await shelf_of(database, "third").put("third", b"b\n")


async def test_rows_are_committed_in_the_order_of_their_numbers(database: Database) -> None:
    """Else a reader's cursor would pass over one that is still to come; Postgres gives numbers before commits."""
    shelves = [shelf_of(database) for _ in range(8)]
    seen: list[bytes] = []
    cursor: Cursor = {}

    async def watch() -> None:
        nonlocal cursor
        while len(seen) < len(shelves) * 5:
            lines, cursor = await read(database, cursor)
            seen.extend(lines)

    async def push(number: int) -> None:
        for nth in range(5):
            await shelves[number].put("shop", f"{number} {nth}\n".encode())

    async with asyncio.timeout(30):
        await asyncio.gather(watch(), *map(push, range(len(shelves))))
    assert sorted(seen) == sorted(f"{number} {nth}".encode() for number in range(8) for nth in range(5))


@pytest.mark.parametrize("name", ["", "a/b", ".hidden", "-x", "a b", "x" * 101, "é"])
def test_a_name_that_is_no_stream_is_not_known(database: Database, name: str) -> None:
    """Nor one that the settings do not name, when they name some."""
    assert not shelf_of(database).knows(name)
    assert shelf_of(database).knows("web-1.access_log")
    assert not shelf_of(database, "shop").knows("cart")
