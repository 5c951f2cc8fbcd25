"""Redaction: what must go, what must stay, and that lines stay where they are.

Look-alikes are joined from parts at run time, so that no whole token stands in the repository.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import redact as room

REDACTED = re.compile(r"(\[secret:[a-z0-9-]+)#[0-9a-f]{4}\]")

HEX, WORD = "0123456789abcdef" * 8, "Ab1Cd2Ef3Gh4Ij5Kl6" * 20

VENDORS = {
    "github-token": ["ghp_" + WORD[:36], "gho_" + WORD[:36], "ghs_" + WORD[:40]],
    "github-pat": ["github_pat_" + WORD[:22] + "_" + WORD[:59]],
    "gitlab-token": ["glpat-" + WORD[:20], "glrt-" + WORD[:20]],
    "slack-token": ["xoxb-" + "1234567890-" + WORD[:24], "xoxp-" + WORD[:30], "xapp-" + "1-A0123-45-" + HEX[:40]],
    "slack-webhook": ["https://hooks.slack" + ".com/services/T0000/B0000/" + WORD[:24]],
    "aws-access-key": ["AKIA" + "ABCDEFGHIJKLMNOP", "ASIA" + "QRSTUVWXYZ234567"],
    "google-api-key": ["AIza" + WORD[:35]],
    "google-oauth": ["ya29." + WORD[:40], "GOCSPX-" + WORD[:28]],
    "stripe-key": ["sk_live_" + WORD[:24], "rk_test_" + WORD[:24], "whsec_" + WORD[:32]],
    "anthropic-key": ["sk-ant-" + "api03-" + WORD[:80]],
    "openai-key": ["sk-" + WORD[:48], "sk-proj-" + WORD[:48]],
    "npm-token": ["npm_" + WORD[:36]],
    "pypi-token": ["pypi-" + "AgEIcHlwaS5vcmc" + WORD[:60]],
    "sendgrid-key": ["SG." + WORD[:22] + "." + WORD[:43]],
    "twilio-key": ["SK" + HEX[:32]],
    "vault-token": ["hvs." + WORD[:24], "hvb." + WORD[:90]],
    "digitalocean-token": ["dop_v1_" + HEX[:64]],
    "jwt": ["eyJ" + WORD[:20] + ".eyJ" + WORD[:40] + "." + WORD[:43]],
}
KEY = "PRIVATE" + " KEY"


def redact(text: str) -> str:
    """Return what redaction makes of a text, without the digits by which a secret is known again."""
    return REDACTED.sub(r"\1]", room.redact(text))


def block(kind: str = "", end: str = "") -> str:
    """Return a private key as its file holds it."""
    return "\n".join(
        [f"-----BEGIN {kind}{KEY}{end}-----", WORD[:64], WORD[1:65], "Qw==", f"-----END {kind}{KEY}{end}-----"]
    )


@pytest.mark.parametrize(("kind", "token"), [(kind, token) for kind, tokens in VENDORS.items() for token in tokens])
@pytest.mark.parametrize("around", ["{}", "Use `{}` here.", "(see {})", '{{"x": "{}"}}', "x={}, y"])
def test_a_token_of_a_vendor_is_hidden_wherever_it_stands(kind: str, token: str, around: str) -> None:
    """Nothing of the token is left, and what stands around it is."""
    assert redact(around.format(token)) == around.format(f"[secret:{kind}]")


@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        ("password: hunter22", "hunter22"),
        ("DB_PASSWORD=hunter22 ./run", "hunter22"),
        ("db.password = 'hunter22'", "hunter22"),
        ('"api_key": "hunter22abc",', "hunter22abc"),
        ("X-Api-Key: hunter22abc", "hunter22abc"),
        ("client-secret := hunter22", "hunter22"),
        ("AWS_SECRET_ACCESS_KEY=abc/def+ghi", "abc/def+ghi"),
        ("aws_session_token = abcdefgh", "abcdefgh"),
        ("vault login --token hunter22", "hunter22"),
        ("mysql --password=hunter22 -u root", "hunter22"),
        ("Authorization: Bearer abcdefgh12345", "abcdefgh12345"),
        ("-H 'authorization: Basic dXNlcjpwYXNz'", "dXNlcjpwYXNz"),
        ("curl -H 'Bearer abcdefghij0123456789'", "abcdefghij0123456789"),
        ("postgresql://app:s3cret@db.internal/shop", "s3cret"),
        ("redis://:s3cret@cache:6379", "s3cret"),
    ],
)
def test_a_value_that_is_called_secret_is_hidden(line: str, hidden: str) -> None:
    """The name stays, so that a reader knows what stood there."""
    shown = redact(line)
    assert hidden not in shown
    before, after = line.split(hidden)
    assert shown.startswith(before)
    assert shown.endswith(after)


@pytest.mark.parametrize(
    "line",
    [
        "password: $PASSWORD",
        "token: ${TOKEN}",
        "token=<TOKEN>",
        "token: {{ .Values.token }}",
        "password=%s",
        "password=***",
        "password: required",
        "password=changeme",
        "Enter the password:",
        "## Token:",
        "kubectl get secret checkout-db -o yaml",
        "secretName: checkout-db",
        "vault kv get secret/data/checkout",
        "tokens_in: 1234567",
        "max_tokens=120000",
        "commit 1234567890abcdef1234567890abcdef12345678",
        "image: shop@sha256:" + HEX[:64],
        "id: 550e8400-e29b-41d4-a716-446655440000",
        "http://checkout.internal:8080/healthz",
        "psql -h db.internal -p 5432",
        "git@github.com:shop/runbooks.git",
        "mailto:oncall@shop.example",
        "arn:aws:iam::123456789012:role/oncall",
        "sk-short",
        "ghp_tooshort",
        "10:04:12 token expired",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    """A command that lost its placeholder, hash or port is a command that nobody can run."""
    assert redact(line) == line


def test_a_word_on_the_next_line_is_not_the_value() -> None:
    """A colon ends a heading more often than a key; the next paragraph is not its secret."""
    text = "## Rotate the token:\n\nRotated monthly by hand.\npassword:\nStored elsewhere."
    assert redact(text) == text


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
def test_a_private_key_is_hidden_and_its_lines_stay(kind: str) -> None:
    """The lines below keep their numbers."""
    assert redact(f"a\n{block(kind)}\nb") == "a\n[secret:private-key]\n\n\n\n\nb"


def test_a_key_of_pgp_and_one_with_headers_are_hidden() -> None:
    """Old keys say how they are encrypted before they begin."""
    headers = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB\n\n"
    old = f"-----BEGIN RSA {KEY}-----\n{headers}{WORD[:64]}\n-----END RSA {KEY}-----"
    for text in (block("PGP ", " BLOCK"), old):
        assert redact(text).strip() == "[secret:private-key]"


def test_a_key_within_one_line_is_hidden() -> None:
    """JSON holds a key with its line breaks escaped."""
    line = '{"key": "' + block().replace("\n", "\\n") + '", "id": 7}'
    assert redact(line) == '{"key": "[secret:private-key]", "id": 7}'


def test_a_quoted_key_is_hidden() -> None:
    """Markdown puts marks in front of every line of a quotation."""
    text = "\n".join(f"> {line}" for line in block().split("\n"))
    assert WORD[:8] not in redact(text)


def test_a_key_that_is_cut_off_is_hidden_as_far_as_it_goes() -> None:
    """Pasted without its end, it takes its own lines with it, and neither a word nor a rule below."""
    cut = "\n".join(block().split("\n")[:3])
    assert redact(f"{cut}\n---\nThen restart it. --now") == "[secret:private-key]\n\n\n---\nThen restart it. --now"


def test_words_about_keys_stay() -> None:
    """A runbook may say how such a file begins."""
    assert redact(f"It begins with `-----BEGIN {KEY}-----` and ends.\nNext.") == (
        "It begins with `[secret:private-key]` and ends.\nNext."
    )


LINES = st.lists(
    st.one_of(
        st.text(max_size=40).map(lambda text: text.replace("\n", " ")),
        st.sampled_from([token for tokens in VENDORS.values() for token in tokens]),
        st.sampled_from(
            ["password:", "token = ", "secret: hunter22", "Bearer", "---", "[secret:value]", *block().split("\n")]
        ),
    ),
    max_size=12,
)


@given(LINES)
def test_redaction_keeps_the_number_of_lines_and_needs_no_second_time(lines: list[str]) -> None:
    """Line numbers of a redacted document agree with its file, and our own placeholders are no secrets."""
    once = room.redact("\n".join(lines))
    assert once.count("\n") == max(len(lines) - 1, 0)
    assert room.redact(once) == once


@given(LINES)
def test_line_by_line_gives_what_the_whole_text_gives(lines: list[str]) -> None:
    """`copilot redact` on a stream hides what sync hides in a file, keys over many lines included."""
    assert list(room.redacted(f"{line}\n" for line in lines)) == [
        f"{line}\n" for line in room.redact("\n".join(lines)).split("\n") if lines
    ]
