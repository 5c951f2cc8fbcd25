"""What was said in a thread or a channel: read page by page, bounded, with names. Judges nothing, writes nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bot.answer.catchup import Message
from bot.slack.above import Reader
from bot.slack.calls import Calls
from bot.slack.mentions import SUBTYPES
from ingest.types import Clock

PAGE = 200
"""Messages asked for at once: https://docs.slack.dev/reference/methods/conversations.replies recommends no more."""

PAGES = 10
"""Calls for one reading: 50 a minute is what Slack allows (bot.limits.TIER_3_PER_MINUTE)."""

MOST_MESSAGES = 400
"""Messages of a channel, with its threads."""

BACK_S = 3 * 86_400.0
"""How far back a channel is read."""

TAILS = ((5, 600), (4, 400))
"""Tries to read the end of a thread that is too long to be read whole: most pages, and messages hoped for."""

TALK = SUBTYPES | {"bot_message"}
"""What people and other bots write; all other subtypes are joins and the like."""

Raw = Mapping[str, Any]
Start = Literal["thread", "wrote", "days", "most"]
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Talk:
    """Messages, oldest first. `roots` are the threads of those that are replies, by the message's ts.

    `start` says why it begins where it does: the thread's own beginning, the asker's last message, three days ago, or
    the most that is read. `total` messages were there, of which `read` were looked at, within the `spans` of time
    (seconds, UTC); a channel's total is what was read. `unread` are its threads that were not looked into.
    """

    messages: tuple[Message, ...]
    roots: Mapping[str, str]
    start: Start
    read: int
    total: int
    spans: tuple[Span, ...]
    unread: int = 0


class Talks:
    """Reads Slack's history; what `calls` raises passes through."""

    def __init__(self, calls: Calls, reader: Reader, clock: Clock) -> None:
        self._calls = calls
        self._reader = reader
        self._clock = clock

    async def thread(self, channel: str, root: str) -> Talk:
        """Return a thread: whole up to 2,000 messages, of a longer one its beginning and its end."""
        where = {"channel": channel, "ts": root}
        first, rest = await self._read("conversations.replies", where, 1)
        total = max(len(first), 1 + int(next((each.get("reply_count", 0) for each in first if each["ts"] == root), 0)))
        chunks = [first]
        if rest and total > PAGE * PAGES:
            chunks += await self._tails(where, float(root), total)
        elif rest:
            more, _ = await self._read("conversations.replies", where, PAGES - 1, rest)
            chunks = [[*first, *more]]
        messages, roots = await self._told(_sorted(each for chunk in chunks for each in chunk))
        read = len({each["ts"] for chunk in chunks for each in chunk})
        return Talk(messages, roots, "thread", read, max(read, total), _spans(chunks))

    async def channel(self, channel: str, asker: str) -> Talk:
        """Return what was said in a channel since the asker last wrote there, with the threads below that."""
        found, start, pages = await self._since(channel, asker)
        since = float(found[-1]["ts"]) if found else self._clock()
        threads = [each for each in found if float(each.get("latest_reply", 0)) > since]
        unread = 0
        for root in sorted(threads, key=lambda each: float(each["latest_reply"]), reverse=True):
            if pages >= PAGES or len(found) >= MOST_MESSAGES:
                unread += 1
                continue
            where = {"channel": channel, "ts": root["ts"]}
            replies, rest = await self._read("conversations.replies", where, 1)
            unread += bool(rest)
            found += [each for each in replies if each["ts"] != root["ts"]][-(MOST_MESSAGES - len(found)) :]
            pages += 1
        messages, roots = await self._told(_sorted(found))
        return Talk(messages, roots, start, len(found), len(found), _spans([found]), unread)

    async def _since(self, channel: str, asker: str) -> tuple[list[Raw], Start, int]:
        """Return a channel's messages newest first, why they end there, and the pages that it took."""
        where = {"channel": channel, "oldest": f"{self._clock() - BACK_S:.6f}"}
        found: list[Raw] = []
        cursor = ""
        for page in range(1, PAGES + 1):
            messages, cursor = await self._read("conversations.history", where, 1, cursor)
            for message in messages:
                if message.get("user") == asker and _says(message) and not self._reader.asks(message):
                    return found, "wrote", page
                found += [message] if _says(message) else []
                if len(found) == MOST_MESSAGES:
                    return found, "most", page
            if not cursor:
                return found, "days", page
        return found, "most", PAGES

    async def _tails(self, where: Mapping[str, str], begin: float, total: int) -> list[list[Raw]]:
        """Return the end of a long thread. Slack reads threads forwards only, so where to begin is a guess."""
        end, chunks = self._clock(), []
        density = total / max(end - begin, 1.0)
        for pages, wanted in TAILS:
            since = end - wanted / density
            found, rest = await self._read("conversations.replies", {**where, "oldest": f"{since:.6f}"}, pages)
            chunk = [each for each in found if float(each["ts"]) > since]
            chunks.append(chunk)
            if not rest and len(chunk) >= PAGE:
                break
            density = len(chunk) / max(float(chunk[-1]["ts"]) - since, 1.0) if rest and chunk else density / 8
        return chunks

    async def _read(self, method: str, where: Mapping[str, str], pages: int, cursor: str = "") -> tuple[list[Raw], str]:
        """Return the messages of so many pages, and where the next one begins; empty at the end."""
        found: list[Raw] = []
        for _ in range(pages):
            more = {"cursor": cursor} if cursor else {}
            answer = await self._calls.call(method, limit=PAGE, **where, **more)
            found += answer.get("messages", [])
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                break
        return found, cursor

    async def _told(self, raw: Sequence[Raw]) -> tuple[tuple[Message, ...], Mapping[str, str]]:
        """Return what people and other bots said, in names, and the threads of replies."""
        messages, roots = [], {}
        for each in raw:
            if not _says(each) or self._reader.asks(each):
                continue
            said = await self._reader.said(each)
            if said.is_us or not said.text:
                continue
            ts = str(each["ts"])
            messages.append(Message(ts, said.author, said.text, is_bot=bool(each.get("bot_id"))))
            if each.get("thread_ts") not in (None, ts):
                roots[ts] = str(each["thread_ts"])
        return tuple(messages), roots


def _says(message: Raw) -> bool:
    return message.get("subtype") in TALK


def _sorted(messages: Iterable[Raw]) -> list[Raw]:
    by_ts = {str(each["ts"]): each for each in messages}
    return [by_ts[ts] for ts in sorted(by_ts, key=float)]


def _spans(chunks: Sequence[Sequence[Raw]]) -> tuple[Span, ...]:
    """Return the times that messages were read of, those that overlap joined."""
    times = [sorted(float(each["ts"]) for each in chunk) for chunk in chunks if chunk]
    joined: list[Span] = []
    for first, last in sorted((each[0], each[-1]) for each in times):
        if joined and first <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return tuple(joined)
