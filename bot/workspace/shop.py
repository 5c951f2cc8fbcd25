"""What the demo's shop writes: the log lines of any minute, calm or broken. Pure; the same for the same seed and time.

Holds no files, no clock and no words: what the services say, and what can break, stands in `bot.workspace.services`.
"""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zlib import crc32

DAY_MINUTES = 1440

QUIETEST_MINUTE = 4 * 60
"""The minute of the day (UTC) with the least traffic, a third of what there is twelve hours later."""

SCATTER = 0.22
"""Of latencies: the standard deviation of their logarithm. The slowest of a day's thousands takes about two and a half
times as long as usual."""

SLOW_AFTER_S = 40.0
"""A service that gets slow is as slow as it will be after so long: its latency drifts."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: when (seconds since 1970 UTC, in whole milliseconds), where, how bad, who, what."""

    time: float
    host: str
    level: str
    service: str
    message: str

    def __str__(self) -> str:
        """Return the line as it is written, without its end."""
        stamp = datetime.fromtimestamp(self.time, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
        return f"{stamp}Z {self.host} {self.level} {self.service}: {self.message}"


@dataclass(frozen=True, slots=True)
class Voice:
    """Lines of one kind: `rate` a minute on average, with the traffic, or one in every `every`-th minute.

    `says` is the message, where {ms} is a latency of `ms` milliseconds or so, and {order}, {sku} and {count} are drawn.
    `within` are the minutes of the day (UTC) in which a job speaks.
    """

    service: str
    hosts: tuple[str, ...]
    level: str
    says: str
    rate: float = 0.0
    every: int = 0
    ms: float = 0.0
    within: range | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that breaks in one stream, for `lasts_s` seconds.

    `title` is what stands in a menu, `told` says it in a sentence, `runbook` is the file that fits. `voices` speak up;
    of the services in `left` that share of their usual lines is left, those in `slower` take so many times as long.
    `deploys` is the version of the stream's service whose deployment breaks it.
    """

    name: str
    stream: str
    title: str
    told: str
    runbook: str
    voices: tuple[Voice, ...] = ()
    left: Mapping[str, float] = field(default_factory=dict)
    slower: Mapping[str, float] = field(default_factory=dict)
    lasts_s: float = 210.0
    deploys: str | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """A fault from `since` until before `until`, seconds UTC."""

    fault: Fault
    since: float
    until: float

    def holds(self, time: float) -> bool:
        """Whether it is broken at that time."""
        return self.since <= time < self.until

    def slowness(self, service: str, time: float) -> float:
        """Return how many times as long a service takes at that time."""
        if not self.holds(time):
            return 1.0
        return float(self.fault.slower.get(service, 1.0) ** min(1.0, (time - self.since) / SLOW_AFTER_S))


def lines_of(voices: Sequence[Voice], minute: int, seed: int, broken: Sequence[Broken] = ()) -> list[Line]:
    """Return what is written in a minute (since 1970), in the order of the times; `broken` is what breaks in it.

    Lines before a fault are those of a calm minute: it may be asked for again when something broke within it.
    """
    rng = _chance(seed, "calm", minute)
    lines = [line for voice in voices for line in _spoken(voice, minute, rng, broken)]
    for each in broken:
        chance = _chance(seed, each.fault.name, minute)
        usual = [(line, chance.random() < each.fault.left.get(line.service, 1.0)) for line in lines]
        added = (line for voice in each.fault.voices for line in _spoken(voice, minute, chance))
        lines = [line for line, is_left in usual if is_left or not each.holds(line.time)]
        lines += [line for line in added if each.holds(line.time)]
    return sorted(lines, key=lambda line: line.time)


def season(minute: int) -> float:
    """Return the traffic of a minute against the day's mean: from 0.5 at night to 1.5 in the afternoon."""
    return 1.0 - 0.5 * math.cos(2.0 * math.pi * (minute - QUIETEST_MINUTE) / DAY_MINUTES)


def _spoken(voice: Voice, minute: int, rng: random.Random, broken: Sequence[Broken] = ()) -> Iterator[Line]:
    for _ in range(_count(voice, minute, rng)):
        time = (minute * 60_000 + int(rng.random() * 60_000)) / 1000.0
        host = voice.hosts[int(rng.random() * len(voice.hosts))]
        slower = math.prod(each.slowness(voice.service, time) for each in broken)
        yield Line(time, host, voice.level, voice.service, _said(voice, rng, slower))


def _said(voice: Voice, rng: random.Random, slower: float) -> str:
    drawn = {
        "order": 800_000 + int(rng.random() * 190_000),
        "sku": f"LF-{10_000 + int(rng.random() * 9_000)}",
        "count": 2 + int(rng.random() * 50),
    }
    return voice.says.format(ms=round(voice.ms * slower * rng.lognormvariate(0.0, SCATTER)), **drawn)


def _count(voice: Voice, minute: int, rng: random.Random) -> int:
    if voice.within is not None and minute % DAY_MINUTES not in voice.within:
        return 0
    return int(minute % voice.every == 0) if voice.every else _poisson(rng, voice.rate * season(minute))


def _poisson(rng: random.Random, mean: float) -> int:
    """Return a count by chance (Knuth, TAOCP 3.4.1)."""
    least, count, product = math.exp(-mean), 0, rng.random()
    while product > least:
        product *= rng.random()
        count += 1
    return count


def _chance(seed: int, name: str, minute: int) -> random.Random:
    return random.Random((seed << 64) ^ (crc32(name.encode()) << 32) ^ minute)
