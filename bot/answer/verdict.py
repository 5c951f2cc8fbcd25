"""Is there evidence enough? Decided by a rule over the result list, never by the model. Pure."""

import math
from dataclasses import astuple
from typing import Literal

from ingest.index.search import Evidence

Verdict = Literal["answered", "perhaps", "not_found"]

BIAS = -9.0
WEIGHTS = Evidence(nearest=8.0, words=9.0, known=2.0, covered=2.0)
ANSWERED, PERHAPS = 0.6, 0.35


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
