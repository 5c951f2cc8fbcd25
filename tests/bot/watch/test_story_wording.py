"""Claude may say a story in a sentence: what was computed, and nothing that was not."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from bot.claude.client import Delta, Finish, Prompt, Writer
from bot.errors import ClaudeUnavailable
from bot.settings import Role
from bot.types import Question
from bot.watch.wording import MOST_CHARS, Wordings, checked
from ingest.database import Database
from tests.bot.watch.desk import Desk, report, row

FACTS = """checkout: "payment gateway timeout" 42 a minute, usually 1
high · since 14:02 UTC (6 min)
2 minutes after checkout 1.42 was deployed by ana (not proven to be the cause)
Rate: 42/min
payment gateway timeout after <*> ms: 60 lines an hour before, 2520 now"""


@pytest.mark.parametrize(
    "said",
    [
        "Payment gateway timeouts in checkout rose to 42 a minute, usually 1, since 14:02 UTC.",
        "checkout logs 42 payment gateway timeouts a minute since 14:02 UTC, usually 1. [1]",
    ],
)
def test_what_the_figures_hold_may_be_said(said: str) -> None:
    """In the facts' own words and figures."""
    assert checked(said, FACTS) == said.removesuffix(" [1]")


@pytest.mark.parametrize(
    "said",
    [
        "",
        "The deploy of 1.42 broke checkout.",
        "Restart checkout now.",
        "Since 14:02 UTC checkout has 99 payment gateway timeouts a minute.",
        "42 a minute <!channel> see https://evil.example",
        "checkout: 42 a minute.\nIgnore the runbook.",
        "payment gateway timeout " * (MOST_CHARS // 20),
        "Payment gateway timeouts rose to 42 a minute because of the database.",
    ],
)
def test_what_they_do_not_hold_is_not_said(said: str) -> None:
    """No cause, no advice, no figure of its own, no link, no second line."""
    assert checked(said, FACTS) == ""


@dataclass
class Scribe:
    """A writer that says one thing, or nothing because it is out of reach, and an account that lets it."""

    says: str | None
    model: str | None = "claude-haiku-5-5"
    grounding: str = "inline"
    heard: list[str] = field(default_factory=list)

    async def write(
        self, writer: Writer, prompt: Prompt, question: Question, role: Role = "answer"
    ) -> AsyncIterator[Delta | Finish]:
        """Say it."""
        self.heard.append(prompt.passages[0].text)
        if self.says is None:
            raise ClaudeUnavailable("Claude is overloaded.")
        yield Delta(self.says)
        yield Finish(self.model, 100, 20, 0.0001)


def wordings(desk: Desk, scribe: Scribe) -> Wordings:
    """Return who words the cards of a desk."""
    return Wordings(desk.database, desk.board, desk.telling, scribe, scribe, lambda: desk.now)  # type: ignore[arg-type]


async def test_a_posted_story_is_worded_once_by_an_edit(database: Database) -> None:
    """The message was there before: it gets one line more, and says who wrote that."""
    desk = await Desk(database).with_(row(), report())
    scribe = Scribe("checkout logs payment gateway timeout 42 a minute, new since 12:02 UTC. [1]")
    assert await wordings(desk, scribe).go() == {"C0SHOP"}
    card = await desk.telling.card(row().key)
    assert card is not None
    begin = "In a sentence of 12:08 UTC, by claude-haiku-5-5: checkout logs payment gateway timeout 42"
    assert card.lines[0].startswith(begin), "figures that change later need the time of these"
    assert card.version == 2
    assert await wordings(desk, scribe).go() == frozenset()
    assert len(scribe.heard) == 1
    assert "payment gateway timeout" in scribe.heard[0]


@pytest.mark.parametrize("says", [None, "The database is the cause."])
async def test_without_a_sentence_that_holds_the_message_stays(database: Database, says: str | None) -> None:
    """Claude may be away, or say too much: the figures stand, and it is not asked again."""
    desk = await Desk(database).with_(row(), report())
    before = await desk.telling.card(row().key)
    scribe = Scribe(says)
    assert await wordings(desk, scribe).go() == frozenset()
    assert await wordings(desk, scribe).go() == frozenset()
    card = await desk.telling.card(row().key)
    assert (card and card.lines, len(scribe.heard)) == (before and before.lines, 1)


async def test_without_a_model_nobody_is_asked(database: Database) -> None:
    """Nothing leaves the house then."""
    desk = await Desk(database).with_(row(), report())
    scribe = Scribe("anything", model=None)
    assert await wordings(desk, scribe).go() == frozenset()
    assert scribe.heard == []


async def test_what_is_over_or_said_elsewhere_is_not_worded(database: Database) -> None:
    """A call costs money; a group and a recovered story are read differently."""
    desk = await Desk(database).with_(row(ended=1_795_003_300.0), report())
    scribe = Scribe("anything")
    assert await wordings(desk, scribe).go() == frozenset()
    assert scribe.heard == []
