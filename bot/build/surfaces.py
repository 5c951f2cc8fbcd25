"""What stands behind Slack's surfaces besides answering, put together from the house's rooms."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from bot.answer.audience import Router, may_hear, may_read
from bot.answer.lookup import Lookups
from bot.answer.summary import Summaries
from bot.build.alerts import alerted
from bot.build.digests import daily
from bot.build.house import House, Writers
from bot.build.now import audience_of, labels
from bot.build.watching import Watchers
from bot.claude.client import Writer
from bot.slack.app import Surfaces
from bot.slack.home import Vital
from bot.slack.rules import Rules
from bot.watch.now import Readable

STALE_S = 1_800.0
"""Folders are synced every ten minutes (bot.commands.follow): three missed ones are a fault."""


def surfaces(
    house: House, writers: Writers, fault: Callable[[str], None], watchers: Watchers | None = None
) -> Surfaces:
    """Return what the bot shows and looks up besides answering; `fault` counts what went wrong by its name."""
    lookups = Lookups(house.index, house.journal, time.time, fault, house.redactor.redact)
    slack, of_logs = house.settings.slack, labels(house.settings)
    return Surfaces(
        threads=house.threads,
        similar=lookups.similar,
        runbook=lookups.runbook,
        vitals=_Vitals(house, writers.answer, watchers).look,
        documents=house.index.counts,
        labels=lambda: house.index.labels | of_logs,
        route=Router(house.index, fault, house.redactor.redact).route,
        may_hear=partial(may_hear, Readable(house.library, audience_of(house.settings))),
        may_read=partial(may_read, house.library),
        owner=house.notices,
        rules=Rules(frozenset(slack.channels), slack.strict),
        summary=None if writers.summary.model is None else Summaries(writers.summary, house.budget),
        redact=house.redactor.redact,
        watched=None if watchers is None else watchers.watched,
        alerted=alerted(house, fault),
        daily=daily(house),
    )


@dataclass(frozen=True, slots=True)
class _Vitals:
    """How the rooms below Slack are."""

    house: House
    writer: Writer
    watchers: Watchers | None = None

    async def look(self) -> Sequence[Vital]:
        """Return the documents with their age, the vectors, who words the answers, and how the logs are scanned."""
        vectors = self.house.index.health
        closed = self.house.budget.closed
        model = closed or self.writer.model or "none: the passages are quoted"
        return [
            await self._documents(),
            Vital("Vectors", vectors.ok, vectors.detail),
            Vital("Model", ok=closed is None, words=model),
            *(await self.watchers.vitals() if self.watchers else ()),
        ]

    async def _documents(self) -> Vital:
        counts = await self.house.library.counts()
        at = await self.house.library.last_synced()
        if at is None:
            return Vital("Documents", ok=False, words="not synced yet")
        age_s = max(0.0, time.time() - at)
        words = f"{counts['chunks']:,} passages, level with their folders {_ago(age_s)}"
        return Vital("Documents", bool(counts["chunks"]) and age_s < STALE_S, words)


def _ago(seconds: float) -> str:
    minutes = round(seconds / 60)
    return "less than a minute ago" if minutes < 1 else f"{minutes} minute{'s' * (minutes != 1)} ago"
