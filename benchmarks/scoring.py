"""Scores of ranked lists and of sureness, by their standard formulas. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from statistics import fmean

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Ranked:
    """What came back for one question. `score` is how sure the program is that the corpus answers it."""

    kind: str
    relevant: frozenset[str]
    paths: tuple[str, ...]
    answered: bool
    score: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one ranked list, or the mean of several; each in [0, 1], higher is better."""

    r1: float
    r5: float
    mrr: float
    ndcg: float


def scores_of(relevant: Collection[str], paths: Sequence[str]) -> Scores:
    """Score one list of documents, best first; a path that comes twice counts where it comes first.

    R@k is 1 when any relevant document is among the first k: one good page answers (TREC calls it success@k; Craswell
    and Hawking 2004). MRR: 1 / rank of the first relevant within ten (Voorhees 1999). nDCG@10 with gains of 0 and 1
    (Järvelin and Kekäläinen 2002).
    """
    ranks = [rank for rank, path in enumerate(dict.fromkeys(paths), start=1) if path in relevant and rank <= 10]
    best = sum(_discount(rank) for rank in range(1, min(len(relevant), 10) + 1))
    return Scores(
        r1=float(1 in ranks),
        r5=float(any(rank <= 5 for rank in ranks)),
        mrr=1.0 / ranks[0] if ranks else 0.0,
        ndcg=sum(map(_discount, ranks)) / best if best else 0.0,
    )


def _discount(rank: int) -> float:
    return float(1.0 / np.log2(rank + 1))


def by_kind(found: Iterable[Ranked]) -> dict[str, list[Ranked]]:
    """Return the answerable questions by their kind, in the order of their names."""
    kinds = defaultdict[str, list[Ranked]](list)
    for each in found:
        if each.relevant:
            kinds[each.kind].append(each)
    return dict(sorted(kinds.items()))


def mean(scores: Sequence[Scores]) -> Scores:
    """Return the mean of each score."""
    return Scores(*(fmean(getattr(each, field.name) for each in scores) for field in fields(Scores)))


def auroc(answerable: Sequence[float], others: Sequence[float]) -> float:
    """Return how often an answerable question scores above another one, ties half: the area under the ROC curve.

    By the Mann-Whitney statistic (Hanley and McNeil 1982); NaN without questions of both sorts.
    """
    if not answerable or not others:
        return float("nan")
    above: npt.NDArray[np.float64] = np.asarray(answerable)[:, None] - np.asarray(others)
    return float((above > 0).mean() + 0.5 * (above == 0).mean())
