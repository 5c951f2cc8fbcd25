"""Small summaries of the values at one position of a template: how large the numbers are, which words were seen.

Knows nothing of templates and times; words are kept as they came, so whoever stores them redacts them first.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Self

Kind = Literal["number", "word", "id", "counter"]
"""What stands at a position: an amount, one of few words, a name that hardly comes again, a number that only grows."""

STEPS: Final = 4
"""Buckets between a number and its double, 19 % apart: narrow enough to see a drift by a fifth."""

MOST_WORDS: Final = 32
"""Different words that are kept, of at most `MOST_BYTES` each; others are only counted."""

MOST_BYTES: Final = 64
"""Bytes of a word that are kept."""

FEW_NUMBERS: Final = 12
"""Whole numbers of no more kinds that keep coming back are words: status codes, exit codes, levels."""

ENOUGH: Final = 8
"""A number must grow so often, and hardly ever fall, to be a counter."""

MOSTLY: Final = 0.9
"""The share of values that makes the kind."""

_NUMBER = re.compile(rb"([-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?) ?([A-Za-z\xc2\xb5%]*)")
_UNITS: Final[Mapping[bytes, float]] = {
    b"": 1, b"%": 1, b"x": 1,
    b"ns": 1e-9, b"us": 1e-6, b"\xc2\xb5s": 1e-6, b"ms": 1e-3, b"s": 1, b"sec": 1, b"secs": 1, b"min": 60, b"m": 60,
    b"h": 3_600, b"d": 86_400,
    b"b": 1, b"kb": 1e3, b"mb": 1e6, b"gb": 1e9, b"tb": 1e12,
    b"k": 1e3, b"kib": 2**10, b"mib": 2**20, b"gib": 2**30, b"tib": 2**40,
    b"hz": 1, b"khz": 1e3, b"mhz": 1e6, b"ghz": 1e9,
}  # fmt: skip


def number(raw: bytes) -> float | None:
    """Return the number a value tells, durations in seconds and sizes in bytes; None if it is none."""
    match = _NUMBER.fullmatch(raw)
    factor = _UNITS.get(match[2].lower()) if match else None
    return None if match is None or factor is None else float(match[1].replace(b",", b"")) * factor


def bucket(amount: float) -> int:
    """Return the log bucket of a number: 0 for zero, then `STEPS` for each doubling from a millionth on, by sign."""
    step = 1 + max(0, round(STEPS * (math.log2(abs(amount)) + 20))) if amount else 0
    return min(step, 400) if amount > 0 else -min(step, 400)


def middle(step: int) -> float:
    """Return the number in the middle of a bucket."""
    return math.copysign(2.0 ** ((abs(step) - 1) / STEPS - 20), step) if step else 0.0


@dataclass(slots=True)
class Values:
    """What was seen at one position: `count` values, the `numbers` of them by `bucket`, and the `words` by themselves.

    `others` values found no room among the words. `grown` and `fallen` say how often a number followed a smaller or a
    larger one, in the order of arrival; `last` is the last one.
    """

    count: int = 0
    numbers: Counter[int] = field(default_factory=Counter)
    words: Counter[bytes] = field(default_factory=Counter)
    others: int = 0
    grown: int = 0
    fallen: int = 0
    last: float | None = None

    def add(self, values: Iterable[bytes]) -> None:
        """Count values, in their order."""
        for raw in values:
            word = raw[:MOST_BYTES]
            self.count += 1
            if word in self.words or len(self.words) < MOST_WORDS:
                self.words[word] += 1
            else:
                self.others += 1
            amount = number(raw)
            if amount is not None and math.isfinite(amount):
                self._measure(amount)

    @property
    def kind(self) -> Kind:
        """What stands here, by what was seen so far."""
        measured = self.numbers.total()
        if measured >= MOSTLY * self.count and measured:
            if self.grown >= ENOUGH and self.fallen <= (1 - MOSTLY) * self.grown:
                return "counter"
            few = not self.others and len(self.words) <= min(FEW_NUMBERS, self.count / ENOUGH)
            return "word" if few and all(word.isdigit() for word in self.words) else "number"
        return "id" if self.others + len(self.words) > max(1, self.count / 2) else "word"

    def merge(self, other: Self) -> None:
        """Count in what another summary of the same position saw later."""
        self.count += other.count
        self.numbers.update(other.numbers)
        self.others += other.others
        self.grown += other.grown
        self.fallen += other.fallen
        self.last = self.last if other.last is None else other.last
        for word, times in other.words.most_common():
            if word in self.words or len(self.words) < MOST_WORDS:
                self.words[word] += times
            else:
                self.others += times

    def state(self) -> list[object]:
        """Return the summary as JSON can hold it, compactly."""
        words = [[word.decode("latin-1"), times] for word, times in self.words.items()]
        numbers = [part for pair in sorted(self.numbers.items()) for part in pair]
        return [self.count, self.others, self.grown, self.fallen, self.last, numbers, words]

    @classmethod
    def restore(cls, state: Sequence[object]) -> Self:
        """Return the summary of a state."""
        match state:
            case [int(count), int(others), int(grown), int(fallen), last, list(numbers), list(words)]:
                return cls(
                    count=count,
                    numbers=Counter(dict(zip(numbers[::2], numbers[1::2], strict=True))),
                    words=Counter({str(word).encode("latin-1"): times for word, times in words}),
                    others=others,
                    grown=grown,
                    fallen=fallen,
                    last=float(last) if isinstance(last, int | float) else None,
                )
        raise ValueError("This is no summary of values.")

    def _measure(self, amount: float) -> None:
        self.numbers[bucket(amount)] += 1
        if self.last is not None:
            self.grown += amount > self.last
            self.fallen += amount < self.last
        self.last = amount
