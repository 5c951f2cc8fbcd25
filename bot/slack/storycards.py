"""A card of the board as Slack's blocks, with its buttons; and in less, for who does not take it so. Pure.

All text of a card comes from logs, alerts and documents: it goes into plain and rich text alone, where Slack looks for
no mention, link, markup or emoji (https://docs.slack.dev/reference/block-kit/blocks/rich-text-block). People are named,
never mentioned: who is to be rung for is mentioned once, in a message of its own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot import limits
from bot.slack.cards import Block, bold, button, fallback, piece, plain, plain_section, rich, rich_line, small
from bot.slack.charts import chart_block, marks_line, sparkline
from bot.slack.markdown import clean, inert, one_line, short
from bot.types import Brief, Card, Chart, Hint, Press

CARD = "card"
"""Beginning of the `action_id` of a card's button; `card:PRESS:NUMBER`, the value is the card's key."""

SNOOZES: Mapping[str, int] = {"1 hour": 3_600, "24 hours": 86_400}
"""How long a card can be snoozed for by a button, in seconds."""

LABELS: Mapping[Press, str] = {
    "acknowledge": "Acknowledge",
    "investigate": "Investigate",
    "snooze": "Snooze",
    "reject": "Not an anomaly",
    "undo": "Undo",
    "runbook": "Runbook",
}
"""The label of each press."""

LINES, LINE = 16, 240
"""Sentences of a card (a group's fifteen members and what is more), and the characters of each."""

STATUS = 400
FIELDS, NAME, VALUE = 10, 40, 120
EXAMPLES, EXAMPLE, EXAMPLE_LINES = 3, 600, 6
CHANGES, TEMPLATE, COUNT = 8, 120, 16
HINTS, TITLE, CHECK = 2, 120, 280
NOTES, NOTE = 5, 200
"""How many of each, and their characters: a card that has the most of everything stays within a message."""

LISTED_HEADLINE, LISTED_STATUS, LISTED_NOTE = 150, 200, 120
"""Characters of a card in a list."""

PLAIN_TEXT = 3_900
"""Characters of the last resort, a card as plain text: Slack recommends at most 4,000."""

NAMED = re.compile(r"[UWS][A-Z0-9]{2,}")
"""What may be the id of a person or a group: https://docs.slack.dev/reference/objects."""

UNTOLD = "Nothing to tell"

Content = Mapping[str, Any]
"""`text` and `blocks` of a message."""

Names = Mapping[str, str]
"""What people and groups are called, by their ids."""


@dataclass(frozen=True, slots=True)
class Face:
    """A card as a message: `contents` are what to show, the best first; the last one is text alone."""

    version: int
    contents: tuple[Content, ...]


def face(card: Card, names: Names) -> Face:
    """Return a card as a message, without its chart where Slack does not take that, and as text where no block."""
    texts = [*_head(card, names), *_figures(card), *map(one_line, card.lines)]
    drawn = None if card.chart is None else chart_block(card.chart)
    without = {"text": _said(texts), "blocks": _blocks(card, names, None)}
    plainest = {"text": _said([*texts, *map(one_line, card.examples[:EXAMPLES])], PLAIN_TEXT), "blocks": []}
    if drawn is None:
        return Face(card.version, (without, plainest))
    full = {"text": _said(texts), "blocks": _blocks(card, names, drawn)}
    return Face(card.version, (full, without, plainest))


def brief_blocks(number: int, brief: Brief, names: Names, note: str = "") -> list[Block]:
    """Return a card in a list: what it is in two lines, and its buttons. `number` tells it from the others."""
    said = [bold(short(one_line(brief.headline), LISTED_HEADLINE) or UNTOLD)]
    named = f"{one_line(brief.name)} · " if brief.name else ""
    said.append(piece("\n" + short(named + _status(brief.status, brief.people, names), LISTED_STATUS)))
    if note:
        said.append(piece("\n" + short(one_line(note), LISTED_NOTE)))
    blocks = [rich([rich_line(said)])]
    elements = _buttons(brief, number)
    return [*blocks, {"type": "actions", "elements": elements}] if elements else blocks


def ids_in(people: Sequence[tuple[str, str]]) -> list[str]:
    """Return the ids of people and groups that a card names."""
    return [each for _, each in people if NAMED.fullmatch(each)]


def _blocks(card: Card, names: Names, chart: Block | None) -> list[Block]:
    head = short(one_line(card.headline), limits.HEADER_TEXT) or UNTOLD
    blocks: list[Block] = [{"type": "header", "text": plain(head)}]
    if status := _status(card.status, card.people, names):
        blocks.append(plain_section(status))
    if sentences := _some(card.lines, LINES, LINE):
        blocks.append(plain_section(short("\n".join(sentences), limits.SECTION_TEXT)))
    if card.chart is not None:
        blocks += _drawn(card.chart, chart)
    if card.fields:
        blocks.append(rich([rich_line(_fields(card.fields))]))
    if card.examples:
        blocks.append(_code("\n".join(map(_example, card.examples[:EXAMPLES]))))
    if card.changes:
        blocks += [small("What changed, lines an hour: usually, and now"), _code(_table(card.changes))]
    blocks += hint_blocks(card.runbook, card.similar)
    if notes := _some(card.notes, NOTES, NOTE):
        blocks.append(small(" · ".join(notes)))
    if elements := _buttons(card):
        # Slack keeps what was chosen in a menu as long as its block has the same id.
        blocks.append({"type": "actions", "block_id": f"{CARD}:{card.version}", "elements": elements})
    return blocks


def _drawn(chart: Chart, block: Block | None) -> list[Block]:
    """Return a chart, or the line that stands for it, and what happened meanwhile below it."""
    spark, marks = sparkline(chart), marks_line(chart)
    drawn = [block] if block is not None else [_code(spark)] if spark else []
    return [*drawn, small(marks)] if marks else drawn


def _head(card: Card, names: Names) -> list[str]:
    return [one_line(card.headline), _status(card.status, card.people, names)]


def _figures(card: Card) -> list[str]:
    return [] if card.chart is None else [sparkline(card.chart), marks_line(card.chart)]


def _said(texts: Sequence[str], most: int = 1_500) -> str:
    """Return lines as the text of a message, in which nothing rings and nothing is a link."""
    return fallback(inert("\n".join(short(text, limits.SECTION_TEXT) for text in texts if text)), most) or "A story."


def _status(status: str, people: Sequence[tuple[str, str]], names: Names) -> str:
    """Return "high · since 14:02 UTC · acknowledged by mia"."""
    who = [f"{one_line(words)} {names.get(each) or one_line(each)}" for words, each in people]
    return short(" · ".join(filter(None, [one_line(status), *who])), STATUS)


def _fields(fields: Sequence[tuple[str, str]]) -> list[Block]:
    """Return "Rate 42/min · usual 0-3/min · ..." with the names in bold."""
    said: list[Block] = []
    for name, value in fields[:FIELDS]:
        said += [piece(" · ")] if said else []
        said += [bold(short(one_line(name), NAME) or "-"), piece(f" {short(one_line(value), VALUE)}")]
    return said


def _example(text: str) -> str:
    """Return a log line as it can be copied, cut with a mark that says how much is left out."""
    whole = clean(text).replace("\t", "    ").strip("\n")
    lines = whole.split("\n")
    kept = "\n".join(lines[:EXAMPLE_LINES])[:EXAMPLE]
    left = len(whole) - len(kept)
    return f"{kept} ... ({left:,} more characters)" if left > 0 else kept or " "


def _table(changes: Sequence[tuple[str, str, str]]) -> str:
    """Return rows "before -> now  template", the numbers in columns."""
    rows = [(short(one_line(a), COUNT), short(one_line(b), COUNT), short(one_line(t), TEMPLATE)) for t, a, b in changes]
    rows, more = rows[:CHANGES], len(rows) - CHANGES
    before, now = (max(len(row[at]) for row in rows) for at in (0, 1))
    lines = [f"{a:>{before}} -> {b:>{now}}  {t}" for a, b, t in rows]
    return "\n".join([*lines, f"and {more} more"] if more > 0 else lines)


def hint_blocks(runbook: Hint | None, similar: Sequence[Hint]) -> list[Block]:
    """Return the documents that may fit: each a guess, with the check that would confirm it or rule it out."""
    found = [] if runbook is None else [_hint("Runbook that fits, perhaps: ", "Its first check: ", runbook)]
    found += [_hint("Similar, perhaps: ", "Tell them apart by: ", each) for each in similar[:HINTS]]
    return [rich([rich_line(each)]) for each in found]


def _hint(before: str, check_before: str, hint: Hint) -> list[Block]:
    title = short(one_line(hint.title), TITLE) or short(one_line(hint.path), TITLE) or "a document"
    where = f", {short(one_line(hint.path), TITLE)} line {hint.start_line}"
    said = [bold(before), {"type": "text", "text": title, "style": {"italic": True}}, piece(where)]
    if check := short(one_line(hint.check), CHECK):
        said += [piece(f"\n{check_before}"), {"type": "text", "text": check, "style": {"code": True}}]
    return said


def _buttons(card: Card | Brief, number: int = 0) -> list[Block]:
    """Return the buttons that a card has, in the order in which it names them."""
    elements: list[Block] = []
    for press in dict.fromkeys(card.presses):
        if press == "snooze":
            elements += _snooze(card.key, number)
        elif press == "undo":
            # A rejection is undone by its id; the key says which card that was.
            elements.append(button(LABELS[press], f"{CARD}:{press}:{number}", f"{card.undo or ''} {card.key}"))
        else:
            elements.append(button(LABELS[press], f"{CARD}:{press}:{number}", card.key) | _sure(press))
    return elements


def _snooze(key: str, number: int) -> list[Block]:
    """Return the menu of spans; two buttons where the key is longer than an option can hold."""
    values = {words: f"{seconds} {key}" for words, seconds in SNOOZES.items()}
    if max(map(len, values.values())) > limits.OPTION_VALUE:
        labels = {words: f"{CARD}:snooze:{number}:{at}" for at, words in enumerate(values)}
        return [button(f"Snooze {words}", labels[words], value) for words, value in values.items()]
    options = [{"text": plain(f"for {words}"), "value": value} for words, value in values.items()]
    return [
        {
            "type": "static_select",
            "action_id": f"{CARD}:snooze:{number}",
            "placeholder": plain(LABELS["snooze"]),
            "options": options,
        }
    ]


def _sure(press: Press) -> Block:
    """Return the question before a press that others will feel."""
    if press != "reject":
        return {}
    words = "For 30 days nothing is posted when lines like these come again from this service. Undo takes that back."
    return {
        "confirm": {
            "title": plain("Not an anomaly?"),
            "text": plain(short(words, limits.CONFIRM_TEXT)),
            "confirm": plain(LABELS["reject"]),
            "deny": plain("Cancel"),
        }
    }


def _some(texts: Sequence[str], most: int, length: int) -> list[str]:
    """Return lines, each cut, and how many are left out."""
    lines = [each for each in (short(one_line(text), length) for text in texts[:most]) if each]
    more = len(texts) - most
    return [*lines, f"and {more:,} more"] if more > 0 else lines


def _code(text: str) -> Block:
    return rich([{"type": "rich_text_preformatted", "elements": [piece(text or " ")]}])
