"""The bot's Slack room on a fake Slack, with scripted answers, a real database and a time that tests give."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import func, select

from bot.answer.audience import Routed
from bot.journal.inbox import Inbox, inbox
from bot.journal.journal import Journal
from bot.journal.notices import Notices
from bot.journal.outbox import Outbox, outbox
from bot.journal.threads import Threads
from bot.slack.app import SlackBot, Surfaces
from bot.slack.home import Vital
from bot.slack.pace import Pace
from bot.slack.rules import Rules
from bot.slack.socket import SocketMode
from bot.types import AnswerEvent, Done, Question, Source, Status, Text
from ingest.database import Database, metadata
from ingest.types import Audience
from tests.fakes.slack import INCIDENTS, FakeSlack
from tests.fakes.stories import Watch

SOURCES = (
    Source(id=1, path="runbooks/pool.md", start_line=3, end_line=5, title="Postgres pool"),
    Source(id=2, path="runbooks/restart.md", start_line=8, end_line=8, title="Restart checkout"),
)
TEXT = "**Drain the stuck pod.**\n1. Look. [1]\n   ```\n   psql -c 'select 1' && echo <ok>\n   ```\n"
FEEDBACK = "feedback"
SHOW_SOURCE = "show_source_1"

STILL = 3
"""Looks in a row at which nothing is open: what Slack refuses is given up before what is said instead is written."""


class Time:
    """A clock that stands still. `sleep` moves it on at once, or, with `waits`, waits for `advance`."""

    def __init__(self, now: float = 1_763_600_000.0) -> None:
        self.now = now
        self.waits = False
        self._moved = asyncio.Event()

    def __call__(self) -> float:
        """Return the time."""
        self.now += 0.000_01  # two looks never show the same time, as on a real clock
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        until = self.now + seconds
        while self.waits and self.now < until:
            self._moved.clear()
            await self._moved.wait()
        self.now = max(self.now, until)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Move the time on."""
        self.now += seconds
        self._moved.set()


def done(question: Question, outcome: Any = "answered", **changes: Any) -> Done:
    """Return how an answer ends."""
    usual: dict[str, Any] = {
        "outcome": outcome,
        "reason": None,
        "answer_id": question.id,
        "sources": SOURCES if outcome in ("answered", "perhaps") else (),
        "model": "claude-sonnet-5-5",
        "seconds": 2.1,
        "tokens_in": 1800,
        "tokens_out": 40,
        "usd": 0.006,
    }
    return Done(**(usual | changes))


class Script:
    """Answers by script. `pieces` are the texts; `asked` remembers; `gate` holds every answer after each piece."""

    def __init__(self, journal: Journal) -> None:
        self.asked: list[Question] = []
        self.pieces: Sequence[str] = [TEXT]
        self.ending: Callable[[Question], Done] = done
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.stopped = 0
        self._journal = journal

    def step(self) -> None:
        """Let every answer that waits go on by one piece."""
        self.gate.set()
        self.gate.clear()

    async def answer(self, question: Question) -> AsyncIterator[AnswerEvent]:
        """Yield the script."""
        self.asked.append(question)
        yield Status("searching the runbooks")
        try:
            for number, piece in enumerate(self.pieces):
                if number:
                    await self.gate.wait()
                yield Text(piece)
            await self.gate.wait()
            if self.error is not None:
                raise self.error
        except GeneratorExit:
            self.stopped += 1
            raise
        end = self.ending(question)
        for source in end.sources:
            yield source
        await self._journal.answered(question, end, "".join(self.pieces))
        yield end


class Looks(Script):
    """Looks things up by script."""


class Reading:
    """Who may read what, as a test says; everybody everything otherwise."""

    def __init__(self) -> None:
        self.labels: frozenset[str] = frozenset()
        self.private: str | None = None
        self.heard = self.read = True

    async def route(self, question: Question, shared: Audience, own: Audience) -> Routed:
        """Return what the test says."""
        return Routed(shared) if self.private is None else Routed(own, private=True, reason=self.private)

    async def may_hear(self, done: Done, audience: Audience) -> bool:
        """Return what the test says."""
        return self.heard

    async def may_read(self, path: str, audience: Audience) -> bool:
        """Return what the test says."""
        return self.read


class Tally:
    """Counts with memory."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.faults: list[str] = []
        self.silent = 0
        self.first: list[float] = []

    def question_ended(self, outcome: str, seconds: float) -> None:
        """Remember."""
        self.ended.append(outcome)

    def silent_turn(self) -> None:
        """Remember."""
        self.silent += 1

    def first_text(self, seconds: float) -> None:
        """Remember."""
        self.first.append(seconds)

    def fault(self, name: str) -> None:
        """Remember."""
        self.faults.append(name)


class Shelf:
    """Lines of documents by path."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = dict(texts)

    async def lines(self, path: str, start_line: int, end_line: int) -> str | None:
        """Return the text of a path."""
        return self.texts.get(path)


class Room:
    """A fake Slack, a database, and the bot between `start` and `stop`."""

    def __init__(self, folder: Path, **slack: Any) -> None:
        self.time = Time()
        self.slack = FakeSlack(folder / "slack", clock=self.time, **slack)
        self.database = Database.open(f"sqlite+aiosqlite:///{folder / 'bot.sqlite'}")
        self.journal = Journal(self.database)
        self.tally = Tally()
        self.shelf = Shelf({"runbooks/pool.md": "line three\n\tline `four` <&>\nline five"})
        self.pace = Pace(per_second=1.0, burst=100)
        numbers = itertools.count(1)
        self.inbox = Inbox(self.database, self.time, lambda: f"q{next(numbers)}")
        self.outbox = Outbox(self.database, self.time)
        self.answers = Script(self.journal)
        self.looks = Looks(self.journal)
        self.threads = Threads(self.database)
        self.reading = Reading()
        self.rules = Rules()
        self.owner: str | None = None
        self.vitals = [Vital("Documents", ok=True, words="43 documents, last synced 4 minutes ago")]
        self.bot: SlackBot | None = None
        self.transport: Any = None
        self.summary: Any = None
        self.watch: Watch | None = None

    async def __aenter__(self) -> Self:
        async with self.database.write() as connection:
            await connection.run_sync(metadata.create_all)
        await self.slack.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        try:
            if self.bot is not None:
                await self.bot.stop(0.0 if error[0] is not None else 5.0)
        finally:
            await self.slack.__aexit__(*error)
            await self.database.close()

    def watching(self) -> Watch:
        """Return the board that the bot is given at its next start."""
        self.watch = self.watch or Watch(self.database, self.time)
        return self.watch

    async def restart(self) -> Self:
        """End the bot's life and begin another one on what is there."""
        assert self.bot is not None
        await self.bot.stop(0.0)
        return await self.start()

    async def start(self) -> Self:
        """Start a bot on what is there."""
        self.bot = SlackBot(
            bot_token=self.slack.bot_token,
            transport=self.transport or SocketMode(self.slack.app_token),
            api_url=self.slack.api_url,
            answers=self.answers,
            journal=self.journal,
            inbox=self.inbox,
            outbox=self.outbox,
            lines=self.shelf,
            counts=self.tally,
            surfaces=self.surfaces(),
            clock=self.time,
            rng=random.Random(7),
            sleep=self.time.sleep,
            pace=self.pace,
        )
        await self.bot.start()
        return self

    def surfaces(self) -> Surfaces:
        """Return what stands behind the surfaces."""
        return Surfaces(
            threads=self.threads,
            similar=self.looks.answer,
            runbook=self.looks.answer,
            vitals=self._vitals,
            documents=self._documents,
            labels=lambda: self.reading.labels,
            route=self.reading.route,
            may_hear=self.reading.may_hear,
            may_read=self.reading.may_read,
            owner=Notices(self.outbox, self.owner, self.time),
            rules=self.rules,
            summary=self.summary,
            watched=None if self.watch is None else self.watch.watched,
        )

    async def _vitals(self) -> list[Vital]:
        return self.vitals

    async def _documents(self, audience: Audience) -> dict[str, int]:
        return {"runbook": 30, "postmortem": 1, "chunks": 1234}

    async def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Call Slack as the bot's earlier life would have."""
        client = AsyncWebClient(self.slack.bot_token, self.slack.api_url, retry_handlers=[])
        client.proxy = None
        answer: Any = (await client.api_call(method, json=arguments)).data
        return dict(answer)

    async def answered(self, message: Mapping[str, Any], channel: str = INCIDENTS) -> dict[str, Any]:
        """Wait for the one whole reply to a message whose row in the inbox is done; return it."""
        await self.quiet()
        replies = self.slack.finished(dict(message), channel)
        assert len(replies) == 1, replies
        assert replies == self.slack.replies(dict(message), channel)
        return replies[0]

    async def quiet(self) -> None:
        """Wait until every event heard so far has come to its end, and nothing has come of that for a moment."""
        still = 0
        async with asyncio.timeout(10):
            while still < STILL:
                await asyncio.sleep(0.01)
                busy = self.slack.workspace.sockets.waiting or await self.open_rows()
                still = 0 if busy else still + 1

    async def queued(self, questions: int) -> None:
        """Wait until so many questions wait for their turn."""
        assert self.bot is not None
        async with asyncio.timeout(10):
            while (await self.bot.health()).waiting < questions:  # noqa: ASYNC110 - a queue tells nobody
                await asyncio.sleep(0.01)

    async def counted(self, silent: int) -> None:
        """Wait until so many turns were silent."""
        async with asyncio.timeout(10):
            while self.tally.silent < silent:  # noqa: ASYNC110 - a count tells nobody
                await asyncio.sleep(0.01)

    async def all_rows(self) -> int:
        """Return how many events were ever written down."""
        async with self.database.read() as connection:
            return await connection.scalar(select(func.count()).select_from(inbox)) or 0

    async def open_rows(self) -> int:
        """Return how many rows of inbox and outbox are not at their end."""
        async with self.database.read() as connection:
            events = await connection.scalar(select(func.count()).where(inbox.c.state == "new"))
            intents = await connection.scalar(select(func.count()).where(outbox.c.state.in_(("new", "sending"))))
            return (events or 0) + (intents or 0)
