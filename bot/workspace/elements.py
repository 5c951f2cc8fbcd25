"""What Slack checks in the parts of blocks: texts, buttons, inputs. Pure.

Shapes after https://docs.slack.dev/reference/block-kit/block-elements and .../composition-objects.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Any

from bot import limits

Mistake = tuple[str, str]
"""Where (a JSON pointer) and what."""

Check = Callable[[dict[str, Any], str], Iterator[Mistake]]
"""Yields the mistakes of one object that stands at a JSON pointer."""


def kind_of(value: Any) -> str:  # noqa: ANN401 - JSON under test
    """Return the `type` of an object, or "" if it has none that is a text."""
    kind = value.get("type") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else ""


def must(holds: bool, at: str, what: str) -> Iterator[Mistake]:  # noqa: FBT001 - reads as a sentence
    """Yield a mistake unless the condition holds."""
    if not holds:
        yield at, what


def words(value: Any, at: str, most: int) -> Iterator[Mistake]:  # noqa: ANN401 - JSON under test
    """Check a required text of 1 to `most` characters."""
    if not isinstance(value, str):
        yield at, "must be a string"
    elif not value:
        yield at, "must be more than 0 characters"
    elif len(value) > most:
        yield at, f"must be less than {most + 1} characters"


def identified(value: dict[str, Any], at: str, name: str, most: int) -> Iterator[Mistake]:
    """Check an optional text such as `action_id`; it may be empty."""
    if value.get(name):
        yield from words(value[name], f"{at}/{name}", most)


def text_object(value: Any, at: str, most: int) -> Iterator[Mistake]:  # noqa: ANN401 - JSON under test
    """Check a `mrkdwn` or `plain_text` object."""
    if kind_of(value) not in ("mrkdwn", "plain_text"):
        yield at, "must be a mrkdwn or plain_text object"
    else:
        yield from words(value.get("text"), f"{at}/text", most)


def plain(value: Any, at: str, most: int) -> Iterator[Mistake]:  # noqa: ANN401 - JSON under test
    """Check a `plain_text` object."""
    if kind_of(value) != "plain_text":
        yield at, "must be a plain_text object"
    else:
        yield from words(value.get("text"), f"{at}/text", most)


def each(
    owner: dict[str, Any],
    at: str,
    name: str,
    most: int | None,
    check: Callable[[Any, str], Iterator[Mistake]],
    *,
    required: bool = True,
) -> Iterator[Mistake]:
    """Check a list of 1 to `most` items, all of them checked."""
    items = owner.get(name, [] if not required else None)
    here = f"{at}/{name}"
    if not isinstance(items, list):
        yield here, f"missing required field: {name}"
        return
    if required and not items:
        yield here, "must provide at least one item"
    if most is not None and len(items) > most:
        yield here, f"no more than {most} items allowed"
    for index, item in enumerate(items):
        yield from check(item, f"{here}/{index}")


def check_element(value: Any, at: str, allowed: Collection[str]) -> Iterator[Mistake]:  # noqa: ANN401 - JSON under test
    """Check an element whose type must be among `allowed`."""
    kind = kind_of(value)
    if kind not in allowed or kind not in ELEMENTS:
        yield f"{at}/type", f"unsupported type: {kind}"
        return
    yield from identified(value, at, "action_id", limits.ACTION_ID)
    yield from ELEMENTS[kind](value, at)


def _text(element: dict[str, Any], at: str) -> Iterator[Mistake]:
    yield from text_object(element, at, limits.CONTEXT_TEXT)


def _image(element: dict[str, Any], at: str) -> Iterator[Mistake]:
    yield from words(element.get("image_url"), f"{at}/image_url", limits.IMAGE_URL)
    yield from words(element.get("alt_text"), f"{at}/alt_text", limits.IMAGE_ALT_TEXT)


def _button(element: dict[str, Any], at: str) -> Iterator[Mistake]:
    yield from plain(element.get("text"), f"{at}/text", limits.BUTTON_TEXT)
    yield from identified(element, at, "value", limits.BUTTON_VALUE)
    yield from identified(element, at, "url", limits.BUTTON_URL)
    yield from must(element.get("style") in (None, "primary", "danger"), f"{at}/style", "must be primary or danger")
    if "confirm" in element:
        yield from _confirm(element["confirm"], f"{at}/confirm")


def _confirm(value: Any, at: str) -> Iterator[Mistake]:  # noqa: ANN401 - JSON under test
    if not isinstance(value, dict):
        yield at, "must be an object"
        return
    yield from plain(value.get("title"), f"{at}/title", limits.CONFIRM_TITLE)
    yield from text_object(value.get("text"), f"{at}/text", limits.CONFIRM_TEXT)
    for name in ("confirm", "deny"):
        yield from plain(value.get(name), f"{at}/{name}", limits.CONFIRM_BUTTON)


def _feedback(element: dict[str, Any], at: str) -> Iterator[Mistake]:
    for name in ("positive_button", "negative_button"):
        button = element.get(name)
        if not isinstance(button, dict):
            yield at, f"missing required field: {name}"
            continue
        yield from plain(button.get("text"), f"{at}/{name}/text", limits.BUTTON_TEXT)
        yield from words(button.get("value"), f"{at}/{name}/value", limits.BUTTON_VALUE)


def _icon_button(element: dict[str, Any], at: str) -> Iterator[Mistake]:
    yield from words(element.get("icon"), f"{at}/icon", limits.BUTTON_TEXT)
    yield from plain(element.get("text"), f"{at}/text", limits.BUTTON_TEXT)
    yield from identified(element, at, "value", limits.BUTTON_VALUE)


def _overflow(element: dict[str, Any], at: str) -> Iterator[Mistake]:
    yield from each(element, at, "options", limits.OVERFLOW_OPTIONS, _option)


def _select(element: dict[str, Any], at: str) -> Iterator[Mistake]:
    yield from each(element, at, "options", limits.SELECT_OPTIONS, _option)
    if "placeholder" in element:
        yield from plain(element["placeholder"], f"{at}/placeholder", limits.PLACEHOLDER_TEXT)


def _option(value: Any, at: str) -> Iterator[Mistake]:  # noqa: ANN401 - JSON under test
    if not isinstance(value, dict):
        yield at, "must be an object"
        return
    yield from text_object(value.get("text"), f"{at}/text", limits.OPTION_TEXT)
    yield from words(value.get("value"), f"{at}/value", limits.OPTION_VALUE)


def _text_input(element: dict[str, Any], at: str) -> Iterator[Mistake]:
    yield from identified(element, at, "initial_value", limits.INPUT_TEXT)
    if "placeholder" in element:
        yield from plain(element["placeholder"], f"{at}/placeholder", limits.PLACEHOLDER_TEXT)


ELEMENTS: dict[str, Check] = {
    "mrkdwn": _text,
    "plain_text": _text,
    "image": _image,
    "button": _button,
    "feedback_buttons": _feedback,
    "icon_button": _icon_button,
    "overflow": _overflow,
    "static_select": _select,
    "plain_text_input": _text_input,
}
