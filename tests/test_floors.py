"""The floors of the house, read from the imports: an upper floor knows lower ones, never back; neighbours do not meet.

Each library has one place. The order is the one that docs/architecture.md draws.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FLOORS: tuple[tuple[str, ...], ...] = (
    ("ingest.types", "ingest.errors"),
    ("ingest.redact",),
    ("ingest.database",),
    ("ingest.documents",),
    ("ingest.index", "ingest.logs"),
    ("ingest.anomalies",),
    ("bot.types", "bot.errors", "bot.limits"),
    ("bot.settings", "bot.owner", "bot.log"),
    ("bot.journal", "bot.claude", "bot.schedule", "bot.migrations", "bot.requests", "bot.keys"),
    ("bot.answer",),
    ("bot.watch",),
    ("bot.slack", "bot.door", "bot.workspace"),
    ("bot.build",),
    ("bot.commands",),
    ("bot.__main__",),
)
"""Rooms, low to high. Those on one floor do not know each other."""

HOMES: Mapping[str, str] = {
    "slack_bolt": "bot/slack/",
    "slack_sdk": "bot/slack/",
    "anthropic": "bot/claude/client.py",
    "boto3": "ingest/logs/cloudwatch.py",
    "botocore": "ingest/logs/cloudwatch.py",
    "chromadb": "ingest/index/chroma.py",
    "onnx": "ingest/index/minilm.py",
    "onnxruntime": "ingest/index/minilm.py",
    "safetensors": "ingest/index/minilm.py",
    "tokenizers": "ingest/index/embed.py",
    "Stemmer": "ingest/index/words.py",
    "markdown_it": "ingest/documents/chunk.py",
    "yaml": "ingest/documents/front.py",
    "re2": "ingest/redact",
    "alembic": "bot/migrations/",
    "pydantic": "bot/settings/",
    "typer": "bot/__main__.py",
    "rich": "bot/commands/screen.py",
    "watchfiles": "bot/commands/follow.py",
    "apscheduler": "bot/schedule/",
}
"""The one place of each library: a file, or a folder."""

Imports = Mapping[str, frozenset[str]]
"""What each module imports, by full names; lazily or for types only counts as well."""


def modules() -> dict[str, Path]:
    """Return every module of ours with its file."""
    files = sorted(path for package in ("ingest", "bot") for path in (ROOT / package).rglob("*.py"))
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in files]
    return dict(zip(names, files, strict=True))


def imports_of(tree: ast.AST, known: frozenset[str]) -> Iterator[str]:
    """Yield the modules that a module imports; `from bot import limits` is bot.limits."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in known else str(node.module) for name in inner)


@pytest.fixture(scope="module")
def imports() -> Imports:
    """Give the imports of the whole house."""
    files = modules()
    known = frozenset(files)
    return {name: frozenset(imports_of(ast.parse(path.read_text()), known)) for name, path in files.items()}


def room_of(module: str) -> str:
    """Return the room that a module stands in."""
    return ".".join(module.split(".")[:2])


def height_of(room: str) -> int:
    """Return the floor of a room; one that has none is above all."""
    return next((height for height, rooms in enumerate(FLOORS) if room in rooms), len(FLOORS))


def breaches(imports: Imports) -> list[str]:
    """Return every import that leads upstairs or to a neighbour, as `importer -> imported`."""
    return sorted(
        f"{module} -> {name}"
        for module, names in imports.items()
        for name in names
        if module.count(".") and name.split(".")[0] in {"bot", "ingest"} and room_of(name) != room_of(module)
        if height_of(room_of(name)) >= height_of(room_of(module))
    )


def circles(imports: Imports) -> list[str]:
    """Return the modules that import themselves, directly or over others."""
    reach = {module: {name for name in names if name in imports} for module, names in imports.items()}
    for _ in range(len(reach)):
        wider = {module: names.union(*(reach[name] for name in names)) for module, names in reach.items()}
        if wider == reach:
            break
        reach = wider
    return sorted(module for module, names in reach.items() if module in names)


def test_every_room_has_its_floor(imports: Imports) -> None:
    """A new room says where it stands."""
    rooms = {room_of(module) for module in imports if "." in module}
    assert rooms - {room for floor in FLOORS for room in floor} == set()


def test_an_upper_floor_knows_lower_ones_and_never_back(imports: Imports) -> None:
    """Ingest knows no bot, neighbours do not know each other."""
    assert breaches(imports) == []


def test_nothing_imports_in_a_circle(imports: Imports) -> None:
    """Whoever reads a module can read what it stands on first."""
    assert circles(imports) == []


def test_the_workspace_knows_limits_alone(imports: Imports) -> None:
    """Bot and workspace meet on the socket: what a person tries locally is what Slack would do."""
    ours = {
        name
        for module, names in imports.items()
        if room_of(module) == "bot.workspace"
        for name in names
        if name.split(".")[0] in {"bot", "ingest"} and room_of(name) != "bot.workspace"
    }
    assert ours == {"bot.limits"}


@pytest.mark.parametrize(("library", "home"), HOMES.items())
def test_a_library_is_named_in_one_place(imports: Imports, library: str, home: str) -> None:
    """What changes with a library changes there."""
    files = modules()
    users = {
        files[module].relative_to(ROOT).as_posix()
        for module, names in imports.items()
        if any(name.split(".")[0] == library for name in names)
    }
    assert users
    assert {user for user in users if not user.startswith(home)} == set()


def test_the_environment_is_read_in_one_place() -> None:
    """The command line hands it to the settings; nothing else looks."""
    readers = {
        name
        for name, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb", "putenv"})
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {a.name for a in node.names} & {"environ", "getenv"}
        )
    }
    assert readers == {"bot.__main__"}


@pytest.mark.parametrize(
    ("imports", "found"),
    [
        ({"ingest.index.sync": {"bot.types"}}, ["ingest.index.sync -> bot.types"]),
        ({"bot.journal.inbox": {"bot.claude.client"}}, ["bot.journal.inbox -> bot.claude.client"]),
        ({"bot.slack.app": {"bot.build.house"}}, ["bot.slack.app -> bot.build.house"]),
        ({"ingest.database": {"ingest.documents"}}, ["ingest.database -> ingest.documents"]),
        ({"bot.slack.app": {"bot.answer.answer", "bot.slack.cards", "os"}}, []),
    ],
)
def test_a_breach_would_be_seen(imports: dict[str, set[str]], found: list[str]) -> None:
    """The check can fail."""
    assert breaches({module: frozenset(names) for module, names in imports.items()}) == found


def test_a_circle_would_be_seen() -> None:
    """Over three modules, and not where a chain ends."""
    chain = {"a": {"b"}, "b": {"c"}, "c": {"a", "os"}, "d": {"a"}}
    assert circles({module: frozenset(names) for module, names in chain.items()}) == ["a", "b", "c"]
