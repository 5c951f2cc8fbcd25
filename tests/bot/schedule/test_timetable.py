"""When a slot begins: spans and cron lines, computed from the time that is given."""

from datetime import UTC, datetime

import pytest

from bot.schedule.timetable import Cron, Every, NoTimetable


def at(text: str) -> float:
    """Return a time in seconds UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def text(time: float) -> str:
    """Return a time as it is read."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%S}"


@pytest.mark.parametrize(
    ("line", "now", "begun", "following"),
    [
        ("* * * * *", "2026-11-20T14:02:30", "2026-11-20T14:02:00", "2026-11-20T14:03:00"),
        ("* * * * *", "2026-11-20T14:02:00", "2026-11-20T14:02:00", "2026-11-20T14:03:00"),
        ("*/15 * * * *", "2026-11-20T14:14:59", "2026-11-20T14:00:00", "2026-11-20T14:15:00"),
        ("0 9 * * *", "2026-11-20T08:59:00", "2026-11-19T09:00:00", "2026-11-20T09:00:00"),
        ("0 9 * * mon-fri", "2026-11-22T12:00:00", "2026-11-20T09:00:00", "2026-11-23T09:00:00"),
        ("0 0 * * 0", "2026-11-22T00:00:00", "2026-11-22T00:00:00", "2026-11-29T00:00:00"),
        ("0 0 * * 7", "2026-11-22T00:00:00", "2026-11-22T00:00:00", "2026-11-29T00:00:00"),
        ("30 4 1,15 * 5", "2026-11-16T00:00:00", "2026-11-15T04:30:00", "2026-11-20T04:30:00"),
        ("0 3 1 jan *", "2026-11-20T00:00:00", "2026-01-01T03:00:00", "2027-01-01T03:00:00"),
        ("0 0 29 2 *", "2026-11-20T00:00:00", "2024-02-29T00:00:00", "2028-02-29T00:00:00"),
        ("5-20/5 8-9 * * *", "2026-11-20T09:07:00", "2026-11-20T09:05:00", "2026-11-20T09:10:00"),
        ("10/20 * * * *", "2026-11-20T09:07:00", "2026-11-20T08:50:00", "2026-11-20T09:10:00"),
    ],
)
def test_a_cron_line_says_when(line: str, now: str, begun: str, following: str) -> None:
    """As crontab(5) has it, in UTC: 0 and 7 are Sunday, and of two days either will do."""
    cron = Cron.of(line)
    assert (text(cron.at(at(now)).start), text(cron.after(at(now)))) == (begun, following)


@pytest.mark.parametrize(
    "line", ["", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "x * * * *", "5-1 * * * *", "*/0 * * * *",
             "0 0 31 2 *", "* * * * 8", "1- * * * *"],
)  # fmt: skip
def test_what_is_no_cron_line_is_refused(line: str) -> None:
    """At the start, not at three in the morning."""
    with pytest.raises(NoTimetable):
        Cron.of(line)


@pytest.mark.parametrize("seconds", [1, 60, 90, 3_600])
def test_a_span_has_a_slot_after_the_other(seconds: int) -> None:
    """Each begins where the last ends, whoever looks and when."""
    every = Every(seconds, offset_s=0.5)
    slot = every.at(1_795_000_000.0)
    assert slot.start <= 1_795_000_000.0 < every.after(1_795_000_000.0)
    assert every.at(every.after(slot.start)).number == slot.number + seconds


def test_a_later_slot_has_a_higher_number_whatever_the_timetable() -> None:
    """Settings may change between two starts: no slot is taken for an old one."""
    now = 1_795_000_000.0
    numbers = [Every(60).at(now), Every(3_600).at(now + 3_600), Cron.of("0 * * * *").at(now + 7_200), Every(1).at(2e9)]
    assert [slot.number for slot in numbers] == sorted(slot.number for slot in numbers)
    assert numbers[-1].number < 2**31
