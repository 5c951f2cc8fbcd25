"""The house that every command stands in: database, documents, journal, index, and who words the answers."""

import asyncio
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from bot.answer.answer import Answerer
from bot.answer.budget import Books, Budget, Counts
from bot.build.matters import Matters, matters_of
from bot.build.now import happening
from bot.claude.client import Claude, Writer
from bot.claude.quotes import Quotes
from bot.errors import BotError
from bot.journal.inbox import Inbox
from bot.journal.journal import Journal
from bot.journal.notices import Notices
from bot.journal.outbox import Outbox
from bot.journal.replica import ALONE, replica_of
from bot.journal.spent import DAY_S, Limits, Spent
from bot.journal.threads import Threads
from bot.keys import key_of
from bot.migrations import migrate
from bot.requests import Requests
from bot.settings import Role, Settings
from ingest.database import Database
from ingest.documents.audience import Rules
from ingest.documents.store import Library
from ingest.index.chroma import Chroma
from ingest.index.embed import Embedder, MiniLM
from ingest.index.roots import Request
from ingest.index.serve import Index
from ingest.index.sync import Sync
from ingest.redact import Redactor

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
    threads: Threads
    inbox: Inbox
    outbox: Outbox
    notices: Notices
    budget: Budget
    embedder: Embedder
    sync: Sync
    index: Index
    requests: Requests
    redactor: Redactor
    matters: Matters

    async def warm(self) -> None:
        """Load the embedder before the first question needs it."""
        await asyncio.to_thread(self.embedder.embed, ["warm"])

    def request(self, *, sure: bool = False) -> Request:
        """Return the sync of every configured and remembered folder."""
        documents = self.settings.documents
        return Request(configured=documents.folders, configured_excludes=documents.exclude, example=EXAMPLE, sure=sure)

    async def expire(self) -> None:
        """Delete what is older than the journal keeps things."""
        days = self.settings.journal.retention_days
        if days:
            await self.journal.expire(time.time())
            before = time.time() - days * DAY_S
            for room in (self.threads, self.inbox, self.outbox):
                await room.expire(before)
            await self.matters.expire(before)

    def answerer(self, writer: Writer, fault: Callable[[str], None]) -> Answerer:
        """Return the answerer over this house's index; `fault` counts what went wrong by its name."""
        return Answerer(
            search=self.index,
            writer=writer,
            quotes=Quotes(),
            journal=self.journal,
            clock=time.time,
            max_tokens=self.settings.claude.max_tokens,
            fault=fault,
            budget=self.budget,
            redact=self.redactor.redact,
            happening=happening(self.settings, self.database, self.matters),
        )


def embedder() -> Embedder:
    """Return the embedder; its weights load when they are first needed."""
    return MiniLM()


def new_id() -> str:
    """Return a fresh id."""
    return uuid.uuid4().hex


def rules(settings: Settings) -> Rules:
    """Return the settings about who may read which document."""
    return Rules(tuple(settings.documents.audience.items()), settings.slack.names)


@asynccontextmanager
async def database_of(settings: Settings) -> AsyncIterator[Database]:
    """Open the database as it is. Raises BotError when it does not answer."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        if settings.database_url is None and not (settings.data / DATABASE).exists():
            (settings.data / DATABASE).touch(mode=0o600)  # it holds questions, and the key of placeholders
    except OSError as error:
        raise BotError(f"The data folder {settings.data} cannot be made: name another one with --data.") from error
    database = Database.open(settings.database_url or f"sqlite+aiosqlite:///{settings.data / DATABASE}")
    try:
        yield database
    except (DBAPIError, ConnectionRefusedError) as error:
        what = "the disk of the data folder" if database.is_sqlite else "DATABASE_URL and that the server is up"
        raise BotError(f"The database does not answer as it should: check {what}.") from error
    finally:
        await database.close()


@asynccontextmanager
async def opened(settings: Settings, *, chroma: bool = False, counts: Counts | None = None) -> AsyncIterator[House]:
    """Open the database, migrated, and everything that stands on it.

    `chroma` is for an owner of the data folder only; `counts` hears of costs and faults where somebody watches them.
    """
    async with database_of(settings) as database, AsyncExitStack() as stack:
        await migrate(database)
        redactor = Redactor(await key_of(database, secrets.token_bytes))
        model, library = embedder(), Library(database)
        store, owner = None, ALONE
        if chroma:
            owner = ALONE if database.is_sqlite else replica_of(settings.data, new_id)
            store = Chroma(settings.chroma_url or settings.data / "chroma", model.model, model.dimension)
            stack.push_async_callback(store.close)
        journal = Journal(database, retention_days=settings.journal.retention_days)
        outbox = Outbox(database, time.time, owner)
        notices = Notices(outbox, settings.owner, time.time)
        yield House(
            settings=settings,
            database=database,
            library=library,
            journal=journal,
            threads=Threads(database),
            inbox=Inbox(database, time.time, new_id, owner),
            outbox=outbox,
            notices=notices,
            budget=_budget(settings, Spent(database), journal, notices, counts or Unwatched()),
            embedder=model,
            sync=Sync(library, model, time.time, rules(settings), redactor),
            index=Index(library, model, store),
            requests=Requests(database, time.time, new_id),
            redactor=redactor,
            matters=matters_of(settings, database, redactor.redact, owner),
        )


def _budget(settings: Settings, spent: Spent, journal: Journal, notices: Notices, counts: Counts) -> Budget:
    claude = settings.claude
    limits = Limits(claude.daily_usd, claude.per_user_hour)
    return Budget(Books(spent, journal, notices, limits, claude.price_of, counts), time.time)


class Unwatched:
    """Counts for a single command: what went wrong is told by its answer, and nobody adds it up over time."""

    def spent(self, tokens_in: int, tokens_out: int, usd: float) -> None:
        """Let it pass; the ledger has it."""

    def fault(self, name: str) -> None:
        """Let it pass; the answer says it."""


@asynccontextmanager
async def writer_of(settings: Settings, role: Role = "answer") -> AsyncIterator[Writer]:
    """Open Claude where a key or a server is set, in the model of its role, else the quotes."""
    writer = Claude(settings.claude, role=role) if settings.claude.configured else Quotes()
    try:
        yield writer
    finally:
        await writer.close()


@dataclass(frozen=True, slots=True)
class Writers:
    """Who words answers, and who chooses the lines of a summary."""

    answer: Writer
    summary: Writer


async def warm(writer: Writer) -> None:
    """Load what the writer needs before the first question does."""
    if isinstance(writer, Claude):
        await writer.warm()
