"""The thread above a question, bounded, with names instead of ids. Reads Slack's history, writes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from bot.errors import SlackRefused
from bot.slack.calls import Away, Busy, Calls, Unsure
from bot.slack.markdown import clean, short
from bot.slack.mentions import asks_catch_up, html_unescaped, question
from bot.slack.people import People
from bot.types import Said
from ingest.redact import Redact, redact

log = structlog.get_logger(__name__)

MESSAGES = 20
"""Messages of the thread that go with a question, the newest."""

CHARACTERS = 4_000
"""Characters of them together."""

PAGE = 200
"""Messages asked for at once: https://docs.slack.dev/reference/methods/conversations.replies recommends no more."""

WINDOWS_S = (None, 86_400.0, 3_600.0, 600.0, 60.0)
"""How far back to look, ever closer, until a page holds all up to the question: Slack gives the oldest first, and a
thread of 10,000 messages is not to be read through for its last 20."""


@dataclass(frozen=True, slots=True)
class Above:
    """What stands above a question. `blind` says that Slack does not let us read it."""

    said: tuple[Said, ...] = ()
    cut: int = 0
    blind: bool = False


class Reader:
    """Reads threads; `me` is our own user id."""

    def __init__(self, calls: Calls, people: People, me: str, redact: Redact = redact) -> None:
        self._redact = redact
        self._calls = calls
        self._people = people
        self._me = me

    async def above(self, channel: str, thread: str, ts: str) -> Above:
        """Return what was said in a thread before the message `ts`. Slack's trouble costs this, not the answer."""
        try:
            messages, total = await self._before(channel, thread, ts)
        except SlackRefused as refused:
            log.info("slack.blind", channel=channel, code=refused.code)
            return Above(blind=refused.code == "missing_scope")
        except (Away, Busy, Unsure) as error:
            log.info("slack.blind", channel=channel, why=type(error).__name__)
            return Above()
        looked_at = messages[-MESSAGES:]
        said = [each for message in looked_at if (each := await self.said(message)).text]
        kept = _newest(said)
        return Above(tuple(kept), total - len(looked_at) + len(said) - len(kept))

    async def _before(self, channel: str, thread: str, ts: str) -> tuple[Sequence[Mapping[str, Any]], int]:
        """Return the last messages before `ts`, oldest first, and how many there are in all.

        Slack's count of a thread's replies also counts what came after `ts`: it is asked only where not all was read.
        """
        total = 0
        older: list[Mapping[str, Any]] = []
        for window_s in WINDOWS_S:
            since = 0.0 if window_s is None else float(ts) - window_s
            bounds = {"latest": ts, "limit": PAGE} | ({"oldest": f"{since:.6f}"} if since else {})
            answer = await self._calls.call("conversations.replies", channel=channel, ts=thread, **bounds)
            messages = answer.get("messages", [])
            root: Mapping[str, Any] = next((each for each in messages if each["ts"] == thread), {})
            found = [each for each in messages if since <= float(each["ts"]) < float(ts)]
            whole = window_s is None and not answer.get("has_more")
            total = max(total, len(found), 0 if whole else int(root.get("reply_count", 0)))
            older = found or older
            if not answer.get("has_more"):
                break
        return older, total

    def asks(self, message: Mapping[str, Any]) -> bool:
        """Whether a message does nothing but ask us for a catch-up."""
        text = str(message.get("text") or "")
        return f"<@{self._me}" in text and asks_catch_up(question(text, self._me))

    async def said(self, message: Mapping[str, Any]) -> Said:
        """Return a message as Slack gives it in names and plain text."""
        ours = message.get("user") == self._me
        author = "copilot" if ours else await self._author(message)
        text = await self._people.readable(written(message))
        return Said(author, self._redact(clean(html_unescaped(text))).strip(), float(message["ts"]), ours)

    async def _author(self, message: Mapping[str, Any]) -> str:
        if message.get("user") and not message.get("bot_id"):
            return await self._people.name(str(message["user"]))
        profile = message.get("bot_profile") or {}
        return short(self._redact(clean(str(profile.get("name") or message.get("username") or "a bot"))), 80)


def written(message: Mapping[str, Any]) -> str:
    """Return what a message says: its text, or that of its attachments and blocks, as alerts of other bots have it."""
    parts = [str(message.get("text") or "")]
    if not parts[0].strip():
        parts += list(_texts(message.get("blocks") or []))
    for attachment in message.get("attachments") or []:
        parts += [str(attachment.get(name) or "") for name in ("title", "text")]
        if not attachment.get("text"):
            parts.append(str(attachment.get("fallback") or ""))
    return "\n".join(dict.fromkeys(part for part in parts if part.strip()))


def _texts(value: object) -> Sequence[str]:
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    if isinstance(value, dict):
        return [
            text
            for name, each in value.items()
            for text in ([each] if name == "text" and isinstance(each, str) else _texts(each))
        ]
    return []


def _newest(said: Sequence[Said]) -> list[Said]:
    """Return the last messages that fit the budget together; the very last is shortened rather than lost."""
    kept: list[Said] = []
    left = CHARACTERS
    for each in reversed(said):
        if len(each.text) > left:
            if not kept:
                kept.append(Said(each.author, short(each.text, left), each.at, each.is_us))
            break
        kept.append(each)
        left -= len(each.text)
    return kept[::-1]
