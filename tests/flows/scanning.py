"""A process that scans a folder's logs again and again: `python -m tests.flows.scanning FOLDER`, until it is killed.

The folder has `db.sqlite` with its tables, `learnt` with the state to start from, `logs/app.log`, and `clock` with the
time that it is now (seconds UTC). Posts its stories as `tests.ingest.anomalies.schedule` does.
"""

import asyncio
import sys
from pathlib import Path

from ingest.database import Database
from tests.ingest.anomalies.schedule import Scanner


async def main(folder: Path) -> None:
    """Scan for ever."""
    database = Database.open(f"sqlite+aiosqlite:///{folder / 'db.sqlite'}")
    scanner = Scanner(database, folder / "logs", (folder / "learnt").read_bytes(), block=2_000)
    while True:
        await scanner.run(float((folder / "clock").read_text()))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
