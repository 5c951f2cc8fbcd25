"""Socket Mode: a connection from us to Slack, through which events come. Needs no address of our own."""

from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp

from bot.slack.calls import Away, Busy, Calls, Unsure
from bot.slack.quiet import quiet_logger
from bot.slack.transport import Link

PING_S = 5.0
"""Ping of the socket. slack_sdk reconnects after four missed ones: a half-open socket lives for 20 s at most."""


class SocketMode:
    """A `Transport` with an app-level token."""

    def __init__(self, app_token: str) -> None:
        self._app_token = app_token
        self._url: str | None = None
        self._handler: AsyncSocketModeHandler | None = None

    async def check(self, calls: Calls) -> None:
        """Ask for the first socket by ourselves: slack_sdk would try a wrong token for ever. Raises SlackRefused."""
        try:
            answer = await calls.call("apps.connections.open", app_token=self._app_token)
        except (Away, Busy, Unsure):
            return
        self._url = str(answer["url"])

    async def start(self, app: AsyncApp) -> None:
        """Connect; slack_sdk connects again by itself from then on."""
        self._handler = AsyncSocketModeHandler(app, self._app_token, logger=quiet_logger(), ping_interval=PING_S)
        self._handler.client.proxy = app.client.proxy
        self._handler.client.wss_uri = self._url
        await self._handler.connect_async()  # type: ignore[no-untyped-call]  # bolt's own is untyped

    async def stop(self) -> None:
        """Close the connection."""
        if self._handler is not None:
            await self._handler.close_async()  # type: ignore[no-untyped-call]  # bolt's own is untyped

    async def link(self) -> Link:
        """Return whether the socket stands, and when its other side last answered a ping."""
        client = self._handler.client if self._handler is not None else None
        up = client is not None and await client.is_connected()
        words = "connected" if up else "the socket is not connected"
        return Link(up, getattr(client, "last_ping_pong_time", None), words)
