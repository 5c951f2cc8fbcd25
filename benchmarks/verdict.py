#!/usr/bin/env python
"""Refits the rule of `bot/answer/verdict.py`, which tells whether there is evidence enough to answer.

    python benchmarks/verdict.py                    on the runbooks that ship alone
    python benchmarks/verdict.py DIR...             and on corpora of yours (runbooks/, postmortems/, questions.jsonl)

Prints the weights and the bias to copy over, how well they separate (AUROC) on what they were fitted on and on what
they were not, and what thresholds would do. Changes no file.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.corpus import Corpus, given, shipped
from benchmarks.figures import say, table
from benchmarks.scoring import auroc
from bot.answer.verdict import ANSWERED, PERHAPS, surety
from ingest.index.search import Evidence, Filter

Floats = npt.NDArray[np.float64]
Sure = Callable[[Floats], Floats]
"""Evidence, float64[n, features], to how sure: float64[n] in [0, 1]."""

FEATURES = tuple(field.name for field in fields(Evidence))

RIDGE = 2.0
"""Strength of the L2 penalty on the weights of scaled features: few questions, features that go together."""

WEIGHT_OF_KIND = {"alert": 0.3}
"""Alert texts are many, long and precise; people's own questions must decide."""

WEIGHT_OF_SHIPPED = 1.5
WEIGHT_OF_UNANSWERABLE = 2.0
"""A false answer at 3 a.m. costs more than a refusal that names the nearest page."""

STEPS = 50
"""Newton steps; it stands still after about ten."""

THRESHOLDS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)


@dataclass(frozen=True, slots=True)
class Sample:
    """Questions of one corpus: float64[n, features], whether each is answerable (0 or 1), and how much it counts."""

    name: str
    evidence: Floats
    there: Floats
    weight: Floats
    by_hand: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rule:
    """A logistic regression on evidence as it is."""

    weights: Floats
    bias: float

    def sure(self, evidence: Floats) -> Floats:
        """Return float64[n] in [0, 1]."""
        return np.asarray(1.0 / (1.0 + np.exp(-(evidence @ self.weights + self.bias))))


def main() -> None:
    """Read the evidence, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="*", type=Path, help="folder with runbooks/, postmortems/ and questions.jsonl")
    samples = [asyncio.run(_sample(corpus)) for corpus in [shipped(), *map(given, parser.parse_args().corpus)]]
    rule = fitted(samples)
    print("BIAS =", round(rule.bias, 2))
    weights = ", ".join(f"{name}={weight:.3g}" for name, weight in zip(FEATURES, rule.weights, strict=True))
    print(f"WEIGHTS = Evidence({weights})\n")
    print(table(("AUROC on", "questions", *_names(samples), ""), list(_separation(samples, rule))))
    print(
        f"\nShares answered where there is an answer / declined where there is none (now {PERHAPS} and {ANSWERED}):\n"
    )
    print(table(("threshold", *_names(samples), ""), list(_thresholds(samples, rule))))


async def _sample(corpus: Corpus) -> Sample:
    """Search for every question of a corpus, and keep the evidence."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="copilot-verdict-") as data:
        async with corpus.indexed(Path(data)) as (house, _):
            for question in corpus.questions:
                found = await house.index.search(question.query, Filter(), 1)
                rows.append((question, astuple(found.evidence)))
    say(f"{corpus.name}: evidence on {len(rows)} questions")
    usual = WEIGHT_OF_SHIPPED if corpus == shipped() else 1.0
    weights = [
        WEIGHT_OF_KIND.get(question.kind, usual) * (1.0 if question.relevant else WEIGHT_OF_UNANSWERABLE)
        for question, _ in rows
    ]
    return Sample(
        name=corpus.name,
        evidence=np.array([evidence for _, evidence in rows]),
        there=np.array([float(bool(question.relevant)) for question, _ in rows]),
        weight=np.array(weights),
        by_hand=np.array([question.kind not in WEIGHT_OF_KIND for question, _ in rows]),
    )


def fitted(samples: Sequence[Sample]) -> Rule:
    """Fit by Newton's method on features scaled to mean 0 and deviation 1 (iteratively reweighted least squares)."""
    evidence, there, weight = (
        np.concatenate([getattr(sample, name) for sample in samples]) for name in ("evidence", "there", "weight")
    )
    middle, spread = evidence.mean(axis=0), evidence.std(axis=0) + 1e-9
    scaled = np.column_stack([(evidence - middle) / spread, np.ones(len(evidence))])
    penalty = RIDGE * np.array([*np.ones(len(FEATURES)), 0.0])  # none on the bias
    found = np.zeros(scaled.shape[1])
    for _ in range(STEPS):
        sure = 1.0 / (1.0 + np.exp(-scaled @ found))
        slope = scaled.T @ (weight * (sure - there)) + penalty * found
        curve = (scaled * (weight * sure * (1.0 - sure))[:, None]).T @ scaled + np.diag(penalty)
        found -= np.linalg.solve(curve, slope)
    weights = found[:-1] / spread
    return Rule(weights, float(found[-1] - weights @ middle))


def _names(samples: Sequence[Sample]) -> list[str]:
    return [sample.name for sample in samples]


def _separation(samples: Sequence[Sample], rule: Rule) -> list[tuple[str, ...]]:
    """Return AUROC by hand-written questions: of the new rule, of the rule in use, and fitted on one sample alone."""
    rules: list[tuple[str, Sure]] = [("fitted on all", rule.sure), ("as it is now", _in_use)]
    if len(samples) > 1:
        rules += [(f"fitted on {sample.name} alone", fitted([sample]).sure) for sample in samples]
    total = str(sum(int(sample.by_hand.sum()) for sample in samples))
    return [(name, total, *(f"{_auroc(sample, sure):.3f}" for sample in samples), "") for name, sure in rules]


def _in_use(evidence: Floats) -> Floats:
    return np.array([surety(Evidence(*row)) for row in evidence])


def _auroc(sample: Sample, sure: Sure) -> float:
    scores = sure(sample.evidence)
    there = sample.there == 1.0
    return auroc(scores[there & sample.by_hand].tolist(), scores[~there].tolist())


def _thresholds(samples: Sequence[Sample], rule: Rule) -> list[tuple[str, ...]]:
    rows = []
    for least in THRESHOLDS:
        shares = []
        for sample in samples:
            yes, there = rule.sure(sample.evidence) >= least, sample.there == 1.0
            shares.append(f"{yes[there & sample.by_hand].mean():.2f} / {(~yes[~there]).mean():.2f}")
        rows.append((f"{least:.2f}", *shares, ""))
    return rows


if __name__ == "__main__":
    main()
