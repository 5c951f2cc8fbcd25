"""The home of documents in the database: roots, documents, chunks and vectors. Knows no files and no index."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    RowMapping,
    String,
    Table,
    Text,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest.database import Database, metadata
from ingest.types import Chunk, Document

Vector = npt.NDArray[np.float32]

roots_table = Table(
    "roots",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("location", Text, nullable=False),
    Column("excludes", Text, nullable=False),
    Column("origin", String(16), nullable=False),
    Column("synced_at", Float),
)
documents_table = Table(
    "documents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("root", String(200), ForeignKey("roots.name"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("body_line", Integer, nullable=False),
    Column("services", Text, nullable=False),
    Column("severity", String(16)),
    Column("owner", Text),
    Column("audience", Text, nullable=False),
    Column("reviewed", String(10)),
    Column("fingerprint", String(64), nullable=False),
    Column("card_hash", String(64), nullable=False),
    Column("problems", Text, nullable=False),
)
chunks_table = Table(
    "chunks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("document_id", Text, ForeignKey("documents.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("ordinal", Integer, nullable=False),
    Column("heading", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("start_line", Integer, nullable=False),
    Column("end_line", Integer, nullable=False),
    Column("vector_hash", String(64), nullable=False),
)
vectors_table = Table(
    "vectors",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("vector", LargeBinary, nullable=False),
)
chroma_changes_table = Table(
    "chroma_changes",
    metadata,
    Column("chunk_id", String(32), primary_key=True),
    Column("gone", Boolean, nullable=False),
)
knowledge_table = Table(
    "knowledge",
    metadata,
    Column("only", Integer, primary_key=True),
    Column("revision", Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Root:
    """A remembered source. `origin`: `example` (ships with us), `configured` (settings) or `given` (on the command)."""

    name: str
    location: str
    excludes: tuple[str, ...]
    origin: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A document and its chunks, ready to be written. `hashes` are the chunks' vectors, in their order."""

    document: Document
    fingerprint: str
    problems: tuple[str, ...]
    card_hash: str
    chunks: tuple[Chunk, ...]
    hashes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What sync needs to know of a stored document."""

    fingerprint: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One chunk with the facts of its document that search filters by and shows."""

    chunk: Chunk
    vector_hash: str


@dataclass(frozen=True, slots=True)
class Contents:
    """All that search needs, read in one transaction. `vectors` is float32[n, d], rows in the order of `order`."""

    revision: int
    documents: dict[str, Document]
    card_hashes: dict[str, str]
    rows: list[Row]
    order: dict[str, int]
    vectors: Vector


class Library:
    """Documents in the database. Every method is one transaction, but those that take a connection."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def roots(self) -> list[Root]:
        """Return the remembered roots by name."""
        async with self.database.read() as connection:
            rows = await connection.execute(select(roots_table).order_by(roots_table.c.name))
            return [Root(row.name, row.location, tuple(json.loads(row.excludes)), row.origin) for row in rows]

    async def remember(self, root: Root) -> None:
        """Store a root, or what changed about it."""
        values = {"location": root.location, "excludes": json.dumps(root.excludes), "origin": root.origin}
        statement = self.database.insert(roots_table).values(name=root.name, **values)
        async with self.database.write() as connection:
            await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))

    async def forget(self, name: str) -> int:
        """Drop a root and all its documents; return how many there were."""
        async with self.database.write() as connection:
            ids = list(await connection.scalars(select(documents_table.c.id).where(documents_table.c.root == name)))
            await self._drop(connection, ids)
            await connection.execute(delete(roots_table).where(roots_table.c.name == name))
            return len(ids)

    async def known(self, root: str) -> dict[str, Known]:
        """Return the stored documents of a root by id."""
        columns = (documents_table.c.id, documents_table.c.fingerprint, documents_table.c.problems)
        async with self.database.read() as connection:
            rows = await connection.execute(select(*columns).where(documents_table.c.root == root))
            return {row.id: Known(row.fingerprint, tuple(json.loads(row.problems))) for row in rows}

    async def have_vectors(self, hashes: Iterable[str]) -> set[str]:
        """Return which of these vectors are stored already."""
        wanted, found = sorted(set(hashes)), set[str]()
        async with self.database.read() as connection:
            for part in _parts(wanted):
                found.update(
                    await connection.scalars(select(vectors_table.c.hash).where(vectors_table.c.hash.in_(part)))
                )
        return found

    async def write(self, stored: Sequence[Stored], vectors: dict[str, Vector]) -> None:
        """Write documents with their new vectors and what Chroma must hear of it, all or nothing."""
        if not stored:
            return
        async with self.database.write() as connection:
            if vectors:
                rows = [{"hash": key, "vector": vector.tobytes()} for key, vector in vectors.items()]
                await connection.execute(self.database.insert(vectors_table).on_conflict_do_nothing(), rows)
            for one in stored:
                await self._write_one(connection, one)
            await self._bump(connection)

    async def drop(self, ids: Sequence[str]) -> None:
        """Remove documents with their chunks; Chroma will hear of it."""
        if ids:
            async with self.database.write() as connection:
                await self._drop(connection, ids)

    async def finish(self, root: str, at: float) -> None:
        """Mark a root as synced at `at` (seconds since 1970 UTC) and drop vectors that nothing refers to."""
        used = select(chunks_table.c.vector_hash).union(select(documents_table.c.card_hash))
        async with self.database.write() as connection:
            await connection.execute(update(roots_table).where(roots_table.c.name == root).values(synced_at=at))
            await connection.execute(delete(vectors_table).where(vectors_table.c.hash.not_in(used)))

    async def revision(self) -> int:
        """Return a number that grows with every change of the documents; 0 before the first."""
        async with self.database.read() as connection:
            return int(await connection.scalar(select(knowledge_table.c.revision)) or 0)

    async def counts(self) -> dict[str, int]:
        """Return how many documents there are, by kind, and how many chunks (`chunks`)."""
        async with self.database.read() as connection:
            kinds = await connection.execute(
                select(documents_table.c.kind, func.count()).group_by(documents_table.c.kind)
            )
            counts = {str(kind): int(number) for kind, number in kinds}
            counts["chunks"] = int(await connection.scalar(select(func.count()).select_from(chunks_table)) or 0)
            return counts

    async def titles(self) -> list[tuple[str, str, str]]:
        """Return (path, kind, title) of every document in path order."""
        columns = (documents_table.c.id, documents_table.c.kind, documents_table.c.title)
        async with self.database.read() as connection:
            rows = await connection.execute(select(*columns).order_by(documents_table.c.id))
            return [(row.id, row.kind, row.title) for row in rows]

    async def last_synced(self) -> float | None:
        """Return when every root was synced, as the oldest of their times; None before the first or without roots."""
        async with self.database.read() as connection:
            times = list(await connection.scalars(select(roots_table.c.synced_at)))
            return None if not times or None in times else min(times)

    async def contents(self) -> Contents:
        """Read everything that search needs, as one consistent state."""
        chunk_order = (chunks_table.c.document_id, chunks_table.c.ordinal)
        async with self.database.read() as connection:
            revision = int(await connection.scalar(select(knowledge_table.c.revision)) or 0)
            documents = (await connection.execute(select(documents_table))).mappings().all()
            chunks = (await connection.execute(select(chunks_table).order_by(*chunk_order))).all()
            vectors = (await connection.execute(select(vectors_table))).all()
        matrix = np.frombuffer(b"".join(row.vector for row in vectors), dtype=np.float32)
        return Contents(
            revision=revision,
            documents={row["id"]: _document(row) for row in documents},
            card_hashes={row["id"]: row["card_hash"] for row in documents},
            rows=[Row(Chunk(*row[:7]), row.vector_hash) for row in chunks],
            order={row.hash: index for index, row in enumerate(vectors)},
            vectors=matrix.reshape(len(vectors), -1) if vectors else matrix.reshape(0, 0),
        )

    async def lines(self, path: str, start_line: int, end_line: int) -> str | None:
        """Return lines of a document as stored (redacted), both ends included, or None when it is gone."""
        async with self.database.read() as connection:
            text = await connection.scalar(select(documents_table.c.text).where(documents_table.c.id == path))
        return None if text is None else "\n".join(text.split("\n")[max(start_line, 1) - 1 : end_line])

    async def audiences(self, paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return who may read each of these documents now, by path; one that is gone is not in it."""
        found: dict[str, tuple[str, ...]] = {}
        columns = (documents_table.c.id, documents_table.c.audience)
        async with self.database.read() as connection:
            for part in _parts(sorted(set(paths))):
                rows = await connection.execute(select(*columns).where(documents_table.c.id.in_(part)))
                found |= {row.id: tuple(json.loads(row.audience)) for row in rows}
        return found

    async def _write_one(self, connection: AsyncConnection, stored: Stored) -> None:
        values = _values(stored)
        await connection.execute(
            self.database.insert(documents_table)
            .values(values)
            .on_conflict_do_update(index_elements=["id"], set_={key: values[key] for key in values if key != "id"})
        )
        mine = chunks_table.c.document_id == stored.document.id
        before = set(await connection.scalars(select(chunks_table.c.id).where(mine)))
        after = {chunk.id for chunk in stored.chunks}
        await connection.execute(delete(chunks_table).where(mine))
        if stored.chunks:
            await connection.execute(self.database.insert(chunks_table), _chunk_values(stored))
        await self._tell_chroma(connection, after - before, gone=False)
        await self._tell_chroma(connection, before - after, gone=True)

    async def _drop(self, connection: AsyncConnection, ids: Sequence[str]) -> None:
        for part in _parts(ids):
            theirs = chunks_table.c.document_id.in_(part)
            await self._tell_chroma(
                connection, list(await connection.scalars(select(chunks_table.c.id).where(theirs))), gone=True
            )
            await connection.execute(delete(chunks_table).where(theirs))
            await connection.execute(delete(documents_table).where(documents_table.c.id.in_(part)))
        await self._bump(connection)

    async def _tell_chroma(self, connection: AsyncConnection, ids: Iterable[str], *, gone: bool) -> None:
        rows = [{"chunk_id": chunk_id, "gone": gone} for chunk_id in sorted(ids)]
        if rows:
            statement = self.database.insert(chroma_changes_table)
            await connection.execute(
                statement.on_conflict_do_update(index_elements=["chunk_id"], set_={"gone": statement.excluded.gone}),
                rows,
            )

    async def _bump(self, connection: AsyncConnection) -> None:
        statement = self.database.insert(knowledge_table).values(only=1, revision=1)
        await connection.execute(
            statement.on_conflict_do_update(index_elements=["only"], set_={"revision": knowledge_table.c.revision + 1})
        )


def _parts(values: Sequence[str], size: int = 500) -> Iterable[Sequence[str]]:
    """Split for `IN (...)`: SQLite before 3.32 takes 999 parameters at most."""
    return (values[start : start + size] for start in range(0, len(values), size))


def _values(stored: Stored) -> dict[str, object]:
    document = stored.document
    return {
        "id": document.id,
        "root": document.root,
        "kind": document.kind,
        "title": document.title,
        "text": document.text,
        "body_line": document.body_line,
        "services": json.dumps(document.services),
        "severity": document.severity,
        "owner": document.owner,
        "audience": json.dumps(document.audience),
        "reviewed": document.reviewed.isoformat() if document.reviewed else None,
        "fingerprint": stored.fingerprint,
        "card_hash": stored.card_hash,
        "problems": json.dumps(stored.problems),
    }


def _chunk_values(stored: Stored) -> list[dict[str, object]]:
    return [
        {
            "id": chunk.id,
            "document_id": chunk.document_id,
            "ordinal": chunk.ordinal,
            "heading": chunk.heading,
            "text": chunk.text,
            "start_line": chunk.start_line,
            "end_line": chunk.end_line,
            "vector_hash": vector_hash,
        }
        for chunk, vector_hash in zip(stored.chunks, stored.hashes, strict=True)
    ]


def _document(row: RowMapping) -> Document:
    return Document(
        id=row["id"],
        root=row["root"],
        kind=row["kind"],
        title=row["title"],
        text=row["text"],
        body_line=row["body_line"],
        services=tuple(json.loads(row["services"])),
        severity=row["severity"],
        owner=row["owner"],
        audience=tuple(json.loads(row["audience"])),
        reviewed=date.fromisoformat(row["reviewed"]) if row["reviewed"] else None,
    )
