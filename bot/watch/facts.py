"""What a digest is made of: the stories, sources, questions and judgements of a channel's day, and which day. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, tzinfo

from bot.types import Outcome, Severity
from bot.watch.day import Window
from bot.watch.rejections import Precision


@dataclass(frozen=True, slots=True)
class Told:
    """A story (or a group of alerts) of the day, as it stands now; times are seconds UTC.

    `headline` is empty where this channel may not read it; `taken` says that somebody acknowledged it.
    """

    name: str
    service: str
    severity: Severity
    opened: float
    headline: str = ""
    ended: float | None = None
    taken: bool = False
    snoozed_until: float | None = None
    rejected: bool = False
    detector: str = ""
    template: str = ""
    alert: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a source: `lines` of the day, None where nobody counted; `outages` end with None if they go on.

    `down` is why it cannot be read now, None where it can.
    """

    stream: str
    lines: int | None
    scanned_at: float | None
    down: str | None = None
    down_since: float | None = None
    outages: tuple[tuple[float, float | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Used:
    """A document that answers cited: how often, and when a person last vouched for it."""

    title: str
    times: int
    reviewed: date | None
    runbook: bool = True


@dataclass(frozen=True, slots=True)
class Off:
    """A detector in shadow: since when (seconds UTC)."""

    kind: str
    service: str
    since: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a channel's day. `told` opened in it or are open; `last_week` is when stories opened then."""

    told: tuple[Told, ...] = ()
    last_week: tuple[float, ...] = ()
    sources: tuple[Seen, ...] = ()
    missed_s: float = 0.0
    questions: Mapping[Outcome, int] | None = None
    vain: tuple[tuple[str, int], ...] = ()
    used: tuple[Used, ...] = ()
    precision: tuple[Precision, ...] = ()
    proposed: tuple[Precision, ...] = ()
    off: tuple[Off, ...] = ()
    usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Frame:
    """Which day is told, and as of when. `next_at` is when the next digest comes; `due` when a late one was due."""

    day: date
    window: Window
    zone: tzinfo
    zone_name: str
    now: float
    next_at: float | None = None
    due: float | None = None

    @property
    def so_far(self) -> bool:
        """Whether the day is not over."""
        return self.now < self.window[1]

    @property
    def until(self) -> float:
        """The end of what can be told."""
        return min(self.now, self.window[1])
