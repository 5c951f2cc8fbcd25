"""Standard input: lines of a pipe, in whatever pieces they come."""

import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import SourceDown
from ingest.logs.pieces import Pieces
from ingest.logs.source import MOST_LINE
from ingest.logs.stdin import Stdin


class Broken(io.BytesIO):
    """A pipe whose other end is gone."""

    def read1(self, size: int | None = -1) -> bytes:
        """Fail as the system does."""
        raise OSError(5, "Input/output error")


async def test_a_pipe_is_read_to_its_end() -> None:
    """The last line needs no line end."""
    batches = [batch.lines async for batch in Stdin(io.BytesIO(b"one\r\ntwo\n\nthree")).read({})]
    assert sum(batches, []) == [b"one", b"two", b"", b"three"]  # noqa: RUF017 - two short lists


async def test_a_broken_pipe_is_a_source_that_is_down() -> None:
    """In a sentence."""
    with pytest.raises(SourceDown, match="stdin broke off"):
        [batch async for batch in Stdin(Broken()).read({})]


@given(
    lines=st.lists(
        st.binary(max_size=5).filter(lambda line: b"\n" not in line and b"\r" not in line and b"\0" not in line)
    ),
    cuts=st.lists(st.integers(0, 60)),
)
def test_any_pieces_of_a_text_are_the_same_lines(lines: list[bytes], cuts: list[int]) -> None:
    """Cut anywhere, also in the middle of a line end."""
    text = b"".join(line + b"\r\n" for line in lines)
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = Pieces(first=False)
    found = [line for start, end in pairwise(places) for line in pieces.lines(text[start:end])]
    assert found + pieces.last() == lines
    assert pieces.held == 0


@pytest.mark.parametrize("over", [-1, 0, 1, 5])
@pytest.mark.parametrize("size", [1000, MOST_LINE, MOST_LINE + 1, 10 * MOST_LINE])
def test_a_line_is_cut_at_the_same_place_however_it_came(over: int, size: int) -> None:
    """And what is gone is counted to the byte."""
    pieces, line = Pieces(), b"x" * (MOST_LINE + over)
    text = line + b"\nnext\n"
    found = [line for start in range(0, len(text), size) for line in pieces.lines(text[start : start + size])]
    whole = line if over <= 0 else line[:MOST_LINE] + b" [cut: %d bytes]" % over
    assert found == [whole, b"next"]
