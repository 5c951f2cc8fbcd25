"""A real Prometheus and a real Alertmanager on loopback for tests, over figures that a test sets.

Both scrape, evaluate, wait and repeat within seconds, as they do within minutes elsewhere.
"""

import asyncio
import contextlib
import json
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from tests.flows.program import free_port

START_S = 30.0
"""Longest wait for a server; each takes a second on a slow machine."""

STOP_S = 10.0


class PrometheusMissing(Exception):
    """Prometheus or Alertmanager is not installed; says which."""


@dataclass
class Shards:
    """What is broken, as Prometheus scrapes it: `shop_broken{group,shard}` is 1 or 0."""

    groups: Sequence[str]
    shards: Sequence[str]
    broken: set[tuple[str, str]] = field(default_factory=set)

    def all(self) -> set[tuple[str, str]]:
        """Return all that can break."""
        return {(group, shard) for group in self.groups for shard in self.shards}

    async def metrics(self, _request: web.Request) -> web.Response:
        """Answer Prometheus."""
        lines = [
            f'shop_broken{{group="{group}",shard="{shard}"}} {int((group, shard) in self.broken)}'
            for group, shard in sorted(self.all())
        ]
        return web.Response(text="\n".join(["# TYPE shop_broken gauge", *lines, ""]), content_type="text/plain")


@asynccontextmanager
async def alerting(folder: Path, shards: Shards, webhook: str, token: str) -> AsyncIterator[None]:
    """Run both: what is broken becomes alerts, grouped by group, sent to `webhook`. Raises PrometheusMissing."""
    programs = [shutil.which(name) for name in ("prometheus", "prometheus-alertmanager")]
    if None in programs:
        raise PrometheusMissing("prometheus and prometheus-alertmanager are not both installed")
    prometheus, alertmanager = map(str, programs)
    at_prometheus, at_alertmanager = free_port(), free_port()
    async with _exported(shards) as exporter:
        _write(folder / "alertmanager.yml", _route(webhook, token))
        _write(folder / "rules.yml", _rules(shards.groups))
        _write(folder / "prometheus.yml", _scrape(exporter, at_alertmanager))
        with (
            _running(
                folder / "alertmanager.log",
                [
                    alertmanager,
                    f"--config.file={folder / 'alertmanager.yml'}",
                    f"--storage.path={folder / 'alertmanager'}",
                    f"--web.listen-address=127.0.0.1:{at_alertmanager}",
                    "--cluster.listen-address=",
                ],
            ),
            _running(
                folder / "prometheus.log",
                [
                    prometheus,
                    f"--config.file={folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={folder / 'prometheus'}",
                    f"--web.listen-address=127.0.0.1:{at_prometheus}",
                    "--rules.alert.resend-delay=1s",
                ],
            ),
        ):
            for port in (at_alertmanager, at_prometheus):
                await _ready(port, folder)
            yield


def _route(webhook: str, token: str) -> dict[str, Any]:
    hook = {"url": webhook, "http_config": {"authorization": {"credentials": token}}}
    return {
        "route": {
            "receiver": "copilot",
            "group_by": ["alertname"],
            "group_wait": "2s",
            "group_interval": "1s",
            "repeat_interval": "1s",
        },
        "receivers": [{"name": "copilot", "webhook_configs": [hook]}],
    }


def _rules(groups: Sequence[str]) -> dict[str, Any]:
    rules = [
        {
            "alert": f"Shop{group}Broken",
            "expr": f'shop_broken{{group="{group}"}} == 1',
            "labels": {"severity": "critical", "service": f"shop-{group}"},
            "annotations": {"summary": "Shard {{ $labels.shard }} is broken"},
        }
        for group in groups
    ]
    return {"groups": [{"name": "shop", "rules": rules}]}


def _scrape(exporter: int, alertmanager: int) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]},
        "scrape_configs": [{"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{exporter}"]}]}],
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML


@asynccontextmanager
async def _exported(shards: Shards) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_get("/metrics", shards.metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


@contextmanager
def _running(log: Path, command: Sequence[str]) -> Iterator[None]:
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as server:
        try:
            yield
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(STOP_S)
            except subprocess.TimeoutExpired:
                server.kill()


async def _ready(port: int, folder: Path) -> None:
    async with aiohttp.ClientSession() as session:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_S):
                while True:
                    with contextlib.suppress(aiohttp.ClientError):
                        async with session.get(f"http://127.0.0.1:{port}/-/ready") as answer:
                            if answer.ok:
                                return
                    await asyncio.sleep(0.05)
    told = "\n".join(path.read_text(errors="replace")[-1_000:] for path in folder.glob("*.log"))
    raise AssertionError(f"not ready within {START_S} s: {told}")
