"""Finished logs through the live detection, by their own time: learnt from, or told about. Knows no terminal."""

import math
import time as clocks
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo

from ingest.anomalies.report import Report
from ingest.anomalies.store import Saved, Streams
from ingest.anomalies.stream import Redact, Stream
from ingest.database import Database
from ingest.errors import SourceDown
from ingest.logs.source import Batch, Cursor, Source

SAVE_EVERY_S = 10.0
"""Ours: seconds between two saves; one of a stream with 5,000 templates takes well below a second."""

Show = Callable[[Source, Batch], None]
"""Told of every batch that was read."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is learnt and what is told, by the logs' own time (seconds UTC).

    Lines before `tell_from` are only learnt; None is a day after a stream's first line. Stories are told when they are
    detected from `since` on, and nothing behind `until` is read.
    """

    tell_from: float | None = None
    since: float = -math.inf
    until: float = math.inf


@dataclass(slots=True)
class Replayed:
    """What one stream told: stories as they stood when they grew last, with their ends, in the order of detection.

    `lines` are physical ones, `entries` what was counted of them, `replayed` and `too_old` what was not. `clock` is the
    stream's last time (seconds UTC), 0 where its lines tell none. `learning` means that it ended before anything could
    be told; `down` is why it could not be read to its end.
    """

    name: str
    reports: list[Report] = field(default_factory=list)
    lines: int = 0
    entries: int = 0
    replayed: int = 0
    too_old: int = 0
    clock: float = 0.0
    learning: bool = False
    down: str | None = None


class Backtest:
    """Replays sources that end. State and stories of each move in one transaction of `database`, as they do live."""

    def __init__(
        self,
        database: Database,
        redact: Redact,
        show: Show,
        *,
        timezone: tzinfo = UTC,
        limits: Limits | None = None,
        tick: Callable[[], float] = clocks.monotonic,
    ) -> None:
        self._database = database
        self._streams = Streams(database)
        self._redact = redact
        self._show = show
        self._timezone = timezone
        self._limits = limits or Limits()
        self._tick = tick
        self._learnt: bytes | None = None

    async def learn(self, sources: Iterable[Source]) -> None:
        """Learn these sources one after another: the state that every stream starts from. Raises SourceDown."""
        stream = Stream("learnt", self._redact, timezone=self._timezone, tell_from=math.inf)
        for source in sources:
            async for batch in source.read({}):
                stream.feed(batch)
                self._show(source, batch)
            stream.settle()
        self._learnt = stream.state()

    async def tell(self, source: Source) -> Replayed:
        """Read a source to its end, or to where it breaks, and return its stories."""
        stream, told = self._begun(source.name), Replayed(source.name)
        saving, version = _Saving(self._database, self._streams), 0
        cursor: Cursor = {}
        saved_at = self._tick()
        try:
            async for batch in source.read({}):
                told.lines += len(batch.lines)
                saving.reports += self._kept(stream.feed(batch))
                cursor = batch.cursor
                self._show(source, batch)
                if self._tick() - saved_at >= SAVE_EVERY_S:
                    version, saved_at = version + 1, self._tick()
                    await saving.save(stream, version, cursor)
                if stream.clock > self._limits.until:
                    break
        except SourceDown as error:
            told.down = str(error)
        saving.reports += self._kept(stream.close())
        await saving.save(stream, version + 1, cursor)
        told.entries, told.replayed, told.too_old = stream.lines, stream.replayed, stream.too_old
        told.clock, told.learning = stream.clock, stream.learning
        told.reports = sorted(saving.stories.values(), key=lambda report: (report.detected_at, report.id))
        return told

    def _begun(self, name: str) -> Stream:
        if self._learnt is None:
            return Stream(name, self._redact, timezone=self._timezone, tell_from=self._limits.tell_from)
        stream = Stream.restore(name, self._redact, self._learnt, timezone=self._timezone)
        stream.tell_from = self._limits.tell_from or 0.0
        return stream

    def _kept(self, reports: Iterable[Report]) -> list[Report]:
        """Return the reports that are asked for; what ends behind `until` goes on, as far as anyone knows there."""
        since, until = self._limits.since, self._limits.until
        return [
            replace(report, ended=None) if (report.ended or 0.0) > until else report
            for report in reports
            if since <= report.detected_at and report.charted <= until
        ]


class _Saving:
    """The stories of one stream: what is not saved yet, and each as people should see it afterwards."""

    def __init__(self, database: Database, streams: Streams) -> None:
        self._database = database
        self._streams = streams
        self.reports: list[Report] = []
        self.stories: dict[int, Report] = {}

    async def save(self, stream: Stream, version: int, cursor: Cursor) -> None:
        """Write the stream and its stories in one transaction."""
        for report in self.reports:
            self.stories[report.id] = _joined(self.stories.get(report.id), report)
        saved = Saved(
            name=stream.name,
            version=version,
            cursor=cursor,
            state=stream.state(),
            lines=stream.lines,
            clock=stream.clock,
            scanned_at=stream.clock,
        )
        async with self._database.write() as connection:
            await self._streams.save(connection, saved, self.reports)
        self.reports = []


def _joined(before: Report | None, report: Report) -> Report:
    """Return a story as it was told last while it went on, with its end, and with the chart that shows it best.

    That is the last one if it holds the whole story, else the first: the onset.
    """
    if before is None:
        return report
    told = report if report.ended is None else replace(before, ended=report.ended)
    whole = report.ended is not None and report.ended - report.since <= 60.0 * len(report.chart)
    shown = report if whole else before
    return replace(told, chart=shown.chart, charted=shown.charted)
