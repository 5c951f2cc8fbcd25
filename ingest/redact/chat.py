"""Secrets as people tell them: "the password for prod is x", "creds: admin / x", "recovery codes: ..."."""

from collections.abc import Iterator
from functools import partial

from ingest.redact.judge import How, hides
from ingest.redact.keep import digits, irregular, random_looking, refers
from ingest.redact.pairs import value_at
from ingest.redact.rule import Found, Place
from ingest.redact.scan import scanner

LEAST_DIGITS = 3
"""Digits of recovery codes: fewer are words."""
LEAST_STRONG = 5
LEAST_COMPLEX = 6
LEAST_CLASSES = 3

# What people call what they choose (group 1 of each rule), and what they call what a machine has made.
_CHOSEN = r"pass(?:word|wd|phrase|code)?|pwd|pw|passwort|kennwort|mdp|senha|contrase\xc3\xb1a|contrasena|mot de passe"
_MADE = (
    r"(?:api|access|secret|auth|private|license|encryption|signing)[ _-]?(?:key|token)|token|secret|credentials?|creds?"
)
_CALLED = rf"(?:({_CHOSEN})|{_MADE})\b"
_BETWEEN = r"(?:[ ]+[\w@'/#\-]+(?:\.[\w\-]+)*){0,8}?"
_FOR = r"[ ]+(?:for|of|to|on|in|at|from|f\xc3\xbcr|de|del|pour|para|zu|von)\b"
_IS = r"[ ]+(?:is|are|was|ist|es|est|now|becomes?)(?:[ ]+(?:now|still|again|set to|just|currently|always))?"
_TOLD = rf"(?i)\b{_CALLED}({_BETWEEN}){_IS}[ ]*[:=]?[ ]+"
_TOLD_OF = rf"(?i)\b{_CALLED}({_FOR}{_BETWEEN})[ ]*(?:=|:|->)[ ]*"
_CHANGED = r"[ ]+(?:changed|set|reset|updated|rotated|switched)(?:[ ]+from[ ]+\S+)?[ ]+to[ ]+"
_SET = rf"(?i)\b{_CALLED}({_BETWEEN}){_CHANGED}"
_SETTING = rf"(?i)\b(?:set|chang|reset|updat|rotat)\w*{_BETWEEN}[ ]+{_CALLED}({_BETWEEN})[ ]+(?:to|as)[ ]+"
_USE = (
    r"(?i)\b(?:use|using|try|with|enter|type|is|new|temp|temporary|default|as)[ ]+(?:(?:the|this|my|your)[ ]+)?"
    rf"{_CALLED}([ ]*[:=]?)[ ]+"
)
_BARE = rf"(?i)\b(?:({_CHOSEN.replace('?|pwd', '|pwd', 1)})|{_MADE})()[ ]+"  # not `pass`, which is a verb too
_CREDS = (
    r"(?i)\b(?:creds?|credentials?|login|log[ ]?in|sign[ ]?in|account|user(?:name)?)\b"
    r"(?:[ ]+(?:for|to|on)[ ]+[\w.\-]+)?[ ]*(?:is|are|:|=|with|as)?[ ]+[\w.@\-\\]{2,60}[ ]*[/|:][ ]*"
)
_CODES = (
    r"(?i)\b(?:recovery|backup|scratch|emergency|2fa|one[- ]time)[ _-]*codes?\b[^A-Za-z0-9]{1,8}"
    r"((?:[A-Za-z0-9]{4,10}(?:-[A-Za-z0-9]{3,10}){0,5}[,;|/ \t]*(?:\\n)?)+)"
)
_CODE = (
    r"(?i)\b(?:otp|totp|mfa|2fa|verification|security|one[- ]time|sms|auth(?:entication)?|login)[ _-]*"
    r"(?:code|pin|password|token)?\b(?:[ ]+for[ ]+\S+)?[ ]*(?:is|:|=)[ ]*(\d{4,8}|\d{3}[ -]\d{3})\b"
)
_PHRASE = (
    r"(?i)\b(?:seed|mnemonic|recovery|secret|backup)(?:[ _-]?phrase|[ _-]?words)?\\*[\"']?[ ]*(?:is|:|=)[ ]*\\*[\"']?"
    r"((?:[a-z]{3,8}[ ,]+){11,23}[a-z]{3,8})\b"  # BIP 39: 12 to 24 words of 3 to 8 letters
)
_NOT_VALUE = (
    r"(?i).*\b(?:length|policy|expir\w*|age|ttl|rotation|bucket|cache|version|count|limit|id|name|file|path|field|"
    r"hash|type|format|status|error|rate|usage|budget|min|max|not|no|reset|check|manager|prompt|store|date|url|"
    r"endpoint|days)\b.*"
)
_SIGN = r"\S*[0-9!@#$%^&*~+=]\S*"
_STRONG = rf"\S*[A-Za-z]{_SIGN}|{_SIGN}[A-Za-z]\S*"
_ORDINARY = (
    r"v?\d[\d.]*\w?|[\w.\-]+@[\w\-]+(?:\.[\w\-]+)*\.[a-z]{2,}|\w+'\w+|[a-z]+[-_.]?\d|#\d+|[A-Z]+-\d+|\d+\w{1,3}|"
    r"[a-z]+(?:[/.\-][a-z]+)*(?:[/.\-][a-z]*\d{1,2})?|(?:[\w\-]+/)+[\w\-.]*|&\w+;.*|[A-Za-z]+=\S*|\S*\(\S*|"
    r"[@#][a-z.\-_]+|[a-z_]+:\S*"
)
_IDENTIFIER = r"[A-Z]*[a-z]+(?:[A-Z][a-z]+)*(?:[-_.:/][A-Za-z]?[a-z]*\d{0,3})*|[A-Z][A-Z0-9_\-]+|https?:.*|[\w.]+\(.*"
_CLASSES = (r".*[A-Z].*", r".*[a-z].*", r".*[0-9].*", r".*[!@#$%^&*_+~\-].*")


def told(pattern: str, text: bytes) -> Iterator[Found]:
    """Yield what a sentence says a password or token is."""
    for match in scanner(pattern).finditer(text):
        if scanner(_NOT_VALUE).fullmatch(text[match.start(2) : match.end(2)]):
            continue
        found = _value(text, match.end())
        if found and _believed(text, found, person=match.start(1) >= 0):
            yield Found(found[0], found[1], "password" if match.start(1) >= 0 else "secret", text[found[0] : found[1]])


def bare(text: bytes) -> Iterator[Found]:
    """Yield what follows the word at once and looks like nothing but a secret: `token 8Fk3...`, `password Hunter2!`."""
    for match in scanner(_BARE).finditer(text):
        found = _value(text, match.end())
        if not found:
            continue
        secret = text[found[0] : found[1]]
        if (match.start(1) >= 0 and _complex(secret)) or random_looking(secret):
            yield Found(found[0], found[1], "password" if match.start(1) >= 0 else "secret", secret)


def logins(text: bytes) -> Iterator[Found]:
    """Yield the second of two words that are told as credentials: `creds: admin / x`."""
    for match in scanner(_CREDS).finditer(text):
        found = _value(text, match.end())
        if found and (_strong(text[found[0] : found[1]]) or irregular(text[found[0] : found[1]])):
            yield Found(found[0], found[1], "password", text[found[0] : found[1]])


def codes(text: bytes) -> Iterator[Found]:
    """Yield recovery codes where they are named."""
    for match in scanner(_CODES).finditer(text):
        secret = text[match.start(1) : match.end(1)].rstrip(b" ,;|/\t\\n")
        if digits(secret) >= LEAST_DIGITS:
            yield Found(match.start(1), match.start(1) + len(secret), "recovery-codes", secret)


def phrases(pattern: str, kind: str, text: bytes) -> Iterator[Found]:
    """Yield one-time codes and seed phrases where they are named."""
    for match in scanner(pattern).finditer(text):
        yield Found(match.start(1), match.end(1), kind, text[match.start(1) : match.end(1)])


def _value(text: bytes, place: int) -> tuple[int, int, bool] | None:
    """Return the next word or quotation, without the marks of chat around it and of the sentence behind it."""
    while text[place : place + 1] in (b"*", b"_", b"~") and text[place + 1 : place + 2].isalnum():
        place += 1
    found = value_at(text, place)
    if not found or found[2]:
        return found
    start, end, _ = found
    while end > start and text[end - 1 : end] in (b".", b",", b";", b":", b"*", b"_", b"~", b")", b"?"):
        end -= 1
    return (start, end, False) if end > start else None


def _believed(text: bytes, found: tuple[int, int, bool], *, person: bool) -> bool:
    start, end, quoted = found
    secret = text[start:end]
    if quoted:
        return hides("password" if person else "secret", secret, How(assigned=False, quoted=True))
    if person and secret.isalpha():
        return hides("password", secret, How(assigned=False, spaced=True, follows=text[end : end + 24]))
    if person:
        return _strong(secret) or _complex(secret)
    return hides("secret", secret, How(assigned=False)) and (_strong(secret) or random_looking(secret))


def _strong(value: bytes) -> bool:
    plain = value.replace(b"\0", b"")
    if len(plain) < LEAST_STRONG or refers(plain, code=True):
        return False
    return scanner(_STRONG).fullmatch(plain) is not None and not scanner(_ORDINARY).fullmatch(plain)


def _complex(value: bytes) -> bool:
    """Return whether a word mixes cases, digits and signs as only passwords do."""
    value = value.replace(b"\0", b"")
    classes = sum(scanner(pattern).fullmatch(value) is not None for pattern in _CLASSES)
    if classes < LEAST_CLASSES or len(value) < LEAST_COMPLEX or refers(value, code=True):
        return False
    return not scanner(_IDENTIFIER).fullmatch(value)


CHAT = (
    *(Place(pattern, partial(told, pattern)) for pattern in (_TOLD, _TOLD_OF, _SET, _SETTING, _USE)),
    Place(_BARE, bare),
    Place(_CREDS, logins),
    Place(_CODES, codes),
    Place(_CODE, partial(phrases, _CODE, "code")),
    Place(_PHRASE, partial(phrases, _PHRASE, "seed-phrase")),
)
