"""What stands below an answer, as a person reads it."""

from datetime import date

import pytest

from bot.limits import SECTION_TEXT, VIEW_BLOCKS
from bot.slack import cards
from bot.types import Done, Source
from bot.workspace.blocks import check_message_blocks, check_view

TODAY = date(2026, 11, 20)
POOL = Source(1, "runbooks/pool.md", 14, 31, "Postgres <!here> pool", date(2026, 9, 10))
RESTART = Source(2, "runbooks/restart.md", 8, 8, "Restart checkout")


def ended(**changes: object) -> Done:
    """Return how an answer ended, with changes."""
    usual = {"outcome": "answered", "reason": None, "answer_id": "q1", "sources": (POOL, RESTART), "model": "claude-x"}
    costs = {"seconds": 2.14, "tokens_in": 1800, "tokens_out": 40, "usd": 0.0061}
    return Done(**(usual | costs | changes))  # type: ignore[arg-type]


def test_the_sources_line() -> None:
    """Every source with its number, title, lines and age, in order."""
    assert cards.sources_line((POOL, RESTART), TODAY) == (
        "Sources: [1] Postgres <!here> pool, lines 14-31, reviewed 71 days ago".replace("71 days", "2 months")
        + " · [2] Restart checkout, line 8"
    )


@pytest.mark.parametrize(
    ("done", "line"),
    [
        (ended(), "answered from 2 documents · 2.1 s · 1,840 tokens · 0.006 USD · claude-x"),
        (ended(sources=(POOL,)), "answered from 1 document · 2.1 s · 1,840 tokens · 0.006 USD · claude-x"),
        (ended(model=None), "answered from 2 documents · 2.1 s · quoted without a model"),
        (ended(outcome="not_found", sources=(), tokens_in=0, tokens_out=0), "not found · 2.1 s · claude-x"),
    ],
)
def test_the_footer(done: Done, line: str) -> None:
    """How it ended, from how much, how long, at what cost, by whom; each with its unit."""
    assert cards.footer(done) == line


def test_below_an_answer() -> None:
    """Sources, footer, a button per source, thumbs: valid blocks in which nothing from documents is mrkdwn."""
    blocks = cards.ending(ended(), TODAY)
    check_message_blocks(blocks)
    assert [block["type"] for block in blocks] == ["context", "context", "actions", "context_actions"]
    assert [button["text"]["text"] for button in blocks[2]["elements"]] == ["Source 1", "Source 2"]
    assert [button["value"] for button in blocks[2]["elements"]] == ["q1:1", "q1:2"]
    assert "mrkdwn" not in str(blocks)


def test_at_most_five_sources_have_a_button() -> None:
    """More sources are named, five can be opened."""
    many = tuple(Source(number, f"a/{number}.md", 1, 2, "T" * 300) for number in range(1, 40))
    blocks = cards.ending(ended(sources=many), TODAY)
    check_message_blocks(blocks)
    assert len(blocks[2]["elements"]) == 5
    assert cards.ending(ended(sources=(POOL,)), TODAY)[2]["elements"][0]["text"]["text"] == "Source 1"


def test_below_nothing_found_and_below_a_failure() -> None:
    """Without sources there are no source buttons; a failure is not to be thumbed."""
    assert [block["type"] for block in cards.ending(ended(outcome="not_found", sources=()), TODAY)] == [
        "context",
        "context_actions",
    ]
    assert [block["type"] for block in cards.ending(ended(outcome="failed", sources=()), TODAY)] == ["context"]


@pytest.mark.parametrize(
    ("done", "text", "words"),
    [
        (ended(), "All said.", ""),
        (ended(outcome="failed", reason="Claude is busy."), "", "**I could not finish this answer:** Claude is busy."),
        (
            ended(outcome="failed", reason="Claude is busy."),
            "Half.",
            "**I could not finish this answer:** Claude is busy.",
        ),
        (ended(outcome="failed", reason="Claude is busy."), "It failed: Claude is busy.", ""),
        (ended(outcome="not_found", reason="Nothing on HSM."), "", "**Not in the runbooks.** Nothing on HSM."),
        (ended(outcome="not_found", reason="Nothing on HSM."), "**Not in the runbooks.**", ""),
        (ended(outcome="perhaps", reason="Thin."), "", "Thin."),
    ],
)
def test_what_the_outcome_still_has_to_say(done: Done, text: str, words: str) -> None:
    """A reason is said once; a half answer is never left looking whole."""
    assert cards.unsaid(done, text) == words


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0, "today"),
        (-3, "today"),
        (1, "1 day ago"),
        (59, "59 days ago"),
        (60, "2 months ago"),
        (729, "24 months ago"),
        (731, "2 years ago"),
    ],
)
def test_ages_as_people_count_them(days: int, words: str) -> None:
    """Days, then months, then years."""
    reviewed = date.fromordinal(TODAY.toordinal() - days)
    assert cards.sources_line([Source(1, "a", 1, 1, "T", reviewed)], TODAY).endswith(f"reviewed {words}")


def test_a_source_is_shown_exactly_in_pieces_that_slack_takes() -> None:
    """A long source is split at lines, each piece under its line numbers, and not a character is lost."""
    lines = [f"{number:04} `code` <&> \t" + "x" * 120 for number in range(100)]
    view = cards.source_view(POOL, "\n".join(lines))
    check_view(view)
    pieces = [block["elements"][0]["elements"][0]["text"] for block in view["blocks"] if block["type"] == "rich_text"]
    assert "\n".join(pieces) == "\n".join(lines)
    assert all(len(piece) <= SECTION_TEXT for piece in pieces)
    assert view["blocks"][2]["elements"][0]["text"] == f"lines 14-{13 + pieces[0].count(chr(10)) + 1}"


def test_a_huge_source_stays_within_a_modal() -> None:
    """However long the source, the modal is one that Slack opens."""
    view = cards.source_view(POOL, "\n".join(["y" * 5000] * 200))
    check_view(view)
    assert len(view["blocks"]) == VIEW_BLOCKS


def test_text_beside_blocks_is_inert_and_short() -> None:
    """The text in notifications holds no token and no double escape."""
    content = cards.told("a &lt;!here&gt; &amp; b " + "x" * 4000)
    assert content["text"].startswith("a &lt;!here&gt; &amp; b xxx")
    assert len(content["text"]) < 1_600
