"""Rotation, truncation, replays and deaths by chance: every line is counted once, no story is lost or doubled."""

import asyncio
import random
from pathlib import Path

import pytest

from ingest.anomalies.stream import Stream
from ingest.redact.redactor import redact
from tests.ingest.anomalies.conftest import LEARNT
from tests.ingest.anomalies.schedule import Outcome, scheduled
from tests.ingest.anomalies.shop import Event, events_of, refused, some

MINUTES = 100
FEW, MANY = range(25), range(25, 500)


def outage(minute: int, rng: random.Random, events: list[Event]) -> list[Event]:
    """Add a new error for ten minutes."""
    if not LEARNT + 20 <= minute < LEARNT + 30:
        return events
    return events + some(
        minute, rng, 5, "ERROR", "billing", lambda _rng: "cannot reach ledger: connection reset by peer"
    )


def burst(minute: int, rng: random.Random, events: list[Event]) -> list[Event]:
    """Add a known error, many times."""
    return events + some(minute, rng, 6, "ERROR", "shop", refused) if LEARNT + 40 <= minute < LEARNT + 55 else events


def silence(minute: int, rng: random.Random, events: list[Event]) -> list[Event]:
    """No heartbeat, and later a new error."""
    if LEARNT + 20 <= minute < LEARNT + 50:
        return [event for event in events if event.service != "agent"]
    return outage(minute - 40, rng, events)


INCIDENTS = (outage, burst, silence)


class Incidents:
    """The events of each incident, and what a scan without any trouble makes of them, each made once."""

    def __init__(self, learnt: bytes, folder: Path) -> None:
        self.learnt = learnt
        self.learnt_lines = Stream.restore("shop", redact, learnt).lines
        self.events = [
            [each for minute in range(LEARNT, LEARNT + MINUTES) for each in events_of(minute, change=incident)]
            for incident in INCIDENTS
        ]
        self.calm = [self._calm(number, folder / f"calm{number}") for number in range(len(INCIDENTS))]

    def _calm(self, number: int, folder: Path) -> Outcome:
        folder.mkdir()
        events = self.events[number]
        return asyncio.run(scheduled(folder, self.learnt, events, begin=LEARNT, minutes=MINUTES, seed=None))[0]


@pytest.fixture(scope="module")
def incidents(learnt: bytes, tmp_path_factory: pytest.TempPathFactory) -> Incidents:
    """Give the incidents."""
    return Incidents(learnt, tmp_path_factory.mktemp("calm"))


def test_without_trouble_every_line_is_counted_and_told(incidents: Incidents) -> None:
    """What the schedules are compared with holds what was written, and tells each incident."""
    for calm, events in zip(incidents.calm, incidents.events, strict=True):
        assert calm.lines - incidents.learnt_lines == len(events) + 1  # one was held back by what was learnt
    assert [kind for _, kind, _ in incidents.calm[0].stories] == ["new"]
    assert [kind for _, kind, _ in incidents.calm[1].stories] == ["rise"]
    assert [kind for _, kind, _ in incidents.calm[2].stories] == ["silence", "new"]


def check(incidents: Incidents, seed: int, folder: Path) -> None:
    """Run one schedule and compare it with the scan without trouble."""
    number = seed % len(INCIDENTS)
    events, calm = incidents.events[number], incidents.calm[number]
    left, writer, _ = asyncio.run(scheduled(folder, incidents.learnt, events, begin=LEARNT, minutes=MINUTES, seed=seed))
    assert writer.written == len(events)
    assert left.lines == calm.lines
    assert left.stories == calm.stories
    assert left.posts == calm.posts == [story for story, _, _ in calm.stories]


@pytest.mark.parametrize("seed", FEW)
def test_every_line_is_counted_once_and_no_story_is_lost_or_doubled(
    incidents: Incidents, seed: int, tmp_path: Path
) -> None:
    """Whatever happens to the files, and wherever the scanner dies."""
    check(incidents, seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MANY)
def test_of_many_schedules_none_loses_or_doubles(incidents: Incidents, seed: int, tmp_path: Path) -> None:
    """The same, for all 500."""
    check(incidents, seed, tmp_path)
