"""How we are and what we can do: the words of `/copilot status`, the home tab, the suggested questions."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

import structlog

from bot import limits
from bot.errors import SlackRefused
from bot.journal.threads import Gaps, Muted
from bot.slack import cards
from bot.slack.calls import Away, Busy, Calls, Unsure
from bot.slack.cards import Block, button, plain, plain_section, small
from bot.slack.digests import off_blocks
from bot.slack.markdown import clean, short
from bot.slack.people import People
from bot.slack.rules import Doorkeeper
from bot.slack.stories import Listing, Shelf, listed_blocks
from bot.types import AnswerEvent, Done, Question, Text
from bot.watch.facts import Off
from ingest.types import Audience, Clock

log = structlog.get_logger(__name__)

GAPS_S = 7 * 86_400.0
"""How far back the home tab looks for questions that nothing answered."""

STORIES, OWN_GAPS, MUTES = 10, 10, 20
"""Rows of the home tab; it is read on a phone."""

SNIPPET = 200
"""Characters of a question on the home tab."""

PROMPTS: Sequence[Mapping[str, str]] = (
    {"title": "A symptom", "message": "Checkout returns 502 since ten minutes. What do I check first?"},
    {"title": "A step", "message": "How do I roll back a deployment?"},
    {"title": "The past", "message": "Have we seen connection pool exhaustion before?"},
)
"""What to ask, for who has never asked; the manifest suggests the same."""


@dataclass(frozen=True, slots=True)
class Vital:
    """One thing that can be well or not, in words for people."""

    name: str
    ok: bool
    words: str


Vitals = Callable[[], Awaitable[Sequence[Vital]]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What one person's home tab shows. `muted` holds the words for a thread and the value of its button.

    `stories` are open, `shadow` would have been posted; None where nothing is watched.
    """

    vitals: Sequence[Vital]
    documents: Mapping[str, int]
    gaps: Gaps
    muted: Sequence[tuple[str, str]]
    at: float
    stories: Listing | None = None
    shadow: Listing = field(default_factory=Listing)
    off: Sequence[Off] = ()


class Memory(Protocol):
    """What is remembered of a person; see `bot.journal.threads`."""

    async def muted_by(self, person: str) -> Sequence[Muted]:
        """Return what a person muted."""
        ...

    async def gaps(self, person: str, since: float) -> Gaps:
        """Return what was not in the documents."""
        ...


class Home:
    """Shows people how we are. What Slack does not take here is logged: the next opening shows it again."""

    def __init__(
        self,
        calls: Calls,
        memory: Memory,
        people: People,
        door: Doorkeeper,
        *,
        vitals: Vitals,
        documents: Callable[[Audience], Awaitable[Mapping[str, int]]],
        fault: Callable[[str], None],
        clock: Clock,
        shelf: Shelf | None = None,
        off: Callable[[], Awaitable[Sequence[Off]]] | None = None,
    ) -> None:
        """`documents` counts what a person may read, by kind; `shelf` holds the stories, where anything is watched.

        `off` returns the detectors that are in shadow.
        """
        self._calls = calls
        self._memory = memory
        self._people = people
        self._door = door
        self._vitals = vitals
        self._documents = documents
        self._fault = fault
        self._clock = clock
        self._shelf = shelf
        self._off = off

    async def publish(self, user: str) -> None:
        """Show a person's home tab as it is now; who is not served is told so."""
        refusal = await self._door.stranger(user)
        view = refused_view(refusal) if refusal is not None else home_view(await self._seen(user))
        await self._try("views.publish", user_id=user, view=view)

    async def suggest(self, channel: str) -> None:
        """Suggest questions in a direct message: assistant.threads.setSuggestedPrompts takes four at most."""
        prompts = [dict(prompt) for prompt in PROMPTS[: limits.SUGGESTED_PROMPTS]]
        await self._try(
            "assistant.threads.setSuggestedPrompts", channel_id=channel, title="Ask me, for example", prompts=prompts
        )

    async def status(self, question: Question) -> AsyncIterator[AnswerEvent]:
        """Yield how we are, as an answer to `/copilot status`."""
        yield Text(status_text(await self._vitals()))
        yield Done.of_ourselves(question.id)

    async def _seen(self, user: str) -> Seen:
        muted = (await self._memory.muted_by(user))[:MUTES]
        own = await self._door.own(user)
        return Seen(
            vitals=await self._vitals(),
            documents=await self._documents(own),
            gaps=await self._memory.gaps(user, self._clock() - GAPS_S),
            muted=[(await self._named(each), f"{each.channel}:{each.thread}") for each in muted],
            at=self._clock(),
            stories=None if self._shelf is None else await self._shelf.open(own, STORIES),
            shadow=Listing() if self._shelf is None else await self._shelf.shadow(own, STORIES),
            off=() if self._off is None else await self._off(),
        )

    async def _named(self, muted: Muted) -> str:
        return f"{await self._people.channel(muted.channel)}, thread of {_time(float(muted.thread))}"

    async def _try(self, method: str, **arguments: object) -> None:
        try:
            await self._calls.call(method, **arguments)
        except (SlackRefused, Away, Busy, Unsure) as error:
            self._fault("home_unshown")
            log.warning("slack.home_unshown", method=method, why=getattr(error, "code", type(error).__name__))


def status_text(vitals: Sequence[Vital]) -> str:
    """Return the words of `/copilot status`, Markdown: the verdict, then what is wrong, then what is well."""
    lines = [f"- **{clean(each.name)}:** {clean(each.words)}" for each in _wrong_first(vitals)]
    return "\n".join([f"**{_verdict(vitals)}**", "", *lines]) + "\n"


def home_view(seen: Seen) -> Block:
    """Return a person's home tab."""
    blocks: list[Block] = [_header(_verdict(seen.vitals))]
    blocks += [plain_section(f"{each.name}: {each.words}") for each in _wrong_first(seen.vitals)]
    blocks += [] if seen.stories is None else _stories(seen.stories, seen.shadow)
    blocks += [{"type": "divider"}, _header("Detectors that are off"), *off_blocks(seen.off)] if seen.off else []
    blocks += [{"type": "divider"}, _header("What I know"), plain_section(_counted(seen.documents))]
    blocks += [{"type": "divider"}, _header("Not in the runbooks, last 7 days"), *_gaps(seen.gaps)]
    blocks += [{"type": "divider"}, _header("Threads that you muted"), *_muted(seen.muted)]
    blocks += [{"type": "divider"}, _header("What I can do"), _mrkdwn(cards.HELP)]
    blocks.append(small(f"As of {_time(seen.at)}. Open this tab again for the present."))
    return {"type": "home", "blocks": blocks[: limits.VIEW_BLOCKS]}


def refused_view(why: str) -> Block:
    """Return the home tab of a person whom we do not serve."""
    return {"type": "home", "blocks": [plain_section(why)]}


def _verdict(vitals: Sequence[Vital]) -> str:
    wrong = sum(not each.ok for each in vitals)
    if not wrong:
        return "I am well."  # of itself alone: what is broken elsewhere stands among the stories
    return "One thing is wrong with me." if wrong == 1 else f"{wrong} things are wrong with me."


def _wrong_first(vitals: Sequence[Vital]) -> list[Vital]:
    marked = [each if each.ok else Vital(f"Wrong: {each.name}", each.ok, each.words) for each in vitals]
    return sorted(marked, key=lambda each: each.ok)


def _stories(found: Listing, shadow: Listing) -> list[Block]:
    """Return the open stories with their buttons, and what shadow would have posted."""
    blocks = [{"type": "divider"}, _header("Open stories"), *listed_blocks(found.shown)]
    blocks += [] if found.shown else [plain_section("None that you may read. What could not be read stands above.")]
    blocks += _more(found.more, "/copilot incidents lists them.")
    if shadow.shown:
        silent = [replace(each, brief=replace(each.brief, presses=())) for each in shadow.shown]
        blocks += [{"type": "divider"}, _header("In shadow, last 24 hours")]
        blocks += [small("Stories that would have been posted, of sources and detectors that are being tried out.")]
        blocks += [*listed_blocks(silent), *_more(shadow.more)]
    return blocks


def _more(number: int, where: str = "") -> list[Block]:
    return [small(f"and {number:,} more. {where}".strip())] if number > 0 else []


def _gaps(gaps: Gaps) -> list[Block]:
    blocks = [plain_section(f"You asked: {short(clean(text), SNIPPET)}") for text in gaps.own[:OWN_GAPS]]
    more = len(gaps.own) - OWN_GAPS
    if more > 0:
        blocks.append(small(f"and {more} more of yours"))
    if gaps.others:
        blocks.append(plain_section(f"{gaps.others} question{'s' * (gaps.others != 1)} of others."))
    return blocks or [plain_section("Nothing: the runbooks answered all that was asked.")]


def _muted(muted: Sequence[tuple[str, str]]) -> list[Block]:
    if not muted:
        return [plain_section("None. @copilot mute in a thread adds it: there I answer only when mentioned.")]
    return [
        plain_section(words) | {"accessory": button("Unmute", f"{cards.UNMUTE}:{number}", value)}
        for number, (words, value) in enumerate(muted)
    ]


def _counted(documents: Mapping[str, int]) -> str:
    kinds = {kind: number for kind, number in documents.items() if kind != "chunks"}
    words = ", ".join(f"{number} {kind}{'s' * (number != 1)}" for kind, number in sorted(kinds.items(), reverse=True))
    return f"{words}; {documents.get('chunks', 0):,} passages." if words else "Nothing yet: no document is indexed."


def _header(text: str) -> Block:
    return {"type": "header", "text": plain(short(text, limits.HEADER_TEXT))}


def _mrkdwn(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%-d %B %H:%M UTC")
