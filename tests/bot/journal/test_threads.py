"""What is remembered of threads, and the notices to the owner."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.journal.inbox import Arrival, Event, Inbox
from bot.journal.journal import Journal
from bot.journal.notices import Notices
from bot.journal.outbox import Outbox
from bot.journal.threads import Gaps, Muted, Threads
from bot.types import Done, Outcome, Question
from ingest.database import Database, metadata


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """Give a database with all tables."""
    database = Database.open(f"sqlite+aiosqlite:///{tmp_path / 'bot.sqlite'}")
    async with database.write() as connection:
        await connection.run_sync(metadata.create_all)
    yield database
    await database.close()


@pytest.fixture
def threads(database: Database) -> Threads:
    """Give the threads in it."""
    return Threads(database)


@pytest.mark.parametrize(
    ("channel", "thread", "asker", "at", "goes_on"),
    [
        ("C1", "1.1", "U1", 1_000.0, True),
        ("C1", "1.1", "U1", 1_600.0, True),
        ("C1", "1.1", "U1", 1_600.1, False),
        ("C1", "1.1", "U1", 999.9, False),
        ("C1", "1.1", "U2", 1_000.0, False),
        ("C1", "2.2", "U1", 1_000.0, False),
        ("C2", "1.1", "U1", 1_000.0, False),
    ],
)
async def test_who_goes_on(
    threads: Threads, channel: str, thread: str, asker: str, at: float, *, goes_on: bool
) -> None:
    """A message goes on with our last answer there to the same person, within the time, both ends included."""
    await threads.replied("C1", "1.1", "U1", 1_000.0)
    assert await threads.continues(channel, thread, asker, at, 600.0) is goes_on


async def test_the_last_answer_counts(threads: Threads) -> None:
    """Whoever we answered last in a thread is the one who may go on."""
    await threads.replied("C1", "1.1", "U1", 1_000.0)
    await threads.replied("C1", "1.1", "U2", 1_100.0)
    assert not await threads.continues("C1", "1.1", "U1", 1_101.0, 600.0)
    assert await threads.continues("C1", "1.1", "U2", 1_101.0, 600.0)


async def test_mute_outlasts_answers_until_follow(threads: Threads) -> None:
    """A muted thread stays so through later answers; `follow` ends it; the list is by person, newest first."""
    await threads.mute("C1", "1.1", "U1")
    await threads.mute("C1", "3.3", "U1")
    await threads.mute("C1", "2.2", "U2")
    await threads.replied("C1", "1.1", "U1", 1_000.0)
    assert not await threads.continues("C1", "1.1", "U1", 1_001.0, 600.0)
    assert list(await threads.muted_by("U1")) == [Muted("C1", "3.3"), Muted("C1", "1.1")]
    await threads.follow("C1", "1.1")
    assert await threads.continues("C1", "1.1", "U1", 1_001.0, 600.0)
    assert list(await threads.muted_by("U1")) == [Muted("C1", "3.3")]


async def test_once_means_once_and_the_first_may_repeat_it(threads: Threads) -> None:
    """Only the first question says a thing; asked again after a crash, it still does."""
    assert await threads.once("blind:C1:1.1", "q1")
    assert not await threads.once("blind:C1:1.1", "q2")
    assert await threads.once("blind:C1:1.1", "q1")


async def test_retracted_is_remembered(threads: Threads) -> None:
    """A question that was taken back stays so; twice is once."""
    assert not await threads.retracted("q1")
    await threads.retract("q1", 1.0)
    await threads.retract("q1", 2.0)
    assert await threads.retracted("q1")


async def test_questions_of_a_message_and_of_its_edits(database: Database, threads: Threads) -> None:
    """A message's questions are its own and those asked again after an edit, not those of a message like it."""
    names = iter(["q1", "q2", "q3"])
    inbox = Inbox(database, lambda: 1.0, lambda: next(names))
    for number, gesture in enumerate(["C1:1.1", "C1:1.1:9.9", "C1:1.11"]):
        await inbox.take_in(Arrival(Event("question", "U1", "C1"), f"Ev{number}", gesture))
    assert sorted(await threads.questions_at("C1:1.1")) == ["q1", "q2"]
    assert list(await threads.questions_at("C1:2.2")) == []


async def test_gaps_are_ones_own_in_words_and_others_as_a_number(database: Database, threads: Threads) -> None:
    """Unanswered questions of the time, each of one's own once, newest first."""
    journal = Journal(database)
    asked: list[tuple[str, str, float, Outcome]] = [
        ("U1", "old", 1.0, "not_found"),
        ("U1", "twice", 10.0, "not_found"),
        ("U1", "twice", 11.0, "not_found"),
        ("U1", "newest", 12.0, "not_found"),
        ("U1", "fine", 13.0, "answered"),
        ("U2", "private words", 14.0, "not_found"),
    ]
    for number, (asker, text, at, outcome) in enumerate(asked):
        question = Question(f"q{number}", text, asker, at, "C1")
        done = Done(outcome, None, question.id, (), None, 0.1, 0, 0, 0.0)
        await journal.answered(question, done, "text")
    assert await threads.gaps("U1", 5.0) == Gaps(("newest", "twice"), 1)


async def test_the_owner_is_told_once_a_day_and_matter(database: Database) -> None:
    """The same matter on the same day is one notice; another matter, or the next day, is another."""
    now = [1_795_000_000.0]
    outbox = Outbox(database, lambda: now[0])
    notices = Notices(outbox, "U0OWNER", lambda: now[0])
    for about in ("budget", "budget", "token"):
        await notices.tell_owner(about, f"{about} words")
    now[0] += 86_400.0
    await notices.tell_owner("budget", "budget words")
    assert await outbox.counts() == {"new": 3}


async def test_without_an_owner_the_log_alone_is_told(database: Database) -> None:
    """Where nobody is named nothing is posted."""
    outbox = Outbox(database, lambda: 1.0)
    await Notices(outbox, None, lambda: 1.0).tell_owner("budget", "words")
    assert await outbox.counts() == {}
