"""`templates`: the patterns of one log file: each line's for scripts, the commonest for people."""

import json
import math
import sys
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bot.commands import screen, story
from bot.errors import BotError
from ingest.logs.files import Files
from ingest.logs.levels import NAMES
from ingest.logs.line import Columns, Parser
from ingest.logs.names import streams_of
from ingest.logs.source import Batch, Source
from ingest.logs.stdin import Stdin
from ingest.logs.template import Miner
from ingest.redact import redact

STDIN = "-"
"""The FILE that means standard input."""

SHOWN = 30
"""Patterns that people see; the rest are counted."""

BARS = 24
"""Bars of a pattern's course over the time of the file."""

MOST_WIDE = 140
"""Characters of a pattern that are shown: about a row of a wide terminal."""


async def templates(file: str, *, as_json: bool) -> int:
    """Show the patterns of a file."""
    seen = _Seen()
    async for batch in _source(file).read({}):
        seen.add(batch)
    seen.add(Batch([], {}), last=True)
    if as_json:
        _rows(seen)
    else:
        _top(seen)
    return 0


def _source(file: str) -> Source:
    """Return the one file as a source. Raises WrongUse for one that is not there."""
    if file == STDIN:
        return Stdin(sys.stdin.buffer)
    if not file.strip():
        raise BotError("The path is empty: name a file.")
    streams = streams_of([file])
    if Path(file).is_dir() or len(streams) > 1:
        raise BotError(f"{file} is more than one file: name one of them.")
    return Files(*next(iter(streams.items())), finished=True)


@dataclass(slots=True)
class _Seen:
    """What was read: the pattern and the number of lines of every entry, in their order, and their counts.

    Lines without a header that tells a time are messages as they are, one an entry.
    """

    parser: Parser = field(default_factory=Parser)
    miner: Miner = field(default_factory=Miner)
    plain: bool | None = None
    ids: "array[int]" = field(default_factory=lambda: array("l"))
    physical: "array[int]" = field(default_factory=lambda: array("l"))
    levels: Counter[tuple[int, int]] = field(default_factory=Counter)
    minutes: Counter[tuple[int, int]] = field(default_factory=Counter)

    def add(self, batch: Batch, *, last: bool = False) -> None:
        """Take in lines; `last` also the entry that was held back."""
        columns = _messages(batch) if self.plain else self.parser.columns(batch, last=last)
        if self.plain is None and batch.lines:
            self.plain = not self.parser.timed
            if self.plain:
                columns = _messages(batch)
        ids = self.miner.ids(columns.texts, columns.levels)
        self.ids.extend(ids)
        self.physical.extend(columns.physical)
        self.levels.update(zip(ids, columns.levels, strict=True))
        self.minutes.update(zip(ids, (int(time // 60) for time in columns.times), strict=True))

    def final(self, number: int) -> int:
        """Return the id that stands in the end for one that a line got."""
        return self.miner.merged.get(number, number)


def _messages(batch: Batch) -> Columns:
    """Return lines as entries of their own, without any header."""
    lines = len(batch.lines)
    nothing = [b""] * lines
    return Columns([0.0] * lines, nothing, nothing, [0] * lines, batch.lines, [1] * lines)


def _rows(seen: _Seen) -> None:
    """Write a row for every line, numbered from 1."""
    tails: dict[int, str] = {}
    number = 0
    for given, lines in zip(seen.ids, seen.physical, strict=True):
        tail = tails.get(given)
        if tail is None:
            group = seen.final(given)
            known = {"group": group, "template": redact(seen.miner.template(group))}
            tail = tails[given] = json.dumps(known, ensure_ascii=False)[1:]
        rows = [f'{{"line": {number + at}, {tail}\n' for at in range(1, lines + 1)]
        number += lines
        with screen.writing():
            sys.stdout.write("".join(rows))
    with screen.writing():
        sys.stdout.flush()


def _top(seen: _Seen) -> None:
    """Show the commonest patterns, the commonest first."""
    counts = Counter(dict.fromkeys(map(seen.final, set(seen.ids)), 0))
    for given, times in Counter(seen.ids).items():
        counts[seen.final(given)] += times
    whole = counts.total()
    if not whole:
        screen.say("The file holds no line.")
        return
    courses, span = _courses(seen)
    levels = _levels(seen)
    patterns = "1 pattern" if len(counts) == 1 else f"{len(counts):,} patterns"
    entries = "1 entry" if whole == 1 else f"{whole:,} entries"
    screen.out(screen.bold(f"{patterns} in {entries}{span}"))
    for number, times in counts.most_common(SHOWN):
        course = f"{courses[number]}  " if courses else ""
        text = screen.visible(redact(seen.miner.template(number))).replace("\n", " ")
        text = text if len(text) <= MOST_WIDE else f"{text[:MOST_WIDE]} ..."
        screen.out(f"{times / whole:>6.1%} {times:>9,}  {levels[number]:<5}  {course}{text}")
    rest = counts.most_common()[SHOWN:]
    if rest:
        share = sum(times for _, times in rest) / whole
        screen.out(screen.dim(f"{share:>6.1%} in {len(rest):,} more patterns"))


def _levels(seen: _Seen) -> Mapping[int, str]:
    """Return the commonest level of each pattern."""
    levels: dict[int, Counter[int]] = {}
    for (given, level), times in seen.levels.items():
        levels.setdefault(seen.final(given), Counter())[level] += times
    names = {number: each.most_common(1)[0][0] for number, each in levels.items()}
    return {number: NAMES[level].upper() if level else "" for number, level in names.items()}


def _courses(seen: _Seen) -> tuple[Mapping[int, str], str]:
    """Return each pattern's counts over time as bars, and the time in words; nothing where no line tells a time."""
    minutes = [minute for _, minute in seen.minutes if minute > 0]
    if not minutes:
        return {}, ""
    first, last = min(minutes), max(minutes)
    step = max(1, math.ceil((last - first + 1) / BARS))
    bars = max(1, math.ceil((last - first + 1) / step))
    counts: dict[int, list[float]] = {}
    for (given, minute), times in seen.minutes.items():
        course = counts.setdefault(seen.final(given), [0.0] * bars)
        course[max(minute - first, 0) // step] += times
    start, end = (datetime.fromtimestamp(minute * 60, UTC) for minute in (first, last))
    span = f", {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC, a bar is {story.lasted(step * 60.0)}"
    return {number: story.bars(course) for number, course in counts.items()}, span
