"""What is remembered of the words of one stream, so that each is understood once: times, levels, services, pods."""

from collections.abc import Sequence

from ingest.logs.levels import UNKNOWN, Ranks, rank_of
from ingest.logs.services import Pods, Services
from ingest.logs.times import Times

_LEAD = 12
"""Bytes of a message looked at for a level: `error: `, `[WARN] `."""
_MOST_LEADS = 20_000


class Known:
    """The words of one stream."""

    def __init__(self, times: Times) -> None:
        self.times = times
        self.ranks = Ranks()
        self.services = Services()
        self.pods = Pods()
        self._leads = _Leads()

    def levels_of(self, texts: Sequence[bytes]) -> list[int]:
        """Return the level that the first word of each message tells: for lines whose header tells none."""
        return list(map(self._leads.__getitem__, [text[:_LEAD] for text in texts]))


class _Leads(dict[bytes, int]):
    def __missing__(self, lead: bytes) -> int:
        if len(self) >= _MOST_LEADS:
            self.clear()
        word = lead.lstrip().split(b" ", 1)[0]
        bare = word.strip(b"[]:")
        told = (
            word[-1:] == b":"
            or word == b"[%b]" % bare
            or (bare == word and word.isupper() and len(word) >= len("WARN"))
        )
        self[lead] = level = rank_of(bare) if told and not bare.isdigit() and len(bare) > 1 else UNKNOWN
        return level
