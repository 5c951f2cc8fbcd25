"""Death at every place of an answer's way: before and after every call of Slack and every commit, one run for each.

In virtual time and without the embedder; `test_kills.py` kills the whole program.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.slack import ALICE, BOB, DM, INCIDENTS, PAYMENTS
from tests.fakes.virtual import Faults, Trouble, run
from tests.flows.test_fuzz import Asked, Plan, mistakes, played

KILLS = 260
"""Kills over all ways together, at least: one at each place."""

SOME = 6
"""In the normal suite, only every so many places."""

pytestmark = pytest.mark.filterwarnings(
    "ignore:The garbage collector is trying to clean up"  # a dead process gives no connection back
)


@dataclass(frozen=True)
class Way:
    """One way from a question to its answer. `reads` and `streams` say what this Slack lets us do.

    `late_s` is how long it takes to start the first stream, when that is longer than we wait for it.
    """

    name: str
    asked: tuple[Asked, ...]
    streams: bool = True
    reads: bool = True
    lag_s: float = 0.0
    late_s: float | None = None

    def plan(self, *deaths: int) -> Plan:
        """Return this way with deaths on it."""
        always = {} if self.reads else {"conversations.replies": Trouble(error="missing_scope")}
        if not self.streams:
            always["chat.startStream"] = Trouble(error="unknown_method")
        troubles = {} if self.late_s is None else {("chat.startStream", 0): Trouble(slow_s=self.late_s)}
        faults = Faults(troubles, deaths=set(deaths), always=always, lag_s=self.lag_s)
        return Plan(1, list(self.asked), faults, self.streams, not self.reads)


def asked(kind: str, name: str, channel: str = INCIDENTS, user: str = ALICE, at: float = 1.0) -> Asked:
    """Return a question; its name decides how long the answer is."""
    return Asked(at, kind, name, channel, user, 1)


SHORT, LONG, OTHER = "Q1x8", "Q1x20", "Q1x25"
"""Names of answers: of one message, of two, of one."""

WAYS = (
    Way("mention", (asked("mention", SHORT),)),
    Way("mention, history lags", (asked("mention", SHORT),), lag_s=4.0),
    Way("late stream, history lags", (asked("mention", SHORT),), lag_s=4.0, late_s=6.0),
    Way("long answer", (asked("mention", LONG),)),
    Way("direct message, no streams", (asked("dm", LONG, DM),), streams=False),
    Way("command", (asked("slash", LONG, PAYMENTS, BOB),)),
    Way("no history", (asked("thread", SHORT),), reads=False),
    Way("two at once", (asked("mention", SHORT), asked("mention", OTHER, PAYMENTS, BOB, 1.2))),
)


def places(way: Way, folder: Path) -> int:
    """Return how many places there are to die at, from a run without a death."""
    folder.mkdir()
    world, _ = run(played(way.plan(), folder))
    return world.rested


def lost_at(way: Way, place: int, folder: Path) -> list[str]:
    """Die at a place; return what people would complain about."""
    folder.mkdir()
    plan = way.plan(place)
    try:
        world, tally = run(played(plan, folder))
    except TimeoutError:
        return [f"{way.name}, place {place}: it came to no rest"]
    assert world.deaths <= 1
    return [f"{way.name}, place {place}: {what}" for what in mistakes(plan, world, tally)]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_death_at_some_places_loses_and_doubles_nothing(way: Way, tmp_path: Path) -> None:
    """Wherever the process dies, the question is answered once, or once more with a mark."""
    last = places(way, tmp_path / "whole")
    assert not [lost for place in range(0, last, SOME) for lost in lost_at(way, place, tmp_path / str(place))]


@pytest.mark.slow
def test_death_at_every_place_loses_and_doubles_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same at every single place of every way."""
    counts = {way: places(way, tmp_path / f"{way.name} whole") for way in WAYS}
    lost = [
        what
        for way, last in counts.items()
        for place in range(last)
        for what in lost_at(way, place, tmp_path / f"{way.name} {place}")
    ]
    with capsys.disabled():
        ways = ", ".join(f"{way.name} {last}" for way, last in counts.items())
        print(f"\n{sum(counts.values())} kills at crash points: {ways}")  # noqa: T201 - counts that people want to see
    assert not lost
    assert sum(counts.values()) >= KILLS
