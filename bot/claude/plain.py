"""A runbook's Markdown made fit to be quoted: fences balanced, no heading, link or image. Pure; knows no passage."""

import re
from collections.abc import Iterator

_FENCE = re.compile(r"^[ \t>]*(?:[-*+][ \t]+|\d+[.)][ \t]+)?(?P<mark>`{3,}|~{3,})(?P<info>[^`]*)$")
_CODE_SPAN = re.compile(r"(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)", re.DOTALL)

_URL = r"(?:https?|ftp)://[^\s<>()\[\]`\"'\x00]+[^\s<>()\[\]`\"'.,;:!?*_\x00]"
_INNER = r"\((?:[^()\n]|\((?:[^()\n]|\([^()\n]*\))*\))*\)"
_TARGET = rf"\((?:[^()\n]|{_INNER})*\)"
"""What follows a link's text; addresses of dashboards nest brackets three deep."""

_PROSE: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.MULTILINE | re.IGNORECASE), instead)
    for pattern, instead in (
        (r"<!--[\s\S]*?(?:-->|\Z)", ""),
        (rf"\[!\[[^\]]*\](?:{_TARGET}|\[[^\]]*\])\](?:{_TARGET}|\[[^\]]*\])", ""),  # a badge: an image in a link
        (rf"!\[[^\]]*\](?:{_TARGET}|\[[^\]]*\])", ""),
        (r"</?(?:img|a|picture|source|video|iframe)\b[^>]*>", ""),
        (r"^[ ]{0,3}\[[^\]\n]+\]:[ \t]*\S.*$\n?", ""),  # where a link's target is defined
        (rf"\[((?:[^\[\]]|\[[^\[\]]*\])*)\](?:{_TARGET}|\[[^\]\n]*\])", r"\1"),
        (rf"\]{_TARGET}", ""),  # a link whose text began before this passage
        (r"\[(\d{1,3})\]", r"(\1)"),  # would be read as a mark of ours
        (rf"<({_URL})>", r"\1"),
        (rf"({_URL})", r"`\1`"),  # in code it is text: links are rendered by code, from what we store
        (r"^(?![ \t]*(?:[-*+>|#]|\d+[.)]))[ \t]*(\S.*?)[ \t]*\n[ ]{0,3}(?:=+|-{2,})[ \t]*$", r"**\1**"),  # underlined
        (r"^[ ]{0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$", r"**\1**"),
        (r"^[ ]{0,3}#{1,6}[ \t]*$", ""),
    )
)
"""What changes in prose, in this order; code is set aside before. The text is short, so that no pattern can be slow."""


def quoted(text: str, *, most: int, in_code: bool = False) -> str:
    """Return whole lines of `text`, at most about `most` characters, as Markdown that stands by itself.

    `in_code` says that the text is known to begin inside a code block; otherwise its fences are asked.
    Code stays to the letter. Empty when nothing to show is left.
    """
    lines = _cut(text, most).split("\n")
    if in_code or _begins_in_code(lines):
        lines.insert(0, "```")
    parts = (part if is_code else _prose(part) for is_code, part in _parts(lines))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).strip("\n ")


def name(title: str) -> str:
    """Return a title that can stand inside quotes or emphasis: one line, no link, no mark."""
    without = re.sub(_URL, "(link)", _prose(" ".join(title.split())))
    return re.sub(r"[*`\"\[\]<>]", "", without).strip("_ ")


def _cut(text: str, most: int) -> str:
    """Return the leading whole lines that fit; of a first line that does not, its beginning."""
    kept = text[: most + 1].rpartition("\n")[0] if len(text) > most else text
    return kept or text[:most]


def _parts(lines: list[str]) -> Iterator[tuple[bool, str]]:
    """Return runs of prose and of fenced code in order, fences included and closed."""
    run: list[str] = []
    fence = ""
    for line in lines:
        found = _FENCE.match(line)
        if not fence and found:
            yield False, "\n".join(run)
            run, fence = [line], found["mark"]
        elif fence and found and _closes(found, fence):
            yield True, "\n".join((*run, line))
            run, fence = [], ""
        else:
            run.append(line)
    yield bool(fence), "\n".join((*run, fence) if fence else run)


def _begins_in_code(lines: list[str]) -> bool:
    """Return whether the first fence can only be a closing one.

    That is so when reading it as an opening one meets one more opening, or opens a block on the last line.
    """
    fence = info = ""
    for found in filter(None, map(_FENCE.match, lines)):
        if not fence:
            fence, info = found["mark"], found["info"].strip()
        elif _closes(found, fence):
            fence = ""
        elif found["mark"][0] == fence[0] and found["info"].strip():
            return True
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return bool(fence) and last == fence and not info


def _closes(found: re.Match[str], fence: str) -> bool:
    return found["mark"].startswith(fence) and not found["info"].strip()


def _prose(text: str) -> str:
    """Return prose without headings, links and images; code spans are set aside first and put back last."""
    spans: list[str] = []

    def aside(found: re.Match[str]) -> str:
        spans.append(found[0])
        return f"\x00{len(spans) - 1}\x00"

    text = _CODE_SPAN.sub(aside, text.replace("\x00", ""))
    for pattern, instead in _PROSE:
        text = pattern.sub(instead, text)
    text = re.sub(r"^\*\*(.*)\*\*$", lambda found: f"**{found[1].replace('**', '')}**", text, flags=re.MULTILINE)
    return re.sub(r"\x00(\d+)\x00", lambda found: spans[int(found[1])], text)
