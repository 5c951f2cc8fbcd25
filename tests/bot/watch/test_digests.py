"""Digests in the database: each once per channel and local date, and made of what the channel may read."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from bot.journal.journal import Journal
from bot.journal.outbox import Outbox, outbox
from bot.journal.spent import Call, Limits, Spent
from bot.settings import WatchSettings
from bot.types import Done, Question, Source
from bot.watch.board import Board, Row, cards_table, detectors_table
from bot.watch.catalogue import Catalogue, Service
from bot.watch.digest import Digest, text_of
from bot.watch.digests import Admits, Digests
from bot.watch.gather import Gatherer
from bot.watch.preferences import Preferences, Wanted
from bot.watch.routing import Origin, Rules
from ingest.anomalies.report import Report
from ingest.anomalies.store import Saved, Streams, streams_table
from ingest.database import Database
from ingest.documents.store import documents_table, roots_table
from tests.bot.watch.days import frame, utc
from tests.bot.watch.desk import report, row

OPS, PAY, ELSEWHERE = "C0OPS", "C0PAY", "C0ELSE"
FINE = Wanted("09:00", "off", "medium", "UTC")


class Town:
    """A database with channels, stories and people's questions; `replica` opens another bot on it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = utc("2026-11-19 12:00")
        self.watch = WatchSettings(channel=OPS, timezone="Europe/Berlin")
        self.rules = Rules(
            Catalogue([Service("payments", ("payments", "pay"), channel=PAY)]),
            OPS,
            origins={"shop": Origin(), "pay": Origin(audience=frozenset({PAY}))},
        )
        self.board = Board(database, lambda: self.now)
        self.journal = Journal(database)
        self.outbox = Outbox(database, lambda: self.now)
        self.spent = Spent(database)
        self.broken: str | None = None
        self.preferences = Preferences(database, self.watch, self.rules.channels)
        self.digests = self.replica()

    def replica(self, admits: Admits | None = None) -> Digests:
        """Return what a bot that has just started makes digests with."""
        preferences = Preferences(self.database, self.watch, self.rules.channels)
        gatherer = Gatherer(self.database, self.rules, lambda: self.now)
        return Digests(self.database, self.rules, preferences, gatherer, self.rendered, admits=admits)

    def rendered(self, digest: Digest) -> Sequence[Mapping[str, Any]]:
        """Return a digest as one message, and its sections as another; break where a test says so."""
        text = text_of(digest)
        if self.broken is not None and self.broken in text:
            raise RuntimeError(self.broken)
        return [{"text": text}, *([{"text": "detail"}] if digest.sections else [])]

    async def go(self, written: str) -> frozenset[str]:
        """Look at a time in UTC whether a digest is due."""
        self.now = utc(written)
        return await self.digests.go(self.now)

    async def posted(self) -> dict[str, str]:
        """Return the text of each intent that is written down, by its key."""
        async with self.database.read() as connection:
            rows = await connection.execute(select(outbox).order_by(outbox.c.created_at, outbox.c.key))
            return {each["key"]: each["payload"]["text"] for each in rows.mappings()}

    async def roots(self) -> list[str]:
        """Return the keys of the digests, without those of their threads."""
        return [key for key in await self.posted() if key.count(":") == 2]

    async def scanned(self, stream: str, lines: int, at: str, down: str | None = None) -> None:
        """Let a stream have been scanned, with so many lines so far."""
        values = {"lines": lines, "scanned_at": utc(at), "down": down, "down_since": utc(at) if down else None}
        kept = Saved(stream, 1, {}, b"", 0, utc(at), utc(at))
        async with self.database.write() as connection:
            if await Streams(self.database).load(stream) is None:
                await Streams(self.database).save(connection, kept, [])
            await connection.execute(streams_table.update().where(streams_table.c.name == stream).values(values))

    async def story(self, number: int, opened: str, told: Report | None = None, **changes: Any) -> None:
        """Put a story of the shop on the board."""
        at = utc(opened)
        told = replace(told or report(), id=number, detected_at=at, since=at)
        card = row(**({"key": f"story:{told.stream}:{number}", "channel": OPS, "opened": at} | changes))
        await self.card(card)
        async with self.database.write() as connection:
            await self.board.tell(connection, card.key, told.stream, number)
            before = await Streams(self.database).load(told.stream)
            version = before.version + 1 if before else 1
            known = replace(before, version=version) if before else Saved(told.stream, 1, {}, b"", 0, at, at)
            await Streams(self.database).save(connection, known, [told])

    async def card(self, card: Row) -> None:
        """Put a card on the board, already posted for what this is about."""
        async with self.database.write() as connection:
            await self.board.add(connection, replace(card, place="none" if card.place == "root" else card.place))

    async def asked(self, name: str, text: str, outcome: Any, at: str, **changes: Any) -> None:
        """Let somebody have asked, and been answered."""
        question = Question(name, text, "U1", utc(at), **({"channel": OPS} | changes))
        sources = (Source(1, "runbooks/queue.md", 1, 2, "Queue"),) if outcome == "answered" else ()
        done = Done(outcome, None, name, sources, None, 1.0, 1, 1, 0.1)
        await self.journal.answered(question, done, "text")
        await self.spent.begin(Call(name, "U1", "m", "answer", question.asked_at, 0.1), Limits(100.0, 100))


@pytest.fixture
def town(database: Database) -> Town:
    """Give a town in which nothing has happened."""
    return Town(database)


# Once


async def test_once_per_local_date_over_replicas_restarts_and_changed_clocks(town: Town) -> None:
    """Four zones, two replicas that look at the same moments and restart thrice a day: one each, when it is due."""
    zones = {
        "C0BER": ("Europe/Berlin", "02:30"),  # not there on 29 March, there twice on 25 October
        "C0NYC": ("America/New_York", "01:30"),
        "C0LHI": ("Australia/Lord_Howe", "02:00"),  # not there on 4 October, when half an hour is left out
        "C0KTM": ("Asia/Kathmandu", "09:15"),
    }
    for channel, (zone, at) in zones.items():
        await town.preferences.set(channel, "U1", utc("2026-10-01 00:00"), Wanted(at, "off", "medium", zone))
    await town.preferences.set(OPS, "U1", 0.0, replace(FINE, off=True))
    await town.preferences.set(PAY, "U1", 0.0, replace(FINE, off=True))
    for start in ("2026-10-03", "2026-10-24", "2026-10-31"):
        begin = utc(f"{start} 00:00")
        for number in range(60):
            town.now = begin + number * 1_800
            if number % 20 == 0:
                bots = [town.replica(), town.replica()]
            woken = await asyncio.gather(*(bot.go(town.now) for bot in bots))
            assert not woken[0] & woken[1]
    roots = await town.roots()
    assert sorted(roots) == sorted(set(roots))
    days = [key.rsplit(":", 1)[1] for key in roots if key.startswith("digest:C0BER:")]
    assert days == ["2026-10-03", "2026-10-04", "2026-10-24", "2026-10-25", "2026-10-31", "2026-11-01"]
    at = {each: await town.outbox.posting(each) for each in roots}
    when = {key: found.not_before for key, found in at.items() if found is not None}
    assert when["digest:C0BER:2026-10-25"] == utc("2026-10-25 00:30")
    assert when["digest:C0NYC:2026-11-01"] == utc("2026-11-01 05:30")
    assert when["digest:C0LHI:2026-10-04"] == utc("2026-10-03 15:30")
    assert when["digest:C0KTM:2026-10-25"] == utc("2026-10-25 03:30")
    late = {when[key] for key, text in (await town.posted()).items() if "Late" in text}
    assert late == {utc("2026-10-24 00:00"), utc("2026-10-31 00:00")}  # nobody was there in the weeks between


async def test_it_is_posted_at_its_time_and_woken(town: Town) -> None:
    """A minute before nothing is due; then root and thread are written down together, and nothing after that."""
    await town.story(12, "2026-11-18 13:00")
    assert await town.go("2026-11-19 07:59") == frozenset()
    assert await town.go("2026-11-19 08:00") == {OPS, PAY}
    assert await town.go("2026-11-19 08:01") == frozenset()
    assert await town.roots() == [f"digest:{OPS}:2026-11-19", f"digest:{PAY}:2026-11-19"]
    below = await town.outbox.posting(f"digest:{OPS}:2026-11-19:1")
    assert below is not None
    assert below.intent.payload["under"] == f"digest:{OPS}:2026-11-19"
    assert not below.intent.repeat


async def test_a_bot_that_was_down_tells_one_late(town: Town) -> None:
    """On the same local date, and says so; those of the days between are gone."""
    await town.go("2026-11-16 08:00")
    await town.go("2026-11-19 11:00")
    await town.go("2026-11-19 11:01")
    texts = await town.posted()
    assert [key for key in texts if OPS in key] == [f"digest:{OPS}:2026-11-16", f"digest:{OPS}:2026-11-19"]
    assert "Late: it was due at 09:00 Europe/Berlin." in texts[f"digest:{OPS}:2026-11-19"]


async def test_a_bot_that_comes_back_on_the_next_date_begins_with_that(town: Town) -> None:
    """Yesterday's digest would come among today's."""
    await town.go("2026-11-18 08:00")
    assert await town.go("2026-11-19 23:30") == frozenset()
    assert await town.go("2026-11-20 08:00") == {OPS, PAY}


async def test_a_bot_that_is_new_is_not_late(town: Town) -> None:
    """Of the day before it was there it knows nothing; its first digest comes the next morning."""
    assert await town.go("2026-11-19 11:00") == frozenset()
    assert await town.go("2026-11-20 08:00") == {OPS, PAY}


async def test_a_bot_that_began_before_it_was_due_may_be_late(town: Town) -> None:
    """It was there, then down over nine."""
    await town.go("2026-11-19 07:30")
    assert await town.go("2026-11-19 08:30") == {OPS, PAY}


async def test_what_was_set_for_an_earlier_time_comes_at_once_and_is_not_late(town: Town) -> None:
    """From ten to eight, at nine: it was not due at eight, and there is one on each date."""
    await town.go("2026-11-19 07:30")
    await town.preferences.set(OPS, "U1", utc("2026-11-19 07:31"), replace(FINE, digest="06:00"))
    assert await town.go("2026-11-19 07:32") == {OPS}
    assert "Late" not in (await town.posted())[f"digest:{OPS}:2026-11-19"]
    await town.preferences.set(OPS, "U1", utc("2026-11-19 07:33"), replace(FINE, digest="10:00"))
    assert await town.go("2026-11-19 10:00") == {PAY}


async def test_a_channel_that_is_off_gets_none(town: Town) -> None:
    """Neither one that wants nothing, nor one that wants no digest; one that asked for it does, wherever stories go."""
    await town.preferences.set(OPS, "U1", 0.0, replace(FINE, off=True))
    await town.preferences.set(PAY, "U1", 0.0, replace(FINE, digest="off"))
    await town.preferences.set(ELSEWHERE, "U1", 0.0, FINE)
    assert await town.go("2026-11-19 09:00") == {ELSEWHERE}


async def test_a_channel_to_which_no_story_goes_asks_for_its_digest(town: Town) -> None:
    """Quiet hours that were set there switch no digest on."""
    await town.preferences.set(ELSEWHERE, "U1", 0.0, replace(FINE, digest="off", quiet="22:00-07:00"))
    assert ELSEWHERE not in await town.go("2026-11-19 08:00")


async def test_a_channel_that_others_than_full_members_read_gets_none(town: Town) -> None:
    """Unless copilot.toml sends stories there: whoever wrote that knows who reads."""

    async def admits(_channel: str) -> bool:
        return False

    await town.preferences.set(ELSEWHERE, "U1", utc("2026-11-19 07:00"), FINE)
    town.digests = town.replica(admits)
    await town.go("2026-11-19 07:30")
    await town.go("2026-11-19 09:00")
    assert await town.roots() == [f"digest:{OPS}:2026-11-19", f"digest:{PAY}:2026-11-19"]


async def test_what_breaks_for_one_channel_keeps_no_other_from_its_digest(town: Town) -> None:
    """And it is tried again in the next minute."""
    await town.go("2026-11-19 07:59")
    await town.preferences.set(PAY, "U1", 0.0, replace(FINE, timezone="America/New_York"))
    town.broken = "America/New_York"
    with pytest.raises(RuntimeError):
        await town.go("2026-11-19 14:00")
    assert await town.roots() == [f"digest:{OPS}:2026-11-19"]
    town.broken = None
    assert await town.go("2026-11-19 14:01") == {PAY}


# What it is made of


async def test_a_busy_day_out_of_the_database(town: Town) -> None:
    """Stories, questions, documents, lines and money of the local day, of this channel, as people read it."""
    for hour, lines in ((22, 1_000), (23, 5_000)):
        await town.scanned("shop", lines, f"2026-11-17 {hour}:00")
        await town.go(f"2026-11-17 {hour}:00")  # midnight in Berlin is 23:00 UTC
    for quarter in range(95):
        await town.replica().go(utc("2026-11-17 23:15") + quarter * 900)
    await town.scanned("shop", 2_105_000, "2026-11-18 23:00")
    await town.go("2026-11-18 23:00")
    await town.story(11, "2026-11-11 13:00", ended=utc("2026-11-11 14:00"))
    await town.story(12, "2026-11-18 13:02")
    await town.story(13, "2026-11-18 14:00", place="shadow")
    await town.story(14, "2026-11-18 23:30")  # after midnight
    await town.story(15, "2026-11-18 05:00", ended=utc("2026-11-18 06:00"), acknowledged_by="U1", severity="low")
    for number in range(3):
        await town.asked(
            f"v{number}", "Rotate the HSM key?" if number else "rotate the hsm key", "not_found", "2026-11-18 10:00"
        )
    await town.asked("a", "why?", "answered", "2026-11-18 11:00")
    await town.asked("p", "secret", "not_found", "2026-11-18 11:00", private=True)
    await town.asked("o", "elsewhere", "perhaps", "2026-11-18 11:00", channel=PAY)
    await document(town, "runbooks/queue.md", "Queue backlog", None)
    await town.scanned("shop", 2_105_000, "2026-11-19 07:59")
    town.now = utc("2026-11-19 08:00")
    digest = await town.digests.yesterday(OPS, town.now)
    assert text_of(digest) == OPS_TEXT


OPS_TEXT = """\
On call, Wednesday 18 November (Europe/Berlin, 00:00-24:00)
Needs you:
  1. Nobody has it: checkout: new line "payment gateway timeout after … ms (gateway=…)" 42 a minute, never seen \
before (high, 18 h, shop-12)
  2. Asked 3 times, not in the runbooks: "Rotate the HSM key?"
  3. Used, but not vouched for within a year: never reviewed: Queue backlog
Stories per 2 hours, against last week:
         00-02 02-04 04-06 06-08 08-10 10-12 12-14 14-16 16-18 18-20 20-22 22-24
 18 Nov      ·     ·     ·     1     ·     ·     ·     1     ·     ·     ·     ·
 11 Nov      ·     ·     ·     ·     ·     ·     ·     1     ·     ·     ·     ·
2 stories (last Wednesday 1), 1 recovered with somebody on it, 1 open · 2.1 M log lines · 4 questions: 1 answered, \
3 not in the runbooks · 0.50 USD

checkout: 2 stories
  14:02 high: checkout: new line "payment gateway timeout after … ms (gateway=…)" 42 a minute, never seen before \
(shop-12), open for 18 h
  06:00 low: checkout: new line "payment gateway timeout after … ms (gateway=…)" 42 a minute, never seen before \
(shop-15), recovered after 60 min

New and vanished
  new: payment gateway timeout after <*> ms (gateway=<*>)
  new: payment gateway timeout after <*> ms (gateway=<*>)

Not in the runbooks
  asked 3 times: "Rotate the HSM key?"

Documents used
  Queue backlog: cited 1 time, never reviewed, stale

Next digest Friday 09:00 Europe/Berlin."""


async def document(town: Town, path: str, title: str, reviewed: str | None, audience: str = '["everyone"]') -> None:
    """Put a runbook into the library."""
    values = {"id": path, "root": "runbooks", "kind": "runbook", "title": title, "text": "", "body_line": 1}
    empty = {"services": "[]", "fingerprint": "", "card_hash": "", "problems": "[]"}
    root = {"name": "runbooks", "location": "", "excludes": "[]", "origin": "given"}
    async with town.database.write() as connection:
        await connection.execute(roots_table.insert().values(root))
        await connection.execute(
            documents_table.insert().values(values | empty | {"reviewed": reviewed, "audience": audience})
        )


async def test_a_channel_to_which_no_story_goes_is_told_of_all_that_everybody_may_read(town: Town) -> None:
    """What is closed is counted without a word of it; the terminal reads everything."""
    await town.story(12, "2026-11-19 10:00")
    closed = replace(report(), stream="pay", template="card 4711 declined")
    await town.story(13, "2026-11-19 10:05", closed, channel=PAY, service="payments")
    shown = text_of(await town.digests.today(ELSEWHERE, town.now))
    assert "checkout: new line" in shown
    assert "a story that not everybody here may read (high, 115 min, pay-13)" in shown
    assert "declined" not in shown
    assert "declined" in text_of(await town.digests.today(None, town.now))
    assert "declined" in text_of(await town.digests.today(PAY, town.now))
    assert "checkout" not in text_of(await town.digests.today(PAY, town.now))


async def test_a_story_is_not_named_in_its_channel_once_its_source_is_closed_there(town: Town) -> None:
    """Who may read it is asked when the digest is told, not when the story came."""
    await town.story(12, "2026-11-19 10:00", replace(report(), stream="pay", template="card 4711 declined"))
    shown = text_of(await town.digests.today(OPS, town.now))
    assert "a story that not everybody here may read" in shown
    assert "declined" not in shown


async def test_documents_that_were_closed_meanwhile_are_not_named(town: Town) -> None:
    """They were cited when everybody could read them."""
    await town.asked("a", "why?", "answered", "2026-11-19 11:00")
    await document(town, "runbooks/queue.md", "Queue backlog", None, audience=f'["{PAY}"]')
    assert "Queue backlog" not in text_of(await town.digests.today(OPS, town.now))
    assert "Queue backlog" in text_of(await town.digests.today(None, town.now))


async def test_lines_are_those_of_the_day_also_when_a_stream_begins_anew(town: Town) -> None:
    """A count that falls was forgotten: what it has come to since is new. What came before the day is not its."""
    for at, lines in (("11-17 22:30", 400), ("11-17 23:00", 500), ("11-18 10:00", 700), ("11-18 12:00", 50)):
        await town.scanned("shop", lines, f"2026-{at}")
        await town.go(f"2026-{at}")
    await town.scanned("shop", 60, "2026-11-18 23:00")
    await town.go("2026-11-18 23:00")
    (seen,) = (await town.replica()._gatherer.facts(OPS, frame("2026-11-18", "2026-11-19 08:00"))).sources
    assert seen.lines == 200 + 50 + 10


async def test_a_source_that_is_down_and_one_that_nobody_scanned(town: Town) -> None:
    """Each is told to the channels that it concerns, of a stream that is nobody's alone all; an outage as well."""
    await town.scanned("shop", 10, "2026-11-19 10:55", down="Loki: connection refused")
    key = f"source:shop:{int(utc('2026-11-19 03:00'))}"
    was = row(key=key, kind="source", opened=utc("2026-11-19 03:00"), ended=utc("2026-11-19 03:40"), detector="")
    await town.card(was)
    told = await town.digests.today(OPS, town.now)
    assert [need.words for need in told.needs] == [
        "Cannot be scanned since 11:55: shop (Loki: connection refused). This is not an all-clear."
    ]
    assert told.blind[0] == "shop could not be scanned 04:00-04:40 Europe/Berlin."
    other = await town.digests.today(PAY, town.now)
    assert other.blind[0] == "pay was never scanned."
    assert other.needs == told.needs


async def test_what_is_proposed_is_written_down_when_the_digest_is(town: Town) -> None:
    """Then its buttons have something to decide; a preview writes nothing."""
    for number in range(5):
        await town.story(number, "2026-11-18 10:00", ended=utc("2026-11-18 11:00"), detector="rise")
        async with town.database.write() as connection:
            (card,) = await town.board.find(connection, cards_table.c.key == f"story:shop:{number}")
            await town.board.acted(connection, card, "rejected", "U1", utc("2026-11-18 10:30"))
    await town.digests.today(OPS, utc("2026-11-19 07:00"))
    assert await states(town) == []
    await town.go("2026-11-19 08:00")
    assert await states(town) == [("rise", "checkout", "proposed")]
    assert "0 of 5 cards were right" in (await town.posted())[f"digest:{OPS}:2026-11-19"]
    assert "0 of 5" not in (await town.posted())[f"digest:{PAY}:2026-11-19"]


async def states(town: Town) -> list[tuple[str, str, str]]:
    """Return the detectors of which something is written down."""
    table = detectors_table.c
    async with town.database.read() as connection:
        return [tuple(each) for each in await connection.execute(select(table.kind, table.service, table.state))]
