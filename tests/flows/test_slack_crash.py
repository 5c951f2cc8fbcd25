"""Kill -9 between any two steps: the state it leaves behind, then a new bot on it. Nothing is lost, nothing doubled.

Each test writes down what an earlier life had done when it died, then starts the bot and looks at Slack alone.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.journal.inbox import Arrival, Event, Taken
from bot.journal.outbox import Intent, Outbox
from bot.slack import cards
from bot.slack.history import marked
from bot.slack.turns import promised
from bot.types import Question
from tests.bot.slack.room import FEEDBACK, TEXT, Room, done
from tests.fakes.slack import ALICE, DM, INCIDENTS, PAYMENTS, text_of

TEAM = "T0LARKFIELD"
MARK = "_possibly repeated_"


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    """Give a room with a bot in it."""
    async with Room(tmp_path) as room:
        room.slack.history_lags_s = 4.0
        yield room


async def heard(room: Room, text: str = "what now?", thread: str | None = None) -> tuple[Taken, dict[str, Any]]:
    """Return a mention that was committed to the inbox with its promise, and the message in Slack."""
    said = room.slack.say(INCIDENTS, text, thread_ts=thread)
    event = Event("question", ALICE, INCIDENTS, text, said["ts"], thread or said["ts"], TEAM)
    arrival = Arrival(event, f"Ev{said['ts']}", f"{INCIDENTS}:{said['ts']}")
    taken = await room.inbox.take_in(arrival, promised(event))
    assert taken is not None
    return taken, said


async def stream(room: Room, taken: Taken, text: str) -> str:
    """Start a stream in Slack, as an earlier life did; return its ts."""
    to = {"recipient_team_id": TEAM, "recipient_user_id": ALICE}
    thread = taken.event.thread
    answer = await room.call("chat.startStream", channel=INCIDENTS, thread_ts=thread, markdown_text=text, **to)
    return str(answer["ts"])


async def written(room: Room, taken: Taken, text: str = TEXT) -> None:
    """Let the journal have the whole answer."""
    question = Question(taken.id, taken.event.text, ALICE, taken.at, INCIDENTS, taken.event.thread)
    await room.journal.answered(question, done(question), text)


def whole(message: dict[str, Any]) -> None:
    """Check that a message is a whole answer."""
    assert text_of(message).count("Drain the stuck pod") == 1
    assert message.get("streaming_state") != "in_progress"
    assert FEEDBACK in str(message["blocks"])


async def test_killed_after_the_commit(room: Room) -> None:
    """An event that was committed and never begun is answered."""
    _, said = await heard(room)
    await room.start()
    whole(await room.answered(said))


async def test_killed_after_the_commit_before_the_ack(room: Room) -> None:
    """An event that was committed but not acknowledged comes again, and is answered once."""
    said = room.slack.mention(INCIDENTS, "what now?")
    event = Event("question", ALICE, INCIDENTS, "what now?", said["ts"], said["ts"], TEAM)
    await room.inbox.take_in(Arrival(event, "EvBefore", f"{INCIDENTS}:{said['ts']}"), promised(event))
    await room.start()
    whole(await room.answered(said))
    assert len(room.answers.asked) == 1


async def test_killed_before_the_stream_began(room: Room) -> None:
    """When Slack never heard of the answer, it is given as if for the first time, without a mark."""
    taken, said = await heard(room)
    await room.outbox.sending(f"answer:{taken.id}")
    await room.start()
    answer = await room.answered(said)
    whole(answer)
    assert MARK not in text_of(answer)


@pytest.mark.parametrize("stored", [True, False])
async def test_killed_when_slack_had_begun_and_we_did_not_know(room: Room, *, stored: bool) -> None:
    """A stream whose ts was never recorded is found as our first unmarked reply, and becomes the whole answer."""
    taken, said = await heard(room)
    await room.outbox.sending(f"answer:{taken.id}")
    ts = await stream(room, taken, "**Drain")
    if stored:
        await written(room, taken)
    await room.start()
    answer = await room.answered(said)
    whole(answer)
    assert answer["ts"] == ts
    assert len(room.answers.asked) == (0 if stored else 1)


async def test_killed_in_the_middle_of_the_stream(room: Room) -> None:
    """A half answer whose ts is known becomes whole in its place."""
    taken, said = await heard(room)
    await room.outbox.sending(f"answer:{taken.id}")
    ts = await stream(room, taken, "**Drain")
    await room.outbox.located(f"answer:{taken.id}", ts)
    await room.start()
    answer = await room.answered(said)
    whole(answer)
    assert answer["ts"] == ts


async def test_killed_after_the_answer_was_stored_and_before_it_was_shown_whole(room: Room) -> None:
    """An answer in the journal is shown again, not asked again."""
    taken, said = await heard(room)
    await written(room, taken)
    await room.start()
    whole(await room.answered(said))
    assert room.answers.asked == []


async def test_killed_after_the_stream_was_stopped(room: Room) -> None:
    """An answer that Slack has whole, though we had not written that down, stays one message."""
    taken, said = await heard(room)
    key = f"answer:{taken.id}"
    await room.outbox.sending(key)
    ts = await stream(room, taken, TEXT)
    await room.outbox.located(key, ts)
    await written(room, taken)
    await room.call("chat.stopStream", channel=INCIDENTS, ts=ts, metadata=marked(key))
    await room.start()
    whole(await room.answered(said))


async def test_killed_after_the_message_was_marked_sent(room: Room) -> None:
    """An answer that is sent is not touched again; only the inbox catches up."""
    taken, said = await heard(room)
    key = f"answer:{taken.id}"
    await room.outbox.sending(key)
    ts = await stream(room, taken, TEXT)
    await room.outbox.located(key, ts)
    await room.call("chat.stopStream", channel=INCIDENTS, ts=ts, metadata=marked(key))
    await room.outbox.sent(key)
    await room.start()
    await room.answered(said)
    assert room.answers.asked == []
    assert room.slack.called("chat.update") == []


@pytest.mark.parametrize("known", [True, False])
async def test_killed_before_a_late_stream_was_undone(room: Room, *, known: bool) -> None:
    """A stream that came after we had posted instead is removed by the next life, its ts recorded or not."""
    taken, said = await heard(room)
    key, late, at = f"answer:{taken.id}", f"late:answer:{taken.id}:1", said["ts"]
    await room.outbox.sending(key)
    await room.outbox.begun(Intent(late, "late", INCIDENTS, at, at, repeat=False))
    posted = await room.call("chat.postMessage", channel=INCIDENTS, thread_ts=at, text="**Drain", metadata=marked(key))
    await room.outbox.located(key, posted["ts"])
    ts = await stream(room, taken, "**Drain")
    if known:
        await room.outbox.located(late, ts)
    await room.start()
    await room.slack.until(lambda: room.slack.called("chat.delete"))
    whole(await room.answered(said))
    assert await room.outbox.posting(late) is None


async def test_killed_after_a_post_that_we_did_not_know_of(room: Room) -> None:
    """A posted answer is known again by its metadata, even with another reply of ours before it."""
    taken, said = await heard(room)
    key = f"answer:{taken.id}"
    await room.call("chat.postMessage", channel=INCIDENTS, thread_ts=said["ts"], text="other", metadata=marked("x"))
    await room.outbox.sending(key)
    await room.call("chat.postMessage", channel=INCIDENTS, thread_ts=said["ts"], text="**Drain", metadata=marked(key))
    await room.start()
    await room.quiet()
    _, answer = room.slack.finished(said)
    whole(answer)


async def test_killed_with_two_answers_begun_in_one_thread(room: Room) -> None:
    """Two unmarked streams in one thread become the two answers, one each."""
    root = room.slack.say(INCIDENTS, "checkout is down")
    first, _ = await heard(room, "first?", root["ts"])
    second, _ = await heard(room, "second?", root["ts"])
    for taken in (first, second):
        await room.outbox.sending(f"answer:{taken.id}")
        await stream(room, taken, "**Drain")
    await room.start()
    await room.quiet()
    one, two = room.slack.replies(root)
    whole(one)
    whole(two)
    keys = {each["metadata"]["event_payload"]["key"] for each in (one, two)}
    assert keys == {f"answer:{first.id}", f"answer:{second.id}"}


async def test_killed_with_one_of_two_answers_begun(room: Room) -> None:
    """One unmarked stream for two begun answers goes to one of them; the other is given anew."""
    root = room.slack.say(INCIDENTS, "checkout is down")
    first, _ = await heard(room, "first?", root["ts"])
    second, _ = await heard(room, "second?", root["ts"])
    for taken in (first, second):
        await room.outbox.sending(f"answer:{taken.id}")
    await stream(room, second, "**Drain")
    await room.start()
    await room.quiet()
    assert len(room.slack.replies(root)) == 2
    for reply in room.slack.replies(root):
        whole(reply)


async def test_killed_where_history_may_not_be_read(room: Room) -> None:
    """When nobody can tell whether Slack has the answer, it is sent once more, marked."""
    taken, said = await heard(room)
    await room.outbox.sending(f"answer:{taken.id}")
    ts = await stream(room, taken, "**Drain")
    await room.call("chat.stopStream", channel=INCIDENTS, ts=ts)
    room.slack.refuse("conversations.replies", "missing_scope", times=9)
    await room.start()
    await room.quiet()
    before, again = room.slack.replies(said)
    assert before["ts"] == ts
    assert text_of(again).startswith(MARK)
    whole(again)


async def test_killed_before_the_repeat(room: Room) -> None:
    """An answer that nobody could tell about, and whose repeat never began, is repeated, marked."""
    taken, said = await heard(room)
    await room.outbox.sending(f"answer:{taken.id}")
    await room.outbox.unknown(f"answer:{taken.id}", "missing_scope")
    await room.start()
    answer = await room.answered(said)
    assert text_of(answer).startswith(MARK)


async def test_killed_between_two_messages_of_one_answer(room: Room) -> None:
    """An answer that was cut between its messages is finished: the first is kept, the rest follows."""
    lines = "\n".join(f"step {number} {'x' * 90}" for number in range(150))
    taken, said = await heard(room)
    await written(room, taken, lines)
    key = f"answer:{taken.id}"
    await room.outbox.sending(key)
    ts = await stream(room, taken, "step 0")
    await room.outbox.located(key, ts)
    place = promised(taken.event)
    assert place is not None
    follow = place(f"{taken.id}:2")
    await room.outbox.sent(key, follow)
    await room.start()
    await room.quiet()
    one, two = room.slack.finished(said)
    assert one["ts"] == ts
    shown = text_of(one) + text_of(two)
    assert all(shown.count(f"step {number} ") == 1 for number in range(150))


async def test_a_private_answer_is_repeated_with_its_mark(room: Room) -> None:
    """A private answer cannot be found again: after a crash while it was posted it comes once more, marked."""
    url = room.slack.workspace.gestures._responses.issue(PAYMENTS, ALICE)
    event = Event("private", ALICE, PAYMENTS, "what now?", response_url=url)
    taken = await room.inbox.take_in(Arrival(event, "command:1"), promised(event))
    assert taken is not None
    await room.outbox.sending(f"answer:{taken.id}")
    await room.start()
    await room.quiet()
    (answer,) = room.slack.whispers(PAYMENTS)
    assert text_of(answer).startswith(MARK)
    whole(answer)


async def test_a_private_answer_whose_way_back_is_closed_comes_as_a_direct_message(room: Room) -> None:
    """When the command's url is too old, the answer comes where it is as private."""
    event = Event("private", ALICE, PAYMENTS, "what now?", response_url=room.slack.api_url + "../response/old")
    await room.inbox.take_in(Arrival(event, "command:1"), promised(event))
    await room.start()
    await room.quiet()
    (answer,) = room.slack.messages(DM)
    whole(answer)


async def test_a_hint_is_finished_by_the_next_life(room: Room) -> None:
    """A hint that was promised is given after a crash, and its event comes to an end."""
    event = Event("hint", ALICE, INCIDENTS, "", "1.000001", "1.000001", TEAM)
    await room.inbox.take_in(Arrival(event, "Ev1"), promised(event))
    await room.start()
    await room.quiet()
    (hint,) = room.slack.whispers(INCIDENTS)
    assert text_of(hint) == cards.HINT


async def test_an_answer_an_hour_late_says_so(room: Room) -> None:
    """An answer that could only be given long after the question says how late it is."""
    _, said = await heard(room)
    room.time.advance(3600)
    await room.start()
    answer = await room.answered(said)
    assert "_Delayed: you asked 60 minutes ago" in text_of(answer)


async def test_an_answer_slack_refused_for_good_is_not_tried_again(room: Room) -> None:
    """A dead answer stays dead over restarts; its asker is told once."""
    taken, said = await heard(room)
    await room.outbox.dead(f"answer:{taken.id}", "not_in_channel")
    await room.start()
    await room.quiet()
    assert room.slack.replies(said) == []
    assert len(room.slack.messages(DM)) == 1


async def test_a_bot_that_is_stopped_midway_finishes_or_hands_over(room: Room) -> None:
    """Stopping cuts what takes too long; the next life makes it whole in the same message."""
    room.answers.gate.clear()
    await room.start()
    asked = room.slack.mention(INCIDENTS, "what now?")
    await room.slack.until(lambda: room.slack.replies(asked))
    assert room.bot is not None
    await room.bot.stop(0.0)
    room.answers.gate.set()
    await room.start()
    whole(await room.answered(asked))


async def test_an_event_whose_turn_failed_is_taken_up_again(room: Room) -> None:
    """When even the rim fails (the database, say), the sweep brings the event to its end without a restart."""
    await room.start()
    assert room.bot is not None
    taken, said = await heard(room)
    await room.bot._keeper.beat()
    assert room.answers.asked == []
    room.time.advance(31)
    await room.bot._keeper.beat()
    whole(await room.answered(said))
    assert taken.id == "q1"


class Flaky(Outbox):
    """An outbox that breaks once, in a way that nobody foresaw."""

    broken = False

    async def located(self, key: str, ts: str) -> bool:
        """Break the first time."""
        if not self.broken:
            self.broken = True
            raise RuntimeError("secret detail")
        return await super().located(key, ts)


async def test_when_showing_itself_breaks_the_asker_still_hears(room: Room) -> None:
    """An unforeseen error in the delivery ends in a message of its own, in plain words."""
    room.slack.without_streaming()
    room.outbox = Flaky(room.database, room.time)
    await room.start()
    asked = room.slack.mention(INCIDENTS, "what now?")
    await room.slack.until(lambda: len(room.slack.replies(asked)) == 2)
    sorry = room.slack.replies(asked)[-1]
    assert "**I could not finish this answer:** something in me broke" in text_of(sorry)
    assert "secret detail" not in str(sorry)
