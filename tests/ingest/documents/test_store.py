"""Documents in the database: lines as stored, one consistent state, and changes that are whole or not at all."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from sqlalchemy.exc import IntegrityError

from ingest.documents.store import Library, Root, Stored, Vector
from ingest.types import Chunk, Document

ROOT = Root("docs", "/docs", ("a*", "b"), "given")
DOCUMENT = Document(
    id="docs/x.md",
    root="docs",
    kind="postmortem",
    title="X",
    text="one\ntwo\nthree\n",
    body_line=2,
    services=("checkout", "postgres"),
    severity="high",
    owner="team",
    reviewed=date(2026, 11, 20),
)


def stored(document: Document = DOCUMENT, *chunks: str) -> Stored:
    """Return a document with these chunks, whose vectors have the same names."""
    made = tuple(Chunk(name, document.id, place, "H", name, 1, 1) for place, name in enumerate(chunks))
    return Stored(document, "f", ("problem",), "card", made, tuple(f"v{name}" for name in chunks))


def vectors(*names: str) -> dict[str, Vector]:
    """Return a vector for every name."""
    return {name: np.eye(4, dtype=np.float32)[index % 4] for index, name in enumerate(names)}


@pytest.fixture
async def shelf(library: Library) -> Library:
    """Give a library that knows its root."""
    await library.remember(ROOT)
    return library


async def test_a_document_comes_back_as_it_went_in(shelf: Library) -> None:
    """Every field, chunk and vector, in order."""
    await shelf.write([stored(DOCUMENT, "a", "b")], vectors("card", "va", "vb"))
    contents = await shelf.contents()
    assert contents.documents == {DOCUMENT.id: DOCUMENT}
    assert [(row.chunk.id, row.chunk.ordinal, row.vector_hash) for row in contents.rows] == [
        ("a", 0, "va"),
        ("b", 1, "vb"),
    ]
    assert np.array_equal(contents.vectors[contents.order["vb"]], np.eye(4, dtype=np.float32)[2])
    assert (await shelf.known("docs"))[DOCUMENT.id].problems == ("problem",)
    assert await shelf.roots() == [ROOT]


async def test_an_empty_library_has_empty_contents(library: Library) -> None:
    """Search builds on it before the first sync."""
    contents = await library.contents()
    assert (contents.revision, contents.rows, contents.vectors.shape) == (0, [], (0, 0))
    assert (await library.counts(), await library.last_synced(), await library.revision()) == ({"chunks": 0}, None, 0)


@pytest.mark.parametrize(
    ("start", "end", "lines"),
    [(1, 1, "one"), (2, 3, "two\nthree"), (0, 2, "one\ntwo"), (3, 99, "three\n"), (9, 9, ""), (-5, 1, "one")],
)
async def test_cited_lines_are_read_as_stored(shelf: Library, start: int, end: int, lines: str) -> None:
    """Both ends included; what is not there is empty."""
    await shelf.write([stored()], {})
    assert await shelf.lines(DOCUMENT.id, start, end) == lines


async def test_lines_of_a_document_that_is_gone_are_none(shelf: Library) -> None:
    """Show source then says so."""
    assert await shelf.lines("docs/gone.md", 1, 2) is None


async def test_the_revision_grows_with_every_change_and_with_nothing_else(shelf: Library) -> None:
    """Who holds a snapshot looks at one number."""
    await shelf.write([stored(DOCUMENT, "a")], vectors("va"))
    assert await shelf.revision() == 1
    await shelf.write([], {})
    await shelf.drop([])
    await shelf.finish("docs", 5.0)
    assert await shelf.revision() == 1
    await shelf.drop([DOCUMENT.id])
    assert await shelf.revision() == 2


async def test_a_write_that_fails_leaves_no_trace(shelf: Library) -> None:
    """All or nothing: the first of two documents is not there when the second cannot be."""
    stranger = replace(DOCUMENT, id="other/y.md", root="unknown")
    with pytest.raises(IntegrityError):
        await shelf.write([stored(DOCUMENT, "a"), stored(stranger, "b")], vectors("va", "vb"))
    assert (await shelf.contents()).documents == {}
    assert await shelf.have_vectors(["va", "vb"]) == set()


async def test_finish_drops_the_vectors_that_nobody_uses(shelf: Library) -> None:
    """Chunks and cards are users."""
    await shelf.write([stored(DOCUMENT, "a")], vectors("va", "card", "old"))
    await shelf.finish("docs", 5.0)
    assert await shelf.have_vectors(["va", "card", "old"]) == {"va", "card"}
    assert await shelf.last_synced() == 5.0


async def test_roots_are_synced_as_of_the_oldest(shelf: Library) -> None:
    """One that was never synced means that nobody knows."""
    await shelf.remember(replace(ROOT, name="more"))
    await shelf.finish("docs", 5.0)
    assert await shelf.last_synced() is None
    await shelf.finish("more", 3.0)
    assert await shelf.last_synced() == 3.0


async def test_many_are_handled_at_once(shelf: Library) -> None:
    """More than a database takes as parameters of one statement."""
    names = [f"docs/{number:04}.md" for number in range(600)]
    await shelf.write([stored(replace(DOCUMENT, id=name), f"c{name}") for name in names], vectors(*names))
    assert await shelf.have_vectors([*names, "other"]) == set(names)
    assert (await shelf.counts()) == {"postmortem": 600, "chunks": 600}
    await shelf.drop(names)
    assert (await shelf.counts()) == {"chunks": 0}
