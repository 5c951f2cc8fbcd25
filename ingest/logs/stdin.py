"""Standard input as a source: lines as another program writes them. Cannot be read twice."""

import asyncio
from collections.abc import AsyncIterator
from typing import IO, Final

from ingest.errors import SourceDown
from ingest.logs.pieces import Pieces
from ingest.logs.source import Batch, Cursor

BLOCK: Final = 256 * 1024
"""Ours: as for files."""


class Stdin:
    """One stream of lines from a pipe that ends; the last line is whole even without a line end."""

    def __init__(self, pipe: IO[bytes], name: str = "stdin") -> None:
        self._pipe = pipe
        self._name = name

    @property
    def name(self) -> str:
        """The stream's name."""
        return self._name

    async def read(self, cursor: Cursor) -> AsyncIterator[Batch]:
        """Yield every line until the pipe ends. Reads in a thread. `cursor` is ignored: a pipe has no past.

        Raises SourceDown when the pipe breaks.
        """
        del cursor
        pieces = Pieces()
        try:
            while block := await asyncio.to_thread(self._pipe.read1, BLOCK):  # type: ignore[attr-defined]
                if lines := pieces.lines(block):
                    yield Batch(lines, {})
        except OSError as error:
            raise SourceDown(f"{self._name} broke off: run the command that fills it again.") from error
        if last := pieces.last():
            yield Batch(last, {})
