"""Stories as reports: which words, places, lines and figures are shown of each, all of it redacted.

Knows what was learnt of a stream, and changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, tzinfo

from ingest.anomalies.detect import Detector
from ingest.anomalies.quantity import Unit, unit_beside
from ingest.anomalies.report import Change, Report, headline
from ingest.anomalies.signal import First, Signal
from ingest.anomalies.story import Story
from ingest.logs.levels import NAMES
from ingest.logs.template import Miner

CHART_MINUTES = 60
MOST_CHANGES = 8
MOST_ALSO = 6
MOST_EXAMPLES = 3
MOST_TEXT = 2_000
"""Characters of an example that are shown."""

Redact = Callable[[str], str]


class Telling:
    """Tells the stories of one stream; `firsts` are its examples, by template."""

    def __init__(
        self,
        name: str,
        redact: Redact,
        *,
        timezone: tzinfo,
        miner: Miner,
        detector: Detector,
        firsts: Mapping[int, First],
    ) -> None:
        self._name = name
        self._redact = redact
        self._timezone = timezone
        self._miner = miner
        self._detector = detector
        self._firsts = firsts

    def report(self, story: Story) -> Report:
        """Return a story as it stands now."""
        lead, unit = self._measured(story.lead)
        template = lead.series.template
        first = self._firsts.get(template)
        services, hosts = self._places(story, first)
        text = self._shown(template)
        place = [part for part in (*hosts[:1], *services[:1]) if part]
        return Report(
            stream=self._name,
            id=story.id,
            kind=story.kind,
            severity=story.severity,
            detected_at=(story.opened + 1) * 60.0,
            since=story.since * 60.0,
            ended=story.ended * 60.0 if story.ended else None,
            headline=headline(lead, text, place, unit),
            template=text,
            example=self._redact(first.text.decode(errors="replace"))[:MOST_TEXT] if first else "",
            examples=tuple(self._examples(story)),
            services=services,
            hosts=hosts,
            observed=lead.observed,
            usual=lead.usual,
            unit=unit,
            window_s=lead.window * 60.0,
            score=lead.nats,
            chart=self._detector.chart(lead.series, CHART_MINUTES),
            charted=(self._detector.minute + 1) * 60.0,
            changes=tuple(self._changes(story)),
            also=tuple(self._also(story)),
        )

    def _places(self, story: Story, first: First | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the services and hosts that a story touches, the lead's first."""
        services = [each.service for each in story.signals]
        hosts = [each.host for each in story.signals]
        if first is not None:
            services.append(first.service)
        for template in story.templates:
            services += sorted(self._detector.roster.services.get(template, ()))
        return self._named(services), self._named(hosts)

    def _named(self, names: Iterable[bytes]) -> tuple[str, ...]:
        return tuple(self._redact(name.decode(errors="replace")) for name in dict.fromkeys(names) if name)

    def _changes(self, story: Story) -> Iterable[Change]:
        for template in story.templates[:MOST_CHANGES]:
            before, now = self._detector.rates(template)
            yield Change(self._shown(template), before, now)

    def _also(self, story: Story) -> Iterable[str]:
        for signal in _others(story)[:MOST_ALSO]:
            told, unit = self._measured(signal)
            place = self._named((signal.series.host, signal.series.service))
            yield headline(told, self._shown(signal.series.template), place, unit)

    def _examples(self, story: Story) -> Iterable[str]:
        firsts = [self._firsts[template] for template in story.templates if template in self._firsts]
        for first in firsts[:MOST_EXAMPLES]:
            moment = datetime.fromtimestamp(first.time, self._timezone)
            time = f"{moment:%H:%M:%S}" + (f" {moment:%Z}" if moment.utcoffset() else "")  # as the log has it
            level = NAMES[first.level].upper() if first.level else ""
            host, service = first.host.decode(errors="replace"), first.service.decode(errors="replace")
            parts = (time, level, host, service, first.text.decode(errors="replace"))
            yield self._redact(" ".join(filter(None, parts)))[:MOST_TEXT]

    def _measured(self, signal: Signal) -> tuple[Signal, Unit]:
        """Return a signal with its values in a unit that people know, and that unit."""
        series = signal.series
        if signal.kind not in {"drift", "jump"}:
            return signal, ""
        if unit := self._detector.places.unit(series):
            return signal, unit
        unit, factor = unit_beside(self._miner.words(series.template), series.position)
        return replace(signal, observed=signal.observed * factor, usual=signal.usual * factor), unit

    def _shown(self, template: int) -> str:
        return self._redact(self._miner.template(template))[:MOST_TEXT] if template else ""


def _others(story: Story) -> list[Signal]:
    """Return what a story tells beside its lead, each kind of change of a line once."""
    told = {_what(story.lead)}
    others = []
    for signal in story.signals.values():
        if _what(signal) not in told:
            told.add(_what(signal))
            others.append(signal)
    return others


def _what(signal: Signal) -> tuple[object, ...]:
    """Return what changed: a template is one thing on all of its hosts, as is each place of it."""
    series = signal.series
    own = () if series.template else (series.host, series.service)
    return signal.kind, series.template, series.position, series.word, *own
