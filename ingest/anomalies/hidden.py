"""Which places of templates hold secrets: a value alone does not tell (`hunter2`), the line around it does. Pure."""

from collections.abc import Callable, Sequence

ENOUGH = 64
"""So many different values of a place are looked at in their lines. Places with more keep none of them as they stand:
beyond `places.MOST_WORDS_HERE` they hold no words, and of numbers only levels are kept."""

_Values = Sequence[tuple[int, bytes]]


class Hidden:
    """Remembers of each place which values were seen in lines without secrets; None for one that held a secret."""

    def __init__(self, clean: Callable[[bytes], bytes]) -> None:
        self._clean = clean
        self._places: dict[tuple[int, int], set[bytes] | None] = {}

    def clear(self) -> None:
        """Forget all: templates have changed, and with them their places."""
        self._places.clear()

    def shown(self, template: int, text: bytes, values: _Values) -> list[tuple[int, bytes]]:
        """Return the values of a message, with their positions, but those of places that hold secrets."""
        places = self._places
        shown = []
        cleaned: bytes | None = None
        for position, raw in values:
            known = places.setdefault((template, position), set())
            if known is None:
                continue
            if raw not in known and len(known) < ENOUGH:
                cleaned = self._clean(text) if cleaned is None else cleaned
                if cleaned.count(raw) < text.count(raw):
                    places[template, position] = None
                    continue
                known.add(raw)
            shown.append((position, raw))
        return shown
