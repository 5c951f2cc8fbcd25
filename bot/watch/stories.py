"""What the message of a story says, of several stories in one, and of a source that cannot be scanned. Pure.

Knows no Slack: all that came out of a log is made inert by whoever shows it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo

from bot.types import Brief, Card, Chart, Hint, Mark, Press, Severity
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
MOST_MEMBERS = 15
MOST_EXAMPLES = 3
MOST_EXAMPLE_LINES = 6
MOST_TITLED = 30
"""Characters of a line in the title of its chart, of which Slack shows 50 (facts/slack.md)."""

MOST_EXAMPLE = 600
"""Characters of an example, which is a stack trace at times."""

OLD_S = 120.0
"""Figures older than that are dated."""

RANKS: Mapping[Severity, int] = {"high": 0, "medium": 1, "low": 2}

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


# A story


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


# Several in one


@dataclass(frozen=True, slots=True)
class Crowd:
    """A group and its members; `briefs` are of those that are named, the worst first."""

    row: Row
    members: Sequence[Row]
    briefs: Sequence[Brief] = ()
    now: float = 0.0
    zone: tzinfo = field(default=UTC)


def worst_first(members: Sequence[Row]) -> list[Row]:
    """Return cards in the order in which people want to see them: those that go on, then by severity, then by age."""
    return sorted(members, key=lambda each: (not is_open(each), RANKS[each.severity], each.opened, each.key))


def is_open(row: Row) -> bool:
    """Whether a card goes on, for people: what they called no anomaly does not."""
    return row.ended is None and row.rejected is None


def group_card(crowd: Crowd) -> Card:
    """Return what a message of several cards says now."""
    row, members = crowd.row, worst_first(crowd.members)
    going = [each for each in members if is_open(each)]
    counted = going or members
    least = min((RANKS[each.severity] for each in counted), default=RANKS[row.severity])
    severity = next(each for each, rank in RANKS.items() if rank == least)
    told = [_member(brief, each) for brief, each in zip(crowd.briefs, members, strict=False)]
    if left := len(members) - len(told):
        told.append(f"and {left:,} more: /copilot incidents lists what is open")
    return Card(
        key=row.key,
        name="",
        version=row.wanted,
        headline=_crowded(members, going),
        status=_spread(crowd, members, going, severity),
        severity=severity,
        lines=tuple(told),
        notes=tuple(_why(crowd)),
    )


def _crowded(members: Sequence[Row], going: Sequence[Row]) -> str:
    what = f"{len(members):,} {_noun(members)}{_services(members)}"
    if members and not going:
        return f"All over: {what}"
    if len(going) < len(members):
        return f"{what}: {len(going):,} open ({_severities(going)})"
    return f"{what}: {_severities(going)}" if going else what


def _noun(members: Sequence[Row]) -> str:
    kinds = {each.kind for each in members}
    one, several = {frozenset({"story"}): ("story", "stories"), frozenset({"alert"}): ("alert", "alerts")}.get(
        frozenset(kinds), ("matter", "matters")
    )
    return one if len(members) == 1 else several


def _services(members: Sequence[Row]) -> str:
    services = [service for service, _ in Counter(each.service for each in members if each.service).most_common()]
    if not services:
        return ""
    more = len(services) - 2
    told = ", ".join(line(each, MOST_NAME) for each in services[:2])
    return f" in {told} and {more} more service{'' if more == 1 else 's'}" if more > 0 else f" in {told}"


def _severities(members: Sequence[Row]) -> str:
    counts = Counter(each.severity for each in members)
    return ", ".join(f"{counts[severity]:,} {severity}" for severity in RANKS if counts[severity])


def _spread(crowd: Crowd, members: Sequence[Row], going: Sequence[Row], severity: Severity) -> str:
    times = [each.opened for each in members] or [crowd.row.opened]
    first, last = min(times), max(times)
    began = span(first, last, crowd.zone, crowd.now) if last - first >= 60.0 else clock(first, crowd.zone, crowd.now)  # noqa: PLR2004 - a minute
    over = len(members) - len(going)
    return f"{severity} · began {began}" + (f" · {over:,} over" if over else "")


def _member(brief: Brief, row: Row) -> str:
    if not is_open(row):
        return f"{brief.name} · {line(brief.headline, MOST_LINE)}"
    taken = " · acknowledged" if row.acknowledged_by else ""
    return f"{brief.name} · {row.severity}{taken} · {line(brief.headline, MOST_LINE)}"


def _why(crowd: Crowd) -> list[str]:
    why = crowd.row.why or next((each.why for each in crowd.members if each.why), "")
    reason = [f"in one message: {line(why, MOST_LINE)}"] if why else []
    all_told = len(crowd.members) <= MOST_MEMBERS  # else the last line says so
    lists = ["/copilot incidents has their buttons"] if all_told and any(map(is_open, crowd.members)) else []
    return [*reason, *lists, as_of(crowd.now, crowd.now, crowd.zone)]


# A source of which nothing is known


def source_card(row: Row, now: float, zone: tzinfo) -> Card:
    """Return what is said of a source that cannot be scanned or writes nothing, or is back.

    Its body has the `reason` in a sentence, and whether the source is `silent`: it can be read, but has no line.
    """
    brief = source_brief(row, now, zone)
    reason = line(str(row.body.get("reason", "")), MOST_LINE)
    if row.ended is None:
        told = [reason, "This is not an all-clear: nothing is known of it since then."]
    elif row.body.get("silent"):
        told = [f"For {lasted(row.ended - row.opened)} nothing was known of it."]
    else:
        told = [f"For {lasted(row.ended - row.opened)} nobody looked. What was written meanwhile is read now."]
    if row.ended is not None and reason:
        told.append(f"The reason was: {reason}")
    return Card(
        key=row.key,
        name=brief.name,
        version=row.wanted,
        headline=brief.headline,
        status=brief.status,
        severity=row.severity,
        people=brief.people,
        lines=tuple(filter(None, told)),
        notes=(brief.name, as_of(now, now, zone)),
        presses=brief.presses,
    )


def source_brief(row: Row, now: float, zone: tzinfo) -> Brief:
    """Return such a source in a line or two."""
    known = Known(row, (), now, zone)
    logs, silent = f"{line(stream_of(row.key), MOST_NAME)} logs", row.body.get("silent")
    if row.ended is None:
        since = known.clock(row.opened)
        told = f"No line in {logs} since {since}" if silent else f"Could not scan {logs} since {since}"
        how = f"{row.severity} · for {lasted(now - row.opened)}"
        can: tuple[Press, ...] = ("acknowledge", "snooze")
    else:
        again = known.clock(row.ended)
        told = f"Lines in {logs} again since {again}" if silent else f"Scanning {logs} again since {again}"
        what = "nothing was written" if silent else "could not be scanned"
        how, can = f"{what} {span(row.opened, row.ended, zone, now)}", ()
    return Brief(row.key, name_of(row.key), told, how, row.severity, people(known), can)
