"""The house that every command stands in: database, documents, journal, index, and who words the answers."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from bot.answer.answer import Answerer
from bot.claude.client import Claude, Writer
from bot.claude.quotes import Quotes
from bot.errors import BotError
from bot.journal.inbox import Inbox
from bot.journal.journal import Journal
from bot.journal.outbox import Outbox
from bot.migrations import migrate
from bot.requests import Requests
from bot.settings import Settings
from ingest.database import Database
from ingest.documents.store import Library
from ingest.index.chroma import Chroma
from ingest.index.embed import Embedder, MiniLM
from ingest.index.roots import Request
from ingest.index.serve import Index
from ingest.index.sync import Sync

DATABASE = "copilot.sqlite"
EXAMPLE = Path(__file__).resolve().parents[2] / "runbooks"
"""The runbooks that ship; beside the packages in a checkout and in an installed wheel alike."""


@dataclass(frozen=True, slots=True)
class House:
    """What every command shares: the settings and the rooms that stand on the database."""

    settings: Settings
    database: Database
    library: Library
    journal: Journal
    inbox: Inbox
    outbox: Outbox
    embedder: Embedder
    sync: Sync
    index: Index
    requests: Requests

    async def warm(self) -> None:
        """Load the embedder before the first question needs it."""
        await asyncio.to_thread(self.embedder.embed, ["warm"])

    def request(self, *, sure: bool = False) -> Request:
        """Return the sync of every configured and remembered folder."""
        documents = self.settings.documents
        return Request(configured=documents.folders, configured_excludes=documents.exclude, example=EXAMPLE, sure=sure)

    def answerer(self, writer: Writer) -> Answerer:
        """Return the answerer over this house's index."""
        return Answerer(
            search=self.index,
            writer=writer,
            quotes=Quotes(),
            journal=self.journal,
            clock=time.time,
            max_tokens=self.settings.claude.max_tokens,
        )


def embedder() -> Embedder:
    """Return the embedder; its weights load when they are first needed."""
    return MiniLM()


def new_id() -> str:
    """Return a fresh id."""
    return uuid.uuid4().hex


@asynccontextmanager
async def database_of(settings: Settings) -> AsyncIterator[Database]:
    """Open the database as it is. Raises BotError when it does not answer."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BotError(f"The data folder {settings.data} cannot be made: name another one with --data.") from error
    database = Database.open(settings.database_url or f"sqlite+aiosqlite:///{settings.data / DATABASE}")
    try:
        yield database
    except (DBAPIError, ConnectionError) as error:
        what = "the disk of the data folder" if database.is_sqlite else "DATABASE_URL and that the server is up"
        raise BotError(f"The database does not answer as it should: check {what}.") from error
    finally:
        await database.close()


@asynccontextmanager
async def opened(settings: Settings, *, chroma: bool = False) -> AsyncIterator[House]:
    """Open the database, migrated, and everything that stands on it; `chroma` only for an owner of the data folder."""
    async with database_of(settings) as database, AsyncExitStack() as stack:
        await migrate(database)
        model, library = embedder(), Library(database)
        store = None
        if chroma:
            store = Chroma(settings.chroma_url or settings.data / "chroma", model.model, model.dimension)
            stack.push_async_callback(store.close)
        yield House(
            settings=settings,
            database=database,
            library=library,
            journal=Journal(database),
            inbox=Inbox(database, time.time, new_id),
            outbox=Outbox(database, time.time),
            embedder=model,
            sync=Sync(library, model, time.time),
            index=Index(library, model, store),
            requests=Requests(database, time.time, new_id),
        )


@asynccontextmanager
async def writer_of(settings: Settings) -> AsyncIterator[Writer]:
    """Open Claude where a key or a server is set, else the quotes."""
    writer = Claude(settings.claude) if settings.claude.configured else Quotes()
    try:
        yield writer
    finally:
        await writer.close()


async def warm(writer: Writer) -> None:
    """Load what the writer needs before the first question does."""
    if isinstance(writer, Claude):
        await writer.warm()
