"""The daily digest of each channel: once per local date, whatever restarts, replicas and clocks do. Knows no Slack.

A digest tells of the last local day that is over, at the channel's own time. A row per channel and date is written in
the transaction that writes the intents to post: who writes it first, posts.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import structlog
from sqlalchemy import Column, Float, String, Table, delete, select

from bot.journal.outbox import Intent, put_all
from bot.watch import detectors
from bot.watch.day import WEEK, before, date_of, due, next_due, whole
from bot.watch.digest import Digest, compose
from bot.watch.facts import Frame
from bot.watch.gather import Gatherer
from bot.watch.preferences import Preference, Preferences
from bot.watch.routing import Rules
from bot.watch.tally import Tally
from ingest.database import Database, metadata

log = structlog.get_logger(__name__)

LATE_S = 600.0
"""Later than ten minutes a digest says that it is late, as an answer does (bot.slack.turns)."""

DIGEST = "digest:"
"""Begins the key of every digest's intents."""

Content = Mapping[str, Any]
"""What the chat shows as one message."""

Render = Callable[[Digest], Sequence[Content]]
"""Makes messages of a digest: the first is posted in the channel, the others in its thread."""

Admits = Callable[[str], Awaitable[bool]]
"""Returns whether all who read a channel are known to be full members."""

digests_table = Table(
    "digests",
    metadata,
    Column("channel", String(64), primary_key=True),
    Column("date", String(10), primary_key=True),
    Column("at", Float, nullable=False),
    Column("state", String(8), nullable=False),
)
"""A digest per channel and local date on which it came: `posted`, or `skipped` since nobody knew of it when it was due,
or since others than full members may read there."""


@dataclass(frozen=True, slots=True)
class _Owed:
    """A digest to be told: on which local date, when it was due, and whether to call it late."""

    day: date
    due: float
    late: bool


def key_of(channel: str, day: date) -> str:
    """Return the key of the intent to post a digest."""
    return f"{DIGEST}{channel}:{day}"


class Digests:
    """The digests of all channels."""

    def __init__(
        self,
        database: Database,
        rules: Rules,
        preferences: Preferences,
        gatherer: Gatherer,
        render: Render,
        *,
        admits: Admits | None = None,
    ) -> None:
        """`admits` is asked for channels that only people chose: where stories go, copilot.toml says."""
        self._database = database
        self._rules = rules
        self._preferences = preferences
        self._gatherer = gatherer
        self._render = render
        self._admits = admits
        self._tally = Tally(database)

    async def go(self, now: float) -> frozenset[str]:
        """Write down every digest that is due and not told yet; return the channels to wake. To be called every minute.

        What goes wrong for one channel does not keep the others from theirs; it is raised in the end.
        """
        await self._tally.note(now, self._rules.origins.keys())
        told = await self._told()
        preferences = await self._preferred()
        done = await asyncio.gather(
            *(self._channel(each, told.get(each.channel, frozenset()), now) for each in preferences),
            return_exceptions=True,
        )
        for each in done:
            if isinstance(each, BaseException):
                raise each
        return frozenset(each.channel for each, posted in zip(preferences, done, strict=True) if posted)

    async def yesterday(self, channel: str | None, now: float) -> Digest:
        """Return the digest of the last local day that is over; without a channel, of all."""
        preference = await self._preferences.of(channel or "")
        day = before(date_of(now, preference.zone), preference.zone)
        return await self._digest(preference, channel, day, now)

    async def today(self, channel: str | None, now: float) -> Digest:
        """Return what there would be to tell of the present local day, as far as it has come."""
        preference = await self._preferences.of(channel or "")
        return await self._digest(preference, channel, date_of(now, preference.zone), now)

    async def _preferred(self) -> list[Preference]:
        """Return the channels that get a digest: where stories go, and where somebody asked for one."""
        known = await self._preferences.load()
        channels = sorted({*self._rules.channels, *known})
        return [each for each in map(self._preferences.known, channels) if each.digest_at is not None]

    async def _channel(self, preference: Preference, told: frozenset[str], now: float) -> bool:
        """Tell a channel's digest if it is due; return whether we did. Of a channel that is new, nothing is late."""
        at, zone, posted = preference.digest_at, preference.zone, False
        if at is None:
            return False
        if not told:
            await self._mark(preference.channel, before(date_of(now, zone), zone), now)
        for day, when in due(now, at, zone):
            if str(day) in told:
                continue
            changed = preference.set_at is not None and preference.set_at > when
            late = now - when > LATE_S and not changed
            if (late and not told) or not await self._is_safe(preference.channel):
                await self._mark(preference.channel, day, now)
            else:
                posted |= await self._tell(preference, _Owed(day, when, late), now)
        return posted

    async def _is_safe(self, channel: str) -> bool:
        """Whether what everybody here may read may be told in a channel."""
        if self._admits is None or channel in self._rules.channels or await self._admits(channel):
            return True
        log.warning("digest.withheld", channel=channel, why="others than full members may read there")
        return False

    async def _tell(self, preference: Preference, owed: _Owed, now: float) -> bool:
        """Compose a digest and write down that it is to be posted; return False when somebody else was faster."""
        channel, zone = preference.channel, preference.zone
        digest = await self._digest(
            preference, channel, before(owed.day, zone), now, due_at=owed.due if owed.late else None
        )
        root, *details = self._render(digest)
        key = key_of(channel, owed.day)
        intents = [Intent(key, "post", channel, payload=root, repeat=False)]
        for number, content in enumerate(details, 1):
            below = dict(content) | {"under": key}
            intents.append(Intent(f"{key}:{number}", "post", channel, payload=below, repeat=False))
        proposed = await self._gatherer.candidates(now)
        row = {"channel": channel, "date": str(owed.day), "at": now, "state": "posted"}
        async with self._database.write() as connection:
            added = await connection.execute(self._database.insert(digests_table).values(row).on_conflict_do_nothing())
            if not added.rowcount:
                return False
            old = (digests_table.c.channel == channel) & (digests_table.c.date < str(owed.day - WEEK))
            await connection.execute(delete(digests_table).where(old))
            await put_all(self._database, connection, intents, now)
            await detectors.propose(self._database, connection, proposed, now)
        return True

    async def _digest(
        self, preference: Preference, channel: str | None, day: date, now: float, due_at: float | None = None
    ) -> Digest:
        zone = preference.zone
        at = preference.digest_at
        frame = Frame(
            day=day,
            window=whole(day, zone),
            zone=zone,
            zone_name=preference.timezone,
            now=now,
            next_at=None if at is None or channel is None else next_due(now, at, zone),
            due=due_at,
        )
        return compose(await self._gatherer.facts(channel, frame), frame)

    async def _mark(self, channel: str, day: date, now: float) -> None:
        """Write down that a channel was not known before, so that only what is due from now on can be late."""
        row = {"channel": channel, "date": str(day), "at": now, "state": "skipped"}
        async with self._database.write() as connection:
            await connection.execute(self._database.insert(digests_table).values(row).on_conflict_do_nothing())

    async def _told(self) -> Mapping[str, frozenset[str]]:
        """Return the local dates that are settled, by channel."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(digests_table.c.channel, digests_table.c.date))).all()
        channels = {row.channel for row in rows}
        return {each: frozenset(row.date for row in rows if row.channel == each) for each in channels}
