"""The program as it runs: one owner, other commands beside it, folders followed, an end in order. On a few small files.

The child processes are the price of the truth here, so most tests share one running bot and change nothing for others.
"""

import asyncio
import json
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from bot.build.house import House, opened
from bot.commands.follow import Follower
from bot.settings import load
from ingest.index.serve import Index
from ingest.index.sync import Sync
from tests.fakes.embed import HashEmbedder
from tests.fakes.slack import INCIDENTS, text_of
from tests.flows.program import Program, copilot, free_port

pytestmark = pytest.mark.alone

POOL = """---
title: Postgres connection pool
service: checkout
---
# Postgres connection pool

## Symptoms
PgBouncer shows clients waiting, and checkout answers with 502.

## Fix
1. Find sessions that are idle in transaction.
   ```
   psql -c "select pid from pg_stat_activity where state = 'idle in transaction'"
   ```
2. Terminate those older than five minutes.
"""
NODE = "# Kubernetes node not ready\n\nDrain the node, then restart the kubelet with `systemctl restart kubelet`.\n"
REDIS = "# Redis memory\n\nKeys are evicted when `maxmemory` is reached: raise it, or find what grew.\n"
PRINTER = "# Label printer jams\n\nOpen the flap of the label printer, pull the paper back, and feed it again.\n"
KAFKA = "# Kafka consumer group rebalances\n\nRaise `session.timeout.ms` of the consumers and roll them one by one.\n"

PATIENCE_S = 15.0


@dataclass(frozen=True)
class Home:
    """A folder as a person has it: settings and runbooks; and the bot that runs there."""

    folder: Path
    program: Program
    port: int
    page: "Page"

    def beside(self, *arguments: str) -> Any:
        """Run another command on the same data folder."""
        return copilot(*arguments, folder=self.folder)

    def door(self, path: str) -> str:
        """Return what the HTTP door says."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return str(answer.read().decode())


class Page:
    """A person at the page of the local workspace, without a browser."""

    def __init__(self, url: str) -> None:
        self._base = url.partition("?")[0].rstrip("/")
        with urllib.request.urlopen(url, timeout=5) as answer:
            self._cookie = str(answer.headers["Set-Cookie"]).partition(";")[0]

    def answer(self, question: str) -> str:
        """Mention the bot, wait until its answer is whole, and return it as a person reads it."""
        asked = self._send("message", {"channel": INCIDENTS, "text": f"@copilot {question}"})["ts"]
        with self._open("/page/events") as events:
            for change in _changes(events):
                news = change["messages"][INCIDENTS] if change["kind"] == "snapshot" else [change.get("message", {})]
                for message in news:
                    if message.get("thread_ts") == asked and _closed(message):
                        return text_of(message)
        raise AssertionError("the stream of events ended")

    def _send(self, gesture: str, body: dict[str, str]) -> dict[str, Any]:
        with self._open(f"/page/{gesture}", json.dumps(body).encode()) as answer:
            return dict(json.load(answer))

    def _open(self, path: str, body: bytes | None = None) -> HTTPResponse:
        headers = {"Cookie": self._cookie, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._base}{path}", body, headers)
        answer: HTTPResponse = urllib.request.urlopen(request, timeout=PATIENCE_S)
        return answer


def _changes(events: HTTPResponse) -> Iterator[dict[str, Any]]:
    """Yield what the page is told; a silence longer than PATIENCE_S raises TimeoutError."""
    for line in events:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


def _closed(message: dict[str, Any]) -> bool:
    return "bot_id" in message and message.get("streaming_state") != "in_progress" and "feedback" in str(message)


def start(folder: Path) -> tuple[Program, int]:
    """Start the bot in a folder; return it, and the port of its HTTP door."""
    port = free_port()
    return Program("run", "--http-port", str(port), "--port", "0", folder=folder), port


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with settings and three runbooks."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "notes").mkdir()
    (folder / "copilot.toml").write_text('[documents]\nfolders = ["notes"]\n')
    for name, text in {"pool.md": POOL, "node.md": NODE, "redis.md": REDIS}.items():
        (folder / "notes" / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def home(folder: Path) -> Iterator[Home]:
    """Give the running bot of this module; its end is checked in `test_sigterm_ends_it_in_order`."""
    program, port = start(folder)
    with program:
        yield Home(folder, program, port, Page(program.ready()))


def test_run_says_where_it_is_ready_and_answers_there(home: Home) -> None:
    """After the line `ready URL` the page at that URL answers, from the folder in copilot.toml."""
    answer = home.page.answer("PgBouncer has clients waiting, what do I do?")
    assert "Terminate those older than five minutes" in answer
    assert re.search(r"Sources: \[1\](?: \[\d\])* Postgres connection pool, lines ", answer)


def test_a_second_run_is_refused_with_the_owners_pid(home: Home) -> None:
    """One process owns a data folder: a second `run` says who, in one sentence, and exits 2."""
    second = home.beside("run", "--http-port", "0")
    assert second.returncode == 2
    assert second.stdout == ""
    assert f"pid {home.program.pid} (copilot run)" in second.stderr
    assert second.stderr.count("\n") == 1


def test_ask_answers_beside_a_running_bot(home: Home) -> None:
    """`ask --json` is a stream of events that ends in Done, while the bot runs."""
    asked = home.beside("ask", "--json", "PgBouncer has clients waiting, what do I do?")
    *events, done = map(json.loads, asked.stdout.splitlines())
    assert asked.returncode == 0
    assert {event["type"] for event in events} == {"status", "text", "source"}
    assert (done["type"], done["outcome"], done["model"]) == ("done", "answered", None)
    assert done["sources"][0]["path"] == "notes/pool.md"


def test_search_finds_beside_a_running_bot(home: Home) -> None:
    """`search --json` gives passages, best first, while the bot runs."""
    found = home.beside("search", "--json", "the kubelet of a node is not ready")
    assert found.returncode == 0
    assert json.loads(found.stdout.splitlines()[0])["path"] == "notes/node.md"


def test_status_names_the_running_bot(home: Home) -> None:
    """`status` says who owns the folder, what is indexed and from where."""
    status = home.beside("status")
    assert status.returncode == 0
    assert f"pid {home.program.pid} (copilot run)" in status.stdout
    assert "notes (" in status.stdout


def test_doctor_finds_nothing_beside_a_running_bot(home: Home) -> None:
    """`doctor` checks everything while the bot runs, and exits 0 when nothing must be done."""
    doctor = home.beside("doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert f"belongs to pid {home.program.pid}" in doctor.stdout
    assert "BAD" not in doctor.stdout


def test_a_file_written_into_a_watched_folder_is_found_without_a_restart(home: Home) -> None:
    """The running bot takes a new file in by itself."""
    before = _passages(home)
    (home.folder / "notes" / "kafka.md").write_text(KAFKA)
    _until(lambda: _passages(home) > before)
    assert "session.timeout.ms" in home.page.answer("the kafka consumer group rebalances all the time")


def test_sync_beside_a_running_bot_is_carried_out_by_it(home: Home) -> None:
    """`sync PATH` has the owner take the folder in, reports what it did, and the running bot finds it."""
    more = home.folder / "more"
    more.mkdir()
    (more / "printer.md").write_text(PRINTER)
    synced = home.beside("sync", "more")
    assert synced.returncode == 0
    assert f"belongs to pid {home.program.pid}" in synced.stderr
    assert "Synced more: 1 added" in synced.stderr
    assert "pull the paper back" in home.page.answer("the label printer jams, how do I feed the paper again?")


def test_nobody_pushes_logs_while_no_token_is_set(home: Home) -> None:
    """The door is there, closed, and says what opens it."""
    pushed = urllib.request.Request(f"http://127.0.0.1:{home.port}/logs/shop", b"a line\n", {"Authorization": "Bearer"})
    with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(pushed, timeout=5):
        pass
    with refused.value as answer:
        assert (answer.code, "COPILOT_HTTP_TOKEN" in answer.read().decode()) == (403, True)


def test_healthz_says_that_all_is_well(home: Home) -> None:
    """Every dependency has its check, and all are well once Chroma has proved itself."""
    _until(lambda: json.loads(home.door("/healthz"))["status"] == "ok")
    checks = json.loads(home.door("/healthz"))["checks"]
    assert checks.keys() == {"database", "documents", "chroma", "chat", "posts", "logs"}
    assert checks["chroma"] == {"ok": True, "detail": "Chroma serves"}


def test_metrics_count_the_questions(home: Home) -> None:
    """What was asked is counted by its outcome, where Prometheus can read it."""
    home.page.answer("how do I book a meeting room?")
    _until(lambda: 'copilot_questions_total{outcome="not_found"} 1.0' in home.door("/metrics"))


def test_sigterm_ends_it_in_order(home: Home) -> None:
    """SIGTERM ends the bot with exit code 0 within 25 s, and stdout held nothing but the ready line."""
    assert home.program.stop() == 0
    assert home.program.rest() == ""


@pytest.mark.parametrize("damage", ["garbage", "killed while opening", "gone"])
def test_a_damaged_chroma_is_rebuilt_at_the_next_start(home: Home, damage: str) -> None:
    """A Chroma that is broken is noticed before it serves, and made anew from the database."""
    if home.program.running:
        home.program.stop()
    chroma = home.folder / "var" / "chroma"
    if damage == "garbage":
        (chroma / "chroma.sqlite3").write_bytes(b"no database at all" * 1_000)
    elif damage == "gone":
        shutil.rmtree(chroma)
    else:
        (chroma / "opening").touch()
    program, port = start(home.folder)
    with program:
        again = Home(home.folder, program, port, Page(program.ready()))
        _until(lambda: json.loads(again.door("/healthz"))["status"] == "ok")
        assert "systemctl restart kubelet" in again.page.answer("a kubernetes node is not ready")
        assert program.stop() == 0


async def test_a_file_saved_during_a_sync_is_found_by_the_next(tmp_path: Path) -> None:
    """The watch goes on while a sync runs: a second file saved meanwhile does not wait for a third."""
    notes = tmp_path / "notes"
    notes.mkdir()
    (tmp_path / "copilot.toml").write_text('[documents]\nfolders = ["notes"]\n')
    (notes / "pool.md").write_text(POOL)

    def save_another(texts: Sequence[str]) -> None:
        if any("Label printer" in text for text in texts):
            (notes / "kafka.md").write_text(KAFKA)

    embedder = HashEmbedder(before=save_another)
    async with opened(load({"COPILOT_CONFIG": str(tmp_path / "copilot.toml")})) as real:
        sync, index = Sync(real.library, embedder, time.time), Index(real.library, embedder)
        following = asyncio.create_task(Follower(replace(real, sync=sync, index=index)).run())
        await _documents(real, 1)
        (notes / "printer.md").write_text(PRINTER)
        await _documents(real, 3)
        following.cancel()
        await asyncio.wait([following])


async def _documents(house: House, number: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while len(await house.library.titles()) < number:  # noqa: ASYNC110 - a database tells nobody of its changes
            await asyncio.sleep(0.05)


def _passages(home: Home) -> int:
    detail = json.loads(home.door("/healthz"))["checks"]["documents"]["detail"]
    return int(detail.split()[0])


def _until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until, "it never held"
        time.sleep(0.1)
