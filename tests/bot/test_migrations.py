"""One history for all tables: it ends where the rooms' tables are, once, also when two processes begin together."""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

import bot.build.house
import bot.schedule.schedule
import bot.watch.board
import bot.watch.digests  # noqa: F401 - and these the cards and digests
import ingest.anomalies.store
import ingest.logs.pushed  # noqa: F401 - and this one what shippers posted
from bot import migrations
from bot.errors import BotError
from bot.migrations import migrate, newest, revision
from ingest.database import Database, metadata
from tests.fakes.postgres import emptied

MIGRATE = """
import asyncio, sys
from bot.migrations import migrate
from ingest.database import Database
async def main():
    database = Database.open(sys.argv[1])
    input()
    await migrate(database)
    await database.close()
print(flush=True)
asyncio.run(main())
"""


LATER = (
    "keys",
    "log_streams",
    "stories",
    "log_pushed",
    "cards",
    "card_stories",
    "card_acts",
    "rejections",
    "detectors",
    "deploys",
    "channel_settings",
    "digests",
    "line_counts",
)
"""Tables that came after the first revision."""


@pytest.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[Database]:
    """Give a database without any table."""
    database = Database.open(f"sqlite+aiosqlite:///{tmp_path / 'fresh.sqlite'}")
    yield database
    await database.close()


def differences(connection: Connection) -> list[object]:
    """Return what would have to change for the database to be as the rooms declare it."""
    options = {"compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


async def test_the_history_ends_at_the_tables_that_the_rooms_declare(fresh: Database) -> None:
    """Whoever adds a column adds a revision."""
    assert await migrate(fresh)
    async with fresh.read() as connection:
        assert await connection.run_sync(differences) == []


async def test_the_history_ends_there_on_postgres_too(postgres_url: str) -> None:
    """What SQLite takes for a default, Postgres may refuse: then no bot of several replicas would ever start."""
    database = Database.open(await emptied(postgres_url))
    try:
        assert await migrate(database)
        async with database.read() as connection:
            assert await connection.run_sync(differences) == []
    finally:
        await database.close()


async def test_a_level_database_is_left_alone(fresh: Database) -> None:
    """Every command looks, and hardly any has to do anything."""
    assert (await revision(fresh), await migrate(fresh), await migrate(fresh)) == (None, True, False)
    assert await revision(fresh) == newest()


async def test_a_database_of_a_newer_program_is_refused(fresh: Database) -> None:
    """Writing to it could spoil what this program does not understand."""
    await migrate(fresh)
    async with fresh.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(BotError, match=rf"at revision 9999, newer than this program knows \({newest()}\): install"):
        await migrate(fresh)
    assert await revision(fresh) == "9999"


async def test_a_migration_that_fails_leaves_no_trace(fresh: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a schema would be worse than none; the next try begins where this one did."""
    upgrade = migrations._upgrade

    def fail(connection: Connection) -> None:
        upgrade(connection)
        raise OSError("disk full")

    monkeypatch.setattr(migrations, "_upgrade", fail)
    with pytest.raises(OSError, match="disk full"):
        await migrate(fresh)
    async with fresh.read() as connection:
        tables = list(await connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")))
    assert tables == []
    monkeypatch.undo()
    assert await migrate(fresh)


async def test_two_processes_that_begin_together_migrate_once(tmp_path: Path) -> None:
    """A bot and a command started at the same moment, on an empty folder."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'both.sqlite'}"
    both = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", MIGRATE, url, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    for process in both:
        assert process.stdout is not None
        await process.stdout.readline()
    assert [(await process.communicate(b"\n"))[0] for process in both] == [b"", b""]
    assert [process.returncode for process in both] == [0, 0]
    with sqlite3.connect(tmp_path / "both.sqlite") as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(newest(),)]
    connection.close()


async def test_a_migrated_database_keeps_its_rows(fresh: Database) -> None:
    """Running the program again never costs anybody an answer."""
    await migrate(fresh)
    async with fresh.write() as connection:
        await connection.execute(text("INSERT INTO knowledge VALUES (1, 7)"))
    await migrate(fresh)
    async with fresh.read() as connection:
        assert await connection.scalar(text("SELECT revision FROM knowledge")) == 7


async def test_a_database_of_the_first_revision_gets_the_later_tables_and_keeps_its_rows(fresh: Database) -> None:
    """What is known stays; what was added since is there, and empty."""
    await migrate(fresh)
    async with fresh.write() as connection:
        for table in LATER:
            await connection.execute(text(f"DROP TABLE {table}"))
        await connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        await connection.execute(text("INSERT INTO knowledge VALUES (1, 7)"))
    assert await migrate(fresh)
    async with fresh.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM keys")) == 0
        assert await connection.scalar(text("SELECT revision FROM knowledge")) == 7
        assert await connection.run_sync(differences) == []
