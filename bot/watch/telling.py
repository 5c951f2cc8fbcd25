"""What a card says now, made of what is known of its stories, deployments, documents and people. Knows no Slack.

Everything is read when it is told, so a message that is edited says what holds then; only documents that may fit are
looked up once, and what was found is checked again against who may read it now.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, tzinfo
from typing import Any, Protocol

from bot.errors import BotError
from bot.types import Brief, Card, Hint
from bot.watch.alertcard import Alerts, alert_brief, alert_card
from bot.watch.board import Board, Row
from bot.watch.deploys import BEFORE_S, Deploy
from bot.watch.firstlook import first_look, first_look_at_alerts
from bot.watch.groupcard import MOST_MEMBERS, Crowd, group_card, worst_first
from bot.watch.names import stream_of
from bot.watch.rejections import Rejection, Rejections
from bot.watch.sourcecard import source_brief, source_card
from bot.watch.storycard import Known, lost_brief, lost_card, story_brief, story_card
from ingest.anomalies.report import Report
from ingest.anomalies.store import Streams
from ingest.errors import IngestError
from ingest.types import FULL_MEMBERS, Audience, Clock


class Deployments(Protocol):
    """Knows what was deployed; `bot.watch.deploys.Deploys` does."""

    async def between(self, services: Iterable[str], since: float, until: float) -> list[Deploy]:
        """Return the deployments of these services, both times (seconds UTC) included, the earliest first."""
        ...


class Recall(Protocol):
    """Finds documents that may fit; `bot.watch.hints.Hints` does."""

    async def on(
        self, text: str, services: Sequence[str], audience: Audience | None, stories: Sequence[str] = ()
    ) -> tuple[Hint | None, tuple[Hint, ...]]:
        """Return the runbook that fits, None where none does, and past incidents like this one."""
        ...


class Owned(Protocol):
    """A service of the catalogue."""

    @property
    def owner(self) -> str | None:
        """Whose it is: the id of a person or group, or a team's name."""
        ...


class Services(Protocol):
    """Knows services by what logs call them; `bot.watch.catalogue.Catalogue` does."""

    def service_of(self, names: Iterable[str]) -> Owned | None:
        """Return the service that one of these names is of."""
        ...


class Documents(Protocol):
    """Who may read which document now; `ingest.documents.store.Library` knows."""

    async def audiences(self, paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return the audience of each path that there is."""
        ...


class Telling:
    """Tells the cards of one board. `zone_of` gives the zone in which a channel's people read times."""

    def __init__(
        self,
        board: Board,
        streams: Streams,
        rejections: Rejections,
        *,
        deploys: Deployments,
        hints: Recall,
        catalogue: Services,
        documents: Documents,
        clock: Clock,
        zone_of: Callable[[str | None], tzinfo] = lambda _channel: UTC,
    ) -> None:
        self._board = board
        self._streams = streams
        self._rejections = rejections
        self._deploys = deploys
        self._hints = hints
        self._catalogue = catalogue
        self._documents = documents
        self._clock = clock
        self.zone_of = zone_of

    async def card(self, key: str, audience: Audience | None = None) -> Card | None:
        """Return what a card's message says now to `audience`, None if there is no such card.

        Without an audience, documents are those that every full member may read.
        """
        row = await self._board.card(key)
        if row is None:
            return None
        now, zone = self._clock(), self.zone_of(row.channel)
        match row.kind:
            case "story":
                known = await self._known(row, audience)
                return story_card(known) if known.reports else lost_card(row)
            case "alert":
                return alert_card(await self._known(row, audience))
            case "source":
                return source_card(row, now, zone)
            case "group":
                members = await self._board.members(key)
                briefs = await self.briefs(worst_first(members)[:MOST_MEMBERS])
                return group_card(Crowd(row, members, briefs, now, zone))

    async def brief(self, row: Row) -> Brief:
        """Return a card in a line or two; looks nothing up in documents."""
        if row.kind == "source":
            return source_brief(row, self._clock(), self.zone_of(row.channel))
        known = await self._facts(row)
        if row.kind == "alert":
            return alert_brief(known)
        return story_brief(known) if known.reports else lost_brief(row)

    async def briefs(self, rows: Sequence[Row]) -> list[Brief]:
        """Return cards in a line or two each, in the order in which they are given."""
        return [await self.brief(row) for row in rows]

    async def look(self, row: Row, audience: Audience | None) -> str | None:
        """Return a first look at a story or at alerts as Markdown; None where there is nothing to look at."""
        if row.kind not in {"story", "alert"}:
            return None
        known = await self._known(row, audience, always=True)
        if row.kind == "alert":
            return first_look_at_alerts(known)
        return first_look(known) if known.reports else None

    async def _known(self, row: Row, audience: Audience | None, *, always: bool = False) -> Known:
        """Return all that is known of a card; documents only while somebody may need them, or `always`."""
        facts = await self._facts(row)
        if facts.rejection or not (facts.reports or row.kind == "alert"):
            return facts
        deploys = await self._deployed(facts)
        runbook, similar = await self._documented(facts, audience) if always or not facts.over else (None, ())
        return facts.with_(deploys=deploys, runbook=runbook, similar=similar)

    async def _facts(self, row: Row) -> Known:
        """Return what is known of a card without its surroundings."""
        pairs = await self._board.stories(row.key) if row.kind == "story" else ()
        reports = await self._streams.stories_of(pairs) if pairs else ()
        service = self._catalogue.service_of(_names(row, reports))
        return Known(
            row=row,
            reports=tuple(reports),
            now=self._clock(),
            zone=self.zone_of(row.channel),
            rejection=await self._rejection(row),
            owner=service.owner if service else None,
        )

    async def _rejection(self, row: Row) -> Rejection | None:
        found = await self._rejections.find(row.rejected) if row.rejected else None
        return found if found and found.holds(self._clock()) else None

    async def _deployed(self, known: Known) -> list[Deploy]:
        """Return what was deployed around its beginning, and within its chart."""
        if known.row.kind == "alert":
            alerts = Alerts.of(known.row)
            names, since, until = [known.row.service, alerts.where], alerts.since, alerts.since
        else:
            report = known.report
            names, since = _names(known.row, known.reports), min(report.since, report.charted)
            until = max(report.since, report.charted)
        named = [name for name in dict.fromkeys(names) if name]
        return await self._deploys.between(named, since - BEFORE_S, until + BEFORE_S) if named else []

    async def _documented(self, known: Known, audience: Audience | None) -> tuple[Hint | None, tuple[Hint, ...]]:
        """Return the documents that may fit and that `audience` may read now."""
        readers = FULL_MEMBERS if audience is None else audience
        kept = known.row.body.get("hints")
        if kept is None:
            text, services = _sought(known)
            try:
                runbook, similar = await self._hints.on(text, services, readers)
            except (IngestError, BotError):
                return None, ()  # what is told does not wait for documents; the next edit looks again
            await self._board.keep(known.row.key, hints=_frozen(runbook, similar))
        else:
            runbook, similar = _thawed(kept)
        may = await self._documents.audiences(hint.path for hint in (runbook, *similar) if hint)
        shown = [hint for hint in (runbook, *similar) if hint and readers.admits(may.get(hint.path, ()))]
        return runbook if runbook in shown else None, tuple(hint for hint in similar if hint in shown)


def _names(row: Row, reports: Sequence[Report]) -> list[str]:
    """Return all names under which a catalogue or a deployment may know what a card is about."""
    told = [row.service, *(name for each in reports for name in each.services)]
    return [name for name in dict.fromkeys([*told, stream_of(row.key) if row.kind == "story" else ""]) if name]


def _sought(known: Known) -> tuple[str, list[str]]:
    """Return the words by which documents are found, and the services that they may be of."""
    if known.row.kind == "alert":
        return Alerts.of(known.row).text, [known.row.service] if known.row.service else []
    report = known.report
    text = "\n".join(dict.fromkeys(filter(None, [report.template, report.example, *report.also])))
    return text or report.headline, _names(known.row, known.reports)


def _frozen(runbook: Hint | None, similar: Sequence[Hint]) -> dict[str, Any]:
    return {"runbook": asdict(runbook) if runbook else None, "similar": [asdict(each) for each in similar]}


def _thawed(kept: Mapping[str, Any]) -> tuple[Hint | None, tuple[Hint, ...]]:
    runbook = Hint(**kept["runbook"]) if kept.get("runbook") else None
    return runbook, tuple(Hint(**each) for each in kept.get("similar", ()))
