"""Who may read a document: what its front matter says, else the rule of its folder, else everyone. Pure.

What cannot be understood is never guessed: then nobody may read the document, and its owner is told.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from ingest.types import EVERYONE

_ID = re.compile(r"[CGSUW](?:[A-Z0-9]{8,}|(?=[A-Z]*[0-9])[A-Z0-9]{2,})")
"""A channel (C, before 2021 also G), user group (S) or user (U, W): docs.slack.dev, "Types of object identifiers".
A short word in capitals, such as SRE, is taken for a name."""


class NotUnderstood(ValueError):
    """An audience that names something which is no id; `str()` of it is the reason, in words for the owner."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings about audiences.

    `folders` are globs on a document's path with or without its source's name, and the labels of what they match; the
    first that matches wins. `names` gives the id of names such as `#payments`.
    """

    folders: tuple[tuple[str, tuple[str, ...]], ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    def of_folder(self, path: str) -> tuple[str, ...]:
        """Return the labels, as written, that the rules give to `path` (`SOURCE/relative`)."""
        within = path.partition("/")[2]
        for glob, labels in self.folders:
            if fnmatchcase(path, glob) or fnmatchcase(within, glob):
                return labels
        return EVERYONE

    def ids(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """Return labels as ids, sorted, each once; EVERYONE stays. Raises NotUnderstood."""
        found = {self._id(label) for label in labels}
        if not found:
            raise NotUnderstood("is empty")
        if len(found) > 1 and found & set(EVERYONE):
            raise NotUnderstood("names `everyone` beside others")
        return tuple(sorted(found))

    def fingerprint(self, path: str) -> str:
        """Return what of these rules can change who reads `path`: part of the document's own fingerprint."""
        return f"{self.of_folder(path)} {sorted(self.names.items())}"

    def _id(self, label: str) -> str:
        known = {_plain(name): name_id for name, name_id in self.names.items()}
        meant = label if _ID.fullmatch(label) or label.lower() in EVERYONE else known.get(_plain(label), label)
        if meant.lower() in EVERYONE:
            return EVERYONE[0]
        if not _ID.fullmatch(meant):
            raise NotUnderstood(f"names {label}, which is no Slack id and not in slack.names")
        return meant


NO_RULES = Rules()
"""Only front matter says who may read what."""


def _plain(name: str) -> str:
    return name.strip().lstrip("#@").casefold()
