"""Timestamps: every common way to write one gives the same moment; what leaves a part out is placed near others."""

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.logs.times import FORMS, Times, stamp_in

MOMENT = datetime(2026, 3, 2, 14, 5, 9, tzinfo=UTC)
NOW = datetime(2026, 3, 20, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        b"2026-03-02T14:05:09Z",
        b"2026-03-02T14:05:09.000Z",
        b"2026-03-02 14:05:09,000",
        b"2026-03-02 14:05:09.000000",
        b"2026-03-02T15:05:09+01:00",
        b"2026-03-02T15:05:09.000000000+0100",
        b"2026-03-02 06:05:09 -0800",
        b"2026-03-02 06:05:09 PST",
        b"2026-03-02 15:05:09 CET",
        b"2026/03/02 14:05:09",
        b"2026.03.02 14:05:09",
        b"2026-03-02-14.05.09.000000",
        b"2026-03-02_14:05:09",
        b"02/Mar/2026:15:05:09 +0100",
        b"02-Mar-2026 14:05:09.000",
        b"02 Mar 2026 14:05:09.000",
        b"Mon Mar 02 14:05:09 2026",
        b"Mon Mar  2 14:05:09.000000 2026",
        b"Mon Mar  2 14:05:09 UTC 2026",
        b"Mon, 02 Mar 2026 14:05:09 GMT",
        b"Mar  2 2026 14:05:09",
        b"Mar  2, 2026 14:05:09",
        b"Mar  2 14:05:09",
        b"Mar 02 14:05:09.000",
        b"3/2/2026 2:05:09 PM",
        b"03/02/2026, 14:05:09",
        b"02.03.2026 14:05:09",
        b"26/03/02 14:05:09",
        b"20260302-14:5:9:000",
        b"20260302 14:05:09",
        b"20260302T140509Z",
        b"260302 140509",
        b"260302 14:05:09",
        b"03-02 14:05:09.000",
        b"1772460309",
        b"1772460309.000",
        b"1772460309000",
        b"1772460309000000",
        b"1772460309000000000",
        b"[2026-03-02T14:05:09Z]",
    ],
)
def test_every_common_way_to_write_a_moment_is_that_moment(text: bytes) -> None:
    """In UTC, to the millisecond."""
    assert Times(reference=NOW).one(text) == MOMENT.timestamp()


@pytest.mark.parametrize(
    "text",
    [b"", b"server 1", b"2026-13-45 10:00:00", b"10.0.0.1", b"12345", b"Feb 30 10:00:00", b"99:99", b"1772460309abc"],
)
def test_what_is_no_time_is_never(text: bytes) -> None:
    """Rather no time than a wrong one."""
    assert math.isnan(Times(reference=NOW).one(text))


def test_a_stamp_without_a_zone_is_in_the_zone_of_the_stream() -> None:
    """And daylight saving time is that zone's."""
    times = Times(ZoneInfo("Europe/Vienna"), NOW)
    assert times.one(b"2026-03-02 15:05:09") == MOMENT.timestamp()
    assert times.one(b"2026-07-02 16:05:09") == datetime(2026, 7, 2, 14, 5, 9, tzinfo=UTC).timestamp()
    assert times.one(b"2026-03-02 14:05:09Z") == MOMENT.timestamp()


@pytest.mark.parametrize(
    ("stamps", "years"),
    [
        ([b"Dec 31 23:59:00", b"Jan  1 00:00:00"], [2025, 2026]),
        ([b"Jan  1 00:00:00", b"Dec 31 23:59:00"], [2026, 2025]),
        ([b"Mar 19 00:00:00", b"Mar 25 00:00:00"], [2026, 2026]),
        ([b"Jun  1 00:00:00", b"Jul  1 00:00:00"], [2025, 2025]),
        ([b"Feb 29 00:00:00", b"Mar  1 00:00:00"], [2024, 2024]),
    ],
    ids=["new-year", "out-of-order", "clock-ahead", "last-year", "leap-day"],
)
def test_a_stamp_without_a_year_is_near_the_one_before_it(stamps: list[bytes], years: list[int]) -> None:
    """The first is the latest that can have been written by the reference, 20 March 2026."""
    times = Times(reference=NOW)
    assert [datetime.fromtimestamp(times.one(stamp), UTC).year for stamp in stamps] == years


def test_a_stamp_without_a_day_goes_over_midnight() -> None:
    """The first is the latest before the reference, midnight of 20 March."""
    times = Times(reference=NOW)
    found = [datetime.fromtimestamp(times.one(stamp), UTC) for stamp in (b"23:59:58.5", b"00:00:01", b"00:00:02")]
    assert [each.day for each in found] == [19, 20, 20]


@given(
    moments=st.lists(st.datetimes(datetime(1990, 1, 1), datetime(2099, 1, 1)), min_size=1, max_size=30),  # noqa: DTZ001
    zones=st.lists(st.integers(-12 * 4, 14 * 4), min_size=1, max_size=2),
)
def test_a_column_of_stamps_reads_like_the_standard_library(moments: list[datetime], zones: list[int]) -> None:
    """Any moment, in any zone, milliseconds kept, whether or not one block mixes zones."""
    stamps = []
    for place, moment in enumerate(moments):
        minutes = zones[place % len(zones)] * 15
        sign = "-" if minutes < 0 else "+"
        zone = f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
        stamps.append(moment.isoformat(timespec="milliseconds") + zone)
    found = [stamp_in(stamp.encode()) for stamp in stamps]
    assert all(each is not None and each[0].name == "iso" for each in found)
    heads, seconds, tails = zip(*(each[1].groups() for each in found if each), strict=True)
    times = Times().of(FORMS[0], heads, seconds, tails)
    assert times == pytest.approx([datetime.fromisoformat(stamp).timestamp() for stamp in stamps], abs=1e-3)


def test_a_year_of_minutes_and_every_millisecond_stay_within_bounds() -> None:
    """What is remembered is dropped before it grows without end, and read anew."""
    times = Times()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    stamps = [(start + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M").encode() for minute in range(130_000)]
    ones = [b""] * len(stamps)
    found = times.of(FORMS[0], stamps, [b"00"] * len(stamps), ones)
    assert found == [start.timestamp() + 60 * minute for minute in range(130_000)]
    assert all(len(cache) <= 100_000 for cache in times._caches.values())


@given(
    st.lists(st.sampled_from([0, 1, 2, 3, 6]), min_size=1, max_size=3, unique=True),
    st.lists(st.integers(0, 59_999), min_size=40, max_size=80),
)
def test_a_long_column_reads_like_each_of_its_stamps(digits: list[int], moments: list[int]) -> None:
    """Many stamps are read at once when they are written alike, and as they stand when they are not."""
    texts = []
    for place, moment in enumerate(moments):
        fraction = f"{moment % 1000:03d}000"[: digits[place % len(digits)]]
        texts.append(f"2026-03-02T14:05:{moment // 1000:02d}{'.' * bool(fraction)}{fraction}Z".encode())
    found = [stamp_in(text) for text in texts]
    heads, seconds, tails = zip(*(each[1].groups() for each in found if each), strict=True)
    iso = next(form for form in FORMS if form.name == "iso")
    assert Times().of(iso, heads, seconds, tails) == [
        datetime.fromisoformat(text.decode()).timestamp() for text in texts
    ]
