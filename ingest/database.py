"""One SQL database, opened once: SQLite by default, Postgres by URL. Knows tables only by the metadata they join."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, CursorResult, Executable, MetaData, Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from ingest.errors import DatabaseError

P = ParamSpec("P")
T = TypeVar("T")

BUSY_TIMEOUT_MS = 30_000
"""How long SQLite waits for another process's write before it gives up (facts: locked for up to 30 s is survivable)."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every room declares its tables on this; `bot/migrations` is the one history for all of them."""


class Database:
    """Read and write transactions on one engine. Errors from the driver pass through as SQLAlchemy's."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._one_writer = asyncio.Lock() if self.is_sqlite else None

    @property
    def is_sqlite(self) -> bool:
        """True on SQLite, where one writer at a time is the rule."""
        return self.engine.dialect.name == "sqlite"

    @classmethod
    def open(cls, url: str) -> "Database":
        """Return a database for `sqlite+aiosqlite:///file` or `postgresql+asyncpg://...`; connects lazily.

        Raises DatabaseError when the URL cannot be understood.
        """
        try:
            engine = create_async_engine(make_url(url), pool_pre_ping=not url.startswith("sqlite"))
        except (ArgumentError, NoSuchModuleError, ValueError) as error:
            message = "DATABASE_URL is not a URL that SQLAlchemy knows: use postgresql+asyncpg://user@host/name."
            raise DatabaseError(message) from error
        if engine.dialect.name == "sqlite":
            event.listen(engine.sync_engine, "connect", _tune_sqlite)
            event.listen(engine.sync_engine, "begin", _begin_as_told)
        return cls(engine)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that only reads; it sees one state of the database."""
        async with self._connected() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that commits when the block ends well and leaves no trace when it does not.

        On SQLite it takes the write lock at once (`BEGIN IMMEDIATE`), so a claim cannot be lost to a late upgrade.
        The block may be cancelled anywhere, also while it begins or ends: what has begun to commit is committed.
        """
        async with self._one_writer or nullcontext(), self._connected() as connection:
            if self.is_sqlite:
                await connection.execution_options(copilot_begin="IMMEDIATE")
            await _whole(connection.begin().start())
            yield connection
            await _whole(connection.commit())

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection; what was not committed is rolled back before it is taken back, come what may."""
        connection = _Uncut(self.engine)
        try:
            await _whole(connection.start())
            yield connection
        finally:
            if connection.sync_connection is not None:
                await _whole(connection.close())

    def insert(self, table: Table) -> Any:  # noqa: ANN401 - the two dialects' inserts share no public base with on_conflict
        """Return this dialect's INSERT, the one that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


class _Uncut(AsyncConnection):
    """A connection whose statements come to their end although the caller is cancelled; then the caller is.

    SQLAlchemy gives a connection up when a statement is cut in its middle. On SQLite the thread of aiosqlite then still
    begins or writes, and its unfinished statement keeps the database locked (seen: 30 s of "database is locked").
    """

    __slots__ = ()

    async def execute(
        self,
        statement: Executable,
        parameters: Any = None,  # noqa: ANN401 - SQLAlchemy's own word for it is not public
        *,
        execution_options: Any = None,  # noqa: ANN401 - the same
    ) -> CursorResult[Any]:
        """Return the buffered result of a statement; `scalar` and `scalars` come through here as well."""
        return await _whole(super().execute(statement, parameters, execution_options=execution_options))

    async def run_sync(
        self, fn: Callable[Concatenate[Connection, P], T], *arguments: P.args, **keywords: P.kwargs
    ) -> T:
        """Return what `fn` returns, run on the connection's synchronous face."""
        return await _whole(super().run_sync(fn, *arguments, **keywords))


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`, which goes on to its end although we are cancelled meanwhile; then we are."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # looked at: who cancelled us does not wait for it
        raise


def _tune_sqlite(connection: Any, _record: ConnectionPoolEntry) -> None:  # noqa: ANN401 - a DBAPI connection
    """WAL so that readers never wait; FULL so that what was acknowledged survives a power cut."""
    connection.isolation_level = None  # the driver must not begin transactions behind our back
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "foreign_keys=ON",
        # "secure_delete=ON" would cost writes; what may not be kept is redacted before it is written.
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_as_told(connection: Any) -> None:  # noqa: ANN401 - a sync Connection inside SQLAlchemy's event
    how = connection.get_execution_options().get("copilot_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {how}")
