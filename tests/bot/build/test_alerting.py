"""Alerts of others in the house as it is built: the routes by the settings, and whose alerts are answered."""

from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry

from bot.build.alerts import alert_hooks, alerted, alerts_of
from bot.build.house import opened
from bot.door.alerts import ALERTMANAGER
from bot.door.door import Door
from bot.settings import load
from bot.watch.board import Board

SETTINGS = """
[http]
token = "t0ken"

[watch]
channel = "C0OPS"

[services.checkout]
patterns = ["checkout-*"]
channel = "C0CHECKOUT"

[slack]
alert_bots = ["B0ALERTS"]
"""

ALERT: dict[str, Any] = {
    "groupKey": "k",
    "alerts": [{"status": "firing", "labels": {"alertname": "Down", "pod": "checkout-7d9f", "password": "hunter2"}}],
}


async def test_an_alert_goes_to_the_channel_of_its_service(tmp_path: Path) -> None:
    """By the settings, without its secrets, and the bot is woken there."""
    (tmp_path / "copilot.toml").write_text(SETTINGS, encoding="utf-8")
    settings = load({"COPILOT_CONFIG": str(tmp_path / "copilot.toml")}, data=tmp_path / "data")
    woken: list[str] = []
    async with opened(settings) as house, aiohttp.ClientSession() as session:
        routes = alert_hooks(house, alerts_of(house), woken.extend, woken.append)
        registry = CollectorRegistry()
        async with Door(port=0, listen="127.0.0.1", checks={}, registry=registry, routes=routes) as door:
            bearer = {"Authorization": "Bearer t0ken"}
            async with session.post(f"{door.url}{ALERTMANAGER}", json=ALERT, headers=bearer) as response:
                assert response.status == 200
        (row,) = await Board(house.database, lambda: 0.0).open()
        who = alerted(house, woken.append)
    assert (row.service, row.channel, woken) == ("checkout", "C0CHECKOUT", ["C0CHECKOUT"])
    assert "hunter2" not in str(row.body)
    assert who is not None
    assert who.bots == {"B0ALERTS"}


async def test_without_bots_in_the_settings_none_is_heard(tmp_path: Path) -> None:
    """Nothing is answered that nobody asked for."""
    async with opened(load({}, data=tmp_path / "data")) as house:
        assert alerted(house, lambda _name: None) is None
