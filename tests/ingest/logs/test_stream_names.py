"""Stream names: which files are one stream, and what it is called."""

import os
from pathlib import Path

import pytest

from ingest.errors import WrongUse
from ingest.logs.names import age_of, stem_of, streams_of
from tests.conftest import Write


@pytest.mark.parametrize(
    ("names", "stem"),
    [
        ("app app.log app.log.1 app.log.12.gz app.log-20260302 app.log-20260302.gz app.log.2026-03-02", "app"),
        (
            "app.2026-03-02.log app.2026-03-02.0.log app-20260302.log.gz app-2026-03-02_10.log app.json app.tsv.gz",
            "app",
        ),
        ("app.log.1.2026-03-02_13:53:08", "app"),
        ("syslog syslog.1 syslog.2.gz syslog-20260302", "syslog"),
        ("web-1.log web-1.log.3", "web-1"),
        ("web.2.log", "web.2"),
        ("job-0129.log.tsv.gz", "job-0129"),
        ("redis-7.2.log", "redis-7.2"),
        ("20260302.log", "20260302"),
        (".log", ".log"),
    ],
)
def test_a_name_loses_endings_and_rotation_alone(names: str, stem: str) -> None:
    """The number of a host stays."""
    assert {stem_of(Path(name)) for name in names.split()} == {stem}


def test_ages_go_from_the_oldest_to_the_live_file() -> None:
    """Dates, numbers falling, none."""
    names = "a.log-20260301 a.log-20260302.gz a.2026-03-02.1.log a.log.10.gz a.log.2 a.log.1 a.log".split()
    assert sorted(sorted(names), key=lambda name: age_of(Path(name))) == names


def test_rotated_files_are_one_stream_and_clashes_take_their_path(write: Write) -> None:
    """Only names that clash grow, from where their paths part."""
    root = write({"a/app.log": "", "a/app.log.1": "", "b/c/app.log": "", "b/web.log": "", "b/.hidden": ""})
    found = streams_of([root / "a", f"{root}/b/**/*.log"])
    assert {name: [path.relative_to(root).as_posix() for path in paths] for name, paths in found.items()} == {
        "a/app": ["a/app.log.1", "a/app.log"],
        "b/c/app": ["b/c/app.log"],
        "web": ["b/web.log"],
    }


def test_a_file_given_twice_is_read_once(write: Write) -> None:
    """As itself and by a glob."""
    root = write({"app.log": ""})
    assert streams_of([root / "app.log", f"{root}/*.log", root]) == {"app": [root / "app.log"]}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("none.log", "none.log is not there: check the path."),
        ("*.none", "*.none holds no file: check the path."),
        ("empty", "empty holds no file: check the path."),
        ("app.zst", "app.zst is compressed in a way that is not read: unpack it, or pack it as .gz."),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(write: Write, given: str, sentence: str) -> None:
    """With what to do."""
    root = write({"app.zst": "x"})
    (root / "empty").mkdir()
    with pytest.raises(WrongUse) as raised:
        streams_of([f"{root}/{given}"])
    assert str(raised.value) == f"{root}/{sentence}"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_said(write: Write) -> None:
    """Before anything is read."""
    root = write({"app.log": "x"})
    (root / "app.log").chmod(0)
    with pytest.raises(WrongUse, match="cannot be read: check its permissions"):
        streams_of([root / "app.log"])
