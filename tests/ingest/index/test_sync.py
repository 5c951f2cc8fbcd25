"""Sync: the unchanged costs nothing, a change costs itself, what is gone is gone, and a kill leaves no trace."""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ingest.database import Database, metadata
from ingest.documents.audience import NO_RULES, Rules
from ingest.documents.folder import Folder
from ingest.documents.store import Library, Root, Stored, Vector
from ingest.errors import FolderMissing, MassDeletion
from ingest.index.roots import Request, sync_all
from ingest.index.search import Filter
from ingest.index.serve import Index
from ingest.index.sync import BATCH, Note, Report, Sync
from ingest.redact import Redactor
from tests.conftest import NOW, Write
from tests.fakes.embed import HashEmbedder
from tests.ingest.index import dying
from tests.ingest.index.conftest import state_of

THREE: dict[str, str | bytes] = {
    "pool.md": "# Pool\n\nAll connections are in use.\n\n## Fix\n\nTerminate idle sessions.\n\n## Notes\n\n"
    "Seen often.\n",
    "pods.md": "# Pods\n\nPods restart in a loop.\n",
    "postmortems/past.md": "# Past\n\nOn Tuesday the pool was full.\n",
}


class Desk:
    """A folder called docs, its database, and a sync that can be asked for again and again."""

    def __init__(self, root: Path, library: Library, embedder: HashEmbedder) -> None:
        self.root = root
        self.library = library
        self.embedder = embedder
        self.told: list[tuple[int, int, str]] = []
        self.rules = NO_RULES
        self.redactor = Redactor(b"one house")

    async def sync(self, *, sure: bool = False) -> Report:
        """Level the database with the folder."""
        await self.library.remember(Root("docs", str(self.root), (), "given"))
        report, sync = Report(), Sync(self.library, self.embedder, lambda: NOW, self.rules, self.redactor)
        await sync.source(Folder("docs", self.root), lambda *told: self.told.append(told), report, sure=sure)
        return report

    async def embedded(self) -> list[str]:
        """Sync; return the texts that went through the model for it."""
        before = len(self.embedder.embedded)
        await self.sync()
        return self.embedder.embedded[before:]

    async def found(self, question: str) -> list[str]:
        """Return the paths that a question finds."""
        found = await Index(self.library, HashEmbedder()).search(question, Filter(), 50)
        return [hit.document.path for hit in found.hits]


@pytest.fixture
def desk(write: Write, library: Library, embedder: HashEmbedder) -> Desk:
    """Give a folder of three documents that nobody has synced."""
    return Desk(write(THREE), library, embedder)


def counts(report: Report) -> tuple[int, int, int, int]:
    """Return added, changed, unchanged and removed."""
    return report.added, report.changed, report.unchanged, report.removed


async def test_the_first_sync_takes_all_in(desk: Desk) -> None:
    """Documents, chunks and a vector for each text, and progress on the way."""
    report = await desk.sync()
    assert counts(report) == (3, 0, 0, 0)
    assert report.embedded == len(desk.embedder.embedded) == 8
    assert await desk.library.counts() == {"runbook": 2, "postmortem": 1, "chunks": 5}
    assert (desk.told[0], desk.told[-1]) == ((0, 3, "docs"), (3, 3, "docs"))
    assert await desk.library.last_synced() == NOW


async def test_a_second_sync_embeds_nothing_and_writes_nothing(desk: Desk) -> None:
    """Unchanged costs a hash; a new time on a file is no change."""
    await desk.sync()
    before = await state_of(desk.library.database)
    os.utime(desk.root / "pool.md", (1, 1))
    batches = desk.embedder.batches
    report = await desk.sync()
    assert (counts(report), report.embedded, report.touched) == ((0, 0, 3, 0), 0, False)
    assert desk.embedder.batches == batches
    assert await state_of(desk.library.database) == before


@pytest.mark.parametrize(
    ("old", "new", "embedded"),
    [
        ("Seen often.", "Seen daily.", ["Pool > Notes\n## Notes\n\nSeen daily."]),
        ("## Fix", "A new paragraph.\n\n## Fix", ["Pool\n# Pool\n\nAll connections are in use.\n\nA new paragraph."]),
        ("## Notes", "## More\n\nNew.\n\n## Notes", ["Pool > More\n## More\n\nNew."]),
        ("\n\n## Notes\n\nSeen often.", "", []),
        ("All", "No", ["Pool\nNo connections are in use.", "Pool\n# Pool\n\nNo connections are in use."]),
    ],
)
async def test_a_change_embeds_the_changed_chunks_alone(desk: Desk, old: str, new: str, embedded: list[str]) -> None:
    """The vectors of all other passages are kept by what was read, wherever their lines moved; so are cards."""
    await desk.sync()
    (desk.root / "pool.md").write_text(str(THREE["pool.md"]).replace(old, new))
    assert await desk.embedded() == embedded


async def test_a_document_that_only_moved_embeds_nothing(desk: Desk) -> None:
    """Sorting files into folders is free."""
    await desk.sync()
    (desk.root / "db").mkdir()
    (desk.root / "pool.md").rename(desk.root / "db" / "pool.md")
    assert await desk.embedded() == []
    assert (await desk.found("terminate idle sessions"))[0] == "docs/db/pool.md"


async def test_a_change_is_found_in_its_new_form_only(desk: Desk) -> None:
    """The lines a person reads are those of the last sync."""
    await desk.sync()
    (desk.root / "pods.md").write_text("# Pods\n\nGiraffes restart.\n")
    report = await desk.sync()
    assert counts(report) == (0, 1, 2, 0)
    assert (await desk.found("giraffes"))[0] == "docs/pods.md"
    assert await desk.library.lines("docs/pods.md", 3, 3) == "Giraffes restart."
    assert await desk.library.counts() == {"runbook": 2, "postmortem": 1, "chunks": 5}


async def test_a_deleted_document_is_unfindable_in_the_same_run(desk: Desk) -> None:
    """Document, chunks and vectors go."""
    await desk.sync()
    (desk.root / "pods.md").unlink()
    report = await desk.sync()
    assert counts(report) == (0, 0, 2, 1)
    assert await desk.found("pods restart in a loop") == ["docs/pool.md", "docs/postmortems/past.md"]
    assert await desk.library.lines("docs/pods.md", 1, 3) is None
    contents = await desk.library.contents()
    used = {row.vector_hash for row in contents.rows} | set(contents.card_hashes.values())
    assert set(contents.order) == used


async def test_another_embedder_embeds_everything_again(desk: Desk) -> None:
    """Vectors of two models are never mixed."""
    await desk.sync()
    desk.embedder = HashEmbedder(model="hashes@2")
    report = await desk.sync()
    assert (counts(report), report.embedded) == ((0, 3, 0, 0), 8)
    assert len((await desk.library.contents()).order) == 8


async def test_equal_texts_are_embedded_once(desk: Desk) -> None:
    """The vector belongs to the text."""
    (desk.root / "copy.md").write_bytes((desk.root / "pool.md").read_bytes())
    report = await desk.sync()
    assert (report.added, report.embedded) == (4, 8)


async def test_bad_files_are_listed_with_their_reason_and_the_good_ones_synced(desk: Desk, write: Write) -> None:
    """In path order, at every sync, not only at the first."""
    write({"empty.md": "", "a.bin": b"\0", "wrong.md": "---\nkind: story\n---\n# Wrong\n", "z.md": b"\xff"})
    expected = [
        Note("docs/a.bin", "is not Markdown (.md)"),
        Note("docs/empty.md", "is empty"),
        Note("docs/wrong.md", "front matter: kind must be runbook or postmortem"),
        Note("docs/z.md", "is not UTF-8 (byte 1): save it as UTF-8"),
    ]
    report = await desk.sync()
    assert (report.added, report.notes) == (4, expected)
    assert (await desk.sync()).notes == expected


async def test_a_document_that_becomes_private_leaves_the_index(desk: Desk) -> None:
    """What nobody may be known to read is not served, and sync says so at every run."""
    await desk.sync()
    (desk.root / "pods.md").write_text("---\naudience: leads\n---\n# Pods\n\nPods restart in a loop.\n")
    words = "left out: its audience names leads, which is no Slack id and not in slack.names, so nobody may read it"
    for removed in (1, 0):
        report = await desk.sync()
        assert (report.removed, report.notes) == (removed, [Note("docs/pods.md", words)])
    assert "docs/pods.md" not in await desk.found("pods restart in a loop")


async def test_another_key_redacts_anew_and_embeds_nothing(desk: Desk) -> None:
    """Placeholders get other digits in what is shown; the embedder reads them without, so that no passage moves."""
    (desk.root / "pods.md").write_text("# Pods\n\npassword: " + "hunter" + "22\n")
    await desk.sync()
    before = (await desk.library.contents()).documents["docs/pods.md"].text
    assert counts(await desk.sync()) == (0, 0, 3, 0)
    desk.redactor = Redactor(b"another house")
    report = await desk.sync()
    assert (counts(report), report.embedded) == ((0, 3, 0, 0), 0)
    after = (await desk.library.contents()).documents["docs/pods.md"].text
    assert before != after
    assert "[secret:password#" in before
    assert "[secret:password#" in after
    assert all("[secret:password]" in text for text in desk.embedder.embedded if "password:" in text)


async def test_a_secret_is_never_embedded_nor_stored(desk: Desk) -> None:
    """Redaction is on the way in."""
    secret = "hunter" + "22"
    (desk.root / "pods.md").write_text(f"# Pods\n\npassword: {secret}\n")
    await desk.sync()
    assert not [text for text in desk.embedder.embedded if secret in text]
    assert secret not in repr(await state_of(desk.library.database))


async def test_a_folder_that_is_gone_changes_nothing(desk: Desk) -> None:
    """An unmounted disk must not look like a thousand deletions."""
    await desk.sync()
    before = await state_of(desk.library.database)
    desk.root.rename(desk.root.with_name("elsewhere"))
    with pytest.raises(FolderMissing):
        await desk.sync(sure=True)
    assert await state_of(desk.library.database) == before


@pytest.mark.parametrize(("total", "gone"), [(10, 10), (33, 10), (20, 7 + 3), (40, 40)])
async def test_many_documents_that_vanish_at_once_need_a_yes(
    write: Write, library: Library, embedder: HashEmbedder, total: int, gone: int
) -> None:
    """At least ten and more than 30 %: nothing is changed until a person says yes."""
    desk = Desk(write({f"{number:02}.md": f"# Page {number}\n" for number in range(total)}), library, embedder)
    await desk.sync()
    before = await state_of(library.database)
    for number in range(gone):
        (desk.root / f"{number:02}.md").unlink()
    with pytest.raises(
        MassDeletion, match=rf"^{gone} of {total} documents of docs are gone at once: nothing was.*--yes"
    ):
        await desk.sync()
    assert await state_of(library.database) == before
    assert (await desk.sync(sure=True)).removed == gone


@pytest.mark.parametrize(("total", "gone"), [(9, 9), (34, 10), (40, 12)])
async def test_fewer_that_vanish_need_none(
    write: Write, library: Library, embedder: HashEmbedder, total: int, gone: int
) -> None:
    """Nine of nine, or 10 of 34, are an ordinary clean-up."""
    desk = Desk(write({f"{number:02}.md": f"# Page {number}\n" for number in range(total)}), library, embedder)
    await desk.sync()
    for number in range(gone):
        (desk.root / f"{number:02}.md").unlink()
    assert (await desk.sync()).removed == gone


PAGES = 2 * BATCH + 8


def _first(root: Path) -> None:
    for number in range(PAGES):
        (root / f"page{number:02}.md").write_text(
            f"# Page {number}\n\nWords of page {number}.\n\n## Fix\n\nStep {number}.\n"
        )


def _second(root: Path) -> None:
    """Change a third, delete a few, add a few: three batches of work."""
    for number in range(0, PAGES, 3):
        (root / f"page{number:02}.md").write_text(f"# Page {number}\n\nOther words.\n\n## Fix\n\nStep {number}.\n")
    for number in range(1, 20, 3):
        (root / f"page{number:02}.md").unlink()
    for number in range(2 * BATCH):
        (root / f"new{number:02}.md").write_text(f"# New {number}\n\nNew words {number}.\n")


async def _database(path: Path) -> Database:
    database = Database.open(f"sqlite+aiosqlite:///{path}")
    async with database.write() as connection:
        await connection.run_sync(metadata.create_all)
    return database


async def _whole(library: Library, root: Path) -> None:
    sync = Sync(library, HashEmbedder(), lambda: NOW)
    await sync_all(library, sync, Request(given=(root,), sure=True), dying.nothing)


class Broken(Exception):
    """What stands for a kill within this process."""


class Fragile(Library):
    """A library whose process ends before or after a write of its own, at the given call."""

    def __init__(self, database: Database, when: str, call: str, at: int) -> None:
        super().__init__(database)
        self._when, self._call, self._left = when, call, at

    async def write(self, stored: Sequence[Stored], vectors: dict[str, Vector]) -> None:
        """Write, or die."""
        self._die("before", "write")
        await super().write(stored, vectors)
        self._die("after", "write")

    async def drop(self, ids: Sequence[str]) -> None:
        """Drop, or die."""
        self._die("before", "drop")
        await super().drop(ids)
        self._die("after", "drop")

    async def finish(self, root: str, at: float) -> None:
        """Finish, or die."""
        self._die("before", "finish")
        await super().finish(root, at)
        self._die("after", "finish")

    def _die(self, when: str, call: str) -> None:
        if (when, call) == (self._when, self._call):
            self._left -= 1
            if not self._left:
                raise Broken


@pytest.fixture
def twins(tmp_path: Path) -> Callable[[], tuple[Path, Path, Path]]:
    """Give a folder and two databases that will be in the same state."""

    def made() -> tuple[Path, Path, Path]:
        root = tmp_path / "docs"
        root.mkdir()
        return root, tmp_path / "undisturbed.sqlite", tmp_path / "killed.sqlite"

    return made


@pytest.mark.parametrize(
    ("when", "call", "at"),
    [
        *((when, "write", at) for when in ("before", "after") for at in (1, 2, 3)),
        *((when, call, 1) for when in ("before", "after") for call in ("drop", "finish")),
    ],
)
async def test_a_sync_that_ended_anywhere_ends_in_the_same_state_when_it_is_run_again(
    twins: Callable[[], tuple[Path, Path, Path]], when: str, call: str, at: int
) -> None:
    """Table by table and row by row, what an undisturbed run leaves; Chroma hears the same changes."""
    root, undisturbed, killed = twins()
    databases = [await _database(undisturbed), await _database(killed)]
    _first(root)
    for database in databases:
        await _whole(Library(database), root)
    _second(root)
    await _whole(Library(databases[0]), root)
    with pytest.raises(Broken):
        await _whole(Fragile(databases[1], when, call, at), root)
    assert (call, when) == ("finish", "after") or await state_of(databases[1]) != await state_of(databases[0])
    await _whole(Library(databases[1]), root)
    assert await state_of(databases[1]) == await state_of(databases[0])
    for database in databases:
        await database.close()


@pytest.mark.parametrize(("point", "at"), [("embed", 2), ("progress", 3)])
async def test_a_killed_sync_ends_in_the_same_state_when_it_is_run_again(
    twins: Callable[[], tuple[Path, Path, Path]], point: str, at: int
) -> None:
    """A real process that is gone between two instructions; what was committed before is not done again."""
    root, undisturbed, killed = twins()
    _first(root)
    databases = [await _database(undisturbed), await _database(killed)]
    await _whole(Library(databases[0]), root)
    dead = await asyncio.create_subprocess_exec(
        sys.executable, "-m", dying.__name__, str(killed), str(root), point, str(at)
    )
    assert await dead.wait() == dying.KILLED
    assert (await Library(databases[1]).counts())["runbook"] == BATCH * (at - 1)
    embedder = HashEmbedder()
    sync = Sync(Library(databases[1]), embedder, lambda: NOW)
    outcome = await sync_all(Library(databases[1]), sync, Request(given=(root,), sure=True), dying.nothing)
    assert (outcome.report.unchanged, outcome.report.added) == (BATCH * (at - 1), PAGES - BATCH * (at - 1))
    assert await state_of(databases[1]) == await state_of(databases[0])
    for database in databases:
        await database.close()


async def audiences(desk: Desk) -> dict[str, tuple[str, ...]]:
    """Return who may read each document."""
    return await desk.library.audiences([f"docs/{name}" for name in THREE])


async def test_a_folder_rule_says_who_may_read_and_a_new_rule_holds_at_once(desk: Desk) -> None:
    """The rules are part of what makes a document unchanged; nothing is embedded anew for them."""
    await desk.sync()
    assert set((await audiences(desk)).values()) == {("everyone",)}
    desk.rules = Rules((("postmortems/*", ("#pay",)),), {"pay": "C1PAY"})
    assert await desk.embedded() == []
    assert (await audiences(desk))["docs/postmortems/past.md"] == ("C1PAY",)
    assert (await desk.sync()).unchanged == 3
    desk.rules = Rules((("postmortems/*", ("#pay",)),), {"pay": "C2OPS"})
    await desk.sync()
    assert (await audiences(desk))["docs/postmortems/past.md"] == ("C2OPS",)


async def test_what_nobody_may_read_goes_even_when_too_much_would_go(desk: Desk) -> None:
    """A rule that closes half a library must not leave it open because half a library is a lot."""
    for number in range(20):
        (desk.root / f"more{number}.md").write_text(f"# More {number}\n\nWords.\n")
    await desk.sync()
    desk.rules = Rules((("more*", ("#unknown",)),))
    report = await desk.sync()
    assert (report.removed, len(report.notes)) == (20, 20)
    assert len(await desk.library.known("docs")) == 3


async def test_a_refused_sync_takes_out_what_nobody_may_read(desk: Desk) -> None:
    """Refused is what vanished, not what was closed."""
    for number in range(20):
        (desk.root / f"more{number}.md").write_text(f"# More {number}\n\nWords.\n")
    await desk.sync()
    (desk.root / "pods.md").write_text("---\naudience: leads\n---\n# Pods\n\nPods restart.\n")
    for number in range(20):
        (desk.root / f"more{number}.md").unlink()
    with pytest.raises(MassDeletion):
        await desk.sync()
    known = await desk.library.known("docs")
    assert (len(known), "docs/pods.md" in known) == (22, False)
