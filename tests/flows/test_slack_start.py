"""How the bot in Slack comes up and what it leaves in the log."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from bot.errors import SlackRefused
from bot.journal.inbox import Arrival, Inbox, Taken
from bot.journal.outbox import Intent
from tests.bot.slack.room import Room
from tests.fakes.slack import DM, INCIDENTS


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    """Give a room whose bot has not started."""
    async with Room(tmp_path) as room:
        yield room


@pytest.mark.parametrize(
    ("method", "error", "words"),
    [
        ("auth.test", "invalid_auth", "SLACK_BOT_TOKEN"),
        ("apps.connections.open", "not_allowed_token_type", "SLACK_APP_TOKEN with xapp-"),
    ],
)
async def test_a_wrong_token_is_an_error_at_the_start(room: Room, method: str, error: str, words: str) -> None:
    """A token that Slack refuses is said at once, in a sentence, and nothing is left open."""
    room.slack.refuse(method, error)
    with pytest.raises(SlackRefused, match=words):
        await room.start()
    room.bot = None


@pytest.mark.parametrize("method", ["auth.test", "apps.connections.open"])
async def test_slack_out_of_reach_at_the_start_is_waited_for(room: Room, method: str) -> None:
    """The bot comes up as soon as Slack is there."""
    room.slack.break_down(method, times=1)
    await room.start()
    await room.answered(room.slack.mention(INCIDENTS, "what now?"))


class Locked(Inbox):
    """An inbox whose database cannot be written the first time."""

    tries = 0

    async def take_in(self, arrival: Arrival, promise: Callable[[str], Intent] | None = None) -> Taken | None:
        """Fail once."""
        self.tries += 1
        if self.tries == 1:
            raise OperationalError("insert", {"text": "my-private-words"}, Exception("database is locked"))
        return await super().take_in(arrival, promise)


async def test_an_event_that_cannot_be_written_down_is_not_acknowledged(tmp_path: Path) -> None:
    """Without a commit there is no ack, so Slack sends the event again, and then it is answered."""
    async with Room(tmp_path, ack_s=0.3) as room:
        room.inbox = Locked(room.database, room.time, lambda: "q1")
        await room.start()
        asked = room.slack.say_in_dm("what now?")
        await room.answered(asked, DM)
        assert room.tally.faults == ["listener_broke"]


async def test_our_log_holds_ids_and_no_words(room: Room) -> None:
    """Neither a question, nor an answer, nor a token is ever logged, on good days and on bad ones."""
    with capture_logs() as logged:
        await room.start()
        await room.answered(room.slack.mention(INCIDENTS, "my-private-words"))
        room.answers.error = ValueError("my-private-words")
        room.slack.refuse("chat.stopStream", "msg_too_long")
        await room.answered(room.slack.mention(INCIDENTS, "my-private-words"))
    seen = str(logged)
    assert "q1" in seen
    for secret in ("my-private-words", "Drain", room.slack.bot_token, room.slack.app_token):
        assert secret not in seen
