"""What a scan shows: stories in a terminal's lines, and times as people write them. Nothing is read here."""

from dataclasses import replace
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from bot.commands import screen, story
from bot.commands.logs import time_of, timezone_of
from bot.errors import BotError
from ingest.anomalies.quantity import shown, unit_beside, unit_of
from ingest.anomalies.report import Change, Report

NOON = 1_772_452_800.0
REPORT = Report(
    stream="shop",
    id=1,
    kind="rise",
    severity="high",
    detected_at=NOON + 360.0,
    since=NOON,
    ended=None,
    headline="More of: payment failed on web-1: 42 lines in 6 min, usually 1",
    template="payment failed",
    example="payment failed",
    examples=("12:00:01 ERROR web-1 pay payment failed",),
    services=("pay",),
    hosts=("web-1", "web-2"),
    observed=42.0,
    usual=1.0,
    unit="",
    window_s=360.0,
    score=40.0,
    chart=(0.0, 1.0, 21.0, 42.0),
    charted=NOON + 360.0,
    changes=(Change("payment failed", 6.0, 42.0), Change("breaker open", 0.0, 3.0)),
    also=("New: breaker open: 3 lines in 6 min, never seen before",),
)

Shown = pytest.CaptureFixture[str]


def lines(report: Report, capsys: Shown) -> list[str]:
    """Return what is shown of a story."""
    story.show(report, UTC)
    return capsys.readouterr().out.splitlines()


def test_a_story_is_told_in_a_few_lines(capsys: Shown) -> None:
    """The verdict, when, how it went, what changed, what else, where, and a line to see."""
    assert lines(REPORT, capsys) == [
        "HIGH   More of: payment failed on web-1: 42 lines in 6 min, usually 1",
        "  shop · since 2026-03-02 12:00 UTC, told after 6 min (12:06), still open",
        "  ·▁▅█  4 min until 12:06, at most 42 a minute, usually 0.1",
        "  Lines in an hour, usually and in the last one before it was told:",
        "          6 -> 42      payment failed",
        "          0 -> 3       breaker open",
        "  Also: New: breaker open: 3 lines in 6 min, never seen before",
        "  Hosts: web-1, web-2 · Services: pay",
        "  | 12:00:01 ERROR web-1 pay payment failed",
        "",
    ]


def test_what_a_log_says_commands_no_terminal(capsys: Shown) -> None:
    """Controls and bidi overrides are taken out of every text; a long example is cut."""
    evil = "\x1b[2J\u202ewiped\x07"
    report = replace(REPORT, headline=evil, template=evil, hosts=(evil,), examples=(f"{evil}\n" * 9,), also=(evil,))
    told = lines(report, capsys)
    assert not {"\x1b", "\u202e", "\x07"} & set("".join(told))
    assert told[-2] == "  | ... 5 more lines"


def test_an_end_is_told(capsys: Shown) -> None:
    """So is what has none of all that."""
    report = replace(REPORT, ended=NOON + 3600.0, chart=(), changes=(), also=(), hosts=(), services=(), examples=())
    assert lines(report, capsys)[1:] == [
        "  shop · since 2026-03-02 12:00 UTC, told after 6 min (12:06), over at 13:00",
        "",
    ]


def test_a_time_of_another_day_names_its_day(capsys: Shown) -> None:
    """Else an end after midnight would look earlier than the beginning."""
    told = lines(replace(REPORT, ended=NOON + 86400.0), capsys)
    assert told[1].endswith("told after 6 min (12:06), over at 2026-03-03 12:00")


@pytest.mark.parametrize(
    ("seconds", "words"), [(60.0, "1 min"), (7200.0, "2 h"), (9000.0, "2.5 h"), (172800.0, "2 days"), (90000.0, "25 h")]
)
def test_durations_are_told_without_a_needless_digit(seconds: float, words: str) -> None:
    """In the unit that people would take."""
    assert story.lasted(seconds) == words


def test_times_are_shown_in_the_timezone_asked_for(capsys: Shown) -> None:
    """And named."""
    story.show(REPORT, ZoneInfo("Europe/Berlin"))
    told = capsys.readouterr().out
    assert "since 2026-03-02 13:00 CET, told after 6 min (13:06)" in told
    assert "4 min until 13:06" in told


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-03-02", NOON - 13 * 3600),
        ("2026-03-02T12:00", NOON - 3600),
        ("2026-03-02 12:00:00", NOON - 3600),
        ("2026-03-02T12:00Z", NOON),
        ("2026-03-02T07:00-05:00", NOON),
    ],
)
def test_a_time_is_in_the_timezone_given_unless_it_names_its_own(text: str, seconds: float) -> None:
    """Berlin is an hour ahead of UTC in March's beginning."""
    assert time_of(text, "--since", ZoneInfo("Europe/Berlin")) == seconds


def test_utc_needs_no_tz_database() -> None:
    """A slim container has none."""
    assert timezone_of("utc") is UTC


@pytest.mark.parametrize("name", ["Nowhere", "../secret", ""])
def test_an_unknown_timezone_is_refused(name: str) -> None:
    """In a sentence that says how to name one."""
    with pytest.raises(BotError, match="is not known: name it as Europe/Berlin or UTC"):
        timezone_of(name)


@pytest.mark.parametrize(
    ("raw", "unit", "amount", "words"),
    [
        (b"564MB", "bytes", 564e6, "564 MB"),
        (b"34ms", "seconds", 0.034, "34 ms"),
        (b"93%", "percent", 93.0, "93 %"),
        (b"1.5 GiB", "bytes", 1.5 * 2**30, "1.61 GB"),
        (b"17", "", 17.0, "17"),
        (b"order-17", "", 0.00123, "0.00123"),
        (b"90min", "seconds", 5400.0, "1.5 h"),
        (b"0s", "seconds", 0.0, "0 s"),
    ],
)
def test_amounts_are_told_in_the_unit_of_their_values(raw: bytes, unit: str, amount: float, words: str) -> None:
    """A value of `564MB` is read as bytes, and shown as MB again."""
    assert unit_of(raw) == unit
    assert shown(amount, unit_of(raw)) == words


@pytest.mark.parametrize(
    ("words", "position", "found"),
    [
        (("took", None, "ms"), 1, ("seconds", 1e-3)),
        (("latency_ms", None), 1, ("seconds", 1e-3)),
        (("size", None, "bytes)"), 1, ("bytes", 1.0)),
        (("min", None), 1, ("", 1.0)),
        (("order", None, "paid"), 1, ("", 1.0)),
        ((None,), 0, ("", 1.0)),
    ],
)
def test_a_unit_may_stand_beside_its_number(
    words: tuple[str | None, ...], position: int, found: tuple[str, float]
) -> None:
    """As a word behind it, or at the end of its name."""
    assert unit_beside(words, position) == found


def test_progress_in_shares_is_told_in_per_cent(capsys: Shown) -> None:
    """Bytes would tell nobody anything."""
    with screen.progress("%") as show:
        for done in (0, 500, 1000):
            show(done, 1000, "shop")
    assert capsys.readouterr().err.splitlines() == ["Reading shop: 0 %", "Reading shop: 100 %"]
