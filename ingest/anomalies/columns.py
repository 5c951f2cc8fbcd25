"""Many series as a few arrays: a state holds tens of thousands, and as objects they would weigh the most. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ingest.anomalies.signal import Series

NAMES = ("host", "service", "word")


def columns_of(series: Sequence[Series]) -> dict[str, Any]:
    """Return the series column by column; each name stands once, and columns of names hold its place."""
    names: dict[bytes, int] = {}
    columns: dict[str, Any] = {
        name: np.array([names.setdefault(getattr(each, name), len(names)) for each in series], dtype=np.int32)
        for name in NAMES
    }
    columns["template"] = np.array([each.template for each in series], dtype=np.int32)
    columns["position"] = np.array([each.position for each in series], dtype=np.int16)
    return columns | {"names": list(names)}


def series_of(columns: Mapping[str, Any]) -> list[Series]:
    """Return the series of `columns_of`."""
    names = columns["names"]
    told = ([names[place] for place in columns[name].tolist()] for name in NAMES)
    hosts, services, words = told
    places = zip(columns["template"].tolist(), hosts, services, columns["position"].tolist(), words, strict=True)
    return [Series(*each) for each in places]
