"""Slack's streaming methods: start, append, stop. Knows no HTTP.

https://docs.slack.dev/reference/methods/chat.startStream; size and life of a stream are measured, see `bot.limits`.
"""

from collections.abc import Callable
from typing import Any

from bot import limits
from bot.workspace.arguments import Arguments
from bot.workspace.blocks import check_message_blocks
from bot.workspace.chat import Chat, metadata_of
from bot.workspace.elements import kind_of
from bot.workspace.errors import Refused
from bot.workspace.state import Payload, State

TASK_STATUSES = ("pending", "in_progress", "complete", "error")


class Streams:
    """Messages that grow. While one is open, `chat.update` and `chat.delete` are refused."""

    def __init__(self, state: State, chat: Chat) -> None:
        self._state = state
        self._chat = chat

    def start(self, args: Arguments) -> Payload:
        """`chat.startStream`: always a reply; in a channel it needs a recipient."""
        channel = self._state.joined(args.text("channel"))
        thread_ts = self._state.root_ts(channel.id, args.text("thread_ts"))
        if channel.direct is None:
            self._recipient(args)
        message = self._chat.blank() | {"thread_ts": thread_ts, "streaming_state": "in_progress"}
        self._state.put(channel.id, self._grown(message, args))
        return {"channel": channel.id, "ts": message["ts"]}

    def append(self, args: Arguments) -> Payload:
        """`chat.appendStream`."""
        channel, message = self._open(args)
        self._state.put(channel, self._grown(message, args))
        return {"channel": channel, "ts": message["ts"]}

    def stop(self, args: Arguments) -> Payload:
        """`chat.stopStream`: the last text, blocks below it, and the metadata that `startStream` does not take."""
        channel, message = self._open(args)
        newer = self._grown(message, args) | {"streaming_state": "completed"}
        blocks = args.items("blocks", "invalid_blocks_format")
        if blocks:
            check_message_blocks(blocks)
            newer["blocks"] = [*newer.get("blocks", []), *self._chat.named(blocks)]
        if (metadata := metadata_of(args)) is not None:
            newer["metadata"] = metadata
        self._state.put(channel, newer)
        return {"channel": channel, "ts": newer["ts"], "message": newer}

    def _recipient(self, args: Arguments) -> None:
        for name in ("recipient_team_id", "recipient_user_id"):
            if not args.has(name):
                raise Refused(f"missing_{name}")
        if args.text("recipient_team_id") != self._state.seed.team_id:
            raise Refused("team_not_found")
        if args.text("recipient_user_id") not in self._state.users:
            raise Refused("user_not_found")

    def _open(self, args: Arguments) -> tuple[str, Payload]:
        channel = self._state.joined(args.text("channel")).id
        message = self._state.message(channel, args.text("ts"))
        if message.get("bot_id") != self._state.seed.bot_id:
            raise Refused("message_not_owned_by_app")
        if not self._state.is_streaming(message):
            raise Refused("message_not_in_streaming_state")
        return channel, message

    def _grown(self, message: Payload, args: Arguments) -> Payload:
        """Return the message with the call's text and chunks; the one passed in stays as it was."""
        newer = dict(message)
        if text := args.maybe("markdown_text"):
            _add_text(newer, {"text": text})
        for chunk in args.items("chunks", "invalid_chunks") or []:
            self._add(newer, chunk)
        if _bytes(newer) > limits.STREAM_BYTES:
            raise Refused("msg_too_long")
        return newer

    def _add(self, message: Payload, chunk: Any) -> None:  # noqa: ANN401 - JSON under test
        kind = kind_of(chunk)
        if kind != "blocks" and kind not in ADD:
            raise Refused("invalid_chunks", f"[ERROR] unsupported type: {kind} [json-pointer:/chunks]")
        if kind == "blocks":
            self._add_blocks(message, chunk)
        else:
            ADD[kind](message, chunk)

    def _add_blocks(self, message: Payload, chunk: Payload) -> None:
        blocks = chunk.get("blocks")
        if not isinstance(blocks, list):
            raise Refused("invalid_chunks", "[ERROR] missing required field: blocks [json-pointer:/chunks]")
        check_message_blocks(blocks)
        message["blocks"] = [*message.get("blocks", []), *self._chat.named(blocks)]
        if len(message["blocks"]) > limits.STREAM_CHUNK_BLOCKS:
            raise Refused("msg_blocks_too_long")


def _add_text(message: Payload, chunk: Payload) -> None:
    if not isinstance(chunk.get("text"), str):
        raise Refused("invalid_chunks", "[ERROR] missing required field: text [json-pointer:/chunks]")
    if len(chunk["text"]) > limits.STREAM_APPEND_TEXT:
        raise Refused("msg_too_long")
    message["text"] += chunk["text"]


def _add_task(message: Payload, chunk: Payload) -> None:
    words = (chunk.get("id"), chunk.get("title"), chunk.get("status", "pending"))
    if not all(isinstance(word, str) and word for word in words) or words[2] not in TASK_STATUSES:
        raise Refused("invalid_chunks", "[ERROR] a task_update needs id, title and a known status")
    message["tasks"] = message.get("tasks", {}) | {chunk["id"]: chunk}


def _add_plan(message: Payload, chunk: Payload) -> None:
    message["plan"] = chunk.get("title", "")


ADD: dict[str, Callable[[Payload, Payload], None]] = {
    "markdown_text": _add_text,
    "task_update": _add_task,
    "plan_update": _add_plan,
}


def _bytes(message: Payload) -> int:
    cards = [str(task.get(name, "")) for task in message.get("tasks", {}).values() for name in ("title", "details")]
    return len("".join([message["text"], *cards]).encode())
