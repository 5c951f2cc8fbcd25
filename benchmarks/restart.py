"""How soon a killed bot works on again: from its next start to the first sign that a person sees, and to the answer.

Slack is the loopback one of the tests, in this process; the bot is its own process and answers without a model.
Run it as `python -m benchmarks.restart`.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.figures import HEADS, Figure, load, say, table
from bot.build.house import EXAMPLE
from tests.fakes.slack import INCIDENTS, FakeSlack
from tests.flows.program import Program, copilot

QUESTION = "PgBouncer shows cl_waiting above 0, what do I do first?"
RUNS = 3
SIGN_S = 5.0
"""Target of the issue, to the first sign."""

PATIENCE_S = 60.0


class Sight:
    """When a person sees each thing for the first time: `status`, `text`, `answer`."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        self._changed = asyncio.Event()

    def hear(self, change: dict[str, Any]) -> None:
        """Take a change of the workspace."""
        message = change.get("message", {})
        if change["kind"] == "status" and change["text"]:
            self._see("status")
        if "bot_id" in message:
            self._see("text")
            if message.get("streaming_state") != "in_progress":
                self._see("answer")

    async def seen(self, what: str) -> float:
        """Wait for it; return when it was."""
        async with asyncio.timeout(PATIENCE_S):
            while what not in self.at:
                await self._changed.wait()
                self._changed.clear()
        return self.at[what]

    def _see(self, what: str) -> None:
        self.at.setdefault(what, time.perf_counter())
        self._changed.set()


def started(slack: FakeSlack, folder: Path) -> Program:
    """Start the bot on what its last life left."""
    settings = {
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_APP_TOKEN": slack.app_token,
        "SLACK_API_URL": slack.api_url,
    }
    return Program("run", "--data", "data", "--http-port", "0", folder=folder, settings=settings)


async def once(folder: Path, number: int) -> tuple[float, float]:
    """Kill a bot at the first sign of its answer; return the next one's seconds to its first sign and to the answer."""
    async with FakeSlack(folder / f"slack-{number}") as slack:
        before, after = Sight(), Sight()
        with started(slack, folder) as program:
            await asyncio.to_thread(program.ready)
            deaf = slack.workspace.state.listen(before.hear)
            slack.mention(INCIDENTS, QUESTION)
            await before.seen("status")
            program.kill()
        deaf()
        if "text" in before.at:
            say("it had begun to answer already")
        slack.workspace.state.listen(after.hear)
        begun = time.perf_counter()
        with started(slack, folder) as program:
            answered_s = await after.seen("answer") - begun
            program.kill()
    return min(after.at.values()) - begun, answered_s


async def main() -> None:
    """Print the figures."""
    before, runs = load(), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        await asyncio.to_thread(copilot, "sync", str(EXAMPLE), "--data", "data", folder=folder)
        for number in range(RUNS):
            runs.append(await once(folder, number))
            say(f"first sign {runs[-1][0]:.2f} s, answer {runs[-1][1]:.2f} s, run {number + 1} of {RUNS}")
    signs, answers = zip(*runs, strict=True)
    figures = [
        Figure("first sign after a kill", "s", signs, before, SIGN_S),
        Figure("answer after a kill", "s", answers, before),
    ]
    print(table(HEADS, [figure.cells for figure in figures]))


if __name__ == "__main__":
    asyncio.run(main())
