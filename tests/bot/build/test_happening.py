"""The house put together: answers see what goes on in its database, and its settings say who may know."""

from pathlib import Path

import pytest

from bot.build.deploys import deploy_events
from bot.build.house import House, Writers, opened
from bot.build.now import audience_of, labels
from bot.build.surfaces import surfaces
from bot.claude.quotes import Quotes
from bot.settings import LogSettings, ServiceSettings, Settings, SlackSettings
from bot.types import TERMINAL, Done, Question, Text
from bot.watch.board import Board
from ingest.anomalies.store import Saved, Streams
from ingest.types import EVERYONE, FULL_MEMBERS, Audience
from tests.bot.watch.desk import NOON, report, row

PAY = LogSettings(pushed=True, audience=("#payments",))


def settings_in(folder: Path) -> Settings:
    """Return settings with a log for everybody, one for a channel, and one whose readers nobody understands."""
    return Settings(
        data=folder,
        slack=SlackSettings(names={"payments": "C0PAY1"}),
        logs={
            "shop": LogSettings(pushed=True),
            "pay": PAY,
            "odd": LogSettings(pushed=True, audience=("the team",)),
        },
        services={"checkout": ServiceSettings(patterns=("checkout", "kasse"))},
    )


async def told(house: House, audience: Audience | None = None) -> tuple[str, Done]:
    """Return the answer to a question about the story."""
    question = Question(f"q{audience}"[:30], "is kasse broken right now?", TERMINAL, NOON, audience=audience)
    events = [event async for event in house.answerer(Quotes(), print).answer(question)]
    last = events[-1]
    assert isinstance(last, Done)
    return "".join(event.text for event in events if isinstance(event, Text)), last


async def tell(house: House, stream: str) -> None:
    """Put a story of a stream on the board, as a scan does."""
    board, streams = Board(house.database, lambda: NOON), Streams(house.database)
    async with house.database.write() as connection:
        saved = Saved(stream, 1, {}, b"", 0, NOON, NOON)
        await streams.save(connection, saved, [report(stream=stream)])
        await board.add(connection, row(key=f"story:{stream}:12"))
        await board.tell(connection, f"story:{stream}:12", stream, 12)


async def test_an_answer_on_the_terminal_sees_a_story(tmp_path: Path) -> None:
    """By the service's name in the settings; without any runbook it is the answer."""
    async with opened(settings_in(tmp_path)) as house:
        assert "shop-12" not in (await told(house))[0]
        await tell(house, "shop")
        text, done = await told(house)
    assert text.startswith("**Right now:** shop-12: checkout: new line")
    assert (done.outcome, done.drew_on) == ("answered", ("log:shop",))


async def test_a_story_stays_among_its_readers(tmp_path: Path) -> None:
    """Also when the answer is shown again: what it drew on has their labels, and people's labels are asked for."""
    async with opened(settings_in(tmp_path)) as house:
        await tell(house, "pay")
        assert "pay-12" not in (await told(house, FULL_MEMBERS))[0]
        text, done = await told(house, payers := Audience.of([("everyone", "C0PAY1")]))
        assert "pay-12" in text
        show = surfaces(house, _writers(), print)
        assert await show.may_hear(done, payers)
        assert not await show.may_hear(done, FULL_MEMBERS)
        assert "C0PAY1" in show.labels()


def _writers() -> Writers:
    return Writers(Quotes(), Quotes())


def test_readers_of_logs_are_ids(tmp_path: Path) -> None:
    """Names stand for theirs; what cannot be understood has none."""
    settings = settings_in(tmp_path)
    of_stream = audience_of(settings)
    assert [of_stream(name) for name in ("shop", "pay", "odd", "else")] == [EVERYONE, ("C0PAY1",), (), EVERYONE]
    assert labels(settings) == {"C0PAY1"}


async def test_the_door_takes_deployments(tmp_path: Path) -> None:
    """At the two paths of the reference."""
    async with opened(settings_in(tmp_path)) as house:
        assert set(deploy_events(house, pytest.fail)) == {"/events/deploy", "/events/github"}
