"""A folder of Markdown files as a source. Never reads outside its root, never follows a link to a folder."""

import errno
import os
import stat
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from ingest.documents.source import Original, Skipped
from ingest.errors import FolderMissing

MARKDOWN = (".md", ".markdown")
MOST_BYTES = 2 * 1024 * 1024
"""Ours: a runbook beyond 2 MiB is a mistake (the largest of 1,000 public ones is below 0.1 MiB)."""


class Folder:
    """Markdown files below `root`; `excludes` are globs on the file name or the path within the root."""

    def __init__(self, name: str, root: Path, excludes: tuple[str, ...] = ()) -> None:
        self._name = name
        self._root = root
        self._excludes = excludes

    @property
    def name(self) -> str:
        """The first part of every id from here."""
        return self._name

    def originals(self) -> Iterator[Original | Skipped]:
        """Yield every Markdown file in path order, or why it was not read. Hidden files and folders are passed over."""
        root = Path(os.path.realpath(self._root))
        if not root.is_dir():
            raise FolderMissing(f"{self._root} is not a folder that can be read: check the path and its permissions.")
        for path in _walk(root):
            relative = path.relative_to(root).as_posix()
            if not self._excluded(relative):
                yield _read(root, path, relative)

    def _excluded(self, relative: str) -> bool:
        name = relative.rsplit("/", 1)[-1]
        return any(fnmatch(relative, glob) or fnmatch(name, glob) for glob in self._excludes)


def _walk(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        yield folder  # the reader says why
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        else:
            yield Path(entry.path)


def _read(root: Path, path: Path, relative: str) -> Original | Skipped:
    reason = _why_not(root, path)
    if reason is None:
        try:
            return _decoded(relative, _bytes(path))
        except OSError as error:
            reason = _in_words(error)
    return Skipped(relative, reason)


def _why_not(root: Path, path: Path) -> str | None:
    """Return why `path` must not be opened, or None."""
    if path.is_symlink() and (reason := _why_not_linked(root, path)):
        return reason
    try:
        about = path.stat()
    except OSError as error:
        return _in_words(error)
    wrong = (
        (stat.S_ISDIR(about.st_mode), "is a folder that may not be listed: check its permissions"),
        (not stat.S_ISREG(about.st_mode), "is not a regular file"),
        (path.suffix.lower() not in MARKDOWN, "is not Markdown (.md)"),
        (about.st_size > MOST_BYTES, f"is {about.st_size >> 20} MiB, more than {MOST_BYTES >> 20}: split it"),
    )
    return next((reason for is_so, reason in wrong if is_so), None)


def _why_not_linked(root: Path, path: Path) -> str | None:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return "is a link that leads nowhere or back to itself"
    if not target.is_relative_to(root):
        return "is a link out of the folder"
    if target.is_dir():
        return "is a link to a folder, which is not followed"
    # Mounted ConfigMaps are links into a hidden folder of the same root; those targets are read nowhere else.
    if not any(part.startswith(".") for part in target.relative_to(root).parts):
        return f"is a link to {target.relative_to(root).as_posix()}, which is read itself"
    return None


def _bytes(path: Path) -> bytes:
    # The link, if any, was judged above: open its target and refuse one that was swapped in since.
    handle = os.open(os.path.realpath(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        return file.read(MOST_BYTES + 1)


def _decoded(relative: str, content: bytes) -> Original | Skipped:
    if b"\0" in content:
        return Skipped(relative, "is binary, not text")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Skipped(relative, f"is not UTF-8 (byte {error.start + 1}): save it as UTF-8")
    if not text.strip():
        return Skipped(relative, "is empty")
    return Original(relative, text.replace("\r\n", "\n").replace("\r", "\n"))


def _in_words(error: OSError) -> str:
    words = {
        errno.EACCES: "may not be read: check its permissions",
        errno.EPERM: "may not be read: check its permissions",
        errno.ENOENT: "vanished while it was read",
        errno.ELOOP: "is a link that leads nowhere or back to itself",
        errno.ENAMETOOLONG: "has a name that is too long",
    }
    return words.get(error.errno or 0, "could not be read from the disk")
