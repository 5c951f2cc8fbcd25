"""Every message and view that we can write, at its longest: for `copilot doctor` and the tests. Posts nothing."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date
from typing import Any

from bot import limits
from bot.answer.catchup import MOST_CHARS, MOST_LINES, Line
from bot.journal.threads import Gaps
from bot.slack import cards, home
from bot.slack.catchup import lines_block
from bot.slack.fits import message_mistakes, view_mistakes
from bot.slack.home import Seen, Vital
from bot.slack.markdown import Pages, inert
from bot.slack.people import NAME
from bot.types import Done, Outcome, Source

LONG = 50_000
"""Characters of a text that nobody bounds."""

SOURCES = 200
"""Sources of an answer that cites everything."""

LINK = 200
"""Characters of a permalink, and of a title with a channel's name; Slack's are shorter."""

TODAY = date(2026, 11, 20)


def messages() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the content of every kind of message, by name."""
    pages = Pages()
    pages.add(inert(_long("**<@U0> & [link](https://x.example)** `code` ")))
    outcomes: tuple[Outcome, ...] = ("answered", "perhaps", "not_found", "failed")
    for outcome in outcomes:
        done = ended(outcome)
        notes = [cards.left_out(10**6), cards.BLIND, _long("why ")]
        below = cards.ending(done, TODAY, notes=notes, share=True)
        yield f"answer, {outcome}", cards.told(pages.texts[0], below)
    shared = cards.told(pages.texts[0], cards.ending(ended("answered"), TODAY))
    shared["blocks"] = [cards.shared_by("N" * NAME), *shared["blocks"]]
    yield "shared answer", shared
    for size in (10, limits.BUTTON_VALUE, LONG):
        text = "x" * size
        yield f"offer, {size}", {"text": cards.EDITED, "blocks": cards.offer(text, f"1.1:1.1:{text}")}
    said = {name: value for name, value in vars(cards).items() if name.isupper() and isinstance(value, str)}
    for name in ("HELP", "HINT", "WORDLESS", "MUTED", "FOLLOWED", "FOLLOWED_STRICTLY", "NO_THREAD", "UNSHAREABLE"):
        yield name.lower(), {"text": said[name]}
    yield "sorry", cards.told(cards.sorry("q" * 64))
    yield "catch-up", cards.told("T" * LINK, [catch_up_of_the_longest()])
    yield "status", cards.told(home.status_text(_vitals()))


def catch_up_of_the_longest() -> cards.Block:
    """Return a catch-up whose lines are as many and as long as they may be."""
    line = Line("happened", "N" * NAME, "&" * MOST_CHARS, "1795096926.476655")
    return lines_block([line] * MOST_LINES, ["https://example.slack.com/" + "l" * LINK] * MOST_LINES, UTC)


def views() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every kind of view, by name."""
    yield "source", cards.source_view(_source(1), _long("line\n"))
    yield "source that is gone", cards.source_view(_source(1), None)
    yield "home", home.home_view(_seen())
    yield "home of a guest", home.refused_view(_long("why ")[:1000])


def mistakes() -> list[str]:
    """Return what Slack would refuse of all that we can write; empty when everything fits."""
    found = [f"{name}: {each}" for name, content in messages() for each in message_mistakes(content)]
    return found + [f"{name}: {each}" for name, view in views() for each in view_mistakes(view)]


def ended(outcome: Outcome) -> Done:
    """Return the longest end of an answer."""
    sources = tuple(_source(number) for number in range(1, SOURCES + 1))
    reason = _long("because ")
    return Done(outcome, reason, "a" * 64, sources, "m" * 200, 10**6, 10**9, 10**9, 10**6)


def _source(number: int) -> Source:
    path = f"{'p' * 4000}/{number // 3}.md"
    return Source(number, path, 10**6 + number, 10**7 + number, "T" * 4000, date(1999, 1, 1))


def _vitals() -> list[Vital]:
    return [Vital(f"Part {number}", bool(number % 2), "w" * 300) for number in range(12)]


def _seen() -> Seen:
    many = tuple(f"{number} {_long('why ')}" for number in range(100))
    muted = [(f"#{'c' * 80}, thread of 20 November 14:02 UTC", f"C{number}:1.1") for number in range(home.MUTES)]
    return Seen(_vitals(), {"runbook": 10**6, "postmortem": 10**6, "chunks": 10**8}, Gaps(many, 10**6), muted, 0.0)


def _long(text: str) -> str:
    return (text * (LONG // len(text) + 1))[:LONG]
