"""Transactions: what commits, what leaves no trace, and that nobody's cancellation locks the others out."""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, func, select

from ingest.database import Database

METADATA = MetaData()
PAIRS = Table("pairs", METADATA, Column("id", Integer, primary_key=True), Column("what", String(10)))


class Cut:
    """Awaits a coroutine and cancels the task that does so at the n-th thing it waits for, and `again` times more."""

    def __init__(self, work: Coroutine[Any, Any, None], nth: int, again: int = 0) -> None:
        self._work = work.__await__()
        self._waits = range(nth, nth + 1 + again)
        self.cut = False

    def __await__(self) -> Generator[Any, Any, None]:
        step: Callable[[], Any] = lambda: self._work.send(None)  # noqa: E731 - replaced in the loop
        waited = 0
        while True:
            try:
                future = step()
            except StopIteration:
                return
            waited += 1
            if waited in self._waits:
                self.cut = True
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                yield future
            except BaseException as error:  # noqa: BLE001 - handed on
                step = lambda error=error: self._work.throw(error)  # type: ignore[misc]  # noqa: E731
            else:
                step = lambda: self._work.send(None)  # noqa: E731


@pytest.fixture
async def pairs(database: Database) -> Database:
    """Give a database with a table of pairs."""
    async with database.write() as connection:
        await connection.run_sync(METADATA.create_all)
    return database


async def write_pair(database: Database, number: int) -> None:
    """Write two rows in one transaction, with something read between them."""
    async with database.write() as connection:
        first = database.insert(PAIRS).values(id=number, what="first").returning(PAIRS.c.id)
        await connection.execute(first)
        (await connection.execute(select(PAIRS))).all()
        await connection.execute(database.insert(PAIRS).values(id=number + 1, what="second"))


async def cut_at(database: Database, nth: int, number: int, again: int) -> bool:
    """Write a pair and cancel it at its n-th wait; return whether it came so far."""
    cut = Cut(write_pair(database, number), nth, again)

    async def work() -> None:
        await cut

    (outcome,) = await asyncio.gather(asyncio.create_task(work()), return_exceptions=True)
    assert isinstance(outcome, asyncio.CancelledError) or (outcome is None and not cut.cut)
    return cut.cut


async def rows(database: Database) -> int:
    """Return how many rows there are."""
    async with database.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(PAIRS)) or 0)


@pytest.mark.parametrize("again", [0, 3], ids=["once", "again and again"])
@pytest.mark.parametrize("known", [True, False], ids=["pooled", "new connection"])
async def test_a_cancelled_transaction_is_whole_or_gone(pairs: Database, *, again: int, known: bool) -> None:
    """Wherever it is cancelled, a transaction leaves both rows or none, and the next one writes at once."""
    nth, cut = 0, True
    while cut:
        nth += 1
        if not known:
            await pairs.close()
        cut = await cut_at(pairs, nth, nth * 10, again)
        async with asyncio.timeout(2):
            await write_pair(pairs, nth * 10 + 2)
        assert await rows(pairs) % 2 == 0
    assert nth > 4


async def test_many_that_are_cancelled_lock_nobody_out(pairs: Database) -> None:
    """Under load, with a cancellation at every step of every other writer, all others write, within seconds."""
    async with asyncio.timeout(20):
        await asyncio.gather(
            *(cut_at(pairs, 1 + number % 8, number * 10, 1) for number in range(1, 60, 2)),
            *(write_pair(pairs, number * 10) for number in range(0, 60, 2)),
        )
    async with pairs.read() as connection:
        written = set(await connection.scalars(select(PAIRS.c.id)))
    assert {number * 10 for number in range(0, 60, 2)} <= written
    assert all((number + 1 in written) for number in written if number % 10 == 0)


async def test_another_process_can_write_after_a_cancellation(tmp_path: Path) -> None:
    """SQLite's lock is given back before the cancelled caller goes on."""
    database = Database.open(f"sqlite+aiosqlite:///{tmp_path / 'db.sqlite'}")
    async with database.write() as connection:
        await connection.run_sync(METADATA.create_all)
    other = sqlite3.connect(tmp_path / "db.sqlite", timeout=0, isolation_level=None)
    for nth in range(1, 9):
        await cut_at(database, nth, nth * 10, 0)
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    other.close()
    await database.close()


async def test_an_error_in_the_block_leaves_no_trace(pairs: Database) -> None:
    """What a block wrote before it failed is gone."""

    async def failing() -> None:
        async with pairs.write() as connection:
            await connection.execute(pairs.insert(PAIRS).values(id=1, what="first"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await failing()
    assert await rows(pairs) == 0
