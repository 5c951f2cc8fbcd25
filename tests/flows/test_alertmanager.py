"""A real Prometheus and a real Alertmanager at our door: one message for each group, edited in place, nothing twice."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from bot.door.alerts import ALERTMANAGER, AlertHooks
from bot.door.door import Door
from bot.journal.outbox import outbox
from bot.settings import WatchSettings
from bot.slack.app import Watched
from bot.watch.alerts import Alerts, Group
from bot.watch.board import Row
from bot.watch.catalogue import Catalogue
from bot.watch.preferences import Preferences
from bot.watch.routing import Rules
from ingest.redact import redact
from tests.bot.slack.room import Room
from tests.bot.watch.desk import PRESSURE, Desk
from tests.fakes.prometheus import PrometheusMissing, Shards, alerting
from tests.fakes.slack import INCIDENTS, Payload, text_of

pytestmark = pytest.mark.alone

GROUPS = [f"{number:02}" for number in range(20)]
SHARDS = [f"{number}" for number in range(10)]

TOKEN = "t0ken"

REPEATS = 3
"""How often each group must have been heard before a repeat is believed to change nothing."""

WAIT_S = 60.0
"""Longest wait for anything: each takes a few seconds."""


class Town:
    """The bot in a fake Slack, the door, and what came through it."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.heard: Counter[str] = Counter()
        self.desk = desk = Desk(room.database)
        desk.documents.runbook = PRESSURE
        self.watched = Watched(desk.board, desk.telling, desk.presses)
        self.alerts = Alerts(
            room.database,
            desk.board,
            Rules(Catalogue(), INCIDENTS),
            preferences=Preferences(room.database, WatchSettings()),
            redact=redact,
            clock=room.time,
        )
        hooks = AlertHooks(self.take, self.wake, room.tally.faults.append, token=TOKEN, secret=None)
        self.door = Door(
            port=0,
            listen="127.0.0.1",
            checks={},
            registry=CollectorRegistry(),
            routes={ALERTMANAGER: hooks.alertmanager},
        )

    async def take(self, group: Group) -> Collection[str]:
        """Take a group, and count it by what it says."""
        channels = await self.alerts.take(group)
        firing = sum(alert.firing for alert in group.alerts)
        self.heard[f"{group.labels['alertname']} {firing}"] += 1
        self.room.slack.wake()
        return channels

    def wake(self, channels: Collection[str]) -> None:
        """Wake the bot that lives now."""
        assert self.room.bot is not None
        self.room.bot.wake(channels)

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait until something holds."""
        await self.room.slack.until(holds, WAIT_S)

    def repeated(self, firing: int) -> Callable[[], bool]:
        """Return whether each group was heard of a few times with so many alerts that fire."""
        return lambda: all(self.heard[f"Shop{group}Broken {firing}"] >= REPEATS for group in GROUPS)

    def roots(self) -> list[Payload]:
        """Return the bot's messages that are no replies."""
        return [each for each in self.messages() if "thread_ts" not in each]

    def messages(self) -> list[Payload]:
        """Return all messages of the bot."""
        return [each for each in self.room.slack.messages(INCIDENTS) if "bot_id" in each]

    def shown(self, words: str) -> Callable[[], bool]:
        """Return whether all roots show these words."""
        return lambda: len(self.roots()) == len(GROUPS) and all(words in text_of(each) for each in self.roots())

    async def rows(self) -> list[Row]:
        """Return all cards."""
        return await self.desk.board.open(since=0.0)

    async def states(self) -> set[str]:
        """Return how the posts stand."""
        async with self.room.database.read() as connection:
            return set((await connection.execute(select(outbox.c.state))).scalars())


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    """Give the bot and its open door."""
    async with Room(tmp_path) as room:
        town = Town(room)
        town.desk.now = room.time.now
        room.watch = town  # type: ignore[assignment]  # it has what the bot is given
        await room.start()
        async with town.door:
            yield town


async def test_two_hundred_alerts_of_twenty_groups_are_twenty_messages(town: Town, tmp_path: Path) -> None:
    """Through repeats, a restart of the bot, half of them resolved, all of them, and one group that fires again."""
    shards = Shards(GROUPS, SHARDS)
    shards.broken = shards.all()
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(alerting(tmp_path, shards, f"{town.door.url}{ALERTMANAGER}", TOKEN))
        except PrometheusMissing as missing:
            pytest.skip(f"no Prometheus: {missing}")
        await town.until(town.repeated(firing=10))
        await town.until(town.shown("10 firing"))
        await town.room.restart()
        shards.broken = {(group, shard) for group, shard in shards.all() if int(shard) < 5}
        await town.until(town.repeated(firing=5))
        await town.until(town.shown("5 firing"))
        shards.broken = set()
        await town.until(town.shown("Resolved after"))
        await town.until(lambda: len(town.messages()) == 2 * len(GROUPS))
        shards.broken = {("07", "3")}
        await town.until(lambda: any("firing since" in text_of(each) for each in town.roots()))
    await town.room.quiet()
    assert len(town.roots()) == len(GROUPS) == len(await town.rows())
    notes = Counter(text_of(each).partition(" ")[0] for each in town.messages() if "thread_ts" in each)
    assert notes == {"Resolved": len(GROUPS), "Fires": 1}
    assert await town.states() == {"sent"}
    assert town.room.tally.faults == []
