"""One line in, the same line without secrets out. Pure: no I/O, no clock, no settings.

Rules run on google-re2, whose time is linear in the text (Python's `re` takes up to a second on a 10 kB line with
such rules). Two automata tell in one scan each which rules to ask; most lines ask none.
"""

import functools
from collections.abc import Iterable, Iterator, Sequence

from ingest.redact.chat import CHAT
from ingest.redact.clouds import CLOUDS
from ingest.redact.forges import FORGES
from ingest.redact.formats import FORMATS
from ingest.redact.headers import HEADERS
from ingest.redact.keep import digits, masked
from ingest.redact.keys import KEYS
from ingest.redact.manifests import Manifest
from ingest.redact.marks import blanked, placeholder
from ingest.redact.normal import View, views
from ingest.redact.pairs import PAIRS
from ingest.redact.rule import Found, Place, Rule, Unchecked
from ingest.redact.scan import Match, Several, scanner, within
from ingest.redact.services import SERVICES
from ingest.redact.shells import SHELLS
from ingest.redact.stores import STORES
from ingest.redact.urls import URLS
from ingest.redact.wrapped import decoded, tokens

MOST_LINE = 8 << 20
"""Bytes of a line; a longer one cannot be checked in bounded memory."""
MOST_FOUND = 20_000
"""Secrets of a line; more are an attack on the time of whoever waits."""
MOST_TOGETHER = 1 << 14
"""Bytes of a text that all contexts are looked for in at once. Hostile text makes the states of one automaton for all
multiply (1 µs a byte); beyond this each is asked by itself."""
MOST_PASSES = 8
"""How often a line is read until nothing more is found; each pass but the last hides something."""
MOST_DEPTH = 2
"""Base64 within base64."""

RULES = (*FORMATS, *CLOUDS, *FORGES, *SERVICES)
PLACES = (*KEYS, *URLS, *HEADERS, *SHELLS, *STORES, *PAIRS, *CHAT)


def cleaned(line: bytes, key: bytes, manifest: Manifest | None = None) -> bytes:
    """Return the line without its secrets; `manifest` knows the lines before and learns this one. Raises Unchecked."""
    if len(line) > MOST_LINE:
        raise Unchecked
    line, view = _settled(line, key)
    known = list(_known(view, manifest)) if manifest else ()
    return _settled(_hidden(line, known, key), key)[0] if known else line


def _settled(line: bytes, key: bytes) -> tuple[bytes, View]:
    """Return the line without what it tells by itself, and as its reader sees it."""
    for _ in range(MOST_PASSES):
        seen = list(views(blanked(line)))
        found = list(_seen(seen))
        if not found:
            return line, seen[-1]
        line = _hidden(line, found, key)
    raise Unchecked


def _known(view: View, manifest: Manifest) -> Iterator[Found]:
    """Yield what only the lines before tell, in the line's own bytes."""
    for one in manifest.found(view.text):
        start, end = view.span(one.start, one.end)
        yield Found(start, end, one.kind, one.secret)


def _seen(seen: Iterable[View]) -> Iterator[Found]:
    """Yield the secrets of a line in every view of it, in the line's own bytes."""
    count = 0
    for view in seen:
        for one in _found(view.text, MOST_DEPTH):
            count += 1
            if count > MOST_FOUND:
                raise Unchecked
            start, end = view.span(one.start, one.end)
            yield Found(start, end, one.kind, one.secret)


def _found(text: bytes, depth: int) -> Iterator[Found]:
    """Yield the secrets of a text as it stands, vendors' first: their kinds say most."""
    for asked in _asked(text):
        if isinstance(asked, Place):
            yield from asked.find(text)
        else:
            for match in scanner(asked.pattern).finditer(text):
                yield from _token(text, match, asked)
    if b"\n" in text:
        yield from _over_lines(text)
    if depth:
        yield from _wrapped(text, depth)


def _over_lines(text: bytes) -> Iterator[Found]:
    """Yield what only the lines before tell, in a text of many lines that stood escaped on one."""
    manifest, place = Manifest(), 0
    for line in text.split(b"\n"):
        for one in manifest.found(line):
            yield Found(place + one.start, place + one.end, one.kind, one.secret)
        place += len(line) + 1


def _token(text: bytes, match: Match, rule: Rule) -> Iterator[Found]:
    """Yield the token that matched a vendor's format, unless its digits or surroundings say that it is none."""
    start, end = match.start(), match.end()
    token = text[start:end]
    if digits(token) < rule.digits or masked(token):
        return
    if rule.edge and ((text[start - 1 : start] or b" ") in rule.edge or (text[end : end + 1] or b" ") in rule.edge):
        return
    yield Found(start, end, rule.kind, token)


def _wrapped(text: bytes, depth: int) -> Iterator[Found]:
    """Yield runs of base64 that wrap a secret; known again by the secret inside."""
    for match in tokens().finditer(text):
        inside = decoded(text[match.start() : match.end()])
        first = next(_found(inside, depth - 1), None) if inside else None
        if first:
            yield Found(match.start(), match.end(), first.kind, first.secret)


def _hidden(line: bytes, found: Sequence[Found], key: bytes) -> bytes:
    """Return the line with placeholders for what was found; what overlaps becomes one, of the kind found first."""
    parts: list[bytes] = []
    place = 0
    for start, end, one in _merged(found):
        parts += (line[place:start], placeholder(one.kind, one.secret, key), b"\n" * line.count(b"\n", start, end))
        place = end
    return b"".join((*parts, line[place:]))


def _merged(found: Sequence[Found]) -> Iterator[tuple[int, int, Found]]:
    ranked = sorted(enumerate(found), key=lambda pair: pair[1].start)
    rank, best = ranked[0]
    start, end = best.start, best.end
    for number, one in ranked[1:]:
        if one.start >= end:
            yield start, end, best
            rank, best, start, end = number, one, one.start, one.end
            continue
        end = max(end, one.end)
        if number < rank:
            rank, best = number, one
    yield start, end, best


def _asked(text: bytes) -> Iterator[Rule | Place]:
    """Yield the formats that match and the contexts that have a word of theirs in the text."""
    formats, contexts = _first_look()
    for number in sorted(formats.Match(text) or ()):
        yield RULES[number]
    if len(text) > MOST_TOGETHER:
        yield from PLACES
        return
    for number in sorted(contexts.Match(text) or ()):
        yield PLACES[number]


@functools.cache
def _first_look() -> tuple[Several, Several]:
    """Return the formats as one automaton and the contexts as one: both together would multiply their states."""
    return within([rule.mark or rule.pattern for rule in RULES]), within([place.mark for place in PLACES])
