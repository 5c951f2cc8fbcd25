"""What was asked, answered, felt and sent to Claude: append-only until it is too old or somebody is forgotten.

The database is its only neighbour.
"""

import json
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    delete,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.sql import ColumnElement

from bot.journal.spent import DAY_S, spent_table
from bot.types import TERMINAL, Done, Feedback, Question, Source
from ingest.database import Database, metadata

asked_table = Table(
    "asked",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("text", Text, nullable=False),
    Column("asker", String(64), nullable=False),
    Column("channel", String(64)),
    Column("thread", String(64)),
    Column("asked_at", Float, nullable=False, index=True),
    Column("private", Boolean, nullable=False, server_default=true()),
)
"""`private` says that the asker alone saw the answer; of rows from before this was kept, nobody knows."""
answered_table = Table(
    "answered",
    metadata,
    Column("question_id", String(64), primary_key=True),
    Column("outcome", String(16), nullable=False, index=True),
    Column("reason", Text),
    Column("text", Text, nullable=False),
    Column("sources", Text, nullable=False),
    Column("model", String(100)),
    Column("seconds", Float, nullable=False),
    Column("tokens_in", Integer, nullable=False),
    Column("tokens_out", Integer, nullable=False),
    Column("usd", Float, nullable=False),
    Column("drew_on", Text),
)
felt_table = Table(
    "felt",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("answer_id", String(64), nullable=False, index=True),
    Column("person", String(64), nullable=False),
    Column("feeling", String(8), nullable=False),
    Column("at", Float, nullable=False),
)


sent_table = Table(
    "sent",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("question_id", String(64), nullable=False, index=True),
    Column("at", Float, nullable=False, index=True),
    Column("role", String(16), nullable=False),
    Column("model", String(100), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("system_hash", String(64), nullable=False),
    Column("chunk_ids", Text, nullable=False),
    Column("people", Text, nullable=False),
    Column("text", Text, nullable=False),
)

FORGOTTEN = "[forgotten]"
"""Stands for what was sent with a person's words in it, once that person is forgotten."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it left for Claude, redacted.

    `text` is its `messages` as JSON; the system text, which is part of the program, is named by its SHA-256.
    `people` are the authors of the thread in it, by the names that Claude was shown.
    """

    question_id: str
    at: float
    role: str
    model: str
    mode: str
    system_hash: str
    chunk_ids: tuple[str, ...]
    people: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """A question with its whole answer, as it was given."""

    question: Question
    done: Done
    text: str


class Journal:
    """Append-only: a question and its answer are written once; a repeated write of the same id changes nothing.

    `retention_days` is how long `expire` lets rows live; 0 is for good.
    """

    def __init__(self, database: Database, *, retention_days: int = 0) -> None:
        self._database = database
        self._retention_days = retention_days

    async def asked(self, question: Question) -> None:
        """Write down a question."""
        async with self._database.write() as connection:
            statement = self._database.insert(asked_table).values(_asked(question))
            await connection.execute(statement.on_conflict_do_nothing())

    async def answered(self, question: Question, done: Done, text: str) -> None:
        """Write down how a question ended, with the whole text that was given."""
        values = {
            "question_id": question.id,
            "outcome": done.outcome,
            "reason": done.reason,
            "text": text,
            "sources": json.dumps([asdict(source) for source in done.sources], default=str),
            "model": done.model,
            "seconds": done.seconds,
            "tokens_in": done.tokens_in,
            "tokens_out": done.tokens_out,
            "usd": done.usd,
            "drew_on": None if done.drew_on is None else json.dumps(done.drew_on),
        }
        async with self._database.write() as connection:
            asked = self._database.insert(asked_table).values(_asked(question))
            await connection.execute(asked.on_conflict_do_nothing())
            await connection.execute(self._database.insert(answered_table).values(values).on_conflict_do_nothing())

    async def answer(self, answer_id: str) -> StoredAnswer | None:
        """Return a stored answer, or None when that question has none (yet)."""
        joined = select(asked_table, answered_table).join(
            answered_table, answered_table.c.question_id == asked_table.c.id
        )
        async with self._database.read() as connection:
            row = (await connection.execute(joined.where(asked_table.c.id == answer_id))).mappings().first()
        return None if row is None else _stored(row)

    async def felt(self, feedback: Feedback) -> None:
        """Write down a thumb; a person's last one counts."""
        values = {
            "answer_id": feedback.answer_id,
            "person": feedback.user,
            "feeling": feedback.feeling,
            "at": feedback.at,
        }
        async with self._database.write() as connection:
            await connection.execute(self._database.insert(felt_table).values(values))

    async def feelings(self, answer_id: str) -> dict[str, str]:
        """Return what each person felt last about an answer."""
        rows = select(felt_table).where(felt_table.c.answer_id == answer_id).order_by(felt_table.c.id)
        async with self._database.read() as connection:
            return {row.person: row.feeling for row in await connection.execute(rows)}

    async def sent(self, sent: Sent) -> None:
        """Write down what is about to leave for Claude."""
        values = asdict(sent) | {"chunk_ids": json.dumps(sent.chunk_ids), "people": json.dumps(sorted(sent.people))}
        async with self._database.write() as connection:
            await connection.execute(self._database.insert(sent_table).values(values))

    async def sent_for(self, question_id: str) -> list[Sent]:
        """Return what left for a question, in order; more than one where a request was shortened and tried again."""
        rows = select(sent_table).where(sent_table.c.question_id == question_id).order_by(sent_table.c.id)
        async with self._database.read() as connection:
            return [_sent(row) for row in (await connection.execute(rows)).mappings()]

    async def expire(self, now: float) -> int:
        """Delete what is older than `retention_days`; return how many rows that were. `now` is seconds since 1970."""
        if not self._retention_days:
            return 0
        before = now - self._retention_days * DAY_S
        old = select(asked_table.c.id).where(asked_table.c.asked_at < before)
        async with self._database.write() as connection:
            gone = [
                delete(answered_table).where(answered_table.c.question_id.in_(old)),
                delete(felt_table).where(or_(felt_table.c.at < before, felt_table.c.answer_id.in_(old))),
                delete(asked_table).where(asked_table.c.asked_at < before),
                delete(sent_table).where(sent_table.c.at < before),
                delete(spent_table).where(spent_table.c.at < before),
            ]
            return sum([(await connection.execute(statement)).rowcount for statement in gone])

    async def forget(self, user: str) -> int:
        """Delete a person's questions, their answers and what was sent for them, and the person's thumbs.

        `user` is an id. Return how many rows changed. Costs stay without the person. Threads show names, so what was
        sent for others with this person's words in it loses its text only when `user` is the name in the thread.
        """
        theirs = select(asked_table.c.id).where(asked_table.c.asker == user)
        named = sent_table.c.people.contains(json.dumps(user), autoescape=True)
        async with self._database.write() as connection:
            await connection.execute(delete(answered_table).where(answered_table.c.question_id.in_(theirs)))
            await connection.execute(delete(sent_table).where(sent_table.c.question_id.in_(theirs)))
            emptied = await connection.execute(update(sent_table).where(named).values(text=FORGOTTEN, people="[]"))
            await connection.execute(update(spent_table).where(spent_table.c.person == user).values(person=None))
            own = await connection.execute(delete(felt_table).where(felt_table.c.person == user))
            await connection.execute(delete(felt_table).where(felt_table.c.answer_id.in_(theirs)))
            asked = await connection.execute(delete(asked_table).where(asked_table.c.asker == user))
            return asked.rowcount + own.rowcount + emptied.rowcount

    async def gaps_like(self, question: Question, since: float) -> int:
        """Return how often the same words were asked since `since` (seconds since 1970 UTC) and not in the runbooks.

        Counted is what the answer's readers could see: answers given in their channel, or the asker's own; on the
        terminal all.
        """
        same = (func.lower(asked_table.c.text) == func.lower(question.text)) & _seen_with(question)
        rows = (
            select(func.count())
            .select_from(asked_table.join(answered_table, answered_table.c.question_id == asked_table.c.id))
            .where(answered_table.c.outcome == "not_found", asked_table.c.asked_at >= since, same)
        )
        async with self._database.read() as connection:
            return int(await connection.scalar(rows) or 0)

    async def outcomes(self) -> dict[str, int]:
        """Return how many questions ended how."""
        rows = select(answered_table.c.outcome, func.count()).group_by(answered_table.c.outcome)
        async with self._database.read() as connection:
            return {str(outcome): int(number) for outcome, number in await connection.execute(rows)}


def _seen_with(question: Question) -> ColumnElement[bool]:
    """Return which questions the readers of an answer know of."""
    if question.asker == TERMINAL:
        return true()
    if question.private or question.channel is None:
        return asked_table.c.asker == question.asker
    return (asked_table.c.channel == question.channel) & ~asked_table.c.private


def _asked(question: Question) -> dict[str, object]:
    return {column.name: getattr(question, column.name) for column in asked_table.columns}


def _sent(row: RowMapping) -> Sent:
    values = {name: row[name] for name in ("question_id", "at", "role", "model", "mode", "system_hash", "text")}
    return Sent(**values, chunk_ids=tuple(json.loads(row["chunk_ids"])), people=tuple(json.loads(row["people"])))


def _stored(row: RowMapping) -> StoredAnswer:
    question = Question(
        id=row["id"],
        text=row[asked_table.c.text],
        asker=row["asker"],
        asked_at=row["asked_at"],
        channel=row["channel"],
        thread=row["thread"],
        private=row["private"],
    )
    done = Done(
        outcome=row["outcome"],
        reason=row["reason"],
        answer_id=row["id"],
        sources=tuple(_source(source) for source in json.loads(row["sources"])),
        model=row["model"],
        seconds=row["seconds"],
        tokens_in=row["tokens_in"],
        tokens_out=row["tokens_out"],
        usd=row["usd"],
        drew_on=None if row["drew_on"] is None else tuple(json.loads(row["drew_on"])),
    )
    return StoredAnswer(question, done, row[answered_table.c.text])


def _source(stored: dict[str, object]) -> Source:
    reviewed = stored.pop("reviewed", None)
    return Source(**stored, reviewed=date.fromisoformat(str(reviewed)) if reviewed else None)  # type: ignore[arg-type]
