"""Kill -9 of a process that scans logs, at random moments: every line is counted once, each story is told once.

`make test-slow` runs it. The seed is fixed; where a kill lands within a scan still varies with the machine.
"""

import asyncio
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ingest.anomalies.stream import Stream
from ingest.database import Database
from ingest.redact.redactor import redact
from tests.flows.program import ROOT, environment
from tests.ingest.anomalies.schedule import Scanner, Writer, outcome, scheduled, tables
from tests.ingest.anomalies.shop import BEGIN, DAY, Event, batches, events_of, some

pytestmark = pytest.mark.slow

SEED = 20_261_120
KILLS = 20
MINUTES = 160
LEARNT = 2 * DAY
PATIENCE_S = 60.0


def outages(minute: int, rng: random.Random, events: list[Event]) -> list[Event]:
    """Add a new error after an hour, and no heartbeat from the hundredth minute on."""
    past = minute - LEARNT
    if 60 <= past < 75:
        return events + some(minute, rng, 5, "ERROR", "billing", lambda _rng: "cannot reach ledger: connection reset")
    return [event for event in events if event.service != "agent"] if past >= 100 else events


def test_twenty_kills_neither_lose_nor_double(tmp_path: Path) -> None:
    """Killed wherever it is, the scan goes on from the database: the same lines and stories as without."""
    rng = random.Random(SEED)
    learnt = state_of_two_days()
    events = [event for minute in range(LEARNT, LEARNT + MINUTES) for event in events_of(minute, change=outages)]
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    calm.mkdir()
    (killed / "logs").mkdir(parents=True)
    wanted, _, _ = asyncio.run(scheduled(calm, learnt, events, begin=LEARNT, minutes=MINUTES, seed=None))
    assert [kind for _, kind, _ in wanted.stories] == ["new", "silence"]
    (killed / "learnt").write_bytes(learnt)
    database = Database.open(f"sqlite+aiosqlite:///{killed / 'db.sqlite'}")
    asyncio.run(tables(database))
    asyncio.run(database.close())
    writer, now = Writer(killed / "logs", events, rng), (BEGIN + LEARNT) * 60.0 + 90.0
    writer.begin(now)
    scans = 0
    for number in range(KILLS):
        (killed / "clock").write_text(str(now))
        with subprocess.Popen(
            [sys.executable, "-m", "tests.flows.scanning", str(killed)], cwd=ROOT, env=environment()
        ) as process:
            wait_for_scan(killed, scans, process)
            for _ in range(4):
                now += rng.uniform(0.3, 1.5) * MINUTES * 60.0 / KILLS / 4
                writer.write_until(now)
                (killed / "clock.new").write_text(str(now))
                (killed / "clock.new").rename(killed / "clock")
                time.sleep(rng.uniform(0.0, 0.1))  # another process goes on meanwhile
            process.kill()
        assert process.returncode == -9, f"the process ended by itself before kill {number}"
        scans = version(killed)
    writer.write_until(now + MINUTES * 60.0)
    writer.finish()
    end = (BEGIN + LEARNT + MINUTES) * 60.0
    assert asyncio.run(scanned_to_its_end(killed, learnt, end)) == wanted
    assert scans > 2 * KILLS


async def scanned_to_its_end(folder: Path, learnt: bytes, end: float) -> object:
    """Scan what is left; return what there is then."""
    database = Database.open(f"sqlite+aiosqlite:///{folder / 'db.sqlite'}")
    scanner = Scanner(database, folder / "logs", learnt)
    for rest in (960.0, 1_100.0, 1_300.0):
        await scanner.run(end + rest)
    left = await outcome(database)
    await database.close()
    return left


def state_of_two_days() -> bytes:
    """Return the state of a stream that has seen two days like any other."""
    stream = Stream("shop", redact)
    for batch in batches(0, LEARNT, size=60):
        assert stream.feed(batch) == []
    return stream.state()


def version(folder: Path) -> int:
    """Return how many scans were saved."""
    database = sqlite3.connect(folder / "db.sqlite")
    try:
        return int((database.execute("SELECT max(version) FROM log_streams").fetchone() or [0])[0] or 0)
    finally:
        database.close()


def wait_for_scan(folder: Path, scans: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until another scan was saved."""
    until = time.monotonic() + PATIENCE_S
    while version(folder) <= scans:
        assert process.poll() is None, "the process ended by itself"
        assert time.monotonic() < until, "no scan was saved"
        time.sleep(0.01)
