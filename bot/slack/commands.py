"""The slash command `/copilot`: what it can do, and its payloads to what a person asked. Pure."""

from collections.abc import Mapping
from typing import Any

from bot.journal.inbox import Arrival, Event
from bot.slack.mentions import CATCH_UP, html_unescaped

COMMAND = "/copilot"

KINDS: Mapping[str, str] = {
    "ask": "private",
    "similar": "similar",
    "runbook": "runbook",
    "catchup": CATCH_UP,
    "incidents": "incidents",
    "snooze": "snooze",
    "digest": "digest",
    "status": "status",
}
"""The kind of event behind each word; `help` is answered at once, `settings` with a form, and they are none."""

VERBS = (*KINDS, "settings", "help")
"""What may follow the command; the manifest's usage hint lists the same."""

ALONE = frozenset({"catchup", "digest", "incidents", "snooze", "status"})
"""Words that need no others after them, or say themselves which they need."""


def arrival(body: Mapping[str, Any]) -> Arrival | None:
    """Return what a slash command's body asks for; None when help is the answer.

    Slack never delivers a command twice; its `trigger_id` names it all the same.
    https://docs.slack.dev/interactivity/implementing-slash-commands
    """
    verb, _, rest = str(body.get("text") or "").strip().partition(" ")
    kind, text = KINDS.get(verb.lower()), html_unescaped(rest).strip()
    if kind is None or not (text or verb.lower() in ALONE):
        return None
    asked = Event(
        kind=kind,
        user=str(body["user_id"]),
        channel=str(body["channel_id"]),
        text=text,
        team=str(body.get("team_id") or "") or None,
        response_url=str(body["response_url"]),
    )
    return Arrival(asked, event_id=f"command:{body['trigger_id']}")
