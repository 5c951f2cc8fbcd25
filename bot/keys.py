"""The installation's own key for placeholders. It stands in the database, so that all replicas have the same."""

from collections.abc import Callable

from sqlalchemy import Column, LargeBinary, String, Table, select

from ingest.database import Database, metadata

keys_table = Table(
    "keys",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("key", LargeBinary, nullable=False),
)

PLACEHOLDERS = "placeholders"
BYTES = 32
"""As many as the hash has (RFC 2104, section 3: fewer would weaken it, more add nothing)."""


async def key_of(database: Database, chance: Callable[[int], bytes]) -> bytes:
    """Return the key that was made when this database was first opened; `chance` gives so many bytes to make it of.

    Where several processes open a new database together, all get the key of the first.
    """
    known = select(keys_table.c.key).where(keys_table.c.name == PLACEHOLDERS)
    async with database.read() as connection:
        found = await connection.scalar(known)
    if found is not None:
        return bytes(found)
    new = database.insert(keys_table).values(name=PLACEHOLDERS, key=chance(BYTES))
    async with database.write() as connection:
        await connection.execute(new.on_conflict_do_nothing())
        return bytes((await connection.execute(known)).scalar_one())
