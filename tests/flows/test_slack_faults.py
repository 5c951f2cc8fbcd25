"""What Slack does on bad days, and that every question still ends in one answer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.slack.room import FEEDBACK, TEXT, Room
from tests.fakes.slack import ALICE, BOB, DM, INCIDENTS, PAYMENTS, Fault, text_of

PIECES = ["**First.** ", "Second. ", "Third."]
HTML = "<html>down</html>"


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    """Give a room with a bot in it."""
    async with Room(tmp_path) as room:
        yield await room.start()


async def test_a_sign_is_given_before_anything_is_looked_up(room: Room) -> None:
    """The status shows while the answer is still being looked for, and the answer never waits for it."""
    room.answers.pieces = []
    room.answers.gate.clear()
    asked = room.slack.mention(INCIDENTS, "what now?")
    await room.slack.until(lambda: room.slack.called("assistant.threads.setStatus"))
    assert room.slack.replies(asked) == []
    room.answers.gate.set()
    room.answers.pieces = [TEXT]
    with room.slack.hold("assistant.threads.setStatus"):
        again = room.slack.mention(INCIDENTS, "and now?")
        await room.slack.until(lambda: room.slack.finished(again))


async def test_without_a_status_method_answers_come_all_the_same(room: Room) -> None:
    """A server that knows no status still gets the answer."""
    room.slack.refuse("assistant.threads.setStatus", "unknown_method", times=9)
    await room.answered(room.slack.mention(INCIDENTS, "what now?"))


@pytest.mark.parametrize("method", ["chat.appendStream", "chat.stopStream"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(error="message_not_in_streaming_state"),
        Fault(error="msg_too_long"),
        Fault(error="internal_error"),
        Fault(status=503, body=HTML),
        Fault(status=503, body=HTML, after=True),
        Fault(drop=True),
        Fault(drop=True, after=True),
        Fault(status=429, retry_after_s=30, body="{}"),
    ],
    ids=str,
)
async def test_a_stream_that_breaks_is_finished_as_one_message(room: Room, method: str, fault: Fault) -> None:
    """Whatever breaks a stream midway, the same message ends up whole, with its buttons, and no other appears."""
    room.answers.pieces = PIECES
    room.answers.gate.clear()
    room.slack.fail(method, fault)
    asked = room.slack.mention(INCIDENTS, "what now?")
    await room.slack.until(lambda: room.slack.replies(asked))
    room.answers.gate.set()
    answer = await room.answered(asked)
    assert text_of(answer).count("Second.") == 1
    assert "Third." in text_of(answer)
    assert FEEDBACK in str(answer["blocks"])


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(drop=True),
        Fault(drop=True, after=True),
        Fault(status=503, body=HTML),
        Fault(status=503, body=HTML, after=True),
        Fault(error="fatal_error"),
        Fault(error="fatal_error", after=True),
        Fault(status=429, retry_after_s=30, body="{}"),
    ],
    ids=str,
)
async def test_an_uncertain_post_is_looked_up_before_it_is_tried_again(room: Room, method: str, fault: Fault) -> None:
    """A post or update whose fate nobody knows ends as one message, the history lagging behind or not."""
    room.slack.without_streaming()
    room.slack.history_lags_s = 3.0
    room.answers.pieces = PIECES
    room.slack.fail(method, fault)
    answer = await room.answered(room.slack.mention(INCIDENTS, "what now?"))
    assert "Third." in text_of(answer)
    assert "possibly repeated" not in text_of(answer)


@pytest.mark.parametrize("after", [False, True])
async def test_an_uncertain_start_is_looked_up_before_it_is_tried_again(room: Room, *, after: bool) -> None:
    """A stream whose start nobody answered is found in the thread, or posted if it is not there."""
    room.slack.history_lags_s = 3.0
    room.slack.drop("chat.startStream", after=after)
    answer = await room.answered(room.slack.mention(INCIDENTS, "what now?"))
    assert "Drain the stuck pod" in text_of(answer)
    assert "possibly repeated" not in text_of(answer)


async def test_a_start_that_comes_too_late_is_undone(room: Room) -> None:
    """When Slack takes longer than two seconds to start a stream we post instead, and remove the late stream."""
    with room.slack.hold("chat.startStream"):
        asked = room.slack.mention(INCIDENTS, "what now?")
        await room.slack.until(lambda: room.slack.finished(asked))
    await room.slack.until(lambda: room.slack.called("chat.delete"))
    await room.answered(asked)
    assert await room.outbox.in_flight() == []


async def test_a_late_start_that_fails_is_looked_for(room: Room) -> None:
    """When the late start ends in a lost connection, the stream that it left all the same is found and removed."""
    room.slack.drop("chat.startStream", after=True)
    with room.slack.hold("chat.startStream"):
        asked = room.slack.mention(INCIDENTS, "what now?")
        await room.slack.until(lambda: room.slack.finished(asked))
    await room.slack.until(lambda: room.slack.called("chat.delete"))
    await room.answered(asked)


async def test_retry_after_is_honoured_to_the_second_while_others_go_on(room: Room) -> None:
    """A channel that is told to wait waits exactly so long; another channel gets its answer meanwhile."""
    room.slack.without_streaming()
    room.time.waits = True
    room.slack.rate_limit("chat.postMessage", 30)
    slow = room.slack.mention(INCIDENTS, "what now?")
    await room.slack.until(lambda: room.slack.called("chat.postMessage"))
    limited_at = room.time()
    second = room.slack.mention(INCIDENTS, "and then?")
    quick = room.slack.mention(PAYMENTS, "what now?")
    await room.slack.until(lambda: room.slack.finished(quick, PAYMENTS))
    room.time.advance(29.5)
    await asyncio.sleep(0.05)  # nothing may happen: there is no event to wait for
    assert room.slack.replies(slow) == room.slack.replies(second) == []
    assert [call.args["channel"] for call in room.slack.called("chat.postMessage")] == [INCIDENTS, PAYMENTS]
    room.time.advance(1.0)
    await room.slack.until(lambda: room.slack.finished(slow) and room.slack.finished(second))
    again = [call.at for call in room.slack.called("chat.postMessage") if call.args["channel"] == INCIDENTS][1]
    assert 30.0 <= again - limited_at < 31.0


async def test_a_limited_start_is_posted_instead(room: Room) -> None:
    """A 429 on the start of a stream does not hold the answer up, and streaming is left alone until it is over."""
    room.slack.rate_limit("chat.startStream", 3600)
    await room.answered(room.slack.mention(INCIDENTS, "what now?"))
    await room.answered(room.slack.mention(INCIDENTS, "and now?"))
    assert len(room.slack.called("chat.startStream")) == 1


async def test_an_hour_without_slack_loses_nothing(room: Room) -> None:
    """While Slack is down we try again about once a minute; when it is back the answer is posted, once."""
    room.slack.go_down()
    began = room.time()
    asked = room.slack.mention(INCIDENTS, "what now?")
    await room.slack.until(lambda: room.time.now - began > 3600)
    assert 60 < len(room.slack.calls) < 240
    room.slack.come_back()
    await room.answered(asked)


async def test_the_asker_is_told_where_we_may_not_answer(room: Room) -> None:
    """When Slack refuses the answer for good, the asker learns in a direct message what to do."""
    room.answers.gate.clear()
    asked = room.slack.mention(INCIDENTS, "what now?")
    await room.slack.until(lambda: room.slack.replies(asked))
    room.slack.leave(INCIDENTS)
    room.answers.gate.set()
    await room.slack.until(lambda: room.slack.messages(DM))
    await room.quiet()
    assert f"<#{INCIDENTS}>: I am not in that channel: type `/invite @copilot` there" in text_of(
        room.slack.messages(DM)[0]
    )
    assert room.tally.ended == ["undeliverable"]


async def test_stop_cancels_the_answer(room: Room) -> None:
    """When a person stops a stream, the answer is given up where it is, and the message says so."""
    room.answers.pieces = [*PIECES, "Fourth.", "Fifth."]
    room.answers.gate.clear()
    room.slack.refuse("chat.appendStream", "stopped_by_user")
    asked = room.slack.mention(INCIDENTS, "what now?")
    await room.slack.until(lambda: room.slack.replies(asked))
    room.answers.step()
    await room.slack.until(lambda: room.slack.called("chat.stopStream"))
    room.answers.step()
    answer = await room.answered(asked)
    assert "_Stopped. Ask again for the whole answer._" in text_of(answer)
    assert "Fourth." not in text_of(answer)
    assert room.answers.stopped == 1
    assert room.tally.ended == ["stopped"]


async def test_answers_are_given_in_turn(room: Room) -> None:
    """Someone who asks much waits for himself; another person's question is next."""
    room.answers.gate.clear()
    for number in range(8):
        room.slack.mention(INCIDENTS, f"question {number}", user=BOB)
    await room.slack.until(lambda: len(room.answers.asked) == 3)
    await room.queued(5)
    room.slack.mention(INCIDENTS, "mine", user=ALICE)
    await room.slack.until(lambda: len(room.answers.asked) == 4)
    assert room.answers.asked[-1].asker == ALICE
    room.answers.gate.set()
    await room.quiet()


async def test_a_channel_that_waits_holds_no_place(room: Room) -> None:
    """Answers that wait for Slack in one channel leave room for questions in another."""
    room.slack.without_streaming()
    room.time.waits = True
    room.slack.rate_limit("chat.postMessage", 3600, times=6)
    for number in range(6):
        room.slack.mention(INCIDENTS, f"question {number}")
    await room.slack.until(lambda: len(room.answers.asked) == 6)
    room.slack._faults.clear()
    asked = room.slack.mention(PAYMENTS, "what now?")
    await room.slack.until(lambda: room.slack.finished(asked, PAYMENTS))
    room.time.waits = False
    room.time.advance(7200)


async def test_a_broken_socket_is_replaced(room: Room) -> None:
    """After Slack closes the socket the next question is answered, and once."""
    await room.slack.disconnect()
    await room.answered(room.slack.mention(INCIDENTS, "what now?", times=2))


async def test_health_tells_how_we_are(room: Room) -> None:
    """Health shows the socket, the queue and the outbox."""
    await room.answered(room.slack.mention(INCIDENTS, "what now?"))
    assert room.bot is not None
    health = await room.bot.health()
    assert health.connected
    assert (health.waiting, health.working, dict(health.outbox)) == (0, 0, {"sent": 1})
    assert health.last_ping_at is None or health.last_ping_at > 0
