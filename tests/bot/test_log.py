"""What Python prints by itself when the real program breaks: a traceback that helps, and no secret in it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.borders import found
from tests.flows.program import ROOT, environment

SECRET = "gh" + "p_" + "a1B2c3D4e5F6" * 3
BROKEN = """
import asyncio, gc, sys, threading
token = sys.argv.pop()
from bot import __main__ as program
from bot.commands import knowledge

def die():
    raise RuntimeError(f"cannot reach https://app:{{token}}@db.internal with {{token}}") from ValueError(token)

class Dies:
    def __del__(self):
        die()

async def dying():
    die()

async def task():
    asyncio.get_running_loop().create_task(dying())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()

async def broken(*_arguments, **_options):
    {how}
    return 0

knowledge.ask = broken
program.main()
"""
WAYS = {
    "the program itself": "die()",
    "a thread": "thread = threading.Thread(target=die); thread.start(); thread.join()",
    "a task that nobody awaits": "await task()",
    "an object that is collected": "Dies(); gc.collect()",
}


@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
def test_a_secret_in_an_uncaught_error_is_not_printed(how: str, tmp_path: Path) -> None:
    """However the program breaks, it says where and why, and the secret in the words of the error stays inside."""
    arguments = ["ask", "why?", "--data", str(tmp_path), SECRET]
    done = subprocess.run(
        [sys.executable, "-c", BROKEN.format(how=how), *arguments],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "RuntimeError: cannot reach https://app:[secret:" in done.stderr
    assert "Traceback (most recent call last)" in done.stderr
    assert found([SECRET], {"stderr": done.stderr.encode(), "stdout": done.stdout.encode()}) == []
    assert done.returncode == (1 if how == "die()" else 0)
