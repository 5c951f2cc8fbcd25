"""The Claude half of the error table, a row a test: from the fault to the outcome, the words, the quotes, the count."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bot.answer.answer import Answerer
from bot.answer.budget import BREAK_S, Books, Budget
from bot.build.house import Unwatched
from bot.claude.client import Claude
from bot.claude.quotes import Quotes
from bot.journal.journal import Journal
from bot.journal.spent import Limits, Spent
from bot.settings import PRICES, ClaudeSettings
from bot.types import AnswerEvent, Done, Question, Said, Source, Text
from ingest.database import Database
from ingest.index.search import Evidence, Filter, Found, Hit
from ingest.types import Document
from tests.conftest import NOW
from tests.fakes.claude import Break, Deny, FakeClaude, Reply, Request, Say, Scripted, passage

SURE = Evidence(nearest=0.9, words=0.9, known=1.0, covered=1.0)
POOL = passage("1. Drain the pod.\n2. Restart checkout.\n3. Page team-data.", chunk_id="pool")
KEYS = passage("Rotate keys.", chunk_id="keys", path="runbooks/keys.md", title="Rotate keys", heading="Rotate keys")
WHOLE = Say(["**Drain the pod.** [1]\n", "2. Restart checkout. [1]\n"])


@dataclass
class Shelf:
    """Finds the same two documents whatever is asked; remembers what was."""

    past: Found = field(default_factory=Found)
    asked: list[str] = field(default_factory=list)

    async def search(self, question: str, demand: Filter, limit: int) -> Found:
        """Return what there is."""
        self.asked.append(question)
        if demand.kind == "postmortem":
            return self.past
        hits = [Hit(Document(p.path, "runbooks", "runbook", p.title, p.text), 0.9, (p,)) for p in (POOL, KEYS)]
        return Found(tuple(hits), SURE)


@dataclass
class Desk:
    """Remembers what the owner was told."""

    told: list[tuple[str, str]] = field(default_factory=list)

    async def tell_owner(self, about: str, words: str) -> None:
        """Take a notice."""
        self.told.append((about, words))


@dataclass
class Room:
    """An answerer over a loopback Claude with a real journal and a clock of its own."""

    database: Database
    limits: Limits = field(default_factory=lambda: Limits(10.0, 30))
    desk: Desk = field(default_factory=Desk)
    shelf: Shelf = field(default_factory=Shelf)
    now: float = NOW
    asked: int = 0

    async def answers(self, script: list[Reply], *questions: Question | str, **settings: Any) -> list["Answer"]:
        """Ask one after another; return what came."""
        async with FakeClaude(Scripted(script)) as self.server:
            claude = Claude(ClaudeSettings(base_url=self.server.url, **({"timeout_s": 5.0} | settings)))
            ledger, journal = Spent(self.database), Journal(self.database)
            budget = Budget(Books(ledger, journal, self.desk, self.limits, PRICES.get, Unwatched()), lambda: self.now)
            answerer = Answerer(
                search=self.shelf,
                writer=claude,
                quotes=Quotes(),
                journal=journal,
                clock=lambda: self.now,
                max_tokens=500,
                budget=budget,
            )
            told = []
            for question in questions or ("the pool is full",):
                self.asked += 1
                one = question if isinstance(question, Question) else self.question(question)
                told.append(Answer([event async for event in answerer.answer(one)]))
            await claude.close()
        return told

    def question(self, text: str, asker: str = "U1") -> Question:
        """Return a question as a chat brings it."""
        return Question(f"q{self.asked}", text, asker, self.now)


@dataclass
class Answer:
    """All events of one answer."""

    events: list[AnswerEvent]

    @property
    def text(self) -> str:
        """What a reader sees."""
        return "".join(event.text for event in self.events if isinstance(event, Text))

    @property
    def done(self) -> Done:
        """The last event."""
        last = self.events[-1]
        assert isinstance(last, Done)
        return last


@pytest.fixture
def room(database: Database) -> Room:
    """Give a room with an empty journal."""
    return Room(database)


LONG = "may be too long"
HALF = ["**Drain the pod.** [1]\n", "2. Restart"]
ROWS: dict[str, tuple[list[Reply], str, str]] = {
    "429": ([Deny(429, "rate_limit_error")], "no more requests for now (tried 3 times", "unavailable"),
    "500": ([Deny(500)], "trouble of its own (tried 3 times", "unavailable"),
    "529": ([Deny(529, "overloaded_error")], "Claude is overloaded (tried 3 times", "unavailable"),
    "error before the first word": ([Break("error")], "Claude is overloaded", "unavailable"),
    "error in the middle": ([Break("error", HALF)], "broke off in the middle", "incomplete"),
    "line dies": ([Break("drop", HALF)], "The connection to Claude was cut", "incomplete"),
    "stall": ([Break("stall", HALF)], "did not answer in time", "incomplete"),
    "clean early end": ([Break("truncate", HALF)], "broke off before its end", "incomplete"),
    "malformed": ([Break("garbage", HALF)], "made no sense", "incomplete"),
    "refusal": ([Say(HALF, "refusal")], "declined to answer", "incomplete"),
    "max_tokens": ([Say(HALF, "max_tokens")], "claude.max_tokens", "incomplete"),
    "empty": ([Say([])], "an empty answer", "incomplete"),
    "unknown stop reason": ([Say(HALF, "new")], "a reason that I do not know", "incomplete"),
    "400 twice": ([Deny(400, "invalid_request_error")], LONG, "too_long"),
    "413 twice": ([Deny(413, "request_too_large")], LONG, "too_long"),
    "window twice": ([Say([], "model_context_window_exceeded")], "too long for the model", "too_long"),
    "401": ([Deny(401, "authentication_error")], "refuses the key", "denied"),
    "403": ([Deny(403, "permission_error")], "check the rights", "denied"),
    "spending limit": ([Deny(402, "billing_error")], "credit or spending limit", "denied"),
}


@pytest.mark.parametrize("row", ROWS)
async def test_every_fault_of_claude_ends_in_a_reason_and_the_quotes(room: Room, row: str) -> None:
    """Failed, in plain words, never half an answer shown as whole; the passages follow, and the call is counted."""
    script, words, ending = ROWS[row]
    (answer,) = await room.answers(script, timeout_s=0.8 if row == "stall" else 5.0)
    assert answer.done.outcome == "failed"
    assert words in (answer.done.reason or "")
    assert words in answer.text
    assert "internal words" not in answer.text
    began = "Drain the pod.** [1]" in answer.text
    assert ("The answer above is not whole:" if began else "I could not finish this answer:") in answer.text
    assert 'From the runbook "Postgres pool" (quoted):' in answer.text
    assert "no model is configured" not in answer.text
    assert answer.done.sources[0].path == "runbooks/pool.md"
    assert set(await Spent(room.database).endings()) == {ending}
    assert sum(isinstance(event, Done) for event in answer.events) == 1


async def test_an_unfinished_answer_is_paid_for_and_told(room: Room) -> None:
    """What broke off in the middle cost its prompt; the footer and the ledger say so."""
    (answer,) = await room.answers([Break("truncate", HALF)])
    assert answer.done.tokens_in > 50
    assert answer.done.usd > 0
    assert await Spent(room.database).usd_since(0.0) == pytest.approx(answer.done.usd)


@pytest.mark.parametrize(
    "refused",
    [Deny(400, "invalid_request_error"), Deny(413, "request_too_large"), Say([], "model_context_window_exceeded")],
)
async def test_a_context_that_is_too_long_is_shortened_once(room: Room, refused: Reply) -> None:
    """Half the passages may pass; the reader hears nothing of it."""
    (answer,) = await room.answers([refused, WHOLE])
    assert (answer.done.outcome, answer.text) == ("answered", "**Drain the pod.** [1]\n2. Restart checkout. [1]\n")
    assert [len(request.passages) for request in room.server.requests] == [2, 1]
    assert await Spent(room.database).endings() == {"too_long": 1, "whole": 1}


async def test_after_a_refusal_of_the_key_nobody_waits_for_claude(room: Room) -> None:
    """For five minutes it is not called and passages are quoted; then it is tried again. The owner is told."""
    first, second = await room.answers([Deny(401, "authentication_error"), WHOLE], "pool full", "pool full still")
    assert first.done.outcome == "failed"
    assert second.done.outcome == "answered"
    assert second.text.startswith("_Claude refuses the key: check ANTHROPIC_API_KEY: quoted instead; tried again at ")
    assert len(room.server.requests) == 1
    assert [about for about, _ in room.desk.told] == ["claude-denied"]


async def test_the_breaker_closes_by_itself(room: Room) -> None:
    """After its five minutes the next question is Claude's again."""
    script: list[Reply] = [Deny(401, "authentication_error"), WHOLE]
    room.shelf.past = Found()

    class Later(Scripted):
        def reply(self, request: Request) -> Reply:
            room.now += BREAK_S
            return super().reply(request)

    async with FakeClaude(Later(script)) as server:
        claude = Claude(ClaudeSettings(base_url=server.url))
        budget = Budget(
            Books(Spent(room.database), Journal(room.database), room.desk, room.limits, PRICES.get, Unwatched()),
            lambda: room.now,
        )
        answerer = Answerer(
            search=room.shelf,
            writer=claude,
            quotes=Quotes(),
            journal=Journal(room.database),
            clock=lambda: room.now,
            max_tokens=500,
            budget=budget,
        )
        outcomes = []
        for name in ("a", "b"):
            events = [event async for event in answerer.answer(Question(name, "pool full", "U1", room.now))]
            outcomes.append(Answer(events).done.model)
            room.now += BREAK_S
        await claude.close()
    assert outcomes == [None, "claude-sonnet-5-5"]


async def test_beyond_the_days_budget_passages_are_quoted(room: Room) -> None:
    """An honest line says why and until when; the owner is told; Claude is not called."""
    room.limits = Limits(0.001, 30)
    (answer,) = await room.answers([WHOLE])
    assert answer.done.outcome == "answered"
    assert (answer.done.model, answer.done.usd) == (None, 0.0)
    assert answer.text.startswith(
        "_The day's budget of 0.001 USD for Claude is used up: quoted instead; back at 00:00 UTC._\n\n"
        '**From the runbook "Postgres pool" (quoted):**'
    )
    assert room.server.requests == []
    assert [about for about, _ in room.desk.told] == ["claude-budget"]


async def test_a_person_has_a_limit_of_their_own(room: Room) -> None:
    """Beyond it that person gets quotes, and the others get Claude."""
    room.limits = Limits(10.0, 1)
    mine = [replace(room.question("pool full"), id=f"m{number}") for number in range(2)]
    other = replace(room.question("pool full", asker="U2"), id="o")
    first, second, third = await room.answers([WHOLE], *mine, other)
    assert [each.done.model is None for each in (first, second, third)] == [False, True, False]
    assert second.text.startswith("_Claude answers 1 questions of one person in an hour: quoted instead._")
    assert room.desk.told == []


async def test_what_left_is_written_down_redacted(room: Room) -> None:
    """The whole request with its passages, thread and question, and no secret in it."""
    secret = "ghp_" + "a1B2" * 9
    context = (
        Said("Ada", f"my token is {secret}", NOW - 60, is_us=False),
        Said("copilot", "Hm.", NOW - 50, is_us=True),
    )
    question = replace(room.question(f"pool full {secret}"), context=context)
    await room.answers([WHOLE], question)
    (sent,) = await Journal(room.database).sent_for(question.id)
    assert (sent.model, sent.mode, sent.chunk_ids, sent.people) == (
        "claude-sonnet-5-5",
        "inline",
        ("pool", "keys"),
        ("Ada",),
    )
    assert "Drain the pod." in sent.text
    assert "pool full" in sent.text
    assert secret not in sent.text + str(room.server.requests[0].body)


async def test_sources_come_when_the_text_is_over_in_order_of_first_use(room: Room) -> None:
    """Their lines are known only then; all of them stand between the last text and Done."""
    (answer,) = await room.answers([Say(["Rotate keys. [2]\n1. Drain the pod. [1]\n"])])
    assert answer.text == "Rotate keys. [1]\n1. Drain the pod. [2]\n"
    assert [type(event) for event in answer.events[-3:]] == [Source, Source, Done]
    assert [(source.id, source.path, source.start_line, source.end_line) for source in answer.done.sources] == [
        (1, "runbooks/keys.md", 10, 10),
        (2, "runbooks/pool.md", 10, 10),
    ]


async def test_a_follow_up_is_searched_for_with_the_question_above(room: Room) -> None:
    """The model reads the thread as data, and readers are told what of it was not read."""
    context = (
        Said("Ada", "checkout pool is full", NOW - 60, is_us=False),
        Said("copilot", "Drain.", NOW - 50, is_us=True),
    )
    (answer,) = await room.answers([WHOLE], replace(room.question("and then?"), context=context, cut=31))
    assert room.shelf.asked[0] == "checkout pool is full\nand then?"
    assert "Ada: checkout pool is full\ncopilot: Drain." in room.server.requests[0].asked
    assert answer.text.endswith("\n_earlier messages of this thread were not read: 31_\n")
