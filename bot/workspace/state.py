"""The workspace's memory: channels, messages, threads, statuses. Knows no HTTP, and none of Slack's limits."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from bot.limits import STATUS_S, STREAM_LIFE_S
from bot.workspace.errors import Refused
from bot.workspace.seed import Channel, Seed, User
from bot.workspace.store import Store

Payload = dict[str, Any]
"""A JSON object in Slack's own shape."""

Listener = Callable[[Payload], None]
"""Hears every change as `{"kind": ..., ...}`, after it was stored."""


@dataclass(frozen=True, slots=True)
class Status:
    """What the app says it is doing in a thread; gone after `until` (seconds since 1970 UTC)."""

    text: str
    loading: tuple[str, ...]
    until: float


class State:
    """Everything said. Every change is stored first, then told to the listeners."""

    def __init__(self, seed: Seed, store: Store, clock: Callable[[], float]) -> None:
        self.seed = seed
        self.users: dict[str, User] = seed.users
        self.channels: dict[str, Channel] = {channel.id: channel for channel in seed.channels}
        self.prompts: dict[str, Payload] = {}
        self.clock = clock
        self._store = store
        self._messages: dict[str, dict[str, Payload]] = {channel: {} for channel in self.channels}
        self._ephemerals: dict[str, dict[str, Payload]] = {channel: {} for channel in self.channels}
        self._statuses: dict[tuple[str, str], Status] = {}
        self._listeners: list[Listener] = []
        self._last_ts = 0
        self._load()

    def _load(self) -> None:
        for channel, message in self._store.messages():
            self._messages.setdefault(channel, {})[message["ts"]] = message
            self._last_ts = max(self._last_ts, round(float(message["ts"]) * 1_000_000))

    def next_ts(self) -> str:
        """Return a timestamp that no message has yet: the present, or one microsecond after the last."""
        self._last_ts = max(round(self.clock() * 1_000_000), self._last_ts + 1)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06}"

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` every change from now on; call the result to stop."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self, kind: str, **fields: object) -> None:
        """Tell all listeners of a change."""
        for listener in tuple(self._listeners):
            listener({"kind": kind, **fields})

    # Channels

    def channel(self, channel_id: str) -> Channel:
        """Return the channel, or the direct message with a user id. Raises `channel_not_found`."""
        for channel in self.channels.values():
            if channel_id in (channel.id, channel.direct):
                return channel
        raise Refused("channel_not_found")

    def joined(self, channel_id: str) -> Channel:
        """Return the channel, if the app may post there. Raises `channel_not_found` or `not_in_channel`."""
        channel = self.channel(channel_id)
        if self.seed.bot.id not in channel.members:
            raise Refused("not_in_channel")
        return channel

    def set_members(self, channel_id: str, members: frozenset[str]) -> None:
        """Let people or the app join and leave."""
        self.channels[channel_id] = replace(self.channels[channel_id], members=members)
        self.tell("channel", channel=channel_id)

    # Messages

    def messages(self, channel: str) -> list[Payload]:
        """All messages of a channel, replies included, oldest first; without ephemeral ones."""
        return list(self._messages[channel].values())

    def roots(self, channel: str) -> list[Payload]:
        """Messages that are not replies, oldest first, threads summed up as Slack does."""
        replies: dict[str, list[Payload]] = defaultdict(list)
        for each in self._messages[channel].values():
            if is_reply(each):
                replies[each["thread_ts"]].append(each)
        return [summed(each, replies[each["ts"]]) for each in self._messages[channel].values() if not is_reply(each)]

    def root_ts(self, channel: str, ts: str) -> str:
        """Return the ts of the thread that a message belongs to. Raises `thread_not_found`."""
        found = self.find(channel, ts)
        if found is None:
            raise Refused("thread_not_found")
        return str(found.get("thread_ts", ts))

    def thread(self, channel: str, ts: str) -> list[Payload]:
        """Return a root and its replies, oldest first. Raises `thread_not_found`."""
        root = self._messages[channel].get(ts)
        if root is None:
            raise Refused("thread_not_found")
        replies = [each for each in self._messages[channel].values() if is_reply(each) and each["thread_ts"] == ts]
        return [summed(root, replies), *replies]

    def find(self, channel: str, ts: str) -> Payload | None:
        """Return a message, ephemeral or not, or None."""
        return self._messages[channel].get(ts) or self._ephemerals[channel].get(ts)

    def message(self, channel: str, ts: str) -> Payload:
        """Return a message that is not ephemeral. Raises `message_not_found`."""
        if ts not in self._messages[channel]:
            raise Refused("message_not_found")
        return self._messages[channel][ts]

    def put(self, channel: str, message: Payload) -> None:
        """Keep a new message, or the newer form of one."""
        new = message["ts"] not in self._messages[channel]
        self._store.put_message(channel, message)
        self._messages[channel][message["ts"]] = message
        if new and "bot_id" in message:
            self._statuses.pop((channel, str(message.get("thread_ts", message["ts"]))), None)
        self.tell("message" if new else "changed", channel=channel, message=message)

    def remove(self, channel: str, ts: str) -> None:
        """Forget a message, ephemeral or not."""
        if self._ephemerals[channel].pop(ts, None) is None:
            self._store.drop_message(channel, ts)
            del self._messages[channel][ts]
        self.tell("deleted", channel=channel, ts=ts)

    def whisper(self, channel: str, message: Payload) -> None:
        """Show a message to one person (`ephemeral_to`) until the next restart, as Slack does; it is never stored."""
        new = message["ts"] not in self._ephemerals[channel]
        self._ephemerals[channel][message["ts"]] = message
        self.tell("message" if new else "changed", channel=channel, message=message)

    def whispers(self, channel: str) -> list[Payload]:
        """Ephemeral messages of a channel, oldest first."""
        return list(self._ephemerals[channel].values())

    def is_streaming(self, message: Payload) -> bool:
        """Whether a stream still takes text: begun, not stopped, not too old."""
        age_s = self.clock() - float(message["ts"])
        return message.get("streaming_state") == "in_progress" and age_s < STREAM_LIFE_S

    # Statuses

    def set_status(self, channel: str, thread: str, text: str, loading: tuple[str, ...]) -> None:
        """Show what the app is doing in a thread; an empty text clears it."""
        if text:
            self._statuses[channel, thread] = Status(text, loading, self.clock() + STATUS_S)
        else:
            self._statuses.pop((channel, thread), None)
        self.tell("status", channel=channel, thread=thread, text=text, loading=loading)

    def statuses(self) -> Iterator[tuple[str, str, Status]]:
        """Statuses that still hold, as (channel, thread, status)."""
        for (channel, thread), status in self._statuses.items():
            if status.until > self.clock():
                yield channel, thread, status


def is_reply(message: Payload) -> bool:
    """Whether a message hangs below another one."""
    return bool(message.get("thread_ts", message["ts"]) != message["ts"])


def summed(root: Payload, replies: list[Payload]) -> Payload:
    """Return a root with what Slack adds once it has replies; `replies` are oldest first."""
    if not replies:
        return root
    users = list(dict.fromkeys(each["user"] for each in replies))
    return root | {
        "thread_ts": root["ts"],
        "reply_count": len(replies),
        "reply_users": users,
        "reply_users_count": len(users),
        "latest_reply": replies[-1]["ts"],
    }
