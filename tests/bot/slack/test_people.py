"""Names instead of ids, for the model and for people."""

from collections.abc import Mapping
from typing import Any

import pytest

from bot.errors import SlackRefused
from bot.slack.calls import Away, Busy
from bot.slack.people import DOUBT_S, REMEMBER_S, People


class Names:
    """Slack's answers to who somebody is. `asked` remembers."""

    def __init__(self) -> None:
        self.people: dict[str, Any] = {"U1": {"profile": {"display_name": "ann"}}, "U2": {"real_name": "Bob B."}}
        self.channels: dict[str, Any] = {"C1": {"name": "ops"}, "D1": {}}
        self.asked: list[str] = []
        self.error: Exception | None = None

    async def call(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        """Answer."""
        self.asked.append(next(iter(arguments.values())))
        if self.error is not None:
            raise self.error
        known, what = (self.people, "user") if method == "users.info" else (self.channels, "channel")
        if self.asked[-1] not in known:
            raise SlackRefused(f"{what}_not_found", "gone")
        return {what: known[self.asked[-1]]}

    async def respond(self, url: str, body: Mapping[str, Any]) -> None:
        """Not asked for here."""
        raise NotImplementedError


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("is <@U1> or <@U2|old> up?", "is @ann or @Bob B. up?"),
        ("<@U9>", "@somebody"),
        ("see <#C1|ops> and <#C1> and <#C1|>", "see #ops and #ops and #ops"),
        ("<#C9> <#D1>", "a channel a direct message"),
        ("<!here> <!channel> <!subteam^S1|@dba> <!subteam^S1>", "@here @channel @dba @subteam"),
        ("<!date^1392734382^{date}|Feb 18>", "Feb 18"),
        ("<https://x.example/a|the page> <https://x.example/b>", "the page (https://x.example/a) https://x.example/b"),
        ("<mailto:a@x.example|a@x.example>", "a@x.example"),
        ("1 &lt; 2 <b>", "1 &lt; 2 <b>"),
    ],
)
async def test_text_is_read_in_names(text: str, readable: str) -> None:
    """Every token of Slack becomes what a reader sees; what is no token stays."""
    assert await People(Names(), lambda: 0.0).readable(text) == readable


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<!channel>", "!channel"),
        ("a\nb\u202ec", "a bc"),
        ("*bold* `code`", "bold code"),
        ("&lt;!here&gt;", "!here"),
        ("x" * 200, "x" * 79 + "…"),
        ("\u200b", "somebody"),
    ],
)
async def test_a_name_is_one_plain_line(name: str, shown: str) -> None:
    """People choose their names: whatever they choose pings nobody, formats nothing and hides nothing."""
    names = Names()
    names.people["U1"] = {"profile": {"display_name": name}}
    assert await People(names, lambda: 0.0).name("U1") == shown


async def test_names_are_asked_for_once_an_hour() -> None:
    """A name is kept for an hour; that Slack would not say, for a minute."""
    now = [0.0]
    names = Names()
    people = People(names, lambda: now[0])
    for _ in range(3):
        assert await people.name("U1") == "ann"
    assert names.asked == ["U1"]
    now[0] += REMEMBER_S + 1
    await people.name("U1")
    assert names.asked == ["U1", "U1"]
    for _ in range(2):
        assert await people.name("U9") == "somebody"
    now[0] += DOUBT_S + 1
    await people.name("U9")
    assert names.asked[2:] == ["U9", "U9"]


@pytest.mark.parametrize("error", [Away("x"), Busy(30.0), SlackRefused("missing_scope", "x")], ids=repr)
async def test_an_id_is_never_shown_raw(error: Exception) -> None:
    """When Slack does not say, people are somebody and channels a channel."""
    names = Names()
    names.error = error
    assert await People(names, lambda: 0.0).readable("<@U1> in <#C1>") == "@somebody in a channel"
