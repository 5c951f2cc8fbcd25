"""Which folders are synced, under which names, and the sync of all of them. Knows no command line and no settings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ingest.documents.folder import Folder
from ingest.documents.store import Library, Root
from ingest.errors import FolderMissing, MassDeletion, WrongUse
from ingest.index.sync import Note, Progress, Report, Sync


@dataclass(frozen=True, slots=True)
class Request:
    """What a sync was asked for. Without `given` folders it takes `configured` ones and all that are remembered.

    `example` is the folder that ships with us: taken only while nobody named one of their own. `excludes` are globs for
    the folders given; empty keeps what is remembered. `sure` allows many documents to vanish.
    """

    given: tuple[Path, ...] = ()
    excludes: tuple[str, ...] = ()
    configured: tuple[Path, ...] = ()
    configured_excludes: tuple[str, ...] = ()
    example: Path | None = None
    sure: bool = False


@dataclass
class Outcome:
    """The report of all roots, and why some were refused; those are as they were.

    `unsure` means that one was refused only because too much vanished, which a yes allows.
    """

    report: Report = field(default_factory=Report)
    refused: list[str] = field(default_factory=list)
    unsure: bool = False
    roots: list[str] = field(default_factory=list)


async def sync_all(library: Library, sync: Sync, request: Request, progress: Progress) -> Outcome:
    """Level every root of the request; a root that cannot be read or lost too much is refused, the others go on.

    Raises FolderMissing before anything is changed when a folder that was given does not exist.
    """
    outcome = Outcome()
    for root in await _wanted(library, request, outcome.report):
        outcome.roots.append(root.name)
        await library.remember(root)
        folder = Folder(root.name, Path(root.location), root.excludes)
        try:
            await sync.source(folder, progress, outcome.report, sure=request.sure)
        except WrongUse as error:
            outcome.refused.append(str(error))
            outcome.unsure |= isinstance(error, MassDeletion)
    outcome.report.notes += await _same_titles(library)
    return outcome


async def forget(library: Library, name: str) -> int:
    """Drop the root called `name` and its documents; return how many. Raises WrongUse when there is no such root."""
    names = [root.name for root in await library.roots()]
    if name not in names:
        known = ", ".join(names) or "none"
        raise WrongUse(f"There is no source called {name}: the remembered ones are {known}.")
    return await library.forget(name)


async def _wanted(library: Library, request: Request, report: Report) -> list[Root]:
    remembered = await library.roots()
    own = [root for root in remembered if root.origin != "example"]
    if request.given:
        roots = _named(own, request.given, request.excludes, "given")
    else:
        roots = _named(own, request.configured, request.configured_excludes, "configured")
        roots += [root for root in own if root.name not in {each.name for each in roots}]
    if not roots:
        return _named(remembered, (request.example,), (), "example") if request.example else []
    await _leave_examples(library, remembered, roots, report)
    return roots


async def _leave_examples(library: Library, remembered: Sequence[Root], roots: Sequence[Root], report: Report) -> None:
    """Take the example out, now that there are folders of one's own; given by name, it is one of them and stays."""
    locations = {root.location for root in roots}
    for root in remembered:
        if root.origin == "example" and root.location not in locations:
            report.removed += await library.forget(root.name)
            report.notes.append(Note(root.name, "the example runbooks were taken out, as you have your own now"))


def _named(remembered: Sequence[Root], folders: Sequence[Path], excludes: tuple[str, ...], origin: str) -> list[Root]:
    """Return the folders as roots: those known keep their name, new ones take their last path component."""
    by_location = {root.location: root for root in remembered}
    taken = {root.name for root in remembered}
    roots = []
    for folder in folders:
        if not folder.is_dir():
            raise FolderMissing(f"{folder} is not a folder: check the path.")
        location = str(folder.resolve())
        known = by_location.get(location)
        name = known.name if known else _free_name(Path(location).name or "root", taken)
        taken.add(name)
        root = Root(name, location, excludes or (known.excludes if known else ()), origin)
        by_location[location] = root
        roots.append(root)
    return list({root.name: root for root in roots}.values())


def _free_name(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free


async def _same_titles(library: Library) -> list[Note]:
    """Say which documents share a title: both are kept, but a reader cannot tell them apart in an answer."""
    first: dict[tuple[str, str], str] = {}
    notes = []
    for path, kind, title in await library.titles():
        other = first.setdefault((kind, title.casefold()), path)
        if other != path:
            notes.append(Note(path, f"has the same title as {other}"))
    return notes
