"""One process owns a data folder: an exclusive lock with the owner's pid in it. The lock dies with the process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.errors import AlreadyRunning, BotError

LOCK = "owner.lock"


@contextmanager
def owning(data: Path, what: str) -> Iterator[None]:
    """Hold the folder for this process; `what` says what it does there. Makes the folder.

    Raises AlreadyRunning, naming the owner's pid, and BotError when the folder cannot be written.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        handle = os.open(data / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BotError(f"The data folder {data} cannot be written: check --data, its permissions and disk.") from error
    with os.fdopen(handle, "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyRunning(
                f"The data folder {data} is in use by {file.read().strip() or 'another process'}: "
                "stop that one first, or name another folder with --data."
            ) from error
        file.truncate(0)
        file.write(f"pid {os.getpid()} ({what})")
        file.flush()
        try:
            yield
        finally:
            file.seek(0)
            file.truncate(0)


def owner_of(data: Path) -> str | None:
    """Return who owns the folder, such as `pid 4711 (copilot run)`, or None."""
    try:
        with (data / LOCK).open(encoding="utf-8") as file:
            owner = file.read().strip()
            if not owner:  # set free; a lock held even for a moment could refuse somebody who starts just now
                return None
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return owner
    except OSError:
        return None
    return None
