"""How fast `copilot scan` reads, start-up included, and how much memory and state it takes. Knows no labels.

Access lines of which no path, referrer and id comes again, and a day of 5,000 kinds of lines, are made here; the lines
of a log set in DIR (nezha_ts, openstack_fi) are repeated with shifted times.
"""

import asyncio
import gzip
import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Figure, load, say
from ingest.anomalies.stream import Stream
from ingest.logs.files import Files
from ingest.redact import redact
from tests.flows.program import command, environment

LINES = 5_000_000
KINDS = 5_000
DAY_S = 86_400
BEGIN_S = 1_772_409_600
"""2026-03-02, a Monday."""

LOOK_S = 0.1

PAUSE_S = 60.0
"""Longer pauses between lines are left out when lines are repeated: nothing is scanned in them."""

LEAST_LINES_S = {"access lines": 250_000.0}
LEAST_OTHERS_S = 300_000.0
MOST_MB, MOST_STATE_MB = 200.0, 50.0
"""Targets of the issue."""


def figures(folder: Path, logs: Path | None, runs: int) -> list[Figure]:
    """Scan each text; `logs` is a log set, or nothing."""
    texts = [("access lines", access(LINES // 2)), ("a day of 5,000 kinds", kinds(LINES // 5))]
    sets = () if logs is None else ("nezha_ts", "openstack_fi")
    texts += [(name, repeated(logs / name, LINES)) for name in sets if logs and (logs / name).is_dir()]
    found: list[Figure] = []
    for name, lines in texts:
        path = folder / f"{name.replace(' ', '-')}.log"
        count = written(path, lines)
        before = load()
        scans = [scanned(path) for _ in range(runs)]
        speeds = tuple(count / seconds for seconds, _ in scans)
        least = LEAST_LINES_S.get(name, LEAST_OTHERS_S)
        found.append(Figure(f"scan, {name}", "lines/s", speeds, before, note=f"target >= {least:,.0f}"))
        memory = tuple(megabytes for _, megabytes in scans)
        found.append(Figure(f"scan, {name}: peak memory", "MB", memory, before, MOST_MB))
        if name.startswith("a day"):
            found.append(Figure("state of it", "MB", (asyncio.run(state_of(path)) / 1e6,), load(), MOST_STATE_MB))
        path.unlink()
    return found


def scanned(path: Path) -> tuple[float, float]:
    """Return the seconds and the peak megabytes of one scan."""
    begun, peak = time.perf_counter(), 0.0
    process = subprocess.Popen(
        command(["scan", str(path), "--json"]),
        cwd=path.parent,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None:
        peak = max(peak, _peak_mb(process.pid))
        with suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_S)
    seconds = time.perf_counter() - begun
    say(f"scan of {path.name}: {seconds:.1f} s")
    return seconds, peak


def _peak_mb(pid: int) -> float:
    """Return the most memory a process had so far. What wait4 tells would count the parent's, which it began as."""
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").split("\n")
        return next((int(line.split()[1]) / 1_000 for line in lines if line.startswith("VmHWM")), 0.0)
    return 0.0


async def state_of(path: Path) -> int:
    """Return the bytes of the state after a scan."""
    stream = Stream("day", redact)
    async for batch in Files("day", [path], finished=True).read({}):
        stream.feed(batch)
    stream.close()
    return len(stream.state())


def written(path: Path, lines: Iterator[bytes]) -> int:
    """Write the lines and return how many."""
    count = 0
    with path.open("wb") as file:
        for count, line in enumerate(lines, start=1):  # noqa: B007 - counted
            file.write(line + b"\n")
    return count


def access(count: int) -> Iterator[bytes]:
    """Yield access lines of the combined format over a day; no path, referrer or id comes again."""
    chance = random.Random(7)
    for number in range(count):
        moment = datetime.fromtimestamp(BEGIN_S + number * DAY_S / count, UTC)
        name = f"{chance.getrandbits(48):x}"
        yield (
            f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255} - - [{moment:%d/%b/%Y:%H:%M:%S} +0000] "
            f'"GET /shop/{name}/item?id={number} HTTP/1.1" {chance.choice((200, 200, 200, 304, 404))} '
            f'{chance.randrange(200, 90_000)} "https://shop.example/{name[::-1]}" "Mozilla/5.0 (X11; Linux x86_64)"'
        ).encode()


def kinds(count: int) -> Iterator[bytes]:
    """Yield a day of lines of 5,000 kinds, two words apart each."""
    chance = random.Random(8)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(KINDS)]
    for number in range(count):
        moment = datetime.fromtimestamp(BEGIN_S + number * DAY_S / count, UTC)
        kind = min(int(chance.paretovariate(0.5)), KINDS) - 1
        yield (
            f"{moment:%Y-%m-%dT%H:%M:%S}.{number % 1000:03d}Z web-{number % 4} INFO {words[kind % 40]}: "
            f"{words[kind]} {words[-kind]} took {chance.randrange(5, 900)} ms for {chance.getrandbits(32):x}"
        ).encode()


def repeated(folder: Path, count: int) -> Iterator[bytes]:
    """Yield the tab-separated lines of a folder, in the order of their times, again and again later on."""
    rows = sorted(
        (datetime.fromisoformat(line[:24].decode()).timestamp(), line[24:])
        for path in sorted(folder.glob("*.log.tsv.gz"))
        for line in gzip.decompress(path.read_bytes()).split(b"\n")
        if line[:1].isdigit()
    )
    times = _without_pauses([moment for moment, _ in rows])
    span = times[-1] - times[0] + 1.0
    for round_ in range(-(-count // len(rows))):
        for moment, (_, rest) in zip(times, rows, strict=True):
            at = datetime.fromtimestamp(moment + round_ * span, UTC)
            yield at.isoformat(timespec="milliseconds")[:23].encode() + b"Z" + rest


def _without_pauses(times: Sequence[float]) -> list[float]:
    shift, last, kept = 0.0, times[0], []
    for moment in times:
        if moment - last > PAUSE_S:
            shift += moment - last - 1.0
        last = moment
        kept.append(moment - shift)
    return kept
