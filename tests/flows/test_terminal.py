"""The command line as people and scripts use it: keys, exit codes, one-sentence errors, nothing loaded in vain."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.flows.program import command, copilot, environment

RUNBOOKS = ("postgres-connection-pool.md", "cdn-purge.md", "deploy-rollback.md")
POSTMORTEMS = ("2025-09-18-checkout-502-db-pool.md", "2026-07-08-search-stale-alias.md")
POOL = "postgres-connection-pool.md"
QUESTION = "PgBouncer has clients waiting and sessions are idle in transaction, what do I do?"
SECRET = "hunter" + "22"
HEAVY = ("chromadb", "onnx", "onnxruntime", "tokenizers", "anthropic", "slack_bolt", "safetensors", "tantivy")


@dataclass(frozen=True)
class Desk:
    """A person's folder: some documents, and `var` with what is indexed of them."""

    folder: Path
    first: "subprocess.CompletedProcess[str]"

    def run(self, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        """Run a command; whatever happens, no traceback."""
        done = copilot(*arguments, folder=self.folder, settings=settings)
        assert "Traceback" not in done.stderr + done.stdout
        return done

    def rows(self, *arguments: str, **settings: str) -> list[dict[str, Any]]:
        """Run a command and return its machine output."""
        done = self.run(*arguments, **settings)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory, example: Path) -> Desk:
    """Give a folder that was synced once; tests leave its documents as they are."""
    folder = tmp_path_factory.mktemp("desk")
    corpus = folder / "corpus"
    (corpus / "runbooks").mkdir(parents=True)
    (corpus / "postmortems").mkdir()
    for name in RUNBOOKS:
        shutil.copy(example / name, corpus / "runbooks")
    for name in POSTMORTEMS:
        shutil.copy(example / "postmortems" / name, corpus / "postmortems")
    (corpus / "runbooks" / "empty.md").touch()
    (corpus / "runbooks" / "ORIGIN.md").write_text("# Where this is from\n")
    paths = ("corpus/runbooks", "corpus/postmortems")
    return Desk(folder, copilot("sync", *paths, "--exclude", "ORIGIN.md", folder=folder))


def test_sync_says_what_it_did_and_lists_what_it_could_not_read(desk: Desk) -> None:
    """On stderr, as people read it; stdout is for results."""
    assert (desk.first.returncode, desk.first.stdout) == (0, "")
    assert "  runbooks/empty.md: is empty\n" in desk.first.stderr
    assert "Reading runbooks: 3 of 3 documents\n" in desk.first.stderr
    assert "Synced runbooks, postmortems: 5 added; " in desk.first.stderr


def test_a_second_sync_embeds_nothing_and_loads_nothing_heavy(desk: Desk) -> None:
    """Neither Chroma nor the model: it costs a hash per file."""
    program = [command(())[0], "-X", "importtime", *command(("sync",))[1:]]
    done = subprocess.run(
        program, cwd=desk.folder, env=environment(), capture_output=True, text=True, timeout=60, check=True
    )
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "Synced postmortems, runbooks: 5 unchanged; 0 texts embedded." in done.stderr
    assert loaded & set(HEAVY) == set()
    assert "sqlalchemy" in loaded


def test_search_prints_a_passage_a_line(desk: Desk) -> None:
    """Best first, with exactly the keys that scripts rely on, and lines that agree with the file."""
    rows = desk.rows("search", QUESTION, "--json")
    keys = ["rank", "path", "title", "heading", "start_line", "end_line", "kind", "service", "score", "text"]
    assert [list(row) for row in rows] == [keys] * len(rows)
    assert [row["rank"] for row in rows] == list(range(1, 6))
    best = rows[0]
    assert (best["path"], best["kind"], best["service"]) == (f"runbooks/{POOL}", "runbook", "postgres, checkout")
    lines = (desk.folder / "corpus" / "runbooks" / POOL).read_text().split("\n")
    assert best["text"] == "\n".join(lines[best["start_line"] - 1 : best["end_line"]])
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)


def test_search_for_people_names_the_place(desk: Desk) -> None:
    """Only documents of the kind that was asked for; where, and the first lines."""
    done = desk.run("search", "stale search alias", "--kind", "postmortem")
    assert done.returncode == 0
    assert done.stdout.startswith("1. ")
    assert f"(postmortems/{POSTMORTEMS[1]}:" in done.stdout.split("\n")[0]
    assert "runbooks/" not in done.stdout.replace("(../runbooks", "")


def test_ask_prints_the_events_of_an_answer(desk: Desk) -> None:
    """Status and text, every source before the end, and one `done` last, with exactly the promised keys."""
    rows = desk.rows("ask", QUESTION, "--json")
    keys = {
        "status": ["type", "text"],
        "text": ["type", "text"],
        "source": ["type", "id", "path", "start_line", "end_line", "title"],
        "done": "type outcome reason answer_id sources model seconds tokens_in tokens_out usd".split(),
    }
    assert all(list(row) == keys[row["type"]] for row in rows)
    assert [row["type"] for row in rows].count("done") == 1
    done = rows[-1]
    assert (done["outcome"], done["reason"], done["model"], done["usd"]) == ("answered", None, None, 0)
    sources = [{key: row[key] for key in row if key not in {"type", "id"}} for row in rows if row["type"] == "source"]
    assert done["sources"] == sources
    assert sources[0]["path"] == f"runbooks/{POOL}"
    text = "".join(row["text"] for row in rows if row["type"] == "text")
    assert text.startswith('**From the runbook "Postgres connection pool exhausted"')
    assert "[1]" in text


def test_ask_for_people_ends_with_the_sources(desk: Desk) -> None:
    """What the bot is doing goes to stderr, the answer to stdout."""
    done = desk.run("ask", QUESTION)
    assert done.returncode == 0
    assert "Sources:\n[1] Postgres connection pool exhausted, runbooks/" in done.stdout
    assert "searching the runbooks" in done.stderr
    assert "searching the runbooks" not in done.stdout


def test_what_is_not_in_the_runbooks_is_said_and_counted(desk: Desk) -> None:
    """Two neighbours are named as about something else, and the second time it is known to be asked again."""
    question = "how do I rotate the HSM key of the payroll mainframe?"
    rows = desk.rows("ask", question, "--json")
    assert (rows[-1]["outcome"], rows[-1]["sources"]) == ("not_found", [])
    assert rows[-1]["reason"]
    text = "".join(row["text"] for row in desk.rows("ask", question, "--json") if row["type"] == "text")
    assert text.startswith("**Not in the runbooks.**")
    assert "Nearest, but about something else: _" in text
    assert "(asked 2 times in 7 days)" in text


def test_status_shows_what_is_here(desk: Desk) -> None:
    """Documents by kind, sources, and that no bot runs."""
    done = desk.run("status")
    assert done.returncode == 0
    assert "var (no bot is running here)" in done.stdout
    assert "2 postmortems, 3 runbooks" in done.stdout
    assert "quotes (no model is configured)" in done.stdout


def test_doctor_says_what_to_do_and_exits_1(desk: Desk) -> None:
    """One line a check; a folder that is missing is bad, the rest is not hidden by it."""
    settings = desk.folder / "missing.toml"
    settings.write_text('[documents]\nfolders = ["nowhere"]\n')
    done = desk.run("doctor", COPILOT_CONFIG=str(settings), COPILOT_DATA="var")
    marks = {line[4:].partition(":")[0]: line[:3] for line in done.stdout.splitlines()}
    assert done.returncode == 1
    assert marks["folders"] == "BAD"
    assert {mark for name, mark in marks.items() if name != "folders"} == {"ok "}
    assert "no such folder" in done.stdout


def test_migrate_says_where_the_database_is(desk: Desk) -> None:
    """On stderr, as it is no result."""
    done = desk.run("migrate")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("The database is at revision ")


def test_redact_copies_line_by_line_without_secrets(desk: Desk) -> None:
    """Keys over several lines, broken text and a missing last line break included."""
    key = f"-----BEGIN {'PRIVATE'} KEY-----\n{'QUJD' * 16}\n-----END {'PRIVATE'} KEY-----"
    log = f"ok\r\npassword: {SECRET}\n{key}\nlast \xff"
    done = subprocess.run(
        command(("redact",)),
        cwd=desk.folder,
        env=environment(),
        input=log.encode("latin-1"),
        capture_output=True,
        timeout=60,
        check=True,
    )
    shown = done.stdout.decode()
    assert done.stderr == b""
    assert SECRET not in shown
    assert "QUJD" not in shown
    assert (shown.count("\n"), shown[:4], shown[-6:]) == (log.count("\n"), "ok\r\n", "last \ufffd")


def test_a_reader_that_has_seen_enough_ends_it_quietly(desk: Desk) -> None:
    """`copilot redact | head`: the pipe is closed, and nobody wants to read about it."""
    with subprocess.Popen(
        command(("redact",)),
        cwd=desk.folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"a line\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"a line\n"
        process.stdout.close()
        try:
            process.stdin.write(b"a line\n" * 100_000)
            process.stdin.close()
        except BrokenPipeError:
            pass
        assert process.stderr.read() == b""
        process.wait(60)


def test_eval_ranks_documents_for_every_question(desk: Desk) -> None:
    """In a folder of its own; paths as in the corpus, at most ten, and whether it was answered."""
    questions, out = desk.folder / "questions.jsonl", desk.folder / "run.jsonl"
    asked = [
        {"id": "a", "query": QUESTION, "kind": "symptom", "relevant": []},
        {"id": "b", "query": "payroll mainframe"},
    ]
    questions.write_text("\n".join(map(json.dumps, asked)))
    arguments = ("--corpus", "corpus", "--questions", "questions.jsonl", "--out", "run.jsonl")
    before = sorted(path.name for path in (desk.folder / "var").iterdir())
    done = desk.run("eval", "retrieval", *arguments)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert (done.returncode, done.stdout) == (0, "")
    assert [list(row) for row in rows] == [["id", "ranked", "answered", "score"]] * 2
    assert [(row["id"], row["answered"]) for row in rows] == [("a", True), ("b", False)]
    assert rows[0]["ranked"][0] == f"runbooks/{POOL}"
    assert sorted(rows[0]["ranked"]) == sorted(
        [*(f"runbooks/{name}" for name in RUNBOOKS), *(f"postmortems/{name}" for name in POSTMORTEMS)]
    )
    assert 0.0 <= rows[1]["score"] < rows[0]["score"] <= 1.0
    assert sorted(path.name for path in (desk.folder / "var").iterdir()) == before


WRONG = {
    "unknown command": (("serach", "x"), "No such command 'serach'."),
    "unknown option": (("search", "x", "--jsno"), "No such option: --jsno"),
    "unknown kind": (("search", "x", "--kind", "story"), "Invalid value for '--kind'"),
    "empty question": (("ask", "  "), "The question is empty: put it in quotes"),
    "missing folder": (("sync", "nowhere"), "nowhere is not a folder: check the path."),
    "unknown source": (("sync", "--forget", "x"), "There is no source called x: the remembered ones are"),
    "two wishes": (("sync", "--forget", "x", "corpus"), "--forget takes the name of one source and no PATH"),
    "missing questions": (
        ("eval", "retrieval", "--corpus", "corpus", "--questions", "none.jsonl"),
        "none.jsonl is not a file of questions",
    ),
    "data is a file": (("status", "--data", "corpus/runbooks/empty.md"), "The data folder corpus/runbooks/empty.md"),
}


@pytest.mark.parametrize(("arguments", "sentence"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_one_sentence_and_exit_2(desk: Desk, arguments: tuple[str, ...], sentence: str) -> None:
    """What is wrong and what to do, on stderr; a script sees the code."""
    done = desk.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence)
    assert len(done.stderr.strip().splitlines()) == 1


def test_wrong_settings_are_all_told_with_file_and_line(desk: Desk) -> None:
    """Every mistake at once; nothing is started."""
    settings = desk.folder / "wrong.toml"
    settings.write_text('[documents]\nfoldrs = ["x"]\n\n[claude]\nmax_tokens = "lots"\n')
    done = desk.run("status", COPILOT_CONFIG=str(settings), SLACK_BOT_TOKEN="nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{settings}:2: documents.foldrs: there is no such setting; did you mean documents.folders?" in done.stderr
    assert f"{settings}:5: claude.max_tokens: must be" in done.stderr
    assert "SLACK_BOT_TOKEN: " in done.stderr
    assert "nonsense" not in done.stderr


def test_a_database_that_is_none_is_one_sentence(desk: Desk) -> None:
    """A disk that went bad; where to look."""
    broken = desk.folder / "broken"
    broken.mkdir()
    (broken / "copilot.sqlite").write_bytes(os.urandom(4_096))
    done = desk.run("status", "--data", "broken")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "The database does not answer as it should: check the disk of the data folder.\n"


def test_many_deletions_without_a_terminal_exit_2_and_name_the_yes(desk: Desk) -> None:
    """A script does not delete by accident; with --yes it does."""
    many = desk.folder / "many"
    many.mkdir()
    for number in range(12):
        (many / f"{number}.md").write_text("# Page\n\nWords.\n")
    desk.run("sync", "many", "--data", "other")
    for path in many.glob("*.md"):
        path.unlink()
    refused = desk.run("sync", "--data", "other")
    assert refused.returncode == 2
    assert "12 of 12 documents of many are gone at once" in refused.stderr
    assert "--yes" in refused.stderr
    assert "12 removed" in desk.run("sync", "--yes", "--data", "other").stderr
