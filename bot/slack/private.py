"""An answer that one person sees: whole, in one go. Words nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

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

    def __init__(
        self, key: str, channel: str, user: str, pen: Pen, *, url: str | None = None, thread: str | None = None
    ) -> None:
        """`url` is the `response_url` of a command; without one, the message goes into a thread that exists."""
        self._key = key
        self._channel = channel
        self._user = user
        self._pen = pen
        self._url = url
        self._thread = thread
        self._pages = Pages()

    def add(self, text: str) -> None:
        """Append Markdown from anywhere; it is made inert here."""
        self._pages.add(inert(text))

    async def finish(self, blocks: Sequence[Block] = ()) -> None:
        """Show everything, the blocks below it. Raises SlackRefused or Lost."""
        pages = self._pages.texts[:MESSAGES]
        if len(self._pages.texts) > MESSAGES:
            pages[-1] += CUT
        index, pages = await self._left(pages)
        while pages:
            page, *rest = pages
            await self._show(index, page, () if rest else blocks, self._part(index + 1, rest) if rest else None)
            index, pages = index + 1, rest

    async def _left(self, pages: list[str]) -> tuple[int, list[str]]:
        """Return what is still to be shown, and the number of its first message.

        What an earlier life showed cannot be changed: the rest is cut as it was cut then.
        """
        parts = await self._pen.outbox.parts(self._key)
        if len(parts) < 2:  # noqa: PLR2004 - the second message is the first that an earlier one promised
            return 0, pages
        return len(parts) - 1, list(parts[-1].intent.payload.get("pages", []))

    async def abandon(self) -> None:
        """Leave everything as it stands."""

    def _part(self, index: int, pages: Sequence[str] = ()) -> Intent:
        key = self._key if index == 0 else f"{self._key}{PART}{index + 1}"
        return Intent(key=key, kind="private", channel=self._channel, payload={"pages": list(pages)})

    async def _show(self, index: int, page: str, blocks: Sequence[Block], follow: Intent | None) -> None:
        key = self._part(index).key
        posting = await self._pen.outbox.posting(key)
        if posting is not None and posting.state == "sent":
            return

        async def post(begun: Posting) -> None:
            content = told(f"{REPEATED}\n\n{page}" if begun.repeated else page, blocks)
            try:
                await self._whisper(content)
            except SlackRefused:
                # The url is used up or too old (30 minutes), or we are not in there: a direct message is as private.
                direct = {"channel": self._user, "metadata": marked(key)}
                await self._pen.calls.call("chat.postMessage", **direct, **content, **QUIET)

        await self._pen.sender.place(key, post)
        await self._pen.outbox.sent(key, follow)

    async def _whisper(self, content: Mapping[str, Any]) -> None:
        if self._url is not None:
            await self._pen.calls.respond(self._url, {"response_type": "ephemeral", **content})
            return
        thread = {} if self._thread is None else {"thread_ts": self._thread}
        await self._pen.calls.call("chat.postEphemeral", channel=self._channel, user=self._user, **thread, **content)
