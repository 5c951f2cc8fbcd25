"""Two hundred secrets in log lines of all kinds: none of them is in the database, in a report, or on stderr."""

import base64
import json
import random
import urllib.parse
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from benchmarks.leaks import CONTEXTS, password
from ingest.anomalies.scan import Scan
from ingest.anomalies.store import Streams, streams_table
from ingest.anomalies.stream import row
from ingest.database import Database, metadata
from ingest.logs.source import Batch, Cursor
from ingest.redact.engine import RULES
from ingest.redact.redactor import redact
from tests.ingest.redact.test_vendors import token

BEGIN = 1_795_003_200.0
"""2026-11-18 12:00:00 UTC."""
SECRETS = 200
MINUTES, SECONDS = 26, 30
AGAIN = 2
"""Minutes in which each line comes: its template is learnt, and its story told."""
OFTEN = 4
"""Secrets that come so often at one place that it would be taken for one of few words."""
SHORTEST = 8


@dataclass(frozen=True, slots=True)
class Planted:
    """A secret and the message that tells it."""

    secret: str
    message: str


def planted(rng: random.Random) -> list[Planted]:
    """Return secrets in their contexts, and tokens of vendors in plain words, half and half."""
    contexts = [each for several in CONTEXTS.values() for each in several if "\n" not in each[0]]
    often = [password(rng) for _ in range(OFTEN)]
    found = [Planted(secret, f"password={secret}") for secret in often]
    while len(found) < SECRETS // 2:
        context, maker = contexts[len(found) % len(contexts)]
        secret = maker(rng)
        if len(secret) >= SHORTEST:
            found.append(Planted(secret, context.replace("{S}", secret)))
        else:
            contexts.remove((context, maker))
    while len(found) < SECRETS:
        rule = RULES[len(found) % len(RULES)]
        secret = token(rule, rng)
        start = f"{rule.mark} " if rule.mark.isalpha() else ""
        found.append(Planted(secret, f"{start}cannot sign in with {secret} as user {rng.randrange(99)}"))
    return found


def plain(time: str, level: str, message: str) -> str:
    """Put a header before the message."""
    return f"{time}Z web-1 {level} shop: {message}"


def as_json(time: str, level: str, message: str) -> str:
    """JSON Lines."""
    return json.dumps({"ts": f"{time}Z", "level": level.lower(), "service": "shop", "msg": message})


def logfmt(time: str, level: str, message: str) -> str:
    """Key and value."""
    return f"ts={time}Z level={level.lower()} service=shop msg={json.dumps(message)}"


def trace(time: str, level: str, message: str) -> str:
    """Put the message into the last line of a traceback."""
    head = plain(time, level, "request failed")
    return f'{head}\nTraceback (most recent call last):\n  File "a.py", line 3\nError: {message}'


def access(time: str, level: str, message: str) -> str:
    """Put the message into the query of a request."""
    stamp = f"{time[8:10]}/Nov/2026:{time[11:19]} +0000"
    query = urllib.parse.quote(message)
    return f'10.0.0.7 - - [{stamp}] "GET /search?q={query} HTTP/1.1" {500 if level == "ERROR" else 200} 12 "-" "curl/8"'


def headed(time: str, level: str, message: str) -> str:
    """Put the message where host and component should stand, as far as it is one word."""
    word = "web-1" if " " in message else message
    return f"{time}Z {word} {level} {word}: stopped by {message}"


LAYOUTS = {each.__name__: each for each in (plain, as_json, logfmt, trace, access, headed)}


QUICK = ("plain", "as_json")


def lines_of(layout: str, secrets: list[Planted]) -> Iterator[list[bytes]]:
    """Yield the lines of each minute in one layout."""
    put = LAYOUTS[layout]
    for minute in range(MINUTES):
        lines = []
        for second in range(SECONDS):
            stamp = f"2026-11-18T12:{minute:02}:{second:02}"
            lines.append(put(f"{stamp}.100", "INFO", f"request {minute * 60 + second} served in {second} ms"))
            often = secrets[(minute + second) % OFTEN]
            lines.append(put(f"{stamp}.200", "INFO", f"login of user {second} with {often.message}"))
            if (at := (minute - 8) // AGAIN * SECONDS + second) in range(SECRETS):
                lines.append(put(f"{stamp}.300", "ERROR" if second % 2 else "INFO", secrets[at].message))
        yield [part.encode() for line in lines for part in line.split("\n")]


@dataclass
class Tape:
    """A source that has a minute's lines at a time."""

    name: str
    minutes: list[list[bytes]]

    async def read(self, cursor: Cursor) -> AsyncIterator[Batch]:
        """Yield the next minute."""
        place = int(str(cursor.get("place", 0)))
        if place < len(self.minutes):
            yield Batch(self.minutes[place], {"place": place + 1})


def writings(secret: str) -> set[bytes]:
    """Return how a secret could be left over: as it is, URL-encoded, escaped, in base64 at any place."""
    raw = secret.encode()
    coded = {base64.b64encode(b"x" * shift + raw)[4 if shift else 0 : -4] for shift in range(3)}
    texts = {secret, urllib.parse.quote(secret), urllib.parse.quote(secret, safe=""), json.dumps(secret)[1:-1]}
    return {text.encode() for text in texts} | {each for each in coded if len(each) >= SHORTEST}


@pytest.mark.parametrize(
    "layout", [each if each in QUICK else pytest.param(each, marks=pytest.mark.slow) for each in LAYOUTS]
)
async def test_no_secret_is_kept_or_told(layout: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Wherever it stood in the line, whenever the state was taken, and in whatever writing one looks for it."""
    secrets = planted(random.Random(f"secrets in {layout}"))
    database = Database.open(f"sqlite+aiosqlite:///{tmp_path / 'db.sqlite'}")
    async with database.write() as connection:
        await connection.run_sync(metadata.create_all)
    tape = Tape(layout, list(lines_of(layout, secrets)))
    scan = Scan(Streams(database), tape, redact, tell_from=0.0)
    seen: list[bytes] = []
    for minute in range(MINUTES + 2):
        scanned = await scan.read(BEGIN + minute * 60.0 + 51.0)
        async with database.write() as connection:
            await scan.save(connection, scanned)
        for report in scanned.reports:
            seen += [json.dumps(asdict(report), ensure_ascii=False).encode(), json.dumps(row(report)).encode()]
            seen += [part.encode() for part in (report.example, *report.examples, report.template, report.headline)]
        if minute % 7 == 2:
            seen.append(zlib.decompress(scanned.saved.state))
    miner = scanned.stream._miner
    seen += [f"{miner.template(number)} {miner.words(number)}".encode() for number in miner.living]
    assert scanned.stream.lines > 1_500
    async with database.read() as connection:
        seen += [zlib.decompress(state) for state in await connection.scalars(select(streams_table.c.state))]
    seen += [path.read_bytes() for path in tmp_path.glob("db.sqlite*")]
    await database.close()
    shown = capfd.readouterr()
    seen += [shown.out.encode(), shown.err.encode()]
    # pack() writes bytes as latin-1 text in JSON: backslashes and quotes are doubled there.
    whole = b"\n".join(set(seen))
    everything = whole + b"\n" + whole.replace(b"\\\\", b"\\").replace(b'\\"', b'"')
    left = {each.message for each in secrets for writing in writings(each.secret) if writing in everything}
    assert not left, f"{len(left)} of {len(secrets)}: {sorted(left)[:5]}"
    assert b"[secret:" in everything
