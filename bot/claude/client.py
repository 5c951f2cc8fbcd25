"""The seam to whoever words an answer, and the real thing: Claude over the Messages API. Checks no citation.

The only file that names `anthropic`; its import takes 1.6 s, so it happens at first use, in a thread.
"""

import asyncio
import ipaddress
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

from bot.claude.budget import Usage, usd
from bot.claude.trouble import Fault, Trouble, unfinished
from bot.errors import ClaudeError
from bot.settings import ClaudeSettings
from ingest.types import Passage

if TYPE_CHECKING:
    import anthropic
    import httpx2
    from anthropic.types import Message

T = TypeVar("T")

ANTHROPIC_HOST = "api.anthropic.com"
CONNECT_S = 5.0
"""The SDK's own limit for a connection to stand."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a writer is given. Passages are best first; `[n]` in the answer means the n-th of them, from 1."""

    system: str
    passages: tuple[Passage, ...]
    question: str
    max_tokens: int


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


class Writer(Protocol):
    """Words an answer from passages: Claude, or the quotes."""

    @property
    def model(self) -> str | None:
        """The model's name, None when nothing but quotes comes out."""

    def write(self, prompt: Prompt) -> AsyncIterator[Delta | Finish]:
        """Return the answer's pieces, at least one, then exactly one Finish; without it the answer is not whole.

        Raises ClaudeUnavailable, ClaudeDenied or ClaudeIncomplete, with a sentence for people.
        """

    async def close(self) -> None:
        """Let go of connections; nothing can be written afterwards."""


class Claude:
    """A Writer over the Messages API of Anthropic, or of the server at `settings.base_url`.

    `now` returns seconds that never go back.
    """

    def __init__(self, settings: ClaudeSettings, *, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._now = now
        self._sdk: anthropic.AsyncAnthropic | None = None
        self._opening = asyncio.Lock()

    @property
    def model(self) -> str:
        """The model's name from the settings."""
        return self._settings.model

    async def warm(self) -> None:
        """Import the SDK and make its client, in a thread, so that the first question need not wait 1.6 s."""
        await self._opened()

    async def write(self, prompt: Prompt) -> AsyncIterator[Delta | Finish]:
        """Return the answer's pieces and its Finish. One request, and the SDK's retries before the first byte."""
        sdk = await self._opened()
        request = self._request(prompt)
        patience = _Patience(self._settings.timeout_s, self._now)
        began = False
        try:
            async with AsyncExitStack() as stack:
                stream = await patience.wait(stack.enter_async_context(sdk.messages.stream(**request)))
                while (event := await patience.wait(anext(stream, None))) is not None:
                    if event.type == "text" and event.text:
                        began = True
                        yield Delta(event.text)
                stop_reason, usage = _end(stream.current_message_snapshot)
        except _failures() as error:
            raise _told(error, seconds=patience.spent_s, began=began) from error
        if (reason := unfinished(stop_reason, empty=not began)) is not None:
            raise reason
        yield Finish(self._settings.model, usage.read, usage.written, usd(usage, self._settings.price))

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
            "model": self._settings.model,
            "max_tokens": min(prompt.max_tokens, self._settings.max_tokens),
            "system": self._system(prompt.system),
            "messages": [{"role": "user", "content": [_text(passages_in(prompt)), _text(question_in(prompt))]}],
        }

    def _system(self, system: str) -> str | list[dict[str, Any]]:
        if urlsplit(self._settings.base_url or f"https://{ANTHROPIC_HOST}").hostname != ANTHROPIC_HOST:
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


def passages_in(prompt: Prompt) -> str:
    """Return the passages numbered from 1, each with its place and between marks that its text cannot forge.

    The marks help the model tell documents from orders; what protects people is that code checks what it says.
    """
    blocks = (
        f'[{number}] {_place(passage)}\n<passage n="{number}">\n{_inert(passage.text)}\n</passage>'
        for number, passage in enumerate(prompt.passages, 1)
    )
    return "<passages>\n" + "\n\n".join(blocks) + "\n</passages>"


def question_in(prompt: Prompt) -> str:
    """Return the question as the model reads it."""
    return f"Question: {prompt.question}"


def _place(passage: Passage) -> str:
    crumbs = passage.heading if passage.heading.startswith(passage.title) else f"{passage.title} > {passage.heading}"
    place = f"{crumbs.rstrip(' >')} ({passage.path}, lines {passage.start_line}-{passage.end_line})"
    return _inert(" ".join(place.split()))


def _inert(text: str) -> str:
    return text.replace("<passage", "< passage").replace("</passage", "< /passage")


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _end(message: "Message") -> tuple[str | None, Usage]:
    """Return why the answer stopped, and its tokens as counted; servers other than Anthropic's leave fields out."""
    usage = message.usage
    cached = usage.cache_creation_input_tokens or 0
    hour = usage.cache_creation.ephemeral_1h_input_tokens if usage.cache_creation else 0
    return message.stop_reason, Usage(
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
