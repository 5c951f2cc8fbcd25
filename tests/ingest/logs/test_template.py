"""The miner: which lines are one message, ids that stay, bounds, and a cache that is no identity."""

import random
from collections.abc import Sequence

import pytest

from ingest.logs.template import FAITHFUL, Miner

INFO, WARN = 2, 3


def mined(*lines: str, level: int = INFO) -> tuple[Miner, list[int]]:
    """Return a miner after these lines, and their ids as they stand in the end."""
    miner = Miner()
    ids = miner.ids([line.encode() for line in lines], [level] * len(lines))
    return miner, [miner.merged.get(each, each) for each in ids]


def named(miner: Miner, *lines: str, level: int = INFO) -> list[int]:
    """Return the ids of further lines."""
    return miner.ids([line.encode() for line in lines], [level] * len(lines))


ONE: dict[str, Sequence[str]] = {
    "numbers": ["took 5 ms", "took 12345 ms", "took 0.3 ms"],
    "status codes": ["answered with status 200", "answered with status 503"],
    "hosts": ["lost peer a.example.com", "lost peer b.example.org"],
    "users, of whom there are many": [f"login of {name} failed twice here" for name in "ann bob cid dan eve".split()],
    "names that are announced": [
        "session for user ann is new",
        "session for user bob is new",
        "session for user x is new",
    ],
    "nothing for a value": ["cache size=12 bytes", "cache size=- bytes", "cache size= bytes"],
    "two small names at once": ["moved sd1 to tty2 now", "moved sd3 to tty4 now"],
    "fillers": ["fans ( 3552 3534 )", "fans ( **** 3534 )"],
    "booleans": ["screen on=true now", "screen on=false now"],
    "lists of many lengths": ["drop ids 11, 12", "drop ids 11, 12, 13, 14", "drop ids 15"],
    "lists with spaces, of three lengths": ["ask x to drop 11 12", "ask x to drop 11 12 13 14", "ask x to drop 15"],
    "lists of objects": ["seats [Seat(no=1, at=x)] left", "seats [Seat(no=2, at=y), Seat(no=3, at=x)] left"],
    "requests": ['"GET /a HTTP/1.1" 200 12', '"GET /b/c?d=e HTTP/1.1" 500 7'],
}

APART: dict[str, Sequence[str]] = {
    "outcomes": ["host is up", "host is down"],
    "outcomes of hex letters": ["host is bad", "host is dead"],
    "many outcomes": [
        f"the door of the car was {word}" for word in "opened closed added removed created deleted".split()
    ],
    "methods": ['"GET /a HTTP/1.1" 200', '"POST /a HTTP/1.1" 200'],
    "exceptions": ["job 7 threw java.io.IOException", "job 7 threw java.lang.NullPointerException"],
    "disks, while there are few": ["disk sda is slow", "disk sdb is slow"],
    "classes": ["a.OrderService#12 called", "a.PaymentService#12 called"],
    "states": ["I am LEADING", "I am FOLLOWING", "I am LOOKING"],
    "names and an outcome": [f"the car of today is now {word}" for word in "berlin paris rome lost".split()],
    "many states": [f"the job of today is now in {word}" for word in "NEW INITED SETUP RUNNING COMMIT KILLED".split()],
    "actions by name": ["on android.intent.SCREEN_ON", "on android.intent.SCREEN_OFF"],
    "causes": ["load of /x: gone, no such file", "load of /x: gone, no such user"],
    "status and size are no list": ["answer 200 to x", "answer 200 512 to x"],
}


@pytest.mark.parametrize("lines", ONE.values(), ids=ONE)
def test_lines_that_differ_in_a_value_are_one_message(lines: Sequence[str]) -> None:
    """A value is known by its looks, or by how many there are while the rest stays."""
    assert len(set(mined(*lines)[1])) == 1


@pytest.mark.parametrize("lines", APART.values(), ids=APART)
def test_lines_that_say_something_else_stay_apart(lines: Sequence[str]) -> None:
    """Words that tell what happened are never values."""
    assert len(set(mined(*list(lines) * 50)[1])) == len(lines)


def test_ids_count_from_one_in_the_order_of_appearance() -> None:
    """And come again with their message."""
    assert mined("alpha 1", "beta 2", "alpha 3", "gamma")[1] == [1, 2, 1, 3]


def test_the_cache_never_names_a_warning() -> None:
    """`host is bad` and `host is dead` have one key; the second one is told apart at its first line."""
    miner, _ = mined(*["host is bad"] * 500, level=WARN)
    assert named(miner, "host is dead", "host is bad", level=WARN) == [2, 1]


def test_a_key_that_tells_two_messages_leaves_the_cache() -> None:
    """Also among quiet lines: found by the sample, and right from then on."""
    miner, _ = mined(*["host is bad"] * 500)
    named(miner, *["host is dead"] * 500)
    assert named(miner, *["host is dead", "host is bad"] * 500) == [2, 1] * 500


def test_the_first_lines_of_a_template_are_told_apart_without_luck() -> None:
    """So many lines are masked in full before a key is believed."""
    assert mined(*["host is bad", "host is dead"] * (FAITHFUL // 2))[1] == [1, 2] * (FAITHFUL // 2)


def test_a_message_that_turns_out_to_be_another_says_so() -> None:
    """The older id stays, and `merged` names it for the younger ones."""
    miner = Miner()
    names = "ann bob cid dan eve".split()
    ids = [named(miner, f"login of {name} failed twice here")[0] for name in names]
    assert ids[:2] == [1, 2]
    assert ids[-1] == 1
    assert all(miner.merged.get(each, each) == 1 for each in ids)
    assert miner.template(2) == "login of <*> failed twice here"


def test_no_line_is_named_by_an_id_that_is_gone() -> None:
    """Neither in the block that joined two templates, nor by what the caches knew before."""
    miner = Miner()
    known = ["login of ann failed twice here", "login of bob failed twice here"]
    named(miner, *known * 50)
    assert set(named(miner, *known * 50, *(f"login of {name} failed twice here" for name in ("cid", "dan")))) == {1}
    assert set(named(miner, *known * 50)) == {1}


def test_an_outcome_is_no_value_even_where_values_stand() -> None:
    """`is now lost` is news among `is now in berlin`."""
    miner, _ = mined(*(f"the car of today is now {place}" for place in "berlin paris rome oslo bonn".split()))
    assert named(miner, "the car of today is now london", "the car of today is now lost") == [1, 4]


def test_values_come_with_the_positions_of_words() -> None:
    """Raw, as they stood in the line."""
    miner, (first,) = mined('10.0.0.7 "GET /a?b=c HTTP/1.1" 200 5120 took 12ms')
    words = miner.words(first)
    values = dict(miner.values(first, b'10.0.0.9 "GET /z HTTP/1.1" 404 7 took 3.5ms'))
    assert list(values.values()) == [b"10.0.0.9", b"/z HTTP/1.1", b"404", b"7", b"3.5ms"]
    assert all(words[at] is None for at in values)
    assert [word for word in words if word] == ["GET", "took"]


def test_a_word_that_varies_in_part_says_so() -> None:
    """`core.<*>` is a word with a position."""
    miner, (first,) = mined("generating core.2275 now")
    assert miner.words(first) == ("generating", "core.<*>", "now")
    assert miner.values(first, b"generating core.17 now") == [(1, b"17")]


def test_a_line_of_another_message_has_no_values() -> None:
    """Rather than wrong ones."""
    miner, (first,) = mined("took 5 ms")
    assert miner.values(first, b"something else") == []


def test_ids_stay_over_a_restart() -> None:
    """What was learnt is known again, and what is new gets the next id."""
    lines = [f"login of {name} failed twice here" for name in "ann bob cid dan eve".split()] + ["took 5 ms", "a [] b"]
    miner, ids = mined(*lines)
    again = Miner.restore(miner.state())
    assert named(again, *lines) == ids
    assert again.merged == miner.merged
    assert named(again, "never seen") == [6]
    assert again.template(1) == miner.template(1)


def test_an_id_that_is_gone_is_not_given_again_after_a_restart() -> None:
    """What was stored under it would be taken for the new message's."""
    miner, _ = mined(*(f"login of {name} failed twice here" for name in "ann bob cid dan".split()))
    assert miner.merged == {2: 1, 3: 1}
    assert named(Miner.restore(miner.state()), "never seen") == [4]


def test_a_state_of_another_version_is_refused() -> None:
    """Rather than guessed at."""
    with pytest.raises(ValueError, match="no state"):
        Miner.restore(b'{"version": 0}')


def test_templates_are_bounded() -> None:
    """Beyond, lines are `other`, and what is known stays known."""
    miner = Miner(most=10)
    chance = random.Random(2)
    garbage = [" ".join("".join(chance.choices("ghijkl", k=6)) for _ in range(9)) for _ in range(200)]
    ids = named(miner, *garbage)
    assert ids[:10] == list(range(1, 11))
    assert set(ids[10:]) == {0}
    assert named(miner, garbage[3]) == [4]
    assert (miner.template(0), miner.words(0)) == ("<*>", (None,))


def test_idle_templates_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a release long gone go first, and are `other` from then on."""
    monkeypatch.setattr("ingest.logs.template.IDLE", 100)
    miner = Miner(most=10)
    words = "one two six ten red blue gray pink lime gold".split()
    named(miner, *(f"{word} went past me" for word in words))
    named(miner, *["one went past me"] * 200)
    assert miner.merged == {2: 0}
    assert named(miner, "new went past me", "one went past me") == [11, 1]


def requests(chance: random.Random, lines: int) -> list[str]:
    """Return access lines whose paths never come again."""
    methods = chance.choices(("GET", "POST"), k=lines)
    paths = ["".join(chance.choices("ghijklmnop", k=9)) for _ in range(lines)]
    return [f'10.0.0.7 "{method} /{path} HTTP/1.1" 200 7 "-"' for method, path in zip(methods, paths, strict=True)]


def test_lines_whose_keys_never_come_again_are_known_by_their_shape() -> None:
    """Access lines with all paths distinct get one template a method, and other messages among them their own."""
    chance = random.Random(3)
    lines = requests(chance, 9_000)
    miner, ids = mined(*lines)
    assert [ids[at] == ids[0] for at in range(9_000)] == [line.split()[1] == lines[0].split()[1] for line in lines]
    odd = '10.0.0.7 "GET /abc" and "x HTTP/1.1" 200 7 "-"'
    assert named(miner, *requests(chance, 500), "client gone", odd)[-2:] == [3, 4]


def test_a_shape_that_names_a_line_wrongly_is_given_up() -> None:
    """Found on a warning, which is masked in full, and right from then on."""
    chance = random.Random(3)
    miner, _ = mined(*requests(chance, 9_000))
    odd = '10.0.0.7 "GET nothing HTTP/1.1" 200 7 "-"'
    assert named(miner, *requests(chance, 500), odd, level=WARN)[-1] == 3
    assert named(miner, odd, *requests(chance, 500))[0] == 3


def test_an_odd_line_never_breaks_the_miner() -> None:
    """Empty, binary, coloured, multi-line, without end: each gets an id."""
    odd = [
        b"",
        b" ",
        b"\x00\x1a\x1b[31m\x1c\x1d",
        b"\xff\xfe",
        b"a\nb\n  c",
        b"x" * 100_000,
        b"((((",
        b'"',
        b"=",
        b"\n",
    ]
    miner = Miner()
    first = miner.ids(odd, [2] * len(odd))
    assert all(first)
    assert miner.ids(odd, [4] * len(odd)) == first
    assert Miner.restore(miner.state()).ids(odd, [2] * len(odd)) == first
    for each, text in zip(first, odd, strict=True):
        assert isinstance(miner.values(each, text), list)


def test_no_lines_have_no_ids() -> None:
    """An empty block is no error."""
    assert Miner().ids([], []) == []
