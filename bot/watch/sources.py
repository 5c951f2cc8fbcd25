"""Sources of which nothing is known: a card says since when, and that this is no all-clear. One card a source and day.

A card's `opened` is since when nothing is known; its body has the `reason` in words and whether the source is `silent`:
it can be read, but has no line. Every method works in the caller's transaction.
"""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.watch.board import Board, Row, cards_table
from bot.watch.placing import SHOWN, Placer
from bot.watch.preferences import Preference
from bot.watch.routing import fingerprint_of, service_name

AGAIN_S = 86_400.0
"""What comes again within a day is told by the card that is there (as for stories)."""


class Sources:
    """The cards of sources of which nothing is known."""

    def __init__(self, board: Board, placer: Placer) -> None:
        self._board = board
        self._placer = placer

    async def lost(
        self,
        connection: AsyncConnection,
        wishes: Mapping[str, Preference],
        stream: str,
        *,
        since: float,
        now: float,
        reason: str,
        silent: bool = False,
    ) -> frozenset[str]:
        """Say that nothing is known of a source since then, if that is not said; return the channels to wake."""
        row = await self._latest(connection, stream, now)
        body = {"reason": reason, "silent": silent}
        if row is None:
            service, _ = service_name(self._placer.rules.catalogue, (), stream)
            key = f"source:{stream}:{int(since)}"
            new = Row(key, "source", _fingerprint(stream), None, "none", service, "high", since, body=body)
            return await self._placer.place(connection, wishes, [new])
        if row.ended is None and row.body.get("silent") == silent:
            return frozenset()  # another reason for the same is no news
        change = {"body": {**row.body, **body}} | ({} if row.ended is None else {"ended": None, "opened": since})
        await self._board.change(connection, row.key, **change)
        if row.place in SHOWN:
            return frozenset(filter(None, [row.channel]))
        again = await self._board.find(connection, cards_table.c.key == row.key)
        return await self._placer.place(connection, wishes, again=again)

    async def back(self, connection: AsyncConnection, stream: str, *, now: float, lines: bool) -> frozenset[str]:
        """Say that a source is scanned again; one that was silent is back with its first lines."""
        row = await self._latest(connection, stream, now)
        if row is None or row.ended is not None or (row.body.get("silent") and not lines):
            return frozenset()
        held = {"place": "none", "held_until": None} if row.place == "held" else {}
        await self._board.change(connection, row.key, ended=now, **held)
        return frozenset([row.channel]) if row.channel and row.place in SHOWN else frozenset()

    async def _latest(self, connection: AsyncConnection, stream: str, now: float) -> Row | None:
        """Return the card of a source that goes on, or that ended less than a day ago."""
        table = cards_table.c
        still = table.ended.is_(None) | (table.ended >= now - AGAIN_S)
        found = await self._board.find(
            connection, table.fingerprint == _fingerprint(stream), table.kind == "source", still
        )
        return found[-1] if found else None


def _fingerprint(stream: str) -> str:
    return fingerprint_of(stream, "source", "", "")
