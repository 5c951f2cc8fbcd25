"""What goes on now, told before an answer: which stories a question is about, and their words. Pure; reads no log.

A story is what the logs show, computed by code; it needs no document and no model. Text that came out of a log is
untrusted: it is told as words, without links, marks or mentions. What was not scanned is said, never taken for well.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Protocol

from bot.types import Question
from ingest.index.words import terms
from ingest.types import Audience

MOST_TOLD = 4
"""Stories told with their figures before an answer: more would bury it."""

MOST_LISTED = 20
"""Stories listed for "what is broken now?"; the rest are counted. A line each, they fit one message of Slack."""

MOST_FIGURES = 3
"""Further sentences of a story."""

MOST_WORDS = 300
"""Characters of one sentence."""

STALE_S = 900.0
"""A source that was not scanned for so long is not known to be well: fifteen scans of the default `watch.every`."""

LEAST_SHARED = 0.4
"""Share of a question's own words that a line's template must have, and at least two, to be what is asked about."""


@dataclass(frozen=True, slots=True)
class Told:
    """A story as it is told here; times are seconds since 1970 UTC, `ended` is None while it goes on.

    `names` are what it can be asked for by: services, their patterns with `*`, its stream. `words` are the templates of
    its lines. `figures` are computed sentences, and `basis` says from what. `source` names whose audience may read it,
    as `Done.drew_on` has it; `messages` are the chat's (channel, ts) of the messages that show it.
    """

    name: str
    headline: str
    status: str
    names: tuple[str, ...]
    words: tuple[str, ...]
    since: float
    ended: float | None = None
    figures: tuple[str, ...] = ()
    basis: str = "computed from logs"
    source: str = ""
    messages: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Scanned:
    """When a log source was last scanned (None: never), and since when and why it cannot be."""

    name: str
    at: float | None
    down_since: float | None = None
    why: str = ""
    names: tuple[str, ...] = ()
    source: str = ""

    def is_known(self, now: float) -> bool:
        """Whether its state now is known."""
        return self.down_since is None and self.at is not None and now - self.at <= STALE_S


@dataclass(frozen=True, slots=True)
class Situation:
    """What goes on, as far as the readers may know. `stories` are open or ended within a day, the latest first.

    `more` counts open ones that are not among them. `services` are names of services that there are. `hidden` says that
    there are sources that not all may read.
    """

    stories: tuple[Told, ...] = ()
    scanned: tuple[Scanned, ...] = ()
    services: tuple[str, ...] = ()
    hidden: bool = False
    more: int = 0


class Happening(Protocol):
    """Knows what goes on; `bot.watch.now` does."""

    async def now(self, audience: Audience | None) -> Situation:
        """Return what these readers may know; everything without an audience."""
        ...


@dataclass(frozen=True, slots=True)
class Lead:
    """What is told before an answer: `text` in Markdown, and the same as `facts`, a sentence each, for the model.

    `answers` says that a question for how things are is answered by it; `whole`, that nothing else was asked for: then
    documents are not searched. `about` is the headline of the story that is told first: what to look for in the
    documents, where the question itself names no symptom.
    """

    text: str = ""
    facts: tuple[str, ...] = ()
    answers: bool = False
    whole: bool = False
    sources: tuple[str, ...] = ()
    about: str = ""


NOTHING = Lead()

_WORD = re.compile(r"[a-z0-9]+(?:[._'-][a-z0-9]+)*")
_PART = re.compile(r"[a-z0-9]+")

_TASK = re.compile(r"\b(?:how (?:do|to|can|could|should|would)|(?:do|should|can|could|must|shall) (?:i|we))\b")
_TROUBLE = frozenset(
    """broken broke breaking down incident incidents outage outages wrong happening happens happened fire burning
    failing fails failed failure failures issue issues problem problems trouble alert alerts alerting story stories
    anomaly anomalies degraded slow slower sluggish error errors erroring unhealthy unavailable stuck timeout timeouts
    ok okay fine healthy well normal up working green good status going""".split()
)
"""Words that ask how things are."""

_AROUND = frozenset(
    """what what's whats which is are isn't aren't there anything everything something all us we are i'm have having had
    has been being be right now currently current at the moment today tonight any in on with prod production live system
    systems service services site platform our ours the a an do does did know about of still open ongoing active recent
    recently please tell me list show give hey hi hello so why how things thing look looks looking you can see and or
    else new to for team state going went whole every everywhere again yet happened many much more most as i who whats
    lately who's it's whatever copilot""".split()
)
"""Words around them that name nothing."""

_ALL = frozenset("what what's whats which any anything everything all incidents stories outages".split())
"""Words that mean more than what a thread is about."""

_POINTING = frozenset("it this that here these those they them".split())
"""Words that mean what the thread is about."""

_SAYS_LITTLE = frozenset(
    """broken down wrong happening ok okay fine slow error errors failed failing fails issue issues problem problems up
    working status going good well info warn warning request requests service server log logs app prod""".split()
)
"""Words that nearly every log has: alone they tell no line from another."""

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")
_LINK = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://|mailto:|www\.)[^\s<>]+|(?<![\w@./-])(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?/[^\s<>]*",
    re.IGNORECASE,
)
_RING = re.compile(r"[@!#](?=(?:here|channel|everyone|subteam)\b)", re.IGNORECASE)
_INERT = str.maketrans(
    {"[": "(", "]": ")", "<": "\u2039", ">": "\u203a", "`": "'", "*": "", "~": "", "|": "/", "\\": "/"}
)


def lead(question: Question, search: str, situation: Situation, now: float) -> Lead:
    """Return what to tell before the answer; NOTHING where the question is about none of it.

    `search` is the question as it stands by itself (bot.answer.followup), `now` the time in seconds UTC.
    """
    here = [each for each in situation.stories if _is_under(question, each)]
    leans, sought = bool(here) or search != question.text, _Sought.of(search)
    about = here + _about(sought, situation, here)
    if asks_for_all(question.text, pointing=not leans) and not (about and leans and not _means_all(question.text)):
        return _everything(situation, now)
    asks = asks_how_it_is(question.text)
    blind = [each for each in situation.scanned if asks and sought.names(each.names) and not each.is_known(now)]
    return _told(about[:MOST_TOLD], blind, now, answers=asks) if about or blind else NOTHING


def asks_for_all(text: str, *, pointing: bool = True) -> bool:
    """Whether a question asks what is broken, and names nothing; with `pointing`, "here" and "it" are nothing too."""
    words = set(_WORD.findall(text.lower().replace("\u2019", "'")))
    around = _AROUND | (_POINTING if pointing else frozenset())
    return not _TASK.search(text.lower()) and bool(words & _TROUBLE) and words <= _TROUBLE | around


def _means_all(text: str) -> bool:
    return not _ALL.isdisjoint(_WORD.findall(text.lower().replace("\u2019", "'")))


def asks_how_it_is(text: str) -> bool:
    """Whether a question asks how things are, and not why they are or what to do."""
    lower = text.lower().replace("\u2019", "'")
    if _TASK.search(lower) or re.match(r"\W*why\b", lower):
        return False
    return not _TROUBLE.isdisjoint(_WORD.findall(lower)) or re.search(r"\btim(?:ing|es|ed) out\b", lower) is not None


def inert(text: str) -> str:
    """Return text from a log on one line, in words alone: no link, mark, mention or control character is left."""
    text = _ANSI.sub("", text[: 4 * MOST_WORDS]).replace("<*>", "…")
    text = "".join(each if each.isprintable() else " " for each in text)
    text = _RING.sub("", _LINK.sub("(link)", text)).translate(_INERT)
    text = " ".join(text.split())
    return text if len(text) <= MOST_WORDS else f"{text[: MOST_WORDS - 1].rstrip()}…"


def clock_time(at: float, now: float) -> str:
    """Return a time as people read it, in UTC, with its day unless that is today."""
    moment = datetime.fromtimestamp(at, UTC)
    is_today = moment.date() == datetime.fromtimestamp(now, UTC).date()
    return f"{moment:%H:%M} UTC" if is_today else f"{moment.day} {moment:%b %H:%M} UTC"


def _about(sought: "_Sought", situation: Situation, here: Sequence[Told]) -> list[Told]:
    """Return the stories that a question names; where it names no service at all, those in whose words it is."""
    others = [each for each in situation.stories if each not in here]
    named = [each for each in others if sought.names((each.name, *each.names))]
    if named or sought.names(situation.services):
        return named
    return [each for each in others if any(map(sought.shares, each.words))]


@dataclass(frozen=True, slots=True)
class _Sought:
    """A question, read once to be held against many names and templates. `matter` are the stems of its own words."""

    words: Sequence[str]
    parts: Sequence[str]
    stems: frozenset[str]
    matter: frozenset[str]

    @classmethod
    def of(cls, text: str) -> "_Sought":
        words, parts = _WORD.findall(text.lower()), _PART.findall(text.lower())
        own = [word for word in words if word not in _AROUND | _POINTING | _SAYS_LITTLE]
        stems = frozenset(stem for part in parts for stem in terms(part)[:1] or [part])
        return cls(words, parts, stems, frozenset(terms(" ".join(own))))

    def names(self, names: Iterable[str]) -> bool:
        """Whether it has one of these names, as whole words; `*` in a name stands for anything."""
        return any(map(self._names, names))

    def _names(self, name: str) -> bool:
        bare = name.lower().strip("*-_. ")
        wanted = _PART.findall(bare)
        if len(bare) < 2 or _SAYS_LITTLE.issuperset(wanted):  # noqa: PLR2004 - a letter or a lone star names nothing
            return False
        if len(wanted) == 1 and not self.stems.isdisjoint(terms(bare)[:1] or wanted):
            return True
        if not set(wanted).isdisjoint(self.parts) and _within(wanted, self.parts):
            return True
        return "*" in name and any(fnmatchcase(word, name.lower()) for word in self.words)

    def shares(self, template: str) -> bool:
        """Whether it is in the words of a line's template."""
        shared = self.matter.intersection(terms(template))
        if not shared:
            return False
        return shared == self.matter or (len(shared) > 1 and len(shared) >= LEAST_SHARED * len(self.matter))


def _within(wanted: Sequence[str], parts: Sequence[str]) -> bool:
    return any(list(parts[at : at + len(wanted)]) == list(wanted) for at in range(len(parts) - len(wanted) + 1))


def _is_under(question: Question, told: Told) -> bool:
    """Whether the question stands in the thread of a message that shows the story."""
    return question.channel is not None and (question.channel, question.thread) in told.messages


def _everything(situation: Situation, now: float) -> Lead:
    """Return all open stories, those that ended lately by name, and what cannot be seen."""
    if not situation.scanned and not situation.stories:
        return Lead(f"**Right now:** {_unseen(situation)}\n\n", whole=True)
    still = [each for each in situation.stories if each.ended is None]
    ended = [each for each in situation.stories if each.ended is not None]
    known = [each for each in situation.scanned if each.is_known(now)]
    lines = [_head(still, known, situation, now)]
    lines += [f"- {_sentence(each, now)}" for each in still[:MOST_LISTED]] if len(still) + situation.more > 1 else []
    left = situation.more + max(len(still) - MOST_LISTED, 0)
    lines += [f"- and {left:,} more."] if left else []
    blind = [_blindness(each, now) for each in situation.scanned if not each.is_known(now)]
    lately = [_past(each, now) for each in ended[:MOST_TOLD]]
    if lately:
        more = f", and {len(ended) - MOST_TOLD} more" if len(ended) > MOST_TOLD else ""
        blind.append(f"Ended in the last 24 h: {', '.join(lately)}{more}.")
    text = "\n\n".join(["\n".join(lines), *blind]) + "\n\n"
    facts = tuple(_sentence(each, now) for each in still[:MOST_LISTED])
    sources = _sources(situation.stories, situation.scanned)
    return Lead(text, facts, answers=bool(still or known), whole=True, sources=sources)


def _head(still: Sequence[Told], known: Sequence[Scanned], situation: Situation, now: float) -> str:
    count = len(still) + situation.more
    if count == 1:
        return f"**Right now:** {_sentence(still[0], now)}"
    if still:
        return f"**Right now:** {count:,} open stories:"
    if not known:
        return "**Right now:** I cannot tell what is broken."
    where = "the logs that everybody who reads this may see" if situation.hidden else "the logs"
    last = ", ".join(f"{inert(each.name)} {clock_time(each.at or 0.0, now)}" for each in known[:MOST_LISTED])
    return f"**Right now:** no open story in {where}. Last scans: {last}. What writes no log there is not known."


def _unseen(situation: Situation) -> str:
    if situation.hidden:
        return "I watch no log that everybody who reads this may see, so I cannot tell what is broken."
    return "I watch no logs yet, so I cannot tell what is broken."


def _told(about: Sequence[Told], blind: Sequence[Scanned], now: float, *, answers: bool) -> Lead:
    lines, facts = [], []
    for each in about:
        sentence, figures = _sentence(each, now), [inert(figure) for figure in each.figures[:MOST_FIGURES]]
        head = "Right now" if each.ended is None else "Not any more"
        lines.append("\n".join([f"**{head}:** {sentence}", *(f"- {figure}" for figure in figures)]))
        facts += [sentence, *figures]
    unknown = [_blindness(each, now) for each in blind]
    text = "\n\n".join([*lines, *unknown]) + "\n\n"
    return Lead(
        text,
        (*facts, *(each.replace("**", "") for each in unknown)),
        answers=answers and bool(about),
        sources=_sources(about, blind),
        about=about[0].headline if answers and about else "",
    )


def _sentence(told: Told, now: float) -> str:
    """Return a story in a sentence, its figures said to be computed."""
    since = clock_time(told.since, now)
    span = f"since {since}" if told.ended is None else f"{since} to {clock_time(told.ended, now)}, ended"
    status = f"; {inert(told.status)}" if told.status else ""
    return f"{inert(told.name)}: {inert(told.headline)} ({told.basis}, {span}{status})"


def _past(told: Told, now: float) -> str:
    return f"{inert(told.name)} ({clock_time(told.since, now)} to {clock_time(told.ended or now, now)})"


def _blindness(scanned: Scanned, now: float) -> str:
    """Return that a source's state is not known, which is no all-clear."""
    name = inert(scanned.name)
    if scanned.down_since is not None:
        why = f" ({inert(scanned.why)})" if scanned.why else ""
        return f"**Could not scan {name} since {clock_time(scanned.down_since, now)}**{why}. This is not an all-clear."
    since = "yet" if scanned.at is None else f"since {clock_time(scanned.at, now)}"
    return f"**{name} was not scanned {since}.** This is not an all-clear."


def _sources(stories: Sequence[Told], scanned: Sequence[Scanned]) -> tuple[str, ...]:
    named = [*(each.source for each in stories), *(each.source for each in scanned)]
    return tuple(name for name in dict.fromkeys(named) if name)
