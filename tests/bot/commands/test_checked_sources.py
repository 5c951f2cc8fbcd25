"""`copilot doctor` checks each log source in one line."""

import gzip
from pathlib import Path

from bot.commands import care
from bot.settings import load


async def told(folder: Path, text: str, **environment: str) -> dict[str, tuple[str, str]]:
    """Return what doctor finds of the sources of a settings file: by name, what was found and what to do."""
    (folder / "copilot.toml").write_text(text, encoding="utf-8")
    place = {"COPILOT_CONFIG": str(folder / "copilot.toml"), "COPILOT_DATA": str(folder / "var")}
    findings = await care._logs(load(place | environment))
    return {finding.name: (finding.found, finding.what_now) for finding in findings}


async def test_each_source_is_told_in_a_line(tmp_path: Path) -> None:
    """Whether it can be read, and how old its newest line is; what is wrong, with what to do."""
    (tmp_path / "shop.log").write_bytes(b"a\n")
    (tmp_path / "old.log.1.gz").write_bytes(gzip.compress(b""))
    (tmp_path / "empty.log").touch()
    findings = await told(
        tmp_path,
        """
        [logs.shop]
        files = ["shop.log"]
        [logs.empty]
        files = ["empty.log"]
        [logs.gone]
        files = ["gone.log"]
        [logs.cart]
        pushed = true
        [logs.payments]
        loki = { url = "http://127.0.0.1:9", query = '{app="payments"}' }
        """,
    )
    assert findings["logs shop"][0].startswith("can be read, newest line ")
    assert findings["logs shop"][0].endswith(" seconds old")
    assert findings["logs empty"] == ("can be read, no line yet", "")
    assert findings["logs gone"][1].endswith("gone.log: check the path.")
    assert "set COPILOT_HTTP_TOKEN" in findings["logs cart"][1]
    assert "does not answer" in findings["logs payments"][1]


async def test_no_source_is_no_fault(tmp_path: Path) -> None:
    """Watching logs is not asked of anybody."""
    assert (await told(tmp_path, ""))["logs"][1] == ""
