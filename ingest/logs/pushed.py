"""Log lines that shippers push: kept in the database, without secrets, until they are scanned. Knows no HTTP."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest.database import Database, metadata
from ingest.errors import BacklogFull, SourceDown, Unreadable
from ingest.logs.edge import spread
from ingest.logs.names import STREAM
from ingest.logs.shipped import events_of
from ingest.logs.source import Batch, Cursor, Defaults
from ingest.logs.times import NEVER
from ingest.types import Clock

pushed_table = Table(
    "log_pushed",
    metadata,
    # An id is never given twice, also when the table was emptied: cursors point to them.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("stream", String(200), nullable=False),
    Column("received_at", Float, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("ix_log_pushed_stream_id", "stream", "id"),
    sqlite_autoincrement=True,
)

ROW_LINES: Final = 5_000
"""Ours: lines of one row; the columns of so many stay in the processor's cache."""
MOST_BYTES: Final = 256 * 1024 * 1024
MOST_ROWS: Final = 20_000
"""Ours: what may wait of one stream, packed: about a tenth of its lines' size, so a flood of several minutes."""
MOST_STREAMS: Final = 100
"""Ours: streams that may wait when any may be pushed; a sender that puts ids into addresses is stopped."""
READ_ROWS: Final = 50
_LOCK: Final = 7_305_003
"""The number of our advisory lock on Postgres: rows of a stream are committed in the order of their ids."""

Redacted = Callable[[Iterable[str]], Iterator[str]]
"""Returns the lines of a text without secrets, as many as there were."""


class Shelf:
    """Where pushed lines wait. `streams` are the names that may be pushed, none: any."""

    def __init__(self, database: Database, redacted: Redacted, clock: Clock, streams: Collection[str] = ()) -> None:
        self._database = database
        self._redacted = redacted
        self._clock = clock
        self._streams = frozenset(streams)

    def knows(self, stream: str) -> bool:
        """Whether lines of this stream are taken."""
        return stream in self._streams if self._streams else STREAM.fullmatch(stream) is not None

    async def put(self, stream: str, body: bytes, kind: str = "") -> int:
        """Keep the lines of a posted body (shipped.events_of); return how many once they are committed.

        Raises Unreadable when it has no form that we read, BacklogFull when too much waits already.
        """
        rows = await asyncio.to_thread(self._rows, stream, body, kind)
        if rows:
            async with self._database.write() as connection:
                await self._admit(connection, stream)
                await connection.execute(insert(pushed_table), rows)
        return sum(row["lines"] for row in rows)

    def _rows(self, stream: str, body: bytes, kind: str) -> list[dict[str, Any]]:
        try:
            lines, times, defaults = spread(events_of(body, kind))
        except RecursionError as error:
            raise Unreadable("The body is nested too deeply: send one record for each line.") from error
        texts = self._redacted([line.decode("utf-8", "surrogateescape") for line in lines])
        lines = [text.encode("utf-8", "surrogateescape") for text in texts]
        at = self._clock()
        rows = []
        for start in range(0, len(lines), ROW_LINES):
            part = slice(start, start + ROW_LINES)
            packed = _packed(lines[part], times[part], defaults[part])
            row = {"stream": stream, "received_at": at, "lines": len(lines[part]), "size": len(packed)}
            rows.append(row | {"body": packed})
        return rows

    async def _admit(self, connection: AsyncConnection, stream: str) -> None:
        table = pushed_table.c
        if not self._database.is_sqlite:
            await connection.execute(select(func.pg_advisory_xact_lock(_LOCK, func.hashtext(stream))))
        waiting = select(func.count(), func.coalesce(func.sum(table.size), 0)).where(table.stream == stream)
        rows, size = (await connection.execute(waiting)).one()
        if rows >= MOST_ROWS or size >= MOST_BYTES:
            raise BacklogFull(f"Too much of {stream} waits to be scanned: send again later.")
        if not rows and not self._streams:
            streams = await connection.scalar(select(func.count(table.stream.distinct())))
            if (streams or 0) >= MOST_STREAMS:
                raise BacklogFull(f"{streams} streams wait already: name those that may be pushed in copilot.toml.")

    async def waiting(self) -> list[str]:
        """Return the streams of which lines are kept, in order."""
        async with self._database.read() as connection:
            found = await connection.execute(select(pushed_table.c.stream).distinct())
        return sorted(found.scalars())


class Pushed:
    """One stream of pushed lines as a source.

    What a cursor has behind it is deleted when `read` is asked to go on from there: a cursor that is handed in was
    committed with what was counted up to it.
    """

    def __init__(self, name: str, database: Database, *, most: int = ROW_LINES) -> None:
        """`most` is how many lines rows may have that are read at once."""
        self._name = name
        self._database = database
        self._most = most

    @property
    def name(self) -> str:
        """The stream's name."""
        return self._name

    async def read(self, cursor: Cursor) -> AsyncIterator[Batch]:
        """Yield what was received after `cursor`, oldest first. Raises SourceDown when the database does not answer."""
        place = int(str(cursor.get("id", 0)))
        try:
            await self._forget(place)
            while rows := await self._rows(place):
                place = rows[-1].id
                yield await asyncio.to_thread(_batch, rows)
        except (SQLAlchemyError, OSError) as error:
            raise self._down() from error

    async def newest(self) -> float | None:
        """Return when lines that are still kept were last received (seconds UTC)."""
        table = pushed_table.c
        try:
            async with self._database.read() as connection:
                latest = select(func.max(table.received_at)).where(table.stream == self._name)
                at = (await connection.execute(latest)).scalar_one()
        except (SQLAlchemyError, OSError) as error:
            raise self._down() from error
        return None if at is None else float(at)

    def _down(self) -> SourceDown:
        return SourceDown(f"What was pushed to {self._name} cannot be read: the database does not answer.")

    async def _forget(self, place: int) -> None:
        scanned = (pushed_table.c.stream == self._name) & (pushed_table.c.id <= place)
        async with self._database.read() as connection:
            some = await connection.scalar(select(pushed_table.c.id).where(scanned).limit(1))
        if some is not None:
            async with self._database.write() as connection:
                await connection.execute(delete(pushed_table).where(scanned))

    async def _rows(self, place: int) -> Sequence[Any]:
        """Return the next rows, as many as make a batch of about the most lines."""
        table = pushed_table.c
        later = (table.stream == self._name) & (table.id > place)
        async with self._database.read() as connection:
            counts = await connection.execute(
                select(table.id, table.lines).where(later).order_by(table.id).limit(READ_ROWS)
            )
            last, lines = place, 0
            for number, count in counts:
                if lines and lines + count > self._most:
                    break
                last, lines = number, lines + count
            found = select(table.id, table.received_at, table.body).where(later & (table.id <= last))
            return (await connection.execute(found.order_by(table.id))).all() if lines else ()


def _packed(lines: Sequence[bytes], times: Sequence[float], defaults: Sequence[Defaults]) -> bytes:
    """Return lines with what is known of them as one packed text: a line of JSON, then the lines."""
    kinds = {each: place for place, each in enumerate(dict.fromkeys(defaults))}
    head = {
        "times": times,
        "kinds": [[each.host.decode("latin-1"), each.service.decode("latin-1"), each.level] for each in kinds],
        "of": [kinds[each] for each in defaults] if len(kinds) > 1 else None,
    }
    return zlib.compress(b"\n".join([orjson.dumps(head), *lines]), 1)


def _batch(rows: Sequence[Any]) -> Batch:
    """Return rows as one batch; its cursor is the last one's id."""
    lines: list[bytes] = []
    times: list[float] = []
    defaults: list[Defaults] = []
    for row in rows:
        first, *own = zlib.decompress(row.body).split(b"\n")
        head = orjson.loads(first)
        kinds = [
            Defaults(host.encode("latin-1"), service.encode("latin-1"), rank) for host, service, rank in head["kinds"]
        ]
        lines += own
        times += [NEVER if time is None else time for time in head["times"]]
        defaults += [kinds[place] for place in head["of"]] if head["of"] else kinds * len(own)
    return Batch(lines, {"id": rows[-1].id}, times=times, defaults=defaults, written=rows[-1].received_at)
