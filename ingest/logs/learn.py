"""Learning the layouts of a stream from some of its lines. Pure; knows no product's format, only what headers are."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from ingest.logs.header import Kind, Token, tokens_of
from ingest.logs.layout import Column, Layout, Role
from ingest.logs.levels import rank_of
from ingest.logs.place import AHEAD, CLEAR, COMMON, Place, Row
from ingest.logs.times import stamp_in

MOST_LINES = 400
"""Ours: lines looked at; a kind of line rarer than one in a hundred is read one by one."""
_MOST_LAYOUTS = 4
_LEAST_LINES = 3
_INDENT = 2
"""Blanks behind a header that may be one and an indent; more in many lines fill up a column."""
_SEPARATORS = (b"\t", b"|")
_THREAD = re.compile(rb"(?i)main$|\d+:\w$|[A-Z],$|.*(?:thread|exec-|pool-|worker|nio-)")
_LOGGER = re.compile(rb"\[ *[A-Za-z_]\w*(?:\.[\w$]+)+ *\]")

_CODED = re.compile(rb"(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):[\w.]+:")
_SYSLOG = re.compile(rb"<\d{1,3}>1 \d{4}-\S+ \S+ \S+ \S+ \S+ [-\[]")
_RFC5424 = Layout(
    (
        Column("priority", "level", loose=True),
        Column("time", form="iso"),
        Column("word", "host"),
        Column("word", "service"),
        Column("word"),
        Column("word"),
        Column("data"),
    )
)
"""https://www.rfc-editor.org/rfc/rfc5424#section-6: priority, version, time, host, app, process, message id, data."""


def layouts_of(lines: Sequence[bytes]) -> tuple[Layout, ...]:
    """Return the layouts of these lines, the commonest first; none when they have no header in common."""
    told = [line for line in lines if line.strip()]
    heads = [line for line in told if line[:1] not in (b" ", b"\t")]
    left = (heads if len(heads) >= _LEAST_LINES else told)[:MOST_LINES]
    found: list[Layout] = []
    while len(left) >= _LEAST_LINES and len(found) < _MOST_LAYOUTS:
        layout = _layout(left) or _layout([line for line in left if _is_timed(line)])
        unfit = [line for line in left if layout is None or not layout.fits(line)]
        if layout is None or len(left) - len(unfit) < _LEAST_LINES:
            break
        found.append(layout)
        left = unfit
    return tuple(found)


def _layout(lines: Sequence[bytes]) -> Layout | None:
    return _delimited(lines) or _spaced(lines) if len(lines) >= _LEAST_LINES else None


def _is_timed(line: bytes) -> bool:
    """Whether a time stands among the first words."""
    return any(token.kind == "time" for token in tokens_of(line[:160])[:AHEAD])


def _delimited(lines: Sequence[bytes]) -> Layout | None:
    """Return the layout of lines whose columns are parted by tabs or bars, one of the first being a time."""
    for separator in _SEPARATORS:
        rows = [line.split(separator) for line in lines]
        rows = [row for row in rows if len(row) >= len(("time", "something", "text"))]
        if len(rows) < COMMON * len(lines):
            continue
        columns = [_cells([row[index] for row in rows if len(row) > index + 1], len(rows)) for index in range(8)]
        columns = columns[: columns.index(None)] if None in columns else columns
        known = [column for column in columns if column is not None]
        values = [[row[place] for row in rows if len(row) > place] for place in range(len(known))]
        if any(column.kind == "time" for column in known):
            return Layout(_roles(known, values, delimited=True), separator)
    return None


def _cells(cells: Sequence[bytes], most: int) -> Column | None:
    """Return what a column of cells is, None when it is the message."""
    if len(cells) < 0.95 * most:
        return None
    stamps = Counter(found[0].name for cell in cells if (found := stamp_in(cell)) and found[1].end() == len(cell))
    if stamps and stamps.most_common(1)[0][1] >= CLEAR * len(cells):
        return Column("time", form=stamps.most_common(1)[0][0])
    if any(b" " in cell.strip() for cell in cells):
        return None
    if sum(bool(rank_of(cell)) and not cell.strip().isdigit() for cell in cells) >= COMMON * len(cells):
        return Column("level", "level")
    return Column("number" if all(cell.strip().isdigit() for cell in cells) else "word")


def _spaced(lines: Sequence[bytes]) -> Layout | None:
    """Return the layout of lines whose header is words and brackets."""
    if sum(_SYSLOG.match(line) is not None for line in lines) >= COMMON * len(lines):
        return _RFC5424
    if sum(_CODED.match(line) is not None for line in lines) >= COMMON * len(lines):
        return Layout((Column("coded", "level"), Column("logger", "service")))
    rows: list[Row] = [tokens_of(line) for line in lines]
    gaps = {id(row): line for row, line in zip(rows, lines, strict=True)}
    columns: list[Column] = []
    values: list[list[bytes]] = []
    while (column := Place(rows, columns, gaps).column()) is not None:
        place = len(columns)
        rows = [row for row in rows if len(row) > place and _same(column, row[place])]
        columns.append(column)
        values.append([row[place].value for row in rows])
    if not any(column.kind in ("time", "level", "marked") for column in columns):
        return None
    wide = sum(_blanks(gaps[id(row)], row[len(columns) - 1].end) > _INDENT for row in rows)
    columns[-1] = replace(columns[-1], padded=columns[-1].padded or wide >= COMMON / 2 * len(rows))
    return Layout(_roles(columns, values, delimited=False))


def _blanks(line: bytes, end: int) -> int:
    """Return how many blanks stand behind a word."""
    return len(line) - end - len(line[end:].lstrip(b" \t"))


def _same(column: Column, token: Token) -> bool:
    """Whether a token can stand in a column."""
    if column.kind == "time":
        return token.form is not None and token.form.name == column.form and token.bracketed == column.bracketed
    likes: dict[Kind, tuple[Kind, ...]] = {
        "level": ("level", "word", "letter"),
        "marked": ("marked", "bracket"),
        "bracket": ("bracket", "marked"),
        "word": ("word", "dotted", "number", "level", "letter", "name", "end", "sign"),
        "dotted": ("dotted", "word", "level"),
    }
    return token.kind in likes.get(column.kind, (column.kind,))


def _roles(columns: Sequence[Column], values: Sequence[Sequence[bytes]], *, delimited: bool) -> tuple[Column, ...]:
    """Return the columns with what each tells."""
    told: dict[int, Role] = {}
    level = _first(columns, lambda column: column.kind in ("level", "letter", "marked"))
    if level is None:
        level = _first(columns, lambda column: column.kind == "priority")
    if level is not None:
        told[level] = "level"
    words = [index for index, column in enumerate(columns) if column.kind == "word" and index not in told]
    time = _first(columns, lambda column: column.kind == "time") or 0
    words.sort(key=lambda index: index < time)  # a word before the time is a file's name or a label
    if not delimited:
        words = [index for index in words if not _is_thread(values[index])]
    service = _first(columns, lambda column: column.kind in ("name", "dotted", "end"))
    if (
        service is None
        and words
        and (delimited or len(words) > 1 or columns[words[-1]].padded or _parted(columns, words))
    ):
        service = words.pop()
    if service is None:
        brackets = (index for index, column in enumerate(columns) if column.kind == "bracket")
        service = next((index for index in brackets if _names(values[index])), None)
    if service is not None:
        told[service] = "service"
        words = [index for index in words if index != service]
    if words:
        told[words[0]] = "host"
    return tuple(
        replace(column, role=told.get(index, ""), loose=index == level and not all(map(rank_of, values[index])))
        for index, column in enumerate(columns)
    )


def _first(columns: Sequence[Column], fits: Callable[[Column], bool]) -> int | None:
    return next((index for index, column in enumerate(columns) if fits(column)), None)


def _parted(columns: Sequence[Column], words: Sequence[int]) -> bool:
    """Whether the last word stands before a sign: `name - LEVEL`, `program - message`."""
    behind = words[-1] + 1
    return behind < len(columns) and columns[behind].kind == "sign"


def _is_thread(values: Sequence[bytes]) -> bool:
    return sum(_THREAD.match(value) is not None for value in values) > COMMON / 2 * len(values)


def _names(values: Sequence[bytes]) -> bool:
    """Whether brackets name code, as log4j's `[thread:Class@line]` and Elasticsearch's `[o.e.n.Node  ]` do."""
    return sum(b"@" in value or _LOGGER.fullmatch(value) is not None for value in values) >= COMMON * len(values)
