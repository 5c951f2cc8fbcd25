"""Records: many lines at once are read as each alone, and no looks of a value can break that."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.logs.entry import Columns
from ingest.logs.known import Known
from ingest.logs.records import Records
from ingest.logs.times import Times

NAMES = "ts level msg service host n took kubernetes log.level a-b".split()
WORDS = [
    "",
    "info",
    "web-5d8f9c7b6d-abcde",
    "two words",
    'q"uo"te',
    "2026-03-02T14:05:01.250Z",
    "x" * 250,
    "é",
    "%s",
    "a=b",
]
PLAIN = st.one_of(st.sampled_from(WORDS), st.integers(-5, 2**63), st.booleans(), st.none(), st.floats(allow_nan=False))
VALUES = st.one_of(PLAIN, st.lists(PLAIN, max_size=2), st.dictionaries(st.sampled_from(NAMES), PLAIN, max_size=2))
SHAPES = st.lists(st.lists(st.sampled_from(NAMES), min_size=2, max_size=5, unique=True), min_size=1, max_size=2)


@st.composite
def blocks(draw: st.DrawFn, kind: str) -> list[bytes]:
    """Draw lines of few shapes and many values, some of them broken."""
    shapes = draw(SHAPES)
    lines = []
    for _ in range(draw(st.integers(1, 40))):
        fields = {name: draw(VALUES) for name in draw(st.sampled_from(shapes))}
        lines.append(json.dumps(fields).encode() if kind == "json" else logfmt(fields, bare=draw(st.booleans())))
    broken = st.sampled_from([b"{broken", b"plain", b'{"msg": "\xff", "n": NaN}', b"a=1 junk b=2", b'n="open msg=2'])
    return lines + draw(st.lists(broken, max_size=3))


def logfmt(fields: dict[str, object], *, bare: bool) -> bytes:
    """Return fields as one line."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    return " ".join(
        f"{name}={text}" if bare and not {" ", '"'} & set(text) else f"{name}={json.dumps(text, ensure_ascii=False)}"
        for name, text in texts.items()
    ).encode()


def alone(kind: str, lines: list[bytes]) -> tuple[Columns, list[int]]:
    """Return the lines as they are read one by one."""
    columns, unfit = Columns(), []
    for place, line in enumerate(lines):
        part, misfit = Records(kind, Known(Times())).read([line])
        unfit += [place] * len(misfit)
        for column, values in zip(columns.lists, part.lists, strict=True):
            column.extend(values)
    return columns, unfit


@pytest.mark.parametrize("kind", ["json", "logfmt"])
@settings(max_examples=60)
@given(data=st.data())
def test_a_block_is_read_as_each_line_alone(kind: str, data: st.DataObject) -> None:
    """Also by the patterns of shapes that were learnt from the block before."""
    lines = data.draw(blocks(kind)) * 2
    records = Records(kind, Known(Times()))
    expected, misfits = alone(kind, lines)
    for _ in range(2):
        columns, unfit = records.read(lines)
        assert unfit == misfits
        assert repr(columns) == repr(expected)


def test_a_shape_of_logfmt_is_learnt_and_read_without_its_quotes() -> None:
    """What one block taught serves the next."""
    records = Records("logfmt", Known(Times()))
    lines = [b'level=info msg="order %d \\"placed\\"" took=%dms' % (number, number) for number in range(40)]
    records.read(lines)
    assert list(records._shapes) == [("level", "msg", "took")]
    columns, _ = records.read(lines)
    assert columns.texts[7] == b'order 7 "placed" took=7ms'


def test_half_a_character_and_numbers_beyond_64_bits_are_taken() -> None:
    """What the fast decoder refuses is read by the patient one."""
    columns, unfit = Records("json", Known(Times())).read([b'{"msg":"\\ud800 x","n":[123456789012345678901234567890]}'])
    assert (columns.texts, unfit) == ([b"\\ud800 x n=[123456789012345678901234567890]"], [])
