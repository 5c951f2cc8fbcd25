"""The bot in Slack: connects, writes every event down before it is acknowledged, hands it on."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
import structlog
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackRefused
from bot.journal.inbox import Arrival, Inbox, Taken
from bot.journal.outbox import Intent, Outbox, State
from bot.slack import buttons, cards, commands, mentions
from bot.slack.buttons import Wish
from bot.slack.calls import CALL_S, Away, Busy, Unsure, WebCalls
from bot.slack.crew import Crew, Desk
from bot.slack.history import History
from bot.slack.pace import Pace, Pacer, Sleep
from bot.slack.quiet import quiet_logger, where
from bot.slack.sender import SETTLE_S, Sender
from bot.slack.stream import Pen, Streaming
from bot.slack.turns import Answers, Counts, Journal, Ledger, Turns, promised
from bot.types import Source
from ingest.types import Clock

log = structlog.get_logger(__name__)

EVENTS = ("app_mention", "message")
"""Events that have a listener; the manifest subscribes to these (`message` as `message.im`) and no others."""

AT_ONCE = 4
"""Questions answered at the same time; more wait in a fair queue."""

PING_S = 5.0
"""Ping of the socket. slack_sdk reconnects after four missed ones: a half-open socket lives for 20 s at most."""

SWEEP_S = 30.0
"""How often what fell down is looked for."""

ACK_SENT_S = 0.1
"""bolt looks for an ack every 10 ms and sends it then; the answer to a command must not overtake it."""

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Lines(Protocol):
    """The lines of documents, as stored."""

    async def lines(self, path: str, start_line: int, end_line: int) -> str | None:
        """Return lines (from 1, both ends included), None if the document is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """The bot's own ids in the workspace it is installed in."""

    user: str
    bot: str
    team: str


@dataclass(frozen=True, slots=True)
class Health:
    """How we are. `last_ping_at` is seconds, UTC; `outbox` holds the states that occur."""

    connected: bool
    last_ping_at: float | None
    waiting: int
    working: int
    outbox: Mapping[State, int]


class SlackBot:
    """Slack on Socket Mode, from `start` to `stop`. Works against any server that speaks Slack's protocol."""

    def __init__(
        self,
        *,
        bot_token: str,
        app_token: str,
        api_url: str,
        answers: Answers,
        journal: Journal,
        inbox: Inbox,
        outbox: Outbox,
        lines: Lines,
        counts: Counts,
        clock: Clock,
        rng: Random,
        sleep: Sleep = asyncio.sleep,
        pace: Pace | None = None,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._bot_token = bot_token
        self._app_token = app_token
        self._api_url = api_url
        self._answers = answers
        self._ledger = Ledger(journal=journal, inbox=inbox, outbox=outbox)
        self._lines = lines
        self._counts = counts
        self._clock = clock
        self._rng = rng
        self._sleep = sleep
        self._pacer = Pacer(pace or Pace(), clock, sleep)
        self._settle_s = settle_s
        self._crew = Crew(counts.fault)
        self._desk = Desk(self._crew, AT_ONCE)
        self._resources = AsyncExitStack()
        self._begun: set[str] = set()
        self._sweeping: asyncio.Task[None] | None = None
        self._handler: AsyncSocketModeHandler | None = None

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
        url = await self._socket_url()
        left = await self._ledger.inbox.unfinished()
        await self._sender.recover()
        await self._connect(web, url)
        for taken in left:
            self._work(taken)
        self._sweeping = asyncio.create_task(self._sweep_often(), name="sweep")
        log.info("slack.started", user=self._me.user, team=self._me.team, left=len(left))

    async def stop(self, deadline_s: float = 25.0) -> None:
        """Hear nothing more, finish what is begun, close. What the deadline cuts is taken up at the next start."""
        if self._handler is not None:
            await self._handler.close_async()  # type: ignore[no-untyped-call]  # bolt's own is untyped
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.wait([self._sweeping])
        self._desk.close()
        await self._crew.drain(deadline_s)
        await self._resources.aclose()
        log.info("slack.stopped")

    async def health(self) -> Health:
        """Return how we are; reads the database."""
        client = self._handler.client if self._handler is not None else None
        return Health(
            connected=client is not None and await client.is_connected(),
            last_ping_at=getattr(client, "last_ping_pong_time", None),
            waiting=self._desk.waiting,
            working=self._desk.working,
            outbox=await self._ledger.outbox.counts(),
        )

    async def _signed_in(self) -> Account:
        attempt = 0
        while True:
            try:
                answer = await self._calls.call("auth.test")
                return Account(user=answer["user_id"], bot=answer["bot_id"], team=answer["team_id"])
            except (Away, Busy, Unsure) as error:
                attempt += 1
                self._counts.fault("slack_away")
                log.warning("slack.away", why=str(error), attempt=attempt)
                wait_s = error.retry_after_s if isinstance(error, Busy) else min(2.0**attempt, 60.0)
                await self._sleep(wait_s)

    def _build(self, calls: WebCalls) -> None:
        outbox, counts = self._ledger.outbox, self._counts
        history = History(calls, outbox, user=self._me.user, bot=self._me.bot)
        self._sender = Sender(
            calls,
            outbox,
            history,
            self._pacer,
            self._crew,
            fault=counts.fault,
            clock=self._clock,
            sleep=self._sleep,
            rng=self._rng,
            settle_s=self._settle_s,
        )
        pen = Pen(self._sender, calls, outbox, Streaming(self._clock), self._crew, self._clock)
        self._turns = Turns(self._answers, self._ledger, pen, counts=counts, clock=self._clock)

    async def _socket_url(self) -> str | None:
        """Ask for the socket by ourselves the first time: slack_sdk would try a wrong token for ever."""
        try:
            answer = await self._calls.call("apps.connections.open", app_token=self._app_token)
        except (Away, Busy, Unsure):
            return None
        return str(answer["url"])

    async def _connect(self, web: AsyncWebClient, url: str | None) -> None:
        app = self._app(web)
        self._handler = AsyncSocketModeHandler(app, self._app_token, logger=quiet_logger(), ping_interval=PING_S)
        self._handler.client.proxy = web.proxy
        self._handler.client.wss_uri = url
        await self._handler.connect_async()  # type: ignore[no-untyped-call]  # bolt's own is untyped

    def _app(self, web: AsyncWebClient) -> AsyncApp:
        """Return the app with its listeners. The commit runs before bolt's own ack, since it is a global middleware."""

        async def authorize() -> AuthorizeResult:
            me = self._me
            return AuthorizeResult(
                enterprise_id=None, team_id=me.team, bot_user_id=me.user, bot_id=me.bot, bot_token=self._bot_token
            )

        app = AsyncApp(
            client=web, authorize=authorize, logger=quiet_logger(), attaching_conversation_kwargs_enabled=False
        )
        app.use(self._take_in)
        app.error(self._broke)
        for event in EVENTS:
            app.event(event)(self._heard)
        app.command(commands.COMMAND)(self._commanded)
        app.action(cards.FEEDBACK)(self._felt)
        app.action(re.compile(f"^{cards.SHOW_SOURCE}"))(self._asked_for_source)
        return app

    async def _take_in(
        self, body: dict[str, Any], context: AsyncBoltContext, next_: Callable[[], Awaitable[None]]
    ) -> BoltResponse | None:
        """Commit the event before anybody acknowledges it. A failed commit is no ack: then Slack sends it again."""
        arrival = self._arrival(body)
        if arrival is None and body.get("type") == "event_callback":
            return BoltResponse(status=200)
        if arrival is not None:
            taken = await self._ledger.inbox.take_in(arrival, promised(arrival.event))
            if taken is None:
                log.debug("slack.known", event_id=arrival.event_id)
                return BoltResponse(status=200)
            context["taken"] = taken
        await next_()
        return None

    def _arrival(self, body: Mapping[str, Any]) -> Arrival | None:
        if "command" in body:
            return commands.arrival(body)
        if body.get("type") == "block_actions":
            return buttons.arrival(body)
        return mentions.arrival(body, self._me.user)

    async def _heard(self, context: AsyncBoltContext) -> None:
        self._work(context["taken"])

    async def _commanded(self, ack: AsyncAck, context: AsyncBoltContext) -> None:
        taken: Taken | None = context.get("taken")
        await ack(text=cards.HELP if taken is None else cards.LOOKING, response_type="ephemeral")
        if taken is not None:
            await asyncio.sleep(ACK_SENT_S)
            self._work(taken)

    async def _felt(self, ack: AsyncAck, context: AsyncBoltContext) -> None:
        await ack()
        if (taken := context.get("taken")) is not None:
            self._work(taken)

    async def _asked_for_source(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        if (wish := buttons.wish(body)) is not None:
            self._crew.start(self._show_source(wish), name="show source")

    def _work(self, taken: Taken) -> None:
        if taken.id not in self._begun:
            self._begun.add(taken.id)
            self._turns.greet(taken)
            self._desk.put(taken.event.user, f"turn {taken.id}", partial(self._turn, taken))

    async def _turn(self, taken: Taken, leave: Callable[[], None]) -> None:
        try:
            await self._turns.take(taken, leave)
        finally:
            self._begun.discard(taken.id)

    async def _show_source(self, wish: Wish) -> None:
        """Open the modal with a source's lines; what to show is looked up here, never taken from the button."""
        stored = await self._ledger.journal.answer(wish.answer_id)
        sources = stored.done.sources if stored is not None else ()
        source = next((source for source in sources if source.id == wish.number), None)
        if source is None:
            source, lines = Source(wish.number, "", 1, 1, "This answer is no longer known."), None
        else:
            lines = await self._lines.lines(source.path, source.start_line, source.end_line)
        try:
            await self._calls.call("views.open", trigger_id=wish.trigger, view=cards.source_view(source, lines))
        except (SlackRefused, Away, Busy, Unsure) as error:
            self._counts.fault("source_unopened")
            log.warning(
                "slack.source_unopened", answer=wish.answer_id, why=getattr(error, "code", type(error).__name__)
            )
            said = {"text": cards.UNOPENED, "user": wish.user}
            name = f"source:{wish.name}"
            await self._ledger.outbox.add(Intent(name, "ephemeral", wish.channel, payload=said, repeat=False))
            self._sender.wake(wish.channel)

    async def _broke(self, error: Exception) -> None:
        """Hear what broke before a listener could begin: nothing was promised yet, and Slack will ask again."""
        self._counts.fault("listener_broke")
        log.error("slack.listener_broke", error=type(error).__name__, at=where(error))

    async def _sweep_often(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self._crew.start(self._sweep(), name="sweep")

    async def _sweep(self) -> None:
        """Take up what fell down: posts whose lane failed, events whose turn failed or whose owner is gone."""
        await self._sender.sweep()
        for taken in await self._ledger.inbox.unfinished():
            if self._clock() - taken.at > SWEEP_S:  # a younger one may be on its way to its listener
                self._work(taken)
