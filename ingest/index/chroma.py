"""Chroma as an index of vectors, embedded in a folder or on a server. The only file that names chromadb.

The folder is disposable: it is derived from the database, checked before it serves and rebuilt when it is damaged.
"""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import urlopen

from ingest.documents.store import Vector
from ingest.errors import IndexBroken
from ingest.index.exact import Near

Result = TypeVar("Result")

COLLECTION = "passages"
MOST_ROWS = 5_000
"""Rows a call: Chroma refuses more than 5,461 at once."""

SERVER_S = 10.0
"""How long a server may take for one call. Ours: chromadb itself waits for ever, and questions with it."""

_OPENING = "opening"
"""A damaged folder can kill the process that opens it; this file, left behind, tells the next start."""


class Chroma:
    """One collection of one model's vectors. `place` is a folder of ours or a server's URL.

    A server that takes longer than `patience_s` for one call is out of reach.
    """

    def __init__(self, place: Path | str, model: str, dimension: int, patience_s: float = SERVER_S) -> None:
        self._place = place
        self._patience_s = patience_s
        self._about = {"model": model, "dimension": dimension}
        self._writing = asyncio.Lock()
        self._client: Any = None  # chromadb's ClientAPI, whose types leave out `close`

    async def open(self) -> None:
        """Connect and check that the collection is of our model. Raises IndexBroken when it cannot serve."""
        await self._try(self._open)

    async def opened(self) -> None:
        """Say that the open index has proved itself, so that the next start trusts it."""
        if isinstance(self._place, Path):
            (self._place / _OPENING).unlink(missing_ok=True)

    async def reset(self) -> None:
        """Begin anew with an empty collection. Raises IndexBroken."""
        async with self._writing:
            await self._try(self._reset)

    async def put(self, ids: Sequence[str], vectors: Vector) -> None:
        """Store float32[n, d], rows of unit length. Raises IndexBroken."""
        async with self._writing:
            for start in range(0, len(ids), MOST_ROWS):
                part = slice(start, start + MOST_ROWS)
                await self._try(partial(self._upsert, list(ids[part]), vectors[part]))

    async def drop(self, ids: Sequence[str]) -> None:
        """Remove ids, known or not. Raises IndexBroken."""
        async with self._writing:
            for start in range(0, len(ids), MOST_ROWS):
                part = list(ids[start : start + MOST_ROWS])
                await self._try(partial(self._delete, part))

    async def nearest(self, vector: Vector, limit: int) -> list[Near]:
        """Return up to `limit` (id, cosine), nearest first. Raises IndexBroken."""
        return await self._try(partial(self._nearest, vector, limit))

    async def size(self) -> int:
        """Return how many vectors there are. Raises IndexBroken."""
        return await self._try(self._count)

    async def close(self) -> None:
        """Let go of the folder or the connection."""
        client, self._client = self._client, None
        if client is not None:
            await asyncio.to_thread(_end, client)

    async def _try(self, call: Callable[[], Result]) -> Result:
        try:
            return await asyncio.to_thread(call)
        except IndexBroken:
            raise
        except Exception as error:  # chromadb raises anything, from ValueError to its own and httpx's
            raise IndexBroken(f"Chroma {self._named()} does not answer as it should.") from error

    def _named(self) -> str:
        return f"in {self._place}" if isinstance(self._place, Path) else f"at {self._place}"

    @cached_property
    def _collection(self) -> Any:  # noqa: ANN401 - chromadb's Collection, which only this file may import
        raise IndexBroken(f"Chroma {self._named()} is not open.")

    def _nearest(self, vector: Vector, limit: int) -> list[Near]:
        found = self._collection.query(query_embeddings=[vector], n_results=limit, include=["distances"])
        ids, distances = found["ids"][0], found["distances"][0]
        return [(name, 1.0 - float(distance)) for name, distance in zip(ids, distances, strict=True)]

    def _upsert(self, ids: list[str], vectors: Vector) -> None:
        self._collection.upsert(ids=ids, embeddings=vectors)

    def _delete(self, ids: list[str]) -> None:
        self._collection.delete(ids=ids)

    def _count(self) -> int:
        return int(self._collection.count())

    def _open(self) -> None:
        if isinstance(self._place, Path) and (self._place / _OPENING).exists():
            raise IndexBroken(f"Chroma {self._named()} did not survive its last start.")
        self._connect()

    def _connect(self) -> None:
        client = self._client or _client(self._place, self._patience_s)
        self._client = client
        collection = client.get_or_create_collection(
            COLLECTION,
            metadata=dict(self._about),
            embedding_function=None,
            configuration={"hnsw": {"space": "cosine"}},
        )
        found = {key: (collection.metadata or {}).get(key) for key in self._about}
        if found != self._about:
            raise IndexBroken(f"Chroma {self._named()} holds vectors of {found['model']}, which are never mixed.")
        self.__dict__["_collection"] = collection

    def _reset(self) -> None:
        if isinstance(self._place, Path):
            client, self._client = self._client, None
            if client is not None:
                _end(client)
            _forget_failed_starts()
            _clear(self._place)
        elif self._client is None:
            self._client = _client(self._place, self._patience_s)
        if self._client is not None and COLLECTION in {each.name for each in self._client.list_collections()}:
            self._client.delete_collection(COLLECTION)
        self._connect()


def _clear(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)
    else:
        folder.unlink(missing_ok=True)


def _forget_failed_starts() -> None:
    """Make chromadb open the folder anew: it keeps a client that could not start and hands it out again."""
    from chromadb.api.shared_system_client import SharedSystemClient  # noqa: PLC0415 - see _client

    SharedSystemClient.clear_system_cache()


def _client(place: Path | str, patience_s: float) -> Any:  # noqa: ANN401 - see Chroma._client
    import chromadb  # noqa: PLC0415 - a second of import that only an owner of the index pays
    from chromadb.config import Settings  # noqa: PLC0415

    settings = Settings(anonymized_telemetry=False)
    if isinstance(place, Path):
        place.mkdir(parents=True, exist_ok=True)
        (place / _OPENING).touch()
        return chromadb.PersistentClient(str(place), settings=settings)
    urlopen(f"{place.rstrip('/')}/api/v2/heartbeat", timeout=patience_s).close()  # noqa: S310 - settings take http(s) only
    url = urlsplit(place)
    secure = url.scheme == "https"
    port = url.port or (443 if secure else 8000)
    client = chromadb.HttpClient(url.hostname or "localhost", port, ssl=secure, settings=settings)
    for connections in _connections(client):
        connections.timeout = patience_s
    return client


def _end(client: Any) -> None:  # noqa: ANN401 - see Chroma._client
    connections = _connections(client)
    client.close()
    for each in connections:  # which chromadb leaves open
        each.close()


def _connections(client: Any) -> list[Any]:  # noqa: ANN401 - see Chroma._client
    """Return a client's connections to its server, httpx.Client each; none for a folder."""
    apis = (client._server, client._admin_client._server)  # noqa: SLF001 - chromadb has no way to ask for them
    return [api._session for api in apis if hasattr(api, "_session")]  # noqa: SLF001 - see above
