"""The bot and Slack in one process and in virtual time: no sockets, no threads, no waiting, the same run for one seed.

Slack's methods and memory are the workspace's own; the bot's code is all of it but bolt. Calls may fail before or after
their effect, history may lag, and the bot may die at any call or commit and start again on what it had committed.
"""

import asyncio
import functools
import random
import selectors
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import aiohttp
import aiosqlite
from slack_sdk.errors import SlackApiError
from sqlalchemy import StaticPool, create_engine
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.ext.asyncio import create_async_engine

from bot.journal.inbox import Inbox
from bot.journal.journal import Journal
from bot.journal.notices import Notices
from bot.journal.outbox import Outbox
from bot.journal.threads import Threads
from bot.slack.app import SlackBot, Surfaces, Watched
from bot.slack.calls import WebCalls
from bot.slack.socket import SocketMode
from bot.workspace import Channel, Refused, Seed, Workspace
from bot.workspace.arguments import Arguments
from bot.workspace.rate import Lenient, Rate
from ingest.database import Database, _begin_as_told, _tune_sqlite, metadata
from tests.bot.slack.room import Reading
from tests.fakes.slack import BOB, COPILOT, READING, TOWN

T = TypeVar("T")
Payload = dict[str, Any]

BEGIN = 1_795_000_000.0
"""When virtual time begins: 2026-11-18 10:26:40 UTC."""

DM_BOB = "D0BOB"
BOTH = replace(TOWN, channels=(*TOWN.channels, Channel(DM_BOB, "copilot", frozenset({BOB, COPILOT}), direct=BOB)))
"""A town in which both people have a direct message with the bot."""

ACK_S = 3.0
RETRY_S = (1.0, 60.0, 300.0)
"""Slack's waits before it sends an event again (bot.limits.RETRY_AFTER_S)."""


# Time


class Stuck(Exception):
    """Nothing can happen any more, and somebody still waits."""


class Jumping(selectors.SelectSelector):
    """A selector that never waits: it moves the time on instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        """Return what is ready; else let the time pass at once. Raises Stuck when there is nothing to wait for."""
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise Stuck
        self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when nobody has anything to do."""

    def __init__(self) -> None:
        self._jumping = Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the virtual time, in seconds from 0."""
        return self._jumping.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` in virtual time and return its result."""
    loop = VirtualLoop()
    loop.set_exception_handler(_unless_dead)
    try:
        return loop.run_until_complete(main)
    finally:
        with suppress(Stuck):
            loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _unless_dead(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), Dead):
        loop.default_exception_handler(context)


def now() -> float:
    """Return the virtual time as a clock tells it: seconds since 1970 UTC."""
    return BEGIN + asyncio.get_running_loop().time()


# Faults


@dataclass(frozen=True, slots=True)
class Trouble:
    """What one call meets. `error` is Slack's word; `status` an HTTP status; `lost` no answer at all.

    `after` lets the call take effect first; `slow_s` is how long the answer takes; `stops` ends the message's stream.
    """

    error: str | None = None
    status: int = 200
    retry_after_s: int | None = None
    lost: bool = False
    refused: bool = False
    after: bool = False
    slow_s: float = 0.0
    stops: bool = False


@dataclass(slots=True)
class Faults:
    """Troubles by method and how many calls of it come first; and the places where the bot dies, by their number.

    A place is a Slack call or a commit, before and after its effect: the number counts them from 0.
    """

    troubles: dict[tuple[str, int], Trouble] = field(default_factory=dict)
    deaths: set[int] = field(default_factory=set)
    always: dict[str, Trouble] = field(default_factory=dict)
    lag_s: float = 0.0


class Dead(Exception):
    """The process is gone: nothing that it still tries has an effect."""


@dataclass(eq=False)
class Life:
    """One life of the bot's process."""

    dead: asyncio.Event = field(default_factory=asyncio.Event)
    files: list[sqlite3.Connection] = field(default_factory=list)
    immortal: bool = False

    def end(self) -> None:
        """Let go of what the process had open; what was not committed is gone."""
        self.dead.set()
        for file in self.files:
            with suppress(sqlite3.Error):
                file.rollback()
                file.close()


# The database, without threads


class Inline(aiosqlite.Connection):
    """A driver's connection that works at once, in the loop; `commit` is a place to die."""

    def __init__(self, path: Path, life: Life, world: "World") -> None:
        super().__init__(lambda: sqlite3.connect(path, check_same_thread=False), 64)
        self._life = life
        self._world = world
        self._tx = SimpleNamespace(put_nowait=_now)  # type: ignore[assignment]  # SQLAlchemy speaks to the queue itself

    def __await__(self) -> Any:
        return self._opened().__await__()

    async def _opened(self) -> "Inline":
        self._connection = self._connector()
        self._life.files.append(self._connection)
        return self

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self._life.dead.is_set():
            raise sqlite3.OperationalError("the process is dead")
        if self._world.rng.random() < 0.3:
            await asyncio.sleep(0)  # so that others come in between, as they do with threads
        return fn(*args, **kwargs)

    async def commit(self) -> None:
        """Commit; the process may die before or after."""
        try:
            self._world.place(self._life)
            await super().commit()
            self._world.place(self._life)
        except Dead as dead:
            raise sqlite3.OperationalError("the process is dead") from dead

    def __del__(self) -> None:
        """Say nothing: a dead process closes nothing."""

    def stop(self) -> None:
        """Close."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def close(self) -> None:
        """Close."""
        self.stop()


def _now(work: tuple[asyncio.Future[Any], Callable[[], Any]]) -> None:
    future, function = work
    future.set_result(function())


# Slack, without HTTP


class Client:
    """Slack's Web API as slack_sdk's client offers it: every method by its name with underscores."""

    base_url = "http://127.0.0.1/api/"
    proxy = None

    def __init__(self, slack: "Slack", life: Life) -> None:
        self._slack = slack
        self._life = life

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = self._slack.names[name]

        async def call(**arguments: Any) -> Any:
            given = {key: value for key, value in arguments.items() if value is not None}
            data = await self._slack.answered(self._life, method, lambda: self._slack.done(method, given), given)
            return SimpleNamespace(data=data)

        return call


class Session:
    """What an aiohttp session is to a `response_url`."""

    def __init__(self, slack: "Slack", life: Life) -> None:
        self._slack = slack
        self._life = life

    @asynccontextmanager
    async def post(self, url: str, *, json: Payload, **_options: Any) -> Any:
        """Post to the url; yield the status."""
        secret = url.rpartition("/")[2]
        try:
            await self._slack.answered(self._life, "respond", lambda: self._slack.respond(secret, json), json)
        except SlackApiError as error:
            refused = error.response.status_code if error.response.status_code != 200 else 404
            yield SimpleNamespace(status=refused, headers=error.response.headers)
        else:
            yield SimpleNamespace(status=200, headers={})


@dataclass(frozen=True, slots=True)
class Called:
    """A call that reached Slack: what Slack itself said, `refused` being its word of refusal, and when."""

    method: str
    args: Payload
    refused: str | None
    at: float


class Slack:
    """The workspace's parts, called directly. `calls` holds what reached them, `limited` how many came too early."""

    def __init__(self, folder: Path, world: "World", rate: Rate | None, seed: Seed) -> None:
        self._world = world
        self._rate = rate or Lenient()
        self.workspace = Workspace(folder, clock=now, new_id=world.new_id, new_secret=world.new_id, seed=seed)
        app = self.workspace._application(Memory())  # type: ignore[arg-type]
        self._responses = next(
            handler.__self__ for handler in _handlers(app) if type(handler.__self__).__name__ == "Responses"
        )
        self._api = next(handler.__self__ for handler in _handlers(app) if type(handler.__self__).__name__ == "WebApi")
        self.names = {name.replace(".", "_"): name for name in self._api._known}
        self.workspace.gestures._sockets = world
        self.calls: list[Called] = []
        self.limited = 0
        self.counts: Counter[str] = Counter()
        self.open_streams: set[str] = set()

    @property
    def state(self) -> Any:
        """The workspace's memory."""
        return self.workspace.state

    def done(self, method: str, args: Payload) -> Payload:
        """Let a call take effect; return its answer."""
        wait_s = self._rate.wait_s(method, args.get("channel"), now())
        if wait_s > 0:
            self.limited += 1
            raise _api_error("ratelimited", 429, {"Retry-After": str(int(wait_s) + 1)})
        answer = self._refused_or(method, args, lambda: self._api._known[method](Arguments(args)))
        if method in READING and self._world.faults.lag_s:
            oldest = now() - self._world.faults.lag_s
            answer["messages"] = [m for m in answer["messages"] if "bot_id" not in m or float(m["ts"]) < oldest]
        return {"ok": True} | answer

    def respond(self, secret: str, body: Payload) -> Payload:
        """Let a post to a response_url take effect."""

        def effect() -> Payload:
            self._responses.respond(self._responses._place(secret), Arguments(body))
            return {}

        return self._refused_or("respond", body, effect)

    async def answered(self, life: Life, method: str, effect: Callable[[], Payload], args: Payload) -> Payload:
        """Return a call's answer, or what the plan lets it meet; a place to die before and after."""
        if life.dead.is_set():
            raise Dead
        self._world.place(life)
        number, self.counts[method] = self.counts[method], self.counts[method] + 1
        faults = self._world.faults
        trouble = faults.troubles.get((method, number)) or faults.always.get(method)
        if trouble is not None and trouble.error == "msg_too_long" and not args.get("markdown_text"):
            trouble = None  # nothing is too long for Slack that says nothing
        latency_s = self._world.rng.uniform(0.02, 0.2)
        if trouble is None:
            await asyncio.sleep(latency_s)
            self._alive(life)
            answer = effect()
            self._world.place(life)
            return answer
        return await self._troubled(life, trouble, effect, args)

    async def _troubled(self, life: Life, trouble: Trouble, effect: Callable[[], Payload], args: Payload) -> Payload:
        answer: Payload = {"ok": True}
        if trouble.stops and (message := self.state.find(args.get("channel"), args.get("ts"))):
            self.state.put(args["channel"], message | {"streaming_state": "completed"})
        if not trouble.after:
            await asyncio.sleep(trouble.slow_s)
            self._alive(life)
        if trouble.after or not _fails(trouble):
            answer = effect()
            self._world.place(life)
        if trouble.after:
            await asyncio.sleep(trouble.slow_s)
            self._alive(life)
        if trouble.refused:
            raise aiohttp.ClientConnectorError(SimpleNamespace(ssl=None), OSError("refused"))  # type: ignore[arg-type]
        if trouble.lost:
            raise aiohttp.ServerDisconnectedError
        if trouble.status != 200 or trouble.error:
            headers = {} if trouble.retry_after_s is None else {"Retry-After": str(trouble.retry_after_s)}
            raise _api_error(trouble.error, trouble.status, headers)
        return answer

    def _alive(self, life: Life) -> None:
        if life.dead.is_set():
            raise Dead

    def _refused_or(self, method: str, args: Payload, effect: Callable[[], Payload]) -> Payload:
        try:
            answer = effect()
        except Refused as refused:
            self.calls.append(Called(method, args, refused.code, now()))
            status = 404 if method == "respond" else 200
            raise _api_error(refused.code, status, {}) from refused
        self.calls.append(Called(method, args, None, now()))
        return answer


def _fails(trouble: Trouble) -> bool:
    return trouble.refused or trouble.lost or trouble.status != 200 or trouble.error is not None


def _api_error(code: str | None, status: int, headers: Mapping[str, str]) -> SlackApiError:
    data: Any = {"ok": False, "error": code} if code else "<html>Service Unavailable</html>"
    response = SimpleNamespace(status_code=status, data=data, headers=headers, get=lambda key, default=None: default)
    return SlackApiError("scripted", response)


def _is_bound(handler: Any) -> bool:
    return hasattr(handler, "__self__")


def _handlers(app: Any) -> Iterator[Any]:
    return (route.handler for route in app.router.routes() if _is_bound(route.handler))


class Memory:
    """A store that forgets."""

    def messages(self) -> list[Any]:
        """Nothing was said before."""
        return []

    def put_message(self, _channel: str, _message: Payload) -> None:
        """Keep nothing."""

    def drop_message(self, _channel: str, _ts: str) -> None:
        """Forget nothing."""


# The bot, without bolt


class Bot(SlackBot):
    """The bot with all that it has but bolt and its socket."""

    def __init__(self, client: Client, session: Session, **given: Any) -> None:
        super().__init__(bot_token="xoxb-1", transport=SocketMode("xapp-1"), api_url=Client.base_url, **given)
        self._client = client
        self._web_session = session

    async def start(self) -> None:
        """Start as the real one does."""
        self._calls = WebCalls(self._client, self._web_session)  # type: ignore[arg-type]
        self._me = await self._signed_in()
        self._build(self._calls)
        self.ears = self._listeners()
        left = await self._ledger.inbox.unfinished()
        await self._sender.recover()
        for taken in left:
            self._work(taken)
        self._listening = True
        self._keeper.start()

    async def hear(self, payload: Payload) -> None:
        """Take an event in as the middleware and the listener do. Returns once it would be acknowledged."""
        context: Payload = {}

        async def heard() -> None:
            await self.ears._heard(context)  # type: ignore[arg-type]

        await self.ears._take_in(payload, context, heard)  # type: ignore[arg-type]

    async def press(self, payload: Payload) -> None:
        """Take a press in. Returns once it would be acknowledged."""
        context: Payload = {}

        async def pressed() -> None:
            await self.ears._pressed(_nothing_said, context)  # type: ignore[arg-type]

        work = asyncio.create_task(self.ears._take_in(payload, context, pressed))  # type: ignore[arg-type]
        await asyncio.wait([work])
        if work.cancelled() or work.exception() is not None:
            raise Dead

    async def command(self, payload: Payload) -> Payload:
        """Take a slash command in; return what it is acknowledged with."""
        context: Payload = {}
        said: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()

        async def ack(**words: Any) -> None:
            said.set_result(words)

        async def commanded() -> None:
            await self.ears._commanded(ack, context)  # type: ignore[arg-type]

        work = asyncio.create_task(self.ears._take_in(payload, context, commanded))  # type: ignore[arg-type]
        await asyncio.wait([said, work], return_when=asyncio.FIRST_COMPLETED)
        if not said.done():
            raise Dead
        return said.result()


Answer = Callable[[Journal], Any]
"""Makes who answers, over a journal."""


class World:
    """Slack, the bot's disk, and the lives of the bot. Also Slack's way to the bot: `emit` and `ask`.

    `places` counts the places to die that were passed, `rested` those before all work was done.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        faults: Faults,
        answers: Answer,
        *,
        counts: Any,
        rate: Rate | None = None,
        seed_of: Seed | None = None,
        watching: Callable[[Database], Watched] | None = None,
    ) -> None:
        """`watching` makes what the bot watches, anew in each of its lives."""
        self._watching = watching
        self.rng = random.Random(seed)
        self.faults = faults
        self.counts = counts
        self.places = 0
        self.rested = 0
        self.deaths = 0
        self._answers = answers
        self._path = folder / "bot.sqlite"
        self._names = 0
        self._waiting: set[asyncio.Task[None]] = set()
        self._life = Life()
        self._others: list[Life] = []
        self._born = asyncio.Event()
        self._bot: Bot | None = None
        self.database: Database
        self.slack = Slack(folder / "slack", self, rate, seed_of or BOTH)
        self._path.write_bytes(_blank())

    async def end(self) -> None:
        """End the bot for good, with work left or without, and every task but the caller's."""
        if self._bot is not None:
            self._bot._desk.close()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in others:
                task.cancel()
            await asyncio.wait(others)
        for life in (self._life, *self._others):
            life.end()

    def open_rows(self) -> int:
        """Return how many rows of inbox and outbox are not at their end."""
        file = sqlite3.connect(self._path)
        try:
            return int(file.execute(OPEN_ROWS).fetchone()[0])
        finally:
            file.close()

    def new_id(self) -> str:
        """Return an id that no other has, the same in every run."""
        self._names += 1
        return f"{self._names:08d}id"

    def place(self, life: Life) -> None:
        """Pass a place where the process may die. Raises Dead if it does, or did."""
        if life.immortal:
            return
        if life.dead.is_set():
            raise Dead
        if self.places in self.faults.deaths:
            self.places += 1
            life.dead.set()
            raise Dead
        self.places += 1

    # The bot's lives

    async def live(self) -> None:
        """Let the bot live, die and live again. Never returns."""
        me = asyncio.current_task()
        while True:
            others = asyncio.all_tasks()
            self._life = life = Life()
            self.database = self._opened(life)
            start = asyncio.create_task(self._start(life))
            await asyncio.wait(
                [start, dying := asyncio.create_task(life.dead.wait())], return_when=asyncio.FIRST_COMPLETED
            )
            if not life.dead.is_set():
                start.result()
            await dying
            self._born.clear()
            self._bot = None
            self.deaths += 1
            mine = asyncio.all_tasks() - others - self._waiting - {me}
            for task in mine:
                task.cancel()
            await asyncio.gather(*mine, return_exceptions=True)
            life.end()
            await asyncio.sleep(self.rng.uniform(0.5, 20.0))

    async def _start(self, life: Life) -> None:
        journal = Journal(self.database)
        outbox = Outbox(self.database, now)
        answers = self._answers(journal)
        reading = Reading()
        surfaces = Surfaces(
            threads=Threads(self.database),
            similar=answers.answer,
            runbook=answers.answer,
            vitals=_nothing,
            documents=_no_documents,
            labels=lambda: reading.labels,
            route=reading.route,
            may_hear=reading.may_hear,
            may_read=reading.may_read,
            owner=Notices(outbox, None, now),
            watched=None if self._watching is None else self._watching(self.database),
        )
        bot = Bot(
            Client(self.slack, life),
            Session(self.slack, life),
            answers=answers,
            journal=journal,
            inbox=Inbox(self.database, now, self.new_id),
            outbox=outbox,
            lines=None,
            counts=self.counts,
            surfaces=surfaces,
            clock=now,
            rng=self.rng,
        )
        with suppress(Dead):
            await bot.start()
            self._bot = bot
            self._born.set()

    def _opened(self, life: Life) -> Database:
        engine = create_async_engine(
            f"sqlite+aiosqlite:///{self._path}", async_creator=lambda: Inline(self._path, life, self)._opened()
        )
        sqlalchemy_event.listen(engine.sync_engine, "connect", _tune_sqlite)
        sqlalchemy_event.listen(engine.sync_engine, "connect", _careless)
        sqlalchemy_event.listen(engine.sync_engine, "begin", _begin_as_told)
        return Database(engine)

    def beside(self) -> Database:
        """Return the same database for somebody who never dies, such as a scan in another process."""
        life = Life(immortal=True)
        self._others.append(life)
        return self._opened(life)

    # Slack's way to the bot

    def emit(self, payload: Payload) -> None:
        """Bring an event to the bot, again and again until it is acknowledged, as Slack does."""
        task = asyncio.get_running_loop().create_task(self._deliver(payload))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def ask(self, kind: str, payload: Payload) -> Payload | None:
        """Bring a command or a press to the bot once."""
        bot = self._bot
        if bot is None:
            raise Dead
        async with asyncio.timeout(ACK_S):
            if kind == "slash_commands":
                return await bot.command(payload)
            assert payload["type"] == "block_actions"
            await bot.press(payload)
        return None

    def wake(self, channels: Iterable[str]) -> None:
        """Say that something is to be posted or edited, as a scan does; nobody hears it while the bot is dead."""
        if self._bot is not None:
            self._bot.wake(channels)

    @property
    def undelivered(self) -> int:
        """How many events are still on their way."""
        return len(self._waiting)

    async def _deliver(self, payload: Payload) -> None:
        for wait_s in (*RETRY_S, 0.0):
            await asyncio.sleep(self.rng.uniform(0.01, 0.1))
            await self._born.wait()
            bot = self._bot
            if bot is None:
                continue
            hearing = asyncio.create_task(bot.hear(payload))
            await asyncio.wait([hearing], timeout=ACK_S)
            if hearing.done() and not hearing.cancelled() and hearing.exception() is None:
                return
            await asyncio.sleep(wait_s)


OPEN_ROWS = (
    "SELECT (SELECT count(*) FROM inbox WHERE state = 'new')"
    " + (SELECT count(*) FROM outbox WHERE state IN ('new', 'sending'))"
)


@functools.cache
def _blank() -> bytes:
    """Return a database file with all tables: made once, since that takes longer than many a plan."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    metadata.create_all(engine)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        file: bytes = driver.serialize()
    engine.dispose()
    return file


def _careless(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=OFF")  # nobody cuts the power
    cursor.close()


async def _nothing_said(**_words: Any) -> None:
    """Acknowledge."""


async def _nothing() -> Sequence[Any]:
    return ()


async def _no_documents() -> Mapping[str, int]:
    return defaultdict(int)
