"""Looking something up by hand: past incidents near a text, and one runbook. No model, and nothing but stored lines.

Both are told as the same stream of events as an answer, so that whoever shows answers shows these.
"""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bot.answer.audience import Gate, reader_of
from bot.answer.recall import Search
from bot.answer.verdict import judge
from bot.claude.plain import name, quoted
from bot.types import AnswerEvent, Done, Outcome, Question, Source, Status, Text, digest_of
from ingest.index.search import Filter, Hit
from ingest.redact import Redact, redact
from ingest.types import Clock, Document, Kind

INCIDENTS = 3
"""Past incidents told: more would read as a verdict by their number."""

CHOICES = 5
"""Runbooks among which a name is looked for."""

EXCERPT = 900
"""Characters quoted of one section; four of them fill a message."""

STEPS = 2_500
"""Characters of a runbook's first steps: what one message shows without folding."""

TELLS_APART = ("tell it apart", "tell apart", "tell them apart", "distinguish", "similar incidents", "differs from")
SHOWED = ("what we saw", "symptom", "detection", "signs", "impact")
SUMS_UP = ("summary", "overview", "what happened", "abstract", "tl;dr")
ACTS = ("check", "first step", "steps", "triage", "diagnos", "investigat", "procedure", "what to do", "fix", "mitigat")
"""Words of headings, best first, as postmortems and runbooks of many teams have them."""

HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
FENCE = re.compile(r"^\s*(```|~~~)")


class Journal(Protocol):
    """Where what was looked up is written down."""

    async def answered(self, question: Question, done: Done, text: str) -> None:
        """Write down how it ended."""
        ...


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a document under one heading; lines from 1, both ends included, the heading's own left out.

    `above` are the headings over it, its own last.
    """

    heading: str
    start_line: int
    end_line: int
    above: tuple[str, ...] = ()


_Told = tuple[str, tuple[Source, ...], tuple[Hit, ...]]
"""The words, the lines that they rest on, and all documents that they were chosen from."""


class Lookups:
    """Looks up documents over one index."""

    def __init__(
        self,
        search: Search,
        journal: Journal,
        clock: Clock,
        fault: Callable[[str], None] = lambda _name: None,
        redact: Redact = redact,
    ) -> None:
        self._redact = redact
        self._search = Gate(search, fault)
        self._journal = journal
        self._clock = clock

    async def similar(self, question: Question) -> AsyncIterator[AnswerEvent]:
        """Yield the past incidents near a text as hypotheses, each with what tells it apart, one Done last."""
        started = self._clock()
        yield Status("looking through the postmortems")
        found = await self._search.search(self._redact(question.text), _demand("postmortem", question), INCIDENTS)
        if not found.hits or judge(found.evidence) == "not_found":
            text = "**No past incident looks alike.** Nothing that I may read among the postmortems comes near.\n"
            yield Text(text)
            yield self._done(question, "not_found", (), started, "No postmortem is near.")
            return
        text, sources = _hypotheses(found.hits)
        async for event in self._told(question, "perhaps", (text, sources, found.hits), started):
            yield event

    async def runbook(self, question: Question) -> AsyncIterator[AnswerEvent]:
        """Yield one runbook's title, path, age and first steps, one Done last."""
        started = self._clock()
        yield Status("looking for the runbook")
        wanted = self._redact(question.text)
        found = await self._search.search(wanted, _demand("runbook", question), CHOICES)
        if not found.hits or (judge(found.evidence) == "not_found" and not _named(found.hits, wanted)):
            yield Text(f'**No runbook of that name.** Nothing that I may read is called "{name(wanted)[:80]}".\n')
            yield self._done(question, "not_found", (), started, "No runbook fits.")
            return
        hit = _named(found.hits, wanted) or found.hits[0]
        others = [each.document.title for each in found.hits if each is not hit][:2]
        text, source = _first_steps(hit.document, others)
        async for event in self._told(question, "answered", (text, (source,), found.hits), started):
            yield event

    async def _told(
        self, question: Question, outcome: Outcome, told: _Told, started: float
    ) -> AsyncIterator[AnswerEvent]:
        text, sources, hits = told
        yield Text(text)
        for source in sources:
            yield source
        done = self._done(question, outcome, sources, started, None)
        done = replace(done, drew_on=tuple(hit.document.path for hit in hits))
        await self._journal.answered(question, done, text)
        yield done

    def _done(
        self, question: Question, outcome: Outcome, sources: tuple[Source, ...], started: float, reason: str | None
    ) -> Done:
        return Done(
            outcome=outcome,
            reason=reason,
            answer_id=question.id,
            sources=sources,
            model=None,
            seconds=round(self._clock() - started, 3),
            tokens_in=0,
            tokens_out=0,
            usd=0.0,
        )


def sections(document: Document) -> list[Section]:
    """Return a document's parts in order, one at least; what stands before the first heading has an empty one."""
    lines = document.text.split("\n")
    found, start, fenced = [], document.body_line, False
    above: list[tuple[int, str]] = []
    for number, line in enumerate(lines[document.body_line - 1 :], document.body_line):
        fenced ^= bool(FENCE.match(line))
        match = None if fenced else HEADING.match(line)
        if match:
            found.append(_under(above, start, number - 1))
            above = [*((level, each) for level, each in above if level < len(match[1])), (len(match[1]), match[2])]
            start = number + 1
    found.append(_under(above, start, len(lines)))
    parts = [each for part in found if (each := _trimmed(part, lines)) is not None]
    return parts or [Section("", document.body_line, len(lines))]


def _demand(kind: Kind, question: Question) -> Filter:
    return Filter(kind=kind, audience=reader_of(question))


def _hypotheses(hits: Sequence[Hit]) -> tuple[str, tuple[Source, ...]]:
    """Return the words for past incidents, and the lines that they rest on."""
    sources: list[Source] = []
    count = f"{len(hits)} past incidents look" if len(hits) > 1 else "one past incident looks"
    parts = [f"**Seen before, perhaps:** {count} alike. Each is a guess until its check fits."]
    for number, hit in enumerate(hits, 1):
        document = hit.document
        parts.append(f"**{number}. {name(document.title)}**")
        what = section_called(document, SUMS_UP) or sections(document)[0]
        parts.append(_quote(document, what, sources, EXCERPT // 2))
        check = section_called(document, TELLS_APART)
        compare = check or section_called(document, SHOWED)
        if compare is not None and compare != what:
            parts.append(
                "_Tell it apart:_" if check else "_It names no check that tells it apart; compare what it saw:_"
            )
            parts.append(_quote(document, compare, sources, EXCERPT))
    return "\n\n".join(part for part in parts if part) + "\n", tuple(sources)


def _first_steps(document: Document, others: Sequence[str]) -> tuple[str, Source]:
    section = section_called(document, ACTS) or sections(document)[0]
    reviewed = f"reviewed {document.reviewed}" if document.reviewed else "no review date"
    sources: list[Source] = []
    steps = _quote(document, section, sources, STEPS)
    below = f"\n\nAlso near: {', '.join(f'_{name(title)}_' for title in others)}." if others else ""
    head = f"**{name(document.title)}**\n`{document.path}`, {reviewed}"
    return f"{head}\n\n_{name(section.heading) or 'It begins'}:_\n\n{steps}{below}\n", sources[0]


def _quote(document: Document, section: Section, sources: list[Source], most: int) -> str:
    """Return a section's beginning with its mark; the mark's source is appended to `sources`."""
    lines = document.text.split("\n")[section.start_line - 1 : section.end_line]
    kept = _whole_lines(lines, most)
    end = section.start_line + len(kept) - 1
    number = len(sources) + 1
    cited = digest_of("\n".join(document.text.split("\n")[section.start_line - 1 : end]))
    sources.append(Source(number, document.path, section.start_line, end, document.title, document.reviewed, cited))
    more = "" if len(kept) == len(lines) else " _(more in the source)_"
    text = quoted("\n".join(kept), most=most)
    return f"{text}\n\n[{number}]{more}" if text.endswith(("```", "~~~", "|")) else f"{text} [{number}]{more}"


def _whole_lines(lines: Sequence[str], most: int) -> list[str]:
    """Return the leading lines that fit, a line at least, and no fence cut in two where it can be helped."""
    kept: list[str] = []
    whole, fenced, size = 1, False, 0
    for line in lines:
        size += len(line) + 1
        if size > most and kept:
            break
        kept.append(line)
        fenced ^= bool(FENCE.match(line))
        whole = whole if fenced else len(kept)
    return kept[:whole]


def section_called(document: Document, words: Sequence[str]) -> Section | None:
    """Return the part whose heading has the first of these words that any has."""
    parts = sections(document)
    return next((part for word in words for part in parts if word in part.heading.lower()), None)


def _named(hits: Sequence[Hit], wanted: str) -> Hit | None:
    """Return the document whose title or file name is what was typed."""
    typed = _bare(wanted)
    for hit in hits:
        stem = hit.document.path.rpartition("/")[2].removesuffix(".md")
        if typed and typed in (_bare(hit.document.title), _bare(stem), _bare(hit.document.path)):
            return hit
    return None


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.lower()).strip()


def _under(above: Sequence[tuple[int, str]], start_line: int, end_line: int) -> Section:
    headings = tuple(each for _, each in above)
    return Section(headings[-1] if headings else "", start_line, end_line, headings)


def _trimmed(section: Section, lines: Sequence[str]) -> Section | None:
    """Return a part without blank lines around it, None if nothing is left."""
    start, end = section.start_line, min(section.end_line, len(lines))
    while start <= end and not lines[start - 1].strip():
        start += 1
    while end >= start and not lines[end - 1].strip():
        end -= 1
    return replace(section, start_line=start, end_line=end) if start <= end else None
