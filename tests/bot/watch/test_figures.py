"""A story's verdict in one line, by what changed; rates, durations and times as people say them."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.watch.figures import (
    MOST_HEADLINE,
    clock,
    day,
    headline,
    lasted,
    line,
    names,
    number,
    often,
    rate,
    span,
    word_of,
)
from ingest.anomalies.report import headline as told_by_ingest
from ingest.anomalies.signal import Series, Signal
from tests.bot.watch.desk import NOON, report

BERLIN = ZoneInfo("Europe/Berlin")

BY_KIND = [
    ({}, 'checkout: new line "payment gateway timeout after … ms (gateway=…)" 42 a minute, never seen before'),
    (
        {"kind": "new", "observed": 1.0},
        'checkout: new line "payment gateway timeout after … ms (gateway=…)" once, never seen before',
    ),
    (
        {"kind": "new", "observed": 3.0, "window_s": 600.0},
        'checkout: new line "payment gateway timeout after … ms (gateway=…)" 3 in 10 min, never seen before',
    ),
    (
        {"kind": "rise", "template": "payment gateway timeout", "usual": 1.0},
        'checkout: "payment gateway timeout" 42 a minute, usually 1',
    ),
    (
        {"kind": "rise", "template": "order <*> refused", "usual": 0.0314},
        'checkout: "order … refused" 42 a minute, usually 1.9 an hour',
    ),
    (
        {"kind": "rise", "template": "", "services": (), "hosts": ("web-1",), "observed": 900.0, "usual": 90.0},
        "web-1: all lines together 900 a minute, usually 90",
    ),
    (
        {"kind": "fall", "template": "order completed", "observed": 0.0, "usual": 420.0, "window_s": 600.0},
        'checkout: "order completed" none in 10 min, usually 42 a minute',
    ),
    (
        {"kind": "fall", "template": "order completed", "observed": 30.0, "usual": 420.0, "window_s": 600.0},
        'checkout: "order completed" only 3 a minute, usually 42',
    ),
    (
        {"kind": "silence", "template": "heartbeat <*> is fine", "hosts": ("web-2",), "observed": 0.0, "usual": 3.0},
        'checkout on web-2: no longer writes "heartbeat … is fine", overdue after 3 min',
    ),
    (
        {"kind": "silence", "template": "", "services": (), "hosts": ("db-3",), "observed": 0.0, "usual": 180.0},
        "db-3: silent, overdue after 3 h",
    ),
    (
        {"kind": "drift", "template": "answered in <*> ms", "observed": 0.483, "usual": 0.05, "unit": "seconds"},
        'checkout: values in "answered in … ms" about 483 ms, usually 50 ms',
    ),
    (
        {
            "kind": "jump",
            "template": "heap is <*>",
            "hosts": ("a", "b"),
            "observed": 9e8,
            "usual": 5e8,
            "unit": "bytes",
        },
        'checkout on 2 hosts: "heap is …" up to 900 MB, never above 500 MB before',
    ),
    (
        {
            "kind": "share",
            "template": "answered <*>",
            "observed": 0.633,
            "usual": 0.019,
            "headline": "Other outcomes in: 500 in answered <*> on checkout: 63% of the lines of 5 min, usually 1.9%",
        },
        'checkout: 500 in 63 % of "answered …", usually 1.9 %',
    ),
    (
        {"kind": "restarts", "template": "Starting <*>", "observed": 4.0, "usual": 0.00636, "window_s": 300.0},
        "checkout: starts again and again, 4 in 5 min, usually 1.8 a day",
    ),
]


@pytest.mark.parametrize(("changes", "told"), BY_KIND)
def test_the_headline_is_the_verdict_with_its_figures(changes: dict[str, object], told: str) -> None:
    """Where, what, how much, and how much is usual, each kind in its own words."""
    assert headline(report(**changes)) == told


def test_people_call_a_service_as_their_catalogue_does() -> None:
    """The name that people know stands in front of the log's."""
    assert headline(report(kind="rise", template="x y"), "payments").startswith('payments: "x y" ')


def test_a_long_line_is_cut_so_that_the_figures_stay() -> None:
    """What varies is cut; where, how many and what is usual stand in every notification."""
    told = headline(report(kind="rise", template="word " * 400, usual=1.0))
    assert len(told) <= MOST_HEADLINE
    assert told.startswith('checkout: "word word')
    assert told.endswith('word…" 42 a minute, usually 1')


@given(st.text(max_size=300), st.text(max_size=300), st.floats(0, 1e9), st.floats(0, 1e9))
def test_whatever_a_log_writes_the_headline_is_one_short_line(
    template: str, service: str, observed: float, usual: float
) -> None:
    """No template and no name makes two lines of it, or more than fits."""
    told = headline(report(kind="rise", template=template, services=(service,), observed=observed, usual=usual))
    assert len(told.splitlines()) == 1
    assert len(told) <= MOST_HEADLINE + 60


def test_the_word_of_another_outcome_is_the_one_that_ingest_names() -> None:
    """It stands in ingest's sentence alone; this fails when that is worded in another way."""
    signal = Signal("share", Series(template=4, position=3, word=b"503"), 9, 7, 0.5, 0.01, 5, 20.0)
    told = told_by_ingest(signal, "GET <*> answered <*>", ["web-1", "shop"])
    assert word_of(report(kind="share", headline=told)) == "503"


@pytest.mark.parametrize(
    ("count", "window_s", "told"),
    [
        (0.0, 600.0, "none in 10 min"),
        (1.0, 60.0, "once"),
        (1.0, 600.0, "once in 10 min"),
        (9.0, 600.0, "9 in 10 min"),
        (10.0, 600.0, "1 a minute"),
        (1_234_567.0, 60.0, "1,234,567 a minute"),
    ],
)
def test_how_often(count: float, window_s: float, told: str) -> None:
    """A rate where it is one a minute or more, else a count in its window."""
    assert often(count, window_s) == told


@pytest.mark.parametrize(
    ("a_minute", "told"),
    [
        (0.0, "none"),
        (1e-9, "less than one a day"),
        (0.0005, "less than one a day"),
        (0.001, "1.4 a day"),
        (0.02, "1.2 an hour"),
        (0.999, "1 a minute"),
        (9.94, "9.9 a minute"),
        (9.96, "10 a minute"),
    ],
)
def test_a_usual_rate(a_minute: float, told: str) -> None:
    """In the unit in which it is one or more: 0.0314 a minute tells nobody anything."""
    assert rate(a_minute) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5.0, "less than a minute"),
        (29.0, "less than a minute"),
        (60.0, "1 min"),
        (7_140.0, "119 min"),
        (7_200.0, "2 h"),
        (9_000.0, "2.5 h"),
        (172_800.0, "2 days"),
    ],
)
def test_how_long(seconds: float, told: str) -> None:
    """In the unit that people would take."""
    assert lasted(seconds) == told


def test_times_name_their_zone_and_another_day() -> None:
    """Today is not named; a zone without a name is told by its distance."""
    assert clock(NOON, UTC, NOON) == "12:00 UTC"
    assert clock(NOON, BERLIN, NOON) == "13:00 CET"
    assert clock(NOON - 86_400, UTC, NOON) == "17 November 12:00 UTC"
    assert clock(NOON, ZoneInfo("Asia/Dubai"), NOON) == "16:00 UTC+04"
    assert day(NOON + 30 * 86_400, BERLIN) == "18 December"


def test_a_span_names_zone_and_day_once() -> None:
    """Two days, two zones at a change of the clocks, or neither."""
    change = 1_792_889_400.0  # 2026-10-25 00:50 UTC, ten minutes before Berlin's clocks go back
    assert span(NOON, NOON + 1_080, UTC, NOON) == "12:00 to 12:18 UTC"
    assert span(NOON - 86_400, NOON - 82_800, UTC, NOON) == "17 November 12:00 to 13:00 UTC"
    assert span(NOON - 86_400, NOON, UTC, NOON) == "17 November 12:00 to 18 November 12:00 UTC"
    assert span(change, change + 1_200, BERLIN, change) == "02:50 CEST to 02:10 CET"


def test_a_line_is_one_line() -> None:
    """What follows is an ellipsis, as is what varies."""
    assert line("Traceback:\n  File x", 80) == "Traceback: …"
    assert line(" a <*>\tb ", 80) == "a … b"
    assert line("abcdef", 4) == "abc…"


def test_names_beyond_four_are_counted() -> None:
    """A story on a thousand hosts names four."""
    assert names([f"web-{each}" for each in range(1000)]) == "web-0, web-1, web-2, web-3 and 996 more"
    assert number(0.04) == "0"
