"""`digest`: what the daily digest would say now, on the terminal. Posts nothing."""

import time

from bot.build.digests import digests_of
from bot.build.house import opened
from bot.build.shop import as_run
from bot.commands import screen
from bot.errors import BotError
from bot.settings import Settings
from bot.watch.digest import text_of


async def digest(settings: Settings, channel: str | None, *, preview: bool) -> int:
    """Show today so far, of one channel or all: the terminal may read everything. Raises BotError without preview."""
    if not preview:
        raise BotError(
            "Digests are posted by `copilot run`, each channel's at its own time: "
            "`copilot digest --preview` shows what there is to tell of today so far."
        )
    async with opened(as_run(settings)) as house:
        told = await digests_of(house).today(channel, time.time())
    for line in text_of(told).splitlines():
        screen.out(screen.visible(line))
    return 0
