"""The board keeps what goes on for as long as it goes on, and forgets what is over, and people who ask for it."""

import pytest

from ingest.database import Database
from tests.bot.watch.desk import MINUTE, NOON, Desk, report, row

DAY = 86_400.0


@pytest.fixture
async def desk(database: Database) -> Desk:
    """Give a desk with one open story."""
    return await Desk(database).with_(row(), report())


async def counted(desk: Desk) -> tuple[int, int]:
    """Return how many cards there are, over or not, and how many stories they tell."""
    board = desk.board
    rows = await board.open(since=0.0)
    return len(rows), sum([len(await board.stories(each.key)) for each in rows])


async def test_what_goes_on_is_kept_however_old_it_is(desk: Desk) -> None:
    """A story of months is the one that must not be lost."""
    await desk.board.expire(NOON + 365 * DAY)
    await desk.streams.expire(NOON + 365 * DAY)
    assert await counted(desk) == (1, 1)
    assert await desk.telling.card(row().key) is not None


async def test_what_is_over_is_forgotten_with_all_that_hangs_on_it(desk: Desk) -> None:
    """As the journal's days say."""
    await desk.presses.acknowledge(row().key, "U0ALICE", NOON)
    async with desk.database.write() as connection:
        await desk.board.change(connection, row().key, ended=NOON + MINUTE)
    await desk.board.expire(NOON)
    assert await counted(desk) == (1, 1)
    await desk.board.expire(NOON + 2 * MINUTE)
    assert await counted(desk) == (0, 0)


async def test_a_person_who_is_forgotten_stays_nowhere(desk: Desk) -> None:
    """What they did still holds: the story is acknowledged, by nobody."""
    await desk.presses.acknowledge(row().key, "U0ALICE", NOON)
    await desk.presses.snooze(row().key, "U0ALICE", NOON, 3600)
    await desk.presses.reject(row().key, "U0ALICE", NOON)
    await desk.board.forget("U0ALICE")
    kept = await desk.board.card(row().key)
    assert kept is not None
    assert (kept.acknowledged_by, kept.snoozed_by) == ("", "")
    async with desk.database.read() as connection:
        for table in ("cards", "card_acts", "rejections"):
            rows = (await connection.exec_driver_sql(f"SELECT * FROM {table}")).all()
            assert "U0ALICE" not in str(rows), table
