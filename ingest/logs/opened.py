"""One open log file, packed or not, and how it is known again under another name. Knows no lines."""

import gzip
import os
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self, cast

HEAD: Final = 1024
"""Ours: bytes at a file's beginning that tell it from others; the first few lines, with their times."""
TAIL: Final = 256
"""Ours: bytes before the place where reading goes on; they tell a file that was emptied and written again."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where reading one file goes on, and how that file is known again: all that a cursor holds, JSON-able.

    `head` is the hash of its first `head_size` bytes, `tail` that of the TAIL bytes before `offset`; sizes and
    offsets count unpacked bytes. `size` and `changed` (nanoseconds) are the file's when it was read. `held` counts the
    bytes behind `offset` that are no whole line yet; `ended` says that all the file had was read.
    """

    device: int
    inode: int
    offset: int
    head_size: int
    head: str
    tail: str
    size: int
    changed: int
    held: int = 0
    ended: bool = False

    @property
    def state(self) -> dict[str, object]:
        """This mark as JSON holds it."""
        return asdict(self)

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> "Mark":
        """Return the mark that has this state."""
        return cls(**state)


class Opened:
    """A file that is open for reading. Bytes are counted unpacked. Raises OSError, and EOFError for damaged packing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._raw: IO[bytes] = Path(path).open("rb")  # noqa: SIM115 - closed by __exit__
        about = os.fstat(self._raw.fileno())
        self.packed = path.suffix == ".gz"
        self.device, self.inode = about.st_dev, about.st_ino
        self.size, self.changed, self.written = about.st_size, about.st_mtime_ns, about.st_mtime
        self._file = cast("IO[bytes]", gzip.GzipFile(fileobj=self._raw)) if self.packed else self._raw
        self._earlier = self._recent = b""
        self.offset = 0
        try:
            self.head = self._peeked()
        except (OSError, EOFError):
            self._raw.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._raw.close()

    def read(self, most: int) -> bytes:
        """Return the next bytes, none at the end. A packed file that is still being written ends where it ends now."""
        block = self._unpacked(most)
        self.offset += len(block)
        self._earlier, self._recent = (self._earlier + self._recent[-TAIL:])[-TAIL:], block
        return block

    def seek(self, offset: int) -> None:
        """Go to a place; at most to the end."""
        if offset == self.offset:
            return
        if not self.packed:
            self._raw.seek(offset)
            self.offset, self._earlier, self._recent = offset, b"", b""
            return
        if offset < self.offset:
            self._file.seek(0)
            self.offset, self._earlier, self._recent = 0, b"", b""
        while self.offset < offset and self.read(min(1 << 20, offset - self.offset)):
            pass

    def before(self, offset: int) -> bytes:
        """Return the bytes before a place, at most TAIL; fewer, when the file does not reach so far. Moves in it."""
        begin = max(0, offset - TAIL)
        if not self.offset - len(self._earlier) - len(self._recent) <= begin <= offset <= self.offset:
            self.seek(begin)
            self.read(offset - self.offset)
        start = self.offset - len(self._recent)
        if begin >= start:
            return self._recent[begin - start : offset - start]
        kept = self._earlier + self._recent[: max(0, offset - start)]
        start -= len(self._earlier)
        return kept[max(0, begin - start) : offset - start]

    def mark(self, offset: int, held: int = 0, *, ended: bool = False) -> Mark:
        """Return the mark for going on at `offset`."""
        back = self.offset
        head, tail = self.head[:offset], self.before(offset)
        self.seek(back)
        place = (self.device, self.inode, offset)
        return Mark(*place, len(head), _hash(head), _hash(tail), self.size, self.changed, held, ended)

    def is_at(self, mark: Mark) -> bool:
        """Whether this file's content is what a mark was set in, up to its offset."""
        if self.known(mark):
            return True
        if _hash(self.head[: mark.head_size]) != mark.head or (not self.packed and self.size < mark.offset):
            return False
        tail = self.before(mark.offset)
        return len(tail) == min(TAIL, mark.offset) and _hash(tail) == mark.tail

    def known(self, mark: Mark) -> bool:
        """Whether the file is the very one of the mark, and nothing happened to it since."""
        return self.same_file(mark) and (self.size, self.changed) == (mark.size, mark.changed)

    def same_file(self, mark: Mark) -> bool:
        """Whether the file has the mark's place on the disk, whatever it holds now."""
        return (self.device, self.inode) == (mark.device, mark.inode)

    def copies(self, other: "Opened") -> bool:
        """Whether this file holds what the other begins with, or all of it: a copy, maybe still being made."""
        least = min(len(self.head), len(other.head))
        if not least or self.head[:least] != other.head[:least]:
            return False
        shared = min(self.length, other.length)
        return self.before(shared) == other.before(shared)

    @property
    def share(self) -> int:
        """Bytes of the file on the disk that were read: for a progress bar."""
        return min(self.size, self._raw.tell()) if self.packed else min(self.size, self.offset)

    @property
    def length(self) -> int:
        """All its bytes; a packed file is read to its end for it."""
        if not self.packed:
            return self.size
        while self.read(1 << 20):
            pass
        return self.offset

    def _peeked(self) -> bytes:
        head = self._unpacked(HEAD)
        while len(head) < HEAD and (more := self._unpacked(HEAD - len(head))):
            head += more
        self._file.seek(0)
        return head

    def _unpacked(self, most: int) -> bytes:
        try:
            return self._file.read(most)
        except EOFError:  # the packer has not finished
            return b""
        except zlib.error as error:
            raise EOFError(str(error)) from error


def _hash(content: bytes) -> str:
    return sha256(content).hexdigest()[:32]
