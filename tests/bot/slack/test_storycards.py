"""A card as Slack's blocks: what people see, and that nothing in it does anything."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import limits
from bot.slack.charts import chart_block, marks_line, points, sparkline
from bot.slack.fits import message_mistakes
from bot.slack.storycards import brief_blocks, face
from bot.types import Brief, Card, Chart, Hint, Mark
from bot.workspace.blocks import check_message_blocks, texts

HOUR = Chart("payment gateway timeout", (1.0,) * 54 + (42.0,) * 6, 1_763_604_000.0, 1.0)
"""02:00 UTC, until then an hour."""

CARD = Card(
    key="story:shop:12",
    name="shop-12",
    version=7,
    headline='checkout: "payment gateway timeout" 42 a minute, usually 1',
    status="high · since 14:02 UTC (6 min)",
    severity="high",
    people=(("acknowledged by", "U0BOB"), ("owner", "S0ONCALL")),
    lines=("Also new: circuit breaker open.", "2 minutes after checkout 1.42."),
    fields=(("Rate", "42/min"), ("usual", "0-3/min")),
    chart=HOUR,
    examples=("14:02:31 ERROR payment gateway timeout\n  at gateway.py:88",),
    changes=(("payment gateway timeout after <*> ms", "3", "252"), ("order <*> completed", "1,204", "738")),
    runbook=Hint("runbooks/gateway.md", "Payment gateway degraded", 4, 9, "curl -s https://gateway/healthz"),
    similar=(Hint("postmortems/a.md", "Certificate expired", 1, 2, "openssl s_client", runbook=False),),
    notes=("Learnt from 3 days.",),
    presses=("acknowledge", "investigate", "snooze", "reject", "runbook"),
)
NAMES = {"U0BOB": "bob", "S0ONCALL": "payments-oncall"}

HOSTILE = (
    "<!channel>",
    "<!here|here> <@U123> <#C123> <!subteam^S123>",
    "<https://evil.example/?d=1|click>",
    "[click](https://evil.example) ![x](https://evil.example/p.png) https://evil.example www.evil.example",
    "*bold* _it_ ~no~ `code` ```\nfence\n``` > quote",
    "@here @channel @everyone :fire: &lt;!channel&gt; &amp;",
    "\x1b[31mred\x1b[0m \x1b]8;;https://evil.example\x07link\x1b]8;;\x07",
    "\u202egnp.exe \u200b\ufeff\U000e0041",
    "x" * 100_000,
    "\n" * 5_000,
    "",
    '{"type": "section"} \\u003c!channel> \ud800',
)


def card_of(text: str) -> Card:
    """Return a card that says a text wherever it says anything."""
    hint = Hint(text, text, 1, 2, text)
    chart = Chart(text, (1.0, 2.0), 120.0, 1.0, (Mark(30.0, text), Mark(90.0, text), Mark(9e9, text)))
    return replace(
        CARD,
        headline=text,
        status=text,
        people=((text, text), (text, "U0BOB")),
        lines=(text,) * 40,
        fields=((text, text),) * 20,
        chart=chart,
        examples=(text,) * 5,
        changes=((text, text, text),) * 20,
        runbook=hint,
        similar=(hint,) * 4,
        notes=(text,) * 9,
    )


def harmless(content: dict[str, Any]) -> None:
    """Check that Slack takes a message, and sees nothing in it but text."""
    blocks = list(content["blocks"])
    assert message_mistakes(content) == []
    check_message_blocks(blocks)
    json.dumps(content).encode()
    kinds = {each["type"] for block in blocks for each in _objects(block)}
    assert kinds.isdisjoint({"mrkdwn", "markdown", "link", "user", "usergroup", "broadcast", "channel", "emoji"})
    assert all(
        each.get("emoji") is False for block in blocks for each in _objects(block) if each["type"] == "plain_text"
    )
    for text in [content["text"], *texts(blocks)]:
        assert not re.search("[\x1b\u202e\u200b\ufeff\ud800]", text)
    assert not re.search(r"<[!@#h]", content["text"])
    assert not re.search(r"(?<!`)(https?://|www\.)", content["text"].replace("(`", "`"))


def _objects(value: object) -> list[dict[str, Any]]:
    """Return every object in JSON that has a type."""
    if isinstance(value, list):
        return [found for each in value for found in _objects(each)]
    if not isinstance(value, dict):
        return []
    mine = [value] if "type" in value else []
    return mine + [found for each in value.values() for found in _objects(each)]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text)[:30])
def test_hostile_text_is_inert_everywhere(text: str) -> None:
    """Mentions, links, markup, terminal codes and 100,000 characters are text, cut, in each form of the message."""
    drawn = face(card_of(text), NAMES)
    assert len(drawn.contents) == 3
    for content in drawn.contents:
        harmless(dict(content))
    blocks = brief_blocks(1, Brief(CARD.key, text, text, text, "high", ((text, text),), CARD.presses), NAMES, text)
    harmless({"text": "x", "blocks": blocks})


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_inert(text: str) -> None:
    """So is whatever else a log line may hold."""
    for content in face(card_of(text), NAMES).contents:
        harmless(dict(content))


def test_a_card_reads_from_verdict_to_reasons() -> None:
    """The verdict, how bad and since when, what else, the chart, figures, lines, changes, guesses, notes, buttons."""
    full, without, plainest = face(CARD, NAMES).contents
    assert [block["type"] for block in full["blocks"]] == [
        *("header", "section", "section", "data_visualization", "rich_text", "rich_text", "context", "rich_text"),
        *("rich_text", "rich_text", "context", "actions"),
    ]
    shown = list(texts(full["blocks"]))
    assert shown[0] == CARD.headline
    assert shown[1] == "high · since 14:02 UTC (6 min) · acknowledged by bob · owner payments-oncall"
    said = "".join(shown)
    assert "Rate 42/min · usual 0-3/min" in said
    assert "    3 -> 252  payment gateway timeout after <*> ms\n1,204 -> 738  order <*> completed" in said
    assert "Runbook that fits, perhaps: Payment gateway degraded, runbooks/gateway.md line 4" in said
    assert "Its first check: curl -s https://gateway/healthz" in said
    assert (
        "Similar, perhaps: Certificate expired, postmortems/a.md line 1\nTell them apart by: openssl s_client" in said
    )
    assert "data_visualization" not in [block["type"] for block in without["blocks"]]
    assert sparkline(HOUR) in texts(without["blocks"])
    assert plainest["blocks"] == []
    assert "ERROR payment gateway timeout" in plainest["text"]
    assert full["text"].split("\n")[:3] == [CARD.headline, shown[1], sparkline(HOUR)]


def test_only_its_own_buttons_stand_on_a_card() -> None:
    """What a card does not offer has no button; a menu whose options would be too long is two buttons."""
    actions = face(CARD, NAMES).contents[0]["blocks"][-1]
    ids = [each["action_id"] for each in actions["elements"]]
    assert ids == [f"card:{press}:0" for press in CARD.presses]
    assert face(replace(CARD, presses=()), NAMES).contents[0]["blocks"][-1]["type"] == "context"
    long = replace(CARD, key="story:" + "k" * 200 + ":1", presses=("snooze",))
    buttons = face(long, NAMES).contents[0]["blocks"][-1]["elements"]
    assert [(each["type"], each["value"].split()[0]) for each in buttons] == [("button", "3600"), ("button", "86400")]
    (undo,) = face(replace(CARD, presses=("undo",), undo="r1"), NAMES).contents[0]["blocks"][-1]["elements"]
    assert undo["value"] == "r1 story:shop:12"


def test_what_is_left_out_is_said() -> None:
    """A list that is cut says how much more there is, and a log line how many characters."""
    card = replace(
        CARD, lines=tuple(map(str, range(1_000))), examples=("y" * 100_000,), changes=(("t", "1", "2"),) * 10
    )
    shown = list(texts(face(card, NAMES).contents[0]["blocks"]))
    assert any(text.endswith("\nand 984 more") for text in shown)
    assert any("... (99,400 more characters)" in text for text in shown)
    assert any(text.endswith("\nand 2 more") for text in shown)


# Charts


def test_an_hour_is_twenty_points_of_three_minutes() -> None:
    """Each point is the mean of its minutes, named by when they began, in UTC; the usual level is a line of its own."""
    block = chart_block(HOUR)
    assert block is not None
    axis, (observed, usual) = block["chart"]["axis_config"], block["chart"]["series"]
    assert axis["categories"][:2] == ["01:00", "01:03"]
    assert (axis["x_label"], axis["y_label"]) == ("UTC", "a minute (mean of 3 min)")
    assert [point["value"] for point in observed["data"]] == [1.0] * 18 + [42.0] * 2
    assert {point["value"] for point in usual["data"]} == {1.0}
    check_message_blocks([block])


def test_a_mark_is_in_the_label_of_its_minutes_and_below() -> None:
    """A deployment is seen on the axis, cut to what Slack takes, and told whole below the chart."""
    chart = replace(HOUR, marks=(Mark(HOUR.until - 7 * 60, "checkout 1.42 by mia and bob"), Mark(0.0, "long ago")))
    block = chart_block(chart)
    assert block is not None
    marked = [label for label in block["chart"]["axis_config"]["categories"] if " " in label]
    assert marked == ["01:53 checkout 1.42…"]
    assert marks_line(chart) == "01:53 UTC checkout 1.42 by mia and bob · 00:00 UTC long ago"


@pytest.mark.parametrize(
    ("observed", "usual", "drawn"),
    [
        ((), None, None),
        ((5.0,), None, [5.0]),
        (tuple(float(each) for each in range(41)), 2.0, [0.5, 3.0, 6.0]),
        ((float("nan"), float("inf"), 3.0), float("nan"), [0.0, 0.0, 3.0]),
        ((0.0,) * 3_000, 0.0, [0.0, 0.0, 0.0]),
    ],
)
def test_charts_of_any_length(observed: tuple[float, ...], usual: float | None, drawn: list[float] | None) -> None:
    """Nothing to draw is no chart; any other has at most twenty points of which no two are called alike."""
    chart = Chart("x", observed, 1_763_604_000.0, usual)
    block = chart_block(chart)
    if drawn is None or block is None:
        assert (block, drawn, sparkline(chart)) == (None, None, "")
        return
    assert [point.value for point in points(chart)][:3] == drawn
    labels = block["chart"]["axis_config"]["categories"]
    assert len(labels) == len(set(labels)) <= limits.CHART_CATEGORIES
    check_message_blocks([block])


def test_a_sparkline_tells_its_range_and_time() -> None:
    """Where no chart is drawn a line of text says the same: shape, lowest, highest, usual, and when."""
    assert sparkline(HOUR) == "▁" * 18 + "██ 1 to 42 a minute, usually 1, 01:00-02:00 UTC"
