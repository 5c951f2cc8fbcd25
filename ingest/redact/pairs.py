"""Names and their values: `DB_PASSWORD=x`, `"token": "x"`, `password: x`, `--secret x`, `<password>x</password>`."""

from collections.abc import Iterator

from ingest.redact.judge import How, hides
from ingest.redact.keep import irregular, refers
from ingest.redact.names import Promise, promise
from ingest.redact.rule import MOST_ASKED, Found, Place, Unchecked
from ingest.redact.scan import Match, scanner

MOST_VALUE = 512
"""Bytes of a value that are judged; one that is hidden is hidden to its end."""
MOST_QUOTED = 4096
"""Bytes behind an opening quote in which the closing one is looked for."""
MOST_BEFORE = 24
"""Bytes before a name, or after a value, that are looked at: `API` in `API key: x`, the next word of a sentence."""

WORDS = (
    "pass", "pwd", "pswd", "pword", "secret", "token", "key", "cred", "auth", "cookie", "sess", "sid", "jwt", "bearer",
    "otp", "mfa", "code", "pin", "cvv", "pw", "sas", "hmac", "psk", "salt", "pepper", "seed", "mnemonic", "login",
    "webhook", "dsn", "license", "signature", "kennwort", "contrase", "senha", "mdp", "wachtwoord", "haslo", "salasana",
    "parola", "pat",
)  # fmt: skip
FOREIGN = (
    "contraseña", "hasło", "lösenord", "mot de passe", "пароль", "Пароль", "密码", "パスワード", "비밀번호", "暗证号",
)  # fmt: skip
"""Names outside ASCII, and the one of several words: they stand as they are, in both cases where there are two."""

_KEYWORD = "|".join(WORDS)
_NAME = rf"[A-Za-z0-9_.\-]*(?:{_KEYWORD})[A-Za-z0-9_.\-]*|{'|'.join(FOREIGN)}"
_TYPE = r"(?:(?:str|string|bytes|text|SecretStr|Optional\[str\]|str \| None)[ \t]*=[ \t]*)?"
_PAIR = (
    rf"(?i)({_NAME})(?:\\*[\"'`\])]|\*\*){{0,3}}[ \t]*(=>|:=|\+=|={{1,3}}|:|->|\xe2\x86\x92|\xef\xbc\x9a|\||,)"
    rf"(?:[*_]{{1,2}}[ \t])?[ \t]*{_TYPE}"
)
_MARK = rf"(?i){_KEYWORD}|{'|'.join(FOREIGN)}"
_QUOTE = r"(?:[bru]|&)?(\\*[\"'`])"
_BARE = r"(?:[^\s\x01-\x1f\x7f\"'`|\\]|\\[^nrtu\"'`\\]|\\\\[^nrtu\"'`\\])+"
_NEXT = r"(?:&(?:amp;)?|[,;])[A-Za-z_][\w.\-\[\] ]{0,60}[=:]|&&|</|<br|[,;:.]+$"
_HEAD = r"([A-Za-z]+)[;,*)]"
_CELL = r"[A-Za-z'_.\-]+"  # of a table: its next heading, or a word
_OPENINGS = frozenset((b"\\", b'"', b"'", b"`", b"b", b"r", b"u", b"&"))
_OPEN = {ord(")"): b"(", ord("]"): b"[", ord("}"): b"{", ord(">"): b"<"}


def pairs(text: bytes) -> Iterator[Found]:
    """Yield the values whose names say that they are secret."""
    rule, place = scanner(_PAIR), 0
    for _ in range(MOST_ASKED):
        match = rule.search(text, place)
        if match is None:
            return
        place = match.end()
        promised, kind = _promised(text, match)
        found = value_at(text, place) if promised != "none" else None
        if found and _hides(text, match, promised, found):
            place = found[1] if found[2] else _end_of(text, found[0], found[1])
            yield Found(found[0], place, kind, text[found[0] : place])
    raise Unchecked


def _promised(text: bytes, match: Match) -> tuple[Promise, str]:
    """Return what the name before a value promises, and the kind that the placeholder will say."""
    name = text[match.start(1) : match.end(1)]
    if not name.isascii() or name == b"mot de passe":
        return "password", "password"
    promised = promise(name)
    if promised == "weak" and name[:1].isalpha() and b"_" not in name:
        promised = promise(_word_before(text, match.start(1)) + b" " + name)
    return promised, kind_of(promised, name)


def kind_of(promised: Promise, name: bytes) -> str:
    """Return the kind of a secret as its name tells it."""
    if promised in ("password", "code"):
        return promised
    low = name.lower()
    return next((kind for word, kind in _KINDS if word in low), "secret")


_KINDS = ((b"token", "token"), (b"jwt", "token"), (b"secret", "secret"), (b"key", "key"), (b"sess", "session"))


def _word_before(text: bytes, place: int) -> bytes:
    """Return the word before a name, as `API` before `key`."""
    before = text[max(0, place - MOST_BEFORE) : place]
    if not before.endswith(b" "):
        return b""
    word = before[:-1].rsplit(b" ", 1)[-1]
    return word if word.isalpha() else b""


def value_at(text: bytes, place: int) -> tuple[int, int, bool] | None:
    """Return where the value that begins at `place` starts and ends, and whether quotes hold it; None if empty."""
    if text[place : place + 1] in _OPENINGS and (
        quote := scanner(_QUOTE).match(text, place, min(len(text), place + 12))
    ):
        place = quote.end()
        end = _closing(text, text[quote.start(1) : quote.end(1)], place)
        if end >= 0:
            return (place, end, True) if end > place else None
    bare = scanner(_BARE).match(text, place, min(len(text), place + MOST_VALUE))
    if bare is None:
        return None
    end = _trimmed(text, place, bare.end())
    return (place, end, False) if end > place else None


def _closing(text: bytes, quote: bytes, start: int) -> int:
    """Return where the quote that opened before `start` closes, or -1; a quote behind a backslash does not close."""
    most = min(len(text), start + MOST_QUOTED)
    end = text.find(quote, start, most)
    while end > 0 and len(quote) == 1 and text[end - 1 : end] == b"\\" and text[end - 2 : end] != b"\\\\":
        end = text.find(quote, end + 1, most)
    return end


def _trimmed(text: bytes, start: int, end: int) -> int:
    """Return where a bare value ends: before the next pair of a query or list, and without the sentence's marks."""
    value = text[start:end]
    if value.isalnum():
        return end
    after = scanner(_NEXT).search(value, 1)
    end = start + after.start() if after else end
    while end > start + 1 and (opening := _OPEN.get(text[end - 1])) and opening not in value:
        end -= 1
    return end


def _end_of(text: bytes, start: int, end: int) -> int:
    """Return the end of a bare value that is longer than what was judged of it."""
    while end - start >= MOST_VALUE and (more := scanner(_BARE).match(text, end, min(len(text), end + MOST_VALUE))):
        after = scanner(_NEXT).search(text, end, more.end())
        if after:
            return after.start()
        start, end = end, more.end()
    return end


def _hides(text: bytes, match: Match, promised: Promise, found: tuple[int, int, bool]) -> bool:
    start, end, quoted = found
    value = text[start : min(end, start + MOST_VALUE)]
    if _stays(text, match, value, quoted=quoted, start=start):
        return False
    how = How(
        assigned=quoted or b"=" in text[match.start(2) : match.end(2)],
        quoted=quoted,
        spaced=text[match.end(2) : match.end(2) + 1] in (b" ", b"\t"),
        alone=_alone(text, match.start(1), end),
        follows=text[end : end + MOST_BEFORE],
    )
    return hides(promised, value, how)


def _stays(text: bytes, match: Match, value: bytes, *, quoted: bool, start: int) -> bool:
    """Return whether the way in which a value stands says that it is none: the name itself, a command, a heading."""
    sign = text[match.start(2) : match.end(2)]
    if value == text[match.start(1) : match.end(1)] or (quoted and text[start - 1] == ord("`") and b" " in value):
        return True
    if sign == b"," and not _is_argument(text, match, quoted=quoted):
        return True
    if sign == b"|" and scanner(_CELL).fullmatch(value) and not irregular(value):
        return True
    head = None if quoted else scanner(_HEAD).match(value)  # `password: null;` and what follows the sentence
    return head is not None and refers(value[: head.end(1)])


def _alone(text: bytes, start: int, end: int) -> bool:
    """Return whether the pair is the whole line, as in YAML; looks at its surroundings only."""
    before, after = text[max(0, start - MOST_BEFORE) : start], text[end : end + MOST_BEFORE]
    return start < MOST_BEFORE and not before.strip(b" \t-\"'>{") and not after.strip()


def _is_argument(text: bytes, match: Match, *, quoted: bool) -> bool:
    """Return whether a comma stands between a name and its value: `put("token", "x")`, `["--token", "x"]`."""
    name = match.start(1)
    return (
        quoted and text[match.start(2) - 1] in b"\"'" and (text[name] == ord("-") or text[max(0, name - 2)] == ord("("))
    )


PAIRS = (Place(_MARK, pairs),)
