"""The daily digest: what people need to know of one channel's day, in an order in which it can be acted on. Pure.

What could not be looked at is said before everything else: a day of which nothing is known is never called quiet.
Sentences here hold names, headlines and questions as they came; whoever shows them makes them inert.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from itertools import chain, zip_longest

from bot.types import RANKS, Outcome
from bot.watch.day import WEEK, date_of, part_of_day, stamp
from bot.watch.facts import Facts, Frame, Off, Seen, Told, Used
from bot.watch.rejections import Precision

NEEDS = 5
"""Ours: what a tired person takes in; the rest is told in the thread."""

LONG_S = 4 * 3_600.0
"""Ours: a story that is open for half a shift of eight hours is forgotten, or is nobody's."""

VAIN = 3
"""Ours: the third time a question is asked in vain, a page is missing (MESSAGES.md names the count)."""

STALE = timedelta(days=365)
"""Ours: a runbook that nobody vouched for within a year has seen a change of everything it names."""

BIN_HOURS = 2
"""Twelve bars a day: a chart takes at most 20 categories (bot.limits.CHART_CATEGORIES), and a day has 24 hours."""

HEADLINE = 140
"""Characters of a headline, a question or a title in a line of the digest."""

SERVICES, LINES = 12, 8
"""Services with a section of their own in the thread, and lines of a section."""

MISSED_S = 900.0
"""Less than a quarter of an hour without us is a restart."""

HOUR_S = 3_600.0

KINDS: Mapping[str, str] = {
    "new": "new lines",
    "rise": "more lines than usual",
    "fall": "fewer lines than usual",
    "silence": "silence",
    "drift": "another level of values",
    "jump": "record values",
    "share": "other outcomes",
    "restarts": "restarts",
}
"""Detectors as people call them, by the kind of change (`ingest.anomalies.signal.Kind`)."""


@dataclass(frozen=True, slots=True)
class Need:
    """What somebody has to do something about; `detector` (kind, service) waits for a decision."""

    words: str
    detector: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Bars:
    """Counts side by side, for each of `labels`."""

    title: str
    labels: tuple[str, ...]
    series: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the detail."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest. A `brief` one is `title` and `counts` in one line, and has nothing else."""

    title: str
    span: str
    brief: bool
    counts: str
    late: str = ""
    following: str = ""
    blind: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    chart: Bars | None = None
    off: tuple[Off, ...] = ()
    sections: tuple[Section, ...] = ()


def compose(facts: Facts, frame: Frame) -> Digest:
    """Return the digest of a day: one line where nothing happened, whether that is because all was well or unseen."""
    needs = _needs(facts, frame)
    blind = _blind(facts, frame)
    title = f"On call, {_day(frame.day)}"
    late = "" if frame.due is None else f"Late: it was due at {stamp(frame.due, frame.zone)} {frame.zone_name}."
    following = "" if frame.next_at is None else f"Next digest {_later(frame.next_at, frame)}."
    if not facts.told and not needs:
        return Digest(
            title, _span_of(frame), brief=True, counts=_brief(facts, frame, blind), late=late, following=following
        )
    return Digest(
        title=title,
        span=_span_of(frame),
        brief=False,
        counts=" · ".join(_counts(facts, frame)),
        late=late,
        following=following,
        blind=tuple(blind),
        needs=tuple(needs[:NEEDS]),
        chart=_chart(facts, frame),
        off=facts.off,
        sections=tuple(_sections(facts, frame, needs[NEEDS:])),
    )


def line_of(digest: Digest) -> str:
    """Return a brief digest without its title, as one line."""
    return " ".join(filter(None, [digest.counts, digest.late, digest.following]))


def text_of(digest: Digest) -> str:
    """Return a digest as lines of text, for a terminal."""
    if digest.brief:
        return f"{digest.title}: {line_of(digest)}"
    parts = [f"{digest.title} ({digest.span})", *filter(None, [digest.late]), *digest.blind]
    if digest.needs:
        parts += ["Needs you:", *(f"  {number}. {need.words}" for number, need in enumerate(digest.needs, 1))]
    parts += [*_drawn(digest.chart), digest.counts, *map(off_words, digest.off)]
    for section in digest.sections:
        parts += ["", section.title, *(f"  {line}" for line in section.lines)]
    return "\n".join([*parts, "", digest.following]).rstrip()


def detector_words(kind: str, service: str) -> str:
    """Return what a detector is called: the change it finds, and where."""
    return f'"{KINDS.get(kind, kind)}" on {service or "all without a service"}'


def off_words(off: Off) -> str:
    """Return the sentence about a detector in shadow."""
    return f"Off: detector {detector_words(off.kind, off.service)} is in shadow, until somebody puts it back."


def stale(reviewed: date | None, today: date) -> bool:
    """Whether nobody vouched for a document within a year."""
    return reviewed is None or today - reviewed > STALE


# What needs somebody


def _needs(facts: Facts, frame: Frame) -> list[Need]:
    """Return what needs somebody, the worst first: the first of each kind before the second of any, within the five."""
    waiting = [each for each in facts.told if each.ended is None and not each.rejected and not _snoozed(each, frame)]
    waiting.sort(key=lambda each: (RANKS[each.severity], each.opened))
    unowned = [each for each in waiting if each.severity == "high" and not each.taken]
    long = [each for each in waiting if each not in unowned and frame.now - each.opened >= LONG_S]
    kinds = (
        [Need(_down(each, frame)) for each in facts.sources if each.down is not None],
        [Need(f"Nobody has it: {_open(each, frame)}") for each in unowned],
        [Need(f"Still open: {_open(each, frame)}") for each in long],
        [_proposal(each) for each in facts.proposed],
        [Need(f'Asked {times} times, not in the runbooks: "{_short(text)}"') for text, times in facts.vain],
        _stale(facts.used, frame.day),
    )
    ranked = [need for row in zip_longest(*kinds) for need in row if need is not None]
    order = {id(need): number for number, need in enumerate(chain(*kinds))}
    first = sorted(ranked[:NEEDS], key=lambda need: order[id(need)])
    return first + sorted(ranked[NEEDS:], key=lambda need: order[id(need)])


def _down(seen: Seen, frame: Frame) -> str:
    since = "" if seen.down_since is None else f" since {_moment(seen.down_since, frame)}"
    return (
        f"Cannot be scanned{since}: {seen.stream} ({_short((seen.down or '').rstrip('.'))}). This is not an all-clear."
    )


def _open(told: Told, frame: Frame) -> str:
    what = "alert, " if told.alert else ""
    return f"{_headline(told)} ({what}{told.severity}, {span(frame.now - told.opened)}, {told.name})"


def _proposal(found: Precision) -> Need:
    words = f"Detector {detector_words(found.kind, found.service)}: {_right(found)} cards were right"
    return Need(f"{words} in 30 days. Move it to shadow?", (found.kind, found.service))


def _stale(used: Sequence[Used], today: date) -> list[Need]:
    old = [each for each in used if each.runbook and stale(each.reviewed, today)]
    if not old:
        return []
    ages = [f"never reviewed: {_short(each.title)}" for each in old if each.reviewed is None]
    ages += [f"reviewed {each.reviewed:%B %Y}: {_short(each.title)}" for each in old if each.reviewed is not None]
    more = f", and {len(ages) - 3} more" if len(ages) > 3 else ""  # noqa: PLR2004 - as many as fit into a line
    return [Need(f"Used, but not vouched for within a year: {'; '.join(ages[:3])}{more}")]


# What could not be seen


def _blind(facts: Facts, frame: Frame) -> list[str]:
    """Return what of the day nobody looked at, in sentences; sources that are down now are needs, not told here."""
    if not facts.sources:
        return ["No log source is set up."]
    told, unwatched = [], []
    for seen in facts.sources:
        outages = [each for each in seen.outages if each[1] is not None]
        told += [f"{seen.stream} could not be scanned {_between(each, frame)} {frame.zone_name}." for each in outages]
        if seen.scanned_at is None:
            told.append(f"{seen.stream} was never scanned.")
        elif seen.down is None and seen.scanned_at < frame.until - _patience_s(frame):
            told.append(f"{seen.stream} was last scanned {_moment(seen.scanned_at, frame)} {frame.zone_name}.")
        elif seen.lines == 0 and seen.down is None:
            told.append(f"No line came from {seen.stream}.")
        elif not seen.lines and seen.down is None:
            unwatched.append(seen.stream)
    if unwatched:
        told.append(f"{_read_out(unwatched)} {'was' if len(unwatched) == 1 else 'were'} not watched.")
    if facts.missed_s >= MISSED_S:
        told.append(f"I was not running for {span(facts.missed_s)} of it.")
    return told


def _read_out(names: Sequence[str]) -> str:
    """Return names as one reads them out, at most three of them."""
    told = [*names[:3], *([f"{len(names) - 3} more"] if len(names) > 3 else [])]  # noqa: PLR2004 - as many as one reads
    return " and ".join(filter(None, [", ".join(told[:-1]), told[-1]]))


def _patience_s(frame: Frame) -> float:
    """How old the last scan may be: a day that is over is to be read to its end."""
    return HOUR_S if frame.so_far else 0.0


# What happened


def _brief(facts: Facts, frame: Frame, blind: Sequence[str]) -> str:
    """Return what is said in one line: `quiet` only where all that was to be seen was."""
    lines = any(seen.lines for seen in facts.sources)
    word = "quiet." if lines and not blind else "no story, but not all was seen." if lines else "no data."
    warning = "This is not an all-clear." if blind else ""
    so_far = f"So far, until {stamp(frame.until, frame.zone)} {frame.zone_name}:" if frame.so_far else ""
    number = len(facts.off)
    counts = [
        f"{_lines(facts)}, no story" if lines else "",
        _questions(facts),
        f"{number} detector{'s' * (number != 1)} off" if number else "",
        _money(facts),
    ]
    said = "; ".join(filter(None, counts))
    said = said if so_far else f"{said[:1].upper()}{said[1:]}"
    return " ".join(filter(None, [word, *blind, warning, so_far, f"{said}."]))


def _counts(facts: Facts, frame: Frame) -> list[str]:
    """Return the parts of the line of counts."""
    stories = [each for each in facts.told if not each.alert]
    alerts = [each for each in facts.told if each.alert and each.opened >= frame.window[0]]
    parts = [_stories(stories, len(facts.last_week), frame)]
    if alerts:
        firing = sum(each.ended is None for each in alerts)
        parts.append(f"{_number(len(alerts), 'alert')}{f', {firing} still firing' if firing else ''}")
    if facts.sources and any(seen.lines is not None for seen in facts.sources):
        parts.append(_lines(facts))
    parts.append(_questions(facts))
    return [*parts, *filter(None, [_money(facts)])]


def _stories(told: Sequence[Told], last_week: int, frame: Frame) -> str:
    today = [each for each in told if each.opened >= frame.window[0]]
    older = len(told) - len(today)
    open_ = [each for each in today if each.ended is None and not each.rejected]
    snoozed = sum(_snoozed(each, frame) for each in open_)
    over = [each for each in today if each.ended is not None and not each.rejected]
    alone = sum(not each.taken for each in over)
    counts = [
        (alone, "recovered by itself" if alone == 1 else "recovered by themselves"),
        (len(over) - alone, "recovered with somebody on it"),
        (len(open_) - snoozed, "open"),
        (snoozed, "snoozed"),
        (sum(each.rejected for each in today), "no anomaly, somebody said"),
        (older, "older and still open"),
    ]
    number = _number(len(today), "story", "stories") if today else "no story"
    words = ", ".join(f"{count} {what}" for count, what in counts if count)
    return f"{number} (last {frame.day:%A} {last_week}){f', {words}' if words else ''}"


def _questions(facts: Facts) -> str:
    counts = dict(facts.questions or {})
    number = sum(counts.values())
    if not number:
        return "no question"
    asked = _number(number, "question")
    if counts.get("answered", 0) == number:
        return f"{asked}, {'all ' if number > 1 else ''}answered"
    words: Mapping[Outcome, str] = {
        "answered": "answered",
        "perhaps": "perhaps",
        "not_found": "not in the runbooks",
        "failed": "not finished",
    }
    return f"{asked}: {', '.join(f'{counts[each]} {what}' for each, what in words.items() if counts.get(each))}"


def _lines(facts: Facts) -> str:
    return f"{_short_number(sum(seen.lines or 0 for seen in facts.sources))} log lines"


def _money(facts: Facts) -> str:
    return f"{facts.usd:.2f} USD" if facts.usd else ""


def _chart(facts: Facts, frame: Frame) -> Bars | None:
    """Return when stories began, against the same weekday last week; bins by the clock's face, whatever DST does."""
    now = [each.opened for each in facts.told if not each.alert and each.opened >= frame.window[0]]
    if not now and not facts.last_week:
        return None
    labels = tuple(f"{hour:02}-{hour + BIN_HOURS:02}" for hour in range(0, 24, BIN_HOURS))
    last = frame.day - WEEK
    series = (
        (_short_day(frame.day), _binned(now, frame.zone)),
        (_short_day(last), _binned(facts.last_week, frame.zone)),
    )
    return Bars(f"Stories per {BIN_HOURS} hours, against last week", labels, series)


def _binned(times: Iterable[float], zone: tzinfo) -> tuple[int, ...]:
    counts = [0] * (24 // BIN_HOURS)
    for at in times:
        counts[part_of_day(at, zone, BIN_HOURS)] += 1
    return tuple(counts)


def _drawn(bars: Bars | None) -> list[str]:
    """Return the chart as a line of digits per series, a dot for none; nothing is drawn that a terminal may lack."""
    if bars is None:
        return []
    lines = [f"{name:>7}  {' '.join(f'{count or chr(183):>5}' for count in counts)}" for name, counts in bars.series]
    return [f"{bars.title}:", f"{'':>7}  {' '.join(bars.labels)}", *lines]


# The detail


def _sections(facts: Facts, frame: Frame, more: Sequence[Need]) -> list[Section]:
    sections = [Section("Needs you as well", _some([need.words for need in more]))]
    services = sorted({each.service for each in facts.told}, key=lambda name: (-_weight(facts, name), name))
    for name in services[:SERVICES]:
        mine = [each for each in facts.told if each.service == name]
        sections.append(
            Section(f"{_short(name) or 'No service'}: {_number(len(mine), 'story', 'stories')}", _rows(mine, frame))
        )
    rest = services[SERVICES:]
    if rest:
        sections.append(Section("Other services", _some([f"{name}: {_weight(facts, name)}" for name in rest])))
    sections += [
        Section("New and vanished", _templates(facts, frame)),
        Section("Not in the runbooks", _some([f'asked {times} times: "{_short(text)}"' for text, times in facts.vain])),
        Section("Documents used", _some([_usage(each, frame.day) for each in facts.used])),
        Section("Detectors, judged by people in 30 days", _some([_judged(each) for each in facts.precision])),
    ]
    return [section for section in sections if section.lines]


def _rows(told: Sequence[Told], frame: Frame) -> tuple[str, ...]:
    ranked = sorted(told, key=lambda each: (each.ended is not None, RANKS[each.severity], each.opened))
    return _some(
        [
            f"{_moment(each.opened, frame)} {each.severity}: {_headline(each)} ({each.name}), {_state(each, frame)}"
            for each in ranked
        ]
    )


def _state(told: Told, frame: Frame) -> str:
    if told.rejected:
        return "no anomaly, somebody said"
    if told.ended is not None:
        return f"recovered after {span(told.ended - told.opened)}"
    if _snoozed(told, frame) and told.snoozed_until is not None:
        return f"snoozed until {_moment(told.snoozed_until, frame)}"
    return f"open for {span(frame.now - told.opened)}{', acknowledged' if told.taken else ''}"


def _templates(facts: Facts, frame: Frame) -> tuple[str, ...]:
    today = [each for each in facts.told if each.opened >= frame.window[0] and each.template]
    new = [f"new: {_short(each.template)}" for each in today if each.detector == "new"]
    gone = [f"silent: {_short(each.template)}" for each in today if each.detector == "silence"]
    return _some([*new, *gone])


def _usage(used: Used, today: date) -> str:
    reviewed = "never reviewed" if used.reviewed is None else f"reviewed {used.reviewed:%-d %B %Y}"
    old = ", stale" if used.runbook and stale(used.reviewed, today) else ""
    return f"{_short(used.title)}: cited {used.times} time{'s' * (used.times != 1)}, {reviewed}{old}"


def _judged(found: Precision) -> str:
    return f"{detector_words(found.kind, found.service)}: {_right(found)} right"


def _right(found: Precision) -> str:
    return f"{found.accepted} of {found.accepted + found.rejected}"


def _weight(facts: Facts, service: str) -> int:
    return sum(each.service == service for each in facts.told)


def _some(lines: Sequence[str]) -> tuple[str, ...]:
    more = len(lines) - LINES
    return (*lines[:LINES], f"and {more} more") if more > 0 else tuple(lines)


# Words


def span(seconds: float) -> str:
    """Return a span of time in its largest unit that says enough: 18 min, 9 h, 3 days."""
    minutes = max(1, round(seconds / 60))
    if minutes < 120:  # noqa: PLR2004 - two hours: from here on people count in hours
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2_880 else f"{minutes // 1_440} days"  # noqa: PLR2004 - two days


def _snoozed(told: Told, frame: Frame) -> bool:
    return told.snoozed_until is not None and told.snoozed_until > frame.now


def _headline(told: Told) -> str:
    return _short(told.headline) or f"a {'group of alerts' if told.alert else 'story'} that not everybody here may read"


def _short(text: str) -> str:
    plain = re.sub(r"\s+", " ", text).strip()
    return plain if len(plain) <= HEADLINE else plain[: HEADLINE - 1].rstrip() + "…"


def _span_of(frame: Frame) -> str:
    if frame.so_far:
        return f"{frame.zone_name}, 00:00-{stamp(frame.until, frame.zone)}, so far"
    hours = (frame.window[1] - frame.window[0]) / HOUR_S
    changed = "" if hours == 24 else f", {hours:g} hours: the clocks changed"  # noqa: PLR2004 - hours of a day
    return f"{frame.zone_name}, 00:00-24:00{changed}"


def _moment(at: float, frame: Frame) -> str:
    """Return the time on the local clock, with its date where it is not the day that is told."""
    begin, end = frame.window
    here = stamp(at, frame.zone)
    return here if begin <= at < end else f"{date_of(at, frame.zone):%-d %B} {here}"


def _later(at: float, frame: Frame) -> str:
    return f"{date_of(at, frame.zone):%A} {stamp(at, frame.zone)} {frame.zone_name}"


def _between(outage: tuple[float, float | None], frame: Frame) -> str:
    begin, end = outage
    return f"{_moment(begin, frame)}-{_moment(end, frame) if end is not None else ''}"


def _day(day: date) -> str:
    return f"{day:%A %-d %B}"


def _short_day(day: date) -> str:
    return f"{day:%-d %b}"


def _number(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _short_number(count: int) -> str:
    if count < 10_000:  # noqa: PLR2004 - four digits are read at once
        return f"{count:,}"
    return f"{count / 1_000:.0f} k" if count < 999_500 else f"{count / 1_000_000:.1f} M"  # noqa: PLR2004 - rounds to 1.0 M
