"""Lines that another program put something before: container runtimes, compose, kubectl. Does no I/O."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.logs.records import json_fields


@dataclass(frozen=True, slots=True)
class Wrapping:
    """One way to wrap lines. `pattern` has three groups: a time or nothing, a source or nothing, the flag of a part."""

    name: str
    pattern: re.Pattern[bytes]
    timed: bool = False


WRAPPINGS: tuple[Wrapping, ...] = (
    # https://github.com/kubernetes/cri-api, logging format: time, stream, P (part) or F (full), text.
    Wrapping("cri", re.compile(rb"(\d{4}-\d\d-\d\dT\S+)() (?:stdout|stderr) ([FP])(?::\S*)?(?: |$)"), timed=True),
    # https://docs.docker.com/engine/logging/drivers/json-file/, and what collectors make of it; read by `_docker`.
    Wrapping("docker", re.compile(rb'\{()"(?=(?:[^{]|\{[^{}]*\})*"?log":")(?!.*"(?:msg|message)":)()()'), timed=True),
    Wrapping("compose", re.compile(rb"()([A-Za-z0-9][\w.-]*) +\|() ?")),
    Wrapping("kubectl", re.compile(rb"()\[(?:pod/)?([\w.-]+/[\w.-]+)\]() ")),
)

_COMMON = 0.9


@dataclass(slots=True)
class Unwrapped:
    """Lines without their wrapping: the inner lines, and what the wrapping told of each."""

    lines: list[bytes]
    times: list[bytes]
    sources: list[bytes]
    parts: list[int]


def wrapping_of(lines: Sequence[bytes]) -> Wrapping | None:
    """Return how these lines are wrapped, None when they are not."""
    told = [line for line in lines if line]
    for wrapping in WRAPPINGS:
        if told and sum(wrapping.pattern.match(line) is not None for line in told) >= _COMMON * len(told):
            return wrapping
    return None


def unwrapped(wrapping: Wrapping, lines: Sequence[bytes]) -> Unwrapped:
    """Return the inner lines; the parts of one are put together in the first, `parts` has the places of the others."""
    out = Unwrapped([], [], [], [])
    open_at: int | None = None
    for place, line in enumerate(lines):
        time, source, flag, inner = _docker(line) if wrapping.name == "docker" else _parted(wrapping, line)
        if open_at is not None:
            out.lines[open_at] += inner
            out.parts.append(place)
            inner = b""
        begun = place if open_at is None else open_at
        open_at = begun if flag == b"P" else None
        out.lines.append(inner)
        out.times.append(time)
        out.sources.append(source)
    return out


def _parted(wrapping: Wrapping, line: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Return time, source, flag and the inner line."""
    found = wrapping.pattern.match(line)
    if found is None:
        return (b"", b"", b"", line)
    time, source, flag = found.groups()
    return (time, source, flag, line[found.end() :])


def _docker(line: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Return the same of a JSON object whose `log` is the inner line."""
    fields = json_fields(line)
    if fields is None or not isinstance(fields.get("log"), str):
        return (b"", b"", b"", line)
    where = fields.get("kubernetes")
    source = where.get("container_name", "") if isinstance(where, dict) else ""
    inner = fields["log"].rstrip("\n").encode("utf-8", "replace")
    return (str(fields.get("time", "")).encode(), str(source).encode(), b"", inner)
