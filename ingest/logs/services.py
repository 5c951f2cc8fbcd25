"""Names of services and pods: what of a component's name stays the same when it is deployed again. Knows no line."""

import re

_MOST_NAMES = 10_000
"""Names remembered; a column that turns out to hold no names does not fill the memory."""

_SAFE = rb"[bcdfghjklmnpqrstvwxz2456789]"
"""The letters of Kubernetes' generated names (apimachinery, util/rand)."""
_POD = re.compile(
    rb"(?P<service>.+?)-(?:%b{8,10}|[0-9a-f]{6,10}|\d{8,10})-[a-z0-9]{5}"  # a Deployment's or a CronJob's
    rb"|(?P<daemon>.+?)-(?=[a-z]*\d)%b{5}" % (_SAFE, _SAFE)
)
_PID = re.compile(rb"(.+?)\[[^\]]*\]:?")
_CODE = re.compile(rb"(?:.*[:\]/ ])?([^:@\]/]+)@\d+")
_COUNTS = re.compile(rb"^(?:\d+:)+(?=[A-Za-z])")
_PLACE = re.compile(rb"([A-Za-z_].*?[\w>]):\d+(?::\d+)?")


class Services(dict[bytes, bytes]):
    """The service of each component's name: without replica hash, pid, thread and line number."""

    def __missing__(self, name: bytes) -> bytes:
        """Work out a name not met yet."""
        service = service_of(name)
        if len(self) < _MOST_NAMES:
            self[name] = service
        return service


class Pods(dict[bytes, bytes]):
    """The host that a component's name tells: the pod itself when it is one, else none."""

    def __missing__(self, name: bytes) -> bytes:
        """Work out a name not met yet."""
        pod = name if _POD.fullmatch(name) else b""
        if len(self) < _MOST_NAMES:
            self[name] = pod
        return pod


def service_of(name: bytes) -> bytes:
    """Return the service of a pod, a logger, a program or log4j's `[thread:Class@line]`."""
    name = name.strip(b" \t:/")
    if name[:1] == b"[" and name[-1:] == b"]":
        name = name[1:-1].strip()
    name = _COUNTS.sub(b"", name) or name
    for pattern in (_CODE, _PLACE, _PID):
        if found := pattern.fullmatch(name):
            name = found[1]
            break
    if found := _POD.fullmatch(name):
        return found["service"] or found["daemon"] or name
    return name
