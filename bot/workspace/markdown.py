"""How many blocks a `markdown` block becomes. Pure; renders nothing (the page does).

Headings, rules and tables become blocks of their own, and so does the text between them (facts: measured, since
Slack documents only that one block may expand into many).
"""

import re

FENCE = re.compile(r"^\s{0,3}(```|~~~)")
HEADING = re.compile(r"^\s{0,3}#{1,6}\s")
RULE = re.compile(r"^\s{0,3}([-*_])(\s*\1){2,}\s*$")
ROW = re.compile(r"^\s*\|.*\|\s*$")


def expanded(text: str) -> int:
    """Return the number of blocks that `text` counts for; at least 1."""
    count, before, fenced = 0, "", False
    for line in text.splitlines():
        fenced ^= bool(FENCE.match(line))
        kind = "text" if fenced else _kind(line)
        # Adjacent lines of text or of a table are one block; every heading and rule is one by itself.
        if kind and (kind != before or kind in ("heading", "rule")):
            count += 1
        before = kind or before
    return max(count, 1)


def _kind(line: str) -> str:
    if not line.strip():
        return ""
    if HEADING.match(line):
        return "heading"
    if RULE.match(line):
        return "rule"
    return "table" if ROW.match(line) else "text"
