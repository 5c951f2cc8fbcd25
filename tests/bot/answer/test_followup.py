"""Which questions lean on their thread, and what of a thread is read."""

import pytest

from bot.answer.followup import CHARACTERS, MESSAGES, leans, standalone
from bot.types import Question, Said


def said(text: str, *, is_us: bool = False, at: float = 0.0) -> Said:
    """Return an earlier message."""
    return Said("copilot" if is_us else "Ada", text, at, is_us)


def asked(text: str, *above: Said, cut: int = 0) -> Question:
    """Return a question below these messages."""
    return Question("q", text, "U1", 1.0, context=above, cut=cut)


@pytest.mark.parametrize(
    "text",
    [
        "and then?",
        "why?",
        "what about orders?",
        "is it safe?",
        "how do I undo that?",
        "step 2 fails",
        "thanks, and now?",
        "does this lose data on the replica?",
        "what if it comes back again",
        "how?",
    ],
)
def test_a_question_leans_that_points_back_or_names_nothing(text: str) -> None:
    """Pronouns, an "and", or too few words of its own."""
    assert leans(text)


@pytest.mark.parametrize(
    "text",
    [
        "PgBouncerClientsWaiting",
        "cl_waiting rises on checkout",
        "how do I rotate the payment gateway's signing secret?",
        "rabbitmq memory alarm on node rabbitmq-1",
        "orders stay pending although payments are authorised by Tillgate",
    ],
)
def test_a_question_stands_that_has_words_of_its_own(text: str) -> None:
    """A new question in an old thread is not mixed with the old one."""
    assert not leans(text)


def test_the_questions_that_were_answered_are_joined() -> None:
    """What stands above our answers was asked of us; talk between people is not."""
    above = (said("pool is full"), said("Drain it.", is_us=True), said("lunch?"), said("sure"))
    assert standalone(asked("and then?", *above)).search == "pool is full\nand then?"


def test_without_an_answer_the_last_words_of_people_are_joined() -> None:
    """A thread in which we are asked for the first time: its last messages say what it is about."""
    found = standalone(asked("how do I fix it?", said("a"), said("checkout is down"), said("pool is full")))
    assert found.search == "checkout is down\npool is full\nhow do I fix it?"
    assert found.joined


def test_a_thread_is_bounded_and_what_was_cut_is_said() -> None:
    """Twenty messages and 4,000 characters, the newest, whoever bounded it before."""
    many = standalone(asked("and?", *(said(f"m{n}") for n in range(50)), cut=5))
    long = standalone(asked("and?", *(said("x" * 1_000) for _ in range(6))))
    assert many.thread.splitlines() == [f"Ada: m{n}" for n in range(50 - MESSAGES, 50)]
    assert many.note == "_earlier messages of this thread were not read: 35_"
    assert (len(long.thread) <= CHARACTERS, long.unread) == (True, 3)


def test_a_question_without_a_thread_is_itself() -> None:
    """Nothing to join, nothing to say."""
    found = standalone(asked("and then?"))
    assert (found.search, found.thread, found.note) == ("and then?", "", "")
