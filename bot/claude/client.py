"""The seam to whoever words an answer, and the real thing: Claude over the Messages API. Checks no citation.

The only file that names `anthropic`; its import takes 1.6 s, so it happens at first use, in a thread.
"""

import asyncio
import ipaddress
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

from bot.claude.budget import Usage, usd
from bot.claude.marks import Marks
from bot.claude.request import Grounding, messages, units_in
from bot.claude.trouble import Fault, Trouble, unfinished
from bot.errors import ClaudeError, ClaudeIncomplete, Used
from bot.settings import ClaudeSettings, Role
from ingest.types import Passage

if TYPE_CHECKING:
    import anthropic
    import httpx2
    from anthropic import types as sdk_types

T = TypeVar("T")

ANTHROPIC_HOST = "api.anthropic.com"
CONNECT_S = 5.0
"""The SDK's own limit for a connection to stand."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a writer is given. Passages are best first; `[n]` in the answer means the n-th of them, from 1.

    `[n:a-b]` means its lines a to b. `thread` is what people said above the question: data, like the passages.
    `why_quoted` is what the quotes say about why no model wrote; empty when that was said already. `computed` are facts
    of now that stand above the answer already.
    """

    system: str
    passages: tuple[Passage, ...]
    question: str
    max_tokens: int
    thread: str = ""
    why_quoted: str = "no model is configured"
    computed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the answer as it comes, in Markdown; pieces only append and break anywhere."""

    text: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The answer is whole. `tokens_in` counts the whole prompt, cached parts included; `model` is None for quotes."""

    model: str | None
    tokens_in: int
    tokens_out: int
    usd: float
    cache_read: int = 0
    cache_written: int = 0


class Writer(Protocol):
    """Words an answer from passages: Claude, or the quotes."""

    @property
    def model(self) -> str | None:
        """The model's name, None when nothing but quotes comes out."""

    @property
    def grounding(self) -> Grounding:
        """How passages are given to it, which decides the rules it is told."""

    def write(self, prompt: Prompt) -> AsyncIterator[Delta | Finish]:
        """Return the answer's pieces, at least one, then exactly one Finish; without it the answer is not whole.

        Raises ClaudeUnavailable, ClaudeDenied or ClaudeIncomplete, with a sentence for people.
        """

    async def close(self) -> None:
        """Let go of connections; nothing can be written afterwards."""


class Claude:
    """A Writer over the Messages API of Anthropic, or of the server at `settings.base_url`.

    `role` chooses the model; `now` returns seconds that never go back.
    """

    def __init__(
        self, settings: ClaudeSettings, *, role: Role = "answer", now: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._model = settings.model_of(role)
        self._now = now
        self._sdk: anthropic.AsyncAnthropic | None = None
        self._opening = asyncio.Lock()

    @property
    def model(self) -> str:
        """The model's name from the settings."""
        return self._model

    @property
    def grounding(self) -> Grounding:
        """As set; `auto` is native on Anthropic's own host, for others drop `search_result` blocks without a word."""
        wanted = self._settings.grounding
        return wanted if wanted != "auto" else "native" if self._is_anthropic() else "inline"

    async def warm(self) -> None:
        """Import the SDK and make its client, in a thread, so that the first question need not wait 1.6 s."""
        await self._opened()

    async def write(self, prompt: Prompt) -> AsyncIterator[Delta | Finish]:
        """Return the answer's pieces and its Finish. One request, and the SDK's retries before the first byte."""
        sdk = await self._opened()
        request = self._request(prompt)
        patience = _Patience(self._settings.timeout_s, self._now)
        reading = _Reading(Marks(units_in(prompt.passages)) if self.grounding == "native" else None)
        try:
            async with AsyncExitStack() as stack:
                stream = await patience.wait(stack.enter_async_context(sdk.messages.stream(**request)))
                while (event := await patience.wait(anext(stream, None))) is not None:
                    if text := reading.take(event):
                        yield Delta(text)
                stop_reason = stream.current_message_snapshot.stop_reason
        except _failures() as error:
            told = _told(error, seconds=patience.spent_s, began=reading.began)
            raise self._with_use(told, reading.usage) from error
        if (reason := unfinished(stop_reason, empty=not reading.began)) is not None:
            raise self._with_use(reason, reading.usage)
        if rest := reading.over():
            yield Delta(rest)
        used = self._used(reading.usage)
        yield Finish(self._model, used.tokens_in, used.tokens_out, used.usd, used.cache_read, used.cache_written)

    async def close(self) -> None:
        """Close the connections."""
        if self._sdk is not None:
            await self._sdk.close()

    async def _opened(self) -> "anthropic.AsyncAnthropic":
        async with self._opening:
            if self._sdk is None:
                self._sdk = await asyncio.to_thread(_open, self._settings)
            return self._sdk

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        """Return the request: what is the same every time first, so that it can be cached."""
        return {
            "model": self._model,
            "max_tokens": min(prompt.max_tokens, self._settings.max_tokens),
            "system": self._system(prompt.system),
            "messages": messages(prompt.passages, prompt.question, prompt.thread, self.grounding, prompt.computed),
        }

    def _is_anthropic(self) -> bool:
        return urlsplit(self._settings.base_url or f"https://{ANTHROPIC_HOST}").hostname == ANTHROPIC_HOST

    def _used(self, usage: Usage) -> Used:
        cost = usd(usage, self._settings.price_of(self._model))
        return Used(usage.read, usage.written, usage.cache_read, usage.cache_write_5m + usage.cache_write_1h, cost)

    def _with_use(self, error: ClaudeError, usage: Usage) -> ClaudeError:
        """Return the error, told what was used before it: what did not finish is paid for as well."""
        if isinstance(error, ClaudeIncomplete):
            error.used = self._used(usage)
        return error

    def _system(self, system: str) -> str | list[dict[str, Any]]:
        if not self._is_anthropic():
            return system  # other servers document caching, and often text blocks here, as unsupported
        # Only the system text: passages differ with every question, and writing them to the cache costs 25 % more.
        return [{**_text(system), "cache_control": {"type": "ephemeral"}}]


class _Patience:
    """Waits for Claude, `limit_s` in all. The reader's time between two pieces is not Claude's and does not count.

    A timeout around the whole stream would also cancel the reader, in whose task a generator runs.
    """

    def __init__(self, limit_s: float, now: Callable[[], float]) -> None:
        self._limit_s = limit_s
        self._now = now
        self.spent_s = 0.0

    async def wait(self, step: Awaitable[T]) -> T:
        """Return what the step returns. Raises TimeoutError when the time is spent."""
        start = self._now()
        try:
            async with asyncio.timeout(self._limit_s - self.spent_s):
                return await step
        finally:
            self.spent_s += self._now() - start


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


@dataclass(slots=True)
class _Reading:
    """What has come of a stream: whether any words did, and the tokens as far as they were told."""

    marks: Marks | None
    began: bool = False
    usage: Usage = field(default_factory=Usage)

    def take(self, event: Any) -> str:  # noqa: ANN401 - the union of the SDK's events, imported late
        """Return the text to pass on for an event; empty for most."""
        if event.type == "message_start":
            self.usage = _usage(event.message.usage)
        elif event.type == "message_delta":
            self.usage = replace(self.usage, written=event.usage.output_tokens or self.usage.written)
        elif event.type == "text":
            self.began = self.began or bool(event.text)
            return self.marks.text(event.text) if self.marks else str(event.text)
        elif self.marks and event.type == "citation" and event.citation.type == "search_result_location":
            where = event.citation
            self.marks.cite(where.search_result_index, where.start_block_index, where.end_block_index)
        elif self.marks and event.type == "content_block_stop":
            return self.marks.block_over()
        return ""

    def over(self) -> str:
        """Return what was held back until the end of a whole answer."""
        return self.marks.over() if self.marks else ""


def _usage(usage: "sdk_types.Usage") -> Usage:
    """Return the tokens as counted; servers other than Anthropic's leave fields out."""
    cached = usage.cache_creation_input_tokens or 0
    hour = usage.cache_creation.ephemeral_1h_input_tokens if usage.cache_creation else 0
    return Usage(
        fresh=usage.input_tokens or 0,
        cache_read=usage.cache_read_input_tokens or 0,
        cache_write_5m=cached - hour,
        cache_write_1h=hour,
        written=usage.output_tokens or 0,
    )


def _open(settings: ClaudeSettings) -> "anthropic.AsyncAnthropic":
    """Import the SDK and return its client. Blocks for up to 2 s."""
    import anthropic  # noqa: PLC0415 - 1.6 s that only an answer by Claude needs

    return anthropic.AsyncAnthropic(
        # Always given, or the SDK would look for credentials in the environment and in files by itself.
        api_key=settings.api_key.get_secret_value() if settings.api_key else "none",
        base_url=settings.base_url or f"https://{ANTHROPIC_HOST}",
        max_retries=settings.max_retries,
        # By default the SDK sends our trace context to the API; its own spans hold no content and may stay.
        open_telemetry={"propagation": False},
        http_client=_http(settings),
    )


def _http(settings: ClaudeSettings) -> "httpx2.AsyncClient":
    """Return the HTTP client: no redirects, no proxy to a server on this machine, no wait past the deadline."""
    import anthropic  # noqa: PLC0415
    import httpx2  # noqa: PLC0415

    # Half the deadline without a byte is a stall, which leaves time to try a hung connection once more.
    timeout = httpx2.Timeout(settings.timeout_s, connect=CONNECT_S, read=settings.timeout_s / 2)
    hooks: dict[str, list[Callable[..., Any]]] = {"response": [_NoLongWaits(settings.timeout_s)]}
    if _is_loopback(settings.base_url):
        return httpx2.AsyncClient(timeout=timeout, trust_env=False, follow_redirects=False, event_hooks=hooks)
    return anthropic.DefaultAsyncHttpxClient(timeout=timeout, follow_redirects=False, event_hooks=hooks)


@dataclass(frozen=True, slots=True)
class _NoLongWaits:
    """Stops the SDK's retries when the server asks for a longer wait than anybody has."""

    limit_s: float

    async def __call__(self, response: "httpx2.Response") -> None:
        wait = response.headers.get("retry-after", "")
        if wait.isdecimal() and int(wait) >= self.limit_s:
            response.headers["x-should-retry"] = "false"  # read by the SDK's _should_retry


def _is_loopback(base_url: str | None) -> bool:
    host = urlsplit(base_url or "").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _failures() -> tuple[type[Exception], ...]:
    """Return all that a call may raise: facts/claude.md lists what escapes `except anthropic.APIError`."""
    import anthropic  # noqa: PLC0415
    import httpx2  # noqa: PLC0415

    malformed = (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
    return (anthropic.AnthropicError, httpx2.HTTPError, httpx2.StreamError, TimeoutError, *malformed)


def _told(error: Exception, *, seconds: float, began: bool) -> ClaudeError:
    """Return our error for one of `_failures`; the SDK counts its retries in a header of the request."""
    import anthropic  # noqa: PLC0415
    import httpx2  # noqa: PLC0415

    kinds: tuple[tuple[tuple[type[Exception], ...], Fault], ...] = (
        ((anthropic.APIStatusError,), "status"),
        ((anthropic.APITimeoutError, httpx2.TimeoutException, TimeoutError), "slow"),
        ((anthropic.APIConnectionError,), "unreachable"),
        ((httpx2.HTTPError, httpx2.StreamError), "cut"),
    )
    fault: Fault = next((fault for types, fault in kinds if isinstance(error, types)), "broken")
    trouble = Trouble(fault, seconds, began=began)
    if isinstance(error, anthropic.APIError):
        trouble = replace(trouble, tries=_tries(error.request))
    if isinstance(error, anthropic.APIStatusError):
        trouble = replace(trouble, status=error.status_code, type=error.type)
    return trouble.error()


def _tries(request: "httpx2.Request") -> int:
    retries = request.headers.get("x-stainless-retry-count", "0")
    return int(retries) + 1 if retries.isdecimal() else 1
