"""The app's manifest and the program say the same."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot import limits
from bot.slack import commands
from bot.slack.app import EVENTS, Account, SlackBot
from tests.bot.slack.room import Tally, Time

MANIFEST = json.loads((Path(__file__).parents[3] / "deploy" / "slack-manifest.json").read_text())
SCOPES = {
    "app_mentions:read": "app_mention events",
    "assistant:write": "assistant.threads.setStatus",
    "channels:history": "conversations.replies, to find a post again after a crash",
    "groups:history": "the same in private channels",
    "im:history": "message.im events, and the same in direct messages",
    "chat:write": "chat.postMessage, update, delete, postEphemeral and the streams",
    "commands": "/copilot",
}


def test_every_event_has_a_listener_and_the_reverse() -> None:
    """The manifest subscribes to what we listen to: `message.im` comes as `message`."""
    subscribed = MANIFEST["settings"]["event_subscriptions"]["bot_events"]
    assert {event.split(".")[0] for event in subscribed} == set(EVENTS)


def test_every_command_and_word_exists_and_the_reverse() -> None:
    """The manifest offers the commands that we know, and hints at every word that we know and no other."""
    (command,) = MANIFEST["features"]["slash_commands"]
    assert command["command"] == commands.COMMAND
    assert {word.split()[0] for word in command["usage_hint"].split(" | ")} == set(commands.VERBS)


def test_no_shortcut_without_a_listener() -> None:
    """We have no shortcuts, so the manifest offers none."""
    assert "shortcuts" not in MANIFEST["features"]


def test_no_scope_without_a_reason() -> None:
    """Each scope has a use in this program."""
    assert set(MANIFEST["oauth_config"]["scopes"]["bot"]) == set(SCOPES)


@pytest.mark.parametrize(
    ("text", "most"),
    [
        (MANIFEST["display_information"]["name"], limits.APP_NAME),
        (MANIFEST["display_information"]["description"], limits.APP_DESCRIPTION),
        (MANIFEST["features"]["agent_view"]["agent_description"], limits.AGENT_DESCRIPTION),
        (MANIFEST["features"]["agent_view"]["suggested_prompts"], limits.SUGGESTED_PROMPTS),
    ],
)
def test_the_manifest_keeps_slacks_limits(text: Any, most: int) -> None:
    """Names and descriptions fit."""
    assert len(text) <= most


async def test_bolt_has_a_listener_for_each_and_no_more() -> None:
    """What is registered with bolt: every event, the command, the thumbs, the source buttons."""
    nothing: Any = None
    bot = SlackBot(
        bot_token="xoxb-1", app_token="xapp-1", api_url="http://127.0.0.1:1/", answers=nothing, journal=nothing,
        inbox=nothing, outbox=nothing, lines=nothing, counts=Tally(), clock=Time(), rng=Random(1),
    )  # fmt: skip
    bot._me = Account("U1", "B1", "T1")
    app = bot._app(AsyncWebClient(base_url="http://127.0.0.1:1/"))
    assert len(app._async_listeners) == len(EVENTS) + 1 + 2
