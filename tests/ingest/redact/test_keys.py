"""Private keys over many lines, in the shapes that logs and files give them."""

import random

import pytest

from benchmarks.leaks import LETTERS, some
from ingest.redact import redact, redacted

KEY = "PRIVATE" + " KEY"
LINE = some(LETTERS + "+/", 64)


def block(by: random.Random, kind: str = "RSA ") -> list[str]:
    """Return the lines of a key by chance."""
    body = [LINE(by) for _ in range(6)]
    return [f"-----BEGIN {kind}{KEY}-----", *body, f"{LINE(by)[:22]}==", f"-----END {kind}{KEY}-----"]


@pytest.mark.parametrize(
    "around",
    ["{}", "    {}", "> {}", "2026-11-19T14:03:00Z app[1]: {}", '"{}",', "{}\\n\\", "\x1b[32m{}\x1b[0m", "+{}"],
    ids=["file", "yaml", "quoted", "log", "array", "string", "coloured", "diff"],
)
def test_no_line_of_a_key_is_left(around: str) -> None:
    """Every line goes, and every line number stays."""
    lines = block(random.Random(1))
    shown = redact("\n".join(["before", *(around.format(line) for line in lines), "after"]))
    assert not [line for line in lines[1:-1] if line in shown]
    assert shown.startswith("before\n")
    assert shown.endswith("\nafter")
    assert shown.count("\n") == len(lines) + 1
    assert redact(shown) == shown


def test_the_same_key_is_known_again_and_another_is_not() -> None:
    """The digits come from the key's own lines, not from its first one."""
    one, other = block(random.Random(1)), block(random.Random(2))
    text = redact("\n".join([*one, "and", *one, "and", *other]))
    first, second, third = [line for line in text.split("\n") if line.startswith("[secret:")]
    assert first == second != third


def test_a_key_of_putty_is_hidden() -> None:
    """Its format has no dashes, but says how many lines it has."""
    body = [LINE(random.Random(3)), LINE(random.Random(4))]
    shown = redact("\n".join(["PuTTY-User-Key-File-3: ssh-ed25519", "Private-Lines: 2", *body, "Private-MAC: 00"]))
    assert not [line for line in body if line in shown]
    assert shown.startswith("PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 2 [secret:private-key#")
    assert shown.endswith("\n\n\nPrivate-MAC: 00")


def test_only_the_lines_of_a_key_are_held_back() -> None:
    """`kubectl logs -f | copilot redact` shows each line as it comes."""
    came: list[str] = []

    def lines() -> object:
        for line in ["first\n", *(f"{line}\n" for line in block(random.Random(5))), "last\n"]:
            came.append(line)
            yield line

    shown = redacted(lines())  # type: ignore[arg-type]
    assert next(shown) == "first\n"
    assert came == ["first\n"]
    assert next(shown).startswith("[secret:private-key#")
    assert len(came) == len(block(random.Random(5))) + 1


def test_a_certificate_and_a_public_key_stay() -> None:
    """They are made to be shown."""
    for kind in ("CERTIFICATE", "PUBLIC KEY"):
        text = "\n".join([f"-----BEGIN {kind}-----", LINE(random.Random(6)), f"-----END {kind}-----"])
        assert redact(text) == text
