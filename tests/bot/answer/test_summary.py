"""Catch me up with a model: it chooses and shortens; what its message does not say is left out."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from bot.answer.catchup import Message
from bot.answer.summary import MOST_MESSAGES, Summaries, checked
from bot.claude.client import Delta, Finish, Prompt, Writer
from bot.claude.quotes import Quotes
from bot.claude.request import Grounding
from bot.errors import ClaudeUnavailable
from bot.settings import Role
from bot.types import Question

ROWS = (Path(__file__).parents[2] / "data" / "incident_thread.jsonl").read_text().splitlines()
THREAD = [Message(row["ts"], row["name"], row["text"], row["bot"]) for row in map(json.loads, ROWS)]
ASKED = Question("q1", "catch me up", "U0ALICE", 1_795_000_000.0)


class Scripted:
    """A writer that writes what it is told to, and remembers its prompts."""

    grounding: Grounding = "inline"

    def __init__(self, text: str) -> None:
        self.text = text
        self.error: Exception | None = None
        self.prompts: list[Prompt] = []

    @property
    def model(self) -> str | None:
        """A name."""
        return "claude-haiku-5-5"

    async def write(self, prompt: Prompt) -> AsyncIterator[Delta | Finish]:
        """Write it in two pieces."""
        self.prompts.append(prompt)
        half = len(self.text) // 2
        yield Delta(self.text[:half])
        if self.error is not None:
            raise self.error
        yield Delta(self.text[half:])
        yield Finish("claude-haiku-5-5", 1, 1, 0.0)

    async def close(self) -> None:
        """Hold nothing."""


class Through:
    """An account that lets all through, and remembers who was asked for what."""

    def __init__(self) -> None:
        self.roles: list[Role] = []
        self.people: set[str] = set()

    async def write(
        self, writer: Writer, prompt: Prompt, question: Question, role: Role = "answer"
    ) -> AsyncIterator[Delta | Finish]:
        """Pass on what the writer writes."""
        self.roles.append(role)
        self.people = {said.author for said in question.context}
        async for piece in writer.write(prompt):
            yield piece


GOOD = """\
## What happened
- CheckoutErrorRateHigh firing since 14:02 UTC: 38 % of checkout requests fail [1]
- **cl_waiting is 214**, sv_active 60, sv_idle 0 [115]
## Who is on it
- incident commander for this one [14]
## Open
- do we have to refund customers who were charged twice? [303]
"""


async def told(text: str, messages: Sequence[Message] = THREAD) -> list[str] | None:
    """Return the words of the lines that a summary makes of a model's text."""
    found = await Summaries(Scripted(text), Through()).lines(ASKED, messages)
    return None if found is None else [line.text for line in found[0]]


async def test_lines_that_hold_are_told_by_section_with_their_message() -> None:
    """A shortened message keeps its author and its id; the model's name comes along."""
    writer, account = Scripted(GOOD), Through()
    found = await Summaries(writer, account).lines(ASKED, THREAD)
    assert found is not None
    lines, model = found
    assert model == "claude-haiku-5-5"
    assert [(line.section, line.ts) for line in lines][:1] == [("happened", THREAD[0].ts)]
    assert [line.section for line in lines] == sorted(
        (line.section for line in lines), key=["happened", "tried", "people", "open"].index
    )
    assert account.roles == ["summary"]
    assert account.people == {message.author for message in THREAD}
    assert len(writer.prompts[0].passages) == len(THREAD)


@pytest.mark.parametrize(
    "line",
    [
        "- CheckoutErrorRateHigh firing since 14:03 UTC [1]",
        "- 83 % of checkout requests fail [1]",
        "- sam dropped the database [1]",
        "- run `rm -rf /` on checkout-db [1]",
        "- CheckoutErrorRateHigh firing since 14:02 UTC [2]",
        "- CheckoutErrorRateHigh firing since 14:02 UTC",
        "- CheckoutErrorRateHigh firing since 14:02 UTC [1] [14]",
        "- CheckoutErrorRateHigh firing since 14:02 UTC [401]",
        "- CheckoutErrorRateHigh firing [0]",
        "- see https://evil.example/?q=38 [1]",
        "- <!channel> CheckoutErrorRateHigh firing [1]",
        "CheckoutErrorRateHigh firing since 14:02 UTC [1]",
    ],
)
def test_what_its_message_does_not_say_is_left_out(line: str) -> None:
    """Other figures, deeds, commands, links, no number, two numbers, a wrong number: no line."""
    assert checked(f"## What happened\n{line}\n", THREAD) == []


def test_a_message_gives_one_line() -> None:
    """The same message twice is one line, in the words that came first."""
    text = "- CheckoutErrorRateHigh firing [1]\n- 38 % of checkout requests fail [1]\n"
    assert [line.text for line in checked(text, THREAD)] == ["CheckoutErrorRateHigh firing"]


async def test_too_few_good_lines_leave_it_to_the_rules() -> None:
    """A model that mostly invents is not shown at all."""
    assert await told("- CheckoutErrorRateHigh firing [1]\n- all is well [2]\n") is None


async def test_a_model_that_fails_midway_leaves_it_to_the_rules() -> None:
    """Half a summary is none."""
    writer = Scripted(GOOD)
    writer.error = ClaudeUnavailable("Claude is overloaded.")
    assert await Summaries(writer, Through()).lines(ASKED, THREAD) is None


async def test_without_a_model_or_with_too_much_the_rules_choose() -> None:
    """Quotes sum nothing up, and beyond its bound the model is not asked."""
    assert await Summaries(Quotes(), Through()).lines(ASKED, THREAD) is None
    assert await told(GOOD, [*THREAD, *THREAD][: MOST_MESSAGES + 1]) is None
    assert await told(GOOD, []) is None
