"""A chart as Slack draws it, and as a line of text where Slack does not. Pure; knows no card.

https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot import limits
from bot.slack.cards import Block
from bot.slack.markdown import one_line, short
from bot.types import Chart

MINUTE_S = 60.0
BARS = "▁▂▃▄▅▆▇█"
TITLE = "Lines a minute"

OBSERVED, USUAL = "observed", "usual"
"""Names of the two lines."""

MARKS = 5
"""Marks told below a chart."""

MARK = 160
"""Characters of one of them."""


@dataclass(frozen=True, slots=True)
class Point:
    """What was seen in `minutes` minutes from `at` (seconds UTC): the mean of a minute."""

    at: float
    minutes: int
    value: float


def points(chart: Chart) -> list[Point]:
    """Return a chart in as many points as Slack draws, oldest first; the first may stand for fewer minutes."""
    values = [each if math.isfinite(each) else 0.0 for each in chart.observed]
    step = max(1, math.ceil(len(values) / limits.CHART_CATEGORIES))
    first = len(values) % step
    cuts = ([values[:first]] if first else []) + [values[at : at + step] for at in range(first, len(values), step)]
    begin = chart.until - len(values) * MINUTE_S
    found = []
    for cut in cuts:
        found.append(Point(begin, len(cut), _rounded(math.fsum(cut) / len(cut))))
        begin += len(cut) * MINUTE_S
    return found


def chart_block(chart: Chart) -> Block | None:
    """Return the chart; None where there is nothing to draw. A mark is in the label of the minutes that it falls in."""
    drawn = points(chart)
    if not drawn:
        return None
    labels = _labels(chart, drawn)
    series = [_series(OBSERVED, labels, [point.value for point in drawn])]
    if chart.usual is not None and math.isfinite(chart.usual):
        series.append(_series(USUAL, labels, [_rounded(chart.usual)] * len(drawn)))
    minutes = drawn[-1].minutes
    unit = "a minute" if minutes == 1 else f"a minute (mean of {minutes} min)"
    axes = {"categories": labels, "x_label": "UTC", "y_label": unit}
    title = short(one_line(chart.title), limits.CHART_TITLE) or TITLE
    return {
        "type": "data_visualization",
        "title": title,
        "chart": {"type": "line", "series": series, "axis_config": axes},
    }


def marks_line(chart: Chart) -> str:
    """Return "14:02 UTC checkout 1.42 · ..." for what happened meanwhile; empty when nothing did."""
    told = [f"{_time(mark.at)} UTC {short(one_line(mark.words), MARK)}" for mark in chart.marks[:MARKS]]
    more = len(chart.marks) - MARKS
    return " · ".join([*told, f"and {more} more"] if more > 0 else told)


def sparkline(chart: Chart) -> str:
    """Return the chart as a line of text with its range; empty when there is nothing to draw."""
    drawn = points(chart)
    if not drawn:
        return ""
    values = [point.value for point in drawn]
    highest = max(*values, chart.usual or 0.0, 0.0)
    bars = "".join(BARS[round((len(BARS) - 1) * max(value, 0.0) / highest)] if highest else BARS[0] for value in values)
    usual = "" if chart.usual is None else f", usually {_number(chart.usual)}"
    span = f"{_time(drawn[0].at)}-{_time(chart.until)} UTC"
    return f"{bars} {_number(min(values))} to {_number(max(values))} a minute{usual}, {span}"


def _labels(chart: Chart, drawn: Sequence[Point]) -> list[str]:
    """Return the label of each point; all differ, as Slack wants it."""
    # A day has one 14:02; what is longer is told with its date.
    form = "%H:%M" if chart.until - drawn[0].at <= 24 * 3600 else "%d %b %H:%M"
    labels = []
    for point in drawn:
        end = point.at + point.minutes * MINUTE_S
        mark = next((each for each in chart.marks if point.at <= each.at < end), None)
        at = point.at if mark is None else mark.at
        words = "" if mark is None else f" {one_line(mark.words)}"
        labels.append(short(f"{datetime.fromtimestamp(at, UTC):{form}}{words}", limits.CHART_LABEL))
    return labels if len(set(labels)) == len(labels) else [str(number) for number in range(1, len(labels) + 1)]


def _series(name: str, labels: Sequence[str], values: Sequence[float]) -> Block:
    data = [{"label": label, "value": value} for label, value in zip(labels, values, strict=True)]
    return {"name": name, "data": data}


def _rounded(value: float) -> float:
    return round(value, 2)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"  # noqa: PLR2004 - two digits do


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M}"
