"""Names of streams, and which files are one stream: without endings and rotation suffixes. Reads folders, not files."""

import re
from collections.abc import Iterable, Sequence
from glob import has_magic
from pathlib import Path
from typing import Final

from ingest.errors import WrongUse

STREAM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""A name for a stream: what stands in an address and in a file's name without being written otherwise."""

_ENDINGS = frozenset("log tsv csv txt json jsonl ndjson out err logfmt".split())
_UNREAD = frozenset((".bz2", ".xz", ".zst", ".zip", ".7z", ".lz4"))
_DATE = r"(?:19|20)\d\d-?[01]\d-?[0-3]\d(?:[-T_.]?\d\d(?:[-:.]?\d\d){0,2})?"
_DATED = re.compile(rf"[-._](?P<date>{_DATE})(?:[-._](?P<nth>\d{{1,3}}))?$")
"""logrotate's `dateext` (`-20260302`), logback's and log4j's `.2026-03-02.0`, Python's `.2026-03-02_10`."""
_NUMBERED = re.compile(r"\.(\d{1,3})$")
"""logrotate's and Python's `.1`, at the end or behind an ending: `web.2.log` is the log of a second web server."""


def stem_of(path: Path) -> str:
    """Return the stream's name that a file's name gives: `app` for `app.log`, `app.log.2.gz`, `app-20260302.log`."""
    return _parts(path)[0]


def age_of(path: Path) -> tuple[int, str, int]:
    """Return what sorts the files of one stream oldest first: dates, then numbers falling, then the live file."""
    _, date, number = _parts(path)
    if date:
        return (0, re.sub(r"\D", "", date).ljust(14, "0"), number)
    return (1, "", -number) if number else (2, "", 0)


def _parts(path: Path) -> tuple[str, str, int]:
    """Return a file's name without endings and rotation, the date of its rotation, and its number."""
    name, date, number = path.name.removesuffix(".gz"), "", 0
    if found := _NUMBERED.search(name):
        name, number = name[: found.start()], int(found[1])
    while True:
        stem, _, ending = name.rpartition(".")
        if not number and stem.rpartition(".")[2] in _ENDINGS and (found := _NUMBERED.search(name)):
            name, number = stem, int(found[1])
        elif stem and ending.lower() in _ENDINGS:
            name = stem
        elif not date and (found := _DATED.search(name)) and found.start():
            name, date, number = name[: found.start()], found["date"], int(found["nth"] or number)
        else:
            return name, date, number


def streams_of(paths: Iterable[Path | str]) -> dict[str, list[Path]]:
    """Return the streams that these files, folders and globs hold: the files of each, oldest first, by its name.

    Files of one folder with the same stem are one stream. Stems that stand in several folders take the path relative
    to what these have in common. Does I/O. Raises WrongUse for a path that is missing or holds nothing.
    """
    groups: dict[tuple[Path, str], list[Path]] = {}
    for path in dict.fromkeys(found for each in paths for found in _files(each)):
        groups.setdefault((path.parent, stem_of(path)), []).append(path)
    stems = [stem for _, stem in groups]
    clashing = [folder for folder, stem in groups if stems.count(stem) > 1]
    top = _common(clashing)
    named = {
        (folder.relative_to(top) / stem).as_posix() if stems.count(stem) > 1 else stem: sorted(files, key=age_of)
        for (folder, stem), files in groups.items()
    }
    return dict(sorted(named.items()))


def _common(folders: Sequence[Path]) -> Path:
    if not folders:
        return Path()
    first, *rest = folders
    return next((top for top in (first, *first.parents) if all(each.is_relative_to(top) for each in rest)), Path("/"))


def matching(pattern: str) -> list[Path]:
    """Return the paths that a glob means, `**` included; the path itself when it is none. Does I/O."""
    path = Path(pattern).absolute()
    if not has_magic(pattern) or path.exists():
        return [path]
    return list(Path(path.anchor).glob(path.relative_to(path.anchor).as_posix()))


def _files(given: Path | str) -> list[Path]:
    """Return the files that one argument means, with absolute paths."""
    path = Path(given).absolute()
    try:
        if path.is_dir():
            found = [each for each in sorted(path.iterdir()) if each.is_file() and not each.name.startswith(".")]
        elif has_magic(str(given)) and not path.exists():
            found = [each for each in sorted(matching(str(path))) if each.is_file()]
        else:
            found = [path]
            with path.open("rb"):
                pass
    except FileNotFoundError as error:
        raise WrongUse(f"{given} is not there: check the path.") from error
    except OSError as error:
        raise WrongUse(f"{given} cannot be read: check its permissions.") from error
    for each in found:
        if each.suffix.lower() in _UNREAD:
            raise WrongUse(f"{each} is compressed in a way that is not read: unpack it, or pack it as .gz.")
    if not found:
        raise WrongUse(f"{given} holds no file: check the path.")
    return found
