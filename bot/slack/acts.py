"""What people do besides asking: thumbs, mute and follow, sharing, edits, deletions. Each ends in one outcome.

May be called again with the same event after any crash, and finishes what the first call began.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol, cast

import structlog

from bot.errors import SlackRefused
from bot.journal.inbox import Taken
from bot.journal.outbox import PART, Intent
from bot.journal.threads import Gaps, Muted
from bot.slack import cards
from bot.slack.cards import told
from bot.slack.markdown import Pages, inert
from bot.slack.people import People
from bot.slack.rules import Doorkeeper
from bot.slack.stream import Pen
from bot.types import Done, Feedback, Feeling, Question
from ingest.types import Clock

log = structlog.get_logger(__name__)

SHARED_PAGES = 4
"""Messages of one shared answer; what does not fit stays with the one who shared it."""

NOTICE = "notice:"
"""Begins the key of a direct message that says what did not arrive elsewhere: that intent's key follows, or, where an
answer did not arrive, the question's id."""


class Stored(Protocol):
    """An answer as the journal keeps it: whole."""

    @property
    def question(self) -> Question:
        """What was asked."""
        ...

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


class Threads(Protocol):
    """What is remembered of threads; see `bot.journal.threads`."""

    async def replied(self, channel: str, thread: str, asker: str, at: float) -> None:
        """Remember whom we answered."""

    async def continues(self, channel: str, thread: str, asker: str, at: float, within_s: float) -> bool:
        """Whether a message goes on with our last answer."""
        ...

    async def mute(self, channel: str, thread: str, person: str) -> None:
        """Answer only when mentioned."""

    async def follow(self, channel: str, thread: str) -> None:
        """End `mute`."""

    async def muted_by(self, person: str) -> Sequence[Muted]:
        """Return what a person muted."""
        ...

    async def once(self, what: str, by: str) -> bool:
        """Whether `by` is the first to say `what`."""
        ...

    async def retract(self, question_id: str, at: float) -> None:
        """Remember that a question was taken back."""

    async def retracted(self, question_id: str) -> bool:
        """Whether it was."""
        ...

    async def questions_at(self, gesture: str) -> Sequence[str]:
        """Return the questions that were asked with a message."""
        ...

    async def gaps(self, person: str, since: float) -> Gaps:
        """Return what was not in the documents."""
        ...


def answer_key(question_id: str) -> str:
    """Return the key of the intent to answer a question."""
    return f"answer:{question_id}"


class Acts:
    """Takes events that are no questions.

    `running` are the questions being answered, `gone` those of them that were deleted meanwhile.
    """

    def __init__(
        self,
        journal: Journal,
        threads: Threads,
        pen: Pen,
        people: People,
        door: Doorkeeper,
        *,
        home: Callable[[str], Awaitable[None]],
        clock: Clock,
        more: Mapping[str, Callable[[Taken], Awaitable[str]]] | None = None,
    ) -> None:
        """`home` shows a person's home tab anew; `more` takes other kinds of events, such as presses on cards."""
        self.running: set[str] = set()
        self.gone: set[str] = set()
        self._journal = journal
        self._threads = threads
        self._pen = pen
        self._people = people
        self._door = door
        self._home = home
        self._clock = clock
        self._known: Mapping[str, Callable[[Taken], Awaitable[str]]] = {
            "thumb": self._thumb,
            "hint": self._hint,
            "wordless": self._wordless,
            "mute": self._mute,
            "follow": self._follow,
            "unmute": self._unmute,
            "share": self._share,
            "edited": self._edited,
            "deleted": self._deleted,
            **(more or {}),
        }

    async def take(self, taken: Taken) -> str:
        """Bring an event to its end and return its outcome in a word."""
        # What was taken in under settings that have changed since is nobody's any more.
        return await self._known.get(taken.event.kind, self._hint)(taken)

    async def settle(self, key: str) -> None:
        """End a promise that was kept in another way: nothing of it is to be posted any more."""
        await self._pen.outbox.sending(key)
        await self._pen.outbox.sent(key)

    async def remove(self, question_id: str) -> None:
        """Delete all messages of an answer that are whole; whoever still writes one calls again when it is."""
        for part in await self._pen.outbox.parts(answer_key(question_id)):
            if part.ts is not None and part.state == "sent":
                with suppress(SlackRefused):  # somebody deleted it before us
                    await self._pen.sender.insist("chat.delete", channel=part.intent.channel, ts=part.ts)
        log.info("slack.retracted", question=question_id)

    async def _thumb(self, taken: Taken) -> str:
        """Write a thumb down, and say so to the person alone."""
        event = taken.event
        felt = Feedback(answer_id=event.about or "", user=event.user, feeling=cast("Feeling", event.text), at=taken.at)
        await self._journal.felt(felt)
        await self._whisper(taken, "noted", cards.NOTED[event.text])
        return "noted"

    async def _hint(self, taken: Taken) -> str:
        self._pen.sender.wake(taken.event.channel)
        return "hint"

    async def _wordless(self, taken: Taken) -> str:
        await self._whisper(taken, "wordless", cards.WORDLESS)
        return "hint"

    async def _mute(self, taken: Taken) -> str:
        event = taken.event
        if event.thread is None or event.thread == event.ts:
            await self._whisper(taken, "muted", cards.NO_THREAD)
            return "hint"
        await self._threads.mute(event.channel, event.thread, event.user)
        await self._whisper(taken, "muted", cards.MUTED)
        return "muted"

    async def _follow(self, taken: Taken) -> str:
        event = taken.event
        if event.thread is None or event.thread == event.ts:
            await self._whisper(taken, "followed", cards.NO_THREAD)
            return "hint"
        await self._threads.follow(event.channel, event.thread)
        await self._whisper(taken, "followed", cards.FOLLOWED_STRICTLY if self._door.rules.strict else cards.FOLLOWED)
        return "followed"

    async def _unmute(self, taken: Taken) -> str:
        event = taken.event
        mine = await self._threads.muted_by(event.user)
        if Muted(event.channel, event.thread or "") in mine:
            await self._threads.follow(event.channel, event.thread or "")
        await self._home(event.user)
        return "followed"

    async def _share(self, taken: Taken) -> str:
        """Post a person's own answer where everybody sees it, once, after asking again who everybody is."""
        event = taken.event
        stored = await self._journal.answer(event.about or "")
        if stored is None or stored.question.asker != event.user:
            await self._whisper(taken, "share", cards.UNSHAREABLE)
            return "refused"
        if (refusal := await self._door.unshared(event, stored.done)) is not None:
            await self._whisper(taken, "share", refusal)
            return "refused"
        name = await self._people.name(event.user)
        new = await self._post_shared(f"share:{event.about}:{event.channel}", taken, stored, name)
        await self._whisper(taken, "share", cards.SHARED if new else cards.SHARED_BEFORE)
        return "shared"

    async def _post_shared(self, key: str, taken: Taken, stored: Stored, name: str) -> bool:
        """Write down the messages of a shared answer; return False if they were before."""
        pages = Pages()
        pages.add(inert(stored.text))
        texts = [text for text in pages.texts if text.strip()][:SHARED_PAGES]
        today = cards.day(self._clock())
        fresh = []
        for number, text in enumerate(texts, 1):
            above = [cards.shared_by(name)] if number == 1 else []
            below = cards.ending(stored.done, today) if number == len(texts) else []
            content = told(text, below)
            content["blocks"] = [*above, *content["blocks"]]
            part = key if number == 1 else f"{key}{PART}{number}"
            channel, thread = taken.event.channel, taken.event.thread
            fresh.append(await self._pen.outbox.add(Intent(part, "post", channel, thread, payload=content)))
        self._pen.sender.wake(taken.event.channel)
        return any(fresh)

    async def _edited(self, taken: Taken) -> str:
        """Offer an answer to a question that was changed; an edit of anything else is nothing to us."""
        event = taken.event
        if not event.text or not await self._threads.questions_at(f"{event.channel}:{event.ts}"):
            return "ignored"
        blocks = cards.offer(event.text, f"{event.thread}:{event.ts}:{event.text}")
        await self._whisper(taken, "edited", cards.EDITED, blocks)
        return "offered"

    async def _deleted(self, taken: Taken) -> str:
        """Take back the answers to a question that was deleted, those that are still being written as well."""
        event = taken.event
        questions = await self._threads.questions_at(f"{event.channel}:{event.ts}")
        for question in questions:
            if question in self.running:
                self.gone.add(question)
            await self._threads.retract(question, taken.at)
            await self.remove(question)
        return "retracted" if questions else "ignored"

    async def _whisper(self, taken: Taken, what: str, words: str, blocks: Sequence[cards.Block] = ()) -> None:
        """Tell the person alone; in the thread where there is one, since Slack shows it only in threads that exist."""
        event = taken.event
        said = {"text": words, "user": event.user} | ({"blocks": list(blocks)} if blocks else {})
        thread = event.thread if event.thread != event.ts else None
        await self._pen.outbox.add(
            Intent(f"{what}:{taken.id}", "ephemeral", event.channel, thread, None, said, repeat=False)
        )
        self._pen.sender.wake(event.channel)
