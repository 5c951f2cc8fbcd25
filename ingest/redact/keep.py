"""What is no secret though its name says so: a variable, a mask, a path, a word of prose; and what looks random.

The labelled look-alikes of real scanners' test suites decided which of these stay (a value that says `changeme` or
`<password>` tells the reader what to put there).
"""

import functools
import math
from collections import Counter
from itertools import pairwise

from ingest.redact.scan import Scanner, scanner

LEAST_RANDOM = 16
"""Characters below which nothing looks random: 16 of base64 are 96 bits, the least that OWASP's session cheat sheet
asks of an identifier with some margin (64 bits)."""
LEAST_IRREGULAR = 8
LEAST_HEX = 32
"""Hex digits below which a random value may be a commit, a span or a block."""
LEAST_BITS = 2.9
"""Bits of entropy per character (Shannon, over the value's own letters) that random text of 16 characters exceeds."""

LEAST_BITS_HEX = 2.5

_REFERENCES = (
    r"[^A-Za-z0-9\x80-\xff]*",  # ***, ..., -, ~: nothing of it can be a secret
    r"\$\{.*|\$\(.*|\$\$?[A-Za-z_]\w*(?:[/:.].*)?|\$\d|`.*",  # shell, make
    r"\{\{.*|\{%.*|\{[\w.:!\- ]*\}.*|\{[\"'\\].*|#\{.*",  # Jinja, Helm, Go, str.format, Ruby; a JSON object
    r"<.*|\[[A-Za-z_*.\- ]*\].*|\[[\"'\\{].*|\([A-Za-z_* ]*\).*",  # <token>, [REDACTED], (hidden); a JSON list
    r"%[-+#0 ]?\d*[a-zA-Z]|%\(\w+\)s?|%\{.*|%[A-Za-z_]\w*%|@[A-Za-z_]\w*@",  # printf, logstash, Windows, autoconf
    r"!(?:vault|secret|Ref|Sub|GetAtt|env|reference|ImportValue|Join)\b.*|\*[a-z_]+|&[a-z_]+",  # YAML tags, anchors
    r"(?i).{0,8}(?:x{5,}|\*{3,}|\.{3,}|0{12,}|\xe2\x80[\xa6\xa2]|\xe2\x97\x8f)[x*.0\x80-\xff\-]*.{0,8}",  # masked
    r"(?i)x{3,}|y{3,}|z{3,}",
    (  # a place where it is kept
        r"(?i)(?:vault|ssm|sm|secretsmanager|awssm|gcpsm|azurekv|op|bws|doppler|keyring|keychain|env|file|ref|sops|kms|"
        r"arn|projects|param|secretref|valuefrom):[/:a-z].*"
    ),
    r".*(?:\[[a-zA-Z0-9]-[a-zA-Z0-9]|\(\?[:i]|\\[bdwsS][+*(\[]).*",  # a pattern of such secrets
    r"[A-Za-z0-9+/]*EXAMPLE(?:KEY)?(?:/.*)?",  # of AWS's documentation
    r"ENC[\[(].*|vault:v\d+:.*|\$ANSIBLE_VAULT;.*",  # ciphertext
    (  # paths
        r"(?:~|\.{1,2})?/(?:etc|var|run|home|usr|opt|mnt|tmp|root|secrets?|vault|data|app|srv|dev|proc|Users|bin|path|"
        r"keys?|certs?|ssl|tls|config|conf)(?:/[^\s]*)?|\.{1,2}/.*|~/.*|[A-Z]:\\.*"
    ),
    r"/?[a-z][a-z0-9_\-]*(?:/[a-z][a-z0-9_\-.]*)+",
    (
        r"[\w.\-/]+\.(?:txt|json|ya?ml|toml|ini|conf|cfg|env|pem|key|crt|cer|cert|p12|pfx|jks|properties|xml|go|py|js|"
        r"ts|java|rb|rs|php|sh|md|html?|log|sock)"
    ),
    r"(?i)https?://[^\s@]*|(?:wss?|tcp|udp|grpc|unix)://[^\s@]*",  # an address without a secret in it
)
_CODE = (
    (
        r"(?:process\.env|os\.(?:environ|getenv)|System\.getenv|ENV|env|getenv|secrets?|vars?|local|data|module|config|"
        r"settings|options|args|params|props|self|this|request|req|ctx|context|user|steps|inputs|values|Values)"
        r"(?:[.\[(]|::|->).*"
    ),
    r"[A-Za-z_]\w*(?:\.\w+)*[(\[].*|[(\[].*",  # a call, a part, a tuple
)
_HOLDERS = (
    r"(?i)(?:your|insert|enter|replace|put|paste|fill)[_\-. ]+[a-z_\-. ]*",
    (
        r"(?i)[a-z_\-. ]*(?:changeme|change[_-](?:me|it)|example|placeholder|redacted|dummy|sample|fake|todo|fixme|"
        r"foobar|not[_-]?(?:set|used|real|needed)|goes[_-]?here|replace[_-]?me|to[_-]be[_-]|removed|filtered|omitted|"
        r"unset)[a-z_\-. ]*"
    ),
    r"[A-Z]{2,}(?:[_\-][A-Z]{2,}\d?)+",  # DB_PASSWORD
    r"(?i)[a-z]+[_.\-][a-z_.\-]*(?:pass|token|secret|key|cred)[a-z_.\-]*",  # the name of another secret
    r"(?i)(?:pass|token|secret|key|cred)[a-z]*[_.\-][a-z_.\-]*",
)
_OTHER_NAME = r"(?i)[a-z]*(?:password|passwd|token|secret|apikey|credential|passphrase)[a-z]*"
_WORDS = frozenset(
    "true false null none nil undefined void empty unset blank yes no on off ok required optional mandatory "
    "string str text bool boolean int integer float object bytes char varchar any dict list array map type hidden "
    "redacted masked filtered removed protected changeme changeit password passwd passphrase pass pwd secret "
    "token key user username name login test testing n/a na tbd todo default prompt ask interactive stdin stdout "
    "env environment file vault keychain keyring unknown invalid expired missing incorrect wrong failed failure "
    "success valid changed reset disabled enabled static dynamic plain cleartext md5 sha1 sha256 sha512 bcrypt "
    "scrypt argon2 scram-sha-256 authentication authorization auth basic bearer digest kerberos negotiate ntlm "
    "trust peer ident cert certificate credentials credential creds files systemd compat sss ldap nis db "
    "generated random value example sample dummy placeholder here below above rejected accepted denied refused "
    "not is was must should may can cannot please see stored encrypted hashed set the revoked rotated refreshed "
    "refreshing updated created deleted used unused present absent found error timeout unauthorized forbidden too "
    "short long weak strong same different correct mismatch and or for to in of with from by at as a an it this "
    "that your my our use using enter which what when if then else new old current read write admin-only self me "
    "client server public private internal external access refresh id opaque jwt oauth oauth2 saml oidc sso ssh "
    "tls ssl rsa ecdsa ed25519 aes hs256 rs256 manual automatic auto managed local".split()
)
_PROSE = frozenset(
    "is must the not be for to required invalid with from has was are should cannot can of and or at least please "
    "your this that does do did wrong incorrect expired missing failed when if in a an contain characters".split()
)
_CHANCE = (r"[A-Za-z0-9+/=_.~%\-|]*", r"(?:0x)?[0-9a-fA-F]*", r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PATH = r"/?[a-z][a-z_\-]{2,}/(?:[^/]*/)*[^/=]*"
LEAST_PROSE = 2
MOST_ALIKE = 3
"""Different characters of a token that was typed, not made."""
_PICTURE = r"(?i).*(?:x{6,}|\*{3,}|#{6,}|0{16,}|1234567890123456|abcdefghijklmnopqrstuv).*"
_HUMP = r"(?:[A-Z][a-z]{2,}|I[dsnf]|To|O[nfkr]|Up|[BM]y|Db|Js|No|A[ts])"
_REGULAR = rf"[A-Z]*[a-z]+|[A-Z]+s?|[a-z]{{2,}}{_HUMP}*[A-Z]{{0,6}}|[A-Z]{{0,6}}{_HUMP}+[A-Z]{{0,6}}"


@functools.cache
def _rule(*patterns: str) -> Scanner:
    return scanner("(?s)" + "|".join(f"(?:{pattern})" for pattern in patterns))


def refers(value: bytes, *, code: bool = False, spaced: bool = False) -> bool:
    """Return whether a value only points at a secret, masks one, or holds its place.

    `code`: it stands without quotes, so it may be an expression; `spaced`: a space stands before it, as in code.
    """
    if value.decode("latin-1").lower() in _WORDS or _rule(*_REFERENCES, *_HOLDERS).fullmatch(value) is not None:
        return True
    if code and _rule(*_CODE).fullmatch(value) is not None:
        return True
    return code and spaced and _rule(_OTHER_NAME).fullmatch(value) is not None


def masked(token: bytes) -> bool:
    """Return whether a vendor's token is a picture of one: `ghp_xxxxxxxx`, `AKIA...EXAMPLE`, one letter repeated."""
    if b"EXAMPLE" in token or len(set(token)) <= MOST_ALIKE:
        return True
    return _rule(_PICTURE).fullmatch(token) is not None


def random_looking(value: bytes) -> bool:
    """Return whether a value is made by chance rather than by a person: the tie-break where a name promises little."""
    if len(value) < LEAST_RANDOM or _rule(_CHANCE[0]).fullmatch(value) is None:
        return False
    if _rule(_CHANCE[1]).fullmatch(value):
        return len(value) >= LEAST_HEX and _bits(value) > LEAST_BITS_HEX
    if _rule(_CHANCE[2]).fullmatch(value) or _named(value):
        return False
    if not digits(value) and not any(irregular(part) for part in value.replace(b".", b"/").split(b"/")):
        return False
    return _mixed(value) and _bits(value) > LEAST_BITS


def digits(value: bytes) -> int:
    """Return how many digits a value has."""
    return len(value) - len(value.translate(None, b"0123456789"))


def irregular(value: bytes) -> bool:
    """Return whether cases change within letters as in no word, name or abbreviation."""
    letters = value.translate(None, b"-_=")
    return len(letters) >= LEAST_IRREGULAR and letters.isalpha() and _rule(_REGULAR).fullmatch(letters) is None


def prose(value: bytes) -> bool:
    """Return whether a quoted value is a sentence about secrets rather than one."""
    words = value.decode("latin-1").lower().replace(",", " ").split()
    return len(words) > LEAST_PROSE and any(word.strip(".!:") in _PROSE for word in words)


def _named(value: bytes) -> bool:
    """Return whether a value is put together from words: a host, a path, a pod, a version, a date."""
    text = value.decode("latin-1")
    if _rule(_PATH).fullmatch(value):
        return True
    parts = text.replace("/", "-").replace(".", "-").replace("_", "-").split("-")
    wordy = [part for part in parts if part.isdigit() or (part.isalpha() and _rule(_REGULAR).fullmatch(part.encode()))]
    return len(parts) > LEAST_PROSE and sum(map(len, wordy)) > len(text) / 2


def _mixed(value: bytes) -> bool:
    """Return whether digits and letters alternate as they do by chance, or cases do."""
    text = value[:128].decode("latin-1")
    kinds = ["d" if c.isdigit() else "u" if c.isupper() else "l" if c.islower() else "s" for c in text]
    turns = sum(1 for before, after in pairwise(kinds) if before != after)
    return len(set(kinds)) > 1 and turns >= len(text) / 5


def _bits(value: bytes) -> float:
    sample = value[:256]
    return -sum(n / len(sample) * math.log2(n / len(sample)) for n in Counter(sample).values())
