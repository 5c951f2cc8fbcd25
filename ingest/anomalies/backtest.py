"""Finished logs through the live detection, by their own time: learnt from, or told about. Knows no terminal."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo

from ingest.anomalies.report import Report
from ingest.anomalies.stream import Redact, Stream
from ingest.errors import SourceDown
from ingest.logs.source import Batch, Source

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
    """Replays sources that end. What was learnt is kept nowhere: whoever reads finished logs again begins again."""

    def __init__(self, redact: Redact, show: Show, *, timezone: tzinfo = UTC, limits: Limits | None = None) -> None:
        self._redact = redact
        self._show = show
        self._timezone = timezone
        self._limits = limits or Limits()
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
        stories: dict[int, Report] = {}
        try:
            async for batch in source.read({}):
                told.lines += len(batch.lines)
                self._keep(stories, stream.feed(batch))
                self._show(source, batch)
                if stream.clock > self._limits.until:
                    break
        except SourceDown as error:
            told.down = str(error)
        self._keep(stories, stream.close())
        told.entries, told.replayed, told.too_old = stream.lines, stream.replayed, stream.too_old
        told.clock, told.learning = stream.clock, stream.learning
        told.reports = sorted(stories.values(), key=lambda report: (report.detected_at, report.id))
        return told

    def _begun(self, name: str) -> Stream:
        if self._learnt is None:
            return Stream(name, self._redact, timezone=self._timezone, tell_from=self._limits.tell_from)
        stream = Stream.restore(name, self._redact, self._learnt, timezone=self._timezone)
        stream.tell_from = self._limits.tell_from or 0.0
        return stream

    def _keep(self, stories: dict[int, Report], reports: Iterable[Report]) -> None:
        """Keep the reports that are asked for, each story as people should see it afterwards.

        What ends behind `until` goes on, as far as anyone knows there.
        """
        since, until = self._limits.since, self._limits.until
        for report in reports:
            if since <= report.detected_at and report.charted <= until:
                told = replace(report, ended=None) if (report.ended or 0.0) > until else report
                stories[report.id] = _joined(stories.get(report.id), told)


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
