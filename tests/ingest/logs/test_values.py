"""Summaries of the values at one position."""

import json
import random
from collections.abc import Callable

import pytest

from ingest.logs.values import MOST_BYTES, MOST_WORDS, Values, bucket, middle, number

CHANCE = random.Random(5)

KINDS: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "duration": ("number", lambda _: b"%d ms" % CHANCE.randint(1, 5_000)),
    "share": ("number", lambda _: b"%.4f" % CHANCE.random()),
    "status": ("word", lambda _: CHANCE.choice((b"200", b"404", b"503"))),
    "user": ("word", lambda _: CHANCE.choice((b"root", b"alice", b"bob"))),
    "always the same": ("word", lambda _: b"ssh2"),
    "trace": ("id", lambda _: b"%032x" % CHANCE.getrandbits(128)),
    "sequence": ("counter", lambda at: b"%d" % (at * 3)),
}


@pytest.mark.parametrize(("kind", "value"), KINDS.values(), ids=KINDS)
def test_the_kind_of_a_position_shows_in_its_values(kind: str, value: Callable[[int], bytes]) -> None:
    """An amount, one of few words, a name that hardly comes again, or a number that only grows."""
    values = Values()
    values.add(value(at) for at in range(500))
    assert values.kind == kind


@pytest.mark.parametrize(
    ("raw", "amount"),
    [(b"12", 12), (b"-1.5", -1.5), (b"1,234", 1234), (b"250ms", 0.25), (b"2 min", 120), (b"4KiB", 4096), (b"7%", 7)],
)
def test_numbers_tell_their_amount(raw: bytes, amount: float) -> None:
    """Durations in seconds, sizes in bytes, so that 900ms and 1.1s lie side by side."""
    assert number(raw) == pytest.approx(amount)


@pytest.mark.parametrize("raw", [b"", b"abc", b"0xff", b"10.0.0.1", b"12:30", b"5 apples", b"1-2"])
def test_what_is_no_number_tells_none(raw: bytes) -> None:
    """Addresses, times and ids are no amounts."""
    assert number(raw) is None


@pytest.mark.parametrize("amount", [1e-5, 0.3, 1.0, 7.0, 1e3, 123_456.0, 1e9, -4.0])
def test_a_bucket_holds_numbers_within_a_tenth(amount: float) -> None:
    """Its middle is at most half a step, 9 %, from any number in it."""
    assert middle(bucket(amount)) == pytest.approx(amount, rel=0.1)


def test_buckets_keep_the_order() -> None:
    """A larger number never has a smaller bucket, also below zero, and beyond all bounds."""
    amounts = sorted([0.0, 1e-9, 1e300, -1e300, *(CHANCE.uniform(-1e6, 1e6) for _ in range(500))])
    assert [bucket(each) for each in amounts] == sorted(bucket(each) for each in amounts)


def test_words_are_bounded() -> None:
    """However many and long they are; what found no room is counted."""
    values = Values()
    values.add((b"%06d" % at) * 50 for at in range(1_000))
    assert (len(values.words), values.others) == (MOST_WORDS, 1_000 - MOST_WORDS)
    assert max(map(len, values.words)) == MOST_BYTES
    assert len(json.dumps(values.state())) < 4_000


def test_merged_summaries_count_what_both_saw() -> None:
    """In halves or at once comes to the same."""
    raws = [CHANCE.choice((b"ok", b"bad", b"7", b"12ms", b"0.5")) for _ in range(300)]
    whole, first, second = Values(), Values(), Values()
    whole.add(raws)
    first.add(raws[:100])
    second.add(raws[100:])
    first.merge(second)
    assert (first.count, first.numbers, first.words) == (whole.count, whole.numbers, whole.words)


def test_merged_words_stay_bounded_and_counted() -> None:
    """What finds no room among the words is among the others."""
    first, second = Values(), Values()
    first.add(b"a%d" % at for at in range(20))
    second.add(b"b%d" % at for at in range(40))
    first.merge(second)
    assert (len(first.words), first.words.total() + first.others) == (MOST_WORDS, first.count)


def test_a_summary_survives_a_restart() -> None:
    """Through JSON, and with bytes that are no UTF-8."""
    values = Values()
    values.add([b"7", b"\xff\xfe", b"12ms", b"", b"root"])
    assert Values.restore(json.loads(json.dumps(values.state()))) == values


def test_a_broken_summary_is_refused() -> None:
    """Rather than guessed at."""
    with pytest.raises(ValueError, match="no summary"):
        Values.restore([1, 2])
