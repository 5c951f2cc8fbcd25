"""Brings the database level with the sources: what is new or changed is read, cut and embedded; what is gone goes.

An unchanged document costs a hash. Work is committed in batches, so that a kill loses one batch at most and the next
run ends in the same state as an undisturbed one.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ingest.documents.audience import NO_RULES, Rules
from ingest.documents.chunk import CHUNK_VERSION, card_of, chunks_of, embedded_text
from ingest.documents.read import Read, read
from ingest.documents.source import Original, Skipped, Source
from ingest.documents.store import Library, Stored, Vector
from ingest.errors import MassDeletion
from ingest.index.embed import Embedder
from ingest.redact import REDACTION_VERSION, Redactor, unnumbered
from ingest.types import Clock

Progress = Callable[[int, int, str], None]
"""Told (done, total, what) as work goes on; knows no screen."""

BATCH = 16
"""Documents a transaction: some 150 chunks, two or three seconds of embedding."""

MASS_DOCUMENTS, MASS_SHARE = 10, 0.3
"""At least so many documents, and more than this share of a root, vanishing at once need a person's yes."""


class Note(NamedTuple):
    """Something the owner of a document should know."""

    path: str
    words: str


@dataclass
class Report:
    """What a sync did. `embedded` counts the texts that went through the model; `notes` are in path order per root."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    embedded: int = 0
    notes: list[Note] = field(default_factory=list)

    @property
    def touched(self) -> bool:
        """Whether anything that search sees is different now."""
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class _Found:
    """A source's documents against what is stored: what must be read again, what is level, what nobody may read."""

    fresh: dict[str, "_Fresh"]
    level: frozenset[str]
    closed: frozenset[str]
    notes: tuple[Note, ...]


class _Fresh(NamedTuple):
    """A document that is new or changed, with the fingerprint it will be known by."""

    read: Read
    fingerprint: str


class Sync:
    """Brings sources and database level. Blocking work runs in threads."""

    def __init__(
        self,
        library: Library,
        embedder: Embedder,
        clock: Clock,
        rules: Rules = NO_RULES,
        redactor: Redactor | None = None,
    ) -> None:
        """Without a `redactor`, placeholders are made under the key that is public."""
        self._library = library
        self._embedder = embedder
        self._clock = clock
        self._rules = rules
        self._redactor = redactor or Redactor()

    async def source(self, source: Source, progress: Progress, report: Report, *, sure: bool = False) -> None:
        """Level one source; `sure` allows many documents to vanish. Adds to `report`.

        Raises FolderMissing when the source cannot be read, MassDeletion when too much is gone; both change
        nothing, but that a document which nobody may read any more is taken out all the same.
        """
        known = await self._library.known(source.name)
        fingerprints = {path: each.fingerprint for path, each in known.items()}
        found = await asyncio.to_thread(self._compare, source, fingerprints)
        # Before anything may be refused: what nobody may read any more is not served a moment longer.
        await self._library.drop(sorted(known.keys() & found.closed))
        gone = sorted(known.keys() - found.fresh.keys() - found.level - found.closed)
        if not sure and len(gone) >= MASS_DOCUMENTS and len(gone) > MASS_SHARE * len(known):
            raise MassDeletion(
                f"{len(gone)} of {len(known)} documents of {source.name} are gone at once: "
                "nothing was changed; if that is meant, run sync again with --yes."
            )
        before = len(report.notes)
        report.notes += found.notes
        report.notes += [Note(path, problem) for path in sorted(found.level) for problem in known[path].problems]
        report.unchanged += len(found.level)
        report.removed += len(gone) + len(known.keys() & found.closed)
        report.added += len(found.fresh.keys() - known.keys())
        report.changed += len(found.fresh.keys() & known.keys())
        await self._library.drop(gone)
        await self._write(found.fresh, source.name, progress, report)
        report.notes[before:] = sorted(report.notes[before:])
        await self._library.finish(source.name, self._clock())

    def _compare(self, source: Source, fingerprints: dict[str, str]) -> _Found:
        fresh: dict[str, _Fresh] = {}
        level: set[str] = set()
        closed: set[str] = set()
        notes: list[Note] = []
        for original in source.originals():
            path = f"{source.name}/{original.relative}"
            if isinstance(original, Skipped):
                notes.append(Note(path, original.reason))
            elif fingerprints.get(path) == (fingerprint := self._fingerprint(path, original)):
                level.add(path)
            elif (document := read(source.name, original, self._rules, self._redactor.redact)).left_out:
                closed.add(path)
                notes += [Note(path, words) for words in (document.left_out, *document.problems)]
            else:
                fresh[path] = _Fresh(document, fingerprint)
        return _Found(fresh, frozenset(level), frozenset(closed), tuple(notes))

    def _fingerprint(self, path: str, original: Original) -> str:
        redaction = f"{REDACTION_VERSION} {self._redactor.known_as}"
        versions = f"{redaction} {CHUNK_VERSION} {self._embedder.model}"
        return _hash(f"{versions} {self._rules.fingerprint(path)}\n{original.text}")

    async def _write(self, fresh: dict[str, _Fresh], name: str, progress: Progress, report: Report) -> None:
        done = 0
        for batch in _batches(sorted(fresh)):
            reads = [fresh[path] for path in batch]
            progress(done, len(fresh), name)
            prepared = await asyncio.to_thread(self._prepared, reads)
            missing = await self._missing(prepared.texts)
            vectors = await asyncio.to_thread(self._embedded, missing)
            await self._library.write(prepared.stored, vectors)
            report.embedded += len(missing)
            report.notes += [Note(each.read.document.path, problem) for each in reads for problem in each.read.problems]
            done += len(batch)
        if fresh:
            progress(done, len(fresh), name)

    def _prepared(self, reads: Sequence[_Fresh]) -> "_Prepared":
        texts: dict[str, str] = {}
        stored = [self._stored(each, texts) for each in reads]
        return _Prepared(stored, texts)

    def _stored(self, each: _Fresh, texts: dict[str, str]) -> Stored:
        document = each.read.document
        chunks = chunks_of(document, self._count, self._embedder.window)
        embedded = [embedded_text(document.title, chunk.heading, chunk.text) for chunk in chunks]
        read_by_model = [unnumbered(text) for text in (card_of(document), *embedded)]
        hashes = [self._named(text) for text in read_by_model]
        texts.update(zip(hashes, read_by_model, strict=True))
        return Stored(document, each.fingerprint, each.read.problems, hashes[0], tuple(chunks), tuple(hashes[1:]))

    def _count(self, text: str) -> int:
        """Return the tokens of a text as the embedder reads it: the same under every key."""
        return self._embedder.count(unnumbered(text))

    async def _missing(self, texts: dict[str, str]) -> dict[str, str]:
        have = await self._library.have_vectors(texts)
        return {name: text for name, text in texts.items() if name not in have}

    def _embedded(self, texts: dict[str, str]) -> dict[str, Vector]:
        if not texts:
            return {}
        vectors = self._embedder.embed(list(texts.values()))
        return dict(zip(texts, vectors, strict=True))

    def _named(self, text: str) -> str:
        return _hash(f"{self._embedder.model}\n{text}")


class _Prepared(NamedTuple):
    """A batch ready to be embedded: its documents, and the texts by the hash of their vector."""

    stored: list[Stored]
    texts: dict[str, str]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _batches(paths: Sequence[str]) -> Iterable[Sequence[str]]:
    return (paths[start : start + BATCH] for start in range(0, len(paths), BATCH))
