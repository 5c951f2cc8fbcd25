"""What is known of a channel's day, read from the database. Decides nothing of what is said about it.

Stories are those that belong to the channel (`cards.channel`); a channel to which no story goes, and the terminal, are
told of all. Questions are those that everybody in the channel saw.
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from bot.journal.journal import answered_table, asked_table
from bot.journal.spent import spent_table
from bot.types import RANKS, Outcome
from bot.watch import detectors
from bot.watch.alertcard import Alerts
from bot.watch.board import Board, Row, card_stories_table, cards_table
from bot.watch.day import WEEK, Window, whole
from bot.watch.digest import VAIN
from bot.watch.facts import Facts, Frame, Seen, Told, Used
from bot.watch.figures import headline
from bot.watch.names import name_of, stream_of
from bot.watch.rejections import Precision, Rejections
from bot.watch.routing import Origin, Rules
from bot.watch.tally import counted
from ingest.anomalies.report import Report
from ingest.anomalies.store import Streams, streams_table
from ingest.database import Database
from ingest.documents.store import documents_table
from ingest.types import EVERYONE, Clock

VAIN_S = 7 * 86_400.0
"""Questions in vain are counted over a week, as in the home tab (bot.slack.home)."""

NAMED = 200
"""Stories of a day that are told by their headline, the open and severe ones first: the others are counted."""

MOST_VAIN, MOST_USED, MOST_PRECISION = 20, 30, 30


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose day it is: a channel's, or with None the terminal's, where everything may be read.

    `all_stories` says that stories of all channels are told.
    """

    channel: str | None
    all_stories: bool

    def may_read(self, audience: Collection[str]) -> bool:
        """Whether something of this audience may be named there: for everyone, or for that channel by name."""
        return self.channel is None or bool({*EVERYONE, self.channel} & {*audience})


class Gatherer:
    """Reads the facts of a day."""

    def __init__(self, database: Database, rules: Rules, clock: Clock) -> None:
        self._database = database
        self._rules = rules
        self._board = Board(database, clock)
        self._streams = Streams(database)
        self._rejections = Rejections(database)

    def scope(self, channel: str | None) -> Scope:
        """Return what a channel is told of."""
        return Scope(channel, channel not in self._rules.channels)

    async def facts(self, channel: str | None, frame: Frame) -> Facts:
        """Return what is known of a channel's day."""
        scope = self.scope(channel)
        rows, last_week = await self._cards(scope, frame)
        told = await self._told(scope, rows)
        judged = await self._rejections.precision(frame.now - detectors.JUDGED_S)
        mine = [each for each in judged if self._concerns(scope, each.service)]
        async with self._database.read() as connection:
            proposed = await detectors.candidates(connection, mine, frame.now)
            off = await detectors.off(connection)
            sources, missed_s = await self._seen(connection, scope, frame)
            return Facts(
                told=tuple(told),
                last_week=tuple(last_week),
                sources=tuple(sources),
                missed_s=missed_s,
                questions=await _questions(connection, scope, frame.window),
                vain=await _vain(connection, scope, frame.now),
                used=await _used(connection, scope, frame.window),
                precision=tuple(mine[:MOST_PRECISION]),
                proposed=tuple(proposed),
                off=tuple(each for each in off if self._concerns(scope, each.service)),
                usd=await _usd(connection, scope, frame.window),
            )

    async def candidates(self, now: float) -> list[Precision]:
        """Return all detectors to propose for shadow, whatever channel they concern."""
        judged = await self._rejections.precision(now - detectors.JUDGED_S)
        async with self._database.read() as connection:
            return await detectors.candidates(connection, judged, now)

    def _concerns(self, scope: Scope, service: str) -> bool:
        return scope.all_stories or self._rules.channel_of(service) == scope.channel

    # Stories and alerts

    async def _cards(self, scope: Scope, frame: Frame) -> tuple[list[Row], list[float]]:
        """Return the cards that opened in the day or were open when it ended, and when stories opened a week before."""
        table = cards_table.c
        here = true() if scope.all_stories else table.channel == scope.channel
        shown = table.kind.in_(("story", "alert")) & (table.place != "shadow") & here
        begin, _ = frame.window
        going = table.ended.is_(None) & table.rejected.is_(None)
        wanted = shown & (table.opened < frame.until) & or_(table.opened >= begin, going)
        week = whole(frame.day - WEEK, frame.zone)
        before = (table.opened >= week[0]) & (table.opened < week[1])
        times = select(table.opened).where(shown, before, table.kind == "story")
        async with self._database.read() as connection:
            rows = await self._board.find(connection, wanted)
            return rows, list(await connection.scalars(times))

    async def _told(self, scope: Scope, rows: Sequence[Row]) -> list[Told]:
        ranked = sorted(rows, key=lambda row: (row.ended is not None, RANKS[row.severity]))
        named = ranked[:NAMED]
        reports = await self._reports([row.key for row in named if row.kind == "story"])
        return [self._one(scope, row, reports.get(row.key), named=number < NAMED) for number, row in enumerate(ranked)]

    def _one(self, scope: Scope, row: Row, report: Report | None, *, named: bool) -> Told:
        words = template = ""
        if named and row.kind == "alert":
            alerts = Alerts.of(row)
            words = ": ".join(filter(None, [alerts.name, *(each.summary for each in alerts.alerts[:1])]))
        elif report is not None and self._readable(scope, report.stream):
            words, template = headline(report, row.service), report.template
        return Told(
            name=name_of(row.key),
            service=row.service,
            severity=row.severity,
            opened=row.opened,
            headline=words,
            ended=row.ended,
            taken=row.acknowledged_by is not None,
            snoozed_until=row.snoozed_until,
            rejected=row.rejected is not None,
            detector=row.detector,
            template=template,
            alert=row.kind == "alert",
        )

    def _readable(self, scope: Scope, stream: str) -> bool:
        """Whether a source's stories may be named. That one belongs to the channel says nothing: it may be closed."""
        return scope.may_read(self._rules.origins.get(stream, Origin()).audience)

    async def _reports(self, keys: Sequence[str]) -> dict[str, Report]:
        """Return the latest story of each card."""
        table = card_stories_table.c
        async with self._database.read() as connection:
            found = (await connection.execute(select(card_stories_table).where(table.card.in_(keys)))).all()
        cards = {(row.stream, row.id): row.card for row in found}
        reports = await self._streams.stories_of(list(cards)) if cards else []
        return {cards[each.stream, each.id]: each for each in reports}

    # Sources

    async def _seen(self, connection: AsyncConnection, scope: Scope, frame: Frame) -> tuple[list[Seen], float]:
        begin, _ = frame.window
        columns = ("name", "scanned_at", "down", "down_since")
        rows = (await connection.execute(select(*(streams_table.c[name] for name in columns)))).all()
        known = {row.name: row for row in rows if row.name in self._rules.origins or row.scanned_at >= begin}
        names = [name for name in sorted({*known, *self._rules.origins}) if self._watches(scope, name)]
        lines = await counted(connection, frame.window, frame.now, names)
        outages = await self._outages(connection, frame)
        seen = []
        for name in names:
            row = known.get(name)
            times = tuple(each for stream, each in outages if stream == name)
            if row is None:
                seen.append(Seen(name, None, None, outages=times))
            else:
                counts = lines.lines.get(name)
                seen.append(Seen(name, counts, row.scanned_at, row.down, row.down_since, times))
        return seen, lines.missed_s

    def _watches(self, scope: Scope, stream: str) -> bool:
        """Whether a source concerns a channel: its service's, or, where the stream is nobody's alone, every one."""
        if not self._readable(scope, stream):
            return False
        service = self._rules.catalogue.service_of((stream,))
        return scope.all_stories or service is None or self._rules.channel_of(service.name) == scope.channel

    async def _outages(self, connection: AsyncConnection, frame: Frame) -> list[tuple[str, tuple[float, float | None]]]:
        table = cards_table.c
        inside = (table.opened < frame.until) & or_(table.ended.is_(None), table.ended > frame.window[0])
        rows = await self._board.find(connection, table.kind == "source", inside)
        return [(stream_of(row.key), (row.opened, row.ended)) for row in rows]


# Questions, documents, money


def _asked(scope: Scope) -> ColumnElement[bool]:
    """Return which questions are told: those that everybody in the channel saw; on the terminal all."""
    return true() if scope.channel is None else (asked_table.c.channel == scope.channel) & ~asked_table.c.private


async def _questions(connection: AsyncConnection, scope: Scope, window: Window) -> dict[Outcome, int]:
    joined = answered_table.join(asked_table, asked_table.c.id == answered_table.c.question_id)
    outcome = answered_table.c.outcome
    counts = select(outcome, func.count()).select_from(joined).where(_asked(scope), _within(window)).group_by(outcome)
    return {each: int(number) for each, number in await connection.execute(counts)}


async def _vain(connection: AsyncConnection, scope: Scope, now: float) -> tuple[tuple[str, int], ...]:
    """Return the questions that were asked in vain again and again, the commonest first, in their latest words."""
    joined = answered_table.join(asked_table, asked_table.c.id == answered_table.c.question_id)
    lately = asked_table.c.asked_at >= now - VAIN_S
    texts = (
        select(asked_table.c.text)
        .select_from(joined)
        .where(answered_table.c.outcome == "not_found", lately, _asked(scope))
        .order_by(asked_table.c.asked_at)
    )
    asked = list(await connection.scalars(texts))
    words = {_words(text): text for text in asked}
    counts = Counter(map(_words, asked)).most_common()
    return tuple((words[each], number) for each, number in counts if number >= VAIN)[:MOST_VAIN]


def _words(text: str) -> str:
    """Return what makes two questions the same: their words, whatever the case and the marks between them."""
    return " ".join(re.findall(r"\w+", text.casefold()))


async def _used(connection: AsyncConnection, scope: Scope, window: Window) -> tuple[Used, ...]:
    """Return the documents that answers cited, the commonest first; those that are gone or closed are left out."""
    joined = answered_table.join(asked_table, asked_table.c.id == answered_table.c.question_id)
    cited = select(answered_table.c.sources).select_from(joined).where(_asked(scope), _within(window))
    counts: Counter[str] = Counter()
    for sources in await connection.scalars(cited):
        counts.update({str(each["path"]) for each in json.loads(sources)})
    paths = [path for path, _ in counts.most_common(MOST_USED)]
    table = documents_table.c
    columns = (table.id, table.title, table.kind, table.reviewed, table.audience)
    found = (await connection.execute(select(*columns).where(table.id.in_(paths)))).all()
    used = {
        row.id: Used(
            title=row.title,
            times=counts[row.id],
            reviewed=date.fromisoformat(row.reviewed) if row.reviewed else None,
            runbook=row.kind == "runbook",
        )
        for row in found
        if scope.may_read(json.loads(row.audience))
    }
    return tuple(used[path] for path in paths if path in used)


async def _usd(connection: AsyncConnection, scope: Scope, window: Window) -> float:
    """Return what questions of the channel cost, private ones as well; on the terminal, what everything cost."""
    at = spent_table.c.at
    cost = select(func.sum(spent_table.c.usd)).where(at >= window[0], at < window[1])
    if scope.channel is not None:
        here = select(asked_table.c.id).where(asked_table.c.channel == scope.channel)
        cost = cost.where(spent_table.c.question_id.in_(here))
    return float(await connection.scalar(cost) or 0.0)


def _within(window: Window) -> ColumnElement[bool]:
    return (asked_table.c.asked_at >= window[0]) & (asked_table.c.asked_at < window[1])
