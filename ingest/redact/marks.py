"""Placeholders: what stands in the place of a secret, `[secret:github-pat#3f2a]`.

The four hex digits are the beginning of a keyed hash (RFC 2104, SHA-256) of the secret: the same secret is known again
on another line, and whoever has no key cannot try words against it. With the key, 1 of 65,536 wrong guesses fits.
"""

import hmac
import re

from ingest.redact.scan import scanner

WITHHELD = "[line withheld: it could not be checked for secrets]"
_DIGITS = 4
_PLACEHOLDER = r"\[secret:[a-z0-9\-]{1,40}(?:#[0-9a-f]{4})?\]|\[line withheld: it could not be checked for secrets\]"


_NUMBERED = re.compile(r"(\[secret:[a-z0-9\-]{1,40})#[0-9a-f]{4}\]")


def placeholder(kind: str, secret: bytes, key: bytes) -> bytes:
    """Return what stands in the place of `secret`."""
    known_by = hmac.digest(key, secret, "sha256").hex()[:_DIGITS]
    return f"[secret:{kind}#{known_by}]".encode()


def unnumbered(text: str) -> str:
    """Return the text with placeholders that say only what kind of secret stood there: these are alike everywhere."""
    return _NUMBERED.sub(r"\1]", text)


def blanked(text: bytes) -> bytes:
    """Return the text with NUL for every byte of a placeholder, so that no rule reads its words."""
    if b"[secret:" not in text and b"[line withheld:" not in text:
        return text
    parts: list[bytes] = []
    place = 0
    for match in scanner(_PLACEHOLDER).finditer(text):
        parts += (text[place : match.start()], bytes(match.end() - match.start()))
        place = match.end()
    return b"".join((*parts, text[place:]))
