"""The key of an installation: made once, the same for all who share the database, and never the public one."""

import asyncio
import stat
from pathlib import Path

from sqlalchemy import text

from bot.build.house import DATABASE, opened
from bot.keys import BYTES, key_of
from bot.settings import Settings
from ingest.database import Database
from ingest.redact import PURE_KEY, Redactor

LINE = "PASSWORD=" + "hunter" + "22x"


async def test_the_key_is_made_once(database: Database) -> None:
    """Chance is asked for 32 bytes at the first start, and never again."""
    asked: list[int] = []

    def chance(size: int) -> bytes:
        asked.append(size)
        return bytes([len(asked)]) * size

    assert await key_of(database, chance) == await key_of(database, chance) == b"\x01" * BYTES
    assert asked == [BYTES]


async def test_replicas_that_start_together_share_one_key(database: Database) -> None:
    """Each brings a key of its own; all leave with the same."""
    keys = await asyncio.gather(*(key_of(database, lambda size, n=n: bytes([n]) * size) for n in range(8)))  # type: ignore[misc]
    assert len(set(keys)) == 1


async def test_two_installations_have_nothing_in_common(tmp_path: Path) -> None:
    """The same secret gets the same placeholder at every start of one, another in the other, and nowhere the public."""
    shown = []
    for folder in ("one", "one", "other"):
        async with opened(Settings(data=tmp_path / folder)) as house:
            shown.append(house.redactor.redact(LINE))
    assert shown[0] == shown[1] != shown[2]
    assert Redactor(PURE_KEY).redact(LINE) not in shown


async def test_only_its_owner_reads_the_database(tmp_path: Path) -> None:
    """Questions and the key are in it."""
    async with opened(Settings(data=tmp_path)) as house, house.database.read() as connection:
        assert await connection.scalar(text("SELECT length(key) FROM keys")) == BYTES
        assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob(f"{DATABASE}*")} == {0o600}
