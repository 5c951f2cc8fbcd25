"""A question into one stream of events: recall, verdict, prompt, Claude or quotes, citation check, the end.

Slack, the workspace, the terminal and the tests all read this stream. Whatever happens to Claude, it ends in Done.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog

from bot.answer.cite import Checker, Renumbered
from bot.answer.prompt import NOT_IN_THE_RUNBOOKS, SYSTEM
from bot.answer.recall import Recalled, Search, recall
from bot.answer.verdict import Verdict, judge
from bot.claude.client import Finish, Prompt, Writer
from bot.claude.plain import name
from bot.errors import ClaudeError
from bot.types import AnswerEvent, Done, Outcome, Question, Source, Status, Text
from ingest.redact import redact
from ingest.types import Clock, Passage

_log = structlog.get_logger(__name__)

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

    async def gaps_like(self, text: str, since: float) -> int:
        """Return how often the same was asked in vain since then."""
        ...


@dataclass
class _Draft:
    """The answer as far as it is told: all text so far, the sources, and what it cost."""

    text: str = ""
    sources: dict[int, Source] = field(default_factory=dict)
    finish: Finish | None = None

    def say(self, text: str) -> Text:
        self.text += text
        return Text(text)


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
    ) -> None:
        self._search = search
        self._writer = writer
        self._quotes = quotes
        self._journal = journal
        self._clock = clock
        self._max_tokens = max_tokens

    async def answer(self, question: Question) -> AsyncIterator[AnswerEvent]:
        """Yield the answer's events, the last one Done; the journal has it before Done is seen."""
        question = replace(question, text=redact(question.text)[:MOST_QUESTION_CHARS])
        started = self._clock()
        await self._journal.asked(question)
        yield Status("searching the runbooks")
        recalled = await recall(self._search, question.text)
        draft, ending = _Draft(), _Ending(judge(recalled.evidence) if recalled.passages else "not_found")
        if ending.outcome != "not_found":
            yield Status(f"reading {recalled.passages[0].title}")
            async for event in self._written(question, recalled, draft, ending):
                yield event
        if ending.outcome == "not_found":
            yield draft.say(await self._refusal(question, recalled))
            ending.reason = "Nothing that I may read answers this."
        done = Done(
            outcome=ending.outcome,
            reason=ending.reason,
            answer_id=question.id,
            sources=tuple(draft.sources[number] for number in sorted(draft.sources)),
            model=draft.finish.model if draft.finish else self._writer.model,
            seconds=round(self._clock() - started, 3),
            tokens_in=draft.finish.tokens_in if draft.finish else 0,
            tokens_out=draft.finish.tokens_out if draft.finish else 0,
            usd=draft.finish.usd if draft.finish else 0.0,
        )
        await self._journal.answered(question, done, draft.text)
        yield done

    async def _written(
        self, question: Question, recalled: Recalled, draft: _Draft, ending: "_Ending"
    ) -> AsyncIterator[AnswerEvent]:
        """Yield the checked answer of the writer; when it fails, say so and yield the quotes."""
        if ending.outcome == "perhaps":
            ending.reason = "The runbooks hold only something near to this."
            yield draft.say("**Perhaps:** the nearest I have, and it may be about something else.\n\n")
        try:
            async for event in self._checked(self._writer, question, recalled, draft):
                yield event
        except _NotInThePassages:
            ending.outcome = "not_found"
        except ClaudeError as error:
            _log.warning("answer_incomplete", question=question.id, reason=type(error).__name__)
            ending.outcome, ending.reason = "failed", str(error)
            broken = "**The answer above is not whole:**" if draft.text else "**I could not finish this answer:**"
            lead = "\n\n" if draft.text else ""
            yield draft.say(f"{lead}{broken} {error} The passages I would have used:\n\n")
            async for event in self._checked(self._quotes, question, recalled, draft):
                yield event

    async def _checked(
        self, writer: Writer, question: Question, recalled: Recalled, draft: _Draft
    ) -> AsyncIterator[AnswerEvent]:
        numbers = _numbers(draft, recalled.passages)
        quotes_only = writer.model is None  # they were cut from the stored passages by code, and need no check
        checker = Renumbered(numbers) if quotes_only else Checker(recalled.passages, question.text, cited=numbers)
        prompt = Prompt(SYSTEM, recalled.passages, question.text, self._max_tokens)
        said_anything = bool(draft.text)
        async for piece in writer.write(prompt):
            if isinstance(piece, Finish):
                draft.finish = piece
                pieces = checker.finish()
            else:
                pieces = checker.feed(piece.text)
            for text in pieces:
                if text.strip().strip(".*_`") == NOT_IN_THE_RUNBOOKS and not said_anything:
                    raise _NotInThePassages
                for event in _told(text, checker, recalled.passages, draft):
                    yield event

    async def _refusal(self, question: Question, recalled: Recalled) -> str:
        """Return the words for a question that the documents do not answer."""
        since = self._clock() - GAP_DAYS * 86_400
        times = 1 + await self._journal.gaps_like(question.text, since)
        lines = ["**Not in the runbooks.** Nothing that I may read says how to answer this."]
        if recalled.nearest:
            near = [f"_{name(passage.title)}_ ({passage.kind})" for passage in recalled.nearest[:NEAREST]]
            lines.append(f"Nearest, but about something else: {', '.join(near)}.")
        again = f" (asked {times} times in {GAP_DAYS} days)" if times > 1 else ""
        lines.append(f"Noted as a gap{again}.")
        return "\n".join(lines) + "\n"


@dataclass
class _Ending:
    """How the answer will end, as far as it is known."""

    outcome: Verdict | Outcome
    reason: str | None = None


class _NotInThePassages(Exception):
    """The writer read the passages and says that they do not answer."""


def _told(text: str, checker: Checker | Renumbered, passages: tuple[Passage, ...], draft: _Draft) -> list[AnswerEvent]:
    """Return a checked piece as events: the text, then every source that it is the first to cite."""
    events: list[AnswerEvent] = [draft.say(text)]
    for number, shown in checker.cited.items():
        if shown not in draft.sources:
            draft.sources[shown] = _source(shown, passages[number - 1])
            events.append(draft.sources[shown])
    return events


def _numbers(draft: _Draft, passages: tuple[Passage, ...]) -> dict[int, int]:
    """Return the numbers that sources told so far already have, by their passage's number."""
    shown = {(source.path, source.start_line): source.id for source in draft.sources.values()}
    return {
        number: shown[passage.path, passage.start_line]
        for number, passage in enumerate(passages, start=1)
        if (passage.path, passage.start_line) in shown
    }


def _source(number: int, passage: Passage) -> Source:
    return Source(number, passage.path, passage.start_line, passage.end_line, passage.title, passage.reviewed)


async def collected(events: AsyncIterator[AnswerEvent], each: Callable[[AnswerEvent], None]) -> Done:
    """Run a stream to its end, showing `each` event, and return its Done."""
    async for event in events:
        each(event)
        if isinstance(event, Done):
            return event
    message = "an answer's stream ended without Done"
    raise AssertionError(message)
