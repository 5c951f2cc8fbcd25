"""The board: one row per matter that has a message or could have one, and what people did with it. Knows no Slack.

A row's `place` says where people see it: in a message of its own (`root`), in the message of its group (`group`), or in
none for now (`held`) or at all (`shadow`, `muted`, `none`). `wanted` counts its changes, `shown` is the one that the
chat shows: the message is edited until they are the same. Its first post is an intent in the outbox (`root_key`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    String,
    Table,
    Text,
    delete,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from bot.journal.outbox import Intent, outbox, put
from bot.types import Severity
from ingest.database import Database, metadata
from ingest.types import Clock

CardKind = Literal["story", "group", "source", "alert"]
"""A story of one stream, several of them in one message, a source that cannot be scanned, a group of alerts."""

Place = Literal["root", "group", "held", "shadow", "muted", "none"]
"""Where a card is seen. `muted` is snoozed or rejected before it was posted; `none` has no channel, or is too small."""

Act = Literal["acknowledged", "investigated", "snoozed", "rejected", "restored"]
"""What a person did with a card; `restored` took a rejection back."""

EDIT_LEASE_S = 20.0
"""How long one replica has the editing of a message to itself: longer than a call to Slack (15 s) may take."""

TURN = 0x636F70696C6F74
"""Names the turn of whoever changes several cards, among Postgres's advisory locks: "copilot" in ASCII."""

UNSHOWN = "shown < wanted"
"""What is looked for every few seconds; an index of these rows alone tempts no other query away from a better one."""

cards_table = Table(
    "cards",
    metadata,
    Column("key", String(255), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("fingerprint", String(64), nullable=False, index=True),
    Column("channel", String(64)),
    Column("place", String(16), nullable=False),
    Column("why", String(255), nullable=False),
    Column("held_until", Float),
    Column("inside", String(255), index=True),
    Column("service", String(200), nullable=False),
    Column("severity", String(8), nullable=False),
    Column("detector", String(16), nullable=False),
    Column("body", JSON, nullable=False),
    Column("opened", Float, nullable=False, index=True),
    Column("ended", Float, index=True),
    Column("acknowledged_by", String(64)),
    Column("acknowledged_at", Float),
    Column("snoozed_by", String(64)),
    Column("snoozed_until", Float),
    Column("rejected", String(64)),
    Column("wanted", Integer, nullable=False),
    Column("shown", Integer, nullable=False),
    Column("owner", String(128), nullable=False),
    Column("lease_until", Float, nullable=False),
    Index("ix_cards_channel_place_opened", "channel", "place", "opened"),
    Index("ix_cards_unshown", "place", sqlite_where=text(UNSHOWN), postgresql_where=text(UNSHOWN)),
)

card_stories_table = Table(
    "card_stories",
    metadata,
    Column("stream", String(200), primary_key=True),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("card", String(255), nullable=False, index=True),
)
"""Which card tells a story: several stories of one fingerprint share one."""

acts_table = Table(
    "card_acts",
    metadata,
    Column("card", String(255), primary_key=True),
    Column("act", String(16), primary_key=True),
    Column("person", String(64), primary_key=True),
    Column("at", Float, primary_key=True),
    Column("detector", String(16), nullable=False),
)

rejections_table = Table(
    "rejections",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("card", String(255), nullable=False),
    Column("stream", String(200), nullable=False),
    Column("template", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("service", String(200), nullable=False),
    Column("person", String(64), nullable=False),
    Column("at", Float, nullable=False),
    Column("expires_at", Float, nullable=False, index=True),
    Column("undone_at", Float),
    Column("undone_by", String(64)),
)
"""What people said is no anomaly: this template, kind and service, until it expires or is undone."""

detectors_table = Table(
    "detectors",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("service", String(200), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("at", Float, nullable=False),
    Column("person", String(64)),
    Column("why", String(255), nullable=False),
)
"""Detectors of a service that are proposed for shadow (`proposed`), in it (`shadow`), or kept on purpose (`on`)."""

deploys_table = Table(
    "deploys",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("service", String(200), nullable=False),
    Column("version", String(200), nullable=False),
    Column("who", String(200), nullable=False),
    Column("link", Text, nullable=False),
    Column("at", Float, nullable=False, index=True),
)

channels_table = Table(
    "channel_settings",
    metadata,
    Column("channel", String(64), primary_key=True),
    Column("digest", String(8)),
    Column("quiet", String(16)),
    Column("least", String(8)),
    Column("timezone", String(64)),
    Column("person", String(64), nullable=False),
    Column("at", Float, nullable=False),
    Column("off", Boolean, nullable=False),
)
"""What people set for a channel from Slack; None is what copilot.toml says. `off` says that nothing is posted there
unasked."""


@dataclass(frozen=True, slots=True)
class Row:
    """A card as the board has it; times are seconds since 1970 UTC.

    `fingerprint` is the same for the same matter; `why` says in words why it is not a message of its own, `inside` is
    the key of the group that tells it. `detector` is the kind of change that opened a story. `rejected` is the id of
    the rejection that it led to. `body` is what its kind needs, as JSON.
    """

    key: str
    kind: CardKind
    fingerprint: str
    channel: str | None
    place: Place
    service: str
    severity: Severity
    opened: float
    why: str = ""
    held_until: float | None = None
    inside: str | None = None
    detector: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)
    ended: float | None = None
    acknowledged_by: str | None = None
    acknowledged_at: float | None = None
    snoozed_by: str | None = None
    snoozed_until: float | None = None
    rejected: str | None = None
    wanted: int = 1
    shown: int = 0


@dataclass(frozen=True, slots=True)
class Stale:
    """A message that no longer shows its card as it is."""

    key: str
    channel: str
    ts: str


def root_key(card: str) -> str:
    """Return the key of the intent to post a card's own message."""
    return f"card:{card}"


def root_intent(row: Row) -> Intent:
    """Return the intent to post a card's own message: its words are made when it is posted, as it is then.

    An alert is never posted twice: where nobody can tell whether the chat has it, it is not repeated (DESIGN.md).
    """
    return Intent(root_key(row.key), "card", row.channel or "", payload={"card": row.key}, repeat=False)


def below_intent(row: Row, what: str, content: Mapping[str, Any]) -> Intent:
    """Return the intent to say something once in the thread of a card's message; `what` names it for ever."""
    payload = dict(content) | {"under": root_key(row.key)}
    return Intent(f"below:{row.key}:{what}", "post", row.channel or "", payload=payload, repeat=False)


class Board:
    """The cards of one database. Every method that takes a `connection` works in the caller's transaction."""

    def __init__(self, database: Database, clock: Clock, owner: str = "copilot") -> None:
        self._database = database
        self._clock = clock
        self._owner = owner

    # Within a transaction

    async def turn(self, connection: AsyncConnection) -> None:
        """Wait for our turn to change several cards, which lasts until the transaction ends.

        Two who change the same cards in another order would wait for each other, and Postgres would end one of them. On
        SQLite every writer has the turn.
        """
        if not self._database.is_sqlite:
            await connection.execute(select(func.pg_advisory_xact_lock(TURN)))

    async def add(self, connection: AsyncConnection, row: Row) -> None:
        """Put a card on the board, and the intent to post it if it has a message of its own."""
        values = {name: getattr(row, name) for name in Row.__slots__} | {"body": dict(row.body)}
        await connection.execute(cards_table.insert().values(values | {"owner": "", "lease_until": 0.0}))
        if row.place == "root" and row.channel:
            await put(self._database, connection, root_intent(row), self._clock())

    async def change(self, connection: AsyncConnection, key: str, **values: Any) -> None:  # noqa: ANN401 - columns
        """Change a card, whose message is to be edited then."""
        values["wanted"] = cards_table.c.wanted + 1
        await connection.execute(update(cards_table).where(cards_table.c.key == key).values(**values))

    async def post(self, connection: AsyncConnection, row: Row) -> None:
        """Give a card that was held a message of its own."""
        await self.change(connection, row.key, place="root", why="", held_until=None)
        await put(self._database, connection, root_intent(row), self._clock())

    async def say_below(self, connection: AsyncConnection, row: Row, what: str, content: Mapping[str, Any]) -> bool:
        """Say something once in the thread of a card's message; return False if it was said before."""
        return await put(self._database, connection, below_intent(row, what, content), self._clock())

    async def find(self, connection: AsyncConnection, *conditions: ColumnElement[bool]) -> list[Row]:
        """Return cards by conditions on `cards_table`, the oldest first."""
        wanted = select(cards_table).where(*conditions).order_by(cards_table.c.opened, cards_table.c.key)
        return [_row(each) for each in (await connection.execute(wanted)).mappings()]

    async def tells(self, connection: AsyncConnection, stream: str, story: int) -> str | None:
        """Return the key of the card that tells a story."""
        table = card_stories_table.c
        found: str | None = await connection.scalar(select(table.card).where(table.stream == stream, table.id == story))
        return found

    async def tell(self, connection: AsyncConnection, card: str, stream: str, story: int) -> None:
        """Let a card tell a story."""
        values = {"stream": stream, "id": story, "card": card}
        await connection.execute(self._database.insert(card_stories_table).values(values).on_conflict_do_nothing())

    async def acted(self, connection: AsyncConnection, row: Row, act: Act, person: str, at: float) -> None:
        """Write down what a person did with a card."""
        values = {"card": row.key, "act": act, "person": person, "at": at, "detector": row.detector}
        await connection.execute(self._database.insert(acts_table).values(values).on_conflict_do_nothing())

    async def lock(self, connection: AsyncConnection, key: str) -> None:
        """Keep others from changing a card until the transaction ends, as before its body is read to be changed."""
        await connection.execute(select(cards_table.c.key).where(cards_table.c.key == key).with_for_update())

    # By themselves

    async def card(self, key: str) -> Row | None:
        """Return a card, None if there is none of that key."""
        found = await self._select(cards_table.c.key == key)
        return found[0] if found else None

    async def stories(self, card: str) -> Sequence[tuple[str, int]]:
        """Return the stories that a card tells, as (stream, id), the first one first."""
        table = card_stories_table.c
        wanted = select(table.stream, table.id).where(table.card == card).order_by(table.id)
        async with self._database.read() as connection:
            return [(row.stream, row.id) for row in await connection.execute(wanted)]

    async def open(self, *, since: float | None = None) -> list[Row]:
        """Return the stories, sources and alerts that go on, or that ended after `since`; the oldest first."""
        still = cards_table.c.ended.is_(None)
        wanted = still if since is None else or_(still, cards_table.c.ended >= since)
        return await self._select(cards_table.c.kind != "group", wanted)

    async def members(self, group: str) -> list[Row]:
        """Return the cards that a group's message tells, the oldest first."""
        return await self._select(cards_table.c.inside == group)

    async def keep(self, key: str, **body: Any) -> None:  # noqa: ANN401 - JSON
        """Add something to a card's body that changes nothing people see, such as what was looked up once."""
        async with self._database.write() as connection:
            await self.lock(connection, key)
            row = (await self.find(connection, cards_table.c.key == key))[0]
            values = {"body": {**row.body, **body}}
            await connection.execute(update(cards_table).where(cards_table.c.key == key).values(values))

    async def expire(self, before: float) -> None:
        """Forget cards that are over since before then (seconds UTC), and what people did with them and rejected.

        What is rejected still holds for as long as it was said to; the settings of channels and detectors stay.
        """
        old = select(cards_table.c.key).where(cards_table.c.ended < before)
        lapsed = rejections_table.c.expires_at < before
        async with self._database.write() as connection:
            await self.turn(connection)
            for table in (card_stories_table, acts_table):
                await connection.execute(delete(table).where(table.c.card.in_(old)))
            await connection.execute(delete(rejections_table).where(lapsed))
            await connection.execute(delete(cards_table).where(cards_table.c.ended < before))

    async def forget(self, person: str) -> None:
        """Forget what a person did; what it led to stays, by nobody."""
        nobody = {"person": ""}
        async with self._database.write() as connection:
            await self.turn(connection)
            await connection.execute(delete(acts_table).where(acts_table.c.person == person))
            for column in (cards_table.c.acknowledged_by, cards_table.c.snoozed_by):
                await connection.execute(update(cards_table).where(column == person).values({column.name: ""}))
            for table in (rejections_table, detectors_table, channels_table):
                await connection.execute(update(table).where(table.c.person == person).values(nobody))
            undone = rejections_table.c.undone_by
            await connection.execute(update(rejections_table).where(undone == person).values(undone_by=""))

    # For whoever shows them

    async def stale(self) -> list[Stale]:
        """Return the messages that show an older version of their card than is wanted."""
        posted = outbox.c.key == "card:" + cards_table.c.key
        wanted = (
            select(cards_table.c.key, outbox.c.channel, outbox.c.ts)
            .join(outbox, posted)
            .where(cards_table.c.place == "root", cards_table.c.shown < cards_table.c.wanted)
            .where(outbox.c.state == "sent", outbox.c.ts.is_not(None))
            .order_by(cards_table.c.opened)
        )
        async with self._database.read() as connection:
            return [Stale(row.key, row.channel, row.ts) for row in await connection.execute(wanted)]

    async def editing(self, key: str) -> bool:
        """Take the editing of a message for ourselves; return False while another replica has it."""
        now = self._clock()
        free = or_(cards_table.c.owner == self._owner, cards_table.c.lease_until <= now)
        values = {"owner": self._owner, "lease_until": now + EDIT_LEASE_S}
        async with self._database.write() as connection:
            taken = await connection.execute(update(cards_table).where(cards_table.c.key == key, free).values(values))
        return bool(taken.rowcount)

    async def shows(self, key: str, version: int) -> None:
        """Record which version of a card the chat shows now."""
        older = (cards_table.c.key == key) & (cards_table.c.shown < version)
        async with self._database.write() as connection:
            values = {"shown": version, "lease_until": 0.0}
            await connection.execute(update(cards_table).where(older).values(values))

    async def _select(self, *conditions: ColumnElement[bool]) -> list[Row]:
        async with self._database.read() as connection:
            return await self.find(connection, *conditions)


def _row(row: RowMapping) -> Row:
    values = {name: row[name] for name in Row.__slots__}
    body = values["body"]
    return Row(**{**values, "body": json.loads(body) if isinstance(body, str) else body})
