"""The scores by which quality is judged, against values worked out by hand from their formulas."""

import math
from collections.abc import Sequence

import pytest

from benchmarks.scoring import Scores, auroc, mean, scores_of

SECOND = 1 / math.log2(3)
"""What a document in the second place counts."""


@pytest.mark.parametrize(
    ("relevant", "paths", "wanted"),
    [
        ({"a"}, ["a", "b"], Scores(r1=1, r5=1, mrr=1, ndcg=1)),
        ({"a"}, ["b", "a"], Scores(r1=0, r5=1, mrr=1 / 2, ndcg=SECOND)),
        ({"a", "c"}, ["b", "a"], Scores(r1=0, r5=1, mrr=1 / 2, ndcg=SECOND / (1 + SECOND))),
        ({"a"}, ["b", "b", "a"], Scores(r1=0, r5=1, mrr=1 / 2, ndcg=SECOND)),
        ({"a"}, [*"bcdef", "a"], Scores(r1=0, r5=0, mrr=1 / 6, ndcg=1 / math.log2(7))),
        ({"a"}, [*"bcdefghijk", "a"], Scores(r1=0, r5=0, mrr=0, ndcg=0)),
        ({"a"}, [], Scores(r1=0, r5=0, mrr=0, ndcg=0)),
    ],
    ids=["first", "second", "one of two", "a path twice counts once", "sixth", "beyond ten", "nothing"],
)
def test_a_list_is_scored_by_the_formulas(relevant: set[str], paths: Sequence[str], wanted: Scores) -> None:
    """R@k counts any relevant document, MRR the first, nDCG@10 all of them."""
    found = scores_of(relevant, paths)
    assert (found.r1, found.r5, found.mrr, found.ndcg) == pytest.approx((wanted.r1, wanted.r5, wanted.mrr, wanted.ndcg))


@pytest.mark.parametrize(
    ("answerable", "others", "wanted"),
    [([0.9, 0.8], [0.1], 1.0), ([0.1], [0.9], 0.0), ([0.5], [0.5], 0.5), ([0.9, 0.3], [0.5], 0.5)],
)
def test_auroc_is_how_often_the_answerable_score_higher(
    answerable: Sequence[float], others: Sequence[float], wanted: float
) -> None:
    """Every pair of an answerable question and another one counts once, a tie half."""
    assert auroc(answerable, others) == pytest.approx(wanted)


def test_auroc_of_one_sort_is_no_number() -> None:
    """Without questions of both sorts there is nothing to tell apart."""
    assert math.isnan(auroc([0.9], []))


def test_the_mean_is_taken_score_by_score() -> None:
    """A macro average is the mean of each score by itself."""
    assert mean([Scores(1, 1, 1, 1), Scores(0, 1, 0.5, 0)]) == Scores(0.5, 1, 0.75, 0.5)
