"""Days for digests: a busy one, a quiet one, one of which nothing is known, and one full of other people's text."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.watch.day import next_due, of_day, whole
from bot.watch.facts import Facts, Frame, Off, Seen, Told, Used
from bot.watch.rejections import Precision

BERLIN = ZoneInfo("Europe/Berlin")


def utc(written: str) -> float:
    """Return a time in UTC as seconds."""
    return datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp()


def frame(day: str = "2026-11-19", now: str = "2026-11-20 08:00", **changes: Any) -> Frame:
    """Return the frame of a day in Berlin, told the next morning at nine."""
    told = date.fromisoformat(day)
    usual = Frame(
        day=told,
        window=whole(told, BERLIN),
        zone=BERLIN,
        zone_name="Europe/Berlin",
        now=utc(now),
        next_at=next_due(utc(now), of_day("09:00"), BERLIN),
    )
    return replace(usual, **changes)


SEARCH = Told(
    name="search-4",
    service="search",
    severity="high",
    opened=utc("2026-11-19 22:40"),
    headline='search: "slow query" 42 a minute, usually 1',
    detector="rise",
    template="slow query <*> ms",
)
INDEX = Told(
    name="search-3",
    service="search",
    severity="medium",
    opened=utc("2026-11-19 09:10"),
    headline='search: values in "latency <*> ms" about 900 ms, usually 120 ms',
    taken=True,
    detector="drift",
)
PAYMENT = Told(
    name="shop-12",
    service="checkout",
    severity="high",
    opened=utc("2026-11-19 13:02"),
    ended=utc("2026-11-19 13:50"),
    headline='checkout: new line "payment gateway timeout after <*> ms" 42 a minute, never seen before',
    taken=True,
    detector="new",
    template="payment gateway timeout after <*> ms",
)
NIGHTLY = Told(
    name="shop-11",
    service="checkout",
    severity="low",
    opened=utc("2026-11-19 01:30"),
    ended=utc("2026-11-19 02:05"),
    headline='checkout: no longer writes "nightly export done", overdue by 30 min',
    detector="silence",
    template="nightly export done",
)
SCANNED = utc("2026-11-23 07:59")
SEEN = (Seen("search", 1_100_000, SCANNED), Seen("shop", 1_000_000, SCANNED))
BUSY = Facts(
    told=(SEARCH, INDEX, PAYMENT, NIGHTLY),
    last_week=(utc("2026-11-12 10:00"),),
    sources=SEEN,
    questions={"answered": 11, "perhaps": 2, "not_found": 1},
    vain=(("How do I rotate the HSM key?", 4),),
    used=(Used("Queue backlog", 3, date(2024, 5, 2)), Used("Postgres connection pool", 2, date(2026, 9, 1))),
    precision=(Precision("rise", "checkout", 2, 5), Precision("new", "checkout", 6, 0)),
    proposed=(Precision("rise", "checkout", 2, 5),),
    off=(Off("jump", "search", utc("2026-11-02 09:00")),),
    usd=0.314,
)
QUIET = Facts(sources=SEEN, questions={"answered": 3})
DOWN = replace(
    QUIET,
    sources=(
        SEEN[0],
        replace(SEEN[1], lines=0, down="Loki: connection refused", down_since=utc("2026-11-19 12:55")),
    ),
)
HOSTILE = (
    "<!channel> <@U123> [x](https://evil.example) *b* `c`\x1b[31m\u202e :tada: http://evil.example/a " + "A" * 100_000
)
