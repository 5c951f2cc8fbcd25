"""Signed HTTP instead of a socket: the same answers over real requests, and nothing for who cannot sign."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from slack_sdk.signature import SignatureVerifier
from sqlalchemy import func, select

from bot.door.door import Door
from bot.journal.inbox import inbox
from bot.slack.http import MOST_BYTES, PATH, SignedHttp
from tests.bot.slack.room import FEEDBACK, Room
from tests.fakes.slack import ALICE, COPILOT, DM, INCIDENTS, FakeSlack, Payload, text_of
from tests.flows.program import Program

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
FIVE_MINUTES = 300


def signed(body: str, secret: str, at: float) -> dict[str, str]:
    """Return the headers of a body as Slack would sign it."""
    timestamp = str(int(at))
    signature = SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=body)
    assert signature is not None
    kind = "application/json" if body.startswith("{") else "application/x-www-form-urlencoded"
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature, "Content-Type": kind}


class Sender:
    """Slack's own side: signs what the workspace would say on a socket, and sends it to the door."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.session: aiohttp.ClientSession
        self.url = ""
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        http = self.room.transport
        assert http is not None
        door = Door(port=0, listen="127.0.0.1", checks={}, registry=CollectorRegistry(), routes={PATH: http.serve})
        self.url = (await self._exit.enter_async_context(door)).url + PATH
        self.session = await self._exit.enter_async_context(aiohttp.ClientSession())
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._exit.aclose()

    def signed(self, body: str, *, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
        """Return the headers of a body, signed now or at another time."""
        return signed(body, secret, self.room.time() if at is None else at)

    async def send(self, body: str | bytes, headers: dict[str, str]) -> tuple[int, str]:
        """Send a request; return status and text of the answer."""
        data = BytesIO(body.encode() if isinstance(body, str) else body)
        async with self.session.post(self.url, data=data, headers=headers) as answer:
            return answer.status, await answer.text()

    async def post(self, body: str) -> tuple[int, str]:
        """Send a body as Slack signs it."""
        return await self.send(body, self.signed(body))

    def event(self, channel: str, text: str, *, kind: str = "app_mention") -> tuple[Payload, str]:
        """Let a person write, heard by no socket; return the message and the body of its event."""
        slack = self.room.slack.workspace
        message = slack.gestures._message(text, ALICE)
        slack.state.put(channel, message)
        about = message | {"type": kind, "channel": channel, "event_ts": message["ts"]}
        if kind == "message":
            about["channel_type"] = "im"
        return message, json.dumps(slack.gestures.event(about))


@pytest.fixture
async def slack(tmp_path: Path) -> AsyncIterator[Sender]:
    """Give Slack's side of a room whose bot listens over HTTP."""
    async with Room(tmp_path) as room:
        room.transport = SignedHttp(SECRET, room.time, room.tally.fault)
        await room.start()
        async with Sender(room) as sender:
            yield sender


async def stored(room: Room) -> int:
    """Return how many events were ever taken in."""
    async with room.database.read() as connection:
        return await connection.scalar(select(func.count()).select_from(inbox)) or 0


async def test_a_signed_mention_is_answered_in_its_thread(slack: Sender) -> None:
    """Events come over HTTP as over a socket; no socket is opened."""
    asked, body = slack.event(INCIDENTS, f"<@{COPILOT}> what now?")
    assert (await slack.post(body))[0] == HTTPStatus.OK
    answer = await slack.room.answered(asked)
    assert "Drain the stuck pod" in text_of(answer)
    assert slack.room.slack.called("apps.connections.open") == []


async def test_a_signed_direct_message_is_answered(slack: Sender) -> None:
    """A direct message needs no mention here either."""
    asked, body = slack.event(DM, "what now?", kind="message")
    await slack.post(body)
    assert "Drain the stuck pod" in text_of(await slack.room.answered(asked, DM))


async def test_a_signed_command_is_acknowledged_at_once_and_answered(slack: Sender) -> None:
    """The acknowledgement is the HTTP answer; what was looked up follows by the command's own url."""
    room = slack.room
    url = room.slack.workspace.gestures._responses.issue(INCIDENTS, ALICE)
    who = {"user_id": ALICE, "channel_id": INCIDENTS, "team_id": "T0LARKFIELD", "trigger_id": "t1"}
    body = urlencode(who | {"command": "/copilot", "text": "ask what now?", "response_url": url})
    status, text = await slack.post(body)
    assert (status, json.loads(text)["response_type"]) == (HTTPStatus.OK, "ephemeral")
    await room.quiet()
    (answer,) = room.slack.whispers(INCIDENTS)
    assert "Drain the stuck pod" in text_of(answer)


async def test_a_signed_press_is_taken(slack: Sender) -> None:
    """A thumb over HTTP is stored and noted."""
    room = slack.room
    asked, body = slack.event(INCIDENTS, f"<@{COPILOT}> what now?")
    await slack.post(body)
    await room.answered(asked)
    about = {"container": {"channel_id": INCIDENTS, "thread_ts": asked["ts"]}, "channel": {"id": INCIDENTS}}
    action = {"action_id": FEEDBACK, "block_id": "b", "type": "feedback_buttons", "value": "up:q1", "action_ts": "3.3"}
    press = {"type": "block_actions", "user": {"id": ALICE}, "team": {"id": "T0LARKFIELD"}, "actions": [action]}
    assert (await slack.post(urlencode({"payload": json.dumps(press | about)})))[0] == HTTPStatus.OK
    await room.quiet()
    assert await room.journal.feelings("q1") == {ALICE: "up"}


async def test_slack_may_verify_the_address(slack: Sender) -> None:
    """The challenge of a new request URL is given back, to who can sign it."""
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aBm2rZgRNFdxV"})
    status, text = await slack.post(body)
    assert status == HTTPStatus.OK
    assert "3eZbrw1aBm2rZgRNFdxV" in text
    assert (await slack.send(body, slack.signed(body, secret="another")))[0] == HTTPStatus.UNAUTHORIZED


async def test_a_replay_within_five_minutes_is_answered_once(slack: Sender) -> None:
    """The very same request is true again, and its event is known."""
    asked, body = slack.event(INCIDENTS, f"<@{COPILOT}> what now?")
    headers = slack.signed(body)
    assert [(await slack.send(body, headers))[0] for _ in range(3)] == [HTTPStatus.OK] * 3
    await slack.room.answered(asked)
    assert len(slack.room.answers.asked) == 1


async def refused(slack: Sender, body: str | bytes, headers: dict[str, str], status: HTTPStatus) -> None:
    """Check that a request is refused in a word, that nothing is stored, and that it is counted."""
    before = len(slack.room.tally.faults)
    assert await slack.send(body, headers) == (status, "refused")
    assert await stored(slack.room) == 0
    assert slack.room.answers.asked == []
    assert len(slack.room.tally.faults) == before + 1


@pytest.mark.parametrize("age_s", [FIVE_MINUTES + 10, -FIVE_MINUTES - 10, 86_400])
async def test_an_old_or_future_timestamp_is_refused(slack: Sender, age_s: int) -> None:
    """A true signature of another time is an attack or a clock gone wrong."""
    _, body = slack.event(INCIDENTS, f"<@{COPILOT}> what now?")
    await refused(slack, body, slack.signed(body, at=slack.room.time() - age_s), HTTPStatus.UNAUTHORIZED)


async def test_a_wrong_signature_is_refused(slack: Sender) -> None:
    """Another secret, another body or another time than was signed: nothing is taken."""
    _, body = slack.event(INCIDENTS, f"<@{COPILOT}> what now?")
    good = slack.signed(body)
    later = str(int(good["X-Slack-Request-Timestamp"]) + 1)
    await refused(slack, body, slack.signed(body, secret="another"), HTTPStatus.UNAUTHORIZED)
    await refused(slack, body + " ", good, HTTPStatus.UNAUTHORIZED)
    await refused(slack, body, good | {"X-Slack-Request-Timestamp": later}, HTTPStatus.UNAUTHORIZED)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Slack-Signature", None),
        ("X-Slack-Request-Timestamp", None),
        ("X-Slack-Signature", ""),
        ("X-Slack-Signature", "v0="),
        ("X-Slack-Signature", "v0=ä"),
        ("X-Slack-Request-Timestamp", "yesterday"),
        ("X-Slack-Request-Timestamp", "-1"),
        ("X-Slack-Request-Timestamp", "9" * 5_000),
    ],
)
async def test_missing_and_broken_headers_are_refused(slack: Sender, header: str, value: str | None) -> None:
    """What is not of Slack's form is refused before anything is reckoned."""
    _, body = slack.event(INCIDENTS, f"<@{COPILOT}> what now?")
    headers = {name: text for name, text in slack.signed(body).items() if name != header}
    await refused(slack, body, headers | ({header: value} if value is not None else {}), HTTPStatus.UNAUTHORIZED)


async def test_an_oversized_body_is_refused_unread(slack: Sender) -> None:
    """However it is signed: nobody fills our memory."""
    body = json.dumps({"type": "event_callback", "pad": "x" * MOST_BYTES})
    await refused(slack, body, slack.signed(body), HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


async def test_a_body_that_does_not_come_to_its_end_is_refused(slack: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends a byte now and then holds nothing open for longer than Slack itself would wait."""
    monkeypatch.setattr("bot.slack.http.READ_S", 0.05)

    async def dripping() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(5)

    began = time.monotonic()
    async with slack.session.post(slack.url, data=dripping(), headers=slack.signed("{}")) as answer:
        assert answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert time.monotonic() - began < 3
    assert await stored(slack.room) == 0


@pytest.mark.parametrize("body", ["{", "", "payload=%7B", "payload=[]", "payload=3"])
async def test_a_signed_body_of_another_shape_is_refused(slack: Sender, body: str) -> None:
    """Even Slack's own signature makes no nonsense into an event."""
    await refused(slack, body, slack.signed(body), HTTPStatus.BAD_REQUEST)


async def test_a_signed_body_that_is_no_text_is_refused(slack: Sender) -> None:
    """Bytes that are not UTF-8 can carry no true signature of Slack."""
    await refused(slack, b"\xff\xfe", slack.signed("{}"), HTTPStatus.UNAUTHORIZED)


async def test_before_the_start_and_after_the_stop_slack_is_told_to_come_again(slack: Sender) -> None:
    """503 makes Slack send an event again, to another replica or to our next life."""
    _, body = slack.event(INCIDENTS, f"<@{COPILOT}> what now?")
    bot, slack.room.bot = slack.room.bot, None
    assert bot is not None
    assert (await bot.health()).connected
    await bot.stop()
    assert (await slack.post(body))[0] == HTTPStatus.SERVICE_UNAVAILABLE
    assert not (await bot.health()).connected
    assert await stored(slack.room) == 0


async def test_what_cannot_be_written_down_is_not_acknowledged(slack: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a commit there is no 200, so Slack sends the event again."""

    async def broken(*_args: object, **_more: object) -> None:
        raise OSError

    _, body = slack.event(INCIDENTS, f"<@{COPILOT}> what now?")
    with monkeypatch.context() as patch:
        patch.setattr(slack.room.inbox, "take_in", broken)
        assert (await slack.post(body))[0] == HTTPStatus.INTERNAL_SERVER_ERROR
    assert (await slack.post(body))[0] == HTTPStatus.OK
    await slack.room.quiet()
    assert len(slack.room.answers.asked) == 1


async def test_a_command_is_acknowledged_within_slacks_three_seconds(slack: Sender) -> None:
    """Unknown words get help as the HTTP answer itself."""
    who: dict[str, Any] = {"user_id": ALICE, "channel_id": INCIDENTS, "team_id": "T0LARKFIELD", "trigger_id": "t2"}
    began = time.monotonic()
    status, text = await slack.post(urlencode(who | {"command": "/copilot", "text": "", "response_url": "http://x"}))
    assert (status, "`/copilot ask QUESTION`" in json.loads(text)["text"]) == (HTTPStatus.OK, True)
    assert time.monotonic() - began < 3.0


async def test_the_minimal_manifest_still_answers_and_says_what_it_cannot_read(slack: Sender) -> None:
    """Without history scopes a mention in a thread is answered from its own words, and a note says so once."""
    room = slack.room
    root = room.slack.workspace.gestures._message("checkout is down", ALICE)
    room.slack.workspace.state.put(INCIDENTS, root)
    for number in range(2):
        room.slack.refuse("conversations.replies", "missing_scope", times=3)
        _, body = slack.event(INCIDENTS, f"<@{COPILOT}> why number {number}?")
        event = json.loads(body)
        event["event"]["thread_ts"] = root["ts"]
        assert (await slack.post(json.dumps(event)))[0] == HTTPStatus.OK
        await room.quiet()
    first, second = room.slack.finished(root)
    assert "I read only the message that asks me" in text_of(first)
    assert "I read only the message that asks me" not in text_of(second)


async def test_the_program_itself_hears_slack_over_http_and_nobody_else(tmp_path: Path) -> None:
    """With a signing secret and no app-level token: a true mention is answered once, what is forged or old never."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "pool.md").write_text("# Connection pool exhausted\n\nRestart the widget when the pool is exhausted.\n")
    async with FakeSlack(tmp_path / "slack") as slack:
        settings = {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_SIGNING_SECRET": SECRET, "SLACK_API_URL": slack.api_url}
        (tmp_path / "copilot.toml").write_text('[documents]\nfolders = ["docs"]\n')
        with Program("run", "--data", "data", "--http-port", "0", folder=tmp_path, settings=settings) as program:
            url = (await asyncio.to_thread(program.ready)).rstrip("/") + PATH
            asked = slack.workspace.gestures._message(
                f"<@{COPILOT}> the connection pool is exhausted, what now?", ALICE
            )
            slack.workspace.state.put(INCIDENTS, asked)
            body = json.dumps(slack.workspace.gestures.event(asked | {"type": "app_mention", "channel": INCIDENTS}))
            now = time.time()
            tries = [signed(body, "another", now), signed(body, SECRET, now - FIVE_MINUTES - 10)]
            tries += [signed(body, SECRET, now)] * 3
            async with aiohttp.ClientSession() as session:
                answers = [await session.post(url, data=body, headers=headers) for headers in tries]
            assert [answer.status for answer in answers] == [401, 401, 200, 200, 200]
            async with asyncio.timeout(30):
                while not slack.finished(asked):  # noqa: ASYNC110 - another process tells nobody
                    await asyncio.sleep(0.05)
            assert await asyncio.to_thread(program.stop) == 0
    (answer,) = slack.replies(asked)
    assert "Restart the widget" in text_of(answer)
