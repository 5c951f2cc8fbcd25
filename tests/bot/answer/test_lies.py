"""Two hundred generated answers with lies in each, and two hundred honest ones, in both grounding modes.

They come through the real client from a loopback Messages API, and are looked at as a reader sees them.
"""

import random
import re
from collections import Counter
from pathlib import Path

import pytest

from bot.answer.cite import LEFT_OUT, UNSUPPORTED, Checker, Cites
from bot.answer.evidence import normal
from bot.claude.client import Claude, Delta, Prompt
from bot.settings import ClaudeSettings
from ingest.documents.chunk import begins_in_code, chunks_of
from ingest.documents.front import front_of
from ingest.index.embed import MiniLM
from ingest.types import Document, Passage
from tests.bot.answer.lies import LIES, Made, honest, lying
from tests.fakes.claude import FakeClaude, Say, Scripted, passage

ANSWERS = [40, pytest.param(200, marks=pytest.mark.slow)]
"""Answers a test writes; the whole number takes a minute when the cores are shared."""
QUESTION = "what do I do now?"


@pytest.fixture(scope="module")
def shelf(minilm: MiniLM, example: Path) -> list[tuple[Passage, ...]]:
    """Give the passages of each shipped document."""
    return [_passages_of(path, minilm) for path in sorted(example.rglob("*.md"))]


def _passages_of(path: Path, minilm: MiniLM) -> tuple[Passage, ...]:
    text = path.read_text()
    title, line = front_of(text).title or path.stem, front_of(text).lines + 1
    document = Document(path.name, "runbooks", "runbook", title, text, line)
    return tuple(
        passage(
            chunk.text,
            chunk_id=chunk.id,
            path=path.name,
            title=title,
            heading=chunk.heading,
            start_line=chunk.start_line,
            end_line=chunk.end_line,
            in_code=begins_in_code(text, chunk.start_line),
        )
        for chunk in chunks_of(document, minilm.count, minilm.window)
    )


def _recalled(rng: random.Random, shelf: list[tuple[Passage, ...]]) -> tuple[Passage, ...]:
    """Return passages as recall gives them: four of one document, two each of two others."""
    first, *others = rng.sample(shelf, 3)
    kept = rng.sample(first, min(4, len(first)))
    return (*kept, *(each for other in others for each in rng.sample(other, min(2, len(other)))))


async def read_by_a_person(made: Made, claude: Claude) -> tuple[str, Cites]:
    """Return what a reader sees of an answer that the server has ready, and its sources."""
    checker = Checker(made.passages, QUESTION)
    shown = ""
    async for piece in claude.write(Prompt("s", made.passages, QUESTION, 4_000)):
        shown += "".join(checker.feed(piece.text) if isinstance(piece, Delta) else checker.finish())
    return shown, checker.cites


@pytest.mark.parametrize("answers", ANSWERS)
@pytest.mark.parametrize("grounding", ["inline", "native"])
async def test_no_planted_lie_reaches_a_reader_unmarked(
    shelf: list[tuple[Passage, ...]], grounding: str, answers: int
) -> None:
    """False quotes, lines, commands, addresses, ids, numbers, names and orders: left out, or marked as not ours."""
    rng, told, believed = random.Random(20261120), Counter[str](), list[tuple[str, str, str]]()
    script = Scripted([])
    async with FakeClaude(script) as server:
        claude = Claude(ClaudeSettings(base_url=server.url, grounding=grounding))  # type: ignore[arg-type]
        for _ in range(answers):
            made = lying(rng, _recalled(rng, shelf))
            script.replies = [Say(made.native() if grounding == "native" else made.inline())]
            shown, _cites = await read_by_a_person(made, claude)
            for line in made.lines:
                told[line.kind] += bool(line.planted)
                if line.planted and _believed(line.planted, shown):
                    believed.append((line.kind, line.text, shown))
        await claude.close()
    assert not believed, (len(believed), believed[0])
    assert sum(told.values()) > 5 * answers
    planted = {kind for kind, number in told.items() if number}
    assert planted >= LIES.keys() - {"order turned around"} or answers < 200


def _believed(planted: str, shown: str) -> bool:
    """Whether the planted words stand somewhere without the note that they are not from the runbooks."""
    for found in re.finditer(re.escape(planted), shown):
        rest = shown[found.end() :].split("\n", maxsplit=1)[0]
        note = re.search(rf"\[\d+\]|{re.escape(UNSUPPORTED)}", rest)
        if note is None or note[0] != UNSUPPORTED:
            return True
    return False


@pytest.mark.parametrize("answers", ANSWERS)
@pytest.mark.parametrize("grounding", ["inline", "native"])
async def test_honest_answers_lose_at_most_two_lines_in_a_hundred(
    shelf: list[tuple[Passage, ...]], grounding: str, answers: int
) -> None:
    """What the runbooks say, to the letter or reworded, is shown; the check costs a reader next to nothing."""
    rng, total, lost = random.Random(3), 0, list[str]()
    script = Scripted([])
    async with FakeClaude(script) as server:
        claude = Claude(ClaudeSettings(base_url=server.url, grounding=grounding))  # type: ignore[arg-type]
        for _ in range(answers):
            made = honest(rng, _recalled(rng, shelf))
            script.replies = [Say(made.native() if grounding == "native" else made.inline())]
            shown, cites = await read_by_a_person(made, claude)
            total += len(made.lines)
            lost += [line for line in shown.split("\n") if LEFT_OUT in line or UNSUPPORTED in line]
            _sources_hold(made, shown, cites)
        await claude.close()
    assert len(lost) <= 0.02 * total, (len(lost), total, lost)


def _sources_hold(made: Made, shown: str, cites: Cites) -> None:
    """Every command block of the answer stands on the lines of a source, and no source is wider than its passage."""
    passages = {each.path: each for each in made.passages}
    spans = []
    for source in cites.sources():
        mine = [each for each in made.passages if each.path == source.path]
        holder = next(
            each for each in mine if each.start_line <= source.start_line and source.end_line <= each.end_line
        )
        rows = holder.text.split("\n")[source.start_line - holder.start_line : source.end_line - holder.start_line + 1]
        spans.append(normal(" ".join(rows)))
    for block in re.findall(r"```\w*\n(.*?)\n\s*```", shown, re.DOTALL):
        assert any(normal(block) in span for span in spans), (block, passages.keys())


async def test_wrong_line_numbers_are_corrected(shelf: list[tuple[Passage, ...]]) -> None:
    """A sentence with marks to any lines but its own ends up with exactly the lines that say it."""
    rng, exact, total = random.Random(5), 0, 0
    for _ in range(200):
        passages = _recalled(rng, shelf)
        line = honest(rng, passages).lines[0]
        checker = Checker(passages, QUESTION)
        wrong = f"{line.text} [{rng.randrange(1, 12)}:{rng.randrange(500)}-{rng.randrange(500, 999)}]\n"
        shown = "".join(checker.feed(wrong))
        if LEFT_OUT in shown or UNSUPPORTED in shown:
            continue
        total += 1
        (source,) = checker.cites.sources()
        texts = [
            normal("\n".join(each.text.split("\n")[line.place[0] - each.start_line :][:1]))
            for each in passages[line.passage : line.passage + 1]
        ]
        holder = next(
            each
            for each in passages
            if each.path == source.path and each.start_line <= source.start_line <= each.end_line
        )
        said = normal(
            "\n".join(
                holder.text.split("\n")[source.start_line - holder.start_line :][
                    : source.end_line - source.start_line + 1
                ]
            )
        )
        exact += source.start_line == source.end_line and said == texts[0]
    assert exact >= 0.94 * total > 150, (exact, total)
