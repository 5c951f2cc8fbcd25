"""Private keys in armour (RFC 7468, RFC 9580, PuTTY's PPK), on one line or over many."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ingest.redact.marks import placeholder
from ingest.redact.normal import visible
from ingest.redact.rule import Found, Place
from ingest.redact.scan import scanner

KIND = "private-key"
MOST_LINES = 800
"""Lines of a key that are held back at most; RSA with 16,384 bits has 200."""
LEAST_BODY = 40
"""Characters of a line of a key behind a log's prefix; shorter ones are told by following such a line."""

_NAME = r"(?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?"
_BEGIN = rf"-----BEGIN {_NAME}-----"
_END = rf"-----END {_NAME}-----"
_BREAK = r"(?:\s|\\+[nrt]|%0[AaDd]|&#1[03];)"
_CUT = rf"(?:{_BREAK}*[A-Za-z0-9+/=]{{20,}})*(?:(?:\\+[nr]|%0[AaDd])+[A-Za-z0-9+/=]{{0,80}})*"
_LEADS = r"[\s>|\"'+,*#]*-?"
_BODY = rf"{_LEADS}([A-Za-z0-9+/=]*)(?:\\n)?[\s\"'+,\\]*"
_HEADER = rf"{_LEADS}(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|MessageID|Content-Domain|X-[\w\-]+): .*"
_PREFIXED = rf"^(.*[\s\"'])([A-Za-z0-9+/]{{{LEAST_BODY},96}}={{0,2}})[\"'\s]*$"
_TAIL = r"^(.*[\s\"'])([A-Za-z0-9+/]{1,96}={0,2})[\"'\s]*$"
_PUTTY_LINES = r"Private-Lines:\s*\d+\s+([A-Za-z0-9+/=\s]+?)\s+Private-MAC"
_PUTTY = r"^\s*Private-Lines:\s*\d+\s*$"


def keys(text: bytes) -> Iterator[Found]:
    """Yield the keys of one line: whole, or as far as they go."""
    place = 0
    while match := scanner(_BEGIN).search(text, place):
        dashes = text.find(b"-----", match.end())
        end = scanner(_END).match(text, dashes) if dashes >= 0 else None
        cut = scanner(_CUT).match(text, match.end())
        place = end.end() if end else cut.end() if cut else match.end()
        yield Found(match.start(), place, KIND, text[match.start() : place])


@dataclass(slots=True)
class Held:
    """The lines of a key that has begun and not ended.

    `shown` is what is left of each line: what stood before the key, whether a placeholder stands there, and its end.
    """

    shown: list[tuple[bytes, bool, str]]
    body: list[bytes] = field(default_factory=list)
    prefixed: bool = False
    short: bool = False

    def takes(self, line: bytes, end: str) -> bool:
        """Take the next line of the key, which ends in `end`; False if it is none."""
        if len(self.shown) >= MOST_LINES:
            return False
        return self._takes_plain(line, end) or self._takes_prefixed(line, end)

    def ends(self, line: bytes) -> bytes | None:
        """Return what is left of the line that ends the key, or None if it does not."""
        end = scanner(rf"^.*{_END}").search(line) if b"-----END" in line else None
        return None if end is None else line[end.end() :]

    def lines(self, key: bytes) -> list[tuple[bytes, str]]:
        """Return the lines that stand in the place of the key's, as many: what is to be looked at, and what is done."""
        whole = placeholder(KIND, b"".join(self.body), key).decode()
        return [(before, whole * hidden + end) for before, hidden, end in self.shown]

    def _takes_plain(self, line: bytes, end: str) -> bool:
        if not self.body and scanner(_HEADER).fullmatch(line):
            self.shown.append((b"", False, end))
            return True
        match = scanner(_BODY).fullmatch(line)
        if match is None or (self.short and match.end(1) > match.start(1) and line[match.start(1)] != ord("=")):
            return False
        self._keep(line[match.start(1) : match.end(1)])
        self.shown.append((b"", False, end))
        return True

    def _takes_prefixed(self, line: bytes, end: str) -> bool:
        match = scanner(_TAIL if self.prefixed and not self.short else _PREFIXED).search(line)
        if match is None:
            return False
        self.prefixed = True
        self._keep(line[match.start(2) : match.end(2)])
        self.shown.append((line[: match.end(1)], True, end))
        return True

    def _keep(self, part: bytes) -> None:
        self.short = self.short or bool(self.body and part and len(part) < len(self.body[0]))
        if part:
            self.body.append(part)


def opened(line: bytes, end: str) -> Held | None:
    """Return the key that begins on this line, which ends in `end`, and does not end on it; else None."""
    if b"PRIVATE KEY" not in line and b"Private-Lines" not in line:
        return None
    line = visible(line)
    if scanner(_PUTTY).search(line):
        return Held([(line.rstrip() + b" ", True, end)])
    last = None
    for match in scanner(_BEGIN).finditer(line):
        last = match
    if last is None or scanner(_END).search(line, last.end()):
        return None
    cut = scanner(_CUT).match(line, last.end())
    stop = cut.end() if cut else last.end()
    if line[stop:].strip(b" \t\r\n\"'\\,>|+n"):
        return None
    body = [line[last.end() : stop].strip()] if stop > last.end() else []
    return Held([(line[: last.start()], True, end)], body)


def putty(text: bytes) -> Iterator[Found]:
    """Yield the keys of PuTTY's files that stood escaped on one line."""
    for match in scanner(_PUTTY_LINES).finditer(text):
        yield Found(match.start(1), match.end(1), KIND, text[match.start(1) : match.end(1)])


KEYS = (Place(r"PRIVATE KEY", keys), Place(_PUTTY_LINES, putty))
