"""What all rooms share that speak of stories, alerts and deployments: made once, so that they see the same."""

import time
from dataclasses import dataclass

from bot.settings import Settings
from bot.watch.board import Board
from bot.watch.catalogue import Catalogue
from bot.watch.deploys import Deploys
from bot.watch.preferences import Preferences
from bot.watch.rejections import Rejections
from bot.watch.routing import Rules
from ingest.anomalies.store import Streams
from ingest.database import Database
from ingest.redact import Redact


@dataclass(frozen=True, slots=True)
class Matters:
    """The board, and what says where its cards belong. Nothing in it is opened or runs."""

    rules: Rules
    preferences: Preferences
    board: Board
    streams: Streams
    rejections: Rejections
    deploys: Deploys

    @property
    def catalogue(self) -> Catalogue:
        """The services of the settings and of the files that they name."""
        return self.rules.catalogue

    async def expire(self, before: float) -> None:
        """Delete what is over since before then (seconds UTC): cards, what people did with them, stories, deploys."""
        await self.board.expire(before)
        await self.streams.expire(before)
        await self.deploys.expire(before)


def matters_of(settings: Settings, database: Database, redact: Redact, owner: str) -> Matters:
    """Return them for one database; `owner` names this replica. Raises BotError for a catalogue that cannot be read."""
    rules = Rules.of(settings, Catalogue.from_settings(settings))
    board = Board(database, time.time, owner)
    return Matters(
        rules=rules,
        preferences=Preferences(database, settings.watch, rules.channels),
        board=board,
        streams=Streams(database),
        rejections=Rejections(database),
        deploys=Deploys(database, board, rules.catalogue, redact),
    )
