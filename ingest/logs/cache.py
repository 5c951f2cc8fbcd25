"""A dictionary of bounded size that forgets what was not asked for lately: two generations, the older one goes."""

from collections.abc import Mapping, Sequence
from typing import Final

MOST: Final = 8_000_000
"""Bytes of one generation, of which there are two."""

ENTRY: Final = 120
"""Bytes that an entry takes beside those of its key: the object, and its place in the dictionary."""

MOST_KEY: Final = 2_000
"""Bytes of the longest key that is kept."""


class Cache:
    """Numbers by keys of bytes, in at most two times `most` bytes; longer keys than `MOST_KEY` are not kept."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._size = 0
        self._new: dict[bytes, int] = {}
        self._old: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._new.keys() | self._old.keys())

    def __contains__(self, key: bytes) -> bool:
        return key in self._new or key in self._old

    def __setitem__(self, key: bytes, value: int) -> None:
        if len(key) > MOST_KEY:
            return
        self._size += len(key) + ENTRY
        if self._size > self._most:
            self._old, self._new, self._size = self._new, {}, len(key) + ENTRY
        self._new[key] = value

    def __delitem__(self, key: bytes) -> None:
        self._new.pop(key, None)
        self._old.pop(key, None)

    def get(self, key: bytes) -> int | None:
        """Return the number of a key, None if it is not known."""
        value = self._new.get(key)
        if value is None and self._old:
            value = self._old.get(key)
            if value is not None:
                self[key] = value
        return value

    def many(self, keys: Sequence[bytes]) -> list[int | None]:
        """Return the number of each key, in their order."""
        found: list[int | None] = list(map(self._new.get, keys))
        if self._old and None in found:
            found = [value if value is not None else self.get(key) for value, key in zip(found, keys, strict=True)]
        return found

    def rename(self, names: Mapping[int, int]) -> None:
        """Let the entries that have one of these numbers have the one that stands for it."""
        for cache in (self._new, self._old):
            for key in [key for key, value in cache.items() if value in names]:
                cache[key] = names[cache[key]]

    def clear(self) -> None:
        """Forget all."""
        self._new, self._old, self._size = {}, {}, 0
