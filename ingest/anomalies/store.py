"""Streams and stories in the database: cursor, learned state and stories of one stream move in one transaction."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import Column, Float, Integer, LargeBinary, String, Table, Text, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest.anomalies.report import Change, Report
from ingest.database import Database, metadata

streams_table = Table(
    "log_streams",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("cursor", Text, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("clock", Float, nullable=False),
    Column("scanned_at", Float, nullable=False),
    Column("down_since", Float),
    Column("down", Text),
)
stories_table = Table(
    "stories",
    metadata,
    Column("stream", String(200), primary_key=True),
    Column("id", Integer, primary_key=True),
    Column("opened", Float, nullable=False, index=True),
    Column("ended", Float, index=True),
    Column("kind", String(16), nullable=False),
    Column("severity", String(8), nullable=False),
    Column("body", Text, nullable=False),
)


class Moved(Exception):
    """Somebody else has scanned the stream meanwhile; nothing was written."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A stream as it was left. `version` counts the scans; `clock` is the stream's own time, seconds UTC."""

    name: str
    version: int
    cursor: Mapping[str, object]
    state: bytes
    lines: int
    clock: float
    scanned_at: float
    down_since: float | None = None
    down: str | None = None


class Streams:
    """The streams and stories of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, name: str) -> Saved | None:
        """Return a stream as it was left, None if it was never scanned."""
        async with self._database.read() as connection:
            found = await connection.execute(select(streams_table).where(streams_table.c.name == name))
        row = found.mappings().one_or_none()
        return Saved(**{**row, "cursor": json.loads(row["cursor"])}) if row else None

    async def save(self, connection: AsyncConnection, saved: Saved, reports: list[Report]) -> None:
        """Write a stream and the stories that a scan touched, in the caller's transaction.

        Raises Moved when the stream is no longer at the version before this one.
        """
        values = {**asdict(saved), "cursor": json.dumps(saved.cursor)}
        if saved.version == 1:
            added = await connection.execute(
                self._database.insert(streams_table)
                .values(values)
                .on_conflict_do_nothing()
                .returning(streams_table.c.name)
            )
            moved = added.first() is None
        else:
            old = (streams_table.c.name == saved.name) & (streams_table.c.version == saved.version - 1)
            moved = (await connection.execute(update(streams_table).where(old).values(values))).rowcount != 1
        if moved:
            raise Moved(saved.name)
        if reports:
            rows = [_row(report) for report in {report.id: report for report in reports}.values()]
            insert = self._database.insert(stories_table)
            told = {name: insert.excluded[name] for name in rows[0]}
            await connection.execute(insert.on_conflict_do_update(index_elements=["stream", "id"], set_=told), rows)

    async def stories(self, *, since: float = 0.0) -> list[Report]:
        """Return the stories that go on or ended after `since`, the latest first."""
        table = stories_table.c
        wanted = table.ended.is_(None) | (table.ended >= since)
        async with self._database.read() as connection:
            found = await connection.execute(select(table.body).where(wanted).order_by(table.opened.desc()))
        return [_report(json.loads(body)) for body in found.scalars()]

    async def stories_of(self, pairs: Collection[tuple[str, int]]) -> list[Report]:
        """Return these stories, given as (stream, id), the oldest first; those that nobody knows are left out."""
        table = stories_table.c
        wanted = select(table.body).where(tuple_(table.stream, table.id).in_(pairs))
        async with self._database.read() as connection:
            found = await connection.execute(wanted.order_by(table.opened, table.stream, table.id))
        return [_report(json.loads(body)) for body in found.scalars()]

    async def last_story(self, name: str) -> int:
        """Return the number of the last story that was told of a stream, 0 if there was none."""
        last = select(func.max(stories_table.c.id)).where(stories_table.c.stream == name)
        async with self._database.read() as connection:
            return int(await connection.scalar(last) or 0)

    async def expire(self, before: float) -> None:
        """Delete stories that were over before then (seconds UTC)."""
        async with self._database.write() as connection:
            await connection.execute(stories_table.delete().where(stories_table.c.ended < before))

    async def forget(self, name: str) -> None:
        """Delete what was learnt of a stream; its stories stay."""
        async with self._database.write() as connection:
            await connection.execute(streams_table.delete().where(streams_table.c.name == name))


def _row(report: Report) -> dict[str, object]:
    # Not `asdict` as a whole: it copies every figure of the chart, 125 ms for a thousand stories (measured).
    body = {name: getattr(report, name) for name in Report.__slots__}
    body["changes"] = [asdict(change) for change in report.changes]
    return {
        "stream": report.stream,
        "id": report.id,
        "opened": report.detected_at,
        "ended": report.ended,
        "kind": report.kind,
        "severity": report.severity,
        "body": json.dumps(body),
    }


def _report(body: dict[str, object]) -> Report:
    lists = {name: tuple(value) for name, value in body.items() if isinstance(value, list)}
    lists["changes"] = tuple(Change(**change) for change in lists["changes"])
    return Report(**{**body, **lists})  # type: ignore[arg-type]
