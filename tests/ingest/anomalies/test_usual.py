"""What is usual: the rate by the time of the day and week, how much it scatters, its records."""

import numpy as np
import pytest

from ingest.anomalies.counts import Counts
from ingest.anomalies.usual import DAY_MINUTES, Usual

ONE = np.array([0])
WEEK = 7 * DAY_MINUTES
BEGIN = 29_894_400
"""A Tuesday, 00:00 UTC."""


def learnt(days: float, rate: "np.ufunc | None" = None, *, seed: int = 3, step: int = 1) -> Usual:
    """Return what is usual for a series after so many days of counts."""
    rng = np.random.default_rng(seed)
    usual = Usual()
    usual.grow(1)
    for minute in range(BEGIN, BEGIN + int(days * DAY_MINUTES), step):
        mean = 4.0 if rate is None else float(rate(minute))
        usual.learn(minute, ONE, np.array([float(rng.poisson(mean))]))
    return usual


def by_night(minute: int) -> float:
    """Ten in the first six hours of a day, none else."""
    return 10.0 if minute % DAY_MINUTES < 360 else 0.0


def by_week(minute: int) -> float:
    """Ten on Saturdays, one else; minute 0 of 1970 was a Thursday."""
    return 10.0 if minute % WEEK // DAY_MINUTES == 2 else 1.0


def test_the_rate_of_a_steady_series_is_its_mean() -> None:
    """At any time of the day."""
    usual = learnt(2)
    rates = [usual.rate(BEGIN + minute, ONE)[0] for minute in range(0, DAY_MINUTES, 97)]
    assert rates == pytest.approx([4.0] * len(rates), rel=0.15)


def test_the_rate_follows_the_time_of_the_day_after_one_day() -> None:
    """What is usual at night is not by day."""
    usual = learnt(1.2, by_night)
    assert usual.rate(BEGIN + DAY_MINUTES + 180, ONE)[0] > 6.0
    assert usual.rate(BEGIN + DAY_MINUTES + 900, ONE)[0] < 3.0


def test_the_rate_follows_the_day_of_the_week_after_three_weeks() -> None:
    """Saturdays are Saturdays."""
    usual = learnt(24, by_week, step=1)
    saturday = BEGIN + 25 * DAY_MINUTES + 700
    assert saturday % WEEK // DAY_MINUTES == 2
    assert usual.rate(saturday, ONE)[0] > 1.5 * usual.rate(saturday + 2 * DAY_MINUTES, ONE)[0]


def test_a_series_is_watched_from_its_first_line() -> None:
    """What came late is not taken as absent before."""
    usual = learnt(1)
    usual.grow(2)
    for minute in range(BEGIN + DAY_MINUTES, BEGIN + DAY_MINUTES + 120):
        usual.learn(minute, np.array([0, 1]), np.array([4.0, 4.0]))
    assert usual.watched()[1] == pytest.approx(120.0, abs=1.0)
    assert usual.rate(BEGIN + DAY_MINUTES + 120, np.array([1]))[0] > 2.5


def test_minutes_that_are_left_out_change_nothing() -> None:
    """An outage of three hours does not make the usual less."""
    usual, other = learnt(2), learnt(2)
    for minute in range(BEGIN + 2 * DAY_MINUTES, BEGIN + 2 * DAY_MINUTES + 180):
        usual.learn(minute, np.zeros(0, dtype=np.int64), np.zeros(0))
        usual.leave_out(minute, ONE)
    at = BEGIN + 3 * DAY_MINUTES + 90
    assert usual.rate(at, ONE)[0] == pytest.approx(other.rate(at, ONE)[0], rel=0.1)


def test_what_was_two_weeks_ago_counts_half() -> None:
    """A series that doubled is taken as such in time."""
    usual = learnt(14)
    for minute in range(BEGIN + 14 * DAY_MINUTES, BEGIN + 28 * DAY_MINUTES):
        usual.learn(minute, ONE, np.array([8.0]))
    assert 6.2 < usual.rate(BEGIN + 28 * DAY_MINUTES + 5, ONE)[0] < 8.0


@pytest.mark.parametrize(("burst", "least", "most"), [(1, 0.0, 0.2), (12, 0.5, 5.0)], ids=["poisson", "in bursts"])
def test_scatter_is_learnt_from_the_windows(burst: int, least: float, most: float) -> None:
    """A series that comes in bursts of twelve scatters more than chance has it, a poissonian one does not."""
    rng = np.random.default_rng(9)
    usual, counts = Usual(), Counts()
    usual.grow(1)
    for minute in range(BEGIN, BEGIN + 3 * DAY_MINUTES):
        counts.advance(minute)
        amount = float(rng.poisson(4.0 / burst) * burst)
        counts.add(ONE, np.array([amount]))
        usual.learn(minute, ONE, np.array([amount]))
        usual.learn_scatter(minute, counts, np.ones(1, dtype=bool), ago=0)
    assert least <= usual.spread(ONE, 0)[0] <= most


def test_records_last_for_one_to_two_weeks() -> None:
    """Then they are forgotten."""
    usual = learnt(1)
    usual.learn_records(ONE, np.full((4, 1), 17.0))
    usual.learn_records(ONE, np.full((4, 1), 5.0))
    assert usual.most(ONE, 0)[0] == 17.0
    for day, expected in ((7, 17.0), (14, 0.0)):
        usual.learn(BEGIN + day * DAY_MINUTES, ONE, np.array([4.0]))
        assert usual.most(ONE, 0)[0] == expected


def test_a_state_brings_everything_back() -> None:
    """Series that come later find room."""
    usual, again = learnt(1), Usual()
    again.restore(usual.state())
    again.grow(300)
    assert again.rate(BEGIN, ONE) == usual.rate(BEGIN, ONE)
    assert again.watched()[299] == 0.0
