"""One turn: a person does something, we answer, exactly once and never in silence. Knows no wire format.

What is promised here is written down in the inbox and the outbox before it is done, so that `take` may be called
again with the same event after any crash and finishes what the first call began.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, cast

import structlog

from bot.errors import SlackRefused
from bot.journal.inbox import Event, Inbox, Taken
from bot.journal.outbox import Intent, Outbox
from bot.slack import cards
from bot.slack.cards import Block
from bot.slack.markdown import escaped
from bot.slack.private import Private
from bot.slack.quiet import where
from bot.slack.sender import Lost
from bot.slack.status import Status
from bot.slack.stream import STOPPED, Pen, Place, Thread
from bot.types import AnswerEvent, Done, Feedback, Feeling, Question, Text
from bot.types import Status as Doing
from ingest.types import Clock

log = structlog.get_logger(__name__)

LATE_S = 600.0
"""An answer that begins later than this says so."""

READING = "reading the question"

UNINVITED = frozenset(
    {"not_in_channel", "channel_not_found", "restricted_action", "is_archived", "cannot_reply_to_message"}
)
"""Refusals after which the asker is told in a direct message; after others nobody could be told, or it was deleted."""


class Stored(Protocol):
    """An answer as the journal keeps it: whole."""

    @property
    def text(self) -> str:
        """The answer in Markdown."""
        ...

    @property
    def done(self) -> Done:
        """How it ended."""
        ...


class Journal(Protocol):
    """What we need of the journal. Whoever answers writes the answers down, before their `Done`."""

    async def answer(self, answer_id: str) -> Stored | None:
        """Return a whole answer by its id."""
        ...

    async def felt(self, feedback: Feedback) -> None:
        """Write a thumb down."""
        ...


class Answers(Protocol):
    """Where answers come from."""

    def answer(self, question: Question) -> AsyncIterator[AnswerEvent]:
        """Return the events of an answer, one `Done` last."""
        ...


class Counts(Protocol):
    """What is counted for people who watch us."""

    def question_ended(self, outcome: str, seconds: float) -> None:
        """Count a question that came to its end, and how long it took since it was asked."""

    def silent_turn(self) -> None:
        """Count a question whose asker may have seen nothing."""

    def first_text(self, seconds: float) -> None:
        """Count the time from a question to its first visible words."""

    def fault(self, name: str) -> None:
        """Count a fault by its name."""


class Reply(Protocol):
    """An answer on its way to the asker."""

    @property
    def stopped(self) -> bool:
        """Whether the person wants no more."""
        ...

    @property
    def failure(self) -> BaseException | None:
        """Why it cannot be shown, if so."""
        ...

    def add(self, text: str) -> None:
        """Append Markdown."""

    async def finish(self, blocks: Sequence[Block] = ()) -> None:
        """Show everything."""

    async def abandon(self) -> None:
        """Stop and leave everything as it stands."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where turns are written down."""

    journal: Journal
    inbox: Inbox
    outbox: Outbox


def answer_key(question_id: str) -> str:
    """Return the key of the intent to answer a question."""
    return f"answer:{question_id}"


def promised(event: Event) -> Callable[[str], Intent] | None:
    """Return what accepting an event promises to post, to be committed with it; None if that is not known yet."""
    kind, channel = event.kind, event.channel
    if kind == "question":
        return lambda name: Intent(answer_key(name), "answer", channel, thread=event.thread, asked_ts=event.ts)
    if kind == "private":
        return lambda name: Intent(answer_key(name), "private", channel)
    if kind == "hint":
        # Slack shows an ephemeral message in a thread only where the thread exists already.
        thread = event.thread if event.thread != event.ts else None
        said = {"text": cards.HINT, "user": event.user}
        return lambda name: Intent(f"hint:{name}", "ephemeral", channel, thread=thread, payload=said)
    return None


class Turns:
    """Takes events and brings each to its one visible outcome."""

    def __init__(self, answers: Answers, ledger: Ledger, pen: Pen, *, counts: Counts, clock: Clock) -> None:
        self._answers = answers
        self._ledger = ledger
        self._pen = pen
        self._counts = counts
        self._clock = clock
        self._statuses: dict[str, Status] = {}

    def greet(self, taken: Taken) -> None:
        """Show at once that the question was heard. Returns before Slack does."""
        event = taken.event
        if event.kind == "question" and event.thread is not None:
            self._statuses[taken.id] = Status(self._pen.calls, self._pen.crew, event.channel, event.thread)
            self._statuses[taken.id].show(READING)

    async def take(self, taken: Taken, leave: Callable[[], None]) -> None:
        """Bring an event to its end; `leave` is called when only posting is left. May be called again after a crash."""
        try:
            outcome = await self._outcome(taken, leave)
        finally:
            self._statuses.pop(taken.id, None)
        await self._ledger.inbox.done(taken.id, outcome)
        if taken.event.kind in ("question", "private"):
            self._counts.question_ended(outcome, self._clock() - taken.at)
            log.info("slack.turn", question=taken.id, outcome=outcome)

    async def _outcome(self, taken: Taken, leave: Callable[[], None]) -> str:
        if taken.event.kind == "thumb":
            return await self._note(taken)
        if taken.event.kind == "hint":
            self._pen.sender.wake(taken.event.channel)
            return "hint"
        try:
            return await self._answered(taken, leave)
        except SlackRefused as refused:
            return await self._undeliverable(taken, refused)
        except Lost:
            self._counts.silent_turn()
            return "unknown"

    async def _note(self, taken: Taken) -> str:
        """Write a thumb down, and say so to the person alone."""
        event = taken.event
        felt = Feedback(answer_id=event.about or "", user=event.user, feeling=cast("Feeling", event.text), at=taken.at)
        await self._ledger.journal.felt(felt)
        said = {"text": cards.NOTED[event.text], "user": event.user}
        await self._post(
            Intent(f"noted:{taken.id}", "ephemeral", event.channel, event.thread, None, said, repeat=False)
        )
        return "noted"

    async def _answered(self, taken: Taken, leave: Callable[[], None]) -> str:
        parts = await self._ledger.outbox.parts(answer_key(taken.id))
        if parts and all(part.state == "sent" for part in parts):
            return "answered"
        for part in parts:
            if part.state == "dead" and part.error != "superseded":
                raise SlackRefused(part.error or "dead", "Slack refused this answer before.")
        reply = self._reply(taken)
        try:
            return await self._told(taken, reply, leave)
        except (SlackRefused, Lost):
            raise
        except Exception as error:  # noqa: BLE001 - the outermost rim: whatever broke, the asker hears of it
            # Only the kind and the place: the text of an error may quote what somebody wrote.
            log.error("slack.turn_broke", question=taken.id, error=type(error).__name__, at=where(error))  # noqa: TRY400
            self._counts.fault("turn_broke")
            return await self._sorry(taken, reply)
        finally:
            await reply.abandon()

    async def _told(self, taken: Taken, reply: Reply, leave: Callable[[], None]) -> str:
        """Tell the answer as it comes; return its outcome once all of it is shown."""
        if self._clock() - taken.at > LATE_S:
            reply.add(cards.delayed(self._clock() - taken.at) + "\n\n")
        done, text = await self._listen(taken, reply)
        leave()
        if done is None:
            reply.add(f"\n\n{STOPPED}")
            await reply.finish()
            return "stopped"
        rest = cards.unsaid(done, text)
        if rest or not text.strip():
            reply.add(("\n\n" if text.strip() else "") + (rest or cards.sorry(taken.id)))
        today = datetime.fromtimestamp(self._clock(), UTC).date()
        await reply.finish(cards.ending(done, today))
        return done.outcome

    async def _listen(self, taken: Taken, reply: Reply) -> tuple[Done | None, str]:
        """Pass the answer's text on; return its end and its text, None when the person pressed stop."""
        status, said = self._statuses.get(taken.id), ""
        async with aclosing(self._events(taken)) as events:
            async for event in events:
                if reply.failure is not None:
                    raise reply.failure
                if reply.stopped:
                    return None, said
                if isinstance(event, Done):
                    return event, said
                if isinstance(event, Doing) and status is not None:
                    status.show(event.text)
                if isinstance(event, Text):
                    if status is not None:
                        status.hush()
                    said += event.text
                    reply.add(event.text)
        message = "an answer must end with Done"
        raise RuntimeError(message)

    async def _events(self, taken: Taken) -> AsyncGenerator[AnswerEvent, None]:
        """Yield the answer that was written down, or a new one."""
        stored = await self._ledger.journal.answer(taken.id)
        if stored is not None:
            yield Text(stored.text)
            yield stored.done
            return
        event = taken.event
        asked = Question(
            id=taken.id,
            text=event.text,
            asker=event.user,
            asked_at=taken.at,
            channel=event.channel,
            thread=event.thread,
        )
        answer = self._answers.answer(asked)
        try:
            async for part in answer:
                yield part
        finally:
            if isinstance(answer, AsyncGenerator):
                await answer.aclose()

    def _reply(self, taken: Taken) -> Reply:
        event = taken.event
        if event.kind == "private":
            return Private(answer_key(taken.id), event.channel, event.user, event.response_url or "", self._pen)
        place = Place(
            key=answer_key(taken.id),
            channel=event.channel,
            thread=event.thread or "",
            asked_ts=event.ts or "",
            user=event.user,
            team=event.team,
        )
        return Thread(place, self._pen, lambda: self._counts.first_text(self._clock() - taken.at))

    async def _sorry(self, taken: Taken, reply: Reply) -> str:
        """Say that something in us broke: below what is shown already, or in a message of its own."""
        words = cards.sorry(taken.id)
        if reply.failure is None:
            reply.add(f"\n\n{words}")
            await reply.finish()
            return "failed"
        event = taken.event
        said = cards.told(words)
        await self._post(Intent(f"sorry:{taken.id}", "post", event.channel, event.thread, event.ts, said))
        return "failed"

    async def _undeliverable(self, taken: Taken, refused: SlackRefused) -> str:
        """Write down that Slack will never take the answer, and tell the asker what to do where that helps."""
        event = taken.event
        self._counts.fault(f"slack_{refused.code}")
        self._counts.silent_turn()
        log.warning("slack.undeliverable", question=taken.id, channel=event.channel, code=refused.code)
        if refused.code in UNINVITED:
            said = {"text": f"<#{escaped(event.channel)}>: {escaped(str(refused))}"}
            await self._post(Intent(f"notice:{taken.id}", "post", event.user, payload=said))
        await self._ledger.outbox.dead(answer_key(taken.id), refused.code)
        return "undeliverable"

    async def _post(self, intent: Intent) -> None:
        await self._ledger.outbox.add(intent)
        self._pen.sender.wake(intent.channel)
