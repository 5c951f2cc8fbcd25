"""Catch me up: a thread, a channel, another channel; every line leads to the message that says it."""

import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.answer.catchup import Line, Message
from bot.slack.fits import message_mistakes
from bot.types import Question
from bot.workspace import User
from tests.bot.slack.room import Room
from tests.fakes.slack import ALICE, BOB, DM, INCIDENTS, PAYMENTS, TOWN, Payload, text_of

DATA = Path(__file__).parents[1] / "data"
ROWS = [json.loads(line) for line in (DATA / "incident_thread.jsonl").read_text().splitlines()]
SAID = {row["ts"]: row["text"] for row in ROWS}
FACTS = json.loads((DATA / "incident_facts.json").read_text())
CREW = tuple(
    User(user, name, name.title())
    for user, name in sorted({(row["user"], row["name"]) for row in ROWS} - {(BOB, "bob")})
)
GUEST = User("U0GUEST", "gus", "Gus Guest", is_guest=True)
CITY = replace(
    TOWN,
    others=(*TOWN.others, *CREW, GUEST),
    channels=tuple(
        replace(channel, members=channel.members - {BOB} | {GUEST.id}) if channel.id == PAYMENTS else channel
        for channel in TOWN.channels
    ),
)
"""Larkfield with the people of the recorded thread; in #payments a guest and no Bob."""

AFTER = float(ROWS[-1]["ts"]) + 600.0
LINK = re.compile(r"http://127\.0\.0\.1:\d+/archives/(C\w+)/p(\d{10})(\d{6})(?:\?thread_ts=([\d.]+)&cid=(C\w+))?")


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    """Give a room with a bot in it, ten minutes after the recorded thread."""
    async with Room(tmp_path, seed=CITY) as room:
        room.time.now = AFTER
        yield await room.start()


def put(room: Room, ts: str, user: str, text: str, *, channel: str = INCIDENTS, **more: Any) -> Payload:
    """Let a message stand in a channel that nobody heard being written."""
    message = {"type": "message", "user": user, "text": text, "ts": ts} | more
    room.slack.workspace.state.put(channel, message)
    return message


def record(room: Room) -> Payload:
    """Put the recorded thread into #incidents and return its root."""
    root = ROWS[0]["ts"]
    for row in ROWS:
        more = {} if row["ts"] == root else {"thread_ts": root}
        if row["bot"]:
            more |= {"bot_id": row["user"], "bot_profile": {"id": row["user"], "name": row["name"]}}
        text = row["text"].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        put(room, row["ts"], row["user"], text, **more)
    return {"ts": root}


def ours(room: Room, channel: str = INCIDENTS) -> list[Payload]:
    """Return what we posted for all to see."""
    return [message for message in room.slack.messages(channel) if message.get("bot_id") == "B0COPILOT"]


def items(message: Payload) -> list[tuple[str, str, str]]:
    """Return the lines of a catch-up: the link's address, its words, and what stands after it."""
    lists = [
        part
        for block in message["blocks"]
        if block["type"] == "rich_text"
        for part in block["elements"]
        if part["type"] == "rich_text_list"
    ]
    return [
        (link["url"], link["text"], "".join(leaf["text"] for leaf in rest))
        for each in lists
        for link, *rest in [item["elements"] for item in each["elements"]]
    ]


def linked(url: str) -> str:
    """Return the ts of the message that an address leads to."""
    found = LINK.fullmatch(url)
    assert found is not None, url
    assert found[5] in (None, found[1])
    return f"{found[2]}.{found[3]}"


async def test_a_long_thread_comes_to_twelve_linked_lines_with_its_facts(room: Room) -> None:
    """Of 400 messages at most twelve lines are left, each linked to the one that says it, with nine of twelve facts."""
    root = record(room)
    room.slack.mention(INCIDENTS, "catch me up", thread_ts=root["ts"])
    await room.quiet()
    (answer,) = ours(room)
    lines = items(answer)
    assert answer["thread_ts"] == root["ts"]
    assert 0 < len(lines) <= 12
    for url, _, words in lines:
        said = " ".join(SAID[linked(url)].replace("```", "`").split()).replace("`", "")
        assert said.startswith(words.partition(": ")[2].rstrip("…")), (said, words)
    held = [fact for fact in FACTS if re.search(fact["pattern"], "\n".join(words for *_, words in lines))]
    assert len(held) >= 9
    assert message_mistakes(answer) == []
    shown = text_of(answer)
    assert "Catch-up on this thread:" in shown
    assert "400 messages" in shown
    assert "without a model" in shown
    for heading in ("What happened", "What was tried", "Who is on it", "Open"):
        assert heading in shown
    assert room.answers.asked == []


async def test_a_link_leads_to_the_thread_on_the_page(room: Room) -> None:
    """A reply is linked within its thread, by the same address as chat.getPermalink gives."""
    root = record(room)
    room.slack.mention(INCIDENTS, "catch me up", thread_ts=root["ts"])
    await room.quiet()
    url = items(ours(room)[0])[-1][0]
    same = await room.call("chat.getPermalink", channel=INCIDENTS, message_ts=linked(url))
    assert same["permalink"] == url
    found = LINK.fullmatch(url)
    assert found is not None
    assert found[4] == root["ts"]


async def test_times_are_those_of_the_asker(room: Room) -> None:
    """Bob sits in Berlin: he reads his own time, and its zone."""
    root = record(room)
    room.slack.mention(INCIDENTS, "what happened here?", thread_ts=root["ts"], user=BOB)
    await room.quiet()
    (answer,) = ours(room)
    assert "(Europe/Berlin)" in text_of(answer)
    assert items(answer)[0][1] == "15:02"


async def test_a_thread_of_ten_thousand_is_read_within_bounds_and_says_what_was_cut(room: Room) -> None:
    """Ten pages at most; its beginning and its end are read, and how many messages were not is said."""
    begin = AFTER - 60_000.0
    root = f"{begin:.6f}"
    messages = room.slack.workspace.state._messages[INCIDENTS]
    for number in range(10_000):
        ts = f"{begin + 6 * number:.6f}"
        text = "HighLatency firing since 10:00 UTC" if not number else f"pool {number} failing, {number} errors"
        thread = {"thread_ts": root} if number else {}
        messages[ts] = {"type": "message", "user": CREW[0].id, "text": text, "ts": ts} | thread
    put(room, f"{AFTER - 1:.6f}", CREW[1].id, "error rate back to 0.2 %, recovered", thread_ts=root)
    room.slack.mention(INCIDENTS, "catch me up", thread_ts=root)
    await room.quiet()
    (answer,) = ours(room)
    said = re.search(
        r"I read ([\d,]+) of 10,002 messages: (.*?), and (.*?)\. The other ([\d,]+) are left out", text_of(answer)
    )
    assert said is not None, text_of(answer)
    assert int(said[1].replace(",", "")) + int(said[4].replace(",", "")) == 10_002
    assert len(room.slack.called("conversations.replies")) <= 10
    newest = max(linked(url) for url, *_ in items(answer))
    assert root in {linked(url) for url, *_ in items(answer)}
    assert newest == f"{AFTER - 1:.6f}"


async def test_a_channel_since_the_asker_last_wrote_for_the_asker_alone(room: Room) -> None:
    """In a channel it begins after one's own last message, with the threads since, and nobody else sees it."""
    at = AFTER - 3_600.0
    put(room, f"{at:.6f}", CREW[0].id, "SearchDown firing: 90 % of searches fail")
    put(room, f"{at + 60:.6f}", ALICE, "I am off for lunch")
    put(room, f"{at + 120:.6f}", CREW[0].id, f"<@{CREW[1].id}> has joined", subtype="channel_join")
    put(room, f"{at + 180:.6f}", CREW[1].id, "CheckoutDown firing since 14:02 UTC: 38 % of requests fail")
    put(room, f"{at + 200:.6f}", CREW[2].id, "rolled back checkout to 1.41", thread_ts=f"{at + 180:.6f}")
    room.slack.mention(INCIDENTS, "catch me up")
    await room.quiet()
    (whisper,) = room.slack.whispers(INCIDENTS)
    words = [words for *_, words in items(whisper)]
    assert whisper["ephemeral_to"] == ALICE
    assert ours(room) == []
    assert len(words) == 2
    assert "CheckoutDown" in words[0]
    assert "rolled back" in words[1]
    assert "since you last wrote there" in text_of(whisper)


async def test_asked_again_it_begins_where_it_began(room: Room) -> None:
    """Asking us is not writing in the channel: a second look shows the same."""
    put(room, f"{AFTER - 60:.6f}", CREW[0].id, "CheckoutDown firing since 14:02 UTC: 38 % of requests fail")
    for _ in range(2):
        room.slack.mention(INCIDENTS, "catch me up!")
        await room.quiet()
    first, second = room.slack.whispers(INCIDENTS)
    assert items(first) == items(second)
    assert "the last 3 days" in text_of(second)


async def test_a_busy_channel_says_what_is_left_out(room: Room) -> None:
    """Four hundred messages are the most."""
    for number in range(500):
        put(room, f"{AFTER - 1_000 + number:.6f}", CREW[0].id, f"pool {number} failing with {number} errors")
    await room.slack.slash(INCIDENTS, "catchup")
    await room.quiet()
    shown = text_of(room.slack.whispers(INCIDENTS)[-1])
    assert "the newest 400 messages" in shown
    assert "what is older is left out" in shown


async def test_the_slash_command_is_answered_for_the_asker_alone(room: Room) -> None:
    """`/copilot catchup` is acknowledged at once and sums up the channel."""
    put(room, f"{AFTER - 60:.6f}", CREW[0].id, "CheckoutDown firing since 14:02 UTC: 38 % of requests fail")
    await room.slack.slash(INCIDENTS, "catchup", user=BOB)
    await room.quiet()
    looking, answer = room.slack.whispers(INCIDENTS)
    assert "for you alone" in text_of(looking)
    assert answer["ephemeral_to"] == BOB
    assert len(items(answer)) == 1


async def test_another_channel_is_told_only_to_its_members(room: Room) -> None:
    """In a direct message a channel may be named, by who is in it; a channel's own words never reach others."""
    put(room, f"{AFTER - 60:.6f}", CREW[0].id, "PaymentsDown firing: 38 % fail", channel=PAYMENTS)
    asked = room.slack.say_in_dm(f"catch me up on <#{PAYMENTS}|payments>")
    answer = await room.answered(asked, DM)
    assert "PaymentsDown" in items(answer)[0][2]
    room.slack.leave(PAYMENTS, ALICE)
    room.slack.emit({"type": "member_left_channel", "user": ALICE, "channel": PAYMENTS, "event_ts": "1.1"})
    refused = await room.answered(room.slack.say_in_dm(f"catch me up on <#{PAYMENTS}|payments>"), DM)
    assert "Slack does not show me that you are in #payments" in text_of(refused)
    assert "PaymentsDown" not in str(refused)


async def test_another_channel_named_in_a_channel_is_told_in_private(room: Room) -> None:
    """Who reads here need not read there: the asker alone sees it, and only as a member there."""
    put(room, f"{AFTER - 60:.6f}", CREW[0].id, "PaymentsDown firing: 38 % fail", channel=PAYMENTS)
    for user in (ALICE, BOB):
        root = room.slack.say(INCIDENTS, "hm", user=user)
        room.slack.mention(INCIDENTS, f"catch me up on <#{PAYMENTS}|payments>", user=user, thread_ts=root["ts"])
        await room.quiet()
    to_alice, to_bob = room.slack.whispers(INCIDENTS)
    assert ours(room) == []
    assert "PaymentsDown" in str(to_alice)
    assert "PaymentsDown" not in str(to_bob)


async def test_a_guest_is_refused_and_a_channel_with_guests_is_told_in_private(room: Room) -> None:
    """The rules of every answer hold: guests get a reason, and beside them a member is told alone."""
    root = put(room, f"{AFTER - 60:.6f}", CREW[0].id, "PaymentsDown firing: 38 % fail", channel=PAYMENTS)
    for user in (GUEST.id, ALICE):
        room.slack.mention(PAYMENTS, "catch me up", user=user, thread_ts=root["ts"])
        await room.quiet()
    to_guest, to_alice = room.slack.whispers(PAYMENTS)
    assert "you are a guest here" in text_of(to_guest)
    assert "PaymentsDown" in str(to_alice)
    assert "A guest can read this channel" in text_of(to_alice)
    assert ours(room, PAYMENTS) == []


async def test_a_muted_thread_is_told_when_asked_by_mention(room: Room) -> None:
    """Mute silences what was not asked of us, not a mention; and a catch-up opens no talk without mentions."""
    root = record(room)
    await room.threads.mute(INCIDENTS, root["ts"], ALICE)
    room.slack.mention(INCIDENTS, "catch me up", thread_ts=root["ts"])
    await room.quiet()
    room.slack.reply(root, "and why did the pool fill up?")
    await room.quiet()
    assert len(ours(room)) == 1
    assert room.answers.asked == []


async def test_what_people_wrote_is_inert(room: Room) -> None:
    """Mentions, links and markup in messages are shown as text; the only links are ours to the messages."""
    text = (
        "<!channel> failing: <@U0BOB> see <https://evil.example/x|the fix> *now* [a](https://evil.example) @here 38 %"
    )
    root = put(room, f"{AFTER - 60:.6f}", CREW[0].id, text)
    room.slack.mention(INCIDENTS, "catch me up", thread_ts=root["ts"])
    await room.quiet()
    (answer,) = ours(room)
    (shown,) = [block for block in answer["blocks"] if block["type"] == "rich_text"]
    kinds = {leaf["type"] for part in shown["elements"] for leaf in _leaves(part)}
    assert kinds == {"text", "link"}
    assert all(LINK.fullmatch(url) for url, *_ in items(answer))
    for live in ("<!channel>", "<@U0BOB>", "<https:"):
        assert live not in str(answer["blocks"])
        assert live not in answer["text"]


async def test_without_history_permission_it_says_so(room: Room) -> None:
    """The minimal manifest reads nothing: the asker is told, and what to do."""
    root = record(room)
    room.slack.refuse("conversations.replies", "missing_scope", times=9)
    room.slack.mention(INCIDENTS, "catch me up", thread_ts=root["ts"])
    await room.quiet()
    (answer,) = ours(room)
    assert "I cannot read what was said" in text_of(answer)
    assert "deploy/slack-manifest.json" in text_of(answer)


@pytest.mark.parametrize("text", ["catch me up", "recap"])
async def test_in_a_direct_message_a_channel_must_be_named(room: Room, text: str) -> None:
    """There is nothing to sum up between the two of us."""
    answer = await room.answered(room.slack.say_in_dm(text), DM)
    assert "Name a channel" in text_of(answer)


async def test_a_channel_in_which_nobody_wrote_says_so(room: Room) -> None:
    """Silence is told, not filled."""
    room.slack.mention(INCIDENTS, "catch me up")
    await room.quiet()
    assert "Nothing new:** nobody wrote in #incidents in the last 3 days" in text_of(room.slack.whispers(INCIDENTS)[0])


class Picky:
    """A summary that picks the first message."""

    model = "claude-haiku-5-5"

    async def lines(self, question: Question, messages: Sequence[Message]) -> tuple[Sequence[Line], str] | None:
        """Return one line."""
        return [Line("open", messages[0].author, messages[0].text[:22], messages[0].ts)], self.model


async def test_a_model_may_choose_the_lines(tmp_path: Path) -> None:
    """With a summary its lines are shown, under its name."""
    async with Room(tmp_path, seed=CITY) as room:
        room.time.now = AFTER
        room.summary = Picky()
        await room.start()
        root = record(room)
        room.slack.mention(INCIDENTS, "catch me up", thread_ts=root["ts"])
        await room.quiet()
        (answer,) = ours(room)
        assert [words for *_, words in items(answer)] == [" alerts: CheckoutErrorRateHigh "]
        assert "picked and shortened by claude-haiku-5-5" in text_of(answer)


def _leaves(part: Payload) -> list[Payload]:
    if "elements" not in part:
        return [part]
    return [leaf for child in part["elements"] for leaf in _leaves(child)]
