"""Message shortcuts: Slack's payloads to what a person asked. Pure."""

from collections.abc import Mapping
from typing import Any

from bot.journal.inbox import Arrival, Event
from bot.slack.above import written
from bot.slack.mentions import html_unescaped

ASK_ABOUT = "ask_about_this"
"""`callback_id` of *Ask about this*."""


def arrival(body: Mapping[str, Any]) -> Arrival | None:
    """Return the question about a message, to be answered in its thread; a hint if it says nothing; None if neither.

    https://docs.slack.dev/reference/interaction-payloads/shortcuts-interaction-payload
    """
    if body.get("type") != "message_action" or body.get("callback_id") != ASK_ABOUT:
        return None
    message, user, at = body["message"], str(body["user"]["id"]), str(body["action_ts"])
    text = html_unescaped(written(message)).strip()
    asked = Event(
        kind="question" if text else "wordless",
        user=user,
        channel=str(body["channel"]["id"]),
        text=text,
        ts=at,
        thread=str(message.get("thread_ts") or message["ts"]),
        team=str((body.get("team") or {}).get("id") or "") or None,
    )
    return Arrival(asked, event_id=f"shortcut:{at}:{user}")
