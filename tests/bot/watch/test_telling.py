"""What cards say, as a person reads them: stories, groups of them, sources that cannot be scanned, alerts."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from zoneinfo import ZoneInfo

import pytest

from bot.errors import BotError
from bot.types import Hint
from bot.watch.catalogue import Service
from bot.watch.storycard import MOST_EXAMPLE, MOST_EXAMPLE_LINES
from ingest.anomalies.report import Change, Report
from ingest.anomalies.stream import Stream
from ingest.database import Database
from ingest.redact.redactor import redact
from ingest.types import Audience
from tests.bot.watch.desk import JANUARY, MINUTE, NOON, PRESSURE, Desk, report, row, status_of, text_of
from tests.ingest.anomalies.shop import DAY, Event, batches, refused, request, some, started

KEY = "story:shop:12"
GROUP = "group:C0SHOP:2026-11-18T12"

HOSTILE = "<!channel> <@U123> `x` [click](https://evil.example) *b*\n# heading\x1b[31m red \u202e" + "A" * 100_000


@pytest.fixture
def desk(database: Database) -> Desk:
    """Give a board whose checkout is owned by the people of a group."""
    return Desk(database, [Service("checkout", ("checkout",), owner="S0PAY")])


# A story


async def test_a_new_story(desk: Desk) -> None:
    """The verdict first, what happened before it, figures, what changed, lines to see, what may help, what to press."""
    desk.documents.runbook, desk.documents.similar = PRESSURE, (JANUARY,)
    desk.deploys.add("1.42", NOON)
    also = ("New: circuit breaker open for gateway eu-west on checkout: 5 lines in 1 min, never seen before",)
    await desk.with_(row(), report(hosts=("web-1", "web-2"), also=also))
    assert (
        await desk.shown()
        == """\
# checkout on 2 hosts: new line "payment gateway timeout after … ms (gateway=…)" 42 a minute, never seen before
high · since 12:02 UTC (6 min) · owner <S0PAY>
2 minutes after checkout 1.42 was deployed by ana (not proven to be the cause).
Also new: circuit breaker open for gateway eu-west on checkout: 5 lines in 1 min, never seen before
[Lines a minute: "payment gateway timeout after…": at most 42, nothing is usual, checkout 1.42 8 min before]
Rate 42 a minute | Usual none | First seen 12:02 UTC | Hosts web-1, web-2 | Score 30 nats
0 -> 252  payment gateway timeout after … ms (gateway=…)
> 12:02:31 ERROR web-1 checkout payment gateway timeout after 5000 ms (gateway=eu-west)
Runbook that fits: Payment gateway degraded (curl -sI https://gateway/health)
Similar, perhaps: Gateway outage of January (dig gateway)
shop-12 · log source shop · as of 12:08 UTC
[acknowledge] [investigate] [snooze] [reject] [runbook]"""
    )


async def test_a_story_that_recovered(desk: Desk) -> None:
    """Said when it was over, not when we were sure of it half an hour later; the chart stays, the hints go."""
    desk.documents.runbook = PRESSURE
    await desk.with_(row(), report(kind="rise", template="payment gateway timeout", usual=1.0))
    await desk.presses.acknowledge(KEY, "U1", desk.now)
    over = NOON + 52 * MINUTE
    await desk.know(report(kind="rise", template="payment gateway timeout", usual=1.0, ended=over, charted=over))
    await desk.change(KEY, ended=over)
    desk.now = over + MINUTE
    assert (
        await desk.shown()
        == """\
# Recovered after 20 min: checkout: "payment gateway timeout" 42 a minute, usually 1
high · 12:02 to 12:22 UTC · acknowledged at 12:08 UTC by <U1> · owner <S0PAY>
Back to usual at 12:22 UTC, and for 30 min since.
[Lines a minute: "payment gateway timeout": at most 42, usually 1]
Rate 42 a minute | Usual 1 a minute | Since 12:02 UTC | Score 30 nats
0 -> 252  payment gateway timeout after … ms (gateway=…)
> 12:02:31 ERROR web-1 checkout payment gateway timeout after 5000 ms (gateway=eu-west)
shop-12 · log source shop · as of 12:53 UTC
[investigate] [reject]"""
    )
    assert desk.documents.sought == []


async def test_a_story_that_is_no_anomaly(desk: Desk) -> None:
    """What was said, by whom, until when, and how to take it back; no alarm is left of it."""
    await desk.with_(row(), report())
    await desk.presses.reject(KEY, "U1", desk.now)
    assert (
        await desk.shown()
        == """\
# Not an anomaly: checkout: new line "payment gateway timeout after … ms (gateway=…)" 42 a minute, never seen before
not told again until 18 December · said by <U1>
Until 18 December, nothing is posted when this line of checkout appears again. Undo takes that back.
shop-12 · log source shop
[undo]"""
    )
    card = await desk.telling.card(KEY)
    assert card is not None
    assert card.undo == (await desk.row()).rejected


async def test_a_rejection_that_is_over_says_nothing_any_more(desk: Desk) -> None:
    """After its 30 days the story is told as it stands."""
    await desk.with_(row(), report())
    await desk.presses.reject(KEY, "U1", desk.now)
    desk.now += 30 * 86_400
    assert (await desk.shown()).startswith("# checkout: new line")


async def test_who_has_it_stands_beside_the_status(desk: Desk) -> None:
    """Acknowledged, snoozed, owned; ids stand apart from all text. A snooze that is over is not told."""
    await desk.with_(row(), report())
    await desk.presses.acknowledge(KEY, "U1", desk.now)
    await desk.presses.snooze(KEY, "U2", desk.now, 3_600)
    brief = await desk.telling.brief(await desk.row())
    assert status_of(brief) == (
        "high · since 12:02 UTC (6 min) · acknowledged at 12:08 UTC by <U1> · snoozed until 13:08 UTC by <U2>"
        " · owner <S0PAY>"
    )
    desk.now += 3_601
    assert "snoozed" not in status_of(await desk.telling.brief(await desk.row()))


async def test_an_owner_out_of_a_catalogue_is_a_name(database: Database) -> None:
    """Nobody's id: it stands among the notes, and can become no mention."""
    desk = await Desk(database, [Service("checkout", ("checkout",), owner="payments")]).with_(row(), report())
    card = await desk.telling.card(KEY)
    assert card is not None
    assert card.people == ()
    assert "owner payments" in card.notes


async def test_times_are_those_of_the_channel(database: Database) -> None:
    """People read the clock on their wall; its zone is named."""
    desk = await Desk(database, zone=ZoneInfo("Europe/Berlin")).with_(row(), report())
    assert "since 13:02 CET (6 min)" in await desk.shown()


async def test_figures_that_are_old_are_dated(desk: Desk) -> None:
    """A message that is edited an hour later does not pass old figures off as new ones."""
    await desk.with_(row(), report())
    desk.now += 3_600
    told = await desk.shown()
    assert "high · since 12:02 UTC (66 min)" in told
    assert "as of 13:08 UTC, figures of 12:08 UTC" in told


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (-61.0, None),
        (0.0, "60 minutes after checkout 1.42 was deployed by ana (not proven to be the cause)."),
        (59.0, "1 minute after checkout 1.42 was deployed by ana (not proven to be the cause)."),
        (60.0, "Within a minute, checkout 1.42 was deployed by ana (not proven to be the cause)."),
        (60.4, "Within a minute, checkout 1.42 was deployed by ana (not proven to be the cause)."),
        (64.0, "checkout 1.42 was deployed by ana at 12:06 UTC, 4 minutes into it."),
        (121.0, None),
    ],
)
async def test_a_deployment_is_told_as_what_happened(desk: Desk, at: float, told: str | None) -> None:
    """Within an hour of the beginning, by the minute; never as the cause."""
    desk.deploys.add("1.42", NOON + (at - 58.0) * MINUTE)
    await desk.with_(row(), report())
    card = await desk.telling.card(KEY)
    assert card is not None
    assert card.lines == ((told,) if told else ())


async def test_of_many_deployments_the_last_before_and_the_first_after_are_told(desk: Desk) -> None:
    """All of the hour are marked in the chart."""
    for minute in (-30, -10, 0, 5, 7):
        desk.deploys.add(f"1.{minute}", NOON + minute * MINUTE)
    await desk.with_(row(), report())
    card = await desk.telling.card(KEY)
    assert card is not None
    assert card.chart is not None
    assert [told.partition(" was")[0] for told in card.lines] == ["2 minutes after checkout 1.0", "checkout 1.5"]
    assert len(card.chart.marks) == 5
    assert desk.deploys.asked == [["checkout", "shop"]]


async def test_a_story_that_came_back_tells_both(desk: Desk) -> None:
    """One message for one matter: the figures are those of the story that goes on."""
    before = report(id=9, since=NOON - 600 * MINUTE, ended=NOON - 550 * MINUTE)
    await desk.with_(row(key="story:shop:9"), before, report())
    told = await desk.shown("story:shop:9")
    assert "since 12:02 UTC (6 min)" in told
    assert "It was here before: 02:00 to 02:20 UTC." in told


async def test_a_story_of_which_nothing_is_kept_is_still_a_card(desk: Desk) -> None:
    """Whoever edits its message finds words."""
    await desk.with_(row())
    assert (await desk.shown()).startswith("# checkout: a story of its logs, of which no more is kept\n")
    assert (await desk.telling.brief(await desk.row())).name == "shop-12"
    assert await desk.telling.card("story:shop:404") is None


async def test_every_kind_of_a_real_stream(desk: Desk, real: Mapping[str, Report]) -> None:
    """Stories as ingest tells them of real lines, through the database, on a card."""
    told = {}
    for number, (kind, story) in enumerate(real.items(), 100):
        key = f"story:shop:{number}"
        desk.now = story.charted
        await desk.with_(row(key=key, service=story.services[0], ended=story.ended), report_as(story, number))
        told[kind] = (await desk.shown(key)).splitlines()[0].removeprefix("# ")
    assert told.pop("new").startswith(
        'Recovered after 14 min: checkout: new line "payment gateway timeout after … ms" 42'
    )
    assert told == {
        "rise": 'shop: "inventory refused order … with code …" 20 a minute, usually 1.9 an hour',
        "silence": 'agent on web-2: no longer writes "heartbeat number … of agent is fine", overdue after 3 min',
        "share": 'shop: 500 in 63 % of "request … answered … in … ms", usually 1.9 %',
        "jump": 'Recovered after 4 min: billing on web-1: "payment of order … settled over … EUR" up to 90,000,'
        " never above 399 before",
        "restarts": "shop: starts again and again, 4 in 5 min, usually 1.8 a day",
    }


# What came out of a log


async def test_hostile_lines_stay_within_their_bounds(desk: Desk) -> None:
    """What a log writes is short, in its place, and nobody's id; whoever shows it makes it inert."""
    await desk.with_(
        row(service=HOSTILE[:200]),
        report(
            template=HOSTILE,
            example=HOSTILE,
            examples=(HOSTILE, "x\n" * 5_000),
            services=(HOSTILE,) * 20,
            hosts=(HOSTILE,) * 20,
            also=(HOSTILE,) * 20,
            changes=(Change(HOSTILE, 0.0, 1.0),) * 20,
        ),
    )
    desk.deploys.add(HOSTILE, NOON, service=HOSTILE[:200], who=HOSTILE)
    card = await desk.telling.card(KEY)
    assert card is not None
    assert card.people == ()
    assert max(len(each) for each in (card.headline, card.status, *card.lines, *card.notes)) < 400
    assert len(card.headline.splitlines()) == 1
    assert all(len(each.splitlines()) == 1 for each in card.lines)
    assert all(len(each) <= MOST_EXAMPLE + 40 for each in card.examples)
    assert card.examples[1].count("\n") == MOST_EXAMPLE_LINES
    assert (len(card.changes), len(card.lines)) == (8, 5)
    assert len(text_of(card)) < 8_000


# What may help


async def test_documents_are_looked_up_once(desk: Desk) -> None:
    """Every edit shows what the first look found; nothing is searched for a thousand edits."""
    desk.documents.runbook = PRESSURE
    await desk.with_(row(), report())
    for _ in range(3):
        card = await desk.telling.card(KEY)
        assert card is not None
        assert card.runbook == PRESSURE
    assert len(desk.documents.sought) == 1
    assert "payment gateway timeout after 5000 ms (gateway=eu-west)" in desk.documents.sought[0]


async def test_what_was_found_is_shown_to_who_may_read_it_now(desk: Desk) -> None:
    """A document that became secret leaves the card, with its button."""
    desk.documents.runbook, desk.documents.similar = PRESSURE, (JANUARY,)
    payments, everyone = Audience.of([["U1", "C0PAY"]]), Audience.of([["everyone"]])
    await desk.with_(row(), report())
    desk.documents.readers[PRESSURE.path] = ("C0PAY",)
    first = await desk.telling.card(KEY, payments)
    assert first is not None
    assert first.runbook == PRESSURE
    second = await desk.telling.card(KEY, everyone)
    assert second is not None
    assert (second.runbook, second.similar) == (None, (JANUARY,))
    assert "runbook" not in second.presses


async def test_a_search_that_fails_takes_nothing_but_the_hints(desk: Desk, database: Database) -> None:
    """The card is told; the next edit looks again."""

    async def broken(*_: object) -> tuple[Hint | None, tuple[Hint, ...]]:
        raise BotError("The index is away.")

    await desk.with_(row(), report())
    found, desk.documents.on = desk.documents.on, broken  # type: ignore[method-assign,assignment]
    assert (await desk.shown()).startswith("# checkout: new line")
    desk.documents.on, desk.documents.runbook = found, PRESSURE  # type: ignore[method-assign]
    assert "Runbook that fits" in await desk.shown()


# Several in one


async def test_a_thousand_stories_in_one_message(desk: Desk) -> None:
    """The worst fifteen by name, the others counted; how many are bad, and where."""
    await desk.with_(row(key=GROUP, kind="group", service="", why="more than 6 new messages an hour"))
    async with desk.database.write() as connection:
        for number in range(1_000):
            severity = "high" if number in (7, 900) else "medium"
            service = ("checkout", "search", "billing", "store")[number % 4]
            member = row(key=f"story:shop:{number}", service=service, severity=severity, place="group", inside=GROUP)
            await desk.board.add(connection, member)
            await desk.board.tell(connection, member.key, "shop", number)
    await desk.know(*(report(id=number, template=f"line {number}") for number in (7, 900)))
    told = (await desk.shown(GROUP)).splitlines()
    assert told[:4] == [
        "# 1,000 stories in store, checkout and 2 more services: 2 high, 998 medium",
        "high · began 12:03 UTC",
        'shop-7 · high · store: new line "line 7" 42 a minute, never seen before',
        'shop-900 · high · checkout: new line "line 900" 42 a minute, never seen before',
    ]
    assert told[17:] == [
        "and 985 more: /copilot incidents lists what is open",
        "in one message: more than 6 new messages an hour · as of 12:08 UTC",
        "no buttons",
    ]


async def test_a_group_follows_its_members(desk: Desk) -> None:
    """What is over or is no anomaly stands last and counts no more; in the end all is over."""
    await desk.with_(row(key=GROUP, kind="group", service=""))
    for number in (1, 2, 3):
        member = row(key=f"story:shop:{number}", place="group", inside=GROUP, severity="high" if number < 3 else "low")
        await desk.with_(member, report(id=number, template=f"line {number}"))
    await desk.change("story:shop:1", ended=NOON + 40 * MINUTE)
    await desk.presses.reject("story:shop:2", "U1", desk.now)
    await desk.presses.acknowledge("story:shop:3", "U1", desk.now)
    assert (await desk.shown(GROUP)).splitlines()[:5] == [
        "# 3 stories in checkout: 1 open (1 low)",
        "low · began 12:03 UTC · 2 over",
        'shop-3 · low · acknowledged · checkout: new line "line 3" 42 a minute, never seen before',
        'shop-1 · Recovered after 8 min: checkout: new line "line 1" 42 a minute, never seen before',
        'shop-2 · Not an anomaly: checkout: new line "line 2" 42 a minute, never seen before',
    ]
    await desk.change("story:shop:3", ended=NOON + 40 * MINUTE)
    assert (await desk.shown(GROUP)).startswith("# All over: 3 stories in checkout\n")


# A source of which nothing is known


async def test_a_source_that_cannot_be_scanned(desk: Desk) -> None:
    """Since when, why, and that this is no all-clear; then that somebody looks again."""
    key = "source:shop:1795003200"
    down = row(key=key, kind="source", opened=NOON, body={"reason": "Loki: connection refused, 3 tries."}, detector="")
    await desk.with_(down)
    assert (
        await desk.shown(key)
        == """\
# Could not scan shop logs since 12:00 UTC
high · for 8 min
Loki: connection refused, 3 tries.
This is not an all-clear: nothing is known of it since then.
source-shop · as of 12:08 UTC
[acknowledge] [snooze]"""
    )
    await desk.change(key, ended=NOON + 7 * MINUTE)
    assert (
        await desk.shown(key)
        == """\
# Scanning shop logs again since 12:07 UTC
could not be scanned 12:00 to 12:07 UTC
For 7 min nobody looked. What was written meanwhile is read now.
The reason was: Loki: connection refused, 3 tries.
source-shop · as of 12:08 UTC
no buttons"""
    )


async def test_a_source_without_a_line_is_no_all_clear(desk: Desk) -> None:
    """It can be read, and says nothing: that is told, not called quiet."""
    key = "source:shop:1795003200"
    await desk.with_(row(key=key, kind="source", opened=NOON, body={"reason": "", "silent": True}))
    assert (await desk.shown(key)).splitlines()[:3] == [
        "# No line in shop logs since 12:00 UTC",
        "high · for 8 min",
        "This is not an all-clear: nothing is known of it since then.",
    ]
    await desk.change(key, ended=NOON + 7 * MINUTE)
    assert (await desk.shown(key)).splitlines()[:3] == [
        "# Lines in shop logs again since 12:07 UTC",
        "nothing was written 12:00 to 12:07 UTC",
        "For 7 min nothing was known of it.",
    ]


# Alerts

ALERT = "alert:alertmanager:abcdef123456:1"


def alert(number: int, **changes: object) -> dict[str, object]:
    """Return an alert as it is kept."""
    labels = {"alertname": "HighErrorRate", "service": "checkout", "instance": f"web-{number}:9090"}
    annotations = {"summary": "5xx above 5 % for 10 minutes", "runbook_url": "https://wiki.example/5xx"}
    usual: dict[str, object] = {"status": "firing", "labels": labels, "annotations": annotations}
    return usual | {"starts": NOON + number * MINUTE, "ends": None} | changes


def alerts(*each: Mapping[str, object]) -> dict[str, object]:
    """Return the body of a card of alerts."""
    group = {"alertname": "HighErrorRate", "service": "checkout"}
    return {"alerts": {f"f{number}": one for number, one in enumerate(each)}, "group": group, "source": "alertmanager"}


async def test_one_alert(desk: Desk) -> None:
    """Its name, its own words once, since when, its labels, what may help."""
    desk.documents.runbook = PRESSURE
    desk.deploys.add("1.42", NOON)
    await desk.with_(row(key=ALERT, kind="alert", detector="", body=alerts(alert(1))))
    assert (
        await desk.shown(ALERT)
        == """\
# checkout: HighErrorRate: 5xx above 5 % for 10 minutes
high · firing since 12:01 UTC (7 min) · owner <S0PAY>
1 minute after checkout 1.42 was deployed by ana (not proven to be the cause).
service checkout | instance web-1:9090
Runbook that fits: Payment gateway degraded (curl -sI https://gateway/health)
alert-abcdef · from alertmanager · its own runbook: https://wiki.example/5xx · as of 12:08 UTC
[acknowledge] [investigate] [snooze] [runbook]"""
    )


async def test_a_group_of_alerts(desk: Desk) -> None:
    """Those that fire first, each by what it alone has; the rest is counted."""
    gone = alert(2, status="resolved", ends=NOON + 6 * MINUTE)
    other = alert(3, annotations={"summary": "5xx above 50 %"})
    await desk.with_(row(key=ALERT, kind="alert", detector="", body=alerts(alert(1), gone, other)))
    assert (
        await desk.shown(ALERT)
        == """\
# checkout: HighErrorRate, 2 firing: 5xx above 5 % for 10 minutes
high · firing since 12:01 UTC (7 min) · owner <S0PAY>
instance web-1:9090 · firing since 12:01 UTC: 5xx above 5 % for 10 minutes
instance web-3:9090 · firing since 12:03 UTC: 5xx above 50 %
instance web-2:9090 · resolved at 12:06 UTC: 5xx above 5 % for 10 minutes
service checkout
alert-abcdef · from alertmanager · its own runbook: https://wiki.example/5xx · as of 12:08 UTC
[acknowledge] [investigate] [snooze]"""
    )


async def test_alerts_that_are_resolved(desk: Desk) -> None:
    """The same message says so, and after how long."""
    gone = [alert(each, status="resolved", ends=NOON + (5 + each) * MINUTE) for each in (1, 2)]
    await desk.with_(row(key=ALERT, kind="alert", detector="", ended=NOON + 7 * MINUTE, body=alerts(*gone)))
    assert (await desk.shown(ALERT)).splitlines()[:5] == [
        "# Resolved after 6 min: checkout: HighErrorRate",
        "high · 12:01 to 12:07 UTC · owner <S0PAY>",
        "5xx above 5 % for 10 minutes",
        "Resolved at 12:07 UTC.",
        "instance web-1:9090 · resolved at 12:06 UTC",
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"alerts": {}, "group": {}, "source": ""},
        {"alerts": {"a": None, "b": {"labels": ["x"], "annotations": 7, "starts": "soon"}}, "group": None},
        alerts(alert(1, labels={HOSTILE: HOSTILE}, annotations={"summary": HOSTILE, "description": HOSTILE})),
    ],
)
async def test_alerts_of_any_shape_are_a_card(desk: Desk, body: Mapping[str, object]) -> None:
    """Somebody else's server writes them: what is not as it should be is left out, what is too long is cut."""
    await desk.with_(row(key=ALERT, kind="alert", detector="", body=dict(body)))
    told = await desk.shown(ALERT)
    assert len(told) < 2_500
    assert (await desk.telling.brief(await desk.row(ALERT))).name == "alert-abcdef"


async def test_many_alerts_are_counted(desk: Desk) -> None:
    """Eight by name, and the first ones that fire."""
    await desk.with_(row(key=ALERT, kind="alert", detector="", body=alerts(*(alert(each) for each in range(1, 201)))))
    told = (await desk.shown(ALERT)).splitlines()
    assert told[0] == "# checkout: HighErrorRate, 200 firing: 5xx above 5 % for 10 minutes"
    assert "and 192 more, 192 of them firing" in told


# Real stories


def report_as(story: Report, number: int) -> Report:
    """Return a story under another number."""
    return replace(story, id=number)


BEGAN = 2 * DAY + 20
ENDED = BEGAN + 15


def timeouts(minute: int, rng: Random, events: list[Event]) -> list[Event]:
    """Add a line that was never seen, for a quarter of an hour."""
    count = 42 if BEGAN <= minute < ENDED else 0
    said = "payment gateway timeout after {} ms"
    return events + some(minute, rng, count, "ERROR", "checkout", lambda each: said.format(each.randrange(4000, 6000)))


def refusals(minute: int, rng: Random, events: list[Event]) -> list[Event]:
    """Let a rare error be frequent."""
    return events + some(minute, rng, 20 if BEGAN <= minute < ENDED else 0, "ERROR", "shop", refused)


def one_host_less(minute: int, _rng: Random, events: list[Event]) -> list[Event]:
    """Let one of two hosts be silent."""
    return [each for each in events if each.host != "web-2" or minute < BEGAN]


def failures(minute: int, rng: Random, events: list[Event]) -> list[Event]:
    """Let every second request fail."""
    return [
        replace(each, message=request(rng, failing=0.5)) if minute >= BEGAN and "answered" in each.message else each
        for each in events
    ]


def a_large_payment(minute: int, _rng: Random, events: list[Event]) -> list[Event]:
    """Let payments be larger than ever, for two minutes."""
    huge = "payment of order 7 settled over 90000.00 EUR"
    large = BEGAN <= minute < BEGAN + 2
    return [replace(each, message=huge) if large and each.service == "billing" else each for each in events]


def starts(minute: int, rng: Random, events: list[Event]) -> list[Event]:
    """Let the shop start again and again."""
    return events + some(minute, rng, 2 if minute >= BEGAN else 0, "INFO", "shop", started)


@pytest.fixture(scope="module")
def real() -> Mapping[str, Report]:
    """Give the last report of each kind that a stream tells after two days of the shop like any other."""
    stream = Stream("shop", redact)
    for batch in batches(0, 2 * DAY, size=60):
        stream.feed(batch)
    learnt = stream.state()
    told: dict[str, Report] = {}
    for change in (timeouts, refusals, one_host_less, failures, a_large_payment, starts):
        stream = Stream.restore("shop", redact, learnt)
        lines = batches(2 * DAY, 2 * DAY + 90, size=1, change=change)
        found = [each for batch in lines for each in stream.feed(batch)] + stream.close()
        told[found[-1].kind] = found[-1]
    return told
