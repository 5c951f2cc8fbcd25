"""The real rooms between a fake Slack and a fake Claude, and what is to be seen at every way out of them."""

import asyncio
import base64
import html
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, quote_plus

from bot.answer.answer import Answerer
from bot.answer.audience import Router, may_hear, may_read
from bot.answer.lookup import Lookups
from bot.claude.client import Claude
from bot.claude.quotes import Quotes
from bot.journal.notices import Notices
from bot.settings import ClaudeSettings
from bot.slack.app import Surfaces
from bot.slack.markdown import clean
from bot.workspace import User
from ingest.documents.store import Library
from ingest.index.chroma import Chroma
from ingest.index.roots import Request, sync_all
from ingest.index.serve import Index
from ingest.index.sync import Sync
from ingest.redact import Redactor
from tests.bot.slack.room import Room
from tests.fakes.claude import FakeClaude, Obedient
from tests.fakes.embed import HashEmbedder
from tests.fakes.slack import ALICE, BOB, INCIDENTS, TOWN, Payload, text_of

CANARY = "zebra-canary-51"
"""What only members of a channel that nobody here is in may read."""

KEY = b"the key of this house, 32 bytes."
QUIET_S = 30.0
FENCED = re.compile(r"^([ \t>]*)(`{3,}|~{3,}).*?^[ \t>]*\2[ \t]*$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<![\\`])(`+)(?!`).+?(?<!`)\1(?!`)")
TOKEN = re.compile(r"<(?:[@!#][^>\n]*|(?:[a-zA-Z][a-zA-Z0-9+.-]*:)[^>\n]*)>?")
BARE = re.compile(
    r"(?<![\w`])@(?:here|channel|everyone)\b|(?:[a-zA-Z][a-zA-Z0-9+.-]*://|www\.)\w|mailto:\w|\]\(|\]:\s*\S"
)
SHOWN = ("text", "markdown_text")
OURS = frozenset({*(f"<@{user}>" for user in (ALICE, BOB)), f"<#{INCIDENTS}>"})
"""Mentions that code may make: the people who asked, and where."""


class Border(Room):
    """A room whose answers are the real ones, over `folder/docs`, worded by the obedient model or by quotes."""

    def __init__(self, folder: Path, names: Mapping[str, str], *, quotes: bool = False, chroma: bool = False) -> None:
        """`names` are people by user id, beside Alice and Bob."""
        people = tuple(User(user, name, name) for user, name in names.items())
        super().__init__(folder, seed=replace(TOWN, others=(*TOWN.others, *people)))
        self.folder, self.docs = folder, folder / "docs"
        self.docs.mkdir()
        self.library = Library(self.database)
        self.embedder = HashEmbedder()
        self.chroma = Chroma(folder / "chroma", "hashes@1", self.embedder.dimension) if chroma else None
        self.index = Index(self.library, self.embedder, self.chroma)
        self.claude = FakeClaude(Obedient())
        self.quotes = quotes
        self.redactor = Redactor(KEY)
        self._open = AsyncExitStack()
        self._ts = itertools.count(1)

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        await self._open.enter_async_context(self.claude)
        writer = Quotes() if self.quotes else Claude(ClaudeSettings(base_url=self.claude.url))
        self._open.push_async_callback(writer.close)
        if self.chroma is not None:
            self._open.push_async_callback(self.chroma.close)
        self.answers = Answerer(  # type: ignore[assignment]  # the real one
            search=self.index,
            writer=writer,
            quotes=Quotes(),
            journal=self.journal,
            clock=self.time,
            max_tokens=500,
            fault=self.tally.fault,
            redact=self.redactor.redact,
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        try:
            await super().__aexit__(*error)
        finally:
            await self._open.aclose()

    def surfaces(self) -> Surfaces:
        """Return the real lookups and the real rules about who may read what."""
        redact = self.redactor.redact
        lookups = Lookups(self.index, self.journal, self.time, self.tally.fault, redact)
        return Surfaces(
            threads=self.threads,
            similar=lookups.similar,
            runbook=lookups.runbook,
            vitals=self._vitals,
            documents=self.index.counts,
            labels=lambda: self.index.labels,
            route=Router(self.index, self.tally.fault, redact).route,
            may_hear=partial(may_hear, self.library),
            may_read=partial(may_read, self.library),
            owner=Notices(self.outbox, self.owner, self.time),
            rules=self.rules,
            redact=redact,
        )

    def write(self, path: str, text: str) -> None:
        """Write a document."""
        file = self.docs / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8", errors="replace")

    async def sync(self) -> None:
        """Index what was written."""
        sync = Sync(self.library, self.embedder, self.time, redactor=self.redactor)
        await sync_all(self.library, sync, Request(given=(self.docs,), sure=True), lambda _d, _t, _w: None)
        await self.index.refresh()
        if self.chroma is not None:
            await self.index.start_chroma()

    def heard(self, text: str, user: str = BOB, root: Payload | None = None) -> Payload:
        """Let a message stand in #incidents that nobody heard being written, in a thread if `root` is given."""
        ts = f"{self.time.now - 500 + next(self._ts) / 1_000:.6f}"
        message = {"type": "message", "user": user, "text": slack_escaped(text), "ts": ts}
        message |= {"thread_ts": root["ts"]} if root else {}
        self.slack.workspace.state.put(INCIDENTS, message)
        return message

    def ask(self, text: str, root: Payload | None = None, user: str = ALICE) -> Payload:
        """Mention the bot, with text as a person types it."""
        thread = root["ts"] if root else None
        return self.slack.mention(INCIDENTS, slack_escaped(text), user=user, thread_ts=thread)

    async def quiet(self) -> None:
        """Wait until every event heard so far has come to its end."""
        async with asyncio.timeout(QUIET_S):
            while self.slack.workspace.sockets.waiting or await self.open_rows():  # noqa: ASYNC110 - rows tell nobody
                await asyncio.sleep(0.02)

    def seen(self, message: Payload) -> str:
        """Return all that the bot showed in the thread of a message, to everybody or to one person alone."""
        root = message.get("thread_ts", message["ts"])
        alone = [each for each in self.slack.whispers(INCIDENTS) if each.get("thread_ts") == root]
        return "\n".join(map(text_of, [*self.slack.replies(message), *alone]))

    def ways_out(self) -> dict[str, bytes]:
        """Return what left the program or was kept, by the way it took."""
        database = b"".join(path.read_bytes() for path in sorted(self.folder.glob("bot.sqlite*")))
        chroma = b"".join(path.read_bytes() for path in sorted(self.folder.glob("chroma/**/*")) if path.is_file())
        return {
            "Slack": _bytes(call.args for call in self.slack.calls),
            "Claude": _bytes(request.body for request in self.claude.requests),
            "database": database + _decoded(database),
            "Chroma": chroma,
        }

    def live(self) -> list[str]:
        """Return every mention and link in what was sent to Slack that code of ours did not make."""
        home = self.slack.workspace.url.partition("/?")[0]
        return [found for call in self.slack.calls for found in live(call.args, home)]


def slack_escaped(text: str) -> str:
    """Return text as Slack stores what a person typed."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def live(args: Mapping[str, Any], home: str) -> Iterator[str]:
    """Yield what Slack would ring or link for in the arguments of a call, save addresses below `home`."""
    for text, is_markdown in _shown(args, markdown=False):
        for found in TOKEN.findall(text):
            if not found.startswith(f"<{home}") and found not in OURS:
                yield found
        if is_markdown:
            yield from BARE.findall(SPAN.sub("", FENCED.sub("", text)))


def _shown(value: object, *, markdown: bool) -> Iterator[tuple[str, bool]]:
    """Yield the texts in which Slack looks for markup, and whether they are Markdown."""
    if isinstance(value, str) and value[:1] in "[{":
        try:
            yield from _shown(json.loads(value), markdown=markdown)
        except ValueError:
            return
    elif isinstance(value, list):
        for each in value:
            yield from _shown(each, markdown=markdown)
    elif isinstance(value, dict) and value.get("type") not in ("plain_text", "rich_text"):
        for name, each in value.items():
            if name in SHOWN and isinstance(each, str):
                yield each, name == "markdown_text" or value.get("type") in ("markdown", "markdown_text")
            else:
                yield from _shown(each, markdown=markdown)


def bare(text: str) -> str:
    """Return what a reader sees of a text: no unseen characters, no spacing, no marks that only quote it."""
    return re.sub(r"[\s`\\\u00a0]+", "", html.unescape(clean(text)))


def kept(text: str, seen: str) -> bool:
    """Whether a reader of `seen` sees all of a text."""
    return bare(text) in bare(seen)


def forms(secret: str) -> tuple[bytes, ...]:
    """Return a secret as it is, as JSON has it, in URLs, and in base64 whatever stands before it."""
    raw = secret.encode()
    encoded = [_base64(raw, skip) for skip in range(3)]
    urls = {quote(secret, safe="").encode(), quote(secret).encode(), quote_plus(secret).encode()}
    safe = [each.replace(b"+", b"-").replace(b"/", b"_") for each in encoded]
    return tuple({raw, json.dumps(secret)[1:-1].encode(), *urls, *encoded, *safe})


def _base64(raw: bytes, skip: int) -> bytes:
    """Return the part of the base64 of `raw`, with `skip` unknown bytes before it, that does not depend on others."""
    whole = base64.b64encode(b"\0" * skip + raw)
    return whole[(0, 2, 3)[skip] : len(whole) - (0, 4, 4)[(skip + len(raw)) % 3]]


def found(secrets: Sequence[str], ways: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Return (way, secret) for every secret that is in what left."""
    return [(way, secret) for way, content in ways.items() for secret in secrets if _within(secret, content)]


def _within(secret: str, content: bytes) -> bool:
    return any(form in content for form in forms(secret) if len(form) >= 4)


def _bytes(values: Iterable[object]) -> bytes:
    return b"\n".join(text.encode(errors="surrogatepass") for value in values for text in _strings(value))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from (str(name), *_strings(each))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _strings(each)
    else:
        yield str(value)


def _decoded(content: bytes) -> bytes:
    """Return bytes with JSON's escapes undone, as the columns that hold JSON have them."""
    plain = {b'\\"': b'"', b"\\\\": b"\\", b"\\n": b"\n", b"\\/": b"/"}
    return re.sub(rb'\\[\\"n/]', lambda match: plain[match[0]], content)
