"""Which places of templates hold secrets: a value alone does not tell (`hunter2`), the line around it does. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

ENOUGH = 64
"""So many different values of a place are looked at in their lines. Places with more keep none of them as they stand:
beyond `places.MOST_WORDS_HERE` they hold no words, and of numbers only levels are kept."""

FEW, SOON = 17, 200
"""Nor do those that show more than `place.FEW_WORDS` among their first 200 values (`place.SURE_AFTER`)."""

_Values = Sequence[tuple[int, bytes]]


@dataclass(slots=True)
class _Place:
    """What was looked at of a place; `known` is None once it held a secret, and `open` once nothing needs a look."""

    known: set[bytes] | None = field(default_factory=set)
    looks: int = 0
    open: bool = False


class Hidden:
    """Remembers of each place which values were seen in lines without secrets."""

    def __init__(self, clean: Callable[[bytes], bytes]) -> None:
        self._clean = clean
        self._places: dict[int, dict[int, _Place]] = {}

    def clear(self) -> None:
        """Forget all: templates have changed, and with them their places."""
        self._places.clear()

    def shown(self, template: int, text: bytes, values: _Values) -> list[tuple[int, bytes]]:
        """Return the values of a message, with their positions, but those of places that hold secrets."""
        shown = []
        cleaned: bytes | None = None
        places = self._places.setdefault(template, {})
        for position, raw in values:
            place = places.get(position)
            if place is None:
                place = places[position] = _Place()
            if not place.open:
                if place.known is None:
                    continue
                if raw not in place.known:
                    cleaned = self._clean(text) if cleaned is None else cleaned
                    if cleaned.count(raw) < text.count(raw):
                        place.known = None
                        continue
                    place.known.add(raw)
                place.looks += 1
                if len(place.known) >= (FEW if place.looks <= SOON else ENOUGH):
                    place.open, place.known = True, set()
            shown.append((position, raw))
        return shown
