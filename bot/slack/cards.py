"""What stands below an answer, and what we say about ourselves, as Slack's blocks. Pure; posts nothing."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from bot import limits
from bot.slack.markdown import clean, escaped, short
from bot.types import Done, Source, digest_of

Block = dict[str, Any]

FEEDBACK = "feedback"
"""`action_id` of the thumbs; the value is `up:ANSWER` or `down:ANSWER`."""

SHOW_SOURCE = "show_source"
"""Beginning of the `action_id` of a source's button; the value is `ANSWER:NUMBER`."""

SHARE = "share"
"""`action_id` of *Share*; the value is the answer's id."""

AGAIN = "again"
"""`action_id` of *Answer again*; the value is `THREAD:TS:TEXT` of the edited question."""

UNMUTE = "unmute"
"""Beginning of the `action_id` of *Unmute*; the value is `CHANNEL:THREAD`."""

BUTTONS = 5
"""Sources with a button: more would push the thumbs off a phone's screen."""

TITLE = 80
"""Characters of a document's title in the sources line."""

SNIPPET = 300
"""Characters of an edited question in the offer to answer it."""

SOURCES_LINE, LINE = 2_000, 300
"""Characters of the sources line, and of each note below it: with a full page of text they stay within a message."""

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
    "• _Ask about this_ in the menu of any message: I answer in its thread\n"
    "• `@copilot mute` or `@copilot follow` in a thread: whether I answer there without being mentioned\n"
    "• `/copilot ask QUESTION`: the answer appears where you are, for you alone\n"
    "• `/copilot similar SYMPTOM`: past incidents that look alike, and what tells them apart\n"
    "• `/copilot runbook NAME`: a runbook's first steps\n"
    "• `@copilot catch me up` in a thread, or `/copilot catchup` in a channel: what was said, in twelve lines at most\n"
    "• `/copilot incidents`: the stories that are open, with their buttons\n"
    "• `/copilot snooze STORY 1h`: no more about a story for a while, as its button does\n"
    "• `/copilot digest`: what the last day was like here; `/copilot digest preview`: today so far\n"
    "• `/copilot settings`: what I post in a channel unasked, and when\n"
    "• `/copilot status`: whether I am well\n"
    "• `/copilot help`: this text"
)

WORDLESS = "That message holds no text that I can read: mention me below it and say what you want to know."

SHARED = "Shared in the channel."

SHARED_BEFORE = "This answer is in the channel already."

UNSHAREABLE = "I can share only your own answers, and no longer know this one: ask again."

MUTED = "Muted: in this thread I answer only when mentioned. `@copilot follow` ends that."

FOLLOWED = "Following: in this thread you can go on asking for ten minutes after an answer, without mentioning me."

FOLLOWED_STRICTLY = (
    "This thread is not muted, but here I answer only when mentioned: the setting `slack.strict` says so."
)

NO_THREAD = "Write that in a thread: I am muted or followed thread by thread."

EDITED = "You edited your question."

BLIND = (
    "I read only the message that asks me: without the app's history permissions the thread above it is closed to me."
)

NOTED = {"up": "Noted: helpful.", "down": "Noted: not helpful."}

LOOKING = {
    "private": "Looking in the runbooks. The answer appears here, for you alone.",
    "similar": "Looking through past incidents. They appear here, for you alone.",
    "runbook": "Looking for the runbook. It appears here, for you alone.",
    "catchup": "Reading what was said here since you last wrote. It appears here, for you alone.",
    "incidents": "Looking at what goes on. It appears here, for you alone.",
    "snooze": "Snoozing ...",
    "digest": "Putting the digest together. It appears here, for you alone.",
    "status": "Looking at myself ...",
}

CHANGED = "The document was changed since this answer was given: these lines may no longer be the ones it cites."
GONE = "These lines are gone: the document was removed or changed since the answer was written."

UNOPENED = "I could not open the source in time: press the button again."

FORM_UNOPENED = "I could not open the form in time: type `/copilot settings` again."


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


def ending(done: Done, today: date, *, notes: Sequence[str] = (), share: bool = False) -> list[Block]:
    """Return the blocks below an answer: its sources, notes, what it took, a button per source, *Share*, the thumbs."""
    blocks = [small(short(sources_line(done.sources, today), SOURCES_LINE))] if done.sources else []
    blocks += [small(short(clean(line), LINE)) for line in (*notes, footer(done))]
    failed = done.outcome == "failed"
    buttons = _source_buttons(done) + ([button("Share", SHARE, done.answer_id)] if share and not failed else [])
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    return blocks if failed else [*blocks, _thumbs(done.answer_id)]


def left_out(messages: int) -> str:
    """Return the note below an answer for which a part of its thread was too long."""
    return f"I read the newest messages of this thread; {messages:,} earlier one{'s' * (messages != 1)} are left out."


def shared_by(name: str) -> Block:
    """Return the line above a shared answer."""
    return small(f"Shared by {name} from a private answer")


def offer(text: str, value: str) -> list[Block]:
    """Return the offer to answer an edited question; without a button when the question does not fit into one."""
    if len(value) > limits.BUTTON_VALUE:
        return [plain_section(f"{EDITED} It is long: ask it again for a new answer.")]
    return [
        plain_section(f'{EDITED} Answer "{short(clean(text), SNIPPET)}" as well?'),
        {"type": "actions", "elements": [button("Answer again", AGAIN, value)]},
    ]


def sources_line(sources: Sequence[Source], today: date) -> str:
    """Return "Sources: [1] [2] Title, lines 14-31, 40-44, reviewed 2 months ago · [3] ...", by document."""
    documents: dict[str, list[Source]] = {}
    for source in sources:
        documents.setdefault(source.path, []).append(source)
    return "Sources: " + " · ".join(_document(group, today) for group in documents.values())


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


def day(seconds: float) -> date:
    """Return the day (UTC) of a time in seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).date()


def told(text: str, blocks: Sequence[Block] = ()) -> dict[str, Any]:
    """Return the content of a message that says `text` (Markdown, inert): blocks, and `text` for notifications."""
    return {"text": fallback(text), "blocks": [{"type": "markdown", "text": text}, *blocks]}


def fallback(text: str, most: int = FALLBACK) -> str:
    """Return Markdown as mrkdwn in which nothing is special, cut for notifications."""
    return escaped(short(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"), most))


def source_view(source: Source, lines: str | None) -> Block:
    """Return the modal of *Show source*: path, line numbers, and the lines exactly as stored."""
    blocks: list[Block] = [
        plain_section(short(clean(source.title), limits.SECTION_TEXT)),
        small(short(f"{clean(source.path)}, {_lines(source.start_line, source.end_line)}", limits.CONTEXT_TEXT)),
    ]
    if lines is None:
        blocks.append(plain_section(GONE))
    else:
        if source.cited and source.cited != digest_of(lines):
            blocks.append(plain_section(CHANGED))
        blocks += _quoted(lines, source.start_line)
    return {
        "type": "modal",
        "title": plain("Source"),
        "close": plain("Close"),
        "blocks": blocks[: limits.VIEW_BLOCKS],
    }


def _quoted(text: str, start_line: int) -> list[Block]:
    """Return preformatted blocks, each within Slack's limit, with the line numbers above when there are several."""
    parts = _cut(text, limits.SECTION_TEXT)
    blocks: list[Block] = []
    for first, last, part in parts:
        if len(parts) > 1:
            blocks.append(small(_lines(start_line + first, start_line + last)))
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


def _document(sources: Sequence[Source], today: date) -> str:
    """Return one document of the sources line: its marks, title, lines in order, and age."""
    first = sources[0]
    marks = " ".join(f"[{source.id}]" for source in sources)
    spans = list(dict.fromkeys((source.start_line, source.end_line) for source in sources))
    word = "line" if len(spans) == 1 and spans[0][0] == spans[0][1] else "lines"
    lines = ", ".join(str(start) if start == end else f"{start}-{end}" for start, end in sorted(spans))
    reviewed = f", reviewed {_ago(today - first.reviewed)}" if first.reviewed else ""
    return f"{marks} {short(clean(first.title), TITLE)}, {word} {lines}{reviewed}"


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
    return [
        button(f"Source {source.id}", f"{SHOW_SOURCE}_{source.id}", f"{done.answer_id}:{source.id}")
        for source in done.sources[:BUTTONS]
    ]


def button(label: str, action: str, value: str) -> Block:
    """Return a button; `value` comes back to us when it is pressed."""
    return {"type": "button", "action_id": action, "text": plain(label), "value": value}


def _thumbs(answer_id: str) -> Block:
    """Return Slack's own thumbs: https://docs.slack.dev/reference/block-kit/block-elements/feedback-buttons-element."""
    buttons = {
        "type": "feedback_buttons",
        "action_id": FEEDBACK,
        "positive_button": {"text": plain("Helpful"), "value": f"up:{answer_id}"},
        "negative_button": {"text": plain("Not helpful"), "value": f"down:{answer_id}"},
    }
    return {"type": "context_actions", "elements": [buttons]}


def plain(text: str) -> Block:
    """Return text in which Slack sees no mention, no link and no emoji."""
    return {"type": "plain_text", "text": text, "emoji": False}


def plain_section(text: str) -> Block:
    """Return a paragraph of such text."""
    return {"type": "section", "text": plain(text)}


def small(text: str) -> Block:
    """Return a line of such text in small print."""
    return {"type": "context", "elements": [plain(short(text, limits.CONTEXT_TEXT))]}


def rich(elements: Sequence[Block]) -> Block:
    """Return rich text, in which Slack looks for no mention, link, markup or emoji.

    https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
    """
    return {"type": "rich_text", "elements": list(elements)}


def rich_line(elements: Sequence[Block]) -> Block:
    """Return a section of rich text."""
    return {"type": "rich_text_section", "elements": list(elements)}


def piece(text: str) -> Block:
    """Return a piece of rich text."""
    return {"type": "text", "text": text}


def bold(text: str) -> Block:
    """Return a piece of rich text in bold."""
    return {"type": "text", "text": text, "style": {"bold": True}}
