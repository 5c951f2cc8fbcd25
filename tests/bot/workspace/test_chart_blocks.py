"""What the workspace checks in a chart, and what a choice in a menu tells the app."""

from pathlib import Path
from typing import Any

import pytest

from bot.workspace import Refused
from bot.workspace.blocks import check_message_blocks
from bot.workspace.gestures import Click
from tests.fakes.slack import ALICE, INCIDENTS, FakeSlack


def chart(**changes: Any) -> dict[str, Any]:
    """Return a chart of one line, with changes."""
    data = [{"label": "14:00", "value": 1}, {"label": "14:03", "value": 2.5}]
    usual = {"type": "line", "series": [{"name": "a", "data": data}], "axis_config": {"categories": ["14:00", "14:03"]}}
    return {"type": "data_visualization", "title": "t", "chart": usual | changes}


def test_a_chart_as_slack_wants_it_passes() -> None:
    """Every series has a point for every category."""
    check_message_blocks([chart()])
    check_message_blocks([chart(type="pie", segments=[{"label": "a", "value": 1}], series=None)])


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "radar"},
        {"series": []},
        {"series": [{"name": "a", "data": [{"label": "14:00", "value": 1}]}]},
        {"series": [{"name": "a", "data": [{"label": "14:00", "value": "1"}, {"label": "14:03", "value": 2}]}]},
        {"series": [{"name": "", "data": [{"label": "14:00", "value": 1}, {"label": "14:03", "value": 2}]}]},
        {"series": [chart()["chart"]["series"][0]] * 2},
        {"series": ["x"]},
        {"axis_config": None},
        {"axis_config": {"categories": []}},
        {"axis_config": {"categories": ["x" * 21, "14:03"]}},
        {"axis_config": {"categories": [str(each) for each in range(21)]}},
        {"type": "pie", "segments": [{"label": "a"}]},
    ],
    ids=str,
)
def test_a_chart_that_slack_refuses_is_refused(changes: dict[str, Any]) -> None:
    """Points without a number, of other categories, or two series of one name are not drawn."""
    with pytest.raises(Refused, match="invalid_blocks"):
        check_message_blocks([chart(**changes)])


async def test_a_choice_in_a_menu_comes_as_its_option(tmp_path: Path) -> None:
    """A select tells the app which option was chosen, with its text, and no value of its own, as Slack does."""
    async with FakeSlack(tmp_path) as slack:
        option = {"text": {"type": "plain_text", "text": "for 1 hour"}, "value": "3600 k"}
        menu = {"type": "static_select", "action_id": "m", "options": [option]}
        block = {"type": "actions", "block_id": "b", "elements": [menu]}
        for kind in ("static_select", "overflow"):
            action = slack.workspace.gestures._action(Click("b", "m", kind, "3600 k"), [block])
            assert action["selected_option"] == option
            assert "value" not in action
        assert slack.workspace.state.channels[INCIDENTS].members >= {ALICE}
