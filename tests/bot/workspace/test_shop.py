"""The demo's shop: what it writes in a minute, calm and broken."""

from collections import Counter
from pathlib import Path

import pytest

from bot.workspace.services import FAULTS, INCIDENTS, STREAMS
from bot.workspace.shop import DAY_MINUTES, Broken, Fault, Line, lines_of, season
from tests.conftest import EXAMPLE, NOW

MINUTE = int(NOW // 60)
SEED = 7
MOST_A_DAY = 6_000_000
"""Bytes that the whole shop may write in a day."""


def said(stream: str, minutes: int, *broken: Broken) -> list[Line]:
    """Return what a stream says in the minutes from NOW on."""
    return [line for m in range(MINUTE, MINUTE + minutes) for line in lines_of(STREAMS[stream], m, SEED, broken)]


def times_of(fault: Fault, after_s: float = 20.0) -> Broken:
    """Return a fault that begins so long after the first minute's begin."""
    since = MINUTE * 60.0 + after_s
    return Broken(fault, since, since + fault.lasts_s)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_minute_is_the_same_whenever_it_is_asked_for(stream: str) -> None:
    """Seed and minute decide; another seed is another shop."""
    assert said(stream, 30) == said(stream, 30)
    assert said(stream, 30) != [
        line for m in range(MINUTE, MINUTE + 30) for line in lines_of(STREAMS[stream], m, SEED + 1)
    ]


@pytest.mark.parametrize("stream", STREAMS)
def test_lines_stand_in_the_order_of_their_times_within_their_minute(stream: str) -> None:
    """In whole milliseconds, as they are written."""
    for minute in range(MINUTE, MINUTE + 60):
        times = [line.time for line in lines_of(STREAMS[stream], minute, SEED)]
        assert times == sorted(times)
        assert all(minute * 60.0 <= time < minute * 60.0 + 60.0 for time in times)


def test_a_line_is_written_with_time_host_level_and_service() -> None:
    """In UTC, to the millisecond; whole seconds have their zeros."""
    line = Line(NOW, "payments-1", "ERROR", "payments", "authorize timed out")
    assert str(line) == "2026-11-18T11:06:40.000Z payments-1 ERROR payments: authorize timed out"


def test_a_day_has_its_rhythm() -> None:
    """The afternoon is three times the night, for each stream that follows the traffic."""
    night, afternoon = 4 * 60, 16 * 60
    assert (season(night), season(afternoon)) == (0.5, 1.5)
    begin = MINUTE // DAY_MINUTES * DAY_MINUTES
    count = {
        hour: sum(len(lines_of(STREAMS["storefront"], begin + hour + m, SEED)) for m in range(-60, 60))
        for hour in (night, afternoon)
    }
    assert 2.0 < count[afternoon] / count[night] < 3.5


def test_a_day_of_all_streams_is_a_few_megabytes() -> None:
    """It may run for weeks on somebody's laptop."""
    size = sum(len(str(line)) + 1 for stream in STREAMS for line in said(stream, DAY_MINUTES))
    assert 2_000_000 < size < MOST_A_DAY


def test_a_calm_day_has_few_errors() -> None:
    """Whatever a fault says is said now and then, so that it is known; and no more than that."""
    for stream in STREAMS:
        errors = Counter(line.service for line in said(stream, DAY_MINUTES) if line.level != "INFO")
        assert 20 < errors.total() < 300


@pytest.mark.parametrize("fault", [*FAULTS, *INCIDENTS], ids=lambda fault: fault.name)
def test_before_and_after_a_fault_all_is_as_ever(fault: Fault) -> None:
    """A fault that begins within a minute changes nothing of what was written in it before."""
    broken = times_of(fault)
    calm, said_then = said(fault.stream, 10), said(fault.stream, 10, broken)
    outside = [line for line in said_then if not broken.holds(line.time)]
    assert outside == [line for line in calm if not broken.holds(line.time)]
    assert said_then != calm


@pytest.mark.parametrize("fault", [*FAULTS, *INCIDENTS], ids=lambda fault: fault.name)
def test_a_fault_is_told_by_lines_above_info(fault: Fault) -> None:
    """Within its first minute, so that it can be told soon."""
    broken = times_of(fault, 0.0)
    loud = [line for line in said(fault.stream, 1, broken) if line.level != "INFO"]
    assert len(loud) >= 10


@pytest.mark.parametrize("fault", [*FAULTS, *INCIDENTS], ids=lambda fault: fault.name)
def test_a_fault_has_its_runbook(fault: Fault) -> None:
    """One of those that ship, in which a word of the fault's own lines stands."""
    page = (EXAMPLE / fault.runbook).read_text(encoding="utf-8").lower()
    words = {word for voice in fault.voices for word in voice.says.lower().split() if len(word) > 5 and word.isalpha()}
    assert any(word in page for word in words)


def test_a_silent_service_says_nothing() -> None:
    """Neither on the one host nor on the other."""
    broken = times_of(next(fault for fault in FAULTS if fault.name == "silent"), 0.0)
    lines = [line for line in said("orders", 6, broken) if broken.holds(line.time)]
    assert {line.service for line in lines} == {"orders", "rabbitmq"}


def test_a_slow_service_drifts() -> None:
    """It takes ten times as long, but not from one second to the next."""
    fault = next(fault for fault in FAULTS if fault.name == "slow")
    broken = times_of(fault, 0.0)
    slowness = [broken.slowness("search-api", broken.since + after) for after in (0.0, 20.0, 40.0, 200.0)]
    assert slowness[0] == 1.0
    assert slowness == sorted(slowness)
    assert slowness[-1] >= 10.0
    assert broken.slowness("search-api", broken.until) == 1.0
    assert broken.slowness("elasticsearch", broken.since + 100.0) == 1.0


def test_names_of_faults_are_names_of_one() -> None:
    """The page breaks things by their names."""
    names = [fault.name for fault in (*FAULTS, *INCIDENTS)]
    assert len(set(names)) == len(names)


def test_what_breaks_by_itself_leaves_alone_where_people_break_things() -> None:
    """Else a story of the one would take in the other; and one stream has two others' turns in between."""
    assert {fault.stream for fault in FAULTS}.isdisjoint({fault.stream for fault in INCIDENTS})
    assert len({fault.stream for fault in FAULTS}) == len(FAULTS)
    streams = [fault.stream for fault in INCIDENTS] * 2
    assert all(len(set(streams[at : at + 3])) == 3 for at in range(len(streams) - 2))


def test_runbooks_of_faults_are_files() -> None:
    """All of them."""
    assert [each.runbook for each in FAULTS if not Path(EXAMPLE / each.runbook).is_file()] == []
