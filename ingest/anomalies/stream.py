"""One stream of log lines, from batches to reports: parse, mine, count, judge, tell. Does no I/O and knows no clock.

Its whole state goes to bytes and back, so that it can move in one transaction with the cursor.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, tzinfo
from typing import Any

import numpy as np

from ingest.anomalies.detect import Detector
from ingest.anomalies.hidden import Hidden
from ingest.anomalies.intake import Intake
from ingest.anomalies.pack import pack, unpack
from ingest.anomalies.report import Report
from ingest.anomalies.signal import First, Minute
from ingest.anomalies.story import About, Stories
from ingest.anomalies.telling import Redact, Telling
from ingest.anomalies.wording import words_of
from ingest.logs.line import Columns, Parser
from ingest.logs.source import Batch
from ingest.logs.template import Miner

VERSION = 4
"""Of the state; one of another version is learnt anew."""

LEARN_S = 24 * 3600.0
"""A stream is told about after a day of its own time: every hour of the day was seen once."""

MOST_NAMES = 20_000
"""Hosts and services that are known to be clean."""


class Stream:
    """What was learnt of one stream of log lines, and its open stories.

    `tell_from` (seconds UTC) is when stories begin to be told; by default a day after the first line.
    """

    def __init__(self, name: str, redact: Redact, *, timezone: tzinfo = UTC, tell_from: float | None = None) -> None:
        self.name = name
        self.tell_from = tell_from
        self._redact = redact
        self._timezone = timezone
        self._parser = Parser(timezone)
        self._miner = Miner(clean=self._clean)
        self._begin()

    def _begin(self) -> None:
        self._intake = Intake(self._values)
        self._detector = Detector(self._miner.words, self._clean)
        self._stories = Stories(self._about)
        self._names: dict[bytes, bytes] = {}
        self._hidden = Hidden(self._clean)
        self._firsts: dict[int, First] = {}
        self._telling = Telling(
            self.name,
            self._redact,
            timezone=self._timezone,
            miner=self._miner,
            detector=self._detector,
            firsts=self._firsts,
        )
        self._cleaned: dict[int, tuple[First, First]] = {}
        self._merged: dict[int, int] = {}

    @property
    def lines(self) -> int:
        """Return how many entries were counted."""
        return self._intake.lines

    @property
    def replayed(self) -> int:
        """Return how many entries were not counted as they came once before: a rotated file read again."""
        return self._intake.replayed

    @property
    def too_old(self) -> int:
        """Return how many entries came too late to be counted."""
        return self._intake.too_old

    @property
    def clock(self) -> float:
        """Return the stream's own time: that of the newest line that can be believed, seconds UTC."""
        return self._intake.clock

    @property
    def learning(self) -> bool:
        """Whether it is too early to tell anything."""
        return self._intake.clock < (self.tell_from or 0.0)

    @property
    def minutes(self) -> int:
        """Return how many minutes lie between its first line and its last, both included."""
        return self._detector.minute - self._detector.began + 1

    @property
    def busy_minutes(self) -> int:
        """Return how many of them had lines."""
        return self._detector.ticks

    # Lines in

    def feed(self, batch: Batch, *, last: bool = False) -> list[Report]:
        """Count a batch; return the stories that opened, grew or ended in the minutes that are over with it."""
        columns = self._parser.columns(batch, last=last)
        return self._taken(columns)

    def close(self, until: float | None = None) -> list[Report]:
        """Close the minutes before `until` (seconds UTC), by default all: no more lines will come for them.

        The entry that waits for more lines waits no longer than its minute.
        """
        held, reports = self._parser.held, list[Report]()
        if held is not None and (until is None or held < until // 60 * 60):
            columns = self._parser.columns(Batch([], {}), last=True)
            reports += self._taken(columns)
        minute = int(self._intake.clock // 60) + 1 if until is None else int(until // 60)
        return reports + self._observed(self._intake.close(minute))

    def settle(self) -> None:
        """Learn all that was seen and forget when: the next lines are those of another stream."""
        self.close()
        self._detector.settle()
        self._intake = Intake(self._values)
        self._stories = Stories(self._about)
        self._parser = Parser(self._timezone)

    def _taken(self, columns: Columns) -> list[Report]:
        if not len(columns):
            return []
        if self.tell_from is None:
            self.tell_from = columns.times[0] + LEARN_S
        for names in (columns.hosts, columns.services):
            self._clean_names(names)
        return self._observed(self._intake.add(columns, self._mined(columns)))

    def _values(self, template: int, text: bytes) -> list[tuple[int, bytes]]:
        places = self._detector.places
        if places.is_idle(template):
            return []
        return self._hidden.shown(template, text, self._miner.values(template, text, places.idle(template)))

    def _clean_names(self, names: list[bytes]) -> None:
        """Take secrets out of names, in place: whatever stands in a header may be one."""
        told = set(names)
        for name in told - self._names.keys():
            if len(self._names) >= MOST_NAMES:
                self._names.clear()
            self._names[name] = self._clean(name)
        changed = {name for name in told if self._names[name] != name}
        if changed:
            names[:] = [self._names[name] if name in changed else name for name in names]

    def _mined(self, columns: Columns) -> list[int]:
        ids = self._miner.ids(columns.texts, columns.levels)
        for gone, stays in self._miner.merged.items():
            if gone not in self._merged:
                self._merged[gone] = stays
                self._detector.merge(gone, stays)
                self._hidden.clear()
        return ids

    def _observed(self, minutes: Iterable[Minute]) -> list[Report]:
        reports: list[Report] = []
        for seen in minutes:
            self._firsts.update(seen.firsts)
            signals = self._detector.observe(seen)
            told = self._stories.tell(
                seen.minute,
                signals if seen.minute * 60.0 >= (self.tell_from or 0.0) else [],
                frozenset(seen.firsts),
            )
            self._detector.hold(self._stories.held())
            reports += [self._telling.report(story) for story in (*told.opened, *told.grown, *told.ended)]
        return reports

    # Stories out

    @property
    def stories(self) -> int:
        """The number of the last story that was told, 0 before the first."""
        return self._stories.number

    def number_after(self, last: int) -> None:
        """Give the stories that come numbers after this one: it was told already."""
        self._stories.number = max(self._stories.number, last)

    def open(self) -> list[Report]:
        """Return the stories that go on."""
        return [self._telling.report(story) for story in self._stories.open()]

    def _about(self, template: int) -> About:
        if not template:
            return About()
        words = words_of(self._miner.words(template))
        return About(words, frozenset(self._detector.roster.services.get(template, ())) - {b""})

    def _clean(self, text: bytes) -> bytes:
        return self._redact(text.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    # State

    def state(self) -> bytes:
        """Return all that must outlive a restart, without secrets."""
        return pack(
            {
                "version": VERSION,
                "tell_from": self.tell_from,
                "parser": self._parser.state_with(self._clean),
                "miner": self._miner.state(),
                "intake": self._intake.state(self._clean),
                "detector": self._detector.state(),
                "stories": self._stories.state(),
                "firsts": [[number, *first] for number, first in self._clean_firsts().items()],
                "merged": list(self._merged.items()),
            }
        )

    def _clean_firsts(self) -> Mapping[int, First]:
        """Return the examples without secrets; those of templates that did not speak since the last time are so."""
        for number, first in self._firsts.items():
            known = self._cleaned.get(number)
            if known is None or known[0] is not first:
                text = self._clean(first.text)
                self._cleaned[number] = first, first if text == first.text else first._replace(text=text)
        return {number: cleaned for number, (_, cleaned) in self._cleaned.items()}

    @classmethod
    def restore(cls, name: str, redact: Redact, state: bytes, *, timezone: tzinfo = UTC) -> "Stream":
        """Return the stream of a state; raises ValueError when it is not one of this version."""
        tree: dict[str, Any] = unpack(state)
        if tree.get("version") != VERSION:
            raise ValueError("the state is of another version")
        stream = cls(name, redact, timezone=timezone, tell_from=tree["tell_from"])
        stream._resume(tree)
        return stream

    def _resume(self, tree: Mapping[str, Any]) -> None:
        self._parser.restore(tree["parser"])
        self._miner = Miner.restore(tree["miner"], self._clean)
        self._begin()
        self._intake.restore(tree["intake"])
        self._detector.restore(tree["detector"])
        self._stories.restore(tree["stories"])
        self._firsts.update((number, First(*first)) for number, *first in tree["firsts"])
        self._cleaned = {number: (first, first) for number, first in self._firsts.items()}
        self._merged = dict(tree["merged"])
        self._detector.hold(self._stories.held())


def row(report: Report) -> dict[str, object]:
    """Return a report as the command-line contract has it (DESIGN.md, `scan`)."""
    return {
        "stream": report.stream,
        "detected_at": _iso(report.detected_at),
        "start": _iso(report.since),
        "end": None if report.ended is None else _iso(report.ended),
        "kind": report.kind,
        "template": report.template,
        "example": report.example,
        "service": report.service,
        "score": round(report.score, 2),
    }


def _iso(time: float) -> str:
    return f"{np.datetime64(round(time), 's')}Z"


__all__ = ["Redact", "Report", "Stream", "row"]
