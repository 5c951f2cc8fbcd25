"""Which folders are synced, under which names, what is remembered, and what happens to one that cannot be read."""

import shutil
from pathlib import Path

import pytest

from ingest.documents.store import Library
from ingest.errors import FolderMissing, WrongUse
from ingest.index.roots import Outcome, Request, forget, sync_all
from ingest.index.sync import Note, Sync
from tests.conftest import NOW
from tests.fakes.embed import HashEmbedder
from tests.ingest.index.conftest import state_of


class Desk:
    """Folders below one place, and a database that remembers those it was given."""

    def __init__(self, place: Path, library: Library) -> None:
        self.place = place
        self.library = library

    def folder(self, path: str, *names: str) -> Path:
        """Return a folder with a page for every name."""
        folder = self.place / path
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / f"{name}.md").write_text(f"# {name.title()}\n\nWords about {name}.\n")
        return folder

    async def sync(self, *given: Path, **different: object) -> Outcome:
        """Sync what is given, else all that is configured and remembered."""
        request = Request(given=given, **different)  # type: ignore[arg-type]
        sync = Sync(self.library, HashEmbedder(), lambda: NOW)
        return await sync_all(self.library, sync, request, lambda _done, _total, _what: None)

    async def paths(self) -> list[str]:
        """Return the paths of all documents."""
        return [path for path, _kind, _title in await self.library.titles()]

    async def roots(self) -> dict[str, tuple[str, str]]:
        """Return where each root lies and where it comes from."""
        return {
            root.name: (Path(root.location).relative_to(self.place.resolve()).as_posix(), root.origin)
            for root in await self.library.roots()
        }


@pytest.fixture
def desk(tmp_path: Path, library: Library) -> Desk:
    """Give an empty place."""
    return Desk(tmp_path, library)


async def test_a_root_is_named_by_its_last_part_and_remembered(desk: Desk) -> None:
    """`sync` without a path takes it again."""
    outcome = await desk.sync(desk.folder("team/books", "pool"))
    assert (outcome.roots, await desk.paths()) == (["books"], ["books/pool.md"])
    assert await desk.roots() == {"books": ("team/books", "given")}
    desk.folder("team/books", "pods")
    assert (await desk.sync()).report.added == 1
    assert await desk.paths() == ["books/pods.md", "books/pool.md"]


async def test_roots_of_the_same_name_are_told_apart(desk: Desk) -> None:
    """`-2`, `-3`; and each keeps its name whenever it is given again."""
    folders = [desk.folder(f"{team}/books", team) for team in ("a", "b", "c")]
    await desk.sync(folders[0], folders[1])
    await desk.sync(folders[2])
    await desk.sync(folders[1], folders[0])
    assert await desk.paths() == ["books-2/b.md", "books-3/c.md", "books/a.md"]


@pytest.mark.parametrize("again", ["books", "books/../books", "link"])
async def test_a_folder_given_twice_is_one_root(desk: Desk, again: str) -> None:
    """However it is written."""
    folder = desk.folder("books", "pool")
    (desk.place / "link").symlink_to(folder)
    outcome = await desk.sync(folder, desk.place / again)
    assert (outcome.roots, outcome.report.added, await desk.paths()) == (["books"], 1, ["books/pool.md"])


async def test_a_sync_of_one_root_leaves_the_others_alone(desk: Desk) -> None:
    """`sync PATH` compares within that root only."""
    one, other = desk.folder("one", "a", "b"), desk.folder("other", "c", "d")
    await desk.sync(one, other)
    (one / "a.md").unlink()
    (other / "c.md").unlink()
    assert (await desk.sync(one)).report.removed == 1
    assert await desk.paths() == ["one/b.md", "other/c.md", "other/d.md"]


async def test_excludes_are_remembered_until_others_are_given(desk: Desk) -> None:
    """A later plain sync must not bring back what was left out."""
    folder = desk.folder("books", "pool", "draft-a")
    await desk.sync(folder, excludes=("draft-*",))
    assert await desk.paths() == ["books/pool.md"]
    for again in (await desk.sync(folder), await desk.sync()):
        assert (again.report.added, again.report.unchanged) == (0, 1)
    await desk.sync(folder, excludes=("pool.md",))
    assert await desk.paths() == ["books/draft-a.md"]


async def test_excludes_are_those_of_their_own_root(desk: Desk) -> None:
    """Leaving a draft out in one folder says nothing about another."""
    await desk.sync(desk.folder("one", "x"), excludes=("x.md",))
    await desk.sync(desk.folder("two", "x"))
    assert await desk.paths() == ["two/x.md"]


async def test_a_missing_folder_is_told_before_anything_is_changed(desk: Desk) -> None:
    """A typo in the second folder does not half-sync the first."""
    before = await state_of(desk.library.database)
    with pytest.raises(FolderMissing, match=r"nowhere is not a folder: check the path\."):
        await desk.sync(desk.folder("books", "pool"), desk.place / "nowhere")
    assert await state_of(desk.library.database) == before


async def test_a_remembered_folder_that_is_gone_is_refused_and_the_others_synced(desk: Desk) -> None:
    """Its documents stay: an unmounted disk is no deletion."""
    gone, there = desk.folder("gone", "a"), desk.folder("there", "b")
    await desk.sync(gone, there)
    shutil.rmtree(gone)
    desk.folder("there", "c")
    outcome = await desk.sync()
    assert outcome.refused == [f"{gone} is not a folder that can be read: check the path and its permissions."]
    assert (outcome.unsure, outcome.report.added) == (False, 1)
    assert await desk.paths() == ["gone/a.md", "there/b.md", "there/c.md"]


async def test_many_documents_gone_are_refused_in_their_root_and_a_yes_removes_them(desk: Desk) -> None:
    """The others go on, and it is said that a yes would do."""
    big, small = desk.folder("big", *(f"p{number}" for number in range(12))), desk.folder("small", "a")
    await desk.sync(big, small)
    for path in big.glob("*.md"):
        path.unlink()
    desk.folder("small", "b")
    outcome = await desk.sync()
    assert (outcome.unsure, len(outcome.refused), outcome.report.added) == (True, 1, 1)
    assert len(await desk.paths()) == 14
    assert (await desk.sync(sure=True)).report.removed == 12
    assert await desk.paths() == ["small/a.md", "small/b.md"]


async def test_the_example_is_there_until_somebody_has_own_folders(desk: Desk) -> None:
    """There is something to ask about at once; later it would only be in the way."""
    example, own = desk.folder("runbooks", "example"), desk.folder("own", "pool")
    assert (await desk.sync(example=example)).roots == ["runbooks"]
    assert await desk.roots() == {"runbooks": ("runbooks", "example")}
    outcome = await desk.sync(example=example, configured=(own,))
    assert (outcome.roots, outcome.report.removed, outcome.report.added) == (["own"], 1, 1)
    assert Note("runbooks", "the example runbooks were taken out, as you have your own now") in outcome.report.notes
    assert await desk.paths() == ["own/pool.md"]
    assert (await desk.sync(example=example)).roots == ["own"]


async def test_the_example_leaves_after_a_folder_was_given(desk: Desk) -> None:
    """The next plain sync, or start of the bot, takes it out."""
    example, own = desk.folder("runbooks", "example"), desk.folder("own", "pool")
    await desk.sync(example=example)
    await desk.sync(own)
    await desk.sync(example=example)
    assert await desk.paths() == ["own/pool.md"]


async def test_own_runbooks_in_a_folder_of_the_same_name_are_no_example(desk: Desk) -> None:
    """`runbooks` is what everybody calls it."""
    example, own = desk.folder("shipped/runbooks", "example"), desk.folder("mine/runbooks", "pool")
    await desk.sync(example=example)
    await desk.sync(example=example, configured=(own,))
    assert [Path(path).name for path in await desk.paths()] == ["pool.md"]


async def test_configured_and_remembered_folders_are_synced_together(desk: Desk) -> None:
    """And the settings' excludes hold for the settings' folders."""
    given, configured = desk.folder("given", "a", "draft"), desk.folder("configured", "b", "draft")
    await desk.sync(given)
    outcome = await desk.sync(configured=(configured,), configured_excludes=("draft.md",))
    assert sorted(outcome.roots) == ["configured", "given"]
    assert await desk.paths() == ["configured/b.md", "given/a.md", "given/draft.md"]


async def test_forget_drops_a_root_with_its_documents(desk: Desk) -> None:
    """And it does not come back by itself."""
    await desk.sync(desk.folder("one", "a", "b"), desk.folder("two", "c"))
    assert await forget(desk.library, "one") == 2
    await desk.sync()
    assert (await desk.paths(), list(await desk.roots())) == (["two/c.md"], ["two"])


async def test_forget_of_an_unknown_root_names_the_known_ones(desk: Desk) -> None:
    """A mistyped name changes nothing."""
    with pytest.raises(WrongUse, match=r"There is no source called x: the remembered ones are none\."):
        await forget(desk.library, "x")
    await desk.sync(desk.folder("one", "a"), desk.folder("two", "b"))
    with pytest.raises(WrongUse, match=r"There is no source called x: the remembered ones are one, two\."):
        await forget(desk.library, "x")


async def test_two_equal_titles_are_both_kept_and_told(desk: Desk) -> None:
    """A reader cannot tell them apart in an answer, so their owner should know; kinds apart are told apart."""
    folder = desk.folder("books", "pool")
    for name in ("zzz", "postmortems/pool"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / f"{name}.md").write_text("# pool\n\nOther words.\n")
    outcome = await desk.sync(folder)
    assert (outcome.report.added, outcome.report.notes) == (
        3,
        [Note("books/zzz.md", "has the same title as books/pool.md")],
    )


async def test_nothing_to_sync_is_no_mistake(desk: Desk) -> None:
    """Without folders and without an example there is nothing to do."""
    outcome = await desk.sync()
    assert (outcome.roots, outcome.refused, outcome.report.touched) == ([], [], False)
