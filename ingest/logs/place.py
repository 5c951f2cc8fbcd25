"""What stands at one place of the headers of many lines, judged from what they have in common. Pure."""

from collections import Counter
from collections.abc import Sequence

from ingest.logs.header import Kind, Token
from ingest.logs.layout import Column

COMMON = 0.6
"""Ours: a column that this share of the lines has is part of the header."""
CLEAR = 0.75
"""Ours: the share asked for where a message could look the same."""
AHEAD = 5
"""How many words may stand before a level or a second time (BlueGene: five)."""

Row = Sequence[Token]


class Place:
    """The next place in the header of some lines: what stands there, and what follows."""

    def __init__(self, rows: Sequence[Row], columns: Sequence[Column], lines: dict[int, bytes]) -> None:
        self._rows, self._columns, self._lines = rows, columns, lines
        self._at = len(columns)
        self._kinds = [column.kind for column in columns]
        self._last: Kind | None = self._kinds[-1] if columns else None
        self._timed = "time" in self._kinds
        self._levelled = any(kind in ("level", "letter", "marked") for kind in self._kinds)
        self._named = any(kind in ("name", "dotted", "end") for kind in self._kinds)

    def column(self) -> Column | None:
        """Return the column that stands here, None where the message begins."""
        if not self._rows or "name" in self._kinds or "end" in self._kinds or (self._named and self._last == "sign"):
            return None
        for judge in (
            self._priority,
            self._time,
            self._level,
            self._name,
            self._sign,
            self._bracket,
            self._number,
            self._word,
        ):
            if (column := judge()) is not None:
                return column
        return None

    def _share(self, *kinds: Kind, ahead: int = 0) -> float:
        at = self._at + ahead
        return sum(len(row) > at and row[at].kind in kinds for row in self._rows) / len(self._rows)

    def _few(self) -> bool:
        """Whether few different values stand here, as hosts and services are."""
        values = {row[self._at].value for row in self._rows if len(row) > self._at}
        return len(values) <= max(5, 0.3 * len(self._rows))

    def _header_ahead(self) -> bool:
        """Whether a level or a time follows within a few words, so that this is header still."""
        for ahead in range(1, AHEAD + 1):
            if self._share("time", ahead=ahead) >= CLEAR and not (self._levelled and self._timed):
                return True
            if self._levelled:
                continue
            if self._share("level", "marked", ahead=ahead) >= COMMON:
                return True
            letter = self._share("letter", ahead=ahead) >= COMMON
            if letter and self._share("number", "time", ahead=ahead - 1) >= COMMON:
                return True
        return False

    def _priority(self) -> Column | None:
        return Column("priority") if not self._columns and self._share("priority") >= COMMON else None

    def _time(self) -> Column | None:
        if self._share("time") < COMMON or self._named or (self._levelled and self._timed):
            return None
        forms = Counter(
            (row[self._at].form, row[self._at].bracketed)
            for row in self._rows
            if len(row) > self._at and row[self._at].form is not None
        )
        (form, bracketed), _ = forms.most_common(1)[0]
        return Column("time", form=form.name if form else "", bracketed=bracketed)

    def _level(self) -> Column | None:
        if self._levelled:
            return None
        levels = self._share("level")
        if levels + self._share("letter") >= COMMON and levels > 0:
            return Column("level")
        if self._share("letter") >= COMMON and self._last in ("time", "number", "priority", None):
            return Column("letter")
        if self._share("marked") >= COMMON and (self._timed or self._share("time", ahead=1) >= COMMON):
            return Column("marked")
        mixed = levels >= COMMON / 2 and levels + self._share("word") >= CLEAR + 0.2
        return Column("level") if mixed and self._timed and self._few() else None

    def _name(self) -> Column | None:
        led = self._levelled or self._last in ("time", "word", "number", "bracket", "letter", "date", "sign")
        if self._share("end") >= COMMON and self._levelled:
            return Column("end")
        return Column("name") if led and self._timed and self._share("name") >= COMMON and self._few() else None

    def _sign(self) -> Column | None:
        return Column("sign") if self._share("sign") >= CLEAR and (self._timed or self._header_ahead()) else None

    def _bracket(self) -> Column | None:
        if self._share("bracket", "marked") < COMMON or not (self._timed or self._header_ahead()):
            return None
        return Column("bracket")

    def _number(self) -> Column | None:
        if self._share("number") < CLEAR:
            return None
        led = self._levelled and self._share("sign", ahead=1) >= CLEAR
        named = self._timed and self._share("name", "end", ahead=1) >= CLEAR
        return Column("number") if led or named or self._header_ahead() else None

    def _word(self) -> Column | None:
        if self._levelled and not self._named and self._share("dotted") >= COMMON:
            mostly = self._share("dotted", "word") >= CLEAR + 0.15
            return Column("dotted") if mostly else None
        if self._levelled and not self._named and self._few() and self._padded() >= COMMON:
            return Column("word", padded=True)
        if self._share("date") >= CLEAR and self._header_ahead():
            return Column("date")
        enclosed = self._timed and not self._named and self._last in ("time", "sign", "level")
        if enclosed and self._few() and self._share("word", "dotted") >= CLEAR and self._sign_ahead():
            return Column("word")
        host = self._timed and not self._levelled and self._last == "time" and self._share("name", ahead=1) >= COMMON
        return Column("word") if self._header_ahead() or (host and self._few()) else None

    def _sign_ahead(self) -> bool:
        return self._share("sign", ahead=1) >= CLEAR

    def _padded(self) -> float:
        """Return the share of lines where two blanks or more stand behind a word."""
        ends = [(row[self._at].end, self._lines[id(row)]) for row in self._rows if len(row) > self._at]
        return sum(line[end : end + 2] == b"  " for end, line in ends) / len(self._rows)
