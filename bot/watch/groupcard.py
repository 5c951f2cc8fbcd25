"""What the message of several cards says: how many there are, of what, and the worst of them by name. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from bot.types import RANKS, Brief, Card, Severity, worst
from bot.watch.board import Row
from bot.watch.figures import MOST_NAME, clock, line, span
from bot.watch.storycard import MOST_LINE, as_of

MOST_MEMBERS = 15


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
    severity = worst(each.severity for each in counted) if counted else row.severity
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
