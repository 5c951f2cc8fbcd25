"""Log files: every line once, whatever rotation does between two reads, wherever a read is cut."""

import gzip
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import SourceDown
from ingest.logs.files import Files
from ingest.logs.source import MOST_LINE, Cursor


async def read(files: Files, cursor: Cursor | None = None) -> tuple[list[bytes], Cursor]:
    """Return all lines that are there after a cursor, and the last cursor."""
    lines: list[bytes] = []
    last = cursor or {}
    async for batch in files.read(last):
        lines += batch.lines
        last = batch.cursor
    return lines, last


async def test_lines_come_without_their_ends_and_the_last_waits_for_its_own(tmp_path: Path) -> None:
    """What is being written is not read yet; it comes whole with the next read."""
    log = tmp_path / "app.log"
    log.write_bytes(b"one\ntwo\r\nthr")
    files = Files("app", [log])
    lines, cursor = await read(files)
    assert lines == [b"one", b"two"]
    with log.open("ab") as file:
        file.write(b"ee\nfour")
    assert (await read(files, cursor))[0] == [b"three"]


async def test_the_last_line_of_a_finished_file_is_whole(tmp_path: Path) -> None:
    """A replay loses nothing, and reads nothing twice."""
    log = tmp_path / "app.log"
    log.write_bytes(b"one\ntwo")
    files = Files("app", [log], finished=True)
    lines, cursor = await read(files)
    assert lines == [b"one", b"two"]
    assert (await read(files, cursor))[0] == []


async def test_nothing_new_reads_nothing(tmp_path: Path) -> None:
    """And still says where it stands."""
    log = tmp_path / "app.log.gz"
    log.write_bytes(gzip.compress(b"one\n"))
    files = Files("app", [log])
    _, cursor = await read(files)
    assert await read(files, cursor) == ([], cursor)


async def test_rotated_files_are_read_oldest_first(tmp_path: Path) -> None:
    """By date, then by number, packed or not, the live file last."""
    for name, line in (("app.log", b"5"), ("app.log.1", b"4"), ("app.log-20260302", b"2"), ("app.log-20260301", b"1")):
        (tmp_path / name).write_bytes(line + b"\n")
    (tmp_path / "app.log.2.gz").write_bytes(gzip.compress(b"3\n"))
    assert (await read(Files("app", [f"{tmp_path}/app.log*"])))[0] == [b"1", b"2", b"3", b"4", b"5"]


async def test_a_line_of_ten_megabytes_is_cut_with_a_marker(tmp_path: Path) -> None:
    """And the lines around it are whole."""
    log = tmp_path / "app.log"
    log.write_bytes(b"before\n" + b"x" * 10_000_000 + b"\nafter\n")
    (before, long, after), _ = await read(Files("app", [log]))
    assert (before, after) == (b"before", b"after")
    assert long == b"x" * MOST_LINE + b" [cut: %d bytes]" % (10_000_000 - MOST_LINE)


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"caf\xe9 \xff\nb\n", [b"caf\xe9 \xff", b"b"]),
        (b"\0\0\0\0a\nb\0c\n", [b"a", b"bc"]),
        (b"\xef\xbb\xbfa\r\n\r\nb\n", [b"a", b"", b"b"]),
        ("aé\r\nb\n".encode("utf-16"), [b"a\xe9", b"b"]),
    ],
    ids=["not-utf-8", "nul", "bom-and-crlf", "utf-16"],
)
async def test_bytes_that_are_no_clean_text_are_kept(tmp_path: Path, content: bytes, lines: list[bytes]) -> None:
    """What can be read of them stays readable."""
    (tmp_path / "app.log").write_bytes(content)
    assert (await read(Files("app", [tmp_path / "app.log"])))[0] == lines


async def test_a_missing_file_is_a_source_that_is_down(tmp_path: Path) -> None:
    """Never `nothing happened`."""
    with pytest.raises(SourceDown, match="app has no file at"):
        await read(Files("app", [tmp_path / "app.log"]))


async def test_damaged_packing_is_a_source_that_is_down(tmp_path: Path) -> None:
    """With what to check."""
    (tmp_path / "app.log.gz").write_bytes(b"no gzip at all")
    with pytest.raises(SourceDown, match="app cannot be read"):
        await read(Files("app", [tmp_path / "app.log.gz"]))


async def test_a_file_removed_and_begun_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    """Even when it is longer than the old one was."""
    log = tmp_path / "app.log"
    log.write_bytes(b"old 1\n")
    files = Files("app", [log])
    _, cursor = await read(files)
    log.unlink()
    log.write_bytes(b"new 1\nnew 2\n")
    assert (await read(files, cursor))[0] == [b"new 1", b"new 2"]


async def test_a_file_emptied_and_filled_beyond_the_old_place_is_seen(tmp_path: Path) -> None:
    """The same file on the disk with the same first line, but not the same content."""
    log = tmp_path / "app.log"
    banner = b"started with many settings\n" * 80
    log.write_bytes(banner + b"old\n")
    files = Files("app", [log])
    _, cursor = await read(files)
    log.write_bytes(banner + b"new\nmore\n")
    assert (await read(files, cursor))[0][-3:] == [b"started with many settings", b"new", b"more"]


async def test_a_generation_written_and_rotated_between_two_reads_is_not_lost(tmp_path: Path) -> None:
    """Only the live file is configured; its neighbours tell what became of it. Older ones stay unread."""
    log = tmp_path / "app.log"
    (tmp_path / "app.log.1").write_bytes(b"before our time\n")
    log.write_bytes(b"a1\n")
    files = Files("app", [log])
    _, cursor = await read(files)
    (tmp_path / "app.log.1").rename(tmp_path / "app.log.3")
    with log.open("ab") as file:
        file.write(b"a2\n")
    log.rename(tmp_path / "app.log.2")
    (tmp_path / "app.log.1").write_bytes(b"b1\n")
    log.write_bytes(b"c1\n")
    assert (await read(files, cursor))[0] == [b"a2", b"b1", b"c1"]


async def test_a_packed_copy_beside_its_original_is_not_read_twice(tmp_path: Path) -> None:
    """Packing takes a while: meanwhile there are both, and the packed one is half."""
    content = b"".join(b"line %d of many\n" % number for number in range(5000))
    (tmp_path / "app.log.1").write_bytes(content)
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(content)[:6000])
    lines, cursor = await read(Files("app", [f"{tmp_path}/app.log*"]))
    assert lines == content.splitlines()
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(content))
    assert (await read(Files("app", [f"{tmp_path}/app.log*"]), cursor))[0] == []
    assert (await read(Files("app", [f"{tmp_path}/app.log*"])))[0] == content.splitlines()
    (tmp_path / "app.log.1").unlink()
    assert (await read(Files("app", [f"{tmp_path}/app.log*"]), cursor))[0] == []


async def test_the_last_line_of_a_file_rotated_away_comes_when_it_stays_as_it_is(tmp_path: Path) -> None:
    """The writer may still hold the old file for a moment; one read later nobody does."""
    log = tmp_path / "app.log"
    log.write_bytes(b"one\nhalf")
    files = Files("app", [log])
    _, cursor = await read(files)
    log.rename(tmp_path / "app.log.1")
    log.write_bytes(b"")
    with (tmp_path / "app.log.1").open("ab") as file:
        file.write(b" a line")
    lines, cursor = await read(files, cursor)
    assert lines == []
    assert (await read(files, cursor))[0] == [b"half a line"]


@given(
    content=st.lists(st.sampled_from([b"", b"a", b"two words", b"x" * 40, b"\xff\r", b"longer " * 9]), max_size=30),
    block=st.integers(1, 70),
    stop=st.integers(0, 40),
    end=st.sampled_from([b"", b"\n"]),
)
async def test_any_cut_and_any_stop_give_each_line_once(
    tmp_path_factory: pytest.TempPathFactory, content: list[bytes], block: int, stop: int, end: bytes
) -> None:
    """Blocks of any size; a crash after any batch goes on from that batch's cursor."""
    log = tmp_path_factory.mktemp("cut") / "app.log"
    log.write_bytes(b"\n".join(content) + end)
    whole = [line.removesuffix(b"\r") for line in log.read_bytes().split(b"\n")]
    files = Files("app", [log], finished=True, block=block)
    lines: list[bytes] = []
    cursor: Cursor = {}
    async for batch in files.read({}):
        lines += batch.lines
        cursor = batch.cursor
        stop -= 1
        if stop <= 0:
            break
    more, _ = await read(files, cursor)
    assert lines + more == (whole[:-1] if whole[-1] == b"" else whole)


class Machine:
    """A writer, its rotation, and the bot's reads of it, in any order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "app.log"
        self.log.write_bytes(b"")
        self.files = Files("app", [f"{folder}/app.log*"], block=64)
        self.cursor: Cursor = {}
        self.written: list[bytes] = []
        self.lines: list[bytes] = []

    def write(self, count: int) -> None:
        """Append lines, half of the last one at first."""
        for _ in range(count):
            line = b"line %d of the log" % len(self.written)
            self.written.append(line)
            with self.log.open("ab") as file:
                file.write(line + b"\n")

    def rename(self, _: int) -> None:
        """Rotate by rename."""
        self._shift()
        self.log.rename(self.folder / "app.log.1")
        self.log.write_bytes(b"")

    def copytruncate(self, _: int) -> None:
        """Rotate by copy, the file itself emptied."""
        self._shift()
        shutil.copy(self.log, self.folder / "app.log.1")
        self.log.write_bytes(b"")

    def pack(self, _: int) -> None:
        """Compress what was rotated last."""
        old = self.folder / "app.log.1"
        if old.exists():
            (self.folder / "app.log.1.gz").write_bytes(gzip.compress(old.read_bytes()))
            old.unlink()

    def _shift(self) -> None:
        names = [(number, end) for number in range(9, 0, -1) for end in ("", ".gz")]
        for number, end in names:
            path = self.folder / f"app.log.{number}{end}"
            if path.exists():
                path.rename(self.folder / f"app.log.{number + 1}{end}")

    async def read(self, stop: int) -> None:
        """Read all, or crash after some batches."""
        async for batch in self.files.read(self.cursor):
            self.lines += batch.lines
            self.cursor = batch.cursor
            stop -= 1
            if not stop:
                break


STEPS = ["write", "rename", "copytruncate", "pack", "read", "read"]


@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 6)), max_size=14))
async def test_every_schedule_of_writing_rotating_and_reading_counts_each_line_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    """Rename, copytruncate and packing between any two reads, reads that die after any batch."""
    machine = Machine(tmp_path_factory.mktemp("rotation"))
    for step, number in steps:
        if step == "read":
            await machine.read(number)
        else:
            getattr(machine, step)(number)
    await machine.read(0)
    assert sorted(machine.lines, key=machine.written.index) == machine.written
