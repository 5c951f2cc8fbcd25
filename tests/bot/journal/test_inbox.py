"""The inbox: every gesture once, committed with what it promises, taken up again after a crash."""

import asyncio
from collections.abc import Callable
from itertools import count

import pytest
from sqlalchemy import select

from bot.journal.inbox import Arrival, Event, Inbox, Taken, inbox
from bot.journal.outbox import Intent, Outbox
from ingest.database import Database

ASKED = Event("question", "U1", "C1", "what now?", "1.1", "1.1", "T1")


class Clock:
    """A time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


@pytest.fixture
def opened(database: Database, clock: Clock) -> Callable[[str], Inbox]:
    """Give a maker of inboxes by owner."""
    ids = count(1)
    return lambda owner: Inbox(database, clock, lambda: f"id{next(ids)}", owner, lease_s=60.0)


@pytest.fixture
def box(opened: Callable[[str], Inbox]) -> Inbox:
    """Give the box under test."""
    return opened("one")


async def test_an_event_is_taken_once(box: Inbox) -> None:
    """An event is new the first time and known ever after."""
    assert await box.take_in(Arrival(ASKED, "Ev1", "C1:1.1")) == Taken("id1", ASKED, 1000.0)
    assert await box.take_in(Arrival(ASKED, "Ev1", "C1:1.1")) is None


@pytest.mark.parametrize(
    "again",
    [
        Arrival(ASKED, "Ev1"),
        Arrival(ASKED, "Ev2", "C1:1.1"),
        Arrival(ASKED, "Ev2", None, "m1"),
        Arrival(ASKED, "Ev2", "C1:9.9", "m1"),
    ],
    ids=["event id", "gesture", "message id", "message id of another gesture"],
)
async def test_one_gesture_under_any_of_its_names_is_one(box: Inbox, again: Arrival) -> None:
    """The same event id, the same channel and time, or the same message id: one gesture."""
    assert await box.take_in(Arrival(ASKED, "Ev1", "C1:1.1", "m1")) is not None
    assert await box.take_in(again) is None


async def test_events_without_a_gesture_do_not_collide(box: Inbox) -> None:
    """Commands have neither gesture nor message id, and each is taken."""
    assert await box.take_in(Arrival(ASKED, "command:1")) is not None
    assert await box.take_in(Arrival(ASKED, "command:2")) is not None


async def test_a_promise_is_kept_with_the_event_or_not_at_all(box: Inbox, database: Database, clock: Clock) -> None:
    """The intent is committed with the row that promised it, and a known event promises nothing."""
    outbox = Outbox(database, clock)

    def promise(name: str) -> Intent:
        return Intent(f"answer:{name}", "answer", "C1")

    await box.take_in(Arrival(ASKED, "Ev1"), promise)
    await box.take_in(Arrival(ASKED, "Ev1"), promise)
    assert dict(await outbox.counts()) == {"new": 1}
    assert await outbox.posting("answer:id1") is not None


async def test_a_failed_promise_leaves_no_event(box: Inbox) -> None:
    """When the promise cannot be written, neither is the event: Slack gets no ack and sends it again."""

    def broken(_name: str) -> Intent:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await box.take_in(Arrival(ASKED, "Ev1"), broken)
    assert await box.take_in(Arrival(ASKED, "Ev1")) is not None


async def test_what_is_done_is_forgotten_but_known(box: Inbox, database: Database, clock: Clock) -> None:
    """A done event keeps its outcome and loses its text; it is still no new event, and its end does not change."""
    await box.take_in(Arrival(ASKED, "Ev1"))
    clock.now = 1005.0
    await box.done("id1", "answered")
    await box.done("id1", "failed")
    async with database.read() as connection:
        row = (await connection.execute(select(inbox))).mappings().one()
    assert (row["state"], row["outcome"], row["done_at"], row["event"]) == ("done", "answered", 1005.0, {})
    assert await box.take_in(Arrival(ASKED, "Ev1")) is None
    assert await box.unfinished() == []


async def test_a_restart_takes_up_its_own_unfinished_events(opened: Callable[[str], Inbox]) -> None:
    """The next life of the same worker gets what was not done, whole and in order, at once."""
    before = opened("one")
    first, second, third = [await before.take_in(Arrival(ASKED, f"Ev{number}")) for number in (1, 2, 3)]
    assert second is not None
    await before.done(second.id, "answered")
    assert await opened("one").unfinished() == [first, third]


async def test_another_worker_waits_for_the_lease(opened: Callable[[str], Inbox], clock: Clock) -> None:
    """A row belongs to the worker that took it until its lease is over; then to the one that takes it over."""
    one, two = opened("one"), opened("two")
    await one.take_in(Arrival(ASKED, "Ev1"))
    assert await two.unfinished() == []
    clock.now += 61
    assert [taken.id for taken in await two.unfinished()] == ["id1"]
    assert await one.unfinished() == []


async def test_who_lives_keeps_its_events(opened: Callable[[str], Inbox], clock: Clock) -> None:
    """A renewed lease is not taken over, however long the work takes; and nothing was lost meanwhile."""
    one, two = opened("one"), opened("two")
    await one.take_in(Arrival(ASKED, "Ev1"))
    for _ in range(5):
        clock.now += 50
        assert await one.renew(["id1"]) == frozenset()
        assert await two.unfinished() == []


async def test_who_was_away_too_long_hears_what_it_lost(opened: Callable[[str], Inbox], clock: Clock) -> None:
    """A replica that slept through its lease learns which work is another's now, and does not get it back."""
    one, two = opened("one"), opened("two")
    for number in (1, 2):
        await one.take_in(Arrival(ASKED, f"Ev{number}"))
    await one.done("id2", "answered")
    clock.now += 61
    await two.unfinished()
    assert await one.renew(["id1", "id2"]) == {"id1"}
    assert await one.unfinished() == []


async def test_what_is_released_is_taken_over_at_once(opened: Callable[[str], Inbox]) -> None:
    """A replica that stops leaves its work to the others without a wait."""
    one, two = opened("one"), opened("two")
    await one.take_in(Arrival(ASKED, "Ev1"))
    await one.release()
    assert [taken.id for taken in await two.unfinished()] == ["id1"]


async def test_two_that_take_over_at_once_share(opened: Callable[[str], Inbox], clock: Clock) -> None:
    """Each row of a dead replica goes to one of those that ask for it at the same time."""
    dead, one, two = opened("dead"), opened("one"), opened("two")
    for number in range(20):
        await dead.take_in(Arrival(ASKED, f"Ev{number}"))
    clock.now += 61
    first, second = await asyncio.gather(one.unfinished(), two.unfinished())
    names = [taken.id for taken in (*first, *second)]
    assert len(names) == len(set(names))
    assert {*names, *(taken.id for taken in await one.unfinished())} == {f"id{number}" for number in range(1, 21)}
