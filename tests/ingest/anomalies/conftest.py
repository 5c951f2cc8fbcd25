"""A stream that has learnt two days of the shop, once for all tests."""

from collections.abc import Callable, Iterable

import pytest

from ingest.anomalies.stream import Report, Stream
from ingest.logs.source import Batch
from ingest.redact.redactor import redact
from tests.ingest.anomalies.shop import BEGIN, DAY, Change, batches, same

LEARNT = 2 * DAY
"""Minutes of the shop that were learnt."""


@pytest.fixture(scope="session")
def learnt() -> bytes:
    """Give the state of a stream after two days of the shop like any other."""
    stream = Stream("shop", redact)
    reports = [report for batch in batches(0, LEARNT, size=60) for report in stream.feed(batch)]
    assert reports == []
    return stream.state()


Tell = Callable[..., list[Report]]


@pytest.fixture
def tell(learnt: bytes) -> Tell:
    """Give a function that goes on with the shop for some minutes, changed, and returns what was told."""

    def told(change: Change = same, minutes: int = 180, *, seed: int = 7, size: int = 1) -> list[Report]:
        stream = Stream.restore("shop", redact, learnt)
        return fed(stream, batches(LEARNT, LEARNT + minutes, size=size, seed=seed, change=change))

    return told


def fed(stream: Stream, lines: Iterable[Batch]) -> list[Report]:
    """Feed batches; return what was told, the last minute included."""
    reports = [report for batch in lines for report in stream.feed(batch)]
    return reports + stream.close()


def minute_of(time: float) -> int:
    """Return a time as a minute after the learnt ones."""
    return int(time // 60) - BEGIN - LEARNT
