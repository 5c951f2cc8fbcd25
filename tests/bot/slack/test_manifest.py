"""The app's manifest and the program say the same."""

import json
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot import limits
from bot.slack import buttons, commands, home, shortcuts
from bot.slack.listen import ASKING, EVENTS, Account, Listeners
from bot.slack.rules import Rules

DEPLOY = Path(__file__).parents[3] / "deploy"
MANIFEST = json.loads((DEPLOY / "slack-manifest.json").read_text())
MINIMAL = json.loads((DEPLOY / "slack-manifest-minimal.json").read_text())
SCOPES = (DEPLOY / "scopes.md").read_text()
HISTORY = {"channels:history", "groups:history"}


def events(manifest: dict[str, Any]) -> set[str]:
    """Return what a manifest subscribes to."""
    return set(manifest["settings"]["event_subscriptions"]["bot_events"])


def scopes(manifest: dict[str, Any]) -> set[str]:
    """Return what a manifest asks for, without the optional ones."""
    return set(manifest["oauth_config"]["scopes"]["bot"])


@pytest.mark.parametrize("manifest", [MANIFEST, MINIMAL], ids=["full", "minimal"])
def test_every_event_has_a_listener_and_the_reverse(manifest: dict[str, Any]) -> None:
    """The manifest subscribes to what we listen to: `message.im` comes as `message`."""
    assert {event.split(".")[0] for event in events(manifest)} == set(EVENTS)


def test_every_command_and_word_exists_and_the_reverse() -> None:
    """The manifest offers the commands that we know, and hints at every word that we know and no other."""
    (command,) = MANIFEST["features"]["slash_commands"]
    assert command["command"] == commands.COMMAND
    assert {word.split()[0] for word in command["usage_hint"].split(" | ")} == set(commands.VERBS)


def test_every_shortcut_has_a_listener_and_the_reverse() -> None:
    """There is one message shortcut, and it is the one that we know."""
    (shortcut,) = MANIFEST["features"]["shortcuts"]
    assert (shortcut["type"], shortcut["callback_id"]) == ("message", shortcuts.ASK_ABOUT)
    assert len(shortcut["name"]) <= limits.SHORTCUT_NAME


def test_the_suggested_questions_are_the_same_everywhere() -> None:
    """Who opens the direct message reads what the manifest suggests."""
    assert MANIFEST["features"]["agent_view"]["suggested_prompts"] == [dict(each) for each in home.PROMPTS]


def test_no_scope_without_a_reason() -> None:
    """Each scope that the manifest asks for stands in deploy/scopes.md with a line of reason, and no other does."""
    optional = set(MANIFEST["oauth_config"]["scopes"].get("bot_optional", []))
    reasons = [line.split("|") for line in SCOPES.splitlines() if line.startswith("| `")]
    assert {row[1].strip(" `") for row in reasons} == scopes(MANIFEST) | optional
    assert all(len(row[2].strip()) > 5 for row in reasons)


def test_the_minimal_manifest_only_lacks_history() -> None:
    """The minimal manifest is the full one without the history of channels, and without the events that need it."""
    assert scopes(MANIFEST) - scopes(MINIMAL) == HISTORY
    assert events(MANIFEST) - events(MINIMAL) == {"message.channels", "message.groups"}
    for part in ("features", "display_information"):
        assert MANIFEST[part] == MINIMAL[part]


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
    """What is registered with bolt: what asks, the home tab, command, shortcut, buttons, source buttons, the form."""
    nothing: Any = None
    me = Account("U1", "B1", "T1")
    rest = dict.fromkeys(("readers", "home", "crew", "work", "show", "fault"), nothing)
    listeners = Listeners(me, "xoxb-1", nothing, nothing, rules=Rules(), **rest)
    app = listeners.app(AsyncWebClient(base_url="http://127.0.0.1:1/"))
    assert len(app._async_listeners) == len(ASKING) + 1 + 1 + 1 + 2 + 1
    assert set(buttons.MEANT) == {"feedback", "share", "again", "unmute", "card", "detector"}
