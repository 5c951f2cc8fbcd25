"""A story of the logs as a terminal shows it: the verdict first, then when, what changed, and lines to see."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo

from bot.commands import screen
from ingest.anomalies.report import Report

BLOCKS = "▁▂▃▄▅▆▇█"
NOTHING = "·"

MOST_LINES = 4
"""Lines that are shown of an example of many lines, such as a traceback."""

MOST_WIDE = 160
"""Characters of a line of it: what a wide terminal shows in one or two rows."""

MOST_NAMES = 6
"""Hosts and services named; the rest are counted."""

_COLOURS: Mapping[str, screen.Colour] = {"high": "red", "medium": "yellow"}


def show(report: Report, timezone: tzinfo) -> None:
    """Show a story on stdout."""
    screen.out(_verdict(report))
    for line in _body(report, timezone):
        screen.out(f"  {line}")
    screen.out()


def _verdict(report: Report) -> str:
    severity = f"{report.severity.upper():<6}"
    colour = _COLOURS.get(report.severity)
    return f"{screen.coloured(severity, colour) if colour else severity} {screen.bold(_line(report.headline))}"


def _body(report: Report, timezone: tzinfo) -> Iterator[str]:
    yield screen.dim(f"{_line(report.stream)} · {_when(report, timezone)}")
    if any(report.chart):
        yield f"{bars(report.chart)}  {_caption(report, timezone)}"
    if report.changes:
        yield "Lines in an hour, usually and in the last one before it was told:"
    for change in report.changes:
        before = f"{change.before:,.0f}" if change.before >= 1 or not change.before else f"{change.before:.1g}"
        yield f"  {before:>7} -> {change.now:<7,.0f} {_line(change.template)}"
    for also in report.also:
        yield f"Also: {_line(also)}"
    if places := _places(report):
        yield places
    for example in report.examples:
        yield from (screen.dim(f"| {line}") for line in _excerpt(example))


def _when(report: Report, timezone: tzinfo) -> str:
    since = datetime.fromtimestamp(report.since, timezone)
    told = _clock(report.detected_at, since)
    start = f"since {since:%Y-%m-%d %H:%M %Z}, told after {lasted(report.detected_at - report.since)} ({told})"
    if report.ended is None:
        return f"{start}, still open"
    return f"{start}, over at {_clock(report.ended, since)}"


def _clock(seconds: float, since: datetime) -> str:
    """Return a time as a clock shows it, with its date on another day than `since`."""
    time = datetime.fromtimestamp(seconds, since.tzinfo)
    return f"{time:%H:%M}" if time.date() == since.date() else f"{time:%Y-%m-%d %H:%M}"


def lasted(seconds: float) -> str:
    """Return a duration in the unit that people would take."""
    minutes = round(seconds / 60)
    if minutes < 120:  # noqa: PLR2004 - two hours and more are told in hours, two days and more in days
        return f"{minutes} min"
    number, unit = (minutes / 60, "h") if minutes < 2880 else (minutes / 1440, "days")  # noqa: PLR2004 - see above
    return f"{number:.1f}".removesuffix(".0") + f" {unit}"


def bars(counts: Sequence[float]) -> str:
    """Return counts as one bar each, the highest one full; nothing is a dot."""
    most = max(counts, default=0.0)
    return "".join(BLOCKS[min(int(each / most * len(BLOCKS)), 7)] if each else NOTHING for each in counts)


def _caption(report: Report, timezone: tzinfo) -> str:
    """Say what the bars are, and what is usual."""
    until = datetime.fromtimestamp(report.charted, timezone)
    usual = report.changes[0].before / 60.0 if report.changes else None
    usually = "" if usual is None else f", usually {usual:,.0f}" if usual >= 10 else f", usually {usual:.2g}"  # noqa: PLR2004 - two digits count
    return f"{len(report.chart)} min until {until:%H:%M}, at most {max(report.chart):,.0f} a minute{usually}"


def _places(report: Report) -> str:
    named = (("Hosts", report.hosts), ("Services", report.services))
    return " · ".join(f"{what}: {_names(names)}" for what, names in named if names)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(map(_line, names[:MOST_NAMES])) + more


def _excerpt(example: str) -> Iterator[str]:
    lines = screen.visible(example).rstrip().split("\n")
    for line in lines[:MOST_LINES]:
        yield line if len(line) <= MOST_WIDE else f"{line[:MOST_WIDE]} ..."
    if len(lines) > MOST_LINES:
        yield f"... {len(lines) - MOST_LINES} more lines"


def _line(text: str) -> str:
    """Return text of a log in one line that commands no terminal."""
    return screen.visible(text).replace("\n", " ")
