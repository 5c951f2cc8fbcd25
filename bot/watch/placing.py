"""Puts cards where routing says they belong: rows of the board and intents to post, in the caller's transaction.

Whoever places cards has the board's turn (`Board.turn`), so that a channel's budget is counted once over all replicas.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from hashlib import sha256
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.journal.outbox import outbox
from bot.types import worst
from bot.watch.board import Board, Row, below_intent, cards_table, root_key
from bot.watch.detectors import shadowed
from bot.watch.figures import lasted
from bot.watch.names import stream_of
from bot.watch.preferences import Preference, Preferences
from bot.watch.rejections import Rejections
from bot.watch.routing import Decision, Known, Matter, Rules, decided, fingerprint_of, group_key, hour_of
from ingest.database import Database
from ingest.types import Clock

SHOWN = ("root", "group")

SNOOZE = "snooze-"
"""Begins the name of what is said at the end of a snooze; whoever snoozed it had it until then."""


@dataclass(frozen=True, slots=True)
class Call:
    """Whom to mention below a card's message, and for which service; `shared` is a message that tells several."""

    below: str
    service: str
    notify: str
    escalate_after_s: float
    shared: bool

    @property
    def where(self) -> str:
        """Which service is meant: a phone shows a mention alone; a name may come from a file of others."""
        return f" in {re.sub('[^ -~]|[<>&*_~`@#]', '', self.service)}"

    def what(self, call: str) -> str:
        """Return what names this call below its message for ever."""
        return f"{call}-{sha256(self.service.encode()).hexdigest()[:12]}" if self.shared else call


class Placer:
    """Places cards on one board by the rules of the settings and what people asked for."""

    def __init__(
        self,
        database: Database,
        board: Board,
        rules: Rules,
        *,
        preferences: Preferences,
        rejections: Rejections,
        clock: Clock,
    ) -> None:
        self.rules = rules
        self._database = database
        self._board = board
        self._preferences = preferences
        self._rejections = rejections
        self._clock = clock

    def zone_of(self, channel: str | None) -> tzinfo:
        """Return the zone in which times are told in a channel."""
        return self._preferences.zone_of(channel)

    async def wishes(self) -> Mapping[str, Preference]:
        """Return what people want in each channel. To be read before the transaction that places."""
        await self._preferences.load()
        return {channel: self._preferences.known(channel) for channel in self.rules.channels}

    async def place(
        self,
        connection: AsyncConnection,
        wishes: Mapping[str, Preference],
        new: Sequence[Row] = (),
        again: Sequence[Row] = (),
        *,
        unread: bool = False,
    ) -> frozenset[str]:
        """Place cards that go on: `new` ones, and ones `again` that are on the board without a message.

        Returns the channels for which something waits then. `unread` says that their source is behind.
        """
        if not new and not again:
            return frozenset()
        matters = [_matter(row, unread=unread) for row in (*new, *again)]
        decisions = decided(matters, self.rules, await self._known(connection, wishes))
        added = [_placed(row, decision) for row, decision in zip(new, decisions, strict=False)]
        moved = [_placed(row, decision) for row, decision in zip(again, decisions[len(new) :], strict=True)]
        moved = [row for row, before in zip(moved, again, strict=True) if row != before]
        await self._groups(connection, [row for row in (*added, *moved) if row.place == "group"])
        await self.add(connection, added)
        for row in moved:
            await self._move(connection, row)
        await self.mention(connection, [*added, *moved])
        return frozenset(row.channel for row in (*added, *moved) if row.place in SHOWN and row.channel)

    async def mention(self, connection: AsyncConnection, rows: Sequence[Row]) -> frozenset[str]:
        """Mention whoever the settings name below stories of high severity; return the keys of the messages.

        Once a story, and once a service below a message that tells several: a flood calls nobody a hundred times.
        """
        below = set()
        for call in self.calls(rows):
            host = await self._host(connection, call)
            words = {"text": f"{mention_of(call.notify)} new{call.where}, of high severity."}
            if host is not None and await self._board.say_below(connection, host, call.what("notify"), words):
                below.add(host.key)
        return frozenset(below)

    async def mention_again(self, connection: AsyncConnection, rows: Sequence[Row]) -> frozenset[str]:
        """Mention them once more where nobody has acknowledged in time; `rows` are those that nobody has."""
        below = set()
        for call in self.calls(rows):
            host = await self._host(connection, call)
            since = None if host is None else await self._said_at(connection, host, call.what("notify"))
            if host is None or since is None or self._clock() - since < call.escalate_after_s:
                continue
            waited = lasted(self._clock() - since)
            words = {"text": f"{mention_of(call.notify)} nobody has acknowledged it{call.where} for {waited}."}
            if await self._board.say_below(connection, host, call.what("escalate"), words):
                below.add(host.key)
        return frozenset(below)

    def calls(self, rows: Sequence[Row]) -> list[Call]:
        """Return whom to mention below which messages, each once."""
        found: dict[tuple[str, str], Call] = {}
        for row in rows:
            service = self.rules.catalogue.named(row.service)
            if service is None or service.notify is None or not self._alarms(row):
                continue
            below = row.inside if row.place == "group" else row.key
            if below is not None:
                call = Call(below, service.name, service.notify, service.escalate_after_s, shared=below != row.key)
                found.setdefault((below, service.name), call)
        return list(found.values())

    def _alarms(self, row: Row) -> bool:
        if row.kind != "story" or row.place not in SHOWN or row.severity != "high" or row.ended is not None:
            return False
        return not (row.acknowledged_by or row.rejected or (row.snoozed_until or 0.0) > self._clock())

    async def _host(self, connection: AsyncConnection, call: Call) -> Row | None:
        found = await self._board.find(connection, cards_table.c.key == call.below)
        return found[0] if found else None

    async def _said_at(self, connection: AsyncConnection, host: Row, what: str) -> float | None:
        """Return when somebody was called, or a snooze of it ended since; None before the first call."""
        first, snoozed = below_intent(host, what, {}).key, below_intent(host, SNOOZE, {}).key
        said = or_(outbox.c.key == first, outbox.c.key.startswith(snoozed, autoescape=True))
        at: float | None = await connection.scalar(select(func.max(outbox.c.created_at)).where(said))
        return at

    async def end_groups(self, connection: AsyncConnection, keys: Iterable[str]) -> None:
        """Let the messages of groups be edited: a group is over when all its members are."""
        for key in sorted(set(keys)):
            members = await self._board.find(connection, cards_table.c.inside == key)
            over = all(member.ended is not None for member in members)
            ended = max((member.ended or 0.0 for member in members), default=self._clock()) if over else None
            await self._board.change(connection, key, ended=ended)

    async def _known(self, connection: AsyncConnection, wishes: Mapping[str, Preference]) -> Known:
        now, table = self._clock(), cards_table.c
        snoozed = select(table.fingerprint).where(table.snoozed_until > now)
        return Known(
            now=now,
            wishes=wishes,
            used=await self._used(connection, now),
            snoozed=frozenset((await connection.execute(snoozed)).scalars()),
            rejected=await self._rejections.held(connection, now),
            shadowed=await shadowed(connection),
        )

    async def _used(self, connection: AsyncConnection, now: float) -> Mapping[str, int]:
        """Return how many stories got a message of their own in this hour, by channel."""
        mine, channels = outbox.c, sorted(self.rules.channels)
        wanted = (
            select(mine.channel, func.count())
            .where(mine.channel.in_(channels), mine.created_at >= hour_of(now), mine.kind == "card")
            .where(mine.key.startswith(root_key("story:"), autoescape=True))
            .group_by(mine.channel)
        )
        return {row[0]: row[1] for row in await connection.execute(wanted)}

    async def _groups(self, connection: AsyncConnection, members: Sequence[Row]) -> None:
        """Make sure of the groups that tell these members, and let their messages be edited."""
        now = self._clock()
        for channel in sorted({row.channel for row in members if row.channel}):
            key = group_key(channel, now)
            ours = [row for row in members if row.channel == channel]
            severity = worst(row.severity for row in ours)
            found = await self._board.find(connection, cards_table.c.key == key)
            if found:
                await self._board.change(connection, key, severity=worst((severity, found[0].severity)), ended=None)
                continue
            fingerprint = fingerprint_of("", "group", key, "")
            body = {"hour": key.removeprefix(f"group:{channel}:")}
            group = Row(key, "group", fingerprint, channel, "root", "", severity, now, why=ours[0].why, body=body)
            await self._board.add(connection, group)

    async def add(self, connection: AsyncConnection, rows: Sequence[Row]) -> None:
        """Put new cards on the board: those with a message of their own one by one, all others at once."""
        others = [row for row in rows if row.place != "root"]
        for row in rows:
            if row.place == "root":
                await self._board.add(connection, row)
        if others:
            await connection.execute(cards_table.insert(), [values_of(row) for row in others])

    async def _move(self, connection: AsyncConnection, row: Row) -> None:
        if row.place == "root":
            await self._board.change(connection, row.key, channel=row.channel)
            await self._board.post(connection, row)
        else:
            names = ("channel", "place", "why", "held_until", "inside")
            await self._board.change(connection, row.key, **{name: getattr(row, name) for name in names})


def mention_of(name: str) -> str:
    """Return the mention of a person's or a user group's id, which stands in the settings."""
    return f"<!subteam^{name}>" if name.startswith("S") else f"<@{name}>"


def values_of(row: Row) -> dict[str, Any]:
    """Return a new card as the board's table has it."""
    values = {name: getattr(row, name) for name in Row.__slots__}
    return values | {"body": dict(row.body), "owner": "", "lease_until": 0.0}


def _matter(row: Row, *, unread: bool) -> Matter:
    blind = row.kind == "source"
    return Matter(
        key=row.key,
        fingerprint=row.fingerprint,
        stream=stream_of(row.key),
        kind=row.detector,
        template=str(row.body.get("template", "")),
        service=row.service,
        severity=row.severity,
        unread=unread and not blind,
        blind=blind,
    )


def _placed(row: Row, decision: Decision) -> Row:
    return replace(
        row,
        place=decision.place,
        channel=decision.channel,
        why=decision.why,
        held_until=decision.held_until,
        inside=decision.inside,
    )
