"""Sources name exactly the lines that an answer rests on, whatever lines a model named."""

import pytest

from bot.answer.cite import LEFT_OUT, UNSUPPORTED, Checker
from tests.fakes.claude import passage

TEXT = """## Fix

1. Confirm that `cl_waiting` is above 10.

   ```
   psql -c 'SHOW POOLS;'
   ```

2. End the sessions that are idle for more than 60 seconds.
   Clients get an error and retry.

Do not restart Postgres. Do not delete pods or drop tables."""
POOL = passage(TEXT, start_line=40)


def checker_of(answer: str) -> tuple[Checker, str]:
    """Return the checker after this answer, and what a reader sees."""
    checker = Checker([POOL], "the pool is full")
    return checker, "".join([*checker.feed(answer), *checker.finish()])


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        ("Confirm that `cl_waiting` is above 10. [1]", (42, 42)),
        ("Confirm that `cl_waiting` is above 10. [1:900-999]", (42, 42)),
        ("End the sessions idle for more than 60 s. [1:48-49]", (48, 48)),
        ("Clients get an error and retry. [1]", (49, 49)),
        ("```\npsql -c 'SHOW POOLS;'\n```\n[1:48-48]", (45, 45)),
        ("Confirm that `cl_waiting` is above 10. [1]\nClients get an error and retry. [1]", (42, 49)),
        ("Do not restart Postgres. [1]", (51, 51)),
    ],
)
def test_a_source_is_the_smallest_span_that_holds_what_was_cited(answer: str, lines: tuple[int, int]) -> None:
    """The lines come from where code found the words, over all that was cited of the passage."""
    checker, shown = checker_of(answer)
    (source,) = checker.cites.sources()
    assert (source.start_line, source.end_line) == lines
    assert "[1]" in shown
    assert "[1:" not in shown


@pytest.mark.parametrize(
    "answer",
    [
        "Restart Postgres. [1]",
        "Delete pods. [1]",
        "Drop tables. [1]",
        "Do not end the sessions idle for more than 60 seconds. [1]",
    ],
)
def test_an_order_turned_around_is_left_out(answer: str) -> None:
    """All its words stand there, and it says the opposite."""
    assert LEFT_OUT in checker_of(answer)[1]


@pytest.mark.parametrize(
    "answer", ["End tables. [1]", "Delete clients. [1]", "Wait 10 seconds. [1]", "Frobnicators get an error. [1]"]
)
def test_words_from_here_and_there_are_no_support(answer: str) -> None:
    """Each word stands somewhere in the passage, and nobody has said this."""
    shown = checker_of(answer)[1]
    assert UNSUPPORTED in shown or LEFT_OUT in shown


def test_marks_alone_say_nothing() -> None:
    """A line of marks makes no source of a passage that holds nothing of the answer."""
    checker, shown = checker_of("[1] [1:40-60]\n")
    assert shown == ""
    assert checker.cites.sources() == ()
