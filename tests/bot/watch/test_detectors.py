"""Detectors that people keep rejecting: when they are proposed, who decides, and what becomes of it."""

import pytest
from sqlalchemy import select

from bot.errors import Misused
from bot.watch.board import Board, detectors_table
from bot.watch.detectors import (
    JUDGED_S,
    NOBODY_NAMED,
    NOT_YOURS,
    Detectors,
    candidates,
    off,
    propose,
    refusal,
    rejected,
    shadowed,
)
from bot.watch.rejections import Precision, Rejections
from ingest.database import Database
from tests.bot.watch.desk import NOON, row

BAD = Precision("rise", "checkout", 2, 5)


async def proposed(database: Database, *found: Precision, now: float = NOON) -> list[tuple[str, str]]:
    """Propose as a digest does; return what is proposed."""
    async with database.write() as connection:
        told = await candidates(connection, found, now)
        await propose(database, connection, told, now)
    async with database.read() as connection:
        table = detectors_table.c
        rows = await connection.execute(select(table.kind, table.service).where(table.state == "proposed"))
        assert {(each.kind, each.service) for each in told} == {tuple(each) for each in rows}
    return [(each.kind, each.service) for each in told]


@pytest.mark.parametrize(
    ("accepted", "wrong", "bad"),
    [(0, 4, False), (0, 5, True), (2, 3, True), (3, 3, False), (2, 2, False), (49, 50, True), (0, 0, False)],
)
def test_a_detector_is_bad_when_most_of_five_or_more_cards_were_rejected(
    accepted: int, wrong: int, *, bad: bool
) -> None:
    """Less than half right; fewer than five cards say nothing."""
    assert rejected(Precision("rise", "checkout", accepted, wrong)) == bad


async def test_what_people_press_is_what_counts(database: Database) -> None:
    """Five cards of which four were rejected are a proposal."""
    board = Board(database, lambda: NOON)
    async with database.write() as connection:
        for number in range(5):
            card = row(key=f"story:shop:{number}", detector="rise", place="none")
            await board.add(connection, card)
            await board.acted(connection, card, "rejected" if number else "acknowledged", "U1", NOON)
    (found,) = await Rejections(database).precision(NOON - JUDGED_S)
    assert (found.accepted, found.rejected) == (1, 4)
    assert await proposed(database, found) == [("rise", "checkout")]


async def test_a_proposal_that_no_longer_holds_is_withdrawn(database: Database) -> None:
    """And a button of an old digest then says so."""
    assert await proposed(database, BAD) == [("rise", "checkout")]
    assert await proposed(database, Precision("rise", "checkout", 5, 5)) == []
    with pytest.raises(Misused, match="is not proposed for shadow any more"):
        await Detectors(database).decide("shadow", "rise", "checkout", "U1", NOON)


async def test_in_shadow_until_it_is_put_back(database: Database) -> None:
    """Known to the routing, listed as off, and asked about no more; a second press changes nothing."""
    await proposed(database, BAD)
    detectors = Detectors(database)
    for at in (NOON, NOON + 60):
        said = await detectors.decide("shadow", "rise", "checkout", "U1", at)
        assert said == (
            'The detector "more lines than usual" on checkout is in shadow now: '
            "it posts nothing until somebody puts it back, in the digest or in my home tab."
        )
    async with database.read() as connection:
        assert await shadowed(connection) == {("rise", "checkout")}
        assert [each.since for each in await off(connection)] == [NOON]
    assert await proposed(database, BAD) == []
    assert (await detectors.decide("back", "rise", "checkout", "U1", NOON + 120)).endswith("is back: it posts again.")
    assert await detectors.off() == []


@pytest.mark.parametrize("choice", ["keep", "back"])
async def test_who_keeps_a_detector_is_not_asked_again_for_a_month(database: Database, choice: str) -> None:
    """The same cards would say the same the next morning."""
    await proposed(database, BAD)
    await Detectors(database).decide(choice, "rise", "checkout", "U1", NOON)  # type: ignore[arg-type]
    assert await proposed(database, BAD, now=NOON + JUDGED_S - 1) == []
    assert await proposed(database, BAD, now=NOON + JUDGED_S + 1) == [("rise", "checkout")]


async def test_the_worst_is_proposed_first(database: Database) -> None:
    """Of many a digest has room for few."""
    worse = Precision("drift", "search", 0, 9)
    assert await proposed(database, BAD, worse) == [("drift", "search"), ("rise", "checkout")]


@pytest.mark.parametrize(
    ("holds", "owners", "said"),
    [
        (["U1"], {"U1", "S1"}, None),
        (["U2", "S1"], {"U1", "S1"}, None),
        (["U2"], {"U1", "S1"}, NOT_YOURS),
        (["U1"], set(), NOBODY_NAMED),
    ],
)
def test_a_named_owner_decides(holds: list[str], owners: set[str], said: str | None) -> None:
    """In person or by a group; where nobody is named, nobody may."""
    assert refusal(holds, owners) == said
