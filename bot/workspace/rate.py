"""Who must wait before calling again. Pure but for what it remembers; knows no HTTP.

https://docs.slack.dev/apis/web-api/rate-limits: about one post a second and channel, short bursts tolerated.
"""

from typing import Protocol

from bot.limits import POSTS_PER_CHANNEL_S

POSTS = frozenset({"chat.postMessage", "chat.startStream"})


class Rate(Protocol):
    """Decides whether a call comes too early."""

    def wait_s(self, method: str, channel: str | None, now: float) -> float:
        """Seconds until this call may come again; 0 lets it through (and counts it)."""


class Lenient:
    """Lets everything through: the one person at the page cannot flood it."""

    def wait_s(self, method: str, channel: str | None, now: float) -> float:  # noqa: ARG002 - the protocol's words
        """Zero."""
        return 0.0


class Paced:
    """Slack's pace for posts: one a second and channel after a burst of `burst`, as a leaky bucket."""

    def __init__(self, burst: int = 5) -> None:
        self._burst = burst
        self._full_until: dict[str, float] = {}

    def wait_s(self, method: str, channel: str | None, now: float) -> float:
        """Seconds until the bucket of `channel` takes one more post."""
        if method not in POSTS or channel is None:
            return 0.0
        full_until = max(self._full_until.get(channel, now), now)
        wait_s = full_until - now - (self._burst - 1) / POSTS_PER_CHANNEL_S
        if wait_s > 0:
            return wait_s
        self._full_until[channel] = full_until + 1 / POSTS_PER_CHANNEL_S
        return 0.0
