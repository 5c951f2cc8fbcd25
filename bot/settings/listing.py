"""The options as a list: for the reference, for the environment, and for what a mistake is told by. Reads nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bot.settings.options import (
    CloudWatchSettings,
    LogSettings,
    LokiSettings,
    MaintenanceSettings,
    Price,
    ServiceSettings,
    Settings,
)

Place = tuple[str, ...]
"""Where a setting lives: ("claude", "max_tokens")."""

NAMED = (Price, LogSettings, CloudWatchSettings, LokiSettings, ServiceSettings, MaintenanceSettings)
"""Tables that stand below a name which is not ours, of a model, of a stream, of a service; and those in lists."""


@dataclass(frozen=True, slots=True)
class OptionHelp:
    """One option as the reference shows it. `default` is written as TOML, None where there is none."""

    name: str
    environment: str | None
    default: str | None
    help: str


def reference() -> list[OptionHelp]:
    """Return every option of copilot.toml, in the order of the settings."""
    return [
        OptionHelp(".".join(place), extra_of(field, "environment"), _as_toml(field.default), field.description or "")
        for place, field in options_of(Settings)
    ]


def options_of(model: type[BaseModel], above: Place = ()) -> Iterator[tuple[Place, FieldInfo]]:
    """Yield every option of a table and the tables in it, with its place."""
    for name, field in model.model_fields.items():
        inner = group_of(field)
        if inner is None or inner in NAMED:
            yield (*above, name), field
        else:
            yield from options_of(inner, (*above, name))


def group_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a table, or of the tables in a table of tables; None for a plain option."""
    kinds = (field.annotation, *get_args(field.annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def extra_of(field: FieldInfo, key: Literal["must", "environment"]) -> str | None:
    """Return the words after "must be" in a mistake, or the variable of an option; None where it has none."""
    extra = field.json_schema_extra
    value = extra.get(key) if isinstance(extra, dict) else None
    return value if isinstance(value, str) else None


def _as_toml(default: object) -> str | None:
    match default:
        case None:
            return None
        case bool():
            return str(default).lower()
        case int() | float():
            return str(default)
        case tuple():
            return "[]"
        case Mapping():
            return "{}"
    return f'"{default}"'


ENVIRONMENT: Mapping[str, str] = {
    "COPILOT_CONFIG": "the settings file; without it ./copilot.toml, when it exists",
    **{option.environment: option.help for option in reference() if option.environment},
}
"""Every variable that is read, with its help. Each wins over the file."""
