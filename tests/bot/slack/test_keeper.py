"""The keeper: renewed leases, lost ones let go, dead replicas' work taken up."""

import asyncio
import itertools

import pytest

from bot.journal.inbox import Arrival, Event, Inbox, Taken
from bot.journal.outbox import LEASE_S, Outbox
from bot.slack.crew import Crew
from bot.slack.keeper import YOUNG_S, Keeper
from ingest.database import Database

ASKED = Event("question", "U1", "C1", "what now?", "1.1", "1.1")


class Clock:
    """A time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


class Sweeper:
    """A sender that remembers how often it swept."""

    def __init__(self) -> None:
        self.swept = 0

    async def sweep(self) -> None:
        """Remember."""
        self.swept += 1


class Replica:
    """One replica's boxes and keeper; `worked` is what it was handed."""

    def __init__(self, database: Database, clock: Clock, owner: str) -> None:
        numbers = itertools.count(1)
        self.inbox = Inbox(database, clock, lambda: f"{owner}{next(numbers)}", owner)
        self.worked: list[str] = []
        self.sender = Sweeper()
        outbox, crew = Outbox(database, clock, owner), Crew(lambda _: None)
        sender: object = self.sender
        self.keeper = Keeper(self.inbox, outbox, sender, crew, self._work, clock=clock)  # type: ignore[arg-type]

    def _work(self, taken: Taken) -> None:
        self.worked.append(taken.id)


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


async def test_a_beat_takes_up_what_fell_down_and_nothing_young(database: Database, clock: Clock) -> None:
    """An event whose listener never came is worked on after a while; one that was just accepted is left to it."""
    one = Replica(database, clock, "one")
    await one.inbox.take_in(Arrival(ASKED, "Ev1"))
    await one.keeper.beat()
    assert one.worked == []
    clock.now += YOUNG_S + 1
    await one.keeper.beat()
    assert (one.worked, one.sender.swept) == (["one1"], 2)


async def test_a_dead_replicas_events_are_taken_up(database: Database, clock: Clock) -> None:
    """While a replica beats nobody takes its work; when it stops, the next beat of another does."""
    one, two = Replica(database, clock, "one"), Replica(database, clock, "two")
    await one.inbox.take_in(Arrival(ASKED, "Ev1"))
    for _ in range(4):
        clock.now += LEASE_S - 1
        await one.keeper.beat()
        await two.keeper.beat()
    assert two.worked == []
    clock.now += LEASE_S + 1
    await two.keeper.beat()
    assert two.worked == ["one1"]


async def test_a_replica_that_slept_lets_go_of_what_it_lost(database: Database, clock: Clock) -> None:
    """A turn whose event another replica took over meanwhile is cancelled, before it posts what the other one posts."""
    one, two = Replica(database, clock, "one"), Replica(database, clock, "two")
    taken = await one.inbox.take_in(Arrival(ASKED, "Ev1"))
    assert taken is not None

    async def turn() -> None:
        one.keeper.begun(taken)
        await asyncio.Event().wait()

    task = asyncio.create_task(turn())
    await asyncio.sleep(0)
    await one.keeper.beat()
    assert not task.done()
    clock.now += LEASE_S + 1
    await two.keeper.beat()
    await one.keeper.beat()
    await asyncio.wait([task], timeout=1)
    assert task.cancelled()


async def test_what_is_released_is_taken_up_at_once(database: Database, clock: Clock) -> None:
    """A replica that was told to stop leaves nothing for the others to wait for."""
    one, two = Replica(database, clock, "one"), Replica(database, clock, "two")
    await one.inbox.take_in(Arrival(ASKED, "Ev1"))
    clock.now += YOUNG_S + 1
    await one.keeper.release()
    await two.keeper.beat()
    assert two.worked == ["one1"]
