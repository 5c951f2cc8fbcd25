"""A story as people read it: the sentence, the figures, what changed between before and now. Pure.

All text in it has been redacted; what comes out of a log line is shown as code and can command nobody's terminal.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.anomalies.quantity import Unit, plain, shown
from ingest.anomalies.signal import Kind, Signal

WORDS: dict[Kind, str] = {
    "new": "New: {what}",
    "rise": "More of: {what}",
    "fall": "Less of: {what}",
    "silence": "Silent: {what}",
    "drift": "Another level in: {what}",
    "jump": "Values past all records in: {what}",
    "share": "Other outcomes in: {what}",
    "restarts": "Starts again and again: {what}",
}


MOSTLY = 0.5
"""Lines below which a time is too short to say how many are usual in it."""

MOST_NAMED = 160
"""Characters of a template in a sentence; it stands in full below."""


@dataclass(frozen=True, slots=True)
class Change:
    """A template before and now, in lines an hour; `before` is its usual rate."""

    template: str
    before: float
    now: float


@dataclass(frozen=True, slots=True)
class Report:
    """One story. Times are seconds since 1970 UTC; `ended` is None while it goes on.

    `observed` and `usual` are counts in `window_s`, a value in `unit`, or a share, as the kind has it. `score` is the
    surprise in nats. `chart` is what the leading series counted in each of the minutes until `charted`. `examples` are
    lines with their times, one of each template, the lead's first; `example` is the message of that one alone.
    """

    stream: str
    id: int
    kind: Kind
    severity: str
    detected_at: float
    since: float
    ended: float | None
    headline: str
    template: str
    example: str
    examples: tuple[str, ...]
    services: tuple[str, ...]
    hosts: tuple[str, ...]
    observed: float
    usual: float
    unit: Unit
    window_s: float
    score: float
    chart: tuple[float, ...]
    charted: float
    changes: tuple[Change, ...]
    also: tuple[str, ...]

    @property
    def service(self) -> str:
        """Where it is, in a word or two: host and service."""
        return " ".join((*self.hosts[:1], *self.services[:1]))


def figures(signal: Signal, unit: Unit = "") -> str:
    """Return what was observed against what is usual, in words; values are in `unit`."""
    observed, usual, minutes = signal.observed, signal.usual, signal.window
    match signal.kind:
        case "new":
            return f"{_lines(observed)} in {_span(minutes)}, never seen before"
        case "rise" | "fall" | "restarts":
            return f"{_lines(observed)} in {_span(minutes)}, usually {_usual(usual, minutes)}"
        case "silence":
            return f"nothing for {_span(minutes)}, overdue after {_span(int(usual))}"
        case "drift":
            return f"now about {shown(observed, unit)}, usually {shown(usual, unit)} (mean of {_span(minutes)})"
        case "jump":
            return f"up to {shown(observed, unit)}, never above {shown(usual, unit)} before"
        case "share":
            return f"{observed:.0%} of the lines of {_span(minutes)}, usually {usual:.1%}"


def headline(signal: Signal, template: str, place: Sequence[str], unit: Unit = "") -> str:
    """Return the sentence: what changed, where, and by how much."""
    what = _short(template) or " ".join(place) or "the whole stream"
    word = signal.series.word.decode(errors="replace")
    about = f"{word} in {what}" if word else what
    where = f" on {' '.join(place)}" if template and any(place) else ""
    return f"{WORDS[signal.kind].format(what=about)}{where}: {figures(signal, unit)}"


def _short(template: str) -> str:
    """Return a template's first line, at most MOST_NAMED characters of it."""
    first, more, _ = template.partition("\n")
    return f"{first[:MOST_NAMED]} ..." if more or len(first) > MOST_NAMED else first


def _lines(count: float) -> str:
    return "1 line" if count == 1 else f"{plain(count)} lines"


def _usual(count: float, minutes: int) -> str:
    """Return what is usual in so many minutes; where that is hardly ever one, what is in an hour or a day."""
    if count >= MOSTLY or not count:
        return plain(count)
    hour = count * 60 / minutes
    return f"{plain(hour)} an hour" if hour >= MOSTLY else f"{plain(hour * 24)} a day"


def _span(minutes: int) -> str:
    if minutes < 120:  # noqa: PLR2004 - two hours and more are told in hours
        return f"{minutes} min"
    return f"{minutes / 60:.1f} h".replace(".0 h", " h")
