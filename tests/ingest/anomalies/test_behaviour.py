"""What a stream tells of its logs, and what it is quiet through: generated lines in, reports out."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from ingest.anomalies.detect import Detector
from ingest.anomalies.signal import Minute, Row
from ingest.anomalies.story import About, Stories
from ingest.anomalies.stream import Report, Stream
from ingest.logs.source import Batch
from ingest.redact.redactor import redact
from tests.ingest.anomalies.conftest import LEARNT, Tell, fed, minute_of
from tests.ingest.anomalies.shop import (
    BEGIN,
    DAY,
    Change,
    Event,
    batches,
    events_of,
    lines_of,
    poisson,
    refused,
    request,
    same,
    some,
    started,
)

BEGINS, ENDS = 60, 90
"""When a trouble begins and ends, in minutes after what was learnt."""

WORDS = (
    "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo "
    "sierra tango uniform victor whiskey xray yankee zulu anchor barrel candle dagger ember falcon garnet harbor island"
).split()


def between(begin: int, end: int, change: Change) -> Change:
    """Return a change that lasts from one minute to before another, counted from what was learnt."""

    def changed(minute: int, rng: random.Random, events: list[Event]) -> list[Event]:
        within = LEARNT + begin <= minute < LEARNT + end
        return list(change(minute, rng, events)) if within else events

    return changed


def more(count: int, level: str, service: str, message: Callable[[random.Random], str]) -> Change:
    """Return a change that adds so many events of a kind in each minute."""
    return lambda minute, rng, events: events + some(minute, rng, count, level, service, message)


def told_as(what: str, message: Callable[[random.Random], str]) -> Change:
    """Return a change that lets events with a word in them say something else."""

    def changed(_minute: int, rng: random.Random, events: list[Event]) -> list[Event]:
        return [replace(event, message=message(rng)) if what in event.message else event for event in events]

    return changed


def without(what: str, host: str = "web") -> Change:
    """Return a change that leaves out the events of some hosts with a word in them."""
    return lambda _minute, _rng, events: [
        event for event in events if what not in event.message or not event.host.startswith(host)
    ]


def only(reports: list[Report]) -> Report:
    """Return the one story that was told, as it opened."""
    assert {report.id for report in reports} == {1}, [report.headline for report in reports]
    assert reports[0].ended is None
    return reports[0]


# What is told


@pytest.mark.parametrize(
    ("change", "kind", "what", "within"),
    [
        pytest.param(
            more(
                4, "ERROR", "billing", lambda rng: f"cannot reach ledger {rng.randrange(9)}: connection reset by peer"
            ),
            "new",
            "cannot reach ledger <*>: connection reset by peer",
            2,
            id="new error",
        ),
        pytest.param(
            more(3, "ERROR", "shop", refused), "rise", "inventory refused order <*> with code <*>", 5, id="burst"
        ),
        pytest.param(without("heartbeat"), "silence", "heartbeat number <*> of agent is fine", 5, id="heartbeat"),
        pytest.param(
            without("heartbeat", "web-2"),
            "silence",
            "heartbeat number <*> of agent is fine",
            5,
            id="heartbeat of a host",
        ),
        pytest.param(without("", "web-2"), "silence", "heartbeat number <*> of agent is fine", 5, id="host"),
        pytest.param(
            told_as("answered", lambda rng: request(rng, slower=2.0)),
            "drift",
            "request <*> answered <*> in <*> ms",
            20,
            id="level",
        ),
        pytest.param(
            told_as("answered", lambda rng: request(rng, failing=0.3)),
            "share",
            "request <*> answered <*> in <*> ms",
            25,
            id="outcomes",
        ),
        pytest.param(
            lambda minute, rng, events: events + some(minute, rng, 1, "INFO", "shop", started),
            "restarts",
            "Starting shop version <*> with profile prod",
            6,
            id="restart loop",
        ),
    ],
)
def test_a_trouble_is_told_once_in_time_and_recovers(
    tell: Tell, change: Change, kind: str, what: str, within: int
) -> None:
    """One story, named by what changed; it begins where the trouble does, and ends after it."""
    reports = tell(between(BEGINS, ENDS, change), 240)
    story = only(reports)
    assert (story.kind, story.template) == (kind, what)
    assert BEGINS < minute_of(story.detected_at) <= BEGINS + within
    assert minute_of(story.since) <= BEGINS + within
    (ended,) = [minute_of(report.ended) for report in reports if report.ended]
    assert ENDS < ended <= ENDS + 100
    assert story.chart
    assert story.example or kind == "silence"


def test_a_slow_trend_is_told(tell: Tell) -> None:
    """Memory that leaks over hours, at the same traffic."""

    def leak(minute: int, rng: random.Random, events: list[Event]) -> list[Event]:
        slower = 1.0 + (minute - LEARNT) / 300.0
        return list(told_as("answered", lambda rng: request(rng, slower=slower))(minute, rng, events))

    assert only(tell(leak, 300, size=5)).kind == "drift"


def test_two_causes_hours_apart_are_two_stories(tell: Tell) -> None:
    """Each with its own number."""
    first = between(30, 40, more(4, "ERROR", "billing", lambda _rng: "cannot reach ledger: connection reset"))
    second = between(200, 215, more(3, "ERROR", "shop", refused))
    reports = tell(lambda minute, rng, events: second(minute, rng, list(first(minute, rng, events))), 300)
    assert {(report.id, report.kind) for report in reports} == {(1, "new"), (2, "rise")}


# What it is quiet through


def peak(_minute: int, _rng: random.Random, events: list[Event]) -> list[Event]:
    """Three times the traffic, of all that follows the traffic."""
    regular = [event for event in events if event.service in {"agent", "cron"}]
    busy = [event for event in events if event.service not in {"agent", "cron"}]
    return regular + [event.later(step) for event in busy for step in (0.0, 0.004, 0.008)]


def verbose(words: str, levels: tuple[str, str] = ("DEBUG", "INFO")) -> Change:
    """Thirty new kinds of lines of no matter."""

    def changed(minute: int, rng: random.Random, events: list[Event]) -> list[Event]:
        lines = [
            Event(
                (BEGIN + minute) * 60.0 + number, "web-1", levels[number % 2], "shop", f"{one} {other} {words} {minute}"
            )
            for number, (one, other) in enumerate(zip(WORDS, WORDS[3:], strict=False))
        ]
        return events + lines

    return changed


def planned_restart(minute: int, rng: random.Random, events: list[Event]) -> list[Event]:
    """One host says nothing for forty seconds, then that it starts."""
    begin = (BEGIN + minute) * 60.0
    quiet = [event for event in events if event.host != "web-1" or event.time > begin + 50.0]
    return [*quiet, Event(begin + 45.0, "web-1", "INFO", "shop", started(rng))]


QUIET = {
    "a day like any other": (same, DAY),
    "a deploy that renames a line": (
        between(BEGINS, 2000, lambda _m, _r, events: [_renamed(event, "answered", "was answered") for event in events]),
        300,
    ),
    "a deploy that renames a heartbeat": (
        between(BEGINS, 2000, lambda _m, _r, events: [_renamed(event, "is fine", "is well") for event in events]),
        300,
    ),
    "a deploy that renames an error": (
        between(
            BEGINS, 2000, lambda _m, _r, events: [_renamed(event, "inventory", "the inventory") for event in events]
        ),
        400,
    ),
    "a traffic peak": (between(BEGINS, ENDS, peak), 180),
    "verbosity switched on": (between(BEGINS, 2000, verbose("of part")), 180),
    "verbosity with words of trouble": (between(BEGINS, 2000, verbose("checked, no error in")), 180),
    "a planned restart": (between(BEGINS, BEGINS + 1, planned_restart), 180),
    "one known error more": (between(BEGINS, BEGINS + 1, more(1, "ERROR", "shop", refused)), 120),
}


def _renamed(event: Event, old: str, new: str) -> Event:
    return replace(event, message=event.message.replace(old, new))


@pytest.mark.parametrize("case", QUIET)
def test_nothing_is_told_of(tell: Tell, case: str) -> None:
    """What is nobody's incident."""
    change, minutes = QUIET[case]
    reports = tell(change, minutes, size=1 if minutes < DAY else 10)
    assert [report.headline for report in reports] == []


def test_a_nightly_job_is_told_twice_at_most() -> None:
    """After its second run it is usual: two hundred lines, at the same time every night, from the second day on."""
    words = {1: ("request", None, "served"), 2: ("copied", "table", None)}
    detector, told = Detector(lambda template: words[template]), []
    stories = Stories(lambda _template: About())
    rng = random.Random(4)
    for minute in range(BEGIN, BEGIN + 4 * DAY + 200):
        rows = [Row(minute, 1, b"web-1", b"shop", 2, 1 + poisson(rng, 5.0))]
        if minute % DAY == 150 and minute > BEGIN + DAY:
            rows.append(Row(minute, 2, b"web-1", b"backup", 2, 200))
        opened = stories.tell(minute, detector.observe(Minute(minute, rows))).opened
        detector.hold(stories.held())
        told += [(minute - BEGIN) // DAY for _ in opened]
    assert [day for day in told if day > 2] == []


@pytest.mark.parametrize("offset", [-3700.0, 3600.0])
def test_nothing_is_told_of_a_host_whose_clock_is_off(offset: float) -> None:
    """From the first line on, in the batches of a live stream; every line is counted."""
    stream, reports, lines = Stream("shop", redact, tell_from=(BEGIN + 420) * 60.0), [], 0
    for minute in range(560):
        events = [event.later(offset) if event.host == "web-2" else event for event in events_of(minute)]
        reports += stream.feed(Batch([event.line for event in events], {}))
        lines += len(events)
    reports += stream.close()
    assert [report.headline for report in reports] == []
    assert stream.lines == lines


@pytest.mark.parametrize("offset", [-600.0, 95.0, 3600.0])
def test_nothing_is_told_when_a_host_sets_its_clock_wrong(learnt: bytes, offset: float) -> None:
    """In the middle of a day; every line is counted."""
    stream, reports, lines = Stream.restore("shop", redact, learnt), [], 0
    before = stream.lines
    for minute in range(LEARNT, LEARNT + 240):
        wrong = BEGINS <= minute - LEARNT < 180
        events = [event.later(offset) if wrong and event.host == "web-2" else event for event in events_of(minute)]
        reports += stream.feed(Batch([event.line for event in events], {}))
        lines += len(events)
    reports += stream.close()
    assert [report.headline for report in reports] == []
    assert stream.lines - before == lines + 1  # the line that was held back by what was learnt


def test_nothing_is_told_of_a_replay(learnt: bytes) -> None:
    """A rotation sends the last half hour again: each line counts once."""
    stream = Stream.restore("shop", redact, learnt)
    before, lines = stream.lines, lines_of(LEARNT, LEARNT + 120)
    again = lines_of(LEARNT + 30, LEARNT + 60)
    place = lines.index(again[-1]) + 1
    sent = lines[:place] + again + lines[place:]
    reports = fed(stream, [Batch(sent[begin : begin + 37], {}) for begin in range(0, len(sent), 37)])
    assert reports == []
    assert stream.lines - before == len(lines) + 1
    assert stream.replayed == len(again)


@pytest.mark.parametrize("off", [1.0, 20.0, 90.0])
def test_nothing_is_told_of_lines_out_of_order(learnt: bytes, off: float) -> None:
    """Each comes up to so many seconds late; each is counted."""
    rng = random.Random(5)
    stream = Stream.restore("shop", redact, learnt)
    before = stream.lines
    events = [event for minute in range(LEARNT, LEARNT + 180) for event in events_of(minute)]
    lines = [event.line for event in sorted(events, key=lambda event: event.time + rng.uniform(0.0, off))]
    reports = fed(stream, [Batch(lines[begin : begin + 20], {}) for begin in range(0, len(lines), 20)])
    assert reports == []
    assert stream.lines - before == len(lines) + 1


# Restarts of the bot


@pytest.mark.parametrize(
    ("change", "every"),
    [
        pytest.param(between(40, 50, more(4, "ERROR", "billing", lambda _rng: "cannot reach ledger")), 1, id="new"),
        pytest.param(between(BEGINS, ENDS, more(3, "ERROR", "shop", refused)), 23, id="rise"),
        pytest.param(between(BEGINS, ENDS, without("heartbeat")), 7, id="silence"),
        pytest.param(between(BEGINS, ENDS, told_as("answered", lambda rng: request(rng, slower=2.0))), 31, id="drift"),
        pytest.param(between(BEGINS, ENDS, told_as("answered", lambda rng: request(rng, failing=0.3))), 11, id="share"),
    ],
)
def test_restarts_change_nothing_that_is_told(learnt: bytes, change: Change, every: int) -> None:
    """The reports are the same to the letter, wherever state is taken and brought back."""
    whole = list(batches(LEARNT, LEARNT + 130, size=1, change=change))
    wanted = fed(Stream.restore("shop", redact, learnt), whole)
    stream, reports = Stream.restore("shop", redact, learnt), []
    for number, batch in enumerate(whole):
        reports += stream.feed(batch)
        if number % every == 0:
            stream = Stream.restore("shop", redact, stream.state())
    assert wanted
    assert reports + stream.close() == wanted


def test_a_bot_that_restarts_while_it_learns_learns_the_same() -> None:
    """Half an hour of each of the first hours is learnt by another process."""
    stream, whole = Stream("shop", redact), Stream("shop", redact)
    change = between(600 - LEARNT, 640 - LEARNT, more(4, "ERROR", "billing", lambda _rng: "cannot reach ledger"))
    for stays in (whole, stream):
        stays.tell_from = (BEGIN + 500) * 60.0
    reports, wanted = [], []
    for batch in batches(0, 660, size=20, change=change):
        wanted += whole.feed(batch)
        reports += stream.feed(batch)
        stream = Stream.restore("shop", redact, stream.state())
    assert wanted
    assert reports == wanted
