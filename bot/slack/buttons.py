"""Buttons, of answers, of the home tab and of cards: Slack's payloads to what a person meant. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.journal.inbox import Arrival, Event
from bot.slack.cards import AGAIN, FEEDBACK, NOTED, SHARE, SHOW_SOURCE, UNMUTE
from bot.slack.digests import DETECTOR, decision
from bot.slack.storycards import CARD, LABELS

PRESS = "press"
"""The kind of event of a press on a card."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A wish to see a source: number `number` of an answer. `trigger` opens a modal for three seconds."""

    answer_id: str
    number: int
    trigger: str
    user: str
    channel: str
    name: str


@dataclass(frozen=True, slots=True)
class _Press:
    """A press of a button or a choice in a menu: who, where, in which thread, when, what it is called and holds.

    `replied` says that the button stands on a reply, and not on the message that began the thread.
    """

    user: str
    channel: str
    thread: str | None
    at: str
    value: str
    team: str | None
    action: str
    replied: bool


def arrival(body: Mapping[str, Any]) -> Arrival | None:
    """Return what a press in a `block_actions` body asks of us, None if nothing that must be kept.

    https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
    """
    action = _action(body)
    meant = MEANT.get(str(action.get("action_id")).partition(":")[0])
    press = _press(body, action)
    event = meant(press) if meant is not None else None
    if event is None:
        return None
    # What was asked again hangs on the message that was edited: who deletes that one takes back both.
    asked_with = press.value.split(":")[1] if event.kind == "question" else None
    gesture = None if asked_with is None else f"{event.channel}:{asked_with}:{press.at}"
    return Arrival(event, event_id=f"action:{press.at}:{event.user}", gesture=gesture)


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


def _press(body: Mapping[str, Any], action: Mapping[str, Any]) -> _Press:
    container = body.get("container", {})
    chosen = action.get("selected_option") or {}
    return _Press(
        user=str(body["user"]["id"]),
        channel=str(container.get("channel_id") or (body.get("channel") or {}).get("id") or ""),
        thread=container.get("thread_ts"),
        at=str(action["action_ts"]),
        value=str(action.get("value") or chosen.get("value") or ""),
        team=(body.get("team") or {}).get("id"),
        action=str(action.get("action_id")),
        replied=container.get("thread_ts") != container.get("message_ts"),
    )


def _thumb(press: _Press) -> Event | None:
    feeling, _, answer_id = press.value.partition(":")
    if feeling not in NOTED or not answer_id:
        return None
    return Event("thumb", press.user, press.channel, feeling, thread=press.thread, about=answer_id)


def _share(press: _Press) -> Event | None:
    if not press.value or not press.channel:
        return None
    return Event("share", press.user, press.channel, thread=press.thread, about=press.value)


def _again(press: _Press) -> Event | None:
    """Return the edited question as a question of its own, in the thread of the first."""
    thread, _, rest = press.value.partition(":")
    _, _, text = rest.partition(":")
    if not thread or not text or not press.channel:
        return None
    return Event("question", press.user, press.channel, text, press.at, thread, press.team)


def _unmute(press: _Press) -> Event | None:
    channel, _, thread = press.value.partition(":")
    return Event("unmute", press.user, channel, thread=thread) if channel and thread else None


def _card(press: _Press) -> Event | None:
    """Return a press on a card: `text` is what, with the seconds of a snooze, `about` the card's key.

    An undo has the rejection's id before the key. Slack says of a root with replies that it is in its own thread.
    """
    what = press.action.split(":")[1] if ":" in press.action else ""
    if what not in LABELS or not press.value:
        return None
    text, about = what, press.value
    if what == "snooze":
        seconds, _, about = press.value.partition(" ")
        if not seconds.isdecimal() or not about:
            return None
        text = f"snooze {seconds}"
    thread = press.thread if press.replied else None
    return Event(PRESS, press.user, press.channel, text, thread=thread, about=about)


def _detector(press: _Press) -> Event | None:
    return decision(press.user, press.channel, press.action, press.value, press.thread if press.replied else None)


MEANT: Mapping[str, Callable[[_Press], Event | None]] = {
    FEEDBACK: _thumb,
    SHARE: _share,
    AGAIN: _again,
    UNMUTE: _unmute,
    CARD: _card,
    DETECTOR: _detector,
}
"""What each button means, by the beginning of its `action_id` up to a colon."""


def _action(body: Mapping[str, Any]) -> Mapping[str, Any]:
    actions = body.get("actions") or [{}]
    first: Mapping[str, Any] = actions[0]
    return first
