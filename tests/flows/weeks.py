"""The towns whose weeks are lived through: what is set there, and all that happens, from a seed."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.settings import WatchSettings
from bot.types import Severity  # noqa: TC001 - tests import what they name
from bot.watch.alerts import Alert, Group
from bot.watch.catalogue import Service
from bot.watch.preferences import Wanted
from bot.watch.routing import Origin, Window
from bot.workspace import Channel
from ingest.anomalies.report import Report
from ingest.anomalies.signal import Kind
from tests.bot.watch.desk import report
from tests.fakes.hours import Span, Story, Town
from tests.fakes.slack import ALICE, BOB, COPILOT, TOWN

HOUR_S, DAY_S = 3_600.0, 86_400.0

OPS, SHOP, PAY, SEARCH = "C0OPS", "C0SHOP", "C0PAY", "C0SEARCH"
CHANNELS = (OPS, SHOP, PAY, SEARCH)
ANA, ONCALL = "U0ANA", "S0ONCALL"

SLACK = replace(
    TOWN,
    channels=tuple(Channel(each, each[2:].lower(), frozenset({ALICE, BOB, COPILOT})) for each in CHANNELS),
)

SERVICES = (
    Service("checkout", ("checkout", "checkout-*"), SHOP, owner=ALICE, notify=ANA, escalate_after_s=900),
    Service("ledger", ("ledger",), PAY, notify=ONCALL, escalate_after_s=3_600),
    Service("search", ("search",), SEARCH),
    Service("infra", ("infra",), None, owner="platform"),
)
NAMES = {
    "shop": ("checkout", "checkout", "cart"),
    "pay": ("ledger",),
    "edge": ("search", "infra"),
    "canary": ("checkout",),
}
"""The services that each stream names; `cart` is nobody's, so it goes where all goes, and `canary` is in shadow."""

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kathmandu")
TIMES = ("09:00", "09:00", "08:30", "02:30", "02:15", "01:30", "00:00", "23:50", "17:45")
QUIETS = ("off", "22:00-07:00", "21:30-06:15", "00:30-05:00", "12:00-13:30")

DATES = (
    ("Europe/Berlin", date(2027, 3, 28)),
    ("Europe/Berlin", date(2027, 10, 31)),
    ("America/New_York", date(2027, 3, 14)),
    ("America/New_York", date(2027, 11, 7)),
    ("Australia/Lord_Howe", date(2027, 4, 4)),
    ("Australia/Lord_Howe", date(2027, 10, 3)),
    ("UTC", date(2027, 1, 1)),
    ("Europe/Berlin", date(2028, 2, 29)),
)
"""Days on which clocks are changed, or the calendar is."""

KINDS: tuple[Kind, ...] = ("new", "rise", "drift", "share", "jump", "restarts", "silence")
HOSTILE = "<!channel> <@U0EVIL> *pay* `now`"
"""In some log lines: it must ring for nobody."""

SHADOWED: tuple[Kind, str] = ("share", "search")


@dataclass(frozen=True)
class Matter:
    """What makes two stories the same: their fingerprint, as the script knows it. `word` is in the text of each."""

    stream: str
    kind: Kind
    word: str
    service: str

    @property
    def template(self) -> str:
        """The line that the stories are about."""
        return f"{self.word} failed after <*> ms"


def town_of(seed: int, days: float | None = None) -> Town:
    """Return the town of a seed; by default it is lived in for one to two weeks."""
    rng = random.Random(seed)
    zone, day = DATES[seed % len(DATES)]
    days = rng.uniform(6.0, 16.0) if days is None else days
    turn = datetime.combine(day, time(3), ZoneInfo(zone)).timestamp()
    begin = (turn - rng.uniform(0.3, 0.6) * min(days, 4.0) * DAY_S) // 60.0 * 60.0
    end = begin + days * DAY_S
    wild = rng.random() < 0.75
    outages = tuple(sorted(spans(rng, begin, end, 0.5 if wild else 0.0, (60.0, 600.0, 2_400.0, 3 * HOUR_S))))
    town = Town(
        seed=seed,
        begin=begin,
        end=end,
        replicas=rng.choice((1, 1, 2)),
        slack=SLACK,
        watch=WatchSettings.model_validate(
            {
                "channel": OPS,
                "per_hour": rng.choice((1, 2, 3, 6)),
                "least": rng.choice(("low", "medium")),
                "timezone": zone,
                "digest": rng.choice(TIMES),
                "quiet": rng.choice((None, "22:00-07:00")),
            }
        ),
        wanted={each: wanted_of(rng, zone) for each in (SHOP, PAY, SEARCH)},
        services=SERVICES,
        origins={name: Origin(shadow=name == "canary") for name in NAMES},
        shadowed=frozenset({SHADOWED}),
        maintenance=tuple(maintenance(rng, begin, end)),
        streams={name: story_of(rng, name, begin, end, wild=wild) for name in NAMES},
        alerts=tuple(sorted(alerts(rng, begin, end), key=lambda each: each[0])),
        outages=outages,
        share=rng.choice((0.02, 0.08, 0.2)) if wild else 0.0,
        lag_s=rng.choice((0.0, 0.0, 3.0)),
        deaths=tuple(sorted(deaths(rng, begin, end))) if wild else (),
        presses=tuple(sorted(rng.uniform(begin, end) for _ in range(int(days * rng.choice((2, 6, 14)))))),
        changes=tuple(sorted(changes(rng, begin, end, zone), key=lambda each: each[0])),
    )
    return replace(town, ticks=tuple(ticks(rng, town)))


def wanted_of(rng: random.Random, zone: str) -> Wanted:
    """Return what a channel wants."""
    least = rng.choice(("low", "low", "medium", "high"))
    return Wanted(rng.choice(TIMES), rng.choice(QUIETS), least, rng.choice((zone, zone, *ZONES)))


def spans(rng: random.Random, begin: float, end: float, a_day: float, longest: tuple[float, ...]) -> Iterator[Span]:
    """Yield spans of time, so many a day, each up to one of the lengths."""
    at = begin
    while a_day and (at := at + rng.expovariate(a_day) * DAY_S) < end:
        length = rng.uniform(0.2, 1.0) * rng.choice(longest)
        yield at, min(at + length, end)
        at += length


def maintenance(rng: random.Random, begin: float, end: float) -> Iterator[Window]:
    """Yield windows of planned work."""
    for start, stop in spans(rng, begin, end, 0.2, (2 * HOUR_S, 8 * HOUR_S)):
        yield Window(start, stop, rng.choice((frozenset(), frozenset({"checkout"}), frozenset({"search"}))), "planned")


def deaths(rng: random.Random, begin: float, end: float) -> Iterator[tuple[float, int, float]]:
    """Yield when somebody dies, after how many places, and for how long they stay away."""
    a_day = rng.choice((0.0, 1.0, 4.0))
    for at, _ in spans(rng, begin, end, a_day, (1.0,)):
        yield at, rng.choice((0, 1, 2, 5, 10, 20, rng.randrange(120))), rng.choice(AWAY_S) * rng.uniform(0.5, 1.5)


AWAY_S = (*(30.0, 300.0, 1_200.0) * 4, 3 * HOUR_S, 9 * HOUR_S, 26 * HOUR_S)


def changes(rng: random.Random, begin: float, end: float, zone: str) -> Iterator[tuple[float, str, Wanted]]:
    """Yield when people change what #search wants."""
    for at, _ in spans(rng, begin, end, rng.choice((0.0, 0.2)), (1.0,)):
        yield at, SEARCH, wanted_of(rng, zone)


# Stories


def story_of(rng: random.Random, stream: str, begin: float, end: float, *, wild: bool) -> Story:
    """Return the script of a stream."""
    a_day = rng.choice((0.7, 2.0, 5.0))
    known: list[Matter] = []
    lives: list[list[tuple[float, dict[str, object]]]] = []
    whose: list[Matter] = []
    for at, _ in spans(rng, begin, end - HOUR_S, a_day, (1.0,)):
        many = 1 if rng.random() > 0.08 else rng.choice((4, 9, 25, 60))
        courses = [rng.random() for _ in range(2)]
        for number in range(many):
            again = many == 1 and known and rng.random() < 0.35
            matter = rng.choice(known) if again else matter_of(rng, stream, len(known))
            known += [] if again else [matter]
            whose.append(matter)
            lives.append(list(life(random.Random(rng.choice(courses)), at + number % 3 * 20.0, end)))
    order = sorted(range(len(lives)), key=lambda index: (lives[index][0][0], index))
    tellings = []
    for number, index in enumerate(order, 1):
        for turn, (at, changed) in enumerate(lives[index]):
            tellings.append((at, told(whose[index], number, turn, lives[index][0][0], at, changed)))
    away = tuple(spans(rng, begin, end, 0.4 if wild else 0.0, (60.0, 1_200.0, 5 * HOUR_S)))
    silent = tuple(spans(rng, begin, end, 0.08 if wild else 0.0, (4 * HOUR_S,)))
    slow = rng.choice((0.0, 0.0, 0.05)) if wild else 0.0
    return Story(stream, tuple(sorted(tellings, key=lambda each: (each[0], each[1].id))), away, silent, slow, end)


def matter_of(rng: random.Random, stream: str, number: int) -> Matter:
    """Return a new matter of a stream."""
    return Matter(stream, rng.choice(KINDS), f"{stream}word{number}x", rng.choice(NAMES[stream]))


def life(rng: random.Random, at: float, end: float) -> Iterator[tuple[float, dict[str, object]]]:
    """Yield how one story goes: (when, what has changed), the first one opens it."""
    severity: list[Severity] = ["low", "medium", "high"]
    rank = rng.choice((0, 1, 1, 2, 2))
    yield at, {"severity": severity[rank], "ended": None}
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        for _ in range(rng.choice((0, 0, 1, 3))):
            at += rng.choice((60.0, 300.0, 2_000.0)) * rng.uniform(1.0, 2.0)
            rank = min(2, rank + rng.choice((0, 0, 1)))
            yield at, {"severity": severity[rank], "ended": None}
        at += rng.choice((1_800.0, 1_800.0, 5_000.0, 4 * HOUR_S, 30 * HOUR_S, 10 * DAY_S)) * rng.uniform(1.0, 1.5)
        yield at, {"severity": severity[rank], "ended": at // 60.0 * 60.0}
        at += rng.uniform(120.0, 3_500.0)
        if at > end or rng.random() < 0.7:
            return
        yield at, {"severity": severity[rank], "ended": None}


def told(  # noqa: PLR0917 - a line of a table
    matter: Matter, number: int, turn: int, since: float, at: float, changed: Mapping[str, object]
) -> Report:
    """Return a story as it is told; the first of what is `also` says which telling it is."""
    hostile = f" {HOSTILE}" if number % 5 == 0 else ""
    values: dict[str, object] = {
        "stream": matter.stream,
        "id": number,
        "kind": matter.kind,
        "detected_at": since,
        "since": since - 120.0,
        "template": matter.template,
        "example": f"{matter.word} failed{hostile}",
        "examples": (f"{matter.word} failed{hostile}",),
        "services": (matter.service,),
        "observed": float(turn + 2),
        "charted": at,
        "chart": (),
        "changes": (),
        "also": (mark_of(number, turn),),
    }
    return report(**{**values, **changed})


def mark_of(number: int, turn: int) -> str:
    """Return the mark of one telling, by which a message shows what it is of."""
    return f"telling {number}-{turn} of it"


# Alerts


def alerts(rng: random.Random, begin: float, end: float) -> Iterator[tuple[float, Group]]:
    """Yield what an Alertmanager sends: groups that fire, grow, repeat and are resolved."""
    for number in range(rng.randint(0, 6)):
        labels = {"alertname": f"Alert{number}", "service": rng.choice(("checkout", "ledger", "search", "none"))}
        for first, _ in spans(rng, begin, end, 0.4, (1.0,)):
            names = [f"pod-{each}" for each in range(rng.randint(1, 4))]
            at, last = first, first + rng.choice((1_200.0, 3 * HOUR_S, 20 * HOUR_S)) * rng.uniform(0.5, 1.5)
            while at < last:
                yield at, group_of(labels, dict.fromkeys(names, True), first, at)
                at += rng.choice((300.0, 4 * HOUR_S)) * rng.uniform(1.0, 1.1)
            yield last, group_of(labels, dict.fromkeys(names, False), first, last)
            if rng.random() < 0.3:
                yield last + 1.0, group_of(labels, dict.fromkeys(names, False), first, last)


def group_of(labels: Mapping[str, str], pods: Mapping[str, bool], starts: float, at: float) -> Group:
    """Return one message of an Alertmanager: these pods fire, or not any more."""
    told_ = [
        Alert(
            f"{labels['alertname']}{pod}",
            firing,
            {**labels, "pod": pod, "severity": "critical"},
            {"summary": f"pod is down {HOSTILE}"},
            starts,
            None if firing else at,
        )
        for pod, firing in pods.items()
    ]
    return Group("alertmanager", f"{{}}:{labels['alertname']}", told_, dict(labels))


# Ticks


def ticks(rng: random.Random, town: Town) -> Iterator[float]:
    """Yield when the schedule is fired: often where something is due, now and then where nothing is."""
    often: set[float] = set()
    at = town.begin
    while (at := at + rng.uniform(3_600.0, 7_000.0)) < town.end:
        often.add(at)
    for story in town.streams.values():
        for told_at, report_ in story.tellings:
            course = random.Random(told_at // 60.0)  # what happens in one minute is seen together
            if course.random() < 0.25:
                often |= {told_at + 30.0, *([told_at + 90.0] if course.random() < 0.3 else [])}
            if report_.severity == "high" and course.random() < 0.15:
                often |= {told_at + 1_000.0, told_at + 3_700.0}
        for span in (*story.down, *story.silent):
            often |= {span[0] + 30.0, span[0] + 180.0, span[0] + 1_000.0, span[1] + 30.0, span[1] + 90.0}
    for window in town.maintenance:
        often |= {window.end + 10.0, window.end + 70.0}
    for at, _, _ in town.deaths:
        often |= {at + 15.0, at + 75.0}
    for at in moments(town):
        often |= {at + 10.0, *([at + 70.0] if rng.random() < 0.4 else [])}
    yield from sorted({each // 60.0 * 60.0 + rng.uniform(7.0, 12.0) for each in often if each < town.end})


def moments(town: Town) -> Iterator[float]:
    """Yield the times of digests and the ends of quiet hours of each channel, whatever people change."""
    usual = Wanted(town.watch.digest, town.watch.quiet or "off", town.watch.least, town.watch.timezone)
    for wanted in (usual, *town.wanted.values(), *(each for _, _, each in town.changes)):
        zone = ZoneInfo(wanted.timezone)
        for written in (wanted.digest, wanted.quiet.partition("-")[2]):
            if not written:
                continue
            day = datetime.fromtimestamp(town.begin, UTC).date() - timedelta(days=1)
            while (at := datetime.combine(day, time.fromisoformat(written), zone).timestamp()) < town.end:
                if at > town.begin:
                    yield at
                day += timedelta(days=1)
