"""When a job is to run: a span of time or a cron line, in UTC. Pure: slots are computed from the time that is given."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import product
from typing import Protocol

DAY_S = 86_400
MINUTE_S = 60

MOST_DAYS = 8 * 366
"""How far a cron line is looked for: 29 February can be eight years away (1896 to 1904, 2096 to 2104)."""

EPOCH = date(1970, 1, 1).toordinal()

FIRST = 1_577_836_800
"""2020-01-01 UTC, from which slots are counted in seconds: whatever the timetable, a later slot has a higher number,
and it fits 32 bits until 2088."""

FIELDS: Sequence[tuple[str, int, int]] = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of month", 1, 31),
    ("month", 1, 12),
    ("day of week", 0, 7),
)
"""The five fields of a cron line and their bounds, as crontab(5) has them; 0 and 7 are Sunday."""

NAMES: Sequence[Sequence[str]] = (
    (),
    (),
    (),
    ("", *"jan feb mar apr may jun jul aug sep oct nov dec".split()),
    "sun mon tue wed thu fri sat".split(),
)


class NoTimetable(ValueError):
    """What was given is neither a span nor a cron line; says what is wrong."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One turn of a job: its number, the same on every replica, and when it begins (seconds UTC)."""

    number: int
    start: float


class Timetable(Protocol):
    """Says which slot a moment belongs to; all times are seconds since 1970 UTC."""

    def at(self, now: float) -> Slot:
        """Return the latest slot that has begun."""
        ...

    def after(self, now: float) -> float:
        """Return when the next slot begins."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """A slot every so many seconds, counted from 1970, `offset_s` later than that."""

    seconds: int
    offset_s: float = 0.0

    def at(self, now: float) -> Slot:
        """Return the latest slot that has begun."""
        return _slot(int((now - self.offset_s) // self.seconds) * self.seconds, self.offset_s)

    def after(self, now: float) -> float:
        """Return when the next slot begins."""
        return self.at(now).start + self.seconds


@dataclass(frozen=True, slots=True)
class Cron:
    """The slots of a cron line: minutes of the day, and which days fit.

    As in crontab(5), a day fits when day of month or day of week does, if both are given (`either`).
    """

    minutes: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool
    offset_s: float = 0.0

    @classmethod
    def of(cls, line: str, offset_s: float = 0.0) -> "Cron":
        """Return the timetable of a line of five fields. Raises NoTimetable."""
        words = line.lower().split()
        if len(words) != len(FIELDS):
            raise NoTimetable(f"a cron line has five fields, not {len(words)}")
        minutes, hours, days, months, weekdays = (
            _numbers(word, *field, names) for word, field, names in zip(words, FIELDS, NAMES, strict=True)
        )
        cron = cls(
            tuple(sorted(hour * 60 + minute for hour, minute in product(hours, minutes))),
            frozenset(days),
            frozenset(months),
            frozenset(day % 7 for day in weekdays),
            not words[2].startswith("*") and not words[4].startswith("*"),
            offset_s,
        )
        if cron._day(0, 1) is None:
            raise NoTimetable("no such day ever comes")
        return cron

    def at(self, now: float) -> Slot:
        """Return the latest slot that has begun."""
        day, minute = divmod(int((now - self.offset_s) // MINUTE_S), DAY_S // MINUTE_S)
        place = bisect_right(self.minutes, minute) if self._fits(day) else 0
        if not place:
            day, place = self._found(day - 1, -1), len(self.minutes)
        return _slot(day * DAY_S + self.minutes[place - 1] * MINUTE_S, self.offset_s)

    def after(self, now: float) -> float:
        """Return when the next slot begins."""
        day, minute = divmod(int((now - self.offset_s) // MINUTE_S), DAY_S // MINUTE_S)
        place = bisect_right(self.minutes, minute) if self._fits(day) else len(self.minutes)
        if place == len(self.minutes):
            day, place = self._found(day + 1, 1), 0
        return day * DAY_S + self.minutes[place] * MINUTE_S + self.offset_s

    def _found(self, day: int, step: int) -> int:
        found = self._day(day, step)
        return day if found is None else found  # a line that never fits has been refused

    def _day(self, day: int, step: int) -> int | None:
        """Return the first day that fits, from `day` (days since 1970) on, forwards or backwards."""
        return next((each for each in range(day, day + step * MOST_DAYS, step) if self._fits(each)), None)

    def _fits(self, day: int) -> bool:
        when = date.fromordinal(EPOCH + day)
        of_month, of_week = when.day in self.days, when.isoweekday() % 7 in self.weekdays
        return when.month in self.months and (of_month or of_week if self.either else of_month and of_week)


def _slot(start: int, offset_s: float) -> Slot:
    return Slot(start - FIRST, start + offset_s)


def clock_words(at: float) -> str:
    """Return a time of day as people read it, `14:02 UTC`."""
    return f"{datetime.fromtimestamp(at, UTC):%H:%M} UTC"


def _numbers(word: str, what: str, least: int, most: int, names: Sequence[str]) -> set[int]:
    """Return the numbers that a field of a cron line names: `*`, `1`, `1-5`, `*/15`, `1-10/2`, and lists of these."""
    return {number for part in word.split(",") for number in _part(part, what, least, most, names)}


def _part(part: str, what: str, least: int, most: int, names: Sequence[str]) -> Iterable[int]:
    span, _, step = part.partition("/")
    first, dash, last = span.partition("-")
    try:
        low = least if span == "*" else _number(first, names)
        high = most if span == "*" or (step and not dash) else _number(last if dash else first, names)
        by = int(step) if "/" in part else 1
    except ValueError as error:
        raise NoTimetable(f"{part} is no {what}") from error
    if not (least <= low <= high <= most and by >= 1):
        raise NoTimetable(f"{part} is no {what} from {least} to {most}")
    return range(low, high + 1, by)


def _number(word: str, names: Sequence[str]) -> int:
    return names.index(word) if word and word in names else int(word)
