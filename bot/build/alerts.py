"""Alerts of others: the door's routes for them, the board that they come to, and the bots whose alerts are answered."""

import time
from collections.abc import Callable, Collection
from typing import Protocol

from bot.build.house import House
from bot.door.alerts import ALERTMANAGER, GRAFANA, PAGERDUTY, AlertHooks
from bot.door.door import Routes
from bot.slack.alertbots import Alerted
from bot.watch.alerts import Alerts
from bot.watch.hints import Hints
from bot.watch.once import Once

UNMUTE_S = 60
"""How often alerts are looked for whose snooze is over."""


def alerts_of(house: House) -> Alerts:
    """Return the alerts of this house."""
    matters = house.matters
    return Alerts(
        house.database,
        matters.board,
        matters.rules,
        preferences=matters.preferences,
        redact=house.redactor.redact,
        clock=time.time,
    )


def alert_hooks(
    house: House, alerts: Alerts, wake: Callable[[Collection[str]], None], fault: Callable[[str], None]
) -> Routes:
    """Return the routes that take alerts; `wake` hears of the channels for which something waits then."""
    http = house.settings.http
    token, secret = _shown(http.token), _shown(http.pagerduty_secret)
    hooks = AlertHooks(alerts.take, wake, fault, token=token, secret=secret)
    return {ALERTMANAGER: hooks.alertmanager, GRAFANA: hooks.grafana, PAGERDUTY: hooks.pagerduty}


def alerted(house: House, fault: Callable[[str], None]) -> Alerted | None:
    """Return whose alerts are answered in their threads; None where the settings name no bot."""
    bots = frozenset(house.settings.slack.alert_bots)
    return Alerted(bots, Hints(house.index, fault), Once(house.database, time.time)) if bots else None


class _Secret(Protocol):
    def get_secret_value(self) -> str: ...


def _shown(secret: _Secret | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
