"""Every call to Claude goes through here: is it allowed now, what leaves, what did it cost, how did it end.

Beyond a limit, and for minutes after Claude refused the key, it is not called at all. Knows no citation and no Slack.
"""

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from bot.claude.budget import Usage, usd
from bot.claude.client import Delta, Finish, Prompt, Writer
from bot.claude.request import as_sent
from bot.errors import ClaudeClosed, ClaudeDenied, ClaudeError, ClaudeIncomplete, ClaudeTooLong, Used
from bot.journal.journal import Sent
from bot.journal.notices import TellOwner
from bot.journal.spent import Call, Ending, Limit, Limits
from bot.settings import Price, Role
from bot.types import Question
from ingest.types import Clock

BREAK_S = 300.0
"""How long nobody is made to wait for a Claude that refused us: the key is not mended by asking again."""

CHARACTERS_PER_TOKEN = 3
"""Of what is reserved before a call; low, so that a call costs at most what was reserved."""


class Ledger(Protocol):
    """Where costs are written down; `bot.journal.spent.Spent` is one."""

    async def begin(self, call: Call, limits: Limits) -> int | Limit:
        """Enter a call and return its row, or the limit that it would pass."""
        ...

    async def end(self, row: int, used: Used | None, ending: Ending) -> None:
        """Correct a call's row."""
        ...


class Archive(Protocol):
    """Where it is written down what left; `bot.journal.journal.Journal` is one."""

    async def sent(self, sent: Sent) -> None:
        """Write down what is about to leave."""
        ...


@dataclass(frozen=True, slots=True)
class Books:
    """What the account of calls is kept in: the ledger, the archive, who is told, and what things cost."""

    ledger: Ledger
    archive: Archive
    notices: TellOwner
    limits: Limits
    price_of: Callable[[str], Price | None]
    counts: "Counts"


class Counts(Protocol):
    """What is counted for people who watch us; `bot.door.metrics.Metrics` does."""

    def spent(self, tokens_in: int, tokens_out: int, usd: float) -> None:
        """Add what one call took."""
        ...

    def fault(self, name: str) -> None:
        """Count a fault by its name."""
        ...


class Budget:
    """Calls writers and keeps account. One per process: the pause after a refusal is remembered here."""

    def __init__(self, books: Books, clock: Clock) -> None:
        self._books = books
        self._clock = clock
        self._closed_until = 0.0
        self._refusal = ""

    async def write(
        self, writer: Writer, prompt: Prompt, question: Question, role: Role = "answer"
    ) -> AsyncIterator[Delta | Finish]:
        """Return what the writer writes. A writer without a model costs nothing and is just called.

        Raises ClaudeClosed where Claude is not to be asked, and what the writer raises.
        """
        if writer.model is None:
            async for piece in writer.write(prompt):
                yield piece
            return
        row = await self._begin(writer.model, writer, prompt, question, role)
        used: Used | None = None
        ending: Ending = "left"
        try:
            async for piece in writer.write(prompt):
                if isinstance(piece, Finish):
                    used, ending = _used(piece), "whole"
                yield piece
        except ClaudeError as error:
            used, ending = _cost_of(error), _ending_of(error)
            if isinstance(error, ClaudeDenied):
                await self._close(error)
            raise
        finally:
            await self._books.ledger.end(row, used, ending)
            self._count(used, ending)

    @property
    def closed(self) -> str | None:
        """Why Claude is not asked now, or None."""
        if self._clock() >= self._closed_until:
            return None
        return f"{self._refusal.rstrip('.')}: quoted until {_hour(self._closed_until)}"

    def _count(self, used: Used | None, ending: Ending) -> None:
        if used is not None:
            self._books.counts.spent(used.tokens_in, used.tokens_out, used.usd)
        if ending not in {"whole", "left"}:
            self._books.counts.fault(f"claude_{ending}")

    async def _begin(self, model: str, writer: Writer, prompt: Prompt, question: Question, role: Role) -> int:
        now = self._clock()
        if self.closed is not None:
            raise ClaudeClosed(
                f"{self._refusal.rstrip('.')}: quoted instead; tried again at {_hour(self._closed_until)}."
            )
        text = as_sent(prompt.passages, prompt.question, prompt.thread, writer.grounding, prompt.computed)
        most = usd(Usage(fresh=_tokens(prompt.system + text), written=prompt.max_tokens), self._books.price_of(model))
        call = Call(question.id, question.asker, model, role, now, most)
        row = await self._books.ledger.begin(call, self._books.limits)
        if row == "day":
            words = f"The day's budget of {self._books.limits.daily_usd:g} USD for Claude is used up"
            await self._books.notices.tell_owner(
                "claude-budget", f"{words}: answers are quoted until 00:00 UTC. Raise claude.daily_usd to change that."
            )
            raise ClaudeClosed(f"{words}: quoted instead; back at 00:00 UTC.")
        if row == "person":
            limit = self._books.limits.per_user_hour
            raise ClaudeClosed(f"Claude answers {limit} questions of one person in an hour: quoted instead.")
        await self._books.archive.sent(_sent(call, writer, prompt, question, text))
        return int(row)

    async def _close(self, error: ClaudeDenied) -> None:
        self._closed_until, self._refusal = self._clock() + BREAK_S, str(error)
        await self._books.notices.tell_owner("claude-denied", f"{error} Until then answers are quoted.")


def _sent(call: Call, writer: Writer, prompt: Prompt, question: Question, text: str) -> Sent:
    return Sent(
        question_id=call.question_id,
        at=call.at,
        role=call.role,
        model=call.model,
        mode=writer.grounding,
        system_hash=hashlib.sha256(prompt.system.encode()).hexdigest(),
        chunk_ids=tuple(passage.chunk_id for passage in prompt.passages),
        people=tuple(sorted({said.author for said in question.context if not said.is_us})),
        text=text,
    )


def _used(finish: Finish) -> Used:
    return Used(finish.tokens_in, finish.tokens_out, finish.cache_read, finish.cache_written, finish.usd)


def _cost_of(error: ClaudeError) -> Used:
    return error.used if isinstance(error, ClaudeIncomplete) else Used()


def _ending_of(error: ClaudeError) -> Ending:
    kinds: tuple[tuple[type[ClaudeError], Ending], ...] = (
        (ClaudeTooLong, "too_long"),
        (ClaudeIncomplete, "incomplete"),
        (ClaudeDenied, "denied"),
    )
    return next((ending for kind, ending in kinds if isinstance(error, kind)), "unavailable")


def _tokens(text: str) -> int:
    return len(text) // CHARACTERS_PER_TOKEN


def _hour(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M UTC")
