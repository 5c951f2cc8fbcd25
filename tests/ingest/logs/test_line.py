"""Lines to columns: what programs really write gives time, level, service, host and the message alone."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.logs.line import Columns, Parser
from ingest.logs.source import Batch, Defaults

NOW = datetime(2026, 3, 20, tzinfo=UTC).timestamp()
DAY = datetime(2026, 3, 2, 14, 5, tzinfo=UTC).timestamp()


def columns_of(lines: list[bytes]) -> Columns:
    """Return the entries of a finished stream."""
    return Parser(reference=NOW).columns(Batch(lines, {}), last=True)


Told = tuple[bytes, bytes, int, bytes]
"""Host, service, level, message."""

FORMATS: dict[str, tuple[bytes, Told]] = {
    "iso-host": (b"2026-03-02T14:05:0%d.500Z web-1 WARN auth: login %d", (b"web-1", b"auth", 3, b"login %d")),
    "tabs": (
        b"2026-03-02T14:05:0%d.500Z\tcart-6c55d8f9b4-x2x9k\tERROR\tlost %d",
        (b"cart-6c55d8f9b4-x2x9k", b"cart", 4, b"lost %d"),
    ),
    "bars": (b"20260302-14:5:%d:500|Steps|3000|counted %d", (b"", b"Steps", 0, b"counted %d")),
    "syslog": (b"Mar  2 14:05:0%d db1 sshd[41]: bye %d", (b"db1", b"sshd", 0, b"bye %d")),
    "syslog-priority": (b"<34>Mar  2 14:05:0%d db1 su: no %d", (b"db1", b"su", 5, b"no %d")),
    "syslog-iso": (b"2026-03-02T14:05:0%d.5+00:00 db1 sshd[41]: bye %d", (b"db1", b"sshd", 0, b"bye %d")),
    "rfc5424": (
        b'<165>1 2026-03-02T14:05:0%d.5Z db1 su - ID47 [a@1 b="c"] hello %d',
        (b"db1", b"su", 2, b"hello %d"),
    ),
    "klog": (b"E0302 14:05:0%d.500000       1 main.go:12] bad %d", (b"", b"main.go", 4, b"bad %d")),
    "python": (b"2026-03-02 14:05:0%d,500 - app.db - WARNING - slow %d", (b"", b"app.db", 3, b"slow %d")),
    "loguru": (b"2026-03-02 14:05:0%d | INFO     | app.db:run:12 - slow %d", (b"", b"app.db:run", 2, b"slow %d")),
    "logback": (b"14:05:0%d.500 [main] ERROR c.e.Cart - lost %d", (b"", b"c.e.Cart", 4, b"lost %d")),
    "log4j": (b"2026-03-02 14:05:0%d,500 INFO [main] a.b.Cart: put %d", (b"", b"a.b.Cart", 2, b"put %d")),
    "log4j-code": (
        b"2026-03-02 14:05:0%d,500 - WARN  [Send:18:Quorum$Send@67] - late %d",
        (b"", b"Quorum$Send", 3, b"late %d"),
    ),
    "spring": (
        b"2026-03-02 14:05:0%d.500  INFO 1 --- [           main] o.s.Boot                  : up %d",
        (b"", b"o.s.Boot", 2, b"up %d"),
    ),
    "spark": (b"26/03/02 14:05:0%d INFO storage.Blocks: removed %d", (b"", b"storage.Blocks", 2, b"removed %d")),
    "hadoop-old": (b"260302 14050%d 41 INFO dfs.Node: got %d", (b"", b"dfs.Node", 2, b"got %d")),
    "elasticsearch": (
        b"[2026-03-02T14:05:0%d,500][WARN ][o.e.Node               ] [n1] gc %d",
        (b"", b"o.e.Node", 3, b"gc %d"),
    ),
    "apache-error": (b"[Mon Mar 02 14:05:0%d.5 2026] [core:error] [pid 1] no file %d", (b"", b"", 4, b"no file %d")),
    "nginx-error": (b"2026/03/02 14:05:0%d [crit] 12#12: *1 open %d", (b"", b"", 5, b"12#12: *1 open %d")),
    "postgres": (b"2026-03-02 14:05:0%d.500 UTC [41] ERROR:  no table %d", (b"", b"", 4, b"no table %d")),
    "mysql": (b"2026-03-02T14:05:0%d.5Z 0 [Warning] [MY-010] [Server] old %d", (b"", b"", 3, b"old %d")),
    "mongo": (b"2026-03-02T14:05:0%d.500+0000 I NETWORK  [init] ready %d", (b"", b"NETWORK", 2, b"ready %d")),
    "android": (b"03-02 14:05:0%d.500  1702  2395 D Windows: draw %d", (b"", b"Windows", 1, b"draw %d")),
    "cbs": (b"2026-03-02 14:05:0%d, Info                  CBS    loaded %d", (b"", b"CBS", 2, b"loaded %d")),
    "env_logger": (b"[2026-03-02T14:05:0%dZ ERROR my_app::server] lost %d", (b"", b"my_app::server", 4, b"lost %d")),
    "celery": (b"[2026-03-02 14:05:0%d,500: INFO/MainProcess] task %d", (b"", b"MainProcess", 2, b"task %d")),
    "ruby": (b"W, [2026-03-02T14:05:0%d.5 #12]  WARN -- : slow %d", (b"", b"", 3, b"slow %d")),
    "zap": (b"2026-03-02T14:05:0%d.500Z\tDEBUG\tctl\tsync %d", (b"", b"ctl", 1, b"sync %d")),
    "supercomputer": (
        b"- 177246030%d 2026.03.02 n1 2026-03-02-14.05.00.5 n1 RAS KERNEL FATAL cache %d",
        (b"n1", b"KERNEL", 5, b"cache %d"),
    ),
    "program-dash": (b"[03.02 14:05:0%d] chrome.exe - open %d", (b"", b"chrome.exe", 0, b"open %d")),
    "file-label": (
        b"api.log.%d 2026-03-02 14:05:00.500 41 INFO app.wsgi [req-1] got %d",
        (b"api", b"app.wsgi", 2, b"got %d"),
    ),
    "go": (b"2026/03/02 14:05:0%d listening on %d", (b"", b"", 0, b"listening on %d")),
    "kubernetes": (b"2026-03-02T14:05:0%d.5Z stdout F INFO:     GET %d", (b"", b"", 2, b"GET %d")),
    "docker": (
        b'{"log":"ERROR app.db lost\\n","stream":"stderr","time":"2026-03-02T14:05:0%d.%dZ"}',
        (b"", b"app.db", 4, b"lost"),
    ),
    "compose": (b"web-1  | 2026-03-02 14:05:0%d,500 INFO app.db put %d", (b"", b"app.db", 2, b"put %d")),
    "access": (
        b'10.0.0.1 - bob [02/Mar/2026:14:05:0%d +0000] "GET /a\\"b HTTP/1.1" 503 %d "-" "curl"',
        (b"", b"", 4, b'10.0.0.1 - bob "GET /a\\"b HTTP/1.1" 503 %d "-" "curl"'),
    ),
    "json": (
        b'{"level":"error","ts":177246030%d.5,"service":"cart","host":"n1","msg":"lost","n":%d,"http":{"status":502}}',
        (b"n1", b"cart", 4, b"lost n=%d http.status=502"),
    ),
    "json-ecs": (
        b'{"@timestamp":"2026-03-02T14:05:0%dZ","log":{"level":"warn","logger":"a.b"},"host":{"name":"n1"},'  # noqa: ISC004
        b'"service.name":"cart","message":"lost %d"}',
        (b"n1", b"cart", 3, b"lost %d log.logger=a.b"),
    ),
    "json-pino": (
        b'{"level":50,"time":177246030%d500,"hostname":"n1","name":"cart","msg":"lost %d"}',
        (b"n1", b"cart", 4, b"lost %d"),
    ),
    "logfmt": (
        b'time="2026-03-02T14:05:0%dZ" level=warning msg="so \\"slow\\"" app=cart took=%dms',
        (b"", b"cart", 3, b'so "slow" took=%dms'),
    ),
}
"""A line of each format, with two numbers: the second of its time, and one in its message."""


@pytest.mark.parametrize(("line", "told"), FORMATS.values(), ids=FORMATS)
def test_a_line_of_every_common_format_is_understood(line: bytes, told: Told) -> None:
    """Without a word of configuration."""
    columns = columns_of([line % (number, number) for number in range(8)])
    host, service, level, text = told
    assert len(columns) == 8
    if line[:3] not in (b"14:", b"api"):
        assert [time - DAY for time in columns.times] == pytest.approx(range(8), abs=0.9)
    assert set(columns.hosts) == {host}
    assert set(columns.services) == {service}
    assert set(columns.levels) == {level}
    assert columns.texts == [text % number if b"%d" in text else text for number in range(8)]


@pytest.mark.parametrize("line", [line for line, _ in FORMATS.values()], ids=FORMATS)
def test_a_parser_restored_reads_like_one_that_went_on(line: bytes) -> None:
    """Through JSON, after any batch, the open entry included."""
    lines = [line % (number, number) for number in range(8)]
    whole, first = Parser(reference=NOW), Parser(reference=NOW)
    begun = whole.columns(Batch(lines[:5], {}))
    assert first.columns(Batch(lines[:5], {})) == begun
    second = Parser(reference=NOW)
    second.restore(json.loads(json.dumps(first.state)))
    assert second.columns(Batch(lines[5:], {}), last=True) == whole.columns(Batch(lines[5:], {}), last=True)


def test_messages_that_only_look_like_a_header_stay_whole() -> None:
    """The words of a message are no hosts and no services."""
    lines = [b"2026-03-02 14:05:00 %b" % text for text in (b"user bob: in", b"disk sda full", b"a - b", b"200 OK") * 5]
    columns = columns_of(lines)
    assert columns.texts == [line[20:] for line in lines]
    assert set(columns.hosts) | set(columns.services) == {b""}


def test_plain_lines_are_entries_with_the_time_of_their_source() -> None:
    """What tells no time takes that of the source, else of the line before."""
    batch = Batch([b"started", b"  more of it", b"ready"], {}, times=[1.0, 2.0, 3.0])
    columns = Parser().columns(batch, last=True)
    assert (columns.texts, columns.times, columns.physical) == (
        [b"started\n  more of it", b"ready"],
        [1.0, 3.0],
        [2, 1],
    )


def test_what_the_source_knows_fills_what_a_line_does_not_say() -> None:
    """And overrules nothing."""
    batch = Batch([b"ERROR: a", b"b: c", b"ERROR: d"], {}, defaults=[Defaults(b"n1", b"cart", 2)] * 3)
    columns = Parser().columns(batch, last=True)
    assert (columns.hosts, columns.services) == ([b"n1"] * len(columns), [b"cart"] * len(columns))
    assert columns.levels[0] == 4


def test_a_level_told_by_the_message_counts_where_the_header_has_none() -> None:
    """And stays in the message."""
    columns = columns_of([b"Mar  2 14:05:0%d db1 sshd[1]: error: lost %d" % (n, n) for n in range(3)])
    assert (columns.levels, columns.texts[0]) == ([4, 4, 4], b"error: lost 0")


def test_a_format_that_comes_later_is_learnt_too() -> None:
    """A program updated changes its layout; what was learnt before stays."""
    parser = Parser(reference=NOW)
    old = [b"2026-03-02 14:05:00,000 INFO app.db old %d" % number for number in range(100)]
    new = [b"2026-03-02T14:06:00Z web WARN db: new %d" % number for number in range(200)]
    parser.columns(Batch(old, {}))
    parser.columns(Batch(new[:100], {}))
    columns = parser.columns(Batch(new[100:], {}), last=True)
    assert columns.services[1:] == [b"db"] * 100
    assert parser.columns(Batch(old, {}), last=True).services == [b"app.db"] * 100


def test_tabs_escaped_in_one_line_are_lines_again() -> None:
    r"""A tab-separated message writes a line end as \n."""
    lines = [rb"2026-03-02T14:05:00Z" + b"\tcart\tERROR\tlost" + rb"\n  at x" for _ in range(3)]
    assert columns_of(lines).texts == [b"lost\n  at x"] * 3


@pytest.mark.parametrize(
    "line",
    [b"", b"\t", b"{", b'{"a":', b"[" * 500, b"=" * 50, b"\xff\xfe", b"<>", b"a=1", b'{"msg":"\\ud800"}', b"1" * 400],
)
def test_no_line_breaks_the_reading(line: bytes) -> None:
    """Whatever it is, alone or among others, it is counted."""
    for lines in ([line] * 5, [b"2026-03-02T14:05:00Z web-1 WARN auth: in", line, b'{"msg":"a","level":"info"}'] * 3):
        assert sum(columns_of(lines).physical) == len(lines)


@given(
    lines=st.lists(st.sampled_from([line % (1, 1) for line, _ in FORMATS.values()] + [b"", b"  at x", b"plain"])),
    cuts=st.lists(st.integers(0, 20), max_size=6),
)
def test_every_physical_line_is_counted_once_however_it_is_cut(lines: list[bytes], cuts: list[int]) -> None:
    """Any mixture, in any batches: columns of one length, no line lost."""
    parser, counted = Parser(reference=NOW), 0
    rest = list(lines)
    for size in cuts:
        part, rest = rest[:size], rest[size:]
        counted += sum(parser.columns(Batch(part, {})).physical)
    columns = parser.columns(Batch(rest, {}), last=True)
    assert counted + sum(columns.physical) == len(lines)
    assert {len(column) for column in columns.lists} == {len(columns)}
