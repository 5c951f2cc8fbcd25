"""A log group of Amazon CloudWatch Logs as a source, through boto3. Knows no other store.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html: events are sorted by
their time; `startTime` is inclusive, in milliseconds; an answer may be empty and still have a `nextToken`.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from ingest.errors import SourceDown
from ingest.logs.edge import Edge, batch_of
from ingest.logs.event import Event
from ingest.logs.services import service_of
from ingest.logs.source import Batch, Cursor, Defaults
from ingest.types import Clock

LIMIT: Final = 10_000
"""Events of one answer: the most there is (FilterLogEvents, limit)."""
HISTORY_S: Final = 14 * 86_400.0
"""Ours: how far back the first read goes; a usual of two weeks is as good as it gets."""
PAUSES_S: Final = (1.0, 2.0, 4.0, 8.0)
"""Ours: before a request is sent again that was throttled; the quota is 5 to 25 a second in most regions."""
CONNECT_S: Final = 5.0
READ_S: Final = 30.0

MILLI: Final = 1_000
_LAMBDA: Final = re.compile(r"\d{4}/\d\d/\d\d/")
_ECS: Final = re.compile(r".+/([^/]+)/([0-9a-f]{32})")
"""Names of log streams: AWS Lambda's (each of a sandbox that lives for minutes: no host), and those of the awslogs
driver on ECS, prefix/container/task."""

_THROTTLED: Final = ("ThrottlingException", "Throttling", "TooManyRequestsException", "ServiceUnavailableException")

Sleep = Callable[[float], Awaitable[None]]


class CloudWatch:
    """The events of one log group, oldest first. `endpoint` is another server that speaks the API."""

    def __init__(
        self,
        name: str,
        group: str,
        clock: Clock,
        *,
        region: str | None = None,
        endpoint: str | None = None,
        limit: int = LIMIT,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._name = name
        self._group = group
        self._clock = clock
        self._region = region
        self._endpoint = endpoint
        self._limit = limit
        self._sleep = sleep
        self._client: Any = None

    @property
    def name(self) -> str:
        """The stream's name."""
        return self._name

    async def read(self, cursor: Cursor) -> AsyncIterator[Batch]:
        """Yield what is there after `cursor`; at the end a batch without lines. Calls in threads. Raises SourceDown."""
        edge = Edge(cursor, int((self._clock() - HISTORY_S) * MILLI), MILLI)
        asked: dict[str, object] = {"logGroupName": self._group, "startTime": edge.start, "limit": self._limit}
        while True:
            answer = await self._call("filter_log_events", **asked)
            fresh = [event for event in answer["events"] if edge.new(event["timestamp"], event["eventId"])]
            edge.advance()
            if fresh:
                yield batch_of(map(_event, sorted(fresh, key=itemgetter("timestamp"))), edge.cursor)
            token = answer.get("nextToken")
            if not token or token == asked.get("nextToken"):
                break
            asked["nextToken"] = token
        yield Batch([], edge.cursor, done=1.0)

    async def newest(self) -> float | None:
        """Return the time of the newest event; AWS tells it up to an hour late. Raises SourceDown."""
        latest = {"logGroupName": self._group, "orderBy": "LastEventTime", "descending": True, "limit": 1}
        streams: Sequence[Mapping[str, Any]] = (await self._call("describe_log_streams", **latest))["logStreams"]
        at = [stream["lastEventTimestamp"] / MILLI for stream in streams if "lastEventTimestamp" in stream]
        return max(at, default=None)

    async def _call(self, operation: str, **arguments: object) -> Mapping[str, Any]:
        for pause in PAUSES_S:
            try:
                return await asyncio.to_thread(self._called, operation, arguments)
            except _Throttled:
                await self._sleep(pause)
        try:
            return await asyncio.to_thread(self._called, operation, arguments)
        except _Throttled as error:
            raise self._down("AWS throttles our requests; it is asked again at the next scan") from error

    def _called(self, operation: str, arguments: Mapping[str, object]) -> Mapping[str, Any]:
        try:
            import boto3  # noqa: PLC0415 - optional, and 0.2 s that only this source pays
            from botocore import exceptions as aws  # noqa: PLC0415
            from botocore.config import Config  # noqa: PLC0415
        except ImportError as error:
            raise self._down("boto3 is not installed; install incident-copilot[aws]") from error
        try:
            if self._client is None:
                patience = Config(retries={"total_max_attempts": 1}, connect_timeout=CONNECT_S, read_timeout=READ_S)
                self._client = boto3.session.Session().client(
                    "logs", region_name=self._region, endpoint_url=self._endpoint, config=patience
                )
            answer: Mapping[str, Any] = getattr(self._client, operation)(**arguments)
        except (aws.NoCredentialsError, aws.PartialCredentialsError, aws.TokenRetrievalError) as error:
            raise self._down("no AWS credentials were found; set AWS_PROFILE, a key pair or a role") from error
        except aws.NoRegionError as error:
            raise self._down("no AWS region is set; set region, or AWS_REGION") from error
        except aws.ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _THROTTLED:
                raise _Throttled from error
            raise self._down(self._why(code)) from error
        except (aws.BotoCoreError, ValueError) as error:
            raise self._down("AWS does not answer; check the region and the way to it") from error
        return answer

    def _why(self, code: str) -> str:
        if code == "ResourceNotFoundException":
            return f"there is no log group {self._group}; check its name and the region"
        if code in ("AccessDeniedException", "AccessDenied"):
            return "AWS denies us; allow logs:FilterLogEvents and logs:DescribeLogStreams on it"
        if code in ("UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException"):
            return "AWS refuses the credentials; renew them"
        return f"AWS answers with {code or 'an error without a name'}"

    def _down(self, why: str) -> SourceDown:
        return SourceDown(f"{self._name} cannot be read: {why}.")


class _Throttled(Exception):
    """AWS has refused a request for now."""


def _event(event: Mapping[str, Any]) -> Event:
    return Event(
        event["message"].encode("utf-8", "replace"),
        event["timestamp"] / MILLI,
        _defaults(event.get("logStreamName", "")),
    )


def _defaults(stream: str) -> Defaults:
    if _LAMBDA.match(stream):
        return Defaults()
    if task := _ECS.fullmatch(stream):
        return Defaults(task[2].encode(), service_of(task[1].encode()))
    return Defaults(stream.encode("utf-8", "replace"))
