"""The one history of all tables, and the way to bring a database level with it."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from bot.errors import BotError
from ingest.database import Database

_FOLDER = Path(__file__).parent
_LOCK = 7_305_001
"""An advisory lock's number on Postgres, so that two replicas starting together do not migrate at once; ours alone."""


def newest() -> str:
    """Return the newest revision: files are named `NUMBER_what.py`."""
    return max(path.name.split("_", 1)[0] for path in (_FOLDER / "versions").glob("[0-9]*_*.py"))


async def revision(database: Database) -> str | None:
    """Return the database's revision, None when it is new."""
    async with database.read() as connection:
        return await connection.run_sync(_revision)


async def migrate(database: Database) -> bool:
    """Bring the database to the newest revision; return whether there was anything to do.

    Raises BotError when the database was made by a newer version of the program.
    """
    found = await revision(database)
    if found == newest():
        return False
    if found is not None and found > newest():
        raise BotError(
            f"The database is at revision {found}, newer than this program knows ({newest()}): "
            "install the version that made it, or restore a backup."
        )
    async with database.write() as connection:
        if not database.is_sqlite:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        await connection.run_sync(_upgrade)
    return True


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - a quarter of a second that only a migration pays
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
