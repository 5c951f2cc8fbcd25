"""Settings: one reader, every mistake at once with its place, and no secret on any screen."""

import tomllib
from pathlib import Path

import pytest

from bot.errors import SettingsError
from bot.settings import ENVIRONMENT, load, reference

EXAMPLE = Path(__file__).parents[2] / "copilot.example.toml"


def mistakes_in(folder: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    """Return the lines of the one error that this file and environment give."""
    file = folder / "copilot.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load({"COPILOT_CONFIG": str(file), **(environ or {})})
    return str(caught.value).replace(str(folder) + "/", "").splitlines()


def test_nothing_given_means_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a file and variables everything has a default that needs no key and no Slack."""
    monkeypatch.chdir(tmp_path)
    settings = load({})
    assert settings.data == Path("var")
    assert (settings.slack.configured, settings.claude.configured) == (False, False)
    assert (settings.http.port, settings.http.listen) == (8321, "127.0.0.1")


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[claude]\n\nmax_tokens = 0", "copilot.toml:3: claude.max_tokens: must be a whole number of at least 1"),
        ("[claude]\nmax_tokens = true", "copilot.toml:2: claude.max_tokens: must be a whole number of at least 1"),
        ("[claude]\ntimeout_s = nan", "copilot.toml:2: claude.timeout_s: must be a number of seconds above 0"),
        ("claude.max_retries = '2'", "copilot.toml:1: claude.max_retries: must be a whole number of at least 0"),
        ("[http]\nport = 65536", "copilot.toml:2: http.port: must be a port from 0 to 65535"),
        ("[documents]\nwatch = 'yes'", "copilot.toml:2: documents.watch: must be true or false"),
        (
            "[documents]\nexclude = []\nfolders = [\n 'a',\n 5]",
            'copilot.toml:3: documents.folders: must be a list of folders such as ["runbooks"]',
        ),
        ("data = '~nobody-of-this-name/x'", "copilot.toml:1: data: must be a folder's name"),
        ("claude = 5", "copilot.toml:1: claude: must be a table that begins with [claude]"),
        ("http = {port = -1}", "copilot.toml:1: http.port: must be a port from 0 to 65535"),
        (
            "[slack]\napi_url = 'slack.com'",
            "copilot.toml:2: slack.api_url: must be a URL that starts with http:// or https:// and holds no password",
        ),
        (
            "[claude.prices.'a.b']\ninput_usd = 1",
            "copilot.toml:1: claude.prices.a.b.output_usd: is missing; it must be a number of at least 0",
        ),
        (
            "[claude]\nmax_tokns = 3",
            "copilot.toml:2: claude.max_tokns: there is no such setting; did you mean claude.max_tokens?",
        ),
        ("max_tokens = 3", "copilot.toml:1: max_tokens: there is no such setting; did you mean claude.max_tokens?"),
        ("[slak]\na = 1", "copilot.toml:1: slak: there is no such setting; did you mean slack?"),
        ("zzz = 1", "copilot.toml:1: zzz: there is no such setting"),
        ("[watch]\ndigest = '9am'", 'copilot.toml:2: watch.digest: must be a time such as 09:00, or "off"'),
        (
            "[[watch.maintenance]]\nstart = 2026-11-20T22:00:00Z\nend = 2026-11-20T21:00:00Z",
            "copilot.toml:3: watch.maintenance.end: must be a time after start such as 2026-11-20T23:30:00+01:00",
        ),
        ("a = 1\nb = = 2", "copilot.toml:2: is not TOML: every setting is name = value, texts in quotes"),
        ("a = '''", "copilot.toml:1: is not TOML: every setting is name = value, texts in quotes"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line(tmp_path: Path, text: str, mistake: str) -> None:
    """Every mistake names the file, the line, the option, and what it must be."""
    assert mistakes_in(tmp_path, text) == [mistake]


@pytest.mark.parametrize(
    ("name", "value", "must"),
    [
        ("SLACK_API_URL", "slack", "must be a URL that starts with http:// or https:// and holds no password"),
        ("DATABASE_URL", "mysql://u@h/d", "must be a URL such as postgresql+asyncpg://user@host/name"),
        ("CHROMA_URL", "localhost:8000", "must be a URL that starts with http:// or https:// and holds no password"),
        ("ANTHROPIC_BASE_URL", "ftp://x", "must be a URL that starts with http:// or https:// and holds no password"),
        ("ANTHROPIC_API_KEY", "sk with spaces", "must be a key without spaces"),
        ("COPILOT_HTTP_TOKEN", "täglich", "must be a token without spaces"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(tmp_path: Path, name: str, value: str, must: str) -> None:
    """A wrong variable is named as people set it, and its value is not repeated."""
    assert mistakes_in(tmp_path, "", {name: value}) == [f"{name}: {must}"]


def test_all_mistakes_come_at_once_file_first(tmp_path: Path) -> None:
    """Nobody mends settings one run at a time: file mistakes by line, then the environment's."""
    text = "zzz = 1\n[http]\nport = -1\n"
    found = mistakes_in(tmp_path, text, {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_API_URL": "x"})
    assert [line.split(": ")[0] for line in found] == [
        "copilot.toml:1",
        "copilot.toml:3",
        "SLACK_BOT_TOKEN",
        "SLACK_API_URL",
    ]


def test_one_slack_token_alone_is_a_mistake(tmp_path: Path) -> None:
    """Half a Slack configuration is never taken for none."""
    (mistake,) = mistakes_in(tmp_path, "[slack]\napp_token = 'xapp-1'")
    assert mistake.startswith("copilot.toml:2: slack.app_token: needs SLACK_BOT_TOKEN (xoxb-...) beside it")


def test_a_signing_secret_stands_for_the_app_level_token(tmp_path: Path) -> None:
    """With the bot token, either way to hear of events will do; a secret alone is half a configuration."""
    token, secret = {"SLACK_BOT_TOKEN": "xoxb-1"}, {"SLACK_SIGNING_SECRET": "8f742231b10e8888abcd99yyyzzz85a5"}
    assert load(token | secret).slack.configured
    (mistake,) = mistakes_in(tmp_path, "", token)
    assert mistake.startswith("SLACK_BOT_TOKEN: needs SLACK_APP_TOKEN (xapp-...), or SLACK_SIGNING_SECRET for HTTP,")
    (mistake,) = mistakes_in(tmp_path, "", secret)
    assert mistake.startswith("SLACK_SIGNING_SECRET: needs SLACK_BOT_TOKEN (xoxb-...) beside it")
    assert mistakes_in(tmp_path, "", token | {"SLACK_SIGNING_SECRET": "a b"}) == [
        "SLACK_SIGNING_SECRET: must be a secret without spaces"
    ]


def test_swapped_slack_tokens_are_told_apart_by_prefix(tmp_path: Path) -> None:
    """A token in the other one's place is found before Slack refuses it."""
    found = mistakes_in(tmp_path, "", {"SLACK_BOT_TOKEN": "xapp-1", "SLACK_APP_TOKEN": "xoxb-1"})
    assert found == [
        "SLACK_BOT_TOKEN: must be a bot token that starts with xoxb-",
        "SLACK_APP_TOKEN: must be an app-level token that starts with xapp-",
    ]


def test_a_file_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    """COPILOT_CONFIG that names no file is a mistake, not the defaults."""
    with pytest.raises(SettingsError, match=r"COPILOT_CONFIG: .*none\.toml: there is no file"):
        load({"COPILOT_CONFIG": str(tmp_path / "none.toml")})


def test_a_file_that_is_not_text_is_told_so(tmp_path: Path) -> None:
    """A file in another encoding gives a sentence, not a traceback."""
    file = tmp_path / "copilot.toml"
    file.write_bytes(b'data = "\xff"')
    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        load({"COPILOT_CONFIG": str(file)})


def test_command_line_wins_over_environment_over_file(tmp_path: Path) -> None:
    """The nearer to the person, the stronger."""
    file = tmp_path / "copilot.toml"
    file.write_text("data = 'file'\nchroma_url = 'http://file'\n[http]\nport = 1\n", encoding="utf-8")
    environ = {"COPILOT_CONFIG": str(file), "COPILOT_DATA": "environment", "CHROMA_URL": "http://environment"}
    settings = load(environ, data=Path("flag"))
    assert (settings.data, settings.chroma_url, settings.http.port) == (Path("flag"), "http://environment", 1)


def test_a_wrong_flag_is_named_as_it_was_typed() -> None:
    """`--http-port 99999` is answered in the same words."""
    with pytest.raises(SettingsError, match=r"^--http-port: must be a port from 0 to 65535$"):
        load({}, http_port=99_999)


def test_empty_variables_count_as_unset_and_edges_are_trimmed() -> None:
    """Compose files pass empty variables, and secrets from files end in a newline."""
    settings = load({"SLACK_BOT_TOKEN": "", "ANTHROPIC_API_KEY": "sk-1\n"})
    assert settings.claude.api_key is not None
    assert settings.claude.api_key.get_secret_value() == "sk-1"
    assert not settings.slack.configured


def test_folders_in_the_file_are_relative_to_the_file(tmp_path: Path) -> None:
    """A configuration moves with its folder, wherever the bot is started from."""
    file = tmp_path / "copilot.toml"
    file.write_text("data = 'd'\n[documents]\nfolders = ['a', '/b', '~']\n", encoding="utf-8")
    settings = load({"COPILOT_CONFIG": str(file)})
    assert settings.data == tmp_path / "d"
    assert settings.documents.folders == (tmp_path / "a", Path("/b"), Path.home())


def test_no_secret_is_printed(tmp_path: Path) -> None:
    """Neither the settings nor a mistake about them repeats a secret."""
    environ = {
        "SLACK_BOT_TOKEN": "xoxb-hush",
        "SLACK_APP_TOKEN": "xapp-hush",
        "DATABASE_URL": "postgres://u:hush@h/d",
        "ANTHROPIC_API_KEY": "hush",
    }
    settings = load(environ)
    wrong = mistakes_in(
        tmp_path,
        "[slack]\nsigning_secret = 'hush hush'",
        {"ANTHROPIC_API_KEY": "hush hush", "ANTHROPIC_BASE_URL": "http://u:hush@h"},
    )
    assert len(wrong) == 4
    assert "hush" not in f"{settings!r} {settings} {wrong}"


def test_a_plain_postgres_url_gets_the_driver() -> None:
    """Hosting companies hand out `postgres://`; people need not know our driver."""
    assert load({"DATABASE_URL": "postgres://u@h/d"}).database_url == "postgresql+asyncpg://u@h/d"


def test_settings_are_frozen() -> None:
    """Nobody changes a setting while the bot runs."""
    settings = load({})
    with pytest.raises(ValueError, match="frozen"):
        settings.http.port = 1


def test_own_prices_win_over_the_table(tmp_path: Path) -> None:
    """A price in copilot.toml replaces the shipped one for that model; unknown models have none."""
    file = tmp_path / "copilot.toml"
    file.write_text("[claude.prices.claude-sonnet-5-5]\ninput_usd = 9\noutput_usd = 9\n", encoding="utf-8")
    mine = load({"COPILOT_CONFIG": str(file)}).claude.price
    shipped = load({}).claude.price
    file.write_text("[claude]\nmodel = 'llama'\n", encoding="utf-8")
    assert mine is not None
    assert shipped is not None
    assert (mine.input_usd, shipped.input_usd) == (9, 2)
    assert load({"COPILOT_CONFIG": str(file)}).claude.price is None


def uncommented() -> str:
    """Return the example with every setting switched on; a comment in words is told by its capital or bracket."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    settings = [line.removeprefix("# ") if " = " in line or line.startswith("# [") else line for line in lines]
    return "\n".join(line for line in settings if line != "prices = {}")


def test_the_example_loads_when_uncommented(tmp_path: Path) -> None:
    """Whoever uncomments a line of copilot.example.toml gets a setting that works."""
    file = tmp_path / "copilot.toml"
    file.write_text(uncommented(), encoding="utf-8")
    settings = load({"COPILOT_CONFIG": str(file)})
    assert settings.slack.configured
    assert settings.claude.prices["my-model"].output_usd == 5


def test_the_example_shows_every_option_with_its_default() -> None:
    """The example cannot miss an option or show an old default."""
    shown = tomllib.loads(uncommented().replace('[claude.prices."my-model"]', "[example]"))
    for option in reference():
        if option.name in ("claude.prices", "logs", "services", "watch.maintenance"):
            continue
        value = shown
        for part in option.name.split("."):
            value = value[part]
        if option.default is not None:
            assert value == tomllib.loads(f"x = {option.default}")["x"], option.name


def test_the_example_comments_everything() -> None:
    """Copying the example changes nothing until a line is uncommented."""
    assert all(not table for table in tomllib.loads(EXAMPLE.read_text(encoding="utf-8")).values())


def test_every_option_and_variable_has_its_help() -> None:
    """The reference is generated from this; an option without words would be a hole in it."""
    assert all(option.help for option in reference())
    assert {option.environment for option in reference() if option.environment} | {"COPILOT_CONFIG"} == set(ENVIRONMENT)


SOURCES = """
[logs.shop]
files = ["log/*.log", "~/other.log"]
timezone = "Europe/Berlin"
[logs.payments]
cloudwatch = { group = "/ecs/payments", region = "eu-west-1" }
[logs.cart]
loki = { url = "http://loki:3100", query = '{app="cart"}', token = "t0ken" }
[logs."web-1.access"]
pushed = true
"""


def test_log_sources_are_tables_by_their_streams_names(tmp_path: Path) -> None:
    """Files are relative to the settings; a zone is one; a token is in no words."""
    file = tmp_path / "copilot.toml"
    file.write_text(SOURCES, encoding="utf-8")
    logs = load({"COPILOT_CONFIG": str(file)}).logs
    assert list(logs) == ["shop", "payments", "cart", "web-1.access"]
    assert logs["shop"].files == (tmp_path / "log/*.log", Path("~/other.log").expanduser())
    assert str(logs["shop"].zone) == "Europe/Berlin"
    assert str(logs["web-1.access"].zone) == "UTC"
    assert "t0ken" not in repr(logs["cart"])


@pytest.mark.parametrize(
    ("table", "mistake"),
    [
        ("[logs.a]", "1: logs.a: a source needs exactly one of files, cloudwatch, loki, pushed; it has none"),
        ("[logs.a]\npushed = false", "1: logs.a: a source needs exactly one"),
        ('[logs.a]\npushed = true\nfiles = ["x"]', "2: logs.a.pushed: a source needs exactly one"),
        ('[logs."a b"]\npushed = true', "1: logs.a b: a stream's name has letters"),
        ("[logs.a]\nfiles = []", '2: logs.a.files: must be a list of files such as ["/var/log/shop.log"]'),
        ('[logs.a]\npushed = true\ntimezone = "Berlin"', "3: logs.a.timezone: must be a zone such as Europe/Berlin"),
        ('[logs.a]\npushed = true\ntimezone = "../etc"', "3: logs.a.timezone: must be a zone"),
        ('[logs.a]\ncloudwatch = { region = "x" }', "2: logs.a.cloudwatch.group: is missing; it must be a log group"),
        ('[logs.a]\nloki = { url = "loki", query = "{}" }', "2: logs.a.loki.url: must be a URL"),
        ('[logs.a]\nloki = { url = "http://loki", query = "x" }', "2: logs.a.loki.query: must be a query such as"),
        ('[logs.a]\nfile = ["x"]', "2: logs.a.file: there is no such setting"),
        ("logs = 3", "1: logs: must be a table per stream"),
        ("[logs]\na = 3", "2: logs.a: must be a table that begins with [logs.a]"),
    ],
)
def test_a_wrong_log_source_is_told_at_its_line(tmp_path: Path, table: str, mistake: str) -> None:
    """In words about the option, beside all other mistakes."""
    file = tmp_path / "copilot.toml"
    file.write_text(f"{table}\n[http]\nport = -1\n", encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        load({"COPILOT_CONFIG": str(file)})
    lines = str(raised.value).splitlines()
    assert any(line.startswith(f"{file}:{mistake}") for line in lines), lines
    assert "http.port" in lines[-1]
