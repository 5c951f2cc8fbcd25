"""What is said once a day about texts that differ in numbers alone: alerts that a bot posts again and again."""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.journal.outbox import Intent, outbox, put
from ingest.database import Database
from ingest.types import Clock

AGAIN_S: Final = 24 * 3_600.0
"""How long a text counts as answered."""

_VALUE = re.compile(r"[\w.:/%+-]*\d[\w.:/%+-]*")
"""A word with a digit in it: numbers, times, addresses, ids, and names of pods and hosts."""


class Once:
    """Answers to texts in channels, in one database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def said(self, channel: str, text: str) -> bool:
        """Return whether a text like this one was answered in this channel within a day."""
        async with self._database.read() as connection:
            return await self._said(connection, channel, text)

    async def say(self, channel: str, thread: str, text: str, content: Mapping[str, Any]) -> bool:
        """Answer a text in its thread; return False if one like it was answered within a day."""
        now = self._clock()
        key = f"{_about(channel, text)}{int(now // AGAIN_S)}"
        intent = Intent(key, "post", channel, thread=thread, payload=dict(content), repeat=False)
        async with self._database.write() as connection:
            if await self._said(connection, channel, text):
                return False
            return await put(self._database, connection, intent, now)

    async def _said(self, connection: AsyncConnection, channel: str, text: str) -> bool:
        mine = outbox.c.key.startswith(_about(channel, text), autoescape=True)
        recent = select(outbox.c.key).where(mine, outbox.c.created_at > self._clock() - AGAIN_S).limit(1)
        return await connection.scalar(recent) is not None


def fingerprint(text: str) -> str:
    """Return what is the same for texts that differ in numbers, times and spaces alone: 32 hex digits. Pure."""
    return sha256(" ".join(_VALUE.sub("#", text.lower()).split()).encode("utf-8", "replace")).hexdigest()[:32]


def _about(channel: str, text: str) -> str:
    return f"alerted:{channel}:{fingerprint(text)}:"
