"""Lines to columns: time, host, service, level and message of every entry of one stream. Does no I/O."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, tzinfo
from math import isnan
from typing import Any

from ingest.logs.entry import Columns, join_lines, join_traces
from ingest.logs.formats import Formats
from ingest.logs.known import Known
from ingest.logs.learn import MOST_LINES
from ingest.logs.source import Batch, Defaults
from ingest.logs.times import Times
from ingest.logs.wrapped import WRAPPINGS, Wrapping, unwrapped, wrapping_of

__all__ = ["Columns", "Parser"]


class Parser:
    """Reads one stream: keeps what it learnt of its format, the entry that is not finished, and the last time.

    `timezone` is that of stamps that name none; `reference` (seconds UTC) is about when the lines were written, for
    stamps without a year or a day, until a batch tells it (`written`).
    """

    def __init__(self, timezone: tzinfo = UTC, reference: float = 0.0) -> None:
        self._times = Times(timezone, reference)
        self._known = Known(self._times)
        self._formats = Formats(self._known)
        self._wrapping: Wrapping | None = None
        self._begun = False
        self._time = 0.0
        self._open: Columns | None = None

    @property
    def state(self) -> dict[str, object]:
        """What `restore` needs to go on after a restart as if there had been none: JSON-able.

        To be kept with the cursor of the same batch, in one transaction: it holds the entry that is still open.
        """
        held = None if self._open is None else [_text(column[0]) for column in self._open.lists]
        return {
            "wrapping": self._wrapping.name if self._wrapping else None,
            "formats": self._formats.state if self._begun else None,
            "near": self._times.near,
            "time": self._time,
            "open": held,
        }

    def state_with(self, clean: Callable[[bytes], bytes]) -> dict[str, object]:
        """Return the state, the entry that is still open with its texts as `clean` leaves them."""
        held = self._open
        if held is None:
            return self.state
        self._open = replace(held, hosts=[*map(clean, held.hosts)], services=[*map(clean, held.services)])
        self._open.texts = [*map(clean, held.texts)]
        state, self._open = self.state, held
        return state

    @property
    def held(self) -> float | None:
        """The time (seconds UTC) of the entry that is held back, None when there is none."""
        return None if self._open is None else float(self._open.times[0])

    @property
    def timed(self) -> bool:
        """Whether the lines read so far have a header that tells a time; those of other streams are messages alone."""
        return self._formats.timed or (self._wrapping is not None and self._wrapping.timed)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        if state.get("formats") is None:
            return
        self._begun = True
        self._wrapping = next((each for each in WRAPPINGS if each.name == state["wrapping"]), None)
        self._formats.restore(state["formats"])
        self._times.near, self._time = state["near"], state["time"]
        if state["open"] is not None:
            self._open = Columns(*([_value(value)] for value in state["open"]))

    def columns(self, batch: Batch, *, last: bool = False) -> Columns:
        """Return the entries that are finished with this batch, the one held back before it first.

        The youngest entry is held back, as lines that belong to it may follow; `last` gives it out as well. What goes
        on an entry that was given out already is an entry of its own.
        """
        if batch.written is not None:
            self._times.reference = batch.written
        columns, rest = self._read(batch.lines)
        if batch.defaults is not None:
            _default(columns, batch.defaults)
        self._date(columns.times, batch.times)
        if self._open is not None:
            for column, held in zip(columns.lists, self._open.lists, strict=True):
                column[:0] = held
            rest = [place + 1 for place in rest]
            self._open = None
        join_lines(columns, rest)
        join_traces(columns)
        if not last and len(columns):
            self._open = Columns(*([column.pop()] for column in columns.lists))
        return columns

    def _read(self, lines: list[bytes]) -> tuple[Columns, list[int]]:
        if not self._begun and lines:
            self._begun = True
            self._wrapping = wrapping_of(lines[:MOST_LINES])
        if self._wrapping is None:
            return self._formats.read(lines)
        inner = unwrapped(self._wrapping, lines)
        columns, rest = self._formats.read(inner.lines)
        if self._wrapping.timed:
            columns.times[:] = [self._times.one(time) for time in inner.times]
        services = [self._known.services[source.rpartition(b"/")[2]] for source in inner.sources]
        columns.services[:] = [own or told for own, told in zip(columns.services, services, strict=True)]
        return columns, sorted({*rest, *inner.parts})

    def _date(self, times: list[float], told: Sequence[float] | None) -> None:
        """Give entries without a time that of the source, else that of the one before."""
        if not times:
            return
        if isnan(sum(times)):
            last = self._time
            for place, time in enumerate(times):
                if isnan(time):
                    own = told[place] if told else last
                    times[place] = last = last if isnan(own) else own
                else:
                    last = time
        self._time = times[-1]


def _default(columns: Columns, defaults: Sequence[Defaults]) -> None:
    columns.hosts[:] = [own or told.host for own, told in zip(columns.hosts, defaults, strict=True)]
    columns.services[:] = [own or told.service for own, told in zip(columns.services, defaults, strict=True)]
    columns.levels[:] = [own or told.level for own, told in zip(columns.levels, defaults, strict=True)]


def _text(value: object) -> object:
    """Return a value as JSON holds it; bytes as text that keeps every byte."""
    return {"bytes": value.decode("latin-1")} if isinstance(value, bytes) else value


def _value(value: object) -> Any:  # noqa: ANN401 - bytes or a number, by column
    return value["bytes"].encode("latin-1") if isinstance(value, dict) else value
