"""Levels: words, letters and numbers of every logger as one rank."""

import pytest

from ingest.logs.levels import Ranks, rank_of


@pytest.mark.parametrize(
    ("texts", "rank"),
    [
        (b"TRACE debug DEBUG5 Verbose FINE D [debug] 10 20", 1),
        (b"INFO info: [notice] LOG I INFORMATION 30 <165> 6", 2),
        (b"WARN Warning warning: [W] WRN W 40 <164>", 3),
        (b"ERROR err SEVERE E core:error FAILURE 50 <163> 3 (error)", 4),
        (b"FATAL CRITICAL crit emerg PANIC F 60 <34> 0", 5),
        (b"combo sshd 200 I/O e w 7000 <> - <9x>", 0),
    ],
)
def test_a_level_has_its_rank_however_it_is_written(texts: bytes, rank: int) -> None:
    """0 unknown to 5 fatal."""
    assert {text: rank_of(text) for text in texts.split()} == dict.fromkeys(texts.split(), rank)


def test_a_column_of_anything_fills_no_memory() -> None:
    """A thousand spellings are remembered; more are worked out each time."""
    ranks = Ranks()
    assert [ranks[b"word%d" % number] for number in range(5_000)] == [0] * 5_000
    assert len(ranks) == 1_000
    assert ranks[b"ERROR"] == 4
