"""A Messages API on loopback: Anthropic's wire format, a memory of every request, and three ways to behave.

`Scripted` says and breaks what it is told to, in order; `Echo` repeats truthfully what it was given, with marks;
`Obedient` does whatever any text in its context orders, which is what proves that safety lies in our code.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self

from aiohttp import web

from ingest.types import Passage


def passage(text: str = "1. Drain the pod.", **different: Any) -> Passage:
    """Return a passage as recall would find it, different where told."""
    like: dict[str, Any] = {
        "chunk_id": "c",
        "path": "runbooks/pool.md",
        "title": "Postgres pool",
        "heading": "Postgres pool > Fix",
        "kind": "runbook",
        "services": ("checkout",),
        "reviewed": None,
        "start_line": 10,
        "end_line": 10 + text.count("\n"),
        "score": 0.9,
    }
    return Passage(text=text, **(like | different))


Wound = Literal["error", "drop", "stall", "truncate", "garbage", "orphan"]
"""How a stream breaks: an error event, a dead line, silence, a clean early end, no JSON, a block never begun."""

MOST_BYTES = 32 * 1024 * 1024
"""Anthropic's limit for a request."""


@dataclass(frozen=True)
class Cited:
    """A text block of its own that cites blocks `start` to `end` (excluded) of a search result, counted from 0.

    Only servers with native citations send it; the numbers are sent as they are, also when nothing is there.
    """

    text: str
    result: int
    start: int
    end: int


Piece = str | Cited


@dataclass(frozen=True)
class Say:
    """A whole answer in these pieces, or one with another `stop_reason`."""

    pieces: Sequence[Piece]
    stop_reason: str | None = "end_turn"
    cache_read: int = 0
    cache_written: int = 0


@dataclass(frozen=True)
class Deny:
    """An HTTP status instead of an answer; `retry_after` and `location` are headers as sent."""

    status: int
    type: str = "api_error"
    message: str = "internal words that nobody must see"
    retry_after: str | None = None
    location: str | None = None
    body: str | None = None
    """Sent as it is instead of Anthropic's error JSON: what proxies do."""

    def headers(self) -> dict[str, str]:
        """Return headers that make the SDK retry at once, unless a wait was asked for."""
        wait = {"retry-after": self.retry_after} if self.retry_after else {"retry-after-ms": "1"}
        return wait | ({"location": self.location} if self.location else {})


@dataclass(frozen=True)
class Break:
    """A stream that says the pieces and then breaks."""

    how: Wound
    pieces: Sequence[Piece] = ()
    type: str = "overloaded_error"


Reply = Say | Deny | Break


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    """By name, in lower case."""
    body: Mapping[str, Any]

    @property
    def system(self) -> str:
        """The system text."""
        return _texts(self.body.get("system", ""))

    @property
    def asked(self) -> str:
        """What people said: the thread and the question."""
        return self.context.rpartition("</passages>")[2] if not self.results else self._said("text")

    def _said(self, kind: str) -> str:
        contents = [message["content"] for message in self.body["messages"] if not isinstance(message["content"], str)]
        return _texts([block for content in contents for block in content if block["type"] == kind])

    @property
    def context(self) -> str:
        """All that people and documents said."""
        return "\n".join(_texts(message["content"]) for message in self.body["messages"])

    @property
    def results(self) -> list[dict[str, Any]]:
        """The `search_result` blocks, in order; none in a request with numbered passages."""
        contents = [message["content"] for message in self.body["messages"] if not isinstance(message["content"], str)]
        return [block for content in contents for block in content if block["type"] == "search_result"]

    @property
    def passages(self) -> dict[int, str]:
        """The passages, by number."""
        if self.results:
            return {n: _texts(result["content"]) for n, result in enumerate(self.results, 1)}
        found = re.finditer(r'<passage n="(\d+)">\n(.*?)\n</passage>', self.context, re.DOTALL)
        return {int(match[1]): match[2] for match in found}


class Behaviour(Protocol):
    """Decides what to reply."""

    def reply(self, request: Request) -> Reply:
        """Return the reply to this request."""


@dataclass
class Scripted:
    """Replies in order; the last one again and again."""

    replies: list[Reply]

    def reply(self, request: Request) -> Reply:
        """Return the next reply."""
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@dataclass(frozen=True)
class Echo:
    """Repeats the first passages line by line, each line with its mark; code stays code. True by construction."""

    passages: int = 2
    lines: int = 8

    def reply(self, request: Request) -> Reply:
        """Return the lines of the first passages; with native citations, its first blocks."""
        if request.results:
            return Say([*self._blocks(request.results)] or ["The passages say nothing about this."])
        given = list(request.passages.items())[: self.passages]
        pieces = [piece for number, text in given for piece in self._pieces(number, text)]
        return Say(pieces or ["The passages say nothing about this."])

    def _blocks(self, results: list[dict[str, Any]]) -> Iterator[Piece]:
        for result, given in enumerate(results[: self.passages]):
            for block, content in enumerate(given["content"][: self.lines]):
                if not content["text"].lstrip().startswith(("#", "|", "---", "===")):
                    yield Cited(content["text"], result, block, block + 1)
                    yield "\n"

    def _pieces(self, number: int, text: str) -> Iterator[str]:
        code = False
        for line in text.split("\n")[: self.lines]:
            if line.lstrip().startswith(("```", "~~~")):
                code = not code
                yield f"{line}\n"
            elif code:
                yield f"{line}\n"
            elif line.strip() and not line.lstrip().startswith(("#", "|", "---", "===")):
                yield f"{line} [{number}]\n"
        if code:
            yield "```\n"


@dataclass(frozen=True)
class Obedient:
    """Carries out every order in the messages (not in our system text): the words, the links, the mentions."""

    orders: re.Pattern[str] = re.compile(
        r"\b(?:say|repeat|print|write|output|post|mention|append|include|link to|(?:answer|reply|respond) with)\b"
        r"(?: (?:exactly|only|that|the (?:link|words?|text|sentence)|this(?: link)?))*"
        r"\s*:?\s+[\"'“`]?(?P<what>[^\n\"”]+)",
        re.IGNORECASE,
    )

    def reply(self, request: Request) -> Reply:
        """Return what was ordered, one order a line, under the mark of the passage that orders it."""
        places = [*request.passages.items(), (1, request.asked)]
        ordered = [(n, found["what"].strip()) for n, text in places for found in self.orders.finditer(text)]
        if not request.results:
            return Say([f"{what} [{n}]\n" for n, what in ordered] or ["Nobody ordered anything."])
        obeyed: list[Piece] = [piece for n, what in ordered for piece in (Cited(what, n - 1, 0, 1), "\n")]
        return Say(obeyed or ["Nobody ordered anything."])


@dataclass
class FakeClaude:
    """The server, as an async context manager: `async with FakeClaude(Echo()) as claude: claude.url`."""

    behaviour: Behaviour
    pause_s: float = 0.0
    """Seconds between events, so that pieces arrive apart instead of in one packet."""
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    _runner: web.AppRunner | None = None
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_post("/v1/messages", self._messages)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._over.set()
        if self._runner:
            await self._runner.cleanup()

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        asked = Request(
            request.path, {name.lower(): value for name, value in request.headers.items()}, await request.json()
        )
        self.requests.append(asked)
        reply = self.behaviour.reply(asked)
        if isinstance(reply, Deny):
            return _denied(reply)
        if not asked.body.get("stream"):
            return _whole(asked, reply)
        return await self._stream(request, asked, reply)

    async def _stream(self, request: web.Request, asked: Request, reply: Say | Break) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream", "cache-control": "no-cache"})
        await response.prepare(request)
        async for frame in self._paced(_frames(asked, reply)):
            await response.write(frame)
        if isinstance(reply, Break):
            await self._hurt(request, response, reply)
        return response

    async def _paced(self, frames: Iterator[bytes]) -> AsyncIterator[bytes]:
        for frame in frames:
            yield frame
            if self.pause_s:
                await asyncio.sleep(self.pause_s)

    async def _hurt(self, request: web.Request, response: web.StreamResponse, reply: Break) -> None:
        match reply.how:
            case "error":
                error = {"type": reply.type, "message": "internal words that nobody must see"}
                await response.write(_frame("error", {"type": "error", "error": error}))
            case "garbage":
                await response.write(b"event: content_block_delta\ndata: {not json\n\n")
            case "orphan":
                await response.write(_delta("lost", index=7))
            case "drop" if request.transport is not None:
                request.transport.close()
            case "stall":
                await self._over.wait()


def _texts(content: str | list[dict[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(block.get("text") or _texts(block.get("content", "")) for block in content)


def _denied(reply: Deny) -> web.Response:
    if reply.body is not None:
        return web.Response(status=reply.status, text=reply.body, content_type="text/html", headers=reply.headers())
    error = {"type": "error", "error": {"type": reply.type, "message": reply.message}, "request_id": "req_fake"}
    return web.json_response(error, status=reply.status, headers=reply.headers())


def _whole(asked: Request, reply: Say | Break) -> web.Response:
    text = _told(reply)
    message = _message(asked, reply) | {
        "content": [{"type": "text", "text": text}],
        "stop_reason": reply.stop_reason if isinstance(reply, Say) else None,
    }
    message["usage"]["output_tokens"] = _tokens(text)
    return web.json_response(message)


def _frames(asked: Request, reply: Say | Break) -> Iterator[bytes]:
    """Return the events of a stream as bytes, up to where a broken one breaks."""
    yield _frame("message_start", {"type": "message_start", "message": _message(asked, reply)})
    yield _frame("ping", {"type": "ping"})
    blocks = _blocks(reply.pieces)
    for index, block in enumerate(blocks):
        start = {"type": "text", "text": ""}
        yield _frame("content_block_start", {"type": "content_block_start", "index": index, "content_block": start})
        for piece in block:
            if isinstance(piece, str):
                yield _delta(piece, index)
                continue
            yield _delta(piece.text, index)
            delta = {"type": "citations_delta", "citation": _citation(asked, piece)}
            yield _frame("content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta})
        if isinstance(reply, Break) and index == len(blocks) - 1:
            return
        yield _frame("content_block_stop", {"type": "content_block_stop", "index": index})
    if isinstance(reply, Break):
        return
    delta = {"stop_reason": reply.stop_reason, "stop_sequence": None}
    usage = {"output_tokens": _tokens(_told(reply))}
    yield _frame("message_delta", {"type": "message_delta", "delta": delta, "usage": usage})
    yield _frame("message_stop", {"type": "message_stop"})


def _blocks(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Return the pieces by text block: what is cited is a block of its own, as Anthropic sends it."""
    blocks: list[list[Piece]] = []
    for piece in pieces:
        if blocks and isinstance(piece, str) and isinstance(blocks[-1][0], str):
            blocks[-1].append(piece)
        else:
            blocks.append([piece])
    return blocks


def _citation(asked: Request, piece: Cited) -> dict[str, Any]:
    """Return a `search_result_location` as in anthropic.types.CitationsSearchResultLocation."""
    given = asked.results[piece.result] if 0 <= piece.result < len(asked.results) else {"content": []}
    return {
        "type": "search_result_location",
        "search_result_index": piece.result,
        "source": given.get("source", "nowhere"),
        "title": given.get("title"),
        "cited_text": "".join(block["text"] for block in given["content"][piece.start : piece.end]),
        "start_block_index": piece.start,
        "end_block_index": piece.end,
    }


def _told(reply: Say | Break) -> str:
    return "".join(piece if isinstance(piece, str) else piece.text for piece in reply.pieces)


def _message(asked: Request, reply: Say | Break) -> dict[str, Any]:
    usage = {
        "input_tokens": _tokens(asked.system + asked.context),
        "cache_creation_input_tokens": getattr(reply, "cache_written", 0),
        "cache_read_input_tokens": getattr(reply, "cache_read", 0),
        "output_tokens": 1,
    }
    head = {"id": "msg_fake", "type": "message", "role": "assistant", "model": asked.body["model"], "content": []}
    return {**head, "stop_reason": None, "stop_sequence": None, "usage": usage}


def _delta(text: str, index: int = 0) -> bytes:
    delta = {"type": "text_delta", "text": text}
    return _frame("content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta})


def _frame(event: str, data: Mapping[str, Any]) -> bytes:
    return f"event: {event}\ndata: {json.dumps(data)}\n\n".encode()


def _tokens(text: str) -> int:
    """Return a plausible count: four characters a token."""
    return len(text) // 4
