"""Every vendor's rule, on tokens made by chance in its own format."""

import random

import pytest

from ingest.redact import redact
from ingest.redact.engine import RULES
from ingest.redact.keep import digits, masked
from ingest.redact.rule import Rule
from tests.ingest.redact.made import made

AROUND = (
    "{}", "say {} now", "(see {})", '"{}"', "'{}',", "`{}`", "<{}>", "x={};", "a, {}, b", "https://shop.example/?q={}&v=1",
    "[{}]", "{}.", "{}: rejected", "|{}|", "\\n{}\\n", "\x1b[31m{}\x1b[0m", '\\"{}\\"', "%3D{}%26", "&quot;{}&quot;",
)  # fmt: skip
TRIES = 40


def token(rule: Rule, by: random.Random) -> str:
    """Return a token as the vendor makes them: with enough digits, and no picture of one."""
    for _ in range(TRIES):
        text = made(rule.pattern, by)
        if digits(text.encode()) >= max(rule.digits, 1) and not masked(text.encode()) and text[-1] not in "-_.+/~":
            return text
    raise AssertionError(rule)


@pytest.mark.parametrize("rule", RULES, ids=[f"{number}-{rule.kind}" for number, rule in enumerate(RULES)])
def test_a_token_of_a_vendor_is_hidden_wherever_it_stands(rule: Rule) -> None:
    """Nothing of the token is left, and its kind is told."""
    by = random.Random(rule.pattern)
    start = f"{rule.mark} " if rule.mark.isalpha() else ""
    for around in AROUND:
        text = token(rule, by)
        shown = redact(start + around.format(text))
        assert text not in shown
        assert "[secret:" in shown


def test_every_rule_says_where_its_format_is_published() -> None:
    """A rule that nobody can check is a rule that nobody can mend."""
    assert all(len(rule.source) > 3 for rule in RULES)
    assert len({rule.kind for rule in RULES}) >= 60


@pytest.mark.parametrize("start", ["ghp_", "glpat-", "AKIA", "xoxb-", "hf_", "npm_", "sk-ant-", "AIza"])
@pytest.mark.parametrize("body", ["x" * 40, "X" * 40, "*" * 36, "...", "", "<token>", "short"])
def test_a_picture_of_a_token_stays(start: str, body: str) -> None:
    """A runbook that shows how a token looks shows it still."""
    assert redact(f"It looks like {start}{body} so.") == f"It looks like {start}{body} so."


@pytest.mark.parametrize("token", ["AKIA" + "IOSFODNN7" + "EXAMPLE", "ghp_" + "1234567890" * 4])
def test_a_token_of_a_documentation_stays(token: str) -> None:
    """Vendors' own examples, and what somebody has typed."""
    assert redact(f"as in {token} here") == f"as in {token} here"
