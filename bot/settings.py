"""The only reader of the environment and of copilot.toml: all settings, checked together, frozen. Opens no service."""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from bot.errors import SettingsError

DEFAULT_FILE = Path("copilot.toml")
"""Read when it exists and COPILOT_CONFIG names no other."""

WEB = "a URL that starts with http:// or https:// and holds no password"
"""Addresses are shown in `doctor` and in the log; keys have settings of their own."""

Place = tuple[str, ...]
"""Where a setting lives: ("claude", "max_tokens")."""


def _option(default: Any, help_: str, *, must: str, environment: str | None = None, **limits: Any) -> Any:  # noqa: ANN401
    """Return a field: its default, its help, the words that follow "must be" in a mistake, and its variable."""
    return Field(default, description=help_, json_schema_extra={"must": must, "environment": environment}, **limits)


def _at(scheme: str) -> AfterValidator:
    """Accept only what begins as the pattern `scheme` says."""

    def check(value: str) -> str:
        if not re.match(scheme, value):
            raise PydanticCustomError("scheme", "scheme")
        return value

    return AfterValidator(check)


def _plain(prefix: str) -> AfterValidator:
    """Accept a secret of visible ASCII with this prefix: anything else could not travel in an HTTP header."""

    def check(value: SecretStr) -> SecretStr:
        if not re.fullmatch(prefix + r"[!-~]+", value.get_secret_value()):
            raise PydanticCustomError("secret", "secret")
        return value

    return AfterValidator(check)


def _in_asyncio(url: str) -> str:
    """Name the async driver where only the database is named, as hosting companies hand the URL out."""
    return re.sub(r"^(postgres|postgresql)://", "postgresql+asyncpg://", url)


def _from_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:  # ~name of a user that does not exist
        kind = "home"
        raise PydanticCustomError(kind, kind) from error


WebUrl = Annotated[str, _at(r"https?://[^\s/@]+(/\S*)?\Z")]
DatabaseUrl = Annotated[str, AfterValidator(_in_asyncio), _at(r"(postgresql\+asyncpg|sqlite\+aiosqlite)://")]
WholeNumber = Annotated[int, Field(strict=True)]
"""Strict: TOML's `true` and "12" are mistakes, not numbers."""
Switch = Annotated[bool, Field(strict=True)]
Amount = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Folder = Annotated[Path, AfterValidator(_from_home)]
Label = Annotated[str, Field(min_length=1)]
SlackId = Annotated[str, Field(pattern=r"^[CGSUW][A-Z0-9]{2,}$")]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, protected_namespaces=())


class Price(_Group):
    """What a model costs. Above `long_prompt_tokens` tokens read, the whole call costs `long_factor` times as much."""

    input_usd: Amount = _option(..., "USD per million tokens read", must="a number of at least 0", ge=0)
    output_usd: Amount = _option(..., "USD per million tokens written", must="a number of at least 0", ge=0)
    as_of: date | None = _option(None, "the day the price was looked up", must="a date such as 2026-11-01")
    long_prompt_tokens: WholeNumber | None = _option(
        None, "prompts above this many tokens cost more", must="a whole number of at least 1", ge=1
    )
    long_factor: Amount = _option(1.0, "how many times more they cost", must="a number of at least 1", ge=1)


Role = Literal["answer", "summary"]
"""What a model is used for."""

PRICES: Mapping[str, Price] = {
    "claude-haiku-5-5": Price(
        input_usd=0.10, output_usd=0.50, as_of=date(2026, 11, 1), long_prompt_tokens=100_000, long_factor=5.0
    ),
    "claude-sonnet-5-5": Price(input_usd=2, output_usd=10, as_of=date(2026, 11, 1)),
    "claude-opus-5-5": Price(input_usd=4, output_usd=20, as_of=date(2026, 11, 1)),
}
"""Anthropic's list prices of November 2026; a model that is not here costs "unknown", counted as 0 USD."""


SUMMARY = "claude-haiku-5-5"
"""The default of Anthropic's own models for summaries; a server of your own may not have it."""


class DocumentSettings(_Group):
    """Where runbooks and postmortems are. No folders means: the runbooks that ship."""

    folders: tuple[Folder, ...] = _option(
        (),
        "folders of runbooks and postmortems; none means the ones that ship",
        must='a list of folders such as ["runbooks"]',
    )
    exclude: tuple[str, ...] = _option(
        (),
        "file patterns to leave out, such as ORIGIN.md or drafts/**",
        must='a list of patterns such as ["drafts/**"]',
    )
    audience: Annotated[
        Mapping[str, Annotated[tuple[Label, ...], Field(min_length=1)]], AfterValidator(MappingProxyType)
    ] = _option(
        {},
        "who may read which documents, by file pattern; the first that matches wins, and front matter wins over it",
        must='a table of lists such as "payments/**" = ["C0123ABCD"]',
        validate_default=True,
    )
    watch: Switch = _option(default=True, help_="take in changes of these folders while running", must="true or false")


class SlackSettings(_Group):
    """The Slack app: the bot's token and a way to hear of events. Nothing: `copilot run` opens the local workspace."""

    bot_token: Annotated[SecretStr, _plain("xoxb-")] | None = _option(
        None,
        "the bot's token; starts with xoxb-",
        must="a bot token that starts with xoxb-",
        environment="SLACK_BOT_TOKEN",
    )
    app_token: Annotated[SecretStr, _plain("xapp-")] | None = _option(
        None,
        "the app-level token for Socket Mode; starts with xapp-",
        must="an app-level token that starts with xapp-",
        environment="SLACK_APP_TOKEN",
    )
    signing_secret: Annotated[SecretStr, _plain("")] | None = _option(
        None,
        "the secret that signs Slack's HTTP requests; without an app-level token, events come by these",
        must="a secret without spaces",
        environment="SLACK_SIGNING_SECRET",
    )
    api_url: Annotated[WebUrl, AfterValidator(lambda url: url.rstrip("/") + "/")] = _option(
        "https://slack.com/api/",
        "Slack's Web API, or a server that speaks it",
        must=WEB,
        environment="SLACK_API_URL",
    )
    channels: tuple[Annotated[str, Field(pattern=r"^[CGD][A-Z0-9]{2,}$")], ...] = _option(
        (),
        "ids of the channels where questions are answered; none means every channel that the bot was invited to",
        must='a list of channel ids such as ["C0123ABCD"]',
    )
    strict: Switch = _option(
        default=False,
        help_="answer in channels only when mentioned, never an un-tagged follow-up",
        must="true or false",
    )

    names: Annotated[Mapping[Label, SlackId], AfterValidator(MappingProxyType)] = _option(
        {},
        "ids of names that stand in audiences",
        must='a table of ids such as "#payments" = "C0123ABCD"',
        validate_default=True,
    )

    @property
    def configured(self) -> bool:
        """True when Slack is to be used instead of the local workspace."""
        return self.bot_token is not None and (self.app_token is not None or self.signing_secret is not None)


class ClaudeSettings(_Group):
    """The model that words the answers. Without a key or a server, passages are quoted instead."""

    api_key: Annotated[SecretStr, _plain("")] | None = _option(
        None, "the key for Anthropic's API", must="a key without spaces", environment="ANTHROPIC_API_KEY"
    )
    base_url: WebUrl | None = _option(
        None,
        "another server that speaks Anthropic's Messages API; it may need no key",
        must=WEB,
        environment="ANTHROPIC_BASE_URL",
        repr=False,
    )
    model: str = _option("claude-sonnet-5-5", "the model that words the answers", must="a model's name", min_length=1)
    model_summary: str | None = _option(
        None,
        "the model that sums up threads; none takes claude-haiku-5-5, or claude.model on a server of your own",
        must="a model's name",
        min_length=1,
    )
    grounding: Literal["auto", "native", "inline"] = _option(
        "auto",
        "how passages are given: native citations, or inline for servers without them; auto goes by the server",
        must='"auto", "native" or "inline"',
    )
    daily_usd: Amount = _option(
        10.0, "USD a day (UTC) for Claude; beyond it passages are quoted", must="a number of at least 0", ge=0
    )
    per_user_hour: WholeNumber = _option(
        30, "questions of one person that Claude answers in an hour", must="a whole number of at least 0", ge=0
    )
    max_tokens: WholeNumber = _option(1200, "the longest answer, in tokens", must="a whole number of at least 1", ge=1)
    timeout_s: Amount = _option(
        60.0, "seconds for one whole answer, retries included", must="a number of seconds above 0", gt=0
    )
    max_retries: WholeNumber = _option(
        2, "tries after the first, when Claude is busy or out of reach", must="a whole number of at least 0", ge=0
    )
    prices: Annotated[Mapping[str, Price], AfterValidator(MappingProxyType)] = _option(
        {}, "prices of models that our table lacks or has wrong", must="a table per model", validate_default=True
    )

    @property
    def configured(self) -> bool:
        """True when answers are worded by a model instead of quoted."""
        return self.api_key is not None or self.base_url is not None

    @property
    def price(self) -> Price | None:
        """The price of the model that words the answers."""
        return self.price_of(self.model)

    def price_of(self, model: str) -> Price | None:
        """Return a model's price, from copilot.toml or else from our table; None when nobody knows it."""
        return self.prices.get(model) or PRICES.get(model)

    def model_of(self, role: Role) -> str:
        """Return the model for a role."""
        if role == "answer":
            return self.model
        return self.model_summary or (SUMMARY if self.base_url is None else self.model)


class HttpSettings(_Group):
    """The one HTTP door: health and metrics."""

    port: WholeNumber = _option(
        8321, "port of /healthz and /metrics; 0 takes a free one", must="a port from 0 to 65535", ge=0, le=65535
    )
    listen: str = _option("127.0.0.1", "address to listen on", must="an address such as 127.0.0.1", pattern=r"^\S+$")
    token: Annotated[SecretStr, _plain("")] | None = _option(
        None,
        "what senders must show as Authorization: Bearer",
        must="a token without spaces",
        environment="COPILOT_HTTP_TOKEN",
    )


class JournalSettings(_Group):
    """What is written down about questions, and for how long."""

    retention_days: WholeNumber = _option(
        90,
        "days that questions, answers and what was sent to Claude are kept; 0 keeps them",
        must="a whole number of at least 0",
        ge=0,
    )


class WorkspaceSettings(_Group):
    """The local workspace, used while Slack is not configured."""

    port: WholeNumber | None = _option(
        None,
        "port of the local workspace; none takes the first free one",
        must="a port from 0 to 65535",
        ge=0,
        le=65535,
    )


class Settings(_Group):
    """Every setting, checked and frozen. Secrets are SecretStr, and URLs that may hold a password are not in `repr`."""

    data: Folder = _option(
        Path("var"), "the folder of the database and the indexes", must="a folder's name", environment="COPILOT_DATA"
    )
    database_url: DatabaseUrl | None = _option(
        None,
        "Postgres instead of SQLite in the data folder",
        must="a URL such as postgresql+asyncpg://user@host/name",
        environment="DATABASE_URL",
        repr=False,
    )
    chroma_url: WebUrl | None = _option(
        None,
        "a Chroma server instead of the embedded one",
        must=WEB,
        environment="CHROMA_URL",
        repr=False,
    )
    owner: str | None = _option(
        None,
        "the Slack user or channel that is told when Claude's budget is used up or its key refused",
        must="a Slack id such as U0123ABCD or C0123ABCD",
        pattern=r"^[UWCG][A-Z0-9]{2,}$",
    )
    documents: DocumentSettings = Field(default_factory=DocumentSettings)
    slack: SlackSettings = Field(default_factory=SlackSettings)
    claude: ClaudeSettings = Field(default_factory=ClaudeSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    journal: JournalSettings = Field(default_factory=JournalSettings)
    workspace: WorkspaceSettings = Field(default_factory=WorkspaceSettings)


@dataclass(frozen=True, slots=True)
class OptionHelp:
    """One option as the reference shows it. `default` is written as TOML, None where there is none."""

    name: str
    environment: str | None
    default: str | None
    help: str


def reference() -> list[OptionHelp]:
    """Return every option of copilot.toml, in the order of the settings."""
    return [
        OptionHelp(".".join(place), _extra(field, "environment"), _as_toml(field.default), field.description or "")
        for place, field in _options(Settings)
    ]


def _options(model: type[BaseModel], above: Place = ()) -> Iterator[tuple[Place, FieldInfo]]:
    for name, field in model.model_fields.items():
        inner = _group(field)
        if inner is None or inner is Price:
            yield (*above, name), field
        else:
            yield from _options(inner, (*above, name))


def _group(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a table, or of the tables in a table of tables; None for a plain option."""
    kinds = (field.annotation, *get_args(field.annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _extra(field: FieldInfo, key: Literal["must", "environment"]) -> str | None:
    extra = field.json_schema_extra
    value = extra.get(key) if isinstance(extra, dict) else None
    return value if isinstance(value, str) else None


def _as_toml(default: object) -> str | None:
    match default:
        case None:
            return None
        case bool():
            return str(default).lower()
        case int() | float():
            return str(default)
        case tuple():
            return "[]"
        case Mapping():
            return "{}"
    return f'"{default}"'


ENVIRONMENT: Mapping[str, str] = {
    "COPILOT_CONFIG": "the settings file; without it ./copilot.toml, when it exists",
    **{option.environment: option.help for option in reference() if option.environment},
}
"""Every variable that is read, with its help. Each wins over the file."""


def load(
    environ: Mapping[str, str],
    *,
    data: Path | None = None,
    http_port: int | None = None,
    port: int | None = None,
) -> Settings:
    """Return the settings: the command line wins over the environment, it over the file, it over the defaults.

    An empty variable counts as unset. Relative folders in the file are relative to the file. Reads one file.
    Raises SettingsError with every mistake, a line each: where, what, and what it must be; never a value.
    """
    given = _Given()
    given.take_file(environ.get("COPILOT_CONFIG", "").strip())
    given.take_environment(environ)
    flags = {
        "--data": (("data",), data),
        "--http-port": (("http", "port"), http_port),
        "--port": (("workspace", "port"), port),
    }
    for flag, (place, value) in flags.items():
        if value is not None:
            given.put(place, value, _Origin(flag))
    return given.settings()


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a value came from: a variable or a flag, or a file with a line."""

    name: str
    line: int | None = None

    def says(self, place: Place, words: str) -> str:
        """Return the mistake as one line."""
        if self.line is None:
            return f"{self.name}: {words}"
        return f"{self.name}:{self.line}: {'.'.join(place)}: {words}"


class _Given:
    """What was given, from everywhere, with its origins; then checked at once."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._origins: dict[Place, _Origin] = {}
        self._mistakes: list[tuple[int, str]] = []

    def put(self, place: Place, value: object, origin: _Origin) -> None:
        """Set one value over whatever was there."""
        table = self._values
        for part in place[:-1]:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                return  # the file has no table there: that is the mistake to report
        table[place[-1]] = value
        self._origins[place] = origin

    def take_environment(self, environ: Mapping[str, str]) -> None:
        """Take the variables that are set and not empty."""
        for place, field in _options(Settings):
            name = _extra(field, "environment")
            value = environ.get(name, "").strip() if name else ""
            if name and value:
                self.put(place, value, _Origin(name))

    def take_file(self, named: str) -> None:
        """Take the file's values; a file that was not asked for may be missing."""
        path = Path(named) if named else DEFAULT_FILE
        if not named and not path.exists():
            return
        text = ""
        try:
            text = path.read_text(encoding="utf-8-sig")
            self._values = tomllib.loads(text)
        except OSError:
            self._mistake(0, f"{named and 'COPILOT_CONFIG: '}{path}: there is no file of this name that I may read")
        except UnicodeDecodeError:
            self._mistake(0, f"{path}: is not UTF-8 text")
        except tomllib.TOMLDecodeError as error:
            self._mistake(
                0, f"{path}:{_line_of(error, text)}: is not TOML: every setting is name = value, texts in quotes"
            )
        else:
            self._origins = {place: _Origin(str(path), line) for place, line in _lines(text)}
            _rebase(self._values, path.parent)

    def settings(self) -> Settings:
        """Return the settings, or raise SettingsError with every mistake in the order of the file."""
        settings = None
        self._check_pair()
        try:
            settings = Settings.model_validate(self._values)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_input=False):
                self._explain(detail)
        if settings is None or self._mistakes:
            in_order = sorted(self._mistakes, key=itemgetter(0))
            raise SettingsError("\n".join(dict.fromkeys(words for _, words in in_order)))
        return settings

    def _explain(self, detail: ErrorDetails) -> None:
        place = tuple(part for part in detail["loc"] if isinstance(part, str))
        if detail["type"] == "extra_forbidden":
            self._wrong(place, f"there is no such setting{_near(place)}")
        else:
            self._wrong(place, _must(place, missing=detail["type"] == "missing"))

    def _check_pair(self) -> None:
        """Slack's bot token and a way to hear of events serve only together."""
        bot, ways = ("slack", "bot_token"), (("slack", "app_token"), ("slack", "signing_secret"))
        heard = next((way for way in ways if way in self._origins), None)
        if bot in self._origins and heard is None:
            missing = "SLACK_APP_TOKEN (xapp-...), or SLACK_SIGNING_SECRET for HTTP,"
            self._wrong(bot, f"needs {missing} beside it: set both, or neither for the local workspace")
        elif bot not in self._origins and heard is not None:
            missing = "SLACK_BOT_TOKEN (xoxb-...)"
            self._wrong(heard, f"needs {missing} beside it: set both, or neither for the local workspace")

    def _wrong(self, place: Place, words: str) -> None:
        origin = self._origin(place)
        self._mistake(origin.line or sys.maxsize, origin.says(place, words))

    def _origin(self, place: Place) -> _Origin:
        """Return the origin of the nearest thing that was written: the option, or a table above it."""
        above = (place[:length] for length in range(len(place), 0, -1))
        return next((self._origins[part] for part in above if part in self._origins), _Origin(".".join(place)))

    def _mistake(self, line: int, words: str) -> None:
        self._mistakes.append((line, words))


def _must(place: Place, *, missing: bool) -> str:
    field = _field(place)
    if field is not None and (must := _extra(field, "must")):
        return f"{'is missing; it ' if missing else ''}must be {must}"
    return f"must be a table that begins with [{'.'.join(place)}]"


def _field(place: Place) -> FieldInfo | None:
    model: type[BaseModel] | None = Settings
    field = None
    for part in place:
        if model is None:
            break  # inside a list: the option above is what must be mended
        if part in model.model_fields:
            field = model.model_fields[part]
            model = _group(field)
        else:
            field = None  # the name of a model in claude.prices: a table of its own
    return field


def _near(place: Place) -> str:
    """Return "; did you mean X?" for the nearest option, or nothing."""
    names = {name: name for name in (*Settings.model_fields, *(option.name for option in reference()))}
    names |= {name.rpartition(".")[2]: name for name in names}
    close = get_close_matches(".".join(place), names, n=1, cutoff=0.75) or get_close_matches(place[-1], names, n=1)
    return f"; did you mean {names[close[0]]}?" if close else ""


def _line_of(error: tomllib.TOMLDecodeError, text: str) -> int:
    """Return the line that the parser names; it speaks of the end of the document by its last line."""
    found = re.search(r"at line (\d+)", str(error))
    return int(found[1]) if found else max(1, len(text.splitlines()))


def _lines(text: str) -> Iterator[tuple[Place, int]]:
    """Return the line of every table and option of a valid TOML text, lines counted from 1.

    The parser keeps no positions; so each statement is parsed by itself, as soon as it is whole.
    """
    table: Place = ()
    statement, begin = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        statement, begin = (f"{statement}\n{line}", begin) if statement else (line, number)
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue  # a list or text over several lines
        places = list(_places(parsed))
        if statement.lstrip().startswith("["):
            table = places[-1]
            yield table, begin
        else:
            yield from (((*table, *place), begin) for place in places)
        statement = ""


def _places(values: Mapping[str, Any]) -> Iterator[Place]:
    """Return the place of every key in nested tables, outer ones first."""
    for key, value in values.items():
        yield (key,)
        if isinstance(value, dict):
            yield from ((key, *inner) for inner in _places(value))


def _rebase(values: dict[str, Any], folder: Path) -> None:
    """Make the folders in a file relative to that file, in place; what is not text is left for the check."""

    def moved(value: object) -> object:
        return str(folder / value) if isinstance(value, str) and not value.startswith("~") else value

    if "data" in values:
        values["data"] = moved(values["data"])
    documents = values.get("documents")
    if isinstance(documents, dict) and isinstance(documents.get("folders"), list):
        documents["folders"] = [moved(value) for value in documents["folders"]]
