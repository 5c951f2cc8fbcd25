"""What goes on now, for whoever answers questions: open and recent stories and alerts, and when each log was scanned.

Behind `bot.answer.now.Happening`. A story is told to whoever may read its source, an alert to every full member; what
is in shadow, or was said to be no anomaly, is not told.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

from sqlalchemy import select

from bot.answer.now import Scanned, Situation, Told
from bot.journal.outbox import outbox
from bot.types import RANKS
from bot.watch.alertcard import PLACES, Alerts, alert_brief
from bot.watch.board import Board, Row, card_stories_table, root_key
from bot.watch.catalogue import Catalogue
from bot.watch.deploys import Deploy, Deploys
from bot.watch.figures import clock, headline, line
from bot.watch.names import name_of, stream_of
from bot.watch.storycard import Known, deployment, nearest
from bot.watch.telling import Documents
from ingest.anomalies.report import Report
from ingest.anomalies.store import Streams, streams_table
from ingest.database import Database
from ingest.types import EVERYONE, Audience, Clock

RECENT_S = 24 * 3_600.0
"""What ended within a day is told too, and deployments are looked for as far back."""

LOG = "log:"
"""Before a stream's name, where an answer says what it drew on; no document's path begins so."""

ALERTS = "alerts:"
"""The same for alerts."""

MOST_LINE = 200

MOST_STORIES = 200
"""Cards read for a question, the open and worst ones first; the others are counted. Reading them takes about 25 ms."""

AudienceOf = Callable[[str], Sequence[str]]
"""Returns the labels of those who may read a stream's stories."""


@dataclass(frozen=True, slots=True)
class Readable:
    """Who may read what an answer drew on: documents, logs and alerts."""

    documents: Documents
    audience_of: AudienceOf

    async def audiences(self, paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return the audience of each path that there is."""
        given = tuple(paths)
        found = await self.documents.audiences([each for each in given if not each.startswith((LOG, ALERTS))])
        logs = {each: tuple(self.audience_of(each.removeprefix(LOG))) for each in given if each.startswith(LOG)}
        return found | logs | {each: EVERYONE for each in given if each.startswith(ALERTS)}


@dataclass(frozen=True, slots=True)
class Logs:
    """The log sources: names of those that are configured, and who may read each."""

    configured: Sequence[str]
    audience_of: AudienceOf


class Now:
    """Knows what goes on in one database."""

    def __init__(
        self, database: Database, board: Board, *, deploys: Deploys, catalogue: Catalogue, logs: Logs, clock: Clock
    ) -> None:
        self._database = database
        self._board = board
        self._deploys = deploys
        self._catalogue = catalogue
        self._logs = logs
        self._clock = clock

    async def now(self, audience: Audience | None) -> Situation:
        """Return what these readers may know; everything without an audience."""
        now = self._clock()
        scanned = await self._scanned(now)
        readable = [each for each in scanned if self._may(audience, each.name)]
        rows = await self._rows(audience, now)
        return Situation(
            stories=tuple(await self._told(audience, rows[:MOST_STORIES], now)),
            scanned=tuple(readable),
            services=tuple(service.name for service in self._catalogue.services),
            hidden=len(readable) < len(scanned),
            more=sum(row.ended is None for row in rows[MOST_STORIES:]),
        )

    async def _rows(self, audience: Audience | None, now: float) -> list[Row]:
        """Return the cards of stories and alerts that may be told, the open ones first, then the worst and latest."""
        rows = [row for row in await self._board.open(since=now - RECENT_S) if row.place != "shadow"]
        told = [row for row in rows if row.rejected is None and self._may_see(audience, row)]
        return sorted(told, key=lambda row: (row.ended is not None, RANKS[row.severity], -row.opened))

    def _may_see(self, audience: Audience | None, row: Row) -> bool:
        """Whether a card is of a kind that is told here, and these readers may know of it."""
        if row.kind == "alert":
            return audience is None or audience.admits(EVERYONE)
        return row.kind == "story" and self._may(audience, stream_of(row.key))

    async def _told(self, audience: Audience | None, rows: Sequence[Row], now: float) -> list[Told]:
        """Return what is to be told of the cards, those that go on first, then the latest."""
        if not rows:
            return []
        reports = await self._reports(rows)
        messages = await self._messages(rows)
        deploys = await self._deploys.between(None, now - 2 * RECENT_S, now)
        told: list[Told] = []
        for row in rows:
            known = [each for each in reports.get(row.key, ()) if self._may(audience, each.stream)]
            if row.kind == "story" and known and len(known) == len(reports[row.key]):
                told.append(self._story(Known(row, known, now), messages.get(row.key, ()), deploys))
            elif row.kind == "alert":
                told.append(self._alert(row, messages.get(row.key, ()), now))
        return sorted(told, key=lambda each: (each.ended is not None, -each.since))

    async def _reports(self, rows: Sequence[Row]) -> Mapping[str, list[Report]]:
        """Return the stories that each card tells, the oldest first."""
        told = select(card_stories_table).where(card_stories_table.c.card.in_([row.key for row in rows]))
        async with self._database.read() as connection:
            card_of = {(row.stream, row.id): row.card for row in await connection.execute(told)}
        reports: dict[str, list[Report]] = {}
        for report in await Streams(self._database).stories_of(card_of.keys()):
            reports.setdefault(card_of[report.stream, report.id], []).append(report)
        return reports

    async def _messages(self, rows: Sequence[Row]) -> Mapping[str, tuple[tuple[str, str], ...]]:
        """Return the chat's messages that show each card: its own, and that of its group."""
        shown_by = {row.key: [root_key(key) for key in (row.key, row.inside) if key] for row in rows}
        keys = {key for each in shown_by.values() for key in each}
        wanted = select(outbox.c.key, outbox.c.channel, outbox.c.ts).where(outbox.c.key.in_(keys))
        async with self._database.read() as connection:
            posted = {row.key: (row.channel, row.ts) for row in await connection.execute(wanted) if row.ts}
        return {card: tuple(posted[key] for key in each if key in posted) for card, each in shown_by.items()}

    def _story(self, card: Known, messages: tuple[tuple[str, str], ...], deploys: Sequence[Deploy]) -> Told:
        row, report = card.row, card.report
        services = _each_once([row.service, *(name for each in card.reports for name in each.services)])
        own = [deploy for deploy in deploys if self._deploys.same(services, (deploy.service,))]
        also = [f"Also {each[:1].lower()}{line(each[1:], MOST_LINE)}" for each in report.also]
        return Told(
            name=name_of(row.key),
            headline=headline(report, row.service),
            status=_status(row, card.now),
            names=_each_once([*services, report.stream, *report.hosts, *self._called(services)]),
            words=_each_once([report.template, *(change.template for change in report.changes)]),
            since=report.since,
            ended=None if row.ended is None and report.ended is None else card.usual_since,
            figures=(*(_deployed(deploy, report.since, card.now) for deploy in nearest(own, report.since)), *also),
            source=f"{LOG}{report.stream}",
            messages=messages,
        )

    def _alert(self, row: Row, messages: tuple[tuple[str, str], ...], now: float) -> Told:
        alerts = Alerts.of(row)
        services = _each_once([row.service, alerts.where, *(alerts.shared.get(place, "") for place in PLACES)])
        return Told(
            name=name_of(row.key),
            headline=alert_brief(Known(row, (), now)).headline,
            status=_status(row, now),
            names=_each_once([*services, alerts.name, *self._called(services)]),
            words=_each_once(alerts.text.split("\n")),
            since=alerts.since,
            ended=None if row.ended is None else alerts.until,
            basis="as alerts say",
            source=ALERTS,
            messages=messages,
        )

    def _called(self, services: Sequence[str]) -> tuple[str, ...]:
        """Return all that people call the service of these names."""
        service = self._catalogue.service_of(services)
        return () if service is None else (service.name, *service.patterns)

    async def _scanned(self, now: float) -> list[Scanned]:
        """Return every source that is configured, and every other that was scanned within a day, by name."""
        table = streams_table.c
        wanted = select(table.name, table.scanned_at, table.down_since, table.down)
        async with self._database.read() as connection:
            known = {row.name: row for row in await connection.execute(wanted)}
        recent = [name for name, row in known.items() if row.scanned_at >= now - RECENT_S]
        return [
            Scanned(
                name=name,
                at=row.scanned_at if (row := known.get(name)) else None,
                down_since=row.down_since if row else None,
                why=(row.down or "") if row else "",
                names=(name, *self._called((name,))),
                source=f"{LOG}{name}",
            )
            for name in sorted({*self._logs.configured, *recent})
        ]

    def _may(self, audience: Audience | None, stream: str) -> bool:
        return audience is None or audience.admits(self._logs.audience_of(stream))


def _status(row: Row, now: float) -> str:
    """Return how bad it is, and what people did about it."""
    told: list[str] = [row.severity]
    if row.acknowledged_by:
        told.append("acknowledged")
    if row.snoozed_until is not None and row.snoozed_until > now:
        told.append(f"snoozed until {clock(row.snoozed_until, UTC, now)}")
    return ", ".join(told)


def _deployed(deploy: Deploy, since: float, now: float) -> str:
    order = "after it began" if deploy.at >= since + 60.0 else "not proven to be the cause"
    return f"{deployment(deploy)} at {clock(deploy.at, UTC, now)} ({order})"


def _each_once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in dict.fromkeys(names) if name)
