"""The program as people run it: `python -m bot ...` in a process of its own, away from this process's settings.

Tests and benchmarks that need the real thing start it here.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Self

from bot.build.house import DATABASE
from bot.settings import ENVIRONMENT
from ingest.database import Database

ROOT = Path(__file__).resolve().parents[2]

READY_S = 180.0
"""Longest wait for the `ready` line: a first start embeds every document."""

STOP_S = 25.0
"""Longest time from SIGTERM to the end (facts/faults.md, 45)."""


def environment(**given: str) -> dict[str, str]:
    """Return this process's environment with no setting of ours but those given; the demo's shop is closed."""
    inherited = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    ours = {"PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1,localhost", "COPILOT_SHOP": "false"}
    return inherited | ours | given


def copilot(
    *arguments: str, folder: Path, settings: Mapping[str, str] | None = None, timeout_s: float = READY_S
) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end, in `folder`; a settings file there is taken, as it would be for a person."""
    return subprocess.run(
        command(arguments),
        cwd=folder,
        env=environment(**settings or {}),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def command(arguments: Sequence[str], module: Sequence[str] = ("bot",)) -> list[str]:
    """Return the command line of the program, or of a module that runs it."""
    return [sys.executable, "-m", *module, *arguments]


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def database_in(data: Path) -> AsyncIterator[Database]:
    """Open the database of a data folder, beside whoever owns it."""
    opened = Database.open(f"sqlite+aiosqlite:///{data / DATABASE}")
    try:
        yield opened
    finally:
        await opened.close()


class Program:
    """One command that goes on, such as `run`; a context manager that ends it. stderr is kept in `log`."""

    def __init__(
        self,
        *arguments: str,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        module: Sequence[str] = ("bot",),
    ) -> None:
        self.log = folder / "stderr.txt"
        with self.log.open("ab") as errors:
            self._process = subprocess.Popen(
                command(arguments, module),
                cwd=folder,
                env=environment(**settings or {}),
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # Ctrl-C in a terminal ends the test, which then ends this
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.running:
            self.kill()
        self._output.close()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def ready(self, timeout_s: float = READY_S) -> str:
        """Wait for the line `ready URL` and return the URL. Raises AssertionError with the log's end without one."""
        line = self._line(timeout_s)
        assert line.startswith("ready "), f"stdout: {line!r}, stderr: {self.log.read_text()[-2_000:]}"
        return line.removeprefix("ready ").strip()

    def rest(self) -> str:
        """Return what else the process wrote on stdout; waits for its end."""
        self._process.wait(STOP_S)
        return self._output.read().decode()

    def stop(self) -> int:
        """Tell the process to stop; return its exit code. Raises TimeoutExpired after STOP_S."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOP_S)

    def kill(self) -> None:
        """End the process as a power cut would, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def wait(self, timeout_s: float = READY_S) -> int:
        """Wait for the end; return the exit code."""
        return self._process.wait(timeout_s)

    @property
    def _output(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def _line(self, timeout_s: float) -> str:
        """Return the next line of stdout, or what there is of it when the process ends or the time is over."""
        until = time.monotonic() + timeout_s
        line = b""
        while not line.endswith(b"\n") and select.select([self._output], [], [], max(until - time.monotonic(), 0))[0]:
            if not (piece := os.read(self._output.fileno(), 1)):
                break
            line += piece
        return line.decode()
