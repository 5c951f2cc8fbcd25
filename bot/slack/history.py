"""Finds our own message again after nobody knew whether Slack took it. Reads Slack's history, writes nothing."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from bot.journal.outbox import Outbox, Posting
from bot.slack.calls import Calls

EVENT_TYPE = "copilot_post"
"""The `event_type` of the metadata on every post of ours."""

PAGE = 200
"""Messages asked for at once: https://docs.slack.dev/reference/methods/conversations.replies recommends no more."""

PAGES = 5
"""Pages looked through; our message is among the first after the question."""


def marked(key: str) -> dict[str, Any]:
    """Return the metadata that names a post: https://docs.slack.dev/messaging/message-metadata."""
    return {"event_type": EVENT_TYPE, "event_payload": {"key": key}}


class History:
    """Our own messages as Slack remembers them. `user` and `bot` are our ids there."""

    def __init__(self, calls: Calls, outbox: Outbox, user: str, bot: str) -> None:
        self._calls = calls
        self._outbox = outbox
        self._user = user
        self._bot = bot

    async def find(self, posting: Posting) -> str | None:
        """Return the ts of the message that is this intent, None if Slack has none.

        A post is known by its metadata. A stream carries none before it is stopped: it is the first unmarked
        message of ours in the thread, after the question, that no other intent has; so is a late one. Raises what
        `Calls` raises.
        """
        mine = [message async for message in self._pages(posting) if self._is_mine(message)]
        after = [message for message in mine if float(message["ts"]) > float(posting.intent.asked_ts or 0)]
        for message in after:
            if _key(message) == posting.key:
                return str(message["ts"])
        if posting.intent.kind not in ("answer", "late"):
            return None
        return await self._unmarked(posting.intent.channel, after)

    async def _unmarked(self, channel: str, messages: list[Mapping[str, Any]]) -> str | None:
        times = sorted(str(message["ts"]) for message in messages if _key(message) is None)
        claimed = await self._outbox.claimed(channel, times)
        return next((ts for ts in times if ts not in claimed), None)

    async def _pages(self, posting: Posting) -> AsyncIterator[Mapping[str, Any]]:
        intent, cursor = posting.intent, ""
        arguments: dict[str, object] = {"channel": intent.channel, "include_all_metadata": True, "limit": PAGE}
        arguments |= {"oldest": intent.asked_ts} if intent.asked_ts else {}
        arguments |= {"ts": intent.thread} if intent.thread else {}
        for _ in range(PAGES):
            method = "conversations.replies" if intent.thread else "conversations.history"
            answer = await self._calls.call(method, **arguments, **({"cursor": cursor} if cursor else {}))
            for message in answer.get("messages", []):
                yield message
            cursor = answer.get("response_metadata", {}).get("next_cursor", "")
            if not cursor:
                return

    def _is_mine(self, message: Mapping[str, Any]) -> bool:
        return message.get("user") == self._user or message.get("bot_id") == self._bot


def _key(message: Mapping[str, Any]) -> str | None:
    """Return the intent that a message of ours says it is, None if it says nothing."""
    metadata = message.get("metadata") or {}
    key = metadata.get("event_payload", {}).get("key") if metadata.get("event_type") == EVENT_TYPE else None
    return None if key is None else str(key)
