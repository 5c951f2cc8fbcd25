"""Native citations as marks in the text: `[n:a-b]` says that passage n, lines a to b, was cited for what stands before.

The marks are what the check reads (bot/answer/cite.py) and are trusted no more than those that a model types itself.
Pure; knows no SDK.
"""

import re
from collections.abc import Sequence

from ingest.documents.chunk import Unit

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})")


class Marks:
    """Takes the text and the citations of a stream in their order, gives the text back with marks.

    Text may begin and end anywhere, also inside code: a mark waits until it can stand outside of it. Space at the end
    of a piece waits too, so that a mark stands behind its sentence and not in the next line.
    """

    def __init__(self, units: Sequence[Sequence[Unit]]) -> None:
        self._units = units
        self._waiting: list[str] = []
        self._space = ""
        self._line = ""
        self._fence = ""

    def text(self, text: str) -> str:
        """Return what may be passed on now that `text` has come."""
        whole = self._space + text
        shown = whole.rstrip()
        self._space = whole[len(shown) :]
        return self._passed(shown)

    def cite(self, result: int, start: int, end: int) -> None:
        """Take a citation: blocks `start` to `end` (end excluded) of search result `result`, all counted from 0."""
        if 0 <= result < len(self._units) and 0 <= start < end <= len(self._units[result]):
            cited = self._units[result][start:end]
            mark = f"[{result + 1}:{cited[0].start_line}-{cited[-1].end_line}]"
            if mark not in self._waiting:
                self._waiting.append(mark)

    def block_over(self) -> str:
        """Return the marks of the text block that has ended, if they can stand here."""
        if not self._waiting or self._in_code():
            return ""
        own_line = "\n" if self._ends_code() or not self._line.strip() else " "
        marks, self._waiting = " ".join(self._waiting), []
        return self._passed(f"{own_line}{marks}")

    def over(self) -> str:
        """Return what is left when the answer has ended."""
        return self.block_over() + self._passed(self._space)

    def _passed(self, text: str) -> str:
        *ended, self._line = (self._line + text).split("\n")
        for line in ended:
            self._fence = self._after(line)
        return text

    def _after(self, line: str) -> str:
        """Return the fence that is open below `line`."""
        found = _FENCE.match(line)
        if not self._fence:
            return found[1] if found else ""
        return "" if self._closes(line) else self._fence

    def _closes(self, line: str) -> bool:
        return line.strip().startswith(self._fence) and not line.strip().strip(self._fence[0])

    def _in_code(self) -> bool:
        return bool(self._after(self._line))

    def _ends_code(self) -> bool:
        return bool(self._fence) and self._closes(self._line)
