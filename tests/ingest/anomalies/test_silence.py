"""Who speaks regularly, and when silence is overdue."""

from collections.abc import Callable

import numpy as np
import pytest

from ingest.anomalies.silence import Silence

ONE = np.array([0])
NOT_HELD = np.zeros(1, dtype=bool)


def heard(speaks: Callable[[int], bool], minutes: int = 1000) -> Silence:
    """Return what is known of a series that spoke in these minutes."""
    silence = Silence()
    silence.grow(1)
    for minute in range(minutes):
        if speaks(minute):
            silence.see(minute, ONE, NOT_HELD)
    return silence


@pytest.mark.parametrize(
    ("speaks", "least", "most"),
    [
        pytest.param(lambda _minute: True, 3, 3, id="every minute"),
        pytest.param(lambda minute: minute % 10 == 0, 21, 21, id="every ten minutes"),
        pytest.param(lambda minute: minute % 60 == minute // 60 % 5, 122, 140, id="every hour or so"),
        pytest.param(lambda minute: minute % 10 in {0, 1}, 19, 19, id="two minutes of ten"),
        pytest.param(lambda minute: minute % 3 != 0, 5, 40, id="two of three"),
    ],
)
def test_silence_is_overdue_when_the_second_beat_is_missed(
    speaks: Callable[[int], bool], least: float, most: float
) -> None:
    """Whatever the beat; never before."""
    assert least <= heard(speaks).deadline(ONE)[0] <= most


@pytest.mark.parametrize(
    ("speaks", "minutes"),
    [
        pytest.param(lambda minute: minute in {10, 11, 500}, 1000, id="now and then"),
        pytest.param(lambda minute: minute % 400 < 20, 1600, id="in clumps"),
        pytest.param(lambda _minute: True, 300, id="watched for five hours"),
    ],
)
def test_who_has_no_rhythm_is_never_missed(speaks: Callable[[int], bool], minutes: int) -> None:
    """Only what is regular can be silent."""
    assert heard(speaks, minutes).deadline(ONE)[0] == np.inf


def test_a_silence_that_was_told_is_not_learnt() -> None:
    """After an outage of an hour the deadline is what it was."""
    silence = heard(lambda _minute: True)
    silence.see(1060, ONE, ~NOT_HELD)
    assert silence.deadline(ONE)[0] == 3


def test_a_silence_that_nobody_told_is() -> None:
    """It was usual, then."""
    silence = heard(lambda _minute: True)
    silence.see(1005, ONE, NOT_HELD)
    assert silence.deadline(ONE)[0] > 11


def test_nobody_is_expected_before_they_spoke_once_in_another_stream() -> None:
    """What sleeps is not overdue; it wakes with its first line, and has its rhythm still."""
    silence = heard(lambda _minute: True)
    silence.sleep(1000)
    assert silence.deadline(ONE)[0] == np.inf
    silence.see(5000, ONE, NOT_HELD)
    assert 3 <= silence.deadline(ONE)[0] < 10
    assert silence.regular(ONE)[0]
