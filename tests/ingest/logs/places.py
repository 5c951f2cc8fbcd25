"""Where lines can be put for each kind of source, all alike for the contract suite."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy import text

from ingest.database import Database
from ingest.logs.cloudwatch import CloudWatch
from ingest.logs.files import Files
from ingest.logs.loki import Access, Loki
from ingest.logs.pushed import Pushed, Shelf
from ingest.logs.source import Lasting
from ingest.redact import redacted
from tests.conftest import NOW
from tests.fakes.cloudwatch import REGION, FakeCloudWatch
from tests.fakes.loki import FakeLoki

KINDS = ("file", "vector", "vector-lines", "fluent-bit", "fluent-bit-stream", "otlp", "plain", "cloudwatch", "loki")
"""All but the first and the last two are pushed, in the shape of a shipper."""
STREAM = "shop"

Line = tuple[float, bytes]
"""When a shipper or a store says that a line was written (seconds UTC), and the line."""


class Place(Protocol):
    """Where lines are put, and the source that reads them, in small steps."""

    source: Lasting

    async def write(self, lines: Sequence[Line]) -> None:
        """Put lines there, one after the other."""
        ...

    async def end(self) -> None:
        """Make it unreadable."""
        ...


@asynccontextmanager
async def place_of(
    kind: str, folder: Path, database: Database, aws: FakeCloudWatch, *, step: int = 3
) -> AsyncIterator[Place]:
    """Give a place; its source reads about `step` lines at once."""
    if kind == "file":
        yield _File(folder, step)
    elif kind == "cloudwatch":
        yield _Group(aws, folder.name, step)
    elif kind == "loki":
        async with FakeLoki() as loki:
            yield _Query(loki, step)
    else:
        yield _Shelf(kind, database, step)


class _File:
    def __init__(self, folder: Path, step: int) -> None:
        self._path = folder / f"{STREAM}.log"
        self._path.touch()
        self.source = Files(STREAM, [self._path], block=60 * step)

    async def write(self, lines: Sequence[Line]) -> None:
        with self._path.open("ab") as file:
            file.writelines(line + b"\n" for _, line in lines)

    async def end(self) -> None:
        self._path.unlink()


class _Shelf:
    def __init__(self, kind: str, database: Database, step: int) -> None:
        self._kind = kind
        self._database = database
        self._step = step
        self._shelf = Shelf(database, redacted, lambda: NOW)
        self.source = Pushed(STREAM, database, most=step)

    async def write(self, lines: Sequence[Line]) -> None:
        for start in range(0, len(lines), self._step):
            body, kind = shipped(self._kind, lines[start : start + self._step])
            await self._shelf.put(STREAM, body, kind)

    async def end(self) -> None:
        async with self._database.write() as connection:
            await connection.execute(text("DROP TABLE log_pushed"))


class _Group:
    def __init__(self, aws: FakeCloudWatch, group: str, step: int) -> None:
        self._aws = aws
        self._group = group
        aws.put(group, "one")
        self.source = CloudWatch(STREAM, group, lambda: NOW, region=REGION, endpoint=aws.url, limit=step)

    async def write(self, lines: Sequence[Line]) -> None:
        self._aws.put(self._group, "one", *((round(time * 1000), line.decode()) for time, line in lines))

    async def end(self) -> None:
        self.source = CloudWatch(STREAM, "elsewhere", lambda: NOW, region=REGION, endpoint=self._aws.url)


class _Query:
    def __init__(self, loki: FakeLoki, step: int) -> None:
        self._loki = loki
        self.source = Loki(STREAM, Access(loki.url), '{app="shop"}', lambda: NOW, limit=step)

    async def write(self, lines: Sequence[Line]) -> None:
        self._loki.push({"filename": "shop.log"}, *((round(time * 1e9), line.decode()) for time, line in lines))

    async def end(self) -> None:
        await self._loki.__aexit__()


def shipped(kind: str, lines: Sequence[Line]) -> tuple[bytes, str]:
    """Return lines as a shipper posts them: the body and its content type."""
    if kind == "plain":
        return b"".join(line + b"\n" for _, line in lines), "text/plain"
    if kind == "otlp":
        return json.dumps(_otlp(lines)).encode(), "application/json"
    if kind.startswith("vector"):
        records = [
            {
                "file": "/var/log/shop.log",
                "message": line.decode(),
                "source_type": "file",
                "timestamp": datetime.fromtimestamp(time, UTC).isoformat().replace("+00:00", "Z"),
            }
            for time, line in lines
        ]
    else:
        records = [{"date": time, "log": line.decode()} for time, line in lines]
    if kind == "vector-lines":
        return "".join(json.dumps(record) + "\n" for record in records).encode(), "application/x-ndjson"
    if kind == "fluent-bit-stream":
        return "".join(map(json.dumps, records)).encode(), "application/json"
    return json.dumps(records).encode(), "application/json"


def _otlp(lines: Sequence[Line]) -> object:
    records = [
        {
            "timeUnixNano": str(round(time * 1e9)),
            "observedTimeUnixNano": str(round(time * 1e9)),
            "body": {"stringValue": line.decode()},
            "attributes": [{"key": "log.file.name", "value": {"stringValue": "shop.log"}}],
            "traceId": "",
        }
        for time, line in lines
    ]
    return {"resourceLogs": [{"resource": {"attributes": []}, "scopeLogs": [{"scope": {}, "logRecords": records}]}]}
