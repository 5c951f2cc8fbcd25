"""What people do with cards: once is enough, twice is once, and what cannot be done is said in a sentence."""

import asyncio

import pytest
from sqlalchemy import select

from bot.errors import Misused
from bot.watch.board import acts_table, rejections_table
from ingest.anomalies.report import Change
from ingest.database import Database
from ingest.types import FULL_MEMBERS
from tests.bot.watch.desk import JANUARY, MINUTE, NOON, PRESSURE, Desk, report, row

KEY = "story:shop:12"
GROUP = "group:C0SHOP:2026-11-18T12"
ALERT = "alert:alertmanager:abcdef123456:1"
SOURCE = "source:shop:1795003200"


@pytest.fixture
async def desk(database: Database) -> Desk:
    """Give a board with one open story."""
    return await Desk(database).with_(row(), report())


async def acts(desk: Desk) -> list[tuple[str, str]]:
    """Return what was written down, in its order, as (act, person)."""
    async with desk.database.read() as connection:
        found = await connection.execute(select(acts_table).order_by(acts_table.c.at))
        return [(each.act, each.person) for each in found]


# Acknowledge


async def test_whoever_acknowledges_is_named(desk: Desk) -> None:
    """The card says who, and its message is to be edited."""
    assert await desk.presses.acknowledge(KEY, "U1", desk.now) == "You have acknowledged shop-12."
    card = await desk.row()
    assert (card.acknowledged_by, card.acknowledged_at, card.wanted) == ("U1", desk.now, 2)
    assert await acts(desk) == [("acknowledged", "U1")]


async def test_acknowledging_again_changes_nothing(desk: Desk) -> None:
    """A second click, or a press that comes twice after a crash, edits no message."""
    for later in (0.0, 0.0, 30.0):
        await desk.presses.acknowledge(KEY, "U1", desk.now + later)
    assert (await desk.row()).wanted == 2
    assert await acts(desk) == [("acknowledged", "U1")]


async def test_the_last_one_who_acknowledges_has_it(desk: Desk) -> None:
    """A hand-over; the first press coming once more takes nothing back."""
    await desk.presses.acknowledge(KEY, "U1", desk.now)
    await desk.presses.acknowledge(KEY, "U2", desk.now + 60)
    await desk.presses.acknowledge(KEY, "U1", desk.now)
    assert (await desk.row()).acknowledged_by == "U2"
    assert await acts(desk) == [("acknowledged", "U1"), ("acknowledged", "U2")]


# Snooze


async def test_a_snooze_ends_when_it_says(desk: Desk) -> None:
    """Until when, in the clock of the channel, and what comes then."""
    told = await desk.presses.snooze(KEY, "U1", desk.now, 3_600)
    assert told == "shop-12 is snoozed for 60 min, until 13:08 UTC; if it is open then, I say so once."
    card = await desk.row()
    assert (card.snoozed_by, card.snoozed_until, card.wanted) == ("U1", desk.now + 3_600, 2)


async def test_the_same_snooze_coming_twice_is_one(desk: Desk) -> None:
    """After a crash the press is taken again; another one lasts longer."""
    first = await desk.presses.snooze(KEY, "U1", desk.now, 3_600)
    assert await desk.presses.snooze(KEY, "U1", desk.now, 3_600) == first
    assert (await desk.row()).wanted == 2
    told = await desk.presses.snooze(KEY, "U1", desk.now + 60, 86_400)
    assert told.startswith("shop-12 is snoozed for 24 h, until 19 November 12:09 UTC;")
    assert await acts(desk) == [("snoozed", "U1")] * 2


@pytest.mark.parametrize("seconds", [-1, 0, 59, 30 * 86_400 + 1, float("nan"), float("inf")])
async def test_a_snooze_has_bounds(desk: Desk, seconds: float) -> None:
    """Nothing sleeps for ever by a slip of the keyboard."""
    with pytest.raises(Misused, match="from a minute to 30 days"):
        await desk.presses.snooze(KEY, "U1", desk.now, seconds)
    assert (await desk.row()).snoozed_until is None


async def test_a_press_that_comes_late_does_not_undo_a_later_one(desk: Desk) -> None:
    """What was pressed last counts, though a crash or Slack's absence lets an earlier press come after it."""
    await desk.presses.snooze(KEY, "U1", desk.now + 60, 3_600)
    await desk.presses.snooze(KEY, "U2", desk.now, 86_400)
    await desk.presses.acknowledge(KEY, "U1", desk.now + 60)
    await desk.presses.acknowledge(KEY, "U2", desk.now)
    card = await desk.row()
    assert (card.snoozed_by, card.snoozed_until, card.acknowledged_by) == ("U1", desk.now + 3_660, "U1")


# No anomaly, and back


async def test_no_anomaly_is_learnt_for_thirty_days(desk: Desk) -> None:
    """This line, this kind of change, this service, on this stream; nothing else."""
    told = await desk.presses.reject(KEY, "U1", desk.now)
    assert told == (
        "shop-12 is no anomaly: until 18 December nothing is posted when it comes again. Undo is on its message."
    )
    async with desk.database.read() as connection:
        held = await desk.rejections.held(connection, desk.now + 30 * 86_400 - 1)
        over = await desk.rejections.held(connection, desk.now + 30 * 86_400)
    assert held == {("shop", report().template, "new", "checkout")}
    assert over == frozenset()
    assert await acts(desk) == [("rejected", "U1")]


async def test_two_people_reject_at_once(desk: Desk) -> None:
    """One rejection, of one id; undoing it leaves nothing behind."""
    await asyncio.gather(*(desk.presses.reject(KEY, person, desk.now) for person in ("U1", "U2", "U3")))
    async with desk.database.read() as connection:
        assert len((await connection.execute(select(rejections_table))).all()) == 1
    await desk.presses.undo((await desk.row()).rejected or "", "U4", desk.now + 1)
    async with desk.database.read() as connection:
        assert await desk.rejections.held(connection, desk.now + 2) == frozenset()


async def test_rejecting_again_changes_nothing(desk: Desk) -> None:
    """Whoever says so second is told until when it holds; nothing is edited or written down."""
    first = await desk.presses.reject(KEY, "U1", desk.now)
    assert await desk.presses.reject(KEY, "U2", desk.now + 86_400) == first
    assert (await desk.row()).wanted == 2
    assert await acts(desk) == [("rejected", "U1")]


async def test_undo_takes_it_back(desk: Desk) -> None:
    """The card is told again, and can be rejected again, under another id."""
    await desk.presses.reject(KEY, "U1", desk.now)
    first = (await desk.row()).rejected or ""
    assert await desk.presses.undo(first, "U2", desk.now + 1) == "shop-12 counts as an anomaly again."
    assert (await desk.row()).rejected is None
    await desk.presses.reject(KEY, "U1", desk.now + 2)
    again = (await desk.row()).rejected
    assert again not in {None, first}
    assert await acts(desk) == [("rejected", "U1"), ("restored", "U2"), ("rejected", "U1")]


async def test_undo_twice_is_undo_once(desk: Desk) -> None:
    """The second one says the same and writes nothing down, even when it was rejected anew between the two."""
    await desk.presses.reject(KEY, "U1", desk.now)
    first = (await desk.row()).rejected or ""
    told = await desk.presses.undo(first, "U1", desk.now + 1)
    await desk.presses.reject(KEY, "U1", desk.now + 2)
    wanted = (await desk.row()).wanted
    assert await desk.presses.undo(first, "U2", desk.now + 3) == told
    assert (await desk.row()).rejected is not None
    assert (await desk.row()).wanted == wanted


async def test_undo_of_nothing(desk: Desk) -> None:
    """An id that nobody knows, and a rejection that is over by itself."""
    with pytest.raises(Misused, match="There is nothing to undo any more"):
        await desk.presses.undo("0" * 32, "U1", desk.now)
    await desk.presses.reject(KEY, "U1", desk.now)
    with pytest.raises(Misused, match="That ended by itself on 18 December: shop-12 counts again"):
        await desk.presses.undo((await desk.row()).rejected or "", "U1", desk.now + 31 * 86_400)


async def test_a_recovered_story_can_be_called_no_anomaly(desk: Desk) -> None:
    """People look in the morning at what woke them."""
    await desk.change(KEY, ended=desk.now)
    assert "no anomaly" in await desk.presses.reject(KEY, "U1", desk.now)


# First look


async def test_a_first_look_at_a_story(desk: Desk) -> None:
    """What changed, what came with it, what was deployed, what the runbook checks first; log text in code alone."""
    desk.documents.runbook, desk.documents.similar = PRESSURE, (JANUARY,)
    desk.deploys.add("1.42", NOON)
    other = Change("order <*> completed", 2_520.0, 1_537.0)
    await desk.know(report(changes=(*report().changes, other), also=("Less of: order <*> completed: 3 lines",)))
    assert (
        await desk.presses.first_look(KEY, "U1", desk.now, FULL_MEMBERS)
        == """\
**What changed**, lines an hour: usually, and in the hour until 12:08 UTC
```
    0 ->   252  payment gateway timeout after … ms (gateway=…)
2,520 -> 1,537  order … completed
```
**At the same time**
```
Less of: order … completed: 3 lines
```
**Lines**
```
12:02:31 ERROR web-1 checkout payment gateway timeout after 5000 ms (gateway=eu-west)
```
**Deployments within an hour of its beginning** (none is proven to be the cause)

- `checkout 1.42` at 12:00 UTC by `ana`: 2 minutes before it began

**Runbook that fits, perhaps:** `Payment gateway degraded`; its first check:
```
curl -sI https://gateway/health
```
**Similar, perhaps:** `Gateway outage of January`; tell them apart by
```
dig gateway
```"""
    )


async def test_a_first_look_says_what_nobody_knows(desk: Desk) -> None:
    """No deployment and no runbook are told, too; also when it is over."""
    await desk.change(KEY, ended=desk.now)
    told = await desk.presses.first_look(KEY, "U1", desk.now, FULL_MEMBERS)
    assert told.splitlines()[-2:] == [
        "**Deployments:** none is known within an hour of its beginning.",
        "**Runbook:** none fits well enough to be named.",
    ]


async def test_looking_again_is_written_down_once(desk: Desk) -> None:
    """One person's curiosity is one act; it edits nothing."""
    for later in (0.0, 60.0):
        await desk.presses.first_look(KEY, "U1", desk.now + later, FULL_MEMBERS)
    assert await acts(desk) == [("investigated", "U1")]
    assert (await desk.row()).wanted == 1


async def test_a_log_line_cannot_leave_its_code(desk: Desk) -> None:
    """Fences of its own end nothing: ours is longer; names of deployments have no backticks left."""
    hostile = "```\n<!channel> [x](https://evil.example)\n````"
    await desk.know(report(template=hostile, examples=(hostile,), changes=(Change(hostile, 0.0, 1.0),)))
    desk.deploys.add("`<!here>`", NOON)
    told = (await desk.presses.first_look(KEY, "U1", desk.now, FULL_MEMBERS)).splitlines()
    fence = "`" * 5
    assert told.count(fence) == 2
    assert told[told.index(fence) + 1 : told.index(fence) + 4] == hostile.splitlines()
    assert "- `checkout '<!here>'` at 12:00 UTC by `ana`: 2 minutes before it began" in told


async def test_a_first_look_at_alerts(desk: Desk) -> None:
    """What fires, by its labels."""
    labels = {"alertname": "HighErrorRate", "service": "checkout"}
    body = {"alerts": {"a": {"status": "firing", "labels": labels, "starts": NOON}}, "group": labels, "source": "x"}
    await desk.with_(row(key=ALERT, kind="alert", detector="", body=body))
    told = await desk.presses.first_look(ALERT, "U1", desk.now, FULL_MEMBERS)
    assert told.splitlines()[:4] == ["**What fires**", "```", "alertname=HighErrorRate, service=checkout", "```"]


# What cannot be done


@pytest.mark.parametrize("press", ["acknowledge", "snooze"])
async def test_what_is_over_can_be_neither_acknowledged_nor_snoozed(desk: Desk, press: str) -> None:
    """A sentence says so; nothing is written."""
    await desk.change(KEY, ended=desk.now)
    with pytest.raises(Misused, match=f"shop-12 is over already: there is nothing to {press}"):
        await do(desk, press, KEY)
    assert await acts(desk) == []


@pytest.mark.parametrize("press", ["acknowledge", "snooze"])
async def test_what_is_no_anomaly_is_left_alone(desk: Desk, press: str) -> None:
    """Until somebody takes that back."""
    await desk.presses.reject(KEY, "U1", desk.now)
    with pytest.raises(Misused, match="press Undo first"):
        await do(desk, press, KEY)


@pytest.mark.parametrize("press", ["acknowledge", "snooze", "reject", "first_look"])
async def test_a_group_is_many(desk: Desk, press: str) -> None:
    """Its members are pressed, one by one."""
    await desk.with_(row(key=GROUP, kind="group"))
    with pytest.raises(Misused):
        await do(desk, press, GROUP)


@pytest.mark.parametrize("press", ["acknowledge", "snooze", "reject", "first_look"])
async def test_a_card_that_nobody_knows(desk: Desk, press: str) -> None:
    """A button of a message that outlived the database."""
    with pytest.raises(Misused, match="Nothing is known of that any more; `/copilot incidents` lists what is open"):
        await do(desk, press, "story:shop:404")


@pytest.mark.parametrize("key", [ALERT, SOURCE])
async def test_only_stories_are_no_anomalies(desk: Desk, key: str) -> None:
    """What others fire, and what cannot be read, is not ours to unlearn."""
    await desk.with_(row(key=key, kind="alert" if key == ALERT else "source"))
    with pytest.raises(Misused, match="Only a story of the logs"):
        await desk.presses.reject(key, "U1", desk.now)


async def do(desk: Desk, press: str, key: str) -> str:
    """Press something."""
    if press == "acknowledge":
        return await desk.presses.acknowledge(key, "U1", desk.now)
    if press == "snooze":
        return await desk.presses.snooze(key, "U1", desk.now, 3_600)
    if press == "reject":
        return await desk.presses.reject(key, "U1", desk.now)
    return await desk.presses.first_look(key, "U1", desk.now, FULL_MEMBERS)


async def test_what_is_done_with_a_member_edits_its_group(desk: Desk) -> None:
    """The one message that tells it says so."""
    await desk.with_(row(key=GROUP, kind="group"))
    await desk.with_(row(key="story:shop:13", place="group", inside=GROUP), report(id=13))
    await desk.presses.acknowledge("story:shop:13", "U1", desk.now)
    told = await desk.presses.reject("story:shop:13", "U1", desk.now)
    assert "Undo is on its message" not in told
    assert (await desk.row(GROUP)).wanted == 3


# Names


async def test_people_name_cards(desk: Desk) -> None:
    """As they stand on the card, with what people put around them; a later story of the same card is it, too."""
    await desk.with_(row(key="story:web-shop:7"), report(stream="web-shop", id=7), report(stream="web-shop", id=9))
    await desk.with_(row(key=ALERT, kind="alert"))
    await desk.with_(row(key=SOURCE, kind="source"))
    names = {
        "shop-12": KEY,
        " `shop-12`. ": KEY,
        "web-shop-7": "story:web-shop:7",
        "web-shop-9": "story:web-shop:7",
        "alert-abcdef": ALERT,
        "source-shop": SOURCE,
    }
    for name, key in names.items():
        found = await desk.presses.named(name)
        assert found is not None, name
        assert found.key == key


@pytest.mark.parametrize(
    "name",
    [
        *("", "-", "shop", "shop-", "shop-99", "-12", "shop-12-", "SHOP-12x", "shop-99999999999999999999", "shop-١٢"),
        *("alert-", "alert-%", "alert-______", "source-x", "<@U123>", "a" * 5_000, "group-C0SHOP", "story:shop:12"),
    ],
)
async def test_names_that_are_none(desk: Desk, name: str) -> None:
    """Typed by people, or by somebody who tries: nothing is found, nothing breaks."""
    await desk.with_(row(key=ALERT, kind="alert"))
    assert await desk.presses.named(name) is None


async def test_of_several_of_one_name_the_open_one_is_meant(desk: Desk) -> None:
    """An alert that fires again has a new card; the name is the same."""
    await desk.with_(row(key=ALERT, kind="alert", ended=desk.now, opened=NOON + 2 * MINUTE))
    await desk.with_(row(key=ALERT.replace(":1", ":2"), kind="alert", opened=NOON))
    found = await desk.presses.named("alert-abcdef")
    assert found is not None
    assert found.key.endswith(":2")
