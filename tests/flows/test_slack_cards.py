"""Story cards in Slack: posted once, edited in place, their buttons and commands, through faults and restarts."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.journal.inbox import Arrival, Event
from bot.journal.outbox import Intent
from bot.slack.stories import GONE, IN_THREAD, NEEDS_STORY, NO_RUNBOOK, UNWATCHED
from bot.types import Card, Done, Question
from bot.watch.board import below_intent, root_key
from ingest.types import EVERYONE
from tests.bot.slack.room import Room, Time, done
from tests.fakes.slack import ALICE, BOB, DM, INCIDENTS, PAYMENTS, Fault, Payload, text_of
from tests.fakes.stories import RUNBOOK, Watch, row_of
from tests.flows.test_slack_surfaces import GUEST, MIXED

BEGAN = Time().now


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    """Give a room with a bot that watches."""
    async with Room(tmp_path) as room:
        room.watching()
        yield await room.start()


@pytest.fixture
def watch(room: Room) -> Watch:
    """Give its board."""
    return room.watching()


async def rest(room: Room) -> None:
    """Wait until nothing is to be posted or edited any more."""
    assert room.bot is not None
    assert room.watch is not None
    async with asyncio.timeout(10):
        while True:
            await room.quiet()
            stale = {each.channel for each in await room.watch.board.stale()}
            if not stale and not room.bot._sender._lanes.get(INCIDENTS, done_task()).done():
                await asyncio.sleep(0.01)
                continue
            if not stale:
                return
            room.bot.wake(stale)
            await asyncio.sleep(0.01)


def done_task() -> "asyncio.Future[None]":
    """Return what is over."""
    future = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future


async def posted(room: Room, key: str = "story:shop:12", **values: Any) -> Payload:
    """Open a story, and return its message once it is there."""
    assert room.bot is not None
    await room.watching().open(row_of(key, **values))
    room.bot.wake([values.get("channel", INCIDENTS)])
    await rest(room)
    return card_of(room, key, values.get("channel", INCIDENTS))


def cards_of(room: Room, key: str = "story:shop:12", channel: str = INCIDENTS) -> list[Payload]:
    """Return the messages of a card."""
    found = [each for each in room.slack.messages(channel) if "bot_id" in each and "thread_ts" not in each]
    return [each for each in found if each.get("metadata", {}).get("event_payload", {}).get("key") == root_key(key)]


def card_of(room: Room, key: str = "story:shop:12", channel: str = INCIDENTS) -> Payload:
    """Return the one message of a card."""
    (message,) = cards_of(room, key, channel)
    return message


async def press(room: Room, message: Payload, what: str, value: str | None = None, **more: Any) -> list[str]:
    """Press a button of a card; return what single people were told after that."""
    channel = more.pop("channel", INCIDENTS)
    before = len(room.slack.whispers(channel))
    await room.slack.press(channel, message, f"card:{what}:{more.pop('number', 0)}", value, **more)
    await rest(room)
    return [text_of(each) for each in room.slack.whispers(channel)[before:]]


# Posted once, edited in place


async def test_a_story_is_posted_once_and_edited_as_it_changes(room: Room, watch: Watch) -> None:
    """One message per story: its growth and its recovery are edits of it, and nothing new is posted."""
    message = await posted(room)
    assert "checkout: timeouts, open, version 1" in text_of(message)
    chart = next(block for block in message["blocks"] if block["type"] == "data_visualization")
    assert len(chart["chart"]["axis_config"]["categories"]) == 20
    assert "▁" in message["text"]
    assert "1 to 42 a minute, usually 1" in message["text"]
    for values in ({"severity": "medium"}, {"ended": 1_763_600_900.0}):
        await watch.change(row_of(), **values)
        assert room.bot is not None
        room.bot.wake([INCIDENTS])
        await rest(room)
    assert "recovered, version 3" in text_of(card_of(room))
    assert card_of(room)["ts"] == message["ts"]
    assert card_of(room)["metadata"] == message["metadata"]
    assert len(room.slack.called("chat.postMessage")) == 1


async def test_a_beat_finds_what_nobody_announced(room: Room, watch: Watch) -> None:
    """A change and a new card that came from another replica are shown at the next beat."""
    await posted(room)
    await watch.change(row_of(), severity="low")
    await watch.open(row_of("story:shop:13"))
    assert room.bot is not None
    await room.bot._keeper.beat()
    await rest(room)
    assert "version 2" in text_of(card_of(room))
    assert card_of(room, "story:shop:13")


async def test_what_changes_before_it_is_posted_is_posted_as_it_is_then(room: Room, watch: Watch) -> None:
    """The words are made when the message goes out: a story that is over by then says so, and is not edited."""
    await watch.open(row_of())
    await watch.change(row_of(), ended=1_763_600_900.0)
    assert room.bot is not None
    room.bot.wake([INCIDENTS])
    await rest(room)
    assert "recovered, version 2" in text_of(card_of(room))
    assert room.slack.called("chat.update") == []


async def test_people_are_named_and_nobody_is_rung_for(room: Room, watch: Watch) -> None:
    """Ids of a card become names, those of groups by the settings; in no call is there a mention."""
    await watch.open(row_of(acknowledged_by=BOB, acknowledged_at=1.0))
    watch.rewrite(row_of(), people=(("acknowledged by", BOB), ("owner", "S0ONCALL"), ("owner", "<!channel>")))
    assert room.bot is not None
    room.bot.wake([INCIDENTS])
    await rest(room)
    shown = text_of(card_of(room))
    assert "acknowledged by bob · owner payments-oncall · owner <!channel>" in shown
    sent = room.slack.called("chat.postMessage")[0].args
    assert "<@" not in str(sent)
    assert "<!channel>" not in sent["text"]
    assert {block["type"] for block in sent["blocks"]}.isdisjoint({"markdown"})
    assert "mrkdwn" not in str(sent["blocks"])


async def test_hints_are_for_who_reads_the_channel(tmp_path: Path) -> None:
    """A channel that a guest reads gets the story, and no hint of a document that only full members may read."""
    async with Room(tmp_path, seed=MIXED) as room:
        room.watching().telling.runbook = RUNBOOK
        await room.start()
        here, there = await posted(room), await posted(room, "story:pay:1", channel=PAYMENTS)
    asked = dict(room.watching().telling.asked)
    assert "card:runbook:0" in str(here["blocks"])
    assert "card:runbook:0" not in str(there["blocks"])
    audience = asked["story:shop:12"]
    assert audience is not None
    assert audience.admits(EVERYONE)
    assert asked["story:pay:1"] is not None
    assert not asked["story:pay:1"].readers


# Threads


async def test_a_note_in_the_thread_waits_for_its_message(room: Room, watch: Watch) -> None:
    """What belongs below a card is posted in its thread, after it, though it was written down before."""
    row = row_of()
    intent = below_intent(row, "recovered-1", {"text": "Recovered after 18 min."})
    await room.outbox.add(intent)
    room.time.advance(5)
    await posted(room)
    (note,) = room.slack.replies(card_of(room))
    assert note["text"] == "Recovered after 18 min."
    assert "under" not in room.slack.called("chat.postMessage")[1].args


@pytest.mark.parametrize("broken", [Fault(drop=True, after=True), Fault(status=503, body="<html>", after=True)])
async def test_a_note_whose_answer_was_lost_is_found_in_its_thread(room: Room, watch: Watch, broken: Fault) -> None:
    """After a lost answer the thread is looked through, and nothing is said twice."""
    message = await posted(room)
    room.slack.fail("chat.postMessage", broken)
    await watch.say_below(row_of(), "recovered-1", "Recovered.")
    assert room.bot is not None
    room.bot.wake([INCIDENTS])
    await rest(room)
    assert [each["text"] for each in room.slack.replies(message)] == ["Recovered."]


async def test_a_note_below_a_message_that_never_came_is_dropped(room: Room, watch: Watch) -> None:
    """A thread without its root says nothing: the note is not posted elsewhere, and is counted as dead."""
    room.slack.refuse("chat.postMessage", "is_archived")
    await watch.open(row_of())
    await watch.say_below(row_of(), "recovered-1", "Recovered.")
    assert room.bot is not None
    room.bot.wake([INCIDENTS])
    await rest(room)
    assert cards_of(room) == []
    assert (await room.outbox.counts())["dead"] == 2


async def test_a_post_below_a_message_of_another_channel_waits_for_it(room: Room) -> None:
    """`under` names any intent: until its message is there, the post waits."""
    early = Intent("digest:1:detail", "post", PAYMENTS, payload={"text": "detail", "under": "digest:1"})
    await room.outbox.add(early)
    await room.outbox.add(Intent("digest:1", "post", INCIDENTS, payload={"text": "root"}))
    assert room.bot is not None
    room.bot.wake([PAYMENTS])
    async with asyncio.timeout(5):
        while room.time.now < BEGAN + 4:  # noqa: ASYNC110 - a lane that waits tells nobody
            await asyncio.sleep(0.01)
    room.bot.wake([INCIDENTS])
    await room.quiet()
    (root,), (detail,) = room.slack.messages(INCIDENTS), room.slack.messages(PAYMENTS)
    assert (root["text"], detail["text"]) == ("root", "detail")
    assert detail["thread_ts"] == root["ts"]


# Faults


@pytest.mark.parametrize("fault", ["drop", "before", "after", "limit"])
async def test_no_fault_doubles_a_card(room: Room, watch: Watch, fault: str) -> None:
    """A lost answer, a 5xx before or after the effect, and a 429 leave one message."""
    if fault == "limit":
        room.slack.rate_limit("chat.postMessage", 7)
    elif fault == "drop":
        room.slack.drop("chat.postMessage")
    else:
        room.slack.break_down("chat.postMessage", after=fault == "after")
    await posted(room)
    assert len(cards_of(room)) == 1


async def test_a_card_that_was_drawn_slowly_is_not_posted_twice(room: Room, watch: Watch) -> None:
    """Slack's history may lag behind a post whose answer was lost, however long ago its row was begun."""
    room.slack.history_lags_s = 3.0
    room.slack.drop("chat.postMessage")

    def slowly(card: Card) -> Card:
        room.time.advance(15.0)
        return card

    watch.telling.changed["story:shop:12"] = slowly
    await posted(room)
    assert len(cards_of(room)) == 1


@pytest.mark.parametrize("fault", ["drop", "before", "after", "limit"])
async def test_an_edit_is_made_until_slack_answers(room: Room, watch: Watch, fault: str) -> None:
    """An edit meets the same, and the message shows the card as it is in the end: it is drawn anew for each try."""
    await posted(room)
    if fault == "limit":
        room.slack.rate_limit("chat.update", 400)
    elif fault == "drop":
        room.slack.drop("chat.update", times=2)
    else:
        room.slack.break_down("chat.update", times=2, after=fault == "after")
    await watch.change(row_of(), severity="low")
    assert room.bot is not None
    room.bot.wake([INCIDENTS])
    await rest(room)
    assert "version 2" in text_of(card_of(room))


@pytest.mark.parametrize("code", ["message_not_found", "cant_update_message", "is_archived", "edit_window_closed"])
async def test_an_edit_that_slack_refuses_is_given_up(room: Room, watch: Watch, code: str) -> None:
    """Where the message is gone, or may not be changed, one try is made for each change, and no new root is posted."""
    await posted(room)
    room.slack.refuse("chat.update", code)
    await watch.change(row_of(), severity="low")
    assert room.bot is not None
    room.bot.wake([INCIDENTS])
    await rest(room)
    assert len(room.slack.called("chat.update")) == 1
    assert f"slack_{code}" in room.tally.faults
    await watch.change(row_of(), severity="high")
    room.bot.wake([INCIDENTS])
    await rest(room)
    assert "version 3" in text_of(card_of(room))
    assert len(cards_of(room)) == 1


@pytest.mark.parametrize(("refusals", "kinds"), [(1, {"header"}), (2, set[str]())])
async def test_what_slack_does_not_take_is_shown_in_less(
    room: Room, watch: Watch, refusals: int, kinds: set[str]
) -> None:
    """Without its chart, then as text: a card that Slack refuses is never silent, neither posted nor edited."""
    for method in ("chat.postMessage", "chat.update"):
        room.slack.refuse(method, "invalid_blocks", times=refusals)
        await (posted(room) if method == "chat.postMessage" else watch.change(row_of(), severity="low"))
        assert room.bot is not None
        room.bot.wake([INCIDENTS])
        await rest(room)
        shown = card_of(room)
        types = {block["type"] for block in shown.get("blocks", [])}
        assert "data_visualization" not in types
        assert kinds <= types
        assert bool(types) == bool(kinds)
        assert "1 to 42 a minute" in (shown["text"] if not types else text_of(shown))
    assert "version 2" in text_of(card_of(room))


async def test_a_card_that_cannot_be_drawn_is_told_all_the_same(room: Room, watch: Watch) -> None:
    """When something in us breaks over one card, its channel hears of it, and the others are shown."""
    watch.telling.broken.add("story:shop:12")
    assert "something in me broke while I drew it" in text_of(await posted(room))
    assert "version 1" in text_of(await posted(room, "story:shop:13"))
    assert "card_undrawn" in room.tally.faults


@pytest.mark.parametrize("code", ["not_in_channel", "is_archived", "channel_not_found"])
async def test_a_channel_that_takes_no_cards_is_told_to_the_owner_once(tmp_path: Path, code: str) -> None:
    """Who runs the bot hears of it, once however many cards; the stories stay in the list, which says why."""
    async with Room(tmp_path) as room:
        room.owner = "D0ALICE"
        watch = room.watching()
        await room.start()
        room.slack.refuse("chat.postMessage", code, times=2)
        for key in ("story:shop:12", "story:shop:13"):
            await watch.open(row_of(key))
        assert room.bot is not None
        room.bot.wake([INCIDENTS])
        await rest(room)
        await room.bot._keeper.beat()
        await rest(room)
        (told,) = room.slack.messages(DM)
        assert f"I could not post a story in <#{INCIDENTS}> ({code})" in told["text"]
        await room.slack.slash(INCIDENTS, "incidents")
        await rest(room)
        listed = text_of(room.slack.whispers(INCIDENTS)[-1])
        assert listed.count(f"Not in its channel: Slack refused it ({code}).") == 2


# Restarts


async def test_a_restart_before_the_post_posts_it_once(tmp_path: Path) -> None:
    """What was written down while the bot was dead is posted at its start."""
    async with Room(tmp_path) as room:
        await room.watching().open(row_of())
        await room.start()
        await rest(room)
        await room.restart()
        await rest(room)
        assert len(cards_of(room)) == 1


async def test_a_restart_in_the_middle_of_a_post_finds_it(tmp_path: Path) -> None:
    """A bot that died between Slack's effect and its own commit finds its card by its mark, and edits it."""
    async with Room(tmp_path) as room:
        watch = room.watching()
        await watch.open(row_of())
        await room.outbox.sending(root_key("story:shop:12"))
        marked = {"event_type": "copilot_post", "event_payload": {"key": root_key("story:shop:12")}}
        await room.call("chat.postMessage", channel=INCIDENTS, text="an older version", metadata=marked)
        await room.start()
        await rest(room)
        assert "version 1" in text_of(card_of(room))
        assert len(room.slack.called("chat.postMessage")) == 1


async def test_a_restart_goes_on_with_edits(tmp_path: Path) -> None:
    """A change that was not shown before the bot died is shown after its start."""
    async with Room(tmp_path) as room:
        watch = room.watching()
        await room.start()
        await posted(room)
        await watch.change(row_of(), ended=1_763_600_900.0)
        assert await watch.board.editing("story:shop:12")
        await room.restart()
        await rest(room)
        assert "recovered, version 2" in text_of(card_of(room))


async def test_one_of_two_replicas_edits(tmp_path: Path) -> None:
    """While another replica has a message in work, ours leaves it alone; once that is dead, ours goes on."""
    async with Room(tmp_path) as room:
        watch = room.watching()
        other = Watch(room.database, room.time, "other")
        await room.start()
        await posted(room)
        await watch.change(row_of(), severity="low")
        assert await other.board.editing("story:shop:12")
        assert room.bot is not None
        await room.bot._keeper.beat()
        await room.quiet()
        assert room.slack.called("chat.update") == []
        room.time.advance(21)
        await room.bot._keeper.beat()
        await rest(room)
        assert "version 2" in text_of(card_of(room))


# Buttons


async def test_a_press_changes_the_message_and_tells_the_person(room: Room, watch: Watch) -> None:
    """Acknowledge, snooze, not an anomaly, undo: each is an edit that all see, and a sentence for who pressed."""
    message = await posted(room)
    assert await press(room, message, "acknowledge", user=BOB) == ["shop-12 is acknowledged."]
    assert "acknowledged by bob" in text_of(card_of(room))
    assert await press(room, card_of(room), "snooze", "86400") == ["shop-12 is snoozed for 86400 s."]
    assert "snoozed by alice" in text_of(card_of(room))
    assert await press(room, card_of(room), "reject") == ["shop-12 is no anomaly."]
    assert "no anomaly, version 4" in text_of(card_of(room))
    assert await press(room, card_of(room), "undo") == ["shop-12 is an anomaly again."]
    assert "open, version 5" in text_of(card_of(room))
    assert {each["ephemeral_to"] for each in room.slack.whispers(INCIDENTS)} == {ALICE, BOB}
    assert watch.presses.did[-1] == ("story:shop:12", "an anomaly again")


async def test_not_an_anomaly_asks_first(room: Room) -> None:
    """What others will feel is asked about before it is done; the menu of spans has a new id in every version."""
    message = await posted(room)
    actions = message["blocks"][-1]
    (sure,) = [each["confirm"] for each in actions["elements"] if "confirm" in each]
    assert "For 30 days nothing is posted" in sure["text"]["text"]
    await press(room, message, "acknowledge")
    assert card_of(room)["blocks"][-1]["block_id"] != actions["block_id"]


async def test_a_press_is_worked_on_once_and_after_a_crash_again(tmp_path: Path) -> None:
    """The event is written down before it is acknowledged; a bot that dies before it is done takes it up again."""
    async with Room(tmp_path) as room:
        room.watching()
        await room.start()
        message = await posted(room)
        assert room.bot is not None
        room.bot._desk.close()
        room.bot._work = lambda _taken: None  # type: ignore[method-assign]
        room.bot._turns.greet = lambda _taken: None  # type: ignore[method-assign]
        room.bot._desk.put = lambda *_job: None  # type: ignore[method-assign]
        await room.slack.press(INCIDENTS, message, "card:acknowledge:0")
        assert await room.open_rows() == 1
        await room.restart()
        await rest(room)
        assert "acknowledged by alice" in text_of(card_of(room))


async def test_a_press_on_what_is_over_or_gone_says_so(room: Room, watch: Watch) -> None:
    """Who presses too late is told in a sentence, and nothing changes."""
    message = await posted(room)
    await watch.change(row_of(), ended=1_763_600_900.0)
    assert await press(room, message, "acknowledge") == ["shop-12 is over already."]
    gone = {**message, "blocks": [_button(root="story:shop:99")]}
    room.slack.workspace.state.put(INCIDENTS, gone)
    assert await press(room, gone, "acknowledge") == [GONE]


def _button(root: str) -> Payload:
    element = {"type": "button", "action_id": "card:acknowledge:0", "text": {"type": "plain_text", "text": "x"}}
    return {"type": "actions", "block_id": "b", "elements": [element | {"value": root}]}


async def test_only_full_members_may_press(tmp_path: Path) -> None:
    """A guest who reads the channel is told why not, and nothing is done."""
    async with Room(tmp_path, seed=MIXED) as room:
        watch = room.watching()
        await room.start()
        message = await posted(room, channel=PAYMENTS)
        (told,) = await press(room, message, "reject", user=GUEST, channel=PAYMENTS)
        assert "you are a guest here" in told
        assert watch.presses.did == []


async def test_investigate_puts_the_first_look_into_the_thread_once(room: Room, watch: Watch) -> None:
    """However many press: one look, in the thread of the story, and its text is inert."""
    message = await posted(room)
    assert await press(room, message, "investigate") == [IN_THREAD]
    assert await press(room, message, "investigate", user=BOB) == [IN_THREAD]
    (look,) = room.slack.replies(message)
    assert "**A first look at story:shop:12** &lt;!channel&gt;" in text_of(look)
    assert "<@U0BOB>" not in str(look["blocks"])
    assert watch.presses.looked[0][1] is not None
    assert watch.presses.looked[0][1].admits(EVERYONE)


async def test_a_story_of_a_group_is_looked_into_in_the_groups_thread(room: Room, watch: Watch) -> None:
    """A member has no message of its own: its look goes below the one that tells it."""
    group = row_of("group:C0INCIDENTS:2025-11-20T01", kind="group")
    message = await posted(room, group.key, kind="group")
    await watch.open(row_of("story:shop:13", place="group", inside=group.key))
    await room.slack.slash(INCIDENTS, "incidents")
    await rest(room)
    listed = room.slack.whispers(INCIDENTS)[-1]
    assert await press(room, listed, "investigate", number=1) == [IN_THREAD]
    assert "A first look at story:shop:13" in text_of(room.slack.replies(message)[0])


async def test_a_story_without_a_message_is_looked_into_alone(room: Room, watch: Watch) -> None:
    """Where there is no thread, the look is for who asked."""
    await watch.open(row_of(place="held", why="quiet hours until 08:00 UTC"))
    await room.slack.slash(INCIDENTS, "incidents")
    await rest(room)
    (told,) = await press(room, room.slack.whispers(INCIDENTS)[-1], "investigate", number=1)
    assert "A first look at story:shop:12" in told
    assert room.slack.messages(INCIDENTS) == []


async def test_runbook_shows_its_first_steps_to_the_person(room: Room, watch: Watch) -> None:
    """Who presses reads the steps with their source, alone, as far as they may read the document."""
    watch.telling.runbook = RUNBOOK
    message = await posted(room)
    room.looks.ending = lambda question: replace(
        done(question), sources=(replace(done(question).sources[0], path=RUNBOOK.path),)
    )
    (told,) = await press(room, message, "runbook")
    assert "Drain the stuck pod" in told
    assert "Sources: [1]" in told
    assert room.looks.asked[-1].text == RUNBOOK.title
    assert room.looks.asked[-1].audience is not None
    room.looks.ending = _nothing_found
    assert await press(room, card_of(room), "runbook") == [NO_RUNBOOK]


def _nothing_found(question: Question) -> Done:
    return done(question, "not_found")


# Commands


async def test_incidents_lists_what_is_open_with_its_buttons(room: Room, watch: Watch) -> None:
    """The worst first, each with its buttons, for the person alone; what is over or in shadow is left out."""
    await watch.open(row_of("story:shop:1", severity="low", place="none", why="below high", opened=1.0))
    await watch.open(row_of("story:shop:2", place="held", why="quiet hours until 08:00 UTC", opened=2.0))
    await watch.open(row_of("story:shop:3", place="shadow", opened=3.0))
    await watch.open(row_of("story:shop:4", ended=5.0, place="none", opened=4.0))
    await room.slack.slash(INCIDENTS, "incidents", user=BOB)
    await rest(room)
    listed = room.slack.whispers(INCIDENTS)[-1]
    shown = text_of(listed)
    assert "2 open stories." in shown
    assert shown.index("shop-2") < shown.index("shop-1")
    assert "quiet hours until 08:00 UTC" in shown
    assert "shop-3" not in shown
    assert "shop-4" not in shown
    assert listed["ephemeral_to"] == BOB
    assert await press(room, listed, "acknowledge", number=2, user=BOB) == ["shop-1 is acknowledged."]


async def test_only_who_may_read_a_source_sees_its_stories(room: Room, watch: Watch) -> None:
    """A story is for who holds a label of its source: others neither see it in the list nor can name it."""
    watch.audiences["pay"] = (BOB,)
    room.reading.labels = frozenset({BOB})
    await watch.open(row_of("story:pay:7", place="none", why="no channel"))
    told = {}
    for user in (ALICE, BOB):
        for text in ("incidents", "snooze pay-7 2h"):
            await room.slack.slash(INCIDENTS, text, user=user)
            await rest(room)
            told[user, text] = text_of(room.slack.whispers(INCIDENTS)[-1])
    assert "No story is open." in told[ALICE, "incidents"]
    assert "No open story that you may read is called pay-7" in told[ALICE, "snooze pay-7 2h"]
    assert "1 open story." in told[BOB, "incidents"]
    assert told[BOB, "snooze pay-7 2h"] == "pay-7 is snoozed for 7200 s.\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("snooze shop-12 2h", "shop-12 is snoozed for 7200 s."),
        ("snooze shop-12", "shop-12 is snoozed for 3600 s."),
        ("SNOOZE 1d shop-12", "shop-12 is snoozed for 86400 s."),
        ("snooze", NEEDS_STORY),
        ("snooze 1h", NEEDS_STORY),
        ("snooze shop-12 soon", "Say how long, such as `/copilot snooze shop-12 1h`"),
        ("snooze shop-12 99999d", "A snooze lasts 30 days at most."),
        ("snooze <!channel>", "is called `@channel`: `/copilot incidents` lists them."),
    ],
)
async def test_snooze_by_name(room: Room, watch: Watch, text: str, words: str) -> None:
    """A story is snoozed by its name and a span; whatever else is written gets one sentence that says what to do."""
    await posted(room)
    await room.slack.slash(INCIDENTS, text)
    await rest(room)
    assert words in text_of(room.slack.whispers(INCIDENTS)[-1])
    assert ("snoozed by alice" in text_of(card_of(room))) == words.startswith("shop-12 is")


@pytest.mark.parametrize("text", ["incidents", "snooze shop-12"])
async def test_where_nothing_is_watched_the_commands_say_so(tmp_path: Path, text: str) -> None:
    """A bot without a log source has no stories, and says why."""
    async with Room(tmp_path) as room:
        await room.start()
        await room.slack.slash(INCIDENTS, text)
        await room.quiet()
        assert UNWATCHED in text_of(room.slack.whispers(INCIDENTS)[-1])


# The home tab


async def home(room: Room, user: str = ALICE) -> Payload:
    """Open the home tab and return it."""
    before = len(room.slack.called("views.publish"))
    room.slack.open_home("home", user=user)
    await room.slack.until(lambda: len(room.slack.called("views.publish")) > before)
    return room.slack.homes[user]


async def test_the_home_tab_shows_stories_and_what_shadow_would_have_posted(room: Room, watch: Watch) -> None:
    """Open stories with their buttons, and apart from them those of the last day that shadow kept back."""
    now = room.time.now
    await watch.open(row_of("story:shop:1", place="none", why="no channel", opened=now))
    await watch.open(row_of("story:shop:2", place="shadow", opened=now))
    await watch.open(row_of("story:shop:3", place="shadow", opened=now - 90_000))
    view = await home(room)
    shown = text_of(view | {"text": ""})
    stories, _, shadow = shown.partition("In shadow, last 24 hours")
    assert "shop-1" in stories
    assert "no channel" in stories
    assert "shop-2" in shadow
    assert "shop-3" not in shown
    assert str(view["blocks"]).count("card:acknowledge") == 1


async def test_a_press_on_the_home_tab_shows_there(room: Room, watch: Watch) -> None:
    """What was done is seen on the tab itself; what has words comes as a direct message."""
    await watch.open(row_of(place="none", why="no channel"))
    await home(room)
    await room.slack.press_home("card:acknowledge:1")
    await room.slack.until(lambda: "acknowledged by alice" in str(room.slack.homes[ALICE]))
    await rest(room)
    assert room.slack.messages(DM) == []
    await room.slack.press_home("card:investigate:1")
    await room.slack.until(lambda: room.slack.messages(DM))
    assert "A first look at story:shop:12" in text_of(room.slack.messages(DM)[-1])


async def test_a_home_tab_from_before_a_source_was_closed_shows_no_line_of_it(room: Room, watch: Watch) -> None:
    """Who may read is asked again when the button is pressed, not only when it was drawn."""
    await watch.open(row_of(place="none", why="no channel"))
    await home(room)
    watch.audiences["shop"] = (BOB,)
    await room.slack.press_home("card:investigate:1")
    await room.slack.until(lambda: room.slack.messages(DM))
    assert text_of(room.slack.messages(DM)[-1]) == GONE


async def test_a_home_tab_without_stories_names_none(room: Room) -> None:
    """Nothing open is no promise: what could not be read stands above."""
    shown = text_of((await home(room)) | {"text": ""})
    assert "None that you may read. What could not be read stands above." in shown
    assert "In shadow" not in shown


async def test_what_nobody_handles_any_more_comes_to_its_end(tmp_path: Path) -> None:
    """It was taken in before the settings were changed: at every beat it would break anew."""
    async with Room(tmp_path) as room:
        await room.inbox.take_in(Arrival(Event("alert", "B0ALERTS", INCIDENTS, "High error rate"), "e1"))
        await room.start()
        await room.quiet()
        assert room.tally.faults == []
