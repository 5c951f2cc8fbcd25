"""One event as a shipper or a store hands it over: a text of one or more lines, its time, and what is known beside."""

from dataclasses import dataclass

from ingest.logs.source import Defaults
from ingest.logs.times import NEVER

NOTHING = Defaults()


@dataclass(frozen=True, slots=True)
class Event:
    """An event that was handed over. `time` is seconds UTC, NEVER when it was not told."""

    text: bytes
    time: float = NEVER
    defaults: Defaults = NOTHING
