"""A small shop that writes logs: two hosts, a daily rhythm, a heartbeat, rare errors; a test changes what it likes.

Everything comes from a seed and the minute, so that the same minute is the same whoever asks for it, and when.
"""

import math
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ingest.logs.source import Batch

BEGIN = 29_894_400
"""Minutes since 1970 at which its logs begin: Tuesday 2026-11-03, 00:00 UTC."""
DAY = 1440
HOSTS = ("web-1", "web-2")


@dataclass(frozen=True, slots=True)
class Event:
    """One line to be: when (seconds UTC), where, how bad, what."""

    time: float
    host: str
    level: str
    service: str
    message: str

    @property
    def line(self) -> bytes:
        """The line as it is written."""
        stamp = datetime.fromtimestamp(self.time, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        return f"{stamp}Z {self.host} {self.level} {self.service}: {self.message}".encode()

    def later(self, seconds: float) -> "Event":
        """Return the same event, stamped so much later."""
        return replace(self, time=self.time + seconds)


Change = Callable[[int, random.Random, list[Event]], Iterable[Event]]
"""Returns the events of a minute, changed; gets the minute (from BEGIN), chance of its own, and the usual events."""


def same(_minute: int, _rng: random.Random, events: list[Event]) -> list[Event]:
    """Change nothing."""
    return events


def season(minute: int) -> float:
    """Return the traffic of a time of the day against the mean: four in the afternoon is three times four at night."""
    return 1.0 - 0.5 * math.cos(2.0 * math.pi * (minute % DAY - 4 * 60) / DAY)


def poisson(rng: random.Random, mean: float) -> int:
    """Return a count by chance."""
    if mean <= 0.0:
        return 0
    left, count = math.exp(-mean), -1
    product = 1.0
    while product >= left:
        product *= rng.random()
        count += 1
    return count


def at(minute: int, rng: random.Random) -> float:
    """Return a moment of a minute, seconds UTC."""
    return (BEGIN + minute) * 60.0 + rng.random() * 59.9


def some(  # noqa: PLR0917 - when, by what chance, how many, of what
    minute: int, rng: random.Random, count: int, level: str, service: str, message: Callable[[random.Random], str]
) -> list[Event]:
    """Return so many events of a kind, on hosts by chance."""
    return [Event(at(minute, rng), rng.choice(HOSTS), level, service, message(rng)) for _ in range(count)]


def request(rng: random.Random, slower: float = 1.0, failing: float = 0.02) -> str:
    """Return what a request says."""
    took = 40.0 * slower * rng.lognormvariate(0.0, 0.25)
    return f"request {rng.randrange(10**6)} answered {500 if rng.random() < failing else 200} in {took:.1f} ms"


def payment(rng: random.Random) -> str:
    """Return what a payment says."""
    return f"payment of order {rng.randrange(10**5)} settled over {rng.randrange(1, 400)}.00 EUR"


def slow(rng: random.Random) -> str:
    """Return what a slow query says."""
    return f"query on table orders is slow, took {rng.randrange(500, 900)} ms"


def refused(rng: random.Random) -> str:
    """Return what a rare error says."""
    return f"inventory refused order {rng.randrange(10**5)} with code 409"


def started(_rng: random.Random) -> str:
    """Return what the shop says when it starts."""
    return "Starting shop version 2.4.1 with profile prod"


def usual(minute: int, rng: random.Random) -> list[Event]:
    """Return what the shop says in a minute of a day like any other."""
    busy = season(minute)
    events = some(minute, rng, poisson(rng, 8.0 * busy), "INFO", "shop", request)
    events += some(minute, rng, poisson(rng, 3.0 * busy), "INFO", "billing", payment)
    events += some(minute, rng, poisson(rng, 0.05 * busy), "WARN", "store", slow)
    events += some(minute, rng, poisson(rng, 0.03 * busy), "ERROR", "shop", refused)
    for number, host in enumerate(HOSTS):
        beat = (BEGIN + minute) * 60.0 + 10.0 + 20.0 * number
        events.append(Event(beat, host, "INFO", "agent", f"heartbeat number {minute} of agent is fine"))
    if minute % 10 == 3:
        events.append(
            Event((BEGIN + minute) * 60.0 + 7.0, "web-1", "INFO", "cron", f"cache swept, {busy:.2f} MB freed")
        )
    if minute % 720 == 600:
        events += some(minute, rng, 1, "INFO", "shop", started)
    return events


def events_of(minute: int, *, seed: int = 7, change: Change = same) -> list[Event]:
    """Return the events of a minute in the order of their times."""
    rng = random.Random(seed * 1_000_003 + minute)
    changed = change(minute, random.Random(seed * 7_000_003 + minute), usual(minute, rng))
    return sorted(changed, key=lambda event: event.time)


def lines_of(begin: int, end: int, *, seed: int = 7, change: Change = same) -> list[bytes]:
    """Return the lines of minutes from `begin` to before `end`."""
    return [event.line for minute in range(begin, end) for event in events_of(minute, seed=seed, change=change)]


def batches(begin: int, end: int, *, size: int = 10, seed: int = 7, change: Change = same) -> Iterator[Batch]:
    """Yield the lines in batches of so many minutes."""
    for start in range(begin, end, size):
        yield Batch(lines_of(start, min(start + size, end), seed=seed, change=change), {})
