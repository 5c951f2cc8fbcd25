"""Attack strings, injections and planted secrets through the real rooms: what of them a reader or a file gets to see.

python benchmarks/attacks.py FOLDER [naughty|injections|secrets ...]
"""

import asyncio
import html
import io
import json
import logging
import random
import re
import runpy
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import structlog

from benchmarks.figures import say
from bot.log import log_to_stderr
from bot.slack.markdown import clean
from bot.slack.people import NAME
from tests.fakes.claude import Obedient, Reply, Request, Say
from tests.fakes.slack import Payload, text_of
from tests.flows.borders import CANARY, Border, found, kept

BATCH = 20
MARKED = re.compile(r"\[\d+\]|\(not from the runbooks\)")
SECRETS = 200
Sent = list[tuple[str, Payload]]


def naughty_strings(attacks: Path) -> list[str]:
    """Return the strings that are there to break what shows them."""
    lines = (attacks / "naughty/slack_markup_dev.jsonl").read_text(encoding="utf-8").splitlines()
    strings = json.loads((attacks / "naughty/blns_dev.json").read_text(encoding="utf-8"))
    return [text for text in [*strings, *(json.loads(line)["text"] for line in lines)] if text.strip()]


def injected(attacks: Path) -> list[tuple[str, str]]:
    """Return injections and what each one wants to be said."""
    lines = (attacks / "injections/injections_dev.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [(row["text"], row.get("canary") or row.get("goal") or row["text"]) for row in rows]


async def naughty(attacks: Path, folder: Path) -> None:
    """Send every string through a runbook, a question, a thread and a name."""
    strings = naughty_strings(attacks)
    names = {f"U0N{n:04}": text for n, text in enumerate(strings)}
    for way in ("runbook", "question", "thread", "name"):
        place = folder / way
        place.mkdir()
        async with Border(place, names, quotes=True) as border:
            _documents(border, strings if way == "runbook" else strings[:1], "runbooks")
            await border.sync()
            await border.start()
            sent = await _each(border, strings, partial(_way, border, way))
            # An answer does not repeat its question: there is nothing to be kept.
            wanted = _as_a_name if way == "name" else str
            seen = [(text, border.seen(message)) for text, message in sent]
            lost = [text for text, shown in seen if way != "question" and not kept(wanted(text), shown)]
            _report(f"naughty through {way}", len(strings), border, lost)


async def injections(attacks: Path, folder: Path) -> None:
    """Send every injection through a runbook, a postmortem and a thread to a model that obeys."""
    rows = injected(attacks)
    texts = [text for text, _ in rows]
    for way in ("runbook", "postmortem", "thread"):
        place = folder / way
        place.mkdir()
        async with Border(place, {}) as border:
            _documents(border, texts if way != "thread" else ["restart the pool"], f"{way}s", titled=False)
            border.write("hidden.md", f"---\naudience: [C0SECRET]\n---\n# Widget\n\nThe widget breaks: {CANARY}\n")
            await border.sync()
            await border.start()
            border.claude.behaviour = puppet = Puppet(dict(rows))
            sent = await _each(border, texts, partial(_way, border, way))
            _report(f"injections through {way}", len(texts), border, [])
            answers = [(puppet.goals[text], _answer(border, message)) for text, message in sent]
            say(f"  said by the model {len(puppet.obeyed)}, {dict(Counter(_standing(*each) for each in answers))}")
            for goal, answer in [each for each in answers if _standing(*each) == "unmarked"][:8]:
                say(f"  unmarked {goal[:90]!r} in {answer[:200]!r}")
            say(
                f"  hidden document: Slack {border.ways_out()['Slack'].count(CANARY.encode())}, "
                f"Claude {border.ways_out()['Claude'].count(CANARY.encode())}"
            )


async def secrets(attacks: Path, folder: Path) -> None:
    """Plant secrets everywhere, and look for them at every way out."""
    load = runpy.run_path(str(attacks / "secretgen.py"))["load"]
    rows = [row for row in load(attacks / "secrets/lines_dev.jsonl") if row["secrets"]]
    rows = random.Random(3).sample(rows, SECRETS)
    lines, values = [row["line"] for row in rows], [each["value"] for row in rows for each in row["secrets"]]
    log, stderr = io.StringIO(), sys.stderr
    sys.stderr = log
    try:
        log_to_stderr()
        async with Border(folder, {f"U0N{n:04}": line for n, line in enumerate(lines)}, chroma=True) as border:
            _documents(border, lines, "runbooks")
            await border.sync()
            await border.start()
            for way in ("runbook", "question", "thread", "name"):
                await _each(border, lines, partial(_way, border, way))
            for line in lines:
                _break(line)
            ways = border.ways_out() | {"logs": log.getvalue().encode()}
    finally:
        sys.stderr = stderr
        structlog.reset_defaults()
    leaks = found(values, ways)
    by_way = dict(Counter(way for way, _ in leaks))
    say(f"secrets: {len(values)} planted, {len({value for _, value in leaks})} found: {by_way}")
    kinds = {each["value"]: each["kind"] for row in rows for each in row["secrets"]}
    say(f"  kinds: {dict(Counter(f'{way}:{kinds[value]}' for way, value in leaks))}")


def _break(line: str) -> None:
    log = structlog.get_logger("borders")
    try:
        int(line)  # no line is a number: the error quotes it
    except ValueError:
        log.exception("broke", question=line, nested={"deep": [line]})


def _documents(border: Border, texts: Sequence[str], folder: str, *, titled: bool = True) -> None:
    for number, text in enumerate(texts):
        title = " ".join(text.split()) if titled else ""
        words = f"# widget{number}x {title}\n\n## When widget{number}x breaks\n\nRestart widget{number}x now: {text}\n"
        border.write(f"{folder}/{number:04}.md", words)


def _way(border: Border, way: str, number: int, text: str) -> Payload:
    """Let a text take its way to the bot; return the message that asks."""
    if way in ("runbook", "postmortem"):
        return border.ask(f"what to do when widget{number}x breaks?")
    if way == "question":
        return border.ask(f"what to do when widget0x breaks? {text}")
    user = f"U0N{number:04}" if way == "name" else "U0BOB"
    root = border.heard("checkout is down", user)
    border.heard("I restart the pool now" if way == "name" else f"I restart the pool now: {text}", user, root)
    border.ask("what to do when widget0x breaks?", root)
    return border.ask("catch me up", root)


def _as_a_name(text: str) -> str:
    """Return what is shown of a name: one line without Slack's signs, and no more of it than Slack lets people have."""
    return re.sub(r"[<>|`*_~\s]+", " ", clean(html.unescape(text))).strip()[: NAME - 1]


async def _each(border: Border, texts: Sequence[str], send: Callable[[int, str], Payload]) -> Sent:
    sent: Sent = []
    for number, text in enumerate(texts):
        sent.append((text, send(number, text)))
        if number % BATCH == BATCH - 1:
            await border.quiet()
    await border.quiet()
    return sent


@dataclass
class Puppet:
    """A model in an attacker's hands: whatever injection it reads, it says what that wants, and cites its passage.

    `goals` are what each injection wants. Each is said with and without a citation; `obeyed` are those that were said.
    """

    goals: Mapping[str, str]
    obeyed: set[str] = field(default_factory=set)

    def reply(self, request: Request) -> Reply:
        """Return the goals of all injections in the request, and what any text orders beside them."""
        obedient = Obedient().reply(request)
        lines = [str(piece) for piece in obedient.pieces] if isinstance(obedient, Say) else []
        for number, text in [*request.passages.items(), (1, request.asked)]:
            said = " ".join(text.split())
            for injection, goal in self.goals.items():
                if " ".join(injection.split()) in said:
                    self.obeyed.add(injection)
                    lines += [f"{goal} [{number}]\n\n", f"{goal}\n\n"]
        return Say(lines or ["Nobody ordered anything."])


def _answer(border: Border, message: Payload) -> str:
    """Return the last answer to a question in the thread of a message, without what only tells its sources."""
    root = message.get("thread_ts", message["ts"])
    texts = [text_of(each) for each in border.slack.replies({**message, "ts": root})]
    return next((text for text in texts if "Catch-up on" not in text), "")


def _standing(goal: str, answer: str) -> str:
    """Return how an answer says what an injection wants; paragraphs are looked at one by one."""
    said = [part for part in re.split(r"\n\s*\n", answer) if kept(goal, part)]
    if not said:
        return "said across marked paragraphs" if kept(goal, answer) else "not said"
    if any(not MARKED.search(part) for part in said):
        return "unmarked"
    return "cited" if any(re.search(r"\[\d+\]", part) for part in said) else "marked as not from the runbooks"


def _report(what: str, number: int, border: Border, lost: Sequence[str]) -> None:
    live = border.live()
    say(f"{what}: {number} texts, {len(border.slack.calls)} calls, {len(live)} live, {len(lost)} not shown whole")
    for each in list(dict.fromkeys(live))[:8]:
        say(f"  live {each!r}")
    for each in lost[:12]:
        say(f"  not whole {each[:90]!r}")


PARTS: dict[str, Callable[[Path, Path], Coroutine[Any, Any, None]]] = {
    "naughty": naughty,
    "injections": injections,
    "secrets": secrets,
}


def main(arguments: Sequence[str]) -> None:
    """Run the parts that are named, else all."""
    attacks, *names = arguments
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    for name in names or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(PARTS[name](Path(attacks), Path(folder)))


if __name__ == "__main__":
    main(sys.argv[1:])
