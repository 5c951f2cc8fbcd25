"""What was deployed, when and by whom: kept once each, and told beside stories as what happened, never as their cause.

All text comes from outside: it is bounded and without secrets before it is kept. Knows no HTTP.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.watch.board import Board, cards_table, deploys_table
from bot.watch.catalogue import Catalogue
from ingest.database import Database
from ingest.redact import Redact

MOST_NAME = 200
"""Characters of a service, version or name that are kept: the width of their columns."""

MOST_LINK = 2_000
"""Characters of a link; browsers take as many."""

MOST_ID = 128

MOST = 100
"""Deployments told at once, the latest: a chart has no room for more."""

BEFORE_S = 3_600.0
"""A deployment up to an hour before a story began is shown on its card; one that is told later than that is not."""


@dataclass(frozen=True, slots=True)
class Deploy:
    """One deployment; `at` is seconds since 1970 UTC, `id` the sender's name for it. `link` is http(s), or empty."""

    id: str
    service: str
    version: str
    who: str
    link: str
    at: float


class Deploys:
    """The deployments of one database."""

    def __init__(self, database: Database, board: Board, catalogue: Catalogue, redact: Redact) -> None:
        self._database = database
        self._board = board
        self._catalogue = catalogue
        self._redact = redact

    async def add(self, deploy: Deploy) -> bool:
        """Keep a deployment, and let its service's open stories and alerts show it; False if it was kept before.

        All of it is committed when this returns.
        """
        kept = self._bounded(deploy)
        async with self._database.write() as connection:
            values = {name: getattr(kept, name) for name in Deploy.__slots__}
            insert = self._database.insert(deploys_table).values(values).on_conflict_do_nothing()
            is_new = (await connection.execute(insert.returning(deploys_table.c.id))).first() is not None
            if is_new:
                await self._board.turn(connection)
                await self._show(connection, kept)
        return is_new

    async def between(self, services: str | Iterable[str] | None, since: float, until: float) -> list[Deploy]:
        """Return the deployments of these services from `since` to `until`, both included, the earliest first.

        A service is meant by its name, by what the catalogue knows it by, and by all that it is called there; none
        means all services. At most MOST, the latest.
        """
        names = _names(services)
        at = deploys_table.c.at
        columns = [deploys_table.c[name] for name in Deploy.__slots__]
        wanted = select(*columns).where(at >= since, at <= until).order_by(at.desc(), deploys_table.c.id)
        async with self._database.read() as connection:
            rows = (await connection.execute(wanted)).mappings()
            found = [Deploy(**row) for row in rows if not names or self.same(names, (row["service"],))]
        return found[:MOST][::-1]

    async def expire(self, before: float) -> None:
        """Delete what was deployed before then (seconds UTC)."""
        async with self._database.write() as connection:
            await connection.execute(delete(deploys_table).where(deploys_table.c.at < before))

    async def _show(self, connection: AsyncConnection, deploy: Deploy) -> None:
        """Let the messages of the service's open stories and alerts be edited, and of the groups that tell them."""
        cards = cards_table.c
        rows = await self._board.find(connection, cards.kind.in_(("story", "alert")), cards.ended.is_(None))
        for row in rows:
            if self.same((row.service,), (deploy.service,)) and deploy.at >= row.opened - BEFORE_S:
                for key in filter(None, (row.key, row.inside)):
                    await self._board.change(connection, key)

    def same(self, names: Sequence[str], others: Sequence[str]) -> bool:
        """Whether names and others are of one service: as they are written, or by the catalogue."""
        if {name.lower() for name in names if name} & {other.lower() for other in others}:
            return True
        one, other = self._catalogue.service_of(names), self._catalogue.service_of(others)
        return one is not None and other is not None and one.name == other.name

    def _bounded(self, deploy: Deploy) -> Deploy:
        """Return it as it is kept: on one line, without secrets, in the columns' widths."""
        return replace(
            deploy,
            id=deploy.id if len(deploy.id) <= MOST_ID else hashlib.sha256(deploy.id.encode()).hexdigest(),
            service=self._line(deploy.service),
            version=self._line(deploy.version),
            who=self._line(deploy.who),
            link=self._redact(deploy.link) if is_link(deploy.link) else "",
        )

    def _line(self, text: str) -> str:
        shown = "".join(each if each.isprintable() else " " for each in text[: 4 * MOST_NAME])
        return " ".join(self._redact(shown).split())[:MOST_NAME]


def is_link(text: str) -> bool:
    """Whether a text is one http(s) address, without a password in it and without what would end it in a message."""
    if len(text) > MOST_LINK or not text.isprintable() or any(each in text for each in " <>|\"'`\\"):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc


def _names(services: str | Iterable[str] | None) -> tuple[str, ...]:
    given = (services,) if isinstance(services, str) else services or ()
    return tuple(name for name in given if name)
