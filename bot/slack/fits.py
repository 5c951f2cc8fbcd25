"""Does a message or a view keep Slack's limits? Pure; every number is from bot.limits, which names its source."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bot import limits

Block = Mapping[str, Any]
Check = Callable[[Block], Iterator[str]]


def message_mistakes(content: Mapping[str, Any]) -> list[str]:
    """Return what Slack would refuse in the content of a message, in words; empty when it fits."""
    blocks: Sequence[Block] = content.get("blocks", [])
    found = [*_too_long("text", content.get("text"), limits.MESSAGE_TEXT), *_blocks(blocks, limits.MESSAGE_BLOCKS)]
    markdown = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
    found += _more_than("characters of Markdown", markdown, limits.MARKDOWN_TEXT)
    found += _more_than("characters in all blocks", sum(map(len, _texts(blocks))), limits.MESSAGE_BLOCKS_TEXT)
    return found


def view_mistakes(view: Mapping[str, Any]) -> list[str]:
    """Return what Slack would refuse in a modal or home tab, in words; empty when it fits."""
    found = [*_blocks(view["blocks"], limits.VIEW_BLOCKS)]
    for name in ("title", "submit", "close"):
        if name in view:
            found += _text(f"view {name}", view[name], limits.VIEW_TITLE)
    return found


def _blocks(blocks: Sequence[Block], most: int) -> Iterator[str]:
    yield from _more_than("blocks", len(blocks), most)
    for number, block in enumerate(blocks):
        kind = str(block.get("type"))
        if kind not in BLOCKS:
            yield f"block {number}: unknown type {kind}"
            continue
        for mistake in BLOCKS[kind](block):
            yield f"block {number}, {kind}: {mistake}"


def _section(block: Block) -> Iterator[str]:
    yield from _text("text", block.get("text"), limits.SECTION_TEXT)
    if "accessory" in block:
        yield from _element(block["accessory"])


def _header(block: Block) -> Iterator[str]:
    yield from _text("text", block.get("text"), limits.HEADER_TEXT)


def _markdown(block: Block) -> Iterator[str]:
    yield from _too_long("text", block.get("text"), limits.MARKDOWN_TEXT)


def _context(block: Block) -> Iterator[str]:
    yield from _more_than("elements", len(block["elements"]), limits.CONTEXT_ELEMENTS)
    for element in block["elements"]:
        yield from _text("text", element, limits.CONTEXT_TEXT)


def _actions(block: Block) -> Iterator[str]:
    most = limits.ACTIONS_ELEMENTS if block["type"] == "actions" else limits.CONTEXT_ACTIONS_ELEMENTS
    if not block["elements"]:
        yield "no elements"
    yield from _more_than("elements", len(block["elements"]), most)
    names = [element["action_id"] for element in block["elements"]]
    if len(names) != len(set(names)):
        yield "two elements of one action_id"
    for element in block["elements"]:
        yield from _element(element)


def _rich_text(block: Block) -> Iterator[str]:
    for text in _texts([block]):
        yield from _too_long("text", text, limits.SECTION_TEXT)


def _chart(block: Block) -> Iterator[str]:
    yield from _too_long("title", block.get("title"), limits.CHART_TITLE)
    series, labels = block["chart"]["series"], block["chart"]["axis_config"]["categories"]
    yield from _more_than("series", len(series), limits.CHART_SERIES)
    yield from _more_than("categories", len(labels), limits.CHART_CATEGORIES)
    if len(labels) != len(set(labels)):
        yield "two categories of one label"
    for label in labels:
        yield from _too_long("label", label, limits.CHART_LABEL)
    for each in series:
        if [point["label"] for point in each["data"]] != labels:
            yield "a series that is not of these categories"


def _divider(_block: Block) -> Iterator[str]:
    yield from ()


def _input(block: Block) -> Iterator[str]:
    """Check an input of a modal: https://docs.slack.dev/reference/block-kit/blocks/input-block."""
    yield from _text("label", block.get("label"), limits.INPUT_LABEL)
    yield from _text("hint", block.get("hint"), limits.INPUT_LABEL)
    element = block["element"]
    yield from _too_long("action_id", element.get("action_id"), limits.ACTION_ID)
    if element["type"] == "plain_text_input":
        yield from _too_long("initial value", element.get("initial_value"), limits.INPUT_TEXT)
    for option in element.get("options", ()):
        yield from _text("option", option.get("text"), limits.OPTION_TEXT)
        yield from _too_long("option's value", option.get("value"), limits.OPTION_VALUE)


def _element(element: Block) -> Iterator[str]:
    yield from _too_long("action_id", element.get("action_id"), limits.ACTION_ID)
    if element["type"] == "static_select":
        yield from _text("placeholder", element.get("placeholder"), limits.PLACEHOLDER_TEXT)
        yield from _more_than("options", len(element["options"]), limits.SELECT_OPTIONS)
        for option in element["options"]:
            yield from _text("option", option.get("text"), limits.OPTION_TEXT)
            yield from _too_long("option's value", option.get("value"), limits.OPTION_VALUE)
        return
    if "confirm" in element:
        yield from _confirm(element["confirm"])
    parts = [element[name] for name in ("positive_button", "negative_button") if name in element] or [element]
    for part in parts:
        yield from _text("label", part.get("text"), limits.BUTTON_TEXT)
        yield from _too_long("value", part.get("value"), limits.BUTTON_VALUE)


def _confirm(confirm: Block) -> Iterator[str]:
    yield from _text("title of a confirmation", confirm.get("title"), limits.CONFIRM_TITLE)
    yield from _text("confirmation", confirm.get("text"), limits.CONFIRM_TEXT)
    for name in ("confirm", "deny"):
        yield from _text(name, confirm.get(name), limits.CONFIRM_BUTTON)


def _text(what: str, value: object, most: int) -> Iterator[str]:
    if not isinstance(value, Mapping) or value.get("type") not in ("plain_text", "mrkdwn"):
        yield f"{what} is no text object"
        return
    yield from _too_long(what, value.get("text"), most)


def _too_long(what: str, value: object, most: int) -> Iterator[str]:
    if not isinstance(value, str) or not value:
        yield f"{what} is empty"
    else:
        yield from _more_than(f"characters of {what}", len(value), most)


def _more_than(what: str, count: int, most: int) -> Iterator[str]:
    if count > most:
        yield f"{count:,} {what}, {most:,} are allowed"


def _texts(value: object) -> Iterator[str]:
    """Yield every text that a reader would see in blocks."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name == "text" and isinstance(each, str):
                yield each
            else:
                yield from _texts(each)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for each in value:
            yield from _texts(each)


BLOCKS: Mapping[str, Check] = {
    "section": _section,
    "header": _header,
    "markdown": _markdown,
    "context": _context,
    "actions": _actions,
    "context_actions": _actions,
    "rich_text": _rich_text,
    "data_visualization": _chart,
    "divider": _divider,
    "input": _input,
}
"""The blocks that we write."""
