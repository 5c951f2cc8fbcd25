"""The door's routes for what was deployed."""

import time
from collections.abc import Callable

from bot.build.house import House
from bot.door.deploys import DEPLOY_PATH, GITHUB_PATH, DeployEvents
from bot.door.door import Routes


def deploy_events(house: House, fault: Callable[[str], None]) -> Routes:
    """Return the routes that take deployments."""
    http = house.settings.http
    events = DeployEvents(
        house.matters.deploys.add,
        time.time,
        fault,
        token=http.token.get_secret_value() if http.token else None,
        secret=http.github_secret.get_secret_value() if http.github_secret else None,
    )
    return {DEPLOY_PATH: events.deploy, GITHUB_PATH: events.github}
