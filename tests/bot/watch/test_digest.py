"""What a digest says: worst first, five needs at most, one line for a quiet day, and never "quiet" of the unseen."""

from dataclasses import replace

import pytest

from bot.watch.digest import NEEDS, Need, compose, text_of
from bot.watch.facts import Facts, Seen, Told
from tests.bot.watch.days import BUSY, DOWN, HOSTILE, INDEX, PAYMENT, QUIET, SCANNED, SEARCH, SEEN, frame, utc

SUNDAY = frame("2026-11-22", "2026-11-23 08:00")

BUSY_TEXT = """\
On call, Thursday 19 November (Europe/Berlin, 00:00-24:00)
Needs you:
  1. Nobody has it: search: "slow query" 42 a minute, usually 1 (high, 9 h, search-4)
  2. Still open: search: values in "latency <*> ms" about 900 ms, usually 120 ms (medium, 22 h, search-3)
  3. Detector "more lines than usual" on checkout: 2 of 7 cards were right in 30 days. Move it to shadow?
  4. Asked 4 times, not in the runbooks: "How do I rotate the HSM key?"
  5. Used, but not vouched for within a year: reviewed May 2024: Queue backlog
Stories per 2 hours, against last week:
         00-02 02-04 04-06 06-08 08-10 10-12 12-14 14-16 16-18 18-20 20-22 22-24
 19 Nov      ·     1     ·     ·     ·     1     ·     1     ·     ·     ·     1
 12 Nov      ·     ·     ·     ·     ·     1     ·     ·     ·     ·     ·     ·
4 stories (last Thursday 1), 1 recovered by itself, 1 recovered with somebody on it, 2 open · 2.1 M log lines · \
14 questions: 11 answered, 2 perhaps, 1 not in the runbooks · 0.31 USD
Off: detector "record values" on search is in shadow, until somebody puts it back.

checkout: 2 stories
  14:02 high: checkout: new line "payment gateway timeout after <*> ms" 42 a minute, never seen before (shop-12), \
recovered after 48 min
  02:30 low: checkout: no longer writes "nightly export done", overdue by 30 min (shop-11), recovered after 35 min

search: 2 stories
  23:40 high: search: "slow query" 42 a minute, usually 1 (search-4), open for 9 h
  10:10 medium: search: values in "latency <*> ms" about 900 ms, usually 120 ms (search-3), open for 22 h, acknowledged

New and vanished
  new: payment gateway timeout after <*> ms
  silent: nightly export done

Not in the runbooks
  asked 4 times: "How do I rotate the HSM key?"

Documents used
  Queue backlog: cited 3 times, reviewed 2 May 2024, stale
  Postgres connection pool: cited 2 times, reviewed 1 September 2026

Detectors, judged by people in 30 days
  "more lines than usual" on checkout: 2 of 7 right
  "new lines" on checkout: 6 of 6 right

Next digest Saturday 09:00 Europe/Berlin."""


def line(facts: Facts, **changes: object) -> str:
    """Return the one line of a day on which nothing was told."""
    digest = compose(facts, replace(SUNDAY, **changes))  # type: ignore[arg-type]
    assert digest.brief
    return text_of(digest).removeprefix("On call, Sunday 22 November: ")


def needs(facts: Facts) -> list[str]:
    """Return what needs somebody."""
    return [need.words for need in compose(facts, frame()).needs]


def test_a_busy_day() -> None:
    """What needs somebody, the chart, the counts, and the detail by service; read it as the person on call would."""
    assert text_of(compose(BUSY, frame())) == BUSY_TEXT


def test_a_quiet_day_is_one_line() -> None:
    """What was looked at, that nothing came of it, and when the next one comes."""
    assert line(QUIET) == (
        "quiet. 2.1 M log lines, no story; 3 questions, all answered. Next digest Tuesday 09:00 Europe/Berlin."
    )


@pytest.mark.parametrize(
    ("sources", "missed_s", "why"),
    [
        ((), 0, "No log source is set up."),
        ((Seen("shop", 0, SCANNED),), 0, "No line came from shop."),
        ((SEEN[0], Seen("shop", 0, SCANNED)), 0, "No line came from shop."),
        ((Seen("shop", None, None),), 0, "shop was never scanned."),
        ((replace(SEEN[0], scanned_at=utc("2026-11-22 20:00")),), 0, "search was last scanned 21:00 Europe/Berlin."),
        (
            (replace(SEEN[0], outages=((utc("2026-11-22 12:55"), utc("2026-11-22 14:10")),)),),
            0,
            "search could not be scanned 13:55-15:10 Europe/Berlin.",
        ),
        (SEEN, 8_000, "I was not running for 2 h of it."),
    ],
    ids=["no source", "no line", "one without a line", "never scanned", "not to its end", "outage", "not running"],
)
def test_what_was_not_seen_is_never_quiet(sources: tuple[Seen, ...], missed_s: float, why: str) -> None:
    """No data is no all-clear, and it says which data."""
    said = line(replace(QUIET, sources=sources, missed_s=missed_s), next_at=None)
    seen = any(each.lines for each in sources)
    verdict = "no story, but not all was seen." if seen else "no data."
    assert said.startswith(f"{verdict} {why} This is not an all-clear. ")
    assert "quiet" not in said


def test_a_source_that_is_down_needs_somebody() -> None:
    """Also on a day without a story: first of all, and no all-clear."""
    digest = compose(DOWN, frame())
    assert not digest.brief
    assert digest.needs == (
        Need("Cannot be scanned since 13:55: shop (Loki: connection refused). This is not an all-clear."),
    )


def test_at_most_five_and_one_of_each_kind_before_a_second() -> None:
    """Ten stories that nobody has do not hide the page that is missing; the rest is told in the thread."""
    many = tuple(replace(SEARCH, name=f"search-{number}") for number in range(10))
    digest = compose(replace(BUSY, told=(*many, INDEX)), frame())
    words = [need.words.split(":")[0].split(",")[0].split(" ")[0] for need in digest.needs]
    assert words == ["Nobody", "Still", "Detector", "Asked", "Used"]
    assert len(digest.needs) == NEEDS
    assert digest.sections[0].title == "Needs you as well"
    assert len(digest.sections[0].lines) == 9  # eight, and how many more


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (replace(SEARCH, taken=True, opened=utc("2026-11-20 05:00")), []),  # somebody has it, for three hours
        (replace(SEARCH, taken=True, opened=utc("2026-11-20 04:00")), ["Still open"]),
        (replace(SEARCH, opened=utc("2026-11-20 07:59")), ["Nobody has it"]),
        (replace(SEARCH, rejected=True), []),
        (replace(SEARCH, snoozed_until=utc("2026-11-20 08:30")), []),
        (replace(SEARCH, snoozed_until=utc("2026-11-20 07:30")), ["Nobody has it"]),
        (PAYMENT, []),
    ],
)
def test_what_needs_somebody_of_a_story(told: Told, words: list[str]) -> None:
    """High and nobody's, or open for half a shift; not what is snoozed, rejected or over."""
    assert [each.split(":")[0] for each in needs(replace(QUIET, told=(told,)))] == words


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ((), "no story (last Thursday 0)"),
        ((PAYMENT,), "1 story (last Thursday 0), 1 recovered with somebody on it"),
        (
            (replace(SEARCH, opened=utc("2026-11-18 10:00")),),
            "no story (last Thursday 0), 1 older and still open",
        ),
        (
            (replace(SEARCH, rejected=True), replace(SEARCH, snoozed_until=utc("2026-11-21 08:00"))),
            "2 stories (last Thursday 0), 1 snoozed, 1 no anomaly, somebody said",
        ),
    ],
)
def test_each_story_is_counted_once(told: tuple[Told, ...], said: str) -> None:
    """Recovered, open, snoozed or no anomaly; what is older and open is told beside."""
    digest = compose(replace(QUIET, told=told, vain=(("why?", 3),)), frame())
    assert digest.counts.split(" · ")[0] == said


def test_alerts_are_counted_by_themselves() -> None:
    """A group of alerts is no story, and is not in the chart."""
    firing = replace(SEARCH, alert=True, name="alert-ab12cd", headline="HighErrorRate: 5 % of requests fail")
    digest = compose(replace(QUIET, told=(firing, replace(firing, ended=firing.opened + 60))), frame())
    assert "no story (last Thursday 0) · 2 alerts, 1 still firing · " in digest.counts
    assert digest.chart is None
    assert digest.needs[0].words.endswith("5 % of requests fail (alert, high, 9 h, alert-ab12cd)")


def test_a_day_on_which_clocks_change_says_so() -> None:
    """Its hours are not those of other days."""
    assert compose(BUSY, frame("2026-10-25")).span == "Europe/Berlin, 00:00-24:00, 25 hours: the clocks changed"
    assert compose(BUSY, frame("2026-03-29")).span == "Europe/Berlin, 00:00-24:00, 23 hours: the clocks changed"


def test_a_late_one_says_when_it_was_due() -> None:
    """Whoever reads it at noon knows that it is this morning's."""
    assert compose(BUSY, frame(due=utc("2026-11-20 08:00"))).late == "Late: it was due at 09:00 Europe/Berlin."


def test_today_so_far_says_until_when() -> None:
    """A day that is not over has no 24:00."""
    assert compose(BUSY, frame(now="2026-11-19 15:00")).span == "Europe/Berlin, 00:00-16:00, so far"
    assert "So far, until 11:00 Europe/Berlin: 2.1 M log lines" in line(QUIET, now=utc("2026-11-22 10:00"))


def test_a_story_that_may_not_be_named_is_told_without_its_words() -> None:
    """It counts, and nobody reads what it is."""
    closed = replace(SEARCH, headline="")
    assert needs(replace(QUIET, told=(closed,))) == [
        "Nobody has it: a story that not everybody here may read (high, 9 h, search-4)"
    ]


def test_hostile_text_stays_short_and_on_its_line() -> None:
    """A headline of 100,000 characters with newlines neither fills a digest nor begins a line of its own."""
    hostile = replace(SEARCH, headline=HOSTILE + "\n\nNeeds you: nothing", service="s\nx", template=HOSTILE)
    facts = replace(BUSY, told=(hostile,), vain=((HOSTILE, 3),), used=(replace(BUSY.used[0], title=HOSTILE),))
    text = text_of(compose(facts, frame()))
    assert max(map(len, text.splitlines())) < 300
    assert text.count("Needs you") == 1
