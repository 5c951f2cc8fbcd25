"""One scan of one source: what was written since the last one becomes stories. Counted once, whatever dies when.

`read` does all but the writing; `save` writes cursor, learned state and stories in the transaction that it is given, so
that whoever posts them can put the intent into the same one.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from sqlalchemy.ext.asyncio import AsyncConnection

from ingest.anomalies.report import Report
from ingest.anomalies.store import Saved, Streams
from ingest.anomalies.stream import Redact, Stream
from ingest.errors import SourceDown
from ingest.logs.source import Batch, Source

GRACE_S = 5.0
"""Lines of a minute may come so late before it is judged: shippers flush every 1 to 5 s (Vector, Fluent Bit)."""

MOST_LINES = 6_000_000
"""Lines of one scan; what is more waits for the next, and is said: a minute of 100,000 lines a second."""

CAUGHT_UP_S = 90.0
"""Where lines come and the newest is older than that, more of its minute is on the way: it waits for the next scan."""

FLOOD = 100_000.0
"""Lines a second from which on a source is said to flood."""


@dataclass(slots=True)
class Scanned:
    """What a scan found, and what `save` writes. `reports` are stories as they stand now, the latest state of each."""

    stream: Stream
    saved: Saved
    reports: list[Report] = field(default_factory=list)
    opened: list[Report] = field(default_factory=list)
    lines: int = 0
    down: str | None = None
    behind: bool = False
    flooding: bool = False

    @property
    def empty(self) -> bool:
        """Whether the source had nothing new: no data, which is not all clear."""
        return not self.lines


class Scan:
    """Scans one source again and again; keeps the stream in memory between scans as long as nobody else moved it.

    What takes time is done in a thread: a flood of lines must not keep people who ask waiting.
    """

    def __init__(
        self,
        streams: Streams,
        source: Source,
        redact: Redact,
        *,
        timezone: tzinfo = UTC,
        tell_from: float | None = None,
        learnt: bytes | None = None,
    ) -> None:
        """`learnt` is the state from which a stream starts that was never scanned."""
        self.source = source
        self._streams = streams
        self._redact = redact
        self._timezone = timezone
        self._tell_from = tell_from
        self._learnt = learnt
        self._stream: Stream | None = None
        self._left = b""

    async def read(self, now: float) -> Scanned:
        """Read and judge all that is there, up to the last minute that is over at `now` (seconds UTC)."""
        saved = await self._streams.load(self.source.name)
        stream = await self._current(saved)
        self._stream = None  # what is half done must not be gone on with; `save` brings it back
        cursor = saved.cursor if saved else {}
        scanned = Scanned(stream, saved or Saved(self.source.name, 0, cursor, b"", 0, 0.0, now))
        before, told = stream.lines, stream.stories
        async with _closing(self.source.read(cursor)) as batches:
            try:
                async for batch in batches:
                    scanned.reports += await asyncio.to_thread(stream.feed, batch)
                    cursor = batch.cursor
                    if stream.lines - before >= MOST_LINES:
                        scanned.behind = True
                        break
            except SourceDown as error:
                scanned.down = str(error)
        if stream.lines == before or stream.clock > now - CAUGHT_UP_S:
            due = not (scanned.behind or scanned.down)
            scanned.reports += await asyncio.to_thread(stream.close, now - GRACE_S) if due else []
        scanned.lines = stream.lines - before
        scanned.flooding = scanned.lines >= FLOOD * max(now - scanned.saved.scanned_at, 1.0)
        scanned.opened = [each for each in _first(scanned.reports) if each.id > told]
        scanned.saved = Saved(
            name=self.source.name,
            version=scanned.saved.version + 1,
            cursor=cursor,
            state=await asyncio.to_thread(stream.state),
            lines=stream.lines,
            clock=stream.clock,
            scanned_at=now,
            down_since=(scanned.saved.down_since or now) if scanned.down else None,
            down=scanned.down,
        )
        return scanned

    async def save(self, connection: AsyncConnection, scanned: Scanned) -> None:
        """Write what was read, in the caller's transaction. Raises Moved when another process was faster."""
        await self._streams.save(connection, scanned.saved, scanned.reports)
        self._stream, self._left = scanned.stream, _digest(scanned.saved.state)

    async def _current(self, saved: Saved | None) -> Stream:
        """Return the stream as the database has it: from memory if that is the same, else restored.

        A state that cannot be read, as one of another version, is learnt anew from where the cursor stands. The
        stories of a new stream are numbered after those that are told of its name.
        """
        # The version alone would not do: a save that was rolled back, and another process that made one, have the same.
        if saved is not None and self._stream is not None and self._left == _digest(saved.state):
            return self._stream
        state = self._learnt if saved is None else saved.state
        with suppress(ValueError):
            if state is not None:
                stream = await asyncio.to_thread(
                    Stream.restore, self.source.name, self._redact, state, timezone=self._timezone
                )
                if saved is None:
                    stream.number_after(await self._streams.last_story(self.source.name))
                return stream
        stream = Stream(self.source.name, self._redact, timezone=self._timezone, tell_from=self._tell_from)
        stream.number_after(await self._streams.last_story(self.source.name))
        return stream


@asynccontextmanager
async def _closing(batches: AsyncIterator[Batch]) -> AsyncIterator[AsyncIterator[Batch]]:
    """Yield what a source reads; in the end, whatever came between, it lets go of what it had open."""
    try:
        yield batches
    finally:
        if isinstance(batches, AsyncGenerator):
            await batches.aclose()


def _digest(state: bytes) -> bytes:
    return hashlib.sha256(state).digest()


def _first(reports: list[Report]) -> list[Report]:
    """Return the first report of each story."""
    return list({report.id: report for report in reversed(reports)}.values())[::-1]
