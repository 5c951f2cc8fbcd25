"""What cards say and what comes of a press, for tests of who shows them: plain, over the real board.

The words say what they are of, so that a test sees which version a message shows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.errors import Misused
from bot.slack.app import Watched
from bot.types import Brief, Card, Chart, Hint, Mark, Press
from bot.watch.board import Board, Row, cards_table
from ingest.database import Database
from ingest.types import EVERYONE, Audience, Clock

PRESSES: tuple[Press, ...] = ("acknowledge", "investigate", "snooze", "reject")
RUNBOOK = Hint("runbooks/gateway.md", "Payment gateway degraded", 3, 9, "curl -s https://gateway/healthz")
UNDO = "rejection1"


def row_of(key: str = "story:shop:12", **values: Any) -> Row:
    """Return a story's row with a place in #incidents, with changes."""
    usual: dict[str, Any] = {
        "kind": "story",
        "fingerprint": "f" * 32,
        "channel": "C0INCIDENTS",
        "place": "root",
        "service": "checkout",
        "severity": "high",
        "opened": 1_763_600_000.0,
        "detector": "new",
    }
    return Row(key, **(usual | values))


class Told:
    """Tells a card by its row. `hints` fit only who may read `everyone`; `asked` remembers for whom it was told.

    `changed` changes a card by its key before it is told; a card in `broken` cannot be told.
    """

    def __init__(self, board: Board) -> None:
        self.asked: list[tuple[str, Audience | None]] = []
        self.changed: dict[str, Callable[[Card], Card]] = {}
        self.broken: set[str] = set()
        self.runbook: Hint | None = None
        self._board = board

    async def card(self, key: str, audience: Audience | None = None) -> Card | None:
        """Return the card as its row stands."""
        self.asked.append((key, audience))
        row = await self._board.card(key)
        if key in self.broken:
            raise RuntimeError
        if row is None:
            return None
        brief = _brief(row)
        may = self.runbook is not None and audience is not None and audience.admits(EVERYONE)
        values = {name: getattr(brief, name) for name in Brief.__slots__}
        card = Card(
            version=row.wanted,
            chart=Chart("Lines a minute", (1.0,) * 50 + (42.0,) * 10, row.opened + 600, 1.0, (Mark(row.opened, "v2"),)),
            examples=("ERROR payment gateway timeout",),
            runbook=self.runbook if may else None,
            **(values | {"presses": (*brief.presses, *(("runbook",) if may else ()))}),
        )
        return self.changed.get(key, lambda same: same)(card)

    async def briefs(self, rows: Sequence[Row]) -> list[Brief]:
        """Return cards in a line."""
        return [_brief(row) for row in rows]


def name_of(row: Row) -> str:
    """Return `shop-12` for `story:shop:12`."""
    return "-".join(row.key.split(":")[1:])


def _brief(row: Row) -> Brief:
    people = [("acknowledged by", row.acknowledged_by), ("snoozed by", row.snoozed_by)]
    state = "no anomaly" if row.rejected else "recovered" if row.ended else "open"
    return Brief(
        key=row.key,
        name=name_of(row),
        headline=f"{row.service}: timeouts, {state}, version {row.wanted}",
        status=f"{row.severity} · since 14:02 UTC",
        severity=row.severity,
        people=tuple((words, who) for words, who in people if who),
        presses=("undo",) if row.rejected else () if row.ended else PRESSES,
        undo=row.rejected,
    )


class Pressed:
    """Does what a press says to the row. `looked` remembers first looks with their audience."""

    def __init__(self, database: Database, board: Board) -> None:
        self.looked: list[tuple[str, Audience | None]] = []
        self.did: list[tuple[Any, ...]] = []
        self._database = database
        self._board = board

    async def acknowledge(self, key: str, person: str, at: float) -> str:
        """Say who has it."""
        return await self._did(key, "acknowledged", {"acknowledged_by": person, "acknowledged_at": at})

    async def snooze(self, key: str, person: str, at: float, seconds: float) -> str:
        """Let it be quiet."""
        if seconds > 30 * 86_400:
            raise Misused("A snooze lasts 30 days at most.")
        return await self._did(key, f"snoozed for {seconds:.0f} s", {"snoozed_by": person, "snoozed_until": at})

    async def reject(self, key: str, person: str, at: float) -> str:
        """Call it no anomaly."""
        return await self._did(key, "no anomaly", {"rejected": UNDO})

    async def undo(self, rejection_id: str, person: str, at: float) -> str:
        """Take that back."""
        async with self._database.read() as connection:
            found = await self._board.find(connection, cards_table.c.rejected == rejection_id)
        if not found:
            raise Misused("There is nothing to undo any more.")
        return await self._did(found[0].key, "an anomaly again", {"rejected": None})

    async def first_look(self, key: str, person: str, at: float, audience: Audience | None) -> str:
        """Look."""
        self.looked.append((key, audience))
        return f"**A first look at {key}** <!channel>\n```\n<@U0BOB> ERROR timeout\n```"

    async def named(self, name: str) -> Row | None:
        """Return the card of a name."""
        return next((row for row in await self._board.open(since=0.0) if name_of(row) == name), None)

    async def _did(self, key: str, words: str, values: Mapping[str, Any]) -> str:
        self.did.append((key, words))
        row = await self._board.card(key)
        assert row is not None
        if row.ended:
            raise Misused(f"{name_of(row)} is over already.")
        if any(getattr(row, name) != value for name, value in values.items()):
            async with self._database.write() as connection:
                await self._board.change(connection, key, **values)
        return f"{name_of(row)} is {words}."


class Watch:
    """The board of a database with all that stands on it, and a scan's hands: `open`, `change`."""

    def __init__(self, database: Database, clock: Clock, owner: str = "copilot") -> None:
        self.board = Board(database, clock, owner)
        self.telling = Told(self.board)
        self.presses = Pressed(database, self.board)
        self.audiences: dict[str, tuple[str, ...]] = {}
        self._database = database

    @property
    def watched(self) -> Watched:
        """What the bot is given."""
        return Watched(
            self.board,
            self.telling,
            self.presses,
            audience_of=lambda stream: self.audiences.get(stream, EVERYONE),
            groups={"S0ONCALL": "payments-oncall"},
        )

    async def open(self, row: Row) -> Row:
        """Put a card on the board, as a scan does."""
        async with self._database.write() as connection:
            await self.board.add(connection, row)
            if row.kind == "story":
                stream, _, story = row.key.removeprefix("story:").rpartition(":")
                await self.board.tell(connection, row.key, stream, int(story))
        return row

    async def change(self, row: Row, **values: Any) -> None:
        """Change a card, as a later scan does."""
        async with self._database.write() as connection:
            await self.board.change(connection, row.key, **values)

    async def say_below(self, row: Row, what: str, text: str) -> None:
        """Say something once in a card's thread."""
        async with self._database.write() as connection:
            await self.board.say_below(connection, row, what, {"text": text})

    def rewrite(self, row: Row, **values: Any) -> None:
        """Let a card say something else from now on."""
        self.telling.changed[row.key] = lambda card: replace(card, **values)
