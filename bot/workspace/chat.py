"""Slack's `chat.*` methods but the streaming ones: post, update, delete, ephemeral. Knows no HTTP."""

import json
from collections.abc import Callable
from typing import Any

from bot import limits
from bot.workspace.arguments import Arguments
from bot.workspace.blocks import check_message_blocks
from bot.workspace.errors import Refused
from bot.workspace.state import Payload, State


class Chat:
    """Posts as the app. `posted` hears every new message that Slack would also send as an event."""

    def __init__(self, state: State, new_id: Callable[[], str], posted: Callable[[str, Payload], None]) -> None:
        self._state = state
        self._new_id = new_id
        self._posted = posted

    def post(self, args: Arguments) -> Payload:
        """`chat.postMessage`: https://docs.slack.dev/reference/methods/chat.postMessage."""
        channel = self._state.joined(args.text("channel")).id
        message = self.written(args)
        if thread_ts := args.maybe("thread_ts"):
            message["thread_ts"] = self._root(channel, thread_ts)
        self._state.put(channel, message)
        self._posted(channel, message)
        return {"channel": channel, "ts": message["ts"], "message": message}

    def post_ephemeral(self, args: Arguments) -> Payload:
        """`chat.postEphemeral`: https://docs.slack.dev/reference/methods/chat.postEphemeral."""
        channel = self._state.joined(args.text("channel"))
        if args.text("user") not in channel.members:
            raise Refused("user_not_in_channel")
        message = self.written(args) | {"ephemeral_to": args.text("user"), "is_ephemeral": True}
        if thread_ts := args.maybe("thread_ts"):
            message["thread_ts"] = thread_ts
        self._state.whisper(channel.id, message)
        return {"message_ts": message["ts"]}

    def update(self, args: Arguments) -> Payload:
        """`chat.update`: https://docs.slack.dev/reference/methods/chat.update.

        A message that still streams is refused (`streaming_state_conflict`): stop the stream first.
        """
        channel = self._state.joined(args.text("channel")).id
        message = self._mine(channel, args.text("ts"), "cant_update_message")
        if self._state.is_streaming(message):
            raise Refused("streaming_state_conflict")
        kept = ("streaming_state", "tasks", "plan") if args.has("text") or args.has("blocks") else ()
        newer = {key: value for key, value in message.items() if key not in kept} | self._content(args, message)
        newer["edited"] = {"user": self._state.seed.bot.id, "ts": self._state.next_ts()}
        self._state.put(channel, newer)
        return {"channel": channel, "ts": newer["ts"], "text": newer["text"], "message": newer}

    def delete(self, args: Arguments) -> Payload:
        """`chat.delete`: https://docs.slack.dev/reference/methods/chat.delete."""
        channel = self._state.joined(args.text("channel")).id
        message = self._mine(channel, args.text("ts"), "cant_delete_message")
        if self._state.is_streaming(message):
            raise Refused("cant_delete_message")
        self._state.remove(channel, message["ts"])
        return {"channel": channel, "ts": message["ts"]}

    def written(self, args: Arguments) -> Payload:
        """Return a new message of the app, with its own ts, from the checked arguments."""
        return self.blank() | self._content(args, None)

    def blank(self) -> Payload:
        """Return a new message of the app that says nothing yet."""
        seed = self._state.seed
        return {
            "type": "message",
            "user": seed.bot.id,
            "bot_id": seed.bot_id,
            "app_id": seed.app_id,
            "team": seed.team_id,
            "ts": self._state.next_ts(),
            "text": "",
            "bot_profile": {"id": seed.bot_id, "app_id": seed.app_id, "name": seed.bot.name, "team_id": seed.team_id},
        }

    def named(self, blocks: list[Any]) -> list[Any]:
        """Return the blocks, each with a `block_id` as Slack gives one."""
        return [{**block, "block_id": block.get("block_id") or self._new_id()[:5]} for block in blocks]

    def _content(self, args: Arguments, before: Payload | None) -> Payload:
        blocks, text = args.items("blocks", "invalid_blocks_format"), args.maybe("text")
        if markdown := args.maybe("markdown_text"):
            if blocks or text:
                raise Refused("markdown_text_conflict")
            blocks = [{"type": "markdown", "text": markdown}]
        if not blocks and not text:
            raise Refused("no_text")
        content: Payload = {}
        if text is not None:
            content["text"] = text[: limits.MESSAGE_TEXT]
        elif before is None or markdown:
            content["text"] = (markdown or "")[: limits.MESSAGE_TEXT]
        if blocks is not None:
            check_message_blocks(blocks)
            content["blocks"] = self.named(blocks)
        if (metadata := metadata_of(args)) is not None:
            content["metadata"] = metadata
        return content

    def _root(self, channel: str, thread_ts: str) -> str:
        # Slack takes a reply's ts as well and hangs the message below its root; it also takes the ts of a root that
        # was deleted meanwhile.
        return self._state.root_ts(channel, thread_ts) if self._state.find(channel, thread_ts) else thread_ts

    def _mine(self, channel: str, ts: str, code: str) -> Payload:
        message = self._state.message(channel, ts)
        if message.get("bot_id") != self._state.seed.bot_id:
            raise Refused(code)
        return message


def metadata_of(args: Arguments) -> Payload | None:
    """Return the `metadata` of a call, checked: https://docs.slack.dev/messaging/message-metadata."""
    metadata = args.mapping("metadata", "invalid_metadata_format")
    if metadata is None:
        return None
    if not isinstance(metadata.get("event_type"), str) or not isinstance(metadata.get("event_payload"), dict):
        raise Refused("invalid_metadata_format")
    if len(json.dumps(metadata).encode()) > limits.METADATA_BYTES:
        raise Refused("metadata_too_large")
    return metadata
