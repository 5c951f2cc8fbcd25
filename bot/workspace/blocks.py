"""What Slack checks in blocks: their shapes, their lengths, their sum. Pure; knows no channel and no view.

Shapes after https://docs.slack.dev/reference/block-kit/blocks; a mistake reads as Slack words it,
`[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]`.
"""

from collections.abc import Iterator
from typing import Any

from bot import limits
from bot.workspace.elements import (
    Check,
    Mistake,
    check_element,
    each,
    identified,
    kind_of,
    must,
    plain,
    text_object,
    words,
)
from bot.workspace.errors import Refused
from bot.workspace.markdown import expanded

CONTEXT_TYPES = frozenset({"mrkdwn", "plain_text", "image"})
ACTION_TYPES = frozenset({"button", "overflow", "static_select"})
CONTEXT_ACTION_TYPES = frozenset({"feedback_buttons", "icon_button"})
ACCESSORY_TYPES = ACTION_TYPES | {"image"}
INPUT_TYPES = frozenset({"plain_text_input", "static_select"})
RICH_TYPES = frozenset({"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"})
CELL_TYPES = frozenset({"raw_text", "rich_text"})
CHARTS = frozenset({"line", "bar", "area", "pie"})


def check_message_blocks(blocks: list[Any]) -> None:
    """Refuse what a message may not carry, with `invalid_blocks` or `msg_too_long`."""
    _refuse(_mistakes(blocks, MESSAGE_BLOCKS, limits.MESSAGE_BLOCKS), "invalid_blocks")
    markdown = [block["text"] for block in blocks if block["type"] == "markdown"]
    if sum(map(len, markdown)) > limits.MARKDOWN_TEXT:
        raise Refused("msg_too_long")
    if sum(map(len, texts(blocks))) > limits.MESSAGE_BLOCKS_TEXT:
        raise Refused("msg_too_long")
    if len(blocks) - len(markdown) + sum(map(expanded, markdown)) > limits.MESSAGE_BLOCKS:
        raise Refused("invalid_blocks", f"[ERROR] no more than {limits.MESSAGE_BLOCKS} items allowed after expansion")
    if sum(block["type"] == "data_visualization" for block in blocks) > limits.CHARTS_PER_MESSAGE:
        raise Refused("invalid_blocks", f"[ERROR] no more than {limits.CHARTS_PER_MESSAGE} charts allowed")


def check_view(view: dict[str, Any]) -> None:
    """Refuse what a modal or a home tab may not be, with `invalid_arguments`."""
    _refuse(_view_mistakes(view), "invalid_arguments")


def texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON of any depth
    """Every text that a reader would see in blocks, in order."""
    if isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("text", "title", "alt_text") and isinstance(item, str):
                yield item
            else:
                yield from texts(item)


def _refuse(mistakes: Iterator[Mistake], code: str) -> None:
    messages = [f"[ERROR] {what} [json-pointer:{where}]" for where, what in mistakes]
    if messages:
        raise Refused(code, *messages)


def _mistakes(blocks: list[Any], known: dict[str, Check], most: int, at: str = "/blocks") -> Iterator[Mistake]:
    if len(blocks) > most:
        yield at, f"no more than {most} items allowed"
    for index, block in enumerate(blocks):
        here = f"{at}/{index}"
        kind = kind_of(block)
        if kind not in known:
            yield f"{here}/type", f"unsupported type: {kind}"
            continue
        yield from identified(block, here, "block_id", limits.BLOCK_ID)
        yield from known[kind](block, here)


def _view_mistakes(view: dict[str, Any]) -> Iterator[Mistake]:
    kind, blocks = kind_of(view), view.get("blocks")
    if kind not in ("modal", "home"):
        yield "/view/type", f"unsupported type: {kind}"
        return
    if not isinstance(blocks, list):
        yield "/view/blocks", "missing required field: blocks"
        return
    yield from _mistakes(blocks, VIEW_BLOCKS, limits.VIEW_BLOCKS, "/view/blocks")
    yield from identified(view, "/view", "private_metadata", limits.PRIVATE_METADATA)
    yield from identified(view, "/view", "callback_id", limits.CALLBACK_ID)
    if kind == "modal":
        yield from _modal_mistakes(view, blocks)


def _modal_mistakes(view: dict[str, Any], blocks: list[Any]) -> Iterator[Mistake]:
    yield from plain(view.get("title"), "/view/title", limits.VIEW_TITLE)
    for name in ("submit", "close"):
        if view.get(name) is not None:
            yield from plain(view[name], f"/view/{name}", limits.VIEW_TITLE)
    if view.get("submit") is None and any(kind_of(block) == "input" for block in blocks):
        yield "/view", "missing required field: submit"


def _section(block: dict[str, Any], at: str) -> Iterator[Mistake]:
    if "text" not in block and not block.get("fields"):
        yield at, "missing required field: text"
    if "text" in block:
        yield from text_object(block["text"], f"{at}/text", limits.SECTION_TEXT)
    yield from each(block, at, "fields", limits.SECTION_FIELDS, _field, required=False)
    if "accessory" in block:
        yield from check_element(block["accessory"], f"{at}/accessory", ACCESSORY_TYPES)


def _field(field: Any, at: str) -> Iterator[Mistake]:  # noqa: ANN401 - JSON under test
    yield from text_object(field, at, limits.SECTION_FIELD_TEXT)


def _header(block: dict[str, Any], at: str) -> Iterator[Mistake]:
    yield from plain(block.get("text"), f"{at}/text", limits.HEADER_TEXT)


def _markdown(block: dict[str, Any], at: str) -> Iterator[Mistake]:
    yield from must(isinstance(block.get("text"), str) and bool(block["text"]), at, "missing required field: text")


def _divider(_block: dict[str, Any], _at: str) -> Iterator[Mistake]:
    yield from ()


def _image(block: dict[str, Any], at: str) -> Iterator[Mistake]:
    yield from words(block.get("image_url"), f"{at}/image_url", limits.IMAGE_URL)
    yield from words(block.get("alt_text"), f"{at}/alt_text", limits.IMAGE_ALT_TEXT)
    if "title" in block:
        yield from plain(block["title"], f"{at}/title", limits.IMAGE_ALT_TEXT)


def _context(block: dict[str, Any], at: str) -> Iterator[Mistake]:
    def one(element: Any, here: str) -> Iterator[Mistake]:  # noqa: ANN401 - JSON under test
        return check_element(element, here, CONTEXT_TYPES)

    yield from each(block, at, "elements", limits.CONTEXT_ELEMENTS, one)


def _actions(block: dict[str, Any], at: str) -> Iterator[Mistake]:
    def one(element: Any, here: str) -> Iterator[Mistake]:  # noqa: ANN401 - JSON under test
        return check_element(element, here, ACTION_TYPES)

    yield from each(block, at, "elements", limits.ACTIONS_ELEMENTS, one)


def _context_actions(block: dict[str, Any], at: str) -> Iterator[Mistake]:
    def one(element: Any, here: str) -> Iterator[Mistake]:  # noqa: ANN401 - JSON under test
        return check_element(element, here, CONTEXT_ACTION_TYPES)

    yield from each(block, at, "elements", limits.CONTEXT_ACTIONS_ELEMENTS, one)


def _input(block: dict[str, Any], at: str) -> Iterator[Mistake]:
    yield from plain(block.get("label"), f"{at}/label", limits.INPUT_LABEL)
    if "hint" in block:
        yield from plain(block["hint"], f"{at}/hint", limits.INPUT_LABEL)
    yield from check_element(block.get("element"), f"{at}/element", INPUT_TYPES)


def _rich_text(block: dict[str, Any], at: str) -> Iterator[Mistake]:
    def one(element: Any, here: str) -> Iterator[Mistake]:  # noqa: ANN401 - JSON under test
        kind = kind_of(element)
        yield from must(kind in RICH_TYPES, f"{here}/type", f"unsupported type: {kind}")

    yield from each(block, at, "elements", None, one)


def _table(block: dict[str, Any], at: str) -> Iterator[Mistake]:
    def cell(value: Any, here: str) -> Iterator[Mistake]:  # noqa: ANN401 - JSON under test
        kind = kind_of(value)
        yield from must(kind in CELL_TYPES, f"{here}/type", f"unsupported type: {kind}")

    def row(value: Any, here: str) -> Iterator[Mistake]:  # noqa: ANN401 - JSON under test
        yield from each({"cells": value}, here, "cells", limits.TABLE_CELLS, cell)

    yield from each(block, at, "rows", limits.TABLE_ROWS, row)
    most = limits.TABLE_TEXT
    yield from must(sum(map(len, texts(block))) <= most, at, f"must be less than {most + 1} characters in all cells")


def _chart(block: dict[str, Any], at: str) -> Iterator[Mistake]:
    yield from words(block.get("title"), f"{at}/title", limits.CHART_TITLE)
    chart = block.get("chart")
    if not isinstance(chart, dict) or kind_of(chart) not in CHARTS:
        yield f"{at}/chart/type", f"unsupported type: {kind_of(chart)}"
        return
    if chart["type"] == "pie":
        yield from each(chart, f"{at}/chart", "segments", limits.CHART_SERIES, _point)
        return
    yield from each(chart, f"{at}/chart", "series", limits.CHART_SERIES, _series)
    axis = chart.get("axis_config")
    if not isinstance(axis, dict):
        yield f"{at}/chart/axis_config", "must be an object"
        return
    yield from each(axis, f"{at}/chart/axis_config", "categories", limits.CHART_CATEGORIES, _category)
    yield from _fitting(chart["series"], axis.get("categories"), f"{at}/chart")


def _series(value: Any, at: str) -> Iterator[Mistake]:  # noqa: ANN401 - JSON under test
    if not isinstance(value, dict):
        yield at, "must be an object"
        return
    yield from words(value.get("name"), f"{at}/name", limits.CHART_LABEL)
    yield from each(value, at, "data", limits.CHART_CATEGORIES, _point)


def _point(value: Any, at: str) -> Iterator[Mistake]:  # noqa: ANN401 - JSON under test
    if not isinstance(value, dict):
        yield at, "must be an object"
        return
    number = value.get("value")
    yield from words(value.get("label"), f"{at}/label", limits.CHART_LABEL)
    yield from must(isinstance(number, int | float) and not isinstance(number, bool), f"{at}/value", "must be a number")


def _fitting(series: Any, categories: Any, at: str) -> Iterator[Mistake]:  # noqa: ANN401 - JSON under test
    """Check that every series has a point for each category, and a name of its own."""
    if not isinstance(series, list) or not isinstance(categories, list):
        return
    known = [each for each in series if isinstance(each, dict) and isinstance(each.get("data"), list)]
    names = [each.get("name") for each in known if isinstance(each.get("name"), str)]
    yield from must(len(names) == len(set(names)), f"{at}/series", "names must be unique")
    for index, each_series in enumerate(known):
        labels = [point.get("label") for point in each_series["data"] if isinstance(point, dict)]
        yield from must(labels == categories, f"{at}/series/{index}", "labels must match the categories")


def _category(value: Any, at: str) -> Iterator[Mistake]:  # noqa: ANN401 - JSON under test
    yield from words(value, at, limits.CHART_LABEL)


SHARED_BLOCKS: dict[str, Check] = {
    "section": _section,
    "header": _header,
    "divider": _divider,
    "image": _image,
    "context": _context,
    "actions": _actions,
    "rich_text": _rich_text,
    "markdown": _markdown,
    "table": _table,
}
MESSAGE_BLOCKS = SHARED_BLOCKS | {"context_actions": _context_actions, "data_visualization": _chart}
VIEW_BLOCKS = SHARED_BLOCKS | {"input": _input}
