"""From an original to a document: front matter, kind, title, redaction. Pure."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import cast

from ingest.documents.audience import NO_RULES, NotUnderstood, Rules
from ingest.documents.front import Front, front_of
from ingest.documents.source import Original
from ingest.redact import Redact, redact
from ingest.types import Document, Kind

_HEADING_1 = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)
_FENCED = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1|\Z)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
MOST_TITLE_CHARS = 200
"""A title is shown on one line; longer ones are cut."""


@dataclass(frozen=True, slots=True)
class Read:
    """A document and what its owner should know about it. `left_out` says why it is not indexed, else None."""

    document: Document
    problems: tuple[str, ...]
    left_out: str | None


def read(root: str, original: Original, rules: Rules = NO_RULES, redact: Redact = redact) -> Read:
    """Return the document that `original` is, without its secrets; `rules` say who may read what."""
    front = front_of(original.text)
    path = f"{root}/{original.relative}"
    audience, left_out = _audience(front, path, rules)
    text = redact(original.text)
    document = Document(
        id=path,
        root=root,
        kind=_kind(front, path),
        title=redact(front.title or _title(text, front.lines) or _name(path))[:MOST_TITLE_CHARS],
        text=text,
        body_line=front.lines + 1,
        services=front.services,
        severity=front.severity,
        owner=front.owner,
        audience=audience,
        reviewed=front.reviewed,
    )
    return Read(document, front.problems, left_out)


def _audience(front: Front, path: str, rules: Rules) -> tuple[tuple[str, ...], str | None]:
    """Return who may read a document, and why nobody may, if so."""
    if front.private:
        return (), "left out: its audience cannot be understood, so nobody may read it"
    try:
        return rules.ids(front.audience or rules.of_folder(path)), None
    except NotUnderstood as error:
        source = "its audience" if front.audience else "its audience in documents.audience"
        return (), f"left out: {source} {error}, so nobody may read it"


def _kind(front: Front, path: str) -> Kind:
    if front.kind:
        return cast("Kind", front.kind)
    folders = [part.lower() for part in PurePosixPath(path).parts[:-1]]
    return "postmortem" if "postmortems" in folders else "runbook"


def _title(text: str, front_lines: int) -> str | None:
    body = _FENCED.sub("", "\n".join(text.split("\n")[front_lines:]))  # a comment in a script is no heading
    match = _HEADING_1.search(body)
    if match is None:
        return None
    return _LINK.sub(r"\1", match.group(1)).replace("`", "").strip() or None


def _name(path: str) -> str:
    stem = PurePosixPath(path).stem
    if stem.lower() in {"index", "readme", "_index"}:
        stem = PurePosixPath(path).parent.name
    return stem.replace("-", " ").replace("_", " ").strip() or stem
