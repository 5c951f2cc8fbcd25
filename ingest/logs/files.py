"""Log files as a source: what was written since, whatever rotation did to the files. Knows no line format."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar, cast

from ingest.errors import SourceDown
from ingest.logs.names import age_of, matching, stem_of
from ingest.logs.opened import Mark, Opened
from ingest.logs.pieces import Pieces
from ingest.logs.source import Batch, Cursor

P = ParamSpec("P")
T = TypeVar("T")

BLOCK: Final = 512 * 1024
"""Ours: bytes read at once. About two thousand lines: their columns stay in the processor's cache (nearly twice as fast
as 2 MiB), and a turn of the thread costs a small part of what parsing them does."""


class Files:
    """The files of one stream. Paths may be globs, which are looked up at every read.

    A file that is rotated away is read to its end: it is found again by its content, under a new name, copied or
    packed. Two files that begin alike and are alike as far as the shorter one goes are one file and its copy. In
    `finished` files, a last line without a line end is whole; in others it is held back until it has one, or until
    its file was rotated away and stays as it is.
    """

    def __init__(self, name: str, paths: Sequence[Path | str], *, finished: bool = False, block: int = BLOCK) -> None:
        self._name = name
        self._paths = [str(path) for path in paths]
        self._finished = finished
        self._block = block

    @property
    def name(self) -> str:
        """The stream's name."""
        return self._name

    async def read(self, cursor: Cursor) -> AsyncIterator[Batch]:
        """Yield every line that is there after `cursor`, the oldest file first; at the end a batch without lines.

        Reads in a thread. Raises SourceDown when there is no file, or one cannot be read.
        """
        marks = [Mark.restored(each) for each in cast("list[dict[str, Any]]", cursor.get("files", []))]
        with ExitStack() as stack:
            batches = await _in_thread(self._begun, stack, marks)
            while (batch := await _in_thread(self._next, batches)) is not None:
                yield batch

    async def newest(self) -> float | None:
        """Return when the files were last written (seconds UTC). Raises SourceDown when there is none."""
        return await asyncio.to_thread(self._written)

    def _written(self) -> float | None:
        try:
            files = [path.stat() for path in self._given()]
        except OSError as error:
            raise self._down(error) from error
        if not files:
            raise self._missing()
        return max((file.st_mtime for file in files if file.st_size), default=None)

    def _begun(self, stack: ExitStack, marks: Sequence[Mark]) -> Iterator[Batch]:
        try:
            given = set(self._given())
            files = [stack.enter_context(file) for file in _opened(given | _siblings(given, marks))]
            if not files:
                raise self._missing()
            starts = _starts(files, marks, given)
        except (OSError, EOFError) as error:
            raise self._down(error) from error
        return _Reading(starts, finished=self._finished, block=self._block).batches()

    def _next(self, batches: Iterator[Batch]) -> Batch | None:
        try:
            return next(batches, None)
        except (OSError, EOFError) as error:
            raise self._down(error) from error

    def _missing(self) -> SourceDown:
        return SourceDown(f"{self._name} has no file at {', '.join(self._paths)}: check the path.")

    def _down(self, error: Exception) -> SourceDown:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "its packing is damaged"
        return SourceDown(f"{self._name} cannot be read ({reason}): check the files at {', '.join(self._paths)}.")

    def _given(self) -> Iterator[Path]:
        for path in self._paths:
            yield from (each for each in matching(path) if each.is_file())


async def _in_thread(work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """Return what `work` returns in a thread; who is cancelled waits for it, else it opens files that nobody closes."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *given, **named))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # looked at: who cancelled us does not wait for it
        raise


def _opened(paths: set[Path]) -> Iterator[Opened]:
    """Open files, oldest first; one that vanishes meanwhile is found under its new name the next time."""
    for path in sorted(paths, key=lambda path: (age_of(path), path)):
        with suppress(FileNotFoundError):
            yield Opened(path)


def _siblings(given: set[Path], marks: Sequence[Mark]) -> set[Path]:
    """Return what rotation may have made of files that were read: their neighbours of the same stem."""
    if not marks:
        return set()
    stems = {(path.parent, stem_of(path)) for path in given}
    return {
        near
        for folder in {path.parent for path in given}
        for near in folder.iterdir()
        if (folder, stem_of(near)) in stems and near.is_file()
    }


def _starts(files: Sequence[Opened], marks: Sequence[Mark], given: set[Path]) -> dict[Opened, Mark]:
    """Return the files to read, oldest first, each with the mark where it goes on."""
    claimed: dict[Opened, Mark] = {}

    def claim(mark: Mark, *, anywhere: bool = False) -> bool:
        fits = (
            file for file in files if file not in claimed and (anywhere or file.same_file(mark)) and file.is_at(mark)
        )
        if (file := next(fits, None)) is not None:
            claimed[file] = mark
        return file is not None

    # First by place and content; then by content alone: what a file held that was emptied or removed may live on in a
    # copy, packed or not. Last those of which nothing was read: a place on the disk is given to other files again.
    lost = [mark for mark in marks if mark.offset and not claim(mark)]
    for mark in lost:
        claim(mark, anywhere=True)
    for mark in marks:
        if not mark.offset:
            claim(mark)
    oldest = min((age_of(file.path) for file in claimed), default=None)
    for file in sorted(files, key=lambda file: (file.packed, -files.index(file))):  # the original before its copy
        stranger = file.path not in given and (oldest is None or age_of(file.path) < oldest)
        if file not in claimed and not stranger and not any(file.copies(other) for other in claimed):
            claimed[file] = file.mark(0)
    return {file: claimed[file] for file in files if file in claimed}


class _Reading:
    """One read over all files of a stream."""

    def __init__(self, starts: dict[Opened, Mark], *, finished: bool, block: int) -> None:
        self._starts = starts
        self._marks = dict(starts)
        self._finished = finished
        self._block = block
        self._size = sum(file.size for file in starts) or 1

    def batches(self) -> Iterator[Batch]:
        """Yield what is new in every file, then the cursor."""
        for file, mark in self._starts.items():
            if not (mark.ended and not mark.held and file.known(mark)):
                yield from self._new(file, mark)
        yield Batch([], self._cursor, done=1.0)

    def _new(self, file: Opened, mark: Mark) -> Iterator[Batch]:
        pieces, offset = Pieces(first=mark.offset == 0), mark.offset
        file.seek(offset)
        while block := file.read(self._block):
            if lines := pieces.lines(block):
                offset = file.offset - pieces.held
                yield self._batch(file, offset, lines)
        size = pieces.held
        rotated = file is not next(reversed(self._starts))
        if size and (self._finished or (rotated and mark.held == size and mark.offset == offset)):
            yield self._batch(file, file.offset, pieces.last())
        else:
            self._marks[file] = file.mark(offset, held=size, ended=True)

    def _batch(self, file: Opened, offset: int, lines: list[bytes]) -> Batch:
        self._marks[file] = file.mark(offset)
        done = sum(each.share for each in self._starts) / self._size
        return Batch(lines, self._cursor, written=file.written, done=min(1.0, done))

    @property
    def _cursor(self) -> Cursor:
        return {"files": [mark.state for mark in self._marks.values()]}
