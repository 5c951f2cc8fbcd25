"""What stands below an answer, and what we say about ourselves, as Slack's blocks. Pure; posts nothing."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from bot import limits
from bot.slack.markdown import clean, escaped, short
from bot.types import Done, Source

Block = dict[str, Any]

FEEDBACK = "feedback"
"""`action_id` of the thumbs; the value is `up:ANSWER` or `down:ANSWER`."""

SHOW_SOURCE = "show_source"
"""Beginning of the `action_id` of a source's button; the value is `ANSWER:NUMBER`."""

BUTTONS = 5
"""Sources with a button: more would push the thumbs off a phone's screen."""

TITLE = 80
"""Characters of a document's title in the sources line."""

FALLBACK = 1_500
"""Characters of `text` beside blocks: Slack shows them in notifications and counts them with the blocks' text."""

HINT = (
    "Ask me a question after my name, such as `@copilot checkout returns 502`, "
    "and I answer from your runbooks with sources."
)

HELP = (
    "*Ask me anything about your runbooks and past incidents; I answer with sources you can check.*\n"
    "• `@copilot QUESTION` in a channel or a thread: everybody there sees the answer\n"
    "• a direct message to me: only you see it\n"
    "• `/copilot ask QUESTION`: the answer appears where you are, for you alone\n"
    "• `/copilot help`: this text"
)

NOTED = {"up": "Noted: helpful.", "down": "Noted: not helpful."}

LOOKING = "Looking in the runbooks. The answer appears here, for you alone."

GONE = "These lines are gone: the document was removed or changed since the answer was written."

UNOPENED = "I could not open the source in time: press the button again."


def sorry(question_id: str) -> str:
    """Return what to say when something in us broke while answering."""
    return (
        "**I could not finish this answer:** something in me broke, and it is in my log as "
        f"`{question_id}`. Ask again; if it stays so, search the runbooks yourself for now."
    )


def unsaid(done: Done, text: str) -> str:
    """Return what the outcome still needs to say in words, Markdown; empty when the text says it all."""
    if done.reason is None or done.reason in text:
        return ""
    if done.outcome == "failed":
        return f"**I could not finish this answer:** {done.reason}"
    if text.strip():
        return ""
    return f"**Not in the runbooks.** {done.reason}" if done.outcome == "not_found" else done.reason


def delayed(seconds: float) -> str:
    """Return the line above an answer that comes late."""
    return f"_Delayed: you asked {_span(seconds)} ago, and Slack or I was out of reach._"


def ending(done: Done, today: date) -> list[Block]:
    """Return the blocks below an answer: its sources, what it took, a button per source, the thumbs."""
    blocks = [_small(sources_line(done.sources, today))] if done.sources else []
    blocks.append(_small(footer(done)))
    if done.sources:
        blocks.append({"type": "actions", "elements": _source_buttons(done)})
    return blocks if done.outcome == "failed" else [*blocks, _thumbs(done.answer_id)]


def sources_line(sources: Sequence[Source], today: date) -> str:
    """Return "Sources: [1] Title, lines 14-31, reviewed 2 months ago · [2] ..."."""
    return "Sources: " + " · ".join(f"[{source.id}] {_source(source, today)}" for source in sources)


def footer(done: Done) -> str:
    """Return "answered from 3 documents · 2.1 s · 1,840 tokens · 0.006 USD · claude-..."."""
    documents = len({source.path for source in done.sources})
    verb = {"answered": "answered", "perhaps": "perhaps", "not_found": "not found", "failed": "not finished"}
    parts = [verb[done.outcome] + (f" from {documents} document{'s' * (documents != 1)}" if documents else "")]
    parts.append(f"{done.seconds:.1f} s")
    if done.model is None:
        return " · ".join([*parts, "quoted without a model"])
    if tokens := done.tokens_in + done.tokens_out:
        parts += [f"{tokens:,} tokens", f"{done.usd:.3f} USD"]
    return " · ".join([*parts, clean(done.model)])


def told(text: str, blocks: Sequence[Block] = ()) -> dict[str, Any]:
    """Return the content of a message that says `text` (Markdown, inert): blocks, and `text` for notifications."""
    return {"text": fallback(text), "blocks": [{"type": "markdown", "text": text}, *blocks]}


def fallback(text: str, most: int = FALLBACK) -> str:
    """Return Markdown as mrkdwn in which nothing is special, cut for notifications."""
    return escaped(short(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"), most))


def source_view(source: Source, lines: str | None) -> Block:
    """Return the modal of *Show source*: path, line numbers, and the lines exactly as stored."""
    blocks: list[Block] = [
        _plain_section(short(clean(source.title), limits.SECTION_TEXT)),
        _small(short(f"{clean(source.path)}, {_lines(source.start_line, source.end_line)}", limits.CONTEXT_TEXT)),
    ]
    if lines is None:
        blocks.append(_plain_section(GONE))
    else:
        blocks += _quoted(lines, source.start_line)
    return {
        "type": "modal",
        "title": _plain("Source"),
        "close": _plain("Close"),
        "blocks": blocks[: limits.VIEW_BLOCKS],
    }


def _quoted(text: str, start_line: int) -> list[Block]:
    """Return preformatted blocks, each within Slack's limit, with the line numbers above when there are several."""
    parts = _cut(text, limits.SECTION_TEXT)
    blocks: list[Block] = []
    for first, last, part in parts:
        if len(parts) > 1:
            blocks.append(_small(_lines(start_line + first, start_line + last)))
        quote = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": part or " "}]}
        blocks.append({"type": "rich_text", "elements": [quote]})
    return blocks


def _cut(text: str, most: int) -> list[tuple[int, int, str]]:
    """Return the text in pieces of at most `most` characters, with the first and last line of each, from 0."""
    pieces: list[tuple[int, int, str]] = []
    for number, line in enumerate(text.split("\n")):
        for at in range(0, max(len(line), 1), most):
            piece = line[at : at + most]
            if at == 0 and pieces and len(pieces[-1][2]) + 1 + len(piece) <= most:
                pieces[-1] = (pieces[-1][0], number, f"{pieces[-1][2]}\n{piece}")
            else:
                pieces.append((number, number, piece))
    return pieces


def _source(source: Source, today: date) -> str:
    reviewed = f", reviewed {_ago(today - source.reviewed)}" if source.reviewed else ""
    return f"{short(clean(source.title), TITLE)}, {_lines(source.start_line, source.end_line)}{reviewed}"


def _lines(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first}-{last}"


def _ago(age: timedelta) -> str:
    days = age.days
    if days <= 0:
        return "today"
    if days < 60:  # noqa: PLR2004 - two months: from here on people count in months
        return f"{days} day{'s' * (days != 1)} ago"
    return f"{days // 30} months ago" if days < 730 else f"{days // 365} years ago"  # noqa: PLR2004 - two years


def _span(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    if minutes < 120:  # noqa: PLR2004 - two hours
        return f"{minutes} minute{'s' * (minutes != 1)}"
    return f"{round(minutes / 60)} hours"


def _source_buttons(done: Done) -> list[Block]:
    shown = done.sources[:BUTTONS]
    return [
        {
            "type": "button",
            "action_id": f"{SHOW_SOURCE}_{source.id}",
            "text": _plain("Show source" if len(shown) == 1 else f"Show source {source.id}"),
            "value": f"{done.answer_id}:{source.id}",
        }
        for source in shown
    ]


def _thumbs(answer_id: str) -> Block:
    """Return Slack's own thumbs: https://docs.slack.dev/reference/block-kit/block-elements/feedback-buttons-element."""
    buttons = {
        "type": "feedback_buttons",
        "action_id": FEEDBACK,
        "positive_button": {"text": _plain("Helpful"), "value": f"up:{answer_id}"},
        "negative_button": {"text": _plain("Not helpful"), "value": f"down:{answer_id}"},
    }
    return {"type": "context_actions", "elements": [buttons]}


def _plain(text: str) -> Block:
    """Return text in which Slack sees no mention, no link and no emoji."""
    return {"type": "plain_text", "text": text, "emoji": False}


def _plain_section(text: str) -> Block:
    return {"type": "section", "text": _plain(text)}


def _small(text: str) -> Block:
    return {"type": "context", "elements": [_plain(short(text, limits.CONTEXT_TEXT))]}
