"""What people and channels are called, remembered for a while. Asks Slack; writes nothing."""

import html
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar

from bot.errors import SlackRefused
from bot.slack.calls import Away, Busy, Calls, Unsure
from bot.slack.markdown import clean, short
from ingest.redact import Redact, redact
from ingest.types import Clock

T = TypeVar("T")

REMEMBER_S = 3600.0
"""How long a name is believed."""

DOUBT_S = 60.0
"""How long "Slack would not say" is believed."""

REMEMBERED = 10_000
"""Most entries of one kind; the oldest go first."""

NAME = 80
"""Characters of a name: Slack's own limit of a display name."""

TOKEN = re.compile(r"<([@#!])([^>|]*)(?:\|([^>]*))?>|<((?:https?|mailto):[^>|]*)(?:\|([^>]*))?>")
"""Slack's tokens: https://docs.slack.dev/messaging/formatting-message-text#advanced."""


SOMEBODY = "somebody"


class Remembered(Generic[T]):
    """Answers of a question that costs a call, kept for a while."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, T]] = OrderedDict()

    async def get(self, name: str, ask: Callable[[], Awaitable[tuple[T, float]]]) -> T:
        """Return what is known of a name, asked anew when it is too old; `ask` says for how long it holds."""
        kept = self._kept.get(name)
        if kept is not None and kept[0] > self._clock():
            return kept[1]
        value, holds_s = await ask()
        self._kept[name] = (self._clock() + holds_s, value)
        self._kept.move_to_end(name)
        while len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)
        return value


class People:
    """Names of people and channels."""

    def __init__(self, calls: Calls, clock: Clock, redact: Redact = redact) -> None:
        self._calls = calls
        self._redact = redact
        self._people: Remembered[str] = Remembered(clock)
        self._channels: Remembered[str] = Remembered(clock)

    async def name(self, user: str) -> str:
        """Return a person's name by id; "somebody" when Slack does not say at once."""
        return await self._people.get(user, lambda: self._ask_person(user))

    async def channel(self, channel: str) -> str:
        """Return a channel's name with its `#`; "a channel" when Slack will not say (`channels:read` is optional)."""
        return await self._channels.get(channel, lambda: self._ask_channel(channel))

    async def readable(self, text: str) -> str:
        """Return a message's text with names where Slack has ids, and without its other markup."""
        out, at = [], 0
        for found in TOKEN.finditer(text):
            out += [text[at : found.start()], await self._named(found)]
            at = found.end()
        return "".join([*out, text[at:]])

    async def _named(self, found: re.Match[str]) -> str:
        sign, name, label, url, url_label = found.groups()
        if url is not None:
            address = url.removeprefix("mailto:")
            return address if url_label in (None, "", address) else f"{url_label} ({address})"
        if sign == "@":
            return f"@{await self.name(name)}"
        if sign == "#":
            return f"#{label}" if label else await self.channel(name)
        return label or f"@{name.partition('^')[0]}"

    async def _ask_person(self, user: str) -> tuple[str, float]:
        try:
            found: Mapping[str, Any] = (await self._calls.call("users.info", user=user))["user"]
        except (SlackRefused, Away, Busy, Unsure):
            return SOMEBODY, DOUBT_S
        profile = found.get("profile", {})
        shown = profile.get("display_name") or found.get("real_name") or found.get("name") or SOMEBODY
        return self._plain(str(shown)), REMEMBER_S

    async def _ask_channel(self, channel: str) -> tuple[str, float]:
        try:
            found: Mapping[str, Any] = (await self._calls.call("conversations.info", channel=channel))["channel"]
        except (SlackRefused, Away, Busy, Unsure):
            return "a channel", DOUBT_S
        return (f"#{self._plain(str(found['name']))}" if found.get("name") else "a direct message"), REMEMBER_S

    def _plain(self, name: str) -> str:
        """Return a name that people gave themselves as one short line without secrets and Slack's signs."""
        known = self._redact(clean(html.unescape(name)))
        return short(re.sub(r"[<>|`*_~\s]+", " ", known).strip() or SOMEBODY, NAME)
