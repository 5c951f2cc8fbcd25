"""The slash command `/copilot`: what it can do, and its payloads to what a person asked. Pure."""

from collections.abc import Mapping
from typing import Any

from bot.journal.inbox import Arrival, Event
from bot.slack.mentions import html_unescaped

COMMAND = "/copilot"

VERBS = ("ask", "help")
"""What may follow the command; the manifest's usage hint lists the same."""


def arrival(body: Mapping[str, Any]) -> Arrival | None:
    """Return the question in a slash command's body; None when help is the answer.

    Slack never delivers a command twice; its `trigger_id` names it all the same.
    https://docs.slack.dev/interactivity/implementing-slash-commands
    """
    verb, _, rest = str(body.get("text") or "").strip().partition(" ")
    text = html_unescaped(rest).strip()
    if verb.lower() != "ask" or not text:
        return None
    asked = Event(
        kind="private",
        user=str(body["user_id"]),
        channel=str(body["channel_id"]),
        text=text,
        team=str(body.get("team_id") or "") or None,
        response_url=str(body["response_url"]),
    )
    return Arrival(asked, event_id=f"command:{body['trigger_id']}")
