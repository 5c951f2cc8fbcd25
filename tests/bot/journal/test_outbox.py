"""The outbox: an intent's way from new to its end, and what a restart finds."""

import asyncio

import pytest

from bot.journal.outbox import LEASE_S, TRIES, Intent, Outbox, put
from ingest.database import Database

POST = Intent("hint:1", "post", "C1", thread="1.1", asked_ts="1.1", payload={"text": "hello"})
ANSWER = Intent("answer:1", "answer", "C1", thread="1.1", asked_ts="1.1")


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
def box(database: Database, clock: Clock) -> Outbox:
    """Give the box under test."""
    return Outbox(database, clock)


async def test_an_intent_is_written_once(box: Outbox) -> None:
    """A key is an intent for ever: adding it again changes nothing."""
    assert await box.add(POST)
    assert not await box.add(Intent("hint:1", "post", "C2"))
    posting = await box.posting("hint:1")
    assert posting is not None
    assert (posting.intent, posting.state, posting.attempts) == (POST, "new", 0)


async def test_an_intent_joins_an_open_transaction(box: Outbox, database: Database) -> None:
    """Within a transaction that fails, the intent was never there."""

    async def failing() -> None:
        async with database.write() as connection:
            await put(database, connection, POST, 1.0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await failing()
    assert await box.posting("hint:1") is None


async def test_the_way_of_a_post(box: Outbox, clock: Clock) -> None:
    """From new over sending and its ts to sent, with nothing kept of what was said."""
    await box.add(POST)
    clock.now = 1001.0
    sending = await box.sending("hint:1")
    assert sending is not None
    assert (sending.state, sending.attempts, sending.changed_at, sending.repeated) == ("sending", 1, 1001.0, False)
    assert await box.located("hint:1", "2.2")
    await box.sent("hint:1")
    sent = await box.posting("hint:1")
    assert sent is not None
    assert (sent.state, sent.ts, dict(sent.intent.payload)) == ("sent", "2.2", {})


async def test_what_may_come_late_is_known_to_the_next_life(box: Outbox) -> None:
    """A try that is given up is ours from the start, claims what comes of it, and is forgotten at last."""
    await box.begun(Intent("late:answer:1:1", "late", "C1", "1.1", "1.1", repeat=False))
    assert [each.key for each in await box.in_flight()] == ["late:answer:1:1"]
    assert await box.channels() == []
    assert await box.located("late:answer:1:1", "2.2")
    assert await box.claimed("C1", ["2.2"]) == {"2.2"}
    await box.forget("late:answer:1:1")
    assert await box.posting("late:answer:1:1") is None


async def test_only_one_may_begin(box: Outbox) -> None:
    """What is being sent, sent or dead is not begun again."""
    await box.add(POST)
    assert await box.sending("hint:1") is not None
    assert await box.sending("hint:1") is None
    await box.sent("hint:1")
    assert await box.sending("hint:1") is None
    assert await box.sending("no such key") is None


async def test_no_two_intents_have_one_message(box: Outbox) -> None:
    """A message of the chat belongs to the first intent that says so."""
    for key in ("answer:1", "answer:2"):
        await box.add(Intent(key, "answer", "C1"))
        await box.sending(key)
    assert await box.located("answer:1", "2.2")
    assert not await box.located("answer:2", "2.2")
    assert await box.claimed("C1", ["2.1", "2.2"]) == {"2.2"}
    assert await box.claimed("C2", ["2.2"]) == frozenset()


async def test_a_post_to_be_tried_later_is_due_then(box: Outbox, clock: Clock) -> None:
    """After `retry_at` a post is due at that time and not before; other channels are not touched."""
    await box.add(POST)
    await box.sending("hint:1")
    await box.retry_at("hint:1", 1030.0, "ratelimited")
    assert await box.due("C1") is None
    assert await box.due_at("C1") == 1030.0
    assert await box.due_at("C2") is None
    clock.now = 1030.0
    due = await box.due("C1")
    assert due is not None
    assert (due.key, due.error) == ("hint:1", "ratelimited")


async def test_posts_are_due_in_order_and_answers_are_not(box: Outbox, clock: Clock) -> None:
    """The oldest post of a channel is due first; answers are written by whoever answers."""
    await box.add(ANSWER)
    for number in (2, 1):
        clock.now += 1
        await box.add(Intent(f"hint:{number}", "ephemeral", "C1"))
    due = await box.due("C1")
    assert due is not None
    assert due.key == "hint:2"
    assert await box.channels() == ["C1"]


async def test_a_repeat_is_marked_and_comes_once(box: Outbox) -> None:
    """What nobody can tell about is in flight until its one repeat has begun, and the repeat says so."""
    await box.add(POST)
    await box.sending("hint:1")
    await box.unknown("hint:1", "missing_scope")
    assert [posting.key for posting in await box.in_flight()] == ["hint:1"]
    again = await box.sending("hint:1")
    assert again is not None
    assert again.repeated
    await box.unknown("hint:1", "missing_scope")
    assert await box.in_flight() == []


async def test_what_may_not_be_repeated_stays_unknown(box: Outbox) -> None:
    """An intent without `repeat` is not looked after once nobody can tell about it."""
    await box.add(Intent("noted:1", "ephemeral", "C1", repeat=False))
    await box.sending("noted:1")
    await box.unknown("noted:1", "cannot be looked up")
    assert await box.in_flight() == []


async def test_the_parts_of_an_answer_in_order(box: Outbox) -> None:
    """An answer's messages are found by its key, in their order, and no other answer's."""
    for key in ("answer:1", *[f"answer:1:{number}" for number in range(2, 12)], "answer:12", "answer:1x"):
        await box.add(Intent(key, "answer", "C1"))
    keys = [part.key for part in await box.parts("answer:1")]
    assert keys == ["answer:1", *[f"answer:1:{number}" for number in range(2, 12)]]


async def test_what_follows_is_committed_with_what_is_sent(box: Outbox) -> None:
    """The next message of an answer is promised in the transaction that ends the one before."""
    await box.add(ANSWER)
    await box.sending("answer:1")
    await box.sent("answer:1", follow=Intent("answer:1:2", "answer", "C1"))
    assert [part.state for part in await box.parts("answer:1")] == ["sent", "new"]


async def test_the_dead_stay_dead_and_are_counted(box: Outbox) -> None:
    """A dead intent keeps Slack's word and is never begun; sent ones do not die."""
    for key in ("hint:1", "hint:2"):
        await box.add(Intent(key, "post", "C1"))
    await box.dead("hint:1", "is_archived")
    await box.sending("hint:2")
    await box.sent("hint:2")
    await box.dead("hint:2", "late")
    dead = await box.posting("hint:1")
    assert dead is not None
    assert (dead.state, dead.error, await box.sending("hint:1")) == ("dead", "is_archived", None)
    assert dict(await box.counts()) == {"dead": 1, "sent": 1}


@pytest.fixture
def other(database: Database, clock: Clock) -> Outbox:
    """Give the box of another replica."""
    return Outbox(database, clock, "other")


async def test_what_one_replica_posts_no_other_touches(box: Outbox, other: Outbox) -> None:
    """A row that is being posted is its poster's alone: nobody else locates, ends or takes it."""
    await box.add(POST)
    await box.sending("hint:1")
    assert await other.sending("hint:1") is None
    assert not await other.take_over("hint:1")
    await other.located("hint:1", "9.9")
    await other.sent("hint:1")
    await other.retry_at("hint:1", 0.0, "no")
    await other.unknown("hint:1", "no")
    await other.dead("hint:1", "no")
    posting = await box.posting("hint:1")
    assert posting is not None
    assert (posting.state, posting.ts, posting.lease_until) == ("sending", None, None)
    assert [each.key for each in await box.in_flight()] == ["hint:1"]
    assert await other.in_flight() == await other.abandoned() == []


async def test_only_one_of_two_replicas_begins(box: Outbox, other: Outbox) -> None:
    """Two that begin the same intent at the same time: one does."""
    for number in range(10):
        await box.add(Intent(f"hint:{number}", "post", "C1"))
    begun = await asyncio.gather(*(each.sending(f"hint:{number}") for number in range(10) for each in (box, other)))
    assert len([posting for posting in begun if posting is not None]) == 10


async def test_a_dead_replicas_post_is_looked_after(box: Outbox, other: Outbox, clock: Clock) -> None:
    """Once the lease is over another replica finds the row, takes it, and the first one has lost it."""
    await box.add(POST)
    await box.sending("hint:1")
    clock.now += LEASE_S - 1
    await box.renew()
    clock.now += LEASE_S - 1
    assert await other.abandoned() == []
    clock.now += 2
    assert [posting.key for posting in await other.abandoned()] == ["hint:1"]
    assert await other.take_over("hint:1")
    assert not await box.take_over("hint:1")
    await box.sent("hint:1")
    posting = await other.posting("hint:1")
    assert posting is not None
    assert posting.state == "sending"


async def test_what_is_released_is_free_at_once(box: Outbox, other: Outbox) -> None:
    """A replica that stops lets go of what it had begun."""
    await box.add(POST)
    await box.sending("hint:1")
    await box.release()
    assert await other.take_over("hint:1")


async def test_an_answer_that_nobody_can_find_is_tried_a_few_times(box: Outbox) -> None:
    """Every repeat is marked, and they come to an end."""
    await box.add(ANSWER)
    tries = 0
    while (posting := await box.posting("answer:1")) is not None and (posting.state == "new" or posting.repeatable):
        begun = await box.sending("answer:1")
        assert begun is not None
        assert begun.repeated == (tries > 0)
        await box.unknown("answer:1", "missing_scope")
        tries += 1
    assert tries == TRIES
