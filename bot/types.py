"""The shared words of `bot`: questions, the events of an answer, and what people say back. Does no I/O."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from ingest.types import Audience

Outcome = Literal["answered", "perhaps", "not_found", "failed"]
"""How a question ended; `perhaps` has evidence too thin to promise."""

Feeling = Literal["up", "down"]
"""A thumb."""

Severity = Literal["high", "medium", "low"]
"""How bad it is: `high` for errors, silence and restarts; see `ingest.anomalies.story`."""

RANKS: Mapping[Severity, int] = {"high": 0, "medium": 1, "low": 2}
"""Severities by the order in which people want to see them, the worst first."""

TERMINAL = "terminal"
"""The asker at the command line, who reads the data folder anyway: no audience is asked of them."""


@dataclass(frozen=True, slots=True)
class Said:
    """One message of the thread above a question. `at` is seconds since 1970 UTC, `is_us` true for our own words.

    `author` is a name to show, never an id; `text` has every id resolved. Both are untrusted data.
    """

    author: str
    text: str
    at: float
    is_us: bool


@dataclass(frozen=True, slots=True)
class Question:
    """One question as asked. `id` names the question and its answer (`answer_id`) everywhere.

    `asker` is a Slack user id or `terminal`; `channel` and `thread` are Slack's ids where there are any.
    `asked_at` is seconds since 1970 UTC. `context` is the thread above it, oldest first, already bounded;
    `cut` is how many of its earlier messages were left out. `audience` is who will read the answer; without one a
    chat's question gets what every full member may read, and the terminal's everything. `private` says that only the
    asker is shown the answer, wherever it was asked.
    """

    id: str
    text: str
    asker: str
    asked_at: float
    channel: str | None = None
    thread: str | None = None
    context: tuple[Said, ...] = ()
    cut: int = 0
    audience: Audience | None = None
    private: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """What the bot is doing now, in a few words; shown while people wait and never kept."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A checked piece of the answer in standard Markdown. Pieces only ever append; fences are whole per piece."""

    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """A document span that the answer rests on. `id` is its number in the answer's `[n]` marks.

    `cited` is the digest of the lines as they stood then, so that a reader can be told when they have changed since;
    empty where it is not known.
    """

    id: int
    path: str
    start_line: int
    end_line: int
    title: str
    reviewed: date | None = None
    cited: str = ""


def worst(severities: Iterable[Severity]) -> Severity:
    """Return the highest of some severities, the lowest for none."""
    return min(severities, key=RANKS.__getitem__, default="low")


def digest_of(lines: str) -> str:
    """Return what identifies cited lines: 16 hex digits of their SHA-256."""
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Done:
    """The last event of every answer, whatever happened. `reason` is one plain sentence unless answered.

    `model` is None when the passages were quoted; `seconds` is wall time; `usd` is the cost of the Claude call.
    `drew_on` are the paths of all documents that it was written from, cited or not; None where that is not known.
    """

    outcome: Outcome
    reason: str | None
    answer_id: str
    sources: tuple[Source, ...]
    model: str | None
    seconds: float
    tokens_in: int
    tokens_out: int
    usd: float
    drew_on: tuple[str, ...] | None = None

    @classmethod
    def of_ourselves(cls, answer_id: str) -> "Done":
        """Return the end of an answer about ourselves or the board: no document, no model, no cost."""
        return cls("answered", None, answer_id, (), None, 0.0, 0, 0, 0.0)


AnswerEvent = Status | Text | Source | Done
"""The one stream of an answer: any Status/Text/Source, then exactly one Done."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """A person's thumb on one answer."""

    answer_id: str
    user: str
    feeling: Feeling
    at: float


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a moment of a chart, such as a deployment; `at` is seconds since 1970 UTC."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What was observed in each minute until `until` (seconds UTC), oldest first, against what is usual.

    `usual` is None where a level says nothing, as for a line never seen before.
    """

    title: str
    observed: tuple[float, ...]
    until: float
    usual: float | None = None
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Hint:
    """A document that may fit what a card tells: a hypothesis, with the check that would confirm or rule it out.

    `check` is a line or command out of the document, empty where it names none. `runbook` is true for a runbook, false
    for a past incident.
    """

    path: str
    title: str
    start_line: int
    end_line: int
    check: str = ""
    runbook: bool = True


Press = Literal["acknowledge", "investigate", "snooze", "reject", "undo", "runbook"]
"""What a person may do with a card."""


@dataclass(frozen=True, slots=True)
class Card:
    """One message about one matter, as people read it; whoever shows it makes all text inert.

    `headline` is the verdict in a sentence, `status` the line below it (severity, since when). `people` stand behind
    the status: what each has to do with it, and the id, the only ones that may become mentions. `lines` are sentences,
    `fields` pairs of name and value, `examples` log lines, `changes` rows "template, lines an hour before, and now".
    `notes` stand last and small. `name` is what people type to speak of it (`shop-12`), empty for a group. `version`
    counts its changes. `undo` is the id of the rejection that "undo" takes back.
    """

    key: str
    name: str
    version: int
    headline: str
    status: str
    severity: Severity
    people: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    chart: Chart | None = None
    examples: tuple[str, ...] = ()
    changes: tuple[tuple[str, str, str], ...] = ()
    runbook: Hint | None = None
    similar: tuple[Hint, ...] = ()
    notes: tuple[str, ...] = ()
    presses: tuple[Press, ...] = ()
    undo: str | None = None


@dataclass(frozen=True, slots=True)
class Brief:
    """A card in a line or two, for lists: as in Card, without figures, hints and examples."""

    key: str
    name: str
    headline: str
    status: str
    severity: Severity
    people: tuple[tuple[str, str], ...] = ()
    presses: tuple[Press, ...] = ()
    undo: str | None = None
