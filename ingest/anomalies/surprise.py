"""How surprising an observation is, in nats: minus the logarithm of (a bound on) its probability. Pure.

One scale for counts, shares and values, so that one false discovery rate can be kept over all of them.
"""

import numpy as np

from ingest.anomalies.counts import Flags, Floats

TINY = 1e-12

FALSE_DISCOVERIES = 1e-4
"""Rate kept over all counts of one minute: of 1,440 minutes about a tenth are independent, which leaves 0.015 a day by
the bound, and the bound is well above the truth."""

FALSE_VALUES = 1e-5
"""The same for values and shares, whose scatter is known less well."""

LEAST_NATS = 12.0
"""And none is told that chance alone would bring once in 160,000 times."""


def of_count(observed: Floats, usual: Floats, spread: Floats) -> Floats:
    """Return the surprise of counts above or below the usual ones, in nats, 0 where they are equal.

    Chernoff's bound on the tail of a negative binomial of mean `usual` and variance `usual + spread * usual**2`
    (its rate function; for `spread` to 0 that of Poisson). Whoever needs one side looks at the sign of the difference.
    """
    size = 1.0 / np.maximum(spread, TINY)
    mean = np.maximum(usual, TINY)
    rate = observed * np.log(np.maximum(observed, TINY) / mean)
    rate -= (observed + size) * (np.log1p(observed / size) - np.log1p(mean / size))
    return np.maximum(rate, 0.0)


def of_share(hits: Floats, total: Floats, usual: Floats) -> Floats:
    """Return the surprise of `hits` out of `total` where a share of `usual` was expected, in nats.

    Chernoff's bound on the binomial tail: total * KL(hits / total || usual).
    """
    share = np.clip(hits / np.maximum(total, 1.0), TINY, 1.0 - TINY)
    usual = np.clip(usual, TINY, 1.0 - TINY)
    divergence = share * np.log(share / usual) + (1.0 - share) * np.log((1.0 - share) / (1.0 - usual))
    return np.asarray(np.maximum(total * divergence, 0.0))


def discoveries(surprises: Floats, tested: int, rate: float) -> Flags:
    """Tell which of the surprises are discoveries at a false discovery rate, among `tested` hypotheses.

    Benjamini and Hochberg 1995: the j-th smallest probability is at most rate * j / tested, for the largest such j.
    """
    if not len(surprises):
        return np.zeros(0, dtype=bool)
    order = np.sort(surprises)[::-1]
    ranks = np.arange(1, len(order) + 1)
    passed = order >= np.log(max(tested, 1) / (rate * ranks))
    if not passed.any():
        return np.zeros(len(surprises), dtype=bool)
    return np.asarray(surprises >= order[np.flatnonzero(passed)[-1]])


def found(surprises: Floats, tested: int) -> list[int]:
    """Return the places of the counts that are told, among `tested` hypotheses of a minute."""
    if surprises.max(initial=0.0) < LEAST_NATS:
        return []
    told = discoveries(surprises, tested, FALSE_DISCOVERIES) & (surprises >= LEAST_NATS)
    return [int(place) for place in np.flatnonzero(told)]


def needed(tested: int) -> float:
    """Return the surprise that a lone value or share needs to be told, among `tested` hypotheses of a minute."""
    return float(max(LEAST_NATS, np.log(max(tested, 1) / FALSE_VALUES)))
