"""The pages cannot lie: commands, settings, formats, links and file names in them are checked against the program."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, get_args

import pytest
import typer
from prometheus_client import CollectorRegistry

import bot.build.house
import bot.watch.board  # noqa: F401 - with it, every table is declared on the metadata
import ingest.anomalies.store  # noqa: F401 - and those of the scans
from bot.__main__ import app
from bot.commands import evaluate, knowledge, run
from bot.door import alerts, deploys, logs
from bot.door.metrics import Metrics
from bot.journal.spent import Ending
from bot.settings import ENVIRONMENT, load, reference
from bot.slack.commands import VERBS
from bot.slack.http import PATH
from bot.types import Done, Source, Status, Text
from docs import make_reference
from ingest.anomalies import signal, stream
from ingest.database import metadata
from ingest.documents.front import FIELDS
from ingest.index.search import Found
from ingest.types import Passage
from tests.bot.commands.test_logs import REPORT

ROOT = Path(__file__).parents[1]
PAGES = tuple(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
)
REFERENCE = "docs/reference.md"
MOST_PICTURE_BYTES = 200_000

each_page = pytest.mark.parametrize("page", PAGES)


class Fence(NamedTuple):
    """A fenced block: its language and its lines."""

    language: str
    body: str


def text_of(page: str) -> str:
    """Return a page's text."""
    return (ROOT / page).read_text(encoding="utf-8")


_FENCE = re.compile(r"^ *(?P<marks>```+)(\w*)\n(.*?)^ *(?P=marks)$", re.MULTILINE | re.DOTALL)


def fences(page: str) -> list[Fence]:
    """Return the fenced blocks of a page."""
    return [Fence(language, body) for _, language, body in _FENCE.findall(text_of(page))]


def prose(page: str) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", text_of(page))


def spans(page: str) -> list[str]:
    """Return the code spans of a page's prose, with the escapes of tables undone."""
    return [span.replace("\\|", "|") for span in re.findall(r"`([^`\n]+)`", prose(page))]


def section(page: str, heading: str) -> str:
    """Return what stands below a heading, up to the next heading of its level or above."""
    level = heading.split(" ", maxsplit=1)[0]
    found = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", text_of(page), re.MULTILINE | re.DOTALL
    )
    assert found, f"{page} has no heading {heading}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """Return the cells of every table row in a text, heads left out, marks of code taken off."""
    lines = text.splitlines()
    heads = {index - 1 for index, line in enumerate(lines) if line.startswith("| ---")}
    body = [line for index, line in enumerate(lines) if line.startswith("| ") and index not in heads]
    return [
        [cell.strip().strip("`").replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        for line in body
        if not line.startswith("| ---")
    ]


def shell_lines(body: str) -> Iterator[list[str]]:
    """Yield the words of every simple command in a block of shell; what a here-document holds is no command."""
    end = None
    for line in body.splitlines():
        if end is not None:
            end = None if line.strip() == end else end
            continue
        begins = re.search(r"<<'(\w+)'", line)
        end = begins[1] if begins else None
        yield from simple_commands(line)


def simple_commands(line: str) -> Iterator[list[str]]:
    """Yield the words of the commands that one line joins with `&&`, `|` or `;`."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set(";&|"):
            yield words
            words = []
        elif words or "=" not in word:
            words.append(word)


def commands_in(page: str) -> Iterator[tuple[list[str], bool]]:
    """Yield (words, whole) of all commands that a page shows; one inside a sentence may leave out what it needs."""
    for fence in fences(page):
        if fence.language == "sh":
            yield from ((words, True) for words in shell_lines(fence.body))
    for span in spans(page):
        if re.match(r"(\S*bin/)?(copilot|make)( |$)", span):
            yield from ((words, False) for words in simple_commands(span))


def parse(words: list[str], *, whole: bool) -> None:
    """Parse the words after `copilot` as the program does. Raises on an unknown command, option or value."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        if not words or words == ["--help"]:
            return
        assert words[0] in command.commands, f"there is no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    words = [word for word in words if word != "--help"]
    if not whole:
        words += filling(command, words)
    command.make_context(command.name, list(words))


def filling(command: Any, words: list[str]) -> list[str]:
    """Return values for what the command requires and the words leave out."""
    given = any(not word.startswith("-") for word in words)
    filled: list[str] = []
    for each in command.params:
        if each.required and each.param_type_name == "argument":
            filled += [] if given else ["x"]
        elif each.required and not set(each.opts) & set(words):
            filled += [each.opts[0], "x"]
    return filled


@each_page
def test_every_copilot_command_parses(page: str) -> None:
    """A command of ours in a page has only commands, options and values that the program takes."""
    for words, whole in commands_in(page):
        if words and Path(words[0]).name == "copilot":
            parse(words[1:], whole=whole)


@each_page
def test_every_make_command_has_its_target(page: str) -> None:
    """A `make` command in a page names a target of the Makefile, and variables that it uses."""
    makefile = text_of("Makefile")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for words, _ in commands_in(page):
        if words and words[0] == "make":
            assert {word for word in words[1:] if "=" not in word} <= targets, words
            assert all(f"$({word.split('=')[0]})" in makefile for word in words[1:] if "=" in word), words


@each_page
def test_every_slash_command_exists(page: str) -> None:
    """What a page lets people type after `/copilot` is a verb that the bot knows."""
    assert set(re.findall(r"(?<![\w.])/copilot ([a-z]+)", text_of(page))) <= set(VERBS)


@pytest.mark.parametrize("place", [("README.md", "## In Slack"), (REFERENCE, "## In Slack")])
def test_every_slash_command_is_documented(place: tuple[str, str]) -> None:
    """Both tables of what people can do in Slack have every verb of the slash command."""
    assert set(re.findall(r"(?<![\w.])/copilot ([a-z]+)", section(*place))) == set(VERBS)


def test_every_command_is_in_the_readme() -> None:
    """The README's table of commands has a row for every command, and no other."""
    shown = {re.sub(r" [^a-z].*| Q$", "", cells[0]) for cells in rows(section("README.md", "## Commands"))}
    assert shown == {f"copilot {words}" for words, _ in make_reference.leaves()}


@each_page
def test_every_variable_exists(page: str) -> None:
    """An environment variable of ours in a page is one that the program reads."""
    named = set(re.findall(r"\b(?:(?:COPILOT|ANTHROPIC|SLACK)_[A-Z_]+|DATABASE_URL|CHROMA_URL)\b", text_of(page)))
    assert named <= set(ENVIRONMENT)


@each_page
def test_every_setting_exists(page: str) -> None:
    """A setting named in a page's prose is one of ours."""
    groups = {option.name.split(".")[0] for option in reference() if "." in option.name}
    named = {span for span in spans(page) if re.fullmatch(rf"(?:{'|'.join(groups)})\.[a-z_]+", span)}
    assert named <= {option.name for option in reference()}


@each_page
def test_every_example_of_settings_loads(page: str, tmp_path: Path) -> None:
    """Every TOML example of a page is a settings file that the program takes."""
    for fence in fences(page):
        if fence.language == "toml":
            (tmp_path / "copilot.toml").write_text(fence.body, encoding="utf-8")
            load({"COPILOT_CONFIG": str(tmp_path / "copilot.toml")})


def test_the_reference_has_every_setting() -> None:
    """The reference lists all settings with their variables and defaults, and every variable."""
    shown = {cells[0]: cells[1:3] for cells in rows(section(REFERENCE, "## Settings"))}
    for option in reference():
        assert shown[option.name] == [option.environment or "none", option.default or "none"]
    assert all(name in text_of(REFERENCE) for name in ENVIRONMENT)


def test_the_reference_is_as_generated() -> None:
    """The generated parts are what the program says now; docs/make_reference.py writes them."""
    assert make_reference.filled(text_of(REFERENCE)) == text_of(REFERENCE)
    assert set(re.findall(r"<!-- generated: (\w+) -->", text_of(REFERENCE))) == set(make_reference.PARTS)


@each_page
def test_every_link_leads_somewhere(page: str) -> None:
    """Relative links and pictures of a page exist, and so do the headings that they name."""
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" not in link:
            path, _, anchor = link.partition("#")
            target = (ROOT / page).parent / path if path else ROOT / page
            assert target.exists(), f"{page} links to {link}"
            assert not anchor or anchor in anchors(target), f"{page} links to {link}"


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose(page.resolve().relative_to(ROOT).as_posix()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_pictures_are_light() -> None:
    """A picture costs a reader on a phone little."""
    assert all(path.stat().st_size < MOST_PICTURE_BYTES for path in (ROOT / "docs").glob("*.png"))


def test_no_file_names_a_machine_or_a_registry() -> None:
    """No text in the repository holds a path of somebody's machine or the address of a package registry."""
    machine = re.compile(r"(?<![\w.~:/-])/(?:home|root|work|Users)\b")
    registry = re.compile(r"pypi\.org|pythonhosted\.org|npmjs\.|index[-]url|find[-]links", re.IGNORECASE)
    for name in tracked():
        text = (ROOT / name).read_bytes().decode("utf-8", errors="ignore")
        found = registry.search(text)
        if not name.startswith("runbooks/"):  # the shop's servers have an administrator's home
            found = found or machine.search(text)
        assert found is None, f"{name} holds {found[0]}"
        assert not name.endswith(".lock") or "://" not in text, f"{name} holds an address"


def tracked() -> list[str]:
    """Return the files of the repository, those not yet added included."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout, so nobody knows which files belong to it")
    return [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


PASSAGE = Passage("c", "runbooks/a.md", "A", "Fix", "runbook", ("x",), None, 1, 2, "text", 0.5)
SOURCE = Source(1, "runbooks/a.md", 1, 2, "A")
STORY = stream.row(REPORT)
PATTERN = ("line", "group", "template")
DONE = Done("answered", None, "a", (SOURCE,), None, 0.1, 0, 0, 0.0)


def test_search_prints_the_documented_keys() -> None:
    """`search --json` is documented key by key, in the order of the program."""
    shown = [cells[0] for cells in rows(section(REFERENCE, "### search --json"))]
    assert shown == list(knowledge._row(1, PASSAGE))


@pytest.mark.parametrize("event", [Status("s"), Text("t"), SOURCE, DONE], ids=["status", "text", "source", "done"])
def test_ask_prints_the_documented_keys(event: Any) -> None:
    """`ask --json` is documented key by key for every event."""
    emitted = knowledge.event_row(event)
    shown = {cells[0]: re.findall(r"\w+", cells[1]) for cells in rows(section(REFERENCE, "### ask --json"))}
    assert shown[str(emitted["type"])] == list(emitted)
    place = re.search(r"each of `sources` has ([^;]+);", section(REFERENCE, "### ask --json"))
    assert place
    assert re.findall(r"\w+", place[1]) == list(knowledge._place(SOURCE))


def test_scan_prints_the_documented_keys() -> None:
    """`scan --json` and `templates --json` are documented key by key."""
    assert [cells[0] for cells in rows(section(REFERENCE, "### scan --json"))] == list(STORY)
    assert [cells[0] for cells in rows(section(REFERENCE, "### templates --json"))] == list(PATTERN)


def test_every_kind_of_story_is_documented() -> None:
    """The reference names what `kind` can be."""
    kinds = dict(cells[:2] for cells in rows(section(REFERENCE, "### scan --json")))["kind"]
    assert set(re.findall(r"\w+", kinds)) - {"or"} == set(get_args(signal.Kind))


def test_eval_writes_the_documented_keys() -> None:
    """`eval retrieval` is documented key by key."""
    shown = [cells[0] for cells in rows(section(REFERENCE, "### eval retrieval"))]
    assert shown == list(evaluate._row(evaluate._Asked("1", "q"), Found(), {}))


def test_examples_of_output_have_the_keys_of_the_program() -> None:
    """A JSON line in the reference could have been printed by the program."""
    emitted = {frozenset(knowledge._row(1, PASSAGE)), frozenset({"status", "checks"})}
    emitted |= {frozenset(knowledge.event_row(event)) for event in (Status(""), SOURCE, DONE)}
    emitted |= {frozenset(STORY), frozenset(PATTERN)}
    lines = [line for fence in fences(REFERENCE) if fence.language == "json" for line in fence.body.splitlines()]
    assert {frozenset(json.loads(line)) for line in lines} == emitted


@pytest.mark.parametrize("place", [("README.md", "## Your own runbooks"), (REFERENCE, "## Front matter")])
def test_front_matter_is_documented(place: tuple[str, str]) -> None:
    """Both tables of front matter list exactly the fields that are read."""
    assert [cells[0] for cells in rows(section(*place))] == list(FIELDS)


def test_health_checks_are_documented() -> None:
    """The reference lists the checks of /healthz, and the paths of the door."""
    nobody: Any = SimpleNamespace(check=None)
    checks = run._Checks(nobody, nobody, nobody, nobody).all()
    shown = [cells[0] for cells in rows(section(REFERENCE, "## The HTTP door"))]
    pushed = f"POST {logs.PATH}".replace("{stream}", "STREAM")
    routes = (deploys.DEPLOY_PATH, deploys.GITHUB_PATH, alerts.ALERTMANAGER, alerts.GRAFANA, alerts.PAGERDUTY)
    told = [f"POST {path}" for path in routes]
    assert shown == ["GET /healthz", "GET /metrics", pushed, *told, f"POST {PATH}", *checks]


def test_metrics_are_documented() -> None:
    """The reference lists exactly the metrics of the program."""
    shown = {cells[0] for cells in rows(section(REFERENCE, "## Metrics")) if cells[0].startswith("copilot_")}
    assert shown == metric_names()


def test_every_fault_is_documented() -> None:
    """A fault that the code counts under a fixed name stands in the reference, by that name."""
    named = re.compile(r"fault\(\s*\"(\w+)\"")
    counted = {name for path in ROOT.glob("bot/**/*.py") for name in named.findall(path.read_text(encoding="utf-8"))}
    shown = next(cells[1] for cells in rows(section(REFERENCE, "## Metrics")) if cells[0] == "name")
    assert counted
    assert counted <= set(re.findall(r"\w+", shown))


def test_every_bad_end_of_a_call_is_documented() -> None:
    """How a call to Claude can end but well is a fault that the reference names."""
    ends = set(get_args(Ending)) - {"whole", "left", "running"}
    assert {f"claude_{end}" for end in ends} <= set(re.findall(r"\w+", section(REFERENCE, "## Metrics")))


def test_every_table_that_is_emptied_is_named() -> None:
    """The architecture names each table that `journal.retention_days` empties."""
    told = re.search(r"Of these, (.+?) are deleted", section("docs/architecture.md", "## The database"), re.DOTALL)
    assert told
    journal = text_of("bot/journal/journal.py")
    expire = journal[journal.index("async def expire") : journal.index("async def forget")]
    emptied = set(re.findall(r"delete\((\w+)_table\)", expire))
    assert emptied
    assert emptied <= set(re.findall(r"`(\w+)`", told[1]))


@each_page
def test_every_metric_exists(page: str) -> None:
    """A metric named in a page is one that Prometheus can scrape here."""
    scraped = {f"{name}{end}" for name in metric_names() for end in ("", "_bucket", "_sum", "_count")}
    assert set(re.findall(r"\bcopilot_[a-z_]+", text_of(page))) <= scraped


def metric_names() -> set[str]:
    """Return the names of our metrics as they are scraped."""
    registry = CollectorRegistry()
    Metrics(registry)
    return {family.name + "_total" * (family.type == "counter") for family in registry.collect()}


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/patterns.md"])
def test_every_file_named_exists(page: str) -> None:
    """A file or folder that a page about the code names is there."""
    named = set(re.findall(r"(?<![\w/.])(?:bot|ingest|tests|benchmarks|deploy|docs)/[\w./-]*\w/?", text_of(page)))
    assert named
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_every_table_of_the_database_is_drawn() -> None:
    """The architecture lists every table, with the file that declares it."""
    shown = {cells[0]: cells[2] for cells in rows(section("docs/architecture.md", "## The database"))}
    assert set(shown) == set(metadata.tables)
    assert all(f'"{table}"' in text_of(file) for table, file in shown.items())


def test_every_library_lives_where_it_is_said_to() -> None:
    """A library in the architecture's table is imported in the place named there, and nowhere else."""
    sources = {
        path: path.read_text(encoding="utf-8") for room in ("bot", "ingest") for path in ROOT.glob(f"{room}/**/*.py")
    }
    for libraries, place in rows(section("docs/architecture.md", "## Libraries")):
        for library in re.findall(r"\w+", libraries):
            imports = re.compile(rf"^\s*(?:from|import) {library}\b", re.MULTILINE)
            homes = {path.relative_to(ROOT).as_posix() for path, text in sources.items() if imports.search(text)}
            assert homes, library
            assert all(home.startswith(place) for home in homes), library
