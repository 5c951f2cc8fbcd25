"""What goes on now, for whoever answers: stories, alerts and deployments of one database, and who may read of them."""

import time

from bot.build.matters import Matters
from bot.settings import Settings
from bot.watch.now import AudienceOf, Logs, Now
from ingest.database import Database
from ingest.documents.audience import NotUnderstood, Rules
from ingest.types import EVERYONE


def happening(settings: Settings, database: Database, matters: Matters) -> Now:
    """Return what knows what goes on now."""
    logs = Logs(tuple(settings.logs), audience_of(settings))
    return Now(
        database,
        matters.board,
        deploys=matters.deploys,
        catalogue=matters.catalogue,
        logs=logs,
        clock=time.time,
    )


def audience_of(settings: Settings) -> AudienceOf:
    """Return who may read the stories of a stream, as ids; nobody where the settings cannot be understood."""
    rules = Rules(names=settings.slack.names)
    known: dict[str, tuple[str, ...]] = {}
    for name, source in settings.logs.items():
        try:
            known[name] = rules.ids(source.audience)
        except NotUnderstood:
            known[name] = ()
    return lambda stream: known.get(stream, EVERYONE)


def labels(settings: Settings) -> frozenset[str]:
    """Return the ids that audiences of log sources name."""
    of_stream = audience_of(settings)
    return frozenset(label for name in settings.logs for label in of_stream(name)) - frozenset(EVERYONE)
