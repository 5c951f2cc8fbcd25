"""Text in, text without secrets out, line by line; a line that cannot be checked is withheld."""

import hmac
from collections.abc import Callable, Iterable, Iterator

from ingest.redact.engine import cleaned
from ingest.redact.keys import Held, opened
from ingest.redact.manifests import Manifest
from ingest.redact.marks import WITHHELD
from ingest.redact.normal import visible

PURE_KEY = b"incident-copilot: placeholders without a key of the house"
"""The key where there is none of the house's own. It is public: whoever has a guess can tell that it is wrong, in all
but 1 of 65,536 cases. Good for tests, and where placeholders need only be stable."""


Redact = Callable[[str], str]
"""Text in, the same text without its secrets out."""


class Redactor:
    """Hides secrets behind placeholders; the same secret gets the same one under the same key.

    `key`: any number of bytes, 32 by chance for a house's own. Lines keep their number and their ends. What has been
    redacted stays as it is when redacted again.
    """

    def __init__(self, key: bytes = PURE_KEY) -> None:
        self._key = key

    @property
    def known_as(self) -> str:
        """What texts redacted under this key are known by: another key would have given other placeholders."""
        return hmac.digest(self._key, b"known as", "sha256").hex()[:16]

    def redact(self, text: str) -> str:
        """Return `text` with every known secret replaced; the number of lines stays the same."""
        return "\n".join(self.redacted(text.split("\n")))

    def redacted(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield line by line what `redact` makes of the whole; holds back nothing but the lines of a private key."""
        manifest = Manifest()
        held: Held | None = None
        for line in lines:
            body = line.rstrip("\r\n")
            raw, end = body.encode("utf-8", "surrogatepass"), line[len(body) :]
            if held is not None:
                left = held.ends(raw)
                if left is None and held.takes(visible(raw), end):
                    continue
                yield from self._released(held, manifest)
                held, raw = None, raw if left is None else left
            held = opened(raw, end)
            if held is None:
                yield self._line(raw, manifest) + end
        if held is not None:
            yield from self._released(held, manifest)

    def _line(self, line: bytes, manifest: Manifest) -> str:
        try:
            return cleaned(line, self._key, manifest).decode("utf-8", "surrogatepass")
        except Exception:  # noqa: BLE001 - the rim: whatever went wrong, an unchecked line must not get out
            return WITHHELD

    def _released(self, held: Held, manifest: Manifest) -> Iterator[str]:
        for before, after in held.lines(self._key):
            yield self._line(before, manifest) + after


def redact(text: str) -> str:
    """Return `text` with every known secret replaced, under the key that is public."""
    return Redactor().redact(text)


def redacted(lines: Iterable[str]) -> Iterator[str]:
    """Yield line by line what `redact` makes of the whole text, under the key that is public."""
    return Redactor().redacted(lines)
