"""Signals of one cause become one story, which grows, ends, and may come back. Pure: minutes come with the signals."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ingest.anomalies.counts import LEARNT_AFTER
from ingest.anomalies.signal import ERROR, WARN, Kind, Series, Signal
from ingest.anomalies.wording import likeness

TOGETHER_MINUTES = 5
"""What begins within five minutes on one stream has one cause, as far as anyone can tell."""

RELATED_MINUTES = 15
"""What names the same host, service or words has so within a quarter of an hour; so have errors among themselves."""

RELATED_LIKENESS = 0.5

SEVERAL = 3
"""Series that make a story more than a curiosity."""

QUIET_MINUTES = 30
"""A story has recovered when none of its series was unusual for half an hour."""

BACK_MINUTES = 60
"""What comes back within an hour is the same story."""

LEFT_OUT_MINUTES = LEARNT_AFTER + 15
"""A story's series are not learnt until its last minutes have passed the place where minutes are learnt."""

ACCEPTED_MINUTES = 3 * 24 * 60
"""What lasts for three days is learnt as the new usual (CloudWatch: 21 days); its story goes on until that has caught
up."""


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a template: the words that do not vary, and the services that write it."""

    words: frozenset[str] = frozenset()
    services: frozenset[bytes] = frozenset()


Known = Callable[[int], About]


@dataclass(slots=True)
class Story:
    """One cause, by what it changed. Minutes are counted from 1970; `ended` is 0 while it is open."""

    id: int
    lead: Signal
    opened: int
    since: int
    grew: int
    seen: int
    ended: int = 0
    accepted: bool = False
    signals: dict[Series, Signal] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """What changed first."""
        return self.lead.kind

    @property
    def templates(self) -> tuple[int, ...]:
        """The templates that are part of it, the lead's first."""
        return tuple(dict.fromkeys(t for t in (self.lead.series.template, *self._templates()) if t))

    @property
    def severity(self) -> str:
        """`high` for errors, silence, restarts; `medium` for warnings, words of trouble and stories of several series.

        `low` is the rest.
        """
        levels = [signal.level for signal in self.signals.values()]
        if max(levels) >= ERROR or self.kind in {"silence", "restarts"}:
            return "high"
        grave = max(levels) == WARN or any(signal.serious for signal in self.signals.values())
        return "medium" if grave or len(self.signals) >= SEVERAL else "low"

    def _templates(self) -> Iterable[int]:
        return (series.template for series in self.signals)


@dataclass(frozen=True, slots=True)
class Told:
    """What a minute did to the stories: those to post, those that grew, and those that recovered."""

    opened: Sequence[Story] = ()
    grown: Sequence[Story] = ()
    ended: Sequence[Story] = ()


class Stories:
    """The stories of one stream: open ones, and those that may come back."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self.told: list[Story] = []
        self.number = 0

    def tell(self, minute: int, signals: Sequence[Signal], active: frozenset[int] = frozenset()) -> Told:
        """Take in a minute's signals and the templates that spoke in it."""
        opened: list[Story] = []
        grown: list[Story] = []
        for signal in sorted(signals, key=_rank):
            story = self._story_of(signal)
            if story is None:
                opened.append(self._open(signal))
            elif self._join(story, signal) and story not in opened and story not in grown:
                grown.append(story)
        for story in self.told:
            if not story.ended and story.kind == "new" and not active.isdisjoint(story.templates):
                story.seen = minute
        return Told(opened, grown, self._end(minute))

    def state(self) -> list[Any]:
        """Return what `restore` needs."""
        return [self.number, [_frozen(story) for story in self.told]]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a state."""
        self.number, stories = state
        self.told = [_thawed(story) for story in stories]

    def open(self) -> list[Story]:
        """Return the stories that have not ended."""
        return [story for story in self.told if not story.ended]

    def held(self) -> set[Series]:
        """Return the series that are part of a story, or were until just now, and are not to be learnt from.

        More lines that tell no trouble are learnt all the same: a new nightly job is told once, not every night.
        """
        return {
            series
            for story in self.told
            if not story.accepted
            for series, signal in story.signals.items()
            if signal.serious or signal.kind != "rise"
        }

    def _story_of(self, signal: Signal) -> Story | None:
        for story in reversed(self.told):
            if _same(story, signal) and (not story.ended or signal.minute - story.ended < BACK_MINUTES):
                return story
        for story in reversed(self.told):
            if not story.ended and self._related(story, signal):
                return story
        return None

    def _related(self, story: Story, signal: Signal) -> bool:
        apart = min(abs(signal.minute - story.grew), abs(signal.since - story.since))
        if apart <= TOGETHER_MINUTES:
            return True
        if signal.minute - story.grew > max(RELATED_MINUTES, signal.window):
            return False
        if signal.serious and any(each.serious for each in story.signals.values()):
            return True
        return any(self._alike(signal.series, each) for each in story.signals)

    def _alike(self, one: Series, other: Series) -> bool:
        """Whether two series name the same host, the same service or nearly the same words."""
        if one.host and one.host == other.host:
            return True
        about, about_other = self._known(one.template), self._known(other.template)
        services = about.services | {one.service} - {b""}
        if services & (about_other.services | {other.service} - {b""}):
            return True
        return likeness(about.words, about_other.words) >= RELATED_LIKENESS

    def _open(self, signal: Signal) -> Story:
        self.number += 1
        story = Story(self.number, signal, signal.minute, signal.since, signal.minute, signal.minute)
        story.signals[signal.series] = signal
        self.told.append(story)
        return story

    def _join(self, story: Story, signal: Signal) -> bool:
        """Return whether the story has grown: by a series, or by coming back."""
        grew = signal.series not in story.signals or bool(story.ended)
        if signal.series not in story.signals:
            story.grew = signal.minute
        story.signals[signal.series] = signal
        story.seen, story.ended = signal.minute, 0
        return grew

    def _end(self, minute: int) -> list[Story]:
        ended = []
        for story in self.told:
            if story.ended:
                continue
            story.accepted = minute - story.opened >= ACCEPTED_MINUTES
            if minute - story.seen >= QUIET_MINUTES:
                story.ended = minute
                ended.append(story)
        self.told = [story for story in self.told if not story.ended or minute - story.ended < LEFT_OUT_MINUTES]
        return ended


def _frozen(story: Story) -> dict[str, Any]:
    plain = {name: getattr(story, name) for name in ("id", "opened", "since", "grew", "seen", "ended", "accepted")}
    return plain | {"lead": asdict(story.lead), "signals": [asdict(signal) for signal in story.signals.values()]}


def _thawed(state: dict[str, Any]) -> Story:
    signals = [_signal(each) for each in state.pop("signals")]
    lead = _signal(state.pop("lead"))
    return Story(lead=lead, signals={signal.series: signal for signal in signals}, **state)


def _signal(state: dict[str, Any]) -> Signal:
    return Signal(**{**state, "series": Series(*state["series"])})


def _rank(signal: Signal) -> tuple[bool, float]:
    """Order signals: those that name a template first, then the more surprising ones."""
    return not signal.series.template, -signal.nats


def _same(story: Story, signal: Signal) -> bool:
    """Whether the story holds this series already, or another side of it."""
    if signal.series in story.signals:
        return True
    one = signal.series
    return bool(one.template) and any(
        one.template == each.template
        and (one.position < 0) == (each.position < 0)
        and (not one.host or one.host == each.host)
        for each in story.signals
    )
