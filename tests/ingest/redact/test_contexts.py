"""Secrets that only their context gives away, in every way of writing that we know; and what looks like them."""

import base64
import html
import json
import random
import urllib.parse
from collections.abc import Callable

import pytest

from benchmarks.leaks import CONTEXTS, LOOKALIKES, Maker
from ingest.redact import redact

CASES = [(context, maker) for contexts in CONTEXTS.values() for context, maker in contexts]
NAMES = [f"{kind}: {context}" for kind, contexts in CONTEXTS.items() for context, _ in contexts]
EACH = 2
RED, BOLD, PLAIN = "\x1b[31m", "\x1b[1m", "\x1b[0m"

DRESSES: dict[str, Callable[[str, str], str]] = {
    "plain": lambda context, secret: context.replace("{S}", secret),
    "ansi": lambda context, secret: RED + context.replace("{S}", secret[:3] + BOLD + secret[3:]) + PLAIN,
    "zero width": lambda context, secret: context.replace("{S}", f"{secret[:4]}\u200b{secret[4:]}"),
    "json": lambda context, secret: json.dumps({"msg": context.replace("{S}", secret)}),
    "json in json": lambda context, secret: json.dumps({"l": json.dumps({"msg": context.replace("{S}", secret)})}),
    "url": lambda context, secret: "GET /log?m=" + urllib.parse.quote(context.replace("{S}", secret), safe=""),
    "html": lambda context, secret: html.escape(context.replace("{S}", secret)),
    "base64": lambda context, secret: "payload=" + base64.b64encode(context.replace("{S}", secret).encode()).decode(),
    "unicode escapes": lambda context, secret: "".join(f"\\u{ord(c):04x}" for c in context.replace("{S}", secret)),
}


def forms(secret: str) -> set[str]:
    """Return a secret in the ways of writing in which it could be left over."""
    escaped = json.dumps(secret)[1:-1]
    coded = base64.b64encode(secret.encode()).decode()[:-4]
    return {secret, escaped, json.dumps(escaped)[1:-1], urllib.parse.quote(secret, safe=""), html.escape(secret), coded}


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize(("context", "maker"), CASES, ids=NAMES)
def test_a_secret_is_hidden_in_its_context(context: str, maker: Maker, dress: str) -> None:
    """However the line is escaped, nothing of the secret is left and no line is lost."""
    by = random.Random(f"{context}{dress}")
    for _ in range(EACH):
        secret = maker(by)
        line = DRESSES[dress](context, secret)
        shown = redact(line)
        read = shown.replace(BOLD, "").replace("\u200b", "")  # what cut the secret in two
        assert not [form for form in forms(secret) if form in read]
        assert shown.count("\n") == line.count("\n")
        assert redact(shown) == shown


@pytest.mark.parametrize("line", LOOKALIKES)
def test_what_looks_like_a_secret_stays(line: str) -> None:
    """A log without its ids, or a runbook without its commands, helps nobody."""
    assert redact(line) == line
    assert redact(json.dumps({"msg": line})) == json.dumps({"msg": line})


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("GET /x?api_key=0a1b2c3d4e5f60718293a4b5c6d7e8f9&fmt=csv 200", "GET /x?api_key=*&fmt=csv 200"),
        ("User(name=bob, password=Quartz2003!, active=true)", "User(name=bob, password=*, active=true)"),
        ("Server=db;User Id=sa;Password=Quartz2003!;Encrypt=true", "Server=db;User Id=sa;Password=*;Encrypt=true"),
        ('{"password":"Quartz 2003","host":"db"}', '{"password":"*","host":"db"}'),
        ("the password is Quartz2003!, ask bob", "the password is *, ask bob"),
        ("postgres://app:Qu@rtz@db.internal:5432/shop", "postgres://app:*@db.internal:5432/shop"),
        ("env DB_PASSWORD=a1b2c3d4, TOKEN=$TOKEN run", "env DB_PASSWORD=*, TOKEN=$TOKEN run"),
        ("<password>Quartz2003</password><user>bob</user>", "<password>*</password><user>bob</user>"),
        ("mysql -pQuartz2003 shop -e 'select 1'", "mysql -p* shop -e 'select 1'"),
    ],
)
def test_what_stands_around_a_secret_stays(line: str, shown: str) -> None:
    """Only the value goes: its name and its neighbours tell what happened."""
    before, after = shown.split("*")
    redacted = redact(line)
    assert redacted.startswith(f"{before}[secret:")
    assert redacted.endswith(f"]{after}")
