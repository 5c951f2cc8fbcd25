"""What commands show: machine output on stdout, everything else on stderr; colour and bars only on a terminal."""

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from bot.errors import BotError
from bot.types import AnswerEvent, Done, Source, Status, Text
from ingest.types import Passage

if TYPE_CHECKING:  # a command that indexes nothing does not pay for the index
    from ingest.index.roots import Outcome

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

LINE_EVERY_S = 5.0
"""Without a terminal, progress is a line at most so often: logs stay readable."""

MOST_NOTES = 30
"""Notes on documents shown one by one; the rest are counted."""

SHOWN_LINES = 6
"""Lines of a passage that `search` shows on a terminal."""

Progress = Callable[[int, int, str], None]
"""Told how much is done of how much, and of what."""

Counted = Literal["documents", "%"]
"""What progress counts; of shares, only how many per cent are done is shown."""

Colour = Literal["red", "yellow", "green"]
_COLOURS: Mapping[Colour, int] = {"red": 31, "yellow": 33, "green": 32}


def say(text: str = "") -> None:
    """Write a line for people."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is where commands write


def row(data: Mapping[str, object]) -> None:
    """Write a row for machines: one JSON object a line on stdout."""
    out(json.dumps(data, ensure_ascii=False, default=str))


def out(text: str = "", end: str = "\n") -> None:
    """Write the result itself, on stdout. Raises BotError when it takes no more, such as a full disk."""
    with writing():
        print(text, end=end, flush=True)  # noqa: T201 - this is where commands write


@contextmanager
def writing() -> Iterator[None]:
    """Turn what is wrong with stdout into BotError; a reader that went away is not wrong."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still held back has to go somewhere
        raise BotError(f"The output cannot be written ({error.strerror}): write it elsewhere.") from error


def agreed(reasons: Sequence[str]) -> bool:
    """Ask the person at the terminal whether to go on all the same."""
    for reason in reasons:
        say(reason)
    say("Remove them? [y/N]")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


@contextmanager
def progress(counted: Counted = "documents") -> Iterator[Progress]:
    """Show progress: a bar on a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        yield _lines(counted)
        return
    from rich import progress as bars  # noqa: PLC0415 - only a terminal pays for it
    from rich.console import Console  # noqa: PLC0415

    amount = bars.TaskProgressColumn() if counted == "%" else bars.MofNCompleteColumn()
    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), amount)
    with bars.Progress(*columns, bars.TimeRemainingColumn(), console=Console(stderr=True), transient=True) as shown:
        tasks: dict[str, bars.TaskID] = {}

        def show(done: int, total: int, what: str) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(f"Reading {what}", total=total)
            shown.update(tasks[what], completed=done)

        yield show


def _lines(counted: Counted) -> Progress:
    last = time.monotonic() - LINE_EVERY_S

    def show(done: int, total: int, what: str) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total or now - last >= LINE_EVERY_S:
            last = now
            amount = f"{100 * done // max(total, 1)} %" if counted == "%" else f"{done} of {total} {counted}"
            say(f"Reading {what}: {amount}")

    return show


def report(outcome: "Outcome") -> None:
    """Show what a sync did and what the owners of documents should know."""
    done = outcome.report
    for note in done.notes[:MOST_NOTES]:
        say(f"  {note.path}: {note.words}")
    if len(done.notes) > MOST_NOTES:
        say(f"  and {len(done.notes) - MOST_NOTES} more such notes")
    counts = {"added": done.added, "changed": done.changed, "removed": done.removed, "unchanged": done.unchanged}
    words = ", ".join(f"{number} {what}" for what, number in counts.items() if number) or "no documents"
    say(f"Synced {', '.join(outcome.roots) or 'nothing'}: {words}; {done.embedded} texts embedded.")
    for reason in outcome.refused:
        say(reason)


def passage(rank: int, found: Passage) -> None:
    """Show a passage to a person: where it stands, and its first lines."""
    place = f"{found.path}:{found.start_line}-{found.end_line}"
    heading = f" > {found.heading}" if found.heading else ""
    out(f"{rank}. {bold(found.title)}{heading}  ({place}, {found.score:.2f})")
    lines = [visible(line) for line in found.text.split("\n") if line.strip()]
    for line in lines[:SHOWN_LINES]:
        out(f"   {line}")
    if len(lines) > SHOWN_LINES:
        out(f"   ... {len(lines) - SHOWN_LINES} more lines")
    out("")


def event(told: AnswerEvent) -> None:
    """Show an answer as it comes: the text on stdout, what the bot is doing on stderr."""
    match told:
        case Status(text):
            say(dim(f"{text} ..."))
        case Text(text):
            out(visible(text), end="")
        case Done():
            out(_ending(told))
        case Source():
            pass  # the sources stand together at the end


def _ending(done: Done) -> str:
    sources = [f"[{each.id}] {each.title}, {each.path}:{each.start_line}-{each.end_line}" for each in done.sources]
    cost = (
        f"{done.tokens_in + done.tokens_out:,} tokens · {done.usd:.4f} USD · {done.model}" if done.model else "quoted"
    )
    return "\n".join(["", *(["Sources:"] if sources else []), *sources, dim(f"{done.seconds:.1f} s · {cost}")])


def visible(text: str) -> str:
    """Return text of documents without what would command a terminal or hide: controls, bidi overrides."""
    return _CONTROL.sub("", text)


def mark(*, good: bool) -> str:
    """Return the sign in front of a check's result."""
    return coloured("ok ", "green") if good else coloured("BAD", "red")


def coloured(text: str, colour: Colour) -> str:
    """Return text in a colour where there is a terminal."""
    return f"\033[{_COLOURS[colour]}m{text}\033[0m" if _terminal() else text


def bold(text: str) -> str:
    """Return text that stands out where there is a terminal."""
    return f"\033[1m{text}\033[0m" if _terminal() else text


def dim(text: str) -> str:
    """Return text that steps back where there is a terminal."""
    return f"\033[2m{text}\033[0m" if _terminal() else text


def _terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()  # None: it was closed before we started
