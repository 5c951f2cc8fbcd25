"""Is a bot token good? One call, for `copilot doctor`. Knows nothing of the running bot."""

from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackRefused
from bot.slack.quiet import quiet_logger

CALL_S = 10
"""The longest to wait for Slack's answer."""


async def team_of(token: str, api_url: str) -> str:
    """Return the name of the workspace that the token is for.

    Raises SlackRefused with what to do when Slack refuses the token or cannot be reached.
    """
    client = AsyncWebClient(token, base_url=api_url, timeout=CALL_S, retry_handlers=[], logger=quiet_logger())
    if urlsplit(api_url).hostname in {"127.0.0.1", "::1", "localhost"}:
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
    return str(answer.get("team", "unknown"))
