"""Entries of several lines: a traceback is one entry, however its logger wrote it, and within bounds."""

import pytest

from ingest.logs.entry import MOST_BYTES, MOST_LINES
from ingest.logs.line import Columns, Parser
from ingest.logs.source import Batch

PYTHON = [b"Traceback (most recent call last):", b'  File "a.py", line 1, in f', b"    g()", b"KeyError: 'x'"]
JAVA = [
    b"java.io.IOException: gone",
    b"\tat a.b.C.d(C.java:1)",
    b"Caused by: e",
    b"\tat f.G.h(G.java:2)",
    b"\t... 3 more",
]


def read(lines: list[bytes]) -> Columns:
    """Return the entries of a finished stream."""
    return Parser(reference=1.8e9).columns(Batch(lines, {}), last=True)


def line(second: int, text: bytes, level: bytes = b"INFO", service: bytes = b"app.db") -> bytes:
    """Return a line as a Python logger writes it."""
    return b"2026-03-02 14:05:%02d,000 %b %b %b" % (second, level, service, text)


@pytest.mark.parametrize("trace", [PYTHON, JAVA], ids=["python", "java"])
def test_lines_without_a_header_belong_to_the_entry_before_them(trace: list[bytes]) -> None:
    """Indented or not, blank ones in between."""
    lines = [line(0, b"up"), line(1, b"lost", b"ERROR"), *trace, b"", line(2, b"up"), line(3, b"up")]
    columns = read(lines)
    assert columns.texts == [b"up", b"\n".join([b"lost", *trace]), b"up", b"up"]
    assert columns.physical == [1, len(trace) + 2, 1, 1]
    assert columns.levels == [2, 4, 2, 2]


@pytest.mark.parametrize("trace", [PYTHON, JAVA], ids=["python", "java"])
@pytest.mark.parametrize("cut", range(1, 8))
def test_a_batch_that_ends_within_an_entry_does_not_cut_it(trace: list[bytes], cut: int) -> None:
    """The youngest entry is held back until the next begins."""
    lines = [line(0, b"up"), line(0, b"up"), line(1, b"up"), line(1, b"lost", b"ERROR"), *trace, line(2, b"up")]
    parser = Parser()
    first = parser.columns(Batch(lines[: cut + 2], {}))
    second = parser.columns(Batch(lines[cut + 2 :], {}), last=True)
    assert first.texts + second.texts == read(lines).texts
    assert sum(first.physical) + sum(second.physical) == len(lines)


def test_what_comes_after_an_entry_was_given_out_is_an_entry_of_its_own() -> None:
    """It is counted, and not put to a stranger."""
    parser = Parser()
    parser.columns(Batch([line(0, b"up"), line(1, b"up"), line(2, b"lost", b"ERROR")], {}), last=True)
    columns = parser.columns(Batch([*PYTHON, line(3, b"up")], {}), last=True)
    assert (columns.texts, columns.physical) == ([b"\n".join(PYTHON), b"up"], [4, 1])


def test_a_traceback_with_a_header_on_every_line_is_one_entry() -> None:
    """As oslo.log writes it; the header and the prefix are not repeated, other services may write in between."""
    prefix = b"[instance: 7f] "
    lines = [line(0, b"up"), line(0, b"[req-1] lost", b"ERROR")]
    for text in PYTHON:
        lines += [line(0, prefix + text, b"ERROR"), line(0, b"other", b"INFO", b"app.web")]
    lines += [line(0, b"[req-2] next", b"ERROR")]
    columns = read(lines)
    assert columns.texts == [
        b"up",
        b"\n".join([b"[req-1] lost", prefix + PYTHON[0], *PYTHON[1:]]),
        *[b"other"] * 4,
        b"[req-2] next",
    ]
    assert sum(columns.physical) == len(lines)


def test_a_java_trace_through_syslog_is_one_entry() -> None:
    """Every line with a header of its own."""
    head = b"Mar  2 14:05:0%d db1 app[1]: "
    lines = [head % 0 + b"up", head % 1 + b"java.io.IOException: gone"]
    lines += [head % 1 + text for text in JAVA[1:]] + [head % 2 + b"up"]
    columns = read(lines)
    assert [text.split(b"\n")[0] for text in columns.texts] == [b"up", b"java.io.IOException: gone", b"up"]


def test_indented_messages_that_are_no_trace_stay_apart() -> None:
    """Each has a header: each is an entry."""
    lines = [line(0, b"  step %d" % number) for number in range(5)]
    assert read(lines).physical == [1] * 5


def test_an_entry_without_end_is_bounded_and_counted() -> None:
    """In lines and in bytes."""
    long = [line(0, b"dump"), *[b"  row %d" % number for number in range(5_000)], line(1, b"up"), line(2, b"up")]
    wide = [line(0, b"dump"), *[b"  " + b"x" * 10_000 for _ in range(100)], line(1, b"up"), line(2, b"up")]
    assert read(long).texts[0].count(b"\n") == MOST_LINES - 1
    assert len(read(wide).texts[0]) == MOST_BYTES
    assert (read(long).physical, read(wide).physical) == ([5_001, 1, 1], [101, 1, 1])
