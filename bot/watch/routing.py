"""Where a matter belongs: in a message of its own, in that of its group, or in none. Pure: all that it needs is given.

The order is that of the first reason that holds: shadow, rejected, snoozed, no channel or too small, maintenance, quiet
hours, the channel's budget.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import sha256
from zoneinfo import ZoneInfo

from bot.settings import Settings
from bot.types import RANKS, Severity
from bot.watch.board import Place
from bot.watch.catalogue import Catalogue, Service
from bot.watch.day import date_of, moment, of_day
from bot.watch.preferences import Preference
from ingest.types import EVERYONE

HOUR_S = 3_600

UNREAD = "what its source has is not read to its end yet"
"""Why a story waits whose source is behind: it may be over."""

UNREADABLE = "the channel is not in the audience of its source"
NO_CHANNEL = "no channel is set"


@dataclass(frozen=True, slots=True)
class Matter:
    """What may become a message. `kind` is its detector.

    `unread` says that its source is behind. `blind` is a source that cannot be scanned: never too small to be said,
    and not counted.
    """

    key: str
    fingerprint: str
    stream: str
    kind: str
    template: str
    service: str
    severity: Severity
    unread: bool = False
    blind: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """Planned work: from `start` until `end` (seconds UTC), for these services, or for all where none is named."""

    start: float
    end: float
    services: frozenset[str]
    words: str


@dataclass(frozen=True, slots=True)
class Origin:
    """A log source: whether its stories are in shadow, and who may read them."""

    shadow: bool = False
    audience: frozenset[str] = frozenset(EVERYONE)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say."""

    catalogue: Catalogue = field(default_factory=Catalogue)
    channel: str | None = None
    per_hour: int = 6
    maintenance: tuple[Window, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings, catalogue: Catalogue) -> "Rules":
        """Return what these settings say."""
        names = settings.slack.names
        return cls(
            catalogue,
            settings.watch.channel,
            settings.watch.per_hour,
            tuple(
                Window(
                    _moment(each.start, settings.watch.timezone),
                    _moment(each.end, settings.watch.timezone),
                    frozenset(each.services),
                    each.words,
                )
                for each in settings.watch.maintenance
            ),
            {
                name: Origin(each.shadow, frozenset(names.get(label, label) for label in each.audience))
                for name, each in settings.logs.items()
            },
        )

    def channel_of(self, service: str) -> str | None:
        """Return where the stories of a service go, by its name."""
        known = self.catalogue.named(service)
        return (known.channel if known else None) or self.channel

    @property
    def channels(self) -> frozenset[str]:
        """Every channel to which a story may go."""
        return frozenset(filter(None, (self.channel, *(each.channel for each in self.catalogue.services))))


@dataclass(frozen=True, slots=True)
class Known:
    """How things stand at `now` (seconds UTC).

    `used` is how many messages of stories each channel got in the present hour. `snoozed` are fingerprints,
    `rejected` (stream, template, kind, service), `shadowed` detectors as (kind, service).
    """

    now: float
    wishes: Mapping[str, Preference]
    used: Mapping[str, int] = field(default_factory=dict)
    snoozed: frozenset[str] = frozenset()
    rejected: frozenset[tuple[str, str, str, str]] = frozenset()
    shadowed: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a matter belongs, and in words why it is not a message of its own.

    `held_until` (seconds UTC) is when to decide anew; None for what waits for its source. `inside` is its group's key.
    """

    key: str
    place: Place
    channel: str | None
    why: str = ""
    held_until: float | None = None
    inside: str | None = None


def decided(matters: Sequence[Matter], rules: Rules, known: Known) -> list[Decision]:
    """Return where each matter belongs, in their order.

    What comes at once for a channel shares one message when it is more than the rest of the channel's hour.
    """
    decisions = [_alone(matter, rules, known) for matter in matters]
    wanted: dict[str, list[int]] = defaultdict(list)
    for number, (matter, decision) in enumerate(zip(matters, decisions, strict=True)):
        if decision.place == "root" and decision.channel and not matter.blind:
            wanted[decision.channel].append(number)
    for channel, numbers in wanted.items():
        rest = rules.per_hour - known.used.get(channel, 0)
        if len(numbers) > rest:
            why = f"more than {rules.per_hour} new message{'s' * (rules.per_hour != 1)} an hour"
            for number in numbers:
                key = matters[number].key
                decisions[number] = Decision(key, "group", channel, why, inside=group_key(channel, known.now))
    return decisions


def _alone(matter: Matter, rules: Rules, known: Known) -> Decision:
    """Return where a matter belongs if it were the only one."""
    channel = rules.channel_of(matter.service)
    wish = known.wishes.get(channel) if channel else None
    if unwanted := _unwanted(matter, rules, known):
        place, why = unwanted
        return Decision(matter.key, place, channel, why)
    if channel is None or wish is None or (why := _nowhere(matter, channel, wish, rules)):
        nowhere = channel is None or wish is None or why == UNREADABLE
        return Decision(matter.key, "none", None if nowhere else channel, why if channel and wish else NO_CHANNEL)
    if matter.unread:
        return Decision(matter.key, "held", channel, UNREAD)
    if (held := _held(matter, wish, rules, known.now)) is not None:
        until, why = held
        return Decision(matter.key, "held", channel, why[:MOST_WHY], held_until=until)
    return Decision(matter.key, "root", channel)


def _unwanted(matter: Matter, rules: Rules, known: Known) -> tuple[Place, str] | None:
    """Return where a matter is kept that nobody wants to read now, and why."""
    if rules.origins.get(matter.stream, Origin()).shadow:
        return "shadow", "its source is in shadow"
    if (matter.kind, matter.service) in known.shadowed:
        return "shadow", "its detector is in shadow"
    if (matter.stream, matter.template, matter.kind, matter.service) in known.rejected:
        return "muted", "rejected as no anomaly"
    return ("muted", "snoozed") if matter.fingerprint in known.snoozed else None


def _nowhere(matter: Matter, channel: str, wish: Preference, rules: Rules) -> str:
    """Return why a matter is not for its channel, empty if it is."""
    if wish.off:
        return "nothing is posted there unasked"
    if not rules.origins.get(matter.stream, Origin()).audience & {*EVERYONE, channel}:
        return UNREADABLE
    if RANKS[matter.severity] > RANKS[wish.least] and not matter.blind:
        return f"less than {wish.least} severity"
    return ""


MOST_WHY = 255
"""Characters of the reason, as the board's column has it."""


def _held(matter: Matter, wish: Preference, rules: Rules, now: float) -> tuple[float, str] | None:
    """Return until when a matter waits, and why; None when it does not."""
    work = [each for each in rules.maintenance if each.start <= now < each.end]
    ours = [each for each in work if not each.services or matter.service in each.services]
    if ours:
        last = max(ours, key=lambda each: each.end)
        return last.end, f"maintenance: {last.words}"
    if matter.severity != "high" and (until := quiet_until(now, wish.quiet, wish.zone)) is not None:
        return until, "quiet hours"
    return None


def quiet_until(now: float, hours: str | None, zone: tzinfo) -> float | None:
    """Return when the quiet hours are over in which `now` lies (seconds UTC), None when it lies in none.

    `hours` are local, such as 22:00-07:00; those that begin when they end are none. Where clocks change, they begin
    and end with the first moment that the clock shows their time, or has passed it.
    """
    if hours is None:
        return None
    first, last = (of_day(each) for each in hours.split("-"))
    today = date_of(now, zone)
    for day in (today - timedelta(days=1), today):
        begin = moment(day, first, zone)
        end = moment(day + timedelta(days=1) if last < first else day, last, zone)
        if begin <= now < end:
            return end
    return None


def group_key(channel: str, now: float) -> str:
    """Return the key of a channel's group in an hour (UTC)."""
    return f"group:{channel}:{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H}"


def hour_of(now: float) -> float:
    """Return the begin of an hour, in seconds UTC: a budget is that of the clock's hour."""
    return now // HOUR_S * HOUR_S


def fingerprint_of(stream: str, kind: str, template: str, service: str) -> str:
    """Return what is the same for the same matter: 32 hex digits."""
    return sha256(f"{stream}\0{kind}\0{template}\0{service}".encode()).hexdigest()[:32]


def service_name(catalogue: Catalogue, names: Sequence[str], stream: str) -> tuple[str, Service | None]:
    """Return the service that a story of these names (services and hosts, best first) belongs to, and its entry.

    What the catalogue does not know is called by its own first name, or by its stream's.
    """
    known = catalogue.service_of((*names, stream))
    return (known.name if known else next(iter(names), stream)), known


def _moment(when: datetime, zone: str) -> float:
    """Return a time of the settings in seconds UTC; one that names no zone is in that of the watch."""
    return (when if when.tzinfo else when.replace(tzinfo=ZoneInfo(zone))).timestamp()
