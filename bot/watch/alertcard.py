"""What the message of a group of alerts says: what fires, since when, its labels and its own summary. Pure.

A card's body is `{"alerts": {fingerprint: {"status", "labels", "annotations", "starts", "ends"}}, "group": labels,
"source": name}`, times in seconds since 1970 UTC. All of it is text of others, which whoever shows it makes inert.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.types import Brief, Card, Press
from bot.watch.board import Row
from bot.watch.figures import MOST_HEADLINE, lasted, line, span
from bot.watch.names import name_of
from bot.watch.storycard import Known, as_of, beside, is_id, nearest, people

MOST_ALERTS = 8
MOST_LABELS = 8
MOST_VALUE = 100
MOST_SAID = 300

SUMMARIES = ("summary", "title", "message", "description")
"""Annotations that say what is wrong, the shortest ones first: what Prometheus' own rules and Grafana's use."""

NAMES = ("alertname", "title", "rule", "check")
"""Labels that name an alert."""

PLACES = ("service", "job", "app", "namespace", "instance")
"""Labels that say where, the one that people speak of first."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of a group as it stands; times are seconds since 1970 UTC, None where nobody says."""

    status: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts: float | None
    ends: float | None

    @property
    def fires(self) -> bool:
        """Whether it goes on."""
        return self.status != "resolved"

    @property
    def summary(self) -> str:
        """What it says itself, empty where it says nothing."""
        return next((self.annotations[each] for each in SUMMARIES if self.annotations.get(each)), "")


@dataclass(frozen=True, slots=True)
class Alerts:
    """A group of alerts: those that fire first, each the earliest first. `shared` are the labels that all have."""

    row: Row
    alerts: Sequence[Alert]
    group: Mapping[str, str]
    source: str

    @classmethod
    def of(cls, row: Row) -> "Alerts":
        """Return the group that a card's body holds; what is not as it should be is left out."""
        body = row.body.get("alerts")
        alerts = [_alert(each) for each in body.values() if isinstance(each, Mapping)] if body else []
        alerts.sort(key=lambda each: (not each.fires, each.starts or row.opened))
        return cls(row, alerts, _texts(row.body.get("group")), str(row.body.get("source", "")))

    @property
    def firing(self) -> Sequence[Alert]:
        """Those that go on."""
        return [each for each in self.alerts if each.fires]

    @property
    def shared(self) -> Mapping[str, str]:
        """The labels that all of them have."""
        if not self.alerts:
            return self.group
        first, *others = self.alerts
        return {
            name: value
            for name, value in first.labels.items()
            if all(other.labels.get(name) == value for other in others)
        }

    @property
    def since(self) -> float:
        """When the first of those that go on began, or of all where none does (seconds UTC)."""
        times = [each.starts for each in (self.firing or self.alerts) if each.starts is not None]
        return min(times, default=self.row.opened)

    @property
    def until(self) -> float:
        """When the last of them was resolved (seconds UTC)."""
        times = [each.ends for each in self.alerts if each.ends is not None]
        return max(times, default=self.row.ended or self.row.opened)

    @property
    def called(self) -> str:
        """What its labels call the alert, empty where they do not."""
        labels = {**self.shared, **self.group}
        first = self.alerts[0].labels if self.alerts else {}
        return next((found for each in NAMES if (found := labels.get(each) or first.get(each))), "")

    @property
    def name(self) -> str:
        """What the alert is called."""
        return self.called or "Alert"

    @property
    def where(self) -> str:
        """The service that it is about, as far as its labels say."""
        labels = {**self.shared, **self.group}
        return self.row.service or next((labels[each] for each in PLACES if labels.get(each)), "")

    @property
    def text(self) -> str:
        """What it says in words, by which documents are found."""
        firing = self.firing or self.alerts
        said = [each.annotations.get(name, "") for each in firing[:3] for name in SUMMARIES]
        return "\n".join(dict.fromkeys(filter(None, [self.called, *self._runbooks, *said])))

    @property
    def _runbooks(self) -> Sequence[str]:
        """The names of the pages that their rules link to: often the title of a document."""
        links = (each.annotations.get("runbook_url", "") for each in self.firing or self.alerts)
        return [re.split(r"[/#?=]", link.rstrip("/"))[-1].removesuffix(".md") for link in links if link][:1]


def alert_card(known: Known) -> Card:
    """Return what a message of alerts says now; of `known`, reports and rejection are empty."""
    row, alerts = known.row, Alerts.of(known.row)
    brief = alert_brief(known)
    return Card(
        key=row.key,
        name=brief.name,
        version=row.wanted,
        headline=brief.headline,
        status=brief.status,
        severity=row.severity,
        people=brief.people,
        lines=tuple(_lines(alerts, known)),
        fields=tuple(_fields(alerts)),
        runbook=known.runbook,
        similar=known.similar,
        notes=tuple(_notes(alerts, known)),
        presses=brief.presses,
    )


def alert_brief(known: Known) -> Brief:
    """Return alerts in a line or two."""
    row, alerts = known.row, Alerts.of(known.row)
    if row.ended is not None:
        how = f"{row.severity} · {span(alerts.since, alerts.until, known.zone, known.now)}"
        can: tuple[Press, ...] = ("investigate",)
    else:
        how = f"{row.severity} · firing since {known.clock(alerts.since)} ({lasted(known.now - alerts.since)})"
        can = ("acknowledge", "investigate", "snooze", *(("runbook",) if known.runbook else ()))
    return Brief(row.key, name_of(row.key), _verdict(alerts), how, row.severity, people(known), can)


def _verdict(alerts: Alerts) -> str:
    told = line(alerts.name, 80)
    if alerts.where and alerts.where.lower() not in alerts.name.lower():
        told = f"{line(alerts.where, 60)}: {told}"
    count = len(alerts.firing)
    if alerts.row.ended is not None:
        return f"Resolved after {lasted(alerts.until - alerts.since)}: {told}"
    if count > 1:
        told = f"{told}, {count:,} firing"
    summary = (alerts.firing or alerts.alerts)[0].summary if alerts.alerts else ""
    room = MOST_HEADLINE - len(told) - 2
    return f"{told}: {line(summary, room)}" if summary and room > 20 else told  # noqa: PLR2004 - less says nothing


def _lines(alerts: Alerts, known: Known) -> list[str]:
    shared, said = alerts.shared, {each.summary for each in alerts.alerts}
    one = line(next(iter(said)), MOST_SAID) if len(said) == 1 < len(alerts.alerts) else ""
    told = [one] if one and one not in _verdict(alerts) else []
    if alerts.alerts and all(not each.fires for each in alerts.alerts):
        told.append(f"Resolved at {known.clock(alerts.until)}.")
    if len(alerts.alerts) > 1:
        told += [_one(each, shared, known, summary=len(said) > 1) for each in alerts.alerts[:MOST_ALERTS]]
    elif alerts.alerts:
        told += [each for text in _said(alerts.alerts[0]) if (each := line(text, MOST_SAID)) not in _verdict(alerts)]
    if len(alerts.alerts) > MOST_ALERTS:
        left = alerts.alerts[MOST_ALERTS:]
        told.append(f"and {len(left):,} more, {sum(each.fires for each in left):,} of them firing")
    return [*told, *(beside(deploy, alerts.since, known) for deploy in nearest(known.deploys, alerts.since))]


def _one(alert: Alert, shared: Mapping[str, str], known: Known, *, summary: bool) -> str:
    """Return an alert by the labels that it alone has."""
    own = ", ".join(f"{name} {line(value, 60)}" for name, value in alert.labels.items() if name not in shared)
    if not alert.fires:
        state = f"resolved at {known.clock(alert.ends)}" if alert.ends else "resolved"
    else:
        state = f"firing since {known.clock(alert.starts)}" if alert.starts else "firing"
    said = f": {line(alert.summary, 120)}" if summary and alert.summary else ""
    return f"{line(own, 160) or 'no labels of its own'} · {state}{said}"


def _said(alert: Alert) -> list[str]:
    """Return what a single alert says: all of its texts, the summary first."""
    return list(dict.fromkeys(alert.annotations[each] for each in SUMMARIES if alert.annotations.get(each)))


def _fields(alerts: Alerts) -> list[tuple[str, str]]:
    labels = {**alerts.shared, **alerts.group}
    told = [(line(name, 60), line(value, MOST_VALUE)) for name, value in labels.items() if name not in NAMES]
    return told[:MOST_LABELS]


def _notes(alerts: Alerts, known: Known) -> list[str]:
    told = [name_of(alerts.row.key)]
    if alerts.source:
        told.append(f"from {line(alerts.source, 60)}")
    own = next((each.annotations["runbook_url"] for each in alerts.alerts if each.annotations.get("runbook_url")), "")
    if own:
        told.append(f"its own runbook: {line(own, 200)}")
    if known.owner and not is_id(known.owner):
        told.append(f"owner {line(known.owner, 60)}")
    return [*told, as_of(known.now, known.now, known.zone)]


def _alert(body: Mapping[str, Any]) -> Alert:
    return Alert(
        status=str(body.get("status", "firing")),
        labels=_texts(body.get("labels")),
        annotations=_texts(body.get("annotations")),
        starts=_seconds(body.get("starts")),
        ends=_seconds(body.get("ends")),
    )


def _texts(value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        return {}
    return {str(name): str(text) for name, text in value.items() if text not in (None, "")}


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None
