"""A sync asked for beside a running bot: the request waits in the database, the owner carries it out and reports."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Float, String, Table, Text, select, update

from ingest.database import Database, metadata
from ingest.index.roots import Outcome, Request
from ingest.index.sync import Note, Report
from ingest.types import Clock

sync_requests_table = Table(
    "sync_requests",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("asked_at", Float, nullable=False),
    Column("request", Text, nullable=False),
    Column("report", Text),
)

STALE_S = 3600.0
"""A request that nobody carried out within an hour is dropped: whoever asked has long stopped waiting."""


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """A waiting request. Exactly one of `sync` and `forget` is set."""

    id: str
    sync: Request | None
    forget: str | None


class Requests:
    """The queue of sync requests of one database."""

    def __init__(self, database: Database, clock: Clock, new_id: Callable[[], str]) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id

    async def ask(self, sync: Request | None, forget: str | None) -> str:
        """Leave a request; return its id."""
        name = self._new_id()
        row = {"id": name, "asked_at": self._clock(), "request": json.dumps(_as_data(sync, forget))}
        async with self._database.write() as connection:
            await connection.execute(self._database.insert(sync_requests_table).values(row))
        return name

    async def waiting(self) -> list[SyncRequest]:
        """Return the requests that nobody has answered, oldest first."""
        fresh = sync_requests_table.c.asked_at > self._clock() - STALE_S
        rows = (
            select(sync_requests_table)
            .where(sync_requests_table.c.report.is_(None), fresh)
            .order_by(sync_requests_table.c.asked_at)
        )
        async with self._database.read() as connection:
            return [_from_data(row.id, json.loads(row.request)) for row in await connection.execute(rows)]

    async def report(self, name: str, outcome: Outcome) -> None:
        """Answer a request."""
        mine = sync_requests_table.c.id == name
        async with self._database.write() as connection:
            await connection.execute(
                update(sync_requests_table).where(mine).values(report=json.dumps(_outcome_as_data(outcome)))
            )

    async def answer(self, name: str) -> Outcome | None:
        """Return the answer to a request, or None while there is none."""
        rows = select(sync_requests_table.c.report).where(sync_requests_table.c.id == name)
        async with self._database.read() as connection:
            report = await connection.scalar(rows)
        return None if report is None else _outcome_from_data(json.loads(report))


def _as_data(sync: Request | None, forget: str | None) -> dict[str, object]:
    if sync is None:
        return {"forget": forget}
    return {"given": [str(path) for path in sync.given], "excludes": sync.excludes, "sure": sync.sure}


def _from_data(name: str, data: dict[str, Any]) -> SyncRequest:
    if "forget" in data:
        return SyncRequest(name, None, data["forget"])
    given = tuple(Path(path) for path in data["given"])
    return SyncRequest(name, Request(given, tuple(data["excludes"]), sure=data["sure"]), None)


def _outcome_as_data(outcome: Outcome) -> dict[str, object]:
    return asdict(outcome)


def _outcome_from_data(data: dict[str, Any]) -> Outcome:
    report = Report(**{**data["report"], "notes": [Note(path, words) for path, words in data["report"]["notes"]]})
    return Outcome(**{**data, "report": report})
