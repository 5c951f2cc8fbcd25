"""Weeks of one bot, or of two replicas on one database, in minutes: all of it that watches, in virtual time.

Slack is the workspace in memory, a log source is a script of stories, and the test's clock fires the schedule. Calls
fail before or after their effect, Slack is away for hours, processes die at any call or commit and come back later.
"""

import asyncio
import contextvars
import random
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar
from weakref import WeakSet

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.journal.inbox import Inbox
from bot.journal.journal import Journal
from bot.journal.notices import Notices
from bot.journal.outbox import Outbox
from bot.journal.threads import Threads
from bot.schedule.schedule import Schedule
from bot.schedule.timetable import Every
from bot.settings import WatchSettings
from bot.slack.app import Surfaces, Watched
from bot.slack.digests import messages
from bot.watch.alerts import Alerts, Group
from bot.watch.board import Board, detectors_table
from bot.watch.catalogue import Catalogue, Service
from bot.watch.digests import Digests
from bot.watch.gather import Gatherer
from bot.watch.placing import Placer
from bot.watch.preferences import Preferences, Wanted
from bot.watch.presses import Presses
from bot.watch.rejections import Rejections
from bot.watch.rounds import Rounds
from bot.watch.routing import Origin, Rules, Window
from bot.watch.telling import Telling
from bot.watch.watch import Beat, Watch
from bot.workspace import Seed
from bot.workspace.rate import Paced
from ingest.anomalies.report import Report
from ingest.anomalies.scan import Scanned
from ingest.anomalies.store import Saved, Streams
from ingest.database import Database
from ingest.redact import redact
from tests.bot.slack.room import Reading, Script, Tally
from tests.bot.watch.desk import Deployed, Documents
from tests.bot.watch.station import STEADY
from tests.fakes.slack import ALICE, BOB, click_on
from tests.fakes.virtual import Bot, Client, Dead, Faults, Life, Session, Trouble, VirtualLoop, World, _unless_dead, now

T = TypeVar("T")
Payload = dict[str, Any]
Span = tuple[float, float]
"""From when until when, in seconds UTC."""

LEASE_S = 300.0
"""Replicas say that they live every 100 s rather than every 5 s, and are taken for dead accordingly later."""

SCAN_S = 60
AFTER_S = 6.0
"""As in `bot.build.watching`."""

PRESSES = ("acknowledge", "snooze", "snooze", "reject", "undo", "undo", "investigate")
SNOOZES = (3_600, 86_400)
LATELY = 25
"""People press buttons of the latest messages of a channel."""


# Loop


class Inline(ThreadPoolExecutor):
    """Does what is meant for a thread at once: nobody waits for a thread in virtual time."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return what came of it."""
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits for it
            done.set_exception(error)
        return done


LIFE: contextvars.ContextVar["Mortal | None"] = contextvars.ContextVar("LIFE", default=None)


class Mortal(Life):
    """A life that knows its tasks, so that they end with it."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: WeakSet[asyncio.Task[Any]] = WeakSet()


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` in virtual time and return its result; tasks belong to the life in which they are made."""
    loop = VirtualLoop()
    loop._clock_resolution = 1e-6  # type: ignore[attr-defined]  # months from 0, a float does not hold the usual 1e-9
    loop.set_exception_handler(_unless_dead)
    loop.set_default_executor(Inline(1))
    loop.set_task_factory(_born)
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _born(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], context: contextvars.Context | None = None
) -> asyncio.Task[T]:
    task = asyncio.Task(work, loop=loop, context=context)
    life = LIFE.get() if context is None else context.get(LIFE)
    if life is not None:
        life.tasks.add(task)
    return task


# What may go wrong


class Weather(dict[tuple[str, int], Trouble]):
    """What calls to Slack meet: outages by the clock, and beside them a share of troubles, from a seed."""

    def __init__(self, rng: random.Random, share: float, outages: Sequence[Span]) -> None:
        super().__init__()
        self._rng = rng
        self.share = share
        self._outages = outages

    def clear(self) -> None:
        """Let everything go well from now on."""
        self.share, self._outages = 0.0, ()

    def is_out(self, at: float) -> bool:
        """Whether Slack is away then."""
        return any(begin <= at < end for begin, end in self._outages)

    def get(self, key: tuple[str, int], default: Any = None) -> Any:
        """Return what this call meets."""
        rng = self._rng
        if self.is_out(now()):
            return rng.choice(
                (
                    Trouble(refused=True),
                    Trouble(refused=True),
                    Trouble(status=503),
                    Trouble(status=503, after=True),
                    Trouble(lost=True, slow_s=14.0),
                    Trouble(lost=True, after=True),
                )
            )
        if rng.random() >= self.share:
            return default
        after = rng.random() < 0.5
        return rng.choice(
            (
                Trouble(error="ratelimited", status=429, retry_after_s=rng.choice((1, 5, 30, 120))),
                Trouble(status=503, after=after),
                Trouble(error="internal_error", after=after),
                Trouble(lost=True, after=after, slow_s=rng.choice((0.0, 14.0))),
                Trouble(lost=True, after=True),
                Trouble(refused=True),
                Trouble(slow_s=rng.uniform(1.0, 14.0), after=after),
            )
        )


class Fate(set[int]):
    """Where processes die: so many places after somebody was told to."""

    def __init__(self) -> None:
        super().__init__()
        self._left: int | None = None

    def strike(self, places: int) -> None:
        """Let whoever passes the last of so many places die there."""
        self._left = places

    def spare(self) -> None:
        """Let nobody die any more."""
        self._left = None

    def __contains__(self, _place: object) -> bool:
        if self._left is None:
            return False
        self._left -= 1
        if self._left >= 0:
            return False
        self._left = None
        return True


# What is given


@dataclass(frozen=True)
class Story:
    """What a source's stories are, each as it is from a moment on: `tellings` are (seconds UTC, report), in order.

    It is `down` or `silent` at times, and until some time a share of its scans is `slow`.
    """

    stream: str
    tellings: tuple[tuple[float, Report], ...]
    down: tuple[Span, ...] = ()
    silent: tuple[Span, ...] = ()
    slow: float = 0.0
    until: float = 0.0


@dataclass(frozen=True)
class Town:
    """What is set, and what happens, in one run. Times are seconds UTC."""

    seed: int
    begin: float
    end: float
    replicas: int
    slack: Seed
    watch: WatchSettings
    wanted: Mapping[str, Wanted]
    services: tuple[Service, ...]
    origins: Mapping[str, Origin]
    shadowed: frozenset[tuple[str, str]]
    maintenance: tuple[Window, ...]
    streams: Mapping[str, Story]
    alerts: tuple[tuple[float, Group], ...] = ()
    outages: tuple[Span, ...] = ()
    share: float = 0.0
    lag_s: float = 0.0
    deaths: tuple[tuple[float, int, float], ...] = ()
    presses: tuple[float, ...] = ()
    changes: tuple[tuple[float, str, Wanted], ...] = ()
    ticks: tuple[float, ...] = ()


@dataclass(frozen=True)
class Pressed:
    """A button that somebody pressed, and when; `heard` says that Slack could bring it to us."""

    at: float
    key: str
    what: str
    seconds: int
    heard: bool


@dataclass(frozen=True)
class Look:
    """A scan of a stream that found all that was told `until` some time; `behind` says that more waited."""

    at: float
    stream: str
    behind: bool
    until: float


# The bot


class Tail:
    """A scan that finds what a script says, with the cursor of the real one: how many tellings were read."""

    def __init__(
        self, streams: Streams, story: Story, rng: random.Random, scanned: list[tuple[float, str, bool]]
    ) -> None:
        """Begin a world; `scanned` remembers what was looked at."""
        self._streams = streams
        self._story = story
        self._rng = rng
        self._scanned = scanned

    async def read(self, at: float) -> Scanned:
        """Return what was told since the last scan."""
        story = self._story
        saved = await self._streams.load(story.stream)
        if self._rng.random() < story.slow and at < story.until:
            await asyncio.sleep(self._rng.uniform(5.0, 150.0))
        place = int(str(saved.cursor["place"])) if saved else 0
        clock, lines = (saved.clock, saved.lines) if saved else (at, 0)
        down = behind = None
        until = at
        if any(begin <= at < end for begin, end in story.down):
            down, until = "the log server refused the connection: tried 3 times", clock
        elif saved and at - clock > 3_600.0 and self._rng.random() < 0.5:
            behind, until = True, clock + (at - clock) / 2.0
        found = [report for told, report in story.tellings[place:] if told <= until]
        loud = until - sum(max(0.0, min(until, end) - max(clock, begin)) for begin, end in story.silent)
        lines += max(0, int((loud - clock) / 2.0)) if saved else 10
        stream: Any = SimpleNamespace(
            name=story.stream,
            lines=lines,
            clock=until,
            learning=False,
            tell_from=None,
            minutes=STEADY.all,
            busy_minutes=STEADY.busy,
        )
        return Scanned(
            stream,
            Saved(
                story.stream,
                saved.version + 1 if saved else 1,
                {"place": place + len(found)},
                b"",
                lines,
                until,
                at,
                ((saved.down_since if saved else None) or at) if down else None,
                down,
            ),
            found,
            lines=lines - (saved.lines if saved else 0),
            down=down,
            behind=bool(behind),
        )

    async def save(self, connection: AsyncConnection, scanned: Scanned) -> None:
        """Write it in the caller's transaction. Raises Moved."""
        await self._streams.save(connection, scanned.saved, scanned.reports)
        self._scanned.append(Look(now(), scanned.saved.name, scanned.behind, scanned.saved.clock))


class Coarse(Bot):
    """The bot without the beat of its own: whoever fires the schedule beats as well."""

    def _build(self, calls: Any) -> None:
        super()._build(calls)
        self._keeper.start = lambda: None  # type: ignore[method-assign]

    @property
    def busy(self) -> bool:
        """Whether something is on its way to Slack."""
        return any(not lane.done() for lane in self._sender._lanes.values())


class Replica:
    """One process, life after life."""

    def __init__(self, world: "Hours", name: str) -> None:
        self.name = name
        self.ready = False
        self.down_s: float | None = None
        self.bot: Coarse
        self.schedule: Schedule
        self.alerts: Alerts
        self.preferences: Preferences
        self.life = Mortal()
        self.context = contextvars.copy_context()
        self._world = world

    async def live(self) -> None:
        """Live, die and live again. Never returns."""
        loop = asyncio.get_running_loop()
        while True:
            self.life = life = Mortal()
            self.context = contextvars.copy_context()
            self.context.run(LIFE.set, life)
            start = loop.create_task(self._start(life), context=self.context)
            dying = loop.create_task(life.dead.wait())
            await asyncio.wait([start, dying], return_when=asyncio.FIRST_COMPLETED)
            if not life.dead.is_set():
                start.result()
            await dying
            self.ready = False
            while mine := [task for task in life.tasks if not task.done()]:
                for task in mine:
                    task.cancel()
                await asyncio.wait(mine)
            await asyncio.sleep(min(self._world.downtime(), max(30.0, self._world.town.end - now())))

    async def _start(self, life: Mortal) -> None:
        with suppress(Dead):
            await self._begin(life)
            self.ready = True

    async def _begin(self, life: Mortal) -> None:
        world, town, fault = self._world, self._world.town, partial(self._world.fault, self)
        database = world.opened(life)
        board, streams = Board(database, now, self.name), Streams(database)
        catalogue, rejections = Catalogue(town.services), Rejections(database)
        rules = Rules(catalogue, town.watch.channel, town.watch.per_hour, town.maintenance, town.origins)
        self.preferences = Preferences(database, town.watch, rules.channels)
        documents = Documents()
        telling = Telling(
            board,
            streams,
            rejections,
            deploys=Deployed(),
            hints=documents,
            catalogue=catalogue,
            documents=documents,
            clock=now,
            zone_of=self.preferences.zone_of,
        )
        watched = Watched(board, telling, Presses(database, board, streams, telling, rejections))
        placer = Placer(
            database,
            board,
            rules,
            preferences=Preferences(database, town.watch, rules.channels),
            rejections=rejections,
            clock=now,
        )
        scans: Mapping[str, Any] = {
            name: Tail(streams, each, world.rng, world.scanned) for name, each in town.streams.items()
        }
        watch = Watch(database, board, placer, scans, dict.fromkeys(scans, Beat()), clock=now, fault=fault)
        self.bot = Coarse(**world.room(database, life, self.name, watched))
        self.alerts = Alerts(
            database, board, rules, preferences=Preferences(database, town.watch), redact=redact, clock=now
        )
        gatherer = Gatherer(database, rules, now)
        digests = Digests(database, rules, self.preferences, gatherer, messages)
        await self.bot.start()
        self.schedule = schedule = Schedule(database, now, fault)
        for name in scans:
            schedule.add(f"scan:{name}", Every(SCAN_S, AFTER_S), self._waking(partial(watch.scan, name)))
        schedule.every(SCAN_S, "rounds", self._waking(Rounds(database, board, placer, watch, now).go))
        schedule.every(SCAN_S, "alerts", self.alerts.unmuted)
        schedule.every(SCAN_S, "digest", self._waking(lambda: digests.go(now())))

    def _waking(self, work: Callable[[], Awaitable[frozenset[str]]]) -> Callable[[], Awaitable[None]]:
        async def worked() -> None:
            self.bot.wake(await work())

        return worked

    def do(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Do something in this process, and die with it."""
        return asyncio.get_running_loop().create_task(work, context=self.context)

    async def tick(self) -> None:
        """Do all that is due, and look after what fell down."""
        at = now()
        with suppress(Dead):
            await self.schedule.due(at)
            await self.bot._keeper.beat()
            if not self.life.dead.is_set():
                self._world.ticked.append((at, now()))


# The world


class Hours(World):
    """Slack, the disk and the replicas. What happened is in `slack`, `path` and the lists of what people did."""

    def __init__(self, folder: Path, town: Town) -> None:
        self.town = town
        self.weather = Weather(random.Random(town.seed + 1), town.share, town.outages)
        self.fate = Fate()
        faults = Faults(self.weather, self.fate, lag_s=town.lag_s)
        super().__init__(folder, town.seed, faults, Script, counts=Tally(), rate=Paced(), seed_of=town.slack)
        self.path = folder / "bot.sqlite"
        self.pressed: list[Pressed] = []
        self.taken: list[tuple[float, Group]] = []
        self.set: list[tuple[float, str, Wanted]] = []
        self.ticked: list[Span] = []
        self.scanned: list[Look] = []
        self.broken: list[str] = []
        self.died: list[float] = []
        self._lock = asyncio.Lock()
        self._down_s: list[float] = []
        self.replicas = [Replica(self, f"replica-{number}") for number in range(town.replicas)]
        self._living: list[asyncio.Task[Any]] = []

    async def end(self) -> None:
        """End all processes for good, with work left or without."""
        for replica in self.replicas:
            if replica.ready:
                replica.bot._desk.close()
        await super().end()
        for replica in self.replicas:
            replica.life.end()

    # For the replicas

    def opened(self, life: Life) -> Database:
        """Return the database as a process opens it. Where others write, one waits, and the loop goes on."""
        database = self._opened(life)
        database._one_writer = self._lock
        return database

    def room(self, database: Database, life: Life, name: str, watched: Watched) -> Payload:
        """Return all that the bot is given."""
        outbox = Outbox(database, now, name, LEASE_S)
        journal, reading = Journal(database), Reading()
        answers = Script(journal)
        surfaces = Surfaces(
            threads=Threads(database),
            similar=answers.answer,
            runbook=answers.answer,
            vitals=_nothing,
            documents=_no_documents,
            labels=lambda: reading.labels,
            route=reading.route,
            may_hear=reading.may_hear,
            may_read=reading.may_read,
            owner=Notices(outbox, None, now),
            watched=watched,
        )
        return {
            "client": Client(self.slack, life),
            "session": Session(self.slack, life),
            "answers": answers,
            "journal": journal,
            "inbox": Inbox(database, now, self.new_id, name, LEASE_S),
            "outbox": outbox,
            "lines": None,
            "counts": self.counts,
            "surfaces": surfaces,
            "clock": now,
            "rng": self.rng,
        }

    def place(self, life: Life) -> None:
        """Pass a place where the process may die. Raises Dead if it does, or did."""
        if life.immortal:
            return
        if not life.dead.is_set() and self.places in self.fate:
            self.died.append(now())
            life.end()
        if life.dead.is_set():
            raise Dead
        self.places += 1

    def downtime(self) -> float:
        """Return how long a process that died stays away."""
        return self._down_s.pop(0) if self._down_s else 30.0

    def fault(self, replica: Replica, name: str) -> None:
        """Hear what a process counts: a job that breaks though nobody died is a mistake."""
        if name.startswith("job_") and not replica.life.dead.is_set():
            self.broken.append(name)

    # Slack's way to the bot

    def emit(self, payload: Payload) -> None:
        """Bring no event: nobody writes here, and what the bot wrote itself it ignores."""

    async def ask(self, kind: str, payload: Payload) -> Payload | None:
        """Bring a press to one of the replicas, once."""
        ready = self.ready()
        if not ready:
            raise Dead
        replica = self.rng.choice(ready)
        work = replica.do(replica.bot.press(payload))
        await asyncio.wait([work], timeout=3.0)
        if not work.done() or work.cancelled() or work.exception() is not None:
            raise Dead
        return None

    def ready(self) -> list[Replica]:
        """Return the replicas that live and have started."""
        return [each for each in self.replicas if each.ready and not each.life.dead.is_set()]

    # What happens

    async def begin(self) -> None:
        """Set what people set before, and start."""
        database = self.beside()
        database._one_writer = self._lock
        preferences = Preferences(database, self.town.watch)
        for channel, wanted in self.town.wanted.items():
            await preferences.set(channel, ALICE, now(), wanted)
            self.set.append((now(), channel, wanted))
        async with database.write() as connection:
            for kind, service in sorted(self.town.shadowed):
                values = {"kind": kind, "service": service, "state": "shadow", "at": now(), "person": None, "why": ""}
                await connection.execute(database.insert(detectors_table).values(values))
        for replica in self.replicas:
            self._living.append(asyncio.create_task(replica.live()))
        self._living.append(asyncio.create_task(self._pulse()))

    async def tick(self) -> None:
        """Fire the schedule of every replica; returns at once."""
        for task in self._living:
            if task.done():
                task.result()
        ready = self.ready()
        self.rng.shuffle(ready)
        for replica in ready:
            replica.do(replica.tick())

    def strike(self, places: int, down_s: float) -> None:
        """Let somebody die soon, and stay away for so long."""
        self._down_s = [down_s]
        self.fate.strike(places)

    async def alert(self, group: Group) -> bool:
        """Bring alerts to one of the replicas; return whether it took them."""
        ready = self.ready()
        if not ready:
            return False
        replica = self.rng.choice(ready)
        work = replica.do(replica.alerts.take(group))
        await asyncio.wait([work])
        if work.cancelled() or work.exception() is not None or replica.life.dead.is_set():
            return False
        replica.bot.wake(work.result())
        self.taken.append((now(), group))
        return True

    async def change(self, channel: str, wanted: Wanted) -> None:
        """Set what a channel wants, as the form does."""
        if ready := self.ready():
            work = ready[0].do(ready[0].preferences.set(channel, BOB, now(), wanted))
            await asyncio.wait([work])
            self.set.append((now(), channel, wanted))

    async def press(self) -> Pressed | None:
        """Let somebody press a button of a message that there is; return what they did."""
        state = self.slack.state
        channel = self.rng.choice([each for each in state.channels if not each.startswith("D")])
        roots = [each for each in state.messages(channel) if "bot_id" in each and "thread_ts" not in each]
        self.rng.shuffle(late := roots[-LATELY:])
        what, seconds = self.rng.choice(PRESSES), self.rng.choice(SNOOZES)
        for message in late:
            key = str(message["metadata"]["event_payload"]["key"])
            with suppress(LookupError):
                click = click_on(message, f"card:{what}:0", str(seconds) if what == "snooze" else None)
                at, heard = now(), await self._click(message, channel, click)
                done = Pressed(at, key.removeprefix("card:"), what, seconds, heard)
                self.pressed.append(done)
                return done
        return None

    async def _click(self, message: Payload, channel: str, click: Any) -> bool:
        try:
            await self.slack.workspace.gestures.press(channel, message["ts"], click, self.rng.choice((ALICE, BOB)))
        except (Dead, TimeoutError):
            return False
        return True

    async def _pulse(self) -> None:
        """Say that each replica lives as long as it is at something."""
        while True:
            await asyncio.sleep(LEASE_S / 3.0)
            for replica in self.ready():
                bot = replica.bot
                if bot._keeper._turns:
                    replica.do(_quietly(bot._keeper.beat()))
                elif bot.busy:
                    replica.do(_quietly(bot._ledger.outbox.renew()))

    async def rest(self, most_s: float) -> bool:
        """Let everything come to its end, with nothing in its way; return whether it did in so many seconds."""
        self.weather.clear()
        self.fate.spare()
        until = now() + most_s
        quiet = 0
        while now() < until and quiet < 3:
            await asyncio.sleep(60.0)
            await self.tick()
            await asyncio.sleep(30.0)
            looks = [each for each in self.scanned[-20:] if each.at > self.town.end + 60.0]
            read = {each.stream for each in looks if not each.behind}
            still = not self.open_rows() and not self.stale() and read == self.town.streams.keys()
            alive = len(self.ready()) == len(self.replicas) and not any(each.bot.busy for each in self.ready())
            quiet = quiet + 1 if still and alive else 0
        return quiet >= 3

    def stale(self) -> int:
        """Return how many messages say less than is known."""
        return int(self.rows(STALE)[0]["n"])

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return what the database holds, whoever is dead."""
        file = sqlite3.connect(self.path)
        file.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in file.execute(query)]
        finally:
            file.close()


STALE = (
    "SELECT count(*) AS n FROM cards JOIN outbox ON outbox.key = 'card:' || cards.key"
    " WHERE cards.shown < cards.wanted AND outbox.state = 'sent'"
)


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    with suppress(Exception):
        await work


async def _nothing() -> Sequence[Any]:
    return ()


async def _no_documents() -> Mapping[str, int]:
    return {}
