"""Is the app installed as it should be? One call, for `copilot doctor`. Knows nothing of the running bot."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import BotError, SlackRefused
from bot.slack.http import PATH
from bot.slack.quiet import quiet_logger
from bot.slack.templates import messages, mistakes, views
from ingest.types import Clock

CALL_S = 10
"""The longest to wait for Slack's answer."""

MOST_SKEW_S = 300.0
"""How far our clock may be off Slack's before its signed requests are refused (slack_sdk's SignatureVerifier)."""

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

NEEDED = frozenset(
    {
        "app_mentions:read",
        "assistant:write",
        "channels:read",
        "chat:write",
        "commands",
        "groups:read",
        "im:history",
        "users:read",
    }
)
"""Scopes without which something that people see does not work."""

DISPENSABLE: Mapping[str, str] = {
    "channels:history": "threads of channels are not read, and un-tagged follow-ups, edits and deletions not heard",
    "groups:history": "the same in private channels",
    "usergroups:read": "documents for a user group are shown to nobody",
}
"""Scopes that may be left out, and what then is missing."""


@dataclass(frozen=True, slots=True)
class Installed:
    """The app as Slack has it: the workspace's name, the scopes that were granted, and Slack's clock (seconds, UTC)."""

    team: str
    scopes: frozenset[str]
    answered_at: float | None = None

    @property
    def missing(self) -> frozenset[str]:
        """Needed scopes that were not granted."""
        return NEEDED - self.scopes

    @property
    def words(self) -> str:
        """The workspace, and what the scopes that were left out cost."""
        lost = [f"without {scope}: {what}" for scope, what in DISPENSABLE.items() if scope not in self.scopes]
        more = self.scopes - NEEDED - frozenset(DISPENSABLE)
        if more:
            lost.append(f"with {', '.join(sorted(more))}, which it does not use")
        return "; ".join([self.team, *lost])


@dataclass(frozen=True, slots=True)
class Door:
    """Where we wait for Slack's signed requests, and our clock."""

    listen: str
    port: int
    clock: Clock

    def words(self, app: Installed) -> str:
        """Return what must be so for them to arrive. Raises SlackRefused where they would not, or be refused."""
        if not self.port:
            raise SlackRefused(
                "no_port", "http.port is 0, a free port at each start: name one that Slack can be led to."
            )
        skew_s = 0.0 if app.answered_at is None else self.clock() - app.answered_at
        if abs(skew_s) > MOST_SKEW_S:
            off = f"{abs(skew_s):,.0f} s {'ahead of' if skew_s > 0 else 'behind'} Slack's"
            raise SlackRefused(
                "clock", f"The clock here is {off}: beyond five minutes every request is refused, set it."
            )
        who = "a proxy on this machine" if self.listen in LOOPBACK else "your load balancer"
        return (
            f"over HTTP: {who} must lead https://YOUR.HOST{PATH} to {self.listen}:{self.port}, "
            "and that URL must stand in the app's events, interactivity and command, with Socket Mode off"
        )


async def team_of(token: str, api_url: str, door: Door | None = None) -> str:
    """Return the workspace that the token is for, in words with what its scopes leave out.

    `door` is given where Slack is heard over HTTP: then what that needs is told as well.

    Raises SlackRefused with what to do when Slack refuses the token, it lacks a scope, or Slack cannot be reached.
    """
    app = await installed(token, api_url)
    if app.missing:
        names = ", ".join(sorted(app.missing))
        raise SlackRefused(
            "missing_scope", f"The Slack app lacks {names}: install it again from deploy/slack-manifest.json."
        )
    return app.words if door is None else f"{app.words}; {door.words(app)}"


async def installed(token: str, api_url: str) -> Installed:
    """Return the app as Slack has it; the scopes are in a header of every answer.

    https://docs.slack.dev/authentication/installing-with-oauth#scopes. Raises SlackRefused.
    """
    client = AsyncWebClient(token, base_url=api_url, timeout=CALL_S, retry_handlers=[], logger=quiet_logger())
    if urlsplit(api_url).hostname in LOOPBACK:
        client.proxy = None  # slack_sdk knows no NO_PROXY
    try:
        answer = await client.auth_test()
    except SlackApiError as error:
        code = str(error.response.get("error", "unknown"))
        raise SlackRefused(
            code, f"Slack refuses the bot token ({code}): install the app again and copy SLACK_BOT_TOKEN."
        ) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise SlackRefused("unreachable", f"{api_url} does not answer: check the network and SLACK_API_URL.") from error
    scopes = answer.headers.get("x-oauth-scopes", "")
    granted = frozenset(filter(None, map(str.strip, scopes.split(","))))
    return Installed(str(answer.get("team", "unknown")), granted, _time_of(answer.headers.get("date", "")))


def _time_of(date: str) -> float | None:
    """Return the time of a Date header (RFC 9110, 6.6.1), None where there is none that can be read."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


def all_fit() -> str:
    """Return how many messages and views keep Slack's limits. Raises BotError naming those that do not."""
    if found := mistakes():
        raise BotError(f"Slack would refuse some of our messages: {'; '.join(found[:5])}. This is a bug of copilot.")
    return f"{len([*messages(), *views()])} messages and views, at their longest, within Slack's limits"
