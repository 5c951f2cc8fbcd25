"""Learned state as bytes and back."""

import numpy as np
import pytest

from ingest.anomalies.pack import pack, unpack


@pytest.mark.parametrize(
    "value",
    [None, True, 3, -2.5, "é\n", b"\x00\xff text", [], [1, [b"a", None]], {}, {"a": {"b": [b"c"]}}, [{"x": 1.5}]],
)
def test_values_come_back_as_they_were(value: object) -> None:
    """Whatever they hold, as deep as they are nested."""
    assert unpack(pack({"value": value})) == {"value": value}


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(0, dtype=np.int64),
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.array([True, False]),
        np.arange(24, dtype=np.float64).reshape(2, 3, 4)[:, :, :2],
        np.array([2**62], dtype=np.int64),
    ],
    ids=str,
)
def test_arrays_come_back_with_kind_and_shape_and_may_be_written_to(
    array: "np.ndarray[tuple[int, ...], np.dtype]",
) -> None:
    """Two of them do not mix."""
    back = unpack(pack({"one": array, "two": [array + array]}))
    assert back["one"].dtype == array.dtype
    assert back["one"].shape == array.shape
    assert (back["one"] == array).all()
    assert (back["two"][0] == array + array).all()
    back["one"][...] = 0


@pytest.mark.parametrize("data", [b"", b"no state", pack({"a": 1})[:-3]], ids=["empty", "strange", "cut"])
def test_damaged_bytes_are_told(data: bytes) -> None:
    """They raise ValueError and nothing else."""
    with pytest.raises(ValueError, match="damaged"):
        unpack(data)


def test_the_same_tree_gives_the_same_bytes() -> None:
    """So that two states can be compared by their bytes."""
    assert pack({"a": [1, b"b"], "c": np.arange(9)}) == pack({"a": [1, b"b"], "c": np.arange(9)})
