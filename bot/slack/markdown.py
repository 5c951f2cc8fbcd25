"""Untrusted text made inert for Slack, and cut into messages. Pure; knows no Slack method.

Two languages are written here. "mrkdwn" is Slack's own: `<...>` holds mentions and links, and `&lt;` is decoded
everywhere. "Markdown" is what `markdown` blocks and streams take: CommonMark, where `&lt;` is decoded outside code
only. Both are built so that text from a document, a log or a model pings nobody and links nowhere.
"""

import re

from bot.limits import STREAM_BUDGET_BYTES

ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
"""Terminal control sequences (ECMA-48): CSI, OSC and two-byte ones."""

UNSEEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and newline, DEL, C1
    "\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"  # bidi marks, embeddings and isolates; no-width spaces
    "\ufff9-\ufffb\U000e0000-\U000e0fff"  # interlinear annotations; tags and variation selectors supplement
    "\ud800-\udfff"  # halves of pairs, which UTF-8 cannot carry
    "]"
)
"""Characters that show nothing but can hide or reorder what is read."""

FENCE = re.compile(r"^(?P<indent>(?:[ \t]*>)*[ \t]*)(?P<marks>`{3,}|~{3,})(?P<info>.*)$")
TICKS = re.compile(r"`+")
SLACK_TOKEN = re.compile(r"<(?=[!@#]|[a-zA-Z][a-zA-Z0-9+.-]*:)")
"""Where Slack would begin a mention, a channel, a command such as `<!channel>`, or a link."""

LINK = re.compile(
    r"(?P<link>(?:[a-zA-Z][a-zA-Z0-9+.-]*://|mailto:|www\.)[^\s<>`\\]+"
    r"|(?<![\w@./-])(?:[\w-]+\.)+[a-zA-Z]{2,}(?::\d+)?/[^\s<>`\\]*)"
    r"|(?P<ping>@(?:here|channel|everyone)\b)"
)
"""What Slack would link or ring for by itself. Bare host names stay: they carry no data anywhere without a click."""

ENDING = re.compile(r"[.,;:!?)\]}'\"*_~]+$")
"""Punctuation that ends a sentence, not a link."""

QUOTES = re.compile(r"^(?:[ \t]*>)*")
ELLIPSIS = "…"


def clean(text: str) -> str:
    """Return the text without terminal codes and unseen characters, its lines ended by newlines alone."""
    text = re.sub(r"\r\n?|\u2028|\u2029|\x85|\x0b|\x0c", "\n", text)
    return UNSEEN.sub("", ANSI.sub("", text))


def one_line(text: str) -> str:
    """Return the text cleaned, as one line."""
    return " ".join(clean(text).split())


def escaped(text: str) -> str:
    """Return the text for mrkdwn, all of it literal: https://docs.slack.dev/messaging/formatting-message-text."""
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def short(text: str, most: int) -> str:
    """Return the text in at most `most` characters, an ellipsis at a cut."""
    return text if len(text) <= most else text[: most - 1].rstrip() + ELLIPSIS


def inert(text: str) -> str:
    """Return Markdown that still reads and copies as written, but pings nobody and links nowhere.

    Code stays as it is, save where Slack would see a mention or a link even there. An open fence is closed.
    """
    out: list[str] = []
    indent = marks = ""
    for line in clean(text).split("\n"):
        fence = FENCE.match(line)
        if marks and not _inside(line, indent):
            out.append(indent + marks)  # a quote that ends takes its fence with it, for every reader alike
            marks = ""
        if marks:
            closes = fence is not None and fence["marks"].startswith(marks) and not fence["info"].strip()
            out.append(indent + marks if closes else _code(line, indent))
            marks = "" if closes else marks
        elif fence is not None and "`" not in fence["info"]:
            indent, marks = fence["indent"], fence["marks"]
            out.append(indent + marks + _info(fence["info"]))
        else:
            out.append(_prose(line))
    if marks:
        out.append(indent + marks)
    return "\n".join(out)


def _inside(line: str, indent: str) -> bool:
    return line.count(">", 0, _quoted(line)) >= indent.count(">")


def _quoted(line: str) -> int:
    found = QUOTES.match(line)
    return found.end() if found else 0


def _info(info: str) -> str:
    found = re.match(r"\s*([\w+#.-]*)", info)
    return found[1] if found else ""


def _code(line: str, indent: str) -> str:
    """Return a line of a fence, indented at least like the fence: less would end it within a list."""
    if ">" not in indent and line.strip() and not line.startswith(indent):
        line = indent + line.lstrip(" \t")
    return SLACK_TOKEN.sub("&lt;", line)


def _prose(line: str) -> str:
    """Return a line outside fences. Code spans that do not end on their line are made literal: readers differ there."""
    at = _quoted(line)
    out, plain = [line[:at]], ""
    while at < len(line):
        if line[at] == "\\":
            plain, at = plain + line[at : at + 2], at + 2
        elif line[at] == "`":
            ticks = len(TICKS.match(line, at)[0])  # type: ignore[index]  # it starts with a tick
            end = _span_end(line, at + ticks, ticks)
            if end is None:
                plain, at = plain + "\\`" * ticks, at + ticks
            else:
                out += [_text(plain), SLACK_TOKEN.sub("&lt;", line[at:end])]
                plain, at = "", end
        else:
            plain, at = plain + line[at], at + 1
    return "".join([*out, _text(plain)])


def _span_end(line: str, at: int, ticks: int) -> int | None:
    """Return where the code span ends that `ticks` backticks before `at` begin, None if it does not end here."""
    for run in TICKS.finditer(line, at):
        if len(run[0]) == ticks:
            return run.end()
    return None


def _text(text: str) -> str:
    """Return prose without links, images and mentions; what looked like one is shown as code."""
    text = text.replace("](", "] (").replace("]:", "] :")
    out, at = [], 0
    for found in LINK.finditer(text):
        bare = ENDING.sub("", found[0])
        out += [_entities(text[at : found.start()]), f"`{bare}`"]
        at = found.start() + len(bare)
    return "".join([*out, _entities(text[at:])])


def _entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Pages:
    """An answer that grows, cut into messages of at most `budget` bytes of UTF-8, code fences closed and opened again.

    Takes Markdown as `inert` returns it. A page never changes once the next has begun; the last one only grows.
    """

    def __init__(self, budget: int = STREAM_BUDGET_BYTES) -> None:
        self.texts: list[str] = [""]
        self._budget = budget
        self._fence: re.Match[str] | None = None

    def add(self, text: str) -> None:
        """Append a piece; one that does not fit goes to a new page whole, if it fits there."""
        size = len(text.encode())
        if self._used + size > self._budget >= size and self.texts[-1].strip() and self._fence is None:
            self.texts.append("")
        for line in re.findall(r"[^\n]*\n|[^\n]+", text):
            self._line(line)

    @property
    def _used(self) -> int:
        return len(self.texts[-1].encode())

    def _line(self, line: str) -> None:
        fence = self._fence_after(line)
        for chunk in _chunks(line, self._budget // 2):
            reserved = 0 if fence is None else len(_closing(fence).encode())
            if self._used + len(chunk.encode()) + reserved > self._budget:
                self._turn()
            self.texts[-1] += chunk
        self._fence = fence

    def _fence_after(self, line: str) -> re.Match[str] | None:
        """Return the fence that is open once `line` is written."""
        found = FENCE.match(line.rstrip("\n"))
        if self._fence is None:
            return found
        closes = found is not None and found["marks"].startswith(self._fence["marks"]) and not found["info"]
        return None if closes else self._fence

    def _turn(self) -> None:
        page = self.texts[-1]
        if self._fence is None:
            self.texts.append("")
            return
        self.texts[-1] += _closing(self._fence).removeprefix("\n" if page.endswith("\n") else "")
        self.texts.append(self._fence[0] + "\n")


def _closing(fence: re.Match[str]) -> str:
    """Return the line that closes a fence."""
    return "\n" + str(fence["indent"]) + str(fence["marks"])


def _chunks(line: str, most: int) -> list[str]:
    """Return a line in pieces of at most `most` bytes, cut between characters, at a space where there is one."""
    pieces = []
    while len(line.encode()) > most:
        head = line.encode()[:most].decode(errors="ignore")
        space = head.rfind(" ") + 1
        head = head[:space] if space > len(head) // 2 else head
        pieces.append(head)
        line = line[len(head) :]
    return [*pieces, line]
