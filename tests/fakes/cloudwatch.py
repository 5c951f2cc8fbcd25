"""Amazon CloudWatch Logs for tests: moto's server on loopback, its clock left out."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from moto.logs.models import LogsBackend, logs_backends
from moto.server import ThreadedMotoServer

REGION = "eu-west-1"
ACCOUNT = "123456789012"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true"}
"""What a test sets in the environment, and that nobody looks for a role at an address of AWS."""


@dataclass(frozen=True, slots=True)
class FakeCloudWatch:
    """A server at `url`; events are put straight into it, as its own door takes only those of the last two weeks."""

    url: str

    def put(self, group: str, stream: str, *events: tuple[int, str]) -> None:
        """Put events (time in ms, message) into a stream of a group, which are made when they are not there."""
        logs: LogsBackend = logs_backends[ACCOUNT][REGION]
        if group not in logs.groups:
            logs.create_log_group(group, {})
        if stream not in logs.groups[group].streams:
            logs.create_log_stream(group, stream)
        logs.groups[group].put_log_events(stream, [{"timestamp": time, "message": text} for time, text in events])


@contextmanager
def cloudwatch() -> Iterator[FakeCloudWatch]:
    """Give a running server."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield FakeCloudWatch(f"http://{host}:{port}")
    finally:
        server.stop()
