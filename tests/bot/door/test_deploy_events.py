"""`POST /events/deploy` and `/events/github` over real HTTP: who may send, what is taken, when it is told."""

import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from bot.door.deploys import DEPLOY_PATH, GITHUB_PATH, MOST_BYTES, DeployEvents
from bot.door.door import Door
from bot.watch.board import Board
from bot.watch.catalogue import Catalogue
from bot.watch.deploys import Deploy, Deploys
from ingest.database import Database, metadata
from ingest.redact import redact
from tests.conftest import NOW

TOKEN, SECRET = "t0ken", "webh00k"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SHA = "6dcb09b5b57875f334f61aebed695e2e4193db5e"

DEPLOYMENT: dict[str, Any] = {
    "id": 42,
    "sha": SHA,
    "ref": "v1.42",
    "task": "deploy",
    "payload": {},
    "environment": "production",
    "transient_environment": False,
    "creator": {"login": "ana"},
    "created_at": "2026-11-18T10:00:00Z",
}
REPOSITORY = {"name": "checkout", "full_name": "shop/checkout", "html_url": "https://github.com/shop/checkout"}


@dataclass
class Way:
    """A door with the routes, its database, and the faults that were counted."""

    url: str
    session: aiohttp.ClientSession
    database: Database
    faults: list[str] = field(default_factory=list)

    async def post(self, body: Any, headers: Mapping[str, str] = BEARER, path: str = DEPLOY_PATH) -> tuple[int, Any]:
        """Post a body; return status and answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.post(f"{self.url}{path}", data=data, headers=headers) as response:
            return response.status, await response.json()

    async def hook(
        self, event: str, *, state: str = "", secret: str = SECRET, body: Any = None, **changes: Any
    ) -> tuple[int, Any]:
        """Post as GitHub does."""
        told = {"deployment": DEPLOYMENT | changes, "repository": REPOSITORY, "action": "created"}
        if state:
            told["deployment_status"] = {"state": state, "log_url": "https://ci.example/9", "target_url": ""}
        data = json.dumps(told if body is None else body).encode()
        signature = hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()
        headers = {"X-GitHub-Event": event, "X-Hub-Signature-256": f"sha256={signature}"}
        return await self.post(data, headers, GITHUB_PATH)

    async def kept(self) -> list[Deploy]:
        """Return what was kept."""
        return await deploys_of(self.database).between(None, 0.0, NOW + 1_000)


def deploys_of(database: Database) -> Deploys:
    """Return the deployments of a database."""
    return Deploys(database, Board(database, lambda: NOW), Catalogue(), redact)


@asynccontextmanager
async def opened(folder: Path, token: str | None = TOKEN, secret: str | None = SECRET) -> AsyncIterator[Way]:
    """Open a door whose routes keep deployments in a database."""
    database = Database.open(f"sqlite+aiosqlite:///{folder / 'test.sqlite'}")
    async with database.write() as connection:
        await connection.run_sync(metadata.create_all)
    faults: list[str] = []
    events = DeployEvents(deploys_of(database).add, lambda: NOW, faults.append, token=token, secret=secret)
    routes = {DEPLOY_PATH: events.deploy, GITHUB_PATH: events.github}
    door = Door(port=0, listen="127.0.0.1", checks={}, registry=CollectorRegistry(), routes=routes)
    async with door, aiohttp.ClientSession() as session:
        yield Way(door.url, session, database, faults)
    await database.close()


@pytest.fixture
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    """Give an open way."""
    async with opened(tmp_path) as way:
        yield way


async def test_a_deployment_is_taken_and_told(way: Way) -> None:
    """Once it is committed; sent again with its id, it is known."""
    body = {
        "service": "checkout",
        "version": 1,
        "who": "ana",
        "link": "https://ci.example/1",
        "at": "2026-11-18T11:00:00+01:00",
        "id": "run-9",
    }
    assert await way.post(body) == (200, {"id": "run-9", "new": True})
    assert await way.post(body) == (200, {"id": "run-9", "new": False})
    assert await way.kept() == [Deploy("run-9", "checkout", "1", "ana", "https://ci.example/1", 1_794_996_000.0)]


async def test_two_words_are_enough(way: Way) -> None:
    """It is now, then; a retry of the same within five minutes is one deployment, and a packed body is unpacked."""
    body = {"service": "checkout", "version": "1.42"}
    first, second = await way.post(body), await way.post(gzip.compress(json.dumps(body).encode()), BEARER | GZIP)
    assert (first[0], first[1]["new"], second[1]) == (200, True, first[1] | {"new": False})
    other = await way.post(body | {"version": "1.43"})
    assert other[1]["new"] is True
    assert {(each.version, each.at) for each in await way.kept()} == {("1.42", NOW), ("1.43", NOW)}


GZIP = {"Content-Encoding": "gzip"}


@pytest.mark.parametrize("at", [NOW - 60, int(NOW), NOW + 60, "2026-11-18T10:00:00Z", None])
async def test_times_are_seconds_or_have_a_zone(way: Way, at: object) -> None:
    """A sender's clock may be a little ahead."""
    assert (await way.post({"service": "a", "version": "1", "at": at}))[0] == 200


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"service": ""}, "service is missing"),
        ({"service": None}, "service is missing"),
        ({"service": ["checkout"]}, "service must be text"),
        ({"service": True}, "service must be text"),
        ({"service": "s" * 201}, "service may have 200 characters"),
        ({"version": "\x00\x1b"}, "version is missing"),
        ({"who": {}}, "who must be text"),
        ({"id": "i" * 201}, "id may have 200 characters"),
        ({"link": "javascript:alert(1)"}, "link must be one address"),
        ({"link": "https://u:p@ci.example"}, "link must be one address"),
        ({"at": "yesterday"}, "at must be a past time"),
        ({"at": "2026-11-18T10:00:00"}, "ISO 8601 with its zone"),
        ({"at": NOW * 1_000}, "at must be a past time"),
        ({"at": -1}, "at must be a past time"),
        ({"at": True}, "at must be a past time"),
        ({"at": 10**400}, "at must be a past time"),
        ({"at": float("nan")}, "at must be a past time"),
        ({"at": []}, "at must be a past time"),
    ],
)
async def test_what_is_wrong_is_one_sentence(way: Way, changes: Mapping[str, Any], words: str) -> None:
    """With what to send instead; nothing is kept."""
    status, answer = await way.post({"service": "checkout", "version": "1.42", **changes})
    assert (status, words in answer["error"], answer["error"][-1]) == (422, True, ".")
    assert await way.kept() == []


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", BEARER, 400),
        (b"service=checkout", BEARER, 400),
        (b"\xff\xfe", BEARER, 400),
        (b"[" * 100_000, BEARER, 400),
        (b"[]", BEARER, 400),
        (b"9" * 10_000, BEARER, 400),
        (b"no gzip", BEARER | GZIP, 400),
        (b"{}", BEARER | {"Content-Encoding": "snappy"}, 415),
        (gzip.compress(b" " * (MOST_BYTES + 1)), BEARER | GZIP, 413),
        (b"{}", {}, 401),
        (b"{}", {"Authorization": "Bearer other"}, 401),
    ],
)
async def test_misuse_has_its_status(way: Way, body: bytes, headers: Mapping[str, str], status: int) -> None:
    """And a sentence."""
    found, answer = await way.post(body, headers)
    assert (found, answer["error"][-1]) == (status, ".")
    assert await way.kept() == []


async def test_without_a_token_or_a_secret_nobody_may(tmp_path: Path) -> None:
    """An open door for writing would be a hole."""
    async with opened(tmp_path, None, None) as way:
        status, answer = await way.post({"service": "a", "version": "1"}, {"Authorization": "Bearer None"})
        assert (status, "set COPILOT_HTTP_TOKEN" in answer["error"]) == (403, True)
        status, answer = await way.hook("deployment")
        assert (status, "set http.github_secret" in answer["error"]) == (403, True)


async def test_what_was_not_committed_is_not_acknowledged(way: Way) -> None:
    """The sender sends it again; nobody reads our exception's words."""
    async with way.database.write() as connection:
        await connection.run_sync(metadata.drop_all)
    for status, answer in (await way.post({"service": "a", "version": "1"}), await way.hook("deployment")):
        assert (status, "send it again" in answer["error"], "deploys" in answer["error"]) == (503, True, False)
    assert way.faults == ["deploys_not_kept"] * 2


async def test_a_deployment_of_github_is_taken_once(way: Way) -> None:
    """By its first event; later states of it are known."""
    told = {"id": "github:shop/checkout:42", "new": True}
    assert await way.hook("deployment") == (200, told)
    assert await way.hook("deployment_status", state="success") == (200, told | {"new": False})
    link = "https://github.com/shop/checkout/deployments"
    assert await way.kept() == [
        Deploy("github:shop/checkout:42", "checkout", "v1.42 (6dcb09b)", "ana", link, 1_794_996_000.0)
    ]


@pytest.mark.parametrize(
    ("changes", "service", "version"),
    [
        ({"ref": SHA}, "checkout", "6dcb09b"),
        ({"ref": "main", "sha": ""}, "checkout", "main"),
        ({"environment": "staging"}, "checkout", "v1.42 (6dcb09b) to staging"),
        ({"payload": {"service": "checkout-api"}}, "checkout-api", "v1.42 (6dcb09b)"),
        ({"payload": '{"service": "checkout-api"}'}, "checkout-api", "v1.42 (6dcb09b)"),
        ({"payload": "no JSON", "creator": None}, "checkout", "v1.42 (6dcb09b)"),
    ],
)
async def test_what_a_state_tells_is_taken(way: Way, changes: Mapping[str, Any], service: str, version: str) -> None:
    """Where GitHub sends states alone: with the link to its log."""
    assert (await way.hook("deployment_status", state="in_progress", **changes))[0] == 200
    (found,) = await way.kept()
    assert (found.service, found.version, found.link) == (service, version, "https://ci.example/9")


@pytest.mark.parametrize("state", ["pending", "queued", "failure", "error", "inactive"])
async def test_what_does_not_run_is_passed_over(way: Way, state: str) -> None:
    """So are previews and other events; GitHub is told that they were heard."""
    assert (await way.hook("deployment_status", state=state))[0] == 202
    assert (await way.hook("deployment", transient_environment=True))[0] == 202
    assert (await way.hook("push"))[0] == 202
    assert await way.kept() == []


async def test_a_ping_is_answered(way: Way) -> None:
    """GitHub sends one when the webhook is made, and shows its answer."""
    assert await way.hook("ping", body={"zen": "Keep it logically awesome."}) == (200, {"ok": "pong"})


@pytest.mark.parametrize("event", ["deployment", "deployment_status", "ping", "push"])
async def test_only_who_signs_is_heard(way: Way, event: str) -> None:
    """Whatever the event; a signature of the old kind is none."""
    status, answer = await way.hook(event, secret="other")
    assert (status, "http.github_secret" in answer["error"]) == (401, True)
    old = {"X-GitHub-Event": event, "X-Hub-Signature": f"sha1={hmac.new(b'webh00k', b'{}', 'sha1').hexdigest()}"}
    assert (await way.post(b"{}", old, GITHUB_PATH))[0] == 401
    assert await way.kept() == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"deployment": DEPLOYMENT},
        {"repository": REPOSITORY},
        {"deployment": DEPLOYMENT | {"id": "42"}, "repository": REPOSITORY},
        {"deployment": DEPLOYMENT | {"created_at": "soon"}, "repository": REPOSITORY},
        {"deployment": [], "repository": "x"},
    ],
)
async def test_what_is_signed_and_no_deployment_is_told_so(way: Way, body: Any) -> None:
    """As somebody's own server might send it."""
    status, answer = await way.hook("deployment", body=body)
    assert (status, answer["error"][:34]) == (422, "This is no deployment of GitHub's:")
