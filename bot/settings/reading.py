"""Settings from the command line, the environment and copilot.toml, checked together; every mistake at once."""

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from operator import itemgetter
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from bot.errors import SettingsError
from bot.settings.listing import Place, extra_of, group_of, options_of, reference
from bot.settings.options import LOG_KINDS, Settings
from bot.settings.toml import line_of, lines_of, rebase
from ingest.logs.names import STREAM

DEFAULT_FILE = Path("copilot.toml")
"""Read when it exists and COPILOT_CONFIG names no other."""


def load(
    environ: Mapping[str, str],
    *,
    data: Path | None = None,
    http_port: int | None = None,
    port: int | None = None,
) -> Settings:
    """Return the settings: the command line wins over the environment, it over the file, it over the defaults.

    An empty variable counts as unset. Relative folders in the file are relative to the file. Reads one file.
    Raises SettingsError with every mistake, a line each: where, what, and what it must be; never a value.
    """
    given = _Given()
    given.take_file(environ.get("COPILOT_CONFIG", "").strip())
    given.take_environment(environ)
    flags = {
        "--data": (("data",), data),
        "--http-port": (("http", "port"), http_port),
        "--port": (("workspace", "port"), port),
    }
    for flag, (place, value) in flags.items():
        if value is not None:
            given.put(place, value, _Origin(flag))
    return given.settings()


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a value came from: a variable or a flag, or a file with a line."""

    name: str
    line: int | None = None

    def says(self, place: Place, words: str) -> str:
        """Return the mistake as one line."""
        if self.line is None:
            return f"{self.name}: {words}"
        return f"{self.name}:{self.line}: {'.'.join(place)}: {words}"


class _Given:
    """What was given, from everywhere, with its origins; then checked at once."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._origins: dict[Place, _Origin] = {}
        self._mistakes: list[tuple[int, str]] = []

    def put(self, place: Place, value: object, origin: _Origin) -> None:
        """Set one value over whatever was there."""
        table = self._values
        for part in place[:-1]:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                return  # the file has no table there: that is the mistake to report
        table[place[-1]] = value
        self._origins[place] = origin

    def take_environment(self, environ: Mapping[str, str]) -> None:
        """Take the variables that are set and not empty."""
        for place, field in options_of(Settings):
            name = extra_of(field, "environment")
            value = environ.get(name, "").strip() if name else ""
            if name and value:
                self.put(place, value, _Origin(name))

    def take_file(self, named: str) -> None:
        """Take the file's values; a file that was not asked for may be missing."""
        path = Path(named) if named else DEFAULT_FILE
        if not named and not path.exists():
            return
        text = ""
        try:
            text = path.read_text(encoding="utf-8-sig")
            self._values = tomllib.loads(text)
        except OSError:
            self._mistake(0, f"{named and 'COPILOT_CONFIG: '}{path}: there is no file of this name that I may read")
        except UnicodeDecodeError:
            self._mistake(0, f"{path}: is not UTF-8 text")
        except tomllib.TOMLDecodeError as error:
            self._mistake(
                0, f"{path}:{line_of(error, text)}: is not TOML: every setting is name = value, texts in quotes"
            )
        else:
            self._origins = {place: _Origin(str(path), line) for place, line in lines_of(text)}
            rebase(self._values, path.parent)

    def settings(self) -> Settings:
        """Return the settings, or raise SettingsError with every mistake in the order of the file."""
        settings = None
        self._check_pair()
        self._check_sources()
        try:
            settings = Settings.model_validate(self._values)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_input=False):
                self._explain(detail)
        if settings is None or self._mistakes:
            in_order = sorted(self._mistakes, key=itemgetter(0))
            raise SettingsError("\n".join(dict.fromkeys(words for _, words in in_order)))
        return settings

    def _explain(self, detail: ErrorDetails) -> None:
        place = tuple(part for part in detail["loc"] if isinstance(part, str))
        if detail["type"] == "extra_forbidden":
            self._wrong(place, f"there is no such setting{_near(place)}")
        else:
            self._wrong(place, _must(place, missing=detail["type"] == "missing"))

    def _check_pair(self) -> None:
        """Slack's bot token and a way to hear of events serve only together."""
        bot, ways = ("slack", "bot_token"), (("slack", "app_token"), ("slack", "signing_secret"))
        heard = next((way for way in ways if way in self._origins), None)
        if bot in self._origins and heard is None:
            missing = "SLACK_APP_TOKEN (xapp-...), or SLACK_SIGNING_SECRET for HTTP,"
            self._wrong(bot, f"needs {missing} beside it: set both, or neither for the local workspace")
        elif bot not in self._origins and heard is not None:
            missing = "SLACK_BOT_TOKEN (xoxb-...)"
            self._wrong(heard, f"needs {missing} beside it: set both, or neither for the local workspace")

    def _check_sources(self) -> None:
        """See that the lines of each stream come from one place."""
        tables = self._values.get("logs")
        for name, table in tables.items() if isinstance(tables, dict) else ():
            if not STREAM.fullmatch(name):
                self._wrong(("logs", name), "a stream's name has letters, digits, dots, dashes and underscores only")
            if not isinstance(table, dict):
                continue  # the check of the types says so
            told = [kind for kind in LOG_KINDS if table.get(kind, False) is not False]
            if len(told) != 1:
                place = ("logs", name, told[1]) if told else ("logs", name)
                self._wrong(
                    place, f"a source needs exactly one of {', '.join(LOG_KINDS)}; it has {len(told) or 'none'}"
                )

    def _wrong(self, place: Place, words: str) -> None:
        origin = self._origin(place)
        self._mistake(origin.line or sys.maxsize, origin.says(place, words))

    def _origin(self, place: Place) -> _Origin:
        """Return the origin of the nearest thing that was written: the option, or a table above it."""
        above = (place[:length] for length in range(len(place), 0, -1))
        return next((self._origins[part] for part in above if part in self._origins), _Origin(".".join(place)))

    def _mistake(self, line: int, words: str) -> None:
        self._mistakes.append((line, words))


def _must(place: Place, *, missing: bool) -> str:
    field = _field(place)
    if field is not None and (must := extra_of(field, "must")):
        return f"{'is missing; it ' if missing else ''}must be {must}"
    return f"must be a table that begins with [{'.'.join(place)}]"


def _field(place: Place) -> FieldInfo | None:
    model: type[BaseModel] | None = Settings
    field = None
    for part in place:
        if model is None:
            break  # inside a list: the option above is what must be mended
        if part in model.model_fields:
            field = model.model_fields[part]
            model = group_of(field)
        else:
            field = None  # the name of a model in claude.prices: a table of its own
    return field


def _near(place: Place) -> str:
    """Return "; did you mean X?" for the nearest option, or nothing."""
    names = {name: name for name in (*Settings.model_fields, *(option.name for option in reference()))}
    names |= {name.rpartition(".")[2]: name for name in names}
    close = get_close_matches(".".join(place), names, n=1, cutoff=0.75) or get_close_matches(place[-1], names, n=1)
    return f"; did you mean {names[close[0]]}?" if close else ""
