"""What goes on now, out of a real board: what is told, to whom, by which names, and what of the logs is not known."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert

from bot.answer.now import Situation, Told, lead
from bot.journal.outbox import Intent, Outbox
from bot.types import Question
from bot.watch.board import Row, root_key
from bot.watch.catalogue import Catalogue, Service
from bot.watch.deploys import Deploy, Deploys
from bot.watch.now import ALERTS, LOG, MOST_STORIES, Logs, Now, Readable
from ingest.anomalies.store import Saved, streams_table
from ingest.database import Database
from ingest.redact import redact
from ingest.types import EVERYONE, FULL_MEMBERS, NOBODY, Audience
from tests.bot.watch.desk import NOON, Desk, report, row

DAY = 86_400.0
SERVICES = (Service("checkout", ("checkout", "kasse-*")), Service("search", ("search",)))
PAYERS = Audience.of([("everyone", "C0PAY")])
LABELS = {"pay": ("C0PAY",)}
SAVED = Saved("shop", 1, {}, b"", 0, NOON, NOON)


class Sight(Desk):
    """A board, and what looks at it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        catalogue = Catalogue(SERVICES)
        self.kept = Deploys(database, self.board, catalogue, redact)
        logs = Logs(("shop", "cart"), lambda stream: LABELS.get(stream, EVERYONE))
        self.sight = Now(
            database, self.board, deploys=self.kept, catalogue=catalogue, logs=logs, clock=lambda: self.now
        )

    async def told(self, audience: Audience | None = FULL_MEMBERS) -> Sequence[Told]:
        """Return the stories that these readers may know."""
        return (await self.sight.now(audience)).stories

    async def scan(self, name: str, **values: Any) -> None:
        """Write down that a stream was scanned."""
        usual = {"version": 1, "cursor": "{}", "state": b"", "lines": 0, "clock": 0.0, "scanned_at": self.now}
        async with self.database.write() as connection:
            await connection.execute(insert(streams_table).values(usual | {"name": name} | values))


@pytest.fixture
def desk(database: Database) -> Sight:
    """Give an empty board."""
    return Sight(database)


async def test_an_open_story_is_told_with_its_figures(desk: Sight) -> None:
    """By its name, under all names of its service, with what was deployed near its beginning."""
    await desk.kept.add(Deploy("d1", "kasse-api", "1.42", "ana", "", NOON))
    await desk.kept.add(Deploy("d2", "search", "7", "bo", "", NOON))
    await desk.with_(row(acknowledged_by="U0ANA"), report(hosts=("web-1",), also=("New: breaker open: 3 lines",)))
    (told,) = await desk.told()
    assert (told.name, told.status, told.since, told.ended) == ("shop-12", "high, acknowledged", NOON + 120, None)
    assert told.headline.startswith('checkout on web-1: new line "payment gateway timeout after')
    assert told.names == ("checkout", "shop", "web-1", "kasse-*")
    assert told.words == ("payment gateway timeout after <*> ms (gateway=<*>)",)
    assert told.figures == (
        "kasse-api 1.42 was deployed by ana at 12:00 UTC (not proven to be the cause)",
        "Also new: breaker open: 3 lines",
    )
    assert told.source == f"{LOG}shop"


async def test_a_question_meets_it(desk: Sight) -> None:
    """The whole way from the board to the words."""
    await desk.with_(row(), report())
    question = Question("q1", "is kasse-api down?", "terminal", desk.now)
    told = lead(question, question.text, await desk.sight.now(None), desk.now)
    assert told.text.startswith("**Right now:** shop-12: checkout: new line")
    assert "42 a minute, never seen before (computed from logs, since 12:02 UTC; high)" in told.text


async def test_what_ended_is_told_for_a_day(desk: Sight) -> None:
    """With when it was usual again; the open ones come first, the latest before."""
    await desk.with_(row(ended=NOON + 3_600), report(ended=NOON + 3_600))
    await desk.with_(row(key="story:shop:13", fingerprint="g"), report(id=13, since=NOON + 10))
    await desk.with_(row(key="story:shop:14", fingerprint="h"), report(id=14, since=NOON + 20))
    desk.now = NOON + 2 * 3_600
    assert [(told.name, told.ended) for told in await desk.told()] == [
        ("shop-14", None),
        ("shop-13", None),
        ("shop-12", NOON + 1_800),
    ]
    desk.now = NOON + 3_600 + DAY + 1
    assert [told.name for told in await desk.told()] == ["shop-14", "shop-13"]


async def test_stories_of_one_card_are_one(desk: Sight) -> None:
    """The one that goes on is told."""
    await desk.with_(row(), report(ended=NOON + 60), report(id=15, since=NOON + 200))
    (told,) = await desk.told()
    assert (told.name, told.since, told.ended) == ("shop-12", NOON + 200, None)


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"place": "shadow"}, False),
        ({"rejected": "r1"}, False),
        ({"place": "none"}, True),
        ({"place": "muted"}, True),
        ({"place": "held"}, True),
        ({"place": "group", "inside": "group:C0SHOP:2026-11-18T12"}, True),
    ],
)
async def test_where_a_card_is_seen_decides(desk: Sight, changes: dict[str, Any], seen: bool) -> None:  # noqa: FBT001
    """What is in shadow, or is no anomaly, is not told; what nobody was told unasked is, to who asks."""
    await desk.with_(row(**changes), report())
    assert bool(await desk.told()) is seen


async def test_a_snooze_is_said_while_it_lasts(desk: Sight) -> None:
    """So that nobody wonders why it is quiet."""
    await desk.with_(row(snoozed_by="U0ANA", snoozed_until=NOON + 3_600), report())
    assert (await desk.told())[0].status == "high, snoozed until 13:00 UTC"
    desk.now = NOON + 3_601
    assert (await desk.told())[0].status == "high"


async def test_a_story_is_told_to_who_may_read_its_source(desk: Sight) -> None:
    """All readers of the answer; that there are more sources is known, not which."""
    await desk.scan("pay", scanned_at=NOON)
    await desk.with_(row(key="story:ledger:3"), report(stream="ledger", id=3))
    for readers in (FULL_MEMBERS, NOBODY, Audience.of([("everyone", "C0PAY"), ("everyone",)]), PAYERS, None):
        situation = await desk.sight.now(readers)
        assert (situation.hidden, "pay" in {each.name for each in situation.scanned}) == (
            (False, True) if readers in (PAYERS, None) else (True, False)
        )
    await desk.with_(row(key="story:pay:4", fingerprint="p"), report(stream="pay", id=4))
    assert {told.name for told in await desk.told(PAYERS)} == {"ledger-3", "pay-4"}
    assert {told.name for told in await desk.told(None)} == {"ledger-3", "pay-4"}
    assert {told.name for told in await desk.told()} == {"ledger-3"}
    assert await desk.told(NOBODY) == ()


async def test_messages_that_show_it_are_known(desk: Sight) -> None:
    """Its own and its group's, once the chat has them: their threads are about it."""
    group = "group:C0SHOP:2026-11-18T12"
    await desk.with_(row(), report())
    await desk.with_(row(key="story:shop:13", fingerprint="g", place="group", inside=group), report(id=13))
    await desk.with_(row(key=group, kind="group", fingerprint="x"))
    outbox = Outbox(desk.database, lambda: desk.now)
    for key, ts in ((root_key("story:shop:12"), "1.1"), (root_key(group), "2.2")):
        await outbox.sending(key)
        await outbox.located(key, ts)
    messages = {told.name: told.messages for told in await desk.told()}
    assert messages == {"shop-12": (("C0SHOP", "1.1"),), "shop-13": (("C0SHOP", "2.2"),)}


def alert(**changes: Any) -> Row:
    """Return a card of alerts."""
    labels = {"alertname": "PoolExhausted", "service": "checkout", "instance": "db-1"}
    fired = {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": "98 of 100 connections"},
        "starts": NOON,
        "ends": None,
    }
    body = {"alerts": {"f1": fired}, "group": labels, "source": "prometheus"}
    usual = row(key="alert:prometheus:0123456789:1", kind="alert", detector="", fingerprint="a", body=body)
    return replace(usual, **changes)


async def test_alerts_are_told_as_what_they_are(desk: Sight) -> None:
    """Nothing of them was computed by us, and every full member may know."""
    await desk.with_(alert())
    (told,) = await desk.told()
    assert told.name == "alert-012345"
    assert told.basis == "as alerts say"
    assert told.headline == "checkout: PoolExhausted: 98 of 100 connections"
    assert {"checkout", "PoolExhausted", "kasse-*"} <= set(told.names)
    assert (told.since, told.source) == (NOON, ALERTS)
    assert len(await desk.told(None)) == 1
    assert await desk.told(Audience.of([("C0GUESTS",)])) == ()


async def test_every_source_is_named_with_its_last_scan(desk: Sight) -> None:
    """Configured ones that were never scanned too; one that is gone for a day is not."""
    await desk.scan("shop", scanned_at=NOON)
    await desk.scan("other", scanned_at=NOON, down_since=NOON - 60, down="Loki: connection refused")
    await desk.scan("gone", scanned_at=NOON - DAY)
    situation: Situation = await desk.sight.now(FULL_MEMBERS)
    assert [(each.name, each.at, each.down_since, each.why) for each in situation.scanned] == [
        ("cart", None, None, ""),
        ("other", NOON, NOON - 60, "Loki: connection refused"),
        ("shop", NOON, None, ""),
    ]
    assert (situation.stories, situation.services) == ((), ("checkout", "search"))


async def test_many_open_stories_are_counted(desk: Sight) -> None:
    """A question is asked when much is wrong: the worst are read."""
    async with desk.database.write() as connection:
        for number in range(MOST_STORIES + 50):
            await desk.board.add(connection, row(key=f"story:shop:{number}", fingerprint=f"f{number}"))
            await desk.board.tell(connection, f"story:shop:{number}", "shop", number)
        await desk.streams.save(connection, SAVED, [report(id=number) for number in range(MOST_STORIES + 50)])
    await desk.with_(row(key="story:shop:999", fingerprint="f", severity="low", opened=NOON + 600), report(id=999))
    situation = await desk.sight.now(FULL_MEMBERS)
    assert (len(situation.stories), situation.more) == (MOST_STORIES, 51)
    assert "shop-999" not in {told.name for told in situation.stories}
    question = Question("q1", "what is broken?", "terminal", desk.now)
    told = lead(question, question.text, situation, desk.now).text
    assert told.startswith("**Right now:** 251 open stories:")
    assert told.partition("Could not")[0].count("- and 231 more.") == 1


async def test_what_an_answer_drew_on_has_its_readers(desk: Sight) -> None:
    """Logs by their settings, alerts by all, documents as the library has them; what is unknown has none."""
    desk.documents.readers = {"docs/a.md": ("C0SRE",)}
    readable = Readable(desk.documents, lambda stream: LABELS.get(stream, EVERYONE))
    assert await readable.audiences(["docs/a.md", f"{LOG}pay", f"{LOG}shop", ALERTS]) == {
        "docs/a.md": ("C0SRE",),
        f"{LOG}pay": ("C0PAY",),
        f"{LOG}shop": EVERYONE,
        ALERTS: EVERYONE,
    }


async def test_intents_of_cards_are_ours(desk: Sight) -> None:
    """Only a card's own message makes a thread of its story: a post of the same channel does not."""
    await desk.with_(row(), report())
    outbox = Outbox(desk.database, lambda: desk.now)
    await outbox.add(Intent("other", "post", "C0SHOP"))
    await outbox.sending("other")
    await outbox.located("other", "3.3")
    assert (await desk.told())[0].messages == ()
