"""The line "is searching ..." under a thread while people wait. Never delays anything, never fails anything."""

import structlog

from bot.errors import SlackRefused
from bot.slack.calls import Away, Busy, Calls, Unsure
from bot.slack.crew import Crew
from bot.slack.markdown import clean, short

log = structlog.get_logger(__name__)

STATUS_TEXT = 100
"""Characters of a status; Slack shows one line."""


class Status:
    """The status of one thread: https://docs.slack.dev/reference/methods/assistant.threads.setStatus."""

    def __init__(self, calls: Calls, crew: Crew, channel: str, thread: str) -> None:
        self._calls = calls
        self._crew = crew
        self._channel = channel
        self._thread = thread
        self._next: str | None = None
        self._running = False
        self._hushed = False

    def show(self, text: str) -> None:
        """Show what we are doing, such as "searching"; Slack puts our name before it. The last words win."""
        if not self._hushed:
            self._say(short(f"is {clean(text)} ...", STATUS_TEXT))

    def hush(self) -> None:
        """Show no more: an answer clears the status by itself, but not one that is on its way now."""
        self._hushed = True
        if self._running:
            self._say("")

    def clear(self) -> None:
        """Show nothing more, where no answer will clear it."""
        self._hushed = True
        self._say("")

    def _say(self, text: str) -> None:
        self._next = text
        if not self._running:
            self._running = True
            self._crew.start(self._run(), name="status")

    async def _run(self) -> None:
        try:
            while (text := self._next) is not None:
                self._next = None
                await self._calls.call(
                    "assistant.threads.setStatus", channel_id=self._channel, thread_ts=self._thread, status=text
                )
        except (SlackRefused, Away, Busy, Unsure) as error:
            log.debug("slack.no_status", why=getattr(error, "code", type(error).__name__))
        finally:
            self._running = False
