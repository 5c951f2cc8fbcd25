"""One turn: a person does something, we answer, exactly once and never in silence. Knows no wire format.

What is promised here is written down in the inbox and the outbox before it is done, so that `take` may be called
again with the same event after any crash and finishes what the first call began.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from bot.answer.audience import Routed
from bot.errors import SlackRefused
from bot.journal.inbox import Event, Inbox, Taken
from bot.journal.notices import TellOwner
from bot.journal.outbox import Intent, Outbox
from bot.slack import cards
from bot.slack.above import Reader
from bot.slack.acts import NOTICE, Acts, Journal, Stored, Threads, answer_key
from bot.slack.calls import LOCKED_OUT
from bot.slack.cards import Block
from bot.slack.catchup import Below, about, aloud
from bot.slack.markdown import escaped
from bot.slack.mentions import CATCH_UP
from bot.slack.people import People
from bot.slack.private import Private
from bot.slack.quiet import where
from bot.slack.readers import Destination
from bot.slack.rules import Doorkeeper
from bot.slack.sender import Lost
from bot.slack.status import Status
from bot.slack.stream import STOPPED, Pen, Place, Thread
from bot.types import AnswerEvent, Done, Question, Text
from bot.types import Status as Doing
from ingest.types import Audience, Clock

log = structlog.get_logger(__name__)

LATE_S = 600.0
"""An answer that begins later than this says so."""

READING = "reading the question"

IN_PUBLIC = "question"
"""The kind of event that is answered where everybody sees it; other questions are answered for the asker alone."""

UNCOUNTED = frozenset({"status", "incidents", "snooze", "digest", CATCH_UP})
"""Asked of ourselves, of the board or of Slack, not of the documents: neither counted nor thumbed."""

IN_THREADS = frozenset({IN_PUBLIC, CATCH_UP})
"""Kinds that are answered in a thread where there is no other way back."""

REFUSED_AGAIN_S = 3600
"""How often a person whom we do not serve is told so."""

Route = Callable[[Question, Audience, Audience], Awaitable[Routed]]
"""Decides for whom to answer: for all who would read along, or for the asker alone."""

Ask = Callable[[Question], AsyncIterator[AnswerEvent | Below]]
"""Returns the events of an answer, one `Done` last; what is `Below` stands below all of the text."""


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


def promised(event: Event) -> Callable[[str], Intent] | None:
    """Return what accepting an event promises to post, to be committed with it; None if that is not known yet."""
    kind, channel = event.kind, event.channel
    if kind in IN_THREADS and event.response_url is None:
        return lambda name: Intent(answer_key(name), "answer", channel, thread=event.thread, asked_ts=event.ts)
    if event.response_url is not None:
        return lambda name: Intent(answer_key(name), "private", channel)
    if kind == "hint":
        # Slack shows an ephemeral message in a thread only where the thread exists already.
        thread = event.thread if event.thread != event.ts else None
        said = {"text": cards.HINT, "user": event.user}
        return lambda name: Intent(f"hint:{name}", "ephemeral", channel, thread=thread, payload=said)
    return None


@dataclass(frozen=True, slots=True)
class Company:
    """Whom a turn asks about people and threads."""

    door: Doorkeeper
    people: People
    reader: Reader
    threads: Threads
    route: Route
    owner: TellOwner


@dataclass(frozen=True, slots=True)
class Heard:
    """A question as understood: for whom it is answered, what to note below, and the answer if there is one already."""

    question: Question
    notes: Sequence[str] = ()
    stored: Stored | None = None


class Turns:
    """Takes events and brings each to its one visible outcome."""

    def __init__(
        self,
        asks: Mapping[str, Ask],
        acts: Acts,
        ledger: Ledger,
        pen: Pen,
        company: Company,
        *,
        counts: Counts,
        clock: Clock,
    ) -> None:
        """`asks` says who answers each kind of question; all other kinds of events are `acts`."""
        self._asks = asks
        self._acts = acts
        self._ledger = ledger
        self._pen = pen
        self._company = company
        self._counts = counts
        self._clock = clock
        self._statuses: dict[str, Status] = {}

    def greet(self, taken: Taken) -> None:
        """Show at once that the question was heard. Returns before Slack does."""
        event = taken.event
        if event.kind in IN_THREADS and event.response_url is None and event.thread is not None:
            self._statuses[taken.id] = Status(self._pen.calls, self._pen.crew, event.channel, event.thread)
            self._statuses[taken.id].show(READING)

    async def take(self, taken: Taken, leave: Callable[[], None]) -> None:
        """Bring an event to its end; `leave` is called when only posting is left. May be called again after a crash."""
        self._acts.running.add(taken.id)
        try:
            outcome = await self._outcome(taken, leave)
        finally:
            self._statuses.pop(taken.id, None)
            self._acts.running.discard(taken.id)
            self._acts.gone.discard(taken.id)
        await self._ledger.inbox.done(taken.id, outcome)
        if taken.event.kind in self._asks and taken.event.kind not in UNCOUNTED:
            self._counts.question_ended(outcome, self._clock() - taken.at)
            log.info("slack.turn", question=taken.id, outcome=outcome)

    async def _outcome(self, taken: Taken, leave: Callable[[], None]) -> str:
        if taken.event.kind not in self._asks:
            return await self._acts.take(taken)
        try:
            destination = await self._company.door.admit(taken.event)
            if isinstance(destination, str):
                return await self._turned_away(taken, destination)
            outcome = await self._answered(taken, destination, leave)
        except SlackRefused as refused:
            return await self._undeliverable(taken, refused)
        except Lost:
            self._counts.silent_turn()
            return "unknown"
        return await self._remembered(taken, outcome)

    async def _turned_away(self, taken: Taken, why: str) -> str:
        """Tell a person whom we do not serve why, for that person alone, and not again within the hour."""
        event = taken.event
        if (status := self._statuses.get(taken.id)) is not None:
            status.clear()
        if event.response_url is not None:
            reply = self._reply(taken)
            reply.add(why)
            await reply.finish()
            return "refused"
        thread = event.thread if event.thread != event.ts else None
        said = {"text": escaped(why), "user": event.user}
        name = f"refused:{event.user}:{int(taken.at // REFUSED_AGAIN_S)}"
        await self._post(Intent(name, "ephemeral", event.channel, thread, payload=said, repeat=False))
        await self._acts.settle(answer_key(taken.id))
        return "refused"

    async def _remembered(self, taken: Taken, outcome: str) -> str:
        """Remember whom we answered here, for what they go on to say; take back what was retracted meanwhile."""
        event = taken.event
        if await self._company.threads.retracted(taken.id):
            await self._acts.remove(taken.id)
            return "retracted"
        if event.kind == IN_PUBLIC and event.thread is not None:
            await self._company.threads.replied(event.channel, event.thread, event.user, self._clock())
        return outcome

    async def _answered(self, taken: Taken, destination: Destination, leave: Callable[[], None]) -> str:
        parts = await self._ledger.outbox.parts(answer_key(taken.id))
        if parts and all(part.state == "sent" for part in parts):
            return "answered"
        for part in parts:
            if part.state == "dead" and part.error != "superseded":
                raise SlackRefused(part.error or "dead", "Slack refused this answer before.")
        reply: Reply | None = None
        try:
            heard = await self._understood(taken, destination)
            alone = heard.question.private and taken.event.response_url is None
            reply = await self._alone(taken) if alone else self._reply(taken)
            outcome = await self._told(taken, heard, reply, leave)
            if alone:
                await self._acts.settle(answer_key(taken.id))
        except (SlackRefused, Lost):
            raise
        except Exception as error:  # noqa: BLE001 - the outermost rim: whatever broke, the asker hears of it
            # Only the kind and the place: the text of an error may quote what somebody wrote.
            log.error("slack.turn_broke", question=taken.id, error=type(error).__name__, at=where(error))  # noqa: TRY400
            self._counts.fault("turn_broke")
            return await self._sorry(taken, reply or self._reply(taken))
        else:
            return outcome
        finally:
            if reply is not None:
                await reply.abandon()

    async def _understood(self, taken: Taken, destination: Destination) -> Heard:
        """Return what was asked, for whom, with the thread above it; and the answer, if an earlier life gave one."""
        stored = await self._ledger.journal.answer(taken.id)
        if stored is not None and (routed := await self._company.door.retold(destination, stored.done)) is not None:
            private = stored.question.private or routed.private
            told = replace(stored.question, audience=routed.audience, private=private)
            return Heard(told, [routed.reason] if routed.reason else [], stored)
        asked, notes = await self._question(taken)
        if taken.event.kind == CATCH_UP:  # it rests on no document, and who reads there has read it all
            private = destination.private_to is not None or not aloud(taken.event)
            return Heard(replace(asked, private=private), [destination.reason] if destination.reason else [])
        if destination.private_to is not None:
            routed = Routed(destination.own, private=True, reason=destination.reason)
        else:
            routed = await self._company.route(asked, destination.audience, destination.own)
        private = routed.private or taken.event.response_url is not None
        asked = replace(asked, audience=routed.audience, private=private)
        return Heard(asked, [*([routed.reason] if routed.reason else []), *notes])

    async def _alone(self, taken: Taken) -> Reply:
        """Return a reply that only the asker of a public question sees, promised in the outbox."""
        event, key = taken.event, f"alone:{taken.id}"
        await self._ledger.outbox.add(Intent(key, "private", event.channel))
        if (status := self._statuses.get(taken.id)) is not None:
            status.clear()
        thread = event.thread if event.thread != event.ts else None
        return Private(key, event.channel, event.user, self._pen, thread=thread)

    async def _told(self, taken: Taken, heard: Heard, reply: Reply, leave: Callable[[], None]) -> str:
        """Tell the answer as it comes; return its outcome once all of it is shown."""
        if self._clock() - taken.at > LATE_S:
            reply.add(cards.delayed(self._clock() - taken.at) + "\n\n")
        below: list[Block] = []
        done, text = await self._listen(taken, reply, self._events(taken, heard), below)
        leave()
        if done is None:
            reply.add(f"\n\n{STOPPED}")
            await reply.finish()
            return "stopped"
        rest = cards.unsaid(done, text)
        if rest or not text.strip():
            reply.add(("\n\n" if text.strip() else "") + (rest or cards.sorry(taken.id)))
        await reply.finish([*below, *self._ending(taken.event, done, heard.notes)])
        return done.outcome

    def _ending(self, event: Event, done: Done, notes: Sequence[str]) -> Sequence[Block]:
        if event.kind in UNCOUNTED:
            return [cards.small(note) for note in notes]
        alone_in_a_channel = event.response_url is not None and not event.channel.startswith("D")
        return cards.ending(done, cards.day(self._clock()), notes=notes, share=alone_in_a_channel)

    async def _question(self, taken: Taken) -> tuple[Question, Sequence[str]]:
        """Return what was asked, in names, with the thread above it, and what there is to note about that."""
        event, company = taken.event, self._company
        text = await company.people.readable(event.text)
        asked = Question(
            id=taken.id,
            text=text,
            asker=event.user,
            asked_at=taken.at,
            channel=event.channel,
            thread=event.thread,
        )
        if event.kind == CATCH_UP:
            channel, thread = about(event)
            return replace(asked, channel=channel, thread=thread), ()
        if event.kind != IN_PUBLIC or event.thread is None or event.ts is None or event.thread == event.ts:
            return asked, ()
        above = await company.reader.above(event.channel, event.thread, event.ts)
        notes = [cards.left_out(above.cut)] if above.cut else []
        if above.blind and await company.threads.once(f"blind:{event.channel}:{event.thread}", taken.id):
            notes.append(cards.BLIND)
        said = tuple(each for each in above.said if each.text != text)
        return replace(asked, context=said, cut=above.cut), notes

    async def _listen(
        self, taken: Taken, reply: Reply, answer: AsyncGenerator[AnswerEvent | Below, None], below: list[Block]
    ) -> tuple[Done | None, str]:
        """Pass the answer's text on; return its end and its text, None when the person wants no more.

        What stands below it is added to `below`.
        """
        status, said = self._statuses.get(taken.id), ""
        async with aclosing(answer) as events:
            async for event in events:
                if reply.failure is not None:
                    raise reply.failure
                if reply.stopped or taken.id in self._acts.gone:
                    return None, said
                if isinstance(event, Done):
                    return event, said
                if isinstance(event, Below):
                    below += event.blocks
                if isinstance(event, Doing) and status is not None:
                    status.show(event.text)
                if isinstance(event, Text):
                    if status is not None:
                        status.hush()
                    said += event.text
                    reply.add(event.text)
        message = "an answer must end with Done"
        raise RuntimeError(message)

    async def _events(self, taken: Taken, heard: Heard) -> AsyncGenerator[AnswerEvent | Below, None]:
        """Yield the answer that was written down, or a new one."""
        if heard.stored is not None:
            yield Text(heard.stored.text)
            yield heard.stored.done
            return
        answer = self._asks[taken.event.kind](heard.question)
        try:
            async for part in answer:
                yield part
        finally:
            if isinstance(answer, AsyncGenerator):
                await answer.aclose()

    def _reply(self, taken: Taken) -> Reply:
        event = taken.event
        if event.response_url is not None:
            return Private(answer_key(taken.id), event.channel, event.user, self._pen, url=event.response_url)
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
        """Write down that Slack will never take the answer, and tell the asker in a direct message why.

        Where we are locked out the owner is told as well; whether the asker could be told shows when that is posted.
        """
        event = taken.event
        self._counts.fault(f"slack_{refused.code}")
        log.warning("slack.undeliverable", question=taken.id, channel=event.channel, code=refused.code)
        if refused.code in LOCKED_OUT:
            await self._company.owner.tell_owner(f"slack_{refused.code}", str(refused))
        said = {"text": f"<#{escaped(event.channel)}>: {escaped(str(refused))}"}
        await self._post(Intent(f"{NOTICE}{taken.id}", "post", event.user, payload=said))
        for part in await self._ledger.outbox.parts(answer_key(taken.id)):
            await self._ledger.outbox.dead(part.key, refused.code)
        return "undeliverable"

    async def _post(self, intent: Intent) -> None:
        await self._ledger.outbox.add(intent)
        self._pen.sender.wake(intent.channel)
