"""A first look at a matter, as Markdown for its thread: what changed, what was deployed, what the runbook checks first.

Pure. Text of logs, deployments and documents stands in code, where it can be nothing else; whoever shows it makes the
rest inert as well.
"""

import re
from collections.abc import Sequence

from bot.types import Hint
from bot.watch.alertcard import Alerts
from bot.watch.deploys import BEFORE_S
from bot.watch.figures import line, number
from bot.watch.storycard import MOST_CHANGES, MOST_LINE, Known, apart, excerpt
from ingest.anomalies.report import Change

MOST_DEPLOYS = 5


def first_look(known: Known) -> str:
    """Return a first look at a story; what nobody knows is said, too."""
    report = known.report
    parts = [
        f"**What changed**, lines an hour: usually, and in the hour until {known.clock(report.charted)}",
        fenced(_table(report.changes[:MOST_CHANGES])) if report.changes else "No line of it is counted by itself.",
    ]
    if report.also:
        parts += ["**At the same time**", fenced("\n".join(line(each, MOST_LINE) for each in report.also))]
    if report.examples:
        parts += ["**Lines**", fenced("\n".join(excerpt(each) for each in report.examples))]
    return "\n".join([*parts, *_deploys(known, report.since), *hints(known.runbook, known.similar)])


def first_look_at_alerts(known: Known) -> str:
    """Return a first look at alerts."""
    alerts = Alerts.of(known.row)
    firing = [*alerts.firing][:MOST_CHANGES]
    parts = ["**What fires**" if firing else "**Nothing of it fires any more.**"]
    if firing:
        labels = [", ".join(f"{name}={value}" for name, value in each.labels.items()) for each in firing]
        parts.append(fenced("\n".join(line(each, MOST_LINE) for each in labels)))
    return "\n".join([*parts, *_deploys(known, alerts.since), *hints(known.runbook, known.similar)])


def hints(runbook: Hint | None, similar: Sequence[Hint]) -> list[str]:
    """Return documents that may fit, each with its check."""
    if runbook is None:
        told = ["**Runbook:** none fits well enough to be named."]
    elif runbook.check:
        told = [f"**Runbook that fits, perhaps:** {code(runbook.title)}; its first check:", fenced(runbook.check)]
    else:
        told = [f"**Runbook that fits, perhaps:** {code(runbook.title)}; it names no check."]
    for each in similar:
        told.append(f"**Similar, perhaps:** {code(each.title)}" + ("; tell them apart by" if each.check else ""))
        told += [fenced(each.check)] if each.check else []
    return told


def _deploys(known: Known, since: float) -> list[str]:
    near = sorted((each for each in known.deploys if abs(each.at - since) <= BEFORE_S), key=lambda each: each.at)
    if not near:
        return ["**Deployments:** none is known within an hour of its beginning."]
    rows = [
        f"- {code(f'{each.service} {each.version}')} at {known.clock(each.at)}"
        + (f" by {code(each.who)}" if each.who else "")
        + (f" ({code(each.link)})" if each.link else "")
        + f": {_order(apart(each, since))}"
        for each in near[-MOST_DEPLOYS:]
    ]
    return ["**Deployments within an hour of its beginning** (none is proven to be the cause)", "", *rows, ""]


def _order(told: str) -> str:
    """Return when a deployment was, seen from it."""
    if told.endswith("after"):
        return f"{told.removesuffix(' after')} before it began"
    return f"{told.removesuffix(' before')} after it began" if told.endswith("before") else "as it began"


def _table(changes: Sequence[Change]) -> str:
    rows = [(number(each.before), number(each.now), line(each.template, MOST_LINE)) for each in changes]
    left, right = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{before:>{left}} -> {now:>{right}}  {template}" for before, now, template in rows)


def fenced(text: str) -> str:
    """Return text as a code block that it cannot end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(longest + 1, 3)
    return f"{fence}\n{text}\n{fence}"


def code(text: str) -> str:
    """Return text in one line as code that it cannot end."""
    return f"`{line(text, MOST_LINE).replace('`', chr(39)) or ' '}`"
