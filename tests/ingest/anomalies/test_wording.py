"""What the words of a line say."""

import pytest

from ingest.anomalies.wording import likeness, tells_start, tells_trouble, words_of


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("connection refused by 10.0.0.1", True),
        ("Timed out waiting for lock", True),
        ("OutOfMemoryError: heap", True),
        ("could not reach host", True),
        ("disk is down", True),
        ("request served in 4 ms", False),
        ("download of parts is done", False),
        ("user logged in", False),
    ],
)
def test_trouble_is_told_by_words(text: str, *, trouble: bool) -> None:
    """Words of common servers, as whole words where they are parts of others."""
    assert tells_trouble(text) == trouble


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("Starting shop 2.4", True),
        ("server restarted", True),
        ("Listening on port 80", True),
        ("listing started orders", True),
        ("no kickstarter here", False),
        ("request served", False),
    ],
)
def test_starts_are_told_by_words(text: str, *, start: bool) -> None:
    """As whole words."""
    assert tells_start(text) == start


def test_likeness_is_the_share_of_common_words() -> None:
    """Of words with letters in them, whatever their case; a line without words is like none."""
    one, other = words_of(["Request", "42", None, "served in"]), words_of(["request", "was", "served"])
    assert one == {"request", "served", "in"}
    assert likeness(one, other) == 0.5
    assert likeness(frozenset(), frozenset()) == 0.0
