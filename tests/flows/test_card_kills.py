"""Death at every place between a line in a log file and the messages that tell of it: one run for each.

In process and in virtual time, with the real scan, board and sender; `test_watch_kills.py` kills the whole program.
"""

import asyncio
import gc
import logging
import random
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy.pool.base import _ConnectionFairy

from bot.schedule.schedule import Schedule
from bot.schedule.timetable import Every
from bot.settings import LogSettings, Settings
from bot.slack.app import Watched
from bot.slack.storycards import face
from bot.watch.board import Board, root_key
from bot.watch.catalogue import Catalogue, Service
from bot.watch.placing import Placer
from bot.watch.preferences import Preferences
from bot.watch.presses import Presses
from bot.watch.rejections import Rejections
from bot.watch.rounds import Rounds
from bot.watch.routing import Rules
from bot.watch.telling import Telling
from bot.watch.watch import Beat, Watch
from ingest.anomalies.scan import Scan
from ingest.anomalies.store import Streams
from ingest.database import Database
from ingest.logs.files import Files
from ingest.redact.redactor import redact
from tests.bot.slack.room import Script, Tally
from tests.bot.watch.desk import Deployed, Documents
from tests.bot.watch.station import Tap
from tests.fakes.hours import AFTER_S, run
from tests.fakes.slack import BOB, INCIDENTS, Payload, text_of
from tests.fakes.virtual import BEGIN as BORN
from tests.fakes.virtual import Faults, Inline, Life, World, now
from tests.ingest.anomalies.shop import BEGIN, Event

MINUTE = 60
OFTEN = 5 * MINUTE
"""How often is scanned: seldom, so that a run is short; its places to die are the same."""

FIRST = int(BORN // OFTEN + 1) * OFTEN // MINUTE
"""The minute since 1970 with which a run begins, at which a scan is due."""

HISTORY, MINUTES = 70, 60
"""Minutes of log before it, of which the streams learn; and minutes that are watched."""

PER_HOUR = 1
"""The first story uses it up; the others share a message."""

BROKEN: Mapping[str, Sequence[tuple[range, str, str]]] = {
    "shop": (
        (range(2, 12), "checkout", "cannot reach ledger: connection reset"),
        (range(6, 12), "checkout", "circuit breaker of payments is open"),
    ),
    "search": ((range(11, 14), "search", "index segment has a wrong checksum"),),
    "mail": ((range(11, 14), "mail", "relay closed the door on us"),),
    "auth": ((range(11, 14), "auth", "signer lost its certificate"),),
}
"""What is wrong, by log file: in which minutes, with which service, and how that reads. The first story grows."""

SOME = 16
"""In the normal suite, only about so many places."""

TWICE = 60
"""Runs with two or three deaths at random, among all."""

SEED = 20_261_118

pytestmark = pytest.mark.filterwarnings(
    "ignore:The garbage collector is trying to clean up"  # a dead process gives no connection back
)


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    """Let nobody write a log: that takes as long as all else. Nobody misses what the dead had borrowed of a pool."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()
    for each in gc.get_objects():
        if isinstance(each, _ConnectionFairy) and isinstance(each.driver_connection, Inline):
            each._finalizer.detach()


class Street(World):
    """A world in which log files are scanned, in each life of the bot."""

    def __init__(self, folder: Path, deaths: Iterable[int]) -> None:
        faults = Faults(deaths=set(deaths))
        super().__init__(folder, SEED, faults, Script, counts=Tally(), watching=self.watched)
        self._logs = {name: folder / f"{name}.log" for name in BROKEN}
        self._schedule: Schedule

    def watched(self, database: Database) -> Watched:
        """Put together what `copilot run` does for these files."""
        board, streams, rejections = Board(database, now), Streams(database), Rejections(database)
        settings = Settings.model_validate(
            {
                "watch": {"channel": INCIDENTS, "per_hour": PER_HOUR},
                "logs": {name: LogSettings(files=(path,)) for name, path in self._logs.items()},
            }
        )
        catalogue, documents = Catalogue([Service("checkout", ("checkout",), notify=BOB)]), Documents()
        telling = Telling(
            board,
            streams,
            rejections,
            deploys=Deployed(),
            hints=documents,
            catalogue=catalogue,
            documents=documents,
            clock=now,
        )
        placer = Placer(
            database,
            board,
            Rules.of(settings, catalogue),
            preferences=Preferences(database, settings.watch),
            rejections=rejections,
            clock=now,
        )
        scans = {
            name: Scan(streams, Files(name, [path]), redact, tell_from=(FIRST - 10.0) * MINUTE)
            for name, path in self._logs.items()
        }
        fault = self.counts.fault
        watch = Watch(database, board, placer, scans, dict.fromkeys(scans, Beat(OFTEN)), clock=now, fault=fault)
        self._schedule = Schedule(database, now, fault)
        for name in scans:
            self._schedule.add(f"scan:{name}", Every(OFTEN, AFTER_S), self._waking(partial(watch.scan, name)))
        self._schedule.add("rounds", Every(OFTEN), self._waking(Rounds(database, board, placer, watch, now).go))
        return Watched(board, telling, Presses(database, board, streams, telling, rejections))

    def _waking(self, work: Callable[[], Awaitable[frozenset[str]]]) -> Callable[[], Awaitable[None]]:
        async def worked() -> None:
            self.wake(await work())

        return worked

    async def _start(self, life: Life) -> None:
        """Start, and do what is due at once and whenever a slot begins."""
        await super()._start(life)
        if self._bot is not None:
            self._bot._keeper._sleep = _seldom
        while not life.dead.is_set():
            await self._schedule.due(now())
            await asyncio.sleep(OFTEN - (now() - AFTER_S) % OFTEN)

    def write(self, minute: int) -> None:
        """Write what all files get in a minute, counted from FIRST on."""
        start = (FIRST + minute) * float(MINUTE)
        for name, path in self._logs.items():
            tap = Tap()
            tap.minute(FIRST + minute - BEGIN)
            for minutes, service, words in BROKEN[name]:
                often = 5 if minute in minutes else 0
                events = [Event(start + 30.0 + each, "web-1", "ERROR", service, words) for each in range(often)]
                tap.lines += [event.line for event in events]
            with path.open("ab") as file:
                file.write(b"".join(line + b"\n" for line in tap.lines))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what the database holds, whoever is dead."""
        file = sqlite3.connect(self._path)
        try:
            return list(file.execute(query))
        finally:
            file.close()

    def shown(self) -> list[Payload]:
        """Return the messages of the bot, as people see them."""
        return [each for each in self.slack.state.messages(INCIDENTS) if "bot_id" in each]

    @property
    def resting(self) -> bool:
        """Whether nothing waits to be posted or edited."""
        return not self.open_rows() and not self.rows(STALE)


STALE = "SELECT 1 FROM cards JOIN outbox ON outbox.key = 'card:' || cards.key WHERE shown < wanted"


async def _seldom(_seconds: float) -> None:
    """Sleep until the next beat: a beat that finds nothing is no place worth dying at."""
    await asyncio.sleep(150.0)


@dataclass(frozen=True)
class Left:
    """What a run leaves. `told` is each message of the bot, by its key, as people read it; `wrong` what is amiss."""

    stories: Sequence[tuple[Any, ...]]
    cards: Sequence[tuple[Any, ...]]
    told: Mapping[str, int]
    wrong: Sequence[str]
    places: int
    deaths: int


async def lived(folder: Path, deaths: Iterable[int] = ()) -> Left:
    """Live through the run, with deaths at these places. Raises TimeoutError when it comes to no rest."""
    folder.mkdir()
    world = Street(folder, deaths)
    for minute in range(-HISTORY, 0):
        world.write(minute)
    living = asyncio.create_task(world.live())
    try:
        for minute in range(MINUTES):
            await asyncio.sleep((FIRST + minute + 1) * MINUTE - now())
            world.write(minute)
            if living.done():
                living.result()
        await asyncio.sleep(2 * OFTEN)
        async with asyncio.timeout(OFTEN):
            while not world.resting:  # noqa: ASYNC110 - told by no event
                await asyncio.sleep(5.0)
    finally:
        await world.end()
    return await judged(world)


async def judged(world: Street) -> Left:
    """Look at what Slack shows, and at what the database holds."""
    database = world.beside()
    try:
        reports = await Streams(database).stories()
        watched = world.watched(database)
        stories = sorted((each.stream, each.id, each.template, each.since, each.ended) for each in reports)
        cards = world.rows("SELECT key, place, inside, severity, ended FROM cards ORDER BY key")
        told = Counter(map(key_of, world.shown()))
        wrong = [line async for line in mistakes(world, watched)]
    finally:
        await world.end()
    return Left(stories, cards, told, wrong, world.places, world.deaths)


async def mistakes(world: Street, watched: Watched) -> AsyncIterator[str]:
    """Yield what is wrong with the messages: one that is not up to date, or stands where it does not belong."""
    messages = {key_of(each): each for each in world.shown()}
    for (key,) in world.rows("SELECT key FROM cards WHERE place = 'root'"):
        card, message = await watched.telling.card(key), messages.get(root_key(key))
        if card is None or message is None:
            yield f"{key} has no message"
        elif undated(message) != undated(dict(face(card, {}).contents[0])):
            yield f"{key} is not shown as it is: {undated(message)}"
    for key, message in messages.items():
        root = messages.get(root_key(key.removeprefix("below:").rpartition(":")[0]), {})
        if message.get("thread_ts") != root.get("ts"):
            yield f"{key} stands in the wrong thread"


def undated(message: Payload) -> str:
    """Return what a message says, but for the time at which it was written."""
    return re.sub(r"as of \d\d:\d\d UTC", "", text_of(message))


def key_of(message: Payload) -> str:
    """Return the key of the intent of a message."""
    return str(message["metadata"]["event_payload"]["key"])


def complaints(folder: Path, calm: Left, *deaths: int) -> list[str]:
    """Die at these places; return what people would complain about."""
    try:
        left = run(lived(folder, deaths))
    except TimeoutError:
        return [f"death at {deaths}: it came to no rest"]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert 1 <= left.deaths <= len(deaths)
    found = list(left.wrong)
    found += [f"other stories: {left.stories}"] if left.stories != calm.stories else []
    found += [f"other cards: {left.cards}"] if left.cards != calm.cards else []
    found += [f"other messages: {left.told}"] if left.told != calm.told else []
    return [f"death at {deaths}: {what}" for what in found]


def calm_in(folder: Path) -> Left:
    """Live through the run without a death: what all others are measured by."""
    calm = run(lived(folder))
    assert not calm.wrong
    assert not calm.deaths
    return calm


def test_a_calm_run_tells_everything_once(tmp_path: Path) -> None:
    """A story opens, mentions, grows, calls again and recovers; three share a message: what deaths are measured by."""
    calm = calm_in(tmp_path / "calm")
    assert [(stream, number, template) for stream, number, template, _, _ in calm.stories] == [
        ("auth", 1, "signer lost its certificate"),
        ("mail", 1, "relay closed the door on us"),
        ("search", 1, "index segment has a wrong checksum"),
        ("shop", 1, "cannot reach ledger: connection reset"),
    ]
    assert [place for _, place, _, _, _ in calm.cards] == ["root", "group", "group", "group", "root"]
    assert all(ended for _, _, _, _, ended in calm.cards)
    assert sorted(re.sub("[0-9]{5,}|C0.*", "*", key) for key in calm.told) == [
        "below:story:shop:1:escalate",
        "below:story:shop:1:notify",
        "below:story:shop:1:recovered-*",
        "card:group:*",
        "card:story:shop:1",
    ]
    assert set(calm.told.values()) == {1}


def test_death_at_some_places_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Wherever the process dies between line and message, in the end all is told once, and as it is."""
    calm = calm_in(tmp_path / "calm")
    places = range(0, calm.places, calm.places // SOME)
    assert not [what for place in places for what in complaints(tmp_path / str(place), calm, place)]


@pytest.mark.slow
def test_death_at_every_place_loses_and_doubles_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same at every single place, and at two or three places of one run."""
    calm, rng = calm_in(tmp_path / "calm"), random.Random(SEED)
    deaths = [(place,) for place in range(calm.places)]
    deaths += [tuple(rng.sample(range(calm.places), rng.choice((2, 3)))) for _ in range(TWICE)]
    found = [what for each in deaths for what in complaints(tmp_path / "run", calm, *each)]
    with capsys.disabled():
        print(f"\n{calm.places} kills at each place, {TWICE} runs with more than one")  # noqa: T201 - counts for people
    assert not found, "\n".join(found[:9])
