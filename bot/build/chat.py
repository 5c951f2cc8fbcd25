"""What only a running bot needs: the chat it speaks in, the bot itself, and the HTTP door."""

import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from bot.build.house import House, Writers
from bot.build.surfaces import surfaces
from bot.build.watching import Watchers
from bot.door.door import Checks, Door, Routes
from bot.door.metrics import Metrics
from bot.errors import BotError
from bot.settings import Settings
from bot.slack.app import SlackBot
from bot.slack.http import PATH, SignedHttp
from bot.slack.pace import Pace
from bot.slack.socket import SocketMode
from bot.slack.transport import Transport
from bot.workspace import Shopkeeper, Workspace, WorkspaceError

AT_HOME = Pace(per_second=50.0, burst=200)
"""The local workspace takes all that we post: nobody waits there for Slack's one post a second."""


@dataclass(frozen=True, slots=True)
class Chat:
    """Where the bot speaks: its token and the API, how it hears, and what a person opens to see it."""

    bot_token: str
    api_url: str
    transport: Transport
    routes: Routes = field(default_factory=dict)
    page: str | None = None


@asynccontextmanager
async def chat_of(
    settings: Settings, fault: Callable[[str], None], shop: Shopkeeper | None = None
) -> AsyncIterator[Chat]:
    """Open the local workspace, or name Slack where its tokens are set. Raises BotError when no port is free.

    Something can be broken in a `shop` from the workspace's page; whoever gives it keeps it open.

    Slack is heard through a socket where there is an app-level token, else by its signed requests at the door.
    """
    slack = settings.slack
    if slack.bot_token is not None and slack.app_token is not None:
        socket = SocketMode(slack.app_token.get_secret_value())
        yield Chat(slack.bot_token.get_secret_value(), slack.api_url, socket)
        return
    if slack.bot_token is not None and slack.signing_secret is not None:
        signed = SignedHttp(slack.signing_secret.get_secret_value(), time.time, fault)
        yield Chat(slack.bot_token.get_secret_value(), slack.api_url, signed, {PATH: signed.serve})
        return
    async with AsyncExitStack() as stack:
        try:
            if shop is not None:
                shop.prepare()
            local = Workspace(settings.data / "workspace", settings.workspace.port, shop=shop)
            workspace = await stack.enter_async_context(local)
        except WorkspaceError as error:
            raise BotError(str(error)) from error
        socket = SocketMode(workspace.app_token)
        yield Chat(workspace.bot_token, workspace.api_url, socket, page=workspace.url)


def slack_bot(
    house: House, writers: Writers, chat: Chat, metrics: Metrics, watchers: Watchers | None = None
) -> SlackBot:
    """Return the bot, ready to start."""
    return SlackBot(
        bot_token=chat.bot_token,
        transport=chat.transport,
        api_url=chat.api_url,
        answers=house.answerer(writers.answer, metrics.fault),
        journal=house.journal,
        inbox=house.inbox,
        outbox=house.outbox,
        lines=house.library,
        counts=metrics,
        surfaces=surfaces(house, writers, metrics.fault, watchers),
        clock=time.time,
        rng=random.Random(),
        pace=None if chat.page is None else AT_HOME,
    )


def door(settings: Settings, checks: Checks, registry: CollectorRegistry, routes: Routes) -> Door:
    """Return the HTTP door; a database that fails makes it say 503."""
    http = settings.http
    return Door(
        port=http.port, listen=http.listen, checks=checks, registry=registry, critical=("database",), routes=routes
    )
