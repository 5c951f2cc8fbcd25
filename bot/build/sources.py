"""The log sources of the settings, and the door that shippers push lines to."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Protocol

from bot.build.house import House
from bot.door.door import Routes
from bot.door.logs import PATH, PushedLogs
from bot.settings import LogSettings, LokiSettings, Settings
from ingest.database import Database
from ingest.logs.cloudwatch import CloudWatch
from ingest.logs.files import Files
from ingest.logs.loki import Access, Loki
from ingest.logs.pushed import Pushed, Shelf
from ingest.logs.source import Lasting


@dataclass(frozen=True, slots=True)
class Watched:
    """A configured source, and the zone of times that its lines leave without one."""

    source: Lasting
    zone: tzinfo


def sources(settings: Settings, database: Database) -> list[Watched]:
    """Return the sources of `[logs.NAME]`, in the order of the settings. Nothing is opened yet."""
    return [Watched(_source(name, each, database), each.zone) for name, each in settings.logs.items()]


def pushed_logs(house: House, fault: Callable[[str], None]) -> Routes:
    """Return the route that takes lines; any stream may be pushed when the settings name none."""
    token = house.settings.http.token
    streams = [name for name, each in house.settings.logs.items() if each.pushed]
    shelf = Shelf(house.database, house.redactor.redacted, time.time, streams)
    return {PATH: PushedLogs(shelf, _shown(token), fault).serve}


def _source(name: str, settings: LogSettings, database: Database) -> Lasting:
    if settings.files:
        return Files(name, settings.files)
    if settings.cloudwatch:
        return CloudWatch(name, settings.cloudwatch.group, time.time, region=settings.cloudwatch.region)
    if settings.loki:
        return Loki(name, _access(settings.loki), settings.loki.query, time.time)
    return Pushed(name, database)


def _access(loki: LokiSettings) -> Access:
    return Access(loki.url, loki.tenant, _shown(loki.token), loki.user, _shown(loki.password))


class _Secret(Protocol):
    def get_secret_value(self) -> str: ...


def _shown(secret: _Secret | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
