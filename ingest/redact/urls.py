"""Secrets in addresses: `scheme://user:password@host`, signatures and tokens in a query (RFC 3986)."""

from collections.abc import Iterator
from functools import partial

from ingest.redact.judge import How, hides
from ingest.redact.keep import random_looking, refers
from ingest.redact.rule import Found, Place
from ingest.redact.scan import scanner

MOST_AUTHORITY = 1024
"""Bytes behind the user's name in which the @ of an address is looked for."""
LEAST_SIGNATURE = 16

_USER = r"[A-Za-z][A-Za-z0-9+.\-]{1,20}:(?://|\\/\\/)([^\s/:@\"'<>\\]*):"
_ONLY = r"://([A-Za-z0-9_\-.~]{16,}):?(?:x-oauth-basic|x)?@"
_RUN = r"[^\s\"'<>`\\]+"
_HOST = r"[\w.\-]+(?::\d+)?(?:[/?,].*)?"
_PORT = r"\d{1,5}(?:[/?#].*)?"
_GO_DSN = r"[\w.\-]{1,40}:([^\s:\"'<>]{3,200})@(?:tcp|unix|udp)?\("
_ROOT = r"\b(?:root|admin|postgres|sa|guest|api):([^\s:@/\"'<>]{4,100})@[\w\-]+[.:]"
_SIGNED = (
    r"(?i)[?&;](?:amp;)?(?:sig|signature|x-amz-signature|x-goog-signature|x-oss-signature|x-cos-signature|q-signature|"
    r"hmac|hdnts|hdnea|st|token|sharedaccesssignature|x-ms-signature)=([^&\s\"'<>#\\;]+)"
)
_ACCESS = r"(?i)[?&](?:key|code|auth|authkey|apikey|access|ticket|session|sid|samlresponse)=([^&\s\"'<>#\\;]+)"
_AWS4 = r"(?i)\bsignature=([0-9a-f]{64}|[A-Za-z0-9+/%]{27,}={0,2})"
_HOOK = r"https://[\w.\-]+/(?:[\w\-]+/)*(?:webhooks?|hooks)/([\w\-/]{24,})"


def passwords(text: bytes) -> Iterator[Found]:
    """Yield what stands between the user and the @ of an address."""
    place = 0
    while match := scanner(_USER).search(text, place):
        place = match.end()
        run = scanner(_RUN).match(text, place, min(len(text), place + MOST_AUTHORITY))
        size = _password_size(text[place : run.end()]) if run else 0
        secret = text[place : place + size]
        if size and not refers(secret):
            yield Found(place, place + size, "url-password", secret)
            place += size


def _password_size(run: bytes) -> int:
    """Return how many bytes of what follows `user:` are the password; 0 if it is a port."""
    slash = run.find(b"/")
    size = run.rfind(b"@", 0, slash if slash >= 0 else len(run))
    if size >= 0:
        return size
    size = run.rfind(b"@")
    if size <= 0 or scanner(_PORT).fullmatch(run[:size]) or not scanner(_HOST).fullmatch(run[size + 1 :]):
        return 0
    return size


def users(text: bytes) -> Iterator[Found]:
    """Yield a user that is itself the token: `https://TOKEN@host`."""
    for match in scanner(_ONLY).finditer(text):
        secret = text[match.start(1) : match.end(1)]
        if random_looking(secret):
            yield Found(match.start(1), match.end(1), "url-password", secret)


def dsns(pattern: str, text: bytes) -> Iterator[Found]:
    """Yield passwords of addresses without a scheme: `app:x@tcp(db:3306)/shop`, `root:x@10.0.0.1`."""
    for match in scanner(pattern).finditer(text):
        secret = text[match.start(1) : match.end(1)]
        if not refers(secret):
            yield Found(match.start(1), match.end(1), "url-password", secret)


def signatures(pattern: str, text: bytes) -> Iterator[Found]:
    """Yield signatures of signed addresses: S3, Google, Azure SAS, CDNs; each opens what it signs."""
    for match in scanner(pattern).finditer(text):
        secret = text[match.start(1) : match.end(1)]
        if len(secret) >= LEAST_SIGNATURE and hides("secret", secret, How(assigned=True)):
            yield Found(match.start(1), match.end(1), "signature", secret)


def accesses(pattern: str, kind: str, text: bytes) -> Iterator[Found]:
    """Yield random values of a query whose names promise little: `?key=`, `&code=`; and of webhooks' paths."""
    for match in scanner(pattern).finditer(text):
        secret = text[match.start(1) : match.end(1)]
        if random_looking(secret.replace(b"/", b"")):
            yield Found(match.start(1), match.end(1), kind, secret)


URLS = (
    Place(r":(?://|\\/\\/)[^\s/:@]*:", passwords),
    Place(r"://[A-Za-z0-9_\-.~]*:?(?:x-oauth-basic|x)?@", users),
    Place(r"@(?:tcp|unix|udp)?\(", partial(dsns, _GO_DSN)),
    Place(r"\b(?:root|admin|postgres|sa|guest|api):", partial(dsns, _ROOT)),
    Place(_SIGNED, partial(signatures, _SIGNED)),
    Place(_AWS4, partial(signatures, _AWS4)),
    Place(_ACCESS, partial(accesses, _ACCESS, "key")),
    Place(r"hooks?/", partial(accesses, _HOOK, "webhook")),
)
