"""How the bot hears of Slack follows from the settings."""

from pathlib import Path

import pytest

from bot.build.chat import chat_of
from bot.settings import load
from bot.slack.http import PATH, SignedHttp
from bot.slack.socket import SocketMode

TOKEN = {"SLACK_BOT_TOKEN": "xoxb-1"}
APP, SECRET = {"SLACK_APP_TOKEN": "xapp-1"}, {"SLACK_SIGNING_SECRET": "8f742231b10e8888abcd99yyyzzz85a5"}


def uncounted(_name: str) -> None:
    """Count nothing."""


@pytest.mark.parametrize(
    ("given", "transport", "paths"),
    [
        (TOKEN | APP, SocketMode, set[str]()),
        (TOKEN | APP | SECRET, SocketMode, set[str]()),
        (TOKEN | SECRET, SignedHttp, {PATH}),
        ({}, SocketMode, set[str]()),
    ],
    ids=["socket", "both", "http", "workspace"],
)
async def test_the_way_in_follows_from_the_settings(
    given: dict[str, str], transport: type, paths: set[str], tmp_path: Path
) -> None:
    """An app-level token means a socket; a signing secret alone the door; neither the local workspace."""
    settings = load(given, data=tmp_path, port=0)
    async with chat_of(settings, uncounted) as chat:
        assert isinstance(chat.transport, transport)
        assert set(chat.routes) == paths
        assert (chat.page is None) == bool(given)
