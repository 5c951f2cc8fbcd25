"""What `copilot doctor` finds out about the app in Slack, and about what we write."""

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot import limits
from bot.errors import SlackRefused
from bot.slack import cards, check, fits, home, templates
from bot.slack.check import DISPENSABLE, NEEDED, Door, Installed, all_fit, installed, team_of
from bot.workspace.blocks import check_message_blocks, check_view
from bot.workspace.errors import Refused
from tests.bot.slack.test_manifest import MANIFEST, MINIMAL, scopes
from tests.fakes.slack import TOWN, FakeSlack


@pytest.fixture
async def slack(tmp_path: Path) -> AsyncIterator[FakeSlack]:
    """Give a workspace with every scope."""
    async with FakeSlack(tmp_path) as slack:
        yield slack


def test_the_scopes_are_those_of_the_manifests() -> None:
    """What doctor asks for is what the manifests ask for; the minimal one has all that is needed."""
    optional = set(MANIFEST["oauth_config"]["scopes"]["bot_optional"])
    assert scopes(MANIFEST) | optional == NEEDED | set(DISPENSABLE)
    assert scopes(MINIMAL) == NEEDED
    assert set(TOWN.scopes) == scopes(MANIFEST) | optional


async def test_a_whole_installation_is_named_by_its_workspace(slack: FakeSlack) -> None:
    """With all scopes there is nothing to say but the name."""
    assert await team_of(slack.bot_token, slack.api_url) == "Larkfield"


async def test_a_missing_scope_is_named_with_what_to_do(tmp_path: Path) -> None:
    """A scope that is needed and was not granted fails the check by its name."""
    granted = tuple(each for each in TOWN.scopes if each not in ("users:read", "commands"))
    async with FakeSlack(tmp_path, seed=replace(TOWN, scopes=granted)) as slack:
        with pytest.raises(SlackRefused, match="lacks commands, users:read: install it again"):
            await team_of(slack.bot_token, slack.api_url)


async def test_what_was_left_out_on_purpose_is_told_with_its_price(tmp_path: Path) -> None:
    """The minimal manifest passes, and says what does not work; a scope too many is named."""
    async with FakeSlack(tmp_path, seed=replace(TOWN, scopes=(*sorted(NEEDED), "files:write"))) as slack:
        words = await team_of(slack.bot_token, slack.api_url)
    assert words.startswith("Larkfield; without channels:history: threads of channels are not read")
    assert words.endswith("with files:write, which it does not use")


async def test_over_http_doctor_says_what_must_lead_to_us(slack: FakeSlack) -> None:
    """Nobody can tell from here whether Slack reaches us: so it is said what must be so."""
    words = await team_of(slack.bot_token, slack.api_url, Door("127.0.0.1", 8321, time.time))
    assert "over HTTP: a proxy on this machine must lead https://YOUR.HOST/slack/events to 127.0.0.1:8321" in words
    words = await team_of(slack.bot_token, slack.api_url, Door("0.0.0.0", 80, time.time))
    assert "your load balancer must lead https://YOUR.HOST/slack/events to 0.0.0.0:80" in words


@pytest.mark.parametrize(
    ("door", "words"),
    [
        (Door("127.0.0.1", 0, time.time), "http.port is 0"),
        (Door("127.0.0.1", 80, lambda: time.time() + 400), "ahead of Slack's: beyond five minutes every request"),
        (Door("127.0.0.1", 80, lambda: time.time() - 400), "behind Slack's"),
    ],
    ids=["port", "fast", "slow"],
)
async def test_over_http_what_would_be_refused_is_found(slack: FakeSlack, door: Door, words: str) -> None:
    """A clock that is off, and a port that changes, cost every question; Slack's clock comes with its answer."""
    with pytest.raises(SlackRefused, match=words):
        await team_of(slack.bot_token, slack.api_url, door)


@pytest.mark.parametrize(("error", "words"), [("token_revoked", "token_revoked"), ("invalid_auth", "invalid_auth")])
async def test_a_refused_token_says_what_to_do(slack: FakeSlack, error: str, words: str) -> None:
    """The reason is Slack's own word, and the way out is named."""
    slack.refuse("auth.test", error)
    with pytest.raises(SlackRefused, match=rf"\({words}\): install the app again"):
        await installed(slack.bot_token, slack.api_url)


def test_installed_is_judged_by_its_scopes() -> None:
    """Without any scope everything that is needed is missing."""
    assert Installed("T", frozenset()).missing == NEEDED


@pytest.mark.parametrize(("name", "content"), list(templates.messages()), ids=lambda value: str(value)[:20])
def test_every_message_at_its_longest_is_one_that_slack_takes(name: str, content: Mapping[str, Any]) -> None:
    """The workspace's own validator, which knows none of our code, accepts every message that we can write."""
    assert fits.message_mistakes(content) == []
    check_message_blocks(list(content.get("blocks", [])))
    assert len(content["text"]) <= limits.MESSAGE_TEXT


@pytest.mark.parametrize(("name", "view"), list(templates.views()), ids=lambda value: str(value)[:20])
def test_every_view_at_its_longest_is_one_that_slack_takes(name: str, view: Mapping[str, Any]) -> None:
    """So for modals and the home tab."""
    assert fits.view_mistakes(view) == []
    check_view(dict(view))


def test_doctor_says_how_much_was_checked() -> None:
    """The count is of all messages and views."""
    assert all_fit().startswith(f"{len([*templates.messages(), *templates.views()])} messages and views")


def test_doctor_names_what_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message beyond a limit is named with its number and the limit."""
    monkeypatch.setattr(check, "mistakes", lambda: ["answer: 51 blocks, 50 are allowed"])
    with pytest.raises(check.BotError, match="answer: 51 blocks, 50 are allowed"):
        all_fit()


LABEL = cards.plain("x" * (limits.BUTTON_TEXT + 1))
WRONG: list[dict[str, Any]] = [
    {"type": "header", "text": cards.plain("x" * (limits.HEADER_TEXT + 1))},
    {"type": "section", "text": cards.plain("x" * (limits.SECTION_TEXT + 1))},
    {"type": "section", "text": cards.plain("")},
    {"type": "section"},
    {"type": "section", "text": cards.plain("x"), "accessory": {"type": "button", "action_id": "a", "text": LABEL}},
    {"type": "markdown", "text": "x" * (limits.MARKDOWN_TEXT + 1)},
    {"type": "markdown", "text": ""},
    {"type": "context", "elements": [cards.plain("x" * (limits.CONTEXT_TEXT + 1))]},
    {"type": "context", "elements": [cards.plain("x")] * (limits.CONTEXT_ELEMENTS + 1)},
    {"type": "actions", "elements": []},
    {"type": "actions", "elements": [cards.button("x", "a", "y" * (limits.BUTTON_VALUE + 1))]},
    {"type": "actions", "elements": [cards.button("x", "a" * (limits.ACTION_ID + 1), "y")]},
    {"type": "marquee"},
]


@pytest.mark.parametrize("block", WRONG, ids=lambda block: str(block)[:60])
def test_what_slack_refuses_is_found(block: dict[str, Any]) -> None:
    """Both validators refuse a block that is one beyond a limit, empty, or unknown: ours is no weaker."""
    assert fits.message_mistakes({"text": "x", "blocks": [block]}) != []
    with pytest.raises(Refused):
        check_message_blocks([block])


def test_too_many_blocks_and_too_much_text_are_found() -> None:
    """The sums over a message have limits of their own."""
    line = cards.small("x" * 3000)
    assert fits.message_mistakes({"text": "x", "blocks": [{"type": "divider"}] * 51}) != []
    assert "characters in all blocks" in fits.message_mistakes({"text": "x", "blocks": [line] * 5})[0]
    assert fits.view_mistakes(home.refused_view("x") | {"title": cards.plain("x" * 25)}) != []
