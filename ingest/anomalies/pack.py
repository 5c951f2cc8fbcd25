"""Learned state as bytes and back: numbers, texts, lists and numpy arrays; no code can hide in it. Pure."""

import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

LEVEL = 1
"""zlib's fastest: the arrays are mostly zeros, and a stronger one takes ten times as long for a tenth less."""

Tree = Mapping[str, Any]


def pack(tree: Tree) -> bytes:
    """Return the tree as bytes. Values: None, bool, int, float, str, bytes, lists, mappings with text keys, arrays."""
    arrays = _Arrays()
    head = json.dumps(_flat(tree, arrays), separators=(",", ":")).encode()
    squeeze = zlib.compressobj(LEVEL)
    parts = [squeeze.compress(len(head).to_bytes(8, "big") + head)]
    for array in arrays.kept:  # row by row: a copy of the whole would be what a scan needs most memory for
        parts += [squeeze.compress(row.tobytes()) for row in (array if array.ndim > 1 else (array,))]
    return b"".join((*parts, squeeze.flush()))


def unpack(data: bytes) -> dict[str, Any]:
    """Return the tree of `pack`; its arrays may be written to. Raises ValueError when the bytes are damaged."""
    try:
        raw = zlib.decompress(data)
    except zlib.error as error:
        raise ValueError("the state is damaged") from error
    size = int.from_bytes(raw[:8], "big")
    tree: dict[str, Any] = _full(json.loads(raw[8 : 8 + size]), raw, 8 + size)
    return tree


class _Arrays:
    """All arrays of a tree, and where the bytes of each begin when they stand one after the other."""

    def __init__(self) -> None:
        self.kept: list[npt.NDArray[Any]] = []
        self._size = 0

    def put(self, array: npt.NDArray[Any]) -> list[Any]:
        """Take in an array; return how it is found again."""
        place = self._size
        self.kept.append(array)
        self._size += array.nbytes
        return [place, array.dtype.str, list(array.shape)]


def _flat(value: Any, arrays: _Arrays) -> Any:  # noqa: ANN401 - any of the values named above
    if isinstance(value, np.ndarray):
        return {"@array": arrays.put(value)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, bytes):
        return {"@bytes": value.decode("latin-1")}
    if isinstance(value, Mapping):
        return {name: _flat(each, arrays) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_flat(each, arrays) for each in value]
    return value


def _full(value: Any, raw: bytes, start: int) -> Any:  # noqa: ANN401 - any of the values named above
    if isinstance(value, list):
        return [_full(each, raw, start) for each in value]
    if not isinstance(value, dict):
        return value
    if "@bytes" in value:
        return value["@bytes"].encode("latin-1")
    if "@array" in value:
        place, dtype, shape = value["@array"]
        count = int(np.prod(shape, dtype=np.int64))
        return np.frombuffer(raw, dtype=dtype, count=count, offset=start + place).reshape(shape).copy()
    return {name: _full(each, raw, start) for name, each in value.items()}
