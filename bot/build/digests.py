"""The daily digests, the settings of channels and the switches of detectors, put together from the house's rooms."""

import time
from collections.abc import Awaitable, Callable, Collection

from bot.build.house import House
from bot.slack.digests import Daily, messages
from bot.watch.detectors import Detectors
from bot.watch.digests import Admits, Digests
from bot.watch.gather import Gatherer
from bot.watch.storycard import is_id

DIGEST_S = 60
"""How often digests are looked for that are due: their times are told by the minute."""


def digests_of(house: House, admits: Admits | None = None) -> Digests:
    """Return the digests of this house's channels; `admits` says where all who read are full members."""
    matters = house.matters
    gatherer = Gatherer(house.database, matters.rules, time.time)
    return Digests(house.database, matters.rules, matters.preferences, gatherer, messages, admits=admits)


def digesting(digests: Digests, wake: Callable[[Collection[str]], None]) -> Callable[[], Awaitable[None]]:
    """Return the job that looks for digests that are due; `wake` hears of the channels that get one."""

    async def go() -> None:
        wake(await digests.go(time.time()))

    return go


def daily(house: House) -> Daily:
    """Return what Slack's surfaces show and change of digests, channels and detectors."""
    matters, settings = house.matters, house.settings

    def owners(service: str) -> frozenset[str]:
        known = matters.catalogue.named(service)
        named = (known.owner if known else None, settings.owner, *settings.slack.admins)
        return frozenset(each for each in named if each and is_id(each))

    return Daily(
        digests=digests_of(house),
        detectors=Detectors(house.database),
        preferences=matters.preferences,
        owners=owners,
        admins=frozenset(settings.slack.admins),
        watched=matters.rules.channels,
    )
