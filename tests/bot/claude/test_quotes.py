"""Answers without a model: the best document as it stands, labelled as quotes."""

from typing import Any

from bot.claude.client import Delta, Finish, Prompt
from bot.claude.quotes import Quotes
from ingest.types import Passage
from tests.fakes.claude import passage


async def quoted(*passages: Passage) -> str:
    """Return the text of the quotes."""
    events = [event async for event in Quotes().write(Prompt("s", passages, "q", 100))]
    return "".join(event.text for event in events if isinstance(event, Delta))


def other(path: str, **different: Any) -> Passage:
    """Return a passage of another document."""
    return passage("Something else.", path=path, title=path, **different)


async def test_the_label_names_the_document_and_says_that_it_is_a_quote() -> None:
    """Nobody takes a quote for an answer that somebody thought about."""
    text = await quoted(passage("1. Drain the pod."))
    assert text.startswith('**From the runbook "Postgres pool" (quoted; no model is configured):**\n\n')


async def test_a_postmortem_is_called_one() -> None:
    """What happened once is not presented as what to do."""
    assert (await quoted(passage(kind="postmortem"))).startswith('**From the postmortem "Postgres pool"')


async def test_the_best_documents_passages_come_in_its_own_order_with_their_marks() -> None:
    """Steps read from top to bottom, while each mark keeps the number that the passage has in the prompt."""
    text = await quoted(
        passage("3. Restart.", start_line=30, end_line=30),
        other("x.md"),
        passage("1. Drain.", start_line=10, end_line=10),
    )
    assert text.index("1. Drain. [3]") < text.index("3. Restart. [1]")


async def test_a_mark_below_code_has_its_own_line() -> None:
    """A mark behind a closing fence would open it again."""
    assert "```\nls\n```\n\n[1]\n" in await quoted(passage("```\nls\n```"))


async def test_code_that_two_passages_share_stays_code_in_both() -> None:
    """A long code block is cut between passages; its second half is still a command, to the letter."""
    text = await quoted(
        passage("Run:\n```\necho [1]", start_line=1, end_line=3),
        passage("echo [2]\n```\nDone.", start_line=4, end_line=6, in_code=True),
    )
    assert "Run:\n```\necho [1]\n```\n\n[1]\n" in text
    assert "```\necho [2]\n```\nDone. [2]\n" in text


async def test_pieces_of_one_long_line_are_all_quoted() -> None:
    """A line too long for one passage is cut into several with the same number; none is lost."""
    text = await quoted(
        passage("first half", start_line=5, end_line=5), passage("second half", start_line=5, end_line=5)
    )
    assert text.index("first half [1]") < text.index("second half [2]")


async def test_at_most_four_passages_are_quoted() -> None:
    """More than that is the document itself, which Show source opens."""
    text = await quoted(*(passage(f"step {n}", start_line=n, end_line=n) for n in range(1, 9)))
    assert [n for n in range(1, 9) if f"[{n}]" in text] == [1, 2, 3, 4]


async def test_long_passages_are_left_out_whole_and_a_longer_one_is_cut_at_a_line() -> None:
    """Quotes stay near 3,000 characters, and never stop in the middle of a line."""
    line = "x" * 99
    text = await quoted(
        passage("\n".join([line] * 40), start_line=1, end_line=40), passage(line, start_line=90, end_line=90)
    )
    assert 2_500 < len(text) < 3_200
    assert {len(piece.removesuffix(" [1]")) for piece in text.splitlines()[4:] if piece} == {99}


async def test_two_other_documents_are_named_once_each() -> None:
    """Also relevant: the next two documents, best first, each by its best passage."""
    text = await quoted(passage(), other("b.md"), other("a.md"), other("b.md"), other("c.md"))
    assert text.endswith("Also relevant: _b.md_ [2] · _a.md_ [3]")


async def test_one_document_alone_names_no_others() -> None:
    """Nothing is announced that is not there."""
    assert "Also relevant" not in await quoted(passage())


async def test_quotes_cost_nothing_and_have_no_model() -> None:
    """The footer must not suggest that anything was sent anywhere."""
    *_, finish = [event async for event in Quotes().write(Prompt("s", (passage(),), "q", 100))]
    assert finish == Finish(model=None, tokens_in=0, tokens_out=0, usd=0.0)
    assert Quotes().model is None


async def test_without_passages_only_the_finish_comes() -> None:
    """The writer makes nothing up; whether to ask it is decided before."""
    assert [event async for event in Quotes().write(Prompt("s", (), "q", 100))] == [Finish(None, 0, 0, 0.0)]


async def test_each_passage_is_a_piece_of_its_own() -> None:
    """Quotes stream too: label, passages, others."""
    events = [event async for event in Quotes().write(Prompt("s", (passage(), other("b.md")), "q", 100))]
    assert len(events) == 4


async def test_a_title_cannot_break_out_of_its_quotation() -> None:
    """A document's title is untrusted: it brings no emphasis, link or line into our label."""
    text = await quoted(passage(title='Pool"** [x](http://e.f)\n# now', heading=""))
    assert text.splitlines()[0] == '**From the runbook "Pool x # now" (quoted; no model is configured):**'
