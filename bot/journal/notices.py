"""What the owner of this bot must know, told once a day and matter, through the outbox. Knows no Slack."""

from datetime import UTC, datetime
from typing import Protocol

import structlog

from bot.journal.outbox import Intent, Outbox
from ingest.types import Clock

log = structlog.get_logger(__name__)

OWNER = "owner:"
"""Begins the key of every notice, so that the sender keeps trying: the reason for one may be that nothing is sent."""


class TellOwner(Protocol):
    """The way to the person who must act."""

    async def tell_owner(self, about: str, words: str) -> None:
        """Tell the owner about one matter, named by a word from code; `words` is one sentence for people."""
        ...


class Notices:
    """The real way. `owner` is an id of a user or channel of the chat; with None only the log tells."""

    def __init__(self, outbox: Outbox, owner: str | None, clock: Clock) -> None:
        self._outbox = outbox
        self._owner = owner
        self._clock = clock

    async def tell_owner(self, about: str, words: str) -> None:
        """Write the notice into the log and the outbox, once a day and matter; the sender's sweep posts it."""
        today = datetime.fromtimestamp(self._clock(), UTC).date()
        log.error("owner.notice", about=about, words=words)
        if self._owner is not None:
            said = {"text": words}
            await self._outbox.add(Intent(f"{OWNER}{about}:{today}", "post", self._owner, payload=said, repeat=False))
