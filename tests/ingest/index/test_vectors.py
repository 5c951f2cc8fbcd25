"""The contract of every index of vectors: the exact scan, Chroma in a folder, Chroma on a server."""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from ingest.documents.store import Vector
from ingest.errors import IndexBroken
from ingest.index.chroma import MOST_ROWS, Chroma
from ingest.index.exact import Exact, Vectors, top
from tests.ingest.index.conftest import chroma_at, free_port

MODEL, DIMENSION = "model@1", 8
PATIENCE_S = 20.0


def rows(*parts: Sequence[float]) -> Vector:
    """Return unit rows, filled up with zeros."""
    vectors = np.zeros((len(parts), DIMENSION), dtype=np.float32)
    for row, part in zip(vectors, parts, strict=True):
        row[: len(part)] = part
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def random_rows(number: int) -> Vector:
    """Return as many unit rows, the same every time."""
    drawn = np.random.default_rng(7).normal(size=(number, DIMENSION)).astype(np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), dtype=np.float32)


EAST, NORTH, NORTH_EAST = (rows(part)[0] for part in ([1.0], [0.0, 1.0], [1.0, 1.0]))


def chroma(place: Path | str, model: str = MODEL, dimension: int = DIMENSION) -> Chroma:
    """Return Chroma in a folder or at a URL."""
    return Chroma(place, model, dimension)


@pytest.fixture(params=["exact", "folder", "server"])
async def vectors(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Vectors]:
    """Give each index in turn, empty."""
    if request.param == "exact":
        yield Exact()
        return
    index = chroma(tmp_path / "chroma" if request.param == "folder" else request.getfixturevalue("chroma_url"))
    await index.reset()
    yield index
    await index.close()


def names(near: Sequence[tuple[str, float]]) -> list[str]:
    """Return the ids alone."""
    return [name for name, _cosine in near]


async def test_the_nearest_come_first_with_their_cosines(vectors: Vectors) -> None:
    """Order and values are those of the cosine, opposite directions included."""
    await vectors.put(["north", "east", "west"], np.vstack([NORTH, EAST, -EAST]))
    near = await vectors.nearest(rows([2.0, 1.0])[0], 3)
    assert names(near) == ["east", "north", "west"]
    assert [cosine for _, cosine in near] == pytest.approx([0.894427, 0.447214, -0.894427], abs=1e-4)


async def test_no_more_come_than_asked_for_and_no_more_than_there_are(vectors: Vectors) -> None:
    """A limit above the size is no mistake."""
    await vectors.put(["north", "east"], np.vstack([NORTH, EAST]))
    assert names(await vectors.nearest(EAST, 1)) == ["east"]
    assert names(await vectors.nearest(EAST, 50)) == ["east", "north"]


async def test_an_empty_index_has_nothing_near(vectors: Vectors) -> None:
    """The first start."""
    assert (await vectors.nearest(EAST, 5), await vectors.size()) == ([], 0)


async def test_put_replaces(vectors: Vectors) -> None:
    """An id has one vector, the last."""
    await vectors.put(["one", "other"], np.vstack([EAST, NORTH_EAST]))
    await vectors.put(["one"], NORTH[None])
    assert names(await vectors.nearest(NORTH, 2)) == ["one", "other"]
    assert await vectors.size() == 2


async def test_drop_removes_and_does_not_mind_the_unknown(vectors: Vectors) -> None:
    """What is applied twice, after a kill, is applied once."""
    await vectors.put(["one", "other"], np.vstack([EAST, NORTH]))
    await vectors.drop(["one", "never there"])
    await vectors.drop(["one"])
    assert (names(await vectors.nearest(EAST, 5)), await vectors.size()) == (["other"], 1)


async def test_nothing_to_do_is_done(vectors: Vectors) -> None:
    """An empty list of changes is no mistake."""
    await vectors.put([], np.empty((0, DIMENSION), dtype=np.float32))
    await vectors.drop([])
    assert await vectors.size() == 0


async def test_what_was_dropped_can_come_back(vectors: Vectors) -> None:
    """A document that is deleted and restored."""
    await vectors.put(["one"], EAST[None])
    await vectors.drop(["one"])
    await vectors.put(["one"], NORTH[None])
    assert await vectors.nearest(NORTH, 5) == [("one", pytest.approx(1.0, abs=1e-5))]


async def test_every_index_finds_what_the_plain_sum_finds(vectors: Vectors) -> None:
    """The exact scan is the oracle; Chroma is approximate, and hardly ever wrong."""
    stored = random_rows(400)
    await vectors.put([str(number) for number in range(400)], stored)
    hits = 0
    for question in random_rows(420)[400:]:
        expected = [str(index) for index in np.argsort(-(stored @ question))[:10]]
        hits += len(set(expected) & set(names(await vectors.nearest(question, 10))))
    assert hits >= 0.97 * 20 * 10


async def test_more_rows_than_one_call_takes(tmp_path: Path) -> None:
    """Chroma refuses more than 5,461 rows at once; we may put and drop any number."""
    index, number = chroma(tmp_path / "chroma"), MOST_ROWS + 600
    await index.open()
    ids = [str(count) for count in range(number)]
    await index.put(ids, random_rows(number))
    assert await index.size() == number
    await index.drop(ids[1:])
    assert await index.size() == 1
    await index.close()


@pytest.mark.parametrize("kind", ["folder", "server"])
async def test_chroma_keeps_what_it_was_given(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The next process finds it, by the same name, in the same place."""
    place = tmp_path / "chroma" if kind == "folder" else request.getfixturevalue("chroma_url")
    first, second = chroma(place), chroma(place)
    await first.reset()
    await first.put(["one"], EAST[None])
    await first.opened()
    await first.close()
    await second.open()
    assert names(await second.nearest(EAST, 5)) == ["one"]
    await second.close()


@pytest.mark.parametrize("kind", ["folder", "server"])
@pytest.mark.parametrize(("model", "dimension"), [("model@2", DIMENSION), (MODEL, 16)])
async def test_vectors_of_two_models_are_never_mixed(
    kind: str, model: str, dimension: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """They are not comparable: another model's collection is refused, and reset takes it over empty."""
    place = tmp_path / "chroma" if kind == "folder" else request.getfixturevalue("chroma_url")
    ours = chroma(place)
    await ours.reset()
    await ours.put(["one"], EAST[None])
    await ours.opened()
    await ours.close()
    theirs = chroma(place, model, dimension)
    with pytest.raises(IndexBroken, match="holds vectors of model@1, which are never mixed"):
        await theirs.open()
    await theirs.reset()
    assert await theirs.size() == 0
    await theirs.close()


async def test_a_start_that_was_not_survived_is_not_tried_again(tmp_path: Path) -> None:
    """A damaged folder can kill whoever opens it; the mark that is left behind stops the next one."""
    first, second = chroma(tmp_path), chroma(tmp_path)
    await first.open()
    await first.close()
    with pytest.raises(IndexBroken, match=r"did not survive its last start\."):
        await second.open()
    await second.reset()
    await second.opened()
    await second.close()
    third = chroma(tmp_path)
    await third.open()
    await third.close()


async def test_chroma_that_is_not_open_says_so(tmp_path: Path) -> None:
    """Its caller falls back to the exact scan."""
    with pytest.raises(IndexBroken, match="is not open"):
        await chroma(tmp_path).nearest(EAST, 1)


async def test_a_server_that_is_not_there_hangs_or_goes_away_is_an_error_of_ours(tmp_path: Path) -> None:
    """Every call says so in one sentence, in bounded time, and nothing of the library's own errors gets out."""
    port = free_port()
    index = Chroma(f"http://127.0.0.1:{port}", MODEL, DIMENSION, patience_s=1.0)
    with pytest.raises(IndexBroken, match=rf"Chroma at http://127\.0\.0\.1:{port} does not answer as it should\."):
        await index.open()
    with chroma_at(tmp_path, port) as server:
        await index.open()
        await index.put(["one"], EAST[None])
        server.send_signal(signal.SIGSTOP)
        with pytest.raises(IndexBroken, match="does not answer as it should"):
            await asyncio.wait_for(index.nearest(EAST, 1), PATIENCE_S)
    for call in (index.nearest(EAST, 1), index.size(), index.put(["one"], EAST[None]), index.drop(["one"])):
        with pytest.raises(IndexBroken, match="does not answer as it should"):
            await call
    await index.close()


async def test_a_server_that_never_answers_is_given_up() -> None:
    """A question must not wait for a server that hangs; neither at the start nor later."""
    over = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        index = Chroma(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", MODEL, DIMENSION, patience_s=0.2)
        try:
            with pytest.raises(IndexBroken, match="does not answer as it should"):
                await asyncio.wait_for(index.open(), PATIENCE_S)
        finally:
            over.set()


@pytest.mark.parametrize(
    ("scores", "limit", "expected"),
    [
        ([0.1, 0.9, 0.5], 2, [1, 2]),
        ([0.5, 0.5, 0.9, 0.5], 3, [2, 0, 1]),
        ([0.5, 0.5], 9, [0, 1]),
        ([], 3, []),
        ([-np.inf, 0.0], 2, [1, 0]),
        ([0.3, 0.2], 0, []),
    ],
)
def test_top_is_stable(scores: list[float], limit: int, expected: list[int]) -> None:
    """Equal scores keep their order, so that the same question gives the same list."""
    assert top(np.array(scores), limit) == expected
