"""A board with real stories in a database, and whoever tells its cards; what is looked up elsewhere has a memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from typing import Any, Self

from sqlalchemy import text

from bot.types import Brief, Card, Hint
from bot.watch.board import Board, Row
from bot.watch.catalogue import Catalogue, Service
from bot.watch.deploys import Deploy
from bot.watch.presses import Presses
from bot.watch.rejections import Rejections
from bot.watch.telling import Telling
from ingest.anomalies.report import Change, Report
from ingest.anomalies.store import Saved, Streams
from ingest.database import Database
from ingest.types import EVERYONE, Audience

NOON = 1_795_003_200.0
"""Wednesday 2026-11-18, 12:00 UTC."""

MINUTE = 60.0

PRESSURE = Hint("runbooks/gateway.md", "Payment gateway degraded", 4, 9, "curl -sI https://gateway/health")
JANUARY = Hint("postmortems/2026-01-09.md", "Gateway outage of January", 20, 44, "dig gateway", runbook=False)


def report(**changes: Any) -> Report:
    """Return a story as ingest tells it: payments that time out, new since 12:02 UTC."""
    usual = Report(
        stream="shop",
        id=12,
        kind="new",
        severity="high",
        detected_at=NOON + 3 * MINUTE,
        since=NOON + 2 * MINUTE,
        ended=None,
        headline="New: payment gateway timeout after <*> ms on checkout: 42 lines in 1 min, never seen before",
        template="payment gateway timeout after <*> ms (gateway=<*>)",
        example="payment gateway timeout after 5000 ms (gateway=eu-west)",
        examples=("12:02:31 ERROR web-1 checkout payment gateway timeout after 5000 ms (gateway=eu-west)",),
        services=("checkout",),
        hosts=(),
        observed=42.0,
        usual=0.0,
        unit="",
        window_s=60.0,
        score=30.4,
        chart=(0.0,) * 54 + (42.0,) * 6,
        charted=NOON + 8 * MINUTE,
        changes=(Change("payment gateway timeout after <*> ms (gateway=<*>)", 0.0, 252.0),),
        also=(),
    )
    return replace(usual, **changes)


def row(**changes: Any) -> Row:
    """Return that story's card as it stands on the board, with a message of its own."""
    usual = Row(
        key="story:shop:12",
        kind="story",
        fingerprint="f" * 32,
        channel="C0SHOP",
        place="root",
        service="checkout",
        severity="high",
        opened=NOON + 3 * MINUTE,
        detector="new",
    )
    return replace(usual, **changes)


@dataclass
class Deployed:
    """Remembers what was asked; knows these deployments."""

    known: list[Deploy] = field(default_factory=list)
    asked: list[list[str]] = field(default_factory=list)

    async def between(self, services: Iterable[str], since: float, until: float) -> list[Deploy]:
        """Return those of these services and times."""
        names = list(services)
        self.asked.append(names)
        return [each for each in self.known if each.service in names and since <= each.at <= until]

    def add(self, version: str, at: float, *, service: str = "checkout", who: str = "ana") -> None:
        """Take note of a deployment."""
        self.known.append(Deploy(f"{service}-{version}", service, version, who, "", at))


@dataclass
class Documents:
    """Finds what it is told to find, and knows who may read it. Counts the lookups."""

    runbook: Hint | None = None
    similar: tuple[Hint, ...] = ()
    readers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sought: list[str] = field(default_factory=list)

    async def on(
        self, text: str, services: Sequence[str], audience: Audience | None, stories: Sequence[str] = ()
    ) -> tuple[Hint | None, tuple[Hint, ...]]:
        """Return what fits."""
        self.sought.append(text)
        return self.runbook, self.similar

    async def audiences(self, paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return who may read what: everybody, unless told otherwise."""
        return {path: self.readers.get(path, EVERYONE) for path in paths}


class Desk:
    """Board, stories and all who tell of them or change them, on one database. `now` is the time."""

    def __init__(self, database: Database, services: Sequence[Service] = (), zone: tzinfo = UTC) -> None:
        self.now = NOON + 8 * MINUTE
        self.database = database
        self.board = Board(database, lambda: self.now)
        self.streams = Streams(database)
        self.rejections = Rejections(database)
        self.deploys = Deployed()
        self.documents = Documents()
        self.telling = Telling(
            self.board,
            self.streams,
            self.rejections,
            deploys=self.deploys,
            hints=self.documents,
            catalogue=Catalogue(services),
            documents=self.documents,
            clock=lambda: self.now,
            zone_of=lambda _channel: zone,
        )
        self.presses = Presses(database, self.board, self.streams, self.telling, self.rejections)

    async def with_(self, card: Row, *reports: Report) -> Self:
        """Put a card on the board that tells these stories."""
        await self.know(*reports)
        async with self.database.write() as connection:
            await self.board.add(connection, card)
            for each in reports:
                await self.board.tell(connection, card.key, each.stream, each.id)
        return self

    async def know(self, *reports: Report) -> None:
        """Keep stories as a scan does, in its transaction."""
        for each in reports:
            before = await self.streams.load(each.stream)
            saved = Saved(each.stream, before.version + 1 if before else 1, {}, b"", 0, each.charted, each.charted)
            async with self.database.write() as connection:
                await self.streams.save(connection, saved, [each])

    async def change(self, key: str, **values: Any) -> None:
        """Change a card, as a scan does."""
        async with self.database.write() as connection:
            await self.board.change(connection, key, **values)

    async def shown(self, key: str = "story:shop:12", audience: Audience | None = None) -> str:
        """Return a card as a text that a person reads."""
        card = await self.telling.card(key, audience)
        assert card is not None
        return text_of(card)

    async def waiting(self) -> bool:
        """Whether somebody waits for a lock of Postgres's."""
        async with self.database.read() as connection:
            return bool(await connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

    async def row(self, key: str = "story:shop:12") -> Row:
        """Return a card as the board has it."""
        found = await self.board.card(key)
        assert found is not None
        return found


def text_of(card: Card) -> str:
    """Return all of a card but its chart's figures, one thing a line."""
    told = [f"# {card.headline}", status_of(card)]
    told += card.lines
    if card.chart:
        usual = "nothing is usual" if card.chart.usual is None else f"usually {card.chart.usual:.3g}"
        marks = "".join(
            f", {mark.words} {(card.chart.until - mark.at) / 60:.0f} min before" for mark in card.chart.marks
        )
        told.append(f"[{card.chart.title}: at most {max(card.chart.observed):g}, {usual}{marks}]")
    told += [" | ".join(f"{name} {value}" for name, value in card.fields)] if card.fields else []
    told += [f"{before} -> {now}  {template}" for template, before, now in card.changes]
    told += [f"> {row}" for example in card.examples for row in example.split("\n")]
    told += [f"Runbook that fits: {card.runbook.title} ({card.runbook.check})"] if card.runbook else []
    told += [f"Similar, perhaps: {each.title} ({each.check})" for each in card.similar]
    told.append(" · ".join(card.notes))
    told.append(" ".join(f"[{press}]" for press in card.presses) or "no buttons")
    return "\n".join(told)


def status_of(card: Card | Brief) -> str:
    """Return the line below the headline, with its people."""
    return " · ".join([card.status, *(f"{words} <{person}>" for words, person in card.people)])
