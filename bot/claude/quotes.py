"""The twin of Claude without a model: quotes the passages as they stand, labelled as quotes. No I/O, no cost."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from bot.claude.client import Delta, Finish, Prompt
from bot.claude.plain import name, quoted
from bot.claude.request import Grounding
from ingest.types import Passage

MOST_PASSAGES = 4
"""More of one document than this is a document, not an answer."""
MOST_CHARACTERS = 3_000
"""What one Slack message shows without folding is about 3,000 characters; the label and the sources need the rest."""
ALSO_RELEVANT = 2
"""Other documents named below the quotes (MESSAGES.md)."""


@dataclass(frozen=True, slots=True)
class _Numbered:
    """A passage with its number in the prompt, from 1."""

    number: int
    passage: Passage


class Quotes:
    """A Writer that needs no model: the best document's passages, in the order of the document."""

    @property
    def model(self) -> None:
        """No model: people are told that they read quotes."""

    @property
    def grounding(self) -> Grounding:
        """Marks name whole passages."""
        return "inline"

    async def write(self, prompt: Prompt) -> AsyncIterator[Delta | Finish]:
        """Return a label, each passage with its `[n]`, other documents by name, and a Finish of no cost."""
        ranked = [_Numbered(number, passage) for number, passage in enumerate(prompt.passages, 1)]
        if ranked:
            best = ranked[0].passage
            how = f"quoted; {prompt.why_quoted}" if prompt.why_quoted else "quoted"
            yield Delta(f'**From the {best.kind} "{name(best.title)}" ({how}):**\n\n')
            for number, text in _shown(_chosen(ranked)):
                yield Delta(f"{_marked(text, number)}\n\n")
            if also := _also([each for each in ranked if each.passage.path != best.path]):
                yield Delta(also)
        yield Finish(model=None, tokens_in=0, tokens_out=0, usd=0.0)

    async def close(self) -> None:
        """Nothing to let go of."""


def _chosen(ranked: list[_Numbered]) -> list[_Numbered]:
    """Return the best passages of the best document, in document order."""
    path = ranked[0].passage.path
    of_best = [each for each in ranked if each.passage.path == path][:MOST_PASSAGES]
    kept, spent = of_best[:1], len(of_best[0].passage.text)
    for each in of_best[1:]:
        spent += len(each.passage.text)
        if spent <= MOST_CHARACTERS:
            kept.append(each)
    return sorted(kept, key=lambda each: each.passage.start_line)


def _shown(chosen: list[_Numbered]) -> Iterator[tuple[int, str]]:
    """Return number and Markdown of each passage that leaves anything to show, its section named where it starts."""
    before = None
    for each in chosen:
        passage = each.passage
        if text := quoted(passage.text, most=MOST_CHARACTERS, in_code=passage.in_code):
            goes_on = before is not None and before.heading == passage.heading
            named = passage.text.lstrip().startswith("#") or goes_on or not passage.heading
            section = "" if named else f"**{name(passage.heading.rsplit(' > ', 1)[-1])}** (continued)\n\n"
            yield each.number, f"{section}{text}"
        before = passage


def _marked(text: str, number: int) -> str:
    """Return the text with its mark at the end; below a code block or a table it needs a line of its own."""
    last = text.rpartition("\n")[2].strip()
    return (
        f"{text}\n\n[{number}]" if last.startswith(("```", "~~~", "|")) or last.endswith("|") else f"{text} [{number}]"
    )


def _also(others: list[_Numbered]) -> str:
    """Return the line that names other documents, each by its best passage, best first."""
    firsts = list({each.passage.path: each for each in reversed(others)}.values())[::-1]
    named = [f"_{name(each.passage.title)}_ [{each.number}]" for each in sorted(firsts, key=lambda each: each.number)]
    return f"Also relevant: {' · '.join(named[:ALSO_RELEVANT])}" if named else ""
