"""Alerts that others raise: told once, grouped as their senders group them, one message for each group. Knows no HTTP.

A group's card says what fires and is edited when that changes; it is over when nothing of it fires. They come from
people's own rules, so neither quiet hours nor a channel's budget keep them back: a snooze does.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.types import Severity, worst
from bot.watch.board import Board, Place, Row, cards_table
from bot.watch.figures import clock, lasted
from bot.watch.preferences import Preferences
from bot.watch.routing import Rules
from ingest.database import Database
from ingest.redact import Redact
from ingest.types import Clock

SAME_S: Final = 24 * 3_600.0
"""A group that fires again so soon after its end goes on with its message."""

MOST_ALERTS: Final = 1_000
"""Alerts of one group that are kept, those that fire first."""

MOST_HEARD: Final = 2_000
"""Alerts of one message that are looked at."""

TOLD: Final = 20
"""Of these all texts are kept, of the others what tells them apart: a message names eight (bot.watch.alertcard)."""

MOST_LABELS: Final = 30
MOST_NAME, MOST_VALUE, MOST_TEXT = 100, 200, 1_000
"""Characters of a label's name and value, and of an annotation."""

MOST_LEAN: Final = 300
"""Characters of all labels together, of an alert that is one of many."""

MOST_READ: Final = 8_000
"""Characters of one text that are looked at."""

ANNOTATIONS: Final = ("summary", "title", "message", "description", "runbook_url")
"""Annotations that are shown: the names that Prometheus' rules, Grafana and PagerDuty's own fields have."""

SERVICES: Final = ("service", "app", "app_kubernetes_io_name", "job", "deployment", "container", "pod", "namespace")
"""Labels that name a service, the surest first; by the first five one is called that no catalogue knows."""

CALLED: Final = 5

MOST_SERVICES: Final = 50
"""Values of these labels that are looked up in the catalogue."""

MOST_SERVICE: Final = 200
"""Characters of a service's name, as the board's column has it."""

NOTES: Final = 10
"""How often a thread hears that its alert fires again or is over; one that flaps says the rest by its message alone."""

SEVERITIES: Final[Mapping[str, Severity]] = {
    **dict.fromkeys(("critical", "crit", "page", "error", "high", "emergency", "fatal", "disaster", "urgent"), "high"),
    **dict.fromkeys(("p1", "p2", "sev1", "sev2", "1", "2"), "high"),
    **dict.fromkeys(("warning", "warn", "medium", "moderate", "average", "p3", "sev3", "3"), "medium"),
    **dict.fromkeys(("info", "information", "low", "notice", "none", "debug", "p4", "p5", "sev4", "sev5"), "low"),
}
"""What people's rules call a severity; what is none of these is `medium`."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as its sender tells it. `fingerprint` is the same for the same labels; times are seconds UTC.

    `starts` and `ends` are None where nobody says.
    """

    fingerprint: str
    firing: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    starts: float | None = None
    ends: float | None = None

    @property
    def severity(self) -> Severity:
        """How bad it is, by its labels."""
        named = (self.labels[each] for each in ("severity", "priority", "urgency") if self.labels.get(each))
        return SEVERITIES.get(next(named, "").lower(), "medium")


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts that one message of their sender holds. `source` is who sends, in letters, digits and `-`.

    `key` names the group at its sender, `labels` are what it is grouped by. `whole` says that what is not in it does
    not fire: it was silenced, or nobody tells that it was resolved. `at` is when it was so (seconds UTC), for a sender
    whose messages may overtake each other.
    """

    source: str
    key: str
    alerts: Sequence[Alert]
    labels: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False
    at: float | None = None

    @property
    def fingerprint(self) -> str:
        """What is the same for the same group: 32 hex digits."""
        return sha256(f"{self.source}\0{self.key}".encode("utf-8", "replace")).hexdigest()[:32]

    @property
    def fires(self) -> bool:
        """Whether any of it does."""
        return any(alert.firing for alert in self.alerts)


class Alerts:
    """Takes groups of alerts onto one board. `redact` takes secrets out before anything is written."""

    def __init__(
        self, database: Database, board: Board, rules: Rules, *, preferences: Preferences, redact: Redact, clock: Clock
    ) -> None:
        self._database = database
        self._board = board
        self._rules = rules
        self._preferences = preferences
        self._redact = redact
        self._clock = clock

    async def take(self, group: Group) -> frozenset[str]:
        """Take what a sender says of a group; return the channels for which something waits once it is committed.

        What was told before changes nothing. A group of which nothing fires is told only if it had been.
        """
        group = await asyncio.to_thread(bounded, group, self._redact)
        await self._preferences.load()
        async with self._database.write() as connection:
            await self._turn(connection, group)
            now, last = self._clock(), await self._last(connection, group)
            if last is not None and (last.ended is None or now - last.ended < SAME_S):
                return await self._changed(connection, last, group, now)
            if not group.fires:
                return frozenset()
            return await self._added(connection, last, group, now)

    async def unmuted(self) -> frozenset[str]:
        """Tell what was snoozed before it had a message and still fires; return the channels for which that waits."""
        await self._preferences.load()
        now, table = self._clock(), cards_table.c
        ours = (table.kind == "alert") & (table.place == "muted") & table.ended.is_(None)
        async with self._database.write() as connection:
            rows = await self._board.find(connection, ours)
            posted = [await self._posted(connection, row, self._rules.channel_of(row.service), now) for row in rows]
        return frozenset(each for row in posted for each in _woken(row))

    async def _turn(self, connection: AsyncConnection, group: Group) -> None:
        """Wait for our turn with a group, over all replicas. On SQLite every writer has it."""
        if not self._database.is_sqlite:
            number = func.hashtextextended(group.fingerprint, 0)
            await connection.execute(select(func.pg_advisory_xact_lock(number)))

    async def _last(self, connection: AsyncConnection, group: Group) -> Row | None:
        """Return the latest card of a group. The others are not read: each may hold a thousand alerts."""
        mine = (cards_table.c.kind == "alert") & (cards_table.c.fingerprint == group.fingerprint)
        keys = await connection.scalars(select(cards_table.c.key).where(mine))
        last = max(keys, key=_number, default=None)
        return None if last is None else (await self._board.find(connection, cards_table.c.key == last))[0]

    async def _added(self, connection: AsyncConnection, last: Row | None, group: Group, now: float) -> frozenset[str]:
        """Put a group on the board that was not there, or whose message is too old."""
        alerts = merged({}, group, now)
        service, channel = self._of(group)
        place, why = self._place(channel, last, now)
        held = last if last is not None and place == "muted" else None
        row = Row(
            key=f"alert:{group.source}:{group.fingerprint}:{_number(last.key) + 1 if last else 1}",
            kind="alert",
            fingerprint=group.fingerprint,
            channel=channel,
            place=place,
            why=why,
            service=service,
            severity=worst(alert.severity for alert in alerts.values() if alert.firing),
            opened=_since(alerts, now),
            body=_body(group, alerts) | {"episode": 1},
            snoozed_by=held.snoozed_by if held else None,
            snoozed_until=held.snoozed_until if held else None,
        )
        await self._board.add(connection, row)
        return _woken(row)

    async def _changed(self, connection: AsyncConnection, row: Row, group: Group, now: float) -> frozenset[str]:
        """Let a group's message say what holds now; return nothing where that is what it says."""
        again = row.ended is not None
        if (group.at or 0.0) < (row.body.get("at") or 0.0) or (again and not group.fires):
            return frozenset()
        alerts = merged({} if again else alerts_of(row.body), group, now)
        fires = any(alert.firing for alert in alerts.values())
        body = {**row.body, **_body(group, alerts), "episode": int(row.body.get("episode", 1)) + again}
        service, channel = self._of(group)
        before, row = row, await self._posted(connection, row, channel, now)
        if body == row.body and not again:
            return frozenset() if row is before else _woken(row)
        values: dict[str, Any] = {"body": body, "ended": None if fires else _until(alerts, now)}
        if fires:
            values |= {"severity": worst(each.severity for each in alerts.values() if each.firing), "service": service}
        if again:
            values |= {"acknowledged_by": None, "acknowledged_at": None}
        await self._board.change(connection, row.key, **values)
        if again or not fires:
            await self._note(connection, replace(row, body=body), alerts, now)
        return _woken(row)

    async def _posted(self, connection: AsyncConnection, row: Row, channel: str | None, now: float) -> Row:
        """Give a card a message of its own that had none, if it may have one by now."""
        if row.place not in ("none", "muted") or self._place(channel, row, now)[0] != "root":
            return row
        row = replace(row, channel=channel, place="root")
        await self._board.change(connection, row.key, channel=channel)
        await self._board.post(connection, row)
        return row

    async def _note(self, connection: AsyncConnection, row: Row, alerts: Mapping[str, Alert], now: float) -> None:
        """Say once in the thread that it fires again, or that it is over."""
        episode = int(row.body["episode"])
        if row.place != "root" or episode > NOTES or _is_snoozed(row, now):
            return
        fires = any(alert.firing for alert in alerts.values())
        since = _since(alerts, now)
        if fires:
            when = clock(since, self._preferences.zone_of(row.channel), now)
            text = f"Fires again, since {when}." + (
                " From now on only the message above tells more." * (episode == NOTES)
            )
        else:
            began = min((each.starts for each in alerts.values() if each.starts is not None), default=row.opened)
            text = f"Resolved after {lasted(_until(alerts, now) - began)}: nothing of it fires any more."
        await self._board.say_below(connection, row, f"{'again' if fires else 'recovered'}-{episode}", {"text": text})

    def _of(self, group: Group) -> tuple[str, str | None]:
        """Return the service that a group is about, empty where nobody says, and the channel where it is told."""
        known = self._rules.catalogue.service_of(_names(group, SERVICES))
        called = next(iter(_names(group, SERVICES[:CALLED])), "")
        name = known.name if known else called
        return name[:MOST_SERVICE], (known.channel if known else None) or self._rules.channel

    def _place(self, channel: str | None, row: Row | None, now: float) -> tuple[Place, str]:
        """Return where a group is told, and why it is not in a message of its own."""
        if channel is None:
            return "none", "no channel is set"
        if self._preferences.known(channel).off:
            return "none", "nothing is posted there unasked"
        return ("muted", "snoozed") if row is not None and _is_snoozed(row, now) else ("root", "")


def merged(known: Mapping[str, Alert], group: Group, now: float) -> dict[str, Alert]:
    """Return a group's alerts by fingerprint as they are once it was heard: what fires first, the earliest first.

    What fired and is missing in a whole group does not fire any more. Pure.
    """
    heard = {alert.fingerprint: alert for alert in group.alerts}
    gone = [alert for name, alert in known.items() if group.whole and alert.firing and name not in heard]
    ended = {alert.fingerprint: replace(alert, firing=False, ends=now) for alert in gone}
    both = {**known, **ended, **heard}
    last = sorted(both.values(), key=lambda each: (not each.firing, each.starts or 0.0, each.fingerprint))
    if len(last) > MOST_ALERTS:
        resolved = sorted((each for each in last if not each.firing), key=lambda each: each.ends or 0.0, reverse=True)
        last = [*(each for each in last if each.firing), *resolved][:MOST_ALERTS]
    return {alert.fingerprint: alert for alert in last}


def alerts_of(body: Mapping[str, Any]) -> dict[str, Alert]:
    """Return the alerts that a card's body holds."""
    return {
        name: Alert(name, each["status"] == "firing", each["labels"], each["annotations"], each["starts"], each["ends"])
        for name, each in body.get("alerts", {}).items()
    }


def bounded(group: Group, redact: Redact) -> Group:
    """Return a group as it may be kept: without secrets and unseen characters, and not larger than we need. Pure."""
    labels = _redacted(group.labels, redact)
    heard = sorted(group.alerts, key=lambda alert: not alert.firing)[:MOST_HEARD]
    alerts = {_short(alert.fingerprint): alert for alert in heard}
    return replace(
        group,
        whole=group.whole and len(heard) == len(group.alerts),
        key=_printable(group.key),
        labels=labels,
        alerts=[
            replace(
                each,
                fingerprint=name,
                labels=_redacted(each.labels, redact),
                annotations=_redacted(
                    {key: each.annotations[key] for key in ANNOTATIONS if each.annotations.get(key)}, redact, MOST_TEXT
                ),
            )
            for name, each in alerts.items()
        ],
    )


def _body(group: Group, alerts: Mapping[str, Alert]) -> dict[str, Any]:
    """Return what a card keeps, as `bot.watch.alertcard` reads it."""
    kept = {}
    for number, (name, alert) in enumerate(alerts.items()):
        kept[name] = {
            "status": "firing" if alert.firing else "resolved",
            "labels": dict(alert.labels) if number < TOLD else _lean(alert.labels),
            "annotations": dict(alert.annotations) if number < TOLD else {},
            "starts": alert.starts,
            "ends": alert.ends if not alert.firing else None,
        }
    return {"alerts": kept, "group": dict(group.labels), "source": group.source, "at": group.at}


def _lean(labels: Mapping[str, str]) -> dict[str, str]:
    kept, size = {}, 0
    for name, value in labels.items():
        size += len(name) + len(value)
        if size <= MOST_LEAN:
            kept[name] = value
    return kept


def _names(group: Group, labels: Iterable[str]) -> list[str]:
    """Return what these labels of a group's alerts say, by label, then alert."""
    told = (alert.labels.get(label) or group.labels.get(label) for label in labels for alert in group.alerts)
    return list(dict.fromkeys(filter(None, told)))[:MOST_SERVICES]


def _since(alerts: Mapping[str, Alert], now: float) -> float:
    """Return when the first of those that fire began, or of all where none does; never in the future."""
    firing = [alert for alert in alerts.values() if alert.firing] or list(alerts.values())
    return min([now, *(alert.starts for alert in firing if alert.starts is not None)])


def _until(alerts: Mapping[str, Alert], now: float) -> float:
    """Return when the last of them was resolved; never in the future."""
    ends = [alert.ends for alert in alerts.values() if alert.ends is not None]
    return min(now, max(ends, default=now))


def _is_snoozed(row: Row, now: float) -> bool:
    return row.snoozed_until is not None and row.snoozed_until > now


def _woken(row: Row) -> frozenset[str]:
    return frozenset([row.channel] if row.channel and row.place == "root" else [])


def _number(key: str) -> int:
    return int(key.rpartition(":")[2])


def _redacted(texts: Mapping[str, str], redact: Redact, most: int = MOST_VALUE) -> dict[str, str]:
    """Return names and texts in one line each, without secrets: also of a text that is one by its name."""
    kept = {}
    for name, text in list(texts.items())[:MOST_LABELS]:
        key = _printable(name)[:MOST_NAME]
        begin = f"{key}="
        line = redact(f"{begin}{_printable(redact(text[:MOST_READ]))}")
        if key and line.startswith(begin):
            kept[key] = _cut(line.removeprefix(begin), most)
    return kept


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _short(fingerprint: str) -> str:
    plain = _printable(fingerprint)
    return plain if 0 < len(plain) <= 64 else sha256(plain.encode()).hexdigest()[:32]  # noqa: PLR2004 - a hash's length


def _printable(text: str) -> str:
    """Return text in one line without unseen characters, which databases and people take badly."""
    plain = text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)
    return " ".join(plain.split())
