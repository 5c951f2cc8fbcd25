"""Secrets in SQL, XML, pairs of name and value, `.netrc`, `.pgpass`, Kubernetes objects and devices' configurations."""

from collections.abc import Iterator
from functools import partial

from ingest.redact.judge import How, hides
from ingest.redact.keep import refers
from ingest.redact.names import promise
from ingest.redact.pairs import WORDS, kind_of, value_at
from ingest.redact.rule import Found, Place
from ingest.redact.scan import scanner

_KEYWORD = "|".join(WORDS)
_NAME = rf"[A-Za-z0-9_.\-]*(?:{_KEYWORD})[A-Za-z0-9_.\-]*"
_SQL = (
    r"(?i)\bidentified[ \t]+(?:with[ \t]+[\w\"'`]+[ \t]+)?(?:by|as)[ \t]+(?:password[ \t]+|values[ \t]+)?",
    r"(?i)\bpassword[ \t]*\([ \t]*",
    r"(?i)\b(?:with|encrypted|unencrypted|user|role|login|set)\b[^;\n]*?[ \t]password[ \t]+(?:=[ \t]*)?",
    r"(?i)\b(?:pgp_sym_(?:encrypt|decrypt)|aes_(?:encrypt|decrypt)|encryptbypassphrase|hashbytes)\([^()]*?,[ \t]*",
    r"(?i)\bauth\\*[\"'][ \t]+(?:\\*[\"'][\w\-]{1,40}\\*[\"'][ \t]+)?",  # MONITOR of Redis: "AUTH" "user" "password"
)
_ELEMENT = rf"(?i)<(?:[\w\-]+:)?({_NAME})(?:[ \t][^<>]*)?>(?:<!\[CDATA\[)?([^<>]+?)(?:\]\]>)?</"
_NAMED = (
    rf"(?i)\b(?:name|key|id|property|field|parameter|variable)\\*[\"']?[ \t]{{0,4}}[=:][ \t]{{0,4}}\\*[\"']?({_NAME})"
    rf"\\*[\"']?[ \t]{{0,4}}[,;>}} \t]{{1,4}}[ \t]{{0,4}}\\*[\"']?(?:<value>|(?:value|val|default|content|text)"
    rf"\\*[\"']?[ \t]{{0,4}}[=:][ \t]{{0,4}})"
)
_NAMED_ELEMENT = rf"(?i)<[\w:.\-]+[^<>]*\b(?:name|key|id)=\\*[\"']({_NAME})\\*[\"'][^<>]*>(?:<value>)?([^<>]+?)</"
_NETRC = r"(?i)\b(?:login|user|account|machine)[ \t]+\S+[ \t]+(?:account[ \t]+\S+[ \t]+)?password[ \t]+"
_NETRC_LINE = r"(?im)^[ \t]*password[ \t]+(\S+)[ \t]*$"
_PGPASS = (
    r"(?m)(?:^|[\s\"'`=])(?:[\w.\-*]+|\[[0-9a-f:]+\]):(?:\*|[1-9]\d{3,4}):[\w.\-*]+:(?:\*|[A-Za-z_][\w.\-@]*):"
    r"((?:[^\s:\"'`\\]|\\.){3,})(?:$|[\s\"'`])"
)
_DEVICE = (
    r"(?i)\b(?:password|secret|key|key-string|community|pre-shared-key)[ \t]+"
    r"(?:[0456789]|encrypted|plain-text|ascii|hex)[ \t]+"
)
_COMMUNITY = r"(?i)\bsnmp-server[ \t]+community[ \t]+"
_KIND = r"(?i)kind\\*[\"']?[ \t]{0,4}[:=][ \t]{0,4}\\*[\"']?(?-i:Secret)\b"
_DATA = r"(?:stringData|data)\\*[\"']?[ \t]{0,4}[:=]?[ \t]{0,4}\{([^{}]*)\}"
_ITEM = r"\\*[\"']?([\w.\-/]+)\\*[\"']?[ \t]{0,4}[:=][ \t]{0,4}\\*[\"']?([^\s\"',\\}]{3,})"


def statements(pattern: str, text: bytes) -> Iterator[Found]:
    """Yield passwords of SQL statements: only what stands in quotes."""
    for match in scanner(pattern).finditer(text):
        found = value_at(text, match.end())
        if found and found[2] and text[found[0] - 1] in b"\"'" and not _kept(text[found[0] : found[1]]):
            yield Found(found[0], found[1], "password", text[found[0] : found[1]])


def elements(pattern: str, text: bytes) -> Iterator[Found]:
    """Yield the contents of XML elements whose names, or `name` attributes, say that they are secret."""
    for match in scanner(pattern).finditer(text):
        name = text[match.start(1) : match.end(1)]
        secret = text[match.start(2) : match.end(2)]
        if hides(promise(name), secret, How(assigned=True, quoted=True)):
            yield Found(match.start(2), match.end(2), kind_of(promise(name), name), secret)


def named(text: bytes) -> Iterator[Found]:
    """Yield values whose names are values too: `name: DB_PASSWORD, value: x`, `<add key="Password" value="x"/>`."""
    for match in scanner(_NAMED).finditer(text):
        name = text[match.start(1) : match.end(1)]
        found = value_at(text, match.end())
        if found and hides(promise(name), text[found[0] : found[1]], How(assigned=True, quoted=found[2])):
            yield Found(found[0], found[1], kind_of(promise(name), name), text[found[0] : found[1]])


def files(pattern: str, text: bytes) -> Iterator[Found]:
    """Yield passwords of a `.netrc` on one line, and communities of SNMP."""
    for match in scanner(pattern).finditer(text):
        found = value_at(text, match.end())
        if found and hides("password", text[found[0] : found[1]], How(assigned=True)):
            yield Found(found[0], found[1], "password", text[found[0] : found[1]])


def devices(text: bytes) -> Iterator[Found]:
    """Yield what follows the digit that says how a router or switch has encrypted it: `password 7 x`."""
    for match in scanner(_DEVICE).finditer(text):
        found = value_at(text, match.end())
        if found and hides("password", text[found[0] : found[1]], How(assigned=False, follows=b" a")):
            yield Found(found[0], found[1], "password", text[found[0] : found[1]])


def whole_lines(pattern: str, text: bytes) -> Iterator[Found]:
    """Yield passwords of lines that are nothing else: of `.pgpass`, and of a `.netrc` over many lines."""
    for line in scanner(pattern).finditer(text):
        secret = text[line.start(1) : line.end(1)]
        if hides("password", secret, How(assigned=False)):
            yield Found(line.start(1), line.end(1), "password", secret)


def objects(text: bytes) -> Iterator[Found]:
    """Yield every value of a Kubernetes Secret that stands on one line."""
    for block in scanner(_DATA).finditer(text):
        start, end = block.start(1), block.end(1)
        place = start
        while item := scanner(_ITEM).search(text, place, end):
            place = item.end()
            secret = text[item.start(2) : item.end(2)]
            if not _kept(secret):
                yield Found(item.start(2), item.end(2), "kubernetes-secret", secret)


def _kept(value: bytes) -> bool:
    return refers(value.replace(b"\0", b""))


STORES = (
    *(Place(pattern, partial(statements, pattern)) for pattern in _SQL),
    *(Place(pattern, partial(elements, pattern)) for pattern in (_ELEMENT, _NAMED_ELEMENT)),
    Place(_NAMED, named),
    *(Place(pattern, partial(files, pattern)) for pattern in (_NETRC, _COMMUNITY)),
    Place(_DEVICE, devices),
    Place(_NETRC_LINE, partial(whole_lines, _NETRC_LINE)),
    Place(r":(?:\*|[1-9]\d{3,4}):", partial(whole_lines, _PGPASS)),
    Place(_KIND, objects),
)
