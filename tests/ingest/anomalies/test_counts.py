"""Counts of the last two hours, minute by minute: any window of them, whatever came late."""

import numpy as np
import pytest

from ingest.anomalies.counts import KEPT_MINUTES, LATE_MINUTES, Counts

ONE = np.array([0])
BOTH = np.array([0, 1])


def counted(minutes: dict[int, tuple[float, float]]) -> Counts:
    """Return the counts of two series, by minute."""
    counts = Counts()
    for minute, amounts in minutes.items():
        counts.advance(minute)
        counts.add(BOTH, np.array(amounts))
    return counts


@pytest.mark.parametrize(
    ("minutes", "ago", "lines"),
    [(1, 0, 4.0), (2, 0, 6.0), (3, 0, 6.0), (4, 0, 7.0), (60, 0, 7.0), (1, 1, 2.0), (2, 1, 2.0), (3, 1, 3.0)],
)
def test_a_window_has_the_sum_of_its_minutes(minutes: int, ago: int, lines: float) -> None:
    """Minutes in which nothing was said count nothing, and any window may end in the past."""
    counts = counted({1000: (1.0, 0.0), 1002: (2.0, 5.0), 1003: (4.0, 0.0)})
    assert counts.window(minutes, ONE, ago=ago)[0] == lines


def test_a_series_may_come_more_than_once_in_a_minute() -> None:
    """All its amounts count."""
    counts = counted({1000: (0.0, 0.0)})
    counts.add(np.array([0, 0, 1]), np.array([1.0, 2.0, 4.0]))
    assert counts.window(1, BOTH).tolist() == [3.0, 4.0]


def test_late_lines_count_in_the_minute_they_tell() -> None:
    """Of windows that end before it nothing changes."""
    counts = counted({1000 + minute: (1.0, 0.0) for minute in range(10)})
    counts.add_late(1005, 0, (7.0,))
    assert [counts.window(1, ONE, ago=ago)[0] for ago in (3, 4, 5)] == [1.0, 8.0, 1.0]
    assert counts.window(10, ONE)[0] == 17.0


def test_what_is_later_than_an_hour_counts_an_hour_ago() -> None:
    """Older minutes were judged long ago."""
    counts = counted({1000 + minute: (1.0, 0.0) for minute in range(100)})
    counts.add_late(1000, 0, (5.0,))
    assert counts.window(1, ONE, ago=LATE_MINUTES)[0] == 6.0


def test_after_a_long_pause_nothing_old_is_left() -> None:
    """The ring holds two hours; what is older is gone, not counted again."""
    counts = counted({1000: (9.0, 9.0), 1000 + 3 * KEPT_MINUTES: (1.0, 0.0)})
    assert counts.window(60, BOTH).tolist() == [1.0, 0.0]


def test_a_state_brings_everything_back() -> None:
    """Series that come later find room."""
    counts = counted({1000: (1.0, 2.0), 1001: (3.0, 4.0)})
    again = Counts()
    again.restore(counts.state(2))
    again.grow(300)
    again.advance(1002)
    again.add(np.array([299]), np.array([8.0]))
    assert again.window(3, np.array([0, 1, 299])).tolist() == [4.0, 6.0, 8.0]
