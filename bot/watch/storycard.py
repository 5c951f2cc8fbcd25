"""What the message of a story says. Pure.

Knows no Slack: all that came out of a log is made inert by whoever shows it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo

from bot.types import Brief, Card, Chart, Hint, Mark, Press
from bot.watch.board import Row
from bot.watch.deploys import BEFORE_S, Deploy
from bot.watch.figures import (
    GAP,
    MOST_NAME,
    clock,
    day,
    headline,
    lasted,
    line,
    names,
    number,
    observed,
    span,
    usual_a_minute,
    usually,
)
from bot.watch.names import name_of, stream_of
from bot.watch.rejections import Rejection
from ingest.anomalies.report import Report
from ingest.anomalies.signal import Kind
from ingest.anomalies.story import QUIET_MINUTES

QUIET_S = QUIET_MINUTES * 60.0
"""A story is over so long after the last thing that was unusual."""

MOST_LINE = 200
MOST_ALSO = 3
MOST_CHANGES = 8
MOST_EXAMPLES = 3
MOST_EXAMPLE_LINES = 6
MOST_TITLED = 30
"""Characters of a line in the title of its chart, of which Slack shows 50 (facts/slack.md)."""

MOST_EXAMPLE = 600
"""Characters of an example, which is a stack trace at times."""

OLD_S = 120.0
"""Figures older than that are dated."""

WORDS: Mapping[Kind, tuple[str, str]] = {
    "new": ("Rate", "Usual"),
    "rise": ("Rate", "Usual"),
    "fall": ("Rate", "Usual"),
    "restarts": ("Starts", "Usual"),
    "drift": ("Now", "Usual"),
    "jump": ("Highest", "Highest before"),
    "share": ("Share", "Usual"),
    "silence": ("Lines", "Overdue after"),
}
"""What a kind's two figures are called."""

BEGINS: Mapping[Kind, str] = {"new": "First seen", "silence": "Silent since"}

COMES: Mapping[Kind, str] = {
    "new": "appears",
    "rise": "becomes more frequent",
    "fall": "becomes rarer",
    "silence": "falls silent",
    "drift": "changes its values",
    "jump": "passes its records",
    "share": "changes its outcomes",
    "restarts": "starts again and again",
}
"""What a line does, by what a story is about."""


@dataclass(frozen=True, slots=True)
class Known:
    """All that a story's card is made of. `reports` are its stories, the oldest first; `owner` an id or a name."""

    row: Row
    reports: Sequence[Report]
    now: float
    zone: tzinfo = UTC
    rejection: Rejection | None = None
    deploys: Sequence[Deploy] = ()
    owner: str | None = None
    runbook: Hint | None = None
    similar: tuple[Hint, ...] = ()

    @property
    def report(self) -> Report:
        """The story that is told: one that goes on before those that are over, the latest of them."""
        return max(self.reports, key=lambda each: (each.ended is None, each.since))

    @property
    def over(self) -> bool:
        """Whether it has recovered."""
        return self.row.ended is not None

    @property
    def usual_since(self) -> float:
        """When nothing was unusual any more (seconds UTC); meaningful once it has recovered."""
        ended = self.report.ended or self.row.ended or self.now
        return max(ended - QUIET_S, self.report.since + 60.0)

    def with_(self, deploys: Sequence[Deploy], runbook: Hint | None, similar: tuple[Hint, ...]) -> "Known":
        """Return the same with its surroundings."""
        return replace(self, deploys=deploys, runbook=runbook, similar=similar)

    @property
    def place(self) -> str:
        """What the service is called."""
        return line(self.row.service or self.report.stream, MOST_NAME)

    def clock(self, at: float) -> str:
        """Return a time as the people of its channel read it."""
        return clock(at, self.zone, self.now)


def story_card(known: Known) -> Card:
    """Return what a story's message says now."""
    row, report = known.row, known.report
    base = Card(
        key=row.key,
        name=name_of(row.key),
        version=row.wanted,
        headline=verdict(known),
        status=status(known),
        severity=row.severity,
        people=people(known),
        notes=tuple(_notes(known)),
        presses=presses(known),
        undo=known.rejection.id if known.rejection else None,
        lines=tuple(_lines(known)),
    )
    if known.rejection:
        return base
    return replace(
        base,
        fields=tuple(_fields(known)),
        chart=chart(known),
        examples=tuple(excerpt(each) for each in report.examples[:MOST_EXAMPLES]),
        changes=changes(report),
        runbook=known.runbook,
        similar=known.similar,
    )


def story_brief(known: Known) -> Brief:
    """Return a story in a line or two."""
    row = known.row
    return Brief(
        key=row.key,
        name=name_of(row.key),
        headline=verdict(known),
        status=status(known),
        severity=row.severity,
        people=people(known),
        presses=presses(known),
        undo=known.rejection.id if known.rejection else None,
    )


def verdict(known: Known) -> str:
    """Return the headline: what is wrong with its figures, that it is over, or that it is none."""
    told = headline(known.report, known.row.service)
    if known.rejection:
        return f"Not an anomaly: {told}"
    if known.over:
        return f"Recovered after {lasted(known.usual_since - known.report.since)}: {told}"
    return told


def status(known: Known) -> str:
    """Return severity, since when and for how long."""
    row, since = known.row, known.report.since
    if known.rejection:
        return f"not told again until {day(known.rejection.expires_at, known.zone)}"
    if known.over:
        return f"{row.severity} · {span(since, known.usual_since, known.zone, known.now)}"
    return f"{row.severity} · since {known.clock(since)} ({lasted(known.now - since)})"


def people(known: Known) -> tuple[tuple[str, str], ...]:
    """Return who has to do with a card and how; ids alone, which may become mentions."""
    row = known.row
    told: list[tuple[str, str]] = []
    if known.rejection:
        return (("said by", known.rejection.person),)
    if row.acknowledged_by:
        at = f" at {known.clock(row.acknowledged_at)}" if row.acknowledged_at else ""
        told.append((f"acknowledged{at} by", row.acknowledged_by))
    if row.snoozed_by and row.snoozed_until and row.snoozed_until > known.now and not known.over:
        told.append((f"snoozed until {known.clock(row.snoozed_until)} by", row.snoozed_by))
    if known.owner and is_id(known.owner):
        told.append(("owner", known.owner))
    return tuple(told)


def is_id(owner: str) -> bool:
    """Whether an owner is a person's or a group's id in the chat, rather than a team's name out of a catalogue."""
    return owner[:1] in "UWS" and len(owner) > 2 and owner.isalnum() and owner.isupper()  # noqa: PLR2004 - U12 at least


def presses(known: Known) -> tuple[Press, ...]:
    """Return what people may do with a story now."""
    if known.rejection:
        return ("undo",)
    if known.over:
        return ("investigate", "reject")
    runbook: tuple[Press, ...] = ("runbook",) if known.runbook else ()
    return ("acknowledge", "investigate", "snooze", "reject", *runbook)


def _lines(known: Known) -> list[str]:
    report = known.report
    if known.rejection:
        until = day(known.rejection.expires_at, known.zone)
        what = f"this line of {known.place}" if report.template else known.place
        return [f"Until {until}, nothing is posted when {what} {COMES[report.kind]} again. Undo takes that back."]
    told = []
    if (worded := known.row.body.get("worded")) and not known.over:
        by = line(str(known.row.body.get("worded_by")), MOST_NAME)
        at = known.clock(float(known.row.body.get("worded_at", known.row.opened)))
        told.append(f"In a sentence of {at}, by {by}: {line(worded, MOST_LINE)}")
    if known.over:
        told.append(f"Back to usual at {known.clock(known.usual_since)}, and for {lasted(QUIET_S)} since.")
    told += [beside(deploy, report.since, known) for deploy in nearest(known.deploys, report.since)]
    told += [f"Also {also[:1].lower()}{line(also[1:], MOST_LINE)}" for also in report.also[:MOST_ALSO]]
    if len(report.also) > MOST_ALSO:
        told.append(f"And {len(report.also) - MOST_ALSO} more changes at the same time.")
    earlier = [each for each in known.reports if each is not report and each.ended]
    if earlier:
        last = earlier[-1]
        usual = max((last.ended or known.now) - QUIET_S, last.since + 60.0)
        times = f", {len(earlier)} times in all" if len(earlier) > 1 else ""
        told.append(f"It was here before: {span(last.since, usual, known.zone, known.now)}{times}.")
    return told


def nearest(deploys: Sequence[Deploy], since: float) -> list[Deploy]:
    """Return the last deployment before a story began and the first one after it, each within BEFORE_S."""
    near = sorted((each for each in deploys if abs(each.at - since) <= BEFORE_S), key=lambda each: each.at)
    before = [each for each in near if each.at < since + 60.0]  # a story's minute is all that is known of its beginning
    after = [each for each in near if each.at >= since + 60.0]
    return [*before[-1:], *after[:1]]


def deployment(deploy: Deploy) -> str:
    """Return what was deployed, by whom."""
    who = f" by {line(deploy.who, MOST_NAME)}" if deploy.who else ""
    return f"{line(deploy.service, MOST_NAME)} {line(deploy.version, MOST_NAME)} was deployed{who}"


def apart(deploy: Deploy, since: float) -> str:
    """Return how a story's beginning lies to a deployment."""
    minutes = round(abs(since - deploy.at) / 60.0)
    if minutes < 1:
        return "Within a minute of it"
    return f"{minutes} minute{'' if minutes == 1 else 's'} {'after' if deploy.at < since else 'before'}"


def beside(deploy: Deploy, since: float, known: Known) -> str:
    """Return a deployment as it lies beside what began at `since`: what happened, never the cause."""
    if apart(deploy, since).startswith("Within"):
        return f"Within a minute, {deployment(deploy)} (not proven to be the cause)."
    if deploy.at > since:
        return f"{deployment(deploy)} at {known.clock(deploy.at)}, {apart(deploy, since).split(' before')[0]} into it."
    return f"{apart(deploy, since)} {deployment(deploy)} (not proven to be the cause)."


def _fields(known: Known) -> list[tuple[str, str]]:
    report = known.report
    what, usual = WORDS[report.kind]
    told = [] if report.kind == "silence" else [(what, observed(report))]
    told.append((usual, usually(report)))
    told.append((BEGINS.get(report.kind, "Since"), known.clock(report.since)))
    if report.hosts:
        told.append(("Hosts", names(report.hosts)))
    if report.services and report.services != (known.row.service,):
        told.append(("Services", names(report.services)))
    return [*told, ("Score", f"{number(report.score)} nats")]


def chart(known: Known) -> Chart | None:
    """Return what was counted in each minute, where anything was; deployments of that hour are marked."""
    report = known.report
    if not any(report.chart):
        return None
    first = report.charted - len(report.chart) * 60.0
    inside = [each for each in known.deploys if first <= each.at <= report.charted]
    marks = tuple(Mark(each.at, f"{line(each.service, MOST_NAME)} {line(each.version, MOST_NAME)}") for each in inside)
    title = f'Lines a minute: "{line(report.template, MOST_TITLED)}"' if report.template else "All lines a minute"
    if report.kind in {"drift", "jump", "share"}:
        title = "Lines a minute (how many, not their values)"
    return Chart(title, report.chart, report.charted, usual_a_minute(report), marks)


def changes(report: Report) -> tuple[tuple[str, str, str], ...]:
    """Return the templates of a story, with their lines an hour, usually and now."""
    rows = report.changes[:MOST_CHANGES]
    return tuple((line(each.template, MOST_LINE), number(each.before), number(each.now)) for each in rows)


def excerpt(example: str) -> str:
    """Return a log line as an example; of one with many lines, the first ones."""
    lines = example.rstrip().splitlines()
    told = "\n".join(lines[:MOST_EXAMPLE_LINES])
    told = told if len(told) <= MOST_EXAMPLE else told[:MOST_EXAMPLE].rstrip() + GAP
    left = len(lines) - MOST_EXAMPLE_LINES
    return f"{told}\n{GAP} {left} more lines" if left > 0 else told


def _notes(known: Known) -> list[str]:
    row, report = known.row, known.report
    told = [name_of(row.key), f"log source {report.stream}"]
    if known.owner and not is_id(known.owner):
        told.append(f"owner {line(known.owner, MOST_NAME)}")
    if not known.rejection:
        told.append(as_of(known.now, report.charted, known.zone))
    return told


def as_of(now: float, figures: float, zone: tzinfo) -> str:
    """Return when a message was as it stands, and when its figures were, where that is another time."""
    dated = f", figures of {clock(figures, zone, now)}" if abs(now - figures) > OLD_S else ""
    return f"as of {clock(now, zone, now)}{dated}"


def lost_card(row: Row) -> Card:
    """Return what is said of a story of which nothing is kept any more."""
    brief = lost_brief(row)
    return Card(row.key, brief.name, row.wanted, brief.headline, brief.status, row.severity, notes=(brief.name,))


def lost_brief(row: Row) -> Brief:
    """Return such a story in a line."""
    where = line(row.service or stream_of(row.key), MOST_NAME)
    told = f"{where}: a story of its logs, of which no more is kept"
    return Brief(row.key, name_of(row.key), told, row.severity, row.severity)
