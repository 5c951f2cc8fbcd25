"""Figures in a sentence: how often, how long, since when, and a story's verdict. Pure.

What stands in quotes came out of a log: whoever shows it makes it inert.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo

from ingest.anomalies.quantity import shown
from ingest.anomalies.report import WORDS, Report
from ingest.anomalies.signal import Kind

MOST_HEADLINE = 150
"""Characters of a headline: what a notification on a phone shows (facts: Slack cuts a header at 150)."""

LEAST_QUOTED = 40
"""Characters of a log line that are quoted in any case."""

MOST_NAME = 60
"""Characters of a name that a log gives to a service or host."""

GAP = "…"

_MINUTES = 120
_HOURS = 48
"""Two hours and more are told in hours, two days and more in days."""

COUNTED = frozenset({"new", "rise", "fall", "restarts"})
"""Kinds whose figures are lines in a window; the others are values, shares, or minutes of silence."""

SHAPES: Mapping[Kind, tuple[str, str]] = {
    "new": ("new line ", " {now}, never seen before"),
    "rise": ("", " {now}, usually {usual}"),
    "fall": ("", " {only}{now}, usually {usual}"),
    "silence": ("no longer writes ", ", overdue after {usual}"),
    "drift": ("values in ", " about {now}, usually {usual}"),
    "jump": ("", " up to {now}, never above {usual} before"),
    "share": ("{word} in {now} of ", ", usually {usual}"),
    "restarts": ("starts again and again", ", {now}, usually {usual}"),
}
"""What stands before and behind the line that is quoted, by what changed."""

BARE: Mapping[Kind, str] = {"rise": "all lines together", "fall": "all lines together", "silence": "silent"}
"""What stands in place of the line where it is no single one."""


def headline(report: Report, service: str = "") -> str:
    """Return the verdict with its figures in one line, of at most MOST_HEADLINE characters where names are not long.

    `service` is what people call it; without one, it is the service or host that the log names.
    """
    before, after = _around(report)
    before = f"{place(report, service)}: {before}"
    if not report.template or report.kind == "restarts":
        return before + after
    room = max(MOST_HEADLINE - len(before) - len(after) - 2, LEAST_QUOTED)
    return f'{before}"{line(report.template, room)}"{after}'


def _around(report: Report) -> tuple[str, str]:
    """Return the words before the line that is quoted, and those after it."""
    before, after = SHAPES[report.kind]
    before = before if report.template else BARE.get(report.kind, before)
    now, usual = observed(report), usually(report)
    usual = usual.removesuffix(" a minute") if now.endswith(" a minute") else usual
    told = {"now": now, "usual": usual, "only": "only " if report.observed else ""}
    word = word_of(report) if report.kind == "share" else ""
    return before.format(word=word, **told), after.format(**told)


def observed(report: Report) -> str:
    """Return what was observed, in words: `42 a minute`, `3 in 10 min`, `483 ms`, `63 %`."""
    if report.kind in COUNTED:
        return often(report.observed, report.window_s)
    if report.kind == "share":
        return f"{percent(report.observed)} %"
    return "nothing" if report.kind == "silence" else shown(report.observed, report.unit)


def usually(report: Report) -> str:
    """Return what is usual, in words; for silence, after how long it is one."""
    if report.kind == "new":
        return "none"
    if report.kind in COUNTED:
        return rate(report.usual * 60.0 / report.window_s)
    if report.kind == "share":
        return f"{percent(report.usual)} %"
    return lasted(report.usual * 60.0) if report.kind == "silence" else shown(report.usual, report.unit)


def usual_a_minute(report: Report) -> float | None:
    """Return how many lines a minute are usual of what the chart shows; None where a level says nothing."""
    if report.kind == "new":
        return None
    if report.kind in COUNTED:
        return report.usual * 60.0 / report.window_s
    known = report.template and report.changes and report.changes[0].template == report.template
    return report.changes[0].before / 60.0 if known else None


def word_of(report: Report) -> str:
    """Return the word of which there is another share than usual, such as a status code; ingest's headline names it."""
    rest = report.headline.removeprefix(WORDS["share"].format(what=""))
    word = rest.partition(" in ")[0]
    return word if word and " " not in word else "one outcome"


def often(count: float, window_s: float) -> str:
    """Return how many there were in a window: a rate where it is one a minute or more."""
    minutes = window_s / 60.0
    if count >= minutes and count > 1:
        return f"{number(count / minutes)} a minute"
    return {0: "none", 1: "once"}.get(round(count), number(count)) + (f" in {minutes:.0f} min" if minutes > 1 else "")


def rate(a_minute: float) -> str:
    """Return a rate in the unit in which it is one or more; below one a day it is as good as none."""
    for factor, unit in ((1.0, "a minute"), (60.0, "an hour"), (1_440.0, "a day")):
        if round(a_minute * factor, 1) >= 1.0:
            return f"{number(a_minute * factor)} {unit}"
    return "less than one a day" if a_minute else "none"


def number(amount: float) -> str:
    """Return an amount with the two digits that count, whole from ten on."""
    return f"{amount:,.0f}" if amount >= 9.95 else f"{amount:.1f}".removesuffix(".0")  # noqa: PLR2004 - ten, rounded


def percent(share: float) -> str:
    """Return a share as a percentage, with a decimal below ten."""
    return number(share * 100.0)


def place(report: Report, service: str = "") -> str:
    """Return where it is: the service, else what the log names, else the stream; with its host where there is one."""
    what = service or next(iter(report.services), "")
    hosts = [host for host in report.hosts if host != what]
    if not what:
        return line(hosts[0] if hosts else report.stream, MOST_NAME) + _more(len(hosts) - 1)
    if not hosts:
        return line(what, MOST_NAME)
    return f"{line(what, MOST_NAME)} on {line(hosts[0], MOST_NAME) if len(hosts) == 1 else f'{len(hosts)} hosts'}"


def _more(hosts: int) -> str:
    return f" and {hosts} more" if hosts > 0 else ""


def line(text: str, most: int) -> str:
    """Return text of a log as one line of at most `most` characters; what varies and what is cut is an ellipsis."""
    first, more, _ = text.strip().partition("\n")
    flat = " ".join(first.replace("<*>", GAP).split())
    flat = f"{flat} {GAP}" if more and not flat.endswith(GAP) else flat
    return flat if len(flat) <= most else flat[: most - 1].rstrip(f" {GAP}") + GAP


def names(values: Sequence[str], most: int = 4) -> str:
    """Return names in a list, the first ones; the rest is counted."""
    listed = ", ".join(line(value, MOST_NAME) for value in values[:most])
    return f"{listed} and {len(values) - most:,} more" if len(values) > most else listed


def lasted(seconds: float) -> str:
    """Return a duration in the unit that people would take."""
    minutes = max(round(seconds / 60.0), 0)
    if minutes < 1:
        return "less than a minute"
    if minutes < _MINUTES:
        return f"{minutes} min"
    return f"{number(minutes / 60)} h" if minutes < _HOURS * 60 else f"{number(minutes / 1440)} days"


def clock(at: float, zone: tzinfo, now: float) -> str:
    """Return a time as `14:02 UTC`, with its day where that is not today's."""
    time, today = datetime.fromtimestamp(at, zone), datetime.fromtimestamp(now, zone)
    return f"{'' if time.date() == today.date() else f'{time:%-d %B} '}{time:%H:%M} {zone_name(time)}"


def span(since: float, until: float, zone: tzinfo, now: float) -> str:
    """Return two times as `14:02 to 14:20 UTC`, with their days where these are not today's, or are two."""
    first, last, today = (datetime.fromtimestamp(at, zone) for at in (since, until, now))
    two = first.date() != last.date()
    begin = f"{first:%-d %B} " if two or first.date() != today.date() else ""
    begin += f"{first:%H:%M}" + (f" {zone_name(first)}" if zone_name(first) != zone_name(last) else "")
    return f"{begin} to {f'{last:%-d %B} ' if two else ''}{last:%H:%M} {zone_name(last)}"


def day(at: float, zone: tzinfo) -> str:
    """Return a day as `20 December`."""
    return f"{datetime.fromtimestamp(at, zone):%-d %B}"


def zone_name(time: datetime) -> str:
    """Return what a clock's zone is called; one without a name by its distance from UTC."""
    name = f"{time:%Z}"
    return f"UTC{name}" if re.match(r"[+-]\d", name) else name
