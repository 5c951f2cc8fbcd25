"""Is there evidence enough? Decided by a rule over the result list, never by the model. Pure."""

import math
from dataclasses import astuple
from typing import Literal

from ingest.index.search import Evidence

Verdict = Literal["answered", "perhaps", "not_found"]

BIAS = -14.65
WEIGHTS = Evidence(nearest=17.8, words=4.36, known=4.65, covered=1.95)
"""A logistic regression (benchmarks/verdict.py) over 462 questions on 1,000 public documents and 40 on the ones that
ship. Fitted on either set alone it ranks the other's questions as well: AUROC .98 and .94."""

PERHAPS = 0.4
"""Below it nothing is claimed: on those sets, .82 of the unanswerable are declined, .93 of the rest are not."""

ANSWERED = 0.65
"""Below it an answer is told as a perhaps."""


def surety(evidence: Evidence) -> float:
    """Return how sure it is that the documents answer the question, in [0, 1]."""
    total = BIAS + sum(weight * value for weight, value in zip(astuple(WEIGHTS), astuple(evidence), strict=True))
    return 1.0 / (1.0 + math.exp(-total))


def judge(evidence: Evidence) -> Verdict:
    """Return the verdict on what was found."""
    sure = surety(evidence)
    if sure >= ANSWERED:
        return "answered"
    return "perhaps" if sure >= PERHAPS else "not_found"
