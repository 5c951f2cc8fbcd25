"""Local days and local times, on the days on which clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.watch.day import before, date_of, due, moment, next_due, part_of_day, whole

BERLIN, NEW_YORK, LORD_HOWE, KATHMANDU, NUUK, CAIRO, APIA = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Nuuk",
    "Africa/Cairo",
    "Pacific/Apia",
)


def utc(written: str) -> float:
    """Return a time in UTC as seconds."""
    return datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("zone", "day", "hours", "begins"),
    [
        (BERLIN, "2026-03-29", 23, "2026-03-28 23:00"),
        (BERLIN, "2026-10-25", 25, "2026-10-24 22:00"),
        (BERLIN, "2026-11-19", 24, "2026-11-18 23:00"),
        (NEW_YORK, "2026-03-08", 23, "2026-03-08 05:00"),
        (NEW_YORK, "2026-11-01", 25, "2026-11-01 04:00"),
        (LORD_HOWE, "2026-10-04", 23.5, "2026-10-03 13:30"),
        (LORD_HOWE, "2026-04-05", 24.5, "2026-04-04 13:00"),
        (KATHMANDU, "2026-03-29", 24, "2026-03-28 18:15"),
        (CAIRO, "2026-04-24", 23, "2026-04-23 22:00"),  # its midnight does not exist: the day begins at 01:00
        (APIA, "2011-12-30", 0, "2011-12-30 10:00"),  # the day that Samoa left out
    ],
)
def test_a_day_is_as_long_as_its_clocks_make_it(zone: str, day: str, hours: float, begins: str) -> None:
    """From the first moment of a local date to the first of the next."""
    begin, end = whole(date.fromisoformat(day), ZoneInfo(zone))
    assert ((end - begin) / 3600, begin) == (hours, utc(begins))


@pytest.mark.parametrize(
    ("zone", "day", "at", "when"),
    [
        (BERLIN, "2026-11-19", "09:00", "2026-11-19 08:00"),
        (BERLIN, "2026-03-29", "02:30", "2026-03-29 01:00"),  # there is none: 03:00, when the clocks were put on
        (BERLIN, "2026-10-25", "02:30", "2026-10-25 00:30"),  # there are two: the first
        (NEW_YORK, "2026-03-08", "02:15", "2026-03-08 07:00"),
        (NEW_YORK, "2026-11-01", "01:30", "2026-11-01 05:30"),
        (LORD_HOWE, "2026-10-04", "02:10", "2026-10-03 15:30"),  # half an hour is left out: 02:30
        (LORD_HOWE, "2026-04-05", "01:45", "2026-04-04 14:45"),  # half an hour comes twice
        (KATHMANDU, "2026-11-19", "09:00", "2026-11-19 03:15"),
        (NUUK, "2026-03-28", "23:30", "2026-03-29 01:00"),  # the last hour of the day is left out: midnight
    ],
)
def test_a_time_that_is_not_there_is_the_next_moment_and_one_that_is_there_twice_the_first(
    zone: str, day: str, at: str, when: str
) -> None:
    """So that what is done daily at a local time is done once a day."""
    assert moment(date.fromisoformat(day), time.fromisoformat(at), ZoneInfo(zone)) == utc(when)


def changes(zone: ZoneInfo) -> list[date]:
    """Return the days of 2026 that have not 24 hours, or one that has."""
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    return [day for day in days if whole(day, zone)[1] - whole(day, zone)[0] != 86_400] or [date(2026, 6, 1)]


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, LORD_HOWE, KATHMANDU, NUUK, CAIRO, "America/Havana", "UTC"])
@pytest.mark.parametrize("at", ["00:00", "00:30", "01:30", "02:15", "02:30", "09:00", "23:30", "23:59"])
def test_every_local_date_has_one_moment_of_its_own(zone: str, at: str) -> None:
    """Looked at every ten minutes around each change of clocks, each date comes once, in order, and is done at once."""
    place, clock = ZoneInfo(zone), time.fromisoformat(at)
    for change in changes(place):
        first, last = change - timedelta(days=2), change + timedelta(days=3)
        found: dict[date, float] = {}
        for now in range(int(moment(first, clock, place)), int(whole(last, place)[0]) + 600, 600):
            for day, when in due(now, clock, place):
                if day not in found:
                    assert now - when < 600
                    found[day] = when
        days = [first + timedelta(days=number) for number in range(5)]
        assert [day for day in found if day < last] == days
        assert [found[day] for day in days] == sorted({found[day] for day in days})


def test_what_was_due_on_an_earlier_date_is_never_made_up_for() -> None:
    """A bot that comes back after days does what is due today, late, and nothing else."""
    zone = ZoneInfo(BERLIN)
    assert due(utc("2026-11-19 07:59"), time(9), zone) == []
    assert due(utc("2026-11-19 22:59"), time(9), zone) == [(date(2026, 11, 19), utc("2026-11-19 08:00"))]
    assert due(utc("2026-11-19 23:01"), time(9), zone) == []
    assert due(utc("2026-11-19 23:01"), time(23, 58), zone) == [(date(2026, 11, 19), utc("2026-11-19 22:58"))]


def test_the_next_moment_is_after_now() -> None:
    """Also when it is tomorrow's, an hour nearer since the clocks change in the night."""
    zone = ZoneInfo(BERLIN)
    assert next_due(utc("2026-10-24 07:00"), time(9), zone) == utc("2026-10-25 08:00")
    assert next_due(utc("2026-10-24 06:59"), time(9), zone) == utc("2026-10-24 07:00")


def test_the_day_before_is_the_last_that_was_there() -> None:
    """Samoa went from 29 to 31 December 2011."""
    assert before(date(2011, 12, 31), ZoneInfo(APIA)) == date(2011, 12, 29)
    assert before(date(2026, 3, 30), ZoneInfo(BERLIN)) == date(2026, 3, 29)


def test_parts_of_a_day_are_those_of_the_clocks_face() -> None:
    """The hour that comes twice is in one part, so that every day has twelve."""
    zone = ZoneInfo(BERLIN)
    assert {part_of_day(utc(f"2026-10-25 0{hour}:30"), zone, 2) for hour in (0, 1)} == {1}
    assert date_of(utc("2026-11-18 23:00"), zone) == date(2026, 11, 19)
