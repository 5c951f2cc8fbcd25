"""Front matter: the YAML between `---` lines on top of a document. Pure; a wrong field is reported, never fatal."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, cast

import yaml

MOST_CHARS = 8_000
"""Front matter beyond this is no front matter; it bounds what YAML has to chew on."""

SEVERITIES = ("low", "medium", "high", "critical")
FIELDS = ("title", "kind", "service", "severity", "owner", "audience", "reviewed")
AUDIENCE = "audience"
MISSPELT = 0.85
"""How alike a field must be to `audience` to close the document: `audiences` and `audiance` are, `reviewer` is not."""

_FIELD_LINE = re.compile(rf"^({'|'.join(FIELDS)})[ \t]*:", re.MULTILINE | re.IGNORECASE)
_AUDIENCE_LINE = re.compile(rf"^[\"']?{AUDIENCE}[\"']?[ \t]*[:=]", re.MULTILINE | re.IGNORECASE)
"""As YAML or TOML would say it, in front matter that stands too low or is of another kind: it closes the document."""


@dataclass(frozen=True, slots=True)
class Front:
    """What the front matter said. `lines` is how many lines it takes, `problems` what was wrong, in words.

    `audience` is None when nothing (or nothing readable) was said; `private` is True when an audience was given that
    cannot be understood, so that nobody reads the document by accident.
    """

    lines: int = 0
    title: str | None = None
    kind: str | None = None
    services: tuple[str, ...] = ()
    severity: str | None = None
    owner: str | None = None
    audience: tuple[str, ...] | None = None
    private: bool = False
    reviewed: date | None = None
    problems: tuple[str, ...] = field(default=())


class _Plain(yaml.SafeLoader):
    """YAML without aliases: nothing to blow up. A day stays text, so that a wrong one spoils no other field."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way to say so
        first: [(tag, pattern) for tag, pattern in rules if not tag.endswith(":timestamp")]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - its
        names = [str(key.value).strip().lower() for key, _ in node.value]
        if names.count(AUDIENCE) > 1:  # YAML takes the last, which may be the wider one
            raise yaml.YAMLError("audience is said twice")
        return super().construct_mapping(node, deep)

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401 - PyYAML's own signature
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        return cast("Callable[[Any, Any], Any]", super().compose_node)(parent, index)


def front_of(text: str) -> Front:
    """Return the front matter of `text`; an empty one when there is none."""
    block, lines = _block(text)
    if block is None:
        return _unclosed(text)
    try:
        fields = yaml.load(block, _Plain)  # noqa: S506 - a SafeLoader, made stricter
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError):  # a wrong !!tag raises anything
        return Front(lines, private=_may_be_private(block), problems=("front matter is not YAML that can be read",))
    if fields is None:
        return Front(lines)
    if not isinstance(fields, Mapping):
        return Front(lines, private=_may_be_private(block), problems=("front matter is not a list of `name: value`",))
    return _judged(lines, {str(name).strip().lower(): value for name, value in fields.items()})


def yaml_of(text: str) -> list[Any]:
    """Return the YAML documents of a text that is nothing else. Raises ValueError where they cannot be read."""
    try:
        return list(yaml.load_all(text, _Plain))
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError) as error:  # as above
        raise ValueError("not YAML that can be read") from error


def _unclosed(text: str) -> Front:
    """Return what to think of a text without front matter, or with one that never ends."""
    top = text[:MOST_CHARS].lstrip()
    if not text.startswith("---") or not _FIELD_LINE.search(top):
        return Front(private=top.startswith(("---", "+++")) and _AUDIENCE_LINE.search(top) is not None)
    private = any(name.lower() == AUDIENCE for name in _FIELD_LINE.findall(text))
    problem = f"front matter does not end: close it with --- within {MOST_CHARS:,} characters"
    return Front(private=private, problems=(problem,))


def _may_be_private(block: str) -> bool:
    """Whether front matter that cannot be read may have named an audience; then nobody may read the document."""
    return AUDIENCE in block.lower()


def _block(text: str) -> tuple[str | None, int]:
    rows = text[: MOST_CHARS + 4].split("\n")
    if rows[0].rstrip() != "---":
        return None, 0
    for number, row in enumerate(rows[1:], start=2):
        if row.rstrip() in {"---", "..."}:
            return "\n".join(rows[1 : number - 1]), number
    return None, 0


def _judged(lines: int, fields: Mapping[Any, Any]) -> Front:
    misspelt = [] if AUDIENCE in fields else get_close_matches(AUDIENCE, fields, n=1, cutoff=MISSPELT)
    problems = [f"front matter: did you mean audience by {name}?" for name in misspelt]

    def taken(name: str, reader: Callable[[Any], Any], expected: str) -> Any:  # noqa: ANN401 - each field its own type
        value = fields.get(name)
        if value is None:
            return None
        result = reader(value)
        if result is None:
            problems.append(f"front matter: {name} must be {expected}")
        return result

    audience = taken(AUDIENCE, _names, "`everyone` or a list of names")
    if AUDIENCE in fields and fields[AUDIENCE] is None:
        problems.append("front matter: audience says nothing: put a name that begins with # in quotes")
    return Front(
        lines=lines,
        title=taken("title", _line, "one line of text"),
        kind=taken(
            "kind", lambda value: value if value in ("runbook", "postmortem") else None, "runbook or postmortem"
        ),
        services=taken("service", _names, "a name or a list of names") or (),
        severity=taken("severity", lambda value: value if value in SEVERITIES else None, ", ".join(SEVERITIES)),
        owner=taken("owner", _line, "one name"),
        audience=audience,
        private=(AUDIENCE in fields and audience is None) or bool(misspelt),
        reviewed=taken("reviewed", _day, "a day such as 2026-11-20"),
        problems=tuple(problems),
    )


def _line(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    line = " ".join(str(value).split())
    return line or None


def _names(value: object) -> tuple[str, ...] | None:
    if isinstance(value, str):
        names = [part.strip() for part in value.split(",")]
    elif isinstance(value, list) and all(isinstance(part, str | int) for part in value):
        names = [str(part).strip() for part in value]
    else:
        return None
    kept = tuple(dict.fromkeys(name for name in names if name))
    return kept or None


def _day(value: object) -> date | None:
    try:
        return datetime.fromisoformat(str(value).strip()).date()
    except ValueError:
        return None
