"""The miner: names the template of each message, streaming, and learns as it goes.

Most lines are named by a cache of their bytes without digits and hex letters. That key is no identity (`status 200`,
`host is bad`): lines that matter and a sample are masked in full, and a key that tells two templates leaves the cache.
Lines whose keys never come again are known by the shape of their template. Knows nothing of times, hosts and counts.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, Self, cast

from ingest.logs.cache import Cache
from ingest.logs.mask import DELIMITERS, EMPTY, SLOT, masked, told
from ingest.logs.shape import Proofs, Shapes, reader, slots
from ingest.logs.shelf import ANY, Template
from ingest.logs.tree import OTHER, Tree

MOST_TEMPLATES: Final = 5_000
"""Templates of one stream, so that memory is bounded (issue 4)."""

FAITHFUL: Final = 20
"""So many first lines of each template are masked in full before its keys are believed (shared/facts/logs.md)."""

BUDGET: Final = 0.05
"""The share of lines that may be masked in full though the cache knows them (shared/facts/logs.md)."""

SAVED: Final = 20_000
"""Lines of the budget that quiet times may save up for a burst of warnings."""

SAMPLE: Final = 64
"""One line in so many is masked in full, whatever it is."""

AT_ONCE: Final = 4_096
"""Lines that are learnt before their shapes are looked at."""

MOST_READERS: Final = 1_000
"""Templates whose values can be read without compiling a pattern again."""

LOOKS: Final = 1_000
"""Lines of a block that are looked for among all templates when there is no more room: floods of garbage stay fast."""

IDLE: Final = 1_000_000
"""A template may make room for a new one once so many lines came without it."""

MOST_MERGED: Final = 20_000
"""Names of templates that are gone; beyond, none makes room any more, so that a stream of garbage stays bounded."""

_HEX: Final = b"0123456789abcdefABCDEF-.:"
_WARNINGS: Final = re.compile(b"[\x03-\x05]")
_VERSION: Final = 1
_SECRET: Final = re.compile(rb"\[secret:[^\]\n]*\]")
_VALUE: Final = b"0"
"""What stands where a secret was: a value to every mask."""

_NONE: Final[AbstractSet[int]] = frozenset()

Clean = Callable[[bytes], bytes]
"""Returns a message without its secrets, `[secret:KIND#HASH]` in their places."""


class Miner:
    """The templates of one stream, at most `most`. Not for two threads at once.

    `clean` takes the secrets out of a message: no template is made of one that it has not seen.
    """

    def __init__(self, most: int = MOST_TEMPLATES, clean: Clean = bytes) -> None:
        self._clean = clean
        self._tree = Tree(most)
        self._keys: Cache = Cache()
        self._apart: Cache = Cache()
        self._skeletons: Cache = Cache()
        self._shapes = Shapes()
        self._proofs = Proofs()
        self._seen: Counter[int] = Counter()
        self._used: dict[int, int] = {}
        self._lines = 0
        self._spare = float(SAVED)
        self._looks = LOOKS
        self._readers: dict[int, tuple[re.Pattern[bytes], Sequence[int]]] = {}
        self._readers_at = -1

    @property
    def merged(self) -> Mapping[int, int]:
        """Which id stands for one that is gone: the older one of the same message, or 0 if it made room."""
        return self._tree.merged

    @property
    def _full(self) -> bool:
        return len(self._tree.templates) >= self._tree.most

    @property
    def living(self) -> list[int]:
        """The ids that lines can get, oldest first, without 0."""
        return sorted(self._tree.templates)

    def ids(self, texts: Sequence[bytes], levels: Sequence[int]) -> list[int]:
        """Return the template id of each message, in their order; 0 is a message for which there was no more room.

        `levels` are ranks (0 unknown, 1 debug, 2 info, 3 warn, 4 error, 5 fatal).
        """
        if not texts:
            return []
        changes, self._looks = self._tree.changes, LOOKS
        found, late = self._known(texts)
        self._learn(late, found, texts)
        self._shapes.settle(len(texts))
        named = cast("list[int]", found)
        for at in self._doubtful(levels, named, texts):
            named[at] = self._checked(texts[at], named[at])
        if self._tree.changes > changes:
            self._forget()
            named = [self.merged.get(number, number) for number in named]
        self._lines += len(texts)
        self._used.update(dict.fromkeys(set(named), self._lines))
        if self._full:
            self._make_room()
        return named

    def words(self, number: int) -> tuple[str | None, ...]:
        """Return the words of a template in order, None for a variable; their indexes are the positions of `values`.

        A word that varies in part has `<*>` in it (`core.<*>`).
        """
        return tuple(None if word in (SLOT, ANY) else _shown(word) for word in self._template(number).words)

    def template(self, number: int) -> str:
        """Return the template as a line, `<*>` for each variable."""
        return _shown(self._template(number).text)

    def values(self, number: int, text: bytes, without: AbstractSet[int] = _NONE) -> list[tuple[int, bytes]]:
        """Return the values of a message of this template with their positions; nothing where the text does not fit.

        Those at the positions `without` are left out.

        Positions stay while the template lives, unless values in it turn out to be a list of many lengths.
        """
        if self._readers_at != self._tree.changes:
            self._readers.clear()
            self._readers_at = self._tree.changes
        known = self._readers.get(number)
        if known is None:
            if len(self._readers) >= MOST_READERS:
                self._readers.clear()
            template = self._template(number)
            known = self._readers[number] = (reader(template), slots(template))
        match = known[0].fullmatch(told(text))
        if match is None:
            return []
        values = zip(known[1], match.groups(), strict=True)
        return [value for value in values if value[0] not in without] if without else list(values)

    def state(self) -> bytes:
        """Return all that must outlive a restart, as JSON: the caches are not in it."""
        templates = [
            [each.id, _text(each.text), each.listing, min(self._seen[each.id], FAITHFUL), self._used.get(each.id, 0)]
            for each in self._tree.templates.values()
        ]
        known = {
            "version": _VERSION,
            "most": self._tree.most,
            "last": self._tree.last,
            "lines": self._lines,
            "templates": templates,
            "merged": list(self.merged.items()),
        }
        return json.dumps(known, separators=(",", ":")).encode()

    @classmethod
    def restore(cls, state: bytes, clean: Clean = bytes) -> Self:
        """Return the miner of a state; raises `ValueError` if it is not one of this version."""
        known = json.loads(state)
        if not isinstance(known, dict) or known.get("version") != _VERSION:
            raise ValueError("This is no state of the log miner of this version.")
        miner = cls(known["most"], clean)
        miner._resume(known)
        return miner

    def _resume(self, known: Mapping[str, list[list[int]]]) -> None:
        for number, text, listing, seen, used in known["templates"]:
            pieces = DELIMITERS.split(str(text).encode("latin-1"))
            self._tree.put(Template(number, tuple(pieces[::2]), tuple(pieces[1::2]), bool(listing)))
            self._seen[number], self._used[number] = seen, used
        self._tree.merged.update((gone, now) for gone, now in known["merged"])
        self._tree.last = cast("int", known["last"])
        self._lines = cast("int", known["lines"])

    def _template(self, number: int) -> Template:
        return self._tree.templates.get(self.merged.get(number, number), _NO_ROOM)

    def _known(self, texts: Sequence[bytes]) -> tuple[list[int | None], dict[int, bytes]]:
        """Return the ids that the cache and the shapes tell, and the indexes of the other lines with their keys."""
        if self._shapes.lead:
            found: list[int | None] = [None] * len(texts)
            late = self._shapes.name(range(len(texts)), found, texts)
            keys = _keys([texts[at] for at in late])
            for at, number in zip(late, self._keys.many(keys), strict=True):
                found[at] = number
            return found, {at: key for at, key in zip(late, keys, strict=True) if found[at] is None}
        every = _keys(texts)
        found = self._keys.many(every)
        late = _missing(found)
        return found, {at: every[at] for at in self._shapes.name(late, found, texts)}

    def _learn(self, late: Mapping[int, bytes], found: list[int | None], texts: Sequence[bytes]) -> None:
        """Name the lines with these keys: masked in full, until enough are alike to know the rest by their shape."""
        waiting = list(late)
        while waiting:
            now, waiting, new = waiting[:AT_ONCE], waiting[AT_ONCE:], []
            for at in now:
                known = found[at] = self._keys.get(late[at])
                if known is None:
                    found[at] = self._learnt(texts[at], late[at])
                    new.append(at)
            if self._shapes.learn(new, found, texts, self._tree.templates):
                waiting = self._shapes.name(waiting, found, texts)

    def _doubtful(self, levels: Sequence[int], named: Sequence[int], texts: Sequence[bytes]) -> list[int]:
        """Return the indexes of the lines to mask in full though they have a name: a sample, and unproved warnings."""
        self._spare = min(SAVED, self._spare + BUDGET * len(texts))
        chosen = list(range(-self._lines % SAMPLE, len(texts), SAMPLE))
        room = max(1, int(self._spare) - len(chosen))
        holds = self._proofs.holds
        warnings = [
            at for at in map(re.Match.start, _WARNINGS.finditer(bytes(levels))) if not holds(named[at], texts[at])
        ]
        if len(warnings) > room:
            warnings = warnings[:: -(-len(warnings) // room)]
        for at in warnings:
            self._proofs.learn(self._tree.templates.get(named[at]), texts[at])
        self._spare -= len(chosen) + len(warnings)
        return chosen + warnings

    def _named(self, text: bytes) -> int:
        """Return the id of a message masked in full."""
        skeleton = masked(text)
        number = self._skeletons.get(skeleton)
        if number is None:
            if self._full:
                self._looks -= 1
                if self._looks < 0:
                    return OTHER
            number = self._skeletons[skeleton] = self._placed(text, skeleton)
        number = self.merged.get(number, number)
        self._seen[number] += 1
        return number

    def _placed(self, text: bytes, skeleton: bytes) -> int:
        """Return the id of a message that is told by a skeleton for the first time."""
        cleaned = self._clean(text)
        if cleaned == text:
            return self._tree.place(skeleton)
        return self._tree.place(masked(_SECRET.sub(_VALUE, cleaned)))

    def _learnt(self, text: bytes, key: bytes) -> int:
        """Return the id of a message that was not known; its key is from now on, once its template is well known."""
        number = self._named(text)
        if self._seen[number] > FAITHFUL and key not in self._apart:
            self._keys[key] = number
        return number

    def _checked(self, text: bytes, number: int) -> int:
        """Return the true id of a message; a key or a shape that told another is given up for good."""
        true = self._named(text)
        if true != self.merged.get(number, number):
            (key,) = _keys([text])
            if key in self._keys:
                del self._keys[key]
                self._apart[key] = 1
            else:
                self._shapes.drop(number)
        return true

    def _forget(self) -> None:
        """Let the caches name the ids that stand now, after templates became more general."""
        self._keys.rename(self.merged)
        self._shapes.keep(self._tree.templates)
        self._proofs.clear()
        for notes in (self._used, self._seen, self._readers):
            for gone in self.merged.keys() & notes.keys():
                del notes[gone]

    def _make_room(self) -> None:
        """Let the templates go that were idle longest, a tenth at most: their lines are among the others then."""
        room = min(self._tree.most // 10, MOST_MERGED - len(self.merged))
        idle = sorted((self._used.get(number, 0), number) for number in self._tree.templates)[: max(0, room)]
        gone = [number for used, number in idle if used < self._lines - IDLE]
        if gone:
            self._tree.retire(gone)
            self._skeletons.clear()
            self._keys.clear()
            self._forget()


_NO_ROOM: Final = Template(OTHER, (ANY,), ())


def _keys(texts: Sequence[bytes]) -> list[bytes]:
    """Return the messages without digits and hex letters, at once."""
    if not texts:
        return []
    keys = b"\n".join(texts).translate(None, _HEX).split(b"\n")
    if len(keys) == len(texts):
        return keys
    short = [told(text).replace(b"\n", b"\r") if b"\n" in text else text for text in texts]
    return b"\n".join(short).translate(None, _HEX).split(b"\n")


def _missing(found: Sequence[int | None]) -> list[int]:
    """Return the places of None: few of many, which looking for each finds faster than looking at all."""
    places, place = [], -1
    for _ in range(found.count(None)):
        place = found.index(None, place + 1)
        places.append(place)
    return places


def _text(text: bytes) -> str:
    return text.decode("latin-1")


def _shown(text: bytes) -> str:
    return text.replace(EMPTY, b"").replace(SLOT, b"<*>").replace(ANY, b"<*>").decode("utf-8", "replace")
