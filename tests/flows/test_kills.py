"""Kill -9 of the real program, again and again, at random and at the worst moments. What people see decides.

`make test-slow` runs it. The seed is fixed; where a kill lands within the program still varies with the machine.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.build.house import EXAMPLE
from bot.journal.inbox import inbox
from bot.journal.journal import answered_table
from bot.journal.outbox import outbox
from bot.slack.cards import FEEDBACK
from bot.slack.markdown import inert
from bot.slack.sender import REPEATED
from bot.workspace import Channel
from bot.workspace.rate import Paced
from ingest.database import Database
from tests.fakes.claude import Echo, FakeClaude
from tests.fakes.slack import ALICE, BOB, COPILOT, INCIDENTS, TOWN, FakeSlack, Fault, text_of
from tests.flows.program import Program, copilot, database_in

pytestmark = pytest.mark.slow

SEED = 20_261_120
KILLS = 40
MENTIONS = 240
QUIET_S = 120.0
"""Longest wait for the last answers, after the last kill."""

BACK_S = 5.0
"""How soon after its start the bot works on what was left."""

CHANNELS = tuple(Channel(f"C0ROOM{number}", f"room-{number}", frozenset({ALICE, BOB, COPILOT})) for number in range(8))
"""More than one: Slack takes one post a second and channel, which would be all that this test waits for."""

QUESTIONS = (
    "PgBouncer shows cl_waiting above 0, what do I do first?",
    "node went NotReady",
    "redis evicts keys, memory is at the limit",
    "has checkout returned 502 before?",
    "kafka consumer group rebalances all the time",
    "certificate expires tomorrow",
)

Message = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A mention."""

    channel: str
    message: Message

    @property
    def thread(self) -> str:
        """The thread in which it is to be answered."""
        return str(self.message.get("thread_ts", self.message["ts"]))

    @property
    def gesture(self) -> str:
        """The name under which the inbox knows it."""
        return f"{self.channel}:{self.message['ts']}"


@dataclass
class Crowd:
    """Two people who ask all the time, in eight channels, some of it in threads that are there already."""

    slack: FakeSlack
    rng: random.Random
    asked: list[Asked] = field(default_factory=list)

    async def ask(self, times: int, within_s: float) -> None:
        """Ask so often, at random moments of the next seconds."""
        now = 0.0
        for moment in sorted(self.rng.uniform(0, within_s) for _ in range(times)):
            await asyncio.sleep(moment - now)
            now = moment
            self._ask()

    def _ask(self) -> None:
        channel, user = self.rng.choice(CHANNELS).id, self.rng.choice((ALICE, BOB))
        roots = [each for each in self.asked if each.channel == channel]
        text = f"{self.rng.choice(QUESTIONS)} ({len(self.asked)})"
        thread = self.rng.choice(roots).thread if roots and self.rng.random() < 0.2 else None
        self.asked.append(Asked(channel, self.slack.mention(channel, text, user=user, thread_ts=thread)))


Moment = Callable[[Mapping[str, Any]], bool]

SEEN: dict[str, Moment] = {
    "a stream or post began": lambda change: change["kind"] == "message" and "bot_id" in change["message"],
    "a stream grew": lambda change: _changed(change, "in_progress"),
    "a stream ended": lambda change: _changed(change, "completed"),
    "a status was set": lambda change: change["kind"] == "status" and bool(change["text"]),
    "an event was acknowledged": lambda change: change["kind"] == "app" and change["connected"],
}
"""What Slack notices of the bot, as changes of the workspace: heard before the bot hears that its call worked."""

CALLED = ("chat.startStream", "chat.appendStream", "chat.stopStream", "chat.update", "conversations.replies")
"""Calls at whose arrival the bot is killed, and which then have no effect."""


def _changed(change: Mapping[str, Any], state: str) -> bool:
    message = change.get("message", {})
    return change["kind"] == "changed" and "bot_id" in message and message.get("streaming_state") == state


@dataclass(frozen=True)
class Plan:
    """One kill: at the `nth` time of a moment, `after_s` later; or, without a moment, `after_s` after the start."""

    moment: str | None
    nth: int
    after_s: float


def plans(rng: random.Random) -> list[Plan]:
    """Return forty kills: a third at random times, a third before a call works, a third after, at once or soon."""
    chosen = [Plan(None, 0, rng.uniform(0.1, 5.0)) for _ in range(KILLS // 3)]
    chosen += [Plan(CALLED[number % len(CALLED)], rng.randint(1, 3), 0.0) for number in range(KILLS // 3)]
    seen = list(SEEN)
    while len(chosen) < KILLS:
        after_s = 0.0 if rng.random() < 0.5 else rng.uniform(0.0, 0.05)
        chosen.append(Plan(seen[len(chosen) % len(seen)], rng.randint(1, 4), after_s))
    rng.shuffle(chosen)
    return chosen


class Trap:
    """Kills a program at its plan's moment."""

    def __init__(self, program: Program, plan: Plan) -> None:
        self.gone = asyncio.Event()
        self._program = program
        self._plan = plan
        self._left = plan.nth
        if plan.moment is None:
            asyncio.get_running_loop().call_later(plan.after_s, self._spring)

    def called(self, method: str) -> bool:
        """Hear of a call at its arrival; say whether it killed, and so is to have no effect."""
        return method == self._plan.moment and self._counted()

    def seen(self, change: Mapping[str, Any]) -> None:
        """Hear of a change."""
        if self._plan.moment in SEEN and SEEN[self._plan.moment](change):
            self._counted()

    def _counted(self) -> bool:
        self._left -= 1
        if self._left == 0 and self._plan.after_s:
            asyncio.get_running_loop().call_later(self._plan.after_s, self._spring)
        elif self._left == 0:
            self._spring()
        return self._left == 0

    def _spring(self) -> None:
        self._program.kill()
        self.gone.set()


class DeadlySlack(FakeSlack):
    """A Slack in whose sight the bot dies."""

    trap: Trap | None = None

    def _next_fault(self, method: str) -> Fault | None:
        return Fault(drop=True) if self.trap and self.trap.called(method) else super()._next_fault(method)

    async def kill(self, program: Program, plan: Plan) -> str:
        """Wait for the plan's moment and kill there; return what it was. What does not come is not waited for long."""
        self.trap = Trap(program, plan)
        deaf = self.workspace.state.listen(self.trap.seen)
        try:
            await asyncio.wait_for(self.trap.gone.wait(), 10.0)
        except TimeoutError:
            program.kill()
            return "at no moment"
        finally:
            self.trap = None
            deaf()
        return plan.moment or "at random"


@dataclass(frozen=True)
class Town:
    """Slack, a Claude that repeats the passages, and a folder for the bot that lives between the kills."""

    slack: DeadlySlack
    claude: FakeClaude
    folder: Path

    def start(self) -> Program:
        """Start the bot on what the last one left."""
        settings = {
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_APP_TOKEN": self.slack.app_token,
            "SLACK_API_URL": self.slack.api_url,
            "ANTHROPIC_BASE_URL": self.claude.url,
        }
        return Program("run", "--data", "data", "--http-port", "0", folder=self.folder, settings=settings)

    async def settled(self) -> None:
        """Wait until the bot has nothing left to do."""
        async with database_in(self.folder / "data") as database, asyncio.timeout(QUIET_S):
            while self.slack.workspace.sockets.waiting or await _open_rows(database):  # noqa: ASYNC110 - another process's
                await asyncio.sleep(0.2)

    def posts(self) -> list[Message]:
        """Return every message of the bot that people see."""
        return [
            message
            for channel in self.slack.workspace.state.channels
            for message in self.slack.messages(channel)
            if "bot_id" in message
        ]


async def _open_rows(database: Database) -> int:
    async with database.read() as connection:
        events = await connection.scalar(select(func.count()).where(inbox.c.state == "new"))
        intents = await connection.scalar(select(func.count()).where(outbox.c.state.in_(("new", "sending"))))
    return (events or 0) + (intents or 0)


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    """Give a town whose bot knows the shipped runbooks already."""
    assert copilot("sync", str(EXAMPLE), "--data", "data", folder=tmp_path).returncode == 0
    seed = replace(TOWN, channels=(*TOWN.channels, *CHANNELS))
    slack = DeadlySlack(tmp_path / "slack", seed=seed, rate=Paced(), retry_after_s=(0.0, 1.0, 2.0))
    async with slack, FakeClaude(Echo(), pause_s=0.04) as claude:
        slack.history_lags_s = 2.0
        slack.sometimes(random.Random(SEED), 0.1, Fault(status=429, retry_after_s=1), methods=("chat.startStream",))
        yield Town(slack, claude, tmp_path)


async def test_forty_kills_lose_and_double_no_answer(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    """However often the bot is killed, every mention gets exactly one whole answer; a second one would be marked."""
    rng = random.Random(SEED)
    crowd, kills = Crowd(town.slack, rng), Counter[str]()
    for plan in plans(rng):
        asking = asyncio.create_task(crowd.ask(MENTIONS // KILLS, within_s=3.0))
        with town.start() as program:
            kills[await town.slack.kill(program, plan)] += 1
        await asking
    with town.start() as program:
        await town.settled()
        assert program.stop() == 0
    fates = await fates_of(town, crowd.asked)
    with capsys.disabled():
        told = f"{kills.total()} kills: {dict(kills)}; {len(fates)} mentions: {dict(Counter(fates.values()))}"
        print(f"\n{told}")  # noqa: T201 - counts that people want to see
    assert set(fates.values()) <= {"one whole answer", "one whole answer and a marked one"}
    assert_as_told(town)


async def test_what_was_left_is_worked_on_within_five_seconds(town: Town) -> None:
    """A question whose bot died over it sees the next one at work soon after its start, before all is loaded."""
    with town.start() as program:
        await asyncio.to_thread(program.ready)
        asked = town.slack.mention(INCIDENTS, QUESTIONS[0])
        assert await town.slack.kill(program, Plan("a status was set", 1, 0.0)) == "a status was set"
    assert not town.slack.replies(asked)
    at_work = asyncio.Event()
    town.slack.workspace.state.listen(lambda change: SEEN["a status was set"](change) and at_work.set())
    with town.start():
        await asyncio.wait_for(at_work.wait(), BACK_S)
        await town.settled()
    assert len(town.slack.replies(asked)) == 1


async def fates_of(town: Town, asked: Sequence[Asked]) -> dict[str, str]:
    """Return what became of every mention, by its gesture: from Slack's messages, by the marks on them."""
    async with database_in(town.folder / "data") as database, database.read() as connection:
        events = await connection.execute(select(inbox.c.gesture, inbox.c.id))
        names = {row.gesture: row.id for row in events}
        answered = await connection.execute(select(answered_table.c.question_id, answered_table.c.text))
        texts = {row.question_id: row.text for row in answered}
    answers = defaultdict[str, list[Message]](list)
    for message in town.posts():
        answers[message.get("metadata", {}).get("event_payload", {}).get("key", "nobody's")].append(message)
    fates = {}
    for each in asked:
        name = names.get(each.gesture, "")
        found = answers.pop(f"answer:{name}", [])
        assert {message["thread_ts"] for message in found} <= {each.thread}
        fates[each.gesture] = fate(found, texts.get(name, ""))
    for key, messages in answers.items():
        fates[key] = f"answers nobody, {len(messages)} times"
    return fates


def fate(found: Sequence[Message], written: str) -> str:
    """Return in words what a mention got; `written` is the answer as the journal has it."""
    first = [message for message in found if not text_of(message).startswith(REPEATED)]
    if not found:
        return "silence"
    if any(message.get("streaming_state") == "in_progress" for message in found):
        return "an answer that never ends"
    if not all(whole(message, written) for message in found):
        return "an answer that is not whole"
    if len(first) > 1:
        return "a double answer"
    return "one whole answer" if len(found) == 1 else "one whole answer and a marked one"


def whole(message: Message, written: str) -> bool:
    """Whether a message shows the answer as it was written down, once, and what stands below every answer."""
    shown = message["blocks"][0].get("text") if message["blocks"][0]["type"] == "markdown" else message["text"]
    body = str(shown).removeprefix(REPEATED).strip()
    return bool(body) and body == inert(written).strip() and FEEDBACK in str(message["blocks"])


def assert_as_told(town: Town) -> None:
    """Check Slack's journal: what was begun and not deleted is what stands there; nothing was posted beside it."""
    calls = town.slack.calls
    begun = [call for call in calls if call.method in ("chat.startStream", "chat.postMessage") and call.ok]
    deleted = [call for call in calls if call.method == "chat.delete" and call.ok]
    assert len(begun) - len(deleted) == len(town.posts())
    assert not town.slack.called("chat.postEphemeral")
