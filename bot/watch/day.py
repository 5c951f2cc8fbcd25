"""Local days: when they begin and end, and when a time of day is on them. Pure; knows no clock.

Sources: IANA time zones, as Python's zoneinfo reads them; PEP 495 for what a time means that is there twice or not.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAY = timedelta(days=1)

WEEK = timedelta(days=7)

GRACE_S = 600.0
"""What is due a minute before midnight may be done ten minutes after it."""

Window = tuple[float, float]
"""From when until when, in seconds since 1970 UTC; the end is no longer part of it."""


def date_of(at: float, zone: tzinfo) -> date:
    """Return the local date at a moment in seconds UTC."""
    return datetime.fromtimestamp(at, zone).date()


def moment(day: date, at: time, zone: tzinfo) -> float:
    """Return when it is `at` on a local day, in seconds UTC.

    Of two such moments, as when clocks are put back, the first; where there is none, the next moment that is there.
    """
    wall = datetime.combine(day, at)
    found = wall.replace(tzinfo=zone).timestamp()
    if datetime.fromtimestamp(found, zone).replace(tzinfo=None, fold=0) == wall:
        return found
    return float(_gap_end(int(wall.replace(tzinfo=zone, fold=1).timestamp()), int(found), zone))


def whole(day: date, zone: tzinfo) -> Window:
    """Return a local day from 00:00 to 24:00: 23 or 25 hours where the clocks change, none where it was left out."""
    return moment(day, time.min, zone), moment(day + DAY, time.min, zone)


def before(day: date, zone: tzinfo) -> date:
    """Return the last local day that was there before this one."""
    return date_of(moment(day, time.min, zone) - 1, zone)


def due(now: float, at: time, zone: tzinfo) -> list[tuple[date, float]]:
    """Return what is to be done daily at a local time and may still be done: (local date, when it was due) in UTC.

    That is today's, once its time has come, and yesterday's for GRACE_S over midnight. Where clocks are put forward
    over midnight (America/Nuuk), yesterday's moment may be the first of today. What is older is never made up for.
    """
    today = date_of(now, zone)
    days = [(day, moment(day, at, zone)) for day in (today - DAY, today) if whole(day, zone)[0] < whole(day, zone)[1]]
    return [(day, when) for day, when in days if when <= now and (date_of(when, zone) == today or now - when < GRACE_S)]


def next_due(now: float, at: time, zone: tzinfo) -> float:
    """Return the next moment after now at which a daily local time comes, in seconds UTC."""
    days = [date_of(now, zone) + DAY * number for number in range(-1, 4)]
    return min(when for day in days if (when := moment(day, at, zone)) > now)


def part_of_day(at: float, zone: tzinfo, hours: int) -> int:
    """Return in which part of its local day a moment is, from 0, of parts of so many hours on the clock's face."""
    return datetime.fromtimestamp(at, zone).hour // hours


def of_day(written: str) -> time:
    """Return a time of day written as 09:00."""
    return time.fromisoformat(written)


def stamp(at: float, zone: tzinfo) -> str:
    """Return the hour and minute on the local clock."""
    return datetime.fromtimestamp(at, zone).strftime("%H:%M")


def _gap_end(low: int, high: int, zone: tzinfo) -> int:
    """Return the first second after `low`, up to `high`, at which clocks go as at `high`."""

    def offset(at: int) -> timedelta | None:
        return datetime.fromtimestamp(at, UTC).astimezone(zone).utcoffset()

    after = offset(high)
    while high - low > 1:
        middle = (low + high) // 2
        if offset(middle) == after:
            high = middle
        else:
            low = middle
    return high
