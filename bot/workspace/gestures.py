"""What a person does, as Slack tells it to the app: messages, commands, clicks, submissions. Knows no HTTP.

Payloads after https://docs.slack.dev/reference/events and https://docs.slack.dev/reference/interaction-payloads.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.workspace.arguments import Arguments
from bot.workspace.blocks import check_view
from bot.workspace.errors import Refused
from bot.workspace.responses import Place, Responses
from bot.workspace.seed import Channel
from bot.workspace.sockets import Sockets
from bot.workspace.state import Payload, State, is_reply
from bot.workspace.views import Triggers, Views

MENTION = re.compile(r"(?<![\w@])@([\w.-]*\w)")
CHANNEL = re.compile(r"(?<![\w&#])#([\w-]*\w)")


@dataclass(frozen=True, slots=True)
class Click:
    """A click on one element: where it stands and what it says."""

    block_id: str
    action_id: str
    type: str
    value: str


class Gestures:
    """Turns gestures into messages and envelopes. Every one is done by `user`, an id of a member."""

    def __init__(
        self,
        state: State,
        sockets: Sockets,
        views: Views,
        triggers: Triggers,
        responses: Responses,
        *,
        new_id: Callable[[], str],
    ) -> None:
        self._state = state
        self._sockets = sockets
        self._views = views
        self._triggers = triggers
        self._responses = responses
        self._new_id = new_id

    # Messages

    def typed(self, text: str) -> str:
        """Return what Slack makes of typed text: `&`, `<`, `>` escaped, `@name` a mention, `#name` a channel."""
        ids = {user.name: user.id for user in self._state.users.values()}
        channels = {each.name: each.id for each in self._state.channels.values() if each.direct is None}
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

        def mention(match: re.Match[str]) -> str:
            return f"<@{ids[match[1]]}>" if match[1] in ids else match[0]

        def channel(match: re.Match[str]) -> str:
            return f"<#{channels[match[1]]}|{match[1]}>" if match[1] in channels else match[0]

        return CHANNEL.sub(channel, MENTION.sub(mention, escaped))

    def say(self, channel_id: str, text: str, user: str, thread_ts: str | None = None, times: int = 1) -> Payload:
        """Post `text` (as Slack stores it) and tell the app, each event `times` times under one event_id."""
        channel = self._state.channel(channel_id)
        if user not in channel.members:
            raise Refused("not_in_channel")
        message = self._message(text, user)
        if thread_ts:
            message["thread_ts"] = self._state.root_ts(channel.id, thread_ts)
        self._state.put(channel.id, message)
        for event in self._heard(channel, message):
            payload = self.event(event)
            for _ in range(times):
                self._sockets.emit(payload)
        return message

    def posted(self, channel_id: str, message: Payload) -> None:
        """Tell the app of its own post: Slack does, and apps must ignore it."""
        channel = self._state.channel(channel_id)
        self._sockets.emit(self.event(_message_event(channel, message)))

    def edit(self, channel_id: str, ts: str, text: str, user: str) -> Payload:
        """Change the text of one's own message, and tell the app. Raises Refused."""
        channel, before = self._own(channel_id, ts, user, "cant_update_message")
        newer = before | {"text": text, "blocks": self._blocks(text)}
        newer["edited"] = {"user": user, "ts": self._state.next_ts()}
        self._state.put(channel.id, newer)
        self._tell_changed(channel, before, newer)
        return newer

    def delete(self, channel_id: str, ts: str, user: str) -> None:
        """Delete one's own message, and tell the app. With replies it leaves a tombstone, as in Slack. Raises Refused.

        https://docs.slack.dev/reference/events/message/message_deleted, .../message_changed
        """
        channel, before = self._own(channel_id, ts, user, "cant_delete_message")
        if len(self._state.thread(channel.id, self._state.root_ts(channel.id, ts))) > 1 and not is_reply(before):
            stone = {"type": "message", "subtype": "tombstone", "user": "USLACKBOT", "hidden": True}
            newer = stone | {"text": "This message was deleted.", "ts": ts, "thread_ts": ts}
            self._state.put(channel.id, newer)
            self._tell_changed(channel, before, newer)
            return
        self._state.remove(channel.id, ts)
        gone = {"subtype": "message_deleted", "deleted_ts": ts, "previous_message": before}
        self._tell_hidden(channel, gone)

    def open_home(self, user: str, tab: str) -> None:
        """Open the app's direct message (`tab` is `messages`) or its home tab (`home`)."""
        channel = self._state.channel(user)
        event: Payload = {"type": "app_home_opened", "user": user, "channel": channel.id, "tab": tab}
        event["event_ts"] = self._state.next_ts()
        if user in self._views.homes:
            event["view"] = self._views.homes[user]
        self._sockets.emit(self.event(event))

    def event(self, event: Payload) -> Payload:
        """Return an Events API payload around an event, with an event_id of its own."""
        seed = self._state.seed
        installed = {"enterprise_id": None, "team_id": seed.team_id, "user_id": seed.bot.id}
        return {
            "token": "",
            "team_id": seed.team_id,
            "api_app_id": seed.app_id,
            "type": "event_callback",
            "event_id": f"Ev{self._new_id()[:12].upper()}",
            "event_time": int(self._state.clock()),
            "event": event,
            "authorizations": [installed | {"is_bot": True, "is_enterprise_install": False}],
            "is_ext_shared_channel": False,
        }

    # Commands, clicks, submissions

    async def command(self, channel_id: str, command: str, text: str, user: str) -> None:
        """Type a slash command; what the app acks with is shown. Raises NoAnswer."""
        channel, seed = self._state.channel(channel_id), self._state.seed
        who = {"user_id": user, "user_name": self._state.users[user].name}
        where = {"channel_id": channel.id, "channel_name": "directmessage" if channel.direct else channel.name}
        what = {"command": command, "text": text, "trigger_id": self._triggers.issue()}
        about = {"token": "", "team_id": seed.team_id, "team_domain": seed.domain, "api_app_id": seed.app_id}
        url = {"response_url": self._responses.issue(channel.id, user), "is_enterprise_install": "false"}
        ack = await self._sockets.ask("slash_commands", about | where | who | what | url)
        if ack and (ack.get("text") or ack.get("blocks")):
            self._responses.show(Place(channel.id, user, None, None, 0.0), Arguments(ack))

    async def shortcut(self, channel_id: str, ts: str, callback_id: str, user: str) -> None:
        """Choose a shortcut in the menu of a message. Raises NoAnswer, or Refused if there is no such message.

        https://docs.slack.dev/reference/interaction-payloads/shortcuts-interaction-payload
        """
        channel = self._state.channel(channel_id)
        message = self._state.message(channel.id, ts)
        payload = self._interaction("message_action", user) | {
            "callback_id": callback_id,
            "action_ts": self._state.next_ts(),
            "message_ts": ts,
            "message": message,
            "channel": {"id": channel.id, "name": "directmessage" if channel.direct else channel.name},
            "response_url": self._responses.issue(channel.id, user, message),
        }
        await self._sockets.ask("interactive", payload)

    async def press(self, channel_id: str, ts: str, click: Click, user: str) -> None:
        """Click an element of a message. Raises NoAnswer, or Refused if there is no such message."""
        channel = self._state.channel(channel_id)
        message = self._state.find(channel.id, ts)
        if message is None:
            raise Refused("message_not_found")
        ephemeral = bool(message.get("is_ephemeral"))
        container = {"type": "message", "message_ts": ts, "channel_id": channel.id, "is_ephemeral": ephemeral}
        if "thread_ts" in message:
            container["thread_ts"] = message["thread_ts"]
        name = "directmessage" if channel.direct else channel.name
        payload = self._interaction("block_actions", user) | {
            "container": container,
            "channel": {"id": channel.id, "name": name},
            "message": message,
            "state": {"values": {}},
            "response_url": self._responses.issue(channel.id, user, message),
            "actions": [self._action(click, message.get("blocks", []))],
        }
        await self._sockets.ask("interactive", payload)

    async def press_in_view(self, view_id: str, click: Click, user: str) -> None:
        """Click an element of a modal or of the home tab. Raises NoAnswer, or Refused if it is not open."""
        home = self._views.homes.get(user)
        view = home if home and home["id"] == view_id else self._views.view(view_id)
        payload = self._interaction("block_actions", user) | {
            "container": {"type": "view", "view_id": view_id},
            "view": view,
            "actions": [self._action(click, view["blocks"])],
        }
        await self._sockets.ask("interactive", payload)

    async def submit(self, view_id: str, values: Payload, user: str) -> Payload:
        """Submit a modal with `{block_id: {action_id: {type, value}}}`; `{block_id: error}` if the app found some.

        Raises NoAnswer, or Refused if the modal is not open.
        """
        view = self._views.view(view_id) | {"state": {"values": values}}
        payload = self._interaction("view_submission", user) | {"view": view, "response_urls": []}
        ack = await self._sockets.ask("interactive", payload) or {}
        action = ack.get("response_action")
        if action == "errors":
            return dict(ack.get("errors", {}))
        if action == "update":
            self._views.replace(view_id, self._given_view(ack))
        elif action == "push":
            self._views.push(self._given_view(ack))
        elif action == "clear":
            self._views.clear()
        else:
            self._views.close(view_id)
        return {}

    def _given_view(self, ack: Payload) -> Payload:
        view = Arguments(ack).mapping("view") or {}
        check_view(view)
        return view

    async def close(self, view_id: str, user: str) -> None:
        """Close a modal without submitting; the app hears of it if it asked to."""
        view = self._views.view(view_id)
        self._views.close(view_id)
        if view["notify_on_close"]:
            payload = self._interaction("view_closed", user) | {"view": view, "is_cleared": False}
            await self._sockets.ask("interactive", payload)

    def _own(self, channel_id: str, ts: str, user: str, code: str) -> tuple[Channel, Payload]:
        channel = self._state.channel(channel_id)
        message = self._state.message(channel.id, ts)
        if message.get("user") != user or "bot_id" in message:
            raise Refused(code)
        return channel, message

    def _tell_changed(self, channel: Channel, before: Payload, after: Payload) -> None:
        self._tell_hidden(channel, {"subtype": "message_changed", "message": after, "previous_message": before})

    def _tell_hidden(self, channel: Channel, about: Payload) -> None:
        if self._state.seed.bot.id in channel.members:
            event = {"type": "message", "hidden": True, "ts": self._state.next_ts()} | about
            self._sockets.emit(self.event(_message_event(channel, event)))

    def _blocks(self, text: str) -> list[Payload]:
        section = {"type": "rich_text_section", "elements": _rich(text)}
        return [{"type": "rich_text", "block_id": self._new_id()[:5], "elements": [section]}]

    def _message(self, text: str, user: str) -> Payload:
        return {
            "type": "message",
            "user": user,
            "text": text,
            "ts": self._state.next_ts(),
            "team": self._state.seed.team_id,
            "client_msg_id": self._new_id(),
            "blocks": self._blocks(text),
        }

    def _heard(self, channel: Channel, message: Payload) -> list[Payload]:
        """Return the events that the app gets for one message; a mention in a channel gives two, as in Slack."""
        events = []
        bot = self._state.seed.bot.id
        if channel.direct is None and f"<@{bot}>" in message["text"]:
            events.append(message | {"type": "app_mention", "channel": channel.id, "event_ts": message["ts"]})
        if bot in channel.members:
            events.append(_message_event(channel, message))
        return events

    def _interaction(self, kind: str, user: str) -> Payload:
        seed, name = self._state.seed, self._state.users[user].name
        return {
            "type": kind,
            "team": {"id": seed.team_id, "domain": seed.domain},
            "user": {"id": user, "username": name, "name": name, "team_id": seed.team_id},
            "api_app_id": seed.app_id,
            "token": "",
            "trigger_id": self._triggers.issue(),
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _action(self, click: Click, blocks: list[Any]) -> Payload:
        action: Payload = {"type": click.type, "block_id": click.block_id, "action_id": click.action_id}
        for element in _elements(blocks, click.block_id):
            if element.get("action_id") == click.action_id and "text" in element:
                action["text"] = element["text"]
        chosen: Payload = {"value": click.value}
        if click.type in ("static_select", "overflow"):
            chosen = {"selected_option": {"text": _label(blocks, click), "value": click.value}}
        return action | chosen | {"action_ts": self._state.next_ts()}


def _message_event(channel: Channel, message: Payload) -> Payload:
    kind = "im" if channel.direct else "channel"
    return message | {"channel": channel.id, "event_ts": message["ts"], "channel_type": kind}


def _label(blocks: list[Any], click: Click) -> Payload:
    """Return the text of the option that was chosen in a menu."""
    options = [
        option
        for element in _elements(blocks, click.block_id)
        if element.get("action_id") == click.action_id
        for option in element.get("options", [])
    ]
    found: Payload = next((each["text"] for each in options if each["value"] == click.value), {})
    return found


def _elements(blocks: list[Any], block_id: str) -> list[Payload]:
    for block in blocks:
        if block.get("block_id") == block_id:
            return [*block.get("elements", []), *filter(None, [block.get("accessory")])]
    return []


def _rich(text: str) -> list[Payload]:
    """Return stored text as rich text: mentions apart, entities resolved."""
    elements: list[Payload] = []
    for part in re.split(r"(<@\w+>|<#\w+\|[^>]*>)", text):
        if part.startswith("<@") and part.endswith(">"):
            elements.append({"type": "user", "user_id": part[2:-1]})
        elif part.startswith("<#") and part.endswith(">"):
            elements.append({"type": "channel", "channel_id": part[2:].partition("|")[0]})
        elif part:
            plain = part.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
            elements.append({"type": "text", "text": plain})
    return elements
