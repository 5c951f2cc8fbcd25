"""Views: what a reader sees, and where it comes from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.redact.normal import views, visible


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("pass\u200bword\u2060=\ufeffx", "password=x"),
        (r"a\u003db\n\"c\"", 'a=b\n"c"'),
        ("a%3Db%2520c", "a=b c"),
        ("&quot;a&#61;b&#x3d;&amp;quot;", '"a=b="'),
        (r"{\"a\":\"{\\\"b\\\":1}\"}", '{"a":"{"b":1}"}'),
        ("plain", "plain"),
    ],
)
def test_escapes_are_undone_as_often_as_they_were_made(text: str, seen: str) -> None:
    """The last view is what a person would read."""
    *_, last = views(text.encode())
    assert last.text == seen.encode()


def test_only_what_is_hidden_goes() -> None:
    """Where a line is shown, its escapes are part of it."""
    assert visible("\x1b[31mred\u200b\x1b[0m \\n %41".encode()) == rb"red \n %41"


@given(st.text())
def test_every_part_of_a_view_comes_from_its_own_part_of_the_text(text: str) -> None:
    """The spans of a view's bytes stand in order, and inside the text."""
    raw = text.encode("utf-8", "surrogatepass")
    for view in views(raw):
        spans = [view.span(place, place + 1) for place in range(len(view.text))]
        assert all(0 <= start < end <= len(raw) for start, end in spans)
        assert spans == sorted(spans)


def test_the_span_of_an_escape_is_the_whole_escape() -> None:
    """Nothing of a half escape is left over."""
    *_, last = views(rb"x\u0041\u0042y")
    assert last.text == b"xABy"
    assert last.span(1, 3) == (1, 13)
