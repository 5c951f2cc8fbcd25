"""What only the lines before tell: the data of a Kubernetes Secret, `value:` under `name: DB_PASSWORD`."""

from collections.abc import Iterator
from dataclasses import dataclass

from ingest.redact.judge import How, hides
from ingest.redact.keep import random_looking, refers
from ingest.redact.names import Promise, promise
from ingest.redact.pairs import kind_of, value_at
from ingest.redact.rule import Found
from ingest.redact.scan import scanner
from ingest.redact.wrapped import decoded

MOST_APART = 4
"""Lines between a name and its value, as `description` and `type` in Terraform."""
LEAST_WRAPPED = 8
LEAST_RANDOM = 16

_CORE = r"(?:^|\W)apiVersion\W+v1\W*$"
_KIND = r"^\s*\\*\"?kind\\*\"?\s*:\s*\\*\"?(\w+)\\*\"?\s*,?\s*$"
_DATA = r"^(\s*)\\*\"?(data|stringData)\\*\"?\s*:\s*\{?\s*$"
_ITEM = r"^\s*\\*[\"']?[\w.\-/]+\\*[\"']?\s*:\s*\\*[\"']?([^\s\"'\\,|>](?:.*[^\s\"'\\,])?)\\*[\"']?\s*,?\s*$"
_SCALAR = r"^\s*[\w.\-/\"]+\s*:\s*[|>][+\-\d]*\s*$"
_NAME = (
    r"(?:^|\W)(?:name|key|Name|Key)\"?\s*[:=]\s*\"?([\w.\-]+)\"?\s*,?\s*$|"
    r"\b(?:variable|resource)\s.*\"([\w.\-]+)\"\s*\{\s*$"
)
_VALUE = r"^\s*\"?(?:value|Value|default|secret_string)\"?\s*[:=]\s*"


@dataclass(slots=True)
class Manifest:
    """What has been read of an object so far; give it every line, in order."""

    kind: bytes = b""
    object: bool = False
    """Whether an object of the core API is being read: its data may be a Secret's whose kind comes last."""
    data_at: int = -1
    """Spaces before `data:`, in whose block the next lines stand; -1 outside."""
    strings: bool = False
    scalar_at: int = -1
    promised: Promise = "none"
    name: bytes = b""
    left: int = 0

    def found(self, line: bytes) -> Iterator[Found]:
        """Yield the secrets of the next line that only the lines before tell."""
        words = line.strip()
        if not words:
            return
        if words.startswith(b"---"):
            self.kind, self.data_at, self.object = b"", -1, False
        self.object = self.object or scanner(_CORE).search(words) is not None
        if b"kind" in line and (match := scanner(_KIND).search(line)):
            self.kind = line[match.start(1) : match.end(1)]
        yield from self._data(line, words)
        yield from self._named(line)

    def _data(self, line: bytes, words: bytes) -> Iterator[Found]:
        indent = len(line) - len(line.lstrip())
        if self.data_at >= 0 and (indent <= self.data_at or words.startswith(b"}")):
            self.data_at = -1
        if self.data_at >= 0:
            yield from self._item(line, indent)
        elif (b"data" in line or b"Data" in line) and (match := scanner(_DATA).search(line)):
            self.data_at, self.scalar_at = match.end(1), -1
            self.strings = match.end(2) - match.start(2) > len(b"data")

    def _item(self, line: bytes, indent: int) -> Iterator[Found]:
        if 0 <= self.scalar_at < indent:
            if self._is_secret():
                yield Found(indent, len(line.rstrip()), "kubernetes-secret", line.strip())
            return
        self.scalar_at = indent if scanner(_SCALAR).search(line) else -1
        match = scanner(_ITEM).search(line) if self.scalar_at < 0 else None
        if match is None:
            return
        value = line[match.start(1) : match.end(1)]
        if not refers(value.replace(b"\0", b"")) and (
            self._is_secret() or (self.object and not self.kind and _wraps(value))
        ):
            yield Found(match.start(1), match.end(1), "kubernetes-secret", value)

    def _is_secret(self) -> bool:
        return self.strings or self.kind == b"Secret"

    def _named(self, line: bytes) -> Iterator[Found]:
        if self.left and (match := scanner(_VALUE).search(line)):
            value = value_at(line, match.end())
            if value and hides(self.promised, line[value[0] : value[1]], How(assigned=True, quoted=value[2])):
                yield Found(value[0], value[1], kind_of(self.promised, self.name), line[value[0] : value[1]])
            self.left = 0
            return
        self.left = max(0, self.left - 1)
        lower = line.lower()
        if (b"name" in lower or b"key" in lower or b"variable" in lower) and (match := scanner(_NAME).search(line)):
            group = 1 if match.start(1) >= 0 else 2
            self.name = line[match.start(group) : match.end(group)]
            self.promised = promise(self.name)
            self.left = MOST_APART if self.promised != "none" else 0


def _wraps(value: bytes) -> bool:
    """Return whether a value is base64 as a Secret holds it; its kind may follow only below."""
    if len(value) % 4 or scanner(r"[A-Za-z0-9+/]+={0,2}").fullmatch(value) is None:
        return False
    if len(value) >= LEAST_WRAPPED and decoded(value) is not None:
        return True
    return len(value) >= LEAST_RANDOM and random_looking(value)
