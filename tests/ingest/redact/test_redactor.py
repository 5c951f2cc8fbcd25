"""Placeholders, and what holds for every text: lines kept, stable, never raised, and withheld rather than leaked."""

import random
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.leaks import CONTEXTS, LOOKALIKES, hostile, own
from ingest.redact import REDACTION_VERSION, Redactor, engine, redact, redactor
from ingest.redact.marks import WITHHELD

HOSTILE_CHARS = 20_000
MOST_HOSTILE_S = 2.0


def marks(text: str) -> list[str]:
    """Return the placeholders of a text."""
    return re.findall(r"\[secret:[^\]]+\]", text)


def test_the_same_secret_gets_the_same_placeholder_in_every_writing() -> None:
    """A reader sees that two lines tell of one secret, without learning it."""
    lines = [
        "password=Quartz2003!",
        '{"db_password": "Quartz2003!"}',
        "password%3DQuartz2003%21",
        "PASSWORD: Quartz2003!",
    ]
    found = {mark for line in lines for mark in marks(redact(line))}
    assert len(found) == 1
    assert re.fullmatch(r"\[secret:password#[0-9a-f]{4}\]", found.pop())


def test_another_secret_gets_another_placeholder() -> None:
    """Four hex digits tell 65,536 secrets apart."""
    assert len({redact(f"password=Quartz200{n}!") for n in range(10)}) == 10


def test_placeholders_under_another_key_tell_nothing() -> None:
    """Whoever has no key cannot try words against the digits."""
    one, other = Redactor(b"one"), Redactor(b"other")
    line = "password=Quartz2003!"
    assert one.redact(line) == Redactor(b"one").redact(line) != other.redact(line)


def test_the_version_is_a_new_one() -> None:
    """Documents that were redacted by older rules are redacted again."""
    assert REDACTION_VERSION >= 2


def test_our_own_placeholders_are_no_secrets() -> None:
    """Neither today's nor the first version's, whatever their words."""
    for text in ("token=[secret:github-pat#3f2a]", "password: [secret:value]", WITHHELD, f"password: {WITHHELD}"):
        assert redact(text) == text


def test_what_is_glued_to_a_placeholder_is_hidden_too() -> None:
    """A forged placeholder is no way to carry a secret through."""
    assert "Quartz" not in redact("password=[secret:password#0000]Quartz2003!")


@pytest.mark.parametrize("broken", ["views", "_found", "_hidden"])
def test_a_line_that_cannot_be_checked_is_withheld(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong inside, the line does not get out, and its neighbours and their numbers stay."""

    def fail(*_: object) -> object:
        raise RuntimeError("password=Quartz2003!")

    first = redact("before\nafter")
    monkeypatch.setattr(engine, broken, fail)
    shown = redactor.redact("x\npassword=Quartz2003!\ny")
    assert "Quartz" not in shown
    assert shown.count("\n") == 2
    assert WITHHELD in shown
    assert first == "before\nafter"


def test_a_line_beyond_the_bounds_is_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attack on the time of whoever waits ends in a sentence; in a stream the next line starts on its own."""
    many = "password=a1b2c3d4 " * 4
    assert WITHHELD not in redact(many)
    monkeypatch.setattr(engine, "MOST_FOUND", 3)
    assert redact(f"a\n{many}\nb") == f"a\n{WITHHELD}\nb"
    assert list(Redactor().redacted([f"{many}\n", "b\n"])) == [f"{WITHHELD}\n", "b\n"]


def test_a_line_that_is_too_long_is_withheld() -> None:
    """It could only be checked in memory that nobody has promised."""
    assert redact(f"a\n{'x' * (engine.MOST_LINE + 1)}\nb") == f"a\n{WITHHELD}\nb"


@pytest.mark.parametrize(("name", "line"), hostile(HOSTILE_CHARS).items())
def test_a_hostile_line_takes_bounded_work(name: str, line: str) -> None:
    """A part of the line of the target takes well under its time, and comes back as one line."""
    began = time.process_time()
    once = redact(line)
    assert time.process_time() - began < MOST_HOSTILE_S, name
    assert "\n" not in once
    assert redact(once) == once


def test_our_own_runbooks_are_left_as_they_are() -> None:
    """They hold no secrets, and many words about them."""
    for path in sorted((Path(__file__).parents[3] / "runbooks").rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        assert redact(text) == text, path.name


FRAGMENTS = (
    "password:|token = |secret=|Bearer |---|[secret:value]|[secret:key#0a1b]|kind: Secret|data:|  a: YWJjZGVmZ2g=|"
    "name: DB_PASSWORD|value: x1y2z3|\\n|%3D|&quot;|\x1b[0m|\u200b|\\u0070|\"|'|://|@|`|${X}|<|>|"
    f"-----BEGIN PRIVATE {'KEY'}-----|-----END PRIVATE {'KEY'}-----|{'QUJD' * 16}"
)
PIECES = [*(line.text for line in own(random.Random(3), 1)), *FRAGMENTS.split("|")]
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=30)), max_size=8).map("".join)
LINES = st.lists(TEXTS, max_size=5).map("\n".join)


@given(LINES)
@settings(max_examples=300, deadline=None)
def test_every_text_keeps_its_lines_and_needs_no_second_time(text: str) -> None:
    """Whatever comes, redaction answers; line numbers stay; and what is redacted stays redacted."""
    once = redact(text)
    assert once.count("\n") == text.count("\n")
    assert redact(once) == once


@given(st.lists(st.sampled_from(LOOKALIKES), max_size=6).map("\n".join))
@settings(deadline=None)
def test_lines_without_secrets_are_left_as_they_are(text: str) -> None:
    """Together as well as alone."""
    assert redact(text) == text


@given(st.text(), st.integers(0, 10_000))
@settings(deadline=None)
def test_a_secret_is_hidden_whatever_stands_around_it(around: str, seed: int) -> None:
    """Text before and after a line of settings does not save its secret."""
    by = random.Random(seed)
    context, maker = by.choice(CONTEXTS["settings"])
    secret = maker(by)
    shown = redact(f"{around}\n{context.replace('{S}', secret)}\n{around}")
    assert secret not in shown
