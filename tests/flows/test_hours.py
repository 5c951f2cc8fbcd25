"""Ten thousand hours of stories, outages, restarts, clock changes and two replicas, in virtual time.

What Slack shows in the end and what the database holds decide; see tests/flows/judge.py. `COPILOT_HOURS_SEED=N pytest
tests/flows/test_hours.py -k one_town` lives through one town alone.
"""

import asyncio
import heapq
import itertools
import logging
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot.watch.alerts import Group
from tests.fakes.hours import AFTER_S, Hours, Town, run
from tests.fakes.virtual import now
from tests.flows.judge import Judge
from tests.flows.weeks import town_of

SEED = "COPILOT_HOURS_SEED"

QUIET_S = 6 * 3_600.0
"""The longest that a town may take to come to rest."""

AGAIN_S = 240.0
"""An Alertmanager sends again after so long what nobody took."""


async def lived(town: Town, folder: Path) -> tuple[Hours, bool]:
    """Live through a town's weeks; return the world as it is then, and whether it came to rest."""
    await asyncio.sleep(town.begin - now())
    world = Hours(folder, town)
    try:
        await world.begin()
        await _happened(world)
        return world, await world.rest(QUIET_S)
    finally:
        await world.end()


async def _happened(world: Hours) -> None:
    """Let everything happen at its time, and fire the schedule at its own."""
    town, numbers = world.town, itertools.count()
    due: list[tuple[float, int, str, Any]] = []

    def soon(at: float, what: str, about: Any = None) -> None:
        if at < town.end:
            heapq.heappush(due, (at, next(numbers), what, about))

    for at in town.ticks:
        soon(at, "tick")
    for at, group in town.alerts:
        soon(at, "alert", group)
    for at in town.presses:
        soon(at, "press")
    for at, places, away_s in town.deaths:
        soon(at, "death", (places, away_s))
    for at, channel, wanted in town.changes:
        soon(at, "change", (channel, wanted))
    unsent: dict[str, list[Group]] = defaultdict(list)
    while due:
        at, _, what, about = heapq.heappop(due)
        await asyncio.sleep(max(0.0, at - now()))
        if what == "tick":
            await world.tick()
        elif what == "alert":
            # A sender keeps the order of a group's messages, and sends again what nobody took.
            waiting = unsent[about.key if isinstance(about, Group) else about]
            waiting += [about] if isinstance(about, Group) else []
            while waiting and await world.alert(waiting[0]):
                waiting.pop(0)
            if waiting:
                soon(now() + AGAIN_S, "alert", waiting[0].key)
        elif what == "press":
            pressed = await world.press()
            if pressed is not None and pressed.what == "snooze":
                over = (pressed.at + pressed.seconds) // 60.0 * 60.0
                soon(over + 60.0 + AFTER_S + 1.0, "tick")
                soon(over + 120.0 + AFTER_S + 1.0, "tick")
        elif what == "death":
            world.strike(*about)
        else:
            await world.change(*about)


def wrong(town: Town, folder: Path) -> list[str]:
    """Live through one town; return what was wrong."""
    folder.mkdir()
    try:
        world, rested = run(lived(town, folder))
        found = [] if rested else ["it came to no rest"]
        return found + list(Judge(world).mistakes())
    finally:
        shutil.rmtree(folder)


def live(towns: Iterable[Town], folder: Path) -> None:
    """Live through towns; fail with all that went wrong."""
    found = [(town.seed, lines) for town in towns if (lines := wrong(town, folder / str(town.seed)))]
    told = "\n\n".join(f"seed {seed}:\n" + "\n".join(lines[:12]) for seed, lines in found[:5])
    assert not found, f"{len(found)} towns went wrong:\n{told}"


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    """Let nobody write a log: that takes as long as all else."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


pytestmark = pytest.mark.filterwarnings(
    "ignore:The garbage collector is trying to clean up"  # a dead process gives no connection back
)


@pytest.mark.skipif(SEED not in os.environ, reason=f"lives through the one town that {SEED} names")
def test_one_town(tmp_path: Path) -> None:
    """A seed that failed can be lived through alone."""
    live([town_of(int(os.environ[SEED]))], tmp_path)
