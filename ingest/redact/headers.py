"""Secrets in HTTP headers: Authorization (RFC 9110, 6750, 7617), Cookie and Set-Cookie (RFC 6265)."""

from collections.abc import Iterator

from ingest.redact.judge import How, hides
from ingest.redact.keep import digits, random_looking, refers
from ingest.redact.rule import Found, Place
from ingest.redact.scan import Match, scanner
from ingest.redact.wrapped import login_in

MOST_COOKIES = 4096
"""Bytes of a Cookie header that are read (RFC 6265 asks browsers for 4096 a cookie)."""
LEAST_CREDENTIALS = 6
LEAST_BEARER = 16
LEAST_COOKIE = 12

_SCHEMES = (
    "bearer|basic|token|apikey|api-key|bot|oauth|key|splunk|geniekey|ssws|negotiate|ntlm|jwt|digest|hawk|aws|hmac|"
    "sharedkey|sharedkeylite|mac|secret|access|gossso|pbapi|user|app|klaviyo-api-key|deepl-auth-key|discogs|zoho-oauthtoken"
)
_AUTHORIZATION = (
    r"(?i)authorization\\*[\"'\])]{0,2}[ \t]{0,4}(?::|=>|=|,)[ \t]{0,4}\\*[\"'\[{(]{0,3}[ \t]{0,4}"
    rf"(?:({_SCHEMES})(?:[ \t]+|%20|:)(?:token=|key=|apikey=|credential=)?)?\\*[\"']?([A-Za-z0-9+/=._~|:%@!$&*\-\0]+)"
)
_BEARER = r"(?i)\b(?:bearer|jwt|token)(?:[ \t]+|%20)\\*[\"'`]?([A-Za-z0-9+/=._~%|\-]{16,})"
_BASIC = r"(?i)\bbasic(?:[ \t]+|%20)([A-Za-z0-9+/]{8,}={0,2})"
_COOKIE = r"(?i)\bcookies?\d?\\*[\"'\])]{0,2}[ \t]{0,4}(?::|=>|=|,)[ \t]{0,4}\\*[\"'\[]{0,3}[ \t]?"
_CRUMB = r"([A-Za-z0-9!#$%&'*+.^_`|~\-\[\]:]+)=\\*\"?([^;\s\"',\\]+)"
_JAR_END = r"\\*[\"']"
_ATTRIBUTES = frozenset(b"path domain expires max-age samesite version comment priority".split())
_HARMLESS = (
    b"_ga",
    b"_gid",
    b"_gat",
    b"_fbp",
    b"_hj",
    b"ajs_",
    b"amplitude",
    b"optimizely",
    b"lang",
    b"locale",
    b"theme",
)
_SPARES = (
    r"(?i)\b(?:x-jfrog-art-api|x-honeycomb-team|x-algolia-api-key|x-figma-token|x-rapidapi-key|x-functions-key|"
    r"ocp-apim-subscription-key|x-sonar-passcode|x-plex-token|x-amz-security-token|x-auth-email-key)"
    r"\\*[\"']{0,2}[ \t]{0,4}[:=][ \t]{0,4}\\*[\"']?([^\s\"',;\\]{6,})"
)


def authorizations(text: bytes) -> Iterator[Found]:
    """Yield the credentials of Authorization headers, with a known scheme, another word, or none before them."""
    for match in scanner(_AUTHORIZATION).finditer(text):
        schemed = match.start(1) >= 0
        secret = text[match.start(2) : match.end(2)]
        promised = hides("secret", secret, How(assigned=schemed))
        if promised or (schemed and len(secret) >= LEAST_CREDENTIALS and not refers(secret) and _numbered(secret)):
            yield _found(match, 2, "authorization", secret)


def bearers(text: bytes) -> Iterator[Found]:
    """Yield what follows `Bearer` or `token` anywhere, if it is made by chance."""
    for match in scanner(_BEARER).finditer(text):
        secret = text[match.start(1) : match.end(1)].rstrip(b".")
        if not refers(secret) and (random_looking(secret) or (len(secret) > LEAST_BEARER and _hexless(secret))):
            yield Found(match.start(1), match.start(1) + len(secret), "bearer", secret)


def basics(text: bytes) -> Iterator[Found]:
    """Yield what follows `Basic` anywhere, if it wraps a user and a password."""
    for match in scanner(_BASIC).finditer(text):
        secret = text[match.start(1) : match.end(1)]
        if login_in(secret):
            yield _found(match, 1, "authorization", secret)


def cookies(text: bytes) -> Iterator[Found]:
    """Yield the long values of cookies: each may be a session."""
    place = 0
    while header := scanner(_COOKIE).search(text, place):
        place, end = header.end(), min(len(text), header.end() + MOST_COOKIES)
        closing = scanner(_JAR_END).search(text, place, end)
        end = closing.start() if closing else end
        while crumb := scanner(_CRUMB).search(text, place, end):
            place = crumb.end()
            secret = text[crumb.start(2) : place]
            if _is_session(text[crumb.start(1) : crumb.end(1)].lower(), secret):
                yield _found(crumb, 2, "cookie", secret)
        place = max(place, end)


def spares(text: bytes) -> Iterator[Found]:
    """Yield the values of vendors' own headers whose names promise nothing by their words."""
    for match in scanner(_SPARES).finditer(text):
        secret = text[match.start(1) : match.end(1)]
        if not refers(secret):
            yield _found(match, 1, "key", secret)


def _is_session(name: bytes, value: bytes) -> bool:
    if name in _ATTRIBUTES or name.startswith(_HARMLESS) or len(value) < LEAST_COOKIE or refers(value):
        return False
    return not value.isalpha() and not value.replace(b".", b"").replace(b"-", b"").isdigit()


def _found(match: Match, group: int, kind: str, secret: bytes) -> Found:
    return Found(match.start(group), match.end(group), kind, secret)


def _numbered(secret: bytes) -> bool:
    return digits(secret) > 0 or secret.endswith(b"=")


def _hexless(secret: bytes) -> bool:
    """Return whether a value has digits and letters beyond hex, so that it is no hash of something."""
    return (
        _numbered(secret)
        and any(c in b"ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ" for c in secret)
        and b"-" not in secret
    )


HEADERS = (
    Place(_AUTHORIZATION, authorizations),
    Place(_BEARER, bearers),
    Place(_BASIC, basics),
    Place(_COOKIE, cookies),
    Place(_SPARES, spares),
)
