"""The shared words of `ingest`: frozen values that every room understands. Knows no room and does no I/O."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

Kind = Literal["runbook", "postmortem", "correction"]
"""What a document is: how to act, what happened, or what a person corrected."""

Clock = Callable[[], float]
"""Returns the present as seconds since 1970-01-01 UTC. Passed in, so that tests give the time."""

EVERYONE: tuple[str, ...] = ("everyone",)
"""The audience of a document that every full member may read, and the label that every full member holds."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who will read an answer, as what they hold: one set of labels for each kind of reader.

    Labels are `everyone` (held by full members) and Slack's ids of the person, of channels they are in and of user
    groups they belong to. A document is for an audience only if every reader holds one of its labels; so the audience
    of nobody known admits nothing. Two audiences that admit the same are equal: build them with `of`.
    """

    readers: tuple[frozenset[str], ...] = ()

    @classmethod
    def of(cls, readers: Iterable[Iterable[str]]) -> "Audience":
        """Return the audience of these readers, each given by the labels they hold.

        A reader who holds more than another one is left out: whatever the other may read, so may they.
        """
        held = {frozenset(labels) for labels in readers}
        least = (each for each in held if not any(other < each for other in held))
        return cls(tuple(sorted(least, key=sorted)))

    def admits(self, audience: Iterable[str]) -> bool:
        """Whether all these readers may read a document that has this audience."""
        labels = frozenset(audience)
        return bool(self.readers) and all(labels & held for held in self.readers)


FULL_MEMBERS = Audience.of([EVERYONE])
"""Readers of whom no more is known than that they are full members."""

NOBODY = Audience()
"""Nobody known: admits nothing."""


@dataclass(frozen=True, slots=True)
class Document:
    """One runbook or postmortem, already free of secrets.

    `id` is also its public path, `ROOT/relative/path.md`. `text` holds every line of the file (front matter
    included, so that line numbers agree with the file), redacted. `body_line` is the first line after the front
    matter, counted from 1. `reviewed` is the day a person last vouched for it.
    """

    id: str
    root: str
    kind: Kind
    title: str
    text: str
    body_line: int = 1
    services: tuple[str, ...] = ()
    severity: str | None = None
    owner: str | None = None
    audience: tuple[str, ...] = EVERYONE
    reviewed: date | None = None

    @property
    def path(self) -> str:
        """The path people see and scripts read: the id."""
        return self.id


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of whole lines of one document that fits the embedder.

    `heading` is the breadcrumb of headings above it ("Postgres pool > Fix"), `text` the lines as they stand.
    Lines are counted from 1, both ends included.
    """

    id: str
    document_id: str
    ordinal: int
    heading: str
    text: str
    start_line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk found for a question, with what a reader needs to check it.

    `score` is in [0, 1], higher is nearer; `in_code` says that the text begins inside a fenced code block.
    """

    chunk_id: str
    path: str
    title: str
    heading: str
    kind: Kind
    services: tuple[str, ...]
    reviewed: date | None
    start_line: int
    end_line: int
    text: str
    score: float
    in_code: bool = False
