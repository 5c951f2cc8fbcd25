"""Speed of the template miner on one core beside Drain3: `benchmarks/mining.py DIR` with nezha_ts and openstack_fi.

The texts of each are repeated with shifted times to 5 M lines; access lines with all paths, referrers and ids distinct
are made here. Reading and shifting are not timed; the clock is that of the processor. Drain3 gets lines that our masks
have masked, a prefix of them.
"""

import argparse
import gzip
import os
import random
import re
import string
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.figures import table
from ingest.logs.mask import SLOT, masked
from ingest.logs.template import Miner

BLOCK = 65_536
"""Lines that are mined at once."""

LEVELS = {b"DEBUG": 1, b"INFO": 2, b"WARN": 3, b"WARNING": 3, b"ERROR": 4, b"CRITICAL": 5, b"FATAL": 5}
"""Ranks, as the parser gives them."""

Block = tuple[Sequence[bytes], Sequence[int]]
"""Texts and levels."""

_CLOCK = re.compile(rb"\b(\d\d)(?=:\d\d:\d\d)")
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "python-requests/2.31.0",
    "curl/8.5.0",
)


def messages(folder: Path) -> Block:
    """Return the messages of all streams of a folder and their levels."""
    rows = [
        line.split(b"\t")
        for path in sorted(folder.glob("*.log.tsv.gz"))
        for line in gzip.decompress(path.read_bytes()).split(b"\n")[1:]
    ]
    full = [row for row in rows if len(row) > 3]
    return [row[3] for row in full], [LEVELS.get(row[2], 0) for row in full]


def repeated(once: Block, lines: int) -> Iterator[Block]:
    """Yield blocks of the messages, again and again, an hour later each time, until there were as many."""
    for hour in range(-(-lines // len(once[0]))):
        joined = _CLOCK.sub(lambda match: b"%02d" % ((int(match[1]) + hour) % 24), b"\n".join(once[0]))  # noqa: B023
        texts = joined.split(b"\n")
        for start in range(0, len(texts), BLOCK):
            yield texts[start : start + BLOCK], once[1][start : start + BLOCK]


def access(lines: int) -> Iterator[Block]:
    """Yield blocks of access lines of the combined format, of which no path, referrer and id comes again."""
    chance = random.Random(4)
    letters = string.ascii_lowercase + string.digits
    parts = "shop cart item user api v1 orders list search img static products detail".split()
    for start in range(0, lines, BLOCK):
        texts = []
        for at in range(start, min(lines, start + BLOCK)):
            path = "/".join((*chance.choices(parts, k=chance.randint(1, 4)), "".join(chance.choices(letters, k=12))))
            texts.append(
                f"{chance.randint(1, 254)}.{chance.randint(1, 254)}.{at >> 8 & 255}.{at & 255} - - "
                f"[12/Mar/2026:{at // 3600 % 24:02d}:{at // 60 % 60:02d}:{at % 60:02d} +0000] "
                f'"{chance.choice(("GET", "GET", "GET", "POST"))} /{path}?id={at} HTTP/1.1" '
                f"{chance.choice((200, 200, 200, 304, 404, 500))} {chance.randint(100, 99_999)} "
                f'"https://shop.example/{"".join(chance.choices(letters, k=10))}" "{chance.choice(_AGENTS)}"'.encode()
            )
        yield texts, [2] * len(texts)


def ours(blocks: Iterator[Block]) -> tuple[float, int]:
    """Return the lines a second and the number of templates."""
    miner, lines, spent = Miner(), 0, 0.0
    for texts, levels in blocks:
        started = time.process_time()
        miner.ids(texts, levels)
        spent += time.process_time() - started
        lines += len(texts)
    return lines / spent, len(miner.living)


def drain(blocks: Iterator[Block], most: int) -> tuple[float, int]:
    """Return Drain3's lines a second on the first of the lines, masking included, and its clusters."""
    from drain3 import TemplateMiner  # noqa: PLC0415 - a peer, installed by who compares
    from drain3.template_miner_config import TemplateMinerConfig  # noqa: PLC0415

    miner, lines = TemplateMiner(config=TemplateMinerConfig()), 0
    started = time.process_time()
    for texts, _ in blocks:
        for text in texts[: most - lines]:
            miner.add_log_message(masked(text).replace(SLOT, b"<*>").decode("utf-8", "replace"))
        lines = min(most, lines + len(texts))
        if lines == most:
            break
    return lines / (time.process_time() - started), len(miner.drain.clusters)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with nezha_ts and openstack_fi")
    parser.add_argument("--lines", type=int, default=5_000_000, help="lines of each text (default: 5 M)")
    parser.add_argument("--peer", type=int, default=200_000, help="lines that Drain3 gets (default: 200,000)")
    asked = parser.parse_args()
    cells = []
    for name in ("nezha_ts", "openstack_fi", "access lines"):
        load = os.getloadavg()[0]
        once = messages(asked.folder / name) if name != "access lines" else None
        peer = drain(repeated(once, asked.peer) if once else access(asked.peer), asked.peer)
        mine = ours(repeated(once, asked.lines) if once else access(asked.lines // 5))
        figures = (f"{peer[0]:,.0f}", str(peer[1]), f"{mine[0]:,.0f}", str(mine[1]), f"{mine[0] / peer[0]:.1f}")
        cells.append((name, *figures, f"{load:.1f}"))
    print(table(("texts", "Drain3 lines/s", "clusters", "ours lines/s", "templates", "ratio", "load"), cells))


if __name__ == "__main__":
    main()
