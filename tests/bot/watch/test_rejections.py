"""What holds as no anomaly, and how often each detector was right, by what people pressed."""

import pytest

from bot.watch.rejections import Precision
from ingest.database import Database
from ingest.types import FULL_MEMBERS
from tests.bot.watch.desk import NOON, Desk, report, row

DAY = 86_400.0


@pytest.fixture
def desk(database: Database) -> Desk:
    """Give an empty board."""
    return Desk(database)


async def story(desk: Desk, number: int, kind: str = "new", service: str = "checkout") -> str:
    """Put a story on the board; return its key."""
    key = f"story:shop:{number}"
    told = report(id=number, kind=kind, template=f"line {number}")
    await desk.with_(row(key=key, detector=kind, service=service), told)
    return key


async def test_precision_counts_each_card_once(desk: Desk) -> None:
    """By detector and service: acknowledged or looked into, or rejected; what nobody touched says nothing."""
    first, second, third, _ = [await story(desk, number) for number in range(4)]
    await desk.presses.acknowledge(first, "U1", desk.now)
    await desk.presses.acknowledge(first, "U2", desk.now + 1)
    await desk.presses.first_look(first, "U3", desk.now + 2, FULL_MEMBERS)
    await desk.presses.first_look(second, "U1", desk.now, FULL_MEMBERS)
    await desk.presses.acknowledge(third, "U1", desk.now)
    await desk.presses.reject(third, "U1", desk.now + 3)
    drift = await story(desk, 9, "drift", "search")
    await desk.presses.reject(drift, "U1", desk.now)
    found = await desk.rejections.precision(desk.now - 1)
    assert found == [Precision("drift", "search", 0, 1), Precision("new", "checkout", 2, 1)]
    assert [round(each.share, 2) for each in found] == [0.0, 0.67]


async def test_precision_hears_the_last_word(desk: Desk) -> None:
    """What was taken back is no rejection; snoozing judges nothing; what was before `since` is over."""
    first, second = await story(desk, 1), await story(desk, 2)
    await desk.presses.acknowledge(first, "U1", desk.now)
    await desk.presses.reject(first, "U1", desk.now + 1)
    assert await desk.rejections.precision(desk.now) == [Precision("new", "checkout", 0, 1)]
    await desk.presses.undo((await desk.row(first)).rejected or "", "U1", desk.now + 2)
    await desk.presses.snooze(second, "U1", desk.now, 3_600)
    assert await desk.rejections.precision(desk.now) == [Precision("new", "checkout", 1, 0)]
    assert await desk.rejections.precision(desk.now + 3) == []


async def test_alerts_are_nobody_of_our_detectors(desk: Desk) -> None:
    """Acknowledging an alert says nothing about us."""
    key = "alert:alertmanager:abcdef123456:1"
    await desk.with_(row(key=key, kind="alert", detector=""))
    await desk.presses.acknowledge(key, "U1", desk.now)
    assert await desk.rejections.precision(NOON) == []


async def test_what_stands_is_listed_and_ends(desk: Desk) -> None:
    """For thirty days, by template, kind and service; the digest lists it."""
    key = await story(desk, 1)
    await desk.presses.reject(key, "U1", desk.now)
    listed = await desk.rejections.standing(desk.now)
    assert [(each.card, each.person, each.template, each.expires_at) for each in listed] == [
        (key, "U1", "line 1", desk.now + 30 * DAY)
    ]
    assert await desk.rejections.standing(desk.now + 30 * DAY) == []
    await desk.presses.undo(listed[0].id, "U2", desk.now)
    assert await desk.rejections.standing(desk.now) == []
    kept = await desk.rejections.find(listed[0].id)
    assert kept is not None
    assert (kept.undone_by, kept.undone_at) == ("U2", desk.now)
