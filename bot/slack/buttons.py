"""Buttons below an answer: thumbs, and *Show source*. Slack's payloads to what a person meant. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.journal.inbox import Arrival, Event
from bot.slack.cards import FEEDBACK, NOTED, SHOW_SOURCE


@dataclass(frozen=True, slots=True)
class Wish:
    """A wish to see a source: number `number` of an answer. `trigger` opens a modal for three seconds."""

    answer_id: str
    number: int
    trigger: str
    user: str
    channel: str
    name: str


def arrival(body: Mapping[str, Any]) -> Arrival | None:
    """Return the thumb in a `block_actions` body, None if there is none.

    https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
    """
    action = _action(body)
    feeling, _, answer_id = str(action.get("value") or "").partition(":")
    if action.get("action_id") != FEEDBACK or feeling not in NOTED or not answer_id:
        return None
    user, container = str(body["user"]["id"]), body.get("container", {})
    felt = Event(
        kind="thumb",
        user=user,
        channel=str(container.get("channel_id") or body["channel"]["id"]),
        text=feeling,
        thread=container.get("thread_ts"),
        about=answer_id,
    )
    return Arrival(felt, event_id=f"action:{action['action_ts']}:{user}")


def wish(body: Mapping[str, Any]) -> Wish | None:
    """Return which source a press of *Show source* wants to see, None if it was no such press."""
    action = _action(body)
    answer_id, _, number = str(action.get("value") or "").rpartition(":")
    if not str(action.get("action_id")).startswith(SHOW_SOURCE) or not number.isdecimal():
        return None
    user = str(body["user"]["id"])
    return Wish(
        answer_id=answer_id,
        number=int(number),
        trigger=str(body["trigger_id"]),
        user=user,
        channel=str(body["channel"]["id"]),
        name=f"{action['action_ts']}:{user}",
    )


def _action(body: Mapping[str, Any]) -> Mapping[str, Any]:
    actions = body.get("actions") or [{}]
    first: Mapping[str, Any] = actions[0]
    return first
