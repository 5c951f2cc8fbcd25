"""A small company made up from a seed: people, channels, groups, documents, and a slow oracle that knows them raw.

Everything that is shown to anybody goes through `Town.show`, which asks the oracle and remembers every leak. What runs
in between is the real thing: sync, index, router, answerer, lookups, journal, readers; only Slack and Claude are not.
"""

import random
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from bot.answer.answer import Answerer
from bot.answer.audience import Router, may_hear, may_read
from bot.answer.lookup import Lookups
from bot.claude.client import Delta, Finish, Prompt
from bot.claude.request import Grounding
from bot.errors import SlackRefused
from bot.journal.inbox import Event, Taken
from bot.journal.journal import Journal
from bot.journal.threads import Threads
from bot.slack.above import Above
from bot.slack.people import People
from bot.slack.readers import LARGE, MEMBERS_S, PEOPLE_S, Destination, Readers
from bot.slack.rules import Doorkeeper, Rules
from bot.slack.turns import Company, Heard, Ledger, Turns
from bot.types import AnswerEvent, Done, Question, Source, Status, Text
from ingest.database import Database, metadata
from ingest.documents.source import Original
from ingest.documents.store import Library, Root
from ingest.index.search import Found, Query, Snapshot, search
from ingest.index.serve import Index
from ingest.index.sync import Report, Sync
from ingest.index.words import terms
from ingest.types import Audience
from tests.conftest import NOW
from tests.fakes.embed import HashEmbedder

TEAM = "T0HERE"
TOPICS = ("postgres pool exhausted", "checkout returns errors", "queue backlog grows", "certificate expired today")
CANARY = re.compile(r"canary(\d+)x")
TIMES = re.compile(r"asked (\d+) times")
ROOT = "docs"


@dataclass
class Slack:
    """Slack's own memory, and its Web API as far as readers are asked for. `lacking` are methods without a scope."""

    standing: dict[str, str] = field(default_factory=dict)
    channels: dict[str, set[str]] = field(default_factory=dict)
    groups: dict[str, set[str]] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    lacking: set[str] = field(default_factory=set)

    async def call(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        """Answer as Slack does."""
        if method in self.lacking:
            raise SlackRefused("missing_scope", "The app lacks a permission.")
        match method:
            case "users.info":
                return {"user": self._user(arguments["user"])}
            case "users.list":
                return _page([self._user(each) for each in sorted(self.standing)], arguments)
            case "conversations.info":
                return {"channel": self._channel(arguments["channel"])}
            case "conversations.members":
                return _page(sorted(self.channels[arguments["channel"]]), arguments)
            case "usergroups.users.list":
                return {"users": sorted(self.groups[arguments["usergroup"]])}
        raise SlackRefused("unknown_method", method)

    async def respond(self, url: str, body: Mapping[str, Any]) -> None:
        """Take what nobody posts here."""

    def _user(self, user: str) -> dict[str, Any]:
        kind = self.standing[user]
        return {
            "id": user,
            "team_id": "T0THERE" if kind == "stranger" else TEAM,
            "is_restricted": kind == "guest",
            "is_bot": kind == "app",
            "deleted": kind == "gone",
        }

    def _channel(self, channel: str) -> dict[str, Any]:
        return {"id": channel, "is_private": channel not in self.open, "is_ext_shared": channel in self.shared}


def _page(rows: Sequence[Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    start, limit = int(arguments.get("cursor") or 0), int(arguments["limit"])
    more = str(start + limit) if start + limit < len(rows) else ""
    part = list(rows[start : start + limit])
    return {"members": part, "response_metadata": {"next_cursor": more}}


class Blurter:
    """A writer that says everything it was given: whatever reached the prompt reaches the reader."""

    model = None
    grounding: Grounding = "inline"

    async def write(self, prompt: Prompt) -> AsyncIterator[Delta | Finish]:
        """Yield every passage with its title and its mark."""
        for number, passage in enumerate(prompt.passages, 1):
            yield Delta(f"{passage.title} says: {' '.join(passage.text.split())} [{number}]\n\n")
        yield Finish(model=None, tokens_in=0, tokens_out=0, usd=0.0)

    async def close(self) -> None:
        """Hold nothing."""


@dataclass
class Shelf:
    """Documents as a source: text by path, with the audience in front matter."""

    name: str = ROOT
    texts: dict[str, str] = field(default_factory=dict)
    audiences: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def originals(self) -> Iterator[Original]:
        """Yield them in path order."""
        for path in sorted(self.texts):
            audience = f"---\naudience: [{', '.join(self.audiences[path])}]\n---\n"
            yield Original(path, audience + self.texts[path])


@dataclass(frozen=True)
class Leak:
    """Something shown to somebody who may not know it."""

    what: str
    viewer: str
    about: str


@dataclass(frozen=True)
class Asked:
    """A question in vain, as the oracle remembers it: where all could see it, if anywhere."""

    text: str
    asker: str
    channel: str | None
    at: float

    @property
    def public(self) -> bool:
        """Whether anybody but the asker could see it."""
        return self.channel is not None


class Town:
    """One company. `step` lets one thing be shown, perhaps after something changed; `leaks` is what went wrong."""

    def __init__(self, seed: int, database: Database) -> None:
        self.rng = random.Random(seed)
        self.now = NOW
        self.slack = Slack()
        self.shelf = Shelf()
        self.leaks: list[Leak] = []
        self.shown = 0
        self.compared = 0
        self.withheld = 0
        self.faults: list[str] = []
        self.told: list[tuple[Event, str]] = []
        self.vain: list[Asked] = []
        self.number = 0
        self.library = Library(database)
        self.journal = Journal(database)
        self.index = Index(self.library, HashEmbedder())
        self.build()
        self.people()

    def clock(self) -> float:
        """Return the time."""
        return self.now

    def build(self) -> None:
        """Put the real rooms together."""
        labels, fault = (lambda: self.index.labels), self.faults.append
        self.readers = Readers(self.slack, team=TEAM, labels=labels, fault=fault, clock=self.clock)
        hear, read = partial(may_hear, self.library), partial(may_read, self.library)
        people = People(self.slack, self.clock)
        self.threads = Threads(self.library.database)
        self.door = Doorkeeper(Rules(), self.readers, people, hear, read)
        route = Router(self.index, fault).route
        company = Company(self.door, people, Silence(), self.threads, route, Unread())  # type: ignore[arg-type]
        ledger: Any = Ledger(self.journal, Unread(), Unread())  # type: ignore[arg-type]
        counts: Any = Unread()
        self.turns = Turns({}, counts, ledger, counts, company, counts=counts, clock=self.clock)
        self.answerer = self.answerer_over(self.index)
        self.lookups = Lookups(self.index, self.journal, self.clock, fault)

    def answerer_over(self, index: Any) -> Answerer:
        """Return an answerer that hides nothing of what it was given."""
        return Answerer(
            search=index,
            writer=Blurter(),
            quotes=Blurter(),
            journal=self.journal,
            clock=self.clock,
            max_tokens=100,
            fault=self.faults.append,
        )

    def people(self) -> None:
        """Make up people, channels, groups and documents."""
        pick, slack = self.rng, self.slack
        kinds = ["full"] * 6 + ["guest"] * pick.randint(0, 2) + ["stranger"] * pick.randint(0, 1) + ["app", "gone"]
        slack.standing = {f"U0{index:03}": kind for index, kind in enumerate(kinds)}
        users = sorted(slack.standing)
        for index in range(5):
            channel = f"C0{index:03}"
            slack.channels[channel] = set(pick.sample(users, pick.randint(2, len(users) - 2)))
            slack.channels[channel] -= set() if pick.random() < 0.3 else self.outsiders()
            slack.open |= {channel} if pick.random() < 0.4 else set()
            slack.shared |= {channel} if pick.random() < 0.1 else set()
        if pick.random() < 0.05:
            crowd = {f"U9{index:05}" for index in range(LARGE + 20)}
            slack.standing |= dict.fromkeys(crowd, "full")
            slack.channels["C0000"] |= crowd
        for index in range(3):
            slack.groups[f"S0{index:03}"] = set(pick.sample(users, pick.randint(1, 4)))
        lacking = ["usergroups.users.list", "conversations.members", "conversations.info", "users.list"]
        slack.lacking = {each for each in lacking if pick.random() < 0.06}
        for number in range(pick.randint(4, 12)):
            self.write(number)

    def outsiders(self) -> set[str]:
        """Return who is no full member."""
        return {user for user, kind in self.slack.standing.items() if kind in ("guest", "stranger")}

    def write(self, number: int) -> None:
        """Make up a document whose every line names it."""
        pick = self.rng
        words, folder = pick.choice(TOPICS), pick.choice(["", "postmortems/"])
        mark = f"canary{number}x"
        line = f"The {words} of {mark}: run step{pick.randint(1, 5)} {mark}."
        path = f"{folder}doc{number}{mark}.md"
        self.shelf.texts[path] = f"# {words} {mark}\n\n{line}\n\n## Fix {mark}\n\n{line} Then wait.\n"
        self.shelf.audiences[path] = self.some_audience()

    def some_audience(self) -> tuple[str, ...]:
        """Return everyone, or one to three ids of any kind."""
        if self.rng.random() < 0.45:
            return ("everyone",)
        users = [user for user in sorted(self.slack.standing) if user.startswith("U0")]
        labels = [*sorted(self.slack.channels), *sorted(self.slack.groups), *users]
        return tuple(self.rng.sample(labels, self.rng.randint(1, 3)))

    async def sync(self, *, follow: bool = True) -> None:
        """Bring the database level with the shelf; without `follow` the index has not heard of it yet."""
        await self.library.remember(Root(ROOT, ROOT, (), "given"))
        sync = Sync(self.library, HashEmbedder(), self.clock)
        await sync.source(self.shelf, lambda _d, _t, _w: None, Report(), sure=True)
        if follow:
            await self.index.refresh()

    # What the oracle knows

    def may(self, user: str, number: int) -> bool:
        """Whether a person may read a document, from the raw facts."""
        path = next(path for path in self.shelf.texts if f"canary{number}x" in path)
        if self.slack.standing[user] != "full":
            return False
        for label in self.shelf.audiences[path]:
            members = self.slack.channels.get(label) or self.slack.groups.get(label) or {label}
            if label == "everyone" or user in members:
                return True
        return False

    def sees(self, user: str, channel: str) -> bool:
        """Whether a person can read a channel: its members can, and of an open one every full member."""
        kind = self.slack.standing[user]
        if kind in ("app", "gone"):
            return False
        return user in self.slack.channels[channel] or (channel in self.slack.open and kind == "full")

    def viewers(self, channel: str) -> list[str]:
        """Return everybody who can read a channel."""
        return [user for user in sorted(self.slack.standing) if self.sees(user, channel)]

    def known_to(self, asked: Asked, user: str) -> bool:
        """Whether a person can know that something was asked in vain."""
        return user == asked.asker or (asked.channel is not None and self.sees(user, asked.channel))

    def show(self, words: str, viewers: Sequence[str], question: Question | None = None) -> None:
        """Show something, and let the oracle judge it."""
        self.shown += 1
        for number in {int(found) for found in CANARY.findall(words)}:
            for viewer in viewers:
                if viewer.startswith("U9") and viewer != "U900000":
                    continue  # the crowd is of one kind
                # Of an open channel, who looks in without being a member may read what its members may.
                if not self.may(viewer, number) and not self._may_look_in(viewer, number, question):
                    self.leaks.append(Leak("document", viewer, str(number)))
        counted = TIMES.search(words)
        if counted and question is not None:
            known = [each for each in self.vain if each.text == question.text]
            known = [each for each in known if all(self.known_to(each, viewer) for viewer in viewers)]
            if int(counted[1]) - 1 > len(known):
                self.leaks.append(Leak("count", viewers[0] if viewers else "", words))

    def _may_look_in(self, viewer: str, number: int, question: Question | None) -> bool:
        """Whether a document is for an open channel that this viewer may join at will, and is shown just there."""
        path = next(path for path in self.shelf.texts if f"canary{number}x" in path)
        place = question.channel if question is not None and not question.private else None
        is_full = self.slack.standing[viewer] == "full"
        return is_full and place in self.slack.open and place in self.shelf.audiences[path]

    # What happens

    async def step(self) -> None:
        """Let something change, perhaps, and show one thing to somebody."""
        self.now += self.rng.uniform(0.0, 5.0)
        if self.rng.random() < 0.35:
            await self._change()
        act = self.rng.choices(
            (self._ask, self._look_up, self._click, self._share, self._repeat, self._home), (55, 10, 10, 10, 10, 5)
        )[0]
        before = self.shown
        await act()
        if self.shown == before:
            await self._ask()

    async def _change(self) -> None:
        pick, slack = self.rng, self.slack
        event: dict[str, Any] = {}
        what = pick.randrange(6)
        channel = pick.choice(sorted(slack.channels))
        user = pick.choice([each for each in sorted(slack.standing) if each.startswith("U0")])
        if what <= 1:
            slack.channels[channel] ^= {user}
            joined = user in slack.channels[channel]
            event = {"type": f"member_{'joined' if joined else 'left'}_channel", "channel": channel, "user": user}
        elif what == 2:
            group = pick.choice(sorted(slack.groups))
            slack.groups[group] ^= {user}
            event = {"type": "subteam_members_changed", "subteam_id": group}
        elif what == 3:
            slack.standing[user] = pick.choice(["full", "full", "guest"])
            event = {"type": "user_change", "user": {"id": user}}
        elif what == 4:
            slack.shared ^= {channel}
            event = {"type": "channel_shared", "channel": channel}
        else:
            path = pick.choice(sorted(self.shelf.texts))
            self.shelf.audiences[path] = self.some_audience()
            await self.sync(follow=pick.random() < 0.5)  # else another process took it in, and we have not heard
        if event and pick.random() < 0.8:
            self.readers.heard(event)
        elif event:
            self.now += max(MEMBERS_S, PEOPLE_S) + 1.0  # nobody told us: after this time nothing old is believed

    def _event(self) -> Event:
        pick = self.rng
        user = pick.choice([each for each in sorted(self.slack.standing) if each.startswith("U0")])
        text = f"{pick.choice(TOPICS)} {pick.choice(['', 'zebra', 'unheard giraffe llama', 'seen before'])}".strip()
        way = pick.random()
        self.number += 1
        ts = f"{self.number}.0"
        if way < 0.15:
            return Event("question", user, f"D{user[1:]}", text, ts, ts, TEAM)
        channel = pick.choice(sorted(self.slack.channels))
        if way < 0.3:
            return Event("private", user, channel, text, team=TEAM, response_url="https://hooks.slack.com/x")
        mine = [each for each in sorted(self.slack.channels) if self.sees(user, each)]
        channel = pick.choice(mine) if mine else channel
        return Event("question", user, channel, text, ts, pick.choice([ts, "0.5"]), TEAM)

    def _name(self) -> str:
        return f"q{self.number}-{self.rng.getrandbits(32):08x}"

    async def _heard(self, event: Event, name: str) -> Heard | str:
        """Return a question as a turn understands it, or why it is refused."""
        destination = await self.door.admit(event)
        if not isinstance(destination, Destination):
            return destination
        return await self.turns._understood(Taken(name, event, self.now), destination)

    async def _ask(self) -> None:
        event = self._event()
        heard = await self._heard(event, self._name())
        if isinstance(heard, str):
            self.show(heard, [event.user])
            return
        question = heard.question
        words, done = await said(self.answerer.answer(question))
        self.withheld += question.private and event.response_url is None
        self.show("\n".join([*heard.notes, words]), self._place(event, question), question)
        self.told.append((event, question.id))
        if done.outcome == "not_found":
            public = None if question.private or event.channel.startswith("D") else event.channel
            self.vain.append(Asked(question.text, event.user, public, self.now))
        if self.rng.random() < 0.2:
            await self._compare(question, words)

    def _place(self, event: Event, question: Question) -> list[str]:
        alone = question.private or event.response_url is not None or event.channel.startswith("D")
        return [event.user] if alone else self.viewers(event.channel)

    async def _compare(self, question: Question, words: str) -> None:
        """Ask an index that holds nothing but what the readers may read: not a word may differ."""
        audience = question.audience or Audience()
        contents = await self.library.contents()
        if self.index.revision != contents.revision:
            return  # the index has not heard of a change, which is no leak
        self.compared += 1
        kept = {name: each for name, each in contents.documents.items() if audience.admits(each.audience)}
        rows = [row for row in contents.rows if row.chunk.document_id in kept]
        few = replace(contents, documents=kept, rows=rows)
        alone = Answerer(
            search=Little(few),
            writer=Blurter(),
            quotes=Blurter(),
            journal=Forgetful(),
            clock=self.clock,
            max_tokens=100,
        )
        other, _ = await said(alone.answer(replace(question, audience=None, asker="terminal")))
        if TIMES.sub("", other).replace(" ()", "") != TIMES.sub("", words).replace(" ( in 7 days)", ""):
            self.leaks.append(Leak("influence", question.asker, f"{words} / {other}"))

    async def _look_up(self) -> None:
        event = replace(self._event(), response_url="https://hooks.slack.com/x")
        heard = await self._heard(event, self._name())
        if isinstance(heard, str):
            self.show(heard, [event.user])
            return
        look = self.rng.choice([self.lookups.similar, self.lookups.runbook])
        words, done = await said(look(heard.question))
        self.show(words, [event.user], heard.question)
        if done.outcome != "not_found":
            self.told.append((event, heard.question.id))

    async def _click(self) -> None:
        """Somebody presses *Show source* below an answer of any time."""
        stored = await self._some_answer()
        if stored is None or not stored[1].done.sources:
            return
        source = self.rng.choice(stored[1].done.sources)
        user = self.rng.choice([each for each in sorted(self.slack.standing) if each.startswith("U0")])
        refusal = await self.door.unread(user, source.path)
        lines = await self.library.lines(source.path, source.start_line, source.end_line)
        self.show(refusal or f"{source.title} {lines}", [user])

    async def _share(self) -> None:
        """Somebody shares an answer of theirs in a channel."""
        stored = await self._some_answer()
        if stored is None:
            return
        event, answer = stored
        channel = self.rng.choice(sorted(self.slack.channels))
        refusal = await self.door.unshared(replace(event, channel=channel), answer.done)
        asked = replace(answer.question, channel=channel, private=False)
        if refusal is not None:
            self.show(refusal, [event.user])
        else:
            self.show(CUT_COUNT.sub("", words_of(answer.text, answer.done)), self.viewers(channel), asked)

    async def _repeat(self) -> None:
        """Show an answer that a crash kept from being shown."""
        stored = await self._some_answer()
        if stored is None:
            return
        event, answer = stored
        heard = await self._heard(event, answer.question.id)
        if isinstance(heard, str):
            self.show(heard, [event.user])
            return
        place = self._place(event, heard.question)
        if heard.stored is None:
            words, _ = await said(self.answerer.answer(heard.question))
        else:
            words = CUT_COUNT.sub("", words_of(heard.stored.text, heard.stored.done))
        self.show("\n".join([*heard.notes, words]), place, heard.question)

    async def _home(self) -> None:
        """Somebody opens the Home tab: numbers of documents, and of what was asked in vain."""
        user = self.rng.choice([each for each in sorted(self.slack.standing) if each.startswith("U0")])
        counts = await self.index.counts(await self.door.own(user))
        gaps = await self.threads.gaps(user, self.now - 7 * 86_400.0)
        self.show(" ".join(gaps.own), [user])
        seen = sum(number for kind, number in counts.items() if kind != "chunks")
        may = sum(self.may(user, int(number)) for number in CANARY.findall(" ".join(self.shelf.texts)))
        if self.index.revision == await self.library.revision() and seen > may:
            self.leaks.append(Leak("number", user, f"{seen} documents"))
        known = sum(each.asker != user and each.public for each in self.vain)
        if gaps.others > known:
            self.leaks.append(Leak("number", user, f"{gaps.others} gaps"))

    async def _some_answer(self) -> tuple[Event, Any] | None:
        if not self.told:
            return None
        event, name = self.rng.choice(self.told[-15:])
        stored = await self.journal.answer(name)
        return None if stored is None else (event, stored)


CUT_COUNT = re.compile(r" \(asked \d+ times in \d+ days\)")
"""A count that was right when it was written is no news to those who saw it; others are not shown it here."""


class Silence:
    """Threads in which nothing was said before."""

    async def above(self, channel: str, thread: str, ts: str) -> Above:
        """Return nothing."""
        return Above()


class Unread:
    """Stands where nothing is to be asked."""


class Forgetful:
    """A journal that keeps nothing and has seen nothing."""

    async def asked(self, question: Question) -> None:
        """Forget it."""

    async def answered(self, question: Question, done: Done, text: str) -> None:
        """Forget it."""

    async def gaps_like(self, question: Question, since: float) -> int:
        """Return none."""
        return 0


class Little:
    """A search over contents from which everything else was taken out before they were indexed."""

    def __init__(self, contents: Any) -> None:
        self._contents = contents

    async def search(self, question: str, demand: Any, limit: int) -> Any:
        """Search as the index does, by another way."""
        if not self._contents.documents:
            return Found()
        query = Query(tuple(terms(question)), HashEmbedder().embed([question])[0], demand, limit)
        return search(Snapshot(self._contents), query)


async def said(events: AsyncIterator[AnswerEvent]) -> tuple[str, Done]:
    """Return everything that a reader of an answer could see of it, and its end."""
    words: list[str] = []
    async for event in events:
        match event:
            case Text(text) | Status(text):
                words.append(text)
            case Source():
                words.append(f"{event.title} {event.path}")
            case Done():
                return words_of("\n".join(words), event), event
    raise AssertionError("an answer's stream ended without Done")


def words_of(text: str, done: Done) -> str:
    """Return a whole answer with what stands below it."""
    return "\n".join([text, done.reason or "", *(f"{source.title} {source.path}" for source in done.sources)])


@asynccontextmanager
async def town(seed: int) -> AsyncIterator[Town]:
    """Give a town with its documents synced, on a database in memory."""
    database = Database.open("sqlite+aiosqlite:///:memory:")
    try:
        async with database.write() as connection:
            await connection.run_sync(metadata.create_all)
        built = Town(seed, database)
        await built.sync()
        yield built
    finally:
        await database.close()
