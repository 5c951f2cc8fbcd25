"""Documents that may fit: the runbook with its first look, incidents that were alike, and nothing that is not sure."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.types import Hint
from bot.watch.hints import MOST_CHECK, MOST_SOUGHT, Hints, commands_in, query
from ingest.database import Database, metadata
from ingest.documents.store import Library
from ingest.index.embed import MiniLM
from ingest.index.roots import Request, sync_all
from ingest.index.serve import Index
from ingest.index.sync import Sync
from ingest.types import FULL_MEMBERS, NOBODY, Audience
from tests.conftest import NOW, Write

GATEWAY = """---
audience: [C0PAY]
---
# Payment gateway degraded
The payment gateway times out, or answers with errors.

## Background
Tillgate is our provider.

## Diagnosis
### Look at the gateway
1. Ask the gateway itself:
   ```sh
   # as anybody
   export HOST=gateway.internal
   $ curl -sI \\
       https://$HOST/health
   ```

## Fix
```sh
kubectl rollout restart deploy/gateway
```
"""
"""A runbook whose check stands two headings deep, behind what only prepares it."""


@pytest.mark.parametrize(
    ("text", "services", "stories", "sought"),
    [
        ("KubePodCrashLooping", ["checkout"], [], "KubePodCrashLooping Kube Pod Crash Looping. checkout"),
        ("HTTPErrors on checkout", ["Checkout", "checkout"], [], "HTTPErrors HTTP Errors on checkout"),
        ("timeout after <*> ms", [], ["open <ip>\n"], "timeout after ms. open"),
        ("  Disk full. \n Disk full.", [], [], "Disk full"),
        ("PostgreSQL and ETCD of etcd", [], [], "PostgreSQL Postgre SQL and ETCD of etcd"),
        ("<*>", [""], [], ""),
    ],
)
def test_a_query_has_names_in_words_and_no_placeholders(
    text: str, services: list[str], stories: list[str], sought: str
) -> None:
    """Each thing once; a service that is named already is not named again."""
    assert query(text, services, stories) == sought


def test_a_query_is_bounded() -> None:
    """Whatever an alert or a log says."""
    assert len(query("HighErrorRate " * 100_000, ["x" * 100_000])) <= MOST_SOUGHT


@pytest.mark.parametrize(
    ("code", "commands"),
    [
        (
            "for p in a b; do\n  echo $p\n\n  # its memory\n  top $p |\n  head\ndone\nls",
            ["for p in a b; do echo $p; top $p | head; done", "ls"],
        ),
        ("while read a; do\n  get \\\n    $a\ndone < x", ["while read a; do get $a; done < x"]),
        ("for a in b; do\n  for c in d; do\n    ls\n  done\ndone", ["for a in b; do for c in d; do ls; done; done"]),
        ("for a in b; do ls; done\nls", ["for a in b; do ls; done", "ls"]),
        ("for a in b; do\n  ls", []),
    ],
)
def test_a_loop_is_one_command(code: str, commands: list[str]) -> None:
    """Half a loop typed into a shell waits for its other half."""
    assert list(commands_in(f"```sh\n{code}\n```")) == commands


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    """Give a library on a database of its own."""
    database = Database.open(f"sqlite+aiosqlite:///{tmp_path / 'test.sqlite'}")
    async with database.write() as connection:
        await connection.run_sync(metadata.create_all)
    yield Library(database)
    await database.close()


async def hints_of(library: Library, folder: Path, minilm: MiniLM) -> Hints:
    """Return the hints of a folder."""
    await sync_all(library, Sync(library, minilm, lambda: NOW), Request(given=(folder,)), lambda *_told: None)
    index = Index(library, minilm, None)
    await index.refresh()
    return Hints(index)


async def test_the_runbook_that_fits_comes_with_its_first_check(
    library: Library, minilm: MiniLM, example: Path
) -> None:
    """Of the runbooks that ship: a command that changes nothing, from the part that says what to look at."""
    hints = await hints_of(library, example, minilm)
    runbook, _ = await hints.on("RabbitMQMemoryAlarm\nPublishers are blocked by the memory alarm", ["rabbitmq"], None)
    assert runbook is not None
    assert runbook.path.endswith("rabbitmq-memory-alarm.md")
    assert "rabbitmq-diagnostics alarms" in runbook.check
    assert runbook.start_line <= runbook.end_line


async def test_what_nothing_fits_gets_nothing(library: Library, minilm: MiniLM, example: Path) -> None:
    """Nobody asked, so nothing that is not sure is said."""
    hints = await hints_of(library, example, minilm)
    assert await hints.on("CoffeeMachineEmpty\nThe coffee machine on floor 3 has no beans", [], None) == (None, ())
    assert await hints.on("", [], None) == (None, ())


async def test_a_check_is_one_line_behind_its_prompt_and_never_a_change(
    library: Library, minilm: MiniLM, write: Write
) -> None:
    """Two headings deep; comments and settings before it are passed over."""
    hints = await hints_of(library, write({"gateway.md": GATEWAY}), minilm)
    in_there = Audience.of([["everyone", "C0PAY"]])
    runbook, similar = await hints.on("PaymentGatewayTimeout\nThe payment gateway times out", [], in_there)
    assert runbook == Hint("docs/gateway.md", "Payment gateway degraded", 12, 18, "curl -sI https://$HOST/health")
    assert similar == ()


async def test_what_readers_may_not_read_is_not_found(library: Library, minilm: MiniLM, write: Write) -> None:
    """Without an audience it is that of every full member."""
    hints = await hints_of(library, write({"gateway.md": GATEWAY}), minilm)
    for audience in (None, FULL_MEMBERS, NOBODY):
        assert await hints.on("PaymentGatewayTimeout\nThe payment gateway times out", [], audience) == (None, ())


@pytest.mark.parametrize(
    ("body", "check"),
    [
        ("## Fix\n```sh\nkubectl delete pod x\nkubectl get pods\n```", "kubectl get pods"),
        ("## Steps\n1. Check the queue's depth.\n2. Purge it.", "Check the queue's depth."),
        ("## Steps\n1. Restart the queue.\n", ""),
        ("## Check\n```yaml\nqueue: full\n```\n- [ ] Look at **[the graph](https://x/y)**", "Look at the graph"),
        ("## Check\nTODO\n", ""),
        ("```\nrabbitmqctl status\n```", "rabbitmqctl status"),
        (f"## Check\n{'word ' * 200}", f"{'word ' * 55}word…"),
    ],
)
async def test_checks_of_many_shapes(library: Library, minilm: MiniLM, write: Write, body: str, check: str) -> None:
    """Commands first, then steps; what shows output, prepares or changes something is no check."""
    text = f"# Queue of orders is full\nThe queue of orders is full and publishers are blocked.\n\n{body}\n"
    hints = await hints_of(library, write({"queue.md": text}), minilm)
    runbook, _ = await hints.on("OrdersQueueFull\nThe queue of orders is full, publishers are blocked", [], None)
    assert runbook is not None
    assert runbook.check == check
    assert len(check) <= MOST_CHECK


async def test_incidents_come_with_what_tells_them_apart(library: Library, minilm: MiniLM, write: Write) -> None:
    """The surest one; a second one only where it is as near."""
    january = (
        "# Orders were late: the queue of orders was full\n\nThe queue of orders was full and publishers were blocked "
        "for an hour, since the consumers of the queue had stopped.\n\n"
        "## Tell it apart\n\n- The consumers are gone: `rabbitmqctl list_consumers` shows none.\n"
    )
    march = "# Search was slow\n\nThe search index was rebuilt by mistake and its heap was exhausted.\n"
    folder = write({"postmortems/january.md": january, "postmortems/march.md": march})
    hints = await hints_of(library, folder, minilm)
    asked = "OrdersQueueFull\nThe queue of orders is full and publishers are blocked, consumers have stopped"
    runbook, similar = await hints.on(asked, ["orders"], None)
    assert runbook is None
    (found,) = similar
    assert (found.path, found.runbook) == ("docs/postmortems/january.md", False)
    assert found.check == "The consumers are gone: rabbitmqctl list_consumers shows none."
