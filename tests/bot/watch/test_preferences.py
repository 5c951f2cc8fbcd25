"""What holds in a channel: copilot.toml's word, and over it what people set."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from bot.settings import WatchSettings
from bot.watch.preferences import TOLD, Preferences, Wanted, as_written, may_set, understood
from ingest.database import Database

WATCH = WatchSettings(channel="C0OPS", quiet="22:00-07:00", timezone="Europe/Berlin", digest="09:00", least="medium")
WRITTEN = Wanted("09:00", "22:00-07:00", "medium", "Europe/Berlin")


@pytest.mark.parametrize(
    ("field", "written", "kept"),
    [
        ("digest", "9:30", "09:30"),
        ("digest", " OFF ", "off"),
        ("digest", "", "off"),
        ("digest", "never", "off"),
        ("quiet", "22:00 – 7:00", "22:00-07:00"),  # noqa: RUF001 - as phones write it
        ("quiet", "none", "off"),
        ("quiet", "", "off"),
        ("least", "High", "high"),
        ("timezone", "europe/berlin", "Europe/Berlin"),
        ("timezone", "America/new york", "America/New_York"),
        ("timezone", "utc", "UTC"),
    ],
)
def test_what_people_write_is_understood(field: str, written: str, kept: str) -> None:
    """In any case, without a leading nought, and with nothing for off."""
    found = understood(replace(WRITTEN, **{field: written}))
    assert isinstance(found, Wanted)
    assert getattr(found, field) == kept


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ("digest", "25:00"),
        ("digest", "nine"),
        ("digest", "09:00; off"),
        ("quiet", "22:00"),
        ("quiet", "22:00-07:00-09:00"),
        ("quiet", "late"),
        ("least", "huge"),
        ("least", ""),
        ("timezone", "PST8"),
        ("timezone", "../../etc/passwd"),
        ("timezone", ""),
        ("timezone", "Europe/Berlin\x00"),
        ("timezone", "A" * 10_000),
    ],
)
def test_what_cannot_be_understood_is_told_at_its_field(field: str, written: str) -> None:
    """One sentence that says what to write, and nothing at the other fields."""
    assert understood(replace(WRITTEN, **{field: written})) == {field: TOLD[field]}  # type: ignore[index]


async def test_a_channel_that_nobody_set_is_as_copilot_toml_says(database: Database) -> None:
    """With its zone; what a channel wants is known without waiting for a database."""
    preferences = Preferences(database, WATCH)
    found = await preferences.of("C0OPS")
    assert as_written(found) == WRITTEN
    assert (found.set_at, found.off, found.zone) == (None, False, ZoneInfo("Europe/Berlin"))
    assert preferences.zone_of(None) == ZoneInfo("Europe/Berlin")


async def test_what_people_set_holds_over_restarts_and_for_every_replica(database: Database) -> None:
    """Another bot on the same database knows it once it has looked."""
    other = Preferences(database, WATCH)
    kept = await Preferences(database, WATCH).set("C0OPS", "U1", 5.0, Wanted("off", "off", "low", "Asia/Kathmandu"))
    assert (kept.digest, kept.digest_at, kept.quiet, kept.least, kept.set_at) == ("off", None, None, "low", 5.0)
    assert other.zone_of("C0OPS") == ZoneInfo("Europe/Berlin")
    assert await other.of("C0OPS") == kept
    assert other.zone_of("C0OPS") == ZoneInfo("Asia/Kathmandu")
    assert as_written(await other.of("C0ELSE")) == WRITTEN


async def test_what_is_as_in_copilot_toml_is_left_to_it(database: Database) -> None:
    """Whoever changes only the hour of a channel goes along when the file's zone changes."""
    await Preferences(database, WATCH).set("C0OPS", "U1", 5.0, replace(WRITTEN, digest="10:00"))
    moved = Preferences(database, WATCH.model_copy(update={"timezone": "UTC", "quiet": None}))
    found = await moved.of("C0OPS")
    assert (found.digest, found.timezone, found.quiet) == ("10:00", "UTC", None)


async def test_a_zone_that_this_machine_does_not_know_gives_way(database: Database) -> None:
    """Zones are the system's: a digest in the file's zone is better than none."""
    await Preferences(database, WATCH).set("C0OPS", "U1", 5.0, replace(WRITTEN, timezone="Mars/Olympus"))
    assert (await Preferences(database, WATCH).of("C0OPS")).timezone == "Europe/Berlin"


@pytest.mark.parametrize(("person", "admins", "may"), [("U1", [], True), ("U1", ["U1"], True), ("U2", ["U1"], False)])
def test_who_may_set_a_channel(person: str, admins: list[str], *, may: bool) -> None:
    """Those who are named; everybody where nobody is."""
    assert may_set(person, admins) == may
