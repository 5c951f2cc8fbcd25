"""`sync`, `search` and `ask`: documents in, passages and answers out."""

import asyncio
import sys
import time
from dataclasses import asdict, replace

from bot.answer.recall import found_for
from bot.build.house import House, Unwatched, new_id, opened, writer_of
from bot.build.shop import as_run
from bot.commands import screen
from bot.errors import AlreadyRunning
from bot.owner import owner_of, owning
from bot.settings import Settings
from bot.types import TERMINAL, AnswerEvent, Done, Question, Source, Status, Text
from ingest.errors import WrongUse
from ingest.index.roots import Outcome, Request, forget, sync_all
from ingest.index.search import Filter
from ingest.types import Kind, Passage

FOUND = 10
"""Passages that `search` shows."""

POLL_S = 0.2
"""How often a waiting `sync` looks whether the running bot has reported."""


async def sync(settings: Settings, request: Request, forgotten: str | None) -> int:
    """Level the documents, or forget a source; beside a running bot, have that one do so. Return the exit code."""
    async with opened(settings, chroma=True) as house:
        request = request if request.given else house.request(sure=request.sure)
        try:
            with owning(settings.data, "copilot sync"):
                outcome = await sync_here(house, request, forgotten)
        except AlreadyRunning:
            screen.say(f"The data folder belongs to {owner_of(settings.data)}, which now syncs for you.")
            outcome = await _sync_there(house, request, forgotten)
    screen.report(outcome)
    return 2 if outcome.refused else 0


async def sync_here(house: House, request: Request, forgotten: str | None = None) -> Outcome:
    """Sync as the owner of the data folder."""
    if forgotten is not None:
        outcome = Outcome(roots=[forgotten])
        outcome.report.removed = await forget(house.library, forgotten)
    else:
        outcome = await _leveled(house, request)
        if outcome.unsure and sys.stdin.isatty() and screen.agreed(outcome.refused):
            outcome = await _leveled(house, replace(request, sure=True))
    await house.index.catch_up()
    return outcome


async def _leveled(house: House, request: Request) -> Outcome:
    with screen.progress() as show:
        return await sync_all(house.library, house.sync, request, show)


async def _sync_there(house: House, request: Request, forgotten: str | None) -> Outcome:
    there = replace(request, given=tuple(path.resolve() for path in request.given))
    name = await house.requests.ask(None if forgotten else there, forgotten)
    while (outcome := await house.requests.answer(name)) is None:
        if owner_of(house.settings.data) is None:
            raise WrongUse("The running bot stopped before it synced: run this again.")
        await asyncio.sleep(POLL_S)
    return outcome


async def fill_if_empty(house: House) -> None:
    """Sync the configured folders when nothing is indexed yet; a running bot does that by itself."""
    if (await house.library.counts())["chunks"]:
        return
    try:
        with owning(house.settings.data, "copilot, first sync"):
            screen.report(await sync_here(house, house.request()))
    except AlreadyRunning:
        screen.say("The running bot is still reading the documents: what it has not read yet is not found.")


async def search(settings: Settings, question: str, kind: Kind | None, *, as_json: bool) -> int:
    """Show the passages nearest to a question, one of each document, best first."""
    async with opened(settings, chroma=True) as house:
        await fill_if_empty(house)
        if kind is None:
            found = await found_for(house.index, question, FOUND)
        else:
            found = await house.index.search(question, Filter(kind=kind), FOUND)
    for rank, hit in enumerate(found.hits, start=1):
        passage = hit.passages[0]
        if as_json:
            screen.row(_row(rank, passage))
        else:
            screen.passage(rank, passage)
    if not found.hits:
        screen.say("Nothing found: `copilot sync FOLDER` takes in runbooks, `copilot status` shows what is there.")
    return 0


def _row(rank: int, passage: Passage) -> dict[str, object]:
    return {
        "rank": rank,
        "path": passage.path,
        "title": passage.title,
        "heading": passage.heading,
        "start_line": passage.start_line,
        "end_line": passage.end_line,
        "kind": passage.kind,
        "service": ", ".join(passage.services) or None,
        "score": passage.score,
        "text": passage.text,
    }


async def ask(settings: Settings, text: str, *, as_json: bool) -> int:
    """Answer a question on the terminal; the journal keeps it. Return 1 when the answer could not be finished."""
    async with opened(as_run(settings), chroma=True) as house, writer_of(settings) as writer:
        await fill_if_empty(house)
        question = Question(new_id(), text, asker=TERMINAL, asked_at=time.time())
        done = None
        async for event in house.answerer(writer, Unwatched().fault).answer(question):
            if as_json:
                screen.row(event_row(event))
            else:
                screen.event(event)
            done = event if isinstance(event, Done) else done
    return 1 if done is None or done.outcome == "failed" else 0


def event_row(event: AnswerEvent) -> dict[str, object]:
    """Return an event as the row that `ask --json` promises."""
    match event:
        case Status(text) | Text(text):
            return {"type": "status" if isinstance(event, Status) else "text", "text": text}
        case Source():
            return {"type": "source", "id": event.id, **_place(event)}
        case Done():
            kept = {name: value for name, value in asdict(event).items() if name != "drew_on"}  # ours, no contract
            return {"type": "done", **kept, "sources": [_place(source) for source in event.sources]}


def _place(source: Source) -> dict[str, object]:
    return {
        "path": source.path,
        "start_line": source.start_line,
        "end_line": source.end_line,
        "title": source.title,
    }
