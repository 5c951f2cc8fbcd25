"""The checks of blocks and views on anything that JSON can be."""

import contextlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.workspace import Refused
from bot.workspace.blocks import MESSAGE_BLOCKS, check_message_blocks, check_view
from bot.workspace.elements import ELEMENTS

KEYS = st.sampled_from(
    "text type elements fields accessory rows title chart axis_config series blocks options confirm positive_button "
    "label element image_url alt_text submit block_id".split()
)
TYPES = st.sampled_from([*MESSAGE_BLOCKS, *ELEMENTS, "input", "modal", "home", "line", "raw_text", "rich_text_section"])
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | TYPES


def objects(inside: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Give objects with the keys that blocks have."""
    return st.builds(lambda kind, rest: {"type": kind} | rest, TYPES, st.dictionaries(KEYS, inside, max_size=4))


JSON = st.recursive(LEAVES, lambda inside: st.lists(inside, max_size=3) | objects(inside), max_leaves=12)


@given(st.lists(objects(JSON) | JSON, max_size=3))
def test_any_blocks_are_taken_or_refused(blocks: list[Any]) -> None:
    """Whatever comes as blocks, the check refuses it in Slack's words or lets it pass, and never breaks."""
    with contextlib.suppress(Refused):
        check_message_blocks(blocks)


@given(objects(JSON))
def test_any_view_is_taken_or_refused(view: dict[str, Any]) -> None:
    """Whatever comes as a view, the check refuses it in Slack's words or lets it pass, and never breaks."""
    with contextlib.suppress(Refused):
        check_view(view)
