"""Opens and closes the workspace: puts its parts together and listens on 127.0.0.1."""

import secrets
import socket
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Middleware

from bot.limits import ACK_S, RETRY_AFTER_S
from bot.workspace.arguments import Arguments
from bot.workspace.chat import Chat
from bot.workspace.errors import PortTaken
from bot.workspace.gestures import Gestures
from bot.workspace.guard import Guard
from bot.workspace.methods import Tokens, WebApi, methods
from bot.workspace.page import Page
from bot.workspace.rate import Lenient, Rate
from bot.workspace.reading import Conversations, Small
from bot.workspace.responses import Responses
from bot.workspace.seed import LARKFIELD, Seed
from bot.workspace.shopkeeper import Shopkeeper
from bot.workspace.sockets import Sockets
from bot.workspace.state import Payload, State
from bot.workspace.store import Store
from bot.workspace.streams import Streams
from bot.workspace.views import Triggers, Views

HOST = "127.0.0.1"
FIRST_PORT = 8123
PORTS_TRIED = 100
BODY_BYTES = 4 * 1024 * 1024
CLOSE_S = 1.0


class Workspace:
    """A local Slack, open between `async with` and its end.

    `port` 0 takes any free port, None the first free one from 8123 on. `url` is the page with its one-time token,
    `api_url` what the app takes for `SLACK_API_URL`; both, and the tokens, are known once it is open. Entering
    raises PortTaken. `middlewares` see every request before anything else does. The page can break something in a
    `shop`; whoever gives it keeps it open.
    """

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
        *,
        new_secret: Callable[[], str] = secrets.token_urlsafe,
        seed: Seed = LARKFIELD,
        rate: Rate | None = None,
        retry_after_s: tuple[float, ...] = RETRY_AFTER_S,
        ack_s: float = ACK_S,
        middlewares: Sequence[Middleware] = (),
        shop: Shopkeeper | None = None,
    ) -> None:
        self._folder = folder
        self._wanted = port
        self._clock = clock
        self._new_id = new_id
        self._new_secret = new_secret
        self._seed = seed
        self._rate = rate or Lenient()
        self._retry_after_s = retry_after_s
        self._ack_s = ack_s
        self._middlewares = middlewares
        self._shop = shop
        self._tokens = Tokens(bot=f"xoxb-{new_secret()}", app=f"xapp-{new_secret()}")
        self._guard = Guard(new_secret)
        self._exit = AsyncExitStack()
        self.state: State
        self.sockets: Sockets
        self.views: Views
        self.gestures: Gestures

    @property
    def port(self) -> int:
        """The port we listen on."""
        return self._guard.port

    @property
    def url(self) -> str:
        """The page, with a token that works once."""
        return f"{self._base()}?token={self._guard.token}"

    @property
    def api_url(self) -> str:
        """The Web API, for `SLACK_API_URL`."""
        return f"{self._base()}api/"

    @property
    def bot_token(self) -> str:
        """The `xoxb-` token."""
        return self._tokens.bot

    @property
    def app_token(self) -> str:
        """The `xapp-` token."""
        return self._tokens.app

    async def __aenter__(self) -> Self:
        listener = self._bound()
        async with AsyncExitStack() as stack:
            stack.callback(listener.close)
            store = Store(self._folder)
            stack.callback(store.close)
            runner = web.AppRunner(self._application(store), access_log=None, shutdown_timeout=CLOSE_S)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.SockSite(runner, listener).start()
            stack.push_async_callback(self.sockets.close)
            self.sockets.start()
            self._exit = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exit.aclose()

    def _base(self) -> str:
        return f"http://{HOST}:{self.port}/"

    def _bound(self) -> socket.socket:
        ports = range(FIRST_PORT, FIRST_PORT + PORTS_TRIED) if self._wanted is None else [self._wanted]
        for port in ports:
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((HOST, port))
            except OSError:
                listener.close()
                continue
            self._guard.port = listener.getsockname()[1]
            return listener
        if self._wanted is None:
            raise PortTaken(f"No port from {FIRST_PORT} to {ports[-1]} is free: name one with --port.")
        raise PortTaken(f"Port {self._wanted} is in use or not allowed: name another one with --port.")

    def _application(self, store: Store) -> web.Application:
        """Every part, each given what it needs."""
        state = self.state = State(self._seed, store, self._clock)
        sockets = self.sockets = Sockets(
            store,
            self._seed.app_id,
            self._new_id,
            self._new_secret,
            retry_after_s=self._retry_after_s,
            ack_s=self._ack_s,
            changed=self._tell_app,
        )
        triggers = Triggers(self._clock, self._new_id)
        views = self.views = Views(state, triggers, self._new_id)
        chat = Chat(state, self._new_id, self._posted)
        responses = Responses(state, chat, self._new_secret, self._base)
        self.gestures = Gestures(state, sockets, views, triggers, responses, new_id=self._new_id)
        page = Page(state, views, sockets, self.gestures, self._guard, shop=self._shop)
        known = methods(chat, Streams(state, chat), Conversations(state), Small(state, self._base), views)
        api = WebApi(known, self._connect, self._tokens, self._rate, self._clock, scopes=self._seed.scopes)

        app = web.Application(middlewares=[*self._middlewares, self._guard.check], client_max_size=BODY_BYTES)
        app.add_routes(page.routes())
        app.router.add_route("*", "/api/{method}", api.serve)
        app.router.add_get("/link", sockets.serve)
        app.router.add_post("/response/{secret}", responses.serve)

        async def close_page(_app: web.Application) -> None:
            page.close()

        app.on_shutdown.append(close_page)
        return app

    def _posted(self, channel: str, message: Payload) -> None:
        self.gestures.posted(channel, message)

    def _tell_app(self) -> None:
        self.state.tell("app", connected=self.sockets.connected > 0, waiting=self.sockets.waiting)

    def _connect(self, _args: Arguments) -> Payload:
        """`apps.connections.open`: https://docs.slack.dev/reference/methods/apps.connections.open."""
        return {"url": f"ws://{HOST}:{self.port}/link?ticket={self.sockets.ticket()}&app_id={self._seed.app_id}"}
