"""What is wrong with the end of weeks: from what Slack shows, what the database holds and what was given, alone.

Nothing of the code under test is asked: times, severities, budgets and local dates are worked out here once more, by
plain counting.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from bot.watch.preferences import Wanted
from ingest.anomalies.report import Report
from tests.fakes.hours import Hours, Span

Payload = Mapping[str, Any]

DAY_S, HOUR_S = 86_400.0, 3_600.0
MENTION = re.compile(r"<[@!][^>]*>")
CALL = re.compile(r"below:(.*):(?:notify|escalate)(?:-[0-9a-f]{12})?")
RANK = {"low": 0, "medium": 1, "high": 2}

TICKS = 3
"""After so many rounds of the schedule, what is due must have been done."""

PRESSED_S = 300.0
"""How long a press may take, with calls to Slack that fail in between."""

JUST_S = 150.0
"""Settings that were changed so lately may not have been heard of."""

OUR_FAULT = frozenset({"invalid_blocks", "invalid_arguments", "no_text", "msg_too_long", "invalid_metadata_format"})


@dataclass
class Card:
    """A card as the database has it, with the reports that it tells, and its message in Slack if there is one."""

    row: Payload
    posting: Payload | None
    messages: list[Payload] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Its key."""
        return str(self.row["key"])

    @property
    def stream(self) -> str:
        """The stream of a story or source."""
        return self.key.partition(":")[2].rpartition(":")[0]

    @property
    def posted_at(self) -> float | None:
        """When somebody decided to post it."""
        return None if self.posting is None else float(self.posting["created_at"])


class Judge:
    """Looks at one world once it is at rest."""

    def __init__(self, world: Hours) -> None:
        self._world = world
        self._town = world.town
        self._outbox = {row["key"]: row for row in world.rows("SELECT * FROM outbox")}
        self._said: dict[str, list[Payload]] = defaultdict(list)
        self._unmarked: list[Payload] = []
        for channel in world.slack.state.channels:
            for message in world.slack.state.messages(channel):
                if "bot_id" not in message:
                    continue
                key = message.get("metadata", {}).get("event_payload", {}).get("key")
                (self._said[key] if key else self._unmarked).append(message | {"in": channel})
        self._ticks = sorted({int(done // 60.0): done for _, done in world.ticked}.values())
        self._end = self._ticks[-1] if self._ticks else self._town.end
        self._notified = {each.name: each for each in self._town.services}
        self._cards = {each.key: each for each in self._all_cards()}

    def _all_cards(self) -> Iterator[Card]:
        told: dict[str, list[int]] = defaultdict(list)
        for row in self._world.rows("SELECT * FROM card_stories ORDER BY id"):
            told[row["card"]].append(row["id"])
        for row in self._world.rows("SELECT * FROM cards ORDER BY opened, key"):
            key = f"card:{row['key']}"
            yield Card(row, self._outbox.get(key), self._said.get(key, []), told[row["key"]])

    def mistakes(self) -> Iterator[str]:
        """Yield what is wrong, each in a line."""
        yield from self._broken()
        yield from self._posts()
        yield from self._read()
        yield from self._roots()
        yield from self._words()
        yield from self._places()
        yield from self._budgets()
        yield from self._quiet()
        yield from self._threads()
        yield from self._snoozes()
        yield from self._mentions()
        yield from self._digests()
        yield from self._alerts()
        yield from self._sources()

    # What nobody may do

    def _broken(self) -> Iterator[str]:
        yield from (f"{name} broke {times} times" for name, times in Counter(self._world.broken).items())
        refused = Counter(call.refused for call in self._world.slack.calls if call.refused in OUR_FAULT)
        yield from (f"Slack refused what we wrote: {code}" for code in refused)
        waiting = self._world.rows("SELECT count(*) AS n FROM inbox WHERE state = 'new'")[0]["n"]
        if waiting:
            yield f"{waiting} presses were never answered"

    def _posts(self) -> Iterator[str]:
        """Each post is in Slack once; none is lost, given up, or of unknown fate."""
        for key, found in self._said.items():
            if len(found) > 1:
                yield f"{key} is there {len(found)} times"
        for key, row in self._outbox.items():
            if row["kind"] == "ephemeral":
                continue
            if row["state"] != "sent":
                yield f"{key} is {row['state']}: {row['error']}"
            elif not self._said.get(key):
                yield f"{key} was lost"
        for message in self._unmarked:
            yield f"nobody meant to post {message['text'][:60]!r}"

    def _read(self) -> Iterator[str]:
        """Each story that was written is kept as it was told last, and has a card."""
        known = {
            (row["stream"], row["id"]): json.loads(row["body"]) for row in self._world.rows("SELECT * FROM stories")
        }
        told = {(card.stream, number) for card in self._cards.values() for number in card.numbers}
        for stream, story in self._town.streams.items():
            until = max((each.until for each in self._world.scanned if each.stream == stream), default=0.0) - JUST_S
            last = {report.id: report for at, report in story.tellings if at < min(until, self._town.end)}
            for number, report in last.items():
                body = known.get((stream, number))
                if body is None or body["also"] != list(report.also):
                    yield f"{stream} {number} is kept as {body and body['also']}, and was told as {report.also}"
                elif (stream, number) not in told:
                    yield f"{stream} {number} has no card"

    # Roots

    def _roots(self) -> Iterator[str]:
        """One message a matter: another one no earlier than a day after the first was over."""
        matters: dict[object, list[Card]] = defaultdict(list)
        for card in self._cards.values():
            if card.row["kind"] == "story" and (card.messages or card.row["inside"]):
                matters[self._matter(card)].append(card)
            if card.row["kind"] == "source" and card.messages:
                matters[card.stream].append(card)
            if card.row["kind"] == "alert" and card.messages:
                matters[card.row["fingerprint"]].append(card)
        for matter, cards in matters.items():
            for first, second in pairwise(cards):
                over, again = first.row["ended"], self._seen_at(second)
                if again is not None and (over is None or again - over < DAY_S):
                    yield f"{second.key} tells what {first.key} tells: {matter}"

    def _matter(self, card: Card) -> tuple[object, ...]:
        report = self._tellings(card)[0][1]
        return card.stream, report.kind, report.template, report.services

    def _tellings(self, card: Card, until: float | None = None) -> list[tuple[float, Report]]:
        """Return what was told of a card's stories up to a time, in order."""
        until = self._end if until is None else until
        mine = set(card.numbers)
        return [each for each in self._by_stream[card.stream] if each[1].id in mine and each[0] <= until]

    @cached_property
    def _by_stream(self) -> Mapping[str, Sequence[tuple[float, Report]]]:
        return {name: story.tellings for name, story in self._town.streams.items()}

    def _words(self) -> Iterator[str]:
        """Each message says what is so in the end."""
        for card in self._cards.values():
            for message in card.messages[:1]:
                text = json.dumps([message["text"], message.get("blocks")], ensure_ascii=False)
                if card.row["kind"] == "story" and card.row["severity"] not in self._severities(card):
                    yield f"{card.key} is {card.row['severity']}"
                for words, wanted in self._expected(card):
                    if (words in text) != wanted:
                        yield f"{card.key} {'does not say' if wanted else 'says'} {words!r}: {message['text'][:90]!r}"

    def _expected(self, card: Card) -> Iterator[tuple[str, bool]]:
        match card.row["kind"]:
            case "story":
                rejected = self._is_rejected(card)
                last = {report.id: report for _, report in self._tellings(card)}
                going = [each for each in last.values() if each.ended is None]
                shown = max(going or last.values(), key=lambda each: each.since)
                yield "Not an anomaly: ", rejected
                yield "Recovered after ", not rejected and not going
                if not rejected:
                    yield shown.also[0], True
                    yield f"{card.row['severity']} ·", True
            case "group":
                members = [each for each in self._cards.values() if each.row["inside"] == card.key]
                going_ = [each for each in members if each.row["ended"] is None and each.row["rejected"] is None]
                yield f"{len(members):,} {'story' if len(members) == 1 else 'stories'} in", True
                yield "All over: ", not going_
                yield f": {len(going_):,} open (", 0 < len(going_) < len(members)
            case "source":
                over = card.row["ended"] is not None
                yield f"{card.stream} logs again since", over
                yield "This is not an all-clear", not over
            case "alert":
                yield "Resolved after ", not self._fires(card, self._end)

    def _is_rejected(self, card: Card) -> bool:
        return any(row["id"] == card.row["rejected"] and row["undone_at"] is None for row in self._rejections)

    @cached_property
    def _rejections(self) -> Sequence[Payload]:
        return self._world.rows("SELECT * FROM rejections")

    # Places

    def _places(self) -> Iterator[str]:
        """Each story is where it belongs: seen once it could be told, and not at all where nobody wants it."""
        for card in self._cards.values():
            if card.row["kind"] != "story":
                continue
            seen_at = self._seen_at(card)
            if self._is_shadow(card):
                if seen_at is not None or card.row["place"] not in {"shadow", "none"}:
                    yield f"{card.key} is in shadow, and {card.row['place']}"
                continue
            if seen_at is not None:
                for message in card.messages:
                    if message["in"] != self._channel(card):
                        yield f"{card.key} is in {message['in']}"
                if (why := self._unwanted(card, seen_at)) is not None:
                    yield f"{card.key} was posted though {why}"
            due = self._due(card)
            if due is not None and (seen_at is None or seen_at > due):
                late = "never" if seen_at is None else f"{(seen_at - due) / 60:.0f} min late"
                yield f"{card.key} was told {late}; it is {card.row['place']}: {card.row['why']}"

    def _seen_at(self, card: Card) -> float | None:
        """Return when it was decided that people see a card."""
        if card.row["place"] == "group":
            group = self._cards.get(card.row["inside"])
            # When it came to its group is written nowhere: in that hour, or at the first telling in it.
            return None if group is None else float(group.posted_at or 0.0)
        return card.posted_at if card.row["place"] == "root" else None

    def _is_shadow(self, card: Card) -> bool:
        origin = self._town.origins[card.stream]
        return origin.shadow or (card.row["detector"], card.row["service"]) in self._town.shadowed

    def _channel(self, card: Card) -> str | None:
        known = self._notified.get(card.row["service"])
        return (known.channel if known else None) or self._town.watch.channel

    def _worst(self, card: Card, at: float) -> str:
        """Return the worst severity of a card's stories since it last began, as far as it was told by then."""
        last: dict[int, Report] = {}
        worst, over = "low", 0.0
        for when, report in self._tellings(card, at):
            gone = not any(each.ended is None for each in last.values())
            if gone and self._looked(card.stream, over, when):
                worst = "low"
            last[report.id] = report
            over = when
            worst = max(worst, report.severity, key=RANK.__getitem__)
        return worst

    def _severities(self, card: Card) -> set[str]:
        """Return how severe a card may be in the end: as it was told, or as those saw it told who looked."""
        looks = [each for each in self._world.scanned if each.stream == card.stream]
        return {
            self._worst(card, self._end),
            self._seen(card, [each.until for each in looks]),
            self._seen(card, [each.until for each in looks if not self._was_dying(each.at + JUST_S, each.at + 1.0)]),
        }

    def _seen(self, card: Card, looks: Sequence[float]) -> str:
        """Return the severity of a card that was looked at so often: the worst since its matter began anew."""
        seen, going = "low", False
        for until in looks:
            last = {report.id: report for _, report in self._tellings(card, until)}
            opened = [report.severity for report in last.values() if report.ended is None]
            over = max(last.values(), key=lambda each: each.ended or 0.0, default=None)
            worst = max(opened or ([over.severity] if over else ["low"]), key=RANK.__getitem__)
            seen = max(worst, seen, key=RANK.__getitem__) if going else worst
            going = bool(opened)
        return seen

    def _scans(self, stream: str) -> list[float]:
        down = self._town.streams[stream].down
        return [tick for tick in self._ticks if not any(begin <= tick < end for begin, end in down)]

    def _looked(self, stream: str, first: float, last: float) -> bool:
        """Whether somebody scanned a source between two times."""
        return any(first < tick < last for tick in self._scans(stream))

    def _open(self, card: Card) -> Iterator[Span]:
        """Yield when a card's matter went on, as it was told."""
        last: dict[int, Report] = {}
        begun: float | None = None
        for at, report in self._tellings(card):
            last[report.id] = report
            going = any(each.ended is None for each in last.values())
            if going and begun is None:
                begun = at
            elif not going and begun is not None:
                yield begun, at
                begun = None
        if begun is not None:
            yield begun, self._end

    def _is_open(self, card: Card, at: float) -> bool:
        return any(begin <= at < end for begin, end in self._open(card))

    def _due(self, card: Card) -> float | None:
        """Return by when a card must have been told: once nothing kept it back for some rounds; None if ever."""
        for begin, end in self._open(card):
            told = [at for at, _ in self._tellings(card) if begin <= at < end]
            rounds: list[float] = []
            for tick in self._ticks:
                if tick <= begin or tick > end:
                    continue
                if self._kept_back(card, tick, told):
                    rounds = []
                    continue
                rounds.append(tick)
                if len(rounds) > TICKS and not self._was_dying(rounds[0], tick):
                    return tick
        return None

    def _kept_back(self, card: Card, at: float, told: Sequence[float]) -> bool:
        """Whether something may keep a card from being told at a time."""
        if any(begin <= at < end + JUST_S for begin, end in self._town.streams[card.stream].down):
            return True
        looks = [each.behind for each in self._world.scanned if each.stream == card.stream and each.at <= at]
        if not looks or looks[-1]:
            return True
        latest = max((each for each in told if each <= at), default=at)
        seen = self._going(card, at)
        severity = min(seen, self._worst(card, at), key=RANK.__getitem__)  # what was over before anybody looked is lost
        channel = str(self._channel(card))
        for wanted in self._wanted(channel, latest, at):
            if RANK[severity] < RANK[wanted.least] or RANK[self._worst(card, latest)] < RANK[wanted.least]:
                return True
            if severity != "high" and _in_quiet(wanted, at):
                return True
        return self._silenced(card, at) or self._is_maintained(card, at)

    def _going(self, card: Card, at: float) -> str:
        """Return the worst severity of a card's stories that went on at a time; low where none did."""
        told = {report.id: report for _, report in self._tellings(card, at)}.values()
        return max((each.severity for each in told if each.ended is None), key=RANK.__getitem__, default="low")

    def _is_maintained(self, card: Card, at: float) -> bool:
        return any(
            each.start <= at < each.end and (not each.services or card.row["service"] in each.services)
            for each in self._town.maintenance
        )

    def _silenced(self, card: Card, at: float) -> bool:
        """Whether somebody snoozed or rejected the matter of a card."""
        if any(
            begin - PRESSED_S <= at < end + PRESSED_S
            for other in self._same[card.row["fingerprint"]]
            for begin, end in self._snoozed(other)
        ):
            return True
        mine = (card.stream, card.row["detector"], card.row["service"])
        template = self._tellings(card)[0][1].template
        return any(
            (row["stream"], row["kind"], row["service"]) == mine
            and row["template"] == template
            and row["at"] <= at + PRESSED_S
            and at < (row["undone_at"] or row["expires_at"]) + PRESSED_S
            for row in self._rejections
        )

    @cached_property
    def _same(self) -> Mapping[str, Sequence[Card]]:
        found: dict[str, list[Card]] = defaultdict(list)
        for card in self._cards.values():
            found[card.row["fingerprint"]].append(card)
        return found

    def _unwanted(self, card: Card, at: float) -> str | None:
        """Return why a card should not have been posted when it was, None where it was right."""
        severity = self._worst(card, at if card.row["place"] == "root" else at + HOUR_S)
        if all(RANK[severity] < RANK[wanted.least] for wanted in self._wanted(str(self._channel(card)), at, at)):
            return f"it was {severity}"
        if card.row["place"] == "root" and self._is_maintained(card, at):
            return "there was maintenance"
        return None

    def _wanted(self, channel: str, first: float, last: float) -> list[Wanted]:
        """Return what a channel wanted at some moment between, as far as anybody may have known."""
        watch = self._town.watch
        usual = Wanted(watch.digest, watch.quiet or "off", watch.least, watch.timezone)
        changes = [(0.0, usual), *((at, wanted) for at, where, wanted in self._world.set if where == channel)]
        held = []
        for (at, wanted), after in pairwise([*changes, (float("inf"), usual)]):
            if at <= last + 1.0 and first <= after[0] + JUST_S:
                held.append(wanted)
        return held

    def _was_dying(self, first: float, last: float) -> bool:
        return any(first - JUST_S <= at <= last for at in self._world.died)

    # Budgets and quiet hours

    def _budgets(self) -> Iterator[str]:
        """No more new messages of stories an hour than the budget, and one group, where there is none left."""
        hours: Counter[tuple[str, int]] = Counter()
        groups: dict[tuple[str, int], list[Card]] = defaultdict(list)
        for card in self._cards.values():
            if card.posted_at is None:
                continue
            where = (str(card.posting and card.posting["channel"]), int(card.posted_at // HOUR_S))
            if card.row["kind"] == "story":
                hours[where] += 1
            if card.row["kind"] == "group":
                groups[where].append(card)
        most = self._town.watch.per_hour
        for where, count in hours.items():
            if count > most:
                yield f"{count} stories got a message in {where}, where {most} may"
        for where, cards in groups.items():
            if len(cards) > 1:
                yield f"{len(cards)} groups in {where}"
            members = sum(each.row["inside"] == cards[0].key for each in self._cards.values())
            if hours[where] + members <= most:
                yield f"{cards[0].key} has {members} members beside {hours[where]} messages, where {most} may be"

    def _quiet(self) -> Iterator[str]:
        """In quiet hours nothing is decided to be posted but what is high."""
        for card in self._cards.values():
            at, kind = card.posted_at, card.row["kind"]
            if at is None or kind not in {"story", "group"}:
                continue
            channel = str(card.row["channel"])
            if not all(_in_quiet(wanted, at) for wanted in self._wanted(channel, at, at)):
                continue
            members = (
                [card] if kind == "story" else [each for each in self._cards.values() if each.row["inside"] == card.key]
            )
            if not any(self._worst(each, at + 1.0) == "high" for each in members):
                yield f"{card.key} was posted in quiet hours"

    # Threads

    def _threads(self) -> Iterator[str]:
        """Yield what is below a card and not below its own message."""
        for key, found in self._said.items():
            if not key.startswith("below:"):
                continue
            card = self._below(key)
            if card is None or not card.messages:
                yield f"{key} is below no card"
            elif found[0].get("thread_ts") not in self._threads_of(card):
                yield f"{key} is not below its card"

    def _threads_of(self, card: Card) -> list[str]:
        group = self._cards.get(card.row["inside"] or "")
        return [str(each["ts"]) for each in (*card.messages, *(group.messages if group else ()))]

    def _below(self, key: str) -> Card | None:
        return self._cards.get(key.removeprefix("below:").rpartition(":")[0])

    def _notes(self, card: Card) -> Iterator[tuple[str, float]]:
        """Yield what was said below a card, and when somebody decided to."""
        begin = f"below:{card.key}:"
        for key, row in self._outbox.items():
            if key.startswith(begin):
                yield key.removeprefix(begin), float(row["created_at"])

    # Snoozes

    def _snoozed(self, card: Card) -> list[Span]:
        """Return when a card was snoozed, by what people pressed and what is written down of it."""
        at = [float(row["at"]) for row in self._acts if row["card"] == card.key and row["act"] == "snoozed"]
        spans = []
        for begin, after in pairwise([*at, float("inf")]):
            mine = [each for each in self._world.pressed if each.key == card.key and each.what == "snooze"]
            near = [each for each in mine if abs(each.at - begin) < PRESSED_S]
            if near:
                spans.append((begin, min(begin + near[0].seconds, after)))
        return spans

    @cached_property
    def _acts(self) -> Sequence[Payload]:
        return self._world.rows("SELECT * FROM card_acts ORDER BY at")

    def _snoozes(self) -> Iterator[str]:
        """Nothing is said while a card is snoozed; that it is over is said within two rounds, where it goes on."""
        for card in self._cards.values():
            if card.row["snoozed_until"] is not None and card.row["snoozed_until"] < self._end - HOUR_S:
                yield f"{card.key} is snoozed for ever"
            spans = self._snoozed(card)
            notes = dict(self._notes(card))
            for number, (begin, end) in enumerate(spans):
                for what, at in notes.items():
                    if begin + PRESSED_S < at < end and what != "first-look":
                        yield f"{card.key}: {what} was said while it was snoozed"
                cut = number + 1 < len(spans) and spans[number + 1][0] <= end + PRESSED_S
                if cut or not self._goes_on(card, end):
                    continue
                rounds = [tick for tick in self._ticks if tick > end]
                if len(rounds) <= TICKS or self._was_dying(begin - PRESSED_S, rounds[TICKS]):
                    continue
                said = [at for what, at in notes.items() if what.startswith("snooze-") and at >= end - 1.0]
                if not said or min(said) > rounds[1] + 1.0:
                    yield f"{card.key}: the snooze until {end:.0f} did not end in time ({said[:1]})"

    def _goes_on(self, card: Card, at: float) -> bool:
        """Whether a card with a message of its own surely went on around a time, for those who may be told."""
        rounds = [tick for tick in self._ticks if tick > at][:2]
        until = (rounds[-1] if len(rounds) > 1 else at) + 60.0
        if card.row["kind"] != "story" or not card.messages or (card.posted_at or 0.0) > at:
            return False
        if any(row["card"] == card.key and row["at"] <= until for row in self._rejections):
            return False
        # What its source could not tell yet counts for neither.
        return all(self._is_open(card, each) for each in (at - 6 * HOUR_S, at, until)) or (
            self._is_open(card, at)
            and self._is_open(card, until)
            and not self._was_down(card, at - 6 * HOUR_S, until)
            and all(self._is_open(card, each) for each in (at - 1_800.0, until))
        )

    def _was_down(self, card: Card, first: float, last: float) -> bool:
        return any(begin < last and end > first for begin, end in self._town.streams[card.stream].down)

    # Mentions

    def _mentions(self) -> Iterator[str]:
        """Only whom the settings name is mentioned: once, and once more where nobody acknowledged it in time."""
        for key, found in self._said.items():
            called = CALL.fullmatch(key)
            for message in found:
                if _rings(message) and not called:
                    yield f"{key} mentions somebody: {_rings(message)[:2]}"
                if called and called[1].startswith("group:"):
                    yield from self._called_together(called[1], message)
        for card in self._cards.values():
            if card.row["kind"] == "story":
                yield from self._called(card)

    def _called_together(self, group: str, message: Payload) -> Iterator[str]:
        """Below a group, whoever is mentioned is that of the service that is named, which has something high there."""
        services = {
            card.row["service"]
            for card in self._cards.values()
            if card.row["inside"] == group and "high" in {report.severity for _, report in self._tellings(card)}
        }
        mine = [
            each for each in self._town.services if each.name in services and _mention(each.notify) in _rings(message)
        ]
        if len(_rings(message)) != 1 or not any(f" in {each.name}" in message["text"] for each in mine):
            yield f"below {group}: {message['text']!r} rings, and {services} are high there"

    def _called(self, card: Card) -> Iterator[str]:  # noqa: C901 - one rule after the other
        service = self._notified.get(card.row["service"])
        wanted = service.notify if service else None
        notes = dict(self._notes(card))
        first, second = notes.get("notify"), notes.get("escalate")
        for what in ("notify", "escalate"):
            for message in self._said.get(f"below:{card.key}:{what}", ()):
                if _rings(message) != [_mention(wanted)]:
                    yield f"{card.key}: {what} rings for {_rings(message)}, and {wanted} is set"
        for what, at in (("notify", first), ("escalate", second)):
            if at is not None and (why := self._uncalled(card, at)) is not None:
                yield f"{card.key}: {what} though {why}"
        if second is not None and (
            first is None or second - first < (service.escalate_after_s if service else 0) - 1.0
        ):
            yield f"{card.key} was escalated too early"
        if wanted is None or service is None:
            return
        if first is None:
            if self._was_calling(card, card.posted_at, TICKS) is not None:
                yield f"{card.key}: nobody was called"
        elif second is None:
            again = max([first, *(at for what, at in notes.items() if what.startswith("snooze-"))])
            if self._was_calling(card, again + service.escalate_after_s, TICKS) is not None:
                yield f"{card.key}: nobody was called again"

    def _uncalled(self, card: Card, at: float) -> str | None:
        """Return why nobody was to be called for a card then."""
        if self._is_shadow(card) or card.row["place"] != "root":
            return f"it is {card.row['place']}"
        if self._worst(card, at) != "high":
            return f"it was {self._worst(card, at)}"
        acts = [row for row in self._acts if row["card"] == card.key and row["at"] + PRESSED_S < at]
        if any(row["act"] == "acknowledged" for row in acts):
            return "somebody had acknowledged it"
        return None

    def _was_calling(self, card: Card, since: float | None, rounds: int) -> float | None:
        """Return a time at which somebody must have been called, after so many rounds in which nothing kept us."""
        if since is None or card.row["place"] != "root":
            return None
        acts = [float(row["at"]) for row in self._acts if row["card"] == card.key and row["act"] != "investigated"]
        acts += [each.at for each in self._world.pressed if each.key == card.key and each.what != "investigate"]
        begin = next((at for at, _ in self._tellings(card) if at >= since and self._going(card, at) == "high"), since)
        ticks = [tick for tick in self._ticks if tick > max(begin, since)][: rounds + 1]
        if len(ticks) <= rounds or any(at - PRESSED_S <= ticks[-1] for at in acts):
            return None
        if self._was_dying(begin, ticks[-1]) or self._was_down(card, begin - 6 * HOUR_S, ticks[-1]):
            return None
        sure = all(self._is_open(card, at) and self._going(card, at) == "high" for at in (begin, *ticks))
        return ticks[-1] if sure else None

    # Digests

    def _digests(self) -> Iterator[str]:
        """One digest a channel and local date, where somebody lived between its time and the date's end."""
        channels = {*self._town.wanted, str(self._town.watch.channel)}
        posted = {key for key in self._outbox if key.startswith("digest:") and key.count(":") == 2}
        for channel in sorted(channels):
            yield from self._digests_of(channel, {key for key in posted if key.startswith(f"digest:{channel}:")})
        yield from (f"{key} is of no channel" for key in posted if key.split(":")[1] not in channels)

    def _digests_of(self, channel: str, posted: set[str]) -> Iterator[str]:
        if not self._ticks:
            return
        first = self._ticks[0]
        day = datetime.fromtimestamp(first).date() - timedelta(days=2)  # noqa: DTZ006 - roughly
        while day < datetime.fromtimestamp(self._end).date() + timedelta(days=3):  # noqa: DTZ006 - roughly
            key = f"digest:{channel}:{day}"
            spans = {_day_span(wanted, day) for wanted in self._wanted(channel, first, self._end)}
            if len(self._wanted(channel, first, self._end)) == 1:
                yield from self._digest(key, next(iter(spans)), first, there=key in posted)
            posted.discard(key)
            day += timedelta(days=1)
        yield from (f"{key} is of no date" for key in posted)

    def _digest(self, key: str, span: Span | None, first: float, *, there: bool) -> Iterator[str]:
        if span is None:
            if there:
                yield f"{key} came, and none is wanted"
            return
        due, end = span
        alive = [tick for tick in self._ticks if due <= tick < end]
        if there:
            at = float(self._outbox[key]["created_at"])
            if not due <= at < max(end, due + 600.0):
                yield f"{key} came at {at - due:.0f} s after it was due"
            elif alive and at > alive[min(1, len(alive) - 1)] + JUST_S and not self._was_dying(due, at):
                yield f"{key} came {at - due:.0f} s late, though somebody lived"
        elif due >= first and len(alive) > 1 and not (self._was_dying(due, end) and len(alive) <= TICKS):
            yield f"{key} never came, though somebody lived {len(alive)} rounds long"

    # Alerts

    def _alerts(self) -> Iterator[str]:
        """Each group of alerts that fires has a message."""
        firing = {group.fingerprint for _, group in self._world.taken if group.fires}
        for fingerprint in sorted(firing):
            cards = [each for each in self._same.get(fingerprint, ()) if each.row["kind"] == "alert"]
            if not cards:
                yield f"alerts {fingerprint[:6]} have no card"
            yield from (
                f"{each.key} has no message: {each.row['place']}"
                for each in cards
                if not each.messages and each.row["place"] != "muted"
            )

    def _fires(self, card: Card, at: float) -> bool:
        later = [
            other.row["opened"]
            for other in self._same[card.row["fingerprint"]]
            if other.row["opened"] > card.row["opened"]
        ]
        until = min([at, *(each - 1.0 for each in later)])
        taken = [
            group for when, group in self._world.taken if when <= until and group.fingerprint == card.row["fingerprint"]
        ]
        return bool(taken) and taken[-1].fires

    # Sources

    def _sources(self) -> Iterator[str]:
        """Yield the sources that nobody could look at for some rounds, and that nobody was told of."""
        for stream, story in self._town.streams.items():
            cards = [each for each in self._cards.values() if each.row["kind"] == "source" and each.stream == stream]
            for begin, end in story.down:
                rounds = [tick for tick in self._ticks if begin + 125.0 < tick < end]
                late = [tick for tick in rounds if tick > rounds[0] + 125.0] if rounds else []
                if len(late) <= TICKS or self._was_dying(begin, late[TICKS]) or self._town.origins[stream].shadow:
                    continue
                if any(each.start < late[TICKS] and each.end > begin for each in self._town.maintenance):
                    continue
                told = [each for each in cards if (each.posted_at or late[TICKS]) <= late[TICKS]]
                if all(each.row["ended"] is not None and each.row["ended"] < begin for each in told):
                    yield f"{stream} was down for {(end - begin) / 60:.0f} min, and nobody was told"


def _mention(name: str | None) -> str:
    """Return how Slack writes a mention of a person or a group; what nobody writes where none is set."""
    if name is None:
        return "nobody"
    return f"<!subteam^{name}>" if name.startswith("S") else f"<@{name}>"


def _rings(message: Payload) -> list[str]:
    """Return the mentions of a message, in its text and in its blocks."""
    found = MENTION.findall(str(message["text"]))
    for element in _elements(message.get("blocks", [])):
        if element.get("type") in {"user", "usergroup", "broadcast"}:
            found.append(str(element))
        if element.get("type") == "mrkdwn":
            found += MENTION.findall(str(element["text"]))
    return found


def _elements(tree: Any) -> Iterator[Payload]:
    if isinstance(tree, Mapping):
        yield tree
        for each in tree.values():
            yield from _elements(each)
    elif isinstance(tree, list):
        for each in tree:
            yield from _elements(each)


def _in_quiet(wanted: Wanted, at: float) -> bool:
    """Whether the clock on the wall shows a time within the quiet hours."""
    if wanted.quiet == "off":
        return False
    shown = datetime.fromtimestamp(at, ZoneInfo(wanted.timezone)).strftime("%H:%M")
    first, _, last = wanted.quiet.partition("-")
    return first <= shown < last if first < last else shown >= first or shown < last


def _day_span(wanted: Wanted, day: date) -> Span | None:
    """Return from when until when a local date's digest may come: by looking at the clock minute by minute."""
    if wanted.digest == "off" or wanted.off:
        return None
    zone = ZoneInfo(wanted.timezone)
    noon = datetime.combine(day, datetime.min.time(), ZoneInfo("UTC")).timestamp() + DAY_S / 2
    minutes = [noon + 60.0 * number for number in range(-36 * 60, 36 * 60)]
    clocks = [(at, datetime.fromtimestamp(at, zone)) for at in minutes]
    mine = [(at, clock.strftime("%H:%M")) for at, clock in clocks if clock.date() == day]
    due = next((at for at, shown in mine if shown >= wanted.digest), None)
    return None if due is None else (due, mine[-1][0] + 60.0)
