"""Catch me up: a long thread in at most twelve lines that hold what happened, each tied to its message."""

import json
import re
from pathlib import Path

from bot.answer.catchup import MOST_LINES, Message, catch_up

DATA = Path(__file__).parents[2] / "data"


def thread() -> list[Message]:
    """Return the recorded thread, oldest first."""
    rows = [json.loads(line) for line in (DATA / "incident_thread.jsonl").read_text().splitlines()]
    return [Message(row["ts"], row["name"], row["text"], row["bot"]) for row in rows]


def test_a_long_thread_comes_to_its_facts() -> None:
    """Of twelve facts listed before the code was written, at least nine are in at most twelve lines."""
    lines = catch_up(thread())
    text = "\n".join(line.text for line in lines)
    facts = json.loads((DATA / "incident_facts.json").read_text())
    held = [fact["fact"] for fact in facts if re.search(fact["pattern"], text)]
    assert len(lines) <= MOST_LINES
    assert len(held) >= 9, sorted({fact["fact"] for fact in facts} - set(held))


def test_every_line_is_in_the_message_it_links_to() -> None:
    """A line is somebody's own words, so its link cannot lead to a message that does not say it."""
    said = {message.ts: " ".join(message.text.replace("```", "`").split()) for message in thread()}
    for line in catch_up(thread()):
        assert said[line.ts].startswith(line.text.rstrip("…"))


def test_small_talk_comes_to_nothing() -> None:
    """A thread without anything to report gives no lines: silence is better than filler."""
    assert catch_up([Message(f"{n}.0", "sam", text) for n, text in enumerate(["ok", "thanks", "+1", "lol"])]) == []


def test_a_question_that_was_taken_up_is_not_open() -> None:
    """Only what nobody answered is still open."""
    asked = Message("1.0", "sam", "who restarts the payments gateway?")
    answer = Message("2.0", "ines", "I restart the payments gateway now")
    assert [line.section for line in catch_up([asked])] == ["open"]
    assert "open" not in [line.section for line in catch_up([asked, answer])]


def test_the_request_itself_is_not_part_of_it() -> None:
    """Asking to be caught up is no event of the incident."""
    assert catch_up([Message("1.0", "sam", "<@U0COPILOT> catch me up on the 502 errors")]) == []
