"""`run`: the bot itself, in Slack or in the local workspace, until it is told to stop."""

import asyncio
import gc
import signal
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import text

from bot.build.alerts import UNMUTE_S, alert_hooks, alerts_of
from bot.build.chat import chat_of, door, slack_bot
from bot.build.deploys import deploy_events
from bot.build.digests import DIGEST_S, digesting, digests_of
from bot.build.house import House, Writers, opened, warm, writer_of
from bot.build.shop import keeping, shop_of, watching
from bot.build.sources import pushed_logs
from bot.build.watching import Watchers, watchers_of
from bot.commands import screen
from bot.commands.follow import Follower
from bot.commands.knowledge import sync_here
from bot.door.door import Check, Checks
from bot.door.metrics import Metrics
from bot.owner import owning
from bot.schedule.schedule import Schedule
from bot.settings import Settings
from bot.slack.app import SlackBot
from bot.workspace import Shopkeeper

GAUGE_S = 5.0
"""How often the outbox is counted for the metrics."""

EXPIRE_S = 3_600
"""How often what is too old to keep is deleted."""

COLLECT_AFTER = (10_000, 10, 10)
"""Ours, for 700, 10 and 10: a minute of a flood of log lines makes tens of thousands of objects at once, which live for
a moment; by Python's own count they led to search after search of all memory (365 ms each, measured)."""

STOP_S = 25.0
"""How long answers that have begun may finish after SIGTERM; what is left is taken up at the next start."""


async def run(settings: Settings) -> int:
    """Run until SIGINT or SIGTERM. Prints `ready URL` on stdout once people can ask."""
    stop, shop = _told_to_stop(), shop_of(settings)
    if shop is not None:
        settings = watching(settings, shop)
    with owning(settings.data, "copilot run"):
        metrics = Metrics(registry := CollectorRegistry())
        async with (
            opened(settings, chroma=True, counts=metrics) as house,
            writer_of(settings) as answers,
            writer_of(settings, "summary") as summaries,
        ):
            if not (await house.library.counts())["chunks"]:
                screen.report(await sync_here(house, house.request()))
            house.index.warm_up()  # which takes as long as all else together: what waits is answered by words meanwhile
            await asyncio.gather(house.index.refresh(), warm(answers))
            await _serve(house, Writers(answers, summaries), _Watch(registry, metrics), stop, shop)
    return 0


@dataclass(frozen=True, slots=True)
class _Watch:
    """What people who watch the bot can read."""

    registry: CollectorRegistry
    metrics: Metrics


async def _serve(
    house: House, writers: Writers, watch: _Watch, stop: asyncio.Event, shop: Shopkeeper | None = None
) -> None:
    metrics, follower = watch.metrics, Follower(house)
    async with AsyncExitStack() as stack:
        chat = await stack.enter_async_context(chat_of(house.settings, metrics.fault, shop))
        schedule = Schedule(house.database, time.time, metrics.fault)
        watchers = watchers_of(house, schedule, metrics.fault, writers.summary)
        bot = slack_bot(house, writers, chat, metrics, watchers)
        checks = _Checks(house, bot, follower, watchers)
        alerts = alerts_of(house)
        routes = {**chat.routes, **pushed_logs(house, metrics.fault), **deploy_events(house, metrics.fault)}
        routes |= alert_hooks(house, alerts, bot.wake, metrics.fault)
        way_in = await stack.enter_async_context(door(house.settings, checks.all(), watch.registry, routes))
        stack.push_async_callback(bot.stop, STOP_S)
        await _until(stop, [bot.start()])
        if stop.is_set():
            return
        await house.index.warmed()  # what was left is in work already
        schedule.every(EXPIRE_S, "expire", house.expire)
        schedule.every(UNMUTE_S, "alerts", alerts.unmuted)
        schedule.every(DIGEST_S, "digest", digesting(digests_of(house, bot.admits), bot.wake))
        watchers.begin(bot.wake)
        await stack.enter_async_context(schedule)
        _settled()
        screen.out(f"ready {chat.page or way_in.url}")
        await _until(stop, [follower.run(), _gauge(house, metrics), *keeping(shop, house)])


async def _until(stop: asyncio.Event, works: list[Coroutine[Any, Any, None]]) -> None:
    """Run `works` until one of them ends, which then tells how, or until `stop`."""
    tasks = [asyncio.create_task(work) for work in works]
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _ended(tasks)
        stopping.cancel()


async def _ended(work: list[asyncio.Task[None]]) -> None:
    """End the tasks; the first that failed by itself is the reason why the bot stops."""
    failed = [task for task in work if task.done()]
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    for task in failed:
        task.result()


async def _gauge(house: House, metrics: Metrics) -> None:
    while True:
        metrics.outbox(await house.outbox.counts())
        await asyncio.sleep(GAUGE_S)


def _settled() -> None:
    """Leave what was loaded so far out of every search for garbage: nobody is answered while one goes on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def _told_to_stop() -> asyncio.Event:
    stop = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    return stop


@dataclass(frozen=True, slots=True)
class _Checks:
    """What /healthz asks."""

    house: House
    bot: SlackBot
    follower: Follower
    watchers: Watchers

    def all(self) -> Checks:
        return {
            "database": self._database,
            "documents": self.follower.check,
            "chroma": self._chroma,
            "chat": self._chat,
            "posts": self._posts,
            "logs": self._logs,
        }

    async def _database(self) -> Check:
        async with self.house.database.read() as connection:
            await connection.execute(text("SELECT 1"))
        return Check(ok=True, detail="answers")

    async def _logs(self) -> Check:
        vitals = await self.watchers.vitals()
        wrong = [f"{each.name}: {each.words}" for each in vitals if not each.ok]
        return Check(ok=not wrong, detail="; ".join(wrong or [f"{each.name}: {each.words}" for each in vitals]))

    async def _chroma(self) -> Check:
        health = self.house.index.health
        return Check(ok=health.ok, detail=health.detail)

    async def _chat(self) -> Check:
        health = await self.bot.health()
        detail = f"{health.working} questions in work, {health.waiting} waiting"
        return Check(ok=health.connected, detail=detail if health.connected else health.link)

    async def _posts(self) -> Check:
        counts = await self.house.outbox.counts()
        dead, unknown = counts.get("dead", 0), counts.get("unknown", 0)
        detail = f"{dead} refused for good, {unknown} of unknown fate" if dead or unknown else "all delivered"
        return Check(ok=not dead, detail=detail)
