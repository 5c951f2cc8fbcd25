"""An answer that one person sees, through the `response_url` of a command: whole, in one go. Words nothing."""

from collections.abc import Sequence

from bot.errors import SlackRefused
from bot.journal.outbox import PART, Intent, Posting
from bot.limits import RESPONSE_URL_USES
from bot.slack.cards import Block, told
from bot.slack.history import marked
from bot.slack.markdown import Pages, inert
from bot.slack.sender import QUIET, REPEATED
from bot.slack.stream import Pen

MESSAGES = RESPONSE_URL_USES - 1
"""Messages of one answer: one use of the url is kept for a repeat after a crash."""

CUT = "\n\n_The rest does not fit here: ask me in a direct message for the whole answer._"


class Private:
    """An answer for one person. Nothing is shown before it is whole, since such a message cannot be found again."""

    stopped = False
    failure: BaseException | None = None

    def __init__(self, key: str, channel: str, user: str, url: str, pen: Pen) -> None:
        self._key = key
        self._channel = channel
        self._user = user
        self._url = url
        self._pen = pen
        self._pages = Pages()

    def add(self, text: str) -> None:
        """Append Markdown from anywhere; it is made inert here."""
        self._pages.add(inert(text))

    async def finish(self, blocks: Sequence[Block] = ()) -> None:
        """Show everything, the blocks below it. Raises SlackRefused or Lost."""
        pages = self._pages.texts[:MESSAGES]
        if len(self._pages.texts) > MESSAGES:
            pages[-1] += CUT
        for index, page in enumerate(pages):
            last = index == len(pages) - 1
            await self._show(index, page, blocks if last else (), None if last else self._part(index + 1))

    async def abandon(self) -> None:
        """Leave everything as it stands."""

    def _part(self, index: int) -> Intent:
        key = self._key if index == 0 else f"{self._key}{PART}{index + 1}"
        return Intent(key=key, kind="private", channel=self._channel)

    async def _show(self, index: int, page: str, blocks: Sequence[Block], follow: Intent | None) -> None:
        key = self._part(index).key
        posting = await self._pen.outbox.posting(key)
        if posting is not None and posting.state == "sent":
            return

        async def post(begun: Posting) -> None:
            content = told(f"{REPEATED}\n\n{page}" if begun.repeated else page, blocks)
            try:
                await self._pen.calls.respond(self._url, {"response_type": "ephemeral", **content})
            except SlackRefused:
                # The url is used up or too old (30 minutes): a direct message is as private.
                direct = {"channel": self._user, "metadata": marked(key)}
                await self._pen.calls.call("chat.postMessage", **direct, **content, **QUIET)

        await self._pen.sender.place(key, post)
        await self._pen.outbox.sent(key, follow)
