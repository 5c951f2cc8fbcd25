"""Secrets inside base64: what a token decodes to, if that is text."""

import base64
import binascii
import functools

from ingest.redact.scan import Scanner, scanner

LEAST_TOKEN = 20
"""Characters of base64 below which no secret with its name fits (`token=...` and 8 characters)."""
MOST_TOKEN = 1 << 20
"""Characters of base64 that are decoded; a longer run is looked at as far as this."""
_GLANCE = 16
"""Characters decoded first: most tokens are no text, which shows at once."""


@functools.cache
def tokens() -> Scanner:
    """Return the rule for runs of base64, either alphabet."""
    return scanner(rf"[A-Za-z0-9+/_\-]{{{LEAST_TOKEN},}}={{0,2}}")


def decoded(token: bytes) -> bytes | None:
    """Return the text that `token` wraps, or None: not base64, or not text."""
    token = token[:MOST_TOKEN].rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    if len(token) > _GLANCE and not _textual(_bytes(token[:_GLANCE])):
        return None
    text = _bytes(token)
    return text if text and _textual(text) else None


def login_in(token: bytes) -> bool:
    """Return whether `token` wraps `user:password`, as HTTP Basic (RFC 7617) and Docker's config do."""
    if _login().fullmatch(token) is None:
        return False
    text = decoded(token)
    return text is not None and b":" in text.strip(b":") and b" " not in text


def _bytes(token: bytes) -> bytes:
    token = token[: len(token) - 1] if len(token) % 4 == 1 else token
    try:
        return base64.b64decode(token + b"=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return b""


def _textual(text: bytes) -> bool:
    """Return whether text is printable, as a secret and its surroundings are."""
    sample = text[:4096]
    if not sample or sample.translate(None, _PRINTABLE):
        return False
    if sample.isascii():
        return True
    return any(_is_utf8(sample[: len(sample) - cut]) for cut in range(4))


_PRINTABLE = bytes([9, 10, 13, 27, *range(32, 127), *range(128, 256)])


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


@functools.cache
def _login() -> Scanner:
    return scanner(r"[A-Za-z0-9+/]{8,}={0,2}")
