"""`copilot status` on money: today's sum, and why answers are quoted."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.build.house import House, opened
from bot.commands.care import status
from bot.errors import Used
from bot.journal.spent import Call, Ending, Limits, Spent
from bot.settings import Settings, load

ALL = Limits(daily_usd=1_000.0, per_user_hour=1_000)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give settings with Claude and a small budget."""
    return load({"ANTHROPIC_API_KEY": "key"}, data=tmp_path)


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    """Give the house whose ledger is written to."""
    async with opened(settings) as house:
        yield house


async def called(house: House, usd: float, ending: Ending, ago_s: float = 1.0) -> None:
    """Enter a call that ended so."""
    ledger = Spent(house.database)
    row = await ledger.begin(Call("q", "U1", "claude", "answer", time.time() - ago_s, usd), ALL)
    assert isinstance(row, int)
    await ledger.end(row, Used(usd=usd), ending)


async def line(settings: Settings, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what `status` says of money."""
    await status(settings)
    return next(row for row in capsys.readouterr().out.splitlines() if row.startswith("Spent:"))


async def test_status_shows_the_days_sum_against_its_limit(
    house: House, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """In dollars, with the day it is for; what is used up says until when."""
    await called(house, 0.25, "whole")
    assert (await line(settings, capsys)).endswith("0.25 of 10 USD today (UTC)")
    await called(house, 9.75, "whole")
    assert "10.00 of 10 USD today (UTC); used up: answers are quoted until 00:00 UTC" in await line(settings, capsys)


async def test_status_says_that_claude_is_not_asked_after_a_refusal(
    house: House, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """For the five minutes that the bot waits, and not after Claude has answered again."""
    await called(house, 0.0, "denied", ago_s=400)
    assert "refused" not in await line(settings, capsys)
    await called(house, 0.0, "denied", ago_s=60)
    assert "Claude refused a call at " in await line(settings, capsys)
    await called(house, 0.0, "whole", ago_s=30)
    assert "refused" not in await line(settings, capsys)
