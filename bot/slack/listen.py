"""Slack's events, commands and presses on their way in: written down before they are acknowledged, then handed on."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.journal.inbox import Arrival, Event, Inbox, Taken
from bot.slack import buttons, cards, channelform, commands, mentions, shortcuts
from bot.slack.acts import Threads
from bot.slack.alertbots import AlertBots
from bot.slack.buttons import Wish
from bot.slack.crew import Crew
from bot.slack.home import Home
from bot.slack.markdown import clean
from bot.slack.quiet import quiet_logger, where
from bot.slack.readers import Readers
from bot.slack.rules import Rules
from bot.slack.turns import promised
from ingest.redact import Redact, redact

log = structlog.get_logger(__name__)

ASKING = ("app_mention", "message")
TELLING = (
    "channel_shared",
    "channel_unshared",
    "member_joined_channel",
    "member_left_channel",
    "team_join",
    "user_change",
)
"""Events that only tell who may read what from now on; see `Readers.heard`."""

EVENTS = ("app_home_opened", *ASKING, *TELLING)
"""Events that we take; the manifest subscribes to these (`message` by kind of channel) and no others."""

INTERACTIONS: Mapping[str, Callable[[Mapping[str, Any]], Arrival | None]] = {
    "block_actions": buttons.arrival,
    "message_action": shortcuts.arrival,
    "view_submission": channelform.arrival,
}
"""What each kind of interaction asks of us."""

ACK_SENT_S = 0.1
"""bolt looks for an ack every 10 ms and sends it then; the answer to a command must not overtake it."""

FOLLOW_UP_S = 600.0
"""How long after our answer its asker may go on in the thread without a mention."""


@dataclass(frozen=True, slots=True)
class Account:
    """The bot's own ids in the workspace it is installed in, and the workspace's address where it is known."""

    user: str
    bot: str
    team: str
    url: str = ""


class Listeners:
    """What we listen to. `work` takes an accepted event on, `show` a wish to see a source; both return at once."""

    def __init__(
        self,
        me: Account,
        bot_token: str,
        inbox: Inbox,
        threads: Threads,
        *,
        readers: Readers,
        rules: Rules,
        home: Home,
        crew: Crew,
        work: Callable[[Taken], None],
        show: Callable[[Wish], None],
        fault: Callable[[str], None],
        redact: Redact = redact,
        alert_bots: AlertBots | None = None,
        form: Callable[[channelform.Asked], None] | None = None,
    ) -> None:
        self._me = me
        self._bot_token = bot_token
        self._inbox = inbox
        self._threads = threads
        self._readers = readers
        self._rules = rules
        self._home = home
        self._crew = crew
        self._work = work
        self._show = show
        self._fault = fault
        self._redact = redact
        self._alert_bots = alert_bots
        self._form = form

    def app(self, web: AsyncWebClient) -> AsyncApp:
        """Return the app with its listeners. The commit runs before bolt's own ack, since it is a global middleware."""

        async def authorize() -> AuthorizeResult:
            me = self._me
            return AuthorizeResult(
                enterprise_id=None, team_id=me.team, bot_user_id=me.user, bot_id=me.bot, bot_token=self._bot_token
            )

        app = AsyncApp(
            client=web,
            authorize=authorize,
            logger=quiet_logger(),
            attaching_conversation_kwargs_enabled=False,
            request_verification_enabled=False,  # bot.slack.http has checked the signature before bolt sees anything
        )
        app.use(self._take_in)
        app.error(self._broke)
        app.event("app_home_opened")(self._opened)
        for event in ASKING:
            app.event(event)(self._heard)
        app.command(commands.COMMAND)(self._commanded)
        app.shortcut(shortcuts.ASK_ABOUT)(self._pressed)
        app.action(re.compile(f"^({'|'.join(buttons.MEANT)})(:|$)"))(self._pressed)
        app.action(re.compile(f"^{cards.SHOW_SOURCE}"))(self._asked_for_source)
        app.view(channelform.CALLBACK)(self._submitted)
        return app

    async def _take_in(
        self, body: dict[str, Any], context: AsyncBoltContext, next_: Callable[[], Awaitable[None]]
    ) -> BoltResponse | None:
        """Commit the event before anybody acknowledges it. A failed commit is no ack: then Slack sends it again."""
        if body.get("type") == "event_callback":
            self._readers.heard(body["event"])
        if "command" in body:
            context["form"] = channelform.asked(body)
        arrival = _without_secrets(await self._arrival(body), self._redact)
        if arrival is None and body.get("type") == "event_callback" and not _is_opening(body):
            return BoltResponse(status=200)
        if arrival is not None:
            taken = await self._inbox.take_in(arrival, promised(arrival.event))
            if taken is None:
                log.debug("slack.known", event_id=arrival.event_id)
                return BoltResponse(status=200)
            context["taken"] = taken
        await next_()
        return None

    async def _arrival(self, body: Mapping[str, Any]) -> Arrival | None:
        if "command" in body:
            return commands.arrival(body)
        if (understood := INTERACTIONS.get(str(body.get("type")))) is not None:
            return understood(body)
        if self._alert_bots is not None and self._alert_bots.posted(body.get("event") or {}):
            return self._alert_bots.arrival(body)
        heard = mentions.arrival(body, self._me.user)
        if heard is None:
            return await self._follow_up(body)
        if heard.event.kind in ("edited", "deleted") and not await self._is_known(heard.event):
            return None  # most edits and deletions are none of our business, and are not written down
        return heard

    async def _follow_up(self, body: Mapping[str, Any]) -> Arrival | None:
        """Return the message of a thread that goes on with our last answer there, though it mentions nobody."""
        heard = None if self._rules.strict else mentions.follow_up(body, self._me.user)
        if heard is None or heard.event.thread is None or heard.event.ts is None:
            return None
        event, at = heard.event, float(heard.event.ts)
        goes_on = await self._threads.continues(event.channel, heard.event.thread, event.user, at, FOLLOW_UP_S)
        return heard if goes_on else None

    async def _is_known(self, event: Event) -> bool:
        return bool(await self._threads.questions_at(f"{event.channel}:{event.ts}"))

    async def _heard(self, context: AsyncBoltContext) -> None:
        self._work(context["taken"])

    async def _opened(self, event: dict[str, Any]) -> None:
        if event.get("tab") == "home":
            self._crew.start(self._home.publish(str(event["user"])), name="home")
        else:
            self._crew.start(self._home.suggest(str(event["channel"])), name="prompts")

    async def _commanded(self, ack: AsyncAck, context: AsyncBoltContext) -> None:
        if self._form is not None and (asked := context.get("form")) is not None:
            await ack()
            self._form(asked)
            return
        taken: Taken | None = context.get("taken")
        await ack(text=cards.HELP if taken is None else cards.LOOKING[taken.event.kind], response_type="ephemeral")
        if taken is not None:
            await asyncio.sleep(ACK_SENT_S)
            self._work(taken)

    async def _pressed(self, ack: AsyncAck, context: AsyncBoltContext) -> None:
        await ack()
        if (taken := context.get("taken")) is not None:
            self._work(taken)

    async def _submitted(self, ack: AsyncAck, context: AsyncBoltContext, body: dict[str, Any]) -> None:
        """Tell what is wrong at its field, or close the form, which is written down by then."""
        wrong = channelform.mistakes(body)
        await ack(response_action="errors", errors=wrong) if wrong else await ack()
        if (taken := context.get("taken")) is not None:
            self._work(taken)

    async def _asked_for_source(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        if (wish := buttons.wish(body)) is not None:
            self._show(wish)

    async def _broke(self, error: Exception) -> None:
        """Hear what broke before a listener could begin: nothing was promised yet, and Slack will ask again."""
        self._fault("listener_broke")
        log.error("slack.listener_broke", error=type(error).__name__, at=where(error))


def _without_secrets(arrival: Arrival | None, redact: Redact) -> Arrival | None:
    """Return what was asked as it may be written down: without secrets and unseen characters, which hide secrets."""
    if arrival is None:
        return None
    return replace(arrival, event=replace(arrival.event, text=redact(clean(arrival.event.text))))


def _is_opening(body: Mapping[str, Any]) -> bool:
    return bool(body["event"].get("type") == "app_home_opened")
