"""A sync asked for beside a running bot: it waits in the database, is carried out once, and its report comes back."""

from itertools import count
from pathlib import Path

import pytest

from bot.requests import STALE_S, Requests, SyncRequest
from ingest.database import Database
from ingest.index.roots import Outcome, Request
from ingest.index.sync import Note, Report
from tests.conftest import NOW

SYNC = Request(given=(Path("/docs/a b"), Path("/docs/ü")), excludes=("draft-*",), sure=True)


class Clock:
    """A time that tests give."""

    now = NOW

    def __call__(self) -> float:
        """Return the present."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


@pytest.fixture
def requests(database: Database, clock: Clock) -> Requests:
    """Give an empty queue."""
    names = count(1)
    return Requests(database, clock, lambda: f"id{next(names)}")


async def test_a_request_comes_as_it_was_asked(requests: Requests) -> None:
    """Folders, excludes and the yes of the person who asked."""
    name = await requests.ask(SYNC, None)
    assert await requests.waiting() == [SyncRequest(name, SYNC, None)]
    assert await requests.answer(name) is None


async def test_a_request_to_forget_names_the_source(requests: Requests) -> None:
    """One of the two is set."""
    name = await requests.ask(None, "runbooks-2")
    assert await requests.waiting() == [SyncRequest(name, None, "runbooks-2")]


async def test_requests_wait_in_the_order_they_were_asked(requests: Requests, clock: Clock) -> None:
    """Oldest first."""
    for later in (0.0, 1.0, 2.0):
        clock.now = NOW + later
        await requests.ask(None, f"source{later:.0f}")
    assert [each.forget for each in await requests.waiting()] == ["source0", "source1", "source2"]


async def test_a_report_comes_back_whole_and_ends_the_waiting(requests: Requests) -> None:
    """Who asked sees what they would have seen without a running bot."""
    report = Report(added=3, changed=2, unchanged=1, removed=4, embedded=5, notes=[Note("a/b.md", "is empty")])
    outcome = Outcome(report, refused=["No."], unsure=True, roots=["a", "b"])
    name, other = await requests.ask(SYNC, None), await requests.ask(None, "x")
    await requests.report(name, outcome)
    assert await requests.answer(name) == outcome
    assert [each.id for each in await requests.waiting()] == [other]


async def test_a_request_that_nobody_carried_out_for_an_hour_is_dropped(requests: Requests, clock: Clock) -> None:
    """A bot that starts a day later must not do what nobody waits for."""
    await requests.ask(SYNC, None)
    clock.now = NOW + STALE_S - 1
    assert len(await requests.waiting()) == 1
    clock.now = NOW + STALE_S
    assert await requests.waiting() == []
