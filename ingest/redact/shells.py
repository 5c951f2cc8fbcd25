"""Secrets on command lines: flags with names, and the one-letter flags of tools that take a password so."""

from collections.abc import Iterator
from functools import partial

from ingest.redact.judge import How, hides
from ingest.redact.keep import refers
from ingest.redact.names import promise
from ingest.redact.pairs import WORDS, kind_of, value_at
from ingest.redact.rule import Found, Place
from ingest.redact.scan import scanner

LEAST_PASSWORD = 3
_KEYWORD = "|".join(WORDS)
_FLAG = rf"(?i)(?:^|[^A-Za-z0-9_\-])--?([A-Za-z0-9_.\-]*(?:{_KEYWORD})[A-Za-z0-9_.\-]*)[ \t]+"
_FLAG_LIKE = r"--?[A-Za-z][a-z\-]*(?:=.*)?|\|.*|>.*|<.*|&&|;"
_GAP = r"[^|;&\n]*?"  # without a bound: RE2 counts in states, and hundreds are slow on hostile text
# Each tool's manual gives the flag; a space stands before it, one may stand behind it.
_REGISTRIES = "docker|podman|nerdctl|buildah|skopeo|helm registry|oras|crane|oc|az|cf|ibmcloud|pulumi|npm|argocd|harbor"
_TOOLS = (
    rf"\b(?:mysql|mysqldump|mysqladmin|mysqlimport|mysqlshow|mariadb|mariadb-dump|mycli|xtrabackup)\b{_GAP}[ \t]-p",
    rf"\bsshpass\b{_GAP}[ \t]-p[ \t]*",
    rf"\b(?:{_REGISTRIES})\b{_GAP}\blogin\b{_GAP}[ \t]-p[ \t=]*",
    rf"\b(?:mongo|mongosh|mongodump|mongorestore|mongoexport|cqlsh|arangosh|clickhouse-client)\b{_GAP}[ \t]-p[ \t]*",
    rf"\b(?:7z|7za|zip|unzip)\b{_GAP}[ \t]-[pP][ \t]*",
    rf"\b(?:redis-cli|redis-benchmark|valkey-cli)\b{_GAP}[ \t]-a[ \t]+",
    rf"\b(?:ldapsearch|ldapadd|ldapmodify|ldapdelete|ldappasswd|ldapwhoami|ldapcompare)\b{_GAP}[ \t]-w[ \t]*",
    rf"\b(?:sqlcmd|bcp|isql|osql|tsql|mosquitto_pub|mosquitto_sub|ipmitool)\b{_GAP}[ \t]-P[ \t]*",
    rf"\b(?:snmpget|snmpwalk|snmpset)\b{_GAP}[ \t]-[AX][ \t]+",
    rf"\bhtpasswd\b{_GAP}[ \t]-[a-zA-Z]*b[a-zA-Z]*{_GAP}[ \t][\w.@\-]+[ \t]+",
    rf"\brabbitmqctl\b{_GAP}(?:add_user|change_password|authenticate_user)[ \t]+[\w.@\-]+[ \t]+",
    r"\bnet[ \t]+user[ \t]+[\w.@\-]+[ \t]+",
    r"\b(?:vault|nomad|consul)[ \t]+(?:login|unseal|operator[ \t]+unseal)[ \t]+(?:-[\w\-=]+[ \t]+)*",
    r"\baws[ \t]+configure[ \t]+set[ \t]+[\w.]*(?:secret|token)[\w.]*[ \t]+",
)
_CURL = r"\b(?:curl|wget|lftp|hurl)\b[^|;\n]*?[ \t](?:-u|--user|--proxy-user|-U)[ \t=]*\\*[\"']?[^\s:\"'`]*:"
_HTTPIE = r"\b(?:http|https|xh|xhs)[ \t][^|;\n]*?[ \t](?:-a|--auth)[ \t=]*\\*[\"']?[^\s:\"'`]*:"
_SAMBA = r"\b(?:smbclient|rpcclient|smbget|net rpc)\b[^|;\n]*?[ \t](?:-U|--user)[ \t=]*\\*[\"']?[^\s%\"'`]+%"
_ORACLE = r"\b(?:sqlplus|expdp|impdp|sqlldr|rman|jdbc:oracle:(?:thin|oci))[ \t:](?:-\w[ \t]+)*\\*[\"']?[\w$#]+/"
_STORED = (
    r"(?i)\b(?:setx|setenv|config[ \t]set|secrets?[ \t](?:put|set))[ \t]+(?:-\w+[ \t]+)*"
    rf"([A-Za-z0-9_.\-]*(?:{_KEYWORD})[A-Za-z0-9_.\-]*)[ \t]+"
)
_EXPORTED = rf"\b(?i:set|env|arg|export)[ \t]+(?:-\w+[ \t]+)*([A-Z0-9_]*_(?i:{_KEYWORD})[A-Z0-9_]*)[ \t]+"
_PLACED = r"(?i)\b(?:bindpw|rootpw|requirepass|masterauth|auth-pass|smtp_pass)[ \t]+"
_ECHO = r"\becho[ \t]+(?:-[ne]+[ \t]+)?\\*[\"']?"
_READERS = "sudo[ \t]+-S|docker login|podman login|helm registry|passwd|base64|openssl|kinit"
_PIPED = rf"{_ECHO}([^\s\"'|]{{4,200}})\\*[\"']?[ \t]*\|[ \t]*(?:{_READERS})"
_CHPASSWD = rf"{_ECHO}[\w.\-]{{1,60}}:([^\s\"'|]{{4,200}})\\*[\"']?[ \t]*\|[ \t]*(?:sudo[ \t]+)?chpasswd"
_LITERAL = r"\bsecret\b[^|;\n]*?--from-literal[ =]\\*[\"']?[\w.\-]+=\\*[\"']?([^\s\"'\\]+)"


def flags(pattern: str, text: bytes) -> Iterator[Found]:
    """Yield values behind names that say that they are secret, and a space: `--token x`, `-Password x`, `setx PW x`."""
    place = 0
    while match := scanner(pattern).search(text, place):
        place = match.end()
        name = text[match.start(1) : match.end(1)]
        promised = promise(name)
        found = value_at(text, place) if promised != "none" else None
        if not found:
            continue
        secret = text[found[0] : found[1]]
        if not scanner(_FLAG_LIKE).fullmatch(secret) and hides(promised, secret, How(assigned=True, quoted=found[2])):
            yield Found(found[0], found[1], kind_of(promised, name), secret)
            place = found[1]


def tools(pattern: str, text: bytes) -> Iterator[Found]:
    """Yield what stands behind the flags of known tools, and behind `curl -u user:`, `smbclient -U user%`."""
    for match in scanner(pattern).finditer(text):
        found = value_at(text, match.end())
        if found and _given(text[found[0] : found[1]]):
            yield Found(found[0], found[1], "password", text[found[0] : found[1]])


def oracle(text: bytes) -> Iterator[Found]:
    """Yield the password of `sqlplus user/password@db`."""
    for match in scanner(_ORACLE).finditer(text):
        found = value_at(text, match.end())
        if not found:
            continue
        start, end = found[0], found[1]
        at = text.rfind(b"@", start, end)
        end = at if at > start else end
        if _given(text[start:end]):
            yield Found(start, end, "password", text[start:end])


def piped(pattern: str, text: bytes) -> Iterator[Found]:
    """Yield what is piped into a tool that reads a password, and the literals of a new Kubernetes secret."""
    for match in scanner(pattern).finditer(text):
        secret = text[match.start(1) : match.end(1)]
        if _given(secret):
            yield Found(match.start(1), match.end(1), "password", secret)


def _given(value: bytes) -> bool:
    """Return whether a value behind a flag is the password itself."""
    plain = value.replace(b"\0", b"")
    return len(plain) >= LEAST_PASSWORD and not refers(plain) and not scanner(_FLAG_LIKE).fullmatch(plain)


SHELLS = (
    *(Place(pattern, partial(flags, pattern)) for pattern in (_FLAG, _STORED, _EXPORTED)),
    *(Place(pattern, partial(tools, pattern)) for pattern in (*_TOOLS, _CURL, _HTTPIE, _SAMBA, _PLACED)),
    Place(_ORACLE, oracle),
    *(Place(pattern, partial(piped, pattern)) for pattern in (_PIPED, _CHPASSWD, _LITERAL)),
)
