"""`scan`: finished logs through the live detection: what would have been told, and when. Needs no bot and no index."""

import gc
import math
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.commands import screen, story
from bot.errors import BotError
from ingest.anomalies.backtest import Backtest, Limits, Replayed
from ingest.anomalies.stream import row
from ingest.logs.files import Files
from ingest.logs.names import streams_of
from ingest.logs.source import Batch, Source
from ingest.logs.stdin import Stdin
from ingest.redact import redact

STDIN = "-"
"""The PATH that means standard input."""

STEPS = 1_000
"""Into how many steps the progress of a scan is cut."""


GARBAGE_AFTER = 100_000
"""New objects between two looks for garbage in circles: a scan leaves none, and looking takes a twentieth of it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to scan, as it was typed. Times are ISO 8601; those that name no timezone are in `timezone`."""

    paths: Sequence[str]
    trains: Sequence[str] = ()
    train_until: str | None = None
    since: str | None = None
    until: str | None = None
    timezone: str = "UTC"
    as_json: bool = False


async def scan(asked: Asked) -> int:
    """Tell what was unusual in these logs; return 1 when one of them could not be read to its end."""
    gc.set_threshold(GARBAGE_AFTER)
    began = time.monotonic()
    timezone = timezone_of(asked.timezone)
    limits = _limits(asked, timezone)
    _check_paths(asked)
    trains, sources = _sources(asked.trains), _sources(asked.paths)
    with screen.progress("%") as bar:
        reading = _Reading({**trains, **sources}, bar)
        backtest = Backtest(redact, reading.show, timezone=timezone, limits=limits)
        if trains:
            await backtest.learn(trains)
        told = [await backtest.tell(source) for source in sources]
    for each in told:
        _show(each, asked, limits, timezone)
    _sum_up(told, time.monotonic() - began, asked)
    return 1 if any(each.down for each in told) else 0


def timezone_of(name: str) -> tzinfo:
    """Return a timezone by its name in the tz database. Raises BotError for a name that is not there."""
    if name.upper() in {"UTC", "Z"}:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BotError(f"--timezone {name} is not known: name it as Europe/Berlin or UTC.") from error


def time_of(text: str, option: str, timezone: tzinfo) -> float:
    """Return an ISO 8601 time or date as seconds since 1970 UTC. Raises BotError, naming the option, for others."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BotError(
            f"{option} {text} is no time: write 2026-03-02T14:00, 2026-03-02T14:00Z or 2026-03-02."
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone)).timestamp()


def _limits(asked: Asked, timezone: tzinfo) -> Limits:
    def at(text: str | None, option: str, default: float) -> float:
        return default if text is None else time_of(text, option, timezone)

    learnt = at(asked.train_until, "--train-until", math.nan)
    limits = Limits(
        None if math.isnan(learnt) else learnt,
        at(asked.since, "--since", -math.inf),
        at(asked.until, "--until", math.inf),
    )
    if limits.since >= limits.until:
        raise BotError("--until must be later than --since.")
    return limits


def _check_paths(asked: Asked) -> None:
    """Raise BotError for an empty path, as an unset variable of a shell gives, and for `-` in two roles."""
    given = [*asked.paths, *asked.trains]
    if not all(path.strip() for path in given):
        raise BotError("A path is empty: name a file, a folder or a glob.")
    if STDIN in asked.paths and STDIN in asked.trains:
        raise BotError("- can be read once only: give it as PATH or to --train.")


def _sources(paths: Iterable[str]) -> dict[Source, int]:
    """Return the streams that paths mean, each with its bytes (0: nobody knows). Raises WrongUse for a wrong path."""
    given = list(paths)
    sources: dict[Source, int] = {
        Files(name, files, finished=True): sum(file.stat().st_size for file in files)
        for name, files in streams_of(path for path in given if path != STDIN).items()
    }
    return sources | ({Stdin(sys.stdin.buffer): 0} if STDIN in given else {})


class _Reading:
    """Progress over all sources, by bytes."""

    def __init__(self, sizes: Mapping[Source, int], bar: screen.Progress) -> None:
        self._sizes = sizes
        self._whole = sum(sizes.values())
        self._read: dict[Source, float] = {}
        self._bar = bar
        self._what = f"{len(sizes)} streams" if len(sizes) > 1 else next(iter(sizes)).name
        self._step = -1

    def show(self, source: Source, batch: Batch) -> None:
        """Show that a batch was read."""
        if batch.done is not None:
            self._read[source] = batch.done * self._sizes[source]
            step = int(sum(self._read.values()) / max(self._whole, 1) * STEPS)
            if step > self._step:
                self._step = step
                self._bar(step, STEPS, self._what)


def _show(told: Replayed, asked: Asked, limits: Limits, timezone: tzinfo) -> None:
    """Show what one stream told: its stories, or why there can be none."""
    if told.down:
        screen.say(told.down)
    for report in told.reports:
        if asked.as_json:
            screen.row(row(report))
        else:
            story.show(report, timezone)
    if told.reports:
        return
    if why := _untold(told, asked, limits):
        screen.say(why)
    elif not asked.as_json and not told.down:
        screen.out(f"{told.name}: nothing unusual in {_many(told.lines, 'line', 'lines')}.")


def _untold(told: Replayed, asked: Asked, limits: Limits) -> str | None:
    """Return why nothing could be told of a stream, or None where it could."""
    if not told.lines:
        return None if told.down else f"{told.name} holds no line: nothing is known of it."
    if not told.clock:
        return f"{told.name} tells no times that are known here: nothing could be told."
    if told.learning and asked.train_until:
        return f"{told.name} ends before --train-until: nothing could be told."
    if told.learning:
        short = "holds less than a day before --until" if asked.until else "is shorter than a day"
        return f"{told.name} {short}: nothing could be told; give --train or --train-until."
    if told.clock < limits.since:
        return f"{told.name} ends before --since: nothing could be told."
    return None


def _sum_up(told: Sequence[Replayed], seconds: float, asked: Asked) -> None:
    """Say how much was read, how fast, and what of it was not counted."""
    lines, stories = sum(each.lines for each in told), sum(len(each.reports) for each in told)
    uncounted = [
        f"{_many(number, *why)} not counted"
        for number, why in (
            (sum(each.replayed for each in told), ("repeated entry was", "repeated entries were")),
            (sum(each.too_old for each in told), ("entry that came too late was", "entries that came too late were")),
        )
        if number
    ]
    words = (
        f"{_many(stories, 'story', 'stories')} in {_many(len(told), 'stream', 'streams')}",
        f"{_many(lines, 'line', 'lines')} in {seconds:.1f} s ({lines / max(seconds, 1e-9):,.0f} a second)",
        *uncounted,
    )
    (screen.say if asked.as_json else screen.out)("; ".join(words) + ".")


def _many(number: int, one: str, more: str) -> str:
    return f"{number:,} {one if number == 1 else more}"
