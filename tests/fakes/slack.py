"""A Slack for tests: the real workspace on loopback, with a journal of calls, faults on demand, and a person's hands.

Faults are a middleware around the workspace, so neither the bot nor the workspace knows of them.
"""

import asyncio
import json
import random
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from aiohttp import web

from bot.workspace import LARKFIELD, Refused, Seed, User, Workspace
from bot.workspace.arguments import Arguments, arguments
from bot.workspace.blocks import texts
from bot.workspace.gestures import Click
from bot.workspace.guard import Handler
from bot.workspace.rate import Rate

T = TypeVar("T")
Payload = dict[str, Any]

ALICE, BOB, COPILOT = "U0ALICE", "U0BOB", "U0COPILOT"
INCIDENTS, PAYMENTS, DM = "C0INCIDENTS", "C0PAYMENTS", "D0ALICE"
STREAMING = ("chat.startStream", "chat.appendStream", "chat.stopStream")
READING = ("conversations.history", "conversations.replies")

TOWN: Seed = replace(
    LARKFIELD,
    others=(User(BOB, "bob", "Bob", tz="Europe/Berlin", tz_offset_s=3600),),
    channels=tuple(
        channel if channel.direct else replace(channel, members=channel.members | {BOB})
        for channel in LARKFIELD.channels
    ),
)
"""Larkfield with one more person in its channels."""


@dataclass(frozen=True, slots=True)
class Call:
    """One Web API call. `status` is HTTP's; `answer` None means an answer that was no JSON, or none at all."""

    method: str
    args: Payload
    status: int
    answer: Payload | None
    at: float

    @property
    def ok(self) -> bool:
        """Whether Slack did it, as far as the caller could tell."""
        return bool(self.answer and self.answer.get("ok"))


@dataclass(frozen=True, slots=True)
class Fault:
    """What a call meets instead of its answer.

    `error` is Slack's word with HTTP 200; `status` an HTTP status with `body`; `drop` closes the connection without an
    answer. `after` lets the call take effect first.
    """

    error: str | None = None
    status: int = 200
    retry_after_s: int | None = None
    body: str | None = None
    drop: bool = False
    after: bool = False


class FakeSlack:
    """The workspace, open during `async with`. `calls` holds every Web API call in the order of the answers."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
        seed: Seed = TOWN,
        rate: Rate | None = None,
        retry_after_s: tuple[float, ...] = (0.0, 0.0, 0.0),
        ack_s: float = 3.0,
        port: int = 0,
    ) -> None:
        self.calls: list[Call] = []
        self.history_lags_s = 0.0
        self._clock = clock
        self._faults: dict[str, deque[Fault]] = {}
        self._always: dict[str, Fault] = {}
        self._chance: Callable[[str], Fault | None] = lambda _method: None
        self._held: dict[str, asyncio.Event] = {}
        self._changed = asyncio.Event()
        self._exit = AsyncExitStack()
        self.workspace = Workspace(
            folder,
            port,
            clock,
            new_id,
            seed=seed,
            rate=rate,
            retry_after_s=retry_after_s,
            ack_s=ack_s,
            middlewares=[self._intercept],
        )

    async def __aenter__(self) -> Self:
        await self._exit.enter_async_context(self.workspace)
        self._exit.callback(self.workspace.state.listen(lambda _change: self._changed.set()))
        return self

    async def __aexit__(self, *_error: object) -> None:
        for held in self._held.values():
            held.set()
        await self._exit.aclose()

    # What the bot is told

    @property
    def api_url(self) -> str:
        """For `SLACK_API_URL`."""
        return self.workspace.api_url

    @property
    def url(self) -> str:
        """The page, with its one-time token."""
        return self.workspace.url

    @property
    def bot_token(self) -> str:
        """The `xoxb-` token."""
        return self.workspace.bot_token

    @property
    def app_token(self) -> str:
        """The `xapp-` token."""
        return self.workspace.app_token

    # Faults

    def fail(self, method: str, fault: Fault, times: int = 1) -> None:
        """Let the next `times` calls of a method meet a fault."""
        self._faults.setdefault(method, deque()).extend([fault] * times)

    def refuse(self, method: str, error: str, times: int = 1) -> None:
        """Let the next calls be refused with Slack's word, without effect."""
        self.fail(method, Fault(error=error), times)

    def rate_limit(self, method: str, retry_after_s: int, times: int = 1) -> None:
        """Let the next calls meet HTTP 429."""
        body = json.dumps({"ok": False, "error": "ratelimited"})
        self.fail(method, Fault(status=429, retry_after_s=retry_after_s, body=body), times)

    def break_down(self, method: str, status: int = 503, times: int = 1, *, after: bool = False) -> None:
        """Let the next calls meet a 5xx with a page of HTML."""
        self.fail(
            method, Fault(status=status, body="<html><body>Service Unavailable</body></html>", after=after), times
        )

    def drop(self, method: str, times: int = 1, *, after: bool = True) -> None:
        """Let the connection of the next calls die, by default after Slack accepted them."""
        self.fail(method, Fault(drop=True, after=after), times)

    def without_streaming(self) -> None:
        """Be a server that knows no streaming method."""
        for method in STREAMING:
            self._always[method] = Fault(error="unknown_method")

    def go_down(self, status: int = 503) -> None:
        """Let every call fail until `come_back`."""
        self._always["*"] = Fault(status=status, body="<html><body>down</body></html>")

    def come_back(self) -> None:
        """End `go_down`."""
        self._always.pop("*", None)

    def sometimes(self, rng: random.Random, share: float, *faults: Fault, methods: tuple[str, ...] = ()) -> None:
        """Let a share of all calls (or of `methods`) meet one of the faults, as the seeded `rng` says."""

        def chance(method: str) -> Fault | None:
            hit = (not methods or method in methods) and rng.random() < share
            return rng.choice(faults) if hit else None

        self._chance = chance

    @contextmanager
    def hold(self, method: str) -> Iterator[None]:
        """Keep calls of a method waiting, before they take effect, until the block ends."""
        self._held[method] = asyncio.Event()
        try:
            yield
        finally:
            self._held.pop(method).set()

    @web.middleware
    async def _intercept(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith("/api/"):
            return await handler(request)
        method = request.path.removeprefix("/api/")
        args = await _readable(request)
        if method in self._held:
            await self._held[method].wait()
        fault = self._next_fault(method)
        effect = await handler(request) if fault is None or fault.after else None
        response = self._lagging(method, effect or web.Response()) if fault is None else _faulty(fault)
        self._note(method, args, None if fault and fault.drop else response)
        if fault and fault.drop and request.transport is not None:
            request.transport.abort()
        return response

    def _next_fault(self, method: str) -> Fault | None:
        if planned := self._faults.get(method):
            return planned.popleft()
        return self._always.get("*") or self._always.get(method) or self._chance(method)

    def _note(self, method: str, args: Arguments, response: web.StreamResponse | None) -> None:
        answer, status = None, 0
        if isinstance(response, web.Response):
            status = response.status
            if response.content_type == "application/json" and response.text:
                answer = json.loads(response.text)
        fields = {key: value for key, value in args.fields.items() if key != "token"}
        self.calls.append(Call(method, fields, status, answer, self._clock()))
        self._changed.set()

    def _lagging(self, method: str, response: web.StreamResponse) -> web.StreamResponse:
        """Hide the app's newest messages from what is read, as long as history lags."""
        if method not in READING or not self.history_lags_s or not isinstance(response, web.Response):
            return response
        answer, oldest = json.loads(response.text or "{}"), self._clock() - self.history_lags_s
        answer["messages"] = [
            each for each in answer.get("messages", []) if "bot_id" not in each or float(each["ts"]) < oldest
        ]
        return web.json_response(answer)

    # A person's hands

    def say(
        self, channel: str, text: str, *, user: str = ALICE, thread_ts: str | None = None, times: int = 1
    ) -> Payload:
        """Post `text` as Slack stores it (`<@U...>`, `&lt;`); each event is delivered `times` times. The message."""
        return self.workspace.gestures.say(channel, text, user, thread_ts, times)

    def mention(
        self, channel: str, text: str, *, user: str = ALICE, thread_ts: str | None = None, times: int = 1
    ) -> Payload:
        """Post `@copilot text`."""
        return self.say(channel, f"<@{COPILOT}> {text}", user=user, thread_ts=thread_ts, times=times)

    def say_in_dm(self, text: str, *, thread_ts: str | None = None, times: int = 1) -> Payload:
        """Write to copilot alone."""
        return self.say(DM, text, thread_ts=thread_ts, times=times)

    def reply(self, message: Payload, text: str, *, channel: str = INCIDENTS, user: str = ALICE) -> Payload:
        """Answer in the thread of a message, without a mention."""
        return self.say(channel, text, user=user, thread_ts=message.get("thread_ts", message["ts"]))

    def edit(self, message: Payload, text: str, *, channel: str = INCIDENTS, user: str = ALICE) -> Payload:
        """Change one's own message (`text` as Slack stores it)."""
        return self.workspace.gestures.edit(channel, message["ts"], text, user)

    def delete(self, message: Payload, *, channel: str = INCIDENTS, user: str = ALICE) -> None:
        """Delete one's own message."""
        self.workspace.gestures.delete(channel, message["ts"], user)

    async def ask_about(self, message: Payload, *, channel: str = INCIDENTS, user: str = ALICE) -> None:
        """Choose *Ask about this* in the menu of a message. Raises NoAnswer."""
        await self.workspace.gestures.shortcut(channel, message["ts"], "ask_about_this", user)

    async def press_home(self, action_id: str, *, user: str = ALICE) -> None:
        """Press a button of one's home tab. Raises LookupError if there is none, or NoAnswer."""
        view = self.homes[user]
        await self.workspace.gestures.press_in_view(view["id"], click_on(view, action_id), user)

    async def slash(self, channel: str, text: str, *, user: str = ALICE, command: str = "/copilot") -> None:
        """Type a slash command. Raises NoAnswer if nobody acknowledges it."""
        await self.workspace.gestures.command(channel, command, text, user)

    async def press(
        self, channel: str, message: Payload, action_id: str, value: str | None = None, *, user: str = ALICE
    ) -> None:
        """Press the element with this action_id; `value` picks a thumb of `feedback_buttons`. Raises NoAnswer."""
        click = click_on(message, action_id, value)
        await self.workspace.gestures.press(channel, message["ts"], click, user)

    async def submit(self, values: dict[str, dict[str, str]], *, user: str = ALICE) -> Payload:
        """Submit the modal on top with `{block_id: {action_id: text}}`; gives the app's errors. Raises NoAnswer."""
        filled = {
            block: {action: {"type": "plain_text_input", "value": text} for action, text in inputs.items()}
            for block, inputs in values.items()
        }
        return await self.workspace.gestures.submit(self.views[-1]["id"], filled, user)

    def open_home(self, tab: str = "messages", *, user: str = ALICE) -> None:
        """Open copilot's direct message or home tab."""
        self.workspace.gestures.open_home(user, tab)

    def emit(self, event: Payload, times: int = 1) -> Payload:
        """Send any event, `times` times under one event_id; its payload."""
        payload = self.workspace.gestures.event(event)
        for _ in range(times):
            self.workspace.sockets.emit(payload)
        return payload

    def leave(self, channel: str, user: str = COPILOT) -> None:
        """Let somebody (the app) leave a channel."""
        members = self.workspace.state.channels[channel].members
        self.workspace.state.set_members(channel, members - {user})

    def join(self, channel: str, user: str = COPILOT) -> None:
        """Let somebody (the app) join a channel."""
        members = self.workspace.state.channels[channel].members
        self.workspace.state.set_members(channel, members | {user})

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Close all sockets as Slack does now and then."""
        await self.workspace.sockets.disconnect(reason)

    # What is there to see

    @property
    def views(self) -> list[Payload]:
        """The open modals, the lowest first."""
        return self.workspace.views.stack

    @property
    def homes(self) -> dict[str, Payload]:
        """The published home tabs, by user."""
        return self.workspace.views.homes

    def messages(self, channel: str) -> list[Payload]:
        """All messages of a channel, oldest first, replies included, ephemeral ones left out."""
        return self.workspace.state.messages(channel)

    def whispers(self, channel: str) -> list[Payload]:
        """Give the ephemeral messages of a channel, oldest first."""
        return self.workspace.state.whispers(channel)

    def replies(self, message: Payload, channel: str = INCIDENTS) -> list[Payload]:
        """Give the bot's replies in the thread of a message, oldest first; an open stream counts."""
        root = message.get("thread_ts", message["ts"])
        return [m for m in self.messages(channel) if "bot_id" in m and m.get("thread_ts") == root]

    def finished(self, message: Payload, channel: str = INCIDENTS) -> list[Payload]:
        """Give the bot's replies whose stream is not open."""
        return [m for m in self.replies(message, channel) if m.get("streaming_state") != "in_progress"]

    def called(self, method: str) -> list[Call]:
        """Give the calls of one method, in order."""
        return [call for call in self.calls if call.method == method]

    async def until(self, holds: Callable[[], T], timeout_s: float = 5.0) -> T:
        """Wait until `holds()` is true, asking again after every call, change and ack; its value.

        Raises AssertionError with what there is to see when the time is over.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not (value := holds()):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"not within {timeout_s} s; {self._seen()}") from None
        return value

    def wake(self) -> None:
        """Let `until` ask again: for conditions over what a test itself remembers."""
        self._changed.set()

    def _seen(self) -> str:
        lines = [f"{channel}: {text_of(m)[:120]!r}" for channel in TOWN_CHANNELS for m in self.messages(channel)]
        calls = [f"{call.method} {(call.answer or {}).get('error', call.status)}" for call in self.calls[-20:]]
        return "messages:\n" + "\n".join(lines) + "\nlast calls:\n" + "\n".join(calls)


TOWN_CHANNELS = tuple(channel.id for channel in TOWN.channels)


def text_of(message: Payload) -> str:
    """Everything that a reader of a message sees: its blocks and, where it streamed or has none, its text."""
    blocks = "\n".join(texts(message.get("blocks", [])))
    own = message["text"] if not blocks or "streaming_state" in message else ""
    return "\n".join(filter(None, [own, blocks]))


def click_on(message: Payload, action_id: str, value: str | None = None) -> Click:
    """Give the click on an element of a message; a menu's option is named by its value, or its first word.

    Raises LookupError if there is none.
    """
    for block in message.get("blocks", []):
        for element in [*block.get("elements", []), block.get("accessory") or {}]:
            if element.get("action_id") == action_id:
                return Click(block["block_id"], action_id, element["type"], _value(element, value))
    raise LookupError(f"no element {action_id} in {message}")


async def _readable(request: web.Request) -> Arguments:
    try:
        return await arguments(request)
    except Refused:
        return Arguments({})


def _value(element: Payload, value: str | None) -> str:
    if element["type"] in ("static_select", "overflow"):
        offered = [option["value"] for option in element["options"]]
        found = next((each for each in offered if value in (each, each.partition(" ")[0])), None)
        if found is None:
            raise LookupError(f"no option {value!r} among {offered}")
        return str(found)
    if element["type"] != "feedback_buttons":
        return value if value is not None else str(element.get("value", ""))
    offered = [element[name]["value"] for name in ("positive_button", "negative_button")]
    if value not in offered:
        raise LookupError(f"no thumb {value!r} among {offered}")
    return str(value)


def _faulty(fault: Fault) -> web.Response:
    if fault.error is not None:
        return web.json_response({"ok": False, "error": fault.error})
    headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
    body = fault.body or ""
    kind = "text/html" if body.startswith("<") else "application/json"
    return web.Response(text=body, status=fault.status, content_type=kind, headers=headers)
