"""From a line in a log file to a message that people see: the bot's own Slack room, schedule, scan, board and words."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.build.watching import Watchers
from bot.claude.quotes import Quotes
from bot.schedule.schedule import Schedule
from bot.settings import LogSettings, Settings
from bot.slack.app import Watched
from bot.watch.board import Board
from bot.watch.catalogue import Catalogue, Service
from bot.watch.placing import Placer
from bot.watch.preferences import Preferences
from bot.watch.presses import Presses
from bot.watch.rejections import Rejections
from bot.watch.rounds import Rounds
from bot.watch.routing import Rules
from bot.watch.telling import Telling
from bot.watch.watch import Beat, Watch
from bot.watch.wording import Wordings
from ingest.anomalies.scan import Scan
from ingest.anomalies.store import Streams
from ingest.logs.files import Files
from ingest.redact.redactor import redact
from tests.bot.slack.room import Room
from tests.bot.watch.desk import Deployed, Documents
from tests.bot.watch.station import Tap
from tests.fakes.slack import INCIDENTS, Payload, text_of
from tests.ingest.anomalies.shop import BEGIN

MINUTE = 60.0
HOUR = 60

NOBODY: Any = None
"""Who keeps account of the words of a model: there is none."""

CHANNELS = {"channel": INCIDENTS, "per_hour": 3}


@dataclass
class Program:
    """What `copilot run` puts together for one log file, at a time that the test gives; a new one is a new process."""

    room: Room
    log: Path

    def __post_init__(self) -> None:
        """Put it together."""
        database, clock = self.room.database, self.room.time
        self.board, streams, rejections = Board(database, clock), Streams(database), Rejections(database)
        settings = Settings.model_validate({"watch": CHANNELS, "logs": {"shop": LogSettings(files=(self.log,))}})
        catalogue = Catalogue([Service("checkout", ("checkout",), notify="U0BOB")])
        preferences, documents = Preferences(database, settings.watch), Documents()
        telling = Telling(
            self.board,
            streams,
            rejections,
            deploys=Deployed(),
            hints=documents,
            catalogue=catalogue,
            documents=documents,
            clock=clock,
        )
        placer = Placer(
            database,
            self.board,
            Rules.of(settings, catalogue),
            preferences=preferences,
            rejections=rejections,
            clock=clock,
        )
        scan = Scan(streams, Files("shop", [self.log]), redact, tell_from=(BEGIN + HOUR) * MINUTE)
        fault = self.room.tally.fault
        watch = Watch(database, self.board, placer, {"shop": scan}, {"shop": Beat(MINUTE)}, clock=clock, fault=fault)
        presses = Presses(database, self.board, streams, telling, rejections)
        self.watchers = Watchers(
            settings,
            Schedule(database, clock, fault),
            Watched(self.board, telling, presses),
            watch,
            Rounds(database, self.board, placer, watch, clock),
            Wordings(database, self.board, telling, Quotes(), NOBODY, clock),
        )

    async def minute(self) -> None:
        """Let a minute pass, and do what is due then."""
        self.room.time.now = (self.room.time.now // MINUTE + 1) * MINUTE + 6.0
        await self.watchers.schedule.due(self.room.time.now)
        await self.rest()

    async def rest(self) -> None:
        """Wait until all is posted and edited."""
        async with asyncio.timeout(10):
            await self.room.quiet()
            while stale := await self.board.stale():
                assert self.room.bot is not None
                self.room.bot.wake({each.channel for each in stale})
                await asyncio.sleep(0.01)
        await self.room.quiet()

    def write(self, minute: int, *, broken: bool = False) -> None:
        """Write what the shop says in a minute."""
        tap = Tap()
        tap.minute(minute, broken=broken)
        with self.log.open("ab") as file:
            file.write(b"".join(line + b"\n" for line in tap.lines))


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    """Give a room in the time of the shop's logs."""
    async with Room(tmp_path) as room:
        room.time.now = (BEGIN + 70) * MINUTE
        yield room


async def begun(room: Room, tmp_path: Path) -> Program:
    """Start the program, or start it anew."""
    program = Program(room, tmp_path / "shop.log")
    room.watch = program.watchers  # type: ignore[assignment]  # it has a board, its words and its presses, too
    await (room.start() if room.bot is None else room.restart())
    assert room.bot is not None
    program.watchers.begin(room.bot.wake)
    return program


def roots(room: Room) -> list[Payload]:
    """Return the bot's messages in the channel that are no replies."""
    return [each for each in room.slack.messages(INCIDENTS) if "bot_id" in each and "thread_ts" not in each]


async def test_what_breaks_in_a_file_is_one_message_and_recovers_in_it(room: Room, tmp_path: Path) -> None:
    """Posted once with its words and a mention below, edited when it is over, restarts or not."""
    program = await begun(room, tmp_path)
    for minute in range(70):
        program.write(minute)
    for minute in range(70, 125):
        program.write(minute, broken=72 <= minute < 77)
        await program.minute()
        if minute in (72, 74, 90):
            program = await begun(room, tmp_path)
        if minute == 80:
            (message,) = roots(room)
            assert "cannot reach ledger" in text_of(message)
            assert "high" in text_of(message)
    (after,) = roots(room)
    assert after["ts"] == message["ts"]
    assert "Recovered" in text_of(after)
    thread = [text_of(each) for each in room.slack.messages(INCIDENTS) if each.get("thread_ts") == message["ts"]]
    first, second, last = [each for each in thread if each != text_of(after)]
    assert first == "<@U0BOB> new in checkout, of high severity."
    assert second.startswith("<@U0BOB> nobody has acknowledged it in checkout for 1")
    assert last == "Recovered: as usual since 01:16 UTC."
    assert len([call for call in room.slack.called("chat.postMessage") if "thread_ts" not in call.args]) == 1
    vitals = {each.name: each for each in await program.watchers.vitals()}
    assert vitals["Log scans of shop"].ok
    assert vitals["Schedule"].ok


async def test_a_file_that_is_gone_is_told_of_and_edited_when_it_is_back(room: Room, tmp_path: Path) -> None:
    """Never an all-clear by silence."""
    program = await begun(room, tmp_path)
    program.write(0)
    await program.minute()
    program.log.rename(tmp_path / "elsewhere")
    for _ in range(4):
        await program.minute()
    (message,) = roots(room)
    assert "Could not scan shop logs since 01:12 UTC" in text_of(message)
    assert "This is not an all-clear" in text_of(message)
    vitals = {each.name: each for each in await program.watchers.vitals()}
    assert not vitals["Log scans of shop"].ok
    (tmp_path / "elsewhere").rename(program.log)
    await program.minute()
    (message,) = roots(room)
    assert "Scanning shop logs again since 01:16 UTC" in text_of(message)
