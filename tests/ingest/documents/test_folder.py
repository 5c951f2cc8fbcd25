"""A folder as a source: what is read, what is listed with its reason, and nothing from outside of it."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ingest.documents.folder import MOST_BYTES, Folder
from ingest.documents.source import Original, Skipped
from ingest.errors import FolderMissing
from tests.conftest import Write


def held_by(root: Path, *excludes: str) -> dict[str, str]:
    """Return what a folder holds, by path: the text of what is read, `! reason` of what is not."""
    originals = Folder("docs", root, excludes).originals()
    return {each.relative: each.text if isinstance(each, Original) else f"! {each.reason}" for each in originals}


def test_markdown_is_read_in_path_order(write: Write) -> None:
    """Whole text, sub-folders included, in an order that never changes."""
    root = write({"b.md": "B", "a/z.markdown": "Z", "a.md": "A", "a/b/C.MD": "C"})
    assert list(held_by(root).items()) == [("a/b/C.MD", "C"), ("a/z.markdown", "Z"), ("a.md", "A"), ("b.md", "B")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n\t\r\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"# Title\n\0\1\2", "is binary, not text"),
        ("Ünicode".encode("utf-16"), "is binary, not text"),
        (b"# Caf\xe9\n", "is not UTF-8 (byte 6): save it as UTF-8"),
        (b"x" * (MOST_BYTES + 1), "is 2 MiB, more than 2: split it"),
    ],
    ids=["empty", "blank", "only-bom", "binary", "utf-16", "latin-1", "oversize"],
)
def test_what_is_no_text_is_listed_with_its_reason(write: Write, content: bytes, reason: str) -> None:
    """One bad file costs itself alone."""
    root = write({"bad.md": content, "good.md": "Good"})
    assert held_by(root) == {"bad.md": f"! {reason}", "good.md": "Good"}


def test_a_huge_file_is_not_even_opened(write: Write) -> None:
    """50 MB of nothing are judged by their size."""
    root = write({"good.md": "Good"})
    with (root / "huge.md").open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    assert held_by(root)["huge.md"] == "! is 50 MiB, more than 2: split it"


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfA\r\nB\rC\n", b"A\nB\nC\n"])
def test_line_ends_and_byte_order_marks_of_other_systems_are_evened_out(write: Write, content: bytes) -> None:
    """A file is the same document on every system, and unchanged when only those differ."""
    assert held_by(write({"a.md": content})) == {"a.md": "A\nB\nC\n"}


@pytest.mark.parametrize("name", ["picture.png", "notes.txt", "Makefile", "md"])
def test_other_files_are_listed(write: Write, name: str) -> None:
    """An owner sees why a file is not found by search."""
    assert held_by(write({name: "x"})) == {name: "! is not Markdown (.md)"}


def test_hidden_files_and_folders_are_passed_over(write: Write) -> None:
    """Git's own files are nobody's runbooks."""
    root = write({".git/a.md": "x", ".draft.md": "x", "a/.cache/b.md": "x", "good.md": "Good"})
    assert held_by(root) == {"good.md": "Good"}


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("../outside.md", "is a link out of the folder"),
        ("/etc/passwd", "is a link out of the folder"),
        ("../docs-beside/x.md", "is a link out of the folder"),
        ("gone.md", "is a link that leads nowhere or back to itself"),
        ("link.md", "is a link that leads nowhere or back to itself"),
        ("good.md", "is a link to good.md, which is read itself"),
        (".", "is a link to a folder, which is not followed"),
        ("..", "is a link out of the folder"),
    ],
)
def test_a_link_is_followed_nowhere_it_should_not(write: Write, target: str, reason: str) -> None:
    """Nothing outside of the root is ever read, nothing is read twice, and no loop is walked."""
    root = write({"good.md": "Good"})
    for beside in (root.parent / "outside.md", root.parent / "docs-beside" / "x.md"):
        beside.parent.mkdir(exist_ok=True)
        beside.write_text("Secret")
    (root / "link.md").symlink_to(target)
    assert held_by(root) == {"good.md": "Good", "link.md": f"! {reason}"}


def test_a_link_to_a_folder_is_not_walked(write: Write) -> None:
    """A loop of folders would never end, and one that leads out would read what nobody gave."""
    root = write({"a/good.md": "Good"})
    (root / "a" / "again").symlink_to(root)
    (root / "away").symlink_to(root.parent)
    found = held_by(root)
    assert found == {
        "a/again": "! is a link to a folder, which is not followed",
        "a/good.md": "Good",
        "away": "! is a link out of the folder",
    }


def test_a_mounted_configmap_is_read_once(write: Write) -> None:
    """Kubernetes mounts files as links over a hidden folder; each is read under its plain name."""
    root = write({"..2026_11_20/pool.md": "Pool"})
    (root / "..data").symlink_to("..2026_11_20")
    (root / "pool.md").symlink_to("..data/pool.md")
    assert held_by(root) == {"pool.md": "Pool"}


def test_the_root_itself_may_be_a_link(write: Write, tmp_path: Path) -> None:
    """`current` often is one."""
    root = write({"a.md": "A"})
    (tmp_path / "current").symlink_to(root)
    assert held_by(tmp_path / "current") == {"a.md": "A"}


def test_a_pipe_and_a_socket_are_never_opened(write: Write) -> None:
    """Reading a pipe that nobody writes would never end."""
    root = write({"good.md": "Good"})
    os.mkfifo(root / "pipe.md")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(root / "s.md"))
        found = held_by(root)
    assert found == {"good.md": "Good", "pipe.md": "! is not a regular file", "s.md": "! is not a regular file"}


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up the rights of root for a moment, if this is root: it may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_may_not_be_read_is_listed() -> None:
    """A file or a folder without permission costs itself alone."""
    with TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        (root / "shut").mkdir()
        for path in ("closed.md", "good.md", "shut/x.md"):
            (root / path).write_text("Good")
        (root / "closed.md").chmod(0)
        (root / "shut").chmod(0)
        with as_nobody():
            found = held_by(root)
        (root / "shut").chmod(0o755)
    assert found == {
        "closed.md": "! may not be read: check its permissions",
        "good.md": "Good",
        "shut": "! is a folder that may not be listed: check its permissions",
    }


def test_a_file_that_vanishes_while_it_is_read_is_listed(write: Write) -> None:
    """People edit while we read."""
    root = write({"a.md": "A", "b.md": "B"})
    originals = Folder("docs", root).originals()
    assert next(originals) == Original("a.md", "A")
    (root / "b.md").unlink()
    assert list(originals) == [Skipped("b.md", "vanished while it was read")]


@pytest.mark.parametrize(
    ("glob", "left"),
    [
        ("ORIGIN.md", ["a/b.md", "draft-x.md"]),
        ("a/*", ["ORIGIN.md", "draft-x.md"]),
        ("draft-*", ["ORIGIN.md", "a/ORIGIN.md", "a/b.md"]),
        ("*/ORIGIN.md", ["ORIGIN.md", "a/b.md", "draft-x.md"]),
    ],
)
def test_an_exclude_names_a_file_or_a_path(write: Write, glob: str, left: list[str]) -> None:
    """A glob without a folder means that name in every folder; what is excluded is not listed either."""
    root = write({"ORIGIN.md": "x", "a/ORIGIN.md": "x", "a/b.md": "x", "draft-x.md": "x"})
    assert sorted(held_by(root, glob)) == left


@pytest.mark.parametrize("name", ["missing", "file.md"])
def test_a_root_that_is_no_folder_is_one_clear_error(write: Write, name: str) -> None:
    """A mistyped path must not look like an empty folder, which would delete every document."""
    root = write({"file.md": "x"})
    with pytest.raises(FolderMissing, match=r"is not a folder that can be read: check the path and its permissions\."):
        held_by(root / name)
