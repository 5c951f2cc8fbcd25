"""The door's routes for what was deployed."""

import time
from collections.abc import Callable

from bot.build.house import House
from bot.door.deploys import DEPLOY_PATH, GITHUB_PATH, DeployEvents
from bot.door.door import Routes
from bot.watch.board import Board
from bot.watch.catalogue import Catalogue
from bot.watch.deploys import Deploys


def deploy_events(house: House, fault: Callable[[str], None]) -> Routes:
    """Return the routes that take deployments. Raises BotError for a catalogue that cannot be read."""
    http = house.settings.http
    board, catalogue = Board(house.database, time.time), Catalogue.from_settings(house.settings)
    events = DeployEvents(
        Deploys(house.database, board, catalogue, house.redactor.redact).add,
        time.time,
        fault,
        token=http.token.get_secret_value() if http.token else None,
        secret=http.github_secret.get_secret_value() if http.github_secret else None,
    )
    return {DEPLOY_PATH: events.deploy, GITHUB_PATH: events.github}
