"""Chunks: nothing lost, exact lines, never across a heading, within the embedder's window, steady ids."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.documents.chunk import begins_in_code, card_of, chunks_of, embedded_text
from ingest.documents.read import read
from ingest.documents.source import Original
from ingest.index.embed import MiniLM
from ingest.types import Chunk, Document

WINDOW = 40


def words(text: str) -> int:
    """Count words: the tokens of these tests."""
    return len(text.split())


def document(text: str, **different: object) -> Document:
    """Return a runbook with this text."""
    like: dict[str, object] = {"id": "docs/x.md", "root": "docs", "kind": "runbook", "title": "Pool", "text": text}
    return Document(**(like | different))  # type: ignore[arg-type]


def cut(text: str, window: int = WINDOW, **different: object) -> list[Chunk]:
    """Return the chunks of a text."""
    return chunks_of(document(text, **different), words, window)


def lines_of(chunk: Chunk) -> tuple[int, int]:
    """Return the chunk's first and last line."""
    return chunk.start_line, chunk.end_line


def test_every_section_is_a_chunk_under_its_breadcrumb() -> None:
    """A reader sees where a passage stands; the document's own title is not said twice."""
    chunks = cut("# Pool\n\nWords.\n\n## Fix\n\nDo it.\n\n### Undo\n\nBack.\n\n## Notes\n\nMore.\n")
    assert [(chunk.heading, lines_of(chunk)) for chunk in chunks] == [
        ("", (1, 3)),
        ("Fix", (5, 7)),
        ("Fix > Undo", (9, 11)),
        ("Notes", (13, 15)),
    ]


def test_a_heading_without_a_body_stays_with_what_follows() -> None:
    """A heading alone answers nothing."""
    chunks = cut("## Fix\n\n### First\n\nDo it.\n\n## Empty\n")
    assert [chunk.text for chunk in chunks] == ["## Fix\n\n### First\n\nDo it.", "## Empty"]


def test_lines_are_counted_in_the_file_and_front_matter_is_no_body() -> None:
    """A citation opens the right lines."""
    chunks = cut("---\nowner: x\n---\n\n# Pool\n\nWords.\n", body_line=4)
    assert [(chunk.text, lines_of(chunk)) for chunk in chunks] == [("# Pool\n\nWords.", (5, 7))]


def test_a_step_is_kept_whole_with_its_code() -> None:
    """A command cut from its step is a trap."""
    step = (
        "{0}. Do this now, please, with care:\n   ```\n   kubectl get pods {0}\n\n   kubectl delete pod {0}\n   ```\n"
    )
    chunks = cut("# Pool\n\n" + "".join(step.format(number) for number in range(1, 5)), window=24)
    assert [chunk.text.count("```") for chunk in chunks] == [2, 2, 2, 2]
    assert all(f"delete pod {number}" in chunk.text for number, chunk in enumerate(chunks, start=1))


def test_a_long_block_is_cut_between_lines() -> None:
    """A script that is too long loses no line and no line is cut."""
    script = "\n".join(f"run part {number} of the script" for number in range(30))
    chunks = cut(f"```\n{script}\n```\n")
    assert "\n".join(chunk.text for chunk in chunks) == f"```\n{script}\n```"
    assert len(chunks) > 4


def test_a_line_longer_than_the_window_is_cut_and_all_of_it_kept() -> None:
    """Every piece carries the line's number, and together they are the line."""
    line = " ".join(f"word{number}" for number in range(200))
    pieces = [chunk for chunk in cut(f"Before.\n\n{line}\n\nAfter.\n") if chunk.text in line]
    assert {lines_of(chunk) for chunk in pieces} == {(3, 3)}
    assert "".join(chunk.text for chunk in pieces) == line
    assert all(words(chunk.text) <= WINDOW for chunk in pieces)


def test_a_document_without_a_body_is_found_by_its_title() -> None:
    """One chunk, so that nothing is invisible."""
    chunks = cut("---\ntitle: Pool\n---\n", body_line=4)
    assert [(chunk.text, lines_of(chunk)) for chunk in chunks] == [("Pool", (1, 1))]


def test_a_chunk_that_only_moved_keeps_its_id() -> None:
    """A paragraph inserted above costs the embedding of its own section and of nothing else."""
    text = "# Pool\n\nWords.\n\n## Fix\n\nDo it.\n\n## Notes\n\nMore.\n"
    before = cut(text)
    after = cut(text.replace("Words.", "Words.\n\nA new paragraph.\n\nAnd one more."))
    assert [chunk.id for chunk in after][1:] == [chunk.id for chunk in before][1:]
    assert after[0].id != before[0].id
    assert [lines_of(chunk) for chunk in after] == [(1, 7), (9, 11), (13, 15)]


def test_equal_sections_have_ids_of_their_own() -> None:
    """Two sections with the same words are two places."""
    chunks = cut("## Fix\n\nDo it.\n\n## Fix\n\nDo it.\n")
    assert len({chunk.id for chunk in chunks}) == 2


@pytest.mark.parametrize(
    "different",
    [{"id": "docs/y.md"}, {"title": "Other"}, {"text": "## Fix\n\nDo that.\n"}, {"text": "## Mend\n\nDo it.\n"}],
)
def test_an_id_depends_on_all_that_is_embedded(different: dict[str, str]) -> None:
    """Another document, title, heading or text is another chunk."""
    one, other = (
        chunks_of(document(**given), words, WINDOW)[0].id
        for given in ({"text": "## Fix\n\nDo it.\n"}, {"text": "## Fix\n\nDo it.\n"} | different)
    )
    assert one != other


def test_the_embedder_reads_the_breadcrumb_above_the_lines() -> None:
    """A step that says "restart it" is found by what it is about."""
    assert embedded_text("Pool", "Fix", "Restart it.") == "Pool > Fix\nRestart it."
    assert embedded_text("Pool", "", "Restart it.") == "Pool\nRestart it."


@pytest.mark.parametrize(
    ("text", "card"),
    [
        ("# Pool\n\nAll connections\nare in use.\n\nMore.\n", "Pool\npostgres\nAll connections\nare in use."),
        ("# Pool\n\n- a list\n\n> a quotation\n", "Pool\npostgres"),
        ("", "Pool\npostgres"),
    ],
)
def test_the_card_is_title_services_and_first_paragraph(text: str, card: str) -> None:
    """What a document is about, in a few lines."""
    assert card_of(document(text, services=("postgres",))) == card


def test_the_card_leaves_front_matter_out() -> None:
    """Fields are no paragraph."""
    assert card_of(document("---\nowner: x\n---\nWords.\n", body_line=4)) == "Pool\nWords."


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("a\n```\nb\nc\n```\nd", [3, 4, 5]),
        ("~~~sh\nb\n```\n~~~\nd", [2, 3, 4]),
        ("1. a\n   ```\n   b\n   ```\n", [3, 4]),
        ("a\n```\nb", [3]),
        ("a\nb", []),
    ],
)
def test_it_is_known_which_lines_begin_in_code(text: str, inside: list[int]) -> None:
    """A chunk that begins inside a code block is quoted as code; the fence's own end still counts as inside."""
    assert [line for line in range(1, text.count("\n") + 2) if begins_in_code(text, line)] == inside


WORDS = st.lists(
    st.sampled_from("drain the pool then restart checkout `idle in transaction` 5 %".split()), min_size=1, max_size=12
)
PARAGRAPH = WORDS.map(" ".join)
HEADING = st.tuples(st.integers(1, 4), WORDS).map(lambda drawn: "#" * drawn[0] + " " + " ".join(drawn[1]))
STEPS = st.lists(PARAGRAPH, min_size=1, max_size=5).map(
    lambda texts: "\n".join(
        f"{number}. {text}\n\n   ```\n   run {text}\n   ```" for number, text in enumerate(texts, 1)
    )
)
BULLETS = st.lists(PARAGRAPH, min_size=1, max_size=8).map(
    lambda texts: "\n".join(f"- {text}\n  - inner" for text in texts)
)
FENCE = st.lists(st.one_of(PARAGRAPH, st.just(""), st.just("# no heading")), max_size=20).map(
    lambda rows: "\n".join(["```sh", *rows, "```"])
)
TABLE = st.lists(WORDS, min_size=1, max_size=6).map(
    lambda rows: "\n".join(["| a | b |", "| - | - |", *(f"| {row[0]} | {' '.join(row)} |" for row in rows)])
)
OVERLONG = st.integers(60, 150).map(lambda number: " ".join(f"w{index}" for index in range(number)))
QUOTE = PARAGRAPH.map(lambda text: f"> {text}\n> {text}")
BODY = st.one_of(PARAGRAPH, STEPS, BULLETS, FENCE, TABLE, OVERLONG, QUOTE, st.just("---"), st.just("<!-- note -->"))
TEXTS = st.lists(st.one_of(HEADING, BODY), max_size=14).map("\n\n".join)


@given(TEXTS)
def test_every_line_is_in_a_chunk_and_every_chunk_is_its_lines(text: str) -> None:
    """Nothing of a runbook is out of reach, and a citation shows what was found."""
    lines, chunks = text.split("\n"), cut(text)
    covered = {line for chunk in chunks for line in range(chunk.start_line, chunk.end_line + 1)}
    assert {number for number, line in enumerate(lines, 1) if line.strip()} <= covered
    for chunk in chunks:
        stands = "\n".join(lines[chunk.start_line - 1 : chunk.end_line])
        assert chunk.text == stands or (chunk.start_line == chunk.end_line and chunk.text in stands) or not text


@given(TEXTS)
def test_chunks_are_in_order_and_fit_the_window(text: str) -> None:
    """Numbered as they stand, without overlap, each with its breadcrumb within what the embedder reads."""
    chunks = cut(text)
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    assert len({chunk.id for chunk in chunks}) == len(chunks)
    for one, other in pairwise(chunks):
        assert one.end_line < other.start_line or one.start_line == one.end_line == other.start_line == other.end_line
    assert all(words(embedded_text("Pool", chunk.heading, chunk.text)) <= WINDOW for chunk in chunks)


@given(st.lists(st.one_of(HEADING, PARAGRAPH, STEPS), max_size=14).map("\n\n".join))
def test_a_chunk_never_crosses_a_heading(text: str) -> None:
    """What stands below another heading is about something else."""
    for chunk in cut(text):
        lines = [line for line in chunk.text.split("\n") if line.strip()]
        below = [line for line in _after_headings(lines) if re.match(r"#{1,6} ", line)]
        assert below == []


def _after_headings(lines: Sequence[str]) -> Sequence[str]:
    first = next((index for index, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return lines[first:]


def test_the_shipped_runbooks_fit_the_real_window(minilm: MiniLM, example: Path) -> None:
    """No tail of our own runbooks is cut in silence, and every line of them can be found."""
    for path in sorted(example.rglob("*.md")):
        document = read("runbooks", Original(path.name, path.read_text())).document
        chunks, lines = chunks_of(document, minilm.count, minilm.window), document.text.split("\n")
        longest = max(minilm.count(embedded_text(document.title, chunk.heading, chunk.text)) for chunk in chunks)
        covered = {line for chunk in chunks for line in range(chunk.start_line, chunk.end_line + 1)}
        body = {number for number in range(document.body_line, len(lines) + 1) if lines[number - 1].strip()}
        assert (path.name, longest <= minilm.window, body - covered) == (path.name, True, set())
