"""What is said of a log source of which nothing is known: since when, why, and that this is no all-clear. Pure."""

from datetime import tzinfo

from bot.types import Brief, Card, Press
from bot.watch.board import Row
from bot.watch.figures import MOST_NAME, lasted, line, span
from bot.watch.names import name_of, stream_of
from bot.watch.storycard import MOST_LINE, Known, as_of, people


def source_card(row: Row, now: float, zone: tzinfo) -> Card:
    """Return what is said of a source that cannot be scanned or writes nothing, or is back.

    Its body has the `reason` in a sentence, and whether the source is `silent`: it can be read, but has no line.
    """
    brief = source_brief(row, now, zone)
    reason = line(str(row.body.get("reason", "")), MOST_LINE)
    if row.ended is None:
        told = [reason, "This is not an all-clear: nothing is known of it since then."]
    elif row.body.get("silent"):
        told = [f"For {lasted(row.ended - row.opened)} nothing was known of it."]
    else:
        told = [f"For {lasted(row.ended - row.opened)} nobody looked. What was written meanwhile is read now."]
    if row.ended is not None and reason:
        told.append(f"The reason was: {reason}")
    return Card(
        key=row.key,
        name=brief.name,
        version=row.wanted,
        headline=brief.headline,
        status=brief.status,
        severity=row.severity,
        people=brief.people,
        lines=tuple(filter(None, told)),
        notes=(brief.name, as_of(now, now, zone)),
        presses=brief.presses,
    )


def source_brief(row: Row, now: float, zone: tzinfo) -> Brief:
    """Return such a source in a line or two."""
    known = Known(row, (), now, zone)
    logs, silent = f"{line(stream_of(row.key), MOST_NAME)} logs", row.body.get("silent")
    if row.ended is None:
        since = known.clock(row.opened)
        told = f"No line in {logs} since {since}" if silent else f"Could not scan {logs} since {since}"
        how = f"{row.severity} · for {lasted(now - row.opened)}"
        can: tuple[Press, ...] = ("acknowledge", "snooze")
    else:
        again = known.clock(row.ended)
        told = f"Lines in {logs} again since {again}" if silent else f"Scanning {logs} again since {again}"
        what = "nothing was written" if silent else "could not be scanned"
        how, can = f"{what} {span(row.opened, row.ended, zone, now)}", ()
    return Brief(row.key, name_of(row.key), told, how, row.severity, people(known), can)
