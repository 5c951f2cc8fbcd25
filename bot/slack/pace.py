"""How fast we may post: one message a second and channel, and not before Slack's `Retry-After`. Knows no message."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.limits import POSTS_PER_CHANNEL_S
from ingest.types import Clock

Sleep = Callable[[float], Awaitable[object]]
"""Waits a number of seconds. Passed in, so that tests give the time."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Posts a second into one channel, and how many may come at once before that counts (facts: short bursts pass)."""

    per_second: float = POSTS_PER_CHANNEL_S
    burst: int = 4


class Pacer:
    """Turns to post, per channel: the generic cell rate algorithm (ITU-T I.371), so one number a channel is enough."""

    def __init__(self, pace: Pace, clock: Clock, sleep: Sleep) -> None:
        self._step_s = 1 / pace.per_second
        self._ahead_s = (pace.burst - 1) * self._step_s
        self._clock = clock
        self._sleep = sleep
        self._next: dict[str, float] = {}
        self._closed_until: dict[str, float] = {}

    async def turn(self, channel: str) -> None:
        """Wait until one more post may go into the channel, and count it."""
        while (wait_s := self.wait_s(channel)) > 0:
            await self._sleep(wait_s)
        self._next[channel] = max(self._next.get(channel, 0.0), self._clock()) + self._step_s

    def pause(self, channel: str, seconds: float) -> None:
        """Let nothing into the channel for so long, counted from now."""
        self._closed_until[channel] = max(self._closed_until.get(channel, 0.0), self._clock() + seconds)

    def wait_s(self, channel: str) -> float:
        """Return how long the next post has to wait; 0 when it may go now."""
        now = self._clock()
        ahead = self._next.get(channel, 0.0) - self._ahead_s
        return max(ahead - now, self._closed_until.get(channel, 0.0) - now, 0.0)
