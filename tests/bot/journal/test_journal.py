"""The journal: what was asked, answered and felt, written once, and found again as it was."""

from dataclasses import replace
from datetime import date

import pytest

from bot.journal.journal import Journal
from bot.types import Done, Feedback, Outcome, Question, Source
from ingest.database import Database
from tests.conftest import NOW

QUESTION = Question("q1", "Why is *checkout* down? ü 数", "U1", NOW, channel="C1", thread="1.5")
DONE = Done(
    outcome="answered",
    reason=None,
    answer_id="q1",
    sources=(
        Source(1, "runbooks/pool.md", 3, 9, "Pool", date(2026, 11, 1)),
        Source(2, "postmortems/x.md", 1, 1, "X", None),
    ),
    model="claude-sonnet-5-5",
    seconds=2.125,
    tokens_in=1840,
    tokens_out=210,
    usd=0.0066,
)


@pytest.fixture
def journal(database: Database) -> Journal:
    """Give an empty journal."""
    return Journal(database)


async def unanswered(journal: Journal, name: str, text: str, at: float, outcome: Outcome = "not_found") -> None:
    """Write down a question on the terminal that ended so."""
    question = Question(name, text, "terminal", at)
    await journal.answered(question, replace(DONE, answer_id=name, outcome=outcome), "Not in the runbooks.")


async def gaps(journal: Journal, text: str, since: float = NOW) -> int:
    """Return how often the terminal asked this in vain."""
    return await journal.gaps_like(Question("now", text, "terminal", NOW), since)


async def test_an_answer_comes_back_as_it_was_given(journal: Journal) -> None:
    """The question, how it ended with every source and cost, and the whole text."""
    await journal.asked(QUESTION)
    await journal.answered(QUESTION, DONE, "**Drain it.** [1]\n")
    stored = await journal.answer("q1")
    assert stored is not None
    assert (stored.question, stored.done, stored.text) == (QUESTION, DONE, "**Drain it.** [1]\n")


async def test_a_question_without_an_answer_has_none(journal: Journal) -> None:
    """Neither one that is still in work nor one that nobody asked."""
    await journal.asked(QUESTION)
    assert (await journal.answer("q1"), await journal.answer("q2")) == (None, None)


async def test_a_repeated_write_changes_nothing(journal: Journal) -> None:
    """What was told is what is kept, whatever is tried again after a crash."""
    await journal.answered(QUESTION, DONE, "first")
    await journal.asked(replace(QUESTION, text="other words"))
    await journal.answered(replace(QUESTION, text="other words"), replace(DONE, outcome="failed"), "second")
    stored = await journal.answer("q1")
    assert stored is not None
    assert (stored.question.text, stored.done.outcome, stored.text) == (QUESTION.text, "answered", "first")


async def test_an_answer_writes_its_question_down_too(journal: Journal) -> None:
    """A question whose own write was lost is not lost with it."""
    await journal.answered(QUESTION, DONE, "text")
    stored = await journal.answer("q1")
    assert stored is not None
    assert stored.question == QUESTION


async def test_a_persons_last_thumb_counts(journal: Journal) -> None:
    """Each person has one, and may change it."""
    for user, feeling in [("U1", "down"), ("U2", "down"), ("U1", "up")]:
        await journal.felt(Feedback("q1", user, feeling, NOW))  # type: ignore[arg-type]
    await journal.felt(Feedback("q2", "U3", "up", NOW))
    assert await journal.feelings("q1") == {"U1": "up", "U2": "down"}
    assert await journal.feelings("q9") == {}


async def test_outcomes_are_counted(journal: Journal) -> None:
    """For status."""
    for name, outcome in [("a", "answered"), ("b", "answered"), ("c", "failed")]:
        await unanswered(journal, name, "q", NOW, outcome)  # type: ignore[arg-type]
    await journal.asked(Question("d", "q", "terminal", NOW))
    assert await journal.outcomes() == {"answered": 2, "failed": 1}


async def test_gaps_are_the_same_words_asked_in_vain_since_then(journal: Journal) -> None:
    """In any case; neither what was answered, nor older ones, nor other words."""
    await unanswered(journal, "a", "rotate the HSM key", NOW)
    await unanswered(journal, "b", "Rotate the hsm key", NOW + 5)
    await unanswered(journal, "c", "rotate the HSM key", NOW - 1)
    await unanswered(journal, "d", "rotate the HSM key", NOW, "answered")
    await unanswered(journal, "e", "rotate the HSM keys", NOW)
    assert await gaps(journal, "ROTATE the HSM key") == 2
    assert await gaps(journal, "rotate the HSM key", NOW - 1) == 3
    assert await gaps(journal, "something else") == 0


@pytest.mark.parametrize(
    "text", ["ÜBERLAUF der Warteschlange", "Überlauf %_", "数据库", 'It\'s "down"; DROP TABLE asked']
)
async def test_gaps_are_counted_in_every_language(journal: Journal, text: str) -> None:
    """The same question is the same question, whatever letters it is made of."""
    await unanswered(journal, "a", text, NOW)
    assert await gaps(journal, text) == 1
