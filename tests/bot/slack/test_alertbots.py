"""What alert bots post is answered once, in its thread; nobody else's messages are, and no edit, and no answer."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.slack.alertbots import MOST_TEXT, Alerted, content, said_in
from bot.slack.app import Surfaces
from bot.slack.keeper import YOUNG_S
from bot.slack.rules import Rules
from bot.types import Hint
from bot.watch.once import Once
from ingest.types import Audience
from tests.bot.slack.room import Room
from tests.fakes.slack import ALICE, COPILOT, INCIDENTS, PAYMENTS, Payload, text_of

BOT, OTHER = "B0ALERTS", "B0OTHER"

RUNBOOK = Hint("runbooks/rate.md", "High error rate", 4, 9, "kubectl get pods -l app=checkout")
JANUARY = Hint("postmortems/2026-01-09.md", "Errors of January", 20, 44, "dig gateway", runbook=False)

ALERT: Payload = {
    "text": "",
    "attachments": [
        {
            "color": "danger",
            "fallback": "[FIRING:1] HighErrorRate checkout",
            "title": "[FIRING:1] HighErrorRate checkout",
            "title_link": "http://alertmanager:9093/#/alerts",
            "text": "*12 %* of requests fail on <https://checkout.example|checkout> &lt;eu&gt;",
            "fields": [{"title": "Severity", "value": "critical", "short": True}],
        }
    ],
}
"""What Alertmanager's own Slack receiver posts."""


class Fitting:
    """Finds what it is told to find, and remembers what was sought for whom."""

    def __init__(self) -> None:
        self.found: tuple[Hint | None, tuple[Hint, ...]] = RUNBOOK, (JANUARY,)
        self.sought: list[tuple[str, Audience | None]] = []
        self.breaks = False
        self.waits: asyncio.Event | None = None

    async def on(
        self, text: str, services: Sequence[str], audience: Audience | None, stories: Sequence[str] = ()
    ) -> tuple[Hint | None, tuple[Hint, ...]]:
        """Return what fits."""
        self.sought.append((text, audience))
        if self.breaks:
            self.breaks = False
            raise RuntimeError("no")
        if self.waits is not None:
            await self.waits.wait()
        return self.found


class Watched(Room):
    """A room whose bot answers one alert bot's messages."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.fitting = Fitting()

    def surfaces(self) -> Surfaces:
        """Return what stands behind the surfaces, the alert bots among it."""
        alerted = Alerted(frozenset([BOT]), self.fitting, Once(self.database, self.time))
        return replace(super().surfaces(), alerted=alerted)

    async def posts(
        self, message: Payload = ALERT, *, channel: str = INCIDENTS, times: int = 1, **more: Any
    ) -> Payload:
        """Let the alert bot post a message; return it once all that comes of it has come."""
        state = self.slack.workspace.state
        posted = {"type": "message", "bot_id": BOT, "text": "an alert", "ts": state.next_ts()}
        state.put(channel, posted)
        event = {"type": "message", "channel": channel, "channel_type": "channel", "ts": posted["ts"], "bot_id": BOT}
        self.slack.emit(event | {"subtype": "bot_message"} | message | more, times)
        await self.quiet()
        return posted

    def said(self, channel: str = INCIDENTS) -> list[Payload]:
        """Return all that we said in a channel."""
        return [each for each in self.slack.messages(channel) if each.get("user") == COPILOT]


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Watched]:
    """Give the bot in a room with an alert bot."""
    async with Watched(tmp_path) as room:
        await room.start()
        yield room


async def test_an_alert_is_answered_in_its_thread(room: Watched) -> None:
    """With the runbook that fits and its first check, and what was alike; sought for those who read there."""
    posted = await room.posts()
    (answer,) = room.said()
    assert answer["thread_ts"] == posted["ts"]
    for each in (RUNBOOK, JANUARY):
        assert each.title in text_of(answer)
        assert each.check in text_of(answer)
    ((text, audience),) = room.fitting.sought
    assert text.split("\n") == [
        "[FIRING:1] HighErrorRate checkout",
        "12 %* of requests fail on checkout <eu>",
        "Severity",
        "critical",
    ]
    assert audience is not None
    assert audience.admits(["everyone"])


async def test_one_that_comes_twice_is_answered_once(room: Watched) -> None:
    """Slack delivers an event again at times, and bots post the same alert with other numbers."""
    await room.posts(times=3)
    await room.posts(
        {
            "text": "",
            "attachments": [
                ALERT["attachments"][0]
                | {"text": "*80 %* of requests fail on <https://checkout.example|checkout> &lt;eu&gt;"}
            ],
        }
    )
    assert len(room.said()) == 1
    await room.posts(channel=PAYMENTS)
    assert len(room.said(PAYMENTS)) == 1
    assert len(room.fitting.sought) == 2


@pytest.mark.parametrize(
    "more",
    [
        {"bot_id": OTHER},
        {"bot_id": None, "user": ALICE, "subtype": None},
        {"thread_ts": "1763600000.000100"},
        {"subtype": "message_changed", "message": ALERT | {"bot_id": BOT}},
        {"subtype": "channel_join"},
        {"attachments": [{"title": "[RESOLVED] HighErrorRate checkout"}]},
        {"attachments": [], "text": ":white_check_mark: *Resolved*: HighErrorRate"},
        {"attachments": [], "text": "Recovered: checkout is well"},
        {"attachments": [], "text": "  "},
    ],
)
async def test_all_else_is_left_alone(room: Watched, more: Payload) -> None:
    """Other bots, people, what stands in threads, edits, and what is over."""
    await room.posts(**more)
    assert room.said() == []
    assert room.fitting.sought == []


async def test_what_nothing_fits_is_left_alone(room: Watched) -> None:
    """Nobody asked."""
    room.fitting.found = None, ()
    await room.posts()
    assert room.said() == []


async def test_only_listed_channels_are_served(tmp_path: Path) -> None:
    """As everywhere else."""
    async with Watched(tmp_path) as room:
        room.rules = Rules(frozenset([PAYMENTS]))
        await room.start()
        await room.posts()
        await room.posts(channel=PAYMENTS)
        assert (room.said(), len(room.said(PAYMENTS))) == ([], 1)


async def test_alerts_are_acknowledged_before_they_are_looked_up(room: Watched) -> None:
    """A flood of alerts was looked up first, one by one: Slack, which waits for three seconds, sent them all again."""
    room.fitting.waits = asyncio.Event()
    posting = asyncio.create_task(room.posts())
    async with asyncio.timeout(10):
        while not room.fitting.sought or room.slack.workspace.sockets.waiting:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    assert await room.open_rows() == 1
    room.fitting.waits.set()
    await posting
    assert len(room.said()) == 1


async def test_what_breaks_is_taken_up_again(room: Watched) -> None:
    """By the next beat: the alert is written down, and its bot would not post it again."""
    room.fitting.breaks = True
    posting = asyncio.create_task(room.posts())
    async with asyncio.timeout(10):
        while not room.tally.faults:  # noqa: ASYNC110 - a count tells nobody
            await asyncio.sleep(0.01)
    room.time.advance(YOUNG_S + 1.0)
    assert room.bot is not None
    await room.bot._keeper.beat()
    await posting
    assert (len(room.said()), len(room.fitting.sought)) == (1, 2)
    assert room.tally.faults == ["task_failed"]


def test_blocks_are_read_and_hostile_ones_bounded() -> None:
    """Bots post headers, sections and rich text; nesting and length have an end."""
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Disk full"}},
        {
            "type": "rich_text",
            "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "on db-1"}]}],
        },
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Host*\n`db-1`"}, None, 7]},
    ]
    assert said_in({"text": "Disk full", "blocks": blocks}).split("\n") == ["Disk full", "on db-1", "Host", "db-1"]
    deep: Any = "x"
    for _ in range(500):
        deep = {"elements": [deep]}
    assert said_in({"blocks": [deep], "text": "y" * 100_000}) == "y" * MOST_TEXT


def test_titles_of_documents_ring_for_nobody() -> None:
    """They are other people's words."""
    hostile = replace(RUNBOOK, title="<!channel> <@U0ALICE> *x*", check="<https://evil|x>")
    told = content(hostile, ())
    assert "<!" not in told["text"]
    assert "<@" not in told["text"]
    assert {block["type"] for block in told["blocks"]} == {"rich_text"}
    assert '"link"' not in json.dumps(told["blocks"])
