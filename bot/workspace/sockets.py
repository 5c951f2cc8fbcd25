"""Socket Mode: hands every envelope to one connected socket and waits for its ack. Knows no channel.

https://docs.slack.dev/apis/events-api/using-socket-mode. One thing is kinder than Slack: events that nobody could
take wait (in the store, over restarts too) until a socket connects, so that nothing said to a bot that is
restarting is lost.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable

from aiohttp import WSCloseCode, WSMsgType, web

from bot.limits import SOCKETS
from bot.workspace.errors import NoAnswer
from bot.workspace.state import Payload
from bot.workspace.store import Store

HEARTBEAT_S = 10.0


class Socket:
    """One connection with the envelopes it has not acknowledged."""

    def __init__(self, link: web.WebSocketResponse) -> None:
        self.link = link
        self._waiting: dict[str, asyncio.Future[Payload | None]] = {}

    async def ask(self, envelope: Payload, ack_s: float) -> Payload | None:
        """Send an envelope; the payload of its ack. Raises TimeoutError, or ConnectionError if the socket dies."""
        answer: asyncio.Future[Payload | None] = asyncio.get_running_loop().create_future()
        self._waiting[envelope["envelope_id"]] = answer
        try:
            # Not wait_for: before Python 3.12 it loses a cancellation that meets a finished future.
            async with asyncio.timeout(ack_s):
                await self.link.send_json(envelope)
                return await answer
        finally:
            self._waiting.pop(envelope["envelope_id"], None)

    def answered(self, text: str) -> None:
        """Take what the app sent: an ack, or something to ignore."""
        with contextlib.suppress(ValueError):
            ack = json.loads(text)
            waiting = self._waiting.get(ack.get("envelope_id", "")) if isinstance(ack, dict) else None
            if waiting is not None and not waiting.done():
                waiting.set_result(ack.get("payload") or None)

    def died(self) -> None:
        """Fail every envelope that still waits."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionResetError("the socket closed before the ack"))


class Sockets:
    """All connections of the app, and the events on their way to it. `changed` is called when either changes."""

    def __init__(
        self,
        store: Store,
        app_id: str,
        new_id: Callable[[], str],
        new_secret: Callable[[], str],
        *,
        retry_after_s: tuple[float, ...],
        ack_s: float,
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._app_id = app_id
        self._new_id = new_id
        self._new_secret = new_secret
        self._retry_after_s = retry_after_s
        self._ack_s = ack_s
        self._changed = changed
        self._tickets: set[str] = set()
        self._open: list[Socket] = []
        self._connected = asyncio.Event()
        self._deliveries: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> int:
        """How many sockets are open."""
        return len(self._open)

    @property
    def waiting(self) -> int:
        """How many events nobody acknowledged yet."""
        return len(self._deliveries)

    def start(self) -> None:
        """Take up the events that an earlier run could not deliver."""
        for key, payload in self._store.events():
            self._begin(key, payload)

    def ticket(self) -> str:
        """Return a secret that opens one socket."""
        ticket = self._new_secret()
        self._tickets.add(ticket)
        return ticket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """`GET /link?ticket=...`: one connection, until either side closes it."""
        if request.query.get("ticket") not in self._tickets:
            return web.json_response({"ok": False, "error": "invalid_ticket"}, status=web.HTTPUnauthorized.status_code)
        self._tickets.discard(request.query["ticket"])
        link = web.WebSocketResponse(heartbeat=HEARTBEAT_S)
        await link.prepare(request)
        if len(self._open) >= SOCKETS:
            await link.send_json({"type": "disconnect", "reason": "too_many_websockets", "debug_info": {}})
            await link.close()
            return link
        await self._converse(Socket(link))
        return link

    def emit(self, payload: Payload) -> None:
        """Send an Events API payload, now or as soon as a socket connects, and again until it is acknowledged."""
        key = self._new_id()
        self._store.put_event(key, payload)
        self._begin(key, payload)

    async def ask(self, kind: str, payload: Payload) -> Payload | None:
        """Send a command or an interaction once; the payload of the ack. Raises NoAnswer."""
        if not self._open:
            raise NoAnswer("not connected")
        envelope = {"type": kind, "payload": payload, "accepts_response_payload": True}
        try:
            return await self._next().ask(envelope | {"envelope_id": self._new_id()}, self._ack_s)
        except (TimeoutError, ConnectionError) as error:
            raise NoAnswer("no acknowledgement in time") from error

    async def disconnect(self, reason: str) -> None:
        """Ask the app to connect anew, then close: what Slack does every few hours (`refresh_requested`)."""
        for socket in tuple(self._open):
            await socket.link.send_json({"type": "disconnect", "reason": reason, "debug_info": {}})
            await socket.link.close()

    async def close(self) -> None:
        """Close all sockets. Events that were not acknowledged stay in the store."""
        for delivery in self._deliveries:
            delivery.cancel()
        await asyncio.gather(*self._deliveries, return_exceptions=True)
        for socket in tuple(self._open):
            await socket.link.close(code=WSCloseCode.GOING_AWAY)

    async def _converse(self, socket: Socket) -> None:
        try:
            await socket.link.send_json(self._hello())
            self._open.append(socket)
            self._connected.set()
            self._changed()
            async for message in socket.link:
                if message.type == WSMsgType.TEXT:
                    socket.answered(message.data)
        except ConnectionError:
            pass  # the app went away while we greeted it
        finally:
            self._forget(socket)

    def _forget(self, socket: Socket) -> None:
        if socket in self._open:
            self._open.remove(socket)
        if not self._open:
            self._connected.clear()
        socket.died()
        self._changed()

    def _hello(self) -> Payload:
        debug = {"host": "workspace", "build_number": 1, "approximate_connection_time": 18060}
        about = {
            "num_connections": len(self._open) + 1,
            "connection_info": {"app_id": self._app_id},
            "debug_info": debug,
        }
        return {"type": "hello"} | about

    def _next(self) -> Socket:
        # Turn by turn: each event goes to one socket, and every socket gets its share.
        self._open.append(self._open.pop(0))
        return self._open[-1]

    def _begin(self, key: str, payload: Payload) -> None:
        delivery = asyncio.create_task(self._deliver(key, payload))
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._end)

    def _end(self, delivery: asyncio.Task[None]) -> None:
        self._deliveries.discard(delivery)
        self._changed()

    async def _deliver(self, key: str, payload: Payload) -> None:
        """Send until acknowledged; a socket that died costs no try, a missing ack does."""
        waits, attempt, reason = list(self._retry_after_s), 0, ""
        while True:
            while not self._open:
                await self._connected.wait()
            socket, envelope = self._next(), self._event(payload, attempt, reason)
            attempt += 1
            try:
                await socket.ask(envelope, self._ack_s)
                break
            except ConnectionError:
                reason = "http_error"
                self._forget(socket)
            except TimeoutError:
                reason = "timeout"
                if not waits:
                    break
                await asyncio.sleep(waits.pop(0))
        self._store.drop_event(key)

    def _event(self, payload: Payload, attempt: int, reason: str) -> Payload:
        about = {"envelope_id": self._new_id(), "type": "events_api", "accepts_response_payload": False}
        return about | {"payload": payload, "retry_attempt": attempt, "retry_reason": reason}
