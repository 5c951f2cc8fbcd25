"""How long a search takes with Chroma serving, as in the running bot, the question's embedding included.

Beside it what plain Chroma takes for the same questions: embedding and one query, which is all that a quick start does.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.figures import Figure, load, percentile, say
from bot.answer.recall import found_for
from bot.build.house import DATABASE, embedder
from ingest.database import Database
from ingest.documents.store import Library
from ingest.index.chroma import Chroma
from ingest.index.embed import Embedder
from ingest.index.serve import Index

P50_MS, P99_MS = 20.0, 80.0
"""Targets of the issue."""

LIMIT = 10
WARM = 20
"""Searches that are not counted: the first ones load weights and fill caches, which a bot has done before `ready`."""

Ask = Callable[[str], Awaitable[object]]


async def figures(data: Path, questions: Sequence[str], runs: int) -> list[Figure]:
    """Search for every question, over a data folder that nobody else owns."""
    before = load()
    async with _serving(data) as (index, chroma, model):

        async def ours(question: str) -> object:
            return await found_for(index, question, LIMIT)

        async def plain(question: str) -> object:
            return await chroma.nearest((await asyncio.to_thread(model.embed, [question]))[0], LIMIT)

        timed = {"ours": [], "plain": []}  # type: dict[str, list[list[float]]]
        for question in questions[:WARM]:
            await ours(question)
            await plain(question)
        for number in range(runs):
            timed["ours"].append(await _seconds(ours, questions))
            timed["plain"].append(await _seconds(plain, questions))
            say(f"search: p50 {percentile(timed['ours'][-1], 50):.1f} ms, run {number + 1} of {runs}")
    return _table(timed["ours"], timed["plain"], before, len(questions))


def _table(ours: list[list[float]], plain: list[list[float]], before: float, questions: int) -> list[Figure]:
    def row(name: str, runs: list[list[float]], share: int, at_most: float | None = None) -> Figure:
        return Figure(f"{name} p{share}", "ms", tuple(percentile(run, share) for run in runs), before, at_most)

    ratios = tuple(percentile(mine, 50) / percentile(theirs, 50) for mine, theirs in zip(ours, plain, strict=True))
    return [
        row("search", ours, 50, P50_MS),
        row("search", ours, 99, P99_MS),
        row("plain Chroma", plain, 50),
        row("plain Chroma", plain, 99),
        Figure("search / plain Chroma, p50", "", ratios, before, note=f"{questions} questions"),
    ]


async def _seconds(ask: Ask, questions: Sequence[str]) -> list[float]:
    found = []
    for question in questions:
        begun = time.perf_counter()
        await ask(question)
        found.append(time.perf_counter() - begun)
    return found


@asynccontextmanager
async def _serving(data: Path) -> AsyncIterator[tuple[Index, Chroma, Embedder]]:
    """Open the index as `copilot run` does, Chroma proved and serving."""
    database, model = Database.open(f"sqlite+aiosqlite:///{data / DATABASE}"), embedder()
    chroma = Chroma(data / "chroma", model.model, model.dimension)
    index = Index(Library(database), model, chroma)
    try:
        await index.refresh()
        await index.start_chroma()
        if not index.health.ok:
            message = f"Chroma does not serve: {index.health.detail}"
            raise RuntimeError(message)
        yield index, chroma, model
    finally:
        await chroma.close()
        await database.close()
