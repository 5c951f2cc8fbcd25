"""Lines with a header of words, read by one layout, a block at a time. Does no I/O."""

from collections.abc import Sequence

from ingest.logs.entry import Columns
from ingest.logs.known import Known
from ingest.logs.layout import Layout
from ingest.logs.levels import UNKNOWN
from ingest.logs.times import NEVER


class Headed:
    """Reads lines of one layout."""

    def __init__(self, layout: Layout, known: Known) -> None:
        self.layout = layout
        self._known = known
        places = layout.places
        self._labelled = self.timed and layout.has("host") and places["host"] < places["time"]
        self._strict = any(column.role == "level" and not column.loose for column in layout.columns)

    @property
    def timed(self) -> bool:
        """Whether the lines tell a time."""
        return self.layout.form is not None

    @property
    def state(self) -> dict[str, object]:
        """What `layout.restored` needs to build it again: JSON-able."""
        return self.layout.state

    def read(self, lines: Sequence[bytes]) -> tuple[Columns, list[int]]:
        """Return every line as an entry, NEVER its time where none is told, and the places of those that do not fit."""
        block = b"\n".join([*lines, b""])
        groups = self.layout.groups(block)
        places, known, count = self.layout.places, self._known, len(lines)
        unfit = _unfit(groups[places["time" if self.timed else "level"]])
        if unfit:
            _fill(groups, unfit)
        texts = groups[places["text"]]
        if self.layout.separator == b"\t" and b"\\" in block:  # one byte is found many times faster than two
            texts = [text.replace(b"\\n", b"\n") if b"\\" in text else text for text in texts]
        services = groups[places["service"]] if self.layout.has("service") else None
        levels = self._levels(groups, texts)
        if self._strict and UNKNOWN in levels:
            unfit = sorted({*unfit, *(place for place, level in enumerate(levels) if level == UNKNOWN)})
        columns = Columns(
            self._times(groups, unfit),
            self._hosts(groups, services),
            [b""] * count if services is None else list(map(known.services.__getitem__, services)),
            levels,
            texts,
            [1] * count,
        )
        return columns, unfit

    def _levels(self, groups: Sequence[list[bytes]], texts: Sequence[bytes]) -> list[int]:
        if not self.layout.has("level"):
            return self._known.levels_of(texts)
        return list(map(self._known.ranks.__getitem__, groups[self.layout.places["level"]]))

    def _times(self, groups: Sequence[list[bytes]], unfit: Sequence[int]) -> list[float]:
        count = len(groups[0])
        if self.layout.form is None or len(unfit) == count:
            return [NEVER] * count
        first = self.layout.places["time"]
        times = self._known.times.of(self.layout.form, *groups[first : first + 3])
        for place in unfit:
            times[place] = NEVER
        return times

    def _hosts(self, groups: Sequence[list[bytes]], services: Sequence[bytes] | None) -> list[bytes]:
        if self.layout.has("host"):
            hosts = groups[self.layout.places["host"]]
            # Before the time stands a label, often a file's name: what rotation adds to it is no other host.
            return [host.partition(b".log")[0] for host in hosts] if self._labelled else hosts
        return [b""] * len(groups[0]) if services is None else list(map(self._known.pods.__getitem__, services))


def _unfit(key: Sequence[bytes | None]) -> list[int]:
    return [place for place, head in enumerate(key) if head is None] if None in key else []


def _fill(groups: Sequence[list[bytes]], places: Sequence[int]) -> None:
    """Write the values of a line that fits where one does not, so that whole columns can be read."""
    unfit = set(places)
    model = next((place for place in range(len(groups[0])) if place not in unfit), None)
    for column in groups:
        value = b"" if model is None else column[model]
        for place in places:
            column[place] = value
