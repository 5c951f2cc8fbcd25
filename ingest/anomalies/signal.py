"""What detection reads and says: one observed minute in, signals out. Frozen values, no behaviour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["new", "rise", "fall", "silence", "drift", "jump", "share", "restarts"]
"""What changed: a line never seen, more or fewer of one, none where there should be some, another level of values,
values past all records, other outcomes, one that starts again and again."""

DEBUG, INFO, WARN, ERROR, FATAL = 1, 2, 3, 4, 5
"""Ranks of levels; 0 is a line that names none."""


class Row(NamedTuple):
    """Lines of one minute that are alike, counted. `minute` is the one they tell, maybe earlier than their arrival."""

    minute: int
    template: int
    host: bytes
    service: bytes
    level: int
    lines: int


class Value(NamedTuple):
    """What stood at a variable position of a sampled line."""

    template: int
    host: bytes
    position: int
    raw: bytes


class First(NamedTuple):
    """The first line of a template in a minute, as an example."""

    time: float
    text: bytes
    host: bytes
    service: bytes
    level: int


@dataclass(slots=True)
class Minute:
    """All that arrived in a minute; `late` is by how many minutes lines have come late recently."""

    minute: int
    rows: Sequence[Row] = ()
    values: Sequence[Value] = ()
    firsts: Mapping[int, First] = field(default_factory=dict)
    late: float = 0.0


class Series(NamedTuple):
    """What was watched: a template, a host, a service, a template on one host, a place of a template."""

    template: int = 0
    host: bytes = b""
    service: bytes = b""
    position: int = -1
    word: bytes = b""


@dataclass(frozen=True, slots=True)
class Signal:
    """One series is not as usual at the end of `minute`.

    `since` is the minute from which on it was not; `observed` and `usual` are lines in `window` minutes, levels of a
    value, or shares; `nats` how surprising it is.
    """

    kind: Kind
    series: Series
    minute: int
    since: int
    observed: float
    usual: float
    window: int
    nats: float
    level: int = 0
    serious: bool = False
