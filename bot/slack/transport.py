"""The seam to how Slack's events reach us: Socket Mode or signed HTTP requests. All else is the same for both."""

from dataclasses import dataclass
from typing import Protocol

from slack_bolt.async_app import AsyncApp

from bot.slack.calls import Calls


@dataclass(frozen=True, slots=True)
class Link:
    """How Slack reaches us. `heard_at` is when it last did (seconds, UTC), None if never; `words` are for people."""

    up: bool
    heard_at: float | None
    words: str


class Transport(Protocol):
    """Hands what Slack sends to the app, from `start` to `stop`."""

    async def check(self, calls: Calls) -> None:
        """Find out whether Slack lets us listen at all. Raises SlackRefused when it does not."""

    async def start(self, app: AsyncApp) -> None:
        """Listen from now on."""

    async def stop(self) -> None:
        """Hear nothing more; nothing happens before `start`."""

    async def link(self) -> Link:
        """Return how Slack reaches us now."""
        ...
