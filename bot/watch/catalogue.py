"""The services: which names in logs and alerts are whose, where their stories go, whom they concern.

Does no I/O but reading Backstage's files at the start.

Format: backstage.io/docs/features/software-catalog/descriptor-format (kind Component, API version backstage.io/v1*).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.errors import BotError
from bot.settings import ServiceSettings, Settings, seconds_of
from ingest.documents.front import yaml_of

FILES = ("catalog-info.yaml", "catalog-info.yml")
"""What Backstage's own discovery looks for in a folder."""

MOST_BYTES = 4 * 1024 * 1024
"""A file beyond 4 MiB is no catalogue that people keep by hand."""

NAMING = (
    "backstage.io/kubernetes-id",
    "github.com/project-slug",
    "gitlab.com/project-slug",
    "sentry.io/project-slug",
)
"""Annotations whose value names the component elsewhere; of `owner/repository` the last part counts. Source:
backstage.io/docs/features/software-catalog/well-known-annotations."""

ESCALATE_S = 900


@dataclass(frozen=True, slots=True)
class Service:
    """A service. `patterns` are names, in which * stands for anything; `owner` is an id of the chat, or a plain name.

    `notify` is an id of a person or a user group, out of the settings alone: it may become a mention.
    """

    name: str
    patterns: tuple[str, ...]
    channel: str | None = None
    owner: str | None = None
    notify: str | None = None
    escalate_after_s: int = ESCALATE_S


class Catalogue:
    """All services, those of the settings first. Names are compared without regard to case."""

    def __init__(self, services: Sequence[Service] = ()) -> None:
        self.services = tuple(services)
        patterns = [(pattern, service) for service in self.services for pattern in service.patterns]
        patterns.sort(key=lambda each: (each[0].count("*"), -len(each[0])))  # a plain name first, then the longer one
        self._patterns = [(_matcher(pattern), service) for pattern, service in patterns]
        self._known: dict[str, Service | None] = {}

    @classmethod
    def from_settings(cls, settings: Settings) -> "Catalogue":
        """Return the services of the settings and of Backstage's files that they name.

        Reads those files. Raises BotError, naming the file, for one that is not there or cannot be understood.
        """
        found = {each.name: each for path in settings.watch.catalog for each in _backstage(path, settings.slack.names)}
        named = [_from_settings(name, each, found.pop(name, None)) for name, each in settings.services.items()]
        return cls([*named, *found.values()])

    def service_of(self, names: Iterable[str]) -> Service | None:
        """Return the service of the first name that is somebody's; of several, that of the most exact pattern."""
        return next((service for name in names if (service := self._service(name)) is not None), None)

    def named(self, name: str) -> Service | None:
        """Return a service by its own name."""
        return next((each for each in self.services if each.name == name), None)

    def _service(self, name: str) -> Service | None:
        name = name.casefold()
        if name not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[name] = next((service for fits, service in self._patterns if fits.fullmatch(name)), None)
        return self._known[name]


MOST_KNOWN = 20_000
"""Names whose service is remembered: hosts come and go."""


def _matcher(pattern: str) -> re.Pattern[str]:
    """Return a matcher in which * alone is special; runs of it count as one, so that nothing is tried in vain."""
    parts = re.split(r"\*+", pattern.casefold())
    return re.compile(".*?".join(re.escape(part) for part in parts), re.DOTALL)


def _from_settings(name: str, settings: ServiceSettings, known: Service | None) -> Service:
    """Return a service of the settings; what they leave open is as Backstage has it."""
    return Service(
        name=name,
        patterns=tuple(dict.fromkeys((*(settings.patterns or (name,)), *(known.patterns if known else ())))),
        channel=settings.channel,
        owner=settings.owner or (known.owner if known else None),
        notify=settings.notify,
        escalate_after_s=seconds_of(settings.escalate_after),
    )


def _backstage(path: Path, names: Mapping[str, str]) -> Iterator[Service]:
    """Yield the components of a file, or of all catalogue files below a folder."""
    files = sorted(each for name in FILES for each in path.rglob(name)) if path.is_dir() else [path]
    if not files:
        raise BotError(f"watch.catalog: no {FILES[0]} in {path}.")
    for file in files:
        for entity in _entities(file):
            if entity.get("kind") == "Component" and (service := _component(entity, names)) is not None:
                yield service


def _entities(file: Path) -> Iterator[Mapping[str, Any]]:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise BotError(f"watch.catalog: {file} is larger than {MOST_BYTES // 1024**2} MiB.")
        documents = yaml_of(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeError) as error:
        raise BotError(f"watch.catalog: {file} cannot be read: correct the path or its permissions.") from error
    except ValueError as error:
        raise BotError(f"watch.catalog: {file} is not YAML that can be read.") from error
    yield from (each for each in documents if isinstance(each, Mapping))


def _component(entity: Mapping[str, Any], names: Mapping[str, str]) -> Service | None:
    metadata, spec = _mapping(entity.get("metadata")), _mapping(entity.get("spec"))
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        return None
    annotations = _mapping(metadata.get("annotations"))
    others = [value.rsplit("/", 1)[-1] for each in NAMING if isinstance(value := annotations.get(each), str)]
    title = metadata.get("title")
    patterns = dict.fromkeys(each for each in (name, title, *others) if isinstance(each, str) and _is_plain(each))
    return Service(name, tuple(patterns), owner=_owner(spec.get("owner"), names))


def _is_plain(name: str) -> bool:
    """Whether a name of somebody else's file is one: there, * has no meaning."""
    return bool(name.strip()) and "*" not in name


def _owner(reference: object, names: Mapping[str, str]) -> str | None:
    """Return the owner of an entity reference, `group:default/payments`: its id where the settings name it."""
    if not isinstance(reference, str) or not reference.strip():
        return None
    plain = reference.rsplit("/", 1)[-1].rsplit(":", 1)[-1].strip()
    return names.get(reference) or names.get(plain) or plain


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
