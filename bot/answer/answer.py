"""A question into one stream of events: what goes on now, recall, verdict, prompt, Claude or quotes, check, the end.

Slack, the workspace, the terminal and the tests all read this stream. Whatever happens to Claude, it ends in Done.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog

from bot.answer.audience import Gate, reader_of
from bot.answer.budget import Budget
from bot.answer.cite import Checker, Cites, Renumbered
from bot.answer.followup import Standalone, standalone
from bot.answer.now import NOTHING, Happening, Lead, lead
from bot.answer.prompt import NOT_IN_THE_RUNBOOKS, system
from bot.answer.recall import Recalled, Search, recall, similar_to
from bot.answer.seen import seen_before
from bot.answer.verdict import Verdict, judge
from bot.claude.client import Delta, Finish, Prompt, Writer
from bot.claude.plain import name
from bot.errors import ClaudeClosed, ClaudeError, ClaudeIncomplete, ClaudeTooLong, Used
from bot.types import AnswerEvent, Done, Outcome, Question, Status, Text
from ingest.errors import IngestError
from ingest.index.search import Evidence, Hit
from ingest.redact import Redact, redact
from ingest.types import Clock

_log = structlog.get_logger(__name__)

BY_WORDS = "I have just started and searched by words alone so far: ask again in a minute for the full search."

CANNOT_TELL = "No log that I may tell of was scanned lately."

GAP_DAYS = 7
"""How far back an unanswered question counts as asked again."""

NEAREST = 2
"""How many neighbours a refusal names; more would read as an answer."""

MOST_QUESTION_CHARS = 4_000
"""A question is bounded, as everything that goes to Claude is; Slack's own limit on a message is ten times that."""


class Journal(Protocol):
    """Where questions and answers are written down."""

    async def asked(self, question: Question) -> None:
        """Write down a question."""
        ...

    async def answered(self, question: Question, done: Done, text: str) -> None:
        """Write down how it ended."""
        ...

    async def gaps_like(self, question: Question, since: float) -> int:
        """Return how often the same was asked in vain since then, as far as the readers of the answer may know."""
        ...


_OPENING_CHARS = 200
"""As much of an answer as is looked at for the words that decline it; they come first, or not at all."""

_NONE_FOUND = Recalled((), (), Evidence())

NO_RUNBOOK = "Nothing that I may read says what to do about it."
"""Below computed facts that answer a question for how things are, where no runbook is near."""


@dataclass
class _Draft:
    """The answer as far as it is told: all text so far, what of it stood first, what it cites, and what it cost."""

    text: str = ""
    lead: str = ""
    cites: Cites = field(default_factory=Cites)
    model: str | None = None
    used: Used = field(default_factory=Used)

    @property
    def written(self) -> str:
        """The text below what was told first."""
        return self.text[len(self.lead) :]

    def say(self, text: str) -> Text:
        self.text += text
        return Text(text)

    def say_first(self, text: str) -> Text:
        self.lead = text
        return self.say(text)


@dataclass(frozen=True, slots=True)
class _Ground:
    """What one answer rests on: the question as it stands by itself, what was recalled, a past incident beside it.

    `now` is what goes on, as far as the question is about it.
    """

    question: Question
    asked: Standalone
    recalled: Recalled = _NONE_FOUND
    similar: Hit | None = None
    now: Lead = NOTHING

    @property
    def paths(self) -> tuple[str, ...]:
        """The documents and log sources that the answer may show or name."""
        beside = (self.similar.document.path,) if self.similar else ()
        return tuple(dict.fromkeys((*self.recalled.paths, *beside, *self.now.sources)))

    def quotable(self) -> "_Ground":
        """Return the same without the passages of the past incident, which has a line of its own."""
        beside = self.similar.document.path if self.similar else None
        return self._with(lambda number, path: path != beside or number == 0)

    def shorter(self) -> "_Ground":
        """Return the same with half the passages and no thread: for a model that takes no more."""
        half = max(1, len(self.recalled.passages) // 2)
        return replace(self._with(lambda number, _path: number < half), asked=replace(self.asked, thread=""))

    def _with(self, keep: Callable[[int, str], bool]) -> "_Ground":
        kept = tuple(each for number, each in enumerate(self.recalled.passages) if keep(number, each.path))
        return replace(self, recalled=replace(self.recalled, passages=kept))


class Answerer:
    """Answers questions over one index. `writer` is Claude or the quotes, `quotes` what stands in when Claude fails."""

    def __init__(
        self,
        *,
        search: Search,
        writer: Writer,
        quotes: Writer,
        journal: Journal,
        clock: Clock,
        max_tokens: int,
        fault: Callable[[str], None] = lambda _name: None,
        budget: Budget | None = None,
        redact: Redact = redact,
        happening: Happening | None = None,
    ) -> None:
        """`happening` knows what goes on now; without it, answers are from documents alone."""
        self._redact = redact
        self._happening = happening
        self._search = Gate(search, fault)
        self._writer = writer
        self._quotes = quotes
        self._journal = journal
        self._clock = clock
        self._max_tokens = max_tokens
        self._budget = budget

    async def answer(self, question: Question) -> AsyncIterator[AnswerEvent]:
        """Yield the answer's events, the last one Done; the journal has it before Done is seen."""
        question = _redacted(question, self._redact)
        started = self._clock()
        await self._journal.asked(question)
        yield Status("searching the runbooks")
        draft, ground = _Draft(), await self._begun(question)
        if ground.now.text:
            yield draft.say_first(ground.now.text)
        try:
            ground = ground if ground.now.whole else await self._recalled(ground)
            ending = _ending_of(ground)
        except IngestError as error:
            _log.exception("search_failed", question=question.id)
            ending = _Ending("failed", str(error))
            yield draft.say(f"**I could not look into the runbooks:** {error}\n")
        if ending.outcome in {"answered", "perhaps"} and not ground.now.whole:
            yield Status(f"reading {ground.recalled.passages[0].title}")
            async for event in self._written(ground, draft, ending):
                yield event
        if ending.outcome == "not_found" and ground.now.answers:
            yield draft.say(f"{NO_RUNBOOK}\n")
            ending.outcome, ending.reason = "answered", None
        if ending.outcome == "not_found" and not ground.now.whole:
            yield draft.say(await self._refusal(question, ground.recalled))
            ending.reason = "Nothing that I may read answers this."
        for text in _closing(ground, draft, ending):
            yield draft.say(text)
        done = _done(ground, draft, ending, round(self._clock() - started, 3))
        for source in done.sources:
            yield source
        await self._journal.answered(question, done, draft.text)
        yield done

    async def _begun(self, question: Question) -> _Ground:
        """Return the question as it stands by itself, and what goes on now that it is about."""
        ground = _Ground(question, standalone(question))
        if self._happening is None:
            return ground
        situation = await self._happening.now(reader_of(question))
        return replace(ground, now=lead(question, ground.asked.search, situation, self._clock()))

    async def _recalled(self, ground: _Ground) -> _Ground:
        reader = reader_of(ground.question)
        sought = "\n".join(filter(None, (ground.asked.search, ground.now.about)))
        recalled = await recall(self._search, sought, reader)
        similar = await similar_to(self._search, sought, recalled, reader)
        return replace(ground, recalled=recalled, similar=similar)

    async def _written(self, ground: _Ground, draft: _Draft, ending: "_Ending") -> AsyncIterator[AnswerEvent]:
        """Yield the checked answer of the writer; when it fails, or may not be asked, say so and yield the quotes."""
        hedge = ""
        if ending.outcome == "perhaps":
            ending.reason, hedge = _hedge(ground.recalled)
        try:
            async for event in self._shrunk(ground, draft, hedge):
                yield event
            if not draft.written:
                ending.outcome = "not_found"
            elif not draft.cites.sources() and not (draft.cites.computed and ground.now.answers):
                raise ClaudeIncomplete("Nothing that Claude wrote stands in the runbooks.")
        except ClaudeClosed as error:
            _log.info("answer_quoted", question=ground.question.id, reason=str(error))
            yield draft.say(f"_{error}_\n\n{hedge}")
            async for event in self._quoted(ground, draft):
                yield event
        except ClaudeError as error:
            _log.warning("answer_incomplete", question=ground.question.id, reason=type(error).__name__)
            ending.outcome, ending.reason = "failed", str(error)
            if isinstance(error, ClaudeIncomplete) and error.used != Used():
                draft.used = error.used
            broken = "**The answer above is not whole:**" if draft.written else "**I could not finish this answer:**"
            gap = "\n\n" if draft.written else ""
            yield draft.say(f"{gap}{broken} {error} The passages I would have used:\n\n")
            async for event in self._quoted(ground, draft):
                yield event

    async def _shrunk(self, ground: _Ground, draft: _Draft, hedge: str) -> AsyncIterator[AnswerEvent]:
        """Yield the writer's checked text; where the request is too long for it, once more with less."""
        try:
            async for event in self._checked(self._writer, ground, draft, hedge):
                yield event
        except ClaudeTooLong:
            if draft.written or len(ground.recalled.passages) == 1:
                raise
            _log.info("answer_shrunk", question=ground.question.id)
            async for event in self._checked(self._writer, ground.shorter(), draft, hedge):
                yield event

    async def _quoted(self, ground: _Ground, draft: _Draft) -> AsyncIterator[AnswerEvent]:
        async for event in self._checked(self._quotes, ground, draft, why_quoted=""):
            yield event

    async def _checked(
        self, writer: Writer, ground: _Ground, draft: _Draft, hedge: str = "", **prompting: str
    ) -> AsyncIterator[AnswerEvent]:
        """Yield the writer's checked text, `hedge` before the first of it; nothing if it finds no answer in there."""
        ground = ground.quotable() if writer.model is None else ground
        passages, asked = ground.recalled.passages, ground.asked
        quotes_only = writer.model is None  # they were cut from the stored passages by code, and need no check
        facts = ground.now.facts
        checker = (
            Renumbered(passages, draft.cites) if quotes_only else Checker(passages, asked.search, draft.cites, facts)
        )
        prompt = Prompt(
            system(writer.grounding, computed=bool(facts)),
            passages,
            ground.question.text,
            self._max_tokens,
            asked.thread,
            computed=facts,
            **prompting,
        )
        heard, declined = "", False
        async for piece in self._called(writer, prompt, ground.question):
            if isinstance(piece, Finish):
                draft.model = piece.model
                draft.used = _cost(piece) if piece.model else draft.used
                pieces = checker.finish()
            else:
                heard = f"{heard}{piece.text}"[:_OPENING_CHARS]
                declined = declined or heard.lstrip(" \n*_`").startswith(NOT_IN_THE_RUNBOOKS)
                pieces = checker.feed(piece.text)
            for text in [] if declined else pieces:
                if not text.strip() and not draft.written:
                    continue
                if hedge:
                    yield draft.say(hedge)
                    hedge = ""
                yield draft.say(text)

    def _called(self, writer: Writer, prompt: Prompt, question: Question) -> AsyncIterator[Delta | Finish]:
        return self._budget.write(writer, prompt, question) if self._budget else writer.write(prompt)

    async def _refusal(self, question: Question, recalled: Recalled) -> str:
        """Return the words for a question that the documents do not answer."""
        since = self._clock() - GAP_DAYS * 86_400
        times = 1 + await self._journal.gaps_like(question, since)
        lines = ["**Not in the runbooks.** Nothing that I may read says how to answer this."]
        if recalled.nearest:
            near = [f"_{name(passage.title)}_ ({passage.kind})" for passage in recalled.nearest[:NEAREST]]
            lines.append(f"Nearest, but about something else: {', '.join(near)}.")
        again = f" (asked {times} times in {GAP_DAYS} days)" if times > 1 else ""
        lines.append(BY_WORDS if recalled.by_words else f"Noted as a gap{again}.")
        return "\n".join(lines) + "\n"


def _hedge(recalled: Recalled) -> tuple[str, str]:
    """Return why an answer is only a perhaps, and what stands first in it."""
    if recalled.by_words:
        return BY_WORDS, f"**Perhaps:** {BY_WORDS}\n\n"
    lead = "**Perhaps:** the nearest I have, and it may be about something else.\n\n"
    return "The runbooks hold only something near to this.", lead


def _verdict(recalled: Recalled) -> Verdict:
    """Return whether what was found answers; what was found by words alone promises nothing."""
    verdict = judge(recalled.evidence) if recalled.passages else "not_found"
    return "perhaps" if recalled.by_words and verdict == "answered" else verdict


@dataclass
class _Ending:
    """How the answer will end, as far as it is known."""

    outcome: Verdict | Outcome
    reason: str | None = None


def _ending_of(ground: _Ground) -> _Ending:
    """Return how the answer will end by what it rests on: documents, or what goes on where nothing else was asked."""
    if not ground.now.whole:
        return _Ending(_verdict(ground.recalled))
    return _Ending("answered") if ground.now.answers else _Ending("not_found", CANNOT_TELL)


def _redacted(question: Question, redact: Redact) -> Question:
    """Return the question as it may be searched for, sent and written down: bounded, and without secrets."""
    context = tuple(replace(said, author=redact(said.author), text=redact(said.text)) for said in question.context)
    return replace(question, text=redact(question.text)[:MOST_QUESTION_CHARS], context=context)


def _closing(ground: _Ground, draft: _Draft, ending: _Ending) -> Iterator[str]:
    """Yield what code adds below an answer: a past incident that looks alike, and what of the thread was not read."""
    if ground.similar is not None and ending.outcome in {"answered", "perhaps"}:
        yield f"\n{seen_before(ground.similar, draft.cites)}\n"
    if ground.asked.note:
        yield f"\n{ground.asked.note}\n"


def _done(ground: _Ground, draft: _Draft, ending: _Ending, seconds: float) -> Done:
    return Done(
        outcome=ending.outcome,
        reason=ending.reason,
        answer_id=ground.question.id,
        sources=draft.cites.sources(),
        model=draft.model,
        seconds=seconds,
        tokens_in=draft.used.tokens_in,
        tokens_out=draft.used.tokens_out,
        usd=draft.used.usd,
        drew_on=ground.paths,
    )


def _cost(finish: Finish) -> Used:
    return Used(finish.tokens_in, finish.tokens_out, finish.cache_read, finish.cache_written, finish.usd)


async def collected(events: AsyncIterator[AnswerEvent], each: Callable[[AnswerEvent], None]) -> Done:
    """Run a stream to its end, showing `each` event, and return its Done."""
    async for event in events:
        each(event)
        if isinstance(event, Done):
            return event
    message = "an answer's stream ended without Done"
    raise AssertionError(message)
