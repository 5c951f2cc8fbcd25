"""Whom we serve, where, and who reads along: the settings, and what is known of readers. Writes nothing."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.answer.audience import ALONE, Routed
from bot.journal.inbox import Event
from bot.slack.people import People
from bot.slack.readers import Destination, Readers
from bot.types import Done
from ingest.types import Audience

NOT_FOR_ALL = "Some of what this answer rests on may not be read by everybody here, so I do not share it."
NOT_FOR_YOU = "You may not read this document, or it is gone."

MayHear = Callable[[Done, Audience], Awaitable[bool]]
"""Whether an answer may be shown to an audience as it stands; see `bot.answer.audience.may_hear`."""

MayRead = Callable[[str, Audience], Awaitable[bool]]
"""Whether a document, by its path, may be read by an audience."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings: ids of the channels served (none means all that we are in), and whether un-tagged talk is."""

    channels: frozenset[str] = frozenset()
    strict: bool = False


class Doorkeeper:
    """Says who may ask us, where, and who will read the answer. Refusals are sentences for the person."""

    def __init__(self, rules: Rules, readers: Readers, people: People, may_hear: MayHear, may_read: MayRead) -> None:
        self.rules = rules
        self._readers = readers
        self._people = people
        self._may_hear = may_hear
        self._may_read = may_read

    async def admit(self, event: Event) -> Destination | str:
        """Return who reads the answer to an event, or why there is none."""
        destination = await self._readers.destination(event)
        if destination.refused:
            return destination.reason or NOT_FOR_YOU
        return await self._unlisted(event.channel) or destination

    async def stranger(self, user: str) -> str | None:
        """Return why a person is not served anywhere, None for one who is."""
        own = await self._readers.own(user)
        return (own.reason or NOT_FOR_YOU) if own.refused else None

    async def unread(self, user: str, path: str) -> str | None:
        """Return why a person may not see a document, None if they may."""
        own = await self._readers.own(user)
        if own.refused:
            return own.reason or NOT_FOR_YOU
        return None if await self._may_read(path, own.audience) else NOT_FOR_YOU

    async def own(self, user: str) -> Audience:
        """Return what a person may read alone; nothing for who is not served."""
        return (await self._readers.own(user)).audience

    async def retold(self, destination: Destination, done: Done) -> Routed | None:
        """Return for whom an answer that was written before may be shown now, as it stands; None if for nobody.

        Since it was written people may have come, and documents may have been closed.
        """
        if destination.private_to is None and await self._may_hear(done, destination.audience):
            return Routed(destination.audience)
        if await self._may_hear(done, destination.own):
            return Routed(destination.own, private=True, reason=destination.reason or ALONE)
        return None

    async def unshared(self, event: Event, done: Done) -> str | None:
        """Return why an answer may not be shown to all of a channel, None if it may."""
        there = await self._readers.to(event.channel, event.user)
        if there.refused or there.private_to is not None:
            return there.reason or NOT_FOR_ALL
        if (unlisted := await self._unlisted(event.channel)) is not None:
            return unlisted
        return None if await self._may_hear(done, there.audience) else NOT_FOR_ALL

    async def _unlisted(self, channel: str) -> str | None:
        if channel.startswith("D") or not self.rules.channels or channel in self.rules.channels:
            return None
        here = await self._people.channel(channel)
        return f"I answer only in the channels that my settings list, and {here} is not: ask me in a direct message."
