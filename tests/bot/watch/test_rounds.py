"""What comes due by the clock: once, whoever goes round and how often."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bot.watch.board import rejections_table
from bot.watch.routing import Window
from bot.watch.watch import Beat
from ingest.database import Database
from tests.bot.watch.desk import report
from tests.bot.watch.station import CHANNEL, MINUTE, NOON, Station

HOUR = 60 * MINUTE
ROOT = f"{CHANNEL} card:story:shop:12"
QUIET = {"quiet": "11:00-13:00"}


@pytest.fixture
async def station(database: Database) -> Station:
    """Give a station on every database that we support."""
    return Station(database)


async def cards(station: Station) -> list[str]:
    """Return the messages that are to be posted for cards."""
    return [each for each in await station.posts() if "card:" in each]


async def test_rounds_without_anything_due_change_nothing(station: Station) -> None:
    """And wake nobody."""
    await station.told(report(severity="medium"))
    before = await station.rows()
    assert await station.rounds().go() == frozenset()
    assert await station.rows() == before


async def test_what_was_held_is_posted_when_it_still_goes_on(database: Database) -> None:
    """In the quiet hours nobody reads it; after them, what is over is not posted."""
    station = Station(database, **QUIET)
    await station.told(report(severity="medium"), report(id=13, template="other", severity="medium"))
    assert [row.held_until for row in await station.rows()] == [NOON + HOUR] * 2
    await station.told(report(id=13, template="other", severity="medium", ended=NOON + 40 * MINUTE))
    station.now = NOON + HOUR - 1
    assert await station.rounds().go() == frozenset()
    station.now = NOON + HOUR
    assert await station.rounds().go() == {CHANNEL}
    assert await station.rounds().go() == frozenset()
    assert await cards(station) == [ROOT]
    assert [(row.place, row.held_until) for row in await station.rows()] == [("root", None), ("none", None)]


async def test_high_severity_is_told_at_night(database: Database) -> None:
    """At once, also where a story that was held becomes so."""
    station = Station(database, **QUIET)
    await station.told(report(severity="medium"))
    assert await cards(station) == []
    await station.told(report(severity="high"))
    assert await cards(station) == [ROOT]


async def test_what_was_held_keeps_to_the_budget(database: Database) -> None:
    """Ten stories of a night are one message in the morning."""
    station = Station(database, **QUIET)
    await station.told(*(report(id=number, template=f"t{number}", severity="medium") for number in range(10)))
    station.now = NOON + HOUR
    await station.rounds().go()
    assert await cards(station) == [f"{CHANNEL} card:group:{CHANNEL}:2026-11-18T13"]


async def test_maintenance_may_be_followed_by_quiet_hours(database: Database) -> None:
    """Then it is held on."""
    station = Station(database, quiet="12:25-13:00")
    station.maintenance = (Window(NOON, NOON + 30 * MINUTE, frozenset({"checkout"}), "new ledger"),)
    await station.told(report(severity="medium"))
    assert (await station.row()).why == "maintenance: new ledger"
    station.now = NOON + 30 * MINUTE
    await station.rounds().go()
    row = await station.row()
    assert (row.place, row.why, row.held_until) == ("held", "quiet hours", NOON + HOUR)
    station.now = NOON + HOUR
    await station.rounds().go()
    assert await cards(station) == [ROOT]


async def test_a_snooze_ends_once(station: Station) -> None:
    """What still goes on then says so in its thread."""
    await station.told(report())
    await station.change("story:shop:12", snoozed_by="U0BOB", snoozed_until=NOON + HOUR)
    before = (await station.row()).wanted
    station.now = NOON + HOUR
    assert await station.rounds().go() == {CHANNEL}
    row = await station.row()
    assert (row.snoozed_until, row.wanted) == (None, before + 1)
    notes = [each for each in await station.posts() if "snooze" in each]
    assert notes == [f"{CHANNEL} below:story:shop:12:snooze-{int(NOON + HOUR)}"]
    assert await station.words(notes[0].split()[1]) == "The snooze is over, and it is still open."


async def test_a_snooze_of_what_is_over_ends_in_silence(station: Station) -> None:
    """Nobody needs to hear of it."""
    await station.told(report())
    await station.change("story:shop:12", snoozed_until=NOON + HOUR)
    await station.told(report(ended=NOON + 40 * MINUTE))
    station.now = NOON + HOUR
    await station.rounds().go()
    assert not [each for each in await station.posts() if "snooze" in each]


async def test_what_came_while_its_like_was_snoozed_is_told_afterwards(station: Station) -> None:
    """It went on longer than the snooze."""
    await station.told(report())
    await station.told(report(ended=NOON))
    await station.change("story:shop:12", snoozed_until=NOON + 30 * HOUR)
    station.now = NOON + 25 * HOUR
    await station.told(report(id=13))
    assert (await station.row("story:shop:13")).why == "snoozed"
    await station.rounds().go()
    assert (await station.row("story:shop:13")).place == "muted"
    station.now = NOON + 30 * HOUR
    await station.rounds().go()
    assert await cards(station) == [ROOT, f"{CHANNEL} card:story:shop:13"]


async def test_what_is_no_anomaly_is_told_once_that_was_taken_back(station: Station) -> None:
    """A rejection that is undone leaves nothing silent."""
    values = {
        "id": "r1",
        "card": "story:shop:1",
        "stream": "shop",
        "template": report().template,
        "kind": "new",
        "service": "checkout",
        "person": "U0BOB",
        "at": NOON,
        "expires_at": NOON + 30 * 24 * HOUR,
    }
    async with station.database.write() as connection:
        await connection.execute(rejections_table.insert().values(values))
    await station.told(report())
    await station.rounds().go()
    row = await station.row()
    assert (row.place, row.why) == ("muted", "rejected as no anomaly")
    async with station.database.write() as connection:
        await connection.execute(rejections_table.update().values(undone_at=NOON))
    await station.rounds().go()
    assert await cards(station) == [ROOT]


async def test_nobody_answers_and_somebody_is_called_again(station: Station) -> None:
    """Once, after the service's own time."""
    await station.told(report())
    for minute in (1, 14, 15, 16, 60):
        station.now = NOON + minute * MINUTE
        await station.rounds().go()
    below = [each.split("12:")[1] for each in await station.posts() if "below:" in each]
    assert below == ["notify", "escalate"]
    escalated = await station.words("below:story:shop:12:escalate")
    assert escalated == "<@U0ANA> nobody has acknowledged it in checkout for 15 min."


async def test_whoever_snoozed_it_had_it_until_then(station: Station) -> None:
    """The time to acknowledge begins anew with the end of the snooze."""
    await station.told(report())
    await station.change("story:shop:12", snoozed_by="U0BOB", snoozed_until=NOON + HOUR)
    for minute, called in ((60, False), (74, False), (75, True)):
        station.now = NOON + minute * MINUTE
        await station.rounds().go()
        assert any("escalate" in each for each in await station.posts()) is called


@pytest.mark.parametrize(
    "changes", [{"acknowledged_by": "U0BOB"}, {"snoozed_until": NOON + 2 * HOUR}, {"rejected": "r1"}]
)
async def test_whoever_has_it_is_not_called_again(station: Station, changes: dict[str, Any]) -> None:
    """Nor what is snoozed, or none."""
    await station.told(report())
    await station.change("story:shop:12", **changes)
    station.now = NOON + HOUR
    await station.rounds().go()
    assert not [each for each in await station.posts() if "escalate" in each]


async def test_a_flood_calls_a_service_once_and_again(station: Station) -> None:
    """Below the one message that tells it, however many stories that are; who acknowledges one has seen them."""
    await station.told(*(report(id=number, template=f"line {number}") for number in range(12, 40)))
    assert [each for each in await station.posts() if "card:group" in each]
    station.now = NOON + HOUR
    await station.rounds().go()
    await station.rounds().go()
    below = [each for each in await station.posts() if "below:" in each]
    assert sorted([await station.words(each.split(" ", 1)[1]) for each in below]) == [
        "<@U0ANA> new in checkout, of high severity.",
        "<@U0ANA> nobody has acknowledged it in checkout for 60 min.",
    ]


async def test_one_acknowledged_story_of_a_flood_ends_the_calling(station: Station) -> None:
    """Somebody is there."""
    await station.told(*(report(id=number, template=f"line {number}") for number in range(12, 40)))
    await station.change("story:shop:20", acknowledged_by="U0BOB")
    station.now = NOON + HOUR
    await station.rounds().go()
    assert not [each for each in await station.posts() if "escalate" in each]


async def test_only_whom_the_settings_name_is_mentioned(station: Station) -> None:
    """Never for a service without `notify`, a group of users by its own mention, and not for less than high."""
    station.services = (replace(station.services[0], notify=None),)
    await station.told(report())
    station.services = (replace(station.services[0], notify="S0TEAM"),)
    await station.told(report(id=13, template="other", severity="medium"))
    await station.rounds().go()
    assert [each for each in await station.posts() if "below" in each] == [f"{CHANNEL} below:story:shop:12:notify"]
    assert await station.words("below:story:shop:12:notify") == "<!subteam^S0TEAM> new in checkout, of high severity."


async def test_what_becomes_high_mentions_then(station: Station) -> None:
    """With the scan that says so."""
    await station.told(report(severity="medium"))
    assert not [each for each in await station.posts() if "below" in each]
    await station.told(report(severity="high"))
    assert [each for each in await station.posts() if "notify" in each]


async def test_a_source_that_nobody_scans_is_told_of(station: Station) -> None:
    """Also where its scans never come to their end, or its next one is an hour away."""
    watch = station.watch()
    await station.told(watch=watch)
    station.now = NOON + 181.0
    assert await station.rounds(watch).go() == {"C0OPS"}
    assert await station.rounds(watch).go() == frozenset()
    (row,) = await station.rows()
    assert (row.key, row.opened) == (f"source:shop:{int(NOON)}", NOON)
    assert "do not come to their end" in row.body["reason"]
    await station.told(watch=watch)
    assert (await station.rows())[0].ended == station.now


@pytest.mark.parametrize(("minutes", "told"), [(4, False), (59, False), (61, True)])
async def test_a_scan_that_takes_long_is_on_its_way(station: Station, minutes: int, told: bool) -> None:  # noqa: FBT001
    """Days of lines are learnt at first; after an hour something is wrong."""
    read = station.scan.read
    held = asyncio.Event()

    async def slow(now: float) -> Any:
        await held.wait()
        return await read(now)

    watch = station.watch()
    await station.told(watch=watch)
    station.scan.read = slow  # type: ignore[method-assign]
    scanning = asyncio.create_task(watch.scan("shop"))
    await asyncio.sleep(0)
    station.now = NOON + minutes * MINUTE
    await station.rounds(watch).go()
    assert bool(await cards(station)) is told
    held.set()
    await scanning


async def test_an_hourly_source_that_is_down_is_told_of_by_the_rounds(station: Station) -> None:
    """Two minutes after its scan failed."""
    station.beats = {"shop": Beat(3_600.0)}
    watch = station.watch()
    await station.told(watch=watch, down="CloudWatch: denied")
    assert await cards(station) == []
    station.now = NOON + 120.0
    assert await station.rounds(watch).go() == {"C0OPS"}
    assert (await station.rows())[0].body["reason"] == "CloudWatch: denied"


async def test_a_bot_that_was_off_for_a_night_has_scanned_nothing_yet(station: Station) -> None:
    """The first scan is on its way."""
    await station.told()
    station.now = NOON + 8 * HOUR
    assert await station.rounds(station.watch()).go() == frozenset()


async def test_replicas_go_round_together(database: Database) -> None:
    """Whatever each finds due, it is done once."""
    station = Station(database, **QUIET)
    await station.told(report(severity="medium"))
    await station.told(report(id=13, template="other"))
    await station.change("story:shop:13", snoozed_until=NOON + HOUR)
    station.now = NOON + HOUR
    await asyncio.gather(*(station.rounds().go() for _ in range(4)))
    assert sorted(await station.posts()) == [
        f"{CHANNEL} below:story:shop:13:notify",
        f"{CHANNEL} below:story:shop:13:snooze-{int(NOON + HOUR)}",
        ROOT,
        f"{CHANNEL} card:story:shop:13",
    ]
