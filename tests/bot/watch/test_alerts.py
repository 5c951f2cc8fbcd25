"""Groups of alerts onto the board: once each, one message a group, resolved and firing again in place."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from bot.journal.outbox import outbox
from bot.settings import WatchSettings
from bot.types import Severity
from bot.watch.alertcard import Alerts as Firing
from bot.watch.alerts import MOST_ALERTS, NOTES, SAME_S, Alert, Alerts, Group, bounded, merged
from bot.watch.board import Board, Row, cards_table
from bot.watch.catalogue import Catalogue, Service
from bot.watch.preferences import Preferences, Wanted
from bot.watch.routing import Rules
from ingest.database import Database
from ingest.redact import redact
from tests.bot.watch.desk import MINUTE, NOON, Desk

CHECKOUT = Service("checkout", ("checkout", "checkout-*"), channel="C0CHECKOUT")
KEY = '{}:{alertname="HighErrorRate"}'


def alert(number: int = 1, *, firing: bool = True, **labels: str) -> Alert:
    """Return an alert that began at 12:00 UTC, and ended at 12:05 unless it fires."""
    usual = {"alertname": "HighErrorRate", "severity": "critical", "service": "checkout", "pod": f"checkout-{number}"}
    said = {"summary": "12 % of requests fail", "runbook_url": "https://runbooks/HighErrorRate"}
    ends = None if firing else NOON + 5 * MINUTE
    return Alert(f"fp{number}", firing, usual | labels, said, NOON, ends)


def group(*alerts: Alert, **changes: Any) -> Group:
    """Return a whole group of Alertmanager's; of one alert that fires if none is given."""
    usual = Group("alertmanager", KEY, alerts or (alert(),), {"alertname": "HighErrorRate"}, whole=True)
    return replace(usual, **changes)


class Switchboard:
    """Alerts on the board of one database; `now` is the time."""

    def __init__(self, database: Database, channel: str | None = "C0OPS", services: Sequence[Service] = ()) -> None:
        self.now = NOON + MINUTE
        self.database = database
        self.board = Board(database, lambda: self.now)
        self.preferences = Preferences(database, WatchSettings())
        self.alerts = Alerts(
            database,
            self.board,
            Rules(Catalogue(services), channel),
            preferences=self.preferences,
            redact=redact,
            clock=lambda: self.now,
        )

    async def rows(self) -> list[Row]:
        """Return all cards."""
        async with self.database.read() as connection:
            return await self.board.find(connection)

    async def row(self) -> Row:
        """Return the only card."""
        (found,) = await self.rows()
        return found

    async def intents(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what is to be posted, by key."""
        async with self.database.read() as connection:
            found = await connection.execute(select(outbox.c.key, outbox.c.payload).order_by(outbox.c.created_at))
            return {row.key: row.payload for row in found}

    async def change(self, **values: Any) -> None:
        """Change the only card."""
        key = (await self.row()).key
        async with self.database.write() as connection:
            await self.board.change(connection, key, **values)


@pytest.fixture
def switchboard(database: Database) -> Switchboard:
    """Give a board that knows one service."""
    return Switchboard(database, services=[CHECKOUT])


async def test_a_group_becomes_one_message_for_its_service(switchboard: Switchboard) -> None:
    """With all that fires in it, in the channel of the service that its labels name."""
    assert await switchboard.alerts.take(group(alert(1), alert(2))) == {"C0CHECKOUT"}
    row = await switchboard.row()
    assert (row.kind, row.place, row.service, row.severity, row.opened) == ("alert", "root", "checkout", "high", NOON)
    assert row.key == f"alert:alertmanager:{row.fingerprint}:1"
    assert list(await switchboard.intents()) == [f"card:{row.key}"]
    assert [each.labels["pod"] for each in Firing.of(row).firing] == ["checkout-1", "checkout-2"]


async def test_a_repeat_changes_nothing(switchboard: Switchboard) -> None:
    """Alertmanager repeats what goes on, and sends again what was not answered in time."""
    await switchboard.alerts.take(group(alert(1), alert(2)))
    before = await switchboard.row()
    switchboard.now += 3_600
    assert await switchboard.alerts.take(group(alert(2), alert(1))) == frozenset()
    assert await switchboard.row() == before
    assert len(await switchboard.intents()) == 1


async def test_what_joins_a_group_edits_its_message(switchboard: Switchboard) -> None:
    """Nothing new is posted."""
    await switchboard.alerts.take(group(alert(1, severity="warning")))
    assert await switchboard.alerts.take(group(alert(1, severity="warning"), alert(2))) == {"C0CHECKOUT"}
    row = await switchboard.row()
    assert (row.wanted, row.severity, len(Firing.of(row).firing)) == (2, "high", 2)
    assert len(await switchboard.intents()) == 1


async def test_resolved_ends_the_message_and_says_so_once(switchboard: Switchboard) -> None:
    """When nothing of the group fires; when that is told twice, too."""
    await switchboard.alerts.take(group(alert(1), alert(2)))
    switchboard.now = NOON + 6 * MINUTE
    await switchboard.alerts.take(group(alert(1, firing=False), alert(2)))
    assert (await switchboard.row()).ended is None
    for _ in range(2):
        await switchboard.alerts.take(group(alert(1, firing=False), alert(2, firing=False)))
    row, intents = await switchboard.row(), await switchboard.intents()
    assert (row.ended, row.wanted, len(intents)) == (NOON + 5 * MINUTE, 3, 2)
    words = "Resolved after 5 min: nothing of it fires any more."
    assert intents[f"below:{row.key}:recovered-1"]["text"] == words


async def test_an_alert_without_a_beginning_lasts_from_when_it_was_heard(switchboard: Switchboard) -> None:
    """The message and the reply below it say the same."""
    await switchboard.alerts.take(group(replace(alert(1), starts=None)))
    switchboard.now += 5 * MINUTE
    await switchboard.alerts.take(group(replace(alert(1, firing=False), starts=None, ends=None)))
    row = await switchboard.row()
    reply = (await switchboard.intents())[f"below:{row.key}:recovered-1"]["text"]
    assert reply == "Resolved after 5 min: nothing of it fires any more."


async def test_firing_again_within_a_day_goes_on_with_the_message(switchboard: Switchboard) -> None:
    """With a note in the thread; who acknowledged the last time has not acknowledged this one."""
    await switchboard.alerts.take(group())
    await switchboard.change(acknowledged_by="U0MIA", acknowledged_at=NOON)
    switchboard.now = NOON + 6 * MINUTE
    await switchboard.alerts.take(group(alert(firing=False)))
    switchboard.now = NOON + SAME_S
    assert await switchboard.alerts.take(group(replace(alert(), starts=NOON + SAME_S - MINUTE))) == {"C0CHECKOUT"}
    row, intents = await switchboard.row(), await switchboard.intents()
    assert (row.ended, row.acknowledged_by) == (None, None)
    assert intents[f"below:{row.key}:again-2"]["text"] == "Fires again, since 11:59 UTC."


async def test_a_day_after_its_end_a_group_gets_a_new_message(switchboard: Switchboard) -> None:
    """What was resolved then is not part of it; a group that was never told is not told when it is resolved."""
    assert await switchboard.alerts.take(group(alert(firing=False))) == frozenset()
    await switchboard.alerts.take(group(alert(1), alert(2)))
    await switchboard.alerts.take(group(alert(1, firing=False), alert(2, firing=False)))
    switchboard.now = NOON + SAME_S + 10 * MINUTE
    assert await switchboard.alerts.take(group(alert(1, firing=False))) == frozenset()
    await switchboard.alerts.take(group(replace(alert(3), starts=None)))
    first, second = await switchboard.rows()
    assert second.key == first.key.removesuffix("1") + "2"
    assert (second.opened, list(second.body["alerts"])) == (switchboard.now, ["fp3"])


async def test_what_is_missing_in_a_whole_group_fires_no_more(switchboard: Switchboard) -> None:
    """Somebody silenced it; a group that was cut tells nothing of what is missing."""
    await switchboard.alerts.take(group(alert(1), alert(2)))
    assert await switchboard.alerts.take(group(alert(1), whole=False)) == frozenset()
    await switchboard.alerts.take(group(alert(1)))
    told = Firing.of(await switchboard.row())
    assert [each.labels["pod"] for each in told.firing] == ["checkout-1"]
    assert told.until == switchboard.now


async def test_a_flapping_group_says_so_ten_times_at_most(switchboard: Switchboard) -> None:
    """Its message alone tells the rest."""
    for _ in range(NOTES + 5):
        await switchboard.alerts.take(group())
        await switchboard.alerts.take(group(alert(firing=False)))
    intents, row = await switchboard.intents(), await switchboard.row()
    assert len(intents) == 2 * NOTES
    assert intents[f"below:{row.key}:again-{NOTES}"]["text"].endswith("only the message above tells more.")
    assert row.body["episode"] == NOTES + 5


async def test_a_snooze_holds_for_notes_and_for_the_next_message(switchboard: Switchboard) -> None:
    """The message is edited; the next card waits until the snooze is over, and is told then if it still fires."""
    await switchboard.alerts.take(group())
    await switchboard.change(snoozed_by="U0MIA", snoozed_until=NOON + 2 * SAME_S)
    await switchboard.alerts.take(group(alert(firing=False)))
    switchboard.now = NOON + SAME_S + 10 * MINUTE
    assert await switchboard.alerts.take(group()) == frozenset()
    assert [row.place for row in await switchboard.rows()] == ["root", "muted"]
    assert await switchboard.alerts.unmuted() == frozenset()
    switchboard.now = NOON + 2 * SAME_S + 1
    assert await switchboard.alerts.unmuted() == {"C0CHECKOUT"}
    _, second = await switchboard.rows()
    assert list(await switchboard.intents())[1:] == [f"card:{second.key}"]
    assert await switchboard.alerts.unmuted() == frozenset()


async def test_without_a_channel_it_is_kept_and_told_once_there_is_one(database: Database) -> None:
    """The home tab and `/copilot incidents` show it meanwhile."""
    alone = Switchboard(database, channel=None)
    assert await alone.alerts.take(group()) == frozenset()
    row = await alone.row()
    assert (row.place, row.why, await alone.intents()) == ("none", "no channel is set", {})
    assert await Switchboard(database).alerts.take(group()) == {"C0OPS"}
    assert (await alone.row()).place == "root"


async def test_quiet_hours_do_not_hold_alerts_and_a_silent_channel_does(switchboard: Switchboard) -> None:
    """People wrote the rules that raise them; where nothing may be posted unasked, nothing is."""
    always = Wanted(digest="09:00", quiet="00:00-23:59", least="high", timezone="UTC")
    await switchboard.preferences.set("C0CHECKOUT", "U0MIA", NOON, always)
    assert await switchboard.alerts.take(group(alert(severity="info"))) == {"C0CHECKOUT"}
    await switchboard.preferences.set("C0CHECKOUT", "U0MIA", NOON, replace(always, off=True))
    assert await switchboard.alerts.take(group(key="other")) == frozenset()
    assert sorted(row.why for row in await switchboard.rows()) == ["", "nothing is posted there unasked"]


@pytest.mark.parametrize(
    ("labels", "service", "channel"),
    [
        ({"service": "checkout"}, "checkout", "C0CHECKOUT"),
        ({"job": "kube-state-metrics", "pod": "checkout-7d9f8b6c5-x2x9k"}, "checkout", "C0CHECKOUT"),
        ({"service": "search", "namespace": "checkout"}, "checkout", "C0CHECKOUT"),
        ({"service": "search"}, "search", "C0OPS"),
        ({"job": "node"}, "node", "C0OPS"),
        ({"namespace": "payments"}, "", "C0OPS"),
    ],
)
async def test_labels_name_the_service(
    switchboard: Switchboard, labels: dict[str, str], service: str, channel: str
) -> None:
    """One of the catalogue's by any label that names services; another one only by labels that surely do."""
    bare = Alert("fp", firing=True, labels={"alertname": "Down"} | labels)
    await switchboard.alerts.take(group(bare, labels={}))
    row = await switchboard.row()
    assert (row.service, row.channel) == (service, channel)


@pytest.mark.parametrize(
    ("labels", "severity"),
    [
        ({"severity": "critical"}, "high"),
        ({"severity": "Page"}, "high"),
        ({"severity": "warning"}, "medium"),
        ({"severity": "info"}, "low"),
        ({"severity": "odd"}, "medium"),
        ({"priority": "P1", "urgency": "low"}, "high"),
        ({}, "medium"),
    ],
)
def test_a_severity_is_understood_as_people_write_it(labels: dict[str, str], severity: Severity) -> None:
    """What nobody knows is in the middle."""
    assert Alert("fp", firing=True, labels=labels).severity == severity


async def test_secrets_are_not_kept(switchboard: Switchboard) -> None:
    """Neither in a label, nor in one whose name makes it a secret, nor in an annotation."""
    secrets = {"url": "https://u:hunter2secret@db/x", "password": "hunter2secret"}
    told = replace(alert(**secrets), annotations={"description": "line\nAuthorization: Bearer hunter2secret"})
    await switchboard.alerts.take(group(told))
    body = str((await switchboard.row()).body)
    assert "hunter2secret" not in body
    assert "[secret:password#" in body


async def test_a_flood_of_alerts_is_bounded(switchboard: Switchboard) -> None:
    """A thousand of a group are kept, those that fire first, and of long texts the beginning."""
    long = {f"label_{number}": "x" * 5_000 for number in range(60)}
    many = [alert(number, firing=number % 3 > 0, **long) for number in range(3_000)]
    await switchboard.alerts.take(group(*many))
    row = await switchboard.row()
    assert len(row.body["alerts"]) == MOST_ALERTS
    assert len(Firing.of(row).firing) == MOST_ALERTS
    assert len(str(row.body)) < 1_000_000


def test_hostile_text_is_one_printable_line() -> None:
    """Databases refuse some characters, and terminals obey others."""
    nasty = Alert("\x00" * 3, firing=True, labels={"a\x1b[31m": "b\ud800\n<!channel>\u202e"})
    (kept,) = bounded(group(nasty, labels={}), redact).alerts
    assert kept.labels == {"a [31m": "b <!channel>"}
    assert len(kept.fingerprint) == 32


def test_what_fires_comes_first() -> None:
    """The earliest first; then what was resolved."""
    late = replace(alert(3), starts=NOON + MINUTE)
    told = merged({}, group(late, alert(1, firing=False), alert(2)), NOON)
    assert list(told) == ["fp2", "fp3", "fp1"]


async def test_what_was_overtaken_is_left_alone(switchboard: Switchboard) -> None:
    """PagerDuty's events may come in any order; each says when it was."""
    switchboard.now = NOON + 10 * MINUTE
    await switchboard.alerts.take(group(at=NOON))
    await switchboard.alerts.take(group(alert(firing=False), at=NOON + 5 * MINUTE))
    assert await switchboard.alerts.take(group(at=NOON + 4 * MINUTE)) == frozenset()
    assert await switchboard.alerts.take(group(at=NOON + 6 * MINUTE)) == {"C0CHECKOUT"}


async def test_the_card_tells_it(switchboard: Switchboard) -> None:
    """What is kept is what the card's words are made of; documents that were found stay."""
    desk = Desk(switchboard.database)
    await switchboard.alerts.take(group(alert(1), alert(2)))
    key = (await switchboard.row()).key
    shown = await desk.shown(key)
    assert shown.startswith("# checkout: HighErrorRate, 2 firing: 12 % of requests fail\nhigh · firing since 12:00 UTC")
    assert "HighErrorRate" in desk.documents.sought[0]
    await switchboard.alerts.take(group(alert(1, firing=False), alert(2, firing=False)))
    assert "hints" in (await switchboard.row()).body
    assert (await desk.shown(key)).startswith("# Resolved after 5 min: checkout: HighErrorRate")


async def test_two_senders_of_one_group_are_two(switchboard: Switchboard) -> None:
    """Alertmanagers that know nothing of each other bear names."""
    await switchboard.alerts.take(group())
    await switchboard.alerts.take(group(source="alertmanager-eu"))
    async with switchboard.database.read() as connection:
        assert len(await switchboard.board.find(connection, cards_table.c.kind == "alert")) == 2
