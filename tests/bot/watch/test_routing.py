"""Where a matter belongs, by tables of cases."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.settings import Settings
from bot.watch.catalogue import Catalogue, Service
from bot.watch.preferences import Preference
from bot.watch.routing import (
    Decision,
    Known,
    Matter,
    Origin,
    Rules,
    Window,
    decided,
    fingerprint_of,
    group_key,
    quiet_until,
    service_name,
)


def at(text: str) -> float:
    """Return a time in seconds UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def text(time: float | None) -> str | None:
    """Return a time as it is read."""
    return None if time is None else f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M}"


NIGHT, DAY = at("2026-11-20T23:30"), at("2026-11-20T12:00")
OPS, SHOP = "C0OPS", "C0SHOP"

WISHES: Mapping[str, Preference] = {
    OPS: Preference(OPS, "09:00", "22:00-07:00", "medium", "UTC"),
    SHOP: Preference(SHOP, "09:00", None, "high", "UTC"),
    "C0OFF": Preference("C0OFF", "off", None, "low", "UTC", off=True),
}
RULES = Rules(
    Catalogue([Service("checkout", ("checkout",), SHOP), Service("cart", ("cart",), "C0OFF")]),
    OPS,
    per_hour=3,
    maintenance=(
        Window(at("2026-11-20T11:00"), at("2026-11-20T13:00"), frozenset({"search"}), "new index"),
        Window(at("2026-11-20T11:30"), at("2026-11-20T12:30"), frozenset({"search"}), "same time"),
        Window(at("2026-11-20T05:00"), at("2026-11-20T06:00"), frozenset(), "everything"),
    ),
    origins={"dark": Origin(shadow=True), "secret": Origin(audience=frozenset({"C0SEC"}))},
)


def matter(number: int = 1, **changes: Any) -> Matter:
    """Return a story of medium severity that no service knows."""
    return replace(Matter(f"story:shop:{number}", f"{number:032}", "shop", "new", "t", "shop", "medium"), **changes)


def one(case: Matter, now: float = DAY, **known: Any) -> Decision:
    """Return where a single matter belongs."""
    return decided([case], RULES, Known(now, WISHES, **known))[0]


REJECTED = {"rejected": frozenset({("shop", "t", "new", "shop")})}
SNOOZED = {"snoozed": frozenset({f"{1:032}"})}
SHADOWED = {"shadowed": frozenset({("new", "shop")})}


@pytest.mark.parametrize(
    ("case", "now", "known", "place", "channel", "why"),
    [
        (matter(), DAY, {}, "root", OPS, ""),
        (matter(severity="low"), DAY, {}, "none", OPS, "less than medium severity"),
        (matter(service="checkout"), DAY, {}, "none", SHOP, "less than high severity"),
        (matter(service="checkout", severity="high"), DAY, {}, "root", SHOP, ""),
        (matter(service="cart", severity="high"), DAY, {}, "none", "C0OFF", "nothing is posted there unasked"),
        (matter(stream="dark", severity="high"), DAY, {}, "shadow", OPS, "its source is in shadow"),
        (matter(stream="secret"), DAY, {}, "none", OPS, "the channel is not in the audience of its source"),
        (matter(), DAY, SHADOWED, "shadow", OPS, "its detector is in shadow"),
        (matter(kind="rise"), DAY, SHADOWED, "root", OPS, ""),
        (matter(), DAY, REJECTED, "muted", OPS, "rejected as no anomaly"),
        (matter(service="other"), DAY, REJECTED, "root", OPS, ""),
        (matter(), DAY, SNOOZED, "muted", OPS, "snoozed"),
        (matter(2), DAY, SNOOZED, "root", OPS, ""),
        (matter(), DAY, SHADOWED | REJECTED | SNOOZED, "shadow", OPS, "its detector is in shadow"),
        (matter(severity="low"), DAY, REJECTED | SNOOZED, "muted", OPS, "rejected as no anomaly"),
        (matter(severity="low"), DAY, SNOOZED, "muted", OPS, "snoozed"),
        (matter(severity="low", service="search"), DAY, {}, "none", OPS, "less than medium severity"),
        (matter(service="search"), DAY, {}, "held", OPS, "maintenance: new index"),
        (matter(service="search", severity="high"), DAY, {}, "held", OPS, "maintenance: new index"),
        (matter(), at("2026-11-20T05:30"), {}, "held", OPS, "maintenance: everything"),
        (matter(), NIGHT, {}, "held", OPS, "quiet hours"),
        (matter(severity="high"), NIGHT, {}, "root", OPS, ""),
        (matter(unread=True), NIGHT, {}, "held", OPS, "what its source has is not read to its end yet"),
        (matter(severity="low", unread=True), DAY, {}, "none", OPS, "less than medium severity"),
        (matter(severity="low", blind=True), DAY, {}, "root", OPS, ""),
        (matter(), DAY, {"used": {OPS: 2}}, "root", OPS, ""),
        (matter(), DAY, {"used": {OPS: 3}}, "group", OPS, "more than 3 new messages an hour"),
        (matter(severity="high"), DAY, {"used": {OPS: 9}}, "group", OPS, "more than 3 new messages an hour"),
        (matter(), DAY, {"used": {SHOP: 9}}, "root", OPS, ""),
        (matter(blind=True), DAY, {"used": {OPS: 9}}, "root", OPS, ""),
    ],
)
def test_the_first_reason_that_holds_decides(  # noqa: PLR0917 - a case
    case: Matter, now: float, known: dict[str, Any], place: str, channel: str, why: str
) -> None:
    """Shadow, rejected, snoozed, no channel or too small, unread, maintenance, quiet hours, budget."""
    found = one(case, now, **known)
    assert (found.place, found.why) == (place, why)
    assert found.channel == (None if case.stream == "secret" else channel)


@pytest.mark.parametrize(
    ("now", "until"),
    [(DAY, "2026-11-20T13:00"), (at("2026-11-20T12:59"), "2026-11-20T13:00"), (at("2026-11-20T13:00"), None)],
)
def test_maintenance_holds_until_the_last_window_is_over(now: float, until: str | None) -> None:
    """Its end is no longer part of it."""
    assert text(one(matter(service="search"), now).held_until) == until


def test_without_a_channel_nothing_is_posted() -> None:
    """The home tab and /copilot incidents show it."""
    found = decided([matter()], Rules(), Known(DAY, {}))[0]
    assert (found.place, found.why, found.channel) == ("none", "no channel is set", None)


@pytest.mark.parametrize(("stories", "used", "roots"), [(3, 0, 3), (4, 0, 0), (2, 1, 2), (2, 2, 0), (1_000, 0, 0)])
def test_more_than_the_rest_of_an_hour_shares_one_message(stories: int, used: int, roots: int) -> None:
    """All that came at once, since nobody can tell which of it matters."""
    found = decided([matter(number) for number in range(stories)], RULES, Known(DAY, WISHES, used={OPS: used}))
    assert sum(each.place == "root" for each in found) == roots
    rest = [each for each in found if each.place != "root"]
    assert {(each.place, each.inside) for each in rest} <= {("group", "group:C0OPS:2026-11-20T12")}


def test_what_is_not_posted_uses_no_budget() -> None:
    """A hundred small things do not push a high one into a group."""
    found = decided(
        [*(matter(number, severity="low") for number in range(100)), matter(200)], RULES, Known(DAY, WISHES)
    )
    assert found[-1].place == "root"


BERLIN, NEW_YORK, HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"


@pytest.mark.parametrize(
    ("now", "hours", "zone", "until"),
    [
        ("2026-11-20T21:59", "22:00-07:00", "UTC", None),
        ("2026-11-20T22:00", "22:00-07:00", "UTC", "2026-11-21T07:00"),
        ("2026-11-21T06:59", "22:00-07:00", "UTC", "2026-11-21T07:00"),
        ("2026-11-21T07:00", "22:00-07:00", "UTC", None),
        ("2026-11-20T12:30", "12:00-13:00", "UTC", "2026-11-20T13:00"),
        ("2026-11-20T12:30", "12:00-12:00", "UTC", None),
        ("2026-11-20T12:30", None, "UTC", None),
        ("2026-11-20T21:30", "22:00-07:00", BERLIN, "2026-11-21T06:00"),
        ("2026-07-20T20:30", "22:00-07:00", BERLIN, "2026-07-21T05:00"),
        # Clocks go forward at 01:00 UTC on 29 March 2026, from 02:00 to 03:00 in Berlin
        ("2026-03-29T00:30", "22:00-07:00", BERLIN, "2026-03-29T05:00"),
        ("2026-03-29T00:59", "01:00-02:30", BERLIN, "2026-03-29T01:00"),
        ("2026-03-29T01:00", "01:00-02:30", BERLIN, None),
        ("2026-03-29T01:00", "02:15-04:00", BERLIN, "2026-03-29T02:00"),
        # and back at 01:00 UTC on 25 October 2026, from 03:00 to 02:00
        ("2026-10-25T00:29", "22:00-02:30", BERLIN, "2026-10-25T00:30"),
        ("2026-10-25T00:45", "22:00-02:30", BERLIN, None),
        ("2026-10-25T01:15", "22:00-02:30", BERLIN, None),
        ("2026-10-25T01:15", "02:15-04:00", BERLIN, "2026-10-25T03:00"),
        ("2026-11-01T05:30", "22:00-07:00", NEW_YORK, "2026-11-01T12:00"),
        # by half an hour
        ("2026-04-04T14:59", "22:00-07:00", HOWE, "2026-04-04T20:30"),
    ],
)
def test_quiet_hours_are_those_of_the_wall_clock(now: str, hours: str | None, zone: str, until: str | None) -> None:
    """Over midnight, and on the days on which clocks change."""
    assert text(quiet_until(at(now), hours, ZoneInfo(zone))) == until


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, HOWE, "America/Nuuk", "Asia/Kathmandu", "Pacific/Apia"])
@pytest.mark.parametrize("hours", ["22:00-07:00", "00:00-06:00", "02:00-03:00", "06:30-04:00", "23:59-00:01"])
def test_quiet_hours_come_to_their_end_every_day_of_a_year(zone: str, hours: str) -> None:
    """At the end that is told they are over, and they never last an hour longer than on any day."""
    first, last = (int(each[:2]) * 60 + int(each[3:]) for each in hours.split("-"))
    longest = (last - first) % 1_440 * 60 + 3_600
    now, end = at("2026-01-01T00:00"), at("2027-01-02T00:00")
    began: float | None = None
    while now < end:
        until = quiet_until(now, hours, ZoneInfo(zone))
        assert until is None or now < until <= now + longest
        if until is not None and quiet_until(until, hours, ZoneInfo(zone)) is not None:
            began = now
        now += 20_011.0
    assert began is None


def test_settings_become_rules() -> None:
    """Windows without a zone are in the watch's, names of audiences become ids."""
    settings = Settings.model_validate(
        {
            "slack": {"names": {"sec": "C0SEC"}},
            "watch": {
                "channel": OPS,
                "timezone": BERLIN,
                "maintenance": [
                    {"start": datetime(2026, 11, 20, 12), "end": datetime(2026, 11, 20, 13)},  # noqa: DTZ001 - so typed
                    {"start": datetime(2026, 11, 20, 12, tzinfo=UTC), "end": datetime(2026, 11, 20, 13, tzinfo=UTC)},
                ],
            },
            "logs": {"audit": {"files": ["/a"], "shadow": True, "audience": ["sec"]}},
        }
    )
    rules = Rules.of(settings, Catalogue())
    assert [text(each.start) for each in rules.maintenance] == ["2026-11-20T11:00", "2026-11-20T12:00"]
    assert rules.origins == {"audit": Origin(shadow=True, audience=frozenset({"C0SEC"}))}
    assert rules.channels == {OPS}


def test_a_group_is_that_of_the_hour() -> None:
    """In UTC, so that no hour comes twice."""
    assert group_key(OPS, at("2026-11-20T12:59")) == "group:C0OPS:2026-11-20T12"


def test_the_same_matter_has_the_same_fingerprint() -> None:
    """And what differs in one of its four parts has another one."""
    parts = [("s", "new", "t", "x"), ("s2", "new", "t", "x"), ("s", "rise", "t", "x"), ("s", "new", "t2", "x"),
             ("s", "new", "t", "x2")]  # fmt: skip
    found = [fingerprint_of(*each) for each in parts]
    assert len(set(found)) == len(parts)
    assert found[0] == fingerprint_of(*parts[0])
    assert len(found[0]) == 32


@pytest.mark.parametrize(
    ("names", "stream", "service"),
    [(("checkout", "web-1"), "shop", "checkout"), (("unknown",), "cart", "cart"), ((), "shop", "shop"),
     (("unknown", "web-1"), "shop", "unknown")],
)  # fmt: skip
def test_a_story_belongs_to_a_service(names: tuple[str, ...], stream: str, service: str) -> None:
    """As the catalogue has it, by its services, hosts, stream; else it is called by its own name."""
    assert service_name(RULES.catalogue, names, stream)[0] == service
