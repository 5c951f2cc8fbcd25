"""The door over a real client session: health that tells the truth, and metrics."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from bot.door.door import Check, Door
from bot.door.metrics import Metrics
from bot.errors import BotError


def good() -> Callable[[], Awaitable[Check]]:
    """Return a check that passes."""

    async def check() -> Check:
        return Check(ok=True, detail="12 documents")

    return check


def bad(detail: str = "connection refused") -> Callable[[], Awaitable[Check]]:
    """Return a check that fails."""

    async def check() -> Check:
        return Check(ok=False, detail=detail)

    return check


async def hanging() -> Check:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def broken() -> Check:
    """Break with words that nobody outside must see."""
    raise RuntimeError("secret-word")


async def health(**different: Any) -> tuple[int, dict[str, Any]]:
    """Return status and body of /healthz of a door with these checks."""
    like: dict[str, Any] = {"port": 0, "listen": "127.0.0.1", "checks": {}, "registry": CollectorRegistry()}
    async with (
        Door(**(like | different)) as door,
        aiohttp.ClientSession() as session,
        session.get(f"{door.url}/healthz") as response,
    ):
        return response.status, await response.json()


async def test_all_well_is_200_and_ok() -> None:
    """Every check is listed with its detail."""
    assert await health(checks={"index": good()}) == (
        200,
        {"status": "ok", "checks": {"index": {"ok": True, "detail": "12 documents"}}},
    )


async def test_a_failed_dependency_degrades_and_is_named() -> None:
    """Claude being away is visible, and no reason to restart us."""
    status, body = await health(checks={"claude": bad(), "index": good()}, critical=("index",))
    assert (status, body["status"]) == (200, "degraded")
    assert body["checks"]["claude"] == {"ok": False, "detail": "connection refused"}


async def test_a_failed_critical_check_is_503() -> None:
    """Without what it stands on, the process asks to be taken out of service."""
    status, body = await health(checks={"database": bad()}, critical=("database",))
    assert (status, body["status"]) == (503, "degraded")


@pytest.mark.parametrize(
    ("check", "detail"),
    [(hanging, "gave no answer within 0.05 s"), (broken, "the check itself failed; our log says why")],
)
async def test_a_check_that_hangs_or_breaks_is_a_failed_check(check: Any, detail: str) -> None:
    """The door answers in time whatever a check does, and never with an exception's text."""
    _, body = await health(checks={"chroma": check, "index": good()}, check_s=0.05)
    assert body["checks"]["chroma"] == {"ok": False, "detail": detail}
    assert body["checks"]["index"]["ok"]


async def test_metrics_are_served_from_the_registry_given() -> None:
    """Prometheus reads what rooms counted on this registry and nothing of the process."""
    registry = CollectorRegistry()
    Metrics(registry).question_ended("answered", 1.5)
    async with (
        Door(port=0, listen="127.0.0.1", checks={}, registry=registry) as door,
        aiohttp.ClientSession() as session,
        session.get(f"{door.url}/metrics") as response,
    ):
        text = await response.text()
    assert response.headers["content-type"].startswith("text/plain")
    assert 'copilot_questions_total{outcome="answered"} 1.0' in text
    assert "python_info" not in text


async def test_a_taken_port_says_which_and_what_to_do() -> None:
    """The second program on a port gets one sentence with the flag that helps."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BotError, match=rf"^Port {port} on 127\.0\.0\.1 is taken .* --http-port"):
            await health(port=port)


async def test_an_address_of_another_machine_is_refused_in_words() -> None:
    """A wrong `listen` is told apart from a taken port."""
    with pytest.raises(BotError, match=r"http\.listen"):
        await health(listen="192.0.2.1")


async def test_other_paths_and_methods_are_refused() -> None:
    """What is not offered is 404 or 405, never a page of ours."""
    async with (
        Door(port=0, listen="127.0.0.1", checks={}, registry=CollectorRegistry()) as door,
        aiohttp.ClientSession() as session,
        session.get(f"{door.url}/") as missing,
        session.post(f"{door.url}/healthz") as posted,
    ):
        assert (missing.status, posted.status) == (404, 405)


async def test_the_port_is_free_after_the_block() -> None:
    """Leaving the door closes it: a restart finds its port."""
    async with Door(port=0, listen="127.0.0.1", checks={}, registry=CollectorRegistry()) as door:
        port = int(door.url.rpartition(":")[2])
    async with Door(port=port, listen="127.0.0.1", checks={}, registry=CollectorRegistry()) as again:
        assert again.url == door.url
