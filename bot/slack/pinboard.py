"""What the board has, as messages: a card's words for who reads there, posted once and edited in place.

Knows the board and Slack's `chat.update`; new messages go through the sender alone.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

import structlog

from bot.errors import SlackRefused
from bot.slack.calls import LOCKED_OUT, TOO_MUCH, Calls
from bot.slack.history import marked
from bot.slack.people import People
from bot.slack.quiet import where
from bot.slack.readers import Readers
from bot.slack.storycards import Content, Face, Names, face, ids_in
from bot.types import Brief, Card
from bot.watch.board import Board, Row, Stale, root_key
from ingest.types import Audience, Clock

log = structlog.get_logger(__name__)

LOCKED_OUT_S = 300.0
"""Pause of all edits after Slack refused us, not a message: nothing that we say arrives before somebody acts."""

UNDRAWN = "A story of {service} goes on ({severity}), and something in me broke while I drew it: see my log for {key}."


class Telling(Protocol):
    """What a card says now; see `bot.watch.telling`."""

    async def card(self, key: str, audience: Audience | None = None) -> Card | None:
        """Return a card for those who read it, None if there is none of that key."""
        ...

    async def briefs(self, rows: Sequence[Row]) -> Sequence[Brief]:
        """Return cards for a list, in their order."""
        ...


class Called:
    """What people and groups are called: people as Slack says, groups as the settings do."""

    def __init__(self, people: People, groups: Mapping[str, str]) -> None:
        self._people = people
        self._groups = groups

    async def names(self, people: Sequence[tuple[str, str]]) -> Names:
        """Return the names of those that a card names, by their ids. One whom Slack does not name keeps the id."""
        found = {}
        for each in ids_in(people):
            found[each] = self._groups.get(each, each) if each.startswith("S") else await self._people.name(each)
        return found


class Pinboard:
    """The messages of the board. One lane a channel calls `edit`, as the sender does for posts."""

    def __init__(
        self,
        board: Board,
        telling: Telling,
        readers: Readers,
        called: Called,
        calls: Calls,
        *,
        fault: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._board = board
        self._telling = telling
        self._readers = readers
        self._called = called
        self._calls = calls
        self._fault = fault
        self._clock = clock
        self._not_before = 0.0

    async def channels(self) -> Collection[str]:
        """Return the channels with a message that shows an older card than there is."""
        return {each.channel for each in await self._stale()}

    async def next(self, channel: str, but: Collection[str] = ()) -> Stale | None:
        """Return the oldest such message of a channel, save those of the cards in `but`."""
        return next((each for each in await self._stale() if each.channel == channel and each.key not in but), None)

    async def face(self, key: str, channel: str) -> Face | None:
        """Return a card as a message for who reads the channel; None if there is no such card.

        Whatever breaks while it is drawn, the channel hears of the card.
        """
        try:
            card = await self._telling.card(key, await self._readers.of(channel))
            return None if card is None else face(card, await self._called.names(card.people))
        except Exception as error:  # noqa: BLE001 - an outermost rim: one card that breaks must not silence a channel
            self._fault("card_undrawn")
            log.error("slack.card_undrawn", card=key, error=type(error).__name__, at=where(error))  # noqa: TRY400
            row = await self._board.card(key)
            return None if row is None else _undrawn(row)

    async def shows(self, key: str, version: int) -> None:
        """Record which version of a card the chat shows."""
        await self._board.shows(key, version)

    async def edit(self, stale: Stale) -> bool:
        """Bring a message up to its card; return False where another replica is at it.

        What Slack refuses of this message is given up and counts as shown: the next change tries again. Raises Away,
        Busy and Unsure: then it is to be drawn anew before it is tried again, since the card may have changed.
        """
        if not await self._board.editing(stale.key):
            return False
        drawn = await self.face(stale.key, stale.channel)
        if drawn is None:
            return False
        try:
            await self._update(stale, drawn)
        except SlackRefused as refused:
            self._fault(f"slack_{refused.code}")
            log.warning("slack.card_unedited", card=stale.key, channel=stale.channel, code=refused.code)
            if refused.code in LOCKED_OUT:
                self._not_before = self._clock() + LOCKED_OUT_S
                return False
        await self._board.shows(stale.key, drawn.version)
        return True

    async def _update(self, stale: Stale, drawn: Face) -> None:
        arguments = {"channel": stale.channel, "ts": stale.ts, "metadata": marked(root_key(stale.key))}

        async def update(content: Content) -> None:
            await self._calls.call("chat.update", **arguments, **content)

        for content in drawn.contents[:-1]:
            try:
                return await update(content)
            except SlackRefused as refused:
                if refused.code not in TOO_MUCH:
                    raise
                self._fault("card_plainer")
        return await update(drawn.contents[-1])

    async def _stale(self) -> Sequence[Stale]:
        return [] if self._clock() < self._not_before else await self._board.stale()


def _undrawn(row: Row) -> Face:
    words: dict[str, Any] = {"service": row.service, "severity": row.severity, "key": row.key}
    card = Card(row.key, "", row.wanted, UNDRAWN.format(**words), "", row.severity)
    return face(card, {})
