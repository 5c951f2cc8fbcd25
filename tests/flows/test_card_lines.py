"""What a log writes, and how much of it, from the file to the message: real detection, board, sender; a fake Slack."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingest.anomalies.report import Report
from ingest.anomalies.store import Streams
from tests.bot.slack.room import Room
from tests.bot.slack.test_storycards import harmless
from tests.bot.watch.desk import report
from tests.bot.watch.station import Scripted
from tests.fakes.slack import INCIDENTS, text_of
from tests.flows.test_watch_flow import HOUR, MINUTE, begun, roots
from tests.ingest.anomalies.shop import BEGIN

LIVE = b"<!" + b"channel>"

HOSTILE = (
    LIVE + b" <!here|here> <@U0BOB> <#C0INCIDENTS> <!subteam^S0ONCALL> @here @channel",
    b"<https://evil.example/?d=1|fix> [the fix](https://evil.example) ![x](https://evil.example/p) www.evil.example",
    b"\x1b[31mred\x1b[0m \x1b]8;;https://evil.example\x07link\x1b]8;;\x07 \x00\x07",
    b"*bold* _it_ ~no~ `code` ``` fence ``` > quote # head :fire: &lt;!channel&gt; &amp;",
    "\u202egnp.exe \u200b\ufeff\U000e0041 \u2066".encode() + b"\xff\xfe",
    b'{"type": "section", "text": {"type": "mrkdwn", "text": "' + LIVE + b'"}} \\u003c!channel>',
    b"x" * 100_000,
    (LIVE + b" ") * 10_000,
)
"""What somebody may write into a log line."""

FEW, MANY = 5, 1_000


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    """Give a room in the time of the shop's logs."""
    async with Room(tmp_path) as room:
        room.time.now = (BEGIN + HOUR + 10) * MINUTE
        yield room


def said(room: Room) -> list[dict[str, Any]]:
    """Return what was sent to be shown: every post and every edit."""
    calls = [*room.slack.called("chat.postMessage"), *room.slack.called("chat.update")]
    return [call.args for call in calls]


def content(args: dict[str, Any]) -> dict[str, Any]:
    """Return the text and the blocks of a call."""
    blocks = args.get("blocks") or []
    return {"text": args["text"], "blocks": json.loads(blocks) if isinstance(blocks, str) else blocks}


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text)[:24])
async def test_a_hostile_line_is_inert_from_the_file_to_the_message(room: Room, tmp_path: Path, text: bytes) -> None:
    """Mentions, links, markup, terminal codes and 100,000 characters are shown as text, cut, and ring for nobody."""
    program = await begun(room, tmp_path)
    for minute in range(HOUR + 10):
        program.write(minute)
    for minute in range(HOUR + 10, HOUR + 16):
        program.write(minute)
        if minute >= HOUR + 12:
            shout(program.log, minute, text)
        await program.minute()
    (message,) = roots(room)
    assert "checkout" in text_of(message)
    notes = [each for each in said(room) if each.get("text", "").startswith("<@U0BOB>")]
    assert len(notes) == 1, "the settings name whom to mention, and nobody else does"
    cards = [content(each) for each in said(room) if each not in notes]
    assert cards
    for each in cards:
        harmless(each)


def shout(log: Path, minute: int, text: bytes) -> None:
    """Write a text into a log, as an error of checkout, a few times in a minute."""
    at = f"{(BEGIN + minute) % 1_440 // 60:02d}:{(BEGIN + minute) % 60:02d}"
    with log.open("ab") as file:
        file.writelines(
            b"2026-11-03T%s:%02d.000Z web-1 ERROR checkout: %s\n" % (at.encode(), 40 + each, text)
            for each in range(FEW)
        )


async def test_a_thousand_stories_in_one_scan_are_one_message(room: Room, tmp_path: Path) -> None:
    """One post, edited once when all are over, however many stories it tells."""
    program = await begun(room, tmp_path)
    scan = Scripted(Streams(room.database))
    program.watchers.watch._scans = {"shop": scan}  # type: ignore[dict-item]  # it reads and saves as the real one
    scan.reports = [story(number, room.time.now) for number in range(1, MANY + 1)]
    await program.minute()
    (message,) = roots(room)
    assert text_of(message).startswith("1,000 stories in ")
    scan.reports = [replace(each, ended=room.time.now) for each in scan.reports]
    await program.minute()
    await program.minute()
    (after,) = roots(room)
    assert after["ts"] == message["ts"]
    assert text_of(after).startswith("All over: 1,000 stories in ")
    assert len(room.slack.called("chat.postMessage")) == 1
    assert len(room.slack.messages(INCIDENTS)) == 1
    for each in said(room):
        harmless(content(each))


def story(number: int, now: float) -> Report:
    """Return one of many stories."""
    return report(
        id=number,
        template=f"cannot reach shard {number}",
        services=(f"shard-{number % 40}",),
        since=now - 2 * MINUTE,
        detected_at=now - MINUTE,
        charted=now,
    )
