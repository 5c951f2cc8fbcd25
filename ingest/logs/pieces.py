"""Bytes as they are read, to whole lines. Knows neither where they come from nor what they say."""

from ingest.logs.source import MOST_LINE, cut

_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


class Pieces:
    """Puts lines together from blocks cut anywhere. `first`: the blocks are the beginning of a text.

    Line ends of Windows are dropped, and so is NUL: it fills the hole that emptying a file leaves before a writer who
    did not notice, and it is every second byte of UTF-16. Of a line, MOST_LINE bytes are kept (`source.cut`).
    """

    def __init__(self, *, first: bool = True) -> None:
        self._first = first
        self._rest = b""
        self.held = 0
        """Bytes read that are no whole line yet."""

    def lines(self, block: bytes) -> list[bytes]:
        """Return the lines that this block completes."""
        end = block.rfind(b"\n") + 1
        if not end:
            self._keep(block)
            return []
        lines = self._split(b"".join((self._rest, memoryview(block)[: end - 1])))
        self._rest, self.held = b"", 0
        self._keep(block[end:])
        return lines

    def last(self) -> list[bytes]:
        """Return what is left as a line, for a text that has ended."""
        lines = self._split(self._rest) if self.held else []
        self._rest, self.held = b"", 0
        return lines

    def _keep(self, block: bytes) -> None:
        self.held += len(block)
        # A byte more than what a line may have: so that a line that was cut is told from one that just fits.
        self._rest = (self._rest + block)[: MOST_LINE + 1]

    def _split(self, block: bytes) -> list[bytes]:
        gone = self.held - len(self._rest)
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n").removesuffix(b"\r")
        if self._first and block.startswith(_BYTE_ORDER_MARKS):
            block = block.removeprefix(_BYTE_ORDER_MARKS[0]).lstrip(b"\xff\xfe")
        self._first = False
        if b"\0" in block:
            block = block.replace(b"\r\0\n", b"\n").replace(b"\0", b"")
        lines = block.split(b"\n")
        if gone:
            lines[0] = cut(lines[0], gone)
        if _has_stretch(block):
            lines[gone > 0 :] = map(cut, lines[gone > 0 :])
        return lines


def _has_stretch(block: bytes) -> bool:
    """Whether a line may be longer than MOST_LINE: such a line fills one of the stretches of half its length."""
    half = MOST_LINE // 2
    return any(block.find(b"\n", start, start + half) < 0 for start in range(0, len(block) - half + 1, half))
