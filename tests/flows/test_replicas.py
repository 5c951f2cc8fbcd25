"""Two replicas on one Postgres and one Chroma server share the work, and one takes over when the other dies.

`make test-slow` runs it. Slack hands every event to one of the two sockets, as it does.
"""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.build.house import EXAMPLE
from bot.journal.inbox import inbox
from bot.journal.journal import answered_table
from bot.journal.outbox import outbox
from bot.workspace.rate import Paced
from ingest.database import Database
from tests.fakes.claude import Echo, FakeClaude
from tests.fakes.postgres import fresh
from tests.fakes.slack import TOWN, FakeSlack, Fault
from tests.flows.program import Program, copilot, free_port
from tests.flows.test_kills import CHANNELS, Asked, Crowd, Message, fate
from tests.ingest.index.conftest import chroma_at

pytestmark = pytest.mark.slow

SEED = 20_261_121
KILLS, MENTIONS = 20, 200
TAKEOVER_S = 30.0
"""The longest that a dead replica's question waits for the other one (facts/faults.md, 45)."""

QUIET_S = 180.0


@dataclass(frozen=True)
class Fleet:
    """Slack, Claude, Postgres and Chroma, and the folders of two replicas."""

    slack: FakeSlack
    claude: FakeClaude
    folder: Path
    database_url: str
    chroma_url: str

    @property
    def settings(self) -> dict[str, str]:
        """What both replicas are told."""
        return {
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_APP_TOKEN": self.slack.app_token,
            "SLACK_API_URL": self.slack.api_url,
            "ANTHROPIC_BASE_URL": self.claude.url,
            "DATABASE_URL": self.database_url,
            "CHROMA_URL": self.chroma_url,
        }

    def start(self, name: str) -> Program:
        """Start a replica on a data folder of its own."""
        home = self.folder / name
        home.mkdir(exist_ok=True)
        return Program("run", "--data", "data", "--http-port", "0", folder=home, settings=self.settings)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """Open the database beside the replicas."""
        opened = Database.open(self.database_url)
        try:
            yield opened
        finally:
            await opened.close()

    async def settled(self) -> None:
        """Wait until the replicas have nothing left to do."""
        async with self.database() as database, asyncio.timeout(QUIET_S):
            while self.slack.workspace.sockets.waiting or await open_rows(database):  # noqa: ASYNC110 - others' rows
                await asyncio.sleep(0.2)

    async def ready(self, program: Program) -> Program:
        """Wait until a replica hears Slack."""
        await asyncio.to_thread(program.ready)
        return program


async def open_rows(database: Database) -> int:
    """Return how many rows of inbox and outbox are not at their end."""
    async with database.read() as connection:
        events = await connection.scalar(select(func.count()).where(inbox.c.state == "new"))
        intents = await connection.scalar(select(func.count()).where(outbox.c.state.in_(("new", "sending"))))
    return (events or 0) + (intents or 0)


@pytest.fixture
async def fleet(tmp_path: Path, postgres_url: str) -> AsyncIterator[Fleet]:
    """Give a fleet that knows the shipped runbooks, none of it running yet."""
    port = free_port()
    url = await fresh(postgres_url)
    told = {"DATABASE_URL": url}
    known = await asyncio.to_thread(copilot, "sync", str(EXAMPLE), "--data", "data", folder=tmp_path, settings=told)
    assert known.returncode == 0, known.stderr
    seed = replace(TOWN, channels=(*TOWN.channels, *CHANNELS))
    slack = FakeSlack(tmp_path / "slack", seed=seed, rate=Paced(), retry_after_s=(0.0, 1.0, 2.0))
    with chroma_at(tmp_path / "chroma", port):
        async with slack, FakeClaude(Echo(), pause_s=0.04) as claude:
            slack.history_lags_s = 2.0
            sockets, dice = slack.workspace.sockets, random.Random(SEED)
            sockets._next = lambda: dice.choice(sockets._open)  # type: ignore[method-assign]  # as Slack deals them out
            slack.sometimes(
                random.Random(SEED), 0.05, Fault(status=429, retry_after_s=1), methods=("chat.startStream",)
            )
            yield Fleet(slack, claude, tmp_path, url, f"http://127.0.0.1:{port}")


async def test_two_replicas_and_twenty_kills(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """Whichever replica dies, and whenever: every mention gets one whole answer; a second one would be marked."""
    rng = random.Random(SEED)
    crowd = Crowd(fleet.slack, rng)
    running = {name: await fleet.ready(fleet.start(name)) for name in ("one", "two")}
    try:
        for _ in range(KILLS):
            asking = asyncio.create_task(crowd.ask(MENTIONS // KILLS, within_s=4.0))
            await asyncio.sleep(rng.uniform(0.2, 4.0))
            name = rng.choice(tuple(running))
            running[name].__exit__()  # which kills
            await asking
            running[name] = await fleet.ready(fleet.start(name))
        await fleet.settled()
        codes = [await asyncio.to_thread(program.stop) for program in running.values()]
    finally:
        for program in running.values():
            program.__exit__()
    fates = await fates_of(fleet, crowd.asked)
    with capsys.disabled():
        print(f"\n{KILLS} kills of 2 replicas, {len(fates)} mentions: {Counter(fates.values())}")  # noqa: T201 - figures
    assert set(fates.values()) <= {"one whole answer", "one whole answer and a marked one"}
    assert (len(fates), codes) == (MENTIONS, [0, 0])


async def test_a_dead_replicas_question_is_taken_over(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """What one replica accepted before it died, the other answers within 30 s, though nobody starts the first again."""
    with fleet.start("one") as one, fleet.start("two") as two:
        for program in (one, two):
            await fleet.ready(program)
        with fleet.slack.hold("chat.startStream"):
            asked = [fleet.slack.mention(CHANNELS[number].id, "node went NotReady") for number in range(8)]
            async with fleet.database() as database:
                owners = await owners_of(database, len(asked))
            one.kill()
            died = time.monotonic()
        await fleet.slack.until(lambda: all(answered(fleet, message, n) for n, message in enumerate(asked)), QUIET_S)
        took_s = time.monotonic() - died
    with capsys.disabled():
        print(f"\n{owners} rows of the two replicas; all answered {took_s:.1f} s after one died")  # noqa: T201 - figures
    assert len(owners) == 2
    assert took_s <= TAKEOVER_S


def answered(fleet: Fleet, message: Message, number: int) -> bool:
    """Whether a mention in a room has its answer."""
    return bool(fleet.slack.finished(message, CHANNELS[number].id))


async def owners_of(database: Database, rows: int) -> Counter[str]:
    """Wait until so many events are accepted; return how many each replica has."""
    async with asyncio.timeout(10):
        while True:
            async with database.read() as connection:
                owners = list(await connection.scalars(select(inbox.c.owner).where(inbox.c.state == "new")))
            if len(owners) >= rows:
                return Counter(owners)
            await asyncio.sleep(0.1)


async def fates_of(fleet: Fleet, asked: Sequence[Asked]) -> dict[str, str]:
    """Return what became of every mention, by its gesture: from Slack's messages, by the marks on them."""
    async with fleet.database() as database, database.read() as connection:
        events = await connection.execute(select(inbox.c.gesture, inbox.c.id))
        names = {row.gesture: row.id for row in events}
        written = await connection.execute(select(answered_table.c.question_id, answered_table.c.text))
        texts = {row.question_id: row.text for row in written}
    answers = defaultdict[str, list[Message]](list)
    for channel in fleet.slack.workspace.state.channels:
        for message in fleet.slack.messages(channel):
            if "bot_id" in message:
                answers[message.get("metadata", {}).get("event_payload", {}).get("key", "nobody's")].append(message)
    fates = {}
    for each in asked:
        name = names.get(each.gesture, "")
        fates[each.gesture] = fate(answers.pop(f"answer:{name}", []), texts.get(name, ""))
    return fates | {key: f"answers nobody, {len(messages)} times" for key, messages in answers.items()}
