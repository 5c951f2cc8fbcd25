"""Access lines of web servers and proxies: the common and the combined log format. Does no I/O."""

import re
from collections.abc import Sequence

from ingest.logs.entry import Columns
from ingest.logs.known import Known
from ingest.logs.levels import ERROR, INFO
from ingest.logs.times import FORMS, NEVER

_CLF = next(form for form in FORMS if form.name == "clf")
_LINE = re.compile(
    rb"(?:([^ \n]+ [^ \n]+ [^\[\n]*?)\[%b\] "
    rb"(\"[^\"\n\\]*+(?:\\.[^\"\n\\]*+)*+\" ([1-5])\d\d (?:\d++|-)[^\n]*+)|([^\n]*+))\n" % _CLF.pattern
)
"""https://httpd.apache.org/docs/2.4/logs.html#common: client, identity, user, time, request, status, bytes; and what
the combined format and its many variants put behind."""
_GROUPS = 7
_LEVELS = {b"5": ERROR, None: 0}


class Access:
    """Reads access lines: an answer 5xx is an error, all others are information. The message is all but the time."""

    timed = True
    state: dict[str, object] = {"kind": "access"}  # noqa: RUF012 - never written

    def __init__(self, known: Known) -> None:
        self._known = known

    def read(self, lines: Sequence[bytes]) -> tuple[Columns, list[int]]:
        """Return every line as an entry, and the places of those that do not fit."""
        flat = _LINE.split(b"\n".join([*lines, b""]))
        clients, heads, seconds, zones, requests, classes = (flat[place :: _GROUPS + 1] for place in range(1, _GROUPS))
        count = len(lines)
        unfit = [place for place, head in enumerate(heads) if head is None] if None in heads else []
        for place in unfit:
            clients[place] = requests[place] = b""
            heads[place], seconds[place], zones[place] = b"01/Jan/1970:00:00", b"00", b" +0000"
        times = self._known.times.of(_CLF, heads, seconds, zones)
        for place in unfit:
            times[place] = NEVER
        levels = [_LEVELS.get(each, INFO) for each in classes]
        texts = list(map(bytes.__add__, clients, requests))
        return Columns(times, [b""] * count, [b""] * count, levels, texts, [1] * count), unfit


def is_access(line: bytes) -> bool:
    """Whether a line is an access line."""
    found = _LINE.match(line + b"\n")
    return found is not None and found[_GROUPS] is None
