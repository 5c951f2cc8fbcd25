"""`copilot digest`: today so far on the terminal, whatever is there."""

from pathlib import Path

import pytest

from bot.commands.digest import digest
from bot.errors import BotError
from bot.settings import load


async def test_an_empty_folder_has_no_data_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever tries it first of all sees what is missing, and no error."""
    assert await digest(load({}, data=tmp_path), None, preview=True) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "no data. No log source is set up. This is not an all-clear." in line
    assert "UTC: no question." in line


async def test_of_one_channel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says when that channel's next one comes, which is never where stories do not go."""
    settings = tmp_path / "copilot.toml"
    settings.write_text('[watch]\nchannel = "C0123ABCD"\ntimezone = "Asia/Kathmandu"\n')
    found = load({"COPILOT_CONFIG": str(settings)}, data=tmp_path)
    await digest(found, "C0123ABCD", preview=True)
    await digest(found, "C0ELSE", preview=True)
    ours, other = capsys.readouterr().out.splitlines()
    assert ours.endswith("09:00 Asia/Kathmandu.")
    assert "Next digest" not in other


async def test_without_preview_it_says_who_posts(tmp_path: Path) -> None:
    """One sentence that names the way."""
    with pytest.raises(BotError, match=r"posted by `copilot run`.*`copilot digest --preview` shows"):
        await digest(load({}, data=tmp_path), None, preview=False)
