"""The verdict: more evidence never makes it worse, and every answer is one of three."""

from dataclasses import astuple, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.answer.verdict import ANSWERED, PERHAPS, judge, surety
from ingest.index.search import Evidence

SHARES = st.floats(0.0, 1.0)
ANY = st.builds(Evidence, st.floats(-1.0, 1.0), SHARES, SHARES, SHARES)
RANK = {"not_found": 0, "perhaps": 1, "answered": 2}


@given(ANY, ANY)
def test_more_evidence_never_makes_a_verdict_worse(one: Evidence, other: Evidence) -> None:
    """Of two results, the one that is better in everything is not judged lower."""
    least, most = (Evidence(*map(pick, astuple(one), astuple(other))) for pick in (min, max))
    assert surety(least) <= surety(most)
    assert RANK[judge(least)] <= RANK[judge(most)]


@given(ANY)
def test_surety_is_a_share_and_decides_alone(evidence: Evidence) -> None:
    """The verdict is where it lies between two limits."""
    sure = surety(evidence)
    assert 0.0 <= sure <= 1.0
    assert (judge(evidence) == "answered") == (sure >= ANSWERED)
    assert (judge(evidence) == "not_found") == (sure < PERHAPS)


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (Evidence(), "not_found"),
        (Evidence(nearest=0.8, words=0.8, known=1.0, covered=1.0), "answered"),
        (Evidence(nearest=0.3, words=0.0, known=0.0, covered=0.0), "not_found"),
        (Evidence(nearest=0.2, words=0.6, known=1.0, covered=0.8), "not_found"),
    ],
)
def test_plain_cases(evidence: Evidence, verdict: str) -> None:
    """All signs good, none good, and words alone without any nearness."""
    assert judge(evidence) == verdict


@pytest.mark.parametrize("name", ["nearest", "words", "known", "covered"])
def test_each_kind_of_evidence_counts(name: str) -> None:
    """None of the four is decoration."""
    base = Evidence(0.5, 0.5, 0.5, 0.5)
    assert surety(replace(base, **{name: 0.6})) > surety(base)
