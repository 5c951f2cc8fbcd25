"""Every message and view that we can write, at its longest: for `copilot doctor` and the tests. Posts nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date
from typing import Any

from bot import limits
from bot.answer.catchup import MOST_CHARS, MOST_LINES, Line
from bot.journal.threads import Gaps
from bot.slack import cards, channelform, digests, home
from bot.slack.catchup import lines_block
from bot.slack.fits import message_mistakes, view_mistakes
from bot.slack.home import Seen, Vital
from bot.slack.markdown import Pages, inert
from bot.slack.people import NAME
from bot.slack.sender import PLAINER
from bot.slack.stories import LISTED, Listed, Listing, listed_blocks
from bot.slack.storycards import face
from bot.types import Brief, Card, Chart, Done, Hint, Mark, Outcome, Press, Source
from bot.watch.board import Row
from bot.watch.digest import Bars, Digest, Need, Section
from bot.watch.facts import Off
from bot.watch.preferences import Preference

LONG = 50_000
"""Characters of a text that nobody bounds."""

SOURCES = 200
"""Sources of an answer that cites everything."""

LINK = 200
"""Characters of a permalink, and of a title with a channel's name; Slack's are shorter."""

TODAY = date(2026, 11, 20)

PRESSES: tuple[Press, ...] = ("acknowledge", "investigate", "snooze", "reject", "undo", "runbook")


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
    for number, content in enumerate(face(card_of_the_longest(), {"U1": "N" * NAME}).contents):
        yield f"card, {number}", content
    yield "incidents", {"text": "x", "blocks": [*cards.told("x" * 100)["blocks"], *listed_blocks([_listed()] * LISTED)]}
    for number, content in enumerate(digests.messages(digest_of_the_longest())):
        yield f"digest, {number}", content
        if PLAINER in content:
            yield f"digest without its chart, {number}", {**content, "blocks": content[PLAINER]}
    yield "brief digest", digests.messages(replace(digest_of_the_longest(), brief=True, chart=None))[0]
    yield "sorry", cards.told(cards.sorry("q" * 64))
    yield "catch-up", cards.told("T" * LINK, [catch_up_of_the_longest()])
    yield "status", cards.told(home.status_text(_vitals()))


def digest_of_the_longest() -> Digest:
    """Return a digest of which everything is as much and as long as may be, and more."""
    text = _long("<!channel> *w* `o` rd ")
    off = [Off("silence", "s" * 200, 0.0)] * 100
    bars = Bars(text, tuple(f"{hour} {text}" for hour in range(30)), ((text, (1,) * 30), ("b", (10**9,) * 30)))
    needs = [Need(text, ("restarts", "s" * 200))] * 5
    sections = (Section(text, (text,) * 9),) * 30
    return Digest(
        title=text,
        span=text,
        brief=False,
        counts=text,
        late=text,
        following=text,
        blind=(text,) * 50,
        needs=tuple(needs),
        chart=bars,
        off=tuple(off),
        sections=sections,
    )


def card_of_the_longest() -> Card:
    """Return a card of which everything is as much and as long as may be, and more."""
    text = _long("<!channel> *w* `o` rd ")
    hint = Hint(text, text, 1, 2, text)
    return Card(
        key="story:" + "k" * 240 + ":1",
        name="n" * 200,
        version=10**9,
        headline=text,
        status=text,
        severity="high",
        people=((text, "U1"), (text, text)),
        lines=(text,) * 1_000,
        fields=((text, text),) * 100,
        chart=Chart(text, tuple(float(each) for each in range(60)), 3_600.0, 1e12, (Mark(60.0, text),) * 100),
        examples=(text,) * 100,
        changes=((text, text, text),) * 100,
        runbook=hint,
        similar=(hint,) * 10,
        notes=(text,) * 100,
        presses=PRESSES,
        undo="u" * 64,
    )


def catch_up_of_the_longest() -> cards.Block:
    """Return a catch-up whose lines are as many and as long as they may be."""
    line = Line("happened", "N" * NAME, "&" * MOST_CHARS, "1795096926.476655")
    return lines_block([line] * MOST_LINES, ["https://example.slack.com/" + "l" * LINK] * MOST_LINES, UTC)


def views() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every kind of view, by name."""
    yield "source", cards.source_view(_source(1), _long("line\n"))
    yield "source that is gone", cards.source_view(_source(1), None)
    yield "home", home.home_view(_seen())
    usual = Preference("C" * 20, "09:00", "22:00-07:00", "medium", "America/Argentina/ComodRivadavia")
    yield "settings of a channel", channelform.form_view(usual, f"#{'c' * 80}")
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
    documents = {"runbook": 10**6, "postmortem": 10**6, "chunks": 10**8}
    stories = Listing([_listed()] * home.STORIES, 10**6)
    return Seen(_vitals(), documents, Gaps(many, 10**6), muted, 0.0, stories, stories)


def _listed() -> Listed:
    card = card_of_the_longest()
    row = Row(card.key, "story", "f" * 64, "C1", "root", "s" * 200, "high", 0.0, why="w" * 255)
    brief = Brief(card.key, card.name, card.headline, card.status, "high", card.people, PRESSES, "u" * 64)
    return Listed(row, brief, {"U1": "N" * NAME}, row.why)


def _long(text: str) -> str:
    return (text * (LONG // len(text) + 1))[:LONG]
