"""Which replica we are: a name bound to a data folder, the same after every restart, never that of another folder."""

import json
import platform
from collections.abc import Callable
from pathlib import Path

FILE = "replica.json"

ALONE = "copilot"
"""The name of the one process that works on a database of its own."""


def replica_of(folder: Path, new_id: Callable[[], str]) -> str:
    """Return the name of the replica that owns a data folder; makes and keeps a new one where there is none.

    A process takes over at once what the same name left, so two that run must never share one. The folder's lock keeps
    two processes off one folder; a copy of a folder or of a whole machine is told by the file's inode and the host's
    name, which are written beside the id. To be called by the folder's owner only.
    """
    file = folder / FILE
    file.touch()
    body = {"host": platform.node(), "inode": file.stat().st_ino}
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        known = {}
    if isinstance(known, dict) and known.items() >= body.items() and isinstance(known.get("id"), str):
        return str(known["id"])
    name = new_id()
    file.write_text(json.dumps({"id": name} | body), encoding="utf-8")
    return name
