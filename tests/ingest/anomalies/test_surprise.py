"""Surprise in nats: known tails, both sides, and a false discovery rate over many hypotheses."""

import math

import numpy as np
import pytest

from ingest.anomalies.surprise import discoveries, of_count, of_share


def floats(*values: float) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return values as the functions take them."""
    return np.array(values, dtype=np.float64)


@pytest.mark.parametrize(
    ("observed", "usual", "nats"),
    [
        (10.0, 10.0, 0.0),
        (20.0, 10.0, 20 * math.log(2) - 10),
        (0.0, 10.0, 10.0),
        (5.0, 10.0, 5 * math.log(0.5) + 5),
        (3.0, 0.01, 3 * math.log(300) - 2.99),
    ],
)
def test_without_extra_scatter_a_count_is_as_surprising_as_poisson_has_it(
    observed: float, usual: float, nats: float
) -> None:
    """Chernoff's bound of a Poisson tail: k ln(k/m) - k + m."""
    assert of_count(floats(observed), floats(usual), floats(0.0))[0] == pytest.approx(nats, abs=0.01)


def test_scatter_makes_the_same_count_less_surprising() -> None:
    """The more a series scatters, the less its counts tell, on both sides."""
    spreads = floats(0.0, 0.1, 0.5, 2.0)
    for observed in (0.0, 300.0):
        nats = of_count(np.full(4, observed), np.full(4, 100.0), spreads)
        assert (np.diff(nats) < 0).all()
        assert nats[-1] > 0


def test_nothing_where_nothing_is_expected_is_no_surprise() -> None:
    """And no arithmetic goes wrong."""
    assert of_count(floats(0.0), floats(0.0), floats(0.5))[0] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("hits", "total", "usual", "nats"),
    [(5.0, 10.0, 0.5, 0.0), (10.0, 10.0, 0.5, 10 * math.log(2)), (0.0, 10.0, 0.5, 10 * math.log(2)), (0, 0, 0.5, 0.0)],
)
def test_shares_are_as_surprising_as_binomial_has_them(hits: float, total: float, usual: float, nats: float) -> None:
    """Total times the Kullback-Leibler divergence."""
    assert of_share(floats(hits), floats(total), floats(usual))[0] == pytest.approx(nats, abs=1e-6)


@pytest.mark.parametrize(
    ("chances", "tested", "found"),
    [
        ([], 10, 0),
        ([0.02], 1, 1),
        ([0.02], 3, 0),
        ([0.01, 0.013, 0.014, 0.19, 0.35, 0.5, 0.63, 0.67, 0.75, 0.81], 10, 3),
        ([0.01, 0.015], 10, 0),
        ([0.005, 0.009, 0.05, 0.9], 4, 2),
        ([0.04, 0.05], 2, 2),
    ],
)
def test_discoveries_are_those_of_benjamini_and_hochberg(chances: list[float], tested: int, found: int) -> None:
    """The largest j with p(j) <= rate * j / tested, here at a rate of 0.05, and all that are smaller."""
    nats = -np.log(np.array(chances)) if chances else np.zeros(0)
    flags = discoveries(nats, tested, 0.05)
    assert flags.sum() == found
    assert flags.tolist() == [number < found for number in range(len(chances))]


def test_of_pure_chance_hardly_anything_is_found() -> None:
    """A thousand scans of a thousand true null hypotheses: no more of them find something than the rate says."""
    rng = np.random.default_rng(5)
    found = sum(discoveries(rng.exponential(size=1_000), 1_000, 0.01).any() for _ in range(1_000))
    assert found <= 20
