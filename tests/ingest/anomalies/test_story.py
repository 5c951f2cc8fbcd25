"""Signals of one cause become one story, which grows, ends, and may come back."""

import pytest

from ingest.anomalies.signal import ERROR, INFO, WARN, Series, Signal
from ingest.anomalies.story import ACCEPTED_MINUTES, BACK_MINUTES, QUIET_MINUTES, About, Stories

ABOUT = {
    1: About(frozenset({"payment", "refused", "card"}), frozenset({b"billing"})),
    2: About(frozenset({"payment", "refused", "account"}), frozenset({b"ledger"})),
    3: About(frozenset({"disk", "full"}), frozenset({b"store"})),
    4: About(frozenset({"queue", "long"}), frozenset({b"billing"})),
}


def stories() -> Stories:
    """Return no stories."""
    return Stories(lambda template: ABOUT.get(template, About()))


def signal(template: int, minute: int, **given: object) -> Signal:
    """Return a signal of a template."""
    series = Series(template=template, host=given.pop("host", b""))  # type: ignore[arg-type]
    values = {"kind": "rise", "since": minute, "observed": 9.0, "usual": 1.0, "window": 1, "nats": 20.0, "level": ERROR}
    return Signal(series=series, minute=minute, **{**values, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        pytest.param(signal(1, 100), signal(3, 104), True, id="within five minutes"),
        pytest.param(signal(1, 100), signal(3, 120), False, id="later, of nothing in common"),
        pytest.param(signal(1, 100), signal(2, 112), True, id="in nearly the same words"),
        pytest.param(signal(1, 100), signal(4, 112), True, id="of the same service"),
        pytest.param(signal(1, 100), signal(4, 125), False, id="of the same service, much later"),
        pytest.param(signal(1, 100, serious=True), signal(3, 112, serious=True), True, id="errors among themselves"),
        pytest.param(signal(1, 100, host=b"a"), signal(3, 112, host=b"a"), True, id="on the same host"),
        pytest.param(signal(1, 100, host=b"a"), signal(3, 112, host=b"b"), False, id="on another host"),
        pytest.param(signal(1, 100), signal(3, 160, since=101, window=60), True, id="that began together"),
        pytest.param(signal(1, 100), signal(1, 125), True, id="the same line again"),
    ],
)
def test_what_has_one_cause_is_one_story(first: Signal, second: Signal, *, together: bool) -> None:
    """By time, words, service and host."""
    told = stories()
    assert len(told.tell(first.minute, [first]).opened) == 1
    again = told.tell(second.minute, [second])
    assert len(again.opened) == (0 if together else 1)
    assert len(told.open()) == (1 if together else 2)


def test_a_story_is_named_by_what_was_most_surprising_in_its_first_minute() -> None:
    """A template comes before a host, whatever the surprise; the story opens once."""
    told = stories()
    host = Signal("silence", Series(host=b"a"), 100, 98, 0.0, 3.0, 3, 90.0)
    opened = told.tell(100, [host, signal(1, 100, nats=15.0), signal(2, 100, nats=30.0)])
    assert [story.lead.series.template for story in opened.opened] == [2]
    assert opened.grown == []
    assert opened.opened[0].templates == (2, 1)


def test_a_story_grows_once_by_each_series() -> None:
    """What goes on is no news."""
    told = stories()
    told.tell(100, [signal(1, 100)])
    assert len(told.tell(101, [signal(1, 101), signal(4, 101)]).grown) == 1
    assert told.tell(102, [signal(1, 102), signal(4, 102)]).grown == []


def test_a_story_ends_after_half_an_hour_of_quiet_and_once() -> None:
    """And not before."""
    told = stories()
    told.tell(100, [signal(1, 100)])
    ended = [minute for minute in range(101, 200) if told.tell(minute, []).ended]
    assert ended == [100 + QUIET_MINUTES]
    assert told.open() == []


def test_a_new_line_goes_on_as_long_as_it_is_written() -> None:
    """A new line is unusual once only; it has recovered when it is written no more."""
    told = stories()
    told.tell(100, [signal(1, 100, kind="new")])
    for minute in range(101, 160):
        assert told.tell(minute, [], frozenset({1})).ended == []
    assert [minute for minute in range(160, 220) if told.tell(minute, []).ended] == [159 + QUIET_MINUTES]


@pytest.mark.parametrize(("later", "opened", "grown"), [(BACK_MINUTES - 1, 0, 1), (BACK_MINUTES + 20, 1, 0)])
def test_what_comes_back_within_an_hour_is_the_same_story(later: int, opened: int, grown: int) -> None:
    """It has the same number then; else it is another one."""
    told = stories()
    told.tell(100, [signal(1, 100)])
    end = next(minute for minute in range(101, 200) if told.tell(minute, []).ended)
    for minute in range(end + 1, end + later):
        told.tell(minute, [])
    back = told.tell(end + later, [signal(1, end + later)])
    assert (len(back.opened), len(back.grown)) == (opened, grown)
    assert [story.id for story in told.open()] == [1 + opened]


def test_more_lines_that_tell_no_trouble_are_learnt_all_the_same() -> None:
    """A new nightly job is told once, not every night."""
    told = stories()
    assert told.tell(100, [signal(1, 100)]).opened
    assert told.held() == set()


def test_series_of_a_story_are_held_until_it_is_accepted() -> None:
    """What is part of an anomaly is not learnt; what lasts for three days is the new usual."""
    told = stories()
    told.tell(100, [signal(1, 100, serious=True)])
    assert told.held() == {Series(template=1)}
    for minute in range(101, 100 + ACCEPTED_MINUTES + 1):
        told.tell(minute, [signal(1, minute, serious=True)])
    assert told.held() == set()
    assert len(told.open()) == 1


@pytest.mark.parametrize(
    ("signals", "severity"),
    [
        ([signal(1, 100)], "high"),
        ([signal(1, 100, level=WARN)], "medium"),
        ([signal(1, 100, level=INFO)], "low"),
        ([signal(1, 100, level=INFO, kind="silence")], "high"),
        ([signal(1, 100, level=INFO, kind="restarts")], "high"),
        ([signal(number, 100, level=INFO) for number in (1, 2, 3)], "medium"),
    ],
)
def test_severity_follows_a_rule(signals: list[Signal], severity: str) -> None:
    """Errors, silence and restarts are high; warnings and what touches several series medium; the rest is low."""
    told = stories()
    (story,) = told.tell(100, signals).opened
    assert story.severity == severity


def test_a_state_brings_stories_back() -> None:
    """Open ones, ended ones that may come back, and the next number."""
    told = stories()
    told.tell(100, [signal(1, 100)])
    told.tell(120, [signal(3, 120)])
    told.tell(131, [])
    again = stories()
    again.restore(told.state())
    assert again.told == told.told
    assert again.held() == told.held()
    assert [story.id for story in again.tell(400, [signal(2, 400)]).opened] == [3]
