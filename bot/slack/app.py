"""The bot in Slack: connects, takes up what was left, hands accepted events to their turns, closes."""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import Misused, SlackRefused
from bot.journal.inbox import Inbox, Taken
from bot.journal.notices import TellOwner
from bot.journal.outbox import Intent, Outbox, Posting, State
from bot.slack import cards
from bot.slack.above import Reader
from bot.slack.acts import NOTICE, Acts, Journal, Threads, answer_key
from bot.slack.alertbots import ALERT, AlertBots, Alerted
from bot.slack.buttons import PRESS, Wish
from bot.slack.calls import CALL_S, LOCKED_OUT, Away, Busy, Unsure, WebCalls
from bot.slack.catchup import CatchUp, Summary
from bot.slack.channelform import SETTINGS, Asked, ChannelForm
from bot.slack.crew import Crew, Desk
from bot.slack.digests import DETECTOR, UNPOSTED_DIGEST, Daily, DigestDesk, undigested
from bot.slack.history import History
from bot.slack.home import Home, Vital, Vitals
from bot.slack.keeper import Keeper
from bot.slack.listen import Account, Listeners
from bot.slack.markdown import escaped
from bot.slack.mentions import CATCH_UP
from bot.slack.pace import Pace, Pacer, Sleep
from bot.slack.people import People
from bot.slack.pinboard import Called, Pinboard, Telling
from bot.slack.quiet import quiet_logger
from bot.slack.readers import Readers
from bot.slack.rules import Doorkeeper, MayHear, MayRead, Rules
from bot.slack.sender import SETTLE_S, Insistent, Sender
from bot.slack.stories import Presses, Shelf, Stories, unwatched
from bot.slack.stream import Pen, Streaming
from bot.slack.talk import Talks
from bot.slack.transport import Transport
from bot.slack.turns import Answers, Ask, Company, Counts, Ledger, Route, Turns
from bot.types import Source
from bot.watch.board import Board
from bot.watch.digests import DIGEST
from ingest.redact import Redact, redact
from ingest.types import EVERYONE, NOBODY, Audience, Clock

log = structlog.get_logger(__name__)

AT_ONCE = 4
"""Questions answered at the same time; more wait in a fair queue."""

UNPOSTED = (
    "I could not post a story in <#{channel}> ({code}): type `/invite @copilot` there, or name another channel in "
    "copilot.toml. `/copilot incidents` and my home tab show it."
)

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Lines(Protocol):
    """The lines of documents, as stored."""

    async def lines(self, path: str, start_line: int, end_line: int) -> str | None:
        """Return lines (from 1, both ends included), None if the document is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Watched:
    """The board of stories and alerts, what its cards say, and what comes of a press.

    `audience_of` returns the labels of a source by its stream; `groups` are the names of user groups by their ids.
    """

    board: Board
    telling: Telling
    presses: Presses
    audience_of: Callable[[str], Sequence[str]] = lambda _stream: EVERYONE
    groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Surfaces:
    """What stands behind the surfaces besides answering. `vitals` are those of other rooms; ours are added here.

    `labels` are the ids that documents name as their readers. `watched` is None where nothing is watched,
    `alerted` where no bot's alerts are answered.
    """

    threads: Threads
    similar: Ask
    runbook: Ask
    vitals: Vitals
    documents: Callable[[Audience], Awaitable[Mapping[str, int]]]
    labels: Callable[[], frozenset[str]]
    route: Route
    may_hear: MayHear
    may_read: MayRead
    owner: TellOwner
    rules: Rules = field(default_factory=Rules)
    summary: Summary | None = None
    redact: Redact = redact
    watched: Watched | None = None
    alerted: Alerted | None = None
    daily: Daily | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """How we are. `last_ping_at` is seconds, UTC; `link` says how Slack reaches us; `outbox` holds what occurs."""

    connected: bool
    last_ping_at: float | None
    link: str
    waiting: int
    working: int
    outbox: Mapping[State, int]


class Heeded:
    """Passes counts on, and remembers those since the start that `/copilot status` tells."""

    def __init__(self, counts: Counts) -> None:
        self.silent = 0
        self.faults: Counter[str] = Counter()
        self.question_ended = counts.question_ended
        self.first_text = counts.first_text
        self._counts = counts

    def silent_turn(self) -> None:
        """Count a question whose asker may have seen nothing."""
        self.silent += 1
        self._counts.silent_turn()

    def fault(self, name: str) -> None:
        """Count a fault by its name."""
        self.faults[name] += 1
        self._counts.fault(name)


class SlackBot:
    """Slack, from `start` to `stop`. Works against any server that speaks Slack's protocol."""

    def __init__(
        self,
        *,
        bot_token: str,
        transport: Transport,
        api_url: str,
        answers: Answers,
        journal: Journal,
        inbox: Inbox,
        outbox: Outbox,
        lines: Lines,
        counts: Counts,
        surfaces: Surfaces,
        clock: Clock,
        rng: Random,
        sleep: Sleep = asyncio.sleep,
        pace: Pace | None = None,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._bot_token = bot_token
        self._transport = transport
        self._api_url = api_url
        self._answers = answers
        self._ledger = Ledger(journal=journal, inbox=inbox, outbox=outbox)
        self._lines = lines
        self._counts = Heeded(counts)
        self._surfaces = surfaces
        self._clock = clock
        self._rng = rng
        self._sleep = sleep
        self._pacer = Pacer(pace or Pace(), clock, sleep)
        self._settle_s = settle_s
        self._crew = Crew(self._counts.fault)
        self._desk = Desk(self._crew, AT_ONCE)
        self._resources = AsyncExitStack()
        self._begun: set[str] = set()
        self._listening = self._stopping = False

    async def start(self) -> None:
        """Sign in, take up what an earlier life left, and listen. Raises SlackRefused when Slack does not want us.

        While Slack is out of reach it waits and tries again.
        """
        async with AsyncExitStack() as stack:
            session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_S))
            await self._begin(await stack.enter_async_context(session))
            self._resources = stack.pop_all()

    async def _begin(self, session: aiohttp.ClientSession) -> None:
        web = AsyncWebClient(base_url=self._api_url, session=session, retry_handlers=[], logger=quiet_logger())
        if urlsplit(self._api_url).hostname in LOOPBACK:
            web.proxy = None  # slack_sdk knows no NO_PROXY
        signed = AsyncWebClient(
            token=self._bot_token, base_url=self._api_url, session=session, retry_handlers=[], logger=quiet_logger()
        )
        signed.proxy = web.proxy
        self._calls = WebCalls(signed, session)
        self._me = await self._signed_in()
        self._build(self._calls)
        await self._transport.check(self._calls)
        left = await self._ledger.inbox.unfinished()
        await self._sender.recover()
        self._listening = True
        await self._transport.start(self._listeners().app(web))
        for taken in left:
            self._work(taken)
        self._keeper.start()
        log.info("slack.started", user=self._me.user, team=self._me.team, left=len(left))

    async def stop(self, deadline_s: float = 25.0) -> None:
        """Hear nothing more, finish what is begun, close. What the deadline cuts is taken up at the next start."""
        self._stopping = True
        await self._transport.stop()
        if self._listening:
            await self._keeper.stop()
        self._desk.close()
        await self._crew.drain(deadline_s)
        if self._listening:
            await self._keeper.release()
        await self._resources.aclose()
        log.info("slack.stopped")

    def wake(self, channels: Iterable[str]) -> None:
        """Say that something is to be posted or edited in these channels. Returns at once."""
        for channel in channels if self._listening and not self._stopping else ():
            self._sender.wake(channel)

    async def admits(self, channel: str) -> bool:
        """Return whether all who read a channel are known to be full members."""
        return self._listening and await self._readers.of(channel) != NOBODY

    async def health(self) -> Health:
        """Return how we are; reads the database."""
        link = await self._transport.link()
        return Health(
            connected=link.up,
            last_ping_at=link.heard_at,
            link=link.words,
            waiting=self._desk.waiting,
            working=self._desk.working,
            outbox=await self._ledger.outbox.counts(),
        )

    async def _signed_in(self) -> Account:
        attempt = 0
        while True:
            try:
                answer = await self._calls.call("auth.test")
                return Account(user=answer["user_id"], bot=answer["bot_id"], team=answer["team_id"], url=_home(answer))
            except (Away, Busy, Unsure) as error:
                attempt += 1
                self._counts.fault("slack_away")
                log.warning("slack.away", why=str(error), attempt=attempt)
                wait_s = error.retry_after_s if isinstance(error, Busy) else min(2.0**attempt, 60.0)
                await self._sleep(wait_s)

    def _build(self, calls: WebCalls) -> None:
        outbox, counts, surfaces = self._ledger.outbox, self._counts, self._surfaces
        self._sender = Sender(
            calls,
            outbox,
            History(calls, outbox, user=self._me.user, bot=self._me.bot),
            self._pacer,
            self._crew,
            fault=counts.fault,
            clock=self._clock,
            sleep=self._sleep,
            rng=self._rng,
            died=self._died,
            settle_s=self._settle_s,
        )
        pen = Pen(self._sender, calls, outbox, Streaming(self._clock), self._crew, self._clock)
        people = People(calls, self._clock, surfaces.redact)
        self._readers = Readers(
            Insistent(self._sender, calls),
            team=self._me.team,
            labels=surfaces.labels,
            fault=counts.fault,
            clock=self._clock,
        )
        self._door = Doorkeeper(surfaces.rules, self._readers, people, surfaces.may_hear, surfaces.may_read)
        shelf = None if surfaces.watched is None else self._pinned(surfaces.watched, pen, people)
        self._home = Home(
            calls,
            surfaces.threads,
            people,
            self._door,
            vitals=self._vitals,
            documents=surfaces.documents,
            fault=counts.fault,
            clock=self._clock,
            shelf=shelf,
            off=None if surfaces.daily is None else surfaces.daily.detectors.off,
        )
        self._digests = self._form = None
        if surfaces.daily is not None:
            home, door = self._home.publish, self._door
            self._digests = DigestDesk(
                surfaces.daily, pen, door=door, readers=self._readers, home=home, clock=self._clock
            )
            self._form = ChannelForm(
                surfaces.daily.preferences,
                surfaces.daily.admins,
                surfaces.daily.watched,
                pen,
                door=door,
                readers=self._readers,
                people=people,
            )
        self._alerts = self._alert_bots()
        self._stories = None
        if surfaces.watched is not None and shelf is not None:
            self._stories = self._teller(surfaces.watched, shelf, pen)
        self._turns = self._turner(pen, people, Reader(calls, people, self._me.user, surfaces.redact))
        self._keeper = Keeper(self._ledger.inbox, outbox, self._sender, self._crew, self._work, clock=self._clock)

    def _pinned(self, watched: Watched, pen: Pen, people: People) -> Shelf:
        """Let the sender show the board; return its cards for lists."""
        board, telling, called = watched.board, watched.telling, Called(people, watched.groups)
        fault, clock = self._counts.fault, self._clock
        self._sender.pin(Pinboard(board, telling, self._readers, called, self._calls, fault=fault, clock=clock))
        return Shelf(board, telling, called, pen, watched.audience_of)

    def _teller(self, watched: Watched, shelf: Shelf, pen: Pen) -> Stories:
        return Stories(
            watched.board,
            watched.telling,
            watched.presses,
            shelf,
            pen,
            door=self._door,
            readers=self._readers,
            runbook=self._surfaces.runbook,
            home=self._home.publish,
            clock=self._clock,
        )

    def _turner(self, pen: Pen, people: People, reader: Reader) -> Turns:
        surfaces, door = self._surfaces, self._door
        acts = Acts(
            self._ledger.journal,
            surfaces.threads,
            pen,
            people,
            door,
            home=self._home.publish,
            clock=self._clock,
            more={
                **({} if self._stories is None else {PRESS: self._stories.pressed}),
                **({} if self._digests is None else {DETECTOR: self._digests.decided}),
                **({} if self._form is None else {SETTINGS: self._form.saved}),
                **({} if self._alerts is None else {ALERT: self._alerts.answered}),
            },
        )
        asks: Mapping[str, Ask] = {
            "question": self._answers.answer,
            "private": self._answers.answer,
            "similar": surfaces.similar,
            "runbook": surfaces.runbook,
            "incidents": unwatched if self._stories is None else self._stories.incidents,
            "snooze": unwatched if self._stories is None else self._stories.snooze,
            "digest": undigested if self._digests is None else self._digests.show,
            "status": self._home.status,
            CATCH_UP: self._catch_up(people, reader).tell,
        }
        company = Company(door, people, reader, surfaces.threads, surfaces.route, surfaces.owner)
        return Turns(asks, acts, self._ledger, pen, company, counts=self._counts, clock=self._clock)

    def _catch_up(self, people: People, reader: Reader) -> CatchUp:
        calls = Insistent(self._sender, self._calls)
        return CatchUp(
            self._calls,
            Talks(calls, reader, self._clock),
            people,
            self._readers,
            self._door,
            home=self._me.url,
            summary=self._surfaces.summary,
            clock=self._clock,
            redact=self._surfaces.redact,
        )

    def _listeners(self) -> Listeners:
        return Listeners(
            self._me,
            self._bot_token,
            self._ledger.inbox,
            self._surfaces.threads,
            readers=self._readers,
            rules=self._surfaces.rules,
            home=self._home,
            crew=self._crew,
            work=self._work,
            show=self._show,
            fault=self._counts.fault,
            redact=self._surfaces.redact,
            alert_bots=self._alerts,
            form=None if self._form is None else self._ask_form,
        )

    def _alert_bots(self) -> AlertBots | None:
        surfaces = self._surfaces
        if surfaces.alerted is None:
            return None
        return AlertBots(
            surfaces.alerted,
            self._readers,
            surfaces.rules,
            me=self._me.bot,
            wake=self.wake,
            redact=surfaces.redact,
        )

    def _show(self, wish: Wish) -> None:
        self._crew.start(self._show_source(wish), name="show source")

    def _work(self, taken: Taken) -> None:
        if taken.id not in self._begun:
            self._begun.add(taken.id)
            self._turns.greet(taken)
            self._desk.put((taken.event.user, taken.event.channel), f"turn {taken.id}", partial(self._turn, taken))

    async def _turn(self, taken: Taken, leave: Callable[[], None]) -> None:
        self._keeper.begun(taken)
        try:
            await self._turns.take(taken, leave)
        finally:
            self._keeper.ended(taken)
            self._begun.discard(taken.id)

    async def _show_source(self, wish: Wish) -> None:
        """Open the modal with a source's lines; what to show is looked up here, never taken from the button."""
        stored = await self._ledger.journal.answer(wish.answer_id)
        sources = stored.done.sources if stored is not None else ()
        source = next((source for source in sources if source.id == wish.number), None)
        if source is None:
            source, lines = Source(wish.number, "", 1, 1, "This answer is no longer known."), None
        elif (refusal := await self._door.unread(wish.user, source.path)) is not None:
            await self._whisper(wish, refusal)
            return
        else:
            lines = await self._lines.lines(source.path, source.start_line, source.end_line)
        try:
            await self._calls.call("views.open", trigger_id=wish.trigger, view=cards.source_view(source, lines))
        except (SlackRefused, Away, Busy, Unsure) as error:
            self._counts.fault("source_unopened")
            log.warning(
                "slack.source_unopened", answer=wish.answer_id, why=getattr(error, "code", type(error).__name__)
            )
            await self._whisper(wish, cards.UNOPENED)

    async def _whisper(self, wish: Wish, words: str) -> None:
        said = {"text": words, "user": wish.user}
        await self._post(Intent(f"source:{wish.name}", "ephemeral", wish.channel, payload=said, repeat=False))

    def _ask_form(self, asked: Asked) -> None:
        self._crew.start(self._show_form(asked), name="show form")

    async def _show_form(self, asked: Asked) -> None:
        """Open the form of a channel's settings, or say to the person alone why not."""
        if self._form is None:
            return
        try:
            await self._calls.call("views.open", trigger_id=asked.trigger, view=await self._form.view(asked))
        except Misused as misused:
            words = str(misused)
        except (SlackRefused, Away, Busy, Unsure) as error:
            self._counts.fault("form_unopened")
            log.warning("slack.form_unopened", why=getattr(error, "code", type(error).__name__))
            words = cards.FORM_UNOPENED
        else:
            return
        said = {"text": escaped(words), "user": asked.user}
        await self._post(Intent(f"form:{asked.trigger}", "ephemeral", asked.channel, payload=said, repeat=False))

    async def _died(self, posting: Posting, refused: SlackRefused) -> None:
        """Say elsewhere what Slack did not take; where that is refused too, nobody heard of it.

        What was for one person's eyes in a channel is said in a direct message; why an answer did not arrive, where no
        direct message does, for that person's eyes where they asked.
        """
        intent = posting.intent
        if refused.code in LOCKED_OUT:
            await self._surfaces.owner.tell_owner(f"slack_{refused.code}", str(refused))
        elif intent.kind == "card":
            words = UNPOSTED.format(channel=escaped(intent.channel), code=escaped(refused.code))
            await self._surfaces.owner.tell_owner(f"stories_{refused.code}:{intent.channel}", words)
        elif posting.key.startswith(DIGEST):
            words = UNPOSTED_DIGEST.format(channel=escaped(intent.channel), code=escaped(refused.code))
            await self._surfaces.owner.tell_owner(f"digest_{refused.code}:{intent.channel}", words)
        elif intent.kind == "ephemeral":
            said = {"text": intent.payload["text"]}
            await self._post(Intent(f"{NOTICE}{posting.key}", "post", str(intent.payload["user"]), payload=said))
            return
        elif (asked_in := await self._asked_in(posting)) is not None:
            said = {"text": intent.payload["text"], "user": intent.channel}
            await self._post(Intent(f"instead:{posting.key}", "ephemeral", asked_in, payload=said))
            return
        if posting.key.startswith(NOTICE):
            self._counts.silent_turn()

    async def _asked_in(self, notice: Posting) -> str | None:
        """Return the channel of the question whose asker a notice was for, None if it is no such notice."""
        if not notice.key.startswith(NOTICE):
            return None
        answer = await self._ledger.outbox.posting(answer_key(notice.key.removeprefix(NOTICE)))
        return None if answer is None else answer.intent.channel

    async def _post(self, intent: Intent) -> None:
        await self._ledger.outbox.add(intent)
        self._sender.wake(intent.channel)

    async def _vitals(self) -> Sequence[Vital]:
        """Return how we are, the other rooms' vitals first."""
        health, counts = await self.health(), self._counts
        dead, unknown = health.outbox.get("dead", 0), health.outbox.get("unknown", 0)
        faults = ", ".join(f"{name} {times} times" for name, times in sorted(counts.faults.items()))
        lost = f"{dead} refused by Slack for good, {unknown} of which nobody knows whether they arrived"
        return [
            *await self._surfaces.vitals(),
            Vital("Slack", health.connected, health.link),
            Vital("Queue", ok=True, words=f"{health.working} in work, {health.waiting} waiting"),
            Vital("Posts", not dead and not unknown, lost if dead or unknown else "all delivered"),
            Vital("Silent turns", not counts.silent, f"{counts.silent} since the start"),
            Vital("Faults", ok=True, words=f"since the start: {faults}" if faults else "none since the start"),
        ]


def _home(answer: Mapping[str, Any]) -> str:
    """Return the workspace's address out of the answer of auth.test; empty when it is none."""
    url = str(answer.get("url") or "")
    return url if re.fullmatch(r"https?://[^\s/]+/", url) else ""
