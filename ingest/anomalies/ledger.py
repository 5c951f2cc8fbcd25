"""Arrays that hold one entry for each series: they grow together, and go to a state and back together. Pure."""

from collections.abc import Mapping
from typing import Any, ClassVar

from ingest.anomalies.counts import grown, room_for


class Ledger:
    """What is kept of many series, one array for each of `fields`; `size` series are in use."""

    fields: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.size = 0

    def grow(self, size: int) -> None:
        """Take in series up to `size`."""
        capacity = len(getattr(self, self.fields[0]))
        if size > capacity:
            for name in self.fields:
                setattr(self, name, grown(getattr(self, name), room_for(size, capacity)))
        self.size = max(self.size, size)

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        return {name: getattr(self, name)[: self.size] for name in self.fields} | {"size": self.size}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        for name in (*self.fields, "size"):
            setattr(self, name, state[name])
