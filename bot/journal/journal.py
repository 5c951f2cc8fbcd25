"""What was asked, answered and felt, append-only. The database is its only neighbour."""

import json
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import Column, Float, Integer, RowMapping, String, Table, Text, func, select

from bot.types import Done, Feedback, Question, Source
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
)
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


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """A question with its whole answer, as it was given."""

    question: Question
    done: Done
    text: str


class Journal:
    """Append-only: a question and its answer are written once; a repeated write of the same id changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def asked(self, question: Question) -> None:
        """Write down a question."""
        async with self._database.write() as connection:
            statement = self._database.insert(asked_table).values(asdict(question))
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
        }
        async with self._database.write() as connection:
            asked = self._database.insert(asked_table).values(asdict(question))
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

    async def gaps_like(self, text: str, since: float) -> int:
        """Return how often the same words were asked since `since` (seconds since 1970 UTC) and not in the runbooks."""
        same = func.lower(asked_table.c.text) == text.lower()
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


def _stored(row: RowMapping) -> StoredAnswer:
    question = Question(
        id=row["id"],
        text=row[asked_table.c.text],
        asker=row["asker"],
        asked_at=row["asked_at"],
        channel=row["channel"],
        thread=row["thread"],
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
    )
    return StoredAnswer(question, done, row[answered_table.c.text])


def _source(stored: dict[str, object]) -> Source:
    reviewed = stored.pop("reviewed", None)
    return Source(**stored, reviewed=date.fromisoformat(str(reviewed)) if reviewed else None)  # type: ignore[arg-type]
