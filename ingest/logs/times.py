"""Timestamps of the common formats, found and read: text -> seconds since 1970 UTC. Knows no lines and no clock."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from operator import add
from typing import Final, cast

import numpy as np

NEVER: Final = float("nan")
"""The time of a text that looks like a timestamp and is none (month 13)."""

_MOST_TEXTS = 100_000
"""Remembered texts of one kind: all seconds of a minute by the millisecond fit, and two months of minutes."""
_MANY = 32
"""Ours: texts from which on reading them all at once is faster."""
_AHEAD_S = 86_400.0
"""A stamp without a year may lie this far after the moment its file was written: clocks and zones differ."""

_SECONDS = rb"(\d\d(?:[.,]\d{1,3}+)?+)\d*+"
_MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_ZONE_NAMES: Mapping[bytes, float] = {
    name.encode(): float(hours)
    for name, hours in (
        pair.split("=")
        for pair in "Z=0 UTC=0 GMT=0 BST=1 CET=1 CEST=2 EET=2 EEST=3 MSK=3 IST=5.5 JST=9"
        " EDT=-4 EST=-5 CDT=-5 CST=-6 MDT=-6 MST=-7 PDT=-7 PST=-8".split()
    )
}
"""Hours from UTC. Where a name means several zones, the one most written in logs (CST: Chicago, IST: India)."""
_ZONE = rb"((?: ?(?:Z|[+-]\d\d(?::?\d\d)?|%b)(?![\w:]))?)" % b"|".join(sorted(_ZONE_NAMES, reverse=True))
_WORD = re.compile(rb"\d+|[A-Za-z]{2,}")
_TAIL_WORD = re.compile(rb"[+-]\d\d(?::?\d\d)?$|\d+|[A-Za-z]+")
_MONTHS: Mapping[bytes, int] = {
    name: month for month, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)
}


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a time.

    `pattern` has three groups: all down to the minute, the seconds (to the millisecond), and what follows (zone, year,
    AM). `fields` says what the words of the first are, in order, `tail` those of the third, from its end: y year,
    m month, b month's name, d day, H hour, M minute, p AM or PM, z zone, _ nothing. `words` cuts the first into words.
    """

    name: str
    pattern: bytes
    fields: str
    tail: str = "z"
    words: re.Pattern[bytes] = _WORD

    @property
    def spotter(self) -> re.Pattern[bytes]:
        """What matches one such time at the beginning of a text."""
        return _compiled(self.pattern)


@cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern + rb"(?![\d])")


def _form(
    name: str, head: bytes, fields: str, *, rest: bytes = rb":" + _SECONDS + _ZONE, tail: str = "z", cut: bytes = b""
) -> Form:
    return Form(name, rb"(%b)%b" % (head, rest), fields, tail, re.compile(cut) if cut else _WORD)


_NO_TAIL = rb":" + _SECONDS + rb"()"

FORMS: tuple[Form, ...] = (
    _form("iso", rb"\d{4}[-/.]\d\d[-/.]\d\d(?:[ T_-]|, )\d\d[:.]\d\d", "ymdHM", rest=rb"[:.]" + _SECONDS + _ZONE),
    _form("clf", rb"\d{1,2}[/ -]%b[/ -]\d{4}[: T]\d\d:\d\d" % _MONTH, "dbyHM"),
    _form(
        "ctime",
        rb"[A-Z][a-z]{2},? %b {1,2}\d{1,2} \d\d:\d\d" % _MONTH,
        "_bdHM",
        rest=rb":" + _SECONDS + rb"((?: [A-Z]{3,4})? \d{4})",
        tail="zy",
    ),
    _form("mail", rb"[A-Z][a-z]{2}, \d{1,2} %b \d{4} \d\d:\d\d" % _MONTH, "_dbyHM"),
    _form("dated", rb"%b {1,2}\d{1,2},? \d{4},? \d\d:\d\d" % _MONTH, "bdyHM"),
    _form("syslog", rb"%b {1,2}\d{1,2} \d\d:\d\d" % _MONTH, "bdHM", rest=_NO_TAIL),
    _form(
        "american",
        rb"\d{1,2}/\d{1,2}/\d{4},? \d{1,2}:\d\d",
        "mdyHM",
        rest=rb":" + _SECONDS + rb"((?: [AaPp][Mm])?)",
        tail="p",
    ),
    _form("european", rb"\d{1,2}[.-]\d{1,2}[.-]\d{4},? \d{1,2}:\d\d", "dmyHM", rest=_NO_TAIL),
    _form("short", rb"\d\d[/-]\d\d[/-]\d\d \d\d:\d\d", "ymdHM", rest=_NO_TAIL),
    _form(
        "compact",
        rb"\d{8}[-T _]\d{1,2}:\d{1,2}",
        "ymdHM",
        rest=rb":(\d{1,2}(?:[.,:]\d{1,3})?)\d*" + _ZONE,
        cut=rb"^\d{4}|\d\d(?=\d\d[-T _])|\d\d(?=[-T _])|\d+|[A-Za-z]+",
    ),
    _form("basic", rb"20\d{6}T\d{4}", "ymdHM", rest=_SECONDS + _ZONE, cut=rb"^\d{4}|\d\d|[A-Z]{2,}|Z"),
    _form("digits", rb"\d{6} \d{4}", "ymdHM", rest=_SECONDS + rb"()", cut=rb"\d\d"),
    _form("mysql", rb"\d{6} {1,2}\d{1,2}:\d\d", "ymdHM", rest=_NO_TAIL, cut=rb"^\d\d|\d\d(?=\d\d )|\d\d(?= )|\d+"),
    _form("klog", rb"(?<=[IWEFD])\d{4} \d\d:\d\d", "mdHM", rest=_NO_TAIL, cut=rb"\d\d"),
    _form("monthday", rb"\d\d[-./]\d\d \d\d:\d\d", "mdHM", rest=_NO_TAIL),
    _form("epoch", rb"(?:[12]\d{9}(?:[.,]\d{1,9})?|1\d{12}|1\d{15}|1\d{18})(?![\w.:-])", "", rest=rb"()()"),
    _form("clock", rb"\d\d:\d\d", "HM", rest=_NO_TAIL),
)
"""From the most telling to the least: the first that fits a text is its form."""

_SAME_PLACES = {"american": "dmyHM", "short": "dmyHM"}
"""Forms whose first two numbers others write the other way round: read so when the month would be above 12."""


class Times:
    """Reads the timestamps of one stream.

    `timezone` is that of stamps that name none. Stamps without a year, or without a day, are placed near the stamp
    before them; the first one at the latest moment that is not after `reference` (seconds UTC: when it was written).
    """

    def __init__(self, zone: tzinfo = UTC, reference: float = 0.0) -> None:
        self._zone = zone
        self._near: float | None = None
        self._caches: dict[tuple[str, bytes], _Minutes] = {}
        self._seconds = _Seconds()
        self.reference = reference

    @property
    def near(self) -> float | None:
        """The last minute read (seconds UTC), for the next stamp without a year."""
        return self._near

    @near.setter
    def near(self, seconds: float | None) -> None:
        self._near = seconds

    def of(self, form: Form, heads: Sequence[bytes], seconds: Sequence[bytes], tails: Sequence[bytes]) -> list[float]:
        """Return the seconds UTC of each text, given by the three groups of the form's pattern; NEVER where it is none.

        About 0.1 us each: a minute's text is read once.
        """
        tail = tails[0] if tails else b""
        if tails.count(tail) == len(tails):
            minutes: Iterable[float] = map(self._minutes(form, tail).__getitem__, heads)
        else:
            minutes = (self._minutes(form, end)[head] for head, end in zip(heads, tails, strict=True))
        told = _fractions(seconds)
        return list(map(add, minutes, map(self._seconds.__getitem__, seconds) if told is None else told))

    def one(self, text: bytes) -> float:
        """Return the seconds UTC of one timestamp that stands alone, NEVER when it is none."""
        found = stamp_in(text.strip(b" \t[]\"'"))
        if found is None:
            return NEVER
        form, match = found
        head, seconds, tail = match.groups()
        return self.of(form, (head,), (seconds,), (tail,))[0]

    def _minutes(self, form: Form, tail: bytes) -> "_Minutes":
        if len(self._caches) > len(FORMS) * 8:
            self._caches.clear()
        key = (form.name, tail)
        if key not in self._caches:
            self._caches[key] = _Minutes(self, form, tail)
        return self._caches[key]

    def minute(self, form: Form, head: bytes, tail: bytes) -> float:
        """Return the seconds UTC of the minute (or epoch text) that `head` and `tail` write; NEVER when it is none."""
        if form.name == "epoch":
            return _epoch(head)
        words = form.words.findall(head)
        behind = dict(zip(reversed(form.tail), reversed(_TAIL_WORD.findall(tail)), strict=False))
        for fields in (form.fields, _SAME_PLACES.get(form.name, "")):
            try:
                return self._placed(behind | dict(zip(fields, words, strict=False))) if fields else NEVER
            except (ValueError, OverflowError, KeyError):
                continue
        return NEVER

    def _placed(self, told: Mapping[str, bytes]) -> float:
        hour = int(told["H"])
        if half := told.get("p"):
            hour = hour % 12 + (12 if half.upper() == b"PM" else 0)
        zone = zone_of(told.get("z", b""), self._zone)
        if "d" not in told:
            return self._nearest([self._clock(hour, int(told["M"]), zone, day) for day in (-1, 0, 1)])
        month = _MONTHS[told["b"].lower()] if "b" in told else int(told["m"])

        def in_year(year: int) -> float:
            return datetime(year, month, int(told["d"]), hour, int(told["M"]), tzinfo=zone).timestamp()

        if "y" in told:
            year = int(told["y"])
            self._near = in_year(year + (2000 if year < 100 else 0))  # noqa: PLR2004 - two digits
            return self._near
        around = datetime.fromtimestamp(self._anchor, zone).year
        return self._nearest([in_year(year) for year in range(around - 4, around + 2) if _has(year, month, told["d"])])

    @property
    def _anchor(self) -> float:
        return self.reference if self._near is None else self._near

    def _clock(self, hour: int, minute: int, zone: tzinfo, days: int) -> float:
        day = datetime.fromtimestamp(self._anchor, zone) + timedelta(days=days)
        return day.replace(hour=hour, minute=minute, second=0, microsecond=0).timestamp()

    def _nearest(self, choices: Sequence[float]) -> float:
        """Return the choice that goes on from the last stamp, or the latest one before the reference."""
        if not choices:
            return NEVER
        if self._near is None:
            slack = _AHEAD_S if max(choices) - min(choices) > 3 * _AHEAD_S else 60.0
            past = [choice for choice in choices if choice <= self.reference + slack]
            self._near = max(past, default=min(choices))
        else:
            near = self._near
            self._near = min(choices, key=lambda choice: abs(choice - near))
        return self._near


class _Minutes(dict[bytes, float]):
    """The minutes of one form with one tail, by their text."""

    def __init__(self, times: Times, form: Form, tail: bytes) -> None:
        super().__init__()
        self._times, self._form, self._tail = times, form, tail
        # A text without a year means another minute a year on, one without a day tomorrow.
        self._most = _MOST_TEXTS if {"y", "d"} <= {*form.fields, *form.tail} or not form.fields else 720

    def __missing__(self, head: bytes) -> float:
        if len(self) >= self._most:
            self.clear()
        self[head] = minute = self._times.minute(self._form, head, self._tail)
        return minute


class _Seconds(dict[bytes, float]):
    """Seconds of the minute by their text: `07`, `07,451`, `7:451`."""

    def __missing__(self, text: bytes) -> float:
        if len(self) >= _MOST_TEXTS:
            self.clear()
        if b":" in text:  # `9:48` counts milliseconds; `9.48` is a fraction
            whole, _, part = text.partition(b":")
            seconds = int(whole) + int(part) / 1000
        else:
            seconds = float(text.replace(b",", b".") or b"0")
        self[text] = seconds
        return seconds


def _fractions(texts: Sequence[bytes]) -> list[float] | None:
    """Return the seconds of many texts that are all written like `07.451`, None when they are not.

    A dictionary of all milliseconds of a minute would not stay in the processor's cache: this is four times as fast.
    """
    width, block = len(texts[0]) if texts else 0, b"".join(texts)
    mark = block[2:3]
    if len(texts) < _MANY or mark not in (b".", b",") or len(block) != width * len(texts):
        return None
    if block[2::width] != mark * len(texts):
        return None
    digits = np.frombuffer(block, np.uint8).reshape(-1, width)
    weights = 10.0 ** np.array([width - 2, width - 3, -np.inf, *range(width - 4, -1, -1)])
    zero = ord("0") * weights.sum()
    return cast("list[float]", ((digits @ weights - zero) / 10.0 ** (width - 3)).tolist())


def stamp_in(text: bytes, start: int = 0) -> tuple[Form, re.Match[bytes]] | None:
    """Return the form of the timestamp that stands at `start`, and where it ends; None when none does."""
    for form in FORMS:
        if found := form.spotter.match(text, start):
            return form, found
    return None


def zone_of(text: bytes, default: tzinfo) -> tzinfo:
    """Return the zone that `text` names: `Z`, `+02:00`, `-0500`, `CEST`; `default` when it names none."""
    name = text.strip().upper()
    if name[:1] in (b"+", b"-"):
        digits = name[1:].replace(b":", b"").ljust(4, b"0")
        away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]))
        return timezone(away if name[:1] == b"+" else -away)
    return timezone(timedelta(hours=_ZONE_NAMES[name])) if name in _ZONE_NAMES else default


def _epoch(text: bytes) -> float:
    """Return the seconds of an epoch in seconds, milli-, micro- or nanoseconds, by its number of digits."""
    number = float(text.replace(b",", b"."))
    digits = len(text.replace(b",", b".").partition(b".")[0])
    return number / float(10 ** max(0, digits - 10))


def _has(year: int, month: int, day: bytes) -> bool:
    """Whether a year has that day: only leap years have the 29th of February."""
    try:
        datetime(year, month, int(day), tzinfo=UTC)
    except ValueError:
        return False
    return True
