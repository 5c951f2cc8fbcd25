"""Each error that Slack documents for a method that we use, and what people then see. One row, one test.

The words are those of docs.slack.dev/reference/methods, one page per method, as read in November 2026.
"""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from bot.slack import cards
from bot.slack.calls import LOCKED_OUT, NOT_NOW, TOO_MUCH, UNCERTAIN, WAIT, WHAT_NOW
from tests.bot.slack.room import FEEDBACK, SHOW_SOURCE, TEXT, Room
from tests.fakes.slack import ALICE, DM, INCIDENTS, Fault, text_of

OWNERS = "U0BOB"

TOLD = [
    "as_user_not_supported", "cannot_reply_to_message", "channel_not_found", "channel_type_not_supported",
    "deprecated_endpoint", "ekm_access_denied", "enterprise_is_restricted_to_others", "invalid_arg_name",
    "invalid_arguments", "invalid_array_arg", "invalid_charset", "invalid_form_data", "invalid_metadata_format",
    "invalid_post_type", "is_archived", "is_inactive", "messages_tab_disabled", "metadata_too_large",
    "method_deprecated", "missing_post_type", "not_in_channel", "restricted_action",
    "restricted_action_non_threadable_channel", "restricted_action_read_only_channel",
    "restricted_action_thread_locked", "restricted_action_thread_only_channel",
    "slack_connect_canvas_sharing_blocked", "team_not_found", "thread_not_found", "too_many_attachments",
    "an_error_that_is_new_next_year",
]  # fmt: skip
"""Refusals of one message or place: its asker learns in a direct message."""

STREAM = {
    "chat.startStream": [
        "channel_not_found", "channel_type_not_supported", "invalid_arguments", "is_archived",
        "missing_recipient_team_id", "missing_recipient_user_id", "msg_too_long", "not_in_channel",
        "restricted_action", "team_not_found", "unknown_method", "user_not_found", "token_revoked", "fatal_error",
        "ratelimited",
    ],
    "chat.appendStream": [
        "message_not_found", "message_not_in_streaming_state", "message_not_owned_by_app", "msg_too_long",
        "streaming_mode_mismatch", "invalid_chunks", "not_in_channel", "token_revoked", "internal_error",
        "rate_limited",
    ],
    "chat.stopStream": [
        "message_not_found", "message_not_in_streaming_state", "message_not_owned_by_app", "msg_too_long",
        "invalid_blocks", "metadata_too_large", "not_in_channel", "token_revoked", "service_unavailable", "ratelimited",
    ],
}  # fmt: skip
"""Refusals on the way of a stream: the answer is finished as a posted or updated message."""

UPDATE = ["cant_update_message", "edit_window_closed", "message_not_found", "external_channel_migrating", "is_inactive"]

VIEW = ["expired_trigger_id", "exchanged_trigger_id", "invalid_trigger_id", "not_found", "view_too_large"]

PLACE = ["channel_not_found", "fetch_members_failed", "missing_scope"]


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    """Give a room with a bot in it, whose owner is Bob."""
    async with Room(tmp_path) as room:
        room.owner = OWNERS
        yield await room.start()


async def ask(room: Room) -> dict[str, object]:
    """Ask in #incidents, and wait until all is quiet; give the question."""
    asked = room.slack.mention(INCIDENTS, "what now?")
    await room.quiet()
    return asked


@pytest.mark.parametrize("error", TOLD)
async def test_a_refused_post_is_told_to_its_asker(room: Room, error: str) -> None:
    """What Slack will never post becomes a dead letter, and the asker learns why, once, in a direct message."""
    room.slack.without_streaming()
    room.slack.refuse("chat.postMessage", error)
    asked = await ask(room)
    (notice,) = room.slack.messages(DM)
    assert WHAT_NOW.get(error, f"Slack refused this ({error}).") in text_of(notice)
    assert room.slack.replies(asked) == []
    assert (room.tally.ended, room.tally.silent) == (["undeliverable"], 0)
    assert (await room.outbox.counts())["dead"] == 1


async def test_a_notice_that_is_refused_comes_where_it_was_asked(room: Room) -> None:
    """Where no direct message arrives either, the asker alone is told in the channel: a refusal is no silence."""
    room.slack.without_streaming()
    room.slack.refuse("chat.postMessage", "restricted_action_thread_locked")
    room.slack.refuse("chat.postMessage", "messages_tab_disabled")
    await ask(room)
    (told,) = (call.args for call in room.slack.called("chat.postEphemeral"))
    assert (told["channel"], told["user"]) == (INCIDENTS, ALICE)
    assert WHAT_NOW["restricted_action_thread_locked"] in told["text"]
    assert room.tally.silent == 0


@pytest.mark.parametrize("error", sorted(TOO_MUCH))
async def test_a_refused_content_is_posted_in_plain_text(room: Room, error: str) -> None:
    """When Slack refuses the blocks of an answer, the same answer comes as plain text."""
    room.slack.without_streaming()
    room.slack.refuse("chat.postMessage", error)
    room.slack.refuse("chat.update", error)
    answer = await room.answered(room.slack.mention(INCIDENTS, "what now?"))
    assert "Drain the stuck pod" in text_of(answer)
    assert room.tally.silent == 0


@pytest.mark.parametrize("error", sorted(WAIT | NOT_NOW | UNCERTAIN))
async def test_what_may_pass_is_tried_again(room: Room, error: str) -> None:
    """Limits, moves of the workspace and inner errors of Slack cost time, and neither an answer nor a double."""
    room.slack.without_streaming()
    room.slack.refuse("chat.postMessage", error)
    answer = await room.answered(room.slack.mention(INCIDENTS, "what now?"))
    assert TEXT.strip() in text_of(answer)
    assert "possibly repeated" not in text_of(answer)


def _slow(errors: Iterable[str]) -> list[ParameterSet]:
    """Return parameters for the slow run: each waits out five seconds of Slack's patience for real."""
    return [pytest.param(error, marks=pytest.mark.slow) for error in sorted(errors)]


@pytest.mark.parametrize("error", ["token_revoked", *_slow(LOCKED_OUT - {"token_revoked"})])
async def test_when_we_are_locked_out_the_owner_is_told_once(room: Room, error: str) -> None:
    """A refusal of us, not of a message, is told to the owner, once a day and matter; the asker is told as well."""
    room.slack.without_streaming()
    room.slack.refuse("chat.postMessage", error, times=2)
    await ask(room)
    room.slack.refuse("chat.postMessage", error)
    await ask(room)
    assert room.bot is not None
    await room.bot._sender.sweep()
    await room.quiet()
    told = [posting.key for posting in await room.outbox.parts(f"owner:slack_{error}")]
    notices = [call.args["text"] for call in room.slack.called("chat.postMessage") if call.args["channel"] == OWNERS]
    assert len(told) == 1
    assert notices == [] or notices[-1] == WHAT_NOW[error]


async def test_a_token_that_stays_revoked_is_counted_as_silence(room: Room) -> None:
    """When not even the notice arrives, the turn was silent, and that is counted; the owner's notice waits."""
    room.slack.without_streaming()
    room.time.waits = True
    room.slack.refuse("chat.postMessage", "token_revoked", times=99)
    room.slack.mention(INCIDENTS, "what now?")
    await room.slack.until(lambda: len(room.slack.called("chat.postMessage")) == 2)
    await room.counted(1)
    (notice,) = await room.outbox.parts(f"owner:slack_token_revoked:{cards.day(room.time())}")
    assert notice.state == "new"
    room.time.waits = False
    room.time.advance(1.0)


@pytest.mark.parametrize(("method", "error"), [(method, error) for method in STREAM for error in STREAM[method]])
async def test_a_refused_stream_ends_as_one_whole_message(room: Room, method: str, error: str) -> None:
    """Whatever Slack says to a stream, the answer is there, whole and once, with its buttons."""
    room.answers.pieces = ["**First.** ", "Second. ", "Third."]
    room.answers.gate.clear()
    room.slack.refuse(method, error)
    asked = room.slack.mention(INCIDENTS, "what now?")
    await room.slack.until(lambda: room.slack.replies(asked))
    room.answers.gate.set()
    answer = await room.answered(asked)
    assert text_of(answer).count("Second.") == 1
    assert FEEDBACK in str(answer["blocks"])
    assert room.tally.silent == 0


@pytest.mark.parametrize("error", UPDATE)
async def test_an_update_that_is_refused_for_good_is_told(room: Room, error: str) -> None:
    """When a message cannot be finished any more, the asker learns it in a direct message."""
    room.slack.without_streaming()
    room.answers.pieces = ["**First.** ", "Second. "]
    room.answers.gate.clear()
    room.slack.refuse("chat.update", error, times=9)
    asked = room.slack.mention(INCIDENTS, "what now?")
    await room.slack.until(lambda: room.slack.replies(asked))
    room.answers.gate.set()
    await room.quiet()
    assert len(room.slack.messages(DM)) == 1
    assert room.tally.silent == 0


@pytest.mark.parametrize("error", ["user_not_in_channel", "channel_not_found", "not_in_channel", "is_archived"])
async def test_an_ephemeral_message_that_is_refused_comes_as_a_direct_one(room: Room, error: str) -> None:
    """A hint that Slack does not show where it belongs is said in a direct message."""
    room.slack.refuse("chat.postEphemeral", error)
    room.slack.mention(INCIDENTS, "")
    await room.slack.until(lambda: room.slack.messages(DM))
    assert text_of(room.slack.messages(DM)[0]) == cards.HINT


@pytest.mark.parametrize("error", VIEW)
async def test_a_source_that_cannot_be_opened_says_so(room: Room, error: str) -> None:
    """A modal that Slack does not open leaves a word for the one who pressed."""
    answer = await room.answered(room.slack.mention(INCIDENTS, "what now?"))
    room.slack.refuse("views.open", error)
    await room.slack.press(INCIDENTS, answer, SHOW_SOURCE)
    await room.slack.until(lambda: room.slack.whispers(INCIDENTS))
    assert text_of(room.slack.whispers(INCIDENTS)[0]) == cards.UNOPENED


@pytest.mark.parametrize(
    "error", ["invalid_arguments", "not_enabled", "user_not_found", "view_too_large", "hash_conflict"]
)
@pytest.mark.parametrize(
    ("tab", "method"), [("home", "views.publish"), ("messages", "assistant.threads.setSuggestedPrompts")]
)
async def test_a_home_tab_that_is_refused_is_shown_the_next_time(room: Room, tab: str, method: str, error: str) -> None:
    """What cannot be shown on opening is counted, and shown when the tab is opened again."""
    room.slack.refuse(method, error)
    room.slack.open_home(tab)
    await room.slack.until(lambda: room.slack.called(method))
    room.slack.open_home(tab)
    calls = await room.slack.until(lambda: room.slack.called(method)[1:])
    assert calls[0].ok
    assert "home_unshown" in room.tally.faults


@pytest.mark.parametrize("error", ["user_not_found", "user_not_visible", "missing_scope", "account_inactive"])
async def test_who_is_not_known_is_not_answered(room: Room, error: str) -> None:
    """When Slack does not say who asks, the question is refused with a reason, not answered."""
    room.slack.refuse("users.info", error, times=9)
    await ask(room)
    assert room.answers.asked == []
    (reason,) = room.slack.whispers(INCIDENTS)
    assert "I answer only members" in text_of(reason) or "may not answer" in text_of(reason)
    assert room.tally.ended == ["refused"]


@pytest.mark.parametrize("method", ["conversations.members", "conversations.info"])
@pytest.mark.parametrize("error", PLACE)
async def test_where_the_readers_are_not_known_the_asker_is_answered_alone(room: Room, method: str, error: str) -> None:
    """When Slack does not say who reads a channel, the answer is for the asker's eyes, with the reason."""
    room.slack.refuse(method, error, times=9)
    asked = await ask(room)
    (answer,) = room.slack.whispers(INCIDENTS)
    assert "Slack does not tell me who can read this channel" in text_of(answer)
    assert room.slack.replies(asked) == []


@pytest.mark.parametrize(
    "error", ["message_not_found", "cant_delete_message", "is_archived", "compliance_exports_prevent_deletion"]
)
async def test_an_answer_that_cannot_be_deleted_ends_the_retraction(room: Room, error: str) -> None:
    """A deleted question's answer that Slack keeps is left; nothing is tried for ever."""
    asked = room.slack.mention(INCIDENTS, "what now?")
    await room.answered(asked)
    room.slack.refuse("chat.delete", error)
    room.slack.delete(asked)
    await room.quiet()
    assert len(room.slack.called("chat.delete")) == 1


FAULTS = [
    Fault(status=429, retry_after_s=30, body="{}"),
    Fault(status=503, body="<html>Service Unavailable</html>"),
    Fault(status=502, body=""),
    Fault(status=200, body="<html>Please sign in</html>"),
    Fault(drop=True),
    Fault(drop=True, after=True),
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize(
    "method",
    ["users.info", "conversations.members", "conversations.info", "assistant.threads.setStatus", "chat.startStream",
     "chat.stopStream"],
)  # fmt: skip
async def test_bad_days_of_http_cost_time_alone(room: Room, method: str, fault: Fault) -> None:
    """A 429, a 5xx, a page of HTML or a cut connection on any call of a question still ends in one whole answer."""
    room.slack.fail(method, fault)
    answer = await room.answered(room.slack.mention(INCIDENTS, "what now?"))
    assert TEXT.strip() in text_of(answer)
    assert (room.tally.ended, room.tally.silent) == (["answered"], 0)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_bad_days_of_http_and_a_private_answer(room: Room, fault: Fault) -> None:
    """An answer for one person's eyes comes too; one that may have been shown already says so."""
    room.reading.private = "Not for everybody here."
    room.slack.fail("chat.postEphemeral", fault)
    await ask(room)
    answers = [each for each in room.slack.whispers(INCIDENTS) if "Drain the stuck pod" in text_of(each)]
    assert len([each for each in answers if "possibly repeated" not in text_of(each)]) <= 1
    assert answers
    assert {each["ephemeral_to"] for each in answers} == {ALICE}


async def test_every_word_that_we_know_is_in_one_class() -> None:
    """The classes of errors do not overlap, so the table above says all."""
    classes = [WAIT, NOT_NOW, UNCERTAIN, LOCKED_OUT, TOO_MUCH, frozenset(TOLD)]
    words = [word for each in classes for word in each]
    assert len(words) == len(set(words))
