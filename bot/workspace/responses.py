"""`response_url`s: a few posts, for a while, into the place a gesture came from.

https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from bot.limits import RESPONSE_URL_S, RESPONSE_URL_USES
from bot.workspace.arguments import Arguments, arguments
from bot.workspace.chat import Chat
from bot.workspace.errors import Refused
from bot.workspace.state import Payload, State


@dataclass(slots=True)
class Place:
    """Where a `response_url` posts. `ts` is the message that was clicked, if one was."""

    channel: str
    user: str
    thread_ts: str | None
    ts: str | None
    expires: float
    uses: int = field(default=0)


class Responses:
    """The urls that were handed out since the start."""

    def __init__(self, state: State, chat: Chat, new_secret: Callable[[], str], url: Callable[[], str]) -> None:
        self._state = state
        self._chat = chat
        self._new_secret = new_secret
        self._url = url
        self._places: dict[str, Place] = {}

    def issue(self, channel: str, user: str, message: Payload | None = None) -> str:
        """Return a new `response_url`, for a command or for a click on `message`."""
        secret = self._new_secret()
        thread_ts, ts = (message.get("thread_ts"), message["ts"]) if message else (None, None)
        expires = self._state.clock() + RESPONSE_URL_S
        self._places[secret] = Place(channel, user, thread_ts, ts, expires)
        return f"{self._url()}response/{secret}"

    async def serve(self, request: web.Request) -> web.Response:
        """`POST /response/{secret}`."""
        try:
            self.respond(self._place(request.match_info["secret"]), await arguments(request))
        except Refused as refused:
            status = 404 if refused.code in ("expired_url", "used_url") else 400
            return web.json_response({"ok": False, "error": refused.code}, status=status)
        return web.Response(text="ok")

    def respond(self, place: Place, args: Arguments) -> None:
        """Post, replace or delete as the app says. Raises Refused."""
        if args.flag("delete_original"):
            self._remove(place)
        elif args.flag("replace_original"):
            self._replace(place, args)
        else:
            self.show(place, args)

    def show(self, place: Place, args: Arguments) -> None:
        """Post anew: ephemeral unless `response_type` is `in_channel`."""
        message = self._chat.written(args)
        if thread_ts := args.maybe("thread_ts") or place.thread_ts:
            message["thread_ts"] = thread_ts
        if args.maybe("response_type") == "in_channel":
            self._state.put(place.channel, message)
        else:
            self._state.whisper(place.channel, message | {"ephemeral_to": place.user, "is_ephemeral": True})

    def _place(self, secret: str) -> Place:
        place = self._places.get(secret)
        if place is None or place.expires < self._state.clock():
            raise Refused("expired_url")
        if place.uses >= RESPONSE_URL_USES:
            raise Refused("used_url")
        place.uses += 1
        return place

    def _original(self, place: Place) -> Payload:
        message = self._state.find(place.channel, place.ts) if place.ts else None
        if message is None:
            raise Refused("message_not_found")
        return message

    def _remove(self, place: Place) -> None:
        self._state.remove(place.channel, self._original(place)["ts"])

    def _replace(self, place: Place, args: Arguments) -> None:
        before = self._original(place)
        kept = ("ts", "thread_ts", "is_ephemeral", "ephemeral_to", "metadata", "reactions")
        message = self._chat.written(args) | {key: before[key] for key in kept if key in before}
        keep = self._state.whisper if before.get("is_ephemeral") else self._state.put
        keep(place.channel, message)
