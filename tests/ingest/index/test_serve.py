"""The live index of a process: Chroma serves only once it has proved itself; whatever happens to it, search goes on."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import select

from ingest.documents.store import Library, Vector, chroma_changes_table
from ingest.errors import EmbedderBroken, IndexBroken
from ingest.index.chroma import Chroma
from ingest.index.exact import Exact, Near
from ingest.index.roots import Request, sync_all
from ingest.index.search import Filter, Found
from ingest.index.serve import CANARIES, Index, catch_up, changes_waiting
from ingest.index.sync import Sync
from ingest.types import EVERYONE, FULL_MEMBERS, Audience
from tests.conftest import NOW, Write
from tests.fakes.embed import HashEmbedder
from tests.ingest.index import reopen
from tests.ingest.index.conftest import Big, chroma_at, free_port

PAGES: dict[str, str | bytes] = {
    f"page{number}.md": f"# Page {number}\n\nThe pool of service{number} is exhausted.\n" for number in range(40)
}


@dataclass
class Shelf(Exact):
    """An index outside of the process, in memory: it remembers its calls, and breaks where it is told to."""

    broken: set[str] = field(default_factory=set)
    blind: int = 0
    calls: list[str] = field(default_factory=list)
    putting: asyncio.Event = field(default_factory=asyncio.Event)
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    held: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    async def open(self) -> None:
        """Connect."""
        self._call("open")

    async def opened(self) -> None:
        """Note the proof."""
        self._call("opened")

    async def reset(self) -> None:
        """Empty it."""
        self._call("reset")
        self.blind = 0
        super().__init__()

    async def close(self) -> None:
        """Let go."""

    async def put(self, ids: Sequence[str], vectors: Vector) -> None:
        """Store, and wait where told."""
        self._call("put")
        self.putting.set()
        if self.held:
            await self.filled.wait()
        await super().put(ids, vectors)

    async def drop(self, ids: Sequence[str]) -> None:
        """Remove."""
        if "drop" in self.broken:
            raise IndexBroken("The shelf is broken.")
        await super().drop(ids)

    async def nearest(self, vector: Vector, limit: int) -> list[Near]:
        """Find, but for the first `blind` times."""
        self._call("nearest")
        if self.blind > 0:
            self.blind -= 1
            return []
        return await super().nearest(vector, limit)

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.broken:
            raise IndexBroken("The shelf is broken.")


class House:
    """A folder, its database and an index over a shelf."""

    def __init__(self, root: Path, library: Library, shelf: Shelf) -> None:
        self.root = root
        self.library = library
        self.shelf = shelf
        self.index = Index(library, HashEmbedder(), shelf)
        self._sync = Sync(library, HashEmbedder(), lambda: NOW)

    async def sync(self) -> None:
        """Level the database with the folder."""
        await sync_all(self.library, self._sync, Request(given=(self.root,), sure=True), lambda _d, _t, _w: None)

    async def found(self, question: str = "pool of service7") -> str | None:
        """Return the path of the first document for a question."""
        hits = (await self.index.search(question, Filter(), 3)).hits
        return hits[0].document.path if hits else None


@pytest.fixture
async def house(write: Write, library: Library) -> House:
    """Give a synced house of 40 pages."""
    built = House(write(PAGES), library, Shelf())
    await built.sync()
    return built


async def test_without_chroma_the_exact_scan_serves_and_all_is_well(house: House) -> None:
    """Commands beside a running bot have no Chroma, and miss nothing."""
    house.index = Index(house.library, HashEmbedder())
    await house.index.start_chroma()
    assert (house.index.health.ok, house.index.health.detail) == (True, "exact scan")
    assert await house.found() == "docs/page7.md"


async def test_an_empty_library_finds_nothing(library: Library, tmp_path: Path) -> None:
    """Before the first sync there is no passage, and no error."""
    house = House(tmp_path, library, Shelf())
    await house.index.start_chroma()
    assert await house.found() is None
    assert house.index.health.ok


async def test_chroma_is_not_asked_before_it_has_proved_itself(house: House) -> None:
    """Until the check is over, the exact scan answers and health says why."""
    assert await house.found() == "docs/page7.md"
    assert "nearest" not in house.shelf.calls
    assert (house.index.health.ok, house.index.health.detail) == (False, "Chroma is not checked yet")


async def test_a_chroma_that_missed_changes_hears_them_and_then_serves(house: House) -> None:
    """Nothing is rebuilt that only needs to catch up."""
    await house.index.start_chroma()
    assert (house.index.health.ok, house.index.health.detail) == (True, "Chroma serves")
    assert "reset" not in house.shelf.calls
    assert house.shelf.calls[-1] == "opened"
    before = house.shelf.calls.count("nearest")
    assert await house.found() == "docs/page7.md"
    assert house.shelf.calls.count("nearest") == before + 1
    assert await changes_waiting(house.library) == 0


@pytest.mark.parametrize("filtered", [Filter(kind="runbook"), Filter(service="x")])
async def test_a_filtered_search_never_asks_chroma(house: House, filtered: Filter) -> None:
    """Filters cost an approximate index its speed; the exact scan is made for them."""
    await house.index.start_chroma()
    house.shelf.calls.clear()
    await house.index.search("pool", filtered, 3)
    assert house.shelf.calls == []


@pytest.mark.parametrize(("blind", "resets"), [(4, 0), (5, 1), (99, 1)])
async def test_a_chroma_that_does_not_find_what_it_holds_is_rebuilt(house: House, blind: int, resets: int) -> None:
    """A few misses are an approximate index's nature, more are damage; seen before it answers anybody."""
    house.shelf.blind = blind
    await house.index.start_chroma()
    assert house.shelf.calls.count("reset") == resets
    assert house.index.health.ok
    assert await house.found() == "docs/page7.md"


async def test_a_chroma_of_another_size_is_rebuilt(house: House) -> None:
    """It holds what no document has, or lacks what one has."""
    await house.index.start_chroma()
    await house.shelf.put(["stranger"], HashEmbedder().embed(["x"]))
    again = Index(house.library, HashEmbedder(), house.shelf)
    await again.start_chroma()
    assert "reset" in house.shelf.calls
    assert await house.shelf.size() == 40


async def test_the_check_is_bounded(house: House) -> None:
    """A start asks about so many vectors, however many there are."""
    await house.index.start_chroma()
    assert 30 <= house.shelf.calls.count("nearest") <= 2 * CANARIES


async def test_while_it_is_rebuilt_the_exact_scan_answers_and_health_says_so(house: House) -> None:
    """Minutes of rebuilding cost nobody an answer."""
    house.shelf.broken = {"open"}
    house.shelf.held = True
    starting = asyncio.create_task(house.index.start_chroma())
    await house.shelf.putting.wait()
    assert await house.found() == "docs/page7.md"
    assert not house.index.health.ok
    assert house.index.health.detail == "Chroma is being rebuilt from the database; the exact scan answers"
    house.shelf.filled.set()
    await starting
    assert house.index.health.detail == "Chroma serves"


@pytest.mark.parametrize("broken", [{"open", "reset"}, {"open", "put"}, {"open", "nearest"}])
async def test_a_chroma_that_cannot_be_rebuilt_steps_aside(house: House, broken: set[str]) -> None:
    """Search goes on without it, and health says what to do."""
    house.shelf.broken = broken
    await house.index.start_chroma()
    assert await house.found() == "docs/page7.md"
    assert not house.index.health.ok
    assert house.index.health.detail == "The shelf is broken. The exact scan answers; restart to rebuild it."


async def test_a_rebuilt_chroma_that_finds_nothing_steps_aside(house: House) -> None:
    """A rebuild that did not help must not look like one that still goes on."""

    class Blind(Shelf):
        async def nearest(self, vector: Vector, limit: int) -> list[Near]:
            return []

    house.index = Index(house.library, HashEmbedder(), Blind())
    await house.index.start_chroma()
    assert not house.index.health.ok
    assert "does not find what was just stored" in house.index.health.detail
    assert await house.found() == "docs/page7.md"


async def test_a_chroma_that_fails_in_mid_life_steps_aside(house: House) -> None:
    """The question that met the failure is answered all the same, and the next does not ask it again."""
    await house.index.start_chroma()
    house.shelf.broken = {"nearest"}
    assert await house.found() == "docs/page7.md"
    assert not house.index.health.ok
    house.shelf.calls.clear()
    assert await house.found() == "docs/page7.md"
    assert house.shelf.calls == []


async def test_a_change_is_found_by_everybody_once_it_is_followed(house: House) -> None:
    """Added, changed and deleted, in the snapshot and in Chroma."""
    await house.index.start_chroma()
    (house.root / "page7.md").write_text("# Page 7\n\nGiraffes are restarted weekly.\n")
    (house.root / "page8.md").unlink()
    (house.root / "new.md").write_text("# New\n\nZebras crossing.\n")
    await house.sync()
    await house.index.follow()
    assert await house.found("giraffes restarted") == "docs/page7.md"
    assert await house.found("zebras crossing") == "docs/new.md"
    assert "docs/page8.md" not in {
        hit.document.path for hit in (await house.index.search("pool of service8", Filter(), 50)).hits
    }
    assert await house.shelf.size() == 40
    assert await changes_waiting(house.library) == 0


@pytest.mark.parametrize("broken", ["put", "drop"])
async def test_a_change_that_chroma_cannot_take_waits_and_is_found_all_the_same(house: House, broken: str) -> None:
    """What it did not hear is not forgotten: the next start tells it."""
    await house.index.start_chroma()
    house.shelf.broken = {broken}
    (house.root / "new.md").write_text("# New\n\nZebras crossing.\n")
    await house.sync()
    await house.index.follow()
    assert await house.found("zebras crossing") == "docs/new.md"
    assert not house.index.health.ok
    assert await changes_waiting(house.library) == 1
    house.shelf.broken = set()
    again = Index(house.library, HashEmbedder(), house.shelf)
    await again.start_chroma()
    assert (again.health.ok, await changes_waiting(house.library), await house.shelf.size()) == (True, 0, 41)


async def test_a_change_of_a_change_while_it_is_told_is_not_forgotten(house: House) -> None:
    """Deleted while Chroma is told of its arrival: the deletion still waits afterwards."""

    class Slow(Shelf):
        async def put(self, ids: Sequence[str], vectors: Vector) -> None:
            await super().put(ids, vectors)
            (house.root / "page7.md").unlink(missing_ok=True)
            await house.sync()

    slow = Slow()
    await catch_up(house.library, slow)
    assert await changes_waiting(house.library) == 1
    await catch_up(house.library, slow)
    assert (await slow.size(), await changes_waiting(house.library)) == (39, 0)


async def test_a_sync_from_the_command_line_tells_chroma_without_serving_from_it(house: House) -> None:
    """It opens Chroma only when there is something to tell."""
    await house.index.catch_up()
    assert house.shelf.calls == ["open", "put", "opened"]
    house.shelf.calls.clear()
    await house.index.catch_up()
    assert house.shelf.calls == []
    assert not house.index.health.ok


async def test_a_sync_beside_a_broken_chroma_keeps_what_waits(house: House) -> None:
    """The documents are in the database; that the view is broken is the next start's matter."""
    house.shelf.broken = {"open"}
    await house.index.catch_up()
    async with house.library.database.read() as connection:
        waiting = list(await connection.scalars(select(chroma_changes_table.c.gone)))
    assert waiting == [False] * 40


async def test_a_snapshot_is_taken_again_only_when_something_changed(house: House) -> None:
    """Looking costs one row."""
    await house.index.refresh()
    first = house.index._snapshot
    await house.index.refresh()
    assert house.index._snapshot is first
    (house.root / "new.md").write_text("# New\n")
    await house.sync()
    await house.index.refresh()
    assert house.index._snapshot is not first


async def test_a_chroma_server_that_goes_away_costs_no_answer(house: House, tmp_path: Path) -> None:
    """The real thing: it serves, it is killed, the exact scan answers, and health tells."""
    port = free_port()
    chroma = Chroma(f"http://127.0.0.1:{port}", HashEmbedder.model, HashEmbedder.dimension, patience_s=2.0)
    house.index = Index(house.library, HashEmbedder(), chroma)
    with chroma_at(tmp_path / "server", port):
        await house.index.start_chroma()
        assert house.index.health.ok
        assert await house.found() == "docs/page7.md"
    assert await house.found() == "docs/page7.md"
    assert not house.index.health.ok
    await chroma.close()


def _cut(folder: Path) -> None:
    for part in folder.glob("*/*.bin"):
        os.truncate(part, part.stat().st_size // 2)


def _noise(folder: Path) -> None:
    vectors = next(folder.glob("*/data_level0.bin"))
    vectors.write_bytes(bytes(range(7, 256, 3)) * (vectors.stat().st_size // 83))


def _lose(name: str) -> Callable[[Path], None]:
    def lose(folder: Path) -> None:
        for path in list(folder.glob(name)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return lose


def _scribble(folder: Path) -> None:
    (folder / "chroma.sqlite3").write_bytes(b"no database " * 5_000)


def _leave_mark(folder: Path) -> None:
    (folder / "opening").touch()


DAMAGE: dict[str, Callable[[Path], None]] = {
    "vectors-cut": _cut,
    "vectors-noise": _noise,
    "vectors-lost": _lose("*-*-*"),
    "database-lost": _lose("chroma.sqlite3"),
    "database-scribbled": _scribble,
    "killed-while-opening": _leave_mark,
    "all-lost": _lose("*"),
}


def test_damage_is_seen_before_chroma_serves_and_mended(big: Big, tmp_path: Path) -> None:
    """A folder that was cut, scribbled on or lost is rebuilt, while the exact scan answers; no answer is wrong.

    Damage may kill the process that opens the folder; then the next start knows, and rebuilds without opening it.
    """
    for name, damage in DAMAGE.items():
        shutil.copytree(big.chroma, tmp_path / name)
        damage(tmp_path / name)
    shutil.copytree(big.chroma, tmp_path / "intact")
    rows: dict[str, dict[str, object]] = {}
    starts = 0
    while left := [str(tmp_path / name) for name in ("intact", *DAMAGE) if name not in rows]:
        starts += 1
        assert starts <= len(DAMAGE) + 1, "a folder killed the process twice"
        command = [sys.executable, "-m", reopen.__name__, str(big.database), *left]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode <= 0, done.stderr  # killed by a signal, or well
        shown = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        rows |= {str(row["folder"]): row for row in shown}
    answer, served = reopen.ANSWER, {"ok": True, "detail": "Chroma serves"}
    for name, row in rows.items():
        assert (name, row["before"], row["after"], row["health"], row["size"]) == (name, answer, answer, served, 1_440)
    assert rows["intact"]["meanwhile"] is None
    said = {"ok": False, "detail": "Chroma is being rebuilt from the database; the exact scan answers"}
    assert {name: row["meanwhile"] for name, row in rows.items() if name != "intact"} == {
        name: [said, answer] for name in DAMAGE
    }


CLOSED = "---\naudience: [C1PAY]\n---\n"


async def test_what_was_closed_since_the_snapshot_is_not_shown(house: House) -> None:
    """Another process took the change in, and this index has not heard: the database has the last word."""
    everybody = Filter(audience=FULL_MEMBERS)
    await house.index.refresh()
    page = house.root / "page7.md"
    page.write_text(CLOSED + page.read_text())
    await house.sync()
    found = [hit.document.path for hit in (await house.index.search("pool of service7", everybody, 50)).hits]
    assert found
    assert "docs/page7.md" not in found
    assert house.index.labels == {"C1PAY"}


@pytest.mark.parametrize("audience", [FULL_MEMBERS, Audience.of([{*EVERYONE, "C1PAY"}])])
async def test_chroma_serves_only_an_audience_that_may_read_everything(house: House, audience: Audience) -> None:
    """Under any other, its nearest would be of pages that may not be read, and leave out those that may."""
    page = house.root / "page7.md"
    page.write_text(CLOSED + page.read_text())
    await house.sync()
    await house.index.start_chroma()
    house.shelf.calls.clear()
    await house.index.search("pool of service7", Filter(audience=audience), 3)
    assert house.shelf.calls == ([] if audience == FULL_MEMBERS else ["nearest"])


async def searched_until_warm(index: Index) -> Found:
    """Search again and again until not by words alone."""
    async with asyncio.timeout(5):
        while True:
            found = await index.search("pool of service7", Filter(), 3)
            if not found.by_words:
                return found
            await asyncio.sleep(0.01)


async def test_words_answer_while_the_embedder_is_loaded(house: House) -> None:
    """Right after the start nobody waits for the weights: the words find the page, and say that they did so alone."""
    loaded = threading.Event()

    def waits(_texts: Sequence[str]) -> None:
        loaded.wait(5)

    embedder = HashEmbedder(before=waits)
    house.index = Index(house.library, embedder)
    house.index.warm_up()
    found = await house.index.search("pool of service7", Filter(), 3)
    assert (found.hits[0].document.path, found.by_words) == ("docs/page7.md", True)
    assert embedder.embedded == []
    loaded.set()
    await searched_until_warm(house.index)
    assert embedder.embedded[-1] == "pool of service7"


async def test_an_embedder_that_cannot_be_loaded_is_no_reason_to_stay_with_words(house: House) -> None:
    """When the weights are missing the next search says so, instead of going on by words for ever."""

    def missing(_texts: Sequence[str]) -> None:
        raise EmbedderBroken("The weights are missing.")

    house.index = Index(house.library, HashEmbedder(before=missing))
    house.index.warm_up()
    with pytest.raises(EmbedderBroken):
        await searched_until_warm(house.index)
