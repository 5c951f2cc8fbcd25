"""What leaves for Claude, as the Messages API wants it, in both ways of grounding. Pure; opens no connection.

`native` gives each passage as a `search_result` whose text blocks are its steps and paragraphs, so that a citation
names exact lines; `inline` numbers the passages in the text, for servers that drop such blocks without a word.
"""

import json
from collections.abc import Sequence
from typing import Any, Literal

from ingest.documents.chunk import Unit, units_of
from ingest.types import Passage

Grounding = Literal["native", "inline"]
"""How passages are given and cited."""


def messages(
    passages: Sequence[Passage], question: str, thread: str, grounding: Grounding, computed: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the `messages` of a request: what is longest and most often the same first, the question last.

    `computed` are facts of now, a sentence each, which code computed and readers see above the answer.
    """
    given = _search_results(passages) if grounding == "native" else [_text(passages_in(passages))]
    said = [_text(_thread_in(thread))] if thread else []
    now = [_text(_computed_in(computed))] if computed else []
    return [{"role": "user", "content": [*given, *said, *now, _text(f"Question: {question}")]}]


def as_sent(
    passages: Sequence[Passage], question: str, thread: str, grounding: Grounding, computed: Sequence[str] = ()
) -> str:
    """Return the same as JSON, so that what left can be shown later."""
    return json.dumps(messages(passages, question, thread, grounding, computed), ensure_ascii=False)


def units_in(passages: Sequence[Passage]) -> list[list[Unit]]:
    """Return the citable units of each passage: the text blocks of its `search_result`, in their order."""
    return [_units(passage) for passage in passages]


def passages_in(passages: Sequence[Passage]) -> str:
    """Return the passages numbered from 1, each with its place and between marks that its text cannot forge.

    The marks help the model tell documents from orders; what protects people is that code checks what it says.
    """
    blocks = (
        f'[{number}] {_place(passage)}\n<passage n="{number}">\n{_inert(passage.text)}\n</passage>'
        for number, passage in enumerate(passages, 1)
    )
    return "<passages>\n" + "\n\n".join(blocks) + "\n</passages>"


def _units(passage: Passage) -> list[Unit]:
    units = units_of(passage.text, passage.start_line, in_code=passage.in_code)
    return units or [Unit(passage.start_line, passage.end_line, passage.title)]


def _search_results(passages: Sequence[Passage]) -> list[dict[str, Any]]:
    return [
        {
            "type": "search_result",
            "source": passage.path,
            "title": _place(passage),
            "content": [_text(unit.text) for unit in _units(passage)],
            "citations": {"enabled": True},
        }
        for passage in passages
    ]


def _thread_in(thread: str) -> str:
    return f"<thread>\n{_inert(thread)}\n</thread>"


def _computed_in(computed: Sequence[str]) -> str:
    return "<computed>\n" + "\n".join(f"- {_inert(each)}" for each in computed) + "\n</computed>"


def _place(passage: Passage) -> str:
    crumbs = passage.heading if passage.heading.startswith(passage.title) else f"{passage.title} > {passage.heading}"
    place = f"{crumbs.rstrip(' >')} ({passage.path}, lines {passage.start_line}-{passage.end_line})"
    return _inert(" ".join(place.split()))


def _inert(text: str) -> str:
    for mark in ("passage", "thread", "computed"):
        text = text.replace(f"<{mark}", f"< {mark}").replace(f"</{mark}", f"< /{mark}")
    return text


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
