"""Text from anywhere, made harmless for Slack, and cut into messages."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.markdown import Pages, clean, escaped, inert, short


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain **bold** _it_ 1. step", "plain **bold** _it_ 1. step"),
        ("a & b < c > d", "a &amp; b &lt; c &gt; d"),
        ("> quoted > more", "> quoted &gt; more"),
        ("<!channel> <@U1> <#C1> <!subteam^S1>", "&lt;!channel&gt; &lt;@U1&gt; &lt;#C1&gt; &lt;!subteam^S1&gt;"),
        ("ping @here, @channel and @everyone", "ping `@here`, `@channel` and `@everyone`"),
        ("[click](https://e.example/?a=1&b=2).", "[click] (`https://e.example/?a=1&b=2`)."),
        ("![x](http://e.example/p.png)", "![x] (`http://e.example/p.png`)"),
        ("[x]: https://e.example", "[x] : `https://e.example`"),
        ("<https://e.example|here>", "&lt;`https://e.example|here`&gt;"),
        ("see www.e.example, or e.example/x?d=1!", "see `www.e.example`, or `e.example/x?d=1`!"),
        ("mailto:a@e.example", "`mailto:a@e.example`"),
        ("**https://e.example**", "**`https://e.example`**"),
        ("the file postgres.md and node.js on db-1.internal", "the file postgres.md and node.js on db-1.internal"),
        ("run `kubectl get <pod> && ls` now", "run `kubectl get <pod> && ls` now"),
        ("code `<!here>` too", "code `&lt;!here>` too"),
        ("an open ` tick [x](http://e.example)", "an open \\` tick [x] (`http://e.example`)"),
        ("\\\\`a` [x](http://e.example) `", "\\\\`a` [x] (`http://e.example`) \\`"),
        ("``` not a fence ``` [x](y)", "``` not a fence ``` [x] (y)"),
    ],
)
def test_prose_reads_as_written_and_does_nothing(written: str, shown: str) -> None:
    """Prose keeps its looks; mentions, links, images and entities become plain characters."""
    assert inert(written) == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("```bash\ncat <<EOF >a && b\n```", "```bash\ncat <<EOF >a && b\n```"),
        (
            "```\n<!channel> <https://e.example|x> <@U1>\n```",
            "```\n&lt;!channel> &lt;https://e.example|x> &lt;@U1>\n```",
        ),
        ("```sh\nopen", "```sh\nopen\n```"),
        ("1. do\n   ```\n   a\n```\nb", "1. do\n   ```\n   a\n   ```\nb"),
        ("   ```\nflat\n   ```", "   ```\n   flat\n   ```"),
        ("> ```\n> a\n[x](http://e.example)", "> ```\n> a\n> ```\n[x] (`http://e.example`)"),
        ("~~~~\n```\n~~~~", "~~~~\n```\n~~~~"),
    ],
)
def test_code_can_be_copied(written: str, shown: str) -> None:
    """Fences keep every character but the beginnings of Slack's tokens; open ones are closed, loose ones indented."""
    assert inert(written) == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a\x1b[31mred\x1b[0m\x07", "ared"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("user\u202etxt.exe\u202c \u2066x\u2069", "usertxt.exe x"),
        ("hid\U000e0041\U000e0042den\u200b", "hidden"),
        ("tab\tstays, 👩\u200d🚒 too", "tab\tstays, 👩\u200d🚒 too"),
        ("half \ud800 pair", "half  pair"),
    ],
)
def test_what_cannot_be_seen_is_removed(written: str, shown: str) -> None:
    """Terminal codes, bidi marks, tags and other unseen characters never reach Slack."""
    assert clean(written) == shown


@given(st.lists(st.sampled_from([*"<>!@#|[]()`~\\ \n-1.:/w\x1b\u202e", "https://", "here", "```"])).map("".join))
def test_nothing_live_is_ever_left(text: str) -> None:
    """Whatever the text, Slack finds no token, and no Markdown link or autolink outside code."""
    shown = inert(text)
    assert not re.search(r"<(?:[!@#]|https://)", shown)
    outside = re.sub(r"(`+)[^\n]*?\1", "", shown)
    assert "](" not in outside
    assert not re.search(r"[<>!@#]", escaped(text).replace("!", "").replace("@", "").replace("#", ""))


def test_short_text_is_left_and_long_text_ends_in_an_ellipsis() -> None:
    """`short` counts characters and says that it cut."""
    assert short("abc", 3) == "abc"
    assert short("ab cd", 4) == "ab…"


@pytest.mark.parametrize("opening", ["", "```bash\n"])
def test_a_page_never_changes_once_the_next_has_begun(opening: str) -> None:
    """Pages only append: what is in Slack already need not be touched, nor what a stream has shown."""
    pages, before = Pages(200), [""]
    pages.add(opening)
    for number in range(60):
        pages.add(f"- step {number} with some words\n")
        assert pages.texts[: len(before) - 1] == before[:-1]
        assert pages.texts[len(before) - 1].startswith(before[-1])
        before = list(pages.texts)
    assert "".join(pages.texts).count("step") == 60


def test_a_piece_that_fits_a_page_is_not_torn() -> None:
    """A step with its code moves to the next message whole."""
    pages = Pages(100)
    pages.add("x" * 70 + "\n")
    pages.add("2. do:\n```\nkubectl get pods --all\n```\n")
    assert pages.texts == ["x" * 70 + "\n", "2. do:\n```\nkubectl get pods --all\n```\n"]


@given(lines=st.lists(st.text(min_size=1, max_size=80).filter(lambda line: "\n" not in line)), fenced=st.booleans())
def test_every_page_keeps_its_budget_and_its_fences(lines: list[str], *, fenced: bool) -> None:
    """No page is over its bytes, whatever the language, and every fence that opens on a page closes on it."""
    text = inert("\n".join(["```bash", *lines, "```"]) if fenced else "\n".join(lines))
    pages = Pages(300)
    pages.add(text)
    for page in pages.texts:
        assert len(page.encode()) <= 300
        assert sum(bool(re.match(r"\s*(```|~~~)", line)) for line in page.split("\n")) % 2 == 0 or not fenced


def test_one_endless_line_is_cut_between_characters() -> None:
    """A line longer than a message is cut between characters and loses none."""
    pages = Pages(90)
    pages.add("é" * 200)
    assert "".join(pages.texts) == "é" * 200
