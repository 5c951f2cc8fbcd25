"""Who reads where: full members are answered, places with unknown or foreign readers are not spoken in."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from bot.errors import SlackRefused
from bot.journal.inbox import Event
from bot.slack.calls import Away
from bot.slack.readers import (
    CONNECT,
    GUESTS,
    LARGE,
    MEMBERS_S,
    MOST_ASKED,
    MOST_LABELS,
    ONE_BY_ONE,
    PEOPLE_S,
    REFUSALS,
    Destination,
    Readers,
)
from ingest.types import EVERYONE, FULL_MEMBERS, Audience

TEAM = "T0HERE"
ANN, BEN, GUS, EVE, BOT, OLD = "U0ANN", "U0BEN", "U0GUS", "U0EVE", "U0BOT", "U0OLD"
PAY, OPS, ALL = "C0PAY", "C0OPS", "C0ALL"
LEADS = "S0LEADS"
LABELS = frozenset({PAY, LEADS, BEN})


class Slack:
    """Slack's memory of people and places. `lacking` maps a method to what it fails with; `asked` remembers."""

    def __init__(self) -> None:
        self.people: dict[str, dict[str, Any]] = {
            ANN: {},
            BEN: {},
            GUS: {"is_ultra_restricted": True},
            EVE: {"team_id": "T0THERE"},
            BOT: {"is_bot": True},
            OLD: {"deleted": True},
        }
        self.members = {PAY: {ANN, BEN, BOT}, OPS: {ANN, BOT}, ALL: {ANN, BEN, BOT, OLD}}
        self.about: dict[str, dict[str, Any]] = {PAY: {"is_private": True}, OPS: {"is_private": True}, ALL: {}}
        self.groups = {LEADS: {BEN}}
        self.failing: dict[str, Exception] = {}
        self.asked: list[str] = []
        self.listing = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def call(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        """Answer as Slack does."""
        self.asked.append(method)
        if method in self.failing:
            raise self.failing[method]
        match method:
            case "users.info":
                if arguments["user"] not in self.people:
                    raise SlackRefused("user_not_found", "Slack refused this.")
                return {"user": self._user(arguments["user"])}
            case "users.list":
                return self._page([self._user(each) for each in sorted(self.people)], arguments)
            case "conversations.info":
                return {"channel": {"id": arguments["channel"]} | self.about[arguments["channel"]]}
            case "conversations.members":
                found = sorted(self.members[arguments["channel"]])
                self.listing.set()
                await self.gate.wait()
                return self._page(found, arguments)
            case "usergroups.users.list":
                return {"users": sorted(self.groups[arguments["usergroup"]])}
        raise AssertionError(method)

    async def respond(self, url: str, body: Mapping[str, Any]) -> None:
        """Post nothing."""

    def _user(self, user: str) -> dict[str, Any]:
        return {"id": user, "team_id": TEAM} | self.people[user]

    def _page(self, rows: list[Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        start, limit = int(arguments.get("cursor") or 0), int(arguments["limit"])
        more = str(start + limit) if start + limit < len(rows) else ""
        return {"members": rows[start : start + limit], "response_metadata": {"next_cursor": more}}


class Desk:
    """Readers over that Slack, with a time that tests give."""

    def __init__(self) -> None:
        self.slack = Slack()
        self.now = 1_000.0
        self.labels = LABELS
        self.faults: list[str] = []
        self.readers = Readers(
            self.slack, team=TEAM, labels=lambda: self.labels, fault=self.faults.append, clock=lambda: self.now
        )


@pytest.fixture
def desk() -> Desk:
    """Give readers who know nothing yet."""
    return Desk()


OWN_ANN = Audience.of([{*EVERYONE, PAY}])


@pytest.mark.parametrize(
    ("channel", "asker", "audience"),
    [
        (PAY, ANN, OWN_ANN),
        (OPS, ANN, OWN_ANN),
        (OPS, BEN, Audience.of([{*EVERYONE, PAY}, {*EVERYONE, PAY, LEADS, BEN}])),
        ("D0BEN", BEN, Audience.of([{*EVERYONE, PAY, LEADS, BEN}])),
        (ALL, BEN, FULL_MEMBERS),
    ],
)
async def test_the_audience_is_what_all_who_read_there_hold(
    desk: Desk, channel: str, asker: str, audience: Audience
) -> None:
    """Members and the asker, and every full member where the channel is open; apps and closed accounts do not count."""
    found = await desk.readers.to(channel, asker)
    assert (found.audience, found.reason, found.private_to) == (audience, None, None)


async def test_an_open_channels_own_label_is_held_by_all_who_look_in(desk: Desk) -> None:
    """They may join at will, so what is for its members may be said there; what is for one of them may not."""
    desk.labels = frozenset({ALL, BEN})
    found = await desk.readers.to(ALL, BEN)
    assert found.audience.admits((ALL,))
    assert not found.audience.admits((BEN,))


@pytest.mark.parametrize(("asker", "kind"), [(GUS, "guest"), (EVE, "stranger"), (BOT, "app"), (OLD, "gone")])
@pytest.mark.parametrize("channel", [OPS, "D0THEM"])
async def test_only_full_members_are_answered(desk: Desk, channel: str, asker: str, kind: Any) -> None:
    """Everybody else hears why, alone, and has no audience at all."""
    found = await desk.readers.to(channel, asker)
    assert (found.refused, found.reason, found.private_to) == (True, REFUSALS[kind], asker)
    assert not found.own.admits(EVERYONE)


async def test_who_is_not_in_the_workspace_is_a_stranger(desk: Desk) -> None:
    """Slack does not know the id: somebody of another organisation."""
    assert (await desk.readers.to(OPS, "U0WHO")).reason == REFUSALS["stranger"]


@pytest.mark.parametrize("code", ["missing_scope", "invalid_auth"])
async def test_nobody_is_answered_whom_slack_does_not_name(desk: Desk, code: str) -> None:
    """Denied by default, with a reason that says what is missing."""
    desk.slack.failing["users.info"] = SlackRefused(code, "Slack refused this.")
    found = await desk.readers.to(OPS, ANN)
    more = ": my app lacks a scope" if code == "missing_scope" else ""
    assert (found.refused, found.reason) == (True, f"Slack does not tell me who you are, so I may not answer{more}.")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda slack: slack.members[OPS].add(GUS), GUESTS),
        (lambda slack: slack.members[OPS].add(EVE), CONNECT),
        (lambda slack: slack.members[OPS].add("U0WHO"), CONNECT),
        (lambda slack: slack.about[OPS].update(is_ext_shared=True), CONNECT),
        (lambda slack: slack.about[OPS].update(is_pending_ext_shared=True), CONNECT),
    ],
)
async def test_where_others_read_along_the_asker_is_answered_alone(desk: Desk, change: Any, reason: str) -> None:
    """Guests and people of other organisations: ephemerally, with the reason, from what the asker may read."""
    change(desk.slack)
    assert await desk.readers.to(OPS, ANN) == Destination(OWN_ANN, OWN_ANN, reason, ANN)


@pytest.mark.parametrize("method", ["conversations.members", "conversations.info"])
@pytest.mark.parametrize(
    ("error", "more"),
    [(SlackRefused("missing_scope", "x"), ": my app lacks a scope"), (Away("x"), " just now")],
)
async def test_where_readers_cannot_be_known_the_asker_is_answered_alone(
    desk: Desk, method: str, error: Exception, more: str
) -> None:
    """A scope that is missing, a call that fails: never a guess."""
    desk.slack.failing[method] = error
    desk.labels = frozenset()
    found = await desk.readers.to(OPS, ANN)
    assert (found.audience, found.private_to) == (FULL_MEMBERS, ANN)
    assert found.reason == f"Slack does not tell me who can read this channel, so I answer you alone{more}."


async def test_user_groups_are_optional(desk: Desk) -> None:
    """Without `usergroups:read` nobody is known to belong to one; all else goes on, and it is counted."""
    desk.slack.failing["usergroups.users.list"] = SlackRefused("missing_scope", "x")
    found = await desk.readers.to("D0BEN", BEN)
    assert found.audience == Audience.of([{*EVERYONE, PAY, BEN}])
    assert desk.faults == ["audience_unknown"]


async def test_a_private_way_back_is_the_askers_alone(desk: Desk) -> None:
    """The answer to a command is read by nobody else, whoever is in the channel."""
    desk.slack.members[OPS].add(GUS)
    event = Event("private", ANN, OPS, "pool", response_url="https://hooks.slack.com/x")
    assert await desk.readers.destination(event) == Destination(OWN_ANN, OWN_ANN)
    assert await desk.readers.own(ANN) == Destination(OWN_ANN, OWN_ANN)


async def test_in_a_large_channel_only_what_everybody_may_read_is_said(desk: Desk) -> None:
    """More than 1,000 members are one audience; a guest among them still closes it."""
    crowd = {f"U9{number:05}" for number in range(LARGE)}
    desk.slack.people |= {user: {} for user in crowd}
    desk.slack.members[PAY] |= crowd
    assert (await desk.readers.to(PAY, ANN)).audience == FULL_MEMBERS
    assert desk.slack.asked.count("users.info") == 1
    desk.slack.members[PAY].add(GUS)
    desk.now += MEMBERS_S + 1
    assert (await desk.readers.to(PAY, ANN)).reason == GUESTS


@pytest.mark.parametrize(("people", "known"), [(ONE_BY_ONE, True), (MOST_ASKED, True), (MOST_ASKED + 1, False)])
async def test_without_the_list_of_people_few_are_asked_for_one_by_one(desk: Desk, people: int, known: Any) -> None:
    """`users.info` takes 100 calls a minute: beyond that, who reads is not known."""
    crowd = {f"U9{number:05}" for number in range(people - 1)}
    desk.slack.people |= {user: {} for user in crowd}
    desk.slack.members[OPS] = {ANN, BOT, *crowd}
    desk.slack.failing["users.list"] = SlackRefused("missing_scope", "x")
    found = await desk.readers.to(OPS, ANN)
    assert (found.private_to is None) == known


async def test_labels_beyond_the_most_are_held_by_nobody(desk: Desk) -> None:
    """Documents may name more channels than can be looked up: the rest stay closed, and it is counted."""
    desk.labels = frozenset(f"C1{number:04}" for number in range(MOST_LABELS + 1))
    desk.slack.members |= {label: {ANN} for label in desk.labels}
    held = next(iter((await desk.readers.own(ANN)).own.readers))
    assert len(held) == MOST_LABELS + 1
    assert desk.faults == ["audience_labels"]


@pytest.mark.parametrize("told", ["member_joined_channel", "member_left_channel", "channel_shared"])
async def test_a_change_that_slack_tells_of_holds_at_once(desk: Desk, told: str) -> None:
    """What was remembered is asked for anew."""
    assert (await desk.readers.to(OPS, ANN)).reason is None
    desk.slack.members[OPS].add(GUS)
    assert (await desk.readers.to(OPS, ANN)).reason is None
    desk.readers.heard({"type": told, "channel": OPS, "user": GUS})
    assert (await desk.readers.to(OPS, ANN)).reason == GUESTS


@pytest.mark.parametrize("wait_s", [MEMBERS_S, PEOPLE_S])
async def test_a_change_that_nobody_tells_of_holds_after_a_while(desk: Desk, wait_s: float) -> None:
    """Nothing is believed for longer than its time: an event may be lost."""
    assert not (await desk.readers.to(OPS, ANN)).refused
    desk.slack.members[OPS].add(GUS)
    desk.slack.people[ANN]["is_restricted"] = True
    desk.now += wait_s + 1
    found = await desk.readers.to(OPS, ANN)
    assert found.reason == (REFUSALS["guest"] if wait_s == PEOPLE_S else GUESTS)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "user_change", "user": {"id": ANN}},
        {"type": "team_join", "user": {"id": ANN}},
    ],
)
async def test_a_person_who_becomes_a_guest_is_refused_at_once(desk: Desk, event: dict[str, Any]) -> None:
    """Slack tells of it; events that tell of something else change nothing."""
    assert not (await desk.readers.own(ANN)).refused
    desk.slack.people[ANN]["is_restricted"] = True
    desk.readers.heard({"type": "reaction_added", "user": ANN})
    assert not (await desk.readers.own(ANN)).refused
    desk.readers.heard(event)
    assert (await desk.readers.own(ANN)).refused


async def test_who_leaves_a_group_loses_its_documents_at_once(desk: Desk) -> None:
    """`subteam_members_changed`."""
    assert (await desk.readers.own(BEN)).own.admits((LEADS,))
    desk.slack.groups[LEADS].clear()
    desk.readers.heard({"type": "subteam_members_changed", "subteam_id": LEADS})
    assert not (await desk.readers.own(BEN)).own.admits((LEADS,))


async def test_a_change_while_members_are_asked_for_is_not_overlooked(desk: Desk) -> None:
    """The answer on its way may be the old one: it is asked for again."""
    desk.labels = frozenset()
    desk.slack.gate.clear()
    asking = asyncio.ensure_future(desk.readers.to(OPS, ANN))
    await desk.slack.listing.wait()
    desk.slack.members[OPS].add(GUS)
    desk.readers.heard({"type": "member_joined_channel", "channel": OPS, "user": GUS})
    desk.slack.gate.set()
    assert (await asking).reason == GUESTS


async def test_a_hundred_questions_at_once_cost_the_calls_of_one(desk: Desk) -> None:
    """Who asks for the same waits together."""
    await asyncio.gather(*(desk.readers.to(OPS, ANN) for _ in range(100)))
    assert {method: desk.slack.asked.count(method) for method in desk.slack.asked} == {
        "users.info": 2,
        "conversations.members": 2,
        "conversations.info": 1,
        "usergroups.users.list": 1,
    }


async def test_what_failed_is_asked_for_again(desk: Desk) -> None:
    """Trouble is not remembered."""
    desk.slack.failing["conversations.members"] = Away("x")
    assert (await desk.readers.to(OPS, ANN)).private_to == ANN
    desk.slack.failing.clear()
    assert (await desk.readers.to(OPS, ANN)).private_to is None
