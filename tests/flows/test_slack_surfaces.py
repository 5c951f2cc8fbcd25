"""Slack's surfaces besides a plain question: threads, commands, shortcuts, sharing, edits, the home tab, guests."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.journal.threads import Muted
from bot.slack import cards
from bot.slack.home import Vital
from bot.slack.rules import Rules
from bot.workspace import Group, User
from tests.bot.slack.room import Room, done
from tests.fakes.slack import ALICE, BOB, COPILOT, DM, INCIDENTS, PAYMENTS, TOWN, Payload, text_of

GUEST, STRANGER = "U0GUEST", "U0STRANGER"
OUTSIDERS = (
    User(GUEST, "gus", "Gus Guest", is_guest=True),
    User(STRANGER, "sam", "Sam Stranger", team_id="T0OTHER"),
)
MIXED = replace(
    TOWN,
    others=(*TOWN.others, *OUTSIDERS),
    channels=tuple(
        replace(channel, members=channel.members | {GUEST, STRANGER}) if channel.id == PAYMENTS else channel
        for channel in TOWN.channels
    ),
)
"""Larkfield with a guest and a person of another organisation in #payments."""


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    """Give a room with a bot in it."""
    async with Room(tmp_path) as room:
        yield await room.start()


@pytest.fixture
async def mixed(tmp_path: Path) -> AsyncIterator[Room]:
    """Give a room in which not everybody is a full member."""
    async with Room(tmp_path, seed=MIXED) as room:
        yield await room.start()


async def whispers(room: Room, channel: str = INCIDENTS) -> list[str]:
    """Return what single people were told in a channel, once all is quiet."""
    await room.quiet()
    return [text_of(each) for each in room.slack.whispers(channel)]


# The thread above, and names


async def test_a_question_in_a_thread_comes_with_the_thread_above_it(room: Room) -> None:
    """What was said before goes along, oldest first, with names and never ids, our own words marked as ours."""
    root = room.slack.say(INCIDENTS, f"<@{BOB}> says <#{PAYMENTS}> is <https://x.example/a|slow> &amp; <!here> knows")
    room.slack.reply(root, "since 10:00", user=BOB)
    await room.answered(room.slack.mention(INCIDENTS, f"is <@{BOB}> right?", thread_ts=root["ts"]))
    (asked,) = room.answers.asked
    assert asked.text == "is @bob right?"
    assert [(said.author, said.text, said.is_us) for said in asked.context] == [
        ("alice", "@bob says #payments is slow (https://x.example/a) & @here knows", False),
        ("bob", "since 10:00", False),
    ]
    room.slack.mention(INCIDENTS, "and now?", thread_ts=root["ts"])
    await room.quiet()
    assert [said.is_us for said in room.answers.asked[1].context] == [False, False, False, True]
    assert "U0" not in str([said.text for said in room.answers.asked[1].context])


async def test_a_long_thread_is_bounded_and_the_cut_is_told(room: Room) -> None:
    """Twenty messages and 4,000 characters go along, the newest; how many were left out stands below the answer."""
    root = room.slack.say(INCIDENTS, "checkout is down")
    for number in range(30):
        room.slack.reply(root, f"note {number}")
    room.slack.mention(INCIDENTS, "why?", thread_ts=root["ts"])
    await room.quiet()
    (asked,) = room.answers.asked
    assert [said.text for said in asked.context] == [f"note {number}" for number in range(10, 30)]
    assert asked.cut == 11
    assert "11 earlier ones are left out" in text_of(room.slack.replies(root)[0])
    for number in range(8):
        room.slack.reply(root, f"{number}" * 900)
    room.slack.mention(INCIDENTS, "why?", thread_ts=root["ts"])
    await room.quiet()
    assert [said.text[0] for said in room.answers.asked[1].context] == ["4", "5", "6", "7"]


async def test_a_thread_that_was_read_whole_counts_nothing_as_unread(room: Room) -> None:
    """Neither what came after the question nor a message without words, such as a file, was left out."""
    root = room.slack.say(INCIDENTS, "checkout is down")
    room.slack.reply(root, "   ")
    asked = room.slack.mention(INCIDENTS, "why?", thread_ts=root["ts"])
    room.slack.reply(root, "no idea", user=BOB)
    await room.answered(asked)
    (question,) = room.answers.asked
    assert ([said.text for said in question.context], question.cut) == (["checkout is down"], 0)


async def test_without_history_the_mention_alone_is_read_and_that_is_said_once(room: Room) -> None:
    """With the minimal manifest a thread is closed to us: the answer comes all the same and says so, once a thread."""
    root = room.slack.say(INCIDENTS, "checkout is down")
    room.slack.refuse("conversations.replies", "missing_scope", times=9)
    for text in ("why?", "and now?"):
        room.slack.mention(INCIDENTS, text, thread_ts=root["ts"])
        await room.quiet()
    first, second = room.slack.replies(root)
    assert [question.context for question in room.answers.asked] == [(), ()]
    assert cards.BLIND in text_of(first)
    assert cards.BLIND not in text_of(second)


@pytest.mark.parametrize("error", ["thread_not_found", "ratelimited", "internal_error"])
async def test_trouble_with_the_thread_above_costs_no_answer(room: Room, error: str) -> None:
    """When Slack does not give the thread, the question is answered without it."""
    root = room.slack.say(INCIDENTS, "checkout is down")
    room.slack.refuse("conversations.replies", error)
    await room.answered(room.slack.mention(INCIDENTS, "why?", thread_ts=root["ts"]))
    assert room.answers.asked[0].context == ()


# Un-tagged follow-ups, mute and follow


async def asked_and_answered(room: Room) -> Payload:
    """Return a mention by Alice that was answered in its thread."""
    asked = room.slack.mention(INCIDENTS, "why?")
    await room.answered(asked)
    return asked


async def test_the_asker_may_go_on_without_a_mention(room: Room) -> None:
    """Within ten minutes of our answer its asker is answered in the thread without naming us."""
    asked = await asked_and_answered(room)
    room.slack.reply(asked, "and if that does not help?")
    await room.quiet()
    assert [question.text for question in room.answers.asked] == ["why?", "and if that does not help?"]
    assert len(room.slack.replies(asked)) == 2


@pytest.mark.parametrize(
    ("text", "user", "after_s"),
    [
        ("and now?", BOB, 0),
        ("and now?", ALICE, 601),
        (f"<@{BOB}> what do you think?", ALICE, 0),
        ("<!here> any ideas?", ALICE, 0),
        ("<!subteam^S1|@dba> any ideas?", ALICE, 0),
    ],
)
async def test_talk_among_people_is_left_alone(room: Room, text: str, user: str, after_s: float) -> None:
    """Other people, later talk, and what names somebody else is not for us, and is not written down."""
    asked = await asked_and_answered(room)
    room.time.advance(after_s)
    room.slack.reply(asked, text, user=user)
    await room.quiet()
    assert len(room.answers.asked) == 1


async def test_a_muted_thread_answers_mentions_only_until_it_is_followed(room: Room) -> None:
    """`mute` and `follow` hold for one thread; both are confirmed to the one who said so, alone."""
    asked = await asked_and_answered(room)
    room.slack.mention(INCIDENTS, "Mute", thread_ts=asked["ts"])
    assert (await whispers(room))[-1] == cards.MUTED
    room.slack.reply(asked, "and now?")
    await room.quiet()
    assert len(room.answers.asked) == 1
    room.slack.mention(INCIDENTS, "still there?", thread_ts=asked["ts"])
    await room.quiet()
    assert len(room.answers.asked) == 2
    room.slack.mention(INCIDENTS, "follow", thread_ts=asked["ts"])
    assert (await whispers(room))[-1] == cards.FOLLOWED
    room.slack.reply(asked, "and now?")
    await room.quiet()
    assert len(room.answers.asked) == 3
    assert {each["ephemeral_to"] for each in room.slack.whispers(INCIDENTS)} == {ALICE}


async def test_mute_outside_a_thread_says_where_it_works(room: Room) -> None:
    """In a channel itself there is no thread to mute."""
    room.slack.mention(INCIDENTS, "mute")
    assert await whispers(room) == [cards.NO_THREAD]
    assert room.answers.asked == []


async def test_strict_means_mentions_only(tmp_path: Path) -> None:
    """With `slack.strict` nothing but a mention is answered in channels, and `follow` says so."""
    async with Room(tmp_path) as room:
        room.rules = Rules(strict=True)
        await room.start()
        asked = await asked_and_answered(room)
        room.slack.reply(asked, "and now?")
        room.slack.mention(INCIDENTS, "follow", thread_ts=asked["ts"])
        assert (await whispers(room))[-1] == cards.FOLLOWED_STRICTLY
        assert len(room.answers.asked) == 1


# Commands, the shortcut, sharing


@pytest.mark.parametrize("word", ["similar", "runbook"])
async def test_looking_up_is_answered_for_the_asker_alone(room: Room, word: str) -> None:
    """`similar` and `runbook` look up what they are given, and only the asker sees it, sources and all."""
    await room.slack.slash(INCIDENTS, f"{word} pool exhausted")
    looking, answer = await whispers(room)
    assert looking == cards.LOOKING[word]
    assert "Drain the stuck pod" in answer
    assert [question.text for question in room.looks.asked] == ["pool exhausted"]
    assert room.answers.asked == []


async def test_status_tells_every_fault_in_words(room: Room) -> None:
    """Status begins with the verdict, names what is wrong first, and shows queue, posts, silent turns and faults."""
    room.vitals = [Vital("Vectors", ok=False, words="Chroma is damaged.")]
    room.slack.leave(PAYMENTS)
    room.slack.mention(PAYMENTS, "why?")
    await room.quiet()
    await room.slack.slash(INCIDENTS, "status")
    status = (await whispers(room))[-1]
    assert status.startswith("**2 things are wrong with me.**")
    assert status.index("**Wrong: Vectors:** Chroma is damaged.") < status.index("**Slack:** connected")
    for words in ("1 refused by Slack for good", "in work, 0 waiting", "**Silent turns:** 0", "not\\_in\\_channel"):
        assert words.replace("\\", "") in status.replace("\\", "")
    assert "feedback" not in str(room.slack.whispers(INCIDENTS)[-1])


async def test_ask_about_this_answers_in_the_messages_thread(room: Room) -> None:
    """The shortcut asks about a message's text, whoever wrote it, and the answer hangs below that message."""
    said = room.slack.say(INCIDENTS, "payment gateway timeout &lt;5000 ms&gt;", user=BOB)
    await room.slack.ask_about(said)
    await room.answered(said)
    assert [(asked.text, asked.asker) for asked in room.answers.asked] == [("payment gateway timeout <5000 ms>", ALICE)]
    assert room.answers.asked[0].context == ()


async def test_ask_about_where_we_are_not_tells_how_to_invite_us(room: Room) -> None:
    """In a channel that we are not in, the one who asked learns in a direct message what to do."""
    said = room.slack.say(PAYMENTS, "gateway timeout")
    room.slack.leave(PAYMENTS)
    await room.slack.ask_about(said, channel=PAYMENTS)
    await room.slack.until(lambda: room.slack.messages(DM))
    assert "type `/invite @copilot` there" in text_of(room.slack.messages(DM)[0])


async def shared(room: Room, user: str = ALICE) -> Payload:
    """Return a private answer in #incidents."""
    await room.slack.slash(INCIDENTS, "ask what now?", user=user)
    await room.quiet()
    return room.slack.whispers(INCIDENTS)[-1]


async def test_a_private_answer_is_shared_once_with_its_sharer_named(room: Room) -> None:
    """Share posts the whole answer where everybody sees it, says who did it, and does nothing the second time."""
    answer = await shared(room)
    await room.slack.press(INCIDENTS, answer, cards.SHARE)
    assert (await whispers(room))[-1] == cards.SHARED
    (posted,) = room.slack.messages(INCIDENTS)
    assert "Shared by alice" in text_of(posted)
    assert "Drain the stuck pod" in text_of(posted)
    assert f"<@{ALICE}>" not in str(posted)
    await room.slack.press(INCIDENTS, answer, cards.SHARE)
    assert (await whispers(room))[-1] == cards.SHARED_BEFORE
    assert len(room.slack.messages(INCIDENTS)) == 1


async def test_sharing_asks_again_who_may_read(room: Room) -> None:
    """At the click the readers of the channel are asked for anew; what not all may read stays private, with why."""
    answer = await shared(room)
    room.reading.heard = False
    await room.slack.press(INCIDENTS, answer, cards.SHARE)
    assert "may not be read by everybody here" in (await whispers(room))[-1]
    assert room.slack.messages(INCIDENTS) == []


async def test_only_ones_own_answer_can_be_shared(room: Room) -> None:
    """A forged press with another person's answer shares nothing."""
    answer = await shared(room)
    await room.slack.press(INCIDENTS, answer, cards.SHARE, user=BOB)
    assert (await whispers(room))[-1] == cards.UNSHAREABLE
    assert room.slack.messages(INCIDENTS) == []


# Edits and deletions


async def test_an_edited_question_can_be_answered_again(room: Room) -> None:
    """Who corrects a question within a minute is offered a new answer, and gets it below the first."""
    asked = await asked_and_answered(room)
    room.slack.edit(asked, f"<@{COPILOT}> why is checkout slow?")
    await room.quiet()
    (offer,) = room.slack.whispers(INCIDENTS)
    assert text_of(offer).startswith('You edited your question. Answer "why is checkout slow?" as well?')
    await room.slack.press(INCIDENTS, offer, cards.AGAIN)
    await room.quiet()
    assert [question.text for question in room.answers.asked] == ["why?", "why is checkout slow?"]
    assert len(room.slack.replies(asked)) == 2


async def test_a_member_of_a_user_group_holds_its_label(tmp_path: Path) -> None:
    """Slack says who is in a group that documents name, and everybody else holds no more than before."""
    groups = (Group("S0ONCALL", (ALICE,)),)
    async with Room(tmp_path, seed=replace(TOWN, groups=groups)) as room:
        room.reading.labels = frozenset({"S0ONCALL"})
        await room.start()
        for user in (ALICE, BOB):
            await room.slack.slash(INCIDENTS, "ask what now?", user=user)
            await room.quiet()
        audiences = [question.audience for question in room.answers.asked]
    assert [each is not None and each.admits(["S0ONCALL"]) for each in audiences] == [True, False]


async def test_an_edit_that_first_mentions_us_is_a_question(room: Room) -> None:
    """Who forgot the mention and adds it within a minute is answered, once."""
    said = room.slack.say(INCIDENTS, "why?")
    room.slack.edit(said, f"<@{COPILOT}> why?")
    await room.answered(said)
    assert [question.text for question in room.answers.asked] == ["why?"]


@pytest.mark.parametrize("after_s", [61.0, 0.0])
async def test_late_edits_and_previews_offer_nothing(room: Room, after_s: float) -> None:
    """An edit after a minute, and a preview of a link (which changes no text), are nothing to answer."""
    asked = await asked_and_answered(room)
    room.time.advance(after_s)
    room.slack.edit(asked, f"<@{COPILOT}> why else?" if after_s else asked["text"])
    assert await whispers(room) == []


async def test_edits_of_other_messages_are_not_written_down(room: Room) -> None:
    """People edit and delete their talk without us keeping a word of it."""
    said = room.slack.say(INCIDENTS, "I wonder")
    room.slack.edit(said, "I wonder why")
    room.slack.delete(said)
    await room.quiet()
    assert await room.all_rows() == 0


async def test_a_deleted_question_takes_its_answers_along(room: Room) -> None:
    """When a question is deleted, every message of its answer goes, the one to its edit as well."""
    room.answers.pieces = ["\n".join(f"step {number} {'x' * 90}" for number in range(150))]
    asked = room.slack.mention(INCIDENTS, "why?")
    await room.quiet()
    assert len(room.slack.replies(asked)) == 2
    room.slack.edit(asked, f"<@{COPILOT}> why now?")
    await room.quiet()
    await room.slack.press(INCIDENTS, room.slack.whispers(INCIDENTS)[-1], cards.AGAIN)
    await room.quiet()
    assert len(room.slack.replies(asked)) == 4
    room.slack.delete(asked)
    await room.quiet()
    assert room.slack.replies(asked) == []


async def test_a_question_deleted_while_it_is_answered_leaves_nothing(room: Room) -> None:
    """The answer is given up where it is, and what was shown of it goes."""
    room.answers.pieces = ["One. ", "Two. ", "Three."]
    room.answers.gate.clear()
    asked = room.slack.mention(INCIDENTS, "why?")
    await room.slack.until(lambda: room.slack.replies(asked))
    room.slack.delete(asked)
    async with asyncio.timeout(5):
        while not await room.threads.retracted("q1"):  # noqa: ASYNC110 - a row tells nobody
            await asyncio.sleep(0.01)
    room.answers.gate.set()
    await room.quiet()
    assert room.slack.replies(asked) == []
    assert room.answers.stopped == 1
    assert room.tally.ended == ["retracted"]


# The home tab and suggestions


async def test_the_direct_message_suggests_questions(room: Room) -> None:
    """Who opens the direct message is suggested at most four questions."""
    room.slack.open_home("messages")
    (call,) = await room.slack.until(lambda: room.slack.called("assistant.threads.setSuggestedPrompts"))
    assert call.ok
    assert room.slack.workspace.state.prompts[DM]["prompts"][0]["title"] == "A symptom"


async def test_the_home_tab_shows_health_gaps_mutes_and_help(room: Room) -> None:
    """The tab begins with the verdict; of gaps one's own are told in words, those of others as a number."""
    room.answers.ending = lambda question: done(question, "not_found", reason="Nothing.")
    for user, text in ((ALICE, "rotate HSM key?"), (BOB, "my private words?")):
        await room.answered(room.slack.mention(INCIDENTS, text, user=user))
    await room.threads.mute(INCIDENTS, "1795000000.000100", ALICE)
    room.slack.open_home("home")
    view = await room.slack.until(lambda: room.slack.homes.get(ALICE))
    shown = text_of({"blocks": view["blocks"], "text": ""})
    for words in (
        "I am well.",
        "30 runbooks, 1 postmortem; 1,234 passages.",
        "rotate HSM key?",
        "1 question of others",
    ):
        assert words in shown
    assert "#incidents, thread of" in shown
    assert "/copilot status" in shown
    assert "private words" not in shown


async def test_a_thread_is_unmuted_from_the_home_tab(room: Room) -> None:
    """The button follows the thread again and the tab shows it gone; nobody can unmute what another person muted."""
    await room.threads.mute(INCIDENTS, "1795000000.000100", ALICE)
    room.slack.open_home("home")
    await room.slack.until(lambda: room.slack.homes.get(ALICE))
    room.slack.homes[BOB] = room.slack.homes[ALICE]
    await room.slack.press_home("unmute:0", user=BOB)
    await room.quiet()
    assert await room.threads.muted_by(ALICE) == [Muted(INCIDENTS, "1795000000.000100")]
    await room.slack.press_home("unmute:0")
    await room.quiet()
    assert await room.threads.muted_by(ALICE) == []
    assert "unmute" not in str(room.slack.homes[ALICE])


# Whom we serve, and where


@pytest.mark.parametrize(("user", "words"), [(GUEST, "you are a guest here"), (STRANGER, "another organisation")])
async def test_guests_and_strangers_are_refused_with_a_reason_once_an_hour(mixed: Room, user: str, words: str) -> None:
    """Who is no full member gets no answer but the reason, alone, once an hour; commands are refused every time."""
    for _ in range(2):
        mixed.slack.mention(PAYMENTS, "why?", user=user)
    (reason,) = await whispers(mixed, PAYMENTS)
    assert words in reason
    mixed.time.advance(3600)
    mixed.slack.mention(PAYMENTS, "why?", user=user)
    await mixed.slack.slash(PAYMENTS, "ask why?", user=user)
    assert len([each for each in await whispers(mixed, PAYMENTS) if words in each]) == 3
    assert mixed.answers.asked == []
    assert [each for each in mixed.slack.messages(PAYMENTS) if "bot_id" in each] == []
    assert (await mixed.outbox.counts()).get("dead", 0) == 0


async def test_guests_see_neither_sources_nor_the_home_tab(mixed: Room) -> None:
    """What hangs on an answer is refused as the answer is."""
    answer = await shared(mixed)
    mixed.slack.workspace.state.whisper(PAYMENTS, answer | {"ephemeral_to": GUEST})
    await mixed.slack.press(PAYMENTS, answer, "show_source_1", user=GUEST)
    await mixed.slack.until(lambda: len(mixed.slack.whispers(PAYMENTS)) == 2)
    assert "you are a guest here" in text_of(mixed.slack.whispers(PAYMENTS)[-1])
    assert mixed.slack.views == []


async def test_beside_a_guest_the_asker_is_answered_alone_with_the_reason(mixed: Room) -> None:
    """In a channel with a guest a full member's answer is for that member's eyes, and says why."""
    asked = mixed.slack.mention(PAYMENTS, "why?")
    (answer,) = await whispers(mixed, PAYMENTS)
    assert "Drain the stuck pod" in answer
    assert "can read this channel, so I answer you alone." in answer
    assert mixed.slack.replies(asked, PAYMENTS) == []
    assert mixed.answers.asked[0].private
    assert (await mixed.outbox.counts()) == {"sent": 2}


async def test_what_not_all_may_read_is_told_to_the_asker_alone(room: Room) -> None:
    """When the route says so, the answer is private, in its thread, with the reason."""
    room.reading.private = "Some of what answers this may not be read by everybody here, so I answer you alone."
    root = room.slack.say(INCIDENTS, "checkout is down")
    room.slack.mention(INCIDENTS, "why?", thread_ts=root["ts"])
    (answer,) = await whispers(room)
    assert "may not be read by everybody here" in answer
    assert room.slack.whispers(INCIDENTS)[0]["thread_ts"] == root["ts"]
    assert room.slack.replies(root) == []


async def test_only_listed_channels_are_served(tmp_path: Path) -> None:
    """With a list of channels, others get the reason and a way; direct messages stay open."""
    async with Room(tmp_path) as room:
        room.rules = Rules(channels=frozenset({PAYMENTS}))
        await room.start()
        room.slack.mention(INCIDENTS, "why?")
        (reason,) = await whispers(room)
        assert reason == (
            "I answer only in the channels that my settings list, and #incidents is not: ask me in a direct message."
        )
        await room.answered(room.slack.mention(PAYMENTS, "why?"), PAYMENTS)
        await room.answered(room.slack.say_in_dm("why?"), DM)
