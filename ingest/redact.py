"""Text in, text without secrets out. Pure: no I/O, no clock, no settings.

Rules run on google-re2, whose time is linear in the text (Python's `re` takes up to a second on a 10 kB line with
such rules). Line breaks are never swallowed, so line numbers of a redacted document agree with its file.
"""

import functools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import re2

REDACTION_VERSION = 1
"""Part of every document's fingerprint: raise it when a rule changes, and everything is redacted again."""


class _Rule(NamedTuple):
    """`kind` names the placeholder; group 1 of `pattern` (or all of it) is the secret."""

    kind: str
    pattern: str


# Formats as their vendors publish them (GitHub, GitLab, Slack, AWS, Google, Stripe, OpenAI, Anthropic, npm, PyPI,
# SendGrid, Twilio, Hashicorp, DigitalOcean docs on token formats; RFC 7519 for JWT; RFC 7468 for PEM).
_VENDOR_RULES = (
    _Rule("github-token", r"\b((?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{36,255})\b"),
    _Rule("github-pat", r"\b(github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})\b"),
    _Rule("gitlab-token", r"\b(gl(?:pat|dt|rt|ft|cbt|ptt|soat|imt|agent)-[A-Za-z0-9_\-]{20,64})"),
    _Rule("slack-token", r"\b(xox[abeoprs]-[A-Za-z0-9-]{10,250}|xapp-\d-[A-Z0-9]+-\d+-[a-fA-F0-9]+)"),
    _Rule("slack-webhook", r"(https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/_-]{20,})"),
    _Rule("aws-access-key", r"\b((?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b"),
    _Rule("google-api-key", r"\b(AIza[0-9A-Za-z_\-]{35})"),
    _Rule("google-oauth", r"\b(ya29\.[0-9A-Za-z_\-]{20,}|GOCSPX-[0-9A-Za-z_\-]{20,})"),
    _Rule("stripe-key", r"\b((?:sk|rk)_(?:live|test)_[0-9A-Za-z]{16,247}|whsec_[0-9A-Za-z+/=]{24,})"),
    _Rule("anthropic-key", r"\b(sk-ant-[A-Za-z0-9_\-]{20,})"),
    _Rule("openai-key", r"\b(sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_\-]{32,})"),
    _Rule("npm-token", r"\b(npm_[A-Za-z0-9]{36})\b"),
    _Rule("pypi-token", r"\b(pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_\-]{50,})"),
    _Rule("sendgrid-key", r"\b(SG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{16,64})"),
    _Rule("twilio-key", r"\b(SK[0-9a-f]{32})\b"),
    _Rule("vault-token", r"\b(hv[sbr]\.[A-Za-z0-9_\-]{24,})"),
    _Rule("digitalocean-token", r"\b(do[opr]_v1_[a-f0-9]{64})\b"),
    _Rule("jwt", r"\b(eyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,})"),
)

_NAMED = (
    r"(?:[A-Za-z0-9_.\-]{0,40}[_.\-])?"
    r"(?:password|passwd|passphrase|pwd|secret|secret[_-]?key|api[_-]?key|apikey|access[_-]?key|auth[_-]?token|"
    r"access[_-]?token|refresh[_-]?token|token|client[_-]?secret|private[_-]?key|credentials?|signing[_-]?key)"
)
# A value is no secret when it only points at one: $VAR, ${VAR}, <placeholder>, {{ template }}, %s, ***, [secret:...].
_VALUE = r"[^\s\"'`,;&<>(){}\[\]$%*|][^\s\"'`,;&<>(){}\[\]|]{5,}"
_CONTEXT_RULES = (
    _Rule("value", rf"(?i)(?:\b|_){_NAMED}[\"']?[ \t]{{0,3}}(?:=|:=|:)[ \t]{{0,3}}[\"']?({_VALUE})"),
    _Rule("value", rf"(?i)--{_NAMED}[ =][\"']?({_VALUE})"),
    _Rule(
        "authorization",
        r"(?i)\bauthorization[\"']?[ \t]{0,3}[:=][ \t]{0,3}[\"']?(?:bearer|basic|token)[ \t]+([A-Za-z0-9+/=._~\-]{8,})",
    ),
    _Rule("bearer", r"(?i)\bbearer[ \t]+([A-Za-z0-9+/=._~\-]{20,})"),
    _Rule("url-password", r"\b[a-zA-Z][a-zA-Z0-9+.\-]{1,20}://[^\s/:@\"'<>]{0,80}:([^\s/@\"'<>${}*\[\]]{3,})@"),
)

_KEY = r"(?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
_KEY_PATTERNS = {
    "whole": rf"-----BEGIN {_KEY}(?:[^-]|-[^-])*-----END {_KEY}",  # on one line, as JSON holds it
    "begin": rf"-----BEGIN {_KEY}(?:\\[nr]|[A-Za-z0-9+/=])*",
    "inside": r"[\s>|]*(?:[A-Za-z0-9+/=]*|[A-Za-z0-9\-]+: .*)\s*",  # RFC 7468 and 1421: base64, or a header
    "end": rf"^.*-----END {_KEY}",
}

# Values that look like key=value but name no secret.
_HARMLESS = frozenset(
    {"true", "false", "null", "none", "required", "optional", "string", "changeme", "redacted", "example"}
)


def redact(text: str) -> str:
    """Return `text` with every known secret replaced by `[secret:KIND]`; the number of lines stays the same."""
    if "PRIVATE KEY" in text:
        text = "\n".join(_without_keys(text.split("\n")))
    return _without_tokens(text)


def redacted(lines: Iterable[str]) -> Iterator[str]:
    """Yield line by line what `redact` makes of the whole text; holds nothing back. Line ends stay as they are."""
    yield from map(_without_tokens, _without_keys(lines))


def _without_tokens(text: str) -> str:
    for kind, pattern in _compiled():
        text = str(pattern.sub(functools.partial(_hide, kind), text))
    return text


def _without_keys(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines without private keys; a key that is cut off is hidden as far as it goes."""
    keys, inside = _keys(), False
    for line in lines:
        if inside and keys["inside"].fullmatch(line):
            yield line[len(line.rstrip()) :]
            continue
        shown = str(keys["end"].sub("", line)) if inside else line
        shown = str(keys["whole"].sub("[secret:private-key]", shown))
        inside = keys["begin"].search(shown) is not None
        yield str(keys["begin"].sub("[secret:private-key]", shown))


def _hide(kind: str, match: Any) -> str:  # noqa: ANN401 - re2 ships no types
    whole, secret = str(match.group(0)), str(match.group(1))
    if kind == "value" and (secret.lower() in _HARMLESS or secret in _kinds()):
        return whole
    start = int(match.start(1)) - int(match.start(0))
    return f"{whole[:start]}[secret:{kind}]{whole[start + len(secret) :]}"


@functools.cache
def _keys() -> dict[str, Any]:
    return {name: re2.compile(pattern) for name, pattern in _KEY_PATTERNS.items()}


@functools.cache
def _kinds() -> frozenset[str]:
    """Return the words in our placeholders, which must not be taken for the value of something called secret."""
    return frozenset(rule.kind for rule in (*_VENDOR_RULES, *_CONTEXT_RULES)) | {"private-key"}


@functools.cache
def _compiled() -> tuple[tuple[str, Any], ...]:
    return tuple((rule.kind, re2.compile(rule.pattern)) for rule in (*_VENDOR_RULES, *_CONTEXT_RULES))
