"""Amounts as people read them: `589 MB`, `50 ms`, `93 %`. Pure; knows no templates.

The units are those that `ingest.logs.values.number` converts: durations to seconds, sizes to bytes.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from ingest.logs.values import number

Unit = Literal["", "bytes", "seconds", "percent", "hertz"]
"""What an amount is an amount of; `""` where nobody says."""

_NAMES: Final[Mapping[Unit, str]] = {
    "bytes": "b kb mb gb tb kib mib gib tib",
    "seconds": "ns us µs ms s sec secs min m h d",
    "percent": "%",
    "hertz": "hz khz mhz ghz",
}
_UNITS: Final[Mapping[str, Unit]] = {name: unit for unit, names in _NAMES.items() for name in names.split()}

_WRITTEN: Final[Mapping[str, str]] = {
    "bytes": "b", "kilobytes": "kb", "megabytes": "mb", "gigabytes": "gb",
    "seconds": "s", "second": "s", "millis": "ms", "milliseconds": "ms", "micros": "us", "microseconds": "us",
    "minutes": "min", "hours": "h", "percent": "%", "pct": "%",
}  # fmt: skip
"""Units as words beside a number: `took 34 milliseconds`, `size_bytes=512`."""

_TOO_SHORT: Final = frozenset("b s m h d min".split())
"""Names that are units behind a number, and anything in front of one."""

_TAIL = re.compile(rb"[-+]?\d[\d,.]*(?:[eE][-+]?\d+)? ?([A-Za-z\xc2\xb5%]*)")

_STEPS: Final[Mapping[Unit, Sequence[tuple[float, str]]]] = {
    "bytes": ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")),
    "seconds": ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    "hertz": ((1e9, "GHz"), (1e6, "MHz"), (1e3, "kHz"), (1.0, "Hz")),
    "percent": ((1.0, "%"),),
}


def unit_of(raw: bytes) -> Unit:
    """Return the unit that a value names itself: bytes for `564MB`; `""` when it names none."""
    found = _TAIL.fullmatch(raw)
    return _UNITS.get(found[1].decode("utf-8", "replace").lower(), "") if found else ""


def unit_beside(words: Sequence[str | None], position: int) -> tuple[Unit, float]:
    """Return the unit that the words around a position name, and the factor to it: seconds and 0.001 for `<*> ms`."""
    after = words[position + 1] if position + 1 < len(words) else None
    before = words[position - 1] if position else None
    named = [(after or "").strip("(),;:.").lower()]
    named += [each for each in [re.split(r"[^a-z%]+", (before or "").lower())[-1]] if each not in _TOO_SHORT]
    for each in named:
        name = _WRITTEN.get(each, each)
        factor = number(b"1" + name.encode()) if name in _UNITS else None
        if factor is not None:
            return _UNITS[name], factor
    return "", 1.0


def shown(amount: float, unit: Unit = "") -> str:
    """Return an amount with three digits that count and its unit."""
    if not unit:
        return plain(amount)
    steps = _STEPS[unit]
    size, name = next((step for step in steps if abs(amount) >= step[0] * 0.9995), steps[-1])
    if amount == 0:
        size, name = next(step for step in steps if step[0] == 1.0)
    return f"{plain(amount / size)} {name}"


def plain(amount: float) -> str:
    """Return a number with three digits that count."""
    if amount == 0:
        return "0"
    return f"{amount:,.0f}" if abs(amount) >= 99.95 else f"{amount:.3g}"  # noqa: PLR2004 - three digits
