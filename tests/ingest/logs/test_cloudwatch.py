"""CloudWatch: names of streams, pages, throttling, late events, and what is missing in words."""

import json
from collections import deque

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ingest.errors import SourceDown
from ingest.logs.cloudwatch import PAUSES_S, CloudWatch
from ingest.logs.source import Batch, Cursor, Defaults
from tests.conftest import NOW
from tests.fakes.cloudwatch import KEYS, REGION, FakeCloudWatch

MS = 1000
T0 = int(NOW) * MS - 600 * MS


async def no_pause(_seconds: float) -> None:
    """Do not sleep."""


def source(url: str, group: str, limit: int = 100) -> CloudWatch:
    """Return the source of a group."""
    return CloudWatch("shop", group, lambda: NOW, region=REGION, endpoint=url, limit=limit, sleep=no_pause)


async def read(group: CloudWatch, cursor: Cursor | None = None) -> list[Batch]:
    """Return all batches after a cursor."""
    return [batch async for batch in group.read(cursor or {})]


def lines(batches: list[Batch]) -> list[bytes]:
    """Return the lines of batches."""
    return [line for batch in batches for line in batch.lines]


async def test_the_name_of_a_log_stream_tells_the_host(aws: FakeCloudWatch) -> None:
    """An instance, or a task of a container; a sandbox of Lambda is none, as it lives for minutes."""
    task = "0123456789abcdef" * 2
    aws.put("names", "i-0abc", (T0, "one\n"))
    aws.put("names", f"ecs/cart/{task}", (T0 + 1, "two"))
    aws.put("names", "2026/03/02/[$LATEST]0a1b", (T0 + 2, "three\n  of two lines"))
    batch, _ = await read(source(aws.url, "names"))
    assert batch.lines == [b"one", b"two", b"three", b"  of two lines"]
    assert batch.defaults == [Defaults(b"i-0abc"), Defaults(task.encode(), b"cart"), Defaults(), Defaults()]
    assert batch.times == [T0 / MS, (T0 + 1) / MS, (T0 + 2) / MS, (T0 + 2) / MS]


async def test_a_late_event_is_read_once_with_the_next_scan(aws: FakeCloudWatch) -> None:
    """Agents send every few seconds."""
    aws.put("late", "one", (T0 + 60 * MS, "newest"))
    group = source(aws.url, "late")
    *_, last = await read(group)
    aws.put("late", "two", (T0 + 40 * MS, "late"), (T0 + 60 * MS, "newest"))
    *_, then = batches = await read(group, last.cursor)
    assert lines(batches) == [b"late", b"newest"]
    assert lines(await read(group, then.cursor)) == []


async def test_missing_credentials_are_told(aws: FakeCloudWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to set."""
    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    with pytest.raises(SourceDown, match="no AWS credentials"):
        await read(source(aws.url, "late"))


async def test_a_missing_group_region_and_server_are_told(aws: FakeCloudWatch) -> None:
    """Each in its own words."""
    with pytest.raises(SourceDown, match="no log group nowhere"):
        await read(source(aws.url, "nowhere"))
    with pytest.raises(SourceDown, match="does not answer"):
        await read(source("http://127.0.0.1:9", "late"))
    with pytest.raises(SourceDown, match="no AWS region"):
        await read(CloudWatch("shop", "late", lambda: NOW, endpoint=aws.url))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDeniedException", "allow logs:FilterLogEvents"),
        ("ExpiredTokenException", "renew"),
        ("InternalFailure", "InternalFailure"),
    ],
)
@pytest.mark.usefixtures("aws")
async def test_refusals_are_told(code: str, words: str) -> None:
    """By what helps."""
    async with refusing(code) as server:
        with pytest.raises(SourceDown, match=words):
            await read(source(str(server.make_url("")), "shop"))


@pytest.mark.usefixtures("aws")
async def test_throttling_is_waited_out() -> None:
    """And told when it does not end."""
    answers = deque([400, 400, 200])
    async with refusing("ThrottlingException", answers) as server:
        assert lines(await read(source(str(server.make_url("")), "shop"))) == [b"one"]
        assert not answers
    async with refusing("ThrottlingException") as server:
        with pytest.raises(SourceDown, match="throttles"):
            await read(source(str(server.make_url("")), "shop"))
    assert len(PAUSES_S) == 4


def refusing(code: str, answers: deque[int] | None = None) -> TestServer:
    """Return a server that refuses with an error of AWS, until its answers say otherwise."""

    async def answer(_request: web.Request) -> web.Response:
        status = answers.popleft() if answers else 400
        event = {"eventId": "1", "timestamp": T0, "message": "one", "logStreamName": "s"}
        body = {"events": [event]} if status == 200 else {"__type": code, "message": "no"}
        return web.Response(status=status, body=json.dumps(body), content_type="application/x-amz-json-1.1")

    app = web.Application()
    app.router.add_post("/", answer)
    return TestServer(app)
