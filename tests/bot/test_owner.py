"""One process owns a data folder: the second is told whose it is, and the lock dies with its owner."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.errors import AlreadyRunning, BotError
from bot.owner import LOCK, owner_of, owning

HOLD = """
import sys, pathlib, bot.owner
with bot.owner.owning(pathlib.Path(sys.argv[1]), "copilot run"):
    print(flush=True)
    input()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Give another process that owns the folder."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_second_owner_is_refused_with_the_first_ones_pid(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    """The person who started both knows which one to stop."""
    expected = (
        rf"^The data folder .* is in use by pid {other.pid} \(copilot run\): stop that one first, or name another"
    )
    with pytest.raises(AlreadyRunning, match=expected), owning(tmp_path, "copilot sync"):
        pytest.fail("two owners")
    assert owner_of(tmp_path) == f"pid {other.pid} (copilot run)"


def test_the_lock_of_a_killed_owner_is_free(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    """Nobody has to delete a file by hand after kill -9."""
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert owner_of(tmp_path) is None
    with owning(tmp_path, "copilot run"):
        assert owner_of(tmp_path) == f"pid {os.getpid()} (copilot run)"


def test_looking_takes_the_lock_from_nobody(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    """`status` beside a running bot, again and again."""
    assert [owner_of(tmp_path) for _ in range(3)] == [f"pid {other.pid} (copilot run)"] * 3
    other.kill()
    other.wait()
    assert [owner_of(tmp_path) for _ in range(3)] == [None] * 3


def test_a_folder_is_owned_as_long_as_the_work_lasts(tmp_path: Path) -> None:
    """Also when the work fails."""
    seen: list[str | None] = []

    def work() -> None:
        with owning(tmp_path, "copilot sync"):
            seen.append(owner_of(tmp_path))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert [*seen, owner_of(tmp_path)] == [f"pid {os.getpid()} (copilot sync)", None]


def test_a_shorter_name_leaves_nothing_of_a_longer_one(tmp_path: Path) -> None:
    """What a killed owner wrote is not mixed into what the next one writes."""
    (tmp_path / LOCK).write_text("pid 4194304 (copilot with a very long name)")
    assert owner_of(tmp_path) is None
    with owning(tmp_path, "x"):
        assert owner_of(tmp_path) == f"pid {os.getpid()} (x)"


def test_the_folder_is_made(tmp_path: Path) -> None:
    """The first start of all."""
    with owning(tmp_path / "a" / "b", "copilot run"):
        assert owner_of(tmp_path / "a" / "b")


def test_a_folder_that_cannot_be_written_is_one_clear_sentence(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "var").write_text("")
    with (
        pytest.raises(BotError, match=r"cannot be written: check --data, its permissions and disk\."),
        owning(tmp_path / "var", "copilot run"),
    ):
        pytest.fail("owned a file")


@pytest.mark.parametrize("folder", ["nowhere", "."])
def test_a_folder_that_nobody_ever_owned_has_no_owner(tmp_path: Path, folder: str) -> None:
    """Looking makes nothing."""
    assert owner_of(tmp_path / folder) is None
    assert list(tmp_path.iterdir()) == []
