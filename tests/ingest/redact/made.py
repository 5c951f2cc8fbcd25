"""Tokens by chance in a rule's own format, so that no whole token stands in the repository."""

import random
from re import _parser  # type: ignore[attr-defined] - the pattern's own tree, which `re` gives no other way
from typing import Any

MOST_REPEATS = 12


def made(pattern: str, by: random.Random) -> str:
    """Return a text that `pattern` matches as a whole; word boundaries are left to whoever places it."""
    return "".join(_part(kind, what, by) for kind, what in _parser.parse(pattern))


def _part(kind: Any, what: Any, by: random.Random) -> str:
    name = str(kind)
    if name == "LITERAL":
        return chr(what)
    if name == "IN":
        return by.choice(_members(what))
    if name in ("MAX_REPEAT", "MIN_REPEAT"):
        least, most, inner = what
        times = by.randint(least, min(most, least + MOST_REPEATS))
        return "".join(_part(*by.choice([one]), by) for _ in range(times) for one in inner)
    if name == "BRANCH":
        return "".join(_part(*one, by) for one in by.choice(what[1]))
    if name == "SUBPATTERN":
        return "".join(_part(*one, by) for one in what[-1])
    return "" if name == "AT" else by.choice("abc123")


def _members(what: Any) -> str:
    signs = ""
    for kind, value in what:
        if str(kind) == "LITERAL":
            signs += chr(value)
        elif str(kind) == "RANGE":
            signs += "".join(map(chr, range(value[0], value[1] + 1)))
        elif str(value) == "CATEGORY_DIGIT":
            signs += "0123456789"
        elif str(value) == "CATEGORY_WORD":
            signs += "abcdefghijklmnopqrstuvwxyz0123456789_"
        else:
            signs += "Ab1"
    return signs
