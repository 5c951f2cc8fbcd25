"""`status`, `doctor`, `forget`, `migrate` and `redact`: is it well, will it be well, and small repairs."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bot.answer.budget import BREAK_S
from bot.build.house import EXAMPLE, House, database_of, embedder, opened
from bot.build.shop import as_run
from bot.build.sources import Watched, sources
from bot.build.watching import log_states, timetables
from bot.commands import screen
from bot.errors import BotError
from bot.journal.spent import Spent, day_of, spent_table
from bot.migrations import migrate as migrated
from bot.migrations import newest, revision
from bot.owner import owner_of
from bot.settings import Settings
from bot.slack.check import Door, all_fit, team_of
from bot.watch.catalogue import Catalogue
from ingest.anomalies.store import Streams
from ingest.database import Database
from ingest.errors import IngestError
from ingest.index.embed import Embedder
from ingest.index.serve import changes_waiting
from ingest.redact import redacted


async def status(settings: Settings) -> int:
    """Show what is indexed, what was asked and who runs; reads only."""
    async with opened(as_run(settings)) as house:
        for name, words in [
            ("Data folder", f"{settings.data} ({owner_of(settings.data) or 'no bot is running here'})"),
            ("Documents", await _documents(house)),
            ("Sources", await _sources(house)),
            ("Chroma", await _chroma(house)),
            ("Questions", _counted(await house.journal.outcomes()) or "none yet"),
            ("Logs", await _scans(house)),
            ("Posts", _counted(await house.outbox.counts()) or "none yet"),
            ("Spent", await _spent(house)),
            ("Answers by", settings.claude.model if settings.claude.configured else "quotes (no model is configured)"),
            ("Chat", "Slack" if settings.slack.configured else "the local workspace"),
        ]:
            screen.out(f"{name + ':':<13}{words}")
    return 0


async def _documents(house: House) -> str:
    counts = await house.library.counts()
    return _counted({f"{kind}s" if kind != "chunks" else "passages": number for kind, number in counts.items()})


async def _scans(house: House) -> str:
    states = [f"{each.name} {each.words}" for each in await log_states(house)]
    return "; ".join(states) or "no source yet: [logs.NAME] in copilot.toml"


async def _sources(house: House) -> str:
    roots = [f"{root.name} ({root.location})" for root in await house.library.roots()]
    at = await house.library.last_synced()
    when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC") if at else "never"
    return f"{', '.join(roots)}; last synced {when}" if roots else "none yet: `copilot sync FOLDER`"


async def _chroma(house: House) -> str:
    waiting = await changes_waiting(house.library)
    return f"{waiting} changes wait for it" if waiting else "level with the database"


async def _spent(house: House) -> str:
    """Return today's sum against its limit, and why Claude is not asked now, as far as the ledger tells."""
    claude, now = house.settings.claude, time.time()
    usd = await Spent(house.database).usd_since(day_of(now))
    told = [f"{usd:.2f} of {claude.daily_usd:g} USD today (UTC)"]
    if usd >= claude.daily_usd and claude.configured:
        told.append("used up: answers are quoted until 00:00 UTC")
    if (refused := await _refused_at(house.database, now - BREAK_S)) is not None:
        told.append(f"Claude refused a call at {_clock(refused)}: answers are quoted until {_clock(refused + BREAK_S)}")
    return "; ".join(told)


async def _refused_at(database: Database, since: float) -> float | None:
    """Return when Claude last refused us for good since then, None where it did not, or has answered after it."""
    calls = select(spent_table.c.at, spent_table.c.ended).where(spent_table.c.at >= since)
    last = calls.where(spent_table.c.ended.in_(("denied", "whole"))).order_by(spent_table.c.at.desc()).limit(1)
    async with database.read() as connection:
        row = (await connection.execute(last)).first()
    return row.at if row is not None and row.ended == "denied" else None


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M UTC")


def _counted(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))


@dataclass(frozen=True, slots=True)
class _Finding:
    """A check's result: `what_now` is empty when all is well."""

    name: str
    found: str
    what_now: str = ""


async def doctor(settings: Settings) -> int:
    """Check everything that the bot needs, one line each; return 1 when something must be done."""
    checks: tuple[tuple[str, Callable[[], Awaitable[str]]], ...] = (
        ("data folder", lambda: asyncio.to_thread(_writable, settings.data)),
        ("database", lambda: _database(settings)),
        ("embedder", lambda: asyncio.to_thread(_embeds, embedder())),
        ("folders", lambda: _folders(settings)),
        ("chat", lambda: _chat(settings)),
        ("messages", lambda: asyncio.to_thread(all_fit)),
        ("model", lambda: _model(settings)),
        ("services", lambda: asyncio.to_thread(_services, settings)),
        ("schedules", lambda: asyncio.to_thread(_schedules, settings)),
    )
    findings = [await _finding(name, check) for name, check in checks]
    findings += await _logs(settings)
    for finding in findings:
        mark = screen.mark(good=not finding.what_now)
        screen.out(f"{mark} {finding.name}: {finding.what_now or finding.found}")
    return 1 if any(finding.what_now for finding in findings) else 0


async def _finding(name: str, check: Callable[[], Awaitable[str]]) -> _Finding:
    try:
        return _Finding(name, await check())
    except (BotError, IngestError) as error:
        return _Finding(name, "", str(error))


def _services(settings: Settings) -> str:
    """Return how many services there are, and where the stories of all others go."""
    count = len(Catalogue.from_settings(settings).services)
    where = f"all else goes to {settings.watch.channel}" if settings.watch.channel else "watch.channel is not set"
    return f"{count} in the catalogue, {where}"


def _schedules(settings: Settings) -> str:
    count = len(timetables(settings))
    return f"{count} log source{'s' * (count != 1)}, each has one"


def _writable(data: Path) -> str:
    try:
        data.mkdir(parents=True, exist_ok=True)
        probe = data / ".doctor"
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        raise BotError(f"{data} cannot be written: check its permissions and the disk.") from error
    owner = owner_of(data)
    return f"{data} is writable{f', and belongs to {owner}' if owner else ''}"


async def _database(settings: Settings) -> str:
    async with database_of(settings) as database:
        found = await revision(database)
    if found != newest():
        return f"at revision {found or 'none'}, the first command brings it to {newest()}"
    return f"{'SQLite' if database.is_sqlite else 'Postgres'} at revision {found}"


def _embeds(model: Embedder) -> str:
    vector = model.embed(["a disk is full"])[0]
    return f"{model.model}, {len(vector)} dimensions, weights as published"


async def _folders(settings: Settings) -> str:
    async with opened(settings) as house:
        remembered = [Path(root.location) for root in await house.library.roots()]
    folders = dict.fromkeys((*settings.documents.folders, *remembered)) or {EXAMPLE: None}
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    if missing:
        raise BotError(
            f"no such folder: {', '.join(missing)}; correct documents.folders, or drop a source with sync --forget."
        )
    return ", ".join(str(folder) for folder in folders)


async def _chat(settings: Settings) -> str:
    if not settings.slack.configured:
        return "the local workspace (set SLACK_BOT_TOKEN and SLACK_APP_TOKEN for Slack)"
    token, http = settings.slack.bot_token, settings.http
    door = Door(http.listen, http.port, time.time) if settings.slack.app_token is None else None
    team = await team_of(token.get_secret_value() if token else "", settings.slack.api_url, door)
    return f"Slack, workspace {team}"


async def _logs(settings: Settings) -> list[_Finding]:
    """Return a finding for each log source."""
    if not settings.logs:
        return [_Finding("logs", "no sources yet (add [logs.NAME] to copilot.toml)")]
    try:
        async with opened(settings) as house:
            watched = sources(settings, house.database)
            return [
                await _finding(f"logs {each.source.name}", partial(_log, settings, house, each)) for each in watched
            ]
    except (BotError, IngestError) as error:
        return [_Finding("logs", "", str(error))]


async def _log(settings: Settings, house: House, watched: Watched) -> str:
    """Return whether a source can be read, and the age of its newest line."""
    name = watched.source.name
    if settings.logs[name].pushed and settings.http.token is None:
        raise BotError(f"nobody may push to {name}: set COPILOT_HTTP_TOKEN, and give it to the shipper.")
    newest = await watched.source.newest()
    if newest is None and (saved := await Streams(house.database).load(name)) is not None:
        newest = saved.clock
    return f"can be read, {f'newest line {_aged(time.time() - newest)} old' if newest else 'no line yet'}"


def _aged(seconds: float) -> str:
    for unit, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}{'s' * (round(seconds / unit) != 1)}"
    return f"{max(seconds, 0):.0f} seconds"


async def _model(settings: Settings) -> str:
    if not settings.claude.configured:
        return "none: the passages are quoted (set ANTHROPIC_API_KEY for worded answers)"
    return f"{settings.claude.model} at {settings.claude.base_url or 'Anthropic'} (not called: that would cost)"


async def forget(settings: Settings, user: str) -> int:
    """Delete what the journal holds of a person: questions, answers, what was sent for them, thumbs."""
    async with opened(settings) as house:
        gone = await house.journal.forget(user)
        await house.threads.forget(user)
        await house.matters.board.forget(user)
    screen.say(f"Forgotten: {gone} entries of {user}. What stands in Slack itself is deleted there.")
    return 0


async def migrate(settings: Settings) -> int:
    """Bring the database to the newest revision."""
    async with database_of(settings) as database:
        did = await migrated(database)
    screen.say(f"The database is at revision {newest()}{'' if did else ' already'}.")
    return 0


def redact() -> int:
    """Copy stdin to stdout, line by line, without secrets."""
    for line in redacted(line.decode("utf-8", errors="replace") for line in sys.stdin.buffer):
        sys.stdout.write(line)
        sys.stdout.flush()
    return 0
