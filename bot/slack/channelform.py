"""The form behind `/copilot settings`: what is posted in a channel unasked, and when.

A value that cannot be understood is told at its field, before Slack closes the form; what can is written down first,
and kept when its turn comes.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from bot.errors import Misused
from bot.journal.inbox import Arrival, Event, Taken
from bot.journal.outbox import Intent
from bot.slack.cards import Block, fallback, plain, small
from bot.slack.markdown import inert, one_line
from bot.slack.people import People
from bot.slack.readers import Readers
from bot.slack.rules import Doorkeeper
from bot.slack.stream import Pen
from bot.watch.preferences import ADMINS_ONLY, OFF, Preference, Wanted, as_written, may_set, understood
from ingest.types import NOBODY

CALLBACK = "channel_settings"
"""`callback_id` of the form; its `private_metadata` is the channel."""

SETTINGS = "settings"
"""The word after `/copilot`, and the kind of event of a form that was sent."""

VALUE = "value"
"""`action_id` of every input; its `block_id` is the field's name."""

SEVERITIES: Mapping[str, str] = {"low": "low: everything", "medium": "medium and high", "high": "high alone"}

UNASKED: Mapping[str, str] = {"yes": "Yes", "no": "No: answer questions only"}

STRANGERS_READ = (
    "Nothing is saved: others than full members can read this channel, as far as Slack tells me, so I post no digest "
    'here. Write "off" for it.'
)

IN_CHANNELS = "Type `/copilot settings` in the channel that they are for."


class Preferences(Protocol):
    """What holds in channels; see `bot.watch.preferences`."""

    async def of(self, channel: str) -> Preference:
        """Return what holds in a channel."""
        ...

    async def set(self, channel: str, person: str, at: float, wanted: Wanted) -> Preference:
        """Keep what a person set."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A wish to see the form: whose, for which channel; `trigger` opens it for three seconds."""

    user: str
    channel: str
    trigger: str


def asked(body: Mapping[str, Any]) -> Asked | None:
    """Return the wish in a slash command's body, None if it asks for something else."""
    if str(body.get("text") or "").strip().lower() != SETTINGS:
        return None
    return Asked(str(body["user_id"]), str(body["channel_id"]), str(body["trigger_id"]))


def form_view(preference: Preference, called: str) -> Block:
    """Return the form, filled with what holds in the channel, which is called `called`."""
    now = as_written(preference)
    inputs = [
        _text_input("digest", "Daily digest at", now.digest, 'A time in the zone below, such as 09:00, or "off".'),
        _text_input("quiet", "Quiet hours", now.quiet, 'Only high severity is posted in them: 22:00-07:00, or "off".'),
        _choice("least", "Least severity that is posted", now.least, SEVERITIES, "What is less is told in the digest."),
        _text_input("timezone", "Time zone", now.timezone, "A name such as Europe/Berlin."),
        _choice("off", "Post here without being asked", "no" if now.off else "yes", UNASKED, "Stories and the digest."),
    ]
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": preference.channel,
        "title": plain("Settings of a channel"),
        "submit": plain("Save"),
        "close": plain("Cancel"),
        "blocks": [small(f"For {one_line(called)}. What copilot.toml says holds where nothing is changed."), *inputs],
    }


def wanted(body: Mapping[str, Any]) -> Wanted:
    """Return what stands in a form that was sent.

    https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload#view_submission
    """
    values = body["view"]["state"]["values"]
    found = {name: _value(values.get(name, {}).get(VALUE) or {}) for name in ("digest", "quiet", "least", "timezone")}
    return Wanted(**found, off=_value(values.get("off", {}).get(VALUE) or {}) == "no")


def mistakes(body: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong in a form that was sent, by the field; empty when it can be kept."""
    found = understood(wanted(body))
    return {} if isinstance(found, Wanted) else {str(name): words for name, words in found.items()}


def arrival(body: Mapping[str, Any]) -> Arrival | None:
    """Return a form that was sent and can be kept, None for any other."""
    view = body.get("view") or {}
    found = understood(wanted(body)) if view.get("callback_id") == CALLBACK else None
    if not isinstance(found, Wanted):
        return None
    user, channel = str(body["user"]["id"]), str(view.get("private_metadata") or "")
    kept = Event(SETTINGS, user, channel, json.dumps(asdict(found)))
    return Arrival(kept, event_id=f"view:{view['id']}:{user}")


class ChannelForm:
    """Shows the form to those who may fill it in, and keeps what they set."""

    def __init__(
        self,
        preferences: Preferences,
        admins: frozenset[str],
        watched: frozenset[str],
        pen: Pen,
        *,
        door: Doorkeeper,
        readers: Readers,
        people: People,
    ) -> None:
        """`watched` are the channels to which stories go by copilot.toml, whoever reads there."""
        self._preferences = preferences
        self._admins = admins
        self._watched = watched
        self._pen = pen
        self._door = door
        self._readers = readers
        self._people = people

    async def view(self, asked: Asked) -> Block:
        """Return the form for a person. Raises Misused with a sentence for who may not fill it in."""
        if asked.channel.startswith("D"):
            raise Misused(IN_CHANNELS)
        await self._admit(asked.user)
        return form_view(await self._preferences.of(asked.channel), await self._people.channel(asked.channel))

    async def saved(self, taken: Taken) -> str:
        """Keep a form that was sent, say so to the person alone, and return the outcome in a word."""
        event = taken.event
        try:
            await self._admit(event.user)
            form = Wanted(**json.loads(event.text))
            await self._check(event.channel, form)
            kept = await self._preferences.set(event.channel, event.user, taken.at, form)
            words, outcome = f"Saved. {told(kept)}", "saved"
        except Misused as misused:
            words, outcome = str(misused), "refused"
        said = {"text": fallback(inert(words)), "user": event.user}
        await self._pen.outbox.add(Intent(f"saved:{taken.id}", "ephemeral", event.channel, payload=said, repeat=False))
        self._pen.sender.wake(event.channel)
        return outcome

    async def _check(self, channel: str, form: Wanted) -> None:
        """Raise Misused where a digest would be read by others than full members."""
        asks = form.digest != OFF and not form.off and channel not in self._watched
        if asks and await self._readers.of(channel) == NOBODY:
            raise Misused(STRANGERS_READ)

    async def _admit(self, person: str) -> None:
        if (stranger := await self._door.stranger(person)) is not None:
            raise Misused(stranger)
        if not may_set(person, self._admins):
            raise Misused(ADMINS_ONLY)


def told(preference: Preference) -> str:
    """Return what holds in a channel, in a sentence or two."""
    if preference.off:
        return "Nothing is posted here unasked."
    digest = "No daily digest" if preference.digest_at is None else f"Daily digest at {preference.digest}"
    quiet = "no quiet hours" if preference.quiet is None else f"quiet hours {preference.quiet}"
    least = "every story" if preference.least == "low" else f"stories from {preference.least} severity on"
    return f"{digest}, {quiet} ({preference.timezone}); {least}."


def _value(state: Mapping[str, Any]) -> str:
    return str((state.get("selected_option") or {}).get("value") or state.get("value") or "")


def _text_input(name: str, label: str, value: str, hint: str) -> Block:
    element = {"type": "plain_text_input", "action_id": VALUE, "initial_value": value, "max_length": 60}
    return _input(name, label, element, hint)


def _choice(name: str, label: str, value: str, words: Mapping[str, str], hint: str) -> Block:
    options = {each: {"text": plain(text), "value": each} for each, text in words.items()}
    element = {
        "type": "static_select",
        "action_id": VALUE,
        "options": [*options.values()],
        "initial_option": options[value],
    }
    return _input(name, label, element, hint)


def _input(name: str, label: str, element: Block, hint: str) -> Block:
    return {"type": "input", "block_id": name, "label": plain(label), "hint": plain(hint), "element": element}
