"""The name of a replica: the same after a restart, never that of another folder."""

import itertools
import shutil
from pathlib import Path

from bot.journal.replica import FILE, replica_of

NUMBERS = itertools.count(1)


def new_id() -> str:
    """Return an id that no other has."""
    return f"id{next(NUMBERS)}"


def test_a_restart_keeps_the_name(tmp_path: Path) -> None:
    """The same folder is the same replica."""
    assert replica_of(tmp_path, new_id) == replica_of(tmp_path, new_id)


def test_two_folders_have_two_names(tmp_path: Path) -> None:
    """Another folder is another replica."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    assert replica_of(tmp_path / "one", new_id) != replica_of(tmp_path / "two", new_id)


def test_a_copy_of_a_folder_is_another_replica(tmp_path: Path) -> None:
    """Who copies a data folder to make a second replica gets one, not the first one twice."""
    (tmp_path / "one").mkdir()
    name = replica_of(tmp_path / "one", new_id)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert replica_of(tmp_path / "two", new_id) != name
    assert replica_of(tmp_path / "one", new_id) == name


def test_a_broken_file_is_made_anew(tmp_path: Path) -> None:
    """What cannot be read costs the name, not the start."""
    (tmp_path / FILE).write_text("[1")
    assert replica_of(tmp_path, new_id) == replica_of(tmp_path, new_id)
