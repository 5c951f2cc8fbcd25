"""Secrets whose format is a standard's or a tool's, not a vendor's: signed tokens, key lines, password hashes."""

from ingest.redact.rule import Rule

FORMATS = (
    Rule(
        "jwt",
        r"\beyJ[A-Za-z0-9_\-]{10,}\.eyJ[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*){0,1}",
        "RFC 7519; RFC 7515",
    ),
    Rule(
        "jwe",
        r"\beyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]*\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}",
        "RFC 7516",
    ),
    Rule("paseto", r"\bv[1-4]\.(?:local|public)\.[A-Za-z0-9_\-]{40,}(?:\.[A-Za-z0-9_\-]+)?", "https://paseto.io/rfc"),
    Rule("age-key", r"\bAGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{40,}", "https://age-encryption.org/v1"),
    Rule("minisign-key", r"\bRWRTY0Iy[A-Za-z0-9+/]{180,}={0,2}", "https://jedisct1.github.io/minisign"),
    Rule("password-hash", r"\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}", "crypt(5)"),
    Rule(
        "password-hash", r"\$(?:1|5|6|apr1|md5)\$(?:rounds=\d+\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{22,86}", "crypt(5)"
    ),
    Rule("password-hash", r"\$(?:y|7|gy|sm3)\$[./A-Za-z0-9]+\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43}", "crypt(5)"),
    Rule("password-hash", r"\$argon2(?:id|i|d)\$v=\d+\$[a-z0-9=,]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+", "RFC 9106"),
    Rule("password-hash", r"\$[PH]\$[./A-Za-z0-9]{31}", "https://www.openwall.com/phpass"),
    Rule("password-hash", r"\{(?:S?SHA(?:256|512)?|S?MD5|CRYPT)\}[A-Za-z0-9+/=$.]{13,}", "RFC 2307"),
    Rule(
        "password-hash",
        r"\b(?:pbkdf2_sha(?:1|256|512)|bcrypt_sha256|scrypt)\$[A-Za-z0-9$+/=.,_\-]{40,200}",
        "Django: password storage",
    ),
    Rule(
        "password-hash",
        r"\bpbkdf2:sha\d+:\d+\$[A-Za-z0-9]+\$[a-f0-9]{32,}|\bscrypt:\d+:\d+:\d+\$[A-Za-z0-9]+\$[a-f0-9]{64,}",
        "Werkzeug",
    ),
    Rule(
        "password-hash", r"\bSCRAM-SHA-(?:1|256|512)\$\d+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+", "RFC 5803"
    ),
    Rule("password-hash", r"\b[a-f0-9]{32}:[a-f0-9]{32}:::", "MS-SAMR; pwdump lines", mark=r":::"),
)
