"""The page's own API: the page itself, everything that happens as one live stream, and a person's gestures."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from aiohttp import web

from bot.workspace.arguments import Arguments, arguments
from bot.workspace.errors import NoAnswer, Occupied, Refused
from bot.workspace.gestures import Click, Gestures
from bot.workspace.guard import Guard
from bot.workspace.shopkeeper import Shopkeeper
from bot.workspace.sockets import Sockets
from bot.workspace.state import Payload, State
from bot.workspace.views import Views

TYPES = {"css": "text/css", "html": "text/html", "js": "text/javascript", "svg": "image/svg+xml"}
MOST_MESSAGES = 2_000
"""Messages of a channel that the page is given, the newest ones; a browser shows them all at once."""

PING_S = 15.0
"""A comment on a quiet stream, so that both sides notice a dead connection."""

Gesture = Callable[[Arguments], Awaitable[Payload]]


class Page:
    """What the browser of `seed.you` asks for; with a `shop`, something can be broken in it."""

    def __init__(
        self,
        state: State,
        views: Views,
        sockets: Sockets,
        gestures: Gestures,
        guard: Guard,
        *,
        shop: Shopkeeper | None = None,
    ) -> None:
        self._shop = shop
        self._state = state
        self._views = views
        self._sockets = sockets
        self._gestures = gestures
        self._guard = guard
        self._you = state.seed.you.id
        self._streams: set[asyncio.Queue[str | None]] = set()
        self._known: dict[str, Gesture] = {
            "message": self._say,
            "command": self._command,
            "action": self._press,
            "submit": self._submit,
            "close": self._close,
            "home": self._home,
            "edit": self._edit,
            "delete": self._delete,
            "shortcut": self._shortcut,
        }
        if shop is not None:
            self._known["break"] = partial(self._break, shop)
            shop.listen(lambda: state.tell("shop", shop=shop.status))

    def routes(self) -> list[web.RouteDef]:
        """All addresses of the page."""
        return [
            web.get("/", self._index, allow_head=False),  # a link preview must not use the token up
            web.get("/static/{name}", self._static),
            web.get("/archives/{channel}/{place}", self._archive),
            web.get("/page/events", self._events),
            web.post("/page/{gesture}", self._gesture),
        ]

    def close(self) -> None:
        """End all live streams."""
        for stream in self._streams:
            stream.put_nowait(None)

    async def _index(self, request: web.Request) -> web.Response:
        response = _file("index.html")
        if self._guard.knows(request) or self._guard.admit(request, response):
            return response
        refused = _file("closed.html")
        refused.set_status(HTTPStatus.FORBIDDEN)
        return refused

    async def _static(self, request: web.Request) -> web.Response:
        return _file(request.match_info["name"])

    async def _archive(self, request: web.Request) -> web.Response:
        """Lead from a message's permalink to its channel or thread on the page."""
        channel, thread = request.match_info["channel"], request.query.get("thread_ts", "")
        if channel not in self._state.channels or not re.fullmatch(r"(?:\d+\.\d+)?", thread):
            raise web.HTTPNotFound(text="No such message.")
        return web.Response(status=HTTPStatus.FOUND, headers={"Location": f"/#{channel}" + (thread and f"/{thread}")})

    # Live

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: first a snapshot of everything, then every change."""
        if not self._guard.is_page(request):
            raise web.HTTPForbidden(text="Open the link that copilot printed.")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        self._guard.protect(response)
        await response.prepare(request)
        changes: asyncio.Queue[str | None] = asyncio.Queue()
        stop = self._state.listen(lambda change: changes.put_nowait(json.dumps(change)))
        self._streams.add(changes)
        try:
            await self._send(response, json.dumps(self.snapshot()))
            await self._forward(changes, response)
        except ConnectionError:
            pass  # the browser went away
        finally:
            self._streams.discard(changes)
            stop()
        return response

    async def _forward(self, changes: asyncio.Queue[str | None], response: web.StreamResponse) -> None:
        while True:
            try:
                async with asyncio.timeout(PING_S):
                    change = await changes.get()
            except TimeoutError:
                await response.write(b": still here\n\n")
                continue
            if change is None:
                return
            await self._send(response, change)

    async def _send(self, response: web.StreamResponse, text: str) -> None:
        await response.write(f"data: {text}\n\n".encode())

    def snapshot(self) -> Payload:
        """Everything the page shows."""
        seed, channels = self._state.seed, self._state.channels.values()
        return {
            "kind": "snapshot",
            "team": seed.team,
            "you": self._you,
            "bot": seed.bot.id,
            "users": {user.id: {"name": user.name, "is_bot": user.is_bot} for user in self._state.users.values()},
            "channels": [asdict(channel) | {"members": sorted(channel.members)} for channel in channels],
            "messages": {channel.id: self._shown(channel.id) for channel in channels},
            "statuses": [
                {"channel": channel, "thread": thread, "text": status.text, "loading": status.loading}
                for channel, thread, status in self._state.statuses()
            ],
            "examples": seed.examples,
            "shortcuts": [asdict(shortcut) for shortcut in seed.shortcuts],
            "commands": [asdict(command) for command in seed.commands],
            "prompts": self._state.prompts,
            "views": self._views.stack,
            "app": {"connected": self._sockets.connected > 0, "waiting": self._sockets.waiting},
            "home": self._views.homes.get(self._you),
            "shop": None if self._shop is None else self._shop.status,
        }

    def _shown(self, channel: str) -> list[Payload]:
        whispers = [each for each in self._state.whispers(channel) if each["ephemeral_to"] == self._you]
        return sorted([*self._state.messages(channel)[-MOST_MESSAGES:], *whispers], key=lambda each: str(each["ts"]))

    # Gestures

    async def _gesture(self, request: web.Request) -> web.Response:
        """`POST /page/{gesture}` with a JSON body; `{"ok": false, "error": sentence}` if it came to nothing."""
        if not self._guard.is_page(request):
            raise web.HTTPForbidden(text="Open the link that copilot printed.")
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="Only JSON.")
        gesture = self._known.get(request.match_info["gesture"])
        if gesture is None:
            raise web.HTTPNotFound(text="No such gesture.")
        try:
            return web.json_response({"ok": True} | await gesture(await arguments(request)))
        except NoAnswer:
            return web.json_response({"ok": False, "error": self._silence()})
        except Occupied as occupied:
            return web.json_response({"ok": False, "error": str(occupied)})
        except Refused as refused:
            return web.json_response({"ok": False, "error": f"The workspace refused that ({refused.code})."})

    def _silence(self) -> str:
        if self._sockets.connected:
            return "copilot did not respond in time. Try again in a moment."
        return "copilot is not connected. Messages wait until it is back; commands and buttons do not."

    async def _say(self, args: Arguments) -> Payload:
        text = self._gestures.typed(args.text("text"))
        message = self._gestures.say(args.text("channel"), text, self._you, args.maybe("thread_ts"))
        return {"ts": message["ts"]}

    async def _command(self, args: Arguments) -> Payload:
        await self._gestures.command(args.text("channel"), args.text("command"), args.maybe("text") or "", self._you)
        return {}

    async def _press(self, args: Arguments) -> Payload:
        click = Click(*(args.maybe(name) or "" for name in ("block_id", "action_id", "type", "value")))
        if args.has("view_id"):
            await self._gestures.press_in_view(args.text("view_id"), click, self._you)
        else:
            await self._gestures.press(args.text("channel"), args.text("ts"), click, self._you)
        return {}

    async def _submit(self, args: Arguments) -> Payload:
        values: dict[str, Any] = args.mapping("values") or {}
        return {"errors": await self._gestures.submit(args.text("view_id"), values, self._you)}

    async def _close(self, args: Arguments) -> Payload:
        await self._gestures.close(args.text("view_id"), self._you)
        return {}

    async def _edit(self, args: Arguments) -> Payload:
        text = self._gestures.typed(args.text("text"))
        self._gestures.edit(args.text("channel"), args.text("ts"), text, self._you)
        return {}

    async def _delete(self, args: Arguments) -> Payload:
        self._gestures.delete(args.text("channel"), args.text("ts"), self._you)
        return {}

    async def _shortcut(self, args: Arguments) -> Payload:
        await self._gestures.shortcut(args.text("channel"), args.text("ts"), args.text("callback_id"), self._you)
        return {}

    async def _break(self, shop: Shopkeeper, args: Arguments) -> Payload:
        await shop.break_it(args.text("fault"))
        return {}

    async def _home(self, args: Arguments) -> Payload:
        self._gestures.open_home(self._you, args.text("tab"))
        return {}


def _file(name: str) -> web.Response:
    """Return a file of the page. Only plain names with a known ending: nothing outside the folder can be named."""
    kind = TYPES.get(name.rpartition(".")[2])
    found = files("bot.workspace").joinpath("static", name)
    if kind is None or "/" in name or "\\" in name or not found.is_file():
        raise web.HTTPNotFound(text="No such file.")
    return web.Response(text=found.read_text("utf-8"), content_type=kind)
