"""A past incident beside a runbook's answer: told as a hypothesis, with the check that tells the two apart. Pure.

The words are the postmortem's own, from its section on telling incidents apart; no model writes or chooses them.
"""

import re
from dataclasses import dataclass, replace

from bot.answer.cite import Cites
from bot.answer.lookup import TELLS_APART, Section, sections
from bot.claude.plain import name, quoted
from ingest.documents.chunk import Unit, units_of
from ingest.index.search import Hit
from ingest.types import Document, Passage

SHORT_LINES, SHORT_CHARACTERS = 5, 500
"""A command up to this is shown; a longer one opens with the source."""

CHECK_CHARACTERS = 400
"""Of the words around it: what a reader takes in beside an answer."""

_APART = re.compile(rf"{'|'.join(TELLS_APART)}|differen|confus|\bapart\b|look-?alike", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class _Check:
    """What tells two incidents apart: the words, a short command if there is one, and the lines of both."""

    words: str
    command: str
    lines: tuple[int, int]


def seen_before(hit: Hit, cites: Cites) -> str:
    """Return the words for a past incident that looks alike, with its mark; its lines are added to `cites`."""
    check = _check(hit.document)
    lines = check.lines if check else (hit.passages[0].start_line, hit.passages[0].end_line)
    number = cites.use(_as_passage(hit, lines))
    date = _date(hit.document)
    head = f"**Seen before, perhaps:** {name(hit.document.title)}{f' ({date})' if date else ''}."
    if check is None:
        return f"{head} No check to tell them apart is written down. [{number}]"
    command = f"\n{check.command}" if check.command else ""
    return f"{head} Tell them apart: {check.words} [{number}]{command}"


def _check(document: Document) -> _Check | None:
    section = next((each for each in sections(document) if _APART.search(each.heading)), None)
    return None if section is None else _first_check(document, section)


def _first_check(document: Document, section: Section) -> _Check | None:
    """Return the first command of the section with the words that lead to it and those that read its result."""
    lines = document.text.split("\n")[section.start_line - 1 : section.end_line]
    units = units_of("\n".join(lines), section.start_line)
    at = next((index for index, unit in enumerate(units) if any(map(_FENCE.match, unit.text.split("\n")))), None)
    if at is None:
        return _Check(_plain(units[0].text), "", (units[0].start_line, units[0].end_line)) if units else None
    before, after = units[max(at - 1, 0)], units[min(at + 1, len(units) - 1)]
    if _FENCE.match(units[at].text) is None:  # a step with its command inside
        return _Check(_plain(_outside(units[at])), _fenced(units[at]), (units[at].start_line, units[at].end_line))
    lead = _SENTENCE.split(before.text)[-1] if at else ""
    reading = after.text if at + 1 < len(units) else ""
    start, end = (before if at else units[at]).start_line, (after if reading else units[at]).end_line
    return _Check(_plain(f"{lead} {reading}"), _fenced(units[at]), (start, end))


def _fenced(unit: Unit) -> str:
    """Return the first fenced block of a unit without its indentation, empty when it is long."""
    rows = unit.text.split("\n")
    start = next(index for index, row in enumerate(rows) if _FENCE.match(row))
    mark = rows[start].strip()[:3]
    end = next((index for index in range(start + 1, len(rows)) if rows[index].strip().startswith(mark)), len(rows))
    code = rows[start + 1 : end]
    shift = min((len(row) - len(row.lstrip()) for row in code if row.strip()), default=0)
    text = "\n".join(row[shift:] for row in code)
    return f"```\n{text}\n```" if len(code) <= SHORT_LINES and len(text) <= SHORT_CHARACTERS else ""


def _outside(unit: Unit) -> str:
    rows, fenced, kept = unit.text.split("\n"), False, []
    for row in rows:
        is_fence = _FENCE.match(row) is not None
        if not fenced and not is_fence:
            kept.append(row)
        fenced ^= is_fence
    return "\n".join(kept)


def _plain(text: str) -> str:
    """Return the words on one line, whole sentences as far as they fit; links are gone, code stays."""
    line = " ".join(quoted(text, most=len(text) + 1).split())
    line = re.sub(r"^(?:[-*+]|\d{1,3}[.)])\s+", "", line)
    kept = ""
    for sentence in _SENTENCE.split(line):
        if kept and len(kept) + len(sentence) > CHECK_CHARACTERS:
            break
        kept = f"{kept} {sentence}".strip()
    return kept[: 2 * CHECK_CHARACTERS]


def _date(document: Document) -> str:
    """Return the incident's day: from the file's name, the title, else the first day that its body names."""
    body = "\n".join(document.text.split("\n")[document.body_line - 1 :])
    found = (_DATE.search(text) for text in (document.path.rpartition("/")[2], document.title, body))
    return next((match[0] for match in found if match), "")


def _as_passage(hit: Hit, lines: tuple[int, int]) -> Passage:
    start, end = lines
    text = "\n".join(hit.document.text.split("\n")[start - 1 : end])
    return replace(hit.passages[0], text=text, start_line=start, end_line=end)
