"""From a scan to the board and the outbox: one root per fingerprint, nothing lost and nothing doubled, on any database.

"Dead" is a task that is cancelled at one of the things it waits for: what it had not committed is gone.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from bot.watch.catalogue import Service
from bot.watch.names import stream_of
from bot.watch.routing import Origin
from bot.watch.watch import Beat
from ingest.anomalies.report import Report
from ingest.database import Database, metadata
from tests.bot.watch.desk import report
from tests.bot.watch.station import CHANNEL, MINUTE, NEWBORN, NOON, RESTING, STEADY, Scripted, Station, Tap
from tests.ingest.anomalies.schedule import Cut, Dead
from tests.ingest.anomalies.shop import BEGIN

ROOT = f"{CHANNEL} card:story:shop:12"


def stories(*numbers: int, **changes: Any) -> list[Report]:
    """Return stories that have nothing to do with each other."""
    return [report(id=number, template=f"template {number}", **changes) for number in numbers]


@pytest.fixture
async def station(database: Database) -> Station:
    """Give a station on every database that we support."""
    return Station(database)


# One root per fingerprint


async def test_a_story_becomes_a_card_and_an_intent(station: Station) -> None:
    """In the channel of its service, with what else is to be known of it."""
    assert await station.told(report()) == {CHANNEL}
    row = await station.row()
    assert (row.place, row.channel, row.service, row.severity, row.detector) == (
        "root",
        CHANNEL,
        "checkout",
        "high",
        "new",
    )
    assert row.body["template"] == report().template
    assert await station.posts() == [f"{CHANNEL} below:story:shop:12:notify", ROOT]
    assert await station.words("below:story:shop:12:notify") == "<@U0ANA> new in checkout, of high severity."


async def test_what_grows_is_edited(station: Station) -> None:
    """Nothing new is posted for it."""
    await station.told(report(severity="medium"))
    before = await station.row()
    assert await station.told(report(severity="high", also=("more",))) == {CHANNEL}
    row = await station.row()
    assert (row.severity, row.wanted) == ("high", before.wanted + 1)
    assert [each for each in await station.posts() if "card:" in each] == [ROOT]


async def test_a_scan_without_news_changes_nothing(station: Station) -> None:
    """And wakes nobody."""
    await station.told(report())
    before = await station.rows()
    assert await station.told() == frozenset()
    assert await station.rows() == before


async def test_recovery_is_an_edit_and_a_note(station: Station) -> None:
    """With who had it; a second scan says it no more."""
    await station.told(report())
    await station.change("story:shop:12", acknowledged_by="U0BOB", acknowledged_at=NOON + 5 * MINUTE)
    station.now = NOON + 50 * MINUTE
    over = report(ended=NOON + 50 * MINUTE)
    assert await station.told(over) == {CHANNEL}
    await station.told(over)
    row = await station.row()
    assert row.ended == NOON + 50 * MINUTE
    notes = [each for each in await station.posts() if "recovered" in each]
    assert notes == [f"{CHANNEL} below:story:shop:12:recovered-{int(NOON + 50 * MINUTE)}"]
    assert await station.words(notes[0].split()[1]) == (
        "Recovered: as usual since 12:20 UTC. Acknowledged at 12:05 UTC."
    )


@pytest.mark.parametrize("changes", [{"snoozed_until": NOON + 1e6}, {"rejected": "r1"}])
async def test_nobody_is_told_that_what_they_silenced_is_over(station: Station, changes: dict[str, Any]) -> None:
    """Its message is edited, no note comes."""
    await station.told(report())
    await station.change("story:shop:12", **changes)
    await station.told(report(ended=NOON + 50 * MINUTE))
    assert not [each for each in await station.posts() if "recovered" in each]
    assert (await station.row()).ended is not None


async def test_the_same_matter_joins_its_card(station: Station) -> None:
    """While it goes on and for a day after: the card is edited, told once that it is back, and ends with its last."""
    await station.told(report())
    await station.told(report(id=13))
    assert [row.key for row in await station.rows()] == ["story:shop:12"]
    assert await station.board.stories("story:shop:12") == [("shop", 12), ("shop", 13)]
    await station.told(report(ended=NOON + 40 * MINUTE))
    assert (await station.row()).ended is None
    await station.told(report(id=13, ended=NOON + 60 * MINUTE))
    assert (await station.row()).ended == NOON + 60 * MINUTE
    station.now = NOON + 23 * 60 * MINUTE
    await station.told(report(id=14))
    assert (await station.row()).ended is None
    assert [each for each in await station.posts() if "back" in each] == [
        f"{CHANNEL} below:story:shop:12:back-{int(NOON + 60 * MINUTE)}"
    ]
    assert len([each for each in await station.posts() if "card:" in each]) == 1


async def test_what_recovers_is_as_severe_as_it_was_this_time(station: Station) -> None:
    """A high story of the morning makes nothing high of the medium one that its card tells in the evening."""
    await station.told(report(severity="high"))
    await station.told(report(severity="high", ended=NOON + 40 * MINUTE))
    await station.told(report(id=13, severity="medium"))
    await station.told(report(id=13, severity="medium", ended=NOON + 300 * MINUTE))
    assert (await station.row()).severity == "medium"


async def test_after_a_day_the_same_matter_is_a_new_one(station: Station) -> None:
    """Nobody looks for yesterday's message."""
    await station.told(report(ended=None))
    await station.told(report(ended=NOON + 40 * MINUTE))
    station.now = NOON + 40 * MINUTE + 86_401.0
    await station.told(report(id=13))
    assert [each for each in await station.posts() if "card:" in each] == [ROOT, f"{CHANNEL} card:story:shop:13"]


async def test_two_of_one_fingerprint_in_one_scan_are_one_card(station: Station) -> None:
    """Whichever of them is first."""
    await station.told(report(), report(id=13))
    assert [row.key for row in await station.rows()] == ["story:shop:12"]


async def test_silent_hosts_are_different_matters(station: Station) -> None:
    """Without a template a story is about a place."""
    await station.told(*(report(id=number, template="", hosts=(f"web-{number}",)) for number in (1, 2)))
    assert len(await station.rows()) == 2


# Where it belongs


async def test_a_thousand_stories_are_one_post(station: Station) -> None:
    """And each is a card, with its place in it."""
    await station.told(*stories(*range(1_000)))
    (group,) = [row for row in await station.rows() if row.kind == "group"]
    roots = [each for each in await station.posts() if "below:" not in each]
    assert roots == [f"{CHANNEL} card:group:{CHANNEL}:2026-11-18T12"]
    assert (group.severity, group.body) == ("high", {"hour": "2026-11-18T12"})
    assert len(await station.board.members(group.key)) == 1_000
    wanted = group.wanted
    await station.told(*stories(*range(1_000), ended=NOON + 40 * MINUTE))
    group = await station.row(group.key)
    assert group.ended == NOON + 40 * MINUTE
    assert group.wanted == wanted + 1
    assert len([each for each in await station.posts() if "below:" not in each]) == 1


async def test_an_hour_has_a_budget(station: Station) -> None:
    """Three, then one message for all others; the next hour begins anew."""
    for number in range(6):
        await station.told(*stories(number))
        station.now += MINUTE
    station.now = NOON + 60 * MINUTE
    await station.told(*stories(6))
    roots = [each.split("card:")[1] for each in await station.posts() if "card:" in each]
    assert roots == ["story:shop:0", "story:shop:1", "story:shop:2", f"group:{CHANNEL}:2026-11-18T12", "story:shop:6"]
    assert [row.place for row in await station.rows() if row.kind == "story"].count("group") == 3


async def test_what_comes_back_opens_its_group_again(station: Station) -> None:
    """A group ends when its last member does."""
    await station.told(*stories(1, 2, 3, 4))
    await station.told(*stories(1, 2, 3, 4, ended=NOON + 40 * MINUTE))
    key = f"group:{CHANNEL}:2026-11-18T12"
    assert (await station.row(key)).ended is not None
    await station.told(*stories(2))
    assert (await station.row(key)).ended is None


async def test_shadow_posts_nothing(station: Station) -> None:
    """But the card is there, for the home tab."""
    station.origins = {"shop": Origin(shadow=True)}
    await station.told(report())
    assert (await station.row()).place == "shadow"
    assert await station.posts() == []


async def test_what_was_too_small_is_posted_when_it_grows(station: Station) -> None:
    """A card without a message is decided anew with all that is new of it."""
    await station.told(report(severity="low"))
    assert ((await station.row()).place, await station.posts()) == ("none", [])
    assert await station.told(report(severity="high")) == {CHANNEL}
    assert ROOT in await station.posts()


async def test_what_is_over_when_it_is_read_is_not_posted(station: Station) -> None:
    """The digest has it."""
    await station.told(report(ended=NOON - 600 * MINUTE))
    row = await station.row()
    assert (row.place, row.why, await station.posts()) == ("none", "it was over before it could be told", [])


async def test_the_past_is_read_to_its_end_before_it_is_told(station: Station) -> None:
    """Of a source that is behind, what still goes on at the end is posted; what is over by then is not."""
    watch = station.watch()
    await station.told(*stories(1, 2), behind=True, clock=NOON - 86_400.0, watch=watch)
    assert [row.place for row in await station.rows()] == ["held", "held"]
    await station.told(*stories(2, ended=NOON - 70_000.0), behind=True, watch=watch)
    assert await station.posts() == []
    await station.told(behind=False, clock=NOON, watch=watch)
    assert [row.place for row in await station.rows()] == ["root", "none"]
    assert [each for each in await station.posts() if "card:" in each] == [f"{CHANNEL} card:story:shop:1"]


async def test_old_lines_wait_for_the_next_scan(station: Station) -> None:
    """A file that ended yesterday tells nothing of today; a clock that goes wrong by hours is told all the same."""
    watch = station.watch()
    await station.told(report(), clock=NOON - 7_200.0, watch=watch)
    assert (await station.row()).place == "held"
    station.now += MINUTE
    await station.told(clock=NOON - 7_140.0, watch=watch)
    assert (await station.row()).place == "root"


# Sources of which nothing is known


async def test_a_source_that_is_down_is_told_of(station: Station) -> None:
    """After two minutes, once, and edited when it is back; down again within the day, the same card says so."""
    for _ in range(5):
        await station.told(down="Loki: connection refused")
        station.now += MINUTE
    key = f"source:shop:{int(NOON)}"
    row = await station.row(key)
    assert (row.opened, row.ended, row.severity, row.channel) == (NOON, None, "high", "C0OPS")
    assert row.body == {"reason": "Loki: connection refused", "silent": False}
    assert await station.posts() == [f"C0OPS card:{key}"]
    assert await station.told(down=None) == {"C0OPS"}
    assert (await station.row(key)).ended == station.now
    for _ in range(3):
        await station.told(down="Loki: timeout")
        station.now += MINUTE
    row = await station.row(key)
    assert (row.ended, row.body["reason"], row.opened) == (None, "Loki: timeout", NOON + 5 * MINUTE)
    assert len(await station.posts()) == 1


async def test_a_source_that_is_down_for_a_minute_is_not_told_of(station: Station) -> None:
    """A restart of Loki wakes nobody."""
    for down in ("refused", "refused", None, "refused", "refused", None):
        await station.told(down=down)
        station.now += MINUTE
    assert await station.posts() == []


@pytest.mark.parametrize(("every_s", "scans"), [(10.0, 3), (60.0, 3), (3_600.0, 2)])
async def test_three_scans_in_a_row_or_two_minutes_are_enough(station: Station, every_s: float, scans: int) -> None:
    """Whatever comes first."""
    station.beats = {"shop": Beat(every_s)}
    for number in range(1, scans + 1):
        await station.told(down="refused")
        station.now += every_s
        assert bool(await station.posts()) is (number == scans)


async def test_a_source_that_falls_silent_is_told_of(station: Station) -> None:
    """No data is no all-clear: after a quarter of an hour without a line of a source that always has some."""
    watch = station.watch()
    await station.told(minutes=STEADY, watch=watch)
    for _ in range(20):
        station.now += MINUTE
        await station.told(lines=0, clock=NOON, watch=watch)
    key = f"source:shop:{int(NOON)}"
    row = await station.row(key)
    assert (row.opened, row.body["silent"]) == (NOON, True)
    assert "no line came" in row.body["reason"]
    assert await station.posts() == [f"C0OPS card:{key}"]
    (state,) = await watch.states()
    assert not state.ok
    assert "no line since 12:00 UTC, which is unusual" in state.words
    assert await station.told(lines=5, clock=station.now, watch=watch) == {"C0OPS"}
    assert (await station.row(key)).ended == station.now


@pytest.mark.parametrize("minutes", [NEWBORN, RESTING], ids=["young", "rests at night"])
async def test_a_source_that_may_be_silent_is_not_told_of(station: Station, minutes: Any) -> None:
    """One that is known for less than a day, or rests now and then."""
    watch = station.watch()
    await station.told(minutes=minutes, watch=watch)
    for _ in range(20):
        station.now += MINUTE
        await station.told(lines=0, clock=NOON, watch=watch)
    assert await station.posts() == []


async def test_lines_that_another_replica_read_are_no_silence(station: Station) -> None:
    """Two replicas take turns; the one that never sees a line still knows that there were some."""
    here, there = station.watch(), station.watch()
    await station.told(minutes=STEADY, watch=here)
    for _ in range(20):
        station.now += MINUTE
        await station.told(lines=5, watch=there)
        await station.told(lines=0, watch=here)
    assert await station.posts() == []


async def test_what_is_to_be_known_of_a_source_is_said(station: Station) -> None:
    """Learning, behind, flooding, shadow, down: in words."""
    station.beats = {"shop": Beat(60.0, shadow=True)}
    watch = station.watch()
    assert [state.words for state in await watch.states()] == ["not scanned yet"]
    await station.told(watch=watch, behind=True, flooding=True, learning_until=NOON + 3_600.0)
    (state,) = await watch.states()
    assert not state.ok
    assert state.words.split(", ") == [
        "scanned at 12:00 UTC",
        "newest line less than a minute old",
        "behind: more lines wait than one scan takes",
        "flooding",
        "learning until 13:00 UTC of its own time",
        "in shadow",
    ]
    await station.told(watch=watch, behind=False, flooding=False, learning_until=None)
    assert (await watch.states())[0].ok
    station.now += 600.0
    assert not (await watch.states())[0].ok
    await station.told(watch=watch, down="Loki: connection refused")
    assert (await watch.states())[0].words == "could not be scanned since 12:10 UTC (Loki: connection refused)"


# Death, and others


def log_of(tap: Tap, now: float) -> None:
    """Write the log up to a time: from the 70th minute on for five minutes no ledger can be reached."""
    written = len(tap.lines) and int(tap.lines[-1].split(b" ")[5]) // 3 + 1 if tap.lines else 0
    for minute in range(written, int(now // 60) - BEGIN):
        tap.minute(minute)
        if 70 <= minute < 75:
            tap.lines[-1:-1] = broken(minute)


def broken(minute: int) -> list[bytes]:
    """Return the errors of a minute."""
    tap = Tap()
    tap.minute(minute, broken=True)
    return [line for line in tap.lines if b"ERROR" in line]


async def lived(station: Station, die: Callable[[Station, Tap], Any] | None = None) -> dict[str, Any]:
    """Scan a log minute by minute until its story is over, dying on the way; return what is left of it."""
    station.now = (BEGIN + 60) * 60.0 + 20.0
    tap = Tap()
    watch = station.watch(station.real(tap))
    for _ in range(60):
        log_of(tap, station.now)
        if die is not None and await die(station, tap):
            watch = station.watch(station.real(tap))
        await watch.scan("shop")
        station.now += MINUTE
    saved = await station.streams.load("shop")
    assert saved is not None
    reports = await station.streams.stories()
    return {
        "lines": (saved.lines, len(tap.lines)),
        "stories": [(each.stream, each.id, each.template, each.ended) for each in reports],
        "cards": [(row.key, row.place, row.ended, row.severity) for row in await station.rows()],
        "told": await station.board.stories("story:shop:1"),
        "posts": sorted(await station.posts()),
    }


async def died(watch_scan: Any, place: int) -> bool:
    """Let a scan die at the n-th thing that it waits for; return whether it did."""

    async def cut() -> None:
        await Cut(watch_scan, place)

    task = asyncio.create_task(cut())
    with suppress(asyncio.CancelledError, Dead):
        await task
    return task.cancelled()


async def test_a_calm_life_tells_one_story(station: Station) -> None:
    """What the deaths below are measured by."""
    left = await lived(station)
    assert left["lines"][0] == left["lines"][1]
    assert [story[:2] for story in left["stories"]] == [("shop", 1)]
    assert [(card[0], card[1]) for card in left["cards"]] == [("story:shop:1", "root")]
    assert [post for post in left["posts"] if "card:" in post] == [f"{CHANNEL} card:story:shop:1"]
    assert [post for post in left["posts"] if "recovered" in post]


async def test_death_at_every_await_loses_and_doubles_nothing(database: Database, tmp_path: Any) -> None:
    """Every minute's scan dies once, each at another place of its way, before the next process does it."""
    calm = Station(Database.open(f"sqlite+aiosqlite:///{tmp_path / 'calm.sqlite'}"))
    await tables(calm.database)
    wanted = await lived(calm)
    await calm.database.close()
    places: list[bool] = []

    async def die(station: Station, tap: Tap) -> bool:
        place = len(places) % 47 + 1
        dead = await died(station.watch(station.real(tap)).scan("shop"), place)
        places.append(dead)
        return dead

    assert await lived(Station(database), die) == wanted
    assert sum(places) > 20


async def tables(database: Database) -> None:
    """Make the tables."""
    async with database.write() as connection:
        await connection.run_sync(metadata.create_all)


async def test_death_at_every_place_of_the_scan_that_tells(database: Database) -> None:
    """The scan that finds the story: killed at each thing it waits for, one after the other, until it comes through."""
    station = Station(database)
    station.now = (BEGIN + 60) * 60.0 + 20.0
    tap = Tap()
    await station.watch(station.real(tap)).scan("shop")
    place = 0
    while not await station.rows():
        station.now += MINUTE
        log_of(tap, station.now)
        place, dead = 0, True
        while dead:
            place += 1
            dead = await died(station.watch(station.real(tap)).scan("shop"), place)
        await station.watch(station.real(tap)).scan("shop")
    assert place > 20
    assert [post for post in await station.posts() if "card:" in post] == [f"{CHANNEL} card:story:shop:1"]
    assert len(await station.rows()) == 1


async def test_two_replicas_do_not_count_twice(database: Database) -> None:
    """Both scan at the same moments: one of them writes, the other has nothing to say."""
    station = Station(database)
    station.now = (BEGIN + 60) * 60.0 + 20.0
    tap = Tap()
    replicas = [station.watch(station.real(tap)) for _ in range(2)]
    for _ in range(60):
        log_of(tap, station.now)
        await asyncio.gather(*(replica.scan("shop") for replica in replicas))
        station.now += MINUTE
    assert [post for post in await station.posts() if "card:" in post] == [f"{CHANNEL} card:story:shop:1"]
    assert len(await station.rows()) == 1
    assert set(station.faults) == {"scan_moved"}


async def test_replicas_share_one_budget(database: Database) -> None:
    """Scans of several sources that come at once: a channel's hour is counted once."""
    station = Station(database)
    station.services = (Service("checkout", ("checkout",), CHANNEL),)
    names = [f"shop{number}" for number in range(8)]
    station.beats = {name: Beat(60.0) for name in names}
    watches = {}
    for name in names:
        scan = Scripted(station.streams, name=name, reports=[report(stream=name)])
        watch = station.watch()
        watch._scans = {name: scan}  # type: ignore[dict-item]
        watches[name] = watch
    await asyncio.gather(*(watch.scan(name) for name, watch in watches.items()))
    rows = await station.rows()
    assert sorted(row.place for row in rows if row.kind == "story") == ["group"] * 5 + ["root"] * 3
    assert {stream_of(row.key) for row in rows if row.kind == "story"} == set(names)
    assert len([post for post in await station.posts() if "card:group" in post]) == 1
