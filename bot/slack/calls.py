"""Calls to Slack's Web API, each of its failures as one of four of ours. Knows no message of ours.

BotError
├── Away            Slack surely did not take the call: try again later
├── Busy            Slack did not take the call and says how long to wait
├── Unsure          nobody knows whether Slack took the call: look before trying again
└── SlackRefused    Slack will never take this call as it is
"""

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import BotError, SlackRefused

log = structlog.get_logger(__name__)

CALL_S = 15.0
"""Longest wait for one answer of Slack."""

RETRY_AFTER_S = 30.0
"""Wait after a 429 that does not say how long; slack_sdk assumes the same."""

UNCERTAIN = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})
"""Error words after which "some aspect of the operation" may have happened (docs.slack.dev, errors of each method)."""

WAIT = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})

NOT_NOW = frozenset({"org_login_required", "team_added_to_org"})
"""The workspace is being moved into an organisation; nothing was taken."""

LOCKED_OUT = frozenset(
    {
        "access_denied",
        "account_inactive",
        "enterprise_is_restricted",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
    }
)
"""Refusals of us, not of a message: nothing that we say arrives before somebody acts."""

TOO_MUCH = frozenset(
    {"msg_too_long", "msg_blocks_too_long", "msg_blocks_too_many", "invalid_blocks", "invalid_blocks_format", "no_text"}
)
"""Refusals of the content: the same in plain text may pass."""

WHAT_NOW = {
    "not_in_channel": "I am not in that channel: type `/invite @copilot` there, then ask again.",
    "channel_not_found": "I cannot see that channel: type `/invite @copilot` there, then ask again.",
    "is_archived": "That channel is archived: ask again in another one.",
    "restricted_action": "An admin does not let me post there: ask me in a direct message.",
    "restricted_action_read_only_channel": "That channel is read-only for me: ask me in a direct message.",
    "restricted_action_thread_only_channel": "In that channel only threads may be written in: ask me in one.",
    "restricted_action_non_threadable_channel": "That channel has no threads: ask me in a direct message.",
    "restricted_action_thread_locked": "That thread is locked: ask again in another one.",
    "cannot_reply_to_message": "That message takes no replies: ask again in the channel.",
    "thread_not_found": "The message that you asked with is gone: ask again.",
    "message_not_found": "My answer was deleted while I wrote it: ask again if that was not meant.",
    "messages_tab_disabled": "Direct messages to me are switched off: ask me in a channel.",
    "invalid_auth": "Slack does not accept the bot token: check SLACK_BOT_TOKEN and SLACK_APP_TOKEN.",
    "not_authed": "Slack got no token: check SLACK_BOT_TOKEN and SLACK_APP_TOKEN.",
    "token_revoked": "The token was revoked: install the Slack app again and set the new tokens.",
    "token_expired": "The token has expired: install the Slack app again, without token rotation.",
    "account_inactive": "The bot's account is switched off in Slack: install the app again.",
    "not_allowed_token_type": "The wrong kind of token: SLACK_BOT_TOKEN begins with xoxb-, SLACK_APP_TOKEN with xapp-.",
    "missing_scope": "The Slack app lacks a permission: install it again from deploy/slack-manifest.json.",
    "access_denied": "Slack denies the app access: ask an admin of the workspace to allow it.",
    "no_permission": "Slack denies the app access: ask an admin of the workspace to allow it.",
    "team_access_not_granted": "The app may not use this workspace: ask an admin of the organisation to allow it.",
    "enterprise_is_restricted": "The app may not use this workspace: ask an admin of the organisation to allow it.",
    "two_factor_setup_required": "Slack wants two-factor sign-in to be set up for the app's owner first.",
}


class Away(BotError):
    """Slack could not be reached."""


class Busy(BotError):
    """Slack asks to wait `retry_after_s` seconds."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"Slack asks to wait {retry_after_s:.0f} s.")
        self.retry_after_s = retry_after_s


class Unsure(BotError):
    """The call went out, and no answer came that says what became of it."""


class Calls(Protocol):
    """Slack's methods, by name. Raises Away, Busy, Unsure or SlackRefused."""

    async def call(self, method: str, **arguments: object) -> Mapping[str, Any]:
        """Return Slack's answer to a Web API method such as `chat.postMessage`."""
        ...

    async def respond(self, url: str, body: Mapping[str, Any]) -> None:
        """Post to a `response_url` that Slack handed out."""
        ...


class WebCalls:
    """The real calls, through slack_sdk without any retry of its own: retries belong to the outbox."""

    def __init__(self, client: AsyncWebClient, session: aiohttp.ClientSession) -> None:
        self._client = client
        self._session = session

    async def call(self, method: str, **arguments: object) -> Mapping[str, Any]:
        """Return Slack's answer. Raises Away, Busy, Unsure or SlackRefused."""
        try:
            response = await getattr(self._client, method.replace(".", "_"))(**arguments)
        except SlackApiError as error:
            raise _trouble(method, error) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _lost(error) from error
        data: Mapping[str, Any] = response.data
        return data

    async def respond(self, url: str, body: Mapping[str, Any]) -> None:
        """Post to a `response_url`; only Slack's own hosts and the API's host are spoken to. Raises as `call` does."""
        host, api = urlsplit(url).hostname or "", urlsplit(self._client.base_url).hostname
        if host != api and not host.endswith(".slack.com"):
            raise SlackRefused("invalid_response_url", "Slack gave no way back for this answer: ask in a channel.")
        try:
            async with self._session.post(url, json=body, proxy=self._client.proxy, allow_redirects=False) as answer:
                status, retry_after = answer.status, answer.headers.get("Retry-After")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _lost(error) from error
        if status == 429:  # noqa: PLR2004 - Too Many Requests
            raise Busy(float(retry_after or RETRY_AFTER_S))
        if status >= 500:  # noqa: PLR2004 - the server's fault
            raise Unsure(f"response_url answered {status}")
        if status >= 400:  # noqa: PLR2004 - expired_url, used_url
            raise SlackRefused("expired_url", "The time to answer in private is over: ask again.")


def _lost(error: Exception) -> BotError:
    """Return Away when no connection came about, else Unsure."""
    unconnected = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
    kind = Away if isinstance(error, unconnected) else Unsure
    return kind(type(error).__name__)


def _trouble(method: str, error: SlackApiError) -> BotError:
    """Return what an `ok: false`, a 429, a 5xx or a page of HTML means for the next step."""
    response = error.response
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0))
    data = getattr(response, "data", None)
    data = data if isinstance(data, dict) else {}
    code = str(data.get("error") or "")
    if status == 429 or code in WAIT:  # noqa: PLR2004 - Too Many Requests
        return Busy(float(response.headers.get("Retry-After") or RETRY_AFTER_S))
    if code in NOT_NOW:
        return Away(code)
    if not code or code in UNCERTAIN or status >= 500:  # noqa: PLR2004 - the server's fault
        return Unsure(code or f"status {status}")
    # Slack's messages point at the field that is wrong and quote nothing of it.
    log.warning("slack.refused", method=method, code=code, messages=data.get("response_metadata", {}).get("messages"))
    return SlackRefused(code, WHAT_NOW.get(code, f"Slack refused this ({code})."))
