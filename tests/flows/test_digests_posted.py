"""The digest in Slack: posted with its thread, shown to who asks, its form and its buttons."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from bot.settings import WatchSettings
from bot.slack.app import Surfaces
from bot.slack.channelform import VALUE
from bot.slack.digests import Daily, messages
from bot.watch.board import Board, detectors_table
from bot.watch.catalogue import Catalogue, Service
from bot.watch.detectors import Detectors, shadowed
from bot.watch.digests import Digests, key_of
from bot.watch.gather import Gatherer
from bot.watch.preferences import Preferences
from bot.watch.routing import Origin, Rules
from bot.workspace import Group, User
from ingest.anomalies.store import Saved, Streams
from tests.bot.slack.room import Room
from tests.bot.watch.days import HOSTILE
from tests.bot.watch.desk import report, row
from tests.fakes.slack import ALICE, BOB, DM, INCIDENTS, PAYMENTS, TOWN, Payload, text_of

GROUP = "S0SEARCH"
SEEDED = replace(TOWN, groups=(*TOWN.groups, Group(GROUP, frozenset({BOB}))))


class Newsroom(Room):
    """A room whose stories go to #incidents, with all that makes digests."""

    admins: frozenset[str] = frozenset()

    def surfaces(self) -> Surfaces:
        """Return what stands behind the surfaces, digests too."""
        owners = {"checkout": frozenset({ALICE}), "search": frozenset({GROUP})}
        daily = Daily(
            self.digests,
            Detectors(self.database),
            self.preferences,
            lambda service: owners.get(service, frozenset()),
            self.admins,
        )
        return replace(super().surfaces(), daily=daily)

    @property
    def digests(self) -> Digests:
        """Return who makes digests."""
        services = [Service("checkout", ("checkout",)), Service("search", ("search",))]
        rules = Rules(Catalogue(services), INCIDENTS, origins={"shop": Origin()})
        return Digests(self.database, rules, self.preferences, Gatherer(self.database, rules, self.time), messages)

    @property
    def preferences(self) -> Preferences:
        """Return what holds in channels."""
        return Preferences(self.database, WatchSettings(channel=INCIDENTS), {INCIDENTS})

    async def story(self, headline: str, ago_s: float = 600.0) -> None:
        """Put a story on the board that began a while ago: today, unless told otherwise."""
        board, at = Board(self.database, self.time), self.time() - ago_s
        told = report(template=headline, detected_at=at, since=at, services=(headline[:100],))
        async with self.database.write() as connection:
            await board.add(connection, row(channel=INCIDENTS, place="none", opened=at, service=headline[:100]))
            await board.tell(connection, "story:shop:12", "shop", 12)
            await Streams(self.database).save(connection, Saved("shop", 1, {}, b"", 10, at, self.time()), [told])

    async def detector(self, kind: str, service: str, state: str) -> None:
        """Let a detector be proposed, or off."""
        values = {"kind": kind, "service": service, "state": state, "at": self.time(), "person": None, "why": ""}
        async with self.database.write() as connection:
            await connection.execute(detectors_table.insert().values(values))

    async def off(self) -> frozenset[tuple[str, str]]:
        """Return which detectors are in shadow."""
        async with self.database.read() as connection:
            return await shadowed(connection)

    async def whispered(self, channel: str = INCIDENTS) -> list[str]:
        """Return what single people were told in a channel, once all is quiet."""
        await self.quiet()
        return [text_of(each) for each in self.slack.whispers(channel)]

    async def at_nine(self) -> list[Payload]:
        """Let it be nine in the morning; return what is in the channel then."""
        await self.digests.go(self.time())
        self.time.now += 86_400.0 - self.time.now % 86_400.0 + 9 * 3_600.0
        assert self.bot is not None
        self.bot.wake(await self.digests.go(self.time.now))
        await self.quiet()
        return self.slack.messages(INCIDENTS)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Newsroom]:
    """Give a room with a bot in it."""
    async with Newsroom(tmp_path, seed=SEEDED) as room:
        await room.start()
        yield room


# Posted


async def test_a_digest_stands_in_the_channel_and_its_detail_in_the_thread(room: Newsroom) -> None:
    """One message that everybody reads, the rest below it; a second look posts nothing."""
    await room.story("payment gateway timeout")
    root, detail = await room.at_nine()
    assert "On call, " in text_of(root)
    assert "Nobody has it: payment gateway timeout" in text_of(root)
    assert [block["type"] for block in root["blocks"]].count("data_visualization") == 1
    assert detail["thread_ts"] == root["ts"]
    assert "payment gateway timeout: 1 story" in text_of(detail)
    await room.digests.go(room.time() + 60)
    await room.quiet()
    assert len(room.slack.messages(INCIDENTS)) == 2


async def test_a_quiet_day_is_one_message_without_a_thread(room: Newsroom) -> None:
    """And a day of which nothing is known is not called quiet."""
    (root,) = await room.at_nine()
    assert "no data. shop was never scanned. I was not running for 23 h of it. This is not an all-clear." in text_of(
        root
    )


async def test_hostile_text_rings_for_nobody_and_is_no_link(room: Newsroom) -> None:
    """All of it stands in plain and rich text, as literal text of bounded length."""
    await room.story(HOSTILE)
    for message in await room.at_nine():
        written = json.dumps(message["blocks"])
        assert not {"mrkdwn", "markdown", "link", "user", "broadcast", "emoji"} & _types(message["blocks"])
        assert "\\u001b" not in written
        assert "\\u202e" not in written
        assert "<!channel>" not in message["text"]
        assert len(written) < 20_000


def _types(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["type"]} if isinstance(value.get("type"), str) else set()
        return own.union(*map(_types, value.values()))
    return set().union(*map(_types, value)) if isinstance(value, list) else set()


async def test_without_charts_it_comes_without_one(room: Newsroom) -> None:
    """A Slack that does not know the block gets the same digest without it, once."""
    await room.story("payment gateway timeout")
    room.slack.refuse("chat.postMessage", "invalid_blocks")
    root, _ = await room.at_nine()
    assert "data_visualization" not in [block["type"] for block in root["blocks"]]
    assert "Nobody has it" in text_of(root)
    assert room.tally.faults == ["post_plainer"]


async def test_a_channel_that_we_are_not_in_is_told_to_the_owner(room: Newsroom) -> None:
    """Once: a digest that nobody gets would be missed by nobody."""
    room.owner = ALICE
    await room.restart()
    room.slack.leave(INCIDENTS)
    assert await room.at_nine() == []
    (told,) = [text_of(each) for each in room.slack.messages(DM)]
    assert "I could not post the digest in" in told


async def test_a_lost_connection_does_not_double_it(room: Newsroom) -> None:
    """Slack has it although nobody heard so: it is found by its mark, and the detail goes below it."""
    await room.story("payment gateway timeout")
    room.slack.drop("chat.postMessage")
    root, detail = await room.at_nine()
    assert detail["thread_ts"] == root["ts"]
    posting = await room.outbox.posting(key_of(INCIDENTS, _today(room)))
    assert posting is not None
    assert posting.state == "sent"


def _today(room: Newsroom) -> date:
    return datetime.fromtimestamp(room.time.now, UTC).date()


# Asked for


async def test_a_digest_is_shown_to_who_asks_alone(room: Newsroom) -> None:
    """Yesterday's, and with `preview` today's so far; nothing is posted."""
    await room.story("payment gateway timeout", 86_400.0)
    await room.slack.slash(INCIDENTS, "digest")
    await room.slack.slash(INCIDENTS, "digest preview")
    yesterday, today = [text for text in await room.whispered() if "for you alone" in text and "On call" in text]
    assert "The last whole day" in yesterday
    assert "payment gateway timeout" in yesterday
    assert "Today so far" in today
    assert room.slack.messages(INCIDENTS) == []


async def test_in_a_direct_message_there_is_no_digest(room: Newsroom) -> None:
    """A digest is a channel's: it says where to ask."""
    await room.slack.slash(DM, "digest")
    assert any("in the channel whose digest" in text for text in await room.whispered(DM))


# The form


async def fill(room: Newsroom, **fields: str) -> Payload:
    """Open the form in #incidents and send it with these fields; return what is told at them."""
    await room.slack.slash(INCIDENTS, "settings")
    (view,) = await room.slack.until(lambda: room.slack.views)
    values = {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}
    filled = {}
    for name, element in values.items():
        if element["type"] == "static_select":
            chosen = fields.get(name, element["initial_option"]["value"])
            filled[name] = {VALUE: {"type": "static_select", "selected_option": {"value": chosen}}}
        else:
            filled[name] = {VALUE: {"type": "plain_text_input", "value": fields.get(name, element["initial_value"])}}
    return await room.slack.workspace.gestures.submit(view["id"], filled, ALICE)


async def test_the_form_is_filled_with_what_holds_and_keeps_what_is_sent(room: Newsroom) -> None:
    """And says what holds now, to the person alone."""
    errors = await fill(room, digest="8:30", quiet="22:00 - 07:00", least="high", timezone="europe/berlin")
    assert errors == {}
    said = "Saved. Daily digest at 08:30, quiet hours 22:00-07:00 (Europe/Berlin); stories from high severity on."
    assert said in await room.whispered()
    kept = await room.preferences.of(INCIDENTS)
    assert (kept.digest, kept.quiet, kept.least, kept.timezone) == ("08:30", "22:00-07:00", "high", "Europe/Berlin")
    assert room.slack.views == []


async def test_what_cannot_be_understood_is_told_at_its_field(room: Newsroom) -> None:
    """The form stays open, and nothing of it is kept."""
    errors = await fill(room, digest="nine", quiet="at night", timezone="Mars/Olympus")
    assert errors == {
        "digest": 'Not a time of day: write one such as 09:00, or "off".',
        "quiet": 'Not hours: write them such as 22:00-07:00, or "off".',
        "timezone": "Not a zone that I know: write one such as Europe/Berlin or UTC.",
    }
    await room.quiet()
    assert len(room.slack.views) == 1
    assert (await room.preferences.of(INCIDENTS)).set_at is None


async def test_nothing_unasked_is_a_choice(room: Newsroom) -> None:
    """A channel that wants answers only gets no digest."""
    await fill(room, off="no")
    assert "Saved. Nothing is posted here unasked." in await room.whispered()
    assert await room.at_nine() == []


async def test_where_a_guest_reads_nobody_can_ask_for_a_digest(tmp_path: Path) -> None:
    """It tells of all that every full member may read; a time that was set before a guest came posts nothing more."""
    gus = User("U0GUEST", "gus", "Gus Guest", is_guest=True)
    inside = replace(SEEDED.channels[0], members=SEEDED.channels[0].members | {gus.id})
    assert inside.id == INCIDENTS
    seed = replace(SEEDED, others=(*SEEDED.others, gus), channels=(inside, *SEEDED.channels[1:]))
    async with Newsroom(tmp_path, seed=seed) as room:
        await room.start()
        await fill(room, digest="8:30")
        assert any("so I post no digest here" in text for text in await room.whispered())
        assert (await room.preferences.of(INCIDENTS)).set_at is None
        await fill(room, digest="off")
        assert any("Saved. No daily digest" in text for text in await room.whispered())
        assert room.bot is not None
        assert [await room.bot.admits(each) for each in (INCIDENTS, PAYMENTS)] == [False, True]


async def test_who_may_not_set_a_channel_is_told_so(room: Newsroom) -> None:
    """One sentence, and no form."""
    room.admins = frozenset({BOB})
    await room.restart()
    await room.slack.slash(INCIDENTS, "settings")
    assert any("Only the people in the setting" in text for text in await room.whispered())
    assert room.slack.views == []


async def test_in_a_direct_message_there_is_no_form(room: Newsroom) -> None:
    """It says where to ask."""
    await room.slack.slash(DM, "settings")
    assert any("in the channel that they are for" in text for text in await room.whispered(DM))


async def test_a_form_that_slack_opens_no_more_is_said(room: Newsroom) -> None:
    """Its trigger lives for three seconds."""
    room.slack.refuse("views.open", "expired_trigger_id")
    await room.slack.slash(INCIDENTS, "settings")
    assert any("I could not open the form in time" in text for text in await room.whispered())


# Detectors


@pytest.mark.parametrize(
    ("service", "user", "done"),
    [("checkout", ALICE, True), ("checkout", BOB, False), ("search", BOB, True), ("search", ALICE, False)],
)
async def test_a_named_owner_alone_moves_a_detector_to_shadow(
    room: Newsroom, service: str, user: str, *, done: bool
) -> None:
    """A person, or a member of the user group that owns the service; others are told who may."""
    await room.detector("rise", service, "proposed")
    await room.story("payment gateway timeout")
    digest = await room.digests.today(INCIDENTS, room.time())
    need = replace(digest.needs[0], detector=("rise", service))
    content = messages(replace(digest, needs=(need,)))[0]
    posted = await room.call(
        "chat.postMessage", channel=INCIDENTS, **{name: content[name] for name in ("text", "blocks")}
    )
    await room.slack.press(INCIDENTS, posted["message"] | {"ts": posted["ts"]}, "detector:shadow:0", user=user)
    said = "is in shadow now" if done else "Only the service's owner"
    assert any(said in text for text in await room.whispered())
    assert await room.off() == (frozenset({("rise", service)}) if done else frozenset())


async def test_a_service_without_an_owner_has_nobody_who_decides(room: Newsroom) -> None:
    """It says how to name one."""
    await room.detector("rise", "billing", "shadow")
    room.slack.open_home("home")
    await room.slack.until(lambda: room.slack.homes.get(ALICE))
    await room.slack.press_home("detector:back:0")
    await room.quiet()
    assert any("Nobody is named who may decide that" in text_of(each) for each in room.slack.messages(DM))


async def test_a_detector_that_is_off_stands_in_the_home_tab_until_it_is_put_back(room: Newsroom) -> None:
    """So that nobody forgets that nothing is told of it."""
    await room.detector("rise", "checkout", "shadow")
    room.slack.open_home("home")
    await room.slack.until(lambda: "more lines than usual" in str(room.slack.homes.get(ALICE)))
    await room.slack.press_home("detector:back:0")
    await room.quiet()
    assert await room.off() == frozenset()
    assert "more lines than usual" not in str(room.slack.homes[ALICE])
