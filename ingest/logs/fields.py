"""Named fields to columns: which name tells the time, the level, the service, and what becomes of the others. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import orjson

from ingest.logs.entry import Columns
from ingest.logs.known import Known
from ingest.logs.times import NEVER, Form, Times, stamp_in

Fields = dict[str, Any]

TIMES = "time ts timestamp @timestamp @t t date datetime asctime eventTime Timestamp timeMillis dt.$date t.$date"
LEVELS = (
    "level lvl severity levelname level_name loglevel log_level log.level @l Level severityText SeverityText s PRIORITY"
)
MESSAGES = "message msg event log @m @mt body Body MESSAGE Message text short_message textPayload"
SERVICES = (
    "service service.name service_name app application container_name kubernetes.container_name kubernetes.labels.app"
    " SYSLOG_IDENTIFIER program component logger logger_name name c"
)
HOSTS = "kubernetes.pod_name pod pod_name host host.name hostname instance node _HOSTNAME"
"""Names of fields, the first found wins: zap, zerolog, logrus, slog, pino, bunyan, winston, structlog, Logback, Log4j,
python-json-logger, Serilog, ECS, OpenTelemetry, GELF, journald, Fluent Bit, Google Cloud, MongoDB."""

MOST_VALUE: Final = 200
"""Ours: bytes kept of a further field's value; what is longer is a payload."""
MOST_DEPTH: Final = 3
_MOST_PLANS = 10_000
_LEAST_EPOCH = 9
"""Digits of seconds since 1970: from 1973 on."""
_NUMBERS = {int, float}
_BLANK = " \t\r\n\v\f"


@dataclass(frozen=True, slots=True)
class _Plan:
    """The places of the columns that are told apart, and those of the rest with their names."""

    time: int | None
    level: int | None
    service: int | None
    host: int | None
    message: int | None
    rest: tuple[tuple[int, str], ...]


@cache
def _ranked(names: str) -> tuple[str, ...]:
    """Return the names, those that stand within others behind: `service_name` before `service.name`."""
    return tuple(sorted(names.split(), key=lambda name: "." in name and not name.startswith(("@", "_"))))


def told_by(names: Sequence[str], wanted: str) -> str | None:
    """Return the first of the wanted names (one of the lists above) that is among these."""
    return next((name for name in _ranked(wanted) if name in names), None)


def _planned(names: Sequence[str], lists: Sequence[str]) -> _Plan:
    left = dict.fromkeys(name for name in names if name not in lists)

    def taken(wanted: str) -> int | None:
        name = told_by(list(left), wanted)
        left.pop(name or "", None)
        return None if name is None else names.index(name)

    time, level, service, host, message = map(taken, (TIMES, LEVELS, SERVICES, HOSTS, MESSAGES))
    rest = tuple((place, name) for place, name in enumerate(names) if name in left or name in lists)
    return _Plan(time, level, service, host, message, rest)


def flat(fields: Mapping[str, Any], prefix: str = "", depth: int = 1) -> Fields:
    """Return the fields with those within others as `outer.name`, at most MOST_DEPTH deep; deeper ones are left out."""
    out: Fields = {}
    for name, value in fields.items():
        if not isinstance(value, dict):
            out[prefix + name] = value
        elif depth < MOST_DEPTH:
            out |= flat(value, f"{prefix}{name}.", depth + 1)
    return out


class Reader:
    """Reads columns of values that bear names, one value of a record in each. `encoding` is that of their texts."""

    def __init__(self, known: Known, encoding: str) -> None:
        self._known = known
        self._encoding = encoding
        self._plans: dict[tuple[tuple[str, ...], tuple[str, ...]], _Plan] = {}

    def columns(
        self, names: tuple[str, ...], values: Sequence[Sequence[Any]], count: int, lists: tuple[str, ...] = ()
    ) -> Columns:
        """Return the entries of `count` records: the message is the logger's, then ` name=value` of all other fields.

        The values are plain ones; those of `lists` are lists, which tell neither times nor messages. Empty ones are
        left out. About 1.5 us a record of seven fields.
        """
        plan = self._plan(names, lists)
        services = self._words(values, plan.service, self._known.services.__getitem__, count)
        hosts = self._words(values, plan.host, bytes, count)
        if b"" in hosts:
            pods = self._words(values, plan.service, self._known.pods.__getitem__, count)
            hosts = [host or pod for host, pod in zip(hosts, pods, strict=True)]
        return Columns(
            [NEVER] * count if plan.time is None else times_of(values[plan.time], self._known.times),
            hosts,
            services,
            [0] * count if plan.level is None else _each(values[plan.level], self._rank),
            self._texts(plan, values, count),
            [1] * count,
        )

    def _plan(self, names: tuple[str, ...], lists: tuple[str, ...]) -> _Plan:
        plan = self._plans.get((names, lists))
        if plan is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            self._plans[names, lists] = plan = _planned(names, lists)
        return plan

    def _rank(self, value: object) -> int:
        return self._known.ranks[self._bytes(value)]

    def _words(
        self, values: Sequence[Sequence[Any]], place: int | None, of: Callable[[bytes], bytes], count: int
    ) -> list[bytes]:
        if place is None:
            return [b""] * count
        return _each(values[place], lambda value: of(self._bytes(value)))

    def _texts(self, plan: _Plan, values: Sequence[Sequence[Any]], count: int) -> list[bytes]:
        messages = (
            [""] * count if plan.message is None else [text.rstrip(_BLANK) for text in _said(values[plan.message])]
        )
        if not plan.rest:
            return self._encoded(messages)
        form = ["%s"]
        told: list[Sequence[Any]] = [messages]
        for place, name in plan.rest:
            named, column = _named(name, values[place])
            form.append(named)
            told.append(column)
        whole = "".join(form)
        return self._encoded([whole % row for row in zip(*told, strict=True)])

    def _encoded(self, texts: list[str]) -> list[bytes]:
        encoding = self._encoding
        try:
            return [text.encode(encoding) for text in texts]
        except UnicodeEncodeError:  # JSON may hold half a character: \ud800
            return list(map(self._bytes, texts))

    def _bytes(self, value: object) -> bytes:
        return text_of(value).encode(self._encoding, "backslashreplace")


def _each(column: Sequence[Any], of: Callable[[Any], Any]) -> list[Any]:
    """Return `of` each value; of few different ones each is worked out once."""
    if len(set(map(type, column))) > 1:  # True is 1 to a dictionary
        return [of(value) for value in column]
    found = {value: of(value) for value in set(column)}
    return [found[value] for value in column]


def text_of(value: object) -> str:
    """Return a value as it is shown: texts as they are, nothing for null, all else as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if type(value) in _NUMBERS:
        return str(value)
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a number beyond 64 bits, half a character in a list
        return str(value)


def _said(column: Sequence[Any]) -> Sequence[str]:
    return column if set(map(type, column)) == {str} else list(map(text_of, column))


def _named(name: str, column: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """Return the form of a further field and its column: with the name in the form where every value is shown."""
    named = f" {name}=".replace("%", "%%") + "%s"
    kinds = set(map(type, column))
    if kinds <= _NUMBERS:
        return named, column
    texts = column if kinds == {str} else list(map(text_of, column))
    if max(map(len, texts)) > MOST_VALUE:
        texts = [text[:MOST_VALUE] for text in texts]
    return (named, texts) if "" not in texts else ("%s", [f" {name}={text}" if text else "" for text in texts])


def times_of(column: Sequence[Any], times: Times) -> list[float]:
    """Return the seconds UTC of each stamp: a text in any form, or a number since 1970 by its digits; NEVER for others.

    About 0.5 us each where they have one form.
    """
    if set(map(type, column)) != {str}:
        return _each(column, lambda value: _time(value, times))
    texts = [stamp.encode("utf-8", "replace") for stamp in column]
    if (distinct := set(texts)) and len(distinct) * 4 < len(texts):
        known = {text: times.one(text) for text in dict.fromkeys(texts)}
        return [known[text] for text in texts]
    found = stamp_in(texts[0])
    block = b"\n".join([*texts, b""])
    if found is None or block.count(b"\n") != len(texts):
        return list(map(times.one, texts))
    form = found[0]
    parts = _column_of(form).split(block)
    heads, seconds, tails, others = (parts[group::5] for group in range(1, 5))
    if None in heads:
        return list(map(times.one, texts))
    del others
    return times.of(form, heads, seconds, tails)


@cache
def _column_of(form: Form) -> re.Pattern[bytes]:
    return re.compile(rb"(?:%b(?!\d)[^\n]*+|([^\n]*+))\n" % form.pattern)


def _time(value: object, times: Times) -> float:
    if isinstance(value, str):
        return times.one(value.encode("utf-8", "replace"))
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 10**30:
        return NEVER
    digits = len(str(int(value)))
    return value / 10 ** max(0, digits - 10) if digits >= _LEAST_EPOCH else NEVER


def shapes_of(records: Sequence[Fields]) -> Iterator[tuple[tuple[str, ...], list[int]]]:
    """Yield the names of records that have the same ones in the same order, with the places of these records."""
    shapes = list(map(tuple, records))
    if shapes and shapes.count(shapes[0]) == len(shapes):
        yield shapes[0], list(range(len(shapes)))
        return
    places: dict[tuple[str, ...], list[int]] = {}
    for place, shape in enumerate(shapes):
        places.setdefault(shape, []).append(place)
    yield from places.items()
