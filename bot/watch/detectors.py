"""Detectors that people keep rejecting: proposed for shadow, moved there by an owner, off until they are put back.

A detector is a kind of change in a service. In shadow it goes on finding stories, which nobody is told of.
"""

from collections.abc import Collection, Sequence
from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import Misused
from bot.watch.board import detectors_table
from bot.watch.digest import detector_words
from bot.watch.facts import Off
from bot.watch.rejections import Precision
from ingest.database import Database

LEAST_SHARE = 0.5
"""Ours: below it a card is more often wrong than right. Precision as in the Google SRE Workbook, chapter 5: the share
of what was told that was worth telling."""

LEAST_JUDGED = 5
"""Ours: fewer cards than that are one bad night; five, most of them wrong, are a habit. A wrong proposal costs an owner
one press, a detector that nobody believes costs the next real story."""

JUDGED_S = 30 * 86_400.0
"""Judgements count for 30 days, as long as a rejection holds; whoever keeps a detector is not asked again before."""

Choice = Literal["shadow", "keep", "back"]
"""What an owner decides: move it to shadow, keep it as it is, put it back."""

NOBODY_NAMED = (
    "Nobody is named who may decide that: set `services.NAME.owner`, `owner` or `slack.admins` in copilot.toml."
)
NOT_YOURS = (
    "Only the service's owner, the bot's owner and the people in `slack.admins` may decide that: ask one of them."
)


async def shadowed(connection: AsyncConnection) -> frozenset[tuple[str, str]]:
    """Return the detectors in shadow, as (kind, service)."""
    return frozenset((each.kind, each.service) for each in await off(connection))


async def off(connection: AsyncConnection) -> list[Off]:
    """Return the detectors in shadow, the first one first."""
    table = detectors_table.c
    wanted = select(table.kind, table.service, table.at).where(table.state == "shadow").order_by(table.at, table.kind)
    return [Off(row.kind, row.service, row.at) for row in await connection.execute(wanted)]


async def candidates(connection: AsyncConnection, found: Sequence[Precision], now: float) -> list[Precision]:
    """Return the detectors to propose for shadow, the worst first.

    One that is in shadow, and one that was kept or put back within JUDGED_S, is not proposed.
    """
    rows = (await connection.execute(select(detectors_table))).all()
    settled = {
        (row.kind, row.service)
        for row in rows
        if row.state == "shadow" or (row.state == "on" and now - row.at < JUDGED_S)
    }
    bad = [each for each in found if rejected(each) and (each.kind, each.service) not in settled]
    return sorted(bad, key=lambda each: (each.share, -each.rejected, each.kind, each.service))


async def propose(database: Database, connection: AsyncConnection, found: Sequence[Precision], now: float) -> None:
    """Write down all that are proposed, as `candidates` returns them; what was proposed and is none is no more."""
    table = detectors_table.c
    await connection.execute(delete(detectors_table).where(table.state == "proposed"))
    for each in found:
        values = {"state": "proposed", "at": now, "person": None, "why": why(each)}
        insert = database.insert(detectors_table).values(kind=each.kind, service=each.service, **values)
        kept = (table.state == "on") & (table.at < now - JUDGED_S)
        await connection.execute(
            insert.on_conflict_do_update(index_elements=["kind", "service"], set_=values, where=kept)
        )


def rejected(found: Precision) -> bool:
    """Whether people keep rejecting what a detector finds."""
    return found.accepted + found.rejected >= LEAST_JUDGED and found.share < LEAST_SHARE


def why(found: Precision) -> str:
    """Return why a detector is proposed, in a few words."""
    return f"{found.accepted} of {found.accepted + found.rejected} cards were right in 30 days"


def refusal(holds: Collection[str], owners: Collection[str]) -> str | None:
    """Return why somebody may not decide, None if they may; `holds` are the ids of the person and of their groups."""
    if not owners:
        return NOBODY_NAMED
    return None if set(holds) & set(owners) else NOT_YOURS


class Detectors:
    """What owners decide of detectors. Who may decide is asked before."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def off(self) -> list[Off]:
        """Return the detectors in shadow, the first one first."""
        async with self._database.read() as connection:
            return await off(connection)

    async def decide(self, choice: Choice, kind: str, service: str, person: str, at: float) -> str:
        """Do as an owner decided, and return it in a sentence. A repeated press changes nothing.

        Raises Misused where there is nothing to decide.
        """
        table = detectors_table.c
        this = (table.kind == kind) & (table.service == service)
        async with self._database.write() as connection:
            row = (await connection.execute(select(detectors_table).where(this))).one_or_none()
            words = detector_words(kind, service)
            if row is None:
                raise Misused(f"The detector {words} is not proposed for shadow any more.")
            state = "shadow" if choice == "shadow" else "on"
            if row.state != state:
                values = {"state": state, "at": at, "person": person}
                await connection.execute(detectors_table.update().where(this).values(values))
        return f"The detector {words} {SAID[choice]}"


SAID = {
    "shadow": "is in shadow now: it posts nothing until somebody puts it back, in the digest or in my home tab.",
    "keep": "stays on; I do not ask again for 30 days.",
    "back": "is back: it posts again.",
}
