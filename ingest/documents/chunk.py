"""A document into chunks: by heading and step, within the embedder's tokens, with exact lines. Pure.

A chunk never crosses a heading, keeps a step whole while it fits, and holds whole lines; only a single line that is
longer than the embedder reads is cut, and every piece of it then carries that line's number.
"""

import functools
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ingest.types import Chunk, Document

CHUNK_VERSION = 1
"""Part of every document's fingerprint: raise it when the cut changes, and everything is cut again."""

BREADCRUMB_TOKENS = 56
"""The most a chunk's breadcrumb may take of the embedder's window; deeper headings win over shallower ones."""

Count = Callable[[str], int]
"""How many tokens the embedder sees in a text, without its two special tokens."""


@dataclass(frozen=True, slots=True)
class _Span:
    """Lines `start` to `end` (counted from 0, end excluded) under the headings `trail`."""

    start: int
    end: int
    trail: tuple[str, ...]


class _Piece(NamedTuple):
    """A chunk before it is numbered; lines as in _Span."""

    heading: str
    start: int
    end: int
    text: str


def chunks_of(document: Document, count: Count, window: int) -> list[Chunk]:
    """Return the chunks of `document` in its order; `window` is the embedder's limit with its special tokens taken off.

    A document without a body gives one chunk that holds its title alone.
    """
    lines = document.text.split("\n")
    pieces: list[_Piece] = []
    for section in _sections(lines, document.body_line - 1):
        heading = _breadcrumb(document.title, section[0].trail, count)
        room = max(window - count(f"{document.title} > {heading}"), window // 2)
        pieces += [_Piece(heading, *packed) for packed in _packed(lines, section, count, room)]
    return _numbered(document, pieces or [_Piece("", 0, 1, document.title)])


def begins_in_code(text: str, line: int) -> bool:
    """Whether `line` (from 1) of a document lies inside a fenced block that opened above it (CommonMark 4.5)."""
    fence = ""
    for row in text.split("\n")[: line - 1]:
        mark = row.strip()[:3]
        if fence:
            fence = "" if mark == fence and not row.strip().strip(fence[0]) else fence
        elif mark in {"```", "~~~"}:
            fence = mark
    return bool(fence)


class Unit(NamedTuple):
    """A step or paragraph: whole lines, both ends included, counted as in the document."""

    start_line: int
    end_line: int
    text: str


def units_of(text: str, first_line: int, *, in_code: bool = False) -> list[Unit]:
    """Return the steps and paragraphs of a chunk in order: every line that is not blank is in exactly one.

    `first_line` is the line of the document on which `text` begins, `in_code` whether a code block is open there.
    """
    lines = text.split("\n")
    shift = int(in_code)
    blocks = [token.map for token in _parse("\n".join(["```"] * shift + lines)) if token.map and _is_block(token)]
    starts = sorted({max(start - shift, 0) for start, _ in blocks} | {0})
    units = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        last = _trimmed(lines, start, end)
        if any(line.strip() for line in lines[start:last]):
            units.append(Unit(first_line + start, first_line + last - 1, "\n".join(lines[start:last])))
    return units


def embedded_text(title: str, heading: str, text: str) -> str:
    """Return what the embedder reads for a chunk: its breadcrumb, then its lines."""
    return f"{title} > {heading}\n{text}" if heading else f"{title}\n{text}"


def card_of(document: Document) -> str:
    """Return the document's card, what it is about in a few lines: title, services and first paragraph.

    The card is a signal of its own in search (shared measurements: it is what chunks alone lack).
    """
    lines = document.text.split("\n")
    for token in _parse("\n".join(lines[document.body_line - 1 :])):
        if token.type == "paragraph_open" and token.level == 0 and token.map:
            start, end = (document.body_line - 1 + line for line in token.map)
            return "\n".join([document.title, *document.services, *lines[start:end]])
    return "\n".join([document.title, *document.services])


def _numbered(document: Document, pieces: list[_Piece]) -> list[Chunk]:
    """Give ids that depend on the content alone, so that a chunk that only moved keeps its vector and its place."""
    seen: Counter[tuple[str, str]] = Counter()
    chunks = []
    for ordinal, piece in enumerate(pieces):
        key = "\0".join((document.id, document.title, piece.heading, piece.text, str(seen[piece.heading, piece.text])))
        seen[piece.heading, piece.text] += 1
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        chunks.append(Chunk(name, document.id, ordinal, piece.heading, piece.text, piece.start + 1, piece.end))
    return chunks


def _sections(lines: list[str], first: int) -> Iterator[list[_Span]]:
    """Yield, per heading, the spans below it; a heading without a body of its own joins the next section."""
    trail: list[tuple[int, str]] = []
    section: list[_Span] = []
    has_body = False
    tokens = _parse("\n".join(lines[first:]))
    for index, token in enumerate(tokens):
        if not token.map or not _is_block(token):
            continue
        start, end = token.map[0] + first, token.map[1] + first
        if token.type == "heading_open":
            if has_body:
                yield section
            if has_body or not section:
                section, has_body = [], False
            level = int(token.tag[1:])
            trail = [*((deep, title) for deep, title in trail if deep < level), (level, tokens[index + 1].content)]
        else:
            has_body = True
        section.append(_Span(start, _trimmed(lines, start, end), tuple(title for _, title in trail)))
    if section:
        yield section


def _is_block(token: Token) -> bool:
    """Whether the token opens a unit: a top-level block, or an item of a top-level list (the list itself is none)."""
    if token.type in {"ordered_list_open", "bullet_list_open"}:
        return False
    is_item = token.type == "list_item_open" and token.level == 1
    return is_item or (token.level == 0 and token.nesting >= 0)


def _trimmed(lines: list[str], start: int, end: int) -> int:
    while end > start + 1 and not lines[end - 1].strip():
        end -= 1
    return end


def _breadcrumb(title: str, trail: tuple[str, ...], count: Count) -> str:
    parts = [part.strip() for part in trail if part.strip() and part.strip() != title]
    while len(parts) > 1 and count(" > ".join(parts)) > BREADCRUMB_TOKENS:
        parts.pop(0)
    return " > ".join(parts)[: BREADCRUMB_TOKENS * 6]


def _packed(lines: list[str], section: list[_Span], count: Count, room: int) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, text), packing spans while they fit into `room` tokens."""
    start, end, used = section[0].start, section[0].start, 0
    for span in section:
        cost = count("\n".join(lines[span.start : span.end]))
        if used and used + cost > room:
            yield start, end, "\n".join(lines[start:end])
            start, used = span.start, 0
        if cost > room:
            *whole, (start, end, _text) = _cut(lines, span, count, room)
            yield from whole
            used = count("\n".join(lines[start:end]))
            if used > room:  # the last piece is part of one long line, and stays alone
                yield start, end, _text
                start, used = end, 0
            continue
        end, used = span.end, used + cost
    if used:
        yield start, end, "\n".join(lines[start:end])


def _cut(lines: list[str], span: _Span, count: Count, room: int) -> Iterator[tuple[int, int, str]]:
    """Yield pieces of a span that is too long, line by line."""
    start, used = span.start, 0
    for number in range(span.start, span.end):
        cost = count(lines[number]) + 1
        if used and used + cost > room:
            yield start, number, "\n".join(lines[start:number])
            start, used = number, 0
        if cost > room:
            for piece in _pieces(lines[number], count, room):
                yield number, number + 1, piece
            start, used = number + 1, 0
        else:
            used += cost
    if used:
        yield start, span.end, "\n".join(lines[start : span.end])


def _pieces(line: str, count: Count, room: int) -> Iterator[str]:
    """Yield parts of one long line that each fit, cut at spaces where there are any."""
    if count(line) <= room:
        yield line
        return
    middle = line.rfind(" ", 0, len(line) // 2) + 1 or len(line) // 2
    yield from _pieces(line[:middle], count, room)
    yield from _pieces(line[middle:], count, room)


def _parse(text: str) -> list[Token]:
    return _markdown().parse(text)


@functools.cache
def _markdown() -> MarkdownIt:
    # Blocks and their line numbers are all that is needed; inline parsing is nine tenths of the time.
    return MarkdownIt("commonmark").enable("table").disable("inline")
