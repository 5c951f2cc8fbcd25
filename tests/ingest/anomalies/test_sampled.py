"""Values at the places of templates: the level of numbers, the share of words, and which places hold secrets."""

import numpy as np
import pytest

from ingest.anomalies.hidden import ENOUGH, FEW, Hidden
from ingest.anomalies.measures import Measures, scaled, unscaled
from ingest.anomalies.shares import Shares
from ingest.redact.redactor import redact

ONE = np.array([0])
BEGIN = 29_894_400
QUIET = np.ones(1, dtype=bool)


def measured(hours: float, level: float = 40.0, wander: float = 0.0, *, seed: int = 1) -> Measures:
    """Return what is known of a place that showed five values a minute about a level."""
    rng, measures = np.random.default_rng(seed), Measures()
    measures.grow(1)
    for minute in range(BEGIN, BEGIN + int(hours * 60)):
        here = level * np.exp(wander * np.sin(minute / 200.0))
        show(measures, minute, here * rng.lognormal(0.0, 0.2, 5))
        measures.learn(minute, QUIET, ago=0)
    return measures


def show(measures: Measures, minute: int, values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> None:
    """Count values of a minute."""
    measures.counts.advance(minute)
    measures.add(np.zeros(len(values), dtype=np.int64), scaled(values))
    measures.learn_tops(np.zeros(len(values), dtype=np.int64), scaled(values))


def shifted(measures: Measures, hours: float, factor: float, *, minutes: int = 15) -> float:
    """Return the surprise over a quarter of an hour after the level was multiplied."""
    rng = np.random.default_rng(8)
    for minute in range(minutes):
        at = BEGIN + int(hours * 60) + minute
        measures.counts.advance(at)
        measures.add(np.zeros(5, dtype=np.int64), scaled(40.0 * factor * rng.lognormal(0.0, 0.2, 5)))
    return float(measures.shifts(ONE, 0)[2][0])


def test_the_scale_is_that_of_factors() -> None:
    """A doubling is the same step for milliseconds and gigabytes; there and back is the same."""
    steps = np.diff(scaled(np.array([0.01, 0.02, 1.0, 2.0, 1e9, 2e9])))[::2]
    assert steps == pytest.approx([np.log(2)] * 3, abs=1e-6)
    assert unscaled(scaled(np.array([0.0, -3.5, 40.0]))) == pytest.approx([0.0, -3.5, 40.0])


@pytest.mark.parametrize(("factor", "told"), [(2.0, True), (0.5, True), (10.0, True), (1.0, False), (1.03, False)])
def test_a_level_that_leaves_all_that_was_seen_is_surprising(factor: float, *, told: bool) -> None:
    """Up and down; a few per cent are nobody's incident."""
    assert (shifted(measured(10), 10, factor) > 15.0) == told


def test_a_level_that_always_wanders_must_go_further() -> None:
    """What goes up and down by a half all day surprises with a doubling only a little, if at all."""
    assert shifted(measured(24, wander=0.5), 24, 1.4) == 0.0


@pytest.mark.parametrize("hours", [1.0, 4.0])
def test_before_a_level_is_known_none_is_surprising(hours: float) -> None:
    """It takes six hours."""
    assert shifted(measured(hours), hours, 10.0) == 0.0


def test_a_counter_has_no_level() -> None:
    """Numbers that only ever go on are no measurements."""
    measures = Measures()
    measures.grow(1)
    for minute in range(BEGIN, BEGIN + 1200):
        show(measures, minute, np.full(5, float(minute - BEGIN) ** 2 + 1.0))
        measures.learn(minute, QUIET, ago=0)
    assert measures.is_counter(ONE, 0)[0]
    assert measures.shifts(ONE, 0)[2][0] == 0.0
    assert measures.jumps(ONE)[0] == 0.0


def test_values_far_past_all_records_are_counted() -> None:
    """Three of them in five minutes tell that the tail has jumped."""
    measures = measured(10)
    measures.counts.advance(BEGIN + 601)
    measures.add(np.zeros(4, dtype=np.int64), scaled(np.array([41.0, 900.0, 901.0, 1e6])))
    assert measures.jumps(ONE)[0] == 3.0


def test_measures_come_back_from_their_state() -> None:
    """To the last bit."""
    measures, again = measured(10), Measures()
    again.restore(measures.state())
    assert shifted(again, 10, 2.0) == shifted(measures, 10, 2.0) > 0


@pytest.mark.parametrize(
    ("hits", "lines", "told"),
    [(30, 100, True), (2, 100, False), (3, 100, False), (4, 5, False), (12, 20, True), (5, 100, False)],
)
def test_a_share_that_rises_is_surprising(hits: int, lines: int, *, told: bool) -> None:
    """At twice the usual share, past all records, and with five lines at least."""
    shares = Shares()
    shares.grow(1)
    shares.learn(ONE, np.array([40.0]), np.array([2_000.0]))
    shares.learn_records(ONE, np.array([0.04]), 0)
    shares.counts.advance(BEGIN)
    shares.counts.add(ONE, np.array([float(hits)]))
    _, share, nats = shares.rises(ONE, np.array([float(lines)]), 0)
    assert share[0] == hits / lines
    assert (nats[0] > 8.0) == told


def test_a_share_is_known_after_three_hundred_lines() -> None:
    """Not before."""
    shares = Shares()
    shares.grow(1)
    shares.learn(ONE, np.array([1.0]), np.array([200.0]))
    shares.counts.advance(BEGIN)
    shares.counts.add(ONE, np.array([50.0]))
    assert shares.rises(ONE, np.array([60.0]), 0)[2][0] == 0.0


def clean(text: bytes) -> bytes:
    """Return a text without secrets."""
    return redact(text.decode()).encode()


def test_a_value_that_its_line_tells_to_be_a_secret_is_not_shown() -> None:
    """Nor is any other that stands at its place; the line's other values are."""
    hidden = Hidden(clean)
    line = b"login of user 7 with password=Quartz2003 took 5 ms"
    assert hidden.shown(1, line, [(3, b"7"), (5, b"Quartz2003"), (7, b"5")]) == [(3, b"7"), (7, b"5")]
    assert hidden.shown(1, b"the same message", [(5, b"7"), (7, b"6")]) == [(7, b"6")]
    assert hidden.shown(2, b"another message 7", [(5, b"7")]) == [(5, b"7")]


def test_places_of_many_values_are_looked_at_no_more() -> None:
    """Their values are not kept; what is looked at is bounded, soon where they are many at once."""
    seen: list[bytes] = []

    def counting(text: bytes) -> bytes:
        seen.append(text)
        return text

    hidden = Hidden(counting)
    for number in range(1_000):
        hidden.shown(1, b"request %d" % number, [(1, b"%d" % number)])
    assert len(seen) == FEW
    for number in range(30_000):
        hidden.shown(2, b"zone %d" % (number // 300), [(1, b"%d" % (number // 300))])
    assert len(seen) == FEW + ENOUGH
