"""What is said unasked in a channel, and when: copilot.toml's `watch`, and over it what people set from Slack."""

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import time, tzinfo
from functools import cache
from typing import Literal, cast
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import select
from sqlalchemy.engine import RowMapping

from bot.settings import WatchSettings
from bot.types import Severity
from bot.watch.board import channels_table
from bot.watch.day import of_day
from ingest.database import Database

OFF = "off"
"""Stands for no digest, and for no quiet hours."""

Field = Literal["digest", "quiet", "least", "timezone"]

TOLD: Mapping[Field, str] = {
    "digest": 'Not a time of day: write one such as 09:00, or "off".',
    "quiet": 'Not hours: write them such as 22:00-07:00, or "off".',
    "least": "Choose low, medium or high.",
    "timezone": "Not a zone that I know: write one such as Europe/Berlin or UTC.",
}
"""What is said at a field that cannot be understood."""

ADMINS_ONLY = "Only the people in the setting `slack.admins` may change what I post here: ask one of them."


@dataclass(frozen=True, slots=True)
class Preference:
    """What holds in a channel: `digest` is a time of day or `off`, `quiet` are hours in which only high severity goes.

    Both are in `timezone` (IANA). `least` severity is posted; `off` says that nothing is posted there unasked.
    `set_at` is when somebody last changed it from Slack (seconds UTC), None where copilot.toml alone speaks.
    """

    channel: str
    digest: str
    quiet: str | None
    least: Severity
    timezone: str
    off: bool = False
    set_at: float | None = None

    @property
    def zone(self) -> tzinfo:
        """The zone of its times."""
        return ZoneInfo(self.timezone)

    @property
    def digest_at(self) -> time | None:
        """When the digest comes, in that zone; None where none does."""
        return None if self.off or self.digest == OFF else of_day(self.digest)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wrote into the form, as it stands there; empty is `off`."""

    digest: str
    quiet: str
    least: str
    timezone: str
    off: bool = False


def understood(wanted: Wanted) -> Wanted | dict[Field, str]:
    """Return what was written in the words of the settings, or what is wrong with each field. Pure."""
    plain = replace(
        wanted,
        digest=_clock(wanted.digest),
        quiet="-".join(map(_clock, re.split(r"\s*[-–—]\s*", wanted.quiet.strip()))),  # noqa: RUF001 - as phones write it
        least=wanted.least.strip().lower(),
        timezone=_zone(wanted.timezone),
    )
    wrong = [name for name in TOLD if not _holds(name, getattr(plain, name))]
    return {name: TOLD[name] for name in wrong} or plain


def may_set(person: str, admins: Collection[str]) -> bool:
    """Whether a full member may change a channel's settings: anybody where nobody is named for it."""
    return not admins or person in admins


class Preferences:
    """The preferences of all channels. What was read last is remembered, for those who cannot wait for a database."""

    def __init__(self, database: Database, settings: WatchSettings, watched: Collection[str] | None = None) -> None:
        """`watched` are the channels to which stories go: others get a digest only if somebody asks for one there."""
        self._database = database
        self._settings = settings
        self._watched = watched
        self._known: dict[str, Preference] = {}

    async def of(self, channel: str) -> Preference:
        """Return what holds in a channel."""
        await self.load()
        return self.known(channel)

    async def load(self) -> Mapping[str, Preference]:
        """Return what was set from Slack, by channel."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(channels_table))).mappings().all()
        self._known = {row["channel"]: self._merged(row) for row in rows}
        return self._known

    def known(self, channel: str) -> Preference:
        """Return what held in a channel when the database was last read; does no I/O."""
        return self._known.get(channel) or self._usual(channel)

    def zone_of(self, channel: str | None) -> tzinfo:
        """Return the zone in which times are told in a channel; does no I/O."""
        return self.known(channel or "").zone

    async def set(self, channel: str, person: str, at: float, wanted: Wanted) -> Preference:
        """Keep what a person set, checked by `understood`; what copilot.toml says as well is left to it."""
        usual = self._usual(channel)
        quiet = None if wanted.quiet == OFF else wanted.quiet
        values = {
            "digest": None if wanted.digest == usual.digest else wanted.digest,
            "quiet": None if quiet == usual.quiet else wanted.quiet,
            "least": None if wanted.least == usual.least else wanted.least,
            "timezone": None if wanted.timezone == usual.timezone else wanted.timezone,
            "off": wanted.off,
            "person": person,
            "at": at,
        }
        statement = self._database.insert(channels_table).values(channel=channel, **values)
        async with self._database.write() as connection:
            await connection.execute(statement.on_conflict_do_update(index_elements=["channel"], set_=values))
        return await self.of(channel)

    def _usual(self, channel: str) -> Preference:
        watch = self._settings
        digest = watch.digest if self._watched is None or channel in self._watched else OFF
        return Preference(channel, digest, watch.quiet, watch.least, watch.timezone)

    def _merged(self, row: RowMapping) -> Preference:
        usual = self._usual(row["channel"])
        quiet = usual.quiet if row["quiet"] is None else (None if row["quiet"] == OFF else str(row["quiet"]))
        timezone = row["timezone"] or usual.timezone
        return Preference(
            channel=row["channel"],
            digest=row["digest"] or usual.digest,
            quiet=quiet,
            least=cast("Severity", row["least"] or usual.least),
            timezone=timezone if _holds("timezone", timezone) else usual.timezone,  # the system's zones may change
            off=bool(row["off"]),
            set_at=row["at"],
        )


def as_written(preference: Preference) -> Wanted:
    """Return what the form shows of what holds."""
    kept = {name: value for name, value in asdict(preference).items() if name in Wanted.__slots__}
    return Wanted(**(kept | {"quiet": preference.quiet or OFF}))


def _holds(name: Field, value: str) -> bool:
    """Whether the settings would take a value: there is one rule for both."""
    if name == "quiet" and value == OFF:
        return True
    try:
        WatchSettings.model_validate({name: value})
    except ValueError:
        return False
    return True


def _clock(written: str) -> str:
    """Return a time as the settings have it: 9:00 is 09:00, and nothing is off."""
    written = written.strip().lower()
    if written in ("", "none", "never"):
        return OFF
    return f"0{written}" if re.fullmatch(r"\d:\d\d", written) else written


def _zone(written: str) -> str:
    """Return a zone as IANA spells it, whatever the case it was written in."""
    plain = written.strip().replace(" ", "_")
    return _zones().get(plain.casefold(), plain)


@cache
def _zones() -> Mapping[str, str]:
    return {name.casefold(): name for name in available_timezones()}
