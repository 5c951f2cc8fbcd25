"""What tests of reading logs and of stories share: a CloudWatch on loopback."""

from collections.abc import Iterator

import pytest

from tests.fakes.cloudwatch import KEYS, FakeCloudWatch, cloudwatch


@pytest.fixture(scope="session")
def aws_server() -> Iterator[FakeCloudWatch]:
    """Give moto's server; it starts once."""
    with cloudwatch() as server:
        yield server


@pytest.fixture
def aws(aws_server: FakeCloudWatch, monkeypatch: pytest.MonkeyPatch) -> FakeCloudWatch:
    """Give the server, with keys for it in the environment."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    return aws_server
