"""What survives a restart: messages, and events that no socket has acknowledged. Knows no rules of Slack.

SQLite in WAL mode: every change is one committed row, so a killed process loses nothing that was answered `ok`.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any

TABLES = """
create table if not exists messages (channel text, ts text, body text not null, primary key (channel, ts)) strict;
create table if not exists events (key text primary key, body text not null) strict;
"""


class Store:
    """One file, `folder/workspace.sqlite`. Creates the folder; calls take well under a millisecond."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "workspace.sqlite", isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = normal")
        self._db.executescript(TABLES)

    def close(self) -> None:
        """Close the file; the store is unusable afterwards."""
        self._db.close()

    def messages(self) -> list[tuple[str, dict[str, Any]]]:
        """All messages with their channel, oldest first."""
        rows = self._db.execute("select channel, body from messages order by ts")
        return [(channel, json.loads(body)) for channel, body in rows]

    def put_message(self, channel: str, message: dict[str, Any]) -> None:
        """Keep a message, or its newer form."""
        self._db.execute("replace into messages values (?, ?, ?)", (channel, message["ts"], json.dumps(message)))

    def drop_message(self, channel: str, ts: str) -> None:
        """Forget a message; nothing happens if it is not there."""
        self._db.execute("delete from messages where channel = ? and ts = ?", (channel, ts))

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Events that were never acknowledged, oldest first."""
        rows = self._db.execute("select key, body from events order by rowid")
        return [(key, json.loads(body)) for key, body in rows]

    def put_event(self, key: str, payload: dict[str, Any]) -> None:
        """Keep an event until it is acknowledged."""
        self._db.execute("replace into events values (?, ?)", (key, json.dumps(payload)))

    def drop_event(self, key: str) -> None:
        """Forget an event that was acknowledged or given up."""
        self._db.execute("delete from events where key = ?", (key,))
