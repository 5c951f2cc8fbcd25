"""Writes the parts of reference.md that follow from the program: commands, settings, metrics. Decides no wording.

Run it as a file after a command, an option, a setting or a metric changed; `tests/test_docs.py` tells when it is due.
"""  # noqa: INP001 - a script beside the pages, not a package

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import typer
from prometheus_client import CollectorRegistry

from bot.__main__ import app
from bot.door.metrics import Metrics
from bot.settings import (
    CloudWatchSettings,
    LogSettings,
    LokiSettings,
    MaintenanceSettings,
    Price,
    ServiceSettings,
    reference,
)

PAGE = Path(__file__).with_name("reference.md")
_PART = re.compile(r"(<!-- generated: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def filled(page: str) -> str:
    """Return the page with every generated part as the program is now; all other text stays."""
    return _PART.sub(lambda part: f"{part[1]}{PARTS[part[2]]()}{part[4]}", page)


def leaves() -> Iterator[tuple[str, Any]]:
    """Yield every command that can be run, as (its words after `copilot`, typer's command), in the program's order."""
    yield from _below("", typer.main.get_command(app))


def metrics() -> list[tuple[str, str, str, str]]:
    """Return (name, type, labels, help) of every metric, sorted by name; a counter's name is the one that is scraped.

    A label that nothing has borne yet is not known to Prometheus: it is read from the metric itself.
    """
    registry = CollectorRegistry()
    made = vars(Metrics(registry)).values()
    return sorted(
        (
            family.name + ("_total" if family.type == "counter" else ""),
            family.type,
            ", ".join(metric._labelnames),  # noqa: SLF001 - Prometheus has no other way to ask
            family.documentation,
        )
        for metric in made
        for family in metric.collect()
    )


def _below(words: str, command: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - typer's own copy of click is private
    inner = getattr(command, "commands", None)
    if inner is None:
        yield words, command
    for name, each in (inner or {}).items():
        yield from _below(f"{words} {name}".strip(), each)


def _commands() -> str:
    return "\n".join(_command(words, command) for words, command in leaves())


def _command(words: str, command: Any) -> str:  # noqa: ANN401 - see _below
    what, _, example = command.help.partition("\n\nExample: ")
    lines = [f"### copilot {words}", "", " ".join(what.split()), ""]
    context = command.make_context(words, [], resilient_parsing=True)
    lines += _table(("Option", "Meaning"), (_parameter(each, context) for each in command.params))
    if example:
        lines += ["", "```sh", " ".join(example.split()), "```"]
    return "\n".join([*lines, ""])


def _parameter(parameter: Any, context: Any) -> tuple[str, str]:  # noqa: ANN401 - see _below
    shown, words = parameter.get_help_record(context)
    if parameter.param_type_name == "argument":
        shown = parameter.metavar
    return f"`{shown}`", " ".join(words.split()) + " May be given several times." * parameter.multiple


def _settings() -> str:
    rows = ((f"`{each.name}`", _code(each.environment), _code(each.default), each.help) for each in reference())
    return "\n".join([*_table(("Setting", "Environment", "Default", "Meaning"), rows), ""])


def _prices() -> str:
    return "\n".join([*_table(("Field", "Default", "Meaning"), _fields(Price)), ""])


def _sources() -> str:
    rows = [*_fields(LogSettings), *_fields(CloudWatchSettings, "cloudwatch."), *_fields(LokiSettings, "loki.")]
    return "\n".join([*_table(("Field", "Default", "Meaning"), rows), ""])


def _services() -> str:
    return "\n".join([*_table(("Field", "Default", "Meaning"), _fields(ServiceSettings, "NAME.")), ""])


def _maintenance() -> str:
    return "\n".join([*_table(("Field", "Default", "Meaning"), _fields(MaintenanceSettings, "watch.maintenance.")), ""])


def _fields(model: Any, above: str = "") -> Iterator[tuple[str, str, str]]:  # noqa: ANN401 - pydantic stays in bot/settings
    for name, field in model.model_fields.items():
        default = field.default if isinstance(field.default, str | int | float) or field.default is None else ""
        default = str(default).lower() if isinstance(default, bool) else default
        yield f"`{above}{name}`", "required" if field.is_required() else _code(default), field.description or ""


def _metrics() -> str:
    rows = ((f"`{name}`", kind, _code(labels), words) for name, kind, labels, words in metrics())
    return "\n".join([*_table(("Metric", "Type", "Labels", "Meaning"), rows), ""])


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    body = [_row(row) for row in rows]
    return [_row(heads), _row(["---"] * len(heads)), *body]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _code(value: object) -> str:
    return "none" if value in (None, "") else f"`{value}`"


PARTS: dict[str, Callable[[], str]] = {
    "commands": _commands,
    "maintenance": _maintenance,
    "metrics": _metrics,
    "prices": _prices,
    "services": _services,
    "settings": _settings,
    "sources": _sources,
}


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
