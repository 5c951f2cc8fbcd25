"""Views of a line as its reader would see it: without escapes, marks and hidden characters, with offsets kept.

A rule looks at a view; what it finds is hidden in the original. Knows no rules.
"""

from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ingest.redact.scan import scanner

MOST_ROUNDS = 3
"""How often escapes within escapes are undone: JSON in JSON in a log, `%2525`."""

_CONTROL = (
    r"\x1b\[[0-9;:?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)|"
    r"\x1b[@-Z\\^_]|\[[0-9;]{1,12}m|[\x01-\x08\x0e-\x1f\x7f]"
)
_INVISIBLE = (
    r"\xe2\x80[\x8b-\x8f\xaa-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xc2\xad|\xcd\x8f|\xe1\xa0[\x8b-\x8e]|"
    r"\xef\xb8[\x80-\x8f]|\xf3\xa0[\x80-\x87][\x80-\xbf]"
)
"""UTF-8 of zero-width and bidirectional characters, byte order mark, soft hyphen, variation selectors, tags."""
_ESCAPE = r"\\+u[0-9A-Fa-f]{4}|\\+u\{[0-9A-Fa-f]{1,6}\}|\\+x[0-9A-Fa-f]{2}|\\+[nrt\"'/&=]"
_PERCENT = r"%[0-9A-Fa-f]{2}"
_ENTITY = r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|amp|lt|gt|quot|apos|nbsp|equals|colon|commat|sol|zwnj|zwj|shy);"
MOST_CHARACTER = 0x10FFFF
_HIDDEN = rf"(?:{_CONTROL}|{_INVISIBLE})+"
_MARK = rf"{_HIDDEN}|{_ESCAPE}|{_PERCENT}|{_ENTITY}"

_NAMES = {
    b"&amp;": b"&", b"&lt;": b"<", b"&gt;": b">", b"&quot;": b'"', b"&apos;": b"'", b"&nbsp;": b" ", b"&equals;": b"=",
    b"&colon;": b":", b"&commat;": b"@", b"&sol;": b"/", b"&zwnj;": b"", b"&zwj;": b"", b"&shy;": b"",
}  # fmt: skip
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}


class View(NamedTuple):
    """A text and where it comes from: byte `i` of it stands for bytes `starts[i]` to `ends[i]` of the original."""

    text: bytes
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the bytes of the original that bytes `start` to `end` of the text stand for."""
        return self.starts[start], self.ends[end - 1]


def views(text: bytes) -> Iterator[View]:
    """Yield the text as it is, then with its escapes undone, as long as that changes it."""
    view: View | None = View(text, range(len(text)), range(1, len(text) + 1))
    rounds = MOST_ROUNDS
    while view is not None:
        yield view
        view = _plainer(view) if rounds else None
        rounds -= 1


def visible(text: bytes) -> bytes:
    """Return the text without colours and hidden characters, escapes as they are."""
    parts: list[bytes] = []
    place = 0
    for match in scanner(_HIDDEN).finditer(text):
        parts.append(text[place : match.start()])
        place = match.end()
    return b"".join((*parts, text[place:]))


def _plainer(view: View) -> View | None:
    """Return the view with one layer of escapes undone, or None if there is none."""
    parts: list[bytes] = []
    starts, ends, place = array("q"), array("q"), 0
    for match in scanner(_MARK).finditer(view.text):
        start, end = match.start(), match.end()
        shown = _shown(view.text[start:end])
        parts += (view.text[place:start], shown)
        starts.extend(view.starts[place:start])
        starts.extend([view.starts[start]] * len(shown))
        ends.extend(view.ends[place:start])
        ends.extend([view.ends[end - 1]] * len(shown))
        place = end
    if not parts:
        return None
    starts.extend(view.starts[place:])
    ends.extend(view.ends[place:])
    return View(b"".join((*parts, view.text[place:])), starts, ends)


def _shown(mark: bytes) -> bytes:
    """Return what an escape stands for; nothing for what is invisible."""
    if mark.startswith(b"%"):
        return bytes([int(mark[1:], 16)])
    if mark.startswith(b"&"):
        return _entity(mark)
    if not mark.startswith(b"\\"):
        return b""
    letter = mark.lstrip(b"\\")
    if letter[:1] == b"u" and len(letter) > 1:
        return _character(int(letter[1:].strip(b"{}"), 16))
    if letter[:1] == b"x" and len(letter) > 1:
        return bytes([int(letter[1:], 16)])
    return _LETTERS.get(letter, letter)


def _entity(mark: bytes) -> bytes:
    if mark in _NAMES:
        return _NAMES[mark]
    digits = mark[2:-1]
    return _character(int(digits[1:], 16) if digits[:1] in b"xX" else int(digits))


def _character(code: int) -> bytes:
    return chr(code).encode("utf-8", "surrogatepass") if code <= MOST_CHARACTER else b"?"
