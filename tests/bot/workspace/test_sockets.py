"""Socket Mode by hand: who gets an event, how often, and what happens while nobody listens."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest

from bot.limits import SOCKETS
from bot.workspace.errors import NoAnswer
from tests.fakes.slack import INCIDENTS, FakeSlack


class Listener:
    """A raw socket: acknowledges when told to."""

    def __init__(self, slack: FakeSlack) -> None:
        self._slack = slack
        self._session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {slack.app_token}"})

    async def __aenter__(self) -> Self:
        async with self._session.post(self._slack.api_url + "apps.connections.open") as answer:
            url = (await answer.json())["url"]
        self._link = await self._session.ws_connect(url)
        self.greeting = await self.receive()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._link.close()
        await self._session.close()

    async def receive(self) -> dict[str, Any]:
        """Wait for one frame; empty if the socket was closed."""
        frame = await asyncio.wait_for(self._link.receive(), 5)
        return json.loads(frame.data) if frame.type == aiohttp.WSMsgType.TEXT else {}

    async def ack(self, envelope: dict[str, Any], **payload: Any) -> None:
        """Acknowledge."""
        await self._link.send_json({"envelope_id": envelope["envelope_id"], "payload": payload})


async def test_hello_comes_first(slack: FakeSlack) -> None:
    """A new socket is greeted with the number of connections."""
    async with Listener(slack) as one, Listener(slack) as two:
        assert (one.greeting["type"], one.greeting["num_connections"]) == ("hello", 1)
        assert two.greeting["num_connections"] == 2


async def test_each_event_goes_to_one_socket(slack: FakeSlack) -> None:
    """Two sockets share the events; none gets another's."""
    async with Listener(slack) as one, Listener(slack) as two:
        slack.say(INCIDENTS, "a")
        slack.say(INCIDENTS, "b")
        envelopes = [await one.receive(), await two.receive()]
        await one.ack(envelopes[0])
        await two.ack(envelopes[1])
    assert {envelope["payload"]["event"]["text"] for envelope in envelopes} == {"a", "b"}


async def test_unacknowledged_event_comes_again(tmp_path: Path) -> None:
    """No ack in time: the same event in a new envelope, three times more, then never again."""
    async with FakeSlack(tmp_path, ack_s=0.02, retry_after_s=(0, 0, 0)) as slack, Listener(slack) as app:
        slack.say(INCIDENTS, "a")
        envelopes = [await app.receive() for _ in range(4)]
        slack.say(INCIDENTS, "b")
        after = await app.receive()
        await app.ack(after)
    assert len({envelope["envelope_id"] for envelope in envelopes}) == 4
    assert len({envelope["payload"]["event_id"] for envelope in envelopes}) == 1
    assert [(e["retry_attempt"], e["retry_reason"]) for e in envelopes[:2]] == [(0, ""), (1, "timeout")]
    assert after["payload"]["event"]["text"] == "b"


async def test_event_waits_for_a_socket(slack: FakeSlack) -> None:
    """What is said while no app is connected is delivered as soon as one connects."""
    slack.say(INCIDENTS, "a")
    async with Listener(slack) as app:
        envelope = await app.receive()
        await app.ack(envelope)
    assert envelope["payload"]["event"]["text"] == "a"


async def test_socket_that_dies_before_the_ack_loses_nothing(tmp_path: Path) -> None:
    """An event whose socket closed without an ack goes to the next socket, at once."""
    async with FakeSlack(tmp_path, ack_s=60) as slack:
        async with Listener(slack) as dying:
            slack.say(INCIDENTS, "a")
            first = await dying.receive()
        async with Listener(slack) as app:
            second = await app.receive()
            await app.ack(second)
    assert first["payload"]["event_id"] == second["payload"]["event_id"]
    assert second["retry_attempt"] == 1


async def test_closing_while_a_socket_dies_ends(tmp_path: Path) -> None:
    """A socket that dies in the moment of closing keeps nobody waiting, and its event stays for the next run."""
    async with FakeSlack(tmp_path) as slack, Listener(slack) as app:
        slack.say(INCIDENTS, "a")
        await app.receive()
        sockets = slack.workspace.sockets
        sockets._open[0].died()
        async with asyncio.timeout(2):
            await sockets.close()
    async with FakeSlack(tmp_path) as slack:
        assert slack.workspace.sockets.waiting == 1


async def test_undelivered_event_survives_a_restart(tmp_path: Path) -> None:
    """An event nobody took is delivered by the next run of the workspace, exactly as it was."""
    async with FakeSlack(tmp_path) as slack:
        slack.say(INCIDENTS, "a")
    async with FakeSlack(tmp_path) as slack, Listener(slack) as app:
        envelope = await app.receive()
        await app.ack(envelope)
        await slack.until(lambda: not slack.workspace.sockets.waiting)
    async with FakeSlack(tmp_path) as slack:
        assert (envelope["payload"]["event"]["text"], slack.workspace.sockets.waiting) == ("a", 0)


async def test_eleventh_socket_is_sent_away(slack: FakeSlack) -> None:
    """An app has at most ten sockets."""
    async with AsyncExitStack() as stack:
        for _ in range(SOCKETS):
            await stack.enter_async_context(Listener(slack))
        late = await stack.enter_async_context(Listener(slack))
        assert (late.greeting["type"], late.greeting["reason"]) == ("disconnect", "too_many_websockets")


async def test_ticket_works_once(slack: FakeSlack) -> None:
    """A socket needs a ticket, and a fresh one."""
    ticket = slack.workspace.sockets.ticket()
    url = f"ws://127.0.0.1:{slack.workspace.port}/link?ticket="
    async with aiohttp.ClientSession() as session:
        await (await session.ws_connect(url + ticket)).close()
        for wrong in (ticket, "guessed", ""):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await session.ws_connect(url + wrong)
            assert caught.value.status == 401


async def test_silent_app_fails_a_command(tmp_path: Path) -> None:
    """A command that is not acknowledged in time fails, and is not sent again."""
    async with FakeSlack(tmp_path, ack_s=0.02) as slack, Listener(slack) as app:
        with pytest.raises(NoAnswer):
            await slack.slash(INCIDENTS, "help")
        assert (await app.receive())["type"] == "slash_commands"


async def test_refresh_is_announced(slack: FakeSlack) -> None:
    """Slack asks to connect anew before it closes a socket."""
    async with Listener(slack) as app:
        await slack.disconnect()
        assert (await app.receive())["reason"] == "refresh_requested"
        assert await app.receive() == {}
