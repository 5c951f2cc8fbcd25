"""When the demo's shop is open, and what the bot watches then."""

from pathlib import Path
from typing import Any

import pytest

from bot.build.shop import PER_HOUR, SHOP, as_run, shop_of, watching
from bot.settings import LogSettings, ServiceSettings, Settings, WatchSettings
from bot.settings.reading import load
from bot.workspace import LARKFIELD
from bot.workspace.services import FAULTS, STREAMS

INCIDENTS = LARKFIELD.channels[0].id


def watched(settings: Settings) -> Settings:
    """Return the settings with the shop that they open."""
    shop = shop_of(settings)
    assert shop is not None
    return watching(settings, shop)


def test_without_slack_and_logs_there_is_a_shop(tmp_path: Path) -> None:
    """Each of its streams is a source, whose files are in the data folder."""
    logs = watched(Settings(data=tmp_path)).logs
    assert list(logs) == list(STREAMS)
    (files,) = logs["payments"].files or ()
    assert str(files) == f"{tmp_path}/shop/payments-*.log"


@pytest.mark.parametrize(
    "given",
    [
        {"logs": {"shop": LogSettings(files=(Path("/var/log/shop.log"),))}},
        {"workspace": {"shop": False}},
        {"slack": {"bot_token": "xoxb-1", "app_token": "xapp-1"}},
        {"slack": {"bot_token": "xoxb-1", "signing_secret": "secret"}},
    ],
)
def test_no_shop_is_open_where_there_are_logs_or_slack_or_nobody_wants_it(tmp_path: Path, given: Any) -> None:
    """It would only be in the way."""
    assert shop_of(Settings(data=tmp_path, **given)) is None


@pytest.mark.parametrize(("value", "is_open"), [("true", True), ("false", False), ("", True)])
def test_the_environment_closes_the_shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, *, is_open: bool
) -> None:
    """COPILOT_SHOP is a text; as a switch in the file is none."""
    monkeypatch.chdir(tmp_path)
    assert (shop_of(load({"COPILOT_SHOP": value})) is not None) is is_open


def test_stories_of_the_shop_go_to_incidents(tmp_path: Path) -> None:
    """With room for all that breaks in an hour; both only where the settings say nothing."""
    watch = watched(Settings(data=tmp_path)).watch
    assert (watch.channel, watch.per_hour) == (INCIDENTS, PER_HOUR)
    own = watched(Settings(data=tmp_path, watch=WatchSettings(channel="C0PAYMENTS", per_hour=2))).watch
    assert (own.channel, own.per_hour) == ("C0PAYMENTS", 2)


def test_the_page_says_where_stories_go(tmp_path: Path) -> None:
    """The channel that they go to, whatever it is."""
    shop = shop_of(Settings(data=tmp_path, watch=WatchSettings(channel="C0PAYMENTS")))
    assert shop is not None
    assert shop.status["channel"] == "C0PAYMENTS"


def test_the_services_of_the_shop_are_in_the_catalogue(tmp_path: Path) -> None:
    """One a stream, with all that writes into it; a service of one's own stays as it is."""
    mine = {"payments": ServiceSettings(patterns=("pay-*",))}
    services = watched(Settings(data=tmp_path, services=mine)).services
    assert set(services) == {fault.stream for fault in FAULTS} | set(STREAMS)
    assert services["checkout"].patterns == ("checkout", "pgbouncer", "postgres")
    assert services["payments"].patterns == ("pay-*",)


def test_a_command_beside_the_demo_sees_its_logs(tmp_path: Path) -> None:
    """Once the shop was opened in this data folder; before, there is nothing to see."""
    settings = load({"COPILOT_DATA": str(tmp_path)})
    assert as_run(settings).logs == {}
    (tmp_path / SHOP).mkdir()
    assert "payments" in as_run(settings).logs
