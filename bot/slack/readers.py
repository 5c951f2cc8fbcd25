"""Who will read what is said somewhere: the people there, and what each of them may read. Asks Slack; writes nothing.

Whoever is not known to be a full member is not one, and a place whose readers are not known is nobody's: then the
answer goes to the asker alone, or not at all.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import structlog

from bot.errors import BotError, SlackRefused
from bot.journal.inbox import Event
from bot.slack.calls import Away, Busy, Calls, Unsure
from ingest.types import EVERYONE, NOBODY, Audience, Clock

T = TypeVar("T")

log = structlog.get_logger(__name__)

MEMBERS_S = 120.0
"""How long a list of members is believed should no event tell of a change (`member_joined_channel` and its like)."""

PEOPLE_S = 600.0
"""How long a person's standing is believed should no `user_change` tell otherwise."""

LARGE = 1_000
"""Members of a channel beyond which only what every full member may read is said there."""

MOST_MEMBERS = 10_000
"""Members that are looked through for guests; who reads a larger channel is not known."""

PAGE = 999
"""Members or people asked for at once: https://docs.slack.dev/reference/methods/conversations.members allows 1,000."""

ONE_BY_ONE, MOST_ASKED = 30, 100
"""Unknown people who are asked for one by one, and the most where `users.list` does not help: 100 a minute is what
`users.info` allows (tier 4)."""

AT_ONCE = 10
"""Calls under way together."""

MOST_LABELS = 100
"""Channels and groups, named by documents, whose members are looked up; nobody is known to hold any beyond them."""

REMEMBERED = 20_000
"""Entries of one kind that are kept; the oldest go first."""

Standing = Literal["full", "guest", "stranger", "app", "gone"]
"""What a user id is to us. An app reads where it was added by an admin, and is nobody that we answer or hide from."""

REFUSALS: Mapping[Standing, str] = {
    "guest": "I answer only full members of this workspace, and you are a guest here: ask a colleague to ask me.",
    "stranger": "I answer only members of this workspace, and you are of another organisation: ask a colleague here.",
    "app": "I answer people, not apps.",
    "gone": "Your account is switched off, so I may not answer.",
}

UNKNOWN_PERSON = "Slack does not tell me who you are, so I may not answer"
UNKNOWN_PLACE = "Slack does not tell me who can read this channel, so I answer you alone"
GUESTS = "A guest can read this channel, so I answer you alone."
CONNECT = "People of another organisation can read this channel, so I answer you alone."


@dataclass(frozen=True, slots=True)
class Destination:
    """Who reads an answer. `own` is the asker alone; `private_to` says that only they may be shown it, for `reason`.

    A question that is refused has an empty audience, and `reason` is all that may be said.
    """

    audience: Audience
    own: Audience
    reason: str | None = None
    private_to: str | None = None

    @property
    def refused(self) -> bool:
        """Whether the asker is not to be answered at all."""
        return not self.audience.readers


class Unknown(BotError):
    """Slack does not say; `str()` of it is the reason in brackets for people, or empty."""


@dataclass(frozen=True, slots=True)
class _About:
    """What kind of a channel it is: open to every full member without joining, or shared with other organisations."""

    is_open: bool
    is_shared: bool


class Kept(Generic[T]):
    """Answers of a question that costs calls, kept for `holds_s` seconds. Who asks for the same waits together."""

    def __init__(self, ask: Callable[[str], Awaitable[T]], holds_s: float, clock: Clock) -> None:
        self._ask = ask
        self._holds_s = holds_s
        self._clock = clock
        self._values: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._asking: dict[str, asyncio.Future[T]] = {}
        self._overtaken: set[str] = set()

    def known(self, key: str) -> T | None:
        """Return what is known and young enough, else None."""
        until, value = self._values.get(key, (0.0, None))
        return value if until > self._clock() else None

    async def get(self, key: str) -> T:
        """Return what is known, else ask. Raises what asking raises."""
        value = self.known(key)
        if value is not None:
            return value
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.ensure_future(self._asked(key))
            asking.add_done_callback(lambda done: self._ended(key, done))
        return await asyncio.shield(asking)

    def put(self, key: str, value: T, since: float) -> None:
        """Keep an answer that was asked for at `since`."""
        self._values[key] = (since + self._holds_s, value)
        self._values.move_to_end(key)
        while len(self._values) > REMEMBERED:
            self._values.popitem(last=False)

    def forget(self, key: str) -> None:
        """Believe nothing of it any more, nor what is being asked now."""
        self._values.pop(key, None)
        if key in self._asking:
            self._overtaken.add(key)

    async def _asked(self, key: str) -> T:
        while True:
            self._overtaken.discard(key)
            since = self._clock()
            value = await self._ask(key)
            if key not in self._overtaken:
                self.put(key, value, since)
                return value

    def _ended(self, key: str, done: asyncio.Future[T]) -> None:
        del self._asking[key]
        if not done.cancelled():
            done.exception()  # each who waited has it; nobody may be left


class Readers:
    """Who reads where, in the workspace `team`. `labels` are the ids that documents name: others need not be known."""

    def __init__(
        self,
        calls: Calls,
        *,
        team: str,
        labels: Callable[[], frozenset[str]],
        fault: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._calls = calls
        self._team = team
        self._labels = labels
        self._fault = fault
        self._clock = clock
        self._people: Kept[Standing] = Kept(self._ask_person, PEOPLE_S, clock)
        self._members: Kept[frozenset[str]] = Kept(self._ask_members, MEMBERS_S, clock)
        self._groups: Kept[frozenset[str]] = Kept(self._ask_group, MEMBERS_S, clock)
        self._abouts: Kept[_About] = Kept(self._ask_about, MEMBERS_S, clock)
        self._directory: Kept[bool] = Kept(self._ask_directory, PEOPLE_S, clock)

    async def destination(self, event: Event) -> Destination:
        """Return who reads the answer to an event: the asker alone where there is a private way back."""
        return await self.to(event.channel, event.user, alone=event.response_url is not None)

    async def to(self, channel: str, asker: str, *, alone: bool = False) -> Destination:
        """Return who reads what is said to `asker` in `channel`; `alone` when nobody else there will see it."""
        try:
            standing = await self._people.get(asker)
        except Unknown as unknown:
            return _refused(asker, f"{UNKNOWN_PERSON}{unknown}.")
        if standing != "full":
            return _refused(asker, REFUSALS[standing])
        holders = await self._holders()
        own = Audience.of([_held(asker, holders)])
        if alone or channel.startswith("D"):
            return Destination(own, own)
        try:
            return await self._in(channel, own, holders, asker)
        except Unknown as unknown:
            return Destination(own, own, f"{UNKNOWN_PLACE}{unknown}.", asker)

    async def own(self, user: str) -> Destination:
        """Return what a person may read alone: for a modal, an ephemeral message, the Home tab."""
        return await self.to("", user, alone=True)

    async def of(self, channel: str) -> Audience:
        """Return who reads what is said unasked in a channel; nobody known where others than full members may be."""
        try:
            return (await self._in(channel, NOBODY, await self._holders())).audience
        except Unknown:
            return NOBODY

    async def has(self, channel: str, user: str) -> bool:
        """Return whether a person is known to be in a channel."""
        try:
            return user in await self._members.get(channel)
        except Unknown:
            return False

    async def belongs(self, group: str, user: str) -> bool:
        """Return whether a person is known to be in a user group."""
        try:
            return user in await self._groups.get(group)
        except Unknown:
            return False

    def heard(self, event: Mapping[str, Any]) -> None:
        """Take an event that tells of a change: of members, people, groups or a channel. Others change nothing.

        https://docs.slack.dev/reference/events: member_joined_channel, member_left_channel, user_change, team_join,
        subteam_members_changed, channel_shared, channel_unshared.
        """
        match event.get("type"):
            case "member_joined_channel" | "member_left_channel":
                self._members.forget(str(event.get("channel")))
            case "user_change" | "team_join":
                user = event.get("user")
                self._people.forget(str(user.get("id") if isinstance(user, Mapping) else user))
            case "subteam_members_changed":
                self._groups.forget(str(event.get("subteam_id")))
            case "channel_shared" | "channel_unshared":
                self._abouts.forget(str(event.get("channel")))
                self._members.forget(str(event.get("channel")))
            case _:
                pass

    async def _in(
        self, channel: str, own: Audience, holders: Mapping[str, frozenset[str]], asker: str | None = None
    ) -> Destination:
        """Return who reads a channel; where others than full members do, `own` alone. Raises Unknown."""
        about = await self._abouts.get(channel)
        if about.is_shared:
            return Destination(own, own, CONNECT, asker)
        members = await self._members.get(channel)
        standings = set(await self._standings(members))
        if "stranger" in standings:
            return Destination(own, own, CONNECT, asker)
        if "guest" in standings:
            return Destination(own, own, GUESTS, asker)
        if len(members) > LARGE:
            return Destination(Audience.of([EVERYONE]), own)
        people = [user for user in members if self._people.known(user) == "full"]
        readers = [_held(user, holders) for user in {*people, *([asker] if asker else [])}]
        if about.is_open:  # every full member may look in, and may join: they hold its own label, and no other
            readers.append(frozenset((*EVERYONE, *({channel} & holders.keys()))))
        return Destination(Audience.of(readers), own)

    async def _standings(self, users: frozenset[str]) -> Iterable[Standing]:
        """Return the standing of each. Raises Unknown when it is not known of all."""
        unknown = [user for user in users if self._people.known(user) is None]
        if len(unknown) > ONE_BY_ONE:
            await self._directory.get("all")
            unknown = [user for user in unknown if self._people.known(user) is None]
        if len(unknown) > MOST_ASKED:
            raise Unknown(": it has too many people whom I do not know")
        gate = asyncio.Semaphore(AT_ONCE)

        async def ask(user: str) -> Standing:
            async with gate:
                return await self._people.get(user)

        found = await asyncio.gather(*(ask(user) for user in sorted(unknown)), return_exceptions=True)
        for each in found:
            if isinstance(each, BaseException):
                raise each
        known = [self._people.known(user) for user in users]
        if None in known:
            raise Unknown("")  # somebody changed while the others were asked for
        return [each for each in known if each is not None]

    async def _holders(self) -> Mapping[str, frozenset[str]]:
        """Return who holds each label that documents name. A label that Slack says nothing of is held by nobody."""
        labels = sorted(self._labels())
        asked = [label for label in labels if label[0] in "CGS"]
        if len(asked) > MOST_LABELS:
            self._fault("audience_labels")
            log.warning("slack.too_many_labels", labels=len(asked), most=MOST_LABELS)
        found = await asyncio.gather(*(self._holding(label) for label in asked[:MOST_LABELS]))
        people = {label: frozenset([label]) for label in labels if label[0] in "UW"}
        return people | dict(zip(asked, found, strict=False))

    async def _holding(self, label: str) -> frozenset[str]:
        try:
            return await (self._groups if label.startswith("S") else self._members).get(label)
        except Unknown as unknown:
            self._fault("audience_unknown")
            log.info("slack.label_unknown", label=label, why=str(unknown))
            return frozenset()

    async def _ask_person(self, user: str) -> Standing:
        try:
            return self._standing((await self._said("users.info", user=user))["user"])
        except _Refused as refused:
            if refused.code in ("user_not_found", "user_not_visible"):
                return "stranger"
            raise

    async def _ask_directory(self, _all: str) -> bool:
        """Learn everybody's standing at once; False where Slack does not let us, which leaves the one-by-one way."""
        cursor = ""
        for _ in range(MOST_MEMBERS // PAGE + 1):
            since = self._clock()
            try:
                answer = await self._said("users.list", limit=PAGE, **({"cursor": cursor} if cursor else {}))
            except Unknown:
                return False
            for each in answer.get("members", []):
                self._people.put(str(each["id"]), self._standing(each), since)
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return True
        return False

    def _standing(self, user: Mapping[str, Any]) -> Standing:
        """Return what a user object says: https://docs.slack.dev/reference/objects/user-object."""
        if user.get("is_stranger") or user.get("team_id") not in (None, self._team):
            return "stranger"
        if user.get("is_restricted") or user.get("is_ultra_restricted"):
            return "guest"
        if user.get("deleted"):
            return "gone"
        return "app" if user.get("is_bot") or user.get("id") == "USLACKBOT" else "full"

    async def _ask_members(self, channel: str) -> frozenset[str]:
        members: set[str] = set()
        cursor = ""
        while len(members) <= MOST_MEMBERS:
            more = {"cursor": cursor} if cursor else {}
            answer = await self._said("conversations.members", channel=channel, limit=PAGE, **more)
            members.update(map(str, answer["members"]))
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return frozenset(members)
        raise Unknown(": it has too many people")

    async def _ask_group(self, group: str) -> frozenset[str]:
        answer = await self._said("usergroups.users.list", usergroup=group)
        return frozenset(map(str, answer["users"]))

    async def _ask_about(self, channel: str) -> _About:
        """Return what kind a channel is: https://docs.slack.dev/reference/objects/conversation-object."""
        found = (await self._said("conversations.info", channel=channel))["channel"]
        shared = found.get("is_ext_shared") or found.get("is_pending_ext_shared") or found.get("pending_shared")
        closed = found.get("is_private") or found.get("is_mpim") or found.get("is_im") or found.get("is_group")
        return _About(is_open=not closed, is_shared=bool(shared))

    async def _said(self, method: str, **arguments: object) -> Mapping[str, Any]:
        """Return Slack's answer. Raises Unknown whatever keeps it from us."""
        try:
            return await self._calls.call(method, **arguments)
        except SlackRefused as refused:
            raise _Refused(refused.code) from refused
        except (Away, Busy, Unsure) as error:
            raise Unknown(" just now") from error


class _Refused(Unknown):
    """Slack will not say, as `code` tells."""

    def __init__(self, code: str) -> None:
        super().__init__(": my app lacks a scope" if code == "missing_scope" else "")
        self.code = code


def _held(user: str, holders: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the labels of a full member, among those that documents name."""
    return frozenset((*EVERYONE, *(label for label, users in holders.items() if user in users)))


def _refused(asker: str, reason: str) -> Destination:
    return Destination(NOBODY, NOBODY, reason, asker)
