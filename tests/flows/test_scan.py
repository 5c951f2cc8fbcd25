"""`copilot scan` and `copilot templates` as people run them: a shop with three incidents, and what is told of them."""

import gzip
import json
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.flows.program import command, copilot, environment
from tests.ingest.anomalies.shop import DAY, Event, lines_of, refused, some

SILENT, BURST, BROKEN = DAY + 420, DAY + 720, DAY + 920
"""Minutes of the second day: a heartbeat stops for an hour, a known error bursts, an error comes that is new."""

SECRET = "hunter" + "22xyz"
KEYS = ["stream", "detected_at", "start", "end", "kind", "template", "example", "service", "score"]
HEAVY = {"chromadb", "onnxruntime", "onnx", "tokenizers", "anthropic", "slack_bolt", "slack_sdk", "alembic"}


def timeout(rng: random.Random) -> str:
    """Return what the new error says: it holds a secret and commands for a terminal."""
    return f"payment gateway timed out after {rng.randrange(5000, 5100)} ms, password={SECRET} \x1b[2J"


def troubled(minute: int, rng: random.Random, events: Sequence[Event]) -> list[Event]:
    """Put the incidents in."""
    kept = [event for event in events if not (event.host == "web-2" and "heartbeat" in event.message)]
    changed = kept if SILENT <= minute < SILENT + 60 else list(events)
    if BURST <= minute < BURST + 10:
        changed += some(minute, rng, 15, "ERROR", "shop", refused)
    if BROKEN <= minute < BROKEN + 6:
        changed += some(minute, rng, 6, "ERROR", "billing", timeout)
    return changed


def busy_at_night(minute: int, rng: random.Random, events: Sequence[Event]) -> list[Event]:
    """Put a job in at three every night: loud, and no incident."""
    backup = some(minute, rng, 40, "INFO", "backup", lambda rng: f"table {rng.randrange(40)} copied to the vault")
    return [*events, *(backup if minute % DAY == 180 else [])]


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the shop's log, rotated once, and one of quiet days in another."""
    folder = tmp_path_factory.mktemp("logs")
    (folder / "shop").mkdir()
    (folder / "quiet").mkdir()
    with gzip.open(folder / "shop" / "shop.log.1.gz", "wb") as packed:
        packed.writelines(line + b"\n" for line in lines_of(0, DAY, change=troubled))
    (folder / "shop" / "shop.log").write_bytes(b"\n".join(lines_of(DAY, 2 * DAY, change=troubled)) + b"\n")
    (folder / "quiet" / "quiet.log").write_bytes(b"\n".join(lines_of(0, 3 * DAY, change=busy_at_night)) + b"\n")
    return folder


def scanned(logs: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `copilot scan`; whatever happens, no traceback and no secret."""
    done = copilot("scan", *arguments, folder=logs)
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stdout + done.stderr
    return done


def rows(done: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    """Return the machine output of a scan that was done."""
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="session")
def told(logs: Path) -> list[dict[str, Any]]:
    """Give what is told of the shop after a day of learning."""
    return rows(scanned(logs, "shop", "--json"))


def test_a_row_a_story_in_the_order_of_detection(told: list[dict[str, Any]]) -> None:
    """A heartbeat that stops, a burst, a new error: each once, with the promised keys."""
    assert [list(row) for row in told] == [KEYS] * 3
    assert [(row["stream"], row["kind"]) for row in told] == [("shop", "silence"), ("shop", "rise"), ("shop", "new")]
    silent, burst, broken = told
    assert (silent["start"], silent["service"]) == ("2026-11-04T07:00:00Z", "web-2 agent")
    assert silent["start"] < silent["detected_at"] <= "2026-11-04T07:05:00Z"
    assert burst["template"] == "inventory refused order <*> with code <*>"
    assert broken["example"].startswith("payment gateway timed out after ")
    assert (broken["detected_at"], broken["end"]) == ("2026-11-04T15:21:00Z", "2026-11-04T15:55:00Z")


def test_a_nightly_job_is_learnt(logs: Path) -> None:
    """What comes every night at three is no story once it came twice."""
    assert rows(scanned(logs, "quiet", "--train-until", "2026-11-05", "--json")) == []


def test_without_json_the_verdict_comes_first(logs: Path) -> None:
    """Severity and sentence, when, bars, before and now, an example that commands no terminal; a sum last."""
    done = scanned(logs, "shop")
    assert done.returncode == 0
    stories = done.stdout.split("\n\n")
    new = stories[2].splitlines()
    assert new[0].startswith("HIGH   New: payment gateway timed out after <*> ms")
    assert new[0].endswith(" on billing: 6 lines in 1 min, never seen before")
    assert new[1] == "  shop · since 2026-11-04 15:20 UTC, told after 1 min (15:21), over at 15:55"
    assert new[2].strip().startswith("·" * 24 + "█" * 6 + "·")
    assert "Lines in an hour, usually and in the last one before it was told:" in stories[1]
    assert "password=[secret:password" in stories[2]
    assert "\x1b" not in done.stdout
    assert stories[-1].startswith("3 stories in 1 stream; ")


@pytest.mark.parametrize(
    ("limits", "kinds"),
    [
        (("--since", "2026-11-04T10:00", "--until", "2026-11-04T15:00+01:00"), ["rise"]),
        (("--train-until", "2026-11-04T14:00"), ["new"]),
    ],
)
def test_times_limit_what_is_told(logs: Path, limits: Sequence[str], kinds: Sequence[str]) -> None:
    """By the time of detection, whatever the timezone it is written in."""
    assert [row["kind"] for row in rows(scanned(logs, "shop", "--json", *limits))] == kinds


def test_what_goes_on_where_reading_stops_has_no_end(logs: Path) -> None:
    """Nobody knows there that it will end."""
    (silent,) = rows(scanned(logs, "shop", "--json", "--until", "2026-11-04T07:30"))
    assert silent["end"] is None


def test_training_tells_from_the_first_line_on(logs: Path) -> None:
    """What was learnt from another log is where every stream starts; nothing is told of that log."""
    told = rows(scanned(logs, "shop/shop.log", "--train", "shop/shop.log.1.gz", "--json"))
    assert [(row["stream"], row["kind"]) for row in told] == [("shop", "silence"), ("shop", "rise"), ("shop", "new")]


def test_a_stream_shorter_than_a_day_says_so(logs: Path) -> None:
    """Silence of the scan must not look like an all-clear."""
    done = scanned(logs, "shop/shop.log", "--json")
    assert (done.returncode, done.stdout) == (0, "")
    assert "shop is shorter than a day: nothing could be told; give --train or --train-until.\n" in done.stderr


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (("--since", "2027-01-01"), "shop ends before --since: nothing could be told."),
        (("--until", "2020-01-01"), "shop holds less than a day before --until: nothing could be told;"),
        (("--train-until", "2027-01-01"), "shop ends before --train-until: nothing could be told."),
    ],
)
def test_limits_that_leave_nothing_say_so(logs: Path, limits: Sequence[str], sentence: str) -> None:
    """Which of them it was; no all-clear."""
    done = scanned(logs, "shop", *limits)
    assert done.returncode == 0
    assert sentence in done.stderr
    assert "nothing unusual" not in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize(
    "arguments", [("scan", "shop"), ("scan", "shop", "--json"), ("templates", "shop/shop.log", "--json")]
)
def test_a_full_disk_is_one_sentence(logs: Path, arguments: Sequence[str]) -> None:
    """No traceback, and nothing from the interpreter as it ends."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(arguments), cwd=logs, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr.endswith("The output cannot be written (No space left on device): write it elsewhere.\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nowhere.log",), "nowhere.log is not there: check the path."),
        (("shop", "--train", "nowhere"), "nowhere is not there: check the path."),
        (("shop", "--since", "yesterday"), "--since yesterday is no time: write 2026-03-02T14:00"),
        (("shop", "--timezone", "Mars/Base"), "--timezone Mars/Base is not known"),
        (("shop", "--since", "2026-11-05", "--until", "2026-11-04"), "--until must be later than --since."),
        (("shop", ""), "A path is empty: name a file, a folder or a glob."),
        (("-", "--train", "-"), "- can be read once only: give it as PATH or to --train."),
        ((), "Missing argument 'PATH"),
    ],
)
def test_wrong_use_is_one_sentence(logs: Path, arguments: Sequence[str], sentence: str) -> None:
    """On stderr, with exit code 2, before anything is read."""
    done = scanned(logs, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1


def test_empty_timeless_and_damaged_streams_are_named(logs: Path, tmp_path: Path) -> None:
    """What could not be looked at is no all-clear; the other streams are told all the same."""
    (tmp_path / "empty.log").touch()
    (tmp_path / "timeless.log").write_text("all is well\n" * 50)
    packed = gzip.compress(b"\n".join(lines_of(0, 60)))
    (tmp_path / "damaged.log.gz").write_bytes(packed[:2000] + bytes(100) + packed[2100:])
    done = scanned(logs, str(tmp_path), "shop", "--json")
    assert done.returncode == 1
    assert [json.loads(line)["kind"] for line in done.stdout.splitlines()] == ["silence", "rise", "new"]
    assert "empty holds no line: nothing is known of it.\n" in done.stderr
    assert "timeless tells no times that are known here: nothing could be told.\n" in done.stderr
    assert "damaged cannot be read (its packing is damaged): check the files at" in done.stderr


def test_lines_come_by_standard_input_too(logs: Path) -> None:
    """`-` is a stream named stdin."""
    whole = gzip.decompress((logs / "shop" / "shop.log.1.gz").read_bytes()) + (logs / "shop/shop.log").read_bytes()
    done = subprocess.run(
        command(("scan", "-", "--json")), cwd=logs, env=environment(), input=whole, capture_output=True, check=True
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["stream"], row["kind"]) for row in told] == [("stdin", "silence"), ("stdin", "rise"), ("stdin", "new")]


def test_a_scan_loads_nothing_heavy_and_leaves_nothing_behind(logs: Path, tmp_path: Path) -> None:
    """Neither Chroma nor a model, no data folder, no temporary file."""
    program = [command(())[0], "-X", "importtime", *command(("scan", "shop/shop.log"))[1:]]
    before = sorted(logs.rglob("*"))
    (tmp_path / "tmp").mkdir()
    done = subprocess.run(
        program, cwd=logs, env=environment(TMPDIR=str(tmp_path / "tmp")), capture_output=True, text=True, check=True
    )
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert loaded & HEAVY == set()
    assert sorted(logs.rglob("*")) == before
    assert list((tmp_path / "tmp").iterdir()) == []


def test_templates_are_given_for_every_physical_line(tmp_path: Path) -> None:
    """Lines of one entry share its pattern; lines that were merged later have the final one."""
    head = "2026-03-02T10:00:{:02d}Z web-1 {} shop: {}"
    lines = [head.format(n, "INFO", f"order {n} took {n * 7} ms") for n in range(20)]
    lines += [head.format(30, "ERROR", "it broke"), "Traceback (most recent call last):", "ValueError: 5"]
    (tmp_path / "app.log").write_text("\n".join(lines) + "\n")
    found = [
        json.loads(line) for line in copilot("templates", "app.log", "--json", folder=tmp_path).stdout.splitlines()
    ]
    assert [row["line"] for row in found] == list(range(1, 24))
    assert [list(row) for row in found] == [["line", "group", "template"]] * 23
    assert {row["template"] for row in found[:20]} == {"order <*> took <*> ms"}
    assert len({row["group"] for row in found[:20]}) == len({row["group"] for row in found[20:]}) == 1
    assert found[20]["template"].startswith("it broke")


def test_templates_of_messages_alone_take_the_whole_line(tmp_path: Path) -> None:
    """A file of messages has no header to take off, and each line is its own."""
    (tmp_path / "messages.txt").write_text("".join(f" - worker {n} lost its lease\n" for n in range(12)))
    done = copilot("templates", "messages.txt", "--json", folder=tmp_path)
    assert [json.loads(line)["template"] for line in done.stdout.splitlines()] == [" - worker <*> lost its lease"] * 12


def test_templates_for_people_are_the_commonest_first(logs: Path) -> None:
    """With share, count, level and course; secrets and controls taken out."""
    done = copilot("templates", "shop/shop.log", folder=logs)
    head, *patterns = done.stdout.splitlines()
    assert done.returncode == 0
    assert head.endswith("2026-11-04 00:00 to 2026-11-04 23:59 UTC, a bar is 60 min")
    assert [pattern.split()[2] for pattern in patterns[:3]] == ["INFO", "INFO", "INFO"]
    assert patterns[0].endswith("request <*> answered <*> in <*> ms")
    assert SECRET not in done.stdout
    assert "\x1b" not in done.stdout


def test_templates_of_a_folder_are_refused(logs: Path) -> None:
    """One file at a time, said in a sentence."""
    done = copilot("templates", "shop", folder=logs)
    assert (done.returncode, done.stderr) == (2, "shop is more than one file: name one of them.\n")
