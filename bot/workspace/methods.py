"""The Web API over HTTP: token, arguments, method, answer. Knows no rule of any single method."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from bot.workspace.arguments import Arguments, arguments
from bot.workspace.chat import Chat
from bot.workspace.errors import Refused
from bot.workspace.rate import Rate
from bot.workspace.reading import Conversations, Small
from bot.workspace.state import Payload
from bot.workspace.streams import Streams
from bot.workspace.views import Views

Method = Callable[[Arguments], Payload]

CONNECT = "apps.connections.open"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the app proves itself with; made anew at every start."""

    bot: str
    app: str


def methods(
    chat: Chat, streams: Streams, conversations: Conversations, small: Small, views: Views
) -> dict[str, Method]:
    """Every method we know but `apps.connections.open`, by name."""
    return {
        "auth.test": small.auth,
        "users.info": small.user,
        "users.list": small.people,
        "usergroups.users.list": small.group,
        "chat.postMessage": chat.post,
        "chat.postEphemeral": chat.post_ephemeral,
        "chat.update": chat.update,
        "chat.delete": chat.delete,
        "chat.getPermalink": small.permalink,
        "chat.startStream": streams.start,
        "chat.appendStream": streams.append,
        "chat.stopStream": streams.stop,
        "conversations.history": conversations.history,
        "conversations.replies": conversations.replies,
        "conversations.info": conversations.info,
        "conversations.members": conversations.members,
        "conversations.open": conversations.open,
        "reactions.add": small.add_reaction,
        "reactions.remove": small.remove_reaction,
        "assistant.threads.setStatus": small.set_status,
        "assistant.threads.setSuggestedPrompts": small.set_prompts,
        "views.open": views.open,
        "views.update": views.update,
        "views.publish": views.publish,
    }


class WebApi:
    """Answers `POST /api/{method}` as Slack does: always 200 with `ok`, but 429 when paced."""

    def __init__(
        self,
        known: dict[str, Method],
        connect: Method,
        tokens: Tokens,
        rate: Rate,
        clock: Callable[[], float],
        *,
        scopes: tuple[str, ...] = (),
    ) -> None:
        self._scopes = scopes
        self._known = known | {CONNECT: connect}
        self._tokens = tokens
        self._rate = rate
        self._clock = clock

    async def serve(self, request: web.Request) -> web.Response:
        """One call."""
        name = request.match_info["method"]
        try:
            args = await arguments(request)
            self._authorize(name, _token(request, args))
            method = self._method(name)
            wait_s = self._rate.wait_s(name, args.maybe("channel"), self._clock())
            if wait_s > 0:
                return _too_early(wait_s)
            return web.json_response({"ok": True} | method(args), headers={"x-oauth-scopes": ",".join(self._scopes)})
        except Refused as refused:
            return web.json_response(_refusal(refused))

    def _method(self, name: str) -> Method:
        if name not in self._known:
            raise Refused("unknown_method")
        return self._known[name]

    def _authorize(self, name: str, token: str) -> None:
        """Only the app token opens sockets, only the bot token does the rest."""
        if not token:
            raise Refused("not_authed")
        if token not in (self._tokens.bot, self._tokens.app):
            raise Refused("invalid_auth")
        if (name == CONNECT) != (token == self._tokens.app):
            raise Refused("not_allowed_token_type")


def _token(request: web.Request, args: Arguments) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme == "Bearer" else args.maybe("token") or ""


def _refusal(refused: Refused) -> Payload:
    answer: Payload = {"ok": False, "error": refused.code}
    if refused.messages:
        answer["response_metadata"] = {"messages": list(refused.messages)}
    return answer


def _too_early(wait_s: float) -> web.Response:
    headers = {"Retry-After": str(math.ceil(wait_s))}
    status = web.HTTPTooManyRequests.status_code
    return web.json_response({"ok": False, "error": "ratelimited"}, status=status, headers=headers)
