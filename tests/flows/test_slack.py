"""The journeys of a question through Slack, with streaming and without."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.bot.slack.room import FEEDBACK, SHOW_SOURCE, TEXT, Room, done
from tests.fakes.slack import ALICE, BOB, COPILOT, DM, INCIDENTS, PAYMENTS, text_of


@pytest.fixture(params=["streaming", "without streaming"])
async def room(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Room]:
    """Give a room with a bot in it."""
    async with Room(tmp_path) as room:
        if request.param != "streaming":
            room.slack.without_streaming()
        yield await room.start()


async def test_a_mention_is_answered_in_its_thread(room: Room) -> None:
    """A mention in a channel gets one answer in a thread below it, with sources, buttons, thumbs and its mark."""
    asked = room.slack.mention(INCIDENTS, "what now &amp; how?")
    answer = await room.answered(asked)
    assert [question.text for question in room.answers.asked] == ["what now & how?"]
    assert "Drain the stuck pod" in text_of(answer)
    assert "Sources: [1] Postgres pool, lines 3-5 · [2] Restart checkout, line 8" in text_of(answer)
    assert "answered from 2 documents · 2.1 s · 1,840 tokens · 0.006 USD · claude-sonnet-5-5" in text_of(answer)
    assert answer["metadata"]["event_payload"] == {"key": "answer:q1"}
    assert room.tally.ended == ["answered"]


async def test_a_mention_in_a_thread_is_answered_there(room: Room) -> None:
    """A mention in a thread is answered in that thread, not below the mention itself."""
    root = room.slack.say(INCIDENTS, "checkout is down")
    room.slack.mention(INCIDENTS, "why?", thread_ts=root["ts"])
    await room.answered(root)
    assert room.answers.asked[0].thread == root["ts"]


async def test_a_direct_message_is_answered_without_a_mention(room: Room) -> None:
    """In the direct message everything is a question; the answer hangs below it."""
    asked = room.slack.say_in_dm("what now?")
    answer = await room.answered(asked, DM)
    assert "Drain the stuck pod" in text_of(answer)
    assert room.answers.asked[0].text == "what now?"


async def test_slash_ask_is_answered_for_the_asker_alone(room: Room) -> None:
    """`/copilot ask` is acknowledged at once, and its answer is one private message with all its parts."""
    await room.slack.slash(PAYMENTS, "ask what now?", user=BOB)
    await room.quiet()
    looking, answer = room.slack.whispers(PAYMENTS)
    assert "for you alone" in text_of(looking)
    assert "Drain the stuck pod" in text_of(answer)
    assert answer["ephemeral_to"] == BOB
    assert room.slack.messages(PAYMENTS) == []
    await room.slack.press(PAYMENTS, answer, SHOW_SOURCE, user=BOB)
    await room.slack.until(lambda: room.slack.views)


@pytest.mark.parametrize("text", ["", "help", "HELP", "ask", "ask  ", "dance", "digestive 1h"])
async def test_anything_but_a_question_gets_help(room: Room, text: str) -> None:
    """Help, an empty command and unknown words get the help text, for the asker alone, and nothing is asked."""
    await room.slack.slash(INCIDENTS, text)
    (help_text,) = room.slack.whispers(INCIDENTS)
    assert "`/copilot ask QUESTION`" in text_of(help_text)
    assert room.answers.asked == []


async def test_an_empty_mention_gets_a_hint(room: Room) -> None:
    """A mention without a question gets one hint, for the asker alone."""
    room.slack.mention(INCIDENTS, "  ")
    await room.quiet()
    (hint,) = room.slack.whispers(INCIDENTS)
    assert "Ask me a question" in text_of(hint)
    assert hint["ephemeral_to"] == ALICE
    assert room.slack.messages(INCIDENTS)[1:] == []


@pytest.mark.parametrize(("thumb", "words"), [("up", "Noted: helpful."), ("down", "Noted: not helpful.")])
async def test_a_thumb_is_stored_and_noted_quietly(room: Room, thumb: str, words: str) -> None:
    """A thumb is stored by answer and person, and only that person sees that it was."""
    asked = room.slack.mention(INCIDENTS, "what now?")
    answer = await room.answered(asked)
    await room.slack.press(INCIDENTS, answer, FEEDBACK, f"{thumb}:q1", user=BOB)
    await room.quiet()
    assert await room.journal.feelings("q1") == {BOB: thumb}
    (noted,) = room.slack.whispers(INCIDENTS)
    assert (text_of(noted), noted["ephemeral_to"], noted["thread_ts"]) == (words, BOB, asked["ts"])


async def test_show_source_opens_the_cited_lines_as_stored(room: Room) -> None:
    """Show source opens a modal with path, line numbers and the very characters of the lines."""
    answer = await room.answered(room.slack.mention(INCIDENTS, "what now?"))
    await room.slack.press(INCIDENTS, answer, SHOW_SOURCE)
    await room.slack.until(lambda: room.slack.views)
    shown = room.slack.views[0]["blocks"]
    assert shown[1]["elements"][0]["text"] == "runbooks/pool.md, lines 3-5"
    assert shown[2]["elements"][0]["elements"] == [{"type": "text", "text": "line three\n\tline `four` <&>\nline five"}]


async def test_a_source_that_is_gone_is_said_to_be_gone(room: Room) -> None:
    """Show source for a document that was removed says so instead of failing."""
    room.shelf.texts.clear()
    answer = await room.answered(room.slack.mention(INCIDENTS, "what now?"))
    await room.slack.press(INCIDENTS, answer, SHOW_SOURCE)
    await room.slack.until(lambda: room.slack.views)
    assert "These lines are gone" in str(room.slack.views[0])


async def test_one_event_delivered_four_times_gives_one_answer(room: Room) -> None:
    """However often Slack delivers an event, and under how many event ids, one gesture has one answer."""
    asked = room.slack.mention(INCIDENTS, "what now?", times=4)
    await room.answered(asked)
    assert len(room.answers.asked) == 1


async def test_bots_edits_and_talk_are_not_questions(room: Room) -> None:
    """Bots, edits, deletions, our own posts and talk without a mention in channels are left alone."""
    said = room.slack.say(INCIDENTS, "I wonder")
    event: dict[str, Any] = {"type": "message", "channel": INCIDENTS, "text": f"<@{COPILOT}> hi", "event_ts": "1.1"}
    room.slack.emit(event | {"ts": "1.1", "user": BOB, "bot_id": "B0OTHER"})
    room.slack.emit(event | {"ts": "1.2", "subtype": "bot_message"})
    room.slack.emit(event | {"ts": "1.3", "subtype": "message_changed", "message": {"user": BOB}})
    room.slack.emit(event | {"ts": "1.4", "subtype": "message_deleted", "user": BOB})
    room.slack.emit(event | {"ts": "1.5", "user": COPILOT})
    await room.quiet()
    assert room.answers.asked == []
    assert room.slack.replies(said) == []


async def test_text_from_documents_is_inert(room: Room) -> None:
    """Whatever an answer quotes pings nobody and links nowhere, in blocks, text, buttons and below."""
    room.answers.pieces = ["<!channel> <@U0BOB> @here [click](https://evil.example/?q=1) <https://evil.example|x>\n"]
    room.shelf.texts.clear()
    answer = await room.answered(room.slack.mention(INCIDENTS, "what now?"))
    seen = str(answer)
    for live in ("<!channel>", "<@U0BOB>", "](http", "<https:"):
        assert live not in seen
    posts = [call for call in room.slack.calls if call.method in ("chat.postMessage", "chat.postEphemeral")]
    assert all(call.args["unfurl_links"] is False and call.args["unfurl_media"] is False for call in posts)
    assert all("parse" not in call.args and "link_names" not in call.args for call in posts)


async def test_an_answer_that_breaks_ends_in_words(room: Room) -> None:
    """When answering breaks midway, the message says so in plain words, without the error's text, and it is counted."""
    room.answers.error = ValueError("secret detail")
    answer = await room.answered(room.slack.mention(INCIDENTS, "what now?"))
    assert "**I could not finish this answer:** something in me broke" in text_of(answer)
    assert "secret detail" not in str(answer)
    assert room.tally.ended == ["failed"]
    assert "turn_broke" in room.tally.faults


async def test_a_failed_answer_gives_its_reason(room: Room) -> None:
    """An answer that failed before any text shows its reason, and asks for no thumb."""
    room.answers.pieces = []
    room.answers.ending = lambda question: done(question, "failed", reason="Claude is overloaded.")
    answer = await room.answered(room.slack.mention(INCIDENTS, "what now?"))
    assert "**I could not finish this answer:** Claude is overloaded." in text_of(answer)
    assert FEEDBACK not in str(answer["blocks"])


async def test_a_long_answer_rolls_over_into_further_messages(room: Room) -> None:
    """Beyond a message's budget the answer goes on in the next one, fences closed and opened again, nothing lost."""
    lines = [f"kubectl step {number} {'x' * 60}" for number in range(300)]
    room.answers.pieces = ["Steps:\n", "```bash\n" + "\n".join(lines) + "\n```\n"]
    asked = room.slack.mention(INCIDENTS, "what now?")
    await room.quiet()
    replies = room.slack.finished(asked)
    shown = "\n".join(text_of(reply) for reply in replies)
    assert len(replies) == 3
    assert all(line in shown for line in lines)
    assert [text_of(reply).count("```") for reply in replies] == [2, 2, 2]
    assert [reply["metadata"]["event_payload"]["key"] for reply in replies] == [
        "answer:q1",
        "answer:q1:2",
        "answer:q1:3",
    ]
    assert FEEDBACK in str(replies[-1]["blocks"])
    assert FEEDBACK not in str(replies[0].get("blocks"))


async def test_the_text_in_the_answer_is_what_was_written(room: Room) -> None:
    """Commands in an answer can be copied as they are."""
    answer = await room.answered(room.slack.mention(INCIDENTS, "what now?"))
    assert TEXT.strip() in text_of(answer)
