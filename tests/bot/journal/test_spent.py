"""What calls cost, the limits over them, what was sent, and how all of it is forgotten."""

import asyncio

import pytest

from bot.errors import Used
from bot.journal.journal import FORGOTTEN, Journal, Sent
from bot.journal.spent import DAY_S, HOUR_S, Call, Limits, Spent, day_of
from bot.types import Done, Feedback, Question
from ingest.database import Database
from tests.conftest import NOW

LIMITS = Limits(daily_usd=1.0, per_user_hour=2)


def call(question: str = "q1", person: str = "U1", at: float = NOW, most_usd: float = 0.4) -> Call:
    """Return a call about to be made."""
    return Call(question, person, "claude-sonnet-5-5", "answer", at, most_usd)


async def test_calls_side_by_side_cannot_pass_the_limit_together(database: Database) -> None:
    """What a call may cost is held back before it is made."""
    spent = Spent(database)
    begun = await asyncio.gather(*(spent.begin(call(f"q{n}", f"U{n}"), LIMITS) for n in range(5)))
    assert sorted(map(str, begun)) == ["1", "2", "day", "day", "day"]


async def test_what_was_not_used_is_given_back(database: Database) -> None:
    """The row is corrected to what the call used; unknown use stays at the most it may have cost."""
    spent = Spent(database)
    first, second = await spent.begin(call("a"), LIMITS), await spent.begin(call("b"), LIMITS)
    await spent.end(int(first), Used(10, 5, usd=0.1), "whole")
    await spent.end(int(second), None, "left")
    assert await spent.usd_since(0.0) == pytest.approx(0.5)
    assert await spent.endings() == {"whole": 1, "left": 1}


async def test_the_day_begins_at_midnight_utc(database: Database) -> None:
    """Yesterday's money is yesterday's."""
    spent = Spent(database)
    await spent.begin(call(at=day_of(NOW) - 1, most_usd=1.0), LIMITS)
    assert isinstance(await spent.begin(call("q2"), LIMITS), int)


async def test_a_person_has_questions_per_hour_not_calls(database: Database) -> None:
    """A question that is tried again counts once; an hour later all is free again."""
    spent, cheap = Spent(database), 0.01
    for question in ("a", "a", "a", "b"):
        assert isinstance(await spent.begin(call(question, most_usd=cheap), LIMITS), int)
    assert await spent.begin(call("c", most_usd=cheap), LIMITS) == "person"
    assert isinstance(await spent.begin(call("c", "U2", most_usd=cheap), LIMITS), int)
    assert isinstance(await spent.begin(call("c", at=NOW + HOUR_S, most_usd=cheap), LIMITS), int)


def sent(question: str, *people: str, at: float = NOW) -> Sent:
    """Return a request as it left."""
    return Sent(question, at, "answer", "m", "inline", "0" * 64, ("c1", "c2"), people, "[the request]")


async def filled(database: Database) -> Journal:
    """Return a journal with an old question of U1 and a new one of U2, thumbs, costs and requests."""
    journal = Journal(database, retention_days=90)
    for name, person, at in (("old", "U1", NOW - 91 * DAY_S), ("new", "U2", NOW - 89 * DAY_S)):
        question = Question(name, "pool full", person, at)
        done = Done("answered", None, name, (), None, 1.0, 0, 0, 0.0)
        await journal.answered(question, done, "Drain.")
        await journal.felt(Feedback(name, "U1", "up", at))
        await journal.sent(sent(name, "Ada", at=at))
        await Spent(database).begin(call(name, person, at), LIMITS)
    return journal


async def test_what_is_too_old_goes(database: Database) -> None:
    """Questions, answers, thumbs, requests and costs, each once; the rest stays."""
    journal = await filled(database)
    assert await journal.expire(NOW) == 5
    assert await journal.expire(NOW) == 0
    assert await journal.answer("old") is None
    assert await journal.answer("new") is not None
    assert (await journal.sent_for("old"), len(await journal.sent_for("new"))) == ([], 1)
    assert await journal.feelings("old") == {}
    assert await Spent(database).usd_since(0.0) == pytest.approx(0.4)


async def test_zero_days_keeps_everything(database: Database) -> None:
    """Nobody loses a journal by a default."""
    await filled(database)
    assert await Journal(database).expire(NOW * 2) == 0


async def test_a_forgotten_person_leaves_no_words(database: Database) -> None:
    """Their questions, answers, requests and thumbs go, wherever the thumbs were; the cost stays without a name."""
    journal = await filled(database)
    assert await journal.forget("U1") == 3
    assert await journal.answer("old") is None
    assert await journal.answer("new") is not None
    assert await journal.feelings("new") == {}
    assert await Spent(database).usd_since(0.0) == pytest.approx(0.8)
    assert await journal.forget("U1") == 0


async def test_what_was_sent_with_a_persons_words_loses_its_text(database: Database) -> None:
    """Threads show names: forgetting the name empties what was sent with it."""
    journal = await filled(database)
    await journal.forget("Ada")
    assert [each.text for each in await journal.sent_for("new")] == [FORGOTTEN]


async def test_what_left_can_be_shown(database: Database) -> None:
    """As it was sent, in order."""
    journal = Journal(database)
    await journal.sent(sent("q", "Zoe", "Ada"))
    await journal.sent(sent("q"))
    assert [each.people for each in await journal.sent_for("q")] == [("Ada", "Zoe"), ()]
