"""How often a card of an alert shows the runbook that fits: alerts of a corpus, sent as Alertmanager's webhooks.

From the payload to the card it is the program's own way; a payload never names its runbook. Each alert is sent once as
rules send them, and once without its name, as if a rule were named after nothing. Run by `make eval CORPUS=dir`, or as
a file with the folder of the corpus.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.corpus import Corpus, given
from benchmarks.figures import table
from bot.build.house import House
from bot.door.alerts import alertmanager_group
from bot.settings import WatchSettings
from bot.types import Card
from bot.watch.alerts import Alerts
from bot.watch.board import Board
from bot.watch.catalogue import Catalogue
from bot.watch.deploys import Deploys
from bot.watch.hints import Hints
from bot.watch.preferences import Preferences
from bot.watch.rejections import Rejections
from bot.watch.routing import Rules
from bot.watch.telling import Telling
from ingest.anomalies.store import Streams

KIND = "alert"

NOISE = {"severity": "warning", "cluster": "prod-eu1", "namespace": "payments", "prometheus": "monitoring/k8s"}
"""Labels that nearly every alert has, and that say nothing about it."""

HEADS = ("", "alerts", "R@1", "none shown", "wrong shown", "incidents shown")


@dataclass(frozen=True, slots=True)
class Sent:
    """What a card showed. `right` is None where no document of the corpus answers."""

    shown: str | None
    right: bool | None
    incidents: int


def main() -> None:
    """Send, count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="folder with runbooks/, postmortems/ and questions.jsonl")
    corpus = given(parser.parse_args().corpus)
    with tempfile.TemporaryDirectory(prefix="copilot-alerts-") as data:
        print(asyncio.run(figures(corpus, Path(data))))


async def figures(corpus: Corpus, data: Path) -> str:
    """Return a table; empty where the corpus has no alerts."""
    rows = [json.loads(line) for line in corpus.file.read_text(encoding="utf-8").splitlines() if line.strip()]
    alerts = [row for row in rows if row.get("kind") == KIND]
    others = [row for row in rows if not row.get("relevant")]
    if not alerts:
        return ""
    async with corpus.indexed(data) as (house, roots):
        await house.index.refresh()
        bench = _Bench(house, roots)
        named = [await bench.send(row, {"alertname": str(row.get("alert", ""))}) for row in alerts]
        nameless = [await bench.send(row, {}) for row in alerts]
        unknown = [await bench.send(row, {}) for row in others]
    told = [_row("as sent", named), _row("without their names", nameless), _row("that no runbook answers", unknown)]
    return table(HEADS, told)


class _Bench:
    """The way of an alert, from what is posted to what its card shows."""

    def __init__(self, house: House, roots: Mapping[str, str]) -> None:
        database, redact = house.database, house.redactor.redact
        board, catalogue = Board(database, time.time), Catalogue()
        preferences = Preferences(database, WatchSettings())
        rules = Rules(catalogue)
        self._alerts = Alerts(database, board, rules, preferences=preferences, redact=redact, clock=time.time)
        self._telling = Telling(
            board,
            Streams(database),
            Rejections(database),
            deploys=Deploys(database, board, catalogue, redact),
            hints=Hints(house.index),
            catalogue=catalogue,
            documents=house.library,
            clock=time.time,
        )
        self._board = board
        self._roots = roots
        self._sent = 0

    async def send(self, row: Mapping[str, Any], labels: Mapping[str, str]) -> Sent:
        """Post an alert; return what its card shows."""
        self._sent += 1
        group = alertmanager_group(_payload(str(row["query"]), labels, self._sent), "alertmanager")
        await self._alerts.take(group)
        card = await self._telling.card(f"alert:{group.source}:{group.fingerprint}:1")
        assert card is not None
        return self._seen(card, row.get("relevant", ()))

    def _seen(self, card: Card, relevant: Sequence[str]) -> Sent:
        shown = None
        if card.runbook is not None:
            root, relative = card.runbook.path.split("/", 1)
            shown = f"{self._roots[root]}/{relative}"
        return Sent(shown, shown in relevant if relevant else None, len(card.similar))


def _payload(text: str, labels: Mapping[str, str], number: int) -> dict[str, Any]:
    """Return what Alertmanager sends for one alert."""
    alert = {
        "status": "firing",
        "labels": {**labels, **NOISE},
        "annotations": {"description": text},
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": f"{number:016x}",
    }
    return {"version": "4", "groupKey": f"{{}}:{{n={number}}}", "groupLabels": labels, "alerts": [alert]}


def _row(name: str, sent: Sequence[Sent]) -> tuple[str, ...]:
    right = sum(each.right is True for each in sent)
    none = sum(each.shown is None for each in sent)
    incidents = sum(each.incidents > 0 for each in sent)
    known = any(each.right is not None for each in sent)
    share = f"{right / len(sent):.3f}" if known else ""
    return (name, str(len(sent)), share, str(none), str(len(sent) - none - right), str(incidents))


if __name__ == "__main__":
    main()
