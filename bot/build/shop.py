"""The demo's shop, where the local workspace is used and no logs are configured: its logs, channel and services."""

import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from bot.build.house import House
from bot.settings import LogSettings, ServiceSettings, Settings
from bot.watch.deploys import Deploy
from bot.workspace import LARKFIELD, Shopkeeper
from bot.workspace.services import STREAMS

EVERY = "15s"
"""How often its logs are scanned: what breaks is told a few seconds after its minute is over."""

PER_HOUR = 20
"""Messages an hour before they are grouped, where the settings say nothing: seven things break by themselves."""

WHO = "the shop's pipeline"

SHOP = "shop"
"""The folder of its logs, in the data folder."""


def shop_of(settings: Settings) -> Shopkeeper | None:
    """Return the shop that these settings open, None where there is Slack, a log source, or no wish for it."""
    if settings.slack.bot_token is not None or settings.logs or not settings.workspace.shop:
        return None
    return Shopkeeper(settings.data / SHOP, time.time, channel=settings.watch.channel or LARKFIELD.channels[0].id)


def as_run(settings: Settings) -> Settings:
    """Return the settings as a bot of this data folder has them: with the shop's logs, once it was opened there."""
    shop = shop_of(settings) if (settings.data / SHOP).is_dir() else None
    return settings if shop is None else watching(settings, shop)


def watching(settings: Settings, shop: Shopkeeper) -> Settings:
    """Return the settings with the shop's logs and services; what they say of channel and budget themselves stays."""
    watch = {"channel": settings.watch.channel or LARKFIELD.channels[0].id}
    budget = {} if "per_hour" in settings.watch.model_fields_set else {"per_hour": PER_HOUR}
    logs = {name: LogSettings(files=(Path(files),), every=EVERY) for name, files in shop.patterns.items()}
    services = {
        stream: ServiceSettings(patterns=tuple(dict.fromkeys((stream, *(voice.service for voice in voices)))))
        for stream, voices in STREAMS.items()
    }
    return settings.model_copy(
        update={
            "logs": logs,
            "services": {**services, **settings.services},
            "watch": settings.watch.model_copy(update=watch | budget),
        }
    )


def keeping(shop: Shopkeeper | None, house: House) -> list[Coroutine[Any, Any, None]]:
    """Return the work of keeping a shop open, if there is one; what it deploys is kept as if it had been posted."""
    if shop is None:
        return []

    async def deployed(service: str, version: str, at: float) -> None:
        await house.matters.deploys.add(Deploy(f"shop-{service}-{at:.0f}", service, version, WHO, "", at))

    shop.tell_deploys(deployed)
    return [shop.run()]
