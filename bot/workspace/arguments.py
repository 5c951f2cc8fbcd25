"""Arguments of one Web API call, whichever way they were encoded. Knows no method.

Slack takes form fields (lists and objects as JSON text) and JSON bodies alike:
https://docs.slack.dev/apis/web-api/#methods_supporting_json
"""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bot.workspace.errors import Refused


class Arguments:
    """The arguments by name. A missing or ill-typed one is refused with Slack's words."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = dict(fields)

    def has(self, name: str) -> bool:
        """Whether a value was given that is not empty."""
        return self.fields.get(name) not in (None, "", [], {})

    def text(self, name: str) -> str:
        """Return a required text."""
        if not self.has(name):
            raise Refused("invalid_arguments", f"[ERROR] missing required field: {name}")
        return self.maybe(name) or ""

    def maybe(self, name: str) -> str | None:
        """Return a text, or None if it was not given."""
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise Refused("invalid_arguments", f"[ERROR] must be a string [json-pointer:/{name}]")
        return value

    def items(self, name: str, wrong: str = "invalid_arguments") -> list[Any] | None:
        """Return a list, or None if it was not given; refused with the word `wrong`."""
        value = self._decoded(name, wrong)
        if value is not None and not isinstance(value, list):
            raise Refused(wrong, f"[ERROR] must be an array [json-pointer:/{name}]")
        return value

    def mapping(self, name: str, wrong: str = "invalid_arguments") -> dict[str, Any] | None:
        """Return an object, or None if it was not given; refused with the word `wrong`."""
        value = self._decoded(name, wrong)
        if value is not None and not isinstance(value, dict):
            raise Refused(wrong, f"[ERROR] must be an object [json-pointer:/{name}]")
        return value

    def flag(self, name: str) -> bool:
        """Return a boolean, false if it was not given."""
        return str(self.fields.get(name, "")).lower() in ("true", "1")

    def number(self, name: str, default: int) -> int:
        """Return a whole number."""
        value = str(self.fields.get(name, default))
        if not value.isdecimal():
            raise Refused("invalid_arguments", f"[ERROR] must be a number [json-pointer:/{name}]")
        return int(value)

    def _decoded(self, name: str, wrong: str) -> Any:  # noqa: ANN401 - JSON, judged by the caller
        value = self.fields.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise Refused(wrong, f"[ERROR] must be valid JSON [json-pointer:/{name}]") from None


async def arguments(request: web.Request) -> Arguments:
    """Return the arguments of a request. Raises `invalid_json` for a JSON body that is no object."""
    fields: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = json.loads(await request.text() or "{}")
        except ValueError:
            raise Refused("invalid_json") from None
        if not isinstance(body, dict):
            raise Refused("json_not_object")
        return Arguments(fields | body)
    return Arguments(fields | dict(await request.post()))
