"""Seeded plans of what can go wrong while stories come, change, end and are pressed, in virtual time.

What Slack shows in the end decides: one root for each story, as its card is then, and each note of its thread once.
`COPILOT_FUZZ_SEED=N pytest tests/flows/test_cards_fuzz.py -k one_plan` plays one plan alone.
"""

import asyncio
import os
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.watch.board import Row, root_key
from bot.workspace.rate import Paced
from tests.bot.slack.room import Tally
from tests.fakes.slack import ALICE, INCIDENTS, PAYMENTS, click_on, text_of
from tests.fakes.stories import Watch, row_of
from tests.fakes.virtual import Dead, Faults, Trouble, World, now, run
from tests.flows.test_fuzz import SEED, Writer, trouble_for

PLANS, MORE_PLANS = 100, 2_000
BATCH = 50

QUIET_S = 3 * 3_600.0
"""The longest that a plan may take to come to rest: past every Retry-After, every lease, and the pause of edits."""

REFUSED = frozenset({"not_in_channel", "is_archived"})
CALLS = ("chat.postMessage", "chat.update", "chat.update", "conversations.history", "conversations.replies")
OUR_FAULT = frozenset({"invalid_blocks", "invalid_arguments", "no_text", "msg_too_long", "invalid_metadata_format"})


@dataclass(frozen=True)
class Step:
    """What happens to a story, when: `what` is change, end, note, or the name of a press."""

    at: float
    story: int
    what: str


@dataclass
class Plan:
    """All that happens in one run; `announced` is whether the bot is told of what a scan did."""

    seed: int
    rows: list[Row] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    announced: bool = True

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, announced {self.announced}, lag {self.faults.lag_s:.1f} s"]
        lines += [f"  {each}" for each in self.steps]
        lines += [f"  {method} number {at}: {trouble}" for (method, at), trouble in self.faults.troubles.items()]
        return "\n".join([*lines, f"  dies at {sorted(self.faults.deaths)}"])


def plan_of(seed: int) -> Plan:
    """Return the plan of a seed."""
    rng = random.Random(seed)
    plan = Plan(seed, announced=rng.random() < 0.7)
    for number in range(rng.randint(1, 4)):
        plan.rows.append(row_of(f"story:shop:{number}", channel=rng.choice((INCIDENTS, PAYMENTS)), opened=number + 1.0))
        at = rng.uniform(0, 20)
        plan.steps.append(Step(at, number, "open"))
        for _ in range(rng.randint(0, 5)):
            at += rng.uniform(0.1, 12)
            what = rng.choice(("change", "change", "end", "note", "note", "acknowledge", "reject", "investigate"))
            plan.steps.append(Step(at, number, what))
    plan.steps.sort(key=lambda each: each.at)
    plan.faults.lag_s = rng.choice((0.0, 0.0, rng.uniform(0, 4.5)))
    for _ in range(rng.randint(0, 8)):
        method = rng.choice(CALLS)
        plan.faults.troubles[method, rng.randint(0, 6)] = trouble(method, rng)
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        plan.faults.deaths.add(rng.randint(3, 20 * len(plan.steps) + 20))
    return plan


def trouble(method: str, rng: random.Random) -> Trouble:
    """Return something that Slack or the network may do to a call."""
    if method == "chat.update" and rng.random() < 0.2:
        return Trouble(error=rng.choice(("message_not_found", "invalid_blocks")))
    return trouble_for(method, rng)


async def played(plan: Plan, folder: Path) -> tuple[World, Watch]:
    """Play a plan to its end. Raises TimeoutError when it comes to no rest."""
    pause = random.Random(plan.seed)
    rate = None if plan.faults.deaths else Paced()
    tally = Tally()
    world = World(
        folder,
        plan.seed,
        plan.faults,
        lambda journal: Writer(journal, pause),
        counts=tally,
        rate=rate,
        watching=lambda database: Watch(database, now).watched,
    )
    scan = Watch(world.beside(), now, "scan")
    living = asyncio.create_task(world.live())
    try:
        await asyncio.sleep(2.0)
        for step in plan.steps:
            await asyncio.sleep(max(0.0, step.at + 2.0 - asyncio.get_running_loop().time()))
            await done(step, plan, world, scan)
        async with asyncio.timeout(QUIET_S):
            while world.undelivered or world.open_rows() or await scan.board.stale():
                await asyncio.sleep(5.0)
                if living.done():
                    living.result()
    finally:
        await world.end()
    return world, scan


async def done(step: Step, plan: Plan, world: World, scan: Watch) -> None:
    """Let a scan or a person do it."""
    row = plan.rows[step.story]
    assert row.channel is not None
    if step.what == "open":
        await scan.open(row)
    elif step.what == "change":
        await scan.change(row, severity="low")
    elif step.what == "end":
        await scan.change(row, ended=now())
    elif step.what == "note":
        await scan.say_below(row, f"note-{step.at}", f"note {row.key} {step.at}")
    else:
        await pressed(step, row, world)
    if plan.announced:
        world.wake([row.channel])


async def pressed(step: Step, row: Row, world: World) -> None:
    """Press a button, if its message is there; a press that nobody acknowledges failed before the person's eyes."""
    roots = roots_of(row, world)
    if not roots:
        return
    try:
        click = click_on(roots[0], f"card:{step.what}:0")
    except LookupError:
        return
    with suppress(Dead, TimeoutError):
        await world.slack.workspace.gestures.press(str(row.channel), roots[0]["ts"], click, ALICE)


def roots_of(row: Row, world: World) -> list[dict[str, Any]]:
    """Return the messages of a card."""
    return [
        each
        for each in world.slack.state.messages(row.channel)
        if each.get("metadata", {}).get("event_payload", {}).get("key") == root_key(row.key)
    ]


async def mistakes(plan: Plan, world: World, scan: Watch) -> list[str]:
    """Return what is wrong with the end of a run."""
    found = [mistake for row in plan.rows async for mistake in wrong_story(row, plan, world, scan)]
    refusals = {call.refused for call in world.slack.calls if call.refused in OUR_FAULT}
    found += [f"Slack refused what we wrote: {refusals}"] if refusals else []
    return found + ([f"{world.slack.limited} calls came faster than Slack allows"] if world.slack.limited else [])


async def wrong_story(row: Row, plan: Plan, world: World, scan: Watch) -> AsyncIterator[str]:
    """Yield what is wrong with one story: a second root, an old version, a note that is there twice or not at all."""
    roots, posting = roots_of(row, world), posting_of(world, root_key(row.key))
    if len(roots) > 1:
        yield f"{row.key} has {len(roots)} messages"
    refused = any(each.error in REFUSED for each in plan.faults.troubles.values())
    if not roots and not (refused and posting[0] == "dead"):
        yield f"{row.key} has no message; its intent is {posting}"
    card = await scan.board.card(row.key)
    given_up = any(each.error in ("message_not_found", "invalid_blocks") for each in plan.faults.troubles.values())
    if roots and posting[0] == "sent" and not given_up and f"version {card.wanted}" not in text_of(roots[0]):  # type: ignore[union-attr]
        yield f"{row.key} is at version {card.wanted}, and shows {text_of(roots[0])[:60]!r}"  # type: ignore[union-attr]
    said = Counter(each["text"] for each in world.slack.state.messages(row.channel) if "thread_ts" in each)
    for step in plan.steps:
        words = f"note {row.key} {step.at}"
        if step.what == "note" and plan.rows[step.story] == row and said[words] != 1:
            below = posting_of(world, f"below:{row.key}:note-{step.at}")
            if said[words] > 1 or (below[0] != "unknown" and not refused):
                yield f"{words!r} stands {said[words]} times; its intent is {below}"


def posting_of(world: World, key: str) -> tuple[str, str | None]:
    """Return the state and the error of an intent, whoever is dead."""
    file = sqlite3.connect(world._path)
    try:
        found = file.execute("SELECT state, error FROM outbox WHERE key = ?", (key,)).fetchone()
    finally:
        file.close()
    return found or ("none", None)


async def judged(plan: Plan, folder: Path) -> list[str]:
    """Play a plan; return what was wrong."""
    try:
        world, _ = await played(plan, folder)
    except TimeoutError:
        return ["it came to no rest"]
    scan = Watch(world.beside(), now, "judge")
    try:
        return await mistakes(plan, world, scan)
    finally:
        await world.end()


def wrong(seed: int, folder: Path) -> list[str]:
    """Play one seed; return what was wrong, below its plan."""
    plan = plan_of(seed)
    folder.mkdir()
    try:
        found = run(judged(plan, folder))
    finally:
        shutil.rmtree(folder)
    return [str(plan), *found] if found else []


def play(seeds: Iterable[int], folder: Path) -> None:
    """Play seeds; fail with all that went wrong."""
    found = [lines for seed in seeds if (lines := wrong(seed, folder / str(seed)))]
    assert not found, f"{len(found)} plans went wrong:\n" + "\n\n".join("\n".join(lines) for lines in found[:5])


pytestmark = pytest.mark.filterwarnings(
    "ignore:The garbage collector is trying to clean up"  # a dead process gives no connection back
)


@pytest.mark.parametrize("first", range(0, PLANS, BATCH))
def test_no_plan_of_faults_doubles_or_forgets_a_card(first: int, tmp_path: Path) -> None:
    """Whatever Slack, the network and our deaths do: one root a story, shown as it is, and every note once."""
    play(range(first, first + BATCH), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(PLANS, MORE_PLANS, 10 * BATCH))
def test_no_plan_of_many_doubles_a_card(first: int, tmp_path: Path) -> None:
    """The same for the rest of two thousand."""
    play(range(first, min(first + 10 * BATCH, MORE_PLANS)), tmp_path)


@pytest.mark.skipif(SEED not in os.environ, reason="no seed is given")
def test_one_plan_of_cards(tmp_path: Path) -> None:
    """The plan of the seed in COPILOT_FUZZ_SEED alone."""
    play([int(os.environ[SEED])], tmp_path)
