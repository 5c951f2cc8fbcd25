"""Where things stand in a TOML text, which its parser does not tell. Pure."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bot.settings.listing import Place


def line_of(error: tomllib.TOMLDecodeError, text: str) -> int:
    """Return the line that the parser names; it speaks of the end of the document by its last line."""
    found = re.search(r"at line (\d+)", str(error))
    return int(found[1]) if found else max(1, len(text.splitlines()))


def lines_of(text: str) -> Iterator[tuple[Place, int]]:
    """Return the line of every table and option of a valid TOML text, lines counted from 1.

    The parser keeps no positions; so each statement is parsed by itself, as soon as it is whole.
    """
    table: Place = ()
    statement, begin = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        statement, begin = (f"{statement}\n{line}", begin) if statement else (line, number)
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue  # a list or text over several lines
        places = list(_places(parsed))
        if statement.lstrip().startswith("["):
            table = places[-1]
            yield table, begin
        else:
            yield from (((*table, *place), begin) for place in places)
        statement = ""


def _places(values: Mapping[str, Any]) -> Iterator[Place]:
    """Return the place of every key in nested tables, outer ones first."""
    for key, value in values.items():
        yield (key,)
        if isinstance(value, dict):
            yield from ((key, *inner) for inner in _places(value))


def rebase(values: dict[str, Any], folder: Path) -> None:
    """Make the folders in a file relative to that file, in place; what is not text is left for the check."""

    def moved(value: object) -> object:
        return str(folder / value) if isinstance(value, str) and not value.startswith("~") else value

    if "data" in values:
        values["data"] = moved(values["data"])
    documents = values.get("documents")
    if isinstance(documents, dict) and isinstance(documents.get("folders"), list):
        documents["folders"] = [moved(value) for value in documents["folders"]]
    sources = values.get("logs")
    for source in sources.values() if isinstance(sources, dict) else ():
        if isinstance(source, dict) and isinstance(source.get("files"), list):
            source["files"] = [moved(value) for value in source["files"]]
