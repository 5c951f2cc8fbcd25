"""Answers that are given once a day to texts that differ in numbers alone."""

import pytest
from sqlalchemy import select

from bot.journal.outbox import outbox
from bot.watch.once import AGAIN_S, Once, fingerprint
from ingest.database import Database
from tests.conftest import NOW

TEXT = "[FIRING:1] HighErrorRate: 12.5 % on checkout-7d9f8b6c5-x2x9k since 14:02"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("[FIRING:3]  HighErrorRate: 80 % on checkout-66c5-aaa1 since 2026-11-18T14:09:01Z", True),
        ("[firing:1] higherrorrate: 12.5 % on checkout-1 since\n14:02", True),
        ("[FIRING:1] HighLatency: 12.5 % on checkout-7d9f8b6c5-x2x9k since 14:02", False),
        ("", False),
    ],
)
def test_numbers_times_and_ids_make_no_difference(other: str, *, same: bool) -> None:
    """Nor do spaces and capitals; words do."""
    assert (fingerprint(other) == fingerprint(TEXT)) is same


async def test_a_text_is_answered_once_a_day_in_each_channel(database: Database) -> None:
    """Counted from the answer, not by the calendar; another replica knows."""
    now = NOW
    first, second = (Once(database, lambda: now) for _ in range(2))
    assert await first.say("C1", "1.1", TEXT, {"text": "a"})
    assert await second.said("C1", TEXT)
    assert not await second.say("C1", "2.2", TEXT, {"text": "b"})
    assert await second.say("C2", "3.3", TEXT, {"text": "c"})
    now = NOW + AGAIN_S - 1
    assert not await first.say("C1", "4.4", TEXT, {"text": "d"})
    now = NOW + AGAIN_S + 1
    assert await first.say("C1", "5.5", TEXT, {"text": "e"})
    async with database.read() as connection:
        rows = (await connection.execute(select(outbox.c.channel, outbox.c.thread).order_by(outbox.c.thread))).all()
    assert [tuple(row) for row in rows] == [("C1", "1.1"), ("C2", "3.3"), ("C1", "5.5")]
