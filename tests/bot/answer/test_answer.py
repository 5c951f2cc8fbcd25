"""From a question to one stream of events: whatever the runbooks hold, whatever happens to Claude, it ends in Done."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from bot.answer.answer import MOST_QUESTION_CHARS, Answerer
from bot.answer.cite import LEFT_OUT
from bot.answer.prompt import NOT_IN_THE_RUNBOOKS
from bot.claude.client import Claude
from bot.claude.quotes import Quotes
from bot.journal.journal import Journal, StoredAnswer
from bot.settings import ClaudeSettings
from bot.types import AnswerEvent, Done, Question, Source, Status, Text
from ingest.database import Database
from ingest.errors import EmbedderBroken
from ingest.index.search import Evidence, Filter, Found, Hit
from ingest.types import Document
from tests.conftest import NOW
from tests.fakes.claude import Break, Deny, FakeClaude, Reply, Say, Scripted, passage

SURE = Evidence(nearest=0.8, words=0.8, known=1.0, covered=1.0)
NEAR = Evidence(nearest=0.45, words=0.5, known=0.7, covered=0.6)
QUESTION = Question("q1", "how do I drain the pool?", "terminal", NOW)
ANSWER = ["**Drain the pod.** [1]\n", "1. Run it. [1]\n```\nkubectl drain node-1\n```\n"]


def hit(name: str, *texts: str) -> Hit:
    """Return a runbook found, with these passages."""
    passages = tuple(
        passage(text, path=f"docs/{name}.md", title=name, chunk_id=f"{name}{line}", start_line=line, end_line=line)
        for line, text in enumerate(texts, start=1)
    )
    return Hit(Document(f"docs/{name}.md", "docs", "runbook", name, "", 1), 0.9, passages)


HITS = (
    hit("Pool", "Drain the pod. Run it.\n```\nkubectl drain node-1\n```", "Then restart checkout."),
    hit("Key", "Rotate the key."),
    hit("Disk", "Empty the disk."),
)


@dataclass
class Shelf:
    """Finds always the same runbooks, or fails; remembers what was asked."""

    found: Found
    broken: Exception | None = None
    asked: list[str] = field(default_factory=list)

    async def search(self, question: str, demand: Filter, limit: int) -> Found:
        """Return what there is."""
        self.asked.append(question)
        if self.broken:
            raise self.broken
        return Found() if demand.kind == "postmortem" else self.found


@dataclass
class Told:
    """An answer as somebody saw it come: the events, what the journal had when Done came, and Claude's requests."""

    events: list[AnswerEvent]
    stored: StoredAnswer | None
    server: FakeClaude | None = None

    @property
    def done(self) -> Done:
        """The last event."""
        last = self.events[-1]
        assert isinstance(last, Done)
        return last

    @property
    def text(self) -> str:
        """All text."""
        return "".join(event.text for event in self.events if isinstance(event, Text))

    @property
    def sources(self) -> list[Source]:
        """The sources in the order they came."""
        return [event for event in self.events if isinstance(event, Source)]


@dataclass
class Desk:
    """Where questions are answered: a shelf, and a journal on a real database."""

    database: Database
    shelf: Shelf

    async def quoted(self, question: Question = QUESTION) -> Told:
        """Answer without a model."""
        return await self._told(question, Quotes())

    async def written(self, *replies: Reply, question: Question = QUESTION, timeout_s: float = 60.0) -> Told:
        """Answer with a Claude that replies so."""
        async with FakeClaude(Scripted(list(replies))) as server, opened(server, timeout_s) as claude:
            told = await self._told(question, claude)
        return replace(told, server=server)

    async def _told(self, question: Question, writer: Claude | Quotes) -> Told:
        journal = Journal(self.database)
        answerer = Answerer(
            search=self.shelf, writer=writer, quotes=Quotes(), journal=journal, clock=lambda: NOW, max_tokens=900
        )
        events: list[AnswerEvent] = []
        stored = None
        async for event in answerer.answer(question):
            events.append(event)
            if isinstance(event, Done):
                stored = await journal.answer(question.id)
        return Told(events, stored)


@asynccontextmanager
async def opened(server: FakeClaude, timeout_s: float) -> AsyncIterator[Claude]:
    """Give the real client for a server."""
    claude = Claude(ClaudeSettings(base_url=server.url, timeout_s=timeout_s))
    try:
        yield claude
    finally:
        await claude.close()


@pytest.fixture
def desk(database: Database) -> Desk:
    """Give a desk whose shelf surely answers."""
    return Desk(database, Shelf(Found(HITS, SURE)))


def check(told: Told) -> None:
    """Hold what every stream keeps: one Done, last; sources before it and in its order; the journal knows it all."""
    assert [isinstance(event, Done) for event in told.events].count(True) == 1
    assert told.done.sources == tuple(sorted(told.sources, key=lambda source: source.id))
    assert [source.id for source in told.done.sources] == list(range(1, len(told.done.sources) + 1))
    assert told.stored is not None
    assert (told.stored.done, told.stored.text) == (told.done, told.text)
    assert (told.done.reason is None) == (told.done.outcome == "answered")
    assert isinstance(told.events[0], Status)


async def test_without_a_model_the_passages_are_quoted(desk: Desk) -> None:
    """Labelled as quotes, with their sources, at no cost."""
    told = await desk.quoted()
    check(told)
    assert (told.done.outcome, told.done.model, told.done.usd) == ("answered", None, 0.0)
    assert told.text.startswith('**From the runbook "Pool" (quoted; no model is configured):**')
    assert "```\nkubectl drain node-1\n```" in told.text
    assert told.sources[0].path == "docs/Pool.md"


async def test_claude_writes_and_every_source_is_told_once(desk: Desk) -> None:
    """Text as it was checked, piece by piece, each source before the end, and what it cost."""
    told = await desk.written(Say(ANSWER))
    check(told)
    assert told.done.outcome == "answered"
    assert told.text == "".join(ANSWER)
    assert [event.text for event in told.events if isinstance(event, Text)] == [
        ANSWER[0],
        *ANSWER[1].splitlines(keepends=True)[:1],
        "".join(ANSWER[1].splitlines(keepends=True)[1:]),
    ]
    assert [source.path for source in told.sources] == ["docs/Pool.md"]
    assert (told.done.model, told.done.tokens_out > 0, told.done.usd > 0) == ("claude-sonnet-5-5", True, True)


async def test_text_comes_while_claude_is_still_writing(desk: Desk) -> None:
    """A reader sees the verdict before the steps are written; a stream that hangs ends in an honest text."""
    told = await desk.written(Break("stall", ["**Drain the pod.** [1]\n", "1. Ru"]), timeout_s=0.5)
    check(told)
    assert told.done.outcome == "failed"
    assert told.text.startswith("**Drain the pod.** [1]\n\n\n**The answer above is not whole:**")


async def test_thin_evidence_is_told_as_a_perhaps(desk: Desk) -> None:
    """Before the first word of the answer, not behind it."""
    desk.shelf.found = Found(HITS, NEAR)
    for told in (await desk.quoted(), await desk.written(Say(ANSWER), question=replace(QUESTION, id="q2"))):
        check(told)
        assert told.done.outcome == "perhaps"
        assert told.text.startswith("**Perhaps:** ")


@pytest.mark.parametrize("found", [Found(), Found(HITS, Evidence())])
async def test_what_is_not_in_the_runbooks_is_said_plainly(desk: Desk, found: Found) -> None:
    """Claude is not asked, two neighbours are named as about something else, and the gap is noted and counted."""
    desk.shelf.found = found
    told = await desk.written(Say(ANSWER))
    check(told)
    assert told.server is not None
    assert (told.done.outcome, told.sources, told.server.requests) == ("not_found", [], [])
    assert told.text.startswith("**Not in the runbooks.**")
    near = "Nearest, but about something else: _Pool_ (runbook), _Key_ (runbook).\n"
    assert (near in told.text) == bool(found.hits)
    again = await desk.quoted(replace(QUESTION, id="q2", text=QUESTION.text.upper()))
    assert "Noted as a gap (asked 2 times in 7 days)." in again.text


@pytest.mark.parametrize("evidence", [SURE, NEAR])
@pytest.mark.parametrize(
    "pieces",
    [
        [NOT_IN_THE_RUNBOOKS],
        [f"{NOT_IN_THE_RUNBOOKS}\n"],
        [f"**{NOT_IN_THE_RUNBOOKS}**.\n", "The passages are about something else. [1]\n"],
        ["\n\n", NOT_IN_THE_RUNBOOKS[:5], NOT_IN_THE_RUNBOOKS[5:]],
    ],
)
async def test_claude_may_say_that_the_passages_do_not_answer(
    desk: Desk, pieces: Sequence[str], evidence: Evidence
) -> None:
    """Then it is not in the runbooks; nobody reads the word for it or a perhaps, and the call still cost."""
    desk.shelf.found = Found(HITS, evidence)
    told = await desk.written(Say(pieces))
    check(told)
    assert (told.done.outcome, told.sources) == ("not_found", [])
    assert told.text.startswith("**Not in the runbooks.**")
    assert NOT_IN_THE_RUNBOOKS not in told.text
    assert told.done.usd > 0


FAILURES: dict[str, Sequence[Reply]] = {
    "error before the first word": [Break("error")],
    "error in mid-stream": [Break("error", ANSWER[:1])],
    "clean truncation": [Break("truncate", ANSWER)],
    "dead line": [Break("drop", ANSWER[:1])],
    "no JSON": [Break("garbage", ANSWER[:1])],
    "key refused": [Deny(401, "authentication_error")],
    "account refused": [Deny(403, "permission_error")],
    "overloaded": [Deny(529, "overloaded_error")],
    "internal error": [Deny(500)],
    "answer cut for its length": [Say(ANSWER, stop_reason="max_tokens")],
    "refusal": [Say(["I cannot."], stop_reason="refusal")],
    "no stop reason": [Say(ANSWER, stop_reason=None)],
    "empty answer": [Say([])],
}


@pytest.mark.parametrize("replies", FAILURES.values(), ids=FAILURES)
async def test_a_failing_claude_ends_in_an_honest_text_and_the_quotes(desk: Desk, replies: Sequence[Reply]) -> None:
    """Never half an answer shown as whole, never an exception's words, never silence; and what I would have used."""
    told = await desk.written(*replies)
    check(told)
    assert told.done.outcome == "failed"
    assert ("**I could not finish this answer:**" in told.text) != ("**The answer above is not whole:**" in told.text)
    assert str(told.done.reason) in told.text
    assert "internal words" not in told.text + str(told.done.reason)
    assert "The passages I would have used:" in told.text
    assert "kubectl drain node-1" in told.text.partition("would have used:")[2]
    assert told.sources[0].path == "docs/Pool.md"


async def test_a_source_keeps_its_number_over_a_failure(desk: Desk) -> None:
    """What was cited before the stream broke and is quoted after it is one source."""
    told = await desk.written(Break("error", ["Then restart checkout. [2]\n"]))
    check(told)
    assert told.text.startswith("Then restart checkout. [1]\n")
    assert [(source.id, source.start_line) for source in told.sources][:2] == [(1, 2), (2, 1)]


async def test_a_planted_falsehood_never_reaches_the_reader(desk: Desk) -> None:
    """The true part stays, the false part is marked, and the journal has what was shown."""
    told = await desk.written(Say(['Drain the pod. [1]\nIt says "wipe all disks". [1]\n```\nrm -rf /\n```\n']))
    check(told)
    assert told.done.outcome == "answered"
    assert "Drain the pod. [1]" in told.text
    assert LEFT_OUT in told.text
    assert "wipe" not in told.text
    assert "rm -rf" not in told.text


async def test_an_answer_of_falsehoods_alone_is_no_answer(desk: Desk) -> None:
    """Nothing in it has a source, so it is told as failed, with the passages, and what it cost."""
    told = await desk.written(Say(["Wipe `/dev/sda` at once. [1]\nSee https://evil.example. [1]\n"]))
    check(told)
    assert told.done.outcome == "failed"
    assert "evil" not in told.text
    assert "kubectl drain node-1" in told.text
    assert told.done.usd > 0


async def test_a_secret_in_the_question_goes_nowhere(desk: Desk) -> None:
    """Neither to the search, nor to Claude, nor into the journal."""
    secret = "hunter" + "22"
    told = await desk.written(Say(ANSWER), question=replace(QUESTION, text=f"drain with password={secret} now"))
    check(told)
    assert told.server is not None
    assert told.stored is not None
    assert secret not in told.server.requests[0].context
    assert secret not in " ".join(desk.shelf.asked) + told.stored.question.text
    assert re.search(r"password=\[secret:password#[0-9a-f]{4}\] now", told.server.requests[0].context)


async def test_a_question_is_bounded(desk: Desk) -> None:
    """However much somebody pastes."""
    await desk.quoted(replace(QUESTION, text="drain " * 10_000))
    assert {len(text) for text in desk.shelf.asked} == {MOST_QUESTION_CHARS}


async def test_an_index_that_fails_ends_in_an_honest_text(desk: Desk) -> None:
    """The reader learns what is wrong and what to do; the stream does not raise."""
    desk.shelf.broken = EmbedderBroken("The embedder's weights are missing: install them.")
    told = await desk.quoted()
    check(told)
    assert (told.done.outcome, told.done.reason) == ("failed", "The embedder's weights are missing: install them.")
    assert "The embedder's weights are missing: install them." in told.text
