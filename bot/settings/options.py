"""All options of copilot.toml: their types, defaults, limits and help. Reads nothing."""

import re
from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from bot.types import Severity
from ingest.types import EVERYONE

WEB = "a URL that starts with http:// or https:// and holds no password"
"""Addresses are shown in `doctor` and in the log; keys have settings of their own."""


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


def _spelt(value: object) -> object:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


WebUrl = Annotated[str, _at(r"https?://[^\s/@]+(/\S*)?\Z")]
DatabaseUrl = Annotated[str, AfterValidator(_in_asyncio), _at(r"(postgresql\+asyncpg|sqlite\+aiosqlite)://")]
WholeNumber = Annotated[int, Field(strict=True)]
"""Strict: TOML's `true` and "12" are mistakes, not numbers."""
Switch = Annotated[bool, Field(strict=True)]
Spelt = Annotated[bool, BeforeValidator(_spelt), Field(strict=True)]
"""A switch that the environment can set, where all is text."""
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

    admins: tuple[Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{2,}$")], ...] = _option(
        (),
        "ids of people who may change a channel's settings and switch detectors; none means every full member",
        must='a list of people\'s ids such as ["U0123ABCD"]',
    )
    alert_bots: tuple[Annotated[str, Field(pattern=r"^B[A-Z0-9]{2,}$")], ...] = _option(
        (),
        "ids of bots whose alerts are answered in their thread with the runbook that fits",
        must='a list of bots\' ids such as ["B0123ABCD"]',
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
    """The one HTTP door: health, metrics, pushed logs."""

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
    github_secret: Annotated[SecretStr, _plain("")] | None = _option(
        None, "the secret of GitHub's webhook for /events/github", must="a secret without spaces"
    )
    pagerduty_secret: Annotated[SecretStr, _plain("")] | None = _option(
        None, "the secret of PagerDuty's webhook for /alerts/pagerduty", must="a secret without spaces"
    )


class CloudWatchSettings(_Group):
    """A log group of Amazon CloudWatch Logs. Credentials are those of the AWS command line (AWS_PROFILE, a role)."""

    group: Label = _option(..., "the log group's name", must="a log group's name")
    region: Label | None = _option(None, "its region; none takes AWS_REGION", must="a region such as eu-west-1")


class LokiSettings(_Group):
    """A query to Grafana Loki."""

    url: WebUrl = _option(..., "Loki's address, without /loki/api", must=WEB)
    query: str = _option(
        ..., "the LogQL query that selects the lines", must="""a query such as '{app="shop"}'""", pattern=r"^\s*\{"
    )
    tenant: Label | None = _option(None, "sent as X-Scope-OrgID", must="a tenant's name")
    token: Annotated[SecretStr, _plain("")] | None = _option(
        None, "sent as Authorization: Bearer", must="a token without spaces"
    )
    user: Label | None = _option(None, "the user of basic authentication", must="a user's name")
    password: Annotated[SecretStr, _plain("")] | None = _option(
        None, "the password of that user", must="a password without spaces"
    )


SPANS: Mapping[str, int] = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
"""Seconds of the units in spans of time."""

Span = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4}[smhd]$")]
"""A span of time such as 90s, 15m, 24h, 7d; `seconds_of` says how long it is."""

TimeOrOff = Annotated[str, Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|off)$")]
Hours = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$")]
ChannelId = Annotated[str, Field(pattern=r"^[CGD][A-Z0-9]{2,}$")]
PersonId = Annotated[str, Field(pattern=r"^[UWS][A-Z0-9]{2,}$")]
"""A person or a user group."""


def seconds_of(span: str) -> int:
    """Return the seconds of a span of time such as 15m."""
    return int(span[:-1]) * SPANS[span[-1]]


def _zone(name: str) -> str:
    kind = "zone"
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise PydanticCustomError(kind, kind) from error
    return name


Zone = Annotated[str, AfterValidator(_zone)]

SCHEDULE = r"^([1-9][0-9]{0,4}[smhd]|(\S+\s+){4}\S+)$"
"""A span, or the five fields of cron."""


class LogSettings(_Group):
    """One stream of log lines: exactly one of `files`, `cloudwatch`, `loki` and `pushed`."""

    files: Annotated[tuple[Folder, ...], Field(min_length=1)] | None = _option(
        None, "files or patterns; rotated ones are found", must='a list of files such as ["/var/log/shop.log"]'
    )
    cloudwatch: CloudWatchSettings | None = _option(
        None, "a log group of Amazon CloudWatch Logs", must='a table such as { group = "shop", region = "eu-west-1" }'
    )
    loki: LokiSettings | None = _option(None, "a query to Grafana Loki", must="a table with url and query")
    pushed: Switch = _option(default=False, help_="posted to the HTTP door at /logs/NAME", must="true or false")
    timezone: Zone = _option("UTC", "the zone of times that name none", must="a zone such as Europe/Berlin")
    every: str | None = _option(
        None,
        "how often it is scanned: a span such as 1m, or a cron line; none takes watch.every",
        must='a span such as "1m", or a cron line such as "*/5 * * * *"',
        pattern=SCHEDULE,
    )
    shadow: Switch = _option(
        default=False, help_="show its stories in the home tab only, and post none", must="true or false"
    )
    audience: Annotated[tuple[Label, ...], Field(min_length=1)] = _option(
        EVERYONE, "who may read its stories; labels as in documents.audience", must='a list such as ["C0123ABCD"]'
    )

    @property
    def zone(self) -> tzinfo:
        """The zone of times that name none."""
        return ZoneInfo(self.timezone)


LOG_KINDS: tuple[str, ...] = ("files", "cloudwatch", "loki", "pushed")
"""Where a stream's lines can come from."""


class ServiceSettings(_Group):
    """A service: which names in logs and alerts are its, where its stories go, and whom they concern."""

    patterns: tuple[Label, ...] = _option(
        (),
        "names of streams, services and hosts that are this service's; * stands for anything; none takes its own name",
        must='a list such as ["checkout", "checkout-*"]',
    )
    channel: ChannelId | None = _option(
        None, "where its stories go; none takes watch.channel", must="a channel's id such as C0123ABCD"
    )
    owner: PersonId | None = _option(
        None, "who owns it; stands on its cards", must="the id of a person or a user group"
    )
    notify: PersonId | None = _option(
        None, "mentioned once on a new story of high severity", must="the id of a person or a user group"
    )
    escalate_after: Span = _option(
        "15m", "mentioned again if nobody acknowledges within", must="a span of time such as 15m"
    )


class MaintenanceSettings(_Group):
    """A window of planned work: stories of its services are held until it is over."""

    services: tuple[Label, ...] = _option((), "names of services; none means all", must='a list such as ["checkout"]')
    start: datetime = _option(..., "when it begins", must="a time with its zone such as 2026-11-20T22:00:00+01:00")
    end: datetime = _option(..., "when it ends", must="a time after start such as 2026-11-20T23:30:00+01:00")
    words: str = _option("planned work", "what is done", must="a few words")

    @field_validator("end")
    @classmethod
    def _is_after(cls, end: datetime, known: ValidationInfo) -> datetime:
        start, kind = known.data.get("start"), "window"
        if start is not None and (start.tzinfo is None) == (end.tzinfo is None) and end <= start:
            raise PydanticCustomError(kind, kind)
        return end


class WatchSettings(_Group):
    """What is said unasked: where, how often, how much."""

    channel: ChannelId | None = _option(
        None,
        "where stories go whose service names no channel; none shows them in the home tab and /copilot incidents alone",
        must="a channel's id such as C0123ABCD",
    )
    every: str = _option(
        "1m",
        "how often logs are scanned: a span such as 1m, or a cron line",
        must='a span such as "1m", or a cron line such as "*/5 * * * *"',
        pattern=SCHEDULE,
    )
    least: Severity = _option(
        "medium", "the least severity that is posted; less is told in the digest", must='"low", "medium" or "high"'
    )
    per_hour: WholeNumber = _option(
        6,
        "new messages an hour and channel; what is more shares one message",
        must="a whole number of at least 1",
        ge=1,
    )
    quiet: Hours | None = _option(
        None,
        "hours in which only high severity is posted; what still goes on afterwards follows then",
        must="hours such as 22:00-07:00",
    )
    timezone: Zone = _option("UTC", "the zone of quiet hours and of the digest", must="a zone such as Europe/Berlin")
    digest: TimeOrOff = _option(
        "09:00", "when the daily digest comes, in that zone", must='a time such as 09:00, or "off"'
    )
    catalog: tuple[Folder, ...] = _option(
        (), "Backstage files whose components are services too", must='a list such as ["catalog-info.yaml"]'
    )
    maintenance: tuple[MaintenanceSettings, ...] = _option(
        (), "windows of planned work", must="tables [[watch.maintenance]] with start and end"
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
    shop: Spelt = _option(
        default=True,
        help_="open a small shop there that logs and breaks, while no log source is configured",
        must="true or false",
        environment="COPILOT_SHOP",
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
        "the Slack user or channel that is told what only they can mend: Claude's budget or key, refused messages",
        must="a Slack id such as U0123ABCD or C0123ABCD",
        pattern=r"^[UWCG][A-Z0-9]{2,}$",
    )
    documents: DocumentSettings = Field(default_factory=DocumentSettings)
    slack: SlackSettings = Field(default_factory=SlackSettings)
    claude: ClaudeSettings = Field(default_factory=ClaudeSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    logs: Annotated[Mapping[str, LogSettings], AfterValidator(MappingProxyType)] = _option(
        {}, "log sources by the name of their stream", must="a table per stream", validate_default=True
    )
    watch: WatchSettings = Field(default_factory=WatchSettings)
    services: Annotated[Mapping[str, ServiceSettings], AfterValidator(MappingProxyType)] = _option(
        {}, "services by name", must="a table per service", validate_default=True
    )
    journal: JournalSettings = Field(default_factory=JournalSettings)
    workspace: WorkspaceSettings = Field(default_factory=WorkspaceSettings)
