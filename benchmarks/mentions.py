"""The running bot, mentioned again and again: how long until a person sees a sign, until text, and what memory it took.

Slack and Claude are the loopback ones of the tests, in this process; the bot is a process of its own.
"""

import asyncio
import random
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, load, percentile, say
from tests.fakes.claude import Echo, FakeClaude
from tests.fakes.slack import INCIDENTS, PAYMENTS, FakeSlack
from tests.flows.program import Program

SIGN_MS, TEXT_MS, RSS_MB = 300.0, 600.0, 700.0
"""Targets of the issue: at p95, and for the peak."""

PAUSE_S = (0.3, 1.5)
"""Between the end of an answer and the next mention; Slack takes one post a second and channel."""

PATIENCE_S = 60.0


@dataclass
class Watch:
    """What a person sees below one mention, in seconds since they sent it."""

    begun: float
    thread: str = ""
    sign: float | None = None
    text: float | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, change: Mapping[str, Any]) -> None:
        """Take a change of the workspace."""
        now = time.perf_counter() - self.begun
        message = change.get("message", {})
        if change["kind"] == "status" and change["text"]:
            self.sign = self.sign or now
        elif message.get("bot_id") and message.get("thread_ts") == self.thread:
            self.sign, self.text = self.sign or now, self.text or now
            if message.get("streaming_state") != "in_progress" and message.get("blocks"):
                self.over.set()


async def figures(folder: Path, questions: Sequence[str], runs: int, mentions: int) -> list[Figure]:
    """Mention a bot on `folder/data`, runs times so often; each run is a new bot."""
    before, found, peaks = load(), list[list[Watch]](), list[float]()
    for number in range(runs):
        watches, peak = await _run(folder, questions, mentions, random.Random(number))
        found.append(watches)
        peaks.append(peak)
        say(f"{mentions} mentions, peak {peak:.0f} MB, run {number + 1} of {runs}")
    signs = [[watch.sign or PATIENCE_S for watch in run] for run in found]
    texts = [[watch.text or PATIENCE_S for watch in run] for run in found]
    note = f"{mentions} mentions a run"

    def row(name: str, measured: list[list[float]], share: int, at_most: float | None = None) -> Figure:
        return Figure(f"{name} p{share}", "ms", tuple(percentile(run, share) for run in measured), before, at_most)

    return [
        row("mention to first sign", signs, 50),
        row("mention to first sign", signs, 95, SIGN_MS),
        row("mention to first text", texts, 50),
        row("mention to first text", texts, 95, TEXT_MS),
        Figure("memory of the bot, peak", "MB", tuple(peaks), before, RSS_MB, note),
    ]


async def _run(folder: Path, questions: Sequence[str], mentions: int, rng: random.Random) -> tuple[list[Watch], float]:
    """Start a bot and mention it; return what was seen, and its peak memory."""
    async with FakeSlack(folder / f"slack-{rng.random()}") as slack, FakeClaude(Echo()) as claude:
        settings = {
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_API_URL": slack.api_url,
            "ANTHROPIC_BASE_URL": claude.url,
        }
        with Program("run", "--data", "data", "--http-port", "0", folder=folder, settings=settings) as program:
            await asyncio.to_thread(program.ready)
            watches = []
            for number in range(mentions):
                question = questions[number % len(questions)]
                watches.append(await mentioned(slack, (INCIDENTS, PAYMENTS)[number % 2], question))
                await asyncio.sleep(rng.uniform(*PAUSE_S))
            peak = peak_mb(program.pid)
            await asyncio.to_thread(program.stop)
    return watches, peak


async def mentioned(slack: FakeSlack, channel: str, question: str) -> Watch:
    """Mention the bot and wait until its answer is whole."""
    watch = Watch(time.perf_counter())
    deaf = slack.workspace.state.listen(watch.hear)
    try:
        watch.thread = slack.mention(channel, question)["ts"]
        async with asyncio.timeout(PATIENCE_S):
            await watch.over.wait()
    except TimeoutError:
        say(f"no answer within {PATIENCE_S:.0f} s: {question}")
    finally:
        deaf()
    return watch


def peak_mb(pid: int) -> float:
    """Return the most memory that a process ever held at once: VmHWM of proc(5)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1_024 if found else float("nan")
