"""A hundred mentions at once, and one person with a thousand: all are answered, in a fair order, at Slack's pace.

In virtual time, so that the order is the same on every machine; `benchmarks/load.py` prints real seconds.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.journal.journal import Journal
from bot.types import AnswerEvent, Done, Question, Status, Text
from bot.workspace import Channel, User
from bot.workspace.rate import Paced
from tests.bot.slack.room import Tally
from tests.fakes.slack import ALICE, BOB, COPILOT, INCIDENTS, PAYMENTS, text_of
from tests.fakes.virtual import BOTH, Faults, World, run

CROWD = tuple(f"U0CROWD{number}" for number in range(25))
ROOMS = tuple(Channel(f"C0ROOM{number}", f"room-{number}", frozenset({*CROWD, ALICE, COPILOT})) for number in range(8))
CITY = replace(
    BOTH,
    others=(*BOTH.others, *(User(name, name.lower(), name.title()) for name in CROWD)),
    channels=(*BOTH.channels, *ROOMS),
)
"""A town with more people and rooms."""

ANSWER_S = 2.0
MANY = 1_000

pytestmark = [pytest.mark.alone, pytest.mark.filterwarnings("ignore:The garbage collector is trying to clean up")]


class Steady:
    """Answers each question in two seconds; `asked` holds the askers in the order of their turns."""

    def __init__(self, journal: Journal) -> None:
        self.asked: list[str] = []
        self._journal = journal

    async def answer(self, question: Question) -> AsyncIterator[AnswerEvent]:
        """Yield an answer."""
        self.asked.append(question.asker)
        yield Status("searching the runbooks")
        await asyncio.sleep(ANSWER_S / 2)
        yield Text(f"**Do this for {question.text}.**\n")
        await asyncio.sleep(ANSWER_S / 2)
        done = Done("answered", None, question.id, (), None, ANSWER_S, 0, 0, 0.0)
        await self._journal.answered(question, done, "**Do this.**\n")
        yield done


async def opened(folder: Path) -> tuple[World, Tally, list[Steady]]:
    """Return a running world at Slack's pace, its counts, and who answers."""
    tally, writers = Tally(), list[Steady]()

    def answers(journal: Journal) -> Steady:
        writers.append(Steady(journal))
        return writers[-1]

    world = World(folder, 1, Faults(), answers, counts=tally, rate=Paced(), seed_of=CITY)
    asyncio.create_task(world.live())  # noqa: RUF006 - `closed` ends it
    await asyncio.sleep(2.0)
    return world, tally, writers


async def closed(world: World) -> None:
    """Wait until nothing is left to do, then end the world."""
    async with asyncio.timeout(4 * 3_600):
        while world.undelivered or world.open_rows():  # noqa: ASYNC110 - rows tell nobody
            await asyncio.sleep(5.0)
    await world.end()


def mention(world: World, channel: str, user: str, text: str) -> None:
    """Ask."""
    world.slack.workspace.gestures.say(channel, f"<@{COPILOT}> {text}", user)


def answers_in(world: World) -> int:
    """Return how many answers Slack shows."""
    state = world.slack.state
    return sum("Do this for" in text_of(m) for channel in state.channels for m in state.messages(channel))


def test_a_hundred_mentions_at_once_are_all_answered(tmp_path: Path) -> None:
    """Nobody is forgotten, and no call comes faster than Slack takes it."""

    async def hundred() -> World:
        world, tally, _ = await opened(tmp_path)
        for number in range(100):
            mention(world, ROOMS[number % len(ROOMS)].id, CROWD[number % len(CROWD)], f"question {number}")
        await closed(world)
        assert tally.ended == ["answered"] * 100
        return world

    world = run(hundred())
    assert (answers_in(world), world.slack.limited) == (100, 0)


def test_one_person_with_a_thousand_delays_nobody_else(tmp_path: Path) -> None:
    """While a thousand questions of one person wait, everybody else's turn comes next."""

    async def thousand() -> list[str]:
        world, _, writers = await opened(tmp_path)
        for number in range(MANY):
            mention(world, PAYMENTS, BOB, f"mine {number}")
        await asyncio.sleep(30.0)
        already = len(writers[0].asked)
        for number, user in enumerate(CROWD):
            mention(world, ROOMS[number % len(ROOMS)].id, user, "mine")
        await asyncio.sleep(60.0)
        turns = writers[0].asked[already:]
        mention(world, INCIDENTS, ALICE, "now me")
        await asyncio.sleep(ANSWER_S)
        assert ALICE in writers[0].asked[already + len(turns) :][:2], "who comes alone has the next turn"
        await world.end()
        return turns

    turns = run(thousand())
    last = max(turns.index(user) for user in CROWD)
    assert BOB in turns[: len(CROWD)], "he is not starved either"
    assert turns[: last + 1].count(BOB) <= len(CROWD)
