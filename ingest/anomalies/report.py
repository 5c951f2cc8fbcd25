"""A story as people read it: the sentence, the figures, what changed between before and now. Pure.

All text in it has been redacted; what comes out of a log line is shown as code and can command nobody's terminal.
"""

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Change:
    """A template before and now, in lines an hour; `before` is its usual rate."""

    template: str
    before: float
    now: float


@dataclass(frozen=True, slots=True)
class Report:
    """One story. Times are seconds since 1970 UTC; `ended` is None while it goes on.

    `observed` and `usual` are counts in `window_s`, a value, or a share, as the kind has it. `score` is the surprise
    in nats. `chart` is what the leading series counted in each minute, the last one at `detected_at`.
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
    services: tuple[str, ...]
    hosts: tuple[str, ...]
    observed: float
    usual: float
    window_s: float
    score: float
    chart: tuple[float, ...]
    changes: tuple[Change, ...]
    also: tuple[str, ...]

    @property
    def service(self) -> str:
        """Where it is, in a word or two: host and service."""
        return " ".join((*self.hosts[:1], *self.services[:1]))


def figures(signal: Signal) -> str:
    """Return what was observed against what is usual, in words."""
    observed, usual, minutes = signal.observed, signal.usual, signal.window
    match signal.kind:
        case "new":
            return f"{_lines(observed)} in {_span(minutes)}, never seen before"
        case "rise" | "fall" | "restarts":
            return f"{_lines(observed)} in {_span(minutes)}, usually {_number(usual)}"
        case "silence":
            return f"nothing for {_span(minutes)}, overdue after {_span(int(usual))}"
        case "drift":
            return f"now about {_number(observed)}, usually {_number(usual)} (mean of {_span(minutes)})"
        case "jump":
            return f"up to {_number(observed)}, never above {_number(usual)} before"
        case "share":
            return f"{observed:.0%} of the lines of {_span(minutes)}, usually {usual:.1%}"


def headline(signal: Signal, template: str, place: Sequence[str]) -> str:
    """Return the sentence: what changed, where, and by how much."""
    what = template or " ".join(place) or "the whole stream"
    word = signal.series.word.decode(errors="replace")
    about = f"{word} in {what}" if word else what
    where = f" on {' '.join(place)}" if template and any(place) else ""
    return f"{WORDS[signal.kind].format(what=about)}{where}: {figures(signal)}"


def _lines(count: float) -> str:
    return "1 line" if count == 1 else f"{_number(count)} lines"


def _span(minutes: int) -> str:
    if minutes < 120:  # noqa: PLR2004 - two hours and more are told in hours
        return f"{minutes} min"
    return f"{minutes / 60:.1f} h".replace(".0 h", " h")


def _number(value: float) -> str:
    """Return a number with three digits that count."""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits
