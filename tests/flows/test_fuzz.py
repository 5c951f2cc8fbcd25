"""Thousands of seeded plans of what can go wrong with Slack and with us, in virtual time. What people see decides.

A failure names its seeds; `COPILOT_FUZZ_SEED=N pytest tests/flows/test_fuzz.py -k one_plan` plays one of them alone.
"""

import asyncio
import os
import random
import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot import limits
from bot.journal.journal import Journal
from bot.slack.sender import REPEATED
from bot.types import AnswerEvent, Done, Question, Source, Status, Text
from bot.workspace.rate import Paced
from tests.bot.slack.room import Tally
from tests.fakes.slack import ALICE, BOB, COPILOT, DM, INCIDENTS, PAYMENTS, text_of
from tests.fakes.virtual import DM_BOB, Faults, Trouble, World, run

SEED = "COPILOT_FUZZ_SEED"
PLANS, MORE_PLANS = 100, 5_000
BATCH = 50
"""Plans of one test: a failure names its seed, so that few tests are enough."""

QUIET_S = 2 * 3_600.0
"""The longest that a plan may take to come to rest: past every Retry-After and every lease."""

LATE_S, UNDONE_S = 30.0, 200.0
"""How long a call may still be on its way when all rows have come to their end, longer than any Trouble's; and how long
a stream that is to be undone may then wait for Slack."""

POSTS = ("chat.startStream", "chat.postMessage")
WRITES = (*POSTS, "chat.appendStream", "chat.stopStream", "chat.update", "respond", "chat.postEphemeral")
READS = ("conversations.replies", "users.info", "assistant.threads.setStatus", "auth.test")

OUR_FAULT = frozenset(
    """msg_too_long msg_blocks_too_long invalid_blocks invalid_blocks_format invalid_arguments no_text
    metadata_too_large invalid_metadata_format missing_recipient_team_id missing_recipient_user_id invalid_chunks
    markdown_text_conflict
    team_not_found user_not_found cant_update_message unknown_method expired_url used_url
    invalid_trigger_id""".split()
)
"""Refusals that only a wrong call of ours can meet: plans script others."""

STEP = re.compile(r"step\w+?e(?=\W)")
"""The mark of one step of an answer."""

REASONS = (
    "I could not finish this answer",
    "_Stopped. Ask again",
    "/invite @copilot",
    "ask again",
    "The rest does not fit here",
)
"""What a typed reason says."""


@dataclass(frozen=True)
class Asked:
    """What a person does, when: `kind` is mention, thread, dm or slash; `name` is in the question and its answer."""

    at: float
    kind: str
    name: str
    channel: str
    user: str
    times: int


@dataclass
class Plan:
    """All that happens in one run."""

    seed: int
    asked: list[Asked] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    streams: bool = True
    blind: bool = False

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, streams {self.streams}, blind {self.blind}, lag {self.faults.lag_s:.1f} s"]
        lines += [f"  {each}" for each in self.asked]
        lines += [
            f"  {method} number {number}: {trouble}" for (method, number), trouble in self.faults.troubles.items()
        ]
        return "\n".join([*lines, f"  dies at {sorted(self.faults.deaths)}"])


def plan_of(seed: int) -> Plan:
    """Return the plan of a seed."""
    rng = random.Random(seed)
    plan = Plan(seed, streams=rng.random() > 0.15, blind=rng.random() < 0.1)
    for number in range(rng.randint(1, 4)):
        kind = rng.choice(("mention", "mention", "thread", "dm", "slash"))
        channel = DM if kind == "dm" else rng.choice((INCIDENTS, PAYMENTS))
        user = ALICE if kind == "dm" else rng.choice((ALICE, BOB))
        plan.asked.append(Asked(rng.uniform(0, 15), kind, f"Q{seed}x{number}", channel, user, rng.choice((1, 1, 2))))
    plan.asked.sort(key=lambda each: each.at)
    if plan.blind:
        plan.faults.always["conversations.replies"] = Trouble(error="missing_scope")
    if not plan.streams:
        for method in ("chat.startStream", "chat.appendStream", "chat.stopStream"):
            plan.faults.always[method] = Trouble(error="unknown_method")
    plan.faults.lag_s = rng.choice((0.0, 0.0, rng.uniform(0, 4.5)))
    for _ in range(rng.randint(0, 3 if plan.blind else 8)):
        method = rng.choice(WRITES * 3 + READS)
        if method in plan.faults.always:
            continue
        plan.faults.troubles[method, rng.randint(0, 6)] = trouble_for(method, rng)
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        plan.faults.deaths.add(rng.randint(3, 30 * len(plan.asked) + 20))
    return plan


def trouble_for(method: str, rng: random.Random) -> Trouble:
    """Return something that Slack or the network may do to a call of this method."""
    after = rng.random() < 0.5
    choices = [
        Trouble(error="ratelimited", status=429, retry_after_s=rng.choice((1, 5, 30, 120))),
        Trouble(status=503, after=after),
        Trouble(status=200, error="internal_error", after=after),
        Trouble(lost=True, after=after, slow_s=rng.choice((0.0, 15.0))),
        Trouble(refused=True),
        Trouble(slow_s=rng.uniform(1.0, 14.0), after=rng.random() < 0.5),
    ]
    if method in ("chat.appendStream", "chat.stopStream"):
        choices += [Trouble(error="message_not_in_streaming_state", stops=True)] * 2
        choices += [Trouble(error="msg_too_long"), Trouble(error="stopped_by_user", stops=True)]
    if method in POSTS:
        choices += [Trouble(error="not_in_channel"), Trouble(error="is_archived")]
    if method == "respond":
        choices = [each for each in choices if each.error in (None, "ratelimited")]
    return rng.choice(choices)


class Writer:
    """Answers by the name in the question: the same words whenever asked, one to four messages long."""

    def __init__(self, journal: Journal, pause: random.Random) -> None:
        self._journal = journal
        self._pause = pause

    async def answer(self, question: Question) -> AsyncIterator[AnswerEvent]:
        """Yield the answer; some are slow, and some break in the middle."""
        name = name_in(question.text)
        pieces = list(pieces_of(name))
        yield Status("searching the runbooks")
        for number, piece in enumerate(pieces):
            await asyncio.sleep(self._pause.choice((0.0, 0.1, 0.1, 2.5)))
            if name.endswith("3") and number == 2 and self._pause.random() < 0.3:
                raise RuntimeError
            yield Text(piece)
        source = Source(1, "runbooks/pool.md", 3, 5, "Postgres pool")
        yield source
        done = Done("answered", None, question.id, (source,), "claude", 2.0, 1, 1, 0.0)
        await self._journal.answered(question, done, "".join(pieces))
        yield done


def name_in(text: str) -> str:
    """Return the name in a question."""
    found = re.search(r"Q\d+x\d+", text)
    return found[0] if found else "Q0x0"


def pieces_of(name: str) -> Iterator[str]:
    """Yield an answer's pieces; each step carries its number, so that what is doubled or lost is seen."""
    rng = random.Random(name)
    yield f"**Verdict for {name}.**\n"
    steps = rng.choice((2, 5, 12, 30))
    huge = rng.randrange(steps) if rng.random() < 0.1 else None  # one step that is more than a message
    for step in range(steps):
        size = 12_000 if step == huge else rng.choice((10, 80, 400, 1_500))
        words = " ".join(rng.choices(("drain", "pod", "SELECT", "größe", "日本", "a*b", "<tag>"), k=size // 5))
        fence = "```" if rng.random() < 0.5 else ""
        code = f"\n   ```\n   kubectl get {words}\n   ```" if fence else f" {words}"
        yield f"{step}. step{name}s{step}e{code}\n"


async def played(plan: Plan, folder: Path) -> tuple[World, Tally]:
    """Play a plan to its end; return the world as it is then. Raises TimeoutError when it comes to no rest."""
    tally = Tally()
    rate = None if plan.faults.deaths else Paced()
    pause = random.Random(plan.seed)
    world = World(folder, plan.seed, plan.faults, lambda journal: Writer(journal, pause), counts=tally, rate=rate)
    living = asyncio.create_task(world.live())
    try:
        await asyncio.sleep(2.0)
        for each in plan.asked:
            await asyncio.sleep(max(0.0, each.at + 2.0 - asyncio.get_running_loop().time()))
            await said(world, each)
        async with asyncio.timeout(QUIET_S):
            while world.undelivered or world.open_rows():
                await asyncio.sleep(5.0)
                if living.done():
                    living.result()
        world.rested = world.places
        await asyncio.sleep(LATE_S)
        with suppress(TimeoutError):  # then it shows among the mistakes
            async with asyncio.timeout(UNDONE_S):
                while any(map(is_streaming, shown(world))):  # noqa: ASYNC110 - Slack tells nobody when a stream ends
                    await asyncio.sleep(5.0)
    finally:
        await world.end()
    return world, tally


async def said(world: World, each: Asked) -> None:
    """Let a person do it."""
    gestures, text = world.slack.workspace.gestures, f"what about {each.name}?"
    if each.kind == "slash":
        try:
            await gestures.command(each.channel, "/copilot", f"ask {text}", each.user)
        except Exception:  # noqa: BLE001 - Slack tells the person that the command failed
            world.slack.counts["failed commands"] += 1
        return
    if each.kind == "dm":
        gestures.say(DM, text, each.user, None, each.times)
        return
    root = None
    if each.kind == "thread":
        root = gestures.say(each.channel, "checkout is down", BOB)["ts"]
    gestures.say(each.channel, f"<@{COPILOT}> {text}", each.user, root, each.times)


def mistakes(plan: Plan, world: World, tally: Tally) -> Iterator[str]:
    """Yield what is wrong with the end of a run, from what Slack shows and heard alone."""
    for each in plan.asked:
        yield from wrong_answer(each, world)
    for message in shown(world):
        yield from wrong_message(message, plan)
    for call in world.slack.calls:
        if call.refused in OUR_FAULT:
            yield f"{call.method} was refused: {call.refused}"
        if len(str(call.args.get("text", ""))) > limits.MESSAGE_TEXT:
            yield f"{call.method} had too long a text"
    if world.slack.limited:
        yield f"{world.slack.limited} calls came faster than Slack allows"
    if tally.silent:
        yield f"{tally.silent} silent turns were counted"
    if "task_failed" in tally.faults and not plan.faults.deaths:
        yield "a task failed"


def wrong_answer(each: Asked, world: World) -> Iterator[str]:
    """Yield what is wrong with the answer to one question: silence, a half answer, a repeat without its mark."""
    verdict = f"Verdict for {each.name}."
    mine = [text for text in map(text_of, shown(world)) if verdict in text or f"step{each.name}s" in text]
    plain = Counter(step for text in mine if REPEATED not in text for step in STEP.findall(text))
    if doubled := [step for step, times in plain.items() if times > 1]:
        yield f"{each.name} was repeated without a mark: {doubled[:2]}"
    there = {step for text in mine for step in STEP.findall(text)}
    missing = [step for step in STEP.findall("".join(pieces_of(each.name))) if step not in there]
    if not missing and any(verdict in text for text in mine):
        return
    failed_in_slack = each.kind == "slash" and not any(each.name in text for text in map(text_of, shown(world)))
    if not told_why(each, world, mine) and not (failed_in_slack and world.slack.counts["failed commands"]):
        yield f"{each.name} ({each.kind}) ended in silence: {len(mine)} messages without {missing[:2]}"


def told_why(each: Asked, world: World, mine: Iterable[str]) -> bool:
    """Whether the person was told why there is no whole answer: in its place, or to them alone."""
    direct = DM if each.user == ALICE else DM_BOB
    alone = [
        text_of(message)
        for message in shown(world)
        if direct == message["in"] or message.get("ephemeral_to") == each.user
    ]
    here = [text_of(message) for message in shown(world) if message["in"] == each.channel]
    broke = [text for text in here if REASONS[0] in text or REASONS[1] in text]
    return any(reason in text for text in [*mine, *alone, *broke] for reason in REASONS)


def shown(world: World) -> list[dict[str, Any]]:
    """Return all that Slack shows of us, each with the channel that it is `in`."""
    state = world.slack.state
    return [
        message | {"in": channel}
        for channel in state.channels
        for message in [*state.messages(channel), *state.whispers(channel)]
        if "bot_id" in message
    ]


def is_streaming(message: dict[str, Any]) -> bool:
    """Whether a message still grows."""
    return message.get("streaming_state") == "in_progress"


def wrong_message(message: dict[str, Any], plan: Plan) -> Iterator[str]:
    """Yield what is wrong with one message: a fence that does not close, a stream that never ends."""
    texts = [block["text"] for block in message.get("blocks", []) if block["type"] == "markdown"] or [message["text"]]
    for text in texts:
        if sum(line.strip().startswith("```") for line in text.split("\n")) % 2:
            yield f"a code fence is open: {text[-60:]!r}"
    if is_streaming(message) and not plan.blind:
        # Where no history may be read, a stream whose beginning nobody heard of cannot be found again.
        yield f"a stream never ended: {text_of(message)[:60]!r}"


def wrong(seed: int, folder: Path) -> list[str]:
    """Play one seed; return what was wrong, below its plan."""
    plan = plan_of(seed)
    folder.mkdir()
    try:
        world, tally = run(played(plan, folder))
    except TimeoutError:
        return [str(plan), "it came to no rest"]
    finally:
        shutil.rmtree(folder)
    found = list(mistakes(plan, world, tally))
    return [str(plan), *found] if found else []


def play(seeds: Iterable[int], folder: Path) -> None:
    """Play seeds; fail with all that went wrong."""
    found = [lines for seed in seeds if (lines := wrong(seed, folder / str(seed)))]
    assert not found, f"{len(found)} plans went wrong:\n" + "\n\n".join("\n".join(lines) for lines in found[:5])


pytestmark = pytest.mark.filterwarnings(
    "ignore:The garbage collector is trying to clean up"  # a dead process gives no connection back
)


@pytest.mark.parametrize("first", range(0, PLANS, BATCH))
def test_no_plan_of_faults_silences_or_doubles(first: int, tmp_path: Path) -> None:
    """Whatever Slack, the network and our deaths do: one whole answer or a reason, repeats marked, fences closed."""
    play(range(first, first + BATCH), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(PLANS, MORE_PLANS, 10 * BATCH))
def test_no_plan_of_many_does(first: int, tmp_path: Path) -> None:
    """The same for the rest of five thousand."""
    play(range(first, min(first + 10 * BATCH, MORE_PLANS)), tmp_path)


@pytest.mark.skipif(SEED not in os.environ, reason=f"plays the one seed that {SEED} names")
def test_one_plan(tmp_path: Path) -> None:
    """A seed that failed can be played alone."""
    play([int(os.environ[SEED])], tmp_path)
