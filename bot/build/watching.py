"""What watches: a scan per configured log source, the rounds of the board, and what Slack shows of it."""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from bot.build.house import House
from bot.build.now import audience_of
from bot.build.sources import sources
from bot.claude.client import Writer
from bot.claude.quotes import Quotes
from bot.errors import BotError
from bot.schedule.schedule import Schedule
from bot.schedule.timetable import Cron, Every, NoTimetable, Timetable
from bot.settings import Settings, seconds_of
from bot.slack.app import Watched
from bot.slack.home import Vital
from bot.watch.hints import Hints
from bot.watch.placing import Placer
from bot.watch.presses import Presses
from bot.watch.rounds import Rounds
from bot.watch.telling import Telling
from bot.watch.watch import Beat, SourceState, Watch
from bot.watch.wording import Wordings
from ingest.anomalies.scan import GRACE_S, Scan

AFTER_S = GRACE_S + 1.0
"""Scans begin so long after a minute's end: then that minute is told, and not a minute later."""

ROUNDS_S = 60

WORDINGS_S = 20
"""How often new stories are looked for that a model may word."""

Wake = Callable[[Collection[str]], None]
"""Hears of the channels for which something waits."""


@dataclass(frozen=True, slots=True)
class Watchers:
    """All that watches in one process, and the schedule by which it does."""

    settings: Settings
    schedule: Schedule
    watched: Watched
    watch: Watch
    rounds: Rounds
    wordings: Wordings

    def begin(self, wake: Wake) -> None:
        """Put a scan per source and the rounds on the schedule. Raises BotError for a cron line that is none."""
        for name, timetable in timetables(self.settings).items():
            self.schedule.add(f"scan:{name}", timetable, _scanning(self.watch, name, wake))
        self.schedule.add("rounds", Every(ROUNDS_S), _going(self.rounds.go, wake))
        self.schedule.add("wordings", Every(WORDINGS_S), _going(self.wordings.go, wake))

    async def vitals(self) -> Sequence[Vital]:
        """Return how each source is, and how the schedule keeps its times."""
        states = await self.watch.states()
        scans = [Vital(f"Log scans of {each.name}", each.ok, each.words) for each in states]
        return [*(scans or [Vital("Log scans", ok=True, words="no log source is set")]), self._times()]

    def _times(self) -> Vital:
        notes = self.schedule.notes()
        return Vital("Schedule", not self.schedule.failing, "; ".join(notes) or "all jobs ran in time since the start")


def watchers_of(house: House, schedule: Schedule, fault: Callable[[str], None], writer: Writer) -> Watchers:
    """Return what watches for this house, with who words its stories; nothing runs yet."""
    settings, database, matters = house.settings, house.database, house.matters
    board, streams, rejections = matters.board, matters.streams, matters.rejections
    telling = Telling(
        board,
        streams,
        rejections,
        deploys=matters.deploys,
        hints=Hints(house.index, fault),
        catalogue=matters.catalogue,
        documents=house.library,
        clock=time.time,
        zone_of=matters.preferences.zone_of,
    )
    presses = Presses(database, board, streams, telling, rejections)
    groups = {each: label for label, each in settings.slack.names.items() if each.startswith("S")}
    placer = Placer(
        database,
        board,
        matters.rules,
        preferences=matters.preferences,
        rejections=rejections,
        clock=time.time,
    )
    scans = {
        each.source.name: Scan(streams, each.source, house.redactor.redact, timezone=each.zone)
        for each in sources(settings, database)
    }
    watch = Watch(database, board, placer, scans, beats(settings), clock=time.time, fault=fault)
    return Watchers(
        settings,
        schedule,
        Watched(board, telling, presses, audience_of(settings), groups),
        watch,
        Rounds(database, board, placer, watch, time.time),
        Wordings(database, board, telling, writer, house.budget, time.time),
    )


async def log_states(house: House) -> Sequence[SourceState]:
    """Return how each log source was left by whoever scans it; scans nothing."""
    schedule = Schedule(house.database, time.time, _unheard)
    return await watchers_of(house, schedule, _unheard, Quotes()).watch.states()


def timetables(settings: Settings) -> Mapping[str, Timetable]:
    """Return when each log source is scanned. Raises BotError, naming the setting, for a cron line that is none."""
    return {name: _timetable(name, each.every, settings) for name, each in settings.logs.items()}


def beats(settings: Settings) -> Mapping[str, Beat]:
    """Return how often each log source is scanned, as far as a span says so, and which are in shadow."""
    found = {}
    for name, each in settings.logs.items():
        timetable = _timetable(name, each.every, settings)
        found[name] = Beat(float(timetable.seconds) if isinstance(timetable, Every) else None, each.shadow)
    return found


def _timetable(name: str, every: str | None, settings: Settings) -> Timetable:
    line = every or settings.watch.every
    if " " not in line.strip():
        return Every(seconds_of(line), AFTER_S)
    try:
        return Cron.of(line, AFTER_S)
    except NoTimetable as error:
        setting = f"logs.{name}.every" if every else "watch.every"
        raise BotError(f'{setting} = "{line}" is no schedule: {error}.') from error


def _scanning(watch: Watch, name: str, wake: Wake) -> Callable[[], Awaitable[None]]:
    async def scan() -> None:
        wake(await watch.scan(name))

    return scan


def _going(work: Callable[[], Awaitable[Collection[str]]], wake: Wake) -> Callable[[], Awaitable[None]]:
    async def go() -> None:
        wake(await work())

    return go


def _unheard(_name: str) -> None:
    """Let a fault pass: a command tells what it finds itself."""
