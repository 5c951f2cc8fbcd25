"""What a restart keeps and what it does not."""

from pathlib import Path

import pytest

from bot.workspace import PortTaken, Workspace
from tests.bot.workspace.conftest import client_of
from tests.fakes.slack import ALICE, INCIDENTS, FakeSlack

MARK = {"event_type": "answer", "event_payload": {"id": "a1"}}


async def test_messages_survive_a_restart(tmp_path: Path) -> None:
    """Messages come back as they last were, deleted ones do not; whispers are gone, as in Slack."""
    async with FakeSlack(tmp_path) as slack:
        client = client_of(slack)
        root = slack.mention(INCIDENTS, "why?")
        ts = (await client.chat_postMessage(channel=INCIDENTS, text="a", thread_ts=root["ts"], metadata=MARK))["ts"]
        await client.chat_update(channel=INCIDENTS, ts=ts, text="b")
        gone = (await client.chat_postMessage(channel=INCIDENTS, text="gone"))["ts"]
        await client.chat_delete(channel=INCIDENTS, ts=gone)
        await client.chat_postEphemeral(channel=INCIDENTS, user=ALICE, text="psst")
        before = slack.messages(INCIDENTS)
    async with FakeSlack(tmp_path) as slack:
        assert slack.messages(INCIDENTS) == before
        assert [m["text"] for m in slack.messages(INCIDENTS)][1:] == ["b"]
        assert slack.whispers(INCIDENTS) == []


async def test_restart_gives_new_keys(tmp_path: Path) -> None:
    """Tokens and the link are of one run."""
    async with FakeSlack(tmp_path) as slack:
        before = {slack.url.partition("?")[2], slack.bot_token, slack.app_token}
    async with FakeSlack(tmp_path) as slack:
        assert before.isdisjoint({slack.url.partition("?")[2], slack.bot_token, slack.app_token})


async def test_time_never_repeats(tmp_path: Path) -> None:
    """Timestamps are unique and grow, though the clock stands still or was set back."""
    async with FakeSlack(tmp_path, clock=lambda: 2_000_000_000.0) as slack:
        later = slack.say(INCIDENTS, "a")["ts"]
    async with FakeSlack(tmp_path, clock=lambda: 1_000_000_000.0) as slack:
        assert slack.say(INCIDENTS, "b")["ts"] > later


async def test_taken_port_is_named(tmp_path: Path) -> None:
    """A port in use is refused in one sentence; without a wish the next free one is taken."""
    async with Workspace(tmp_path / "a") as first, Workspace(tmp_path / "b") as second:
        assert first.port != second.port
        with pytest.raises(PortTaken, match=str(first.port)):
            await Workspace(tmp_path / "c", port=first.port).__aenter__()
