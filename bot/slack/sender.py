"""Posts what the outbox holds: at a pace, once, and after a crash only what Slack does not have. Knows no answer."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from random import Random
from typing import Any
from weakref import WeakValueDictionary

import structlog

from bot.errors import BotError, SlackRefused
from bot.journal.notices import OWNER
from bot.journal.outbox import BEAT_S, SENDERS, Outbox, Posting
from bot.slack.calls import LOCKED_OUT, TOO_MUCH, Away, Busy, Calls, Unsure
from bot.slack.crew import Crew
from bot.slack.history import History, marked
from bot.slack.pace import Pacer, Sleep
from bot.slack.pinboard import Pinboard
from ingest.types import Clock

log = structlog.get_logger(__name__)

SETTLE_S = 5.0
"""How long Slack's history may lag behind a post before its absence means something."""

BACKOFF_S = (1.0, 60.0)
"""First and longest wait between tries while Slack is out of reach; doubled each time, with jitter."""

REPEATED = "_possibly repeated_"
"""Stands first in a message that Slack may show twice."""

QUIET: Mapping[str, Any] = {"unfurl_links": False, "unfurl_media": False}
"""On every post: a preview fetched by Slack would carry data out without a click."""

LOCKED_OUT_S = 3600.0
"""Pause between two tries to tell the owner that nothing we say arrives."""

GLANCE_S = 1.0
"""How often whoever waits to edit looks whether something is to be posted first."""

CARD = "card"
"""In the payload of a card's post: the key of the card."""

UNDER = "under"
"""In the payload of a post: the key of the intent in the thread of whose message it belongs."""

PLAINER = "plainer"
"""Names in a payload the blocks to post where Slack does not take the others: without a chart."""

Died = Callable[[Posting, SlackRefused], Awaitable[None]]
"""Hears of a post that Slack will never take, after that is written down."""

Post = Callable[[Posting], Awaitable[str | None]]
"""Makes Slack show an intent; returns the message's ts, None where Slack gives none."""


class Insistent:
    """Calls for what must be known: each is made until Slack answers it. Only for calls that change nothing."""

    def __init__(self, sender: "Sender", calls: Calls) -> None:
        self._sender = sender
        self._calls = calls

    async def call(self, method: str, **arguments: object) -> Mapping[str, Any]:
        """Return Slack's answer. Raises SlackRefused."""
        return await self._sender.insist(method, **arguments)

    async def respond(self, url: str, body: Mapping[str, Any]) -> None:
        """Post to a `response_url`, once."""
        await self._calls.respond(url, body)


class Lost(BotError):
    """Nobody can tell whether Slack has the message, and it is not to be repeated (again)."""


class Sender:
    """The only way for a new message into Slack. One lane a channel: one channel's trouble does not stop another."""

    def __init__(
        self,
        calls: Calls,
        outbox: Outbox,
        history: History,
        pacer: Pacer,
        crew: Crew,
        *,
        fault: Callable[[str], None],
        clock: Clock,
        sleep: Sleep,
        rng: Random,
        died: Died,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._died = died
        self._calls = calls
        self._outbox = outbox
        self._history = history
        self._pacer = pacer
        self._crew = crew
        self._fault = fault
        self._clock = clock
        self._sleep = sleep
        self._rng = rng
        self._settle_s = settle_s
        self._threads: WeakValueDictionary[tuple[str, str | None], asyncio.Lock] = WeakValueDictionary()
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._left: defaultdict[str, deque[str]] = defaultdict(deque)
        self._woken: set[str] = set()
        self._pins: Pinboard | None = None
        self._drawn: dict[str, int] = {}
        self._edits_at = 0.0

    def pin(self, pins: Pinboard) -> None:
        """Post and edit the messages of a board as well."""
        self._pins = pins

    async def recover(self) -> None:
        """Take up what an earlier life left: posts in flight first, then those that wait."""
        for posting in await self._outbox.in_flight():
            if posting.intent.kind in SENDERS:
                self._left[posting.intent.channel].append(posting.key)
        await self._wake_all()

    def wake(self, channel: str) -> None:
        """Say that something waits for this channel. Returns at once."""
        self._woken.add(channel)
        lane = self._lanes.get(channel)
        if lane is None or lane.done():
            self._lanes[channel] = self._crew.start(self._lane(channel), name=f"lane {channel}")

    async def sweep(self) -> None:
        """Wake every channel for which something waits, should its lane have failed or its replica be dead."""
        for posting in await self._outbox.abandoned():
            self._left[posting.intent.channel].append(posting.key)
        await self._wake_all()

    async def place(self, key: str, post: Post) -> str | None:
        """Make sure that Slack has the message of an intent, once; return its ts, None where Slack gives none.

        Waits for the channel's turn, for `Retry-After`, for Slack to come back. After an uncertain try it looks
        first. The row stays `sending`: the caller marks it `sent` when the message is as it should be. Raises
        SlackRefused (the row is left to the caller), or Lost.
        """
        while True:
            posting = await self._known(key)
            if posting.ts is not None:
                return posting.ts
            if posting.state == "sending":
                await self._look(posting)
            elif posting.state == "new" or posting.repeatable:
                placed, ts = await self._try(posting, post)
                if placed:
                    return ts
            else:
                raise Lost(posting.state)

    async def found(self, key: str) -> str | None:
        """Return the ts of an intent's message, None if Slack has none; looks where an earlier try was cut short."""
        posting = await self._known(key)
        while posting.state == "sending" and posting.ts is None:
            await self._look(posting)
            posting = await self._known(key)
        return posting.ts

    async def retract(self, key: str) -> None:
        """Remove the message of an intent, if Slack has it, and forget the intent."""
        with suppress(Lost):  # forgotten meanwhile
            ts, posting = await self.found(key), await self._known(key)
            if ts is not None:
                await self.end_stream(posting.intent.channel, ts)
                with suppress(SlackRefused):  # it is gone already
                    await self.insist("chat.delete", channel=posting.intent.channel, ts=ts)
            await self._outbox.forget(key)

    async def end_stream(self, channel: str, ts: str | None) -> None:
        """End a stream if it still streams: Slack refuses to update or delete it before."""
        try:
            await self.insist("chat.stopStream", channel=channel, ts=ts)
        except SlackRefused as refused:
            log.debug("slack.not_streaming", ts=ts, code=refused.code)

    async def insist(self, method: str, **arguments: object) -> Mapping[str, Any]:
        """Make a call that may safely be made twice, until Slack answers it. Raises SlackRefused."""
        attempt = 0
        while True:
            try:
                return await self._calls.call(method, **arguments)
            except Busy as busy:
                await self._sleep(busy.retry_after_s)
            except (Away, Unsure) as error:
                attempt += 1
                self._fault("slack_away")
                log.info("slack.away", method=method, why=str(error), attempt=attempt)
                await self._sleep(self._backoff_s(attempt))

    async def _wake_all(self) -> None:
        stale = [] if self._pins is None else await self._pins.channels()
        for channel in dict.fromkeys([*self._left, *await self._outbox.channels(), *stale]):
            self.wake(channel)

    async def _known(self, key: str) -> Posting:
        """Return an intent as it stands, in the thread that it belongs to."""
        posting = await self._outbox.posting(key)
        if posting is None:
            raise Lost("no intent")
        if (under := posting.intent.payload.get(UNDER)) is None:
            return posting
        root = await self._outbox.posting(under)
        if root is None or root.ts is None:
            raise Lost("no thread")
        return replace(posting, intent=replace(posting.intent, thread=root.ts))

    async def _try(self, posting: Posting, post: Post) -> tuple[bool, str | None]:
        """Try once; return whether Slack has the message now, and its ts."""
        key, channel = posting.key, posting.intent.channel
        self._pacer.pause(channel, posting.not_before - self._clock())
        await self._pacer.turn(channel)
        async with self._thread(posting):
            begun = await self._outbox.sending(key)
            if begun is None:
                return False, None
            try:
                ts = await post(replace(begun, intent=posting.intent))  # in the thread that is known by now
            except Busy as busy:
                self._pacer.pause(channel, busy.retry_after_s)
                self._fault("slack_busy")
                await self._outbox.retry_at(key, self._clock() + busy.retry_after_s, "ratelimited")
            except Away as away:
                self._fault("slack_away")
                await self._outbox.retry_at(key, self._clock() + self._backoff_s(begun.attempts), str(away))
            except Unsure as unsure:
                self._fault("slack_unsure")
                log.info("slack.unsure", key=key, why=str(unsure))
            else:
                return ts is None or await self._outbox.located(key, ts), ts
        return False, None

    async def _look(self, posting: Posting) -> None:
        """Find out what became of a try: record the message, or that there is none, or that nobody can tell.

        While another replica is at it, wait until that is done or dead.
        """
        if posting.lease_until is not None and not await self._outbox.take_over(posting.key):
            await self._sleep(max(BEAT_S, posting.lease_until - self._clock()))
            return
        if posting.intent.kind in ("ephemeral", "private"):
            await self._outbox.unknown(posting.key, "cannot be looked up")
            return
        await self._sleep(self._settle_s)  # it may have come just now: a call may be slow, and a card is drawn before
        async with self._thread(posting):
            try:
                ts = await self._find(posting)
            except SlackRefused as refused:
                log.warning("slack.unknown", key=posting.key, code=refused.code)
                await self._outbox.unknown(posting.key, refused.code)
                return
            if ts is None:
                await self._outbox.retry_at(posting.key, self._clock(), "not there")
            else:
                await self._outbox.located(posting.key, ts)

    async def _find(self, posting: Posting) -> str | None:
        attempt = 0
        while True:
            try:
                return await self._history.find(posting)
            except Busy as busy:
                await self._sleep(busy.retry_after_s)
            except (Away, Unsure):
                attempt += 1
                await self._sleep(self._backoff_s(attempt))

    def _thread(self, posting: Posting) -> AbstractAsyncContextManager[object]:
        """Return the lock of a thread: while one message is begun there, no other may be looked for."""
        where = (posting.intent.channel, posting.intent.thread)
        lock = self._threads.get(where) or asyncio.Lock()
        self._threads[where] = lock
        return lock

    def _backoff_s(self, attempt: int) -> float:
        first, longest = BACKOFF_S
        return min(first * 2.0 ** min(attempt - 1, 16), longest) * self._rng.uniform(0.5, 1.0)

    async def _lane(self, channel: str) -> None:
        while channel in self._woken:
            self._woken.discard(channel)
            await self._posts(channel)
            await self._edits(channel)

    async def _posts(self, channel: str) -> None:
        """Post what waits for a channel: what an earlier life left first."""
        while self._left.get(channel):
            left = await self._outbox.posting(self._left[channel].popleft())
            if left is not None:
                await self._post(left)
        self._left.pop(channel, None)
        while (at := await self._outbox.due_at(channel)) is not None:
            await self._sleep(max(0.0, at - self._clock()))
            due = await self._outbox.due(channel)
            if due is not None:
                await self._post(due)

    async def _edits(self, channel: str) -> None:
        """Bring the messages of a channel up to their cards, as long as nothing waits to be posted there."""
        tried: set[str] = set()
        attempt = 0
        while self._pins is not None and channel not in self._woken:
            if (wait_s := self._edits_at - self._clock()) > 0:
                await self._sleep(min(wait_s, GLANCE_S))
                continue
            stale = await self._pins.next(channel, tried)
            if stale is None:
                return
            await self._pacer.turn(channel)
            try:
                await self._pins.edit(stale)
            except Busy as busy:
                # The limit of edits is the workspace's, and not that of posts: only edits wait.
                self._edits_at = self._clock() + busy.retry_after_s
                self._fault("slack_busy")
            except (Away, Unsure) as error:
                attempt += 1
                self._fault("slack_away")
                log.info("slack.away", method="chat.update", why=str(error), attempt=attempt)
                await self._sleep(self._backoff_s(attempt))
            else:
                tried.add(stale.key)  # what changed again meanwhile was announced, or the next beat finds it

    async def _post(self, posting: Posting) -> None:
        """Bring one intent of the sender's own to its end: sent, dead, unknown, or removed."""
        if posting.intent.kind == "late":
            await self.retract(posting.key)
            return
        if not await self._has_thread(posting):
            return
        try:
            await self.place(posting.key, self._show)
        except SlackRefused as refused:
            self._fault(f"slack_{refused.code}")
            if refused.code in LOCKED_OUT and posting.key.startswith(OWNER):
                await self._outbox.retry_at(posting.key, self._clock() + LOCKED_OUT_S, refused.code)
                return
            log.warning("slack.dead", key=posting.key, channel=posting.intent.channel, code=refused.code)
            await self._outbox.dead(posting.key, refused.code)
            await self._died(posting, refused)
        except Lost:
            log.warning("slack.lost", key=posting.key)
        else:
            await self._outbox.sent(posting.key)
            version = self._drawn.pop(posting.key, None)
            if version is not None and self._pins is not None:
                await self._pins.shows(str(posting.intent.payload[CARD]), version)

    async def _has_thread(self, posting: Posting) -> bool:
        """Whether an intent may be posted now: one that belongs into a thread comes after the message that begins it.

        Where that message will never come, this one is dropped.
        """
        under = posting.intent.payload.get(UNDER)
        if under is None:
            return True
        root = await self._outbox.posting(under)
        if root is not None and root.state in ("new", "sending") and _same_lane(root, posting):
            await self._post(root)
            root = await self._outbox.posting(under)
        if root is not None and root.state in ("new", "sending"):
            if await self._outbox.sending(posting.key) is not None:
                await self._outbox.retry_at(posting.key, self._clock() + BEAT_S, "waits for its thread")
            return False
        if root is None or root.ts is None or root.state != "sent":
            log.warning("slack.dead", key=posting.key, channel=posting.intent.channel, code="no_thread")
            await self._outbox.dead(posting.key, "no_thread")
            return False
        return True

    async def _show(self, posting: Posting) -> str | None:
        intent = posting.intent
        if intent.kind == "card":
            return await self._show_card(posting)
        content = {name: each for name, each in intent.payload.items() if name not in (UNDER, PLAINER)}
        content["channel"] = intent.channel
        if posting.repeated:
            content["text"] = f"{REPEATED}\n{content['text']}"
        if intent.thread is not None:
            content["thread_ts"] = intent.thread
        if intent.kind == "ephemeral":
            await self._calls.call("chat.postEphemeral", **content)
            return None
        return await self._posted(posting, content)

    async def _posted(self, posting: Posting, content: Mapping[str, Any]) -> str:
        """Post a message; with its plainer blocks where it has some, and Slack does not take it as it is."""
        mark, plainer = marked(posting.key), posting.intent.payload.get(PLAINER)
        try:
            answer = await self._calls.call("chat.postMessage", **content, **QUIET, metadata=mark)
        except SlackRefused as refused:
            if refused.code not in TOO_MUCH or plainer is None:
                raise
            self._fault("post_plainer")
            answer = await self._calls.call(
                "chat.postMessage", **{**content, "blocks": plainer}, **QUIET, metadata=mark
            )
        return str(answer["ts"])

    async def _show_card(self, posting: Posting) -> str:
        """Post a card as it is now; without its chart, or as text, where Slack does not take it otherwise."""
        key, channel = str(posting.intent.payload[CARD]), posting.intent.channel
        drawn = None if self._pins is None else await self._pins.face(key, channel)
        if drawn is None:
            raise SlackRefused("no_card", "The card is gone.")
        for content in drawn.contents:
            try:
                answer = await self._calls.call(
                    "chat.postMessage", channel=channel, **content, **QUIET, metadata=marked(posting.key)
                )
            except SlackRefused as refused:
                if refused.code not in TOO_MUCH or content is drawn.contents[-1]:
                    raise
                self._fault("card_plainer")
            else:
                self._drawn[posting.key] = drawn.version
                return str(answer["ts"])
        raise SlackRefused("no_card", "The card says nothing.")


def _same_lane(root: Posting, posting: Posting) -> bool:
    return root.intent.kind in SENDERS and root.intent.channel == posting.intent.channel
