"""One answer on its way into a thread: streamed where Slack can, posted and updated where it cannot. Words nothing.

`Thread` grows with the answer; a task brings Slack up to it, message by message. Each message is one row of the
outbox, `sending` from before its first call until Slack has it whole, so every crash leaves a trace to mend.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from bot.errors import BotError, SlackRefused
from bot.journal.outbox import PART, Intent, Outbox, Posting
from bot.limits import TIER_3_PER_MINUTE
from bot.slack.calls import TOO_MUCH, Away, Busy, Calls, Unsure
from bot.slack.cards import Block, fallback, told
from bot.slack.crew import Crew
from bot.slack.history import marked
from bot.slack.markdown import Pages, inert
from bot.slack.sender import QUIET, REPEATED, Sender
from ingest.types import Clock

log = structlog.get_logger(__name__)

START_S = 2.0
"""How long Slack may take to start a stream before we post instead (facts: states of delivery)."""

APPEND_EVERY_S = 0.6
"""Pause between two appends: 100 a minute for the workspace (bot.limits.TIER_4_PER_MINUTE)."""

UPDATE_EVERY_S = 60.0 / TIER_3_PER_MINUTE
"""Pause between two updates of one message."""

HOLD_S = 10.0
"""Longest `Retry-After` of an append that is waited for; a longer one ends the stream early."""

PLAIN_TEXT = 3_900
"""Characters of the last resort, an answer as plain text: Slack recommends at most 4,000."""

STILL_STREAMS = "streaming_state_conflict"
"""Refusal of an update while the message streams."""

STOPPED = "_Stopped. Ask again for the whole answer._"
STOPPED_CODES = frozenset({"stopped_by_user", "message_stopped_by_user"})
REPLACED = "_This part was written again above._"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer goes: a thread, for the person who asked. `team` and `user` are needed to stream in a channel."""

    key: str
    channel: str
    thread: str
    asked_ts: str
    user: str
    team: str | None

    def late(self, posting: Posting) -> Intent:
        """Return the intent to remove what comes of this try to begin a message, which is given up."""
        key = f"late:{posting.key}:{posting.attempts}"
        return Intent(key, "late", self.channel, self.thread, self.asked_ts, repeat=False)

    def part(self, index: int) -> Intent:
        """Return the intent of the answer's message number `index`, from 0."""
        key = self.key if index == 0 else f"{self.key}{PART}{index + 1}"
        return Intent(key=key, kind="answer", channel=self.channel, thread=self.thread, asked_ts=self.asked_ts)


class Streaming:
    """What we know about streaming on this server: it may not exist, or be closed for a while."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._off_until = 0.0

    @property
    def allowed(self) -> bool:
        """Whether to try."""
        return self._clock() >= self._off_until

    def failed(self, error: BotError) -> None:
        """Learn from a refusal of `chat.startStream`."""
        if isinstance(error, Busy):
            self._off_until = self._clock() + error.retry_after_s
        elif isinstance(error, SlackRefused) and error.code == "unknown_method":
            self._off_until = float("inf")


@dataclass(frozen=True, slots=True)
class Pen:
    """What it takes to write messages."""

    sender: Sender
    calls: Calls
    outbox: Outbox
    streaming: Streaming
    crew: Crew
    clock: Clock


class Message:
    """One message of an answer. `show` and `close` take its whole text so far, and bring Slack up to it."""

    def __init__(self, intent: Intent, place: Place, pen: Pen) -> None:
        self.ts: str | None = None
        self.stopped = False
        self._key = intent.key
        self._place = place
        self._pen = pen
        self._placed = asyncio.Event()
        self._begun: str | None = None
        self._streams = False
        self._tried_stream = False
        self._repeated = False
        self._text = ""
        self._shown = ""
        self._next_at = 0.0

    async def show(self, text: str) -> None:
        """Show the text so far. Raises SlackRefused or Lost."""
        self._text = text
        if self.ts is None:
            await self._begin(())
        elif self._pen.clock() < self._next_at:
            return
        elif self._streams:
            await self._append()
        else:
            await self._update(())

    async def close(self, text: str, blocks: Sequence[Block], follow: Intent | None = None) -> None:
        """Show the whole text with the blocks below it, and record that it is there. Raises SlackRefused or Lost."""
        self._text = text
        whole = self.ts is None and await self._begin(blocks)
        if self._streams:
            whole = await self._stop(blocks)
        if not whole:
            await self._update(blocks)
        await self._pen.outbox.sent(self._key, follow)

    async def _begin(self, blocks: Sequence[Block]) -> bool:
        """Get a message: a new one, or the one that an earlier life began. Return whether it was posted whole."""
        try:
            self.ts = await self._pen.sender.place(self._key, lambda posting: self._start(posting, blocks))
        finally:
            self._placed.set()  # also where Slack refused: a late start that waits is undone then
        if self._begun == self.ts:
            return not self._streams
        self._streams = False
        await self._pen.sender.end_stream(self._place.channel, self.ts)
        posting = await self._pen.outbox.posting(self._key)
        self._repeated = posting is not None and posting.repeated
        return False

    async def _start(self, posting: Posting, blocks: Sequence[Block]) -> str | None:
        """Begin a stream, or post where that does not go; the text so far is in it."""
        self._repeated, self._streams = posting.repeated, False
        if self._pen.streaming.allowed and not self._tried_stream:
            self._tried_stream = True
            try:
                self._begun = await self._start_stream(posting)
            except (Busy, SlackRefused) as error:
                self._pen.streaming.failed(error)
                log.info("slack.no_stream", key=self._key, why=getattr(error, "code", "ratelimited"))
            else:
                self._streams = True
                return self._begun
        self._begun = await self._post(blocks)
        self._next_at = self._pen.clock() + UPDATE_EVERY_S
        return self._begun

    async def _post(self, blocks: Sequence[Block]) -> str:
        where = {"channel": self._place.channel, "thread_ts": self._place.thread, "metadata": marked(self._key)}
        try:
            answer = await self._pen.calls.call("chat.postMessage", **where, **QUIET, **told(self._whole, blocks))
        except SlackRefused as refused:
            if refused.code not in TOO_MUCH:
                raise
            plain = fallback(self._whole, PLAIN_TEXT)
            answer = await self._pen.calls.call("chat.postMessage", **where, **QUIET, text=plain)
        return str(answer["ts"])

    async def _start_stream(self, posting: Posting) -> str:
        """Start a stream with the text so far. One that takes too long is not waited for, and undone if it comes."""
        text, place = self._text, self._place
        start = asyncio.create_task(
            self._pen.calls.call(
                "chat.startStream",
                channel=place.channel,
                thread_ts=place.thread,
                markdown_text=self._whole,
                recipient_team_id=place.team,
                recipient_user_id=place.user,
            )
        )
        await asyncio.wait([start], timeout=START_S)
        if not start.done():
            late = place.late(posting)
            await self._pen.outbox.begun(late)  # so that the next life knows of it, should this one end before it comes
            self._pen.crew.start(self._undo(start, late.key), name=late.key)
            raise Unsure("chat.startStream took too long")
        answer = await start
        self._shown = text
        return str(answer["ts"])

    async def _undo(self, start: "asyncio.Task[Mapping[str, Any]]", late: str) -> None:
        """Remove the stream of a late start, unless it was found meanwhile and became this message."""
        ts: str | None = None
        try:
            ts = (await start)["ts"]
        except Unsure:
            log.info("slack.late_unsure", key=late)  # it is looked for
        except (SlackRefused, Busy, Away):
            await self._pen.outbox.forget(late)
            return
        await self._placed.wait()
        if ts is None or await self._pen.outbox.located(late, ts):
            await self._pen.sender.retract(late)
        else:
            await self._pen.outbox.forget(late)

    async def _append(self) -> None:
        more = self._text[len(self._shown) :]
        if not more:
            return
        try:
            await self._pen.calls.call("chat.appendStream", channel=self._place.channel, ts=self.ts, markdown_text=more)
        except Busy as busy:
            if busy.retry_after_s > HOLD_S:
                await self._break(busy)
            self._next_at = self._pen.clock() + busy.retry_after_s
        except (SlackRefused, Away, Unsure) as error:
            await self._break(error)
        else:
            self._shown = self._text

    async def _stop(self, blocks: Sequence[Block]) -> bool:
        """End the stream with its last text; return whether that went well."""
        more = self._text[len(self._shown) :]
        last: dict[str, Any] = ({"markdown_text": more} if more else {}) | ({"blocks": list(blocks)} if blocks else {})
        try:
            await self._pen.calls.call(
                "chat.stopStream", channel=self._place.channel, ts=self.ts, metadata=marked(self._key), **last
            )
        except (SlackRefused, Busy, Away, Unsure) as error:
            await self._break(error)
            return False
        return True

    async def _break(self, error: BotError) -> None:
        """Give the stream up; from now on the message is updated as a whole, which may be done twice."""
        code = getattr(error, "code", type(error).__name__)
        log.info("slack.stream_broke", key=self._key, why=code)
        self._streams = False
        self.stopped = code in STOPPED_CODES
        await self._pen.sender.end_stream(self._place.channel, self.ts)

    async def _update(self, blocks: Sequence[Block]) -> None:
        """Write the whole message again; in plain text if Slack refuses it otherwise."""
        where = {"channel": self._place.channel, "ts": self.ts, "metadata": marked(self._key)}
        content = told(self._whole, blocks)
        try:
            await self._pen.sender.insist("chat.update", **where, **content)
        except SlackRefused as refused:
            if refused.code == STILL_STREAMS:  # the end of the stream was refused, and may not be now
                await self._pen.sender.end_stream(self._place.channel, self.ts)
            elif refused.code in TOO_MUCH:
                content = {"text": fallback(self._whole, PLAIN_TEXT), "blocks": []}
            else:
                raise
            await self._pen.sender.insist("chat.update", **where, **content)
        self._next_at = self._pen.clock() + UPDATE_EVERY_S

    @property
    def _whole(self) -> str:
        return f"{REPEATED}\n\n{self._text}" if self._repeated else self._text


class Thread:
    """An answer in a thread. `add` never waits; `finish` waits until Slack shows all of it."""

    def __init__(self, place: Place, pen: Pen, on_shown: Callable[[], None]) -> None:
        self._place = place
        self._pen = pen
        self._on_shown = on_shown
        self._pages = Pages()
        self._messages: list[Message] = []
        self._changed = asyncio.Event()
        self._closed = asyncio.Event()
        self._blocks: Sequence[Block] = ()
        self._writing: asyncio.Task[None] | None = None

    @property
    def stopped(self) -> bool:
        """Whether the person pressed stop."""
        return any(message.stopped for message in self._messages)

    @property
    def failure(self) -> BaseException | None:
        """What ended the writing too early."""
        if self._writing is None or not self._writing.done() or self._writing.cancelled():
            return None
        return self._writing.exception()

    def add(self, text: str) -> None:
        """Append Markdown from anywhere; it is made inert here."""
        self._pages.add(inert(text))
        if self._pages.texts[0].strip():
            self._begin()

    async def finish(self, blocks: Sequence[Block] = ()) -> None:
        """Show everything, the blocks below it. Raises SlackRefused or Lost."""
        self._blocks = blocks
        self._closed.set()
        await self._begin()

    async def abandon(self) -> None:
        """Stop writing and leave everything as it stands."""
        if self._writing is not None and not self._writing.done():
            self._writing.cancel()
            await asyncio.wait([self._writing])
            log.info("slack.abandoned", key=self._place.key)

    def _begin(self) -> asyncio.Task[None]:
        self._changed.set()
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name=f"write {self._place.key}")
        return self._writing

    async def _write(self) -> None:
        """Bring Slack up to the pages, again and again, until they are closed."""
        closed = False
        while not closed:
            await self._changed.wait()
            self._changed.clear()
            closed = self._closed.is_set()
            await self._bring_up(closed)
            if not closed:
                await self._rest()
        await self._replace_rest()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(APPEND_EVERY_S):
                await self._closed.wait()
        except TimeoutError:
            return

    async def _bring_up(self, closed: bool) -> None:  # noqa: FBT001 - read as a word where it is called
        at = max(len(self._messages) - 1, 0)
        for index in range(at, len(self._pages.texts)):
            text, last = self._pages.texts[index], index == len(self._pages.texts) - 1
            message = self._nth(index)
            if not last:
                await message.close(text, (), self._place.part(index + 1))
            elif closed:
                await message.close(text, self._blocks)
            else:
                await message.show(text)
            self._shown_first()

    def _nth(self, index: int) -> Message:
        if index == len(self._messages):
            self._messages.append(Message(self._place.part(index), self._place, self._pen))
        return self._messages[index]

    def _shown_first(self) -> None:
        on_shown, self._on_shown = self._on_shown, _nothing
        on_shown()

    async def _replace_rest(self) -> None:
        """Blot out messages that an earlier, longer try at this answer left below it."""
        for part in (await self._pen.outbox.parts(self._place.key))[len(self._messages) :]:
            ts = await self._pen.sender.found(part.key)
            if ts is None:
                await self._pen.outbox.dead(part.key, "superseded")
                continue
            where = {"channel": self._place.channel, "ts": ts}
            await self._pen.sender.end_stream(**where)  # the earlier try may have died while it streamed
            await self._pen.sender.insist("chat.update", **where, metadata=marked(part.key), **told(REPLACED))
            await self._pen.outbox.sent(part.key)


def _nothing() -> None:
    """Hear of it, and do nothing."""
