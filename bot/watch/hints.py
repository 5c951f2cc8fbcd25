"""Documents that may fit a story or an alert: its runbook with the first check, and incidents that were like it.

Nobody asked for these: what is not sure is left out. Knows neither cards nor Slack; all text is made inert by whoever
shows it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bot.answer.audience import Gate
from bot.answer.claim import orders_in
from bot.answer.lookup import SHOWED, TELLS_APART, section_called, sections
from bot.answer.recall import SECTIONS_OF_USE, Search
from bot.answer.verdict import judge, surety
from bot.claude.plain import name
from bot.types import Hint
from ingest.index.search import Filter, Hit
from ingest.types import FULL_MEMBERS, Audience, Document

ALIKE = 0.85
"""How sure it must be, from the postmortems alone, that one of them fits, to be shown unasked. Of 70 questions about
known incidents .64 pass, .51 with the right one first; of 45 that nothing answers none does, at .75 one (shared
corpus, `make eval`)."""

SECOND = 0.9
"""The second incident is shown as well when its score is so near to the first's: of those, .57 were the right ones; at
.8 it were .40."""

MOST_SOUGHT = 2_000
"""Characters of a query: what the embedder reads (256 tokens) and the rare words behind it."""

MOST_CHECK = 280
"""Characters of a check: two lines of a message."""

_PLACEHOLDER = re.compile(r"<[^<>\s]{0,40}>")
"""What stands for the values in a log's template."""

_CAMEL = re.compile(r"\b(?=\w*[a-z])[A-Za-z0-9]*?[A-Z][A-Za-z0-9]*[A-Z][A-Za-z0-9]*\b")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_FENCE = re.compile(r"^[ \t>]*(?:[-*+][ \t]+|\d+[.)][ \t]+)?(?:`{3,}|~{3,})[ \t]*(?P<language>[\w+-]*)[^`]*$")
_OUTPUT = frozenset({"json", "yaml", "yml", "text", "txt", "plain", "plaintext", "output", "log", "diff", "mermaid"})
"""Languages of code blocks that show something and are not typed."""
_NO_COMMAND = re.compile(
    r"^(?:#|//|--\s|<|\{|\[|\.\.\.|(?:export\s+)?\w+=\S*$|(?:export|cd)\s|[\w-]+:(?:\s|$)|.*[{[(]$)"
)
"""Comments, output, settings, and what only prepares the command that follows."""
_CHANGES = re.compile(
    r"\b(?:delete|drop|truncate|rm|kill|pkill|killall|restart|start|stop|reboot|shutdown|apply|scale|drain|cordon|uncordon"
    r"|patch|edit|replace|create|undo|rollback|terminate|failover|promote|purge|reset|set|taint|annotate|label|flush"
    r"|vacuum|reindex|remove|update|insert|upgrade|install|uninstall|enable|disable|mv|cp|dd|mkfs|tee)\b"
    r"|pg_terminate|pg_cancel|-X\s*(?:POST|PUT|DELETE|PATCH)|>>?\s*[/\w]",
    re.IGNORECASE,
)
"""What a command that is more than a look has in it: nothing of that may be called a check, whatever section it is in.
A look that is left out for one of these words costs less than a change that somebody takes for a look."""
_PROMPT = re.compile(r"^(?:\[?[\w.-]+@[\w.-]+[^$#]*[$#]|[$>%])\s+")
_LOOP = re.compile(r"^(?:for|while|until)\s.*\bdo$")
_STEPS = re.compile(r"\b(?P<begin>do)\b|\bdone\b")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?(?P<words>\S.*)$")
_SKIPPED = re.compile(r"^\s*(?:#|\||>|<|!\[|={3,}|-{3,}|(?:TODO|TBD|N/?A|None)\W*$|$)", re.IGNORECASE)


class Hints:
    """Finds hints over one index, for those who will read them; `fault` counts what was found and may not be read."""

    def __init__(self, search: Search, fault: Callable[[str], None] = lambda _name: None) -> None:
        self._search = Gate(search, fault)

    async def on(
        self, text: str, services: Sequence[str], audience: Audience | None, stories: Sequence[str] = ()
    ) -> tuple[Hint | None, tuple[Hint, ...]]:
        """Return the runbook that fits, None where none does, and up to two past incidents that were alike.

        `text` is what is said of the matter, `stories` the headlines or templates of what else goes on. Without an
        audience, only what every full member may read is found. Raises IngestError when the search fails.
        """
        sought = query(text, services, stories)
        reader = FULL_MEMBERS if audience is None else audience
        if not sought:
            return None, ()
        return await self._runbook(sought, reader), await self._incidents(sought, reader)

    async def _runbook(self, sought: str, reader: Audience) -> Hint | None:
        found = await self._search.search(sought, Filter(kind="runbook", audience=reader), 1)
        if not found.hits or judge(found.evidence) == "not_found":
            return None
        return _runbook(found.hits[0])

    async def _incidents(self, sought: str, reader: Audience) -> tuple[Hint, ...]:
        found = await self._search.search(sought, Filter(kind="postmortem", audience=reader), 2)
        if not found.hits or surety(found.evidence) < ALIKE:
            return ()
        least = SECOND * found.hits[0].score
        return tuple(_incident(hit) for hit in found.hits if hit.score >= least)


def query(text: str, services: Sequence[str] = (), stories: Sequence[str] = ()) -> str:
    """Return what to search for. Pure.

    Names such as KubePodCrashLooping stand as they are and in words, so that both ways of writing them are met: on 277
    alerts that lifts R@1 from .80 (their texts alone) to .97; the words without the name reach .91. A service's name
    that occurs in no document costs nothing (shared corpus).
    """
    said = _PLACEHOLDER.sub(" ", "\n".join([text, *stories]))[:MOST_SOUGHT]
    parts = dict.fromkeys(" ".join(each.split()) for each in said.split("\n"))
    named = [each for each in dict.fromkeys(services) if each and each.lower() not in said.lower()]
    whole = ". ".join(each.rstrip(".") for each in [*parts, *named] if each)
    return _CAMEL.sub(lambda found: f"{found[0]} {_HUMP.sub(' ', found[0])}", whole)[:MOST_SOUGHT]


@dataclass(frozen=True, slots=True)
class _Part:
    """What stands under one heading: of how much use it is, its lines from 1, both ends included, and its text."""

    gain: float
    start_line: int
    end_line: int
    text: str


def _runbook(hit: Hit) -> Hint:
    """Return a runbook with its first look: of the sections that say what to check, or else of those on what to do."""
    parts = _parts(hit.document)
    for gain in sorted({gain for _, gain in SECTIONS_OF_USE if gain > 0}, reverse=True):
        of_use = [part for part in parts if part.gain == gain]
        found = ((part, check) for check_in in (_look, _step) for part in of_use if (check := check_in(part.text)))
        part, check = next(found, (None, ""))
        if part is not None:
            return _hint(hit, check, part.start_line, part.end_line, runbook=True)
    nearest = hit.passages[0]
    check = _look("\n".join(part.text for part in parts))
    return _hint(hit, check, nearest.start_line, nearest.end_line, runbook=True)


def _incident(hit: Hit) -> Hint:
    """Return an incident with what its author says tells it apart, or else what was seen then."""
    section = section_called(hit.document, TELLS_APART) or section_called(hit.document, SHOWED)
    nearest = hit.passages[0]
    if section is None:
        return _hint(hit, "", nearest.start_line, nearest.end_line, runbook=False)
    text = "\n".join(hit.document.text.split("\n")[section.start_line - 1 : section.end_line])
    check = next(commands_in(text), "") or next(_lines(text), "")
    return _hint(hit, check, section.start_line, section.end_line, runbook=False)


def _hint(hit: Hit, check: str, start_line: int, end_line: int, *, runbook: bool) -> Hint:
    document = hit.document
    return Hint(document.path, document.title, start_line, end_line, _cut(check), runbook)


def _parts(document: Document) -> list[_Part]:
    """Return a document's parts in order, each with the use of its heading or of one above it."""
    lines = document.text.split("\n")
    parts = []
    for section in sections(document):
        headings = (each for each in section.above if each != document.title)
        gains = (next((gain for pattern, gain in SECTIONS_OF_USE if pattern.search(each)), 0.0) for each in headings)
        text = "\n".join(lines[section.start_line - 1 : section.end_line])
        parts.append(_Part(max(gains, default=0.0), section.start_line, section.end_line, text))
    return parts


def _look(text: str) -> str:
    """Return the first command of a text that changes nothing, empty if there is none."""
    return next((each for each in commands_in(text) if not _CHANGES.search(each)), "")


def _step(text: str) -> str:
    """Return the first line of a text that asks for no change, empty if there is none."""
    return next((each for each in _lines(text) if all(order.is_check for order in orders_in(each))), "")


def commands_in(text: str) -> Iterator[str]:
    """Yield the commands of the code blocks that are typed, each in one line, loops whole; prompts are taken off."""
    begun, loops, held = "", 0, False
    for line in _code(text):
        bare = _PROMPT.sub("", line.strip())
        if (not begun and (not bare or _NO_COMMAND.match(bare))) or (loops and (not bare or bare.startswith("#"))):
            continue
        if loops or (not begun and _LOOP.match(bare)):
            loops += sum(1 if found["begin"] else -1 for found in _STEPS.finditer(bare))
            begun += f"{' ' if held or not begun or begun.endswith((' do', '|')) else '; '}{bare}"
        else:
            begun = f"{begun} {bare}"
        held = begun.endswith("\\")
        begun = begun.removesuffix("\\").strip()
        if not held and loops <= 0:
            yield begun
            begun, loops = "", 0
    if begun and not loops:
        yield begun


def _code(text: str) -> Iterator[str]:
    fenced, typed = False, True
    for line in text.split("\n"):
        if found := _FENCE.match(line):
            fenced, typed = not fenced, found["language"].lower() not in _OUTPUT
        elif fenced and typed:
            yield line


def _lines(text: str) -> Iterator[str]:
    """Yield the items and sentences outside code, as plain text, the items first: they are the steps."""
    items: list[str] = []
    sentences: list[str] = []
    fenced = False
    for line in text.split("\n"):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and not _SKIPPED.match(line):
            item = _ITEM.match(line)
            (items if item else sentences).append(name(item["words"] if item else line))
    return (each for each in [*items, *sentences] if each)


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHECK else f"{text[: MOST_CHECK - 1].rstrip()}…"
