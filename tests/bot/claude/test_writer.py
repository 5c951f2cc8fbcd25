"""What every Writer owes its readers: held by the quotes and by the real client alike."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from bot.claude.client import Claude, Delta, Finish, Prompt, Writer
from bot.claude.quotes import Quotes
from bot.settings import ClaudeSettings
from tests.fakes.claude import Echo, FakeClaude, Say, Scripted, passage

Opened = Callable[[], AbstractAsyncContextManager[Writer]]
PASSAGES = (
    passage("Connections pile up.\n\n1. Drain the pod.\n   ```\n   kubectl drain\n   ```"),
    passage("2. Restart checkout.", start_line=30, end_line=30),
    passage("Rotate keys.", path="runbooks/keys.md", title="Rotate keys", heading="Rotate keys"),
)


@asynccontextmanager
async def quotes() -> AsyncIterator[Writer]:
    """Open the twin."""
    yield Quotes()


@asynccontextmanager
async def echoed() -> AsyncIterator[Writer]:
    """Open the real client over a truthful double."""
    async with FakeClaude(Echo()) as server:
        claude = Claude(ClaudeSettings(base_url=server.url))
        yield claude
        await claude.close()


@asynccontextmanager
async def scripted() -> AsyncIterator[Writer]:
    """Open the real client over a script."""
    async with FakeClaude(Scripted([Say(["**Drain ", "it.** [1]"])])) as server:
        claude = Claude(ClaudeSettings(base_url=server.url))
        yield claude
        await claude.close()


@pytest.fixture(params=[quotes, echoed, scripted])
def opened(request: pytest.FixtureRequest) -> Opened:
    """Return each writer in turn."""
    way: Opened = request.param
    return way


async def written(opened: Opened, question: str = "What now?") -> tuple[list[Delta | Finish], Writer]:
    """Return everything that one answer yields."""
    async with opened() as writer:
        prompt = Prompt("Answer from the passages.", PASSAGES, question, 500)
        return [event async for event in writer.write(prompt)], writer


async def test_pieces_come_first_and_one_finish_last(opened: Opened) -> None:
    """At least one piece of text, then exactly one Finish, and nothing after it."""
    events, _ = await written(opened)
    assert len(events) > 1
    assert all(isinstance(event, Delta) and event.text for event in events[:-1])
    assert isinstance(events[-1], Finish)


async def test_the_finish_names_the_writers_model(opened: Opened) -> None:
    """Readers see in the footer who wrote: the same name that the writer goes by."""
    events, writer = await written(opened)
    assert isinstance(events[-1], Finish)
    assert events[-1].model == writer.model


async def test_marks_name_passages_that_were_given(opened: Opened) -> None:
    """An answer rests on at least one passage, and cites none that does not exist."""
    events, _ = await written(opened)
    text = "".join(event.text for event in events if isinstance(event, Delta))
    marks = {number for number in range(1, 10) if f"[{number}]" in text}
    assert 1 in marks
    assert marks <= {1, 2, 3}


async def test_a_writer_can_be_asked_again(opened: Opened) -> None:
    """One answer leaves nothing behind for the next."""
    async with opened() as writer:
        prompt = Prompt("s", PASSAGES, "q", 500)
        first = [event async for event in writer.write(prompt)]
        assert [event async for event in writer.write(prompt)] == first


async def test_a_reader_may_leave_in_the_middle(opened: Opened) -> None:
    """Who stops reading leaves the writer able to close and to write again."""
    async with opened() as writer:
        events = writer.write(Prompt("s", PASSAGES, "q", 500))
        assert isinstance(await anext(events), Delta)
        await events.aclose()  # type: ignore[attr-defined]
        assert [event async for event in writer.write(Prompt("s", PASSAGES, "q", 500))]
