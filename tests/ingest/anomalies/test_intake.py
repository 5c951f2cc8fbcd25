"""Parsed lines to minutes: one clock, each line counted once, a sample for its values."""

import numpy as np
import pytest

from ingest.anomalies.intake import FREE_SAMPLES, Intake
from ingest.anomalies.repeats import Repeats
from ingest.anomalies.signal import Minute
from ingest.logs.line import Columns

T = 1_795_003_200.0
"""A full minute."""

Line = tuple[float, str, str]
"""Seconds after T, host, text."""


def columns(lines: list[Line]) -> Columns:
    """Return lines as the parser gives them."""
    return Columns(
        times=[T + second for second, _, _ in lines],
        hosts=[host.encode() for _, host, _ in lines],
        services=[b"shop"] * len(lines),
        levels=[2] * len(lines),
        texts=[text.encode() for _, _, text in lines],
        physical=[1] * len(lines),
    )


def values_of(_template: int, text: bytes) -> list[tuple[int, bytes]]:
    """Return the last word of a text as its only value."""
    return [(1, text.split()[-1])]


def taken(*batches: list[Line], until: float = 1e9) -> tuple[Intake, list[Minute]]:
    """Return an intake that took in batches, and the minutes it gave out."""
    intake, minutes = Intake(values_of), []
    for batch in batches:
        minutes += list(intake.add(columns(batch), [1] * len(batch)))
    return intake, minutes + list(intake.close(int((T + until) // 60)))


def counted(minutes: list[Minute]) -> list[tuple[int, int, int]]:
    """Return what was counted: minute of arrival, minute told, lines."""
    first = int(T // 60)
    return [(each.minute - first, row.minute - first, row.lines) for each in minutes for row in each.rows]


def test_minutes_are_given_out_when_the_clock_has_left_them() -> None:
    """Not before, each once, and empty ones not at all."""
    intake = Intake(values_of)
    assert list(intake.add(columns([(1, "a", "x 1"), (59, "a", "x 2")]), [1, 1])) == []
    assert counted(list(intake.add(columns([(200, "a", "x 3"), (201, "b", "x 4")]), [1, 1]))) == [(0, 0, 2)]
    assert counted(list(intake.close(int(T // 60) + 4))) == [(3, 3, 1), (3, 3, 1)]
    assert intake.lines == 4


def test_a_late_line_counts_in_its_own_minute_on_its_arrival() -> None:
    """And how late lines come is known."""
    _, minutes = taken([(1, "a", "x 1"), (130, "a", "x 2"), (61, "b", "late")])
    assert counted(minutes) == [(0, 0, 1), (2, 2, 1), (2, 1, 1)]
    assert minutes[-1].late == 1.0


def test_a_minute_that_was_closed_by_the_wall_is_not_opened_again() -> None:
    """What comes for it afterwards is a late line of the next one."""
    intake = Intake(values_of)
    list(intake.add(columns([(10, "a", "x 1")]), [1]))
    assert counted(list(intake.close(int(T // 60) + 1))) == [(0, 0, 1)]
    list(intake.add(columns([(50, "a", "x 2")]), [1]))
    assert counted(list(intake.close(int(T // 60) + 2))) == [(1, 0, 1)]


def test_lines_older_than_an_hour_are_not_counted() -> None:
    """Their minutes were judged long ago; it is told how many they are."""
    intake, _ = taken([(0, "a", "x 1"), *((5000 + n, "a", f"y {n}") for n in range(9)), (3, "a", "old 1")])
    assert (intake.lines, intake.too_old) == (10, 1)


# Replays

LINES: list[Line] = [(second * 0.7, "a", f"line {second}") for second in range(100)]


@pytest.mark.parametrize("size", [1, 7, 100, 500])
@pytest.mark.parametrize("back", [5, 30, 100])
@pytest.mark.parametrize("times", [1, 3])
def test_a_replay_counts_once(size: int, back: int, times: int) -> None:
    """To its last line, however it is cut into batches, and however often it comes."""
    sent = LINES + LINES[-back:] * times + [(80 + second, "a", f"more {second}") for second in range(20)]
    intake, _ = taken(*(sent[begin : begin + size] for begin in range(0, len(sent), size)))
    assert (intake.lines, intake.replayed) == (120, back * times)


def test_a_replay_is_known_after_a_restart() -> None:
    """In its middle as well."""
    intake = Intake(values_of)
    for batch in (LINES, LINES[40:98], LINES[98:]):
        list(intake.add(columns(batch), [1] * len(batch)))
        again = Intake(values_of)
        again.restore(intake.state(bytes))
        intake = again
    assert (intake.lines, intake.replayed) == (100, 60)


def test_the_same_words_of_two_hosts_are_no_replay() -> None:
    """One host's clock may be behind, and stamps may be whole seconds."""
    sent = [line for second in range(50) for line in ((second + 5, "web-1", "healthy"), (second, "web-2", "healthy"))]
    intake, _ = taken(sent)
    assert (intake.lines, intake.replayed) == (100, 0)


def test_lines_that_are_written_twice_count_twice() -> None:
    """As long as they come in order."""
    intake, _ = taken([(second // 5, "a", "refused") for second in range(100)])
    assert intake.lines == 100


def test_keys_are_forgotten_after_an_hour() -> None:
    """Memory does not grow with the stream; what an hour holds is kept in few portions."""
    repeats = Repeats()
    for minute in range(0, 300, 5):
        lines: list[Line] = [(minute * 60.0 + second, "a", f"{minute} {second}") for second in range(100)]
        batch = columns(lines)
        times = np.array(batch.times)
        assert not repeats.of(batch, np.zeros(len(times), dtype=np.int64), times, times).any()
    kept = sum(len(keys) for _, _, keys in repeats.state()[2])
    assert 1_100 <= kept <= 1_600
    assert len(repeats.state()[2]) <= 20


# The clock


def minute_of(host: str, begin: float, ahead: float = 0.0) -> list[Line]:
    """Return ten lines of a host in a minute."""
    return [(begin + 6.0 * n + ahead, host, f"{host} {begin + n}") for n in range(10)]


def mixed(minutes: range, ahead: float) -> list[Line]:
    """Return the lines of two hosts in the order of their arrival; the clock of `b` is ahead."""
    lines = [
        (line, arrival)
        for minute in minutes
        for host, off in (("a", 0.0), ("b", ahead))
        for line, (arrival, _, _) in zip(
            minute_of(host, minute * 60.0, off), minute_of(host, minute * 60.0), strict=True
        )
    ]
    return [line for line, _ in sorted(lines, key=lambda each: (each[1], each[0][1]))]


@pytest.mark.parametrize("ahead", [95.0, 600.0, 7200.0, -600.0, -7200.0])
@pytest.mark.parametrize("size", [6, 20, 2000])
def test_a_host_whose_clock_is_off_keeps_nobody_from_being_counted(ahead: float, size: int) -> None:
    """Every line is counted, and the clock is that of one of them all the time."""
    lines = mixed(range(60), ahead)
    intake, minutes = taken(*(lines[begin : begin + size] for begin in range(0, len(lines), size)))
    assert intake.lines == len(lines)
    assert sum(row.lines for minute in minutes for row in minute.rows) == len(lines)
    assert min(abs(intake.clock - T - 59 * 60.0 - 54.0), abs(intake.clock - T - 59 * 60.0 - 54.0 - ahead)) < 200.0


def test_a_host_that_is_set_right_is_believed_again() -> None:
    """An hour ahead for ten minutes, then right: nothing is late, nothing is lost."""
    lines = mixed(range(10), 3600.0) + mixed(range(10, 30), 0.0)
    intake, minutes = taken(*(lines[begin : begin + 20] for begin in range(0, len(lines), 20)))
    assert intake.lines == len(lines)
    assert {each.minute - row.minute for each in minutes[12:] for row in each.rows} == {0}


def test_after_a_pause_the_clock_goes_on_at_once() -> None:
    """Of one host or of two: those that follow bear it out."""
    lines = mixed(range(5), 0.0) + mixed(range(300, 305), 0.0)
    intake, minutes = taken(*(lines[begin : begin + 20] for begin in range(0, len(lines), 20)))
    assert intake.clock == T + 304 * 60.0 + 54.0
    assert [each.minute - int(T // 60) for each in minutes] == [0, 1, 2, 3, 4, 300, 301, 302, 303, 304]


def test_a_single_stamp_from_the_future_moves_nothing() -> None:
    """Of the only host there is."""
    lines = [*minute_of("a", 0.0), (9e6, "a", "glitch 1"), *minute_of("a", 60.0)]
    intake, _ = taken(lines)
    assert intake.clock == T + 114.0
    assert intake.lines == 21


# The sample


def test_the_first_lines_of_a_minute_are_looked_at() -> None:
    """All of a few, no more than three in a hundred of many, and one at least of each template."""
    _, minutes = taken([(second, "a", f"x {second}") for second in range(30)])
    assert len(minutes[0].values) >= 20
    many: list[Line] = [(second / 200.0, "a", f"x {second}") for second in range(10_000)]
    _, minutes = taken(many)
    assert FREE_SAMPLES <= len(minutes[0].values) <= 0.04 * len(many)


def test_each_template_has_an_example_in_each_minute() -> None:
    """The first of its lines."""
    intake = Intake(values_of)
    batch = columns([(1, "a", "x 1"), (2, "b", "y 2"), (3, "a", "x 3")])
    list(intake.add(batch, [1, 2, 1]))
    (minute,) = intake.close(int(T // 60) + 1)
    assert {number: first.text for number, first in minute.firsts.items()} == {1: b"x 1", 2: b"y 2"}


def test_a_state_is_clean_and_brings_everything_back() -> None:
    """Texts of the open minute go through `clean`, whatever they are kept for."""
    intake = Intake(values_of)
    list(intake.add(columns([(1, "a", "key hunter2"), (2, "a", "key hunter2")]), [1, 1]))
    state = intake.state(lambda text: text.replace(b"hunter2", b"*"))
    assert "hunter2" not in repr(state)
    again = Intake(values_of)
    again.restore(state)
    (minute,) = again.close(int(T // 60) + 1)
    assert (counted([minute]), again.lines, again.clock) == ([(0, 0, 2)], 2, T + 2)
    assert {value.raw for value in minute.values} == {b"*"}
